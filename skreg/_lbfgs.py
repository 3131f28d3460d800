"""L-BFGS on all rows at once: the split of weights under an l1 penalty, and the minimizer."""

from typing import NamedTuple

import numpy as np
import scipy.optimize

from skreg._coordinates import Plain, Standardized
from skreg._kernels.activations import IDENTITY, LOGISTIC, RELU, TANH
from skreg._kernels.losses import (
    ABSOLUTE_ERROR,
    BINARY_LOG_LOSS,
    LOG_LOSS,
    POISSON,
    QUANTILE,
    SQUARED_ERROR,
)
from skreg._penalties import inner


class Split:
    """Weights under an l1 penalty as differences of two vectors that are not negative.

    ``|w| = min p + n`` over ``w = p - n`` with ``p, n >= 0``: bounds take the place of the kink,
    and a bound that is active is an exact zero (Schmidt 2010, section 2.5).
    """

    def __init__(self, l1):
        self.l1 = l1
        self.places = np.flatnonzero(l1 > 0)  # of the weights that are split

    def join(self, x):
        """Return the flat parameters that ``x`` stands for."""
        flat = x[: self.l1.size].copy()
        flat[self.places] -= x[self.l1.size :]
        return flat

    def divide(self, flat):
        """Return the ``x`` that stands for the flat parameters."""
        x = np.concatenate([flat, np.maximum(-flat[self.places], 0)])
        x[self.places] = np.maximum(x[self.places], 0)
        return x

    def overlap(self, x):
        """Return by how much the l1 term of ``x`` exceeds that of its parameters."""
        positive, negative = x[self.places], x[self.l1.size :]
        return 2.0 * inner(self.l1[self.places], np.minimum(positive, negative))

    def bounds(self):
        """Return the bounds on ``x``, or None where nothing is split."""
        if self.places.size == 0:
            return None
        lowest = np.full(self.l1.size + self.places.size, -np.inf)
        lowest[self.places] = 0
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
        if self.places.size == 0:
            return value, gradient
        strengths = np.concatenate([self.l1, self.l1[self.places]])
        both = np.concatenate([gradient, -gradient[self.places]])
        return value + inner(strengths, x), both + strengths


class LbfgsOptions(NamedTuple):
    """When L-BFGS stops."""

    max_iter: int
    max_fun: int
    tol: float

    def less(self, n_iter, n_fun):
        """Return what is left after iterations and evaluations."""
        return self._replace(max_iter=self.max_iter - n_iter, max_fun=self.max_fun - n_fun)


# What scikit-learn's networks can be.
SKLEARN_LOSSES = {SQUARED_ERROR, POISSON, BINARY_LOG_LOSS, LOG_LOSS}
SKLEARN_ACTIVATIONS = {IDENTITY, LOGISTIC, TANH, RELU}

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
LINEAR_SLOPE, LINEAR_ERROR = 1e-9, 1e-6
LEAST_SLOPE = 1e-11  # below, rounding decides
WITH_KINKS = (ABSOLUTE_ERROR, QUANTILE)  # losses whose slope at a minimum may be any

# Gradients that L-BFGS remembers. On breast_cancer as a regression with l2=1e-4, whose J bends 1e5
# times more along one direction than along another, 200 iterations end .16 off the minimum with 10
# of them; with 100 there are 150 iterations, to 1e-7.
USUAL_MEMORY, LINEAR_MEMORY = 10, 100
MOST_REMEMBERED = 2_000_000  # numbers

LINE_SEARCH_FAILED = 2
MOST_IDLE = 3  # runs after which J is no lower than before
ROUNDING = 1e-9  # of two values of J, relative


def relative_reduction(objective, split, tol):
    """Return the relative reduction of J below which an iteration is the last one."""
    wanted = RELATIVE_REDUCTION * min(1.0, tol / USUAL_TOL)
    if split.places.size:
        return min(wanted, RELATIVE_REDUCTION_L1)
    return RELATIVE_REDUCTION if iterates_as_sklearn(objective) else wanted


