"""Links: codes, and the functions that turn raw outputs into means or probabilities, and back."""

import numpy as np

from skreg._jit import inlined, jit
from skreg._kernels.elementary import exp, exp_below_zero, logistic
from skreg._kernels.lanes import count, load, store, where
from skreg._kernels.outputs import read_outputs, write_outputs
from skreg._kernels.scratch import free_array, heap_array

LINK_IDENTITY, LINK_EXP, LINK_LOGISTIC, LINK_SOFTMAX = range(4)

LINK_CODES = {
    "identity": LINK_IDENTITY,
    "exp": LINK_EXP,
    "logistic": LINK_LOGISTIC,
    "softmax": LINK_SOFTMAX,
}

TINY = float(np.finfo(np.float32).tiny)  # stands for means of zero, which no raw output has


def raw_outputs(link, mean):
    """Return the raw outputs that a link, one of ``LINK_CODES``, turns into means: its inverse."""
    if link == "identity":
        return mean
    raw = np.log(np.where(mean > 0, mean, TINY))
    return raw - np.log(np.where(mean < 1, 1.0 - mean, TINY)) if link == "logistic" else raw


@inlined
def exponentials(block, n_outputs):
    """Replace raw outputs by exp(raw - maximum of the row); return the maxima and the sums."""
    n = count(block)
    highest = load(block, 0)
    for j in range(1, n_outputs):
        x = load(block, j * n)
        highest = where(x > highest, x, highest)
    total = highest * 0.0
    for j in range(n_outputs):
        x = exp_below_zero(load(block, j * n) - highest)
        store(block, j * n, x)
        total = total + x
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
    if link == LINK_SOFTMAX:
        _apply_softmax(raw, shape)
        return
    for i in range(shape.n_rows):
        for j in range(i * shape.lead, i * shape.lead + shape.width, count(raw)):
            store(raw, j, _link(link, load(raw, j)))


@inlined
def _apply_softmax(raw, shape):
    """Turn raw outputs into the probabilities of classes, in place."""
    n = count(raw)
    block = heap_array(raw, shape.width * n)
    for start in range(0, shape.n_rows, n):
        n_rows = min(n, shape.n_rows - start)
        read_outputs(raw, start, n_rows, shape, block)
        _, total = exponentials(block, shape.n_outputs)
        for j in range(shape.n_outputs):
            store(block, j * n, load(block, j * n) / total)
        write_outputs(block, start, n_rows, shape, raw)
    free_array(block)
