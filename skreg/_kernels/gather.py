"""From the user's rows to the batch: features, targets and weights of the rows of an index."""

from skreg._jit import jit
from skreg._kernels.job import (
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
from skreg._kernels.sparse import gather_sparse


@jit
def gather(job, source, index, first, last):
    """Copy rows ``index[first:last]`` of the source to rows ``first:last`` of the batch."""
    if source.row_step == 0:
        gather_sparse(job, source, index, first, last)
    elif source.column_step == 1:
        gather_by_rows(job, source, index, first, last)
    else:
        gather_by_columns(job, source, index, first, last)
    gather_targets(job, source, index, first, last)


@jit
def gather_by_rows(job, source, index, first, last):
    """Copy rows of a C-ordered array."""
    dense, memory, layout = numbers(job, source.slot + X), numbers(job, MEMORY), job.layout
    n_units = layout[UNITS, 0]
    for i in range(first, last):
        row = part(dense, index[i] * source.row_step, n_units)
        goal = part(memory, layout[VALUES, 0] + i * layout[LEAD, 0], n_units)
        for j in range(n_units):
            goal[j] = row[j]


@jit
def gather_by_columns(job, source, index, first, last):
    """Copy rows of an F-ordered array, a column at a time: each stays in the cache."""
    dense, memory, layout = numbers(job, source.slot + X), numbers(job, MEMORY), job.layout
    for j in range(layout[UNITS, 0]):
        column, goal = j * source.column_step, layout[VALUES, 0] + j
        for i in range(first, last):
            memory[goal + i * layout[LEAD, 0]] = dense[column + index[i] * source.row_step]


@jit
def gather_targets(job, source, index, first, last):
    """Copy targets and sample weights; rows without weights weigh one."""
    n_targets = source.n_targets
    target, targets = numbers(job, source.slot + Y), numbers(job, TARGET)
    weight, weights = numbers(job, source.slot + Y_WEIGHT), numbers(job, SAMPLE_WEIGHT)
    for i in range(first, last):
        for j in range(n_targets):
            targets[i * n_targets + j] = target[index[i] * n_targets + j]
        weights[i] = weight[index[i]] if source.is_weighted else 1
