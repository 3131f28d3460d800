"""The objective as a function of all parameters: for L-BFGS, for the polish, for gradient tests.

``J(W, b) = sum_i s_i loss_i / sum_i s_i + penalties``, see `skreg._penalties`.
"""

from typing import NamedTuple

import numpy as np
import scipy.optimize

from skreg._penalties import Terms, inner, movable


class Objective:
    """Value and gradient of the objective of an engine's rows.

    Parameters
    ----------
    engine : Engine
    penalties : Penalties
    anchor : array of shape (n_parameters,), optional
        What ``l2_anchor`` pulls the weights to.
    """

    def __init__(self, engine, penalties, anchor=None):
        self.engine, self.penalties = engine, penalties
        units = engine.network.units
        self.terms = Terms(units, penalties, anchor)
        self.l1 = self.terms.l1
        is_partly_fixed = penalties.frozen.any() or penalties.factors is not None
        self._movable = movable(units, penalties) if is_partly_fixed else 1.0
        self.loss = np.nan  # data term of the latest evaluation

    def smooth(self, flat):
        """Return data term plus smooth penalties and their gradient, in double precision."""
        self.engine.load(flat.astype(self.engine.dtype))
        total, weight = self.engine.gradient()
        self.loss = total / weight
        value, gradient = self.terms.smooth(flat)
        gradient += self.engine.gradient_vector() / weight
        return self.loss + value, gradient * self._movable

    def prox(self, flat, metric):
        """Solve ``min_v 1/2 sum (v - flat)^2 / metric + kinks(v)``, norms kept to their bounds."""
        if self.penalties.group_l1.any() or np.isfinite(self.penalties.max_norm).any():
            return self.engine.prox(flat, np.broadcast_to(metric, flat.shape))
        return np.sign(flat) * np.maximum(np.abs(flat) - metric * self.l1, 0)


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

    def violation(self, x, gradient):
        """Return the largest entry of the projected gradient at ``x``: zero at a minimum."""
        inside = x - gradient
        bounds = self.bounds()
        return np.abs(x - np.maximum(inside, bounds.lb)).max() if bounds else 0.0

    def pull_back(self, x, value, gradient):
        """Return value and gradient with respect to ``x``, the l1 term included."""
        strengths = np.concatenate([self.l1, self.l1[self.split]])
        both = np.concatenate([gradient, -gradient[self.split]])
        return value + inner(strengths, x), both + strengths


class LbfgsOptions(NamedTuple):
    """When L-BFGS stops."""

    max_iter: int
    max_fun: int
    tol: float


# SciPy's default, at scikit-learn's default tol; a smaller tol asks for more of both.
RELATIVE_REDUCTION, ITS_TOL = 2.220446049250313e-09, 1e-4
# Exact zeros need more: on breast_cancer with l1=0.01, iterations that reduce J by a billionth
# are still on their way from ten weights to the nine of LogisticRegression.
RELATIVE_REDUCTION_L1 = 64 * np.finfo(np.float64).eps

LINE_SEARCH_FAILED = 2


def _relative_reduction(split, tol):
    """Return the relative reduction of J below which an iteration is the last one."""
    wanted = RELATIVE_REDUCTION * min(1.0, tol / ITS_TOL)
    return min(wanted, RELATIVE_REDUCTION_L1) if split.split.size else wanted


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
        Its ``x`` are the flat parameters, and ``value`` is J there.
    """
    split = Split(objective.l1)

    def value_and_gradient(x):
        return split.pull_back(x, *objective.smooth(split.join(x)))

    def callback(x):
        if after_iteration(split.join(x)):
            raise StopIteration

    def run(flat, n_iter, n_fun):
        return scipy.optimize.minimize(
            value_and_gradient,
            split.divide(flat),
            method="L-BFGS-B",
            jac=True,
            bounds=split.bounds(),
            callback=callback,
            options={
                "maxiter": options.max_iter - n_iter,
                "maxfun": options.max_fun - n_fun,
                "gtol": options.tol,
                "ftol": _relative_reduction(split, options.tol),
            },
        )

    result = _run_to_the_minimum(run, flat.astype(np.float64), split, options)
    result.x, overlap = split.join(result.x), split.overlap(result.x)
    result.value = result.fun - overlap
    if result.status == LINE_SEARCH_FAILED and objective.engine.dtype == np.float32:
        result.status = 0  # rounding hides any further decrease: this is the minimum in float32
    return result


def _run_to_the_minimum(run, flat, split, options):
    """Call ``run`` again, from where it ended, as long as it ended short of a minimum.

    Where a step is cut to almost nothing by a bound, J hardly decreases, and L-BFGS-B takes that
    for convergence. Without the memory of earlier gradients the next direction is another one.
    """
    n_iter = n_fun = 0
    while True:
        result = run(flat, n_iter, n_fun)
        n_iter, n_fun = n_iter + result.nit, n_fun + result.nfev
        flat, before = split.join(result.x), flat
        is_short = result.status == 0 and split.violation(result.x, result.jac) > options.tol
        is_over = n_iter >= options.max_iter or n_fun >= options.max_fun
        if not is_short or is_over or (flat == before).all():
            break
    if result.status == LINE_SEARCH_FAILED and n_iter > result.nit:
        result.status = 0  # there was nothing more to gain than rounding
    result.nit, result.nfev = n_iter, n_fun
    return result


# A step of the polish is first tried at ten times the solver's own: that is how far its momentum
# (or the mean of Adam) carries a step, and what it took to restore the zeros of Lasso and of
# LogisticRegression after sgd. It is shortened where it would raise J, lengthened where it holds.
FIRST_TRIAL, SHORTEN, LENGTHEN, TRIALS_PER_STEP = 10.0, 0.25, 2.0, 4


def polish(objective, n_steps, metric):
    """Take proximal steps on the full-data gradient; none may raise the objective.

    A stochastic solver leaves a few weights flickering around zero; the noise-free gradient lets
    the proximal operator set them to zero. Each trial costs about a third of an epoch.

    Parameters
    ----------
    objective : Objective
        Its engine holds the weights to start from, and those reached in the end.
    n_steps : int
        Steps that lower the objective.
    metric : float or array of shape (n_parameters,)
        Length of the solver's steps, as of `solver_metric`.

    Returns
    -------
    n_accepted : int
    """
    engine, kinks = objective.engine, objective.terms.kinks
    best = engine.parameters().astype(np.float64)
    smooth, gradient = objective.smooth(best)
    lowest = smooth + kinks(best)
    step, n_accepted = FIRST_TRIAL * metric, 0
    for _ in range(n_steps * TRIALS_PER_STEP):
        if n_accepted == n_steps:
            break
        trial = objective.prox(best - step * gradient, step)
        trial = trial.astype(engine.dtype).astype(np.float64)
        smooth, trial_gradient = objective.smooth(trial)
        value = smooth + kinks(trial)
        if value <= lowest:
            best, gradient, lowest = trial, trial_gradient, value
            n_accepted += 1
            step = step * LENGTHEN
        else:
            step = step * SHORTEN
    engine.load(best.astype(engine.dtype))
    return n_accepted


def solver_metric(engine, rate, epsilon, beta_2):
    """Return how far a unit of gradient moves each parameter at the learning rate ``rate``.

    Adam has learned it, ``rate / (sqrt(v_hat) + epsilon)``; for sgd it is the rate itself.
    """
    moments = engine.moments()
    if "second" not in moments:
        return rate
    corrected = moments["second"].astype(np.float64) / (1.0 - beta_2 ** max(engine.steps, 1))
    return rate / (np.sqrt(corrected) + epsilon)
