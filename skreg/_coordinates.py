"""The variables in which L-BFGS looks for the minimum of a linear model.

Columns of X whose means are far from zero tie their weights to the bias, and columns of different
scales bend J by different amounts: L-BFGS, which begins with the same curvature everywhere, would
end far from the minimum. J itself stays what it is; only its variables are others.
"""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import gen_batches

from skreg._architecture import views
from skreg._entries import canonical
from skreg._kernels.links import raw_outputs
from skreg._kernels.losses import (
    BINARY_LOG_LOSS,
    GAMMA,
    HUBER,
    LINKS,
    LOG_LOSS,
    POISSON,
    SOFT_LOG_LOSS,
    SQUARED_ERROR,
)

ENTRIES_AT_A_TIME = 2**18  # that are converted to double precision
NEGLIGIBLE = 1e-10  # of variables whose usual size is 1
# Of the mean of a Poisson distribution, relative to the largest one beside it: a step of 1 in these
# variables takes a raw output at most 100 further. Where its exp overflows, L-BFGS-B gives up.
LEAST_CURVATURE = 1e-4
LEAST_SPREAD = 1e-10  # of a column, relative to its size: below, it is constant but for rounding


class Plain:
    """The parameters themselves."""

    def __init__(self, objective):
        self.bends = objective.terms.curvature
        self.l1, self.unit = objective.l1, 1.0

    def of(self, flat):
        """Return the variables that stand for flat parameters, as a new vector."""
        return flat.astype(np.float64)

    def flat(self, x):
        """Return the flat parameters that variables stand for."""
        return x

    def pull_back(self, value, gradient):
        """Return the value of J and its gradient with respect to the variables."""
        return value, gradient


class Standardized:
    """Weights of centred columns, each scaled so that J bends by about 1 along it (Jacobi).

    ``u_jk = s_jk w_jk`` and ``c_k = s_k (b_k + sum_j m_j w_jk)`` with the mean m_j of a column and
    ``s_jk^2 = (h_k v_j + l2_jk + l2_anchor_jk) / unit``, where v_j is its variance, h_k the mean
    curvature of the loss of an output, and ``s_k^2 = h_k / unit``. J is divided by ``unit``, which
    is of the size of the loss without weights: what L-BFGS compares has no units. Scales are
    rounded to powers of two: no bits depend on how a variance was summed.

    Parameters
    ----------
    objective : Objective
        Of a network with a single weight matrix.

    Attributes
    ----------
    l1, bends : array of shape (n_parameters,)
        Strengths of l1, and the least curvature that smooth penalties give, in these variables.
    unit : float
    """

    def __init__(self, objective):
        task, terms = objective.engine.task, objective.terms
        self._units = task.network.units
        rows, index = task.train, objective.engine.order
        mean, variance = moments(rows.X, rows.weight, index)
        if (factors := objective.penalties.factors) is not None:
            mean = np.where(np.isinf(factors), 0.0, mean)  # what is excluded stays at zero
        curvature, self.unit = curvature_of(task.network, rows, index)
        self._bias = bias_of(task.network, rows, index)
        squares = terms.curvature.copy()
        coefs, intercepts = views(squares, self._units)
        coefs[0] += variance[:, None] * curvature
        intercepts[0][:] = curvature
        self._mean = mean[:, None]
        self._scale = power_of_two(np.sqrt(np.where(squares > 0, squares, 1.0) / self.unit))
        self.l1 = objective.l1 / (self._scale * self.unit)
        self.bends = terms.curvature / (self._scale**2 * self.unit)

    def _layer(self, vector):
        coefs, intercepts = views(vector, self._units)
        return coefs[0], intercepts[0]

    def of(self, flat):
        """Return the variables that stand for flat parameters, as a new vector."""
        x = flat.astype(np.float64)
        coef, intercept = self._layer(x)
        intercept += (self._mean * coef).sum(axis=0)
        x *= self._scale
        return x

    def flat(self, x):
        """Return the flat parameters that variables stand for; under l1 rounding is no weight."""
        is_rounding = (self.l1 > 0) & (np.abs(x) < NEGLIGIBLE)
        flat = np.where(is_rounding, 0.0, x / self._scale)
        coef, intercept = self._layer(flat)
        intercept -= (self._mean * coef).sum(axis=0)
        return flat

    def pull_back(self, value, gradient):
        """Return the value of J and its gradient with respect to the variables."""
        gradient = gradient / (self._scale * self.unit)
        coef, intercept = self._layer(gradient)
        scale, of_intercept = self._layer(self._scale)
        with np.errstate(over="ignore", invalid="ignore"):  # where J overflows as well
            coef -= self._mean * (intercept * of_intercept) / scale
        return value / self.unit, gradient

    def of_bias_alone(self):
        """Return the variables of the model that predicts the mean target, without weights."""
        x = np.zeros(self._scale.size)
        self._layer(x)[1][:] = self._bias
        return x * self._scale


