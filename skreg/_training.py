"""The loop between epochs: learning rate, history, validation, patience, the best weights."""

import math
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skreg._callbacks import SILENCE
from skreg._kernels.penalties import count_nonzero
from skreg._penalties import TERMS
from skreg._schedules import PLANNED, SMALLEST_ADAPTIVE_RATE, Schedule, learning_rate
from skreg._stopping import Patience

HISTORY_KEYS = (
    "loss",
    "penalty",
    *TERMS,
    "validation_loss",
    "validation_score",
    "learning_rate",
    "n_nonzero",
)


def history_keys(n_layers):
    """Return the keys of a network's history: `HISTORY_KEYS` and "n_nonzero_0", layer by layer."""
    return HISTORY_KEYS + tuple(f"n_nonzero_{k}" for k in range(n_layers))


class Plan(NamedTuple):
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
        self.best = None  # flat parameters of the best validation score
        self.stopped = False  # whether the run has ended before its last epoch
        self.interrupted = False  # whether the user has ended it

    def as_dict(self):
        """Return the progress as numbers and arrays."""
        return {
            "score": self.patience.best,
            "count": self.patience.count,
            "divisions": self.divisions,
            "best": self.best,
        }

    def restore(self, state):
        """Take what `as_dict` has returned."""
        self.patience.best, self.patience.count = state["score"], state["count"]
        self.divisions, self.best = state["divisions"], state["best"]


class History:
    """One row per epoch since the weights were initialized.

    Parameters
    ----------
    n_layers : int
        Weight matrices of the network.
    earlier : dict of arrays, optional
        The history to go on with.
    """

    def __init__(self, n_layers, earlier=None):
        self._earlier = earlier or {}
        self._rows, self._keys = [], history_keys(n_layers)

    def append(self, **row):
        """Add a row; what is not known of an epoch is NaN."""
        self._rows.append(row)

    def __len__(self):
        return len(self._earlier.get("loss", ())) + len(self._rows)

    def as_arrays(self):
        """Return the columns as arrays of equal length."""
        # Rows are converted once, however often a callback asks.
        self._earlier, self._rows = {key: self._column(key) for key in self._keys}, []
        return dict(self._earlier)

    def _column(self, key):
        # Only what is new is converted: `partial_fit` comes here once per block of rows.
        dtype = np.int64 if "nonzero" in key else np.float64
        earlier = np.asarray(self._earlier.get(key, ()), dtype=dtype)
        return np.append(earlier, np.array([row.get(key, np.nan) for row in self._rows], dtype))


def new_patience(early_stopping, tol, n_iter_no_change):
    """Return the patience of a run that has not begun."""
    return Patience(early_stopping, tol, n_iter_no_change)


def nonzeros(engine):
    """Return the entries of a row of the history that count weights, biases aside."""
    counts = count_nonzero(engine.weights, engine.weight_bounds)
    return {"n_nonzero": sum(counts)} | {f"n_nonzero_{k}": n for k, n in enumerate(counts)}


def train(engine, plan, progress, history, shuffler=None, validation=None, watch=SILENCE):
    """Run epochs until the patience or ``max_iter`` is exhausted.

    Parameters
    ----------
    engine : Engine
        Loaded with the weights and moments to start from.
    plan : Plan
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
    n_epochs, diverged = plan.first, False
    # A schedule that anneals needs all its epochs: cut short, it would leave the weights at a
    # high rate. Only a validation score ends it early.
    planned = plan.schedule.name in PLANNED and not plan.early_stopping
    try:
        while n_epochs < plan.max_iter:
            if shuffler is not None:
                shuffler.shuffle(engine.order)  # what the last epoch left
            watch.begin("epoch")
            diverged = not _epoch(engine, plan, progress, history, (n_epochs, validation))
            n_epochs += 1
            asked = watch.end()
            exhausted = progress.patience.exhausted and not planned
            if diverged or asked or (exhausted and _stops(plan, progress, engine.n_seen)):
                progress.stopped = True
                break
            _warn_at_the_end(plan, n_epochs)
    except KeyboardInterrupt:
        progress.stopped = progress.interrupted = True
        warnings.warn("Training interrupted by user.", stacklevel=8)
    return n_epochs, diverged


def _epoch(engine, plan, progress, history, now):
    """Run one epoch and book it; return False where the weights have diverged."""
    n_epochs, validation = now
    epoch = len(history) if plan.incremental else n_epochs
    rate = learning_rate(plan.schedule, epoch, engine.n_seen, progress.divisions)
    loss, terms = engine.train_epoch(rate)
    penalty = sum(terms)
    engine.n_seen += engine.order.size
    row = dict(zip(TERMS, terms, strict=True))
    row |= {"loss": loss, "penalty": penalty, "learning_rate": rate}
    row |= nonzeros(engine)
    if not math.isfinite(loss) and not engine.is_finite():
        history.append(**row)
        return False
    if plan.verbose:
        print(f"Iteration {n_epochs + 1}, loss = {loss + penalty:.8f}")
    watched = loss + penalty
    if validation is not None:
        row["validation_loss"], row["validation_score"] = validation()
        if plan.verbose:
            print(f"Validation score: {row['validation_score']:f}")
    if plan.early_stopping:
        watched = row["validation_score"]
    history.append(**row)
    if progress.patience.observe(watched) and plan.early_stopping:
        with engine.averaged():
            progress.best = engine.parameters()
    return True


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


def _warn_at_the_end(plan, n_epochs):
    last = plan.schedule.n_epochs
    if n_epochs < last or plan.incremental or plan.schedule.name in PLANNED:
        return
    warnings.warn(
        f"Stochastic Optimizer: Maximum iterations ({last}) reached and the "
        "optimization hasn't converged yet.",
        ConvergenceWarning,
        stacklevel=9,
    )
