"""Dropout: masks drawn from counters, so that they are those of the step, the level and the unit.

A unit is dropped with the probability of its level, and what is kept is scaled by 1 / (1 - p)
(Srivastava et al. 2014, the inverted form). `drop_inputs` and `drop_units` are plugs.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.job import (
    DELTAS,
    DROP_SPARSE_INPUTS_PLUG,
    FACTORS,
    LEAD,
    MEMORY,
    THRESHOLD,
    UNITS,
    VALUES,
    numbers,
    part,
)
from skreg._kernels.plugs import call, plug
from skreg._kernels.random import bits, halves, mix


@jit
def dropout_key(job, draw, level):
    """Return the key of a draw at a level."""
    return mix(mix(np.uint64(job.seed), draw), level)


@jit
def drop_inputs(job, source, draw, first, last):
    """Drop input features of batch rows ``first:last``, scaling the kept ones; a plug."""
    layout, memory = job.layout, numbers(job, MEMORY)
    if layout[THRESHOLD, 0] == 0:
        return True
    key = dropout_key(job, draw, 0)
    threshold, factor = np.uint32(layout[THRESHOLD, 0]), numbers(job, FACTORS)[0]
    if source.is_sparse:
        return call(plug(job, DROP_SPARSE_INPUTS_PLUG), (job, key, threshold, factor, first, last))
    zero, n_units = memory.dtype.type(0), layout[UNITS, 0]
    for i in range(first, last):
        low, high = halves(mix(key, i))
        at = layout[VALUES, 0] + i * layout[LEAD, 0]
        row = part(memory, at, n_units)
        for j in range(n_units):
            row[j] *= factor if bits(low, high, j) >= threshold else zero
    return True


@jit
def drop_units(job, level, draw, first, last):
    """Drop hidden units of batch rows ``first:last``: their values and slopes alike; a plug."""
    layout, memory = job.layout, numbers(job, MEMORY)
    key = dropout_key(job, draw, level)
    threshold, factor = np.uint32(layout[THRESHOLD, level]), numbers(job, FACTORS)[level]
    zero = memory.dtype.type(0)
    lead, n_units = layout[LEAD, level], layout[UNITS, level]
    for i in range(first, last):
        low, high = halves(mix(key, i))
        values = part(memory, layout[VALUES, level] + i * lead, n_units)
        slopes = part(memory, layout[DELTAS, level] + i * lead, n_units)
        for j in range(n_units):
            kept = factor if bits(low, high, j) >= threshold else zero
            values[j] *= kept
            slopes[j] *= kept
    return True
