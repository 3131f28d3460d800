"""Clipping: no step on a gradient whose norm over all parameters is larger than a bound.

The norm needs the gradients of all members (Pascanu et al. 2013), so they meet once more.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.job import (
    BIASES_AT,
    FROZEN,
    GRADIENT,
    L2,
    PANELS,
    SQUARES,
    TILES_AT,
    UNITS,
    WEIGHTS,
    doubles,
    numbers,
    packed_at,
)
from skreg._kernels.learn import update_bias, update_rows
from skreg._kernels.ownership import own_rows, owns_bias
from skreg._kernels.penalties import sum_squares
from skreg._kernels.solvers import Step
from skreg._kernels.team import meet
from skreg._kernels.tiles import TILE_ROWS


@jit
def clip(tid, team, job, step):
    """Take the step on gradients that are complete, clipped; a plug."""
    for k in range(job.layout.shape[1] - 1):
        if not job.layout[FROZEN, k]:
            square_rows(job, k, own_rows(tid, team, job, k), step)
    if not meet(team):
        return False
    update_blocks(tid, team, job, clip_step(job, step))
    return True


@jit
def update_blocks(tid, team, job, step):
    """Take the step on this member's weights, whose gradients are complete."""
    for k in range(job.layout.shape[1] - 1):
        if job.layout[FROZEN, k]:
            continue
        update_rows(job, k, own_rows(tid, team, job, k), step)
        if owns_bias(tid, team, k):
            update_bias(job, k, step)


@jit
def square_rows(job, k, rows, step):
    """Store the sums of the squared gradient of weight rows, the l2 term included, by tiles.

    In double precision: gradients that need clipping may have squares beyond single precision.
    """
    layout, squares = job.layout, doubles(job, SQUARES)
    weights, gradient = numbers(job, WEIGHTS), numbers(job, GRADIENT)
    l2 = np.float64(numbers(job, L2)[k]) / step.scale  # the gradient is not yet scaled
    for row in range(rows[0], rows[1], TILE_ROWS):
        total = 0.0
        for p in range(layout[PANELS, k]):
            at = packed_at(job, k, p, row)
            total += sum_squares(gradient, weights, l2, at, TILE_ROWS)
        squares[layout[TILES_AT, k] + row // TILE_ROWS] = total


@jit
def clip_step(job, step):
    """Return ``step`` with the whole gradient, biases included, scaled to the largest norm."""
    layout, gradient = job.layout, numbers(job, GRADIENT)
    n_matrices = layout.shape[1] - 1
    squares, total = doubles(job, SQUARES), 0.0
    for tile in range(layout[TILES_AT, n_matrices]):
        total += squares[tile]
    for k in range(n_matrices):
        if layout[FROZEN, k]:
            continue
        for j in range(layout[UNITS, k + 1]):
            g = np.float64(gradient[layout[BIASES_AT, k] + j])
            total += g * g
    norm = np.sqrt(total) * step.scale
    factor = job.rule.clip_norm / norm if norm > job.rule.clip_norm else 1.0
    return Step(step.rate, step.metric, step.scale * factor, step.shrink, factor)
