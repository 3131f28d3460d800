"""Penalties and constraints with structure, as plugs: few fits ask for them.

`add_penalty_gradients` adds the gradients of what is smooth, `update_structured` takes the solver's
step with its proximal operators row by row, and `finish` does what needs the weights of other
members: groups of features, norms of columns, and the average of the weights, which comes last.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.averaging import average, average_rows
from skreg._kernels.group_term import (
    has_factors,
    measure_feature_groups,
    measure_group_rows,
    prox_feature_groups,
    prox_group_rows,
)
from skreg._kernels.job import (
    ANCHOR,
    ANCHOR_TERM,
    BIASES_AT,
    COLUMN_SQUARES,
    FROZEN,
    GRADIENT,
    GROUP_L1,
    GROUP_STARTS,
    L1,
    L1_ROWS,
    L1_TERM,
    L2,
    L2_ANCHOR,
    L2_BY_FEATURE,
    L2_TERM,
    MAX_NORM,
    PANELS,
    ROW_FACTORS,
    UNITS,
    WEIGHTS,
    integers,
    lanes_of,
    numbers,
    packed_at,
    part,
)
from skreg._kernels.lanes import load, store
from skreg._kernels.learn import empty_sums, note_penalties, segment
from skreg._kernels.max_norm import project_columns, square_columns
from skreg._kernels.network import transpose_weights
from skreg._kernels.ownership import own_rows, owns_bias
from skreg._kernels.penalties import prox_l1, prox_l1_rows
from skreg._kernels.solvers import SGD, land, move
from skreg._kernels.team import meet
from skreg._kernels.tiles import TILE_ROWS


@jit
def is_grouped(job, k):
    """Return whether the groups of matrix k are more than its single rows."""
    return k == 0 and integers(job, GROUP_STARTS).size > 0


@jit
def has_groups(job, k):
    """Return whether matrix k has groups of several rows that a penalty shrinks."""
    return is_grouped(job, k) and numbers(job, GROUP_L1)[k] > 0


@jit
def add_penalty_gradients(job, k, rows, step):
    """Add the gradients of smooth penalties that the solver does not know of; note their values.

    These are l2 where its strength differs from row to row, and half the squared distance to the
    anchor. The values of l1, and of an l2 that the solver knows of, are noted as well.
    """
    scale = 1.0 / step.scale  # the gradient is not yet scaled
    if has_factors(job, k):
        add_l2_by_feature(job, rows, scale)
    else:
        note_penalties(job, k, rows)
    if numbers(job, L2_ANCHOR)[k] > 0:
        add_anchor_gradient(job, k, rows, scale)
    return True


@jit
def add_l2_by_feature(job, rows, scale):
    """Store the lane sums of l1 and l2 of rows of the first matrix; add the gradient of l2.

    A row whose factor is infinite gets no gradient: it stays at zero.
    """
    layout, width, number = job.layout, lanes_of(job), job.kind.dtype.type
    weights, gradient = numbers(job, WEIGHTS), numbers(job, GRADIENT)
    l1, l2, factors = numbers(job, L1)[0], numbers(job, L2_BY_FEATURE)[0], numbers(job, ROW_FACTORS)
    half, strength = l2 / number(2), l2 * number(scale)
    for row in range(rows[0], rows[1], TILE_ROWS):
        absolute, squared = empty_sums(job, L1_TERM, 0, row), empty_sums(job, L2_TERM, 0, row)
        first, second = load(absolute, 0), load(squared, 0)
        for p in range(layout[PANELS, 0]):
            at = packed_at(job, 0, p, row)
            for i in range(TILE_ROWS):
                factor, here = factors[row + i], at + i * width
                if factor == np.inf:
                    store(gradient, here, load(weights, here) * 0.0)
                    continue
                w = load(weights, here)
                first = first + abs(w) * (l1 * factor)
                second = second + w * (half * factor) * w  # a factor of 0 meets no infinite square
                store(gradient, here, load(gradient, here) + w * (strength * factor))
        store(absolute, 0, first)
        store(squared, 0, second)


@jit
def add_anchor_gradient(job, k, rows, scale):
    """Store the lane sums of half the squared distance to the anchor; add its gradient."""
    layout, width, number = job.layout, lanes_of(job), job.kind.dtype.type
    weights, gradient, anchor = numbers(job, WEIGHTS), numbers(job, GRADIENT), numbers(job, ANCHOR)
    back = numbers(job, L2_ANCHOR)[k]
    half, strength = back / number(2), back * number(scale)
    for row in range(rows[0], rows[1], TILE_ROWS):
        sums = empty_sums(job, ANCHOR_TERM, k, row)
        distance = load(sums, 0)
        for p in range(layout[PANELS, k]):
            at = packed_at(job, k, p, row)
            for here in range(at, at + TILE_ROWS * width, width):
                d = load(weights, here) - load(anchor, here)
                distance = distance + d * d * half
                store(gradient, here, load(gradient, here) + d * strength)
        store(sums, 0, distance)


@jit
def update_structured(job, k, rows, step):
    """Take the step on weight rows ``rows[0]:rows[1]`` of matrix k with its proximal operators."""
    layout, width, number = job.layout, lanes_of(job), job.kind.dtype.type
    l2 = numbers(job, L2)[k] * number(step.clip)
    is_proximal = has_prox(job, k)
    for p in range(layout[PANELS, k]):
        at = packed_at(job, k, p, rows[0])
        block = segment(job, at, (rows[1] - rows[0]) * width)
        move(job.rule, step, block, l2, is_proximal)
    prox_rows(job, k, rows)
    if is_proximal and not has_groups(job, k):
        land_rows(job, k, rows)
    if k >= job.lowest and not is_finished_later(job, k):
        transpose_weights(job, k, rows[0], min(rows[1], layout[UNITS, k]))
    return True


@jit
def has_prox(job, k):
    """Return whether weights of matrix k have a proximal operator: they land where it puts them."""
    return numbers(job, L1)[k] > 0 or numbers(job, GROUP_L1)[k] > 0


@jit
def prox_rows(job, k, rows):
    """Apply the proximal operators that need one row at a time to rows of matrix k."""
    if numbers(job, L1)[k] > 0:
        shrink_rows(job, k, rows)
    if numbers(job, GROUP_L1)[k] > 0 and not is_grouped(job, k):
        prox_group_rows(job, k, rows)


@jit
def shrink_rows(job, k, rows):
    """Apply the proximal operator of l1 to weight rows ``rows[0]:rows[1]`` of matrix k."""
    layout, width, l1 = job.layout, lanes_of(job), numbers(job, L1)[k]
    weights, metric = numbers(job, WEIGHTS), numbers(job, GRADIENT)
    for p in range(layout[PANELS, k]):
        at = packed_at(job, k, p, rows[0])
        if has_factors(job, k):
            strengths = part(numbers(job, L1_ROWS), rows[0], rows[1] - rows[0])
            prox_l1_rows(weights, metric, at, strengths)
        else:
            size = (rows[1] - rows[0]) * width
            prox_l1(part(weights, at, size), part(metric, at, size), l1)


@jit
def is_finished_later(job, k):
    """Return whether the weights of matrix k are final only in `finish`."""
    return has_groups(job, k) or numbers(job, MAX_NORM)[k] < np.inf


@jit
def land_rows(job, k, rows):
    """Let the momentum of weight rows ``rows[0]:rows[1]`` of matrix k know where they are."""
    layout, width = job.layout, lanes_of(job)
    for p in range(layout[PANELS, k]):
        at = packed_at(job, k, p, rows[0])
        land(job.rule, segment(job, at, (rows[1] - rows[0]) * width))


@jit
def finish(tid, team, job):
    """Finish a step: groups of features, norms of columns, the average; False where aborted."""
    if not (finish_groups(tid, team, job) and finish_columns(tid, team, job)):
        return False
    if not measure_again(tid, team, job):
        return False
    finish_rows(tid, team, job)
    return True


@jit
def finish_groups(tid, team, job):
    """Shrink groups of several rows, which may be several members'; False where aborted."""
    if has_groups(job, 0):  # never where the matrix is frozen: nothing penalizes it
        if not meet(team):
            return False
        prox_feature_groups(tid, team, job)
        if not meet(team):
            return False
        land_rows(job, np.int64(0), own_rows(tid, team, job, 0))
    return True


