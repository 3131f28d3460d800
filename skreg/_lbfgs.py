"""L-BFGS on all rows at once: the split of weights under an l1 penalty, the minimizer, its run."""

import contextlib
from typing import NamedTuple

import numpy as np
import scipy.optimize

from skreg._history import nonzeros
from skreg._job import CHUNK_ROWS, MOST_PARTS
from skreg._kernels.losses import (
    ABSOLUTE_ERROR,
    BINARY_LOG_LOSS,
    LOG_LOSS,
    QUANTILE,
    SQUARED_ERROR,
)
from skreg._objective import Objective
from skreg._penalties import inner
from skreg._runs import Run, solver_state
from skreg._sklearn import check_optimize_result
from skreg._stopping import NO_SCORE, Patience
from skreg._threads import OneBlasThread
from skreg._training import observe
from skreg._warnings import warn

NOT_FINITE = (
    "The loss is not finite at the starting weights, from which solver='lbfgs' finds no way. The "
    "input data may contain large values and need to be preprocessed. Scale the features "
    "(StandardScaler) and the targets, or weaken l1 and l2 if they are very large."
)


class Split:
    """Weights under an l1 penalty as differences of two vectors that are not negative.

    ``|w| = min p + n`` over ``w = p - n`` with ``p, n >= 0``: bounds take the place of the kink,
    and a bound that is active is an exact zero (Schmidt 2010, section 2.5).
    """

    def __init__(self, l1):
        self.l1 = l1
        self.split = np.flatnonzero(l1 > 0)

    def join(self, x):
        """Return the flat parameters that ``x`` stands for."""
        flat = x[: self.l1.size].copy()
        if self.split.size == 0:
            return flat
        flat[self.split] -= x[self.l1.size :]
        return flat

    def divide(self, flat):
        """Return the ``x`` that stands for the flat parameters."""
        x = np.concatenate([flat, np.maximum(-flat[self.split], 0)])
        x[self.split] = np.maximum(x[self.split], 0)
        return x

    def overlap(self, x):
        """Return by how much the l1 term of ``x`` exceeds that of its parameters."""
        positive, negative = x[self.split], x[self.l1.size :]
        return 2.0 * inner(self.l1[self.split], np.minimum(positive, negative))

    def bounds(self):
        """Return the bounds on ``x``, or None where nothing is split."""
        if self.split.size == 0:
            return None
        lowest = np.full(self.l1.size + self.split.size, -np.inf)
        lowest[self.split] = 0
        lowest[self.l1.size :] = 0
        return scipy.optimize.Bounds(lowest, np.inf)

    def slope(self, x, gradient):
        """Return the largest entry of the projected gradient at ``x``: zero at a minimum."""
        bounds = self.bounds()
        if bounds is None:
            return np.abs(gradient).max()
        return np.abs(x - np.maximum(x - gradient, bounds.lb)).max()

    def pull_back(self, x, value, gradient):
        """Return value and gradient with respect to ``x``, the l1 term included."""
        if self.split.size == 0:
            return value, gradient
        strengths = np.concatenate([self.l1, self.l1[self.split]])
        both = np.concatenate([gradient, -gradient[self.split]])
        return value + inner(strengths, x), both + strengths


class LbfgsOptions(NamedTuple):
    """When L-BFGS stops."""

    max_iter: int
    max_fun: int
    tol: float

    def less(self, n_iter, n_fun):
        """Return what is left after iterations and evaluations."""
        return self._replace(max_iter=self.max_iter - n_iter, max_fun=self.max_fun - n_fun)


# SciPy's default, with which scikit-learn's networks stop whatever their tol. What scikit-learn
# does not have may be wanted to more digits: at a tol below its default, this is as much smaller.
RELATIVE_REDUCTION, USUAL_TOL = 2.220446049250313e-09, 1e-4
# Exact zeros need more: on breast_cancer with l1=0.01, iterations that reduce J by a billionth
# are still on their way from ten weights to the nine of LogisticRegression.
RELATIVE_REDUCTION_L1 = 64 * np.finfo(np.float64).eps

# Without hidden layers that move J is convex, and under a penalty its minimum is that of Lasso,
# Ridge and LogisticRegression. Where the slope is the usual tol, weights on breast_cancer with
# strengths of .01 are off by .003 (l2) and .02 (l1), and with .001 there are three zeros too few.
# Two to four times as many iterations bring them to 1e-5 of that minimum. Where l2 is weak J is
# flat: if it is c and the slope s, weights may be off by s / c.
SLOPE_OF_PEERS, ERROR_OF_PEERS = 1e-7, 1e-6
SLOPE_WITHOUT_L2 = 1e-9  # nothing bounds the distance then: at 1e-7 wine is off by 1.4e-4
LEAST_SLOPE = 1e-11  # below, rounding decides
WITH_KINKS = (ABSOLUTE_ERROR, QUANTILE)  # losses whose slope at a minimum may be any

LINE_SEARCH_FAILED = 2
MOST_IDLE = 3  # runs after which J is no lower than before
ROUNDING = 1e-9  # of two values of J, relative


