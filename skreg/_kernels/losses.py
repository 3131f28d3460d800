"""Losses: codes, each loss beside its derivative, one pass over a block of raw outputs.

Losses and derivatives are functions of the *raw* output of the network: the link function (exp,
logistic, softmax) is merged into them, which keeps them exact where the link saturates.

Three layers, from the bottom: functions of lanes ``(z, y, parameter) -> (loss, derivative)``;
`apply`, the choice among them; `evaluate_loss`, which knows weights and memory layout.
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import inlined, jit
from skreg._kernels.elementary import SINGLE, constants, exp, exp_below_zero, log, log1p
from skreg._kernels.lanes import count, load, load_first, store, store_first, where, widened
from skreg._kernels.links import exponentials
from skreg._kernels.outputs import OutputShape, read_outputs, read_targets, write_outputs
from skreg._kernels.scratch import free_array, heap_array

(
    SQUARED_ERROR,
    ABSOLUTE_ERROR,
    HUBER,
    QUANTILE,
    POISSON,
    GAMMA,
    BINARY_LOG_LOSS,
    LOG_LOSS,
    SOFT_LOG_LOSS,
) = range(9)

LOSSES = {
    "squared_error": SQUARED_ERROR,
    "absolute_error": ABSOLUTE_ERROR,
    "huber": HUBER,
    "quantile": QUANTILE,
    "poisson": POISSON,
    "gamma": GAMMA,
}

LN2 = 0.6931471805599453
SINGLE_MANTISSA = SINGLE.mantissa

LINKS = {
    SQUARED_ERROR: "identity",
    ABSOLUTE_ERROR: "identity",
    HUBER: "identity",
    QUANTILE: "identity",
    POISSON: "exp",
    GAMMA: "exp",
    BINARY_LOG_LOSS: "logistic",
    LOG_LOSS: "softmax",
    SOFT_LOG_LOSS: "softmax",
}


class OutputRows(NamedTuple):
    """A block of rows at the outputs: what a loss is computed from, and where it is written."""

    raw: np.ndarray  # (>= n_rows * lead,): raw outputs, bias included
    delta: np.ndarray  # like raw: derivatives times weights; zeros in columns up to the width
    target: np.ndarray  # (n_rows * n_outputs,), or (n_rows,): for LOG_LOSS numbers of classes
    weight: np.ndarray  # (n_rows,), in the dtype of raw
    value: np.ndarray  # (n_rows,), float64: weights times losses, summed over outputs
    shape: OutputShape


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
    slope = where(r > parameter, parameter, where(r < -parameter, -parameter, r))
    return slope * (r - 0.5 * slope), slope


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

    Written with exp(-abs(z)), nothing overflows, and for y in {0, 1} nothing cancels in the
    derivative.
    """
    e = exp_below_zero(-abs(z))
    miss = where(z > 0.0, (1.0 - y) - y * e, (1.0 - y) * e - y)
    loss = where(z > 0.0, z, 0.0) - y * z + log1p(e)
    loss = _of_rounded(loss, where(y > 0.0, -1.0, z), 1.0 / (e + 1.0), parameter)
    return clipped(loss, parameter), miss / (e + 1.0)


@inlined
def _of_rounded(loss, z, p, slack):
    """Return the log loss of y = 0 as scikit-learn measures it: log(1 - p) of p as it is rounded.

    Where z is large, that is a step function, and where L-BFGS goes depends on its steps. In
    single precision, where they would be wide, and with an infinite ``slack`` the loss stays
    smooth.
    """
    if constants(loss).mantissa == SINGLE_MANTISSA:
        return loss
    left = 1.0 - p
    is_rounded = where(z > 0.0, left, 0.0) > loss * 0.0 + slack
    return where(is_rounded, -log(where(is_rounded, left, 1.0)), loss)


