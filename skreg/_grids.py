"""Automatic grids: from the smallest strength that zeroes the linear model downwards.

Without hidden layers, all weights are zero exactly where the strength is at least the largest
absolute entry of ``X' delta / n``, the gradient of the data term at the model that has nothing but
intercepts (Friedman, Hastie & Tibshirani 2010, "Regularization paths for generalized linear
models via coordinate descent", J. Stat. Software 33).
"""

import copy
import numbers
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq
from sklearn.utils import gen_batches

from skreg._inputs import check_rows
from skreg._kernels.losses import (
    ABSOLUTE_ERROR,
    BINARY_LOG_LOSS,
    GAMMA,
    HUBER,
    LOG_LOSS,
    POISSON,
    QUANTILE,
    SOFT_LOG_LOSS,
    SQUARED_ERROR,
)
from skreg._kernels.solvers import SOLVERS
from skreg._parameters import hidden_units, is_integer
from skreg._penalties import Penalties
from skreg._regularization import NEEDS_BATCHES, network_penalties
from skreg._threads import OneBlasThread

LARGEST_DROPOUT = 0.8  # of an automatic grid
TINY = np.finfo(np.float32).tiny  # frequencies below are those of classes without weight
ROWS_AT_A_TIME = 4096  # that are converted to double precision


# A strength that is a sequence is a pattern: what is searched multiplies its entries.


def pattern_of(estimator, name):
    """Return the pattern of one of the strengths of an estimator, or None if it is a number."""
    value = getattr(estimator, name)
    return None if np.ndim(value) == 0 else list(value)


def spread(estimator, params):
    """Return the parameters of a candidate: each strength times the pattern, if there is one.

    Parameters
    ----------
    estimator : BaseMLP
        As the user has given it.
    params : dict
        Strengths that are searched.
    """
    spread_out = dict(params)
    for name, value in params.items():
        if (pattern := pattern_of(estimator, name)) is not None:
            spread_out[name] = [value * share for share in pattern]
    return spread_out


def refuse_solver(solver, name, given, strengths):
    """Refuse strengths of what a solver without mini-batches can't do."""
    if solver not in SOLVERS and name in NEEDS_BATCHES and any(strengths):
        raise ValueError(
            f"{name}s={given!r} needs the steps of a stochastic solver, which solver={solver!r} "
            "does not take; choose solver='adam' or 'sgd', or search l1s or l2s."
        )


class NullModel(NamedTuple):
    """The model without weights: only the intercepts are fitted."""

    intercept: np.ndarray  # (n_outputs,), raw outputs
    gradient: np.ndarray  # (n_features, n_outputs), of the data term, as of a linear model
    penalties: Penalties  # of the estimator that was asked
    patterns: dict = MappingProxyType({})  # its strengths that are sequences, by name


def null_model(estimator, X, y, sample_weight=None):
    """Fit the intercepts of a network whose weights are all zero.

    Parameters
    ----------
    estimator : BaseMLP
        Says what the loss is; not changed.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    NullModel
    """
    probe = copy.copy(estimator)
    rows, _ = check_rows(probe, (X, y, sample_weight), first_pass=True, incremental=False)
    n_matrices = len(hidden_units(probe.hidden_layer_sizes)) + 1
    patterns = {name: pattern_of(probe, name) for name in ("l1", "l2", "group_l1")}
    with OneBlasThread():  # several would sum in another order
        intercept, gradient = _fit_intercepts(probe, rows)
    return NullModel(intercept, gradient, network_penalties(probe, n_matrices), patterns)


def _fit_intercepts(probe, rows):
    """Return the best intercepts, and the gradient of a linear model that has only them."""
    code, parameter = probe._loss()
    target = np.ascontiguousarray(rows.target, dtype=np.float64)
    if code in (LOG_LOSS, SOFT_LOG_LOSS):
        target = np.eye(probe.classes_.size)[target[:, 0].astype(np.intp)]
    share = np.ones(len(target)) if rows.weight is None else rows.weight.astype(np.float64)
    share /= share.sum()
    if code in MEANS:
        intercept, delta = MEANS[code](_smoothed(target, probe._smoothing(), code), share)
    else:
        fits = [CENTRES[code](column, share, parameter) for column in target.T]
        intercept = np.array([centre for centre, _ in fits])
        delta = np.column_stack([slope for _, slope in fits])
    # Of targets that do not vary nothing but rounding would be left.
    delta[:, np.ptp(target[share > 0], axis=0) == 0] = 0.0
    return intercept, _cross_product(rows.X, share[:, None] * delta)


def _smoothed(target, smoothing, code):
    """Return the targets as training sees them under label smoothing."""
    if not smoothing:
        return target
    return (1 - smoothing) * target + smoothing / (2 if code == BINARY_LOG_LOSS else len(target.T))


def _cross_product(X, delta):
    """Return ``X' delta`` in double precision without a converted copy of all of X.

    The same bits for rows in any order of memory.
    """
    total = np.zeros((X.shape[1], delta.shape[1]))
    for rows in gen_batches(X.shape[0], ROWS_AT_A_TIME):
        order = {} if sp.issparse(X) else {"order": "C"}
        total += X[rows].astype(np.float64, **order).T @ delta[rows]
    return total


# Each returns the raw outputs that minimize the mean loss, and its derivative at every row.


def _squared(y, share):
    mean = share @ y
    return mean, mean - y


def _poisson(y, share):
    mean = share @ y
    return np.log(np.maximum(mean, TINY)), mean - y


def _gamma(y, share):
    mean = share @ y
    return np.log(mean), 1.0 - y / mean


