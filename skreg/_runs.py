"""A run of a solver for an estimator: the engine, the fitted attributes, what later runs read."""

import copy
import zlib
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from skreg._architecture import flat_parameters, views
from skreg._callbacks import SILENCE
from skreg._costs import flops_of_batch
from skreg._engine import Engine
from skreg._history import History
from skreg._regularization import batch_augmentation, network_penalties, solver_rule
from skreg._task import NO_ROWS, Rows
from skreg._threads import Threads
from skreg._validation import Validation, score_function

DIVERGED = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed. Scale the features (StandardScaler) or lower learning_rate_init={}; "
    "strengths of regularization that are very large have this effect as well."
)


def digest(flat):
    """Return a number that tells parameters from others."""
    return zlib.crc32(np.ascontiguousarray(flat))


def solver_state(solver, incremental, units, **moments):
    """Return what an estimator remembers of the solver that its weights come from.

    Weights of other units than these are somebody else's.
    """
    return {"solver": solver, "incremental": incremental, "units": units, **moments}


def begin_step(network):
    """Let the next fit be a step along a path: a warm start with a schedule of its own.

    ``l2_anchor`` pulls to where the first step has begun, or it would fade from step to step. The
    solver's moments are forgotten where the learning rate is the first one again: the gradients of
    the last epochs, at small rates, are small; Adam divides by the roots of their squares, and
    steps at the first rate would be so long that they leave the solution. Along 24 paths of 30
    strengths, on six tables, objectives were up to ten times those of fits from random weights,
    and 72 % above at the worst strength of a path, on average; now 8 %. A constant rate goes on as
    it was.
    """
    network._keeps_anchor = True
    if network.learning_rate != "constant":
        network._solver_state = None


def behind_average(latest, flat):
    """Return what `latest_parameters` reads of a run whose average ``flat`` predicts."""
    return {"weights": latest, "average": digest(flat)}


def latest_parameters(estimator):
    """Return what training ended with where its average predicts, and None otherwise.

    None as well if somebody has changed the weights that predict, since these count then.
    """
    state = estimator._solver_state
    if not state or "weights" not in state:
        return None
    average = flat_parameters(estimator.coefs_, estimator.intercepts_)
    return state["weights"] if digest(average) == state["average"] else None


class Start(NamedTuple):
    """What a run begins with: checked rows, and whether it goes on from an earlier one."""

    rows: Rows
    index: np.ndarray  # those of them to train on
    y: object  # their targets as the user knows them
    own: Validation | None = None  # of the user's own
    starting: tuple = (None, None)  # ``coef_init`` and ``intercept_init``
    is_new: bool = True  # whether it begins with new weights
    incremental: bool = False  # whether this is `partial_fit`


class Run(ABC):
    """What the runs of all solvers share.

    Parameters
    ----------
    estimator : BaseMLP
        Learns what the run has learned; a copy, which the caller throws away if the run fails.
    network : Network
    start : Start

    Attributes
    ----------
    flat : array of shape (n_parameters,)
        Parameters to start from; set before `start`, given up there.
    latest : array of shape (n_parameters,) or None
        What training goes on from where ``flat`` is an average; set before `start`.
    anchor : array of shape (n_parameters,) or None
        What ``l2_anchor`` pulls the weights to; set before `start`.
    interrupted : bool
        Whether the user has ended the run.
    watch : Watch
        Told of each epoch or iteration; set before `start`.
    stops_early : bool
        Whether the validation score ends the run.
    """

    latest = None
    interrupted = False
    watch = SILENCE

    def __init__(self, estimator, network, start):
        self.estimator, self.network, self.incremental = estimator, network, start.incremental
        self.rows, self.index, self.validation = start.rows, start.index, start.own
        n_matrices = len(network.units) - 1
        self.history = History.of(estimator, n_matrices)
        self.n_before = len(self.history)
        self.penalties = network_penalties(estimator, n_matrices)
        self.stops_early = estimator.early_stopping and start.own is not None

    @abstractmethod
    def start(self, random_state):
        """Train from ``flat`` and write what was learned."""

    def engine(self, n_threads, batch_size):
        """Return the engine of the run."""
        validation = self.validation
        valid, valid_index = NO_ROWS, None
        if validation is not None:
            valid, valid_index = validation.rows, validation.index
        return Engine(
            self.network, self.rows.X.dtype, train=self.rows, train_index=self.index,
            valid=valid, valid_index=valid_index, rule=solver_rule(self.estimator),
            penalties=self.penalties, augmentation=batch_augmentation(self.estimator),
            batch_size=batch_size, n_threads=n_threads,
        )  # fmt: skip

    def threads(self, n_rows, n_updates=0):
        """Return the threads for gradients of ``n_rows`` rows and updates of all weights."""
        flops = flops_of_batch(self.rows.X, self.network.units, n_rows, n_updates)
        return Threads(self.estimator.n_jobs, flops, self.rows.X.dtype)

    def validator(self, engine):
        """Return a function that measures validation loss and score, or None."""
        if self.validation is None:
            return None
        score = score_function(self.estimator, self.validation, self.rows)

        def validate():
            with engine.averaged():
                raw, loss = engine.evaluate()
                return loss, score(engine, raw, loss)

        return validate

    def keep(self, flat, n_epochs, patience):
        """Write the fitted attributes."""
        if not np.isfinite(flat).all():
            raise ValueError(DIVERGED.format(self.estimator.learning_rate_init))
        self._write(self.estimator, flat, n_epochs, patience)
        self.estimator._history_room = self.history.room()

    def snapshot(self, flat, n_before, patience):
        """Return the fitted attributes as they would be if the run ended with ``flat``."""
        probe = copy.copy(self.estimator)
        self._write(probe, flat, n_before + len(self.history) - self.n_before, patience)
        return vars(probe)

    def _write(self, estimator, flat, n_epochs, patience):
        estimator.coefs_, estimator.intercepts_ = views(flat, self.network.units)
        history = estimator.history_ = self.history.as_arrays()
        latest = history["loss"][-1:] + history["penalty"][-1:]
        estimator.loss_ = float(latest[0]) if latest.size else np.inf
        estimator.n_iter_ = n_epochs
        estimator.n_layers_ = len(self.network.units)
        estimator.n_outputs_ = self.network.units[-1]
        estimator.best_loss_ = None if self.stops_early else patience.best
        estimator.best_validation_score_ = patience.best if self.stops_early else None