@jit
def finish_columns(tid, team, job):
    """Scale down columns that are too long, each of which is all members'; False where aborted."""
    n_matrices = job.layout.shape[1] - 1
    if numbers(job, COLUMN_SQUARES).size > 0:
        for k in range(n_matrices):
            square_columns(job, k, own_rows(tid, team, job, k))
        if not meet(team):
            return False
        for k in range(n_matrices):
            project_columns(job, k, own_rows(tid, team, job, k))
    return True


@jit
def finish_rows(tid, team, job):
    """Write the transposed copies of weights that are final only now, and their averages."""
    layout = job.layout
    for k in range(layout.shape[1] - 1):
        if layout[FROZEN, k]:
            continue
        first, last = own_rows(tid, team, job, k)
        if k >= job.lowest and is_finished_later(job, k):
            transpose_weights(job, k, first, min(last, layout[UNITS, k]))
        if job.rule.averaging > 0:
            average_rows(job, k, (first, last))
            if owns_bias(tid, team, k):
                average(job, layout[BIASES_AT, k], layout[PANELS, k] * lanes_of(job))


@jit
def measure_again(tid, team, job):
    """Measure groups whose weights have moved since they were shrunk; False where aborted.

    Columns were scaled down, or Nesterov's momentum has carried the weights on.
    """
    carries = job.rule.solver == SGD and job.rule.nesterov and job.rule.momentum > 0
    for k in range(job.layout.shape[1] - 1):
        is_off = job.layout[FROZEN, k] or numbers(job, GROUP_L1)[k] == 0
        if is_off or not (carries or numbers(job, MAX_NORM)[k] < np.inf):
            continue
        if not is_grouped(job, k):
            measure_group_rows(job, k, own_rows(tid, team, job, k))
            continue
        if not meet(team):
            return False
        measure_feature_groups(tid, team, job)
    return True


@jit
def prox_all(tid, team, job):
    """Apply all proximal operators and projections to the weights, in the metric at hand.

    That metric stands where gradients do. For a single member: nothing waits.
    """
    for k in range(job.layout.shape[1] - 1):
        if job.layout[FROZEN, k]:
            continue
        rows = own_rows(tid, team, job, k)
        prox_rows(job, k, rows)
        if has_groups(job, k):
            prox_feature_groups(tid, team, job)
        if numbers(job, COLUMN_SQUARES).size > 0:
            square_columns(job, k, rows)
            project_columns(job, k, rows)
