"""The loop between epochs: learning rate, history, validation, patience, the best weights."""

import math
from time import perf_counter
from typing import NamedTuple

from sklearn.exceptions import ConvergenceWarning

from skreg._history import nonzeros
from skreg._kernels.shuffle import NO_DRAWS
from skreg._penalties import TERMS
from skreg._schedules import PLANNED, SMALLEST_ADAPTIVE_RATE, Schedule, learning_rate
from skreg._warnings import warn

LONGEST = 0.02  # seconds of epochs in a row
# Before an epoch has been timed: floating-point operations per second, and epochs at most, since
# small batches take longer than their operations do.
GUESSED_SPEED, MOST_UNTIMED = 2e10, 8


class RunPlan(NamedTuple):
    """What a run of the stochastic loop is told."""

    schedule: Schedule
    first: int  # epochs that the run has behind it
    last: int  # the epoch to end after
    verbose: bool
    early_stopping: bool
    incremental: bool


class Progress:
    """What a run leaves behind for the next call of `partial_fit`.

    Parameters
    ----------
    patience : Patience
    watched : object
        What the patience is told of: what one call has seen is no measure for anything else.
    """

    def __init__(self, patience, watched):
        self.patience, self.watched = patience, watched
        self.divisions = 0  # of the adaptive learning rate
        self.n_calls = 0  # of `partial_fit` in a row, which are one run to a planned schedule
        self.best = None  # flat parameters of the best validation score
        self.stopped = False  # whether the run has ended before its last epoch
        self.interrupted = False  # whether the user has ended it
        self.overflowed = False  # whether its latest objective is no number

    def as_dict(self):
        """Return the progress as numbers and arrays."""
        return {
            "watched": self.watched,
            "score": self.patience.best,
            "count": self.patience.count,
            "divisions": self.divisions,
            "calls": self.n_calls,
            "best": self.best,
        }

    def restore(self, state):
        """Take what `as_dict` has returned."""
        self.divisions, self.n_calls = state["divisions"], state["calls"]
        if state["watched"] == self.watched:
            self.patience.best, self.patience.count = state["score"], state["count"]
            self.best = state["best"]


class Pace:
    """How many epochs pass before the interpreter looks up: as many as `LONGEST` lets pass.

    It changes no result, only how soon an interrupt is heard.

    Parameters
    ----------
    most : int
        At most so many.
    flops : float
        Floating-point operations of an epoch, roughly.
    """

    def __init__(self, most, flops):
        self._most, self._n = most, 1
        self._seconds = max(flops / GUESSED_SPEED, LONGEST / MOST_UNTIMED)  # of one epoch

    def n_epochs(self, left):
        """Return how many epochs to run next, of those that are left."""
        self._n = max(min(left, self._most, int(LONGEST / self._seconds)), 1)
        return self._n

    def __enter__(self):
        self._start = perf_counter()

    def __exit__(self, *exception):
        self._seconds = max((perf_counter() - self._start) / self._n, 1e-9)


class Logbook:
    """The epochs of a run as they are written down.

    How many there are follows from the rows of the history alone: an interrupt between two lines
    leaves no count behind.

    Parameters
    ----------
    engine : Engine
    history : History
        Extended by one row per epoch.
    first : int
        Epochs that the run has behind it.

    Attributes
    ----------
    latest : dict
        The last row that was written; empty before the first.
    """

    def __init__(self, engine, history, first):
        self._engine, self._history, self._first = engine, history, first
        self._n_before, self._seen_before = len(history), engine.n_seen
        self._records, self._n_new_then = [], 0  # taken last, and new rows by then
        self.latest = {}

    @property
    def _n_new(self):
        return len(self._history) - self._n_before

    @property
    def n_epochs(self):
        """How many epochs the run has behind it."""
        return self._first + self._n_new

    def take(self):
        """Return rows, to be written, of the epochs that the engine has just completed."""
        self._records, self._n_new_then = self._engine.take_records(), self._n_new
        return [_row(record) for record in self._records]

    def write(self, row):
        """Write down an epoch and count its samples."""
        self.latest = row
        self._history.append(**row)
        self._count_samples()

    def write_left(self, patience):
        """Write down epochs that were over at an interrupt; their training loss counts."""
        n_written = self._n_new - self._n_new_then
        for record in self._engine.take_records() or self._records[n_written:]:
            row = _row(record)
            if not patience.watches_score:
                patience.observe(row["loss"] + row["penalty"])
            self.write(row)
        self._count_samples()  # of a row that was written just before the interrupt

    def _count_samples(self):
        self._engine.n_seen = self._seen_before + self._n_new * self._engine.order.size


