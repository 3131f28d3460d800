"""The loop between epochs: learning rate, history, validation, patience, the best weights."""

import math
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skreg._callbacks import SILENCE
from skreg._history import nonzeros
from skreg._kernels.shuffle import NO_DRAWS
from skreg._penalties import TERMS
from skreg._schedules import PLANNED, SMALLEST_ADAPTIVE_RATE, Schedule, learning_rate
from skreg._warnings import warn

LONGEST = 0.02  # seconds of epochs in a row


class RunPlan(NamedTuple):
    """What a run of the stochastic loop is told."""

    schedule: Schedule
    max_iter: int
    verbose: bool
    early_stopping: bool
    incremental: bool
    first: int = 0  # epochs that the run has behind it


class Progress:
    """What a run leaves behind for the next call of `partial_fit`.

    Parameters
    ----------
    patience : Patience
    """

    def __init__(self, patience):
        self.patience = patience
        self.divisions = 0  # of the adaptive learning rate
        self.n_calls = 0  # of `partial_fit` in a row, which are one run to a planned schedule
        self.best = None  # flat parameters of the best validation score
        self.stopped = False  # whether the run has ended before its last epoch
        self.interrupted = False  # whether the user has ended it
        self.overflowed = False  # whether its latest objective is no number

    def as_dict(self):
        """Return the progress as numbers and arrays."""
        return {
            "score": self.patience.best,
            "count": self.patience.count,
            "divisions": self.divisions,
            "calls": self.n_calls,
            "best": self.best,
        }

    def restore(self, state):
        """Take what `as_dict` has returned."""
        self.patience.best, self.patience.count = state["score"], state["count"]
        self.divisions, self.n_calls = state["divisions"], state["calls"]
        self.best = state["best"]


class Pace:
    """How many epochs pass before the interpreter looks up: as many as `LONGEST` lets pass.

    It changes no result, only how soon an interrupt is heard.

    Parameters
    ----------
    most : int
        At most so many.
    """

    def __init__(self, most):
        self._most, self._n, self._seconds = most, 1, np.inf  # of one epoch

    def n_epochs(self, left):
        """Return how many epochs to run next, of those that are left."""
        self._n = max(min(left, self._most, int(LONGEST / self._seconds)), 1)
        return self._n

    def __enter__(self):
        self._start = perf_counter()

    def __exit__(self, *exception):
        self._seconds = max((perf_counter() - self._start) / self._n, 1e-9)


def train(engine, plan, progress, history, shuffler=None, validation=None, watch=SILENCE):
    """Run epochs until the patience or ``max_iter`` is exhausted.

    Parameters
    ----------
    engine : Engine
        Loaded with the weights and moments to start from.
    plan : RunPlan
    progress : Progress
        Changed in place.
    history : History
        Extended by one row per epoch.
    shuffler : Shuffler, optional
        None keeps the rows in their order.
    validation : callable, optional
        Called after each epoch; returns validation loss and score.
    watch : Watch
        Told of each epoch; may ask to stop.

    Returns
    -------
    n_epochs : int
        Of the whole run, ``plan.first`` included.
    diverged : bool
    """
    n_epochs, diverged, records = plan.first, False, []
    n_before = n_booked = len(history)  # rows at the beginning, and when records were last taken
    seen_before = engine.n_seen
    draws = NO_DRAWS if shuffler is None else shuffler.draws(engine.order.size)
    shuffles = shuffler is not None and draws == NO_DRAWS  # or epochs do it themselves
    looks = shuffles or validation is not None or plan.verbose or watch.listens
    pace = Pace(1 if looks else plan.max_iter)
    _warn_beyond_the_plan(plan, progress)
    try:
        while n_epochs < plan.max_iter:
            if shuffles:
                shuffler.shuffle(engine.order)  # what the last epoch left
            watch.begin("epoch")
            n = pace.n_epochs(min(plan.max_iter - n_epochs, _epochs_until_stop(plan, progress)))
            epoch = progress.n_calls if plan.incremental else n_epochs
            with pace:
                engine.train_epochs(_rates(engine, plan, progress, epoch, n), draws)
            records, n_booked = engine.take_records(), len(history)
            for record in records:
                row = _row(record)
                diverged = not (math.isfinite(row["loss"]) or engine.is_finite())
                if not diverged:
                    _judge(engine, plan, progress, row, n_epochs + 1, validation)
                _book(row, engine, history)
                n_epochs += 1
            asked = watch.end()
            exhausted = progress.patience.exhausted and not _is_planned(plan)
            if diverged or asked or (exhausted and _stops(plan, progress, engine.n_seen)):
                progress.stopped = True
                break
            _warn_at_the_end(plan, n_epochs)
    except KeyboardInterrupt:
        left = engine.take_records() or records[len(history) - n_booked :]
        _book_unjudged(left, engine, progress, history)
        n_epochs = plan.first + len(history) - n_before
        engine.n_seen = seen_before + (len(history) - n_before) * engine.order.size
        progress.stopped = progress.interrupted = True
        warn("Training interrupted by user.")
    if not diverged:
        progress.overflowed = _warn_of_overflow(records)
    progress.n_calls += plan.incremental
    return n_epochs, diverged


