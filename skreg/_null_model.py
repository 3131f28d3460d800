"""The model without weights: intercepts alone, and the gradient that weights would feel there."""

import copy
from functools import cache, partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq
from sklearn.utils import gen_batches

from skreg._inputs import check_rows
from skreg._kernels.links import raw_outputs
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
from skreg._parameters import hidden_units, pattern_of
from skreg._penalties import Penalties
from skreg._regularization import network_penalties
from skreg._threads import OneBlasThread

ROWS_AT_A_TIME = 4096  # that are converted to double precision


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
    rows, _ = check_rows(probe, (X, y, sample_weight))
    n_matrices = len(hidden_units(probe.hidden_layer_sizes)) + 1
    patterns = {name: pattern_of(probe, name) for name in ("l1", "l2", "group_l1")}
    with OneBlasThread():  # several would sum in another order
        intercept, gradient = _fit_intercepts(probe, rows)
    return NullModel(intercept, gradient, network_penalties(probe, n_matrices), patterns)


def null_on_demand(estimator, rows):
    """Return a function that returns the `NullModel` of rows and fits it at most once.

    Parameters
    ----------
    estimator : BaseMLP
    rows : tuple
        X, y and sample_weight.
    """
    return cache(partial(null_model, estimator, *rows))


def _fit_intercepts(probe, rows):
    """Return the best intercepts, and the gradient of a linear model that has only them."""
    code, parameter = probe._loss()
    target = np.ascontiguousarray(rows.target, dtype=np.float64)
    if code in (LOG_LOSS, SOFT_LOG_LOSS):
        target = np.eye(probe.classes_.size)[target[:, 0].astype(np.intp)]
    share = np.ones(len(target)) if rows.weight is None else rows.weight.astype(np.float64)
    share /= share.sum()
    seen = _smoothed(target, probe._smoothing(), code)
    intercept, delta = INTERCEPTS[code](seen, share, parameter)
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


# Each returns the raw outputs that minimize the mean loss, and its derivative at every row. Where a
# mean is that minimum, of all outputs at once; otherwise of one of them.


def _at_the_mean(link):
    """Return the function of a loss with the link that is natural for it."""

    def fit(y, share, parameter):
        mean = share @ y
        return raw_outputs(link, mean), mean - y

    return fit


def _gamma(y, share, parameter):
    mean = share @ y
    return raw_outputs("exp", mean), 1.0 - y / mean


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


def _huber(y, share, delta):
    return _m_estimate(y, share, lambda r: np.clip(r, -delta, delta))


def _each(fit):
    """Return a function that fits every output as ``fit`` fits one."""

    def fit_each(y, share, parameter):
        centres, slopes = zip(*(fit(column, share, parameter) for column in y.T), strict=True)
        return np.array(centres), np.column_stack(slopes)

    return fit_each


INTERCEPTS = {
    SQUARED_ERROR: _at_the_mean("identity"),
    ABSOLUTE_ERROR: _each(_absolute),
    HUBER: _each(_huber),
    QUANTILE: _each(_quantile),
    POISSON: _at_the_mean("exp"),
    GAMMA: _gamma,
    BINARY_LOG_LOSS: _at_the_mean("logistic"),
    LOG_LOSS: _at_the_mean("softmax"),
    SOFT_LOG_LOSS: _at_the_mean("softmax"),
}