def relative_reduction(objective, split, tol):
    """Return the relative reduction of J below which an iteration is the last one."""
    penalties, units = objective.penalties, objective.engine.network.units
    is_own = len(units) == 2 or penalties.frozen.any() or penalties.l2_anchor.any()
    wanted = RELATIVE_REDUCTION * min(1.0, tol / USUAL_TOL)
    if split.split.size:
        return min(wanted, RELATIVE_REDUCTION_L1)
    return wanted if is_own else RELATIVE_REDUCTION


def slope_beyond(objective, tol):
    """Return to which slope a run goes on once it has reached ``tol``, its own or a smaller one.

    A tol above the usual one asks to be quick. ``J(w) - c / 2 |w|^2`` is convex, so the distance
    to the minimum is at most the norm of the gradient over c.
    """
    network, terms = objective.engine.network, objective.terms
    is_penalized = any((term > 0).any() for term in (terms.l1, terms.l2, terms.l2_anchor))
    is_linear = objective.penalties.frozen[:-1].all()  # only the last matrix moves
    if not is_linear or network.loss in WITH_KINKS or not is_penalized or tol > USUAL_TOL:
        return tol
    bends = terms.l2 + terms.l2_anchor
    if network.loss != SQUARED_ERROR and not (bends > 0).any():
        return min(tol, SLOPE_WITHOUT_L2)
    least = bends[bends > 0].min(initial=np.inf)
    return min(tol, SLOPE_OF_PEERS, max(ERROR_OF_PEERS * least, LEAST_SLOPE))


def minimize_lbfgs(objective, flat, options, after_iteration):
    """Minimize the objective from ``flat`` by L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995).

    Parameters
    ----------
    objective : Objective
    flat : array of shape (n_parameters,)
    options : LbfgsOptions
    after_iteration : callable
        Called with the flat parameters after every iteration; True ends the run.

    Returns
    -------
    scipy.optimize.OptimizeResult
        Its ``x`` are the flat parameters, ``value`` is J there, and ``slope`` the largest entry
        of the projected gradient.
    """
    split = Split(objective.l1)

    def value_and_gradient(x):
        return split.pull_back(x, *objective.smooth(split.join(x)))

    def callback(x):
        if after_iteration(split.join(x)):
            raise StopIteration

    def run(flat, options):
        return scipy.optimize.minimize(
            value_and_gradient,
            split.divide(flat),
            method="L-BFGS-B",
            jac=True,
            bounds=split.bounds(),
            callback=callback,
            options={
                "maxiter": options.max_iter,
                "maxfun": options.max_fun,
                "gtol": options.tol,
                "ftol": relative_reduction(objective, split, options.tol),
            },
        )

    result = _run_to_the_minimum(run, flat.astype(np.float64), split, options)
    slope = slope_beyond(objective, options.tol)
    if slope < options.tol:
        result = _go_on(run, split, options._replace(tol=slope), result)
    result.slope = split.slope(result.x, result.jac)
    result.x, overlap = split.join(result.x), split.overlap(result.x)
    result.value = result.fun - overlap
    is_rounded = objective.engine.dtype == np.float32 or result.slope <= SLOPE_OF_PEERS
    if result.status == LINE_SEARCH_FAILED and is_rounded:
        result.status = 0  # rounding hides any further decrease: this is the minimum
    return result


def _run_to_the_minimum(run, flat, split, options):
    """Call ``run`` again, from where it ended, as long as it ended short of a minimum.

    Where a step is cut to almost nothing by a bound, J hardly decreases, and L-BFGS-B takes that
    for convergence. Without the memory of earlier gradients the next direction is another one.
    Where J is no lower after `MOST_IDLE` runs in a row, rounding hides what is left.
    """
    n_iter = n_fun = n_idle = 0
    lowest = np.inf
    while True:
        result = run(flat, options.less(n_iter, n_fun))
        n_iter, n_fun = n_iter + result.nit, n_fun + result.nfev
        flat, before = split.join(result.x), flat
        is_short = result.status == 0 and split.slope(result.x, result.jac) > options.tol
        is_over = n_iter >= options.max_iter or n_fun >= options.max_fun
        n_idle = 0 if result.fun < lowest else n_idle + 1
        lowest = min(lowest, result.fun)
        is_stuck = n_idle == MOST_IDLE or (flat == before).all()
        if split.split.size == 0 or not is_short or is_over or is_stuck:
            break
    if result.status == LINE_SEARCH_FAILED and n_iter > result.nit:
        result.status = 0  # there was nothing more to gain than rounding
    result.nit, result.nfev = n_iter, n_fun
    return result


def _go_on(run, split, options, earlier):
    """Go on from where a run has ended well; however this ends, what was asked for is reached."""
    left = options.less(earlier.nit, earlier.nfev)
    if earlier.status != 0 or left.max_iter <= 0 or left.max_fun <= 0:
        return earlier
    result = _run_to_the_minimum(run, split.join(earlier.x), split, left)
    result.nit, result.nfev = result.nit + earlier.nit, result.nfev + earlier.nfev
    result.status = 0
    return result


class LbfgsRun(Run):
    """Iterations of L-BFGS on all rows at once."""

    stopped = False

    def start(self, random_state, incremental):
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
        estimator._solver_state = solver_state(estimator.solver, incremental, self.network.units)
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
