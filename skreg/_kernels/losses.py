"""Losses: codes, each loss beside its derivative, one pass over a block of raw outputs.

Losses and derivatives are functions of the *raw* output of the network: the link function (exp,
logistic, softmax) is merged into them, which keeps them exact where the link saturates.

Three layers, from the bottom: functions of lanes ``(z, y, parameter) -> (loss, derivative)``;
`apply`, the choice among them; `evaluate_loss`, which knows weights and memory layout.
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import jit
from skreg._kernels.elementary import exp, log, log1p, logistic
from skreg._kernels.lanes import (
    count,
    inlined,
    largest,
    load,
    load_first,
    numbers,
    store,
    total_of,
    where,
)

(
    SQUARED_ERROR,
    ABSOLUTE_ERROR,
    HUBER,
    QUANTILE,
    POISSON,
    GAMMA,
    BINARY_LOG_LOSS,
    LOG_LOSS,
) = range(8)

LOSSES = {
    "squared_error": SQUARED_ERROR,
    "absolute_error": ABSOLUTE_ERROR,
    "huber": HUBER,
    "quantile": QUANTILE,
    "poisson": POISSON,
    "gamma": GAMMA,
}

LINK_IDENTITY, LINK_EXP, LINK_LOGISTIC, LINK_SOFTMAX = range(4)

LINK_CODES = {
    "identity": LINK_IDENTITY,
    "exp": LINK_EXP,
    "logistic": LINK_LOGISTIC,
    "softmax": LINK_SOFTMAX,
}

LINKS = {
    SQUARED_ERROR: "identity",
    ABSOLUTE_ERROR: "identity",
    HUBER: "identity",
    QUANTILE: "identity",
    POISSON: "exp",
    GAMMA: "exp",
    BINARY_LOG_LOSS: "logistic",
    LOG_LOSS: "softmax",
}


class OutputShape(NamedTuple):
    """Layout of a block of raw outputs: element (i, j) stands at ``i * lead + j``."""

    n_rows: int
    n_outputs: int
    lead: int  # distance between the starts of two rows
    width: int  # columns with their padding: whole vectors


@inlined
def squared_error(z, y, parameter):
    """Return (z - y)**2 / 2 and its derivative."""
    r = z - y
    return 0.5 * r * r, r


@inlined
def absolute_error(z, y, parameter):
    """Return abs(z - y) and its derivative, which is 0 at 0."""
    r = z - y
    # Where r is neither positive nor negative it is 0 or NaN: so is the derivative.
    return abs(r), where(r > 0.0, 1.0, where(r < 0.0, -1.0, r))


@inlined
def huber(z, y, parameter):
    """Return the loss of Huber (1964) and its derivative: z - y, clipped at ``parameter``."""
    r = z - y
    clipped = where(r > parameter, parameter, where(r < -parameter, -parameter, r))
    return clipped * (r - 0.5 * clipped), clipped


@inlined
def quantile(z, y, parameter):
    """Return the pinball loss of the quantile ``parameter`` and its derivative, 0 at 0."""
    r = z - y
    slope = where(r > 0.0, 1.0 - parameter, where(r < 0.0, -parameter, r))
    return slope * r, slope


@inlined
def poisson(z, y, parameter):
    """Return half the Poisson deviance of the mean exp(z) and its derivative."""
    mean = exp(z)
    constant = where(y > 0.0, y * log(y) - y, 0.0)
    return mean - y * z + constant, mean - y


@inlined
def gamma(z, y, parameter):
    """Return half the gamma deviance of the mean exp(z) and its derivative."""
    ratio = y * exp(-z)
    return ratio + z - log(y) - 1.0, 1.0 - ratio


@inlined
def binary_log_loss(z, y, parameter):
    """Return the log loss of the probability ``logistic(z)`` and its derivative.

    Written with exp(-abs(z)), nothing overflows, and for y in {0, 1} nothing cancels.
    """
    e = exp(-abs(z))
    miss = where(z > 0.0, (1.0 - y) - y * e, (1.0 - y) * e - y)
    return where(z > 0.0, z, 0.0) - y * z + log1p(e), miss / (e + 1.0)


@inlined
def apply(code, z, y, parameter):
    """Return the loss of number ``code`` and its derivative."""
    if code == SQUARED_ERROR:
        return squared_error(z, y, parameter)
    elif code == ABSOLUTE_ERROR:
        return absolute_error(z, y, parameter)
    elif code == HUBER:
        return huber(z, y, parameter)
    elif code == QUANTILE:
        return quantile(z, y, parameter)
    elif code == POISSON:
        return poisson(z, y, parameter)
    elif code == GAMMA:
        return gamma(z, y, parameter)
    return binary_log_loss(z, y, parameter)


@jit
def evaluate_loss(code, parameter, raw, delta, target, weight, value, shape):
    """Compute the weighted losses of a block and their derivatives.

    Rows of weight zero count as exact zeros, whatever their raw outputs are.

    Parameters
    ----------
    code : int
        One of the codes of losses.
    parameter : float
        ``huber_delta`` or ``quantile``; unused by the other losses.
    raw : array of shape (>= n_rows * lead,)
        Raw outputs, bias included.
    delta : array like ``raw``
        Overwritten by the derivatives with respect to ``raw``, times the row's weight; by zeros
        in the padding columns from ``n_outputs`` to ``width``.
    target : array of shape (n_rows * n_outputs,) or (n_rows,)
        Targets row by row; for ``LOG_LOSS`` the number of the class, one per row.
    weight : array of shape (n_rows,)
        Weights of the rows, in the dtype of ``raw``.
    value : float64 array of shape (n_rows,)
        Overwritten by each row's weight times its loss, summed over outputs.
    shape : OutputShape
        Numbers of rows and columns.
    """
    if code == LOG_LOSS:
        _evaluate_classes(raw, delta, target, weight, value, shape)
    else:
        _evaluate_outputs(code, parameter, raw, delta, target, weight, value, shape)


@inlined
def _evaluate_outputs(code, parameter, raw, delta, target, weight, value, shape):
    """Evaluate a loss that is a sum over outputs."""
    for i in range(shape.n_rows):
        # A row of weight zero counts as a row without columns.
        n = shape.n_outputs if weight[i] != 0 else 0
        value[i] = 0.0
        for j in range(0, shape.width, count(raw)):
            at = i * shape.lead + j
            y = load_first(target, i * shape.n_outputs + j, n - j, 1.0)
            loss, slope = apply(code, load(raw, at), y, parameter)
            used = numbers(y) < n - j
            store(delta, at, where(used, slope * weight[i], 0.0))
            value[i] += weight[i] * np.float64(total_of(where(used, loss, 0.0)))


@inlined
def _evaluate_classes(raw, delta, target, weight, value, shape):
    """Evaluate the log loss of softmax probabilities; targets are numbers of classes."""
    n = shape.n_rows
    sums = np.empty((n + count(raw) - 1) // count(raw) * count(raw), raw.dtype)
    for i in range(n):
        label = int(target[i])
        top, sums[i] = _softmax(raw, delta, i, shape, weight[i], label)
        value[i] = raw[i * shape.lead + label] - top
    for i in range(0, n, count(raw)):
        store(sums, i, log(load(sums, i)))
    for i in range(n):
        value[i] = np.float64(weight[i]) * (sums[i] - value[i]) if weight[i] != 0 else 0.0


@inlined
def _softmax(raw, out, i, shape, scale, label):
    """Write ``scale`` times (softmax of row ``i`` minus one in column ``label``).

    Return the maximum of the row and the sum of exp(raw - maximum).
    """
    start = i * shape.lead
    n = shape.n_outputs if scale != 0 else 0
    top = load_first(raw, start, n, -np.inf)
    for j in range(count(raw), shape.width, count(raw)):
        x = load_first(raw, start + j, n - j, -np.inf)
        top = where(x > top, x, top)
    highest = largest(top)
    sums = numbers(top) * 0.0
    for j in range(0, shape.width, count(raw)):
        # The exponential of -inf would be zero as well, but underflow is slow.
        x = exp(load_first(raw, start + j, n - j, highest) - highest)
        x = where(numbers(x) < n - j, x, 0.0)
        store(out, start + j, x)
        sums = sums + x
    total = total_of(sums)
    for j in range(0, shape.width, count(raw)):
        x = load(out, start + j) * (scale / total)
        x = x - where(numbers(x) == label - j, scale, 0.0)
        store(out, start + j, where(numbers(x) < n - j, x, 0.0))
    return highest, total


@inlined
def _link(link, x):
    return exp(x) if link == LINK_EXP else logistic(x)


@jit
def apply_link(link, raw, shape):
    """Turn raw outputs into predictions, in place.

    Parameters
    ----------
    link : int
        One of the values of ``LINK_CODES``.
    raw : array of shape (>= n_rows * lead,)
        Raw outputs; overwritten by means or probabilities.
    shape : OutputShape
        Numbers of rows and columns.
    """
    if link == LINK_IDENTITY:
        return
    for i in range(shape.n_rows):
        if link == LINK_SOFTMAX:
            _softmax(raw, raw, i, shape, raw.dtype.type(1), -1)
            continue
        for j in range(i * shape.lead, i * shape.lead + shape.width, count(raw)):
            store(raw, j, _link(link, load(raw, j)))
