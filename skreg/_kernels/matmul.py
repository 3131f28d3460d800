"""Matrix products over panels, and the packing of weights into them.

A *panel* is a column of hardware vectors: columns ``p * V .. (p + 1) * V`` of a matrix, row below
row. Weights live in panels ``[panel][fan_in row][lane]``, padded with zeros to whole vectors and
to whole tiles of rows, so every product runs over full tiles and no mask is ever needed.
"""

from typing import NamedTuple

import numba
import numpy as np

from skreg._jit import jit
from skreg._kernels import tiles
from skreg._kernels.lanes import count, prefetch_to_write
from skreg._kernels.simd import VECTOR_BYTES, lanes
from skreg._kernels.tiles import (
    ADD,
    HALVES,
    MULTIPLY,
    PANELS_OF_WIDE_TILE,
    PLUS,
    ROWS_OF_WIDE_TILE,
    TILE_ROWS,
    Numbers,
    Panels,
)


class Multiplication(NamedTuple):
    """The arguments of `product`: ``C = A B`` (STORE), ``C += A B`` or ``C *= A B``.

    ADD lets the sums of the product begin with C, PLUS adds C to them at the end; MULTIPLY is
    element-wise. What is ``updated`` next, at the places of C, is fetched meanwhile; it is empty
    where that is nothing.
    """

    a: Numbers  # shape (n_rows, depth)
    b: Panels  # of ``n_columns`` columns, padded to whole vectors, as those of ``c`` are
    c: Panels
    n_rows: int
    depth: int
    n_columns: int
    mode: int
    updated: np.ndarray


@jit
def tiled(n_rows):
    """Return a number of rows, rounded up to whole tiles."""
    return (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS


@jit
def count_panels(task):
    """Return how many vectors wide the result of a task is."""
    width = count(task.a.values)
    return (task.n_columns + width - 1) // width


@jit
def whole_tiles(task):
    """Return the task with its rows rounded up to whole tiles, as `product` wants them."""
    a, b, c, n_rows, depth, n_columns, mode, updated = task
    return Multiplication(a, b, c, tiled(n_rows), depth, n_columns, mode, updated)


@jit
def fetch_to_update(task, rows, panels):
    """Ask for what is updated at the places of some rows and panels of C.

    A line of the cache that another core has read takes long until this one may write to it.
    """
    c = task.c
    if task.updated.size > 0:
        for p in range(panels[0], panels[1]):
            for i in range(rows[0], rows[1]):
                prefetch_to_write(task.updated, c.start + i * c.row + p * c.panel)


@jit
def is_half(n_missing, width):
    """Return whether the last panel, where so many columns are missing, takes half vectors."""
    return HALVES and 2 * n_missing >= width


def _product(task):
    """Carry out a `Multiplication` of whole tiles: ``n_rows`` is a multiple of `TILE_ROWS`.

    Panels are the outer loop: a group of them stays in the second-level cache while all rows pass
    by.
    """
    a, b, c, n_rows, depth, n_columns, mode, _ = task
    width, n_panels = count(a.values), count_panels(task)
    half = is_half(n_panels * width - n_columns, width)
    p = 0
    while p < n_panels:
        group = _group(n_panels - p, half)
        step = ROWS_OF_WIDE_TILE if group > 1 else TILE_ROWS
        right, c_at = Panels(b.values, b.start + p * b.panel, b.row, b.panel), c.start + p * c.panel
        for i in range(0, n_rows, step):
            left = Numbers(a.values, a.start + i * a.row, a.row, a.column)
            out = Panels(c.values, c_at + i * c.row, c.row, c.panel)
            fetch_to_update(task, (i, i + step), (p, p + max(group, 1)))
            if group == 3:
                tiles.tile_3(left, right, depth, out, mode)
            elif group == 2:
                tiles.tile_2(left, right, depth, out, mode)
            elif group == 1:
                tiles.tile_1(left, right, depth, out, mode)
            else:
                tiles.tile_half(left, right, depth, out, mode)
        p += max(group, 1)


@jit
def _group(n_left, half):
    """Return how many of the panels that are left go into the next tile; 0 is half a panel."""
    n_whole = n_left - 1 if half else n_left
    if n_whole == PANELS_OF_WIDE_TILE + 1:
        return 2  # two tiles of 2 keep more accumulators busy than 3 and 1
    return min(PANELS_OF_WIDE_TILE, n_whole)


def product_reference(task):
    """Compute what `product` computes with ``np.dot``: its oracle, and its stand-in without JIT."""
    a, b, c, n_rows, depth, n_columns, mode, _ = task
    size = a.values.itemsize
    n_panels = -(-n_columns // (VECTOR_BYTES // size))
    left = np.lib.stride_tricks.as_strided(
        a.values[a.start :], (n_rows, depth), (a.row * size, a.column * size)
    )
    right = _as_matrices(b, depth, n_panels)
    out = _as_matrices(c, n_rows, n_panels)
    for p in range(n_panels):
        result = np.dot(left, right[p])
        if mode in (ADD, PLUS):
            out[p] += result
        elif mode == MULTIPLY:
            out[p] *= result
        else:
            out[p] = result


def _as_matrices(panels, n_rows, n_panels):
    """View `Panels` as an array of shape (n_panels, n_rows, V)."""
    size = panels.values.itemsize
    shape = (n_panels, n_rows, VECTOR_BYTES // size)
    strides = (panels.panel * size, panels.row * size, size)
    return np.lib.stride_tricks.as_strided(panels.values[panels.start :], shape, strides)


product = product_reference if numba.config.DISABLE_JIT else jit(_product)


def pack(matrix, out, start, n_rows):
    """Write ``matrix`` (fan_in, fan_out) into panels of ``n_rows`` rows at ``out[start:]``."""
    for panel, columns in _panels(matrix, out, start, n_rows):
        panel[:] = columns


def unpack(packed, start, n_rows, matrix):
    """Write panels of ``n_rows`` rows at ``packed[start:]`` into ``matrix`` (fan_in, fan_out)."""
    for panel, columns in _panels(matrix, packed, start, n_rows):
        columns[:] = panel


def _panels(matrix, packed, start, n_rows):
    """Yield panels, without their padding, beside the columns of ``matrix`` that they hold.

    They are of shape (n_panels, fan_in, n_columns): all whole panels, and a last one in part.
    """
    width = lanes(packed.dtype)
    fan_in, fan_out = matrix.shape
    n_whole, rest = divmod(fan_out, width)
    panels = packed[start:][: -(-fan_out // width) * n_rows * width].reshape(-1, n_rows, width)
    columns = matrix[:, : n_whole * width].reshape(fan_in, n_whole, width).transpose(1, 0, 2)
    yield panels[:n_whole, :fan_in], columns
    if rest:
        yield panels[-1, :fan_in, :rest], matrix[:, -rest:]
