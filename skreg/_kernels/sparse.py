"""Sparse rows: the first layer straight from the nonzeros, in the order of the dense product.

What the other kernels call here are plugs: a fit of dense rows does not compile them.

Forward, the entries of a row pick rows of the weights. For the gradient a batch is transposed
first, so that the entries of a column pick rows of deltas: a row of the gradient is then summed in
registers and written once.
"""

from typing import NamedTuple

import numba
import numpy as np

from skreg._jit import jit
from skreg._kernels import tiles
from skreg._kernels.job import (
    BATCH_ROWS,
    BY_COLUMN,
    COLUMN_ENDS,
    COLUMNS,
    DELTAS,
    LEAD,
    MEMORY,
    PANELS,
    SPARSE,
    STARTS,
    UNITS,
    X_COLUMNS,
    X_STARTS,
    X,
    indices,
    integers,
    lanes_of,
    numbers,
    part,
)
from skreg._kernels.random import bits, halves, mix
from skreg._kernels.simd import lanes
from skreg._kernels.tiles import STORE, Nonzeros, Panels


class Entries(NamedTuple):
    """The nonzeros of consecutive rows or columns, one after the other.

    Of each there are its value and where it stands: the column of a row's, the row of a column's.
    """

    values: np.ndarray
    places: np.ndarray
    start: int  # where those of the first one begin
    ends: np.ndarray  # where those of every one end


@jit
def gather_sparse(job, source, index, first, last):
    """Copy CSR rows to the batch; every thread counts the entries of the rows before its own."""
    values, columns = numbers(job, source.slot + X), indices(job, source.slot + X_COLUMNS)
    starts = integers(job, source.slot + X_STARTS)
    out, out_columns = numbers(job, SPARSE), indices(job, COLUMNS)
    out_starts = integers(job, STARTS)
    at = 0
    for i in range(first):
        at += starts[index[i] + 1] - starts[index[i]]
    for i in range(first, last):
        out_starts[i] = at  # the end of another thread's last row, which writes the same number
        for k in range(starts[index[i]], starts[index[i] + 1]):
            out[at] = values[k]
            out_columns[at] = columns[k]
            at += 1
        out_starts[i + 1] = at
    return True


@jit
def drop_sparse_inputs(job, key, threshold, factor, first, last):
    """Drop entries of batch rows ``first:last``: the draws are those of the dense input."""
    values, columns = numbers(job, SPARSE), indices(job, COLUMNS)
    starts = integers(job, STARTS)
    zero = values.dtype.type(0)
    for i in range(first, last):
        low, high = halves(mix(key, i))
        for k in range(starts[i], starts[i + 1]):
            values[k] *= factor if bits(low, high, np.int64(columns[k])) >= threshold else zero
    return True


def _multiply_entries(entries, b, c, n_panels, mode):
    """Multiply the rows (or columns) whose nonzeros are ``entries`` by B: a row of C for each.

    Places are rows of B, of which there are ``n_panels`` panels. The mode is STORE, ADD, which
    lets sums begin with C, or PLUS, which adds C to them at the end.
    """
    values, places, at, ends = entries
    for i in range(ends.size):
        row = Nonzeros(values, places, at, ends[i] - at)
        p = 0 if row.count > 0 or mode == STORE else n_panels
        while p < n_panels:
            right = Panels(b.values, b.start + p * b.panel, b.row, b.panel)
            out = Panels(c.values, c.start + i * c.row + p * c.panel, c.row, c.panel)
            if n_panels - p >= 8:
                tiles.sparse_tile_8(row, right, out, mode)
                p += 8
            elif n_panels - p >= 4:
                tiles.sparse_tile_4(row, right, out, mode)
                p += 4
            elif n_panels - p >= 2:
                tiles.sparse_tile_2(row, right, out, mode)
                p += 2
            else:
                tiles.sparse_tile_1(row, right, out, mode)
                p += 1
        at = ends[i]


