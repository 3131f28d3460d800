"""What a team does with rows: a batch forward and backward, a full gradient, a validation.

A member takes its block of rows and meets the others before anybody uses what belongs to all.
Sums over rows or tiles are stored first and added up in one fixed order, so nothing depends on
the team's size.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.gather import gather
from skreg._kernels.job import (
    AUGMENT_PLUG,
    DRAW,
    DROP_INPUTS_PLUG,
    FROZEN,
    GRADIENT,
    GROUP_SUMS,
    GROUP_TERM,
    LEAD,
    LOSS_SUM,
    MEMORY,
    ORDER,
    OUTPUTS,
    PENALTY_SUMS,
    PERTURB_PLUG,
    ROW_LOSSES,
    SAMPLE_WEIGHT,
    SUMS,
    TILES_AT,
    UNITS,
    VALID_ROWS,
    VALUES,
    WEIGHT_SUM,
    doubles,
    integers,
    lanes_of,
    numbers,
    part,
)
from skreg._kernels.matmul import tiled
from skreg._kernels.network import (
    backward_rows,
    bias_gradient,
    forward_rows,
    link_rows,
    loss_rows,
    transpose_weights,
    weight_gradient,
)
from skreg._kernels.ownership import own_rows, owns_bias
from skreg._kernels.penalties import add_lanes
from skreg._kernels.plugs import call, plug
from skreg._kernels.team import meet, share
from skreg._kernels.tiles import ADD, STORE, TILE_ROWS


@jit
def rows_pass(tid, team, job, index, draw, rows):
    """Take this member's ``rows`` of the batch ``index`` forward, through the loss and backward.

    ``draw`` numbers the draws of noise; a negative draw is the plain network on plain rows.
    """
    first, last = rows
    gather(job, job.train, index, first, last)
    if draw >= 0 and plug(job, AUGMENT_PLUG) != 0:
        arguments = (tid, team, job, np.int64(index.size), draw)
        if not call(plug(job, AUGMENT_PLUG), arguments):
            return
    if draw >= 0 and first < last and plug(job, DROP_INPUTS_PLUG) != 0:
        call(plug(job, DROP_INPUTS_PLUG), (job, job.train, draw, first, last))
    if first == last:
        return
    forward_backward(job, draw, rows, job.lowest)
    shift = batch_rows(job, index.size, draw) - index.size
    if shift > 0:
        call(plug(job, PERTURB_PLUG), (job, first, last, shift, draw))
        forward_backward(job, draw, (first + shift, last + shift), max(job.lowest, 1))


@jit
def forward_backward(job, draw, rows, lowest):
    """Take batch rows forward, through the loss and backward to a level."""
    forward_rows(job, job.train, draw, rows[0], rows[1])
    loss_rows(job, job.train, rows[0], rows[1])
    backward_rows(job, lowest, rows[0], rows[1])


@jit
def batch_rows(job, n_rows, draw):
    """Return how many rows of the batch's memory hold a batch of ``n_rows``.

    Where inputs are perturbed, the perturbed rows follow the plain ones from a whole tile on.
    """
    if draw < 0 or plug(job, PERTURB_PLUG) == 0:
        return n_rows
    return tiled(n_rows) + n_rows


@jit
def rows_weight(job, source, first, last):
    """Return the sum of the sample weights of batch rows ``first:last``."""
    if not source.is_weighted and plug(job, PERTURB_PLUG) == 0:
        return float(last - first)
    weight, total = numbers(job, SAMPLE_WEIGHT), 0.0
    for i in range(first, last):
        total += weight[i]
    return total


@jit
def rows_loss(job, first, last):
    """Return the sum of the losses of batch rows ``first:last``."""
    losses, loss = doubles(job, ROW_LOSSES), 0.0
    for i in range(first, last):
        loss += losses[i]
    return loss


@jit
def report_loss(job, loss, weight):
    """Add the loss and the weight of a batch to the report."""
    job.report[LOSS_SUM] += loss
    job.report[WEIGHT_SUM] += weight


@jit
def report_penalties(job, weight):
    """Add each penalty, times the weight of the batch, to the report."""
    sums, groups = numbers(job, SUMS), doubles(job, GROUP_SUMS)
    n_tiles = job.layout[TILES_AT, job.layout.shape[1] - 1]
    for term in range(sums.size // (n_tiles * lanes_of(job))):
        value = add_lanes(sums, term * n_tiles, (term + 1) * n_tiles)
        job.report[PENALTY_SUMS + term] += weight * value
    for g in range(groups.size):
        job.report[PENALTY_SUMS + GROUP_TERM] += weight * groups[g]


@jit
def full_gradient(tid, team, job):
    """Accumulate loss, weight and gradient of the data term over all rows, in chunks."""
    order = integers(job, ORDER)
    out = numbers(job, GRADIENT)
    for start in range(0, order.size, job.chunk_size):
        index = part(order, start, min(job.chunk_size, order.size - start))
        rows = share(tid, team.n_threads, index.size, TILE_ROWS)
        rows_pass(tid, team, job, index, np.int64(-1), rows)
        if not meet(team):
            return
        mode = STORE if start == 0 else ADD
        for k in range(job.layout.shape[1] - 1):
            if job.layout[FROZEN, k]:
                continue
            mine = own_rows(tid, team, job, k)
            weight_gradient(job, job.train, k, mine, (0, index.size), mode, out)
            if owns_bias(tid, team, k):
                bias_gradient(job, k, (0, index.size), mode, out)
        if tid == 0:
            weight = rows_weight(job, job.train, 0, index.size)
            report_loss(job, rows_loss(job, 0, index.size), weight)
        if not meet(team):
            return


@jit
def evaluate(tid, team, job):
    """Compute predictions, loss and weight of the validation rows, in chunks.

    A draw of at least 0 evaluates them with dropout, the masks of a chunk numbered from it on.
    """
    rows, draw = integers(job, VALID_ROWS), np.int64(job.report[DRAW])
    for start in range(0, rows.size, job.chunk_size):
        index = part(rows, start, min(job.chunk_size, rows.size - start))
        first, last = share(tid, team.n_threads, index.size, TILE_ROWS)
        if first < last:
            gather(job, job.valid, index, first, last)
            if draw >= 0 and plug(job, DROP_INPUTS_PLUG) != 0:
                call(plug(job, DROP_INPUTS_PLUG), (job, job.valid, draw, first, last))
            forward_rows(job, job.valid, draw, first, last)
            if job.valid.n_targets > 0:
                loss_rows(job, job.valid, first, last)
            link_rows(job, first, last)
            keep_outputs(job, start, first, last)
        if not meet(team):
            return
        if tid == 0 and job.valid.n_targets > 0:
            weight = rows_weight(job, job.valid, 0, index.size)
            report_loss(job, rows_loss(job, 0, index.size), weight)
        if not meet(team):
            return
        draw = draw + 1 if draw >= 0 else draw


@jit
def keep_outputs(job, start, first, last):
    """Copy the predictions of batch rows ``first:last`` to those of all rows from ``start``."""
    layout, memory, outputs = job.layout, numbers(job, MEMORY), numbers(job, OUTPUTS)
    level = layout.shape[1] - 1
    n_outputs = layout[UNITS, level]
    for i in range(first, last):
        row = part(memory, layout[VALUES, level] + i * layout[LEAD, level], n_outputs)
        for j in range(n_outputs):
            outputs[(start + i) * n_outputs + j] = row[j]


@jit
def transpose_all(tid, team, job):
    """Write the transposed copies of all matrices that backward reads."""
    for k in range(job.lowest, job.layout.shape[1] - 1):
        first, last = share(tid, team.n_threads, job.layout[UNITS, k], TILE_ROWS)
        transpose_weights(job, k, first, last)
