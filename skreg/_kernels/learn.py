"""From the deltas of a batch to new weights: gradient, penalty, solver step, transposed copy.

A member of the team works on its own rows of every matrix, in blocks that are still in the cache
when their gradient is complete and the solver takes over.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.job import (
    ADD_PENALTY_GRADIENTS_PLUG,
    BIASES_AT,
    CLIP_PLUG,
    FINISH_PLUG,
    FIRST,
    FROZEN,
    GRADIENT,
    L1,
    L1_TERM,
    L2,
    L2_TERM,
    PADDED_FAN_IN,
    PANELS,
    SECOND,
    SUMS,
    TILES_AT,
    UNITS,
    UPDATE_STRUCTURED_PLUG,
    WEIGHTS,
    lanes_of,
    numbers,
    packed_at,
    part,
)
from skreg._kernels.network import bias_gradient, transpose_weights, weight_gradient
from skreg._kernels.ownership import own_rows, owns_bias
from skreg._kernels.parts import NOTHING_TO_ADD, add_gradients
from skreg._kernels.penalties import Tile, store_penalties
from skreg._kernels.plugs import call, plug
from skreg._kernels.solvers import Segment, update, without_decay
from skreg._kernels.tiles import STORE, TILE_ROWS

BLOCK = 64  # rows of fan-in


@jit
def learn(tid, team, job, batch, step):
    """Learn from the deltas of a `Batch`; return False where the team was aborted."""
    learn_blocks(tid, team, job, batch, step)
    if plug(job, CLIP_PLUG) != 0 and not call(plug(job, CLIP_PLUG), (tid, team, job, step)):
        return False
    if plug(job, FINISH_PLUG) != 0:
        return call(plug(job, FINISH_PLUG), (tid, team, job))
    return True


@jit
def learn_blocks(tid, team, job, batch, step):
    """Sum this member's gradients and take the step, unless they are to be clipped first."""
    updates = plug(job, CLIP_PLUG) == 0
    for k in range(job.layout.shape[1] - 1):
        if job.layout[FROZEN, k]:
            continue
        first, last = own_rows(tid, team, job, k)
        block = last - first if k == 0 and job.train.is_sparse else BLOCK
        for row in range(first, last, max(block, 1)):
            rows = (row, min(row + block, last))
            sum_gradient(job, k, rows, batch)
            if plug(job, ADD_PENALTY_GRADIENTS_PLUG) != 0:
                call(plug(job, ADD_PENALTY_GRADIENTS_PLUG), (job, np.int64(k), rows, step))
            if updates:
                update_rows(job, k, rows, step)
        if owns_bias(tid, team, k):
            sum_bias_gradient(job, k, batch)
            if updates:
                update_bias(job, k, step)


@jit
def sum_gradient(job, k, rows, batch):
    """Sum the gradient of weight rows ``rows[0]:rows[1]`` over the batch, or add up its parts'."""
    layout, width = job.layout, lanes_of(job)
    if job.n_parts == 1:
        out = numbers(job, GRADIENT)
        weight_gradient(job, job.train, k, rows, (0, batch.n_rows), np.int64(STORE), out)
    elif batch.side != NOTHING_TO_ADD:
        for p in range(layout[PANELS, k]):
            at = packed_at(job, k, p, rows[0])
            size = (rows[1] - rows[0]) * width
            add_gradients(job, batch.side, at, size, job.n_parts, np.int64(STORE))


@jit
def sum_bias_gradient(job, k, batch):
    """Sum the gradient of the bias of matrix k over the batch, or add up its parts'."""
    layout = job.layout
    if job.n_parts == 1:
        bias_gradient(job, k, (0, batch.n_rows), np.int64(STORE), numbers(job, GRADIENT))
    elif batch.side != NOTHING_TO_ADD:
        size = layout[PANELS, k] * lanes_of(job)
        at = layout[BIASES_AT, k]
        add_gradients(job, batch.side, at, size, job.n_parts, np.int64(STORE))


@jit
def segment(job, start, size):
    """Return the parameters from ``start`` on with the solver's memory of them."""
    return Segment(
        part(numbers(job, WEIGHTS), start, size),
        part(numbers(job, FIRST), start, size),
        part(numbers(job, SECOND), start, size),
        part(numbers(job, GRADIENT), start, size),
    )


@jit
def update_rows(job, k, rows, step):
    """Take the step on weight rows ``rows[0]:rows[1]`` of matrix k, noting their penalty."""
    if plug(job, UPDATE_STRUCTURED_PLUG) != 0:
        call(plug(job, UPDATE_STRUCTURED_PLUG), (job, np.int64(k), rows, step))
        return
    layout, width = job.layout, lanes_of(job)
    l1, l2 = numbers(job, L1)[k], numbers(job, L2)[k]
    first, last = rows
    if l1 > 0 or l2 > 0:
        note_penalties(job, k, rows)
    l2 *= job.kind.dtype.type(step.clip)
    for p in range(layout[PANELS, k]):
        at = packed_at(job, k, p, first)
        block = segment(job, at, (last - first) * width)
        update(job.rule, step, block, l1, l2)
    if k >= job.lowest:
        transpose_weights(job, k, first, min(last, layout[UNITS, k]))


@jit
def update_bias(job, k, step):
    """Take the step on the bias of matrix k, which no penalty and no decay touches."""
    zero = job.kind.dtype.type(0)
    size = job.layout[PANELS, k] * lanes_of(job)
    block = segment(job, job.layout[BIASES_AT, k], size)
    update(job.rule, without_decay(step), block, zero, zero)


@jit
def tile_sums(job, term, k, row):
    """Return the lane sums of a term of the penalty over the tile of matrix k that holds ``row``.

    The sums of all tiles of all matrices follow one another, term after term.
    """
    layout, width = job.layout, lanes_of(job)
    n_tiles = layout[TILES_AT, layout.shape[1] - 1]
    number = term * n_tiles + layout[TILES_AT, k] + row // TILE_ROWS
    return part(numbers(job, SUMS), number * width, width)


@jit
def empty_sums(job, term, k, row):
    """Return the lane sums that `tile_sums` returns, zeroed."""
    sums = tile_sums(job, term, k, row)
    for j in range(sums.size):
        sums[j] = 0
    return sums


@jit
def note_penalties(job, k, rows):
    """Store the lane sums of the penalties of weight rows ``rows[0]:rows[1]``, tile by tile."""
    layout, width = job.layout, lanes_of(job)
    weights = numbers(job, WEIGHTS)
    l1, l2 = numbers(job, L1)[k], numbers(job, L2)[k]
    for row in range(rows[0], rows[1], TILE_ROWS):
        absolute, squared = tile_sums(job, L1_TERM, k, row), tile_sums(job, L2_TERM, k, row)
        start, panel = packed_at(job, k, 0, row), layout[PADDED_FAN_IN, k] * width
        tile = Tile(start, TILE_ROWS, panel, layout[PANELS, k])
        store_penalties(weights, tile, absolute, squared, l1, l2)
