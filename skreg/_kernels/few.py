"""A layer for a few rows: straight from the row-major weights, without packing them first.

For a handful of rows, packing the weights would cost more than the product. Each weight is read
once here. Sums run over k in the order of the tiles, so a row gets the same bits alone as among
sixty thousand.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.activations import LOGISTIC, SOFTPLUS, activate_values
from skreg._kernels.simd import STORE, VECTOR_BYTES, multiply_add, row_tile_1, row_tile_4


@jit
def layer_of_few(values, lead, coef, bias, code, out):
    """Compute one layer for a few rows.

    Parameters
    ----------
    values : array of shape (n_rows * lead,)
        Input rows, ``lead`` apart.
    lead : int
    coef : array of shape (fan_in, fan_out)
    bias : array of shape (width,)
        Padded with zeros to whole vectors.
    code : int
        Of the activation.
    out : array of shape (n_rows * width,)
        Overwritten by the activations; its padding by zeros.
    """
    fan_in, fan_out = coef.shape
    weights = coef.reshape(fan_in * fan_out)
    n_rows = values.size // lead
    for i in range(n_rows):
        _products(values, i * lead, weights, (fan_in, fan_out), out, i * bias.size)
    activate_values(code, out, bias, bias.size, n_rows)
    if code == LOGISTIC or code == SOFTPLUS:
        for i in range(n_rows):
            for j in range(fan_out, bias.size):
                out[i * bias.size + j] = 0


@jit
def _products(values, at, weights, shape, out, goal):
    """Compute the products of the row at ``values[at:]``: vectors first, then what is left."""
    fan_in, fan_out = shape
    width = VECTOR_BYTES // weights.itemsize
    mode = np.int64(STORE)
    j = 0
    while j + 4 * width <= fan_out:
        row_tile_4(values, at, 0, 1, weights, j, fan_out, width, fan_in, out, goal + j, 0, width,
                   mode)  # fmt: skip
        j += 4 * width
    while j + width <= fan_out:
        row_tile_1(values, at, 0, 1, weights, j, fan_out, width, fan_in, out, goal + j, 0, width,
                   mode)  # fmt: skip
        j += width
    for column in range(j, fan_out):
        total = values.dtype.type(0)
        for k in range(fan_in):
            total = multiply_add(values[at + k], weights[k * fan_out + column], total)
        out[goal + column] = total
