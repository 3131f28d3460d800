"""Blocks of raw outputs: where they stand in memory, and how every lane of a vector becomes a row.

Losses and links take as many rows at a time as a vector has lanes and transpose their raw outputs.
Sums and maxima over outputs then need no reduction across lanes, and one output costs no more than
it should.
"""

from typing import NamedTuple

from skreg._jit import outlined
from skreg._kernels.lanes import count, load_first, store
from skreg._kernels.transpose import Strided, transpose, transpose_inlined, transpose_numbers


class OutputShape(NamedTuple):
    """Layout of a block of raw outputs: element (i, j) stands at ``i * lead + j``."""

    n_rows: int
    n_outputs: int
    lead: int  # distance between the starts of two rows
    width: int  # columns with their padding: whole vectors


@outlined
def read_outputs(raw, start, n_rows, shape, block):
    """Write the raw outputs of ``n_rows`` rows into ``block``: vector j holds output j."""
    n, at = count(raw), start * shape.lead
    if shape.n_outputs == 1:
        transpose_inlined(Strided(raw, at, shape.lead, n_rows), Strided(block, 0, n, 1))
        return
    for j in range(0, shape.n_outputs, n):
        transpose(Strided(raw, at + j, shape.lead, n_rows), Strided(block, j * n, n, n))


@outlined
def read_targets(target, start, n_rows, n_outputs, block):
    """Write the targets of ``n_rows`` rows into ``block``: vector j holds those of output j."""
    n, at = count(target), start * n_outputs
    if n_outputs == 1:
        store(block, 0, load_first(target, at, n_rows, 1.0))
        return
    for j in range(0, n_outputs, n):
        source = Strided(target, at + j, n_outputs, n_rows)
        out = Strided(block, j * n, n, min(n, n_outputs - j))
        if source.start + (n_rows - 1) * n_outputs + n <= target.size:
            transpose(source, out)
        else:  # whole vectors would reach beyond the last target
            transpose_numbers(source, out)


@outlined
def write_outputs(block, start, n_rows, shape, out):
    """Write the vectors of ``block``, one of each output, into rows padded with zeros."""
    n, at, first = count(out), start * shape.lead, 0
    if shape.n_outputs == 1:
        transpose_inlined(Strided(block, 0, n, 1), Strided(out, at, shape.lead, n_rows))
        first = n
    for j in range(first, shape.width, n):
        source = Strided(block, j * n, n, shape.n_outputs - j)
        transpose(source, Strided(out, at + j, shape.lead, n_rows))