def multiply_entries_reference(entries, b, c, n_panels, mode):
    """Compute what `multiply_entries` computes, entry by entry with NumPy; PLUS is ADD here."""
    width = lanes(c.values.dtype)
    values, places, start, ends = entries
    for i, end in enumerate(ends):
        for p in range(n_panels):
            at = c.start + i * c.row + p * c.panel
            total = np.zeros(width, c.values.dtype)
            if mode != STORE:
                total += c.values[at : at + width]
            for k in range(start, end):
                b_at = b.start + places[k] * b.row + p * b.panel
                total += values[k] * b.values[b_at : b_at + width]
            c.values[at : at + width] = total
        start = end


multiply_entries = (
    multiply_entries_reference if numba.config.DISABLE_JIT else jit(_multiply_entries)
)


@jit
def sparse_product(job, b, c, first, last, n_panels):
    """Compute ``C = X B`` for CSR rows ``first:last`` of the batch; C begins at row ``first``."""
    starts = integers(job, STARTS)
    ends = part(starts, first + 1, last - first)
    entries = Entries(numbers(job, SPARSE), indices(job, COLUMNS), starts[first], ends)
    multiply_entries(entries, b, c, n_panels, np.int64(STORE))
    return True


@jit
def _search(columns, first, last, column):
    """Return where ``column`` or the next one is in the sorted ``columns[first:last]``."""
    while first < last:
        middle = (first + last) // 2
        if columns[middle] < column:
            first = middle + 1
        else:
            last = middle
    return first


@jit
def by_column(job, columns, batch):
    """Return the `Entries` of columns ``columns[0]:columns[1]`` in batch rows ``batch``.

    A column's stand in the order of their rows; those of a row must stand in the order of their
    columns. Before all of them there is room for the entries of lower columns, so that members of
    a team sort columns of their own side by side.
    """
    values, column_of = numbers(job, SPARSE), indices(job, COLUMNS)
    starts, n_columns = integers(job, STARTS), columns[1] - columns[0]
    ends = part(integers(job, COLUMN_ENDS), columns[0], n_columns)
    out, row_of = numbers(job, BY_COLUMN), indices(job, BATCH_ROWS)
    for j in range(n_columns):
        ends[j] = 0
    start = 0
    for i in range(batch[0], batch[1]):
        k = _search(column_of, starts[i], starts[i + 1], columns[0])
        start += k - starts[i]
        while k < starts[i + 1] and column_of[k] < columns[1]:
            ends[column_of[k] - columns[0]] += 1  # counts, so far
            k += 1
    at = start
    for j in range(n_columns):
        at, ends[j] = at + ends[j], at  # where columns begin
    for i in range(batch[0], batch[1]):
        k = _search(column_of, starts[i], starts[i + 1], columns[0])
        while k < starts[i + 1] and column_of[k] < columns[1]:
            at = ends[column_of[k] - columns[0]]
            out[at], row_of[at] = values[k], i
            ends[column_of[k] - columns[0]] = at + 1  # where they end, in the end
            k += 1
    return Entries(out, row_of, start, ends)


@jit
def sparse_gradient(job, c, rows, batch, mode):
    """Sum the gradient of weight rows ``rows[0]:rows[1]`` over rows of the batch."""
    layout, width = job.layout, lanes_of(job)
    n_panels, n_units, lead = layout[PANELS, 0], layout[UNITS, 1], layout[LEAD, 1]
    deltas = Panels(numbers(job, MEMORY), layout[DELTAS, 1], lead, width)
    multiply_entries(by_column(job, rows, batch), deltas, c, n_panels, mode)
    if n_units < n_panels * width:  # deltas' padding may be slopes
        for i in range(rows[1] - rows[0]):
            row = c.start + i * c.row + (n_panels - 1) * c.panel
            for j in range(n_units - (n_panels - 1) * width, width):
                c.values[row + j] = 0
    return True
