"""The group term of a job: which rows are groups, how strong each is, where their values go.

Each row of a matrix is a group, or those of the first matrix that belong to one group of features.
The values of rows are lane sums of their tiles, as those of other penalties; groups of features,
which may reach over all tiles, have a number each.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.groups import Groups, measure_groups, prox_groups
from skreg._kernels.job import (
    GRADIENT,
    GROUP_L1,
    GROUP_ROWS,
    GROUP_STARTS,
    GROUP_SUMS,
    GROUP_TERM,
    PADDED_FAN_IN,
    PANELS,
    ROW_FACTORS,
    UNITS,
    WEIGHTS,
    WEIGHTS_AT,
    doubles,
    integers,
    lanes_of,
    numbers,
    part,
)
from skreg._kernels.lanes import load_first, store
from skreg._kernels.learn import empty_sums, tile_sums
from skreg._kernels.scratch import stack_array
from skreg._kernels.team import share
from skreg._kernels.tiles import TILE_ROWS


@jit
def has_factors(job, k):
    """Return whether the penalties of matrix k differ from row to row."""
    return k == 0 and numbers(job, ROW_FACTORS).size > 0


@jit
def row_factor(job, k, row):
    """Return what multiplies the penalties of a row of matrix k; infinity excludes the row."""
    return numbers(job, ROW_FACTORS)[row] if has_factors(job, k) else job.kind.dtype.type(1)


@jit
def prox_group_rows(job, k, rows):
    """Apply the proximal operator of the group term to rows of matrix k; store its values."""
    weights, metric = numbers(job, WEIGHTS), numbers(job, GRADIENT)
    strengths, norms = stack_array(weights), stack_array(weights)
    clear_row_values(job, k, rows)
    last = min(rows[1], job.layout[UNITS, k])
    for first in range(rows[0], last, lanes_of(job)):
        groups = single_rows(job, k, (first, last), strengths)
        prox_groups(weights, metric, groups, strengths, norms)
        add_row_values(job, k, groups, strengths, norms)


@jit
def measure_group_rows(job, k, rows):
    """Store the values of the group term of rows of matrix k as they are."""
    weights = numbers(job, WEIGHTS)
    strengths, norms = stack_array(weights), stack_array(weights)
    clear_row_values(job, k, rows)
    last = min(rows[1], job.layout[UNITS, k])
    for first in range(rows[0], last, lanes_of(job)):
        groups = single_rows(job, k, (first, last), strengths)
        measure_groups(weights, groups, norms)
        add_row_values(job, k, groups, strengths, norms)


@jit
def single_rows(job, k, rows, strengths):
    """Return the first of some rows of matrix k as groups, one a lane; fill in their strengths."""
    none, strength = part(integers(job, GROUP_ROWS), 0, 0), numbers(job, GROUP_L1)[k]
    n_rows = min(lanes_of(job), rows[1] - rows[0])
    store(strengths, 0, load_first(strengths, 0, 0, strength))
    if has_factors(job, k):
        for j in range(n_rows):
            strengths[j] *= row_factor(job, k, rows[0] + j)
    return Groups(none, none, rows[0], n_rows, *place_of(job, k))


@jit
def place_of(job, k):
    """Return where matrix k begins, the distance between two panels, and how many there are."""
    layout = job.layout
    return layout[WEIGHTS_AT, k], layout[PADDED_FAN_IN, k] * lanes_of(job), layout[PANELS, k]


@jit
def clear_row_values(job, k, rows):
    """Empty the lane sums of the group term of rows of matrix k."""
    for row in range(rows[0], rows[1], TILE_ROWS):
        empty_sums(job, GROUP_TERM, k, row)


@jit
def add_row_values(job, k, groups, strengths, norms):
    """Add the values of rows, each a group, to the lane sums of their tiles."""
    n, j = groups.n_groups, 0
    while j < n:
        row = groups.first + j
        stop, value = min(n, j + TILE_ROWS - row % TILE_ROWS), job.kind.dtype.type(0)
        for i in range(j, stop):
            value += strengths[i] * norms[i] if 0 < strengths[i] < np.inf else 0
        tile_sums(job, GROUP_TERM, k, row)[0] += value
        j = stop


@jit
def prox_feature_groups(tid, team, job):
    """Apply the proximal operator of this member's groups of features; store their values."""
    weights, metric = numbers(job, WEIGHTS), numbers(job, GRADIENT)
    strengths, norms = stack_array(weights), stack_array(weights)
    begin, end = own_groups(tid, team, job)
    for first in range(begin, end, lanes_of(job)):
        groups = feature_groups(job, (first, end), strengths)
        prox_groups(weights, metric, groups, strengths, norms)
        store_group_values(job, groups, strengths, norms)


@jit
def measure_feature_groups(tid, team, job):
    """Store the values of this member's groups of features as they are."""
    weights = numbers(job, WEIGHTS)
    strengths, norms = stack_array(weights), stack_array(weights)
    begin, end = own_groups(tid, team, job)
    for first in range(begin, end, lanes_of(job)):
        groups = feature_groups(job, (first, end), strengths)
        measure_groups(weights, groups, norms)
        store_group_values(job, groups, strengths, norms)


@jit
def own_groups(tid, team, job):
    """Return the half-open range of the groups of features that a member shrinks."""
    return share(tid, team.n_threads, integers(job, GROUP_STARTS).size - 1, 1)


@jit
def feature_groups(job, numbered, strengths):
    """Return the first of some groups of features, one a lane; fill in their strengths."""
    starts, rows = integers(job, GROUP_STARTS), integers(job, GROUP_ROWS)
    first, last = numbered
    n_groups, strength = min(lanes_of(job), last - first), numbers(job, GROUP_L1)[0]
    for j in range(n_groups):
        g = first + j
        # `GROUP_L1` holds the factor for groups of one row.
        root = job.kind.dtype.type(np.sqrt(starts[g + 1] - starts[g]))
        factor = row_factor(job, np.int64(0), rows[starts[g]])
        strengths[j] = strength * factor * root
    return Groups(rows, starts, first, n_groups, *place_of(job, np.int64(0)))


@jit
def store_group_values(job, groups, strengths, norms):
    """Store the values of groups of features."""
    values = doubles(job, GROUP_SUMS)
    for j in range(groups.n_groups):
        if 0 < strengths[j] < np.inf:  # a norm of what is not penalized may be infinite
            values[groups.first + j] = strengths[j] * norms[j]
