"""The largest norm of a unit's incoming weights (Srivastava et al. 2014): a projection of columns.

A column spans the rows of several members: each sums the squares of its own rows, and after a
barrier all of them scale their part of the columns that are too long.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.job import (
    COLUMN_SQUARES,
    FROZEN,
    MAX_NORM,
    PADDED_FAN_IN,
    PANELS,
    WEIGHTS,
    WEIGHTS_AT,
    lanes_of,
    numbers,
    packed_at,
)
from skreg._kernels.lanes import load, square_root, store, total, where
from skreg._kernels.tiles import TILE_ROWS


@jit
def square_columns(job, k, rows):
    """Store the sums of squares of every column of matrix k, tile by tile."""
    layout, width = job.layout, lanes_of(job)
    if layout[FROZEN, k] or numbers(job, MAX_NORM)[k] == np.inf:
        return
    weights, squares = numbers(job, WEIGHTS), numbers(job, COLUMN_SQUARES)
    for row in range(rows[0], rows[1], TILE_ROWS):
        for p in range(layout[PANELS, k]):
            at = packed_at(job, k, p, row)
            lanes = load(weights, at) * load(weights, at)
            for i in range(at + width, at + TILE_ROWS * width, width):
                lanes = lanes + load(weights, i) * load(weights, i)
            store(squares, squares_at(job, k, row // TILE_ROWS, p), lanes)


@jit
def squares_at(job, k, tile, p):
    """Return where the squares of one tile of one panel of matrix k lie."""
    layout = job.layout
    # A tile's sums take 1 / TILE_ROWS of the room of its weights.
    start = layout[WEIGHTS_AT, k] // TILE_ROWS
    return start + (p * (layout[PADDED_FAN_IN, k] // TILE_ROWS) + tile) * lanes_of(job)


@jit
def project_columns(job, k, rows):
    """Scale the columns of matrix k that are longer than its largest norm down to it.

    ``argmin_v |v - w|^2`` over ``|v|_2 <= max_norm``, for the incoming weights of every unit.
    """
    layout, width = job.layout, lanes_of(job)
    if layout[FROZEN, k] or numbers(job, MAX_NORM)[k] == np.inf:
        return
    weights, squares = numbers(job, WEIGHTS), numbers(job, COLUMN_SQUARES)
    largest = numbers(job, MAX_NORM)[k]
    for p in range(layout[PANELS, k]):
        at = squares_at(job, k, 0, p)
        lanes = load(squares, at)
        for i in range(at + width, at + layout[PADDED_FAN_IN, k] // TILE_ROWS * width, width):
            lanes = lanes + load(squares, i)
        norm = square_root(lanes)
        factor = largest / where(norm > largest, norm, largest)
        factor = where(norm < np.inf, factor, norm)  # zeros would hide that weights diverge
        if total(where(norm > largest, 1.0, norm * 0.0)) > 0:
            for row in range(rows[0], rows[1]):
                here = packed_at(job, k, p, row)
                store(weights, here, load(weights, here) * factor)
