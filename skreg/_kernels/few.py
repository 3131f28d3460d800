"""A layer for a few rows: straight from the row-major weights, without packing them first.

For a handful of rows, packing the weights would cost more than the product. Each weight is read
once here. Sums run over k in the order of the tiles, so a row gets the same bits alone as among
sixty thousand.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.activations import activate_values, keeps_zero
from skreg._kernels.job import part
from skreg._kernels.lanes import count
from skreg._kernels.matmul import (
    STORE,
    TILE_ROWS,
    Multiplication,
    Numbers,
    Panels,
    count_panels,
    product,
)
from skreg._kernels.scratch import free_array, heap_array
from skreg._kernels.simd import row_tile_1, row_tile_4


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
    n_rows, stride = values.size // lead, bias.size
    width = count(weights)
    whole = fan_out // width * width
    _multiply(
        Numbers(values, 0, lead, 1),
        Panels(weights, 0, fan_out, width),
        Panels(out, 0, stride, width),
        (n_rows, fan_in, whole),
    )
    if whole < fan_out:
        rest = _padded_rest(weights, fan_in, fan_out, whole, width)
        _multiply(
            Numbers(values, 0, lead, 1),
            Panels(rest, 0, width, width),
            Panels(out, whole, stride, width),
            (n_rows, fan_in, fan_out - whole),
        )
        free_array(rest)
    activate_values(code, out, bias, stride, n_rows)
    if not keeps_zero(code):
        for i in range(n_rows):
            for j in range(fan_out, stride):
                out[i * stride + j] = 0


@jit
def _padded_rest(weights, fan_in, fan_out, first, width):
    """Return the columns from ``first`` on as one panel, padded with zeros to a whole vector.

    The caller frees it.
    """
    rest = heap_array(weights, fan_in * width)
    for k in range(fan_in):
        for j in range(width):
            rest[k * width + j] = weights[k * fan_out + first + j] if first + j < fan_out else 0
    return rest


@jit
def _multiply(a, b, c, shape):
    """Compute ``C = A B``: whole tiles of rows first, then row by row."""
    n_rows, depth, n_columns = shape
    tiled = n_rows // TILE_ROWS * TILE_ROWS
    mode = np.int64(STORE)
    nothing = part(c.values, 0, 0)
    task = Multiplication(a, b, c, tiled, depth, n_columns, mode, nothing)
    product(task)
    n_panels = count_panels(task)
    for i in range(tiled, n_rows):
        a_i, c_i = a.start + i * a.row, c.start + i * c.row
        p = 0
        while p + 4 <= n_panels:
            row_tile_4(a.values, a_i, 0, a.column, b.values, b.start + p * b.panel, b.row, b.panel,
                       depth, c.values, c_i + p * c.panel, 0, c.panel, mode)  # fmt: skip
            p += 4
        while p < n_panels:
            row_tile_1(a.values, a_i, 0, a.column, b.values, b.start + p * b.panel, b.row, b.panel,
                       depth, c.values, c_i + p * c.panel, 0, c.panel, mode)  # fmt: skip
            p += 1