def _row(record):
    """Return the row of the history for an epoch that is over."""
    rate, loss, terms, counts = record
    row = {"loss": loss, "penalty": sum(terms), "learning_rate": rate}
    return {**row, **dict(zip(TERMS, terms, strict=True)), **nonzeros(counts)}


def train(engine, plan, progress, history, shuffler, validation, watch):
    """Run epochs until the patience is exhausted, or ``plan.last`` reached.

    Parameters
    ----------
    engine : Engine
        Loaded with the weights and moments to start from.
    plan : RunPlan
    progress : Progress
        Changed in place.
    history : History
        Extended by one row per epoch.
    shuffler : Shuffler or None
        None keeps the rows in their order.
    validation : callable or None
        Called after each epoch; returns validation loss and score.
    watch : Watch
        Told of each epoch; may ask to stop.

    Returns
    -------
    n_epochs : int
        Of the whole run, ``plan.first`` included.
    diverged : bool
    """
    logbook, diverged = Logbook(engine, history, plan.first), False
    draws = NO_DRAWS if shuffler is None else shuffler.draws(engine.order.size)
    shuffles = shuffler is not None and draws == NO_DRAWS  # or epochs do it themselves
    looks = shuffles or validation is not None or plan.verbose or watch.listens
    pace = Pace(1 if looks else plan.last, engine.flops_of_epoch)
    _warn_beyond_the_plan(plan, progress)
    try:
        while logbook.n_epochs < plan.last:
            if shuffles:
                shuffler.shuffle(engine.order)  # what the last epoch left
            watch.begin("epoch")
            left = plan.last - logbook.n_epochs
            n = pace.n_epochs(min(left, _epochs_until_stop(plan, progress)))
            epoch = progress.n_calls if plan.incremental else logbook.n_epochs
            with pace:
                engine.train_epochs(_rates(engine, plan, progress, epoch, n), draws)
            for row in logbook.take():
                diverged = not (math.isfinite(row["loss"]) or engine.is_finite())
                try:
                    if not diverged:
                        _judge(engine, plan, progress, row, logbook.n_epochs + 1, validation)
                finally:  # an interrupted score is unknown, but the epoch is over and observed
                    logbook.write(row)
            asked = watch.end()
            exhausted = progress.patience.exhausted and not _is_planned(plan)
            if diverged or asked or (exhausted and _stops(plan, progress, engine.n_seen)):
                progress.stopped = True
                break
            _warn_at_the_end(plan, logbook.n_epochs)
    except KeyboardInterrupt:
        logbook.write_left(progress.patience)
        progress.stopped = progress.interrupted = True
        warn("Training interrupted by user.")
    if not diverged:
        progress.overflowed = _warn_of_overflow(logbook.latest)
    progress.n_calls += plan.incremental
    return logbook.n_epochs, diverged


def _is_planned(plan):
    """Return whether all epochs are needed, whatever the training loss.

    A schedule that anneals, cut short, would leave the weights at a high rate. Only a validation
    score ends it early.
    """
    return plan.schedule.name in PLANNED and not plan.early_stopping


def _epochs_until_stop(plan, progress):
    """Return how many epochs pass at least before the patience can be exhausted."""
    return plan.last if _is_planned(plan) else progress.patience.least_left


def _rates(engine, plan, progress, first, n):
    """Return the learning rates of ``n`` epochs from epoch ``first`` on."""
    n_rows = engine.order.size
    return [
        learning_rate(plan.schedule, first + i, engine.n_seen + i * n_rows, progress.divisions)
        for i in range(n)
    ]


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


def _warn_of_overflow(row):
    """Warn where the loss of the latest row, or its penalty, is no number, but the weights are.

    Return whether it is so.
    """
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
