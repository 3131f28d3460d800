"""A run of sgd or adam for an estimator, at one go or in legs: its epochs, and the polish."""

from numbers import Integral

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skreg._engine import MOMENT_SLOTS
from skreg._kernels.losses import SQUARED_ERROR
from skreg._kernels.shuffle import Shuffler
from skreg._objective import Objective
from skreg._penalties import clear_excluded, movable, shorten
from skreg._polish import polish_within, solver_metric
from skreg._runs import DIVERGED, Run, behind_average, solver_state
from skreg._schedules import Schedule
from skreg._stopping import NO_SCORE, Patience
from skreg._training import Progress, RunPlan, train
from skreg._warnings import warn

KEPT = (
    "Training diverged after {} epochs; the best weights found before are kept. Scale the "
    "features (StandardScaler) or lower learning_rate_init={}."
)


class Leg:
    """The epochs of a run from one pause to the next.

    Parameters
    ----------
    random_state : RandomState
        Draws the order of the rows.
    progress : Progress

    Attributes
    ----------
    n_epochs : int
        Epochs that the run has behind it.
    memory : dict or None
        What the engine held at the pause; None for a run that has not begun or is over.
    """

    def __init__(self, random_state, progress):
        self.random_state, self.progress = random_state, progress
        self.n_epochs, self.memory = 0, None

    def keep(self, engine):
        """Write down all that training depends on, to the bit."""
        self.memory = {"weights": engine.parameters(), "order": engine.order.copy()}
        self.memory |= {"moments": engine.moments(), "n_seen": engine.n_seen}
        self.memory["average"] = engine.average() if engine.keeps_average else None

    def restore(self, engine):
        """Give the engine what `keep` has written down."""
        engine.load(self.memory["weights"])
        engine.set_average(self.memory["average"])
        engine.load_moments(self.memory["moments"])
        engine.order[:], engine.n_seen = self.memory["order"], self.memory["n_seen"]