@inlined
def clipped(loss, slack):
    """Return a log loss in which probabilities are at least the machine epsilon.

    So scikit-learn measures it, and decides by it when to stop. Its derivative is that of the
    loss as it is. An infinite ``slack`` clips nothing.
    """
    largest = slack + constants(loss).mantissa * LN2
    return where(loss > largest, largest, loss)


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
def evaluate_loss(code, parameter, rows):
    """Compute the weighted losses of a block and their derivatives.

    Rows of weight zero count as exact zeros, whatever their raw outputs are.

    Parameters
    ----------
    code : int
        One of the codes of losses.
    parameter : float
        ``huber_delta``, ``quantile`` or, for log losses, the slack of `clipped`; otherwise unused.
    rows : OutputRows
        Its ``delta`` and ``value`` are overwritten.
    """
    if code == LOG_LOSS:
        _evaluate_classes(parameter, rows)
    else:
        _evaluate_outputs(code, parameter, rows)


@inlined
def _evaluate_outputs(code, parameter, rows):
    """Evaluate a loss that is a sum over outputs."""
    raw, delta, target, weight, value, shape = rows
    n = count(raw)
    # Rows of one array would be vectors of another type, and everything compiled once more.
    block, targets = heap_array(raw, shape.width * n), heap_array(raw, shape.width * n)
    for start in range(0, shape.n_rows, n):
        n_rows = min(n, shape.n_rows - start)
        scale = load_first(weight, start, n_rows, 0.0)
        read_outputs(raw, start, n_rows, shape, block)
        read_targets(target, start, n_rows, shape.n_outputs, targets)
        total = widened(scale) * 0.0
        for j in range(shape.n_outputs):
            loss, slope = apply(code, load(block, j * n), load(targets, j * n), parameter)
            total = total + widened(where(scale == 0.0, 0.0, loss))
            store(block, j * n, where(scale == 0.0, 0.0, slope * scale))
        store_first(value, start, n_rows, widened(scale) * total)
        write_outputs(block, start, n_rows, shape, delta)
    free_array(block)
    free_array(targets)


@inlined
def evaluate_soft(rows):
    """Evaluate the log loss of softmax probabilities against probabilities that sum to one.

    As `evaluate_loss`, of which it is no part: few fits have such targets.
    """
    raw, delta, target, weight, value, shape = rows
    n = count(raw)
    block, targets = heap_array(raw, shape.width * n), heap_array(raw, shape.width * n)
    for start in range(0, shape.n_rows, n):
        n_rows = min(n, shape.n_rows - start)
        scale = load_first(weight, start, n_rows, 0.0)
        read_outputs(raw, start, n_rows, shape, block)
        read_targets(target, start, n_rows, shape.n_outputs, targets)
        first = load(block, 0)
        of_label = first  # plus how far the mean raw output is from it: targets may not quite sum
        for j in range(shape.n_outputs):  # to one
            of_label = of_label + load(targets, j * n) * (load(block, j * n) - first)
        highest, total = exponentials(block, shape.n_outputs)
        factor = scale / total
        for j in range(shape.n_outputs):
            slope = load(block, j * n) * factor - load(targets, j * n) * scale
            store(block, j * n, where(scale == 0.0, 0.0, slope))
        loss = where(scale == 0.0, 0.0, log(total) - (of_label - highest))
        store_first(value, start, n_rows, widened(scale) * widened(loss))
        write_outputs(block, start, n_rows, shape, delta)
    free_array(block)
    free_array(targets)


@inlined
def _evaluate_classes(parameter, rows):
    """Evaluate the log loss of softmax probabilities; targets are numbers of classes."""
    raw, delta, target, weight, value, shape = rows
    n = count(raw)
    block = heap_array(raw, shape.width * n)
    for start in range(0, shape.n_rows, n):
        n_rows = min(n, shape.n_rows - start)
        scale = load_first(weight, start, n_rows, 0.0)
        label = load_first(target, start, n_rows, 0.0)
        read_outputs(raw, start, n_rows, shape, block)
        of_label = load(block, 0)
        for j in range(1, shape.n_outputs):
            of_label = where(label == j, load(block, j * n), of_label)
        highest, total = exponentials(block, shape.n_outputs)
        factor = scale / total
        for j in range(shape.n_outputs):
            slope = load(block, j * n) * factor - where(label == j, scale, 0.0)
            store(block, j * n, where(scale == 0.0, 0.0, slope))
        loss = where(scale == 0.0, 0.0, clipped(log(total) - (of_label - highest), parameter))
        store_first(value, start, n_rows, widened(scale) * widened(loss))
        write_outputs(block, start, n_rows, shape, delta)
    free_array(block)
