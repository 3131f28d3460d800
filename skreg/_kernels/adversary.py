"""The adversary: a batch is learned from twice, as it is and moved against the network.

It is the last of a job's transforms. What it does follows the backward pass of the plain rows, from
whose deltas it knows in which direction their loss grows.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.batch import N_PARAMETERS, copy, input_row
from skreg._kernels.dropout import dropout_key
from skreg._kernels.gather import batch_targets
from skreg._kernels.job import (
    DELTAS,
    FACTORS,
    LEAD,
    MEMORY,
    ROW_LOSSES,
    SAMPLE_WEIGHT,
    TARGET,
    THRESHOLD,
    TRANSFORMS,
    UNITS,
    VALUES,
    doubles,
    lanes_of,
    numbers,
    part,
)
from skreg._kernels.lanes import load, store_first, where
from skreg._kernels.random import bits, halves, mix
from skreg._kernels.tiles import TILE_ROWS

EPSILON = 1  # where the row of a transform says how far its adversary goes


@jit
def perturb(job, first, last, shift, draw):
    """Write batch rows ``first:last``, moved against the loss, to the rows ``shift`` further on.

    Every feature moves by ``epsilon`` in the direction in which the loss grows, the fast gradient
    sign method of Goodfellow et al. (2015). Targets and weights are copied. Under dropout of
    inputs it is the features in front of it that move, and the same ones are dropped again.

    Parameters
    ----------
    job : Job
        Its deltas of the input are those of the rows.
    first, last : int
    shift : int
        The number of rows in the batch, rounded up to whole tiles.
    draw : int
        Numbers the draws of dropout.
    """
    transforms = doubles(job, TRANSFORMS)
    epsilon = transforms[transforms.size - N_PARAMETERS + EPSILON]
    for i in range(first, last):
        ascend(job, i, shift, draw, epsilon)
    n_targets = batch_targets(job, job.train)
    target, weight = numbers(job, TARGET), numbers(job, SAMPLE_WEIGHT)
    size = (last - first) * n_targets
    out = part(target, (first + shift) * n_targets, size)
    copy(out, part(target, first * n_targets, size))
    copy(part(weight, first + shift, last - first), part(weight, first, last - first))
    if first < last and shift - last < TILE_ROWS:
        clear_rows(job, last, shift)
    return True


@jit
def ascend(job, i, shift, draw, epsilon):
    """Write batch row ``i``, moved up the loss, to the row ``shift`` further on."""
    layout, number, memory = job.layout, job.kind.dtype.type, numbers(job, MEMORY)
    length = number(numbers(job, FACTORS)[0] * number(epsilon))
    at, n_units, lead = i * layout[LEAD, 0], layout[UNITS, 0], shift * layout[LEAD, 0]
    for j in range(0, n_units, lanes_of(job)):
        delta, x = (
            load(memory, layout[DELTAS, 0] + at + j),
            load(memory, layout[VALUES, 0] + at + j),
        )
        by = where(delta > 0.0, length, where(delta < 0.0, -length, x * 0.0))
        store_first(memory, layout[VALUES, 0] + at + lead + j, n_units - j, x + by)
    threshold = np.uint32(layout[THRESHOLD, 0])
    if threshold > 0:  # what is dropped does not move
        row, out = input_row(job, i), input_row(job, i + shift)
        low, high = halves(mix(dropout_key(job, draw, 0), i))
        for j in range(row.size):
            out[j] = out[j] if bits(low, high, j) >= threshold else row[j]


@jit
def clear_rows(job, first, last):
    """Empty the rows between the two halves of a batch, over which gradients are summed."""
    layout, memory = job.layout, numbers(job, MEMORY)
    weight, losses = numbers(job, SAMPLE_WEIGHT), doubles(job, ROW_LOSSES)
    for i in range(first, last):
        weight[i] = losses[i] = 0
    for level in range(layout.shape[1]):
        lead = layout[LEAD, level]
        for field in (VALUES, DELTAS):
            block = part(memory, layout[field, level] + first * lead, (last - first) * lead)
            for j in range(block.size):
                block[j] = 0