class StochasticRun(Run):
    """Epochs of sgd or adam: a whole fit, or the one epoch of `partial_fit`."""

    def start(self, random_state):
        """Train from ``flat`` and write what was learned."""
        self.advance(self.leg(random_state), 1 if self.incremental else self.estimator.max_iter)

    def leg(self, random_state):
        """Return the first leg."""
        return Leg(random_state, self._progress())

    def advance(self, leg, last):
        """Train up to the epoch ``last``, or the end, and write what was learned."""
        estimator, progress, incremental = self.estimator, leg.progress, self.incremental
        batch_size = estimator._batch_size(self.index.size)
        with self.threads(batch_size, 1) as n_threads, self.engine(n_threads, batch_size) as engine:
            self._resume(engine, leg)
            plan = self._plan(leg.n_epochs, last)
            shuffler = self._shuffler(leg.random_state) if estimator.shuffle else None
            validate = self.validator(engine)
            earlier = estimator.n_iter_ if incremental else 0
            self.watch.show(lambda: self.snapshot(engine.average(), earlier, progress.patience))
            leg.n_epochs, diverged = train(
                engine, plan, progress, self.history, shuffler, validate, self.watch
            )
            progress.interrupted = self.watch.cut_short(progress.interrupted)
            pauses = not (incremental or progress.stopped or leg.n_epochs == estimator.max_iter)
            leg.memory, estimator.t_ = None, engine.n_seen
            if pauses:  # the leg remembers what a warm start would go on from
                leg.keep(engine)
            latest = self._end(engine, progress, leg.n_epochs, diverged)
            if not (incremental or pauses or progress.interrupted):
                self._polish(engine, progress, validate, leg.n_epochs)
            engine.release()
            if not pauses:
                self._keep_state(engine, progress, diverged)
            flat = engine.parameters()
            if latest is not None and not pauses:
                estimator._solver_state.update(behind_average(latest, flat))
        self.interrupted = progress.interrupted
        self.keep(flat, earlier + leg.n_epochs, progress.patience)

    def _shuffler(self, random_state):
        """Return what shuffles the rows; only a seed gives a source that nobody else draws from."""
        is_private = isinstance(self.estimator.random_state, Integral)
        return Shuffler(random_state, is_shared=not is_private)

    def _plan(self, first, last):
        estimator = self.estimator
        return RunPlan(
            schedule=Schedule(
                estimator.learning_rate,
                float(estimator.learning_rate_init),
                float(estimator.power_t),
                estimator.max_iter,
            ),
            first=first,
            last=last,
            verbose=bool(estimator.verbose),
            early_stopping=self.stops_early,
            incremental=self.incremental,
        )

    def _progress(self):
        """Return the progress so far: partial_fit goes on, fit begins a new run."""
        estimator = self.estimator
        # scikit-learn's squared error of several outputs is their mean, not their sum.
        n_summed = self.network.units[-1] if self.network.loss == SQUARED_ERROR else 1
        # A scorer of the user's own may be another object since a pickle.
        watched = self.stops_early and (callable(estimator.scoring) or estimator.scoring)
        progress = Progress(
            Patience(self.stops_early, estimator.tol, estimator.n_iter_no_change, n_summed), watched
        )
        if self.incremental and estimator._progress_state is not None:
            progress.restore(estimator._progress_state)
        return progress

    def _resume(self, engine, leg):
        """Give the engine the weights, and the moments of an earlier run of the same solver."""
        engine.set_anchor(self.anchor)
        if leg.memory is not None:
            leg.restore(engine)
            return
        engine.n_seen = self.estimator.t_
        state, average = self.estimator._solver_state, self.flat
        # Predictions come from the average; training goes on from where the solver was.
        goes_on = engine.keeps_average and self.latest is not None
        engine.load(self._obedient(self.latest, lambda: average) if goes_on else average)
        if engine.keeps_average:  # of weights within the bounds, if it begins there
            shorten(average, self.network.units, self.penalties)
            engine.set_average(average)
        self.flat = self.latest = None
        if state is not None and state["solver"] == self.estimator.solver:
            engine.load_moments(self._without_excluded(state))

    def _obedient(self, flat, present):
        """Return parameters of an earlier epoch as the constraints of this run want them.

        What may not move is what ``present()`` returns.
        """
        units, penalties = self.network.units, self.penalties
        if penalties.frozen.any() or penalties.factors is not None:
            flat = np.where(movable(units, penalties) != 0, flat, present())
        if np.isfinite(penalties.max_norm).any():
            flat = flat.copy()
            shorten(flat, units, penalties)
        return flat.astype(self.rows.X.dtype, copy=False)

    def _without_excluded(self, moments):
        """Return the moments of the solver, zero where features are excluded by now."""
        if self.penalties.factors is None:
            return moments
        cleared = dict(moments)
        for name in cleared.keys() & MOMENT_SLOTS.keys():
            cleared[name] = cleared[name].copy()
            clear_excluded(cleared[name], self.network.units, self.penalties)
        return cleared

    def _end(self, engine, progress, n_epochs, diverged):
        """Restore the best weights, or report a divergence.

        Return what training goes on from where that is not what predicts, else None.
        """
        estimator = self.estimator
        if diverged and progress.best is None:
            raise ValueError(DIVERGED.format(estimator.learning_rate_init))
        if diverged:
            message = KEPT.format(n_epochs, estimator.learning_rate_init)
            warn(message, ConvergenceWarning)
        estimator.stopped_early_ = self.stops_early and progress.patience.exhausted
        over = diverged or not self.incremental or progress.patience.exhausted
        latest = None
        if progress.best is not None and over:
            engine.load(self._obedient(progress.best, engine.parameters))
        elif engine.keeps_average:
            latest = engine.parameters()
            engine.load(engine.average())
        if self.stops_early and progress.best is None and not progress.interrupted:
            warn(NO_SCORE.format(estimator.scoring))
        if self.incremental and progress.patience.exhausted:
            progress.patience.count = 0
        return latest

    def _polish(self, engine, progress, validate, n_epochs):
        """Polish the weights; early stopping keeps only what scores as well."""
        has_value = progress.best is not None or not progress.overflowed  # that can be lowered
        if not (self.estimator.polish and self.penalties.has_kinks and has_value):
            return
        estimator, patience = self.estimator, progress.patience
        rate = estimator.learning_rate_init

        def score():
            engine.set_average(engine.parameters())  # which is what is validated
            return validate()[1]

        given = (score, patience.best) if self.stops_early else ()
        try:
            objective = Objective(engine, self.penalties, self.anchor)
            metric = solver_metric(engine, rate, estimator.epsilon, estimator.beta_2)
            reached = polish_within(objective, estimator.polish, metric, n_epochs, *given)
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
            reached, progress.interrupted = None, True
        if self.stops_early and reached is not None:
            patience.best = reached

    def _keep_state(self, engine, progress, diverged):
        """Write down what a warm start or the next `partial_fit` goes on from."""
        estimator, units = self.estimator, self.network.units
        solver, moments = estimator.solver, engine.moments(give_up=True)
        if diverged:  # the moments are no numbers either
            solver, moments = None, {}
        estimator._solver_state = solver_state(solver, self.incremental, units, **moments)
        estimator._progress_state = progress.as_dict()
        if self.stops_early and not self.incremental:  # its validation scores bind no other call
            fresh = self._progress().as_dict()
            estimator._progress_state = {**fresh, "divisions": progress.divisions}
