"""From the user's rows to the batch: features, targets and weights of the rows of an index."""

import numpy as np

from skreg._jit import jit
from skreg._kernels.batch import copy, input_row
from skreg._kernels.job import (
    GATHER_SOFT_LABELS_PLUG,
    GATHER_SPARSE_PLUG,
    LEAD,
    MEMORY,
    SAMPLE_WEIGHT,
    TARGET,
    UNITS,
    VALUES,
    Y_WEIGHT,
    X,
    Y,
    numbers,
    part,
)
from skreg._kernels.lanes import prefetch
from skreg._kernels.losses import SOFT_LOG_LOSS
from skreg._kernels.plugs import call, plug
from skreg._kernels.simd import CACHE_LINE

BYTES_AHEAD = 4096


@jit
def gather(job, source, index, first, last):
    """Copy rows ``index[first:last]`` of the source to rows ``first:last`` of the batch."""
    if source.is_sparse:
        call(plug(job, GATHER_SPARSE_PLUG), (job, source, index, first, last))
    elif source.column_step == 1:
        gather_by_rows(job, source, index, first, last)
    else:
        gather_by_columns(job, source, index, first, last)
    gather_targets(job, source, index, first, last)


@jit
def gather_by_rows(job, source, index, first, last):
    """Copy rows of a C-ordered array, asking for those that come soon: they lie anywhere."""
    dense, n_units = numbers(job, source.slot + X), job.layout[UNITS, 0]
    line = CACHE_LINE // job.kind.itemsize
    ahead = 1 + BYTES_AHEAD // (n_units * job.kind.itemsize)
    for i in range(first, last):
        if i + ahead < last:
            start = index[i + ahead] * source.row_step
            for at in range(start, start + n_units, line):
                prefetch(dense, at)
        copy(input_row(job, i), part(dense, index[i] * source.row_step, n_units))


@jit
def gather_by_columns(job, source, index, first, last):
    """Copy rows of an F-ordered array, a column at a time: each stays in the cache."""
    dense, memory, layout = numbers(job, source.slot + X), numbers(job, MEMORY), job.layout
    for j in range(layout[UNITS, 0]):
        column, out = j * source.column_step, layout[VALUES, 0] + j
        for i in range(first, last):
            memory[out + i * layout[LEAD, 0]] = dense[column + index[i] * source.row_step]


@jit
def batch_targets(job, source):
    """Return how many targets a row of the batch has."""
    soft = job.output_rule.loss == SOFT_LOG_LOSS
    return job.layout[UNITS, job.layout.shape[1] - 1] if soft else source.n_targets


@jit
def gather_targets(job, source, index, first, last):
    """Copy targets and sample weights; rows without weights weigh one."""
    weight, weights = numbers(job, source.slot + Y_WEIGHT), numbers(job, SAMPLE_WEIGHT)
    for i in range(first, last):
        weights[i] = weight[index[i]] if source.is_weighted else 1
    if source.n_targets == 0:
        return
    if job.output_rule.loss == SOFT_LOG_LOSS:
        call(plug(job, GATHER_SOFT_LABELS_PLUG), (job, source, index, first, last))
        return
    n_targets, target = source.n_targets, numbers(job, source.slot + Y)
    targets = numbers(job, TARGET)
    for i in range(first, last):
        for j in range(n_targets):
            targets[i * n_targets + j] = target[index[i] * n_targets + j]
    if source.smoothing > 0:  # of log-odds: between the two classes of each output
        keep, half = targets.dtype.type(1.0 - source.smoothing), targets.dtype.type(0.5)
        for i in range(first * n_targets, last * n_targets):
            targets[i] = keep * (targets[i] - half) + half


@jit
def gather_soft_labels(job, source, index, first, last):
    """Turn labels into rows of probabilities, smoothed (Szegedy et al. 2016, section 7); a plug."""
    target, targets = numbers(job, source.slot + Y), numbers(job, TARGET)
    n_classes = batch_targets(job, source)
    keep = targets.dtype.type(1.0 - source.smoothing)
    spread = targets.dtype.type(source.smoothing / n_classes)
    for i in range(first, last):
        row = part(targets, i * n_classes, n_classes)
        for j in range(n_classes):
            row[j] = spread
        row[np.int64(target[index[i]])] += keep
    return True
