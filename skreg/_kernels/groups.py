"""The proximal operator of the group lasso in a metric, for as many groups at a time as lanes.

Norms of groups end in square roots and divisions, which take long one after the other. So the
sums of several groups are collected, and what follows from them is computed for all at once, a
group per lane. No group knows of the others: results do not depend on which are together.
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import inlined, jit
from skreg._kernels.lanes import count, load, load_first, square_root, store, total, where
from skreg._kernels.scratch import stack_array
from skreg._kernels.totals import totals

MOST_NEWTON_STEPS = 30


class Groups(NamedTuple):
    """Rows of a packed matrix that live and die together: ``n_groups`` from number ``first`` on.

    Group j has the rows ``rows[starts[j]:starts[j + 1]]``, or row j alone where ``starts`` is
    empty.
    """

    rows: np.ndarray
    starts: np.ndarray
    first: int
    n_groups: int
    start: int  # of the matrix
    panel: int  # distance between two panels
    n_panels: int


@inlined
def _span(groups, j):
    """Return where the rows of group j of these begin and end."""
    number = groups.first + j
    if groups.starts.size == 0:
        return number, number + 1
    return groups.starts[number], groups.starts[number + 1]


@inlined
def _row_at(groups, i, width):
    """Return where row ``i`` of all groups lies in the first panel."""
    row = i if groups.starts.size == 0 else groups.rows[i]
    return groups.start + row * width


@jit
def _sum_squares(weights, metric, groups, squares, products):
    """Sum ``w^2`` and ``w^2 e`` over each group, lane by lane."""
    width = count(weights)
    for j in range(groups.n_groups):
        first, last = _span(groups, j)
        square = load_first(weights, 0, 0, 0.0)
        product = square
        for i in range(first, last):
            at = _row_at(groups, i, width)
            for p in range(groups.n_panels):
                w = load(weights, at + p * groups.panel)
                square = square + w * w
                product = product + w * w * load(metric, at + p * groups.panel)
        store(squares, j * width, square)
        store(products, j * width, product)


@jit
def _sum_shrunken(weights, metric, groups, states, sums):
    """Sum ``w^2 / d^2`` and ``norm w^2 / d^3``, ``d = norm + strength e``, lane by lane.

    Groups whose norm is known are left out.
    """
    width, (strengths, norms, open_ones), (squares, cubes) = count(weights), states, sums
    for j in range(groups.n_groups):
        if open_ones[j] == 0:
            continue
        first, last = _span(groups, j)
        square = load_first(weights, 0, 0, 0.0)
        cube = square
        for i in range(first, last):
            at = _row_at(groups, i, width)
            for p in range(groups.n_panels):
                here = at + p * groups.panel
                inverse = 1.0 / (load(metric, here) * strengths[j] + norms[j])
                w = load(weights, here) * inverse
                square = square + w * w
                cube = cube + w * w * (inverse * norms[j])
        store(squares, j * width, square)
        store(cubes, j * width, cube)


@jit
def measure_groups(weights, groups, norms):
    """Store ``|w|_2`` of each group."""
    for j in range(groups.n_groups):
        first, last = _span(groups, j)
        square = load_first(weights, 0, 0, 0.0)
        for i in range(first, last):
            at = _row_at(groups, i, count(weights))
            for p in range(groups.n_panels):
                w = load(weights, at + p * groups.panel)
                square = square + w * w
        norms[j] = np.sqrt(total(square))


@inlined
def _find_norms(weights, metric, groups, strengths, norms):
    """Find the norm ``s`` that solves ``|w / (s + strength e)|_2 = 1`` for each group, or 0.

    The reciprocal of that length is concave in s, so Newton's method rises to the solution from
    below (Moré & Sorensen 1983 solve trust regions so). It begins where a metric equal to its
    mean would end, which is never beyond the solution (Jensen); a step that begins within
    ``close`` of the solution ends at it up to rounding, and is the last. A group that would shrink
    to less than ``negligible`` of its norm counts as zero, and one whose squares would underflow:
    what is left of a dying group is rounded off. A norm that is no number is the solution itself:
    weights that grow beyond all numbers must not end as zeros, as if nothing had happened.
    """
    is_single = weights.itemsize == 4
    negligible, close = (1e-6, 3e-4) if is_single else (1e-12, 1e-8)
    squares, others, open_ones = stack_array(weights), stack_array(weights), stack_array(weights)
    _sum_squares(weights, metric, groups, squares, others)
    strength, square = load(strengths, 0), totals(squares)  # unused lanes: no group, strength 0
    zero = strength * 0.0
    one = zero + 1.0
    norm = square_root(square)
    lowest = norm * negligible
    is_dead = norm < (1e-15 if is_single else 1e-145)
    expected = norm - strength * (totals(others) / where(is_dead, one, square))
    s = where(is_dead, zero, where(expected > lowest, expected, lowest))
    has_norm = where(norm < np.inf, one, zero)
    is_open = where(is_dead, zero, where(strength > 0.0, has_norm, zero))
    for _ in range(MOST_NEWTON_STEPS):
        store(norms, 0, s)
        store(open_ones, 0, is_open)
        if total(is_open) == 0:
            break
        _sum_shrunken(weights, metric, groups, (strengths, norms, open_ones), (squares, others))
        square = totals(squares)
        excess = square_root(square) - 1.0
        vanishes = where(s == lowest, where(excess <= 0.0, is_open, zero), zero)
        better = where(vanishes > 0.0, zero, s + s * square * excess / totals(others))
        s = where(is_open > 0.0, better, s)
        is_open = where(excess > close, is_open - vanishes, zero)
    store(norms, 0, s)


@jit
def prox_groups(weights, metric, groups, strengths, norms):
    """Solve ``min_v 1/2 sum (v - w)^2 / e + strength |v|_2`` over groups; store ``|v|_2``.

    ``e`` is the metric; there is a strength for each of up to as many groups as lanes. The
    solution is zero where ``|w / e|_2 <= strength``, and otherwise ``v = w s / (s + strength e)``
    with the norm ``s``. A strength of zero leaves a group as it is, an infinite one too: what it
    excludes has never left zero. So does an infinite norm, of which no share can be taken.
    """
    width, finite = count(weights), stack_array(weights)
    given = load_first(strengths, 0, groups.n_groups, 0.0)
    store(finite, 0, where(given < np.inf, given, 0.0))
    _find_norms(weights, metric, groups, finite, norms)
    for j in range(groups.n_groups):
        if finite[j] == 0 or norms[j] == np.inf:
            continue
        first, last = _span(groups, j)
        for i in range(first, last):
            at = _row_at(groups, i, width)
            for p in range(groups.n_panels):
                here = at + p * groups.panel
                w = load(weights, here)
                if norms[j] == 0:  # the metric may be zero in the padding
                    store(weights, here, w * 0.0)
                else:
                    shrunken = w * norms[j] / (load(metric, here) * finite[j] + norms[j])
                    store(weights, here, shrunken)