def iterates_as_sklearn(objective):
    """Return whether iterations are scikit-learn's, and should end as these do.

    They are not those of a linear model under a penalty (see `coordinates_of`).
    """
    penalties, network = objective.penalties, objective.engine.network
    is_known = network.loss in SKLEARN_LOSSES and network.smoothing == 0
    is_known = is_known and set(network.activations) <= SKLEARN_ACTIVATIONS
    is_plain = penalties.factors is None and not penalties.l2_anchor.any()
    is_plain = is_plain and not penalties.frozen.any()
    return is_known and is_plain and not is_penalized_linear(objective)


def is_penalized_linear(objective):
    """Return whether the model is linear in what moves, and under a penalty: J has one minimum."""
    is_penalized = objective.l1.any() or objective.terms.curvature.any()
    return bool(is_penalized and objective.is_convex)


def coordinates_of(objective):
    """Return the variables to minimize in.

    Without a penalty they are the weights themselves: the iterations are scikit-learn's.
    """
    is_single = len(objective.engine.network.units) == 2 and not objective.penalties.frozen.any()
    return (Standardized if is_single and is_penalized_linear(objective) else Plain)(objective)


def memory_of(coordinates, n_variables):
    """Return how many gradients to remember: SciPy's usual number, or more of a linear model."""
    if isinstance(coordinates, Plain):
        return USUAL_MEMORY
    return int(np.clip(MOST_REMEMBERED // n_variables, USUAL_MEMORY, LINEAR_MEMORY))


def slope_beyond(objective, bends, tol):
    """Return to which slope a run goes on once it has reached ``tol``, its own or a smaller one.

    A tol above the usual one asks to be quick. With the least curvature c of the smooth penalties,
    one of ``bends``, the distance to the minimum is at most the norm of the gradient over c.
    """
    network = objective.engine.network
    if not is_penalized_linear(objective) or network.loss in WITH_KINKS or tol > USUAL_TOL:
        return tol
    least = bends[bends > 0].min(initial=np.inf)
    return min(tol, LINEAR_SLOPE, max(LINEAR_ERROR * least, LEAST_SLOPE))


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
    coordinates = coordinates_of(objective)
    split = Split(coordinates.l1)

    def value_and_gradient(x):
        at = coordinates.flat(split.join(x))
        return split.pull_back(x, *coordinates.pull_back(*objective.smooth(at)))

    def callback(x):
        if after_iteration(coordinates.flat(split.join(x))):
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
                "maxcor": memory_of(coordinates, flat.size),
            },
        )

    start = coordinates.of(flat)
    if isinstance(coordinates, Standardized):  # J is convex: it may begin where it is lower
        bare = coordinates.of_bias_alone()
        values = [value_and_gradient(split.divide(x))[0] for x in (start, bare)]
        start = start if values[0] <= values[1] else bare
    result = _run_to_the_minimum(run, start, split, options)
    slope = slope_beyond(objective, coordinates.bends, options.tol)
    if slope < options.tol:
        result = _go_on(run, split, options, slope, result)
    result.slope = split.slope(result.x, result.jac)
    x, overlap = split.join(result.x), split.overlap(result.x)
    result.x, result.value = coordinates.flat(x), (result.fun - overlap) * coordinates.unit
    is_rounded = objective.engine.dtype == np.float32 or result.slope <= LINEAR_SLOPE
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
        if split.places.size == 0 or not is_short or is_over or is_stuck:
            break
    if result.status == LINE_SEARCH_FAILED and n_iter > result.nit:
        result.status = 0  # there was nothing more to gain than rounding
    result.nit, result.nfev = n_iter, n_fun
    return result


def _go_on(run, split, options, slope, earlier):
    """Go on to a smaller slope from where a run has ended well.

    On the way there may be larger ones: it ends well where the slope is what was asked for.
    """
    left = options.less(earlier.nit, earlier.nfev)._replace(tol=slope)
    if earlier.status != 0 or left.max_iter <= 0 or left.max_fun <= 0:
        return earlier
    result = _run_to_the_minimum(run, split.join(earlier.x), split, left)
    result.nit, result.nfev = result.nit + earlier.nit, result.nfev + earlier.nfev
    if split.slope(result.x, result.jac) <= options.tol:
        result.status = 0
    return result