def _logistic(y, share):
    mean = share @ y
    return np.log(np.maximum(mean, TINY)) - np.log(np.maximum(1.0 - mean, TINY)), mean - y


def _quantile(y, share, q):
    order = np.argsort(y)
    place = np.searchsorted(np.cumsum(share[order]), q * (1.0 - 1e-12))
    centre = y[order[min(place, y.size - 1)]]
    slope = np.where(y < centre, 1.0 - q, np.where(y > centre, -q, 0.0))
    tied = y == centre  # anything between the two slopes is a derivative there: the balancing one
    slope[tied] = -(share @ slope) / share[tied].sum()
    return centre, slope


def _absolute(y, share, parameter):
    centre, slope = _quantile(y, share, 0.5)
    return centre, 2.0 * slope


def _m_estimate(y, share, slope):
    """Return where the slopes, a rising function of ``z - y``, cancel, and the slopes there."""
    low, high = y.min(), y.max()
    centre = low if low == high else brentq(lambda z: share @ slope(z - y), low, high, xtol=1e-14)
    return centre, slope(centre - y)


def _huber(y, share, limit):
    return _m_estimate(y, share, lambda r: np.clip(r, -limit, limit))


MEANS = {  # losses that the mean minimizes
    SQUARED_ERROR: _squared,
    POISSON: _poisson,
    GAMMA: _gamma,
    BINARY_LOG_LOSS: _logistic,
    LOG_LOSS: _poisson,  # logarithms of frequencies
    SOFT_LOG_LOSS: _poisson,
}
CENTRES = {ABSOLUTE_ERROR: _absolute, QUANTILE: _quantile, HUBER: _huber}


def top_strength(name, null):
    """Return the smallest strength that sets all weights of the linear model to zero.

    Features that ``feature_penalty`` exempts or excludes do not count. No ``l2`` zeroes a weight:
    its top is that of ``l1``, at which no weight of features of unit scale is above one. Of a
    pattern, the first entry counts: the gradient is that of the first matrix.

    Parameters
    ----------
    name : {"l1", "group_l1", "l2"}
    null : NullModel

    Returns
    -------
    top : float
    """
    gradient, penalties = null.gradient, null.penalties
    factors, groups = penalties.factors, penalties.groups
    if name == "group_l1":
        groups = groups or [np.array([feature]) for feature in range(len(gradient))]
        scores = [np.linalg.norm(gradient[group]) / gradient[group].size ** 0.5 for group in groups]
        scores = np.array(scores)
        factors = None if factors is None else factors[[group[0] for group in groups]]
    else:
        scores = np.abs(gradient).max(axis=1)
    if factors is not None:
        scores = scores[factors > 0] / factors[factors > 0]  # an infinite factor gives zero
    return float(scores.max(initial=0.0)) / _first_of(name, null.patterns.get(name))


def _first_of(name, pattern):
    """Return what a strength is multiplied by in the first matrix."""
    if pattern is None:
        return 1.0
    if not pattern[0] > 0:
        raise ValueError(
            f"{name}={pattern!r} leaves the first matrix out, for which an automatic grid is made; "
            f"give an array of strengths as {name}s."
        )
    return float(pattern[0])


def strength_grid(name, value, find_null, eps):
    """Return strengths in ascending order.

    Parameters
    ----------
    name : {"l1", "l2", "group_l1", "dropout", "input_dropout"}
        What is searched; the user's parameter has an "s" more.
    value : int or array-like
        That many strengths on an automatic grid, or the strengths themselves.
    find_null : callable
        Returns the `NullModel`; called only where an automatic grid needs it.
    eps : float
        Smallest strength of the automatic grid as a share of the largest.

    Returns
    -------
    strengths : array of shape (n_strengths,)
        Evenly spaced logarithms down from `top_strength`; of a dropout, even steps from 0 to 0.8.
    """
    if not is_integer(value):
        return _check_strengths(name, value)
    if value < 1:
        raise ValueError(f"{name}s={value} must be at least 1 strength, or an array of strengths.")
    if "dropout" in name:
        return np.linspace(0.0, LARGEST_DROPOUT, value)
    if not isinstance(eps, numbers.Real) or not 0 < eps < 1:
        raise ValueError(
            f"eps={eps!r} must be in (0, 1): it is the smallest strength over the top."
        )
    top = top_strength(name, find_null())
    if not top > 0:
        raise ValueError(
            f"{name}s={value} asks for an automatic grid, but no feature tells anything about y "
            f"(is y constant?): its top would be {top:g}; give an array of strengths."
        )
    return logarithmic(top, eps, value)


def logarithmic(top, eps, n_strengths):
    """Return evenly spaced logarithms from ``eps * top`` to ``top``; a single one is the top."""
    return np.geomspace(top * eps, top, n_strengths) if n_strengths > 1 else np.array([top])


def _check_strengths(name, value):
    try:
        strengths = np.sort(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        strengths = np.empty(0)
    if np.iterable(value) and len(value) == 0:
        raise ValueError(f"{name}s={value!r} is empty; give at least one strength.")
    if strengths.ndim > 1 and "dropout" not in name:
        raise ValueError(
            f"{name}s={value!r} must be a flat list of strengths; one for each matrix is a pattern "
            f"in {name}, {name}=[1, 0] for example, which every strength multiplies."
        )
    if strengths.ndim != 1 or not strengths.size or any(isinstance(one, str) for one in value):
        raise ValueError(f"{name}s={value!r} must be a number of strengths or a list of them.")
    limit = 1.0 if "dropout" in name else np.inf
    if not (strengths >= 0).all() or not (strengths < limit).all():
        raise ValueError(
            f"{name}s={value!r} must hold numbers of at least 0 and below {limit:g}; 0 is off."
        )
    return strengths