def _is_planned(plan):
    """Return whether all epochs are needed, whatever the training loss.

    A schedule that anneals, cut short, would leave the weights at a high rate. Only a validation
    score ends it early.
    """
    return plan.schedule.name in PLANNED and not plan.early_stopping


def _epochs_until_stop(plan, progress):
    """Return how many epochs pass at least before the patience can be exhausted."""
    return plan.max_iter if _is_planned(plan) else progress.patience.least_left


def _rates(engine, plan, progress, first, n):
    """Return the learning rates of ``n`` epochs from epoch ``first`` on."""
    n_rows = engine.order.size
    return [
        learning_rate(plan.schedule, first + i, engine.n_seen + i * n_rows, progress.divisions)
        for i in range(n)
    ]


def _row(record):
    """Return the row of the history for an epoch that is over."""
    rate, loss, terms, counts = record
    penalty = sum(terms)
    row = dict(zip(TERMS, terms, strict=True))
    row |= {"loss": loss, "penalty": penalty, "learning_rate": rate}
    return row | nonzeros(counts)


def _book(row, engine, history):
    """Write down an epoch and count its samples."""
    history.append(**row)
    engine.n_seen += engine.order.size


def _book_unjudged(records, engine, progress, history):
    """Write down epochs that were over at an interrupt; their training loss counts."""
    for record in records:
        row = _row(record)
        if not progress.patience.watches_score:
            progress.patience.observe(row["loss"] + row["penalty"])
        _book(row, engine, history)


def observe(row, number, patience, validate, verbose):
    """Complete the row of an epoch, or of an iteration; return whether it is the best so far.

    Parameters
    ----------
    row : dict
        Of the history; the validation is added to it.
    number : int
        The epoch's, from 1 on, in its run.
    patience : Patience
        Told of the validation score or of the training loss, whichever it watches.
    validate : callable or None
        Returns validation loss and score.
    verbose : bool
    """
    watched = row["loss"] + row["penalty"]
    if verbose:
        print(f"Iteration {number}, loss = {watched:.8f}")
    # The training loss counts even if the user interrupts the validation.
    is_best = not patience.watches_score and patience.observe(watched)
    if validate is not None:
        row["validation_loss"], row["validation_score"] = validate()
        if verbose:
            print(f"Validation score: {row['validation_score']:f}")
    return patience.observe(row["validation_score"]) if patience.watches_score else is_best


def _judge(engine, plan, progress, row, number, validation):
    """Observe an epoch, and keep its weights where early stopping may come back to them."""
    is_best = observe(row, number, progress.patience, validation, plan.verbose)
    if is_best and plan.early_stopping:
        with engine.averaged():
            progress.best = engine.parameters()


def _stops(plan, progress, n_seen):
    """Decide what an exhausted patience means: the end, or a smaller learning rate."""
    message = progress.patience.message()
    if plan.schedule.name != "adaptive":
        ending = "Stopping."
    else:
        rate = learning_rate(plan.schedule, 0, n_seen, progress.divisions)
        if rate > SMALLEST_ADAPTIVE_RATE:
            progress.divisions += 1
            progress.patience.count = 0
            smaller = learning_rate(plan.schedule, 0, n_seen, progress.divisions)
            if plan.verbose:
                print(f"{message} Setting learning rate to {smaller:f}")
            return False
        ending = "Learning rate too small. Stopping."
    if plan.verbose:
        print(f"{message} {ending}")
    return True


def _warn_beyond_the_plan(plan, progress):
    schedule = plan.schedule
    if plan.incremental and schedule.name in PLANNED and progress.n_calls >= schedule.n_epochs:
        rate = learning_rate(schedule, progress.n_calls, 0, 0)
        warn(
            f"learning_rate={schedule.name!r} is planned for max_iter={schedule.n_epochs} calls of "
            f"partial_fit, which are over: at its last rate, {rate:g}, little or nothing is "
            "learned. Raise max_iter, or choose another learning_rate for an endless series."
        )


def _warn_of_overflow(records):
    """Warn where the latest loss, or its penalty, is no number, though the weights still are.

    Return whether it is so.
    """
    row = _row(records[-1]) if records else {}
    spoiled = [name for name in ("loss", "penalty") if not math.isfinite(row.get(name, 0.0))]
    if spoiled:
        what = "training loss" if spoiled[0] == "loss" else "penalty on the weights"
        warn(
            f"The {what} is {row[spoiled[0]]}: numbers are too large to learn from. Scale the "
            "features (StandardScaler) and the targets (TransformedTargetRegressor), or lower "
            "learning_rate_init; strengths of regularization that are very large have this effect "
            "as well.",
            ConvergenceWarning,
        )
    return bool(spoiled)


def _warn_at_the_end(plan, n_epochs):
    last = plan.schedule.n_epochs
    if n_epochs < last or plan.incremental or plan.schedule.name in PLANNED:
        return
    warn(
        f"Stochastic Optimizer: Maximum iterations ({last}) reached and the "
        "optimization hasn't converged yet.",
        ConvergenceWarning,
    )