def power_of_two(numbers):
    """Return the powers of two that are nearest, in their logarithms, to positive numbers."""
    return np.ldexp(1.0, np.rint(np.log2(numbers)).astype(int))


@np.errstate(over="ignore", invalid="ignore")  # of numbers for which J overflows as well
def moments(X, weight, index):
    """Return the mean and variance of every column of X[index], each row with its weight or with 1.

    No copy of all of a dense X is made. The means have the same bits for dense and sparse rows.
    """
    share = np.ones(index.size) if weight is None else weight[index].astype(np.float64)
    share /= share.sum()
    mean, variance = (of_entries if sp.issparse(X) else of_blocks)(X, share, index)
    spread = variance > LEAST_SPREAD**2 * (mean**2 + variance)
    return mean, np.where(spread, variance, 0.0)


def of_blocks(X, share, index):
    """Return the moments of dense rows, read a block at a time and added row by row."""
    blocks = list(gen_batches(index.size, max(1, ENTRIES_AT_A_TIME // X.shape[1])))
    mean, variance = np.zeros((2, X.shape[1]))
    for rows in blocks:
        terms = share[rows, None] * X[index[rows]]
        terms[0] += mean
        mean = np.cumsum(terms, axis=0)[-1]
    for rows in blocks:
        variance += share[rows] @ (X[index[rows]] - mean) ** 2
    return mean, variance


def of_entries(X, share, index):
    """Return the moments of sparse rows, from their entries in the order of the rows."""
    X = canonical(X.tocsr())[index]
    columns, n_columns = X.indices, X.shape[1]
    share = np.repeat(share, np.diff(X.indptr))
    mean = np.bincount(columns, share * X.data, n_columns)
    variance = np.bincount(columns, share * (X.data - mean[columns]) ** 2, n_columns)
    is_full = np.bincount(columns, minlength=n_columns) == index.size
    of_zeros = np.where(is_full, 0.0, 1.0 - np.bincount(columns, share, n_columns))
    return mean, variance + of_zeros * mean**2


def curvature_of(network, rows, index):
    """Return how much a loss bends on average, per output, and the size of its values.

    Both of the model without weights: at most for log losses, roughly for losses with kinks.
    """
    loss = network.loss
    if loss in (BINARY_LOG_LOSS, LOG_LOSS, SOFT_LOG_LOSS):
        return 0.25, 1.0
    if loss == GAMMA:
        return 1.0, 1.0
    mean, variance = moments(rows.target, rows.weight, index)
    if loss == POISSON:
        curvature = np.where(mean > 0, mean, 1.0)
        curvature = np.maximum(curvature, LEAST_CURVATURE * curvature.max())
        return curvature, float(curvature.mean())
    typical = variance.mean() if variance.any() else 1.0
    spread = np.sqrt(np.where(variance > 0, variance, typical))
    if loss == SQUARED_ERROR:
        curvature = np.ones_like(spread)
    elif loss == HUBER:
        curvature = np.minimum(1.0, network.parameter / spread)
    else:  # lines, whose slope changes by about 1 over the spread
        curvature = 1.0 / spread
    return curvature, float((curvature * spread**2).mean())


def bias_of(network, rows, index):
    """Return the biases with which a model without weights predicts the mean target.

    Far above it, where exp or logistic of a bias falls steeply, a step may go so far below that
    nothing leads back.
    """
    link = LINKS[network.loss]
    if link == "softmax":  # targets are numbers of classes
        codes = rows.target[index, 0].astype(np.intp)
        weight = None if rows.weight is None else rows.weight[index]
        counts = np.bincount(codes, weight, network.units[-1])
        return raw_outputs(link, counts / counts.sum())
    return raw_outputs(link, moments(rows.target, rows.weight, index)[0])
