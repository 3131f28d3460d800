"""A run of L-BFGS for an estimator: iterations are its epochs."""

import contextlib

import numpy as np

from skreg._history import nonzeros
from skreg._kernels.losses import BINARY_LOG_LOSS, LOG_LOSS
from skreg._lbfgs import ROUNDING, LbfgsOptions, minimize_lbfgs
from skreg._objective import Objective
from skreg._runs import Run, solver_state
from skreg._sklearn import check_optimize_result
from skreg._stopping import NO_SCORE, Patience
from skreg._task import CHUNK_ROWS, MOST_PARTS
from skreg._threads import OneBlasThread
from skreg._training import observe
from skreg._warnings import warn

NOT_FINITE = (
    "The loss is not finite at the starting weights, from which solver='lbfgs' finds no way. The "
    "input data may contain large values and need to be preprocessed. Scale the features "
    "(StandardScaler) and the targets, or weaken l1 and l2 if they are very large."
)


class LbfgsRun(Run):
    """Iterations of L-BFGS on all rows at once."""

    stopped = False

    def start(self, random_state):
        """Train from ``flat`` and write what was learned."""
        estimator = self.estimator
        flat, self.flat = self.flat, None
        options = LbfgsOptions(estimator.max_iter, estimator.max_fun, float(estimator.tol))
        self.patience = Patience(self.stops_early, estimator.tol, estimator.n_iter_no_change)
        self.best, self.reached = None, flat
        dtype = flat.dtype
        self.watch.show(lambda: self.snapshot(self.reached.astype(dtype), 0, self.patience))
        # Between two meetings members take that many rows of a small network; of a large one fewer,
        # which pay for themselves.
        n_rows = min(self.index.size, CHUNK_ROWS * MOST_PARTS)
        with OneBlasThread(), self.threads(n_rows) as n_threads:
            self.watch.begin("iteration")
            result = self._minimize(n_threads, flat, options)
        flat = self.reached if self.best is None or not self.stops_early else self.best
        if self.stops_early and self.best is None and not self.interrupted:
            warn(NO_SCORE.format(estimator.scoring))
        estimator.stopped_early_ = self.stops_early and self.patience.exhausted
        n_iter = len(self.history) - self.n_before
        if result is not None:
            n_iter = min(result.nit, estimator.max_iter)
        self.keep(flat.astype(dtype), max(1, n_iter), self.patience)
        # Moments and progress of an earlier stochastic fit belong to other weights.
        estimator._solver_state = solver_state(estimator.solver, False, self.network.units)
        estimator._progress_state = None
        if result is not None and not self.stops_early:
            estimator.loss_ = result.value

    def _minimize(self, n_threads, flat, options):
        """Return what the minimizer found, None after an interrupt."""
        try:
            with self._open(n_threads):
                result = minimize_lbfgs(self.objective, flat, options, self._after_iteration)
            if self._may_be_on_a_plateau(result, options):
                result = self._go_on_unclipped(n_threads, result, options)
            if len(self.history) == self.n_before and np.isfinite(result.fun):
                with self._open(n_threads):  # a run without an iteration is booked as one
                    self.objective.smooth(result.x)
                    self._after_iteration(result.x)
        except KeyboardInterrupt:
            self.interrupted = True
            warn("Training interrupted by user.")
            return None
        if not np.isfinite(result.fun):  # from the start: no step leads to such a value
            raise ValueError(NOT_FINITE)
        if not self.stopped:
            check_optimize_result("lbfgs", result, options.max_iter)
        self.reached = result.x
        return result

    @contextlib.contextmanager
    def _open(self, n_threads):
        """Open an engine for the objective and the validation."""
        with self.engine(n_threads, 0) as engine:
            self.objective = Objective(engine, self.penalties, self.anchor)
            self.validate = self.validator(engine)
            yield

    def _may_be_on_a_plateau(self, result, options):
        """Return whether the minimizer has ended on a slope, as it does where losses are clipped.

        Clipped losses (see `skreg._kernels.losses.clipped`) are level, their gradient is not.
        """
        is_clipped = self.network.loss in (BINARY_LOG_LOSS, LOG_LOSS) and np.isfinite(result.fun)
        is_clipped = is_clipped and self.network.parameter < np.inf
        is_over = result.nit >= options.max_iter or result.nfev >= options.max_fun
        return is_clipped and result.slope > options.tol and not (is_over or self.stopped)

    def _go_on_unclipped(self, n_threads, earlier, options):
        """Go on with losses that are not clipped, if any has been; return the latest result."""
        self.network = self.network._replace(parameter=np.inf)
        left = options.less(earlier.nit, earlier.nfev)
        with self._open(n_threads):
            if self.objective.value(earlier.x) <= earlier.value * (1 + ROUNDING):
                return earlier
            result = minimize_lbfgs(self.objective, earlier.x, left, self._after_iteration)
        result.nit, result.nfev = result.nit + earlier.nit, result.nfev + earlier.nfev
        return result

    def _after_iteration(self, flat):
        """Book an iteration; return whether early stopping or a callback ends the run."""
        self.reached = flat  # the newest iterate
        terms = self.objective.terms.values(flat)
        row = {
            "loss": self.objective.loss,
            "penalty": sum(terms.values()),
            **terms,
            **nonzeros(self.objective.engine.nonzeros()),
        }
        number = len(self.history) - self.n_before + 1
        try:
            if observe(row, number, self.patience, self.validate, self.estimator.verbose):
                self.best = flat
        finally:  # an interrupted score is unknown, but the iteration is over
            self.history.append(**row)
        exhausted = self.stops_early and self.patience.exhausted
        if exhausted and self.estimator.verbose:
            print(f"{self.patience.message()} Stopping.")
        self.stopped = self.watch.end() or exhausted
        if not self.stopped:
            self.watch.begin("iteration")
        return self.stopped
