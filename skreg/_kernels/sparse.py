"""Sparse rows: the first layer straight from the nonzeros, in the order of the dense product.

What the other kernels call here are plugs: a fit of dense rows does not compile them.
"""

import numba
import numpy as np

from skreg._jit import jit
from skreg._kernels import simd
from skreg._kernels.job import (
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
from skreg._kernels.matmul import STORE
from skreg._kernels.random import bits, halves, mix


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


def _sparse_product(job, b, c, first, last, n_panels):
    """Compute ``C = X B`` for CSR rows ``first:last`` of the batch; C begins at row ``first``."""
    values, columns = numbers(job, SPARSE), indices(job, COLUMNS)
    starts = integers(job, STARTS)
    for i in range(first, last):
        at, count = starts[i], starts[i + 1] - starts[i]
        row = c.start + (i - first) * c.row
        p = 0
        while p < n_panels:
            b_at, c_at = b.start + p * b.panel, row + p * c.panel
            if n_panels - p >= 4:
                simd.sparse_tile_4(values, columns, at, count, b.values, b_at, b.row, b.panel,
                                   c.values, c_at, c.panel)  # fmt: skip
                p += 4
            else:
                simd.sparse_tile_1(values, columns, at, count, b.values, b_at, b.row, b.panel,
                                   c.values, c_at, c.panel)  # fmt: skip
                p += 1
    return True


def sparse_product_reference(job, b, c, first, last, n_panels):
    """Compute what `sparse_product` computes, entry by entry with NumPy."""
    width = simd.lanes(c.values.dtype)
    values, columns = numbers(job, SPARSE), indices(job, COLUMNS)
    starts = integers(job, STARTS)
    for i in range(first, last):
        for p in range(n_panels):
            total = np.zeros(width, dtype=c.values.dtype)
            for k in range(starts[i], starts[i + 1]):
                at = b.start + columns[k] * b.row + p * b.panel
                total += values[k] * b.values[at : at + width]
            at = c.start + (i - first) * c.row + p * c.panel
            c.values[at : at + width] = total
    return True


sparse_product = sparse_product_reference if numba.config.DISABLE_JIT else jit(_sparse_product)


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
def sparse_gradient(job, c, rows, batch, mode):
    """Add the entries of ``batch`` rows in columns ``rows[0]:rows[1]`` to their gradients."""
    layout, width = job.layout, lanes_of(job)
    values, columns = numbers(job, SPARSE), indices(job, COLUMNS)
    starts, memory = integers(job, STARTS), numbers(job, MEMORY)
    n_panels, n_units = layout[PANELS, 0], layout[UNITS, 1]
    if mode == STORE:
        for p in range(n_panels):
            panel = part(c.values, c.start + p * c.panel, (rows[1] - rows[0]) * width)
            for j in range(panel.size):
                panel[j] = 0
    for i in range(batch[0], batch[1]):
        delta = layout[DELTAS, 1] + i * layout[LEAD, 1]
        k, last = starts[i], starts[i + 1]
        k = _search(columns, k, last, rows[0])
        while k < last and columns[k] < rows[1]:
            at = c.start + (columns[k] - rows[0]) * width
            for p in range(n_panels):
                out = part(c.values, at + p * c.panel, width)
                right = part(memory, delta + p * width, width)
                for j in range(min(width, n_units - p * width)):  # deltas' padding may be slopes
                    out[j] = simd.multiply_add(values[k], right[j], out[j])
            k += 1
    return True
