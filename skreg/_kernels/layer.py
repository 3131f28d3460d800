"""A layer of a prediction: from the row-major weights, of which there is no packed copy.

For a handful of rows, packing the weights would cost more than the product: each weight is read
once here, where it is. From a tile of rows on, some panels at a time are packed into a room that
stays in the cache. Sums run over k in the order of the tiles, so a row gets the same bits alone as
among sixty thousand.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.activations import activate_values
from skreg._kernels.job import part
from skreg._kernels.lanes import count, load_first, multiply_add, store
from skreg._kernels.matmul import Multiplication, count_panels, product
from skreg._kernels.scratch import free_array, heap_array
from skreg._kernels.sparse import multiply_entries
from skreg._kernels.tiles import STORE, TILE_ROWS, Numbers, Panels, row_tile_1, row_tile_4

PACKED_AT_ONCE = 6  # panels: two wide tiles


@jit
def dense_layer(values, lead, coef, bias, code, out):
    """Compute one layer for some rows.

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
        Overwritten by the activations; what is in its padding has no meaning.
    """
    fan_in, fan_out = coef.shape
    n_rows, stride = values.size // lead, bias.size
    weights, a = coef.reshape(fan_in * fan_out), Numbers(values, 0, lead, 1)
    width = count(weights)
    n_panels, in_place = stride // width, 0
    if n_rows < TILE_ROWS:
        in_place = fan_out // width
        b, c = Panels(weights, 0, fan_out, width), Panels(out, 0, stride, width)
        _multiply(a, b, c, (n_rows, fan_in, in_place * width))
    room = heap_array(weights, fan_in * width * min(PACKED_AT_ONCE, n_panels - in_place))
    for p in range(in_place, n_panels, PACKED_AT_ONCE):
        n_packed = min(PACKED_AT_ONCE, n_panels - p)
        _pack(coef, weights, p, n_packed, room)
        b, c = Panels(room, 0, width, fan_in * width), Panels(out, p * width, stride, width)
        _multiply(a, b, c, (n_rows, fan_in, min(n_packed * width, fan_out - p * width)))
    free_array(room)
    activate_values(code, out, bias, stride, n_rows)


@jit
def sparse_layer(entries, coef, bias, code, out):
    """Compute one layer for the rows whose nonzeros are ``entries``; see `dense_layer`."""
    fan_in, fan_out = coef.shape
    weights, stride = coef.reshape(fan_in * fan_out), bias.size
    width = count(weights)
    whole = fan_out // width
    b, c = Panels(weights, 0, fan_out, width), Panels(out, 0, stride, width)
    multiply_entries(entries, b, c, whole, np.int64(STORE))
    last = whole * width
    if last < fan_out:
        b, c = Panels(weights, last, fan_out, width), Panels(out, last, stride, width)
        _multiply_last(entries, b, c, fan_out - last)
    activate_values(code, out, bias, stride, entries.ends.size)


@jit
def _multiply_last(entries, b, c, n_columns):
    """Multiply rows by the last columns of B, which are no whole vector; those of C are."""
    values, places, at, ends = entries
    for i in range(ends.size):
        total = load_first(b.values, 0, 0, 0.0)
        for k in range(at, ends[i]):
            weights = load_first(b.values, b.start + places[k] * b.row, n_columns, 0.0)
            total = multiply_add(values[k], weights, total)
        store(c.values, c.start + i * c.row, total)
        at = ends[i]


@jit
def _pack(coef, weights, first, n_panels, room):
    """Copy panels from number ``first`` on to the room, the last one padded to a whole vector."""
    fan_in, fan_out = coef.shape
    width = count(weights)
    for k in range(fan_in):
        for p in range(n_panels):
            column = (first + p) * width
            found = load_first(weights, k * fan_out + column, fan_out - column, 0.0)
            store(room, (p * fan_in + k) * width, found)


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
        left, c_i = Numbers(a.values, a.start + i * a.row, 0, a.column), c.start + i * c.row
        p = 0
        while p < n_panels:
            right = Panels(b.values, b.start + p * b.panel, b.row, b.panel)
            out = Panels(c.values, c_i + p * c.panel, 0, c.panel)
            if p + 4 <= n_panels:
                row_tile_4(left, right, depth, out, mode)
                p += 4
            else:
                row_tile_1(left, right, depth, out, mode)
                p += 1
