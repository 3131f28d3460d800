"""The proximal operator of the group lasso in a metric, for as many groups at a time as lanes.

Norms of groups end in square roots and divisions, which take long one after the other. So the
sums of several groups are collected, and what follows from them is computed for all at once, a
group per lane. No group knows of the others: results do not depend on which are together.
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import inlined, jit
from skreg._kernels.folds import maxima, totals
from skreg._kernels.lanes import count, load, load_first, square_root, store, total, where
from skreg._kernels.scratch import stack_array

MOST_NEWTON_STEPS = 30
SMALL = 0.01  # the part that a group loses; single precision rounds off its fourth power


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
def _sum_moments(weights, metric, groups, moments, largest):
    """Sum ``w^2 e^n`` over each group for n from 0 to 3, and find its largest ``e``, lane by lane.

    An ``e`` that belongs to no weight, as in the padding, isn't the largest.
    """
    width = count(weights)
    for j in range(groups.n_groups):
        first, last = _span(groups, j)
        m0 = load_first(weights, 0, 0, 0.0)
        m1 = m2 = m3 = top = m0
        for i in range(first, last):
            at = _row_at(groups, i, width)
            for p in range(groups.n_panels):
                w, e = load(weights, at + p * groups.panel), load(metric, at + p * groups.panel)
                square = w * w
                top = where(square > 0.0, where(e > top, e, top), top)
                m0, m1 = m0 + square, m1 + square * e
                m2, m3 = m2 + square * e * e, m3 + square * e * e * e
        store(moments[0], j * width, m0)
        store(moments[1], j * width, m1)
        store(moments[2], j * width, m2)
        store(moments[3], j * width, m3)
        store(largest, j * width, top)


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
def _expand(moments, strength, expected):
    """Return the norms of groups that hardly shrink, near the ones that are ``expected``.

    The sum of ``w^2 / (1 + x)^2`` is to be ``s^2``, where ``x = strength e / s``. The expansion
    ``1 - 2 x + 3 x^2 - 4 x^3`` of its denominator is off by less than ``5 x^4``; one step of
    Newton's method from what is expected finds s.
    """
    m0, m1, m2, m3 = moments
    q = strength / expected
    squares = m0 - q * (m1 * 2.0 - q * (m2 * 3.0 - q * (m3 * 4.0)))
    descent = q * (m1 * 2.0 - q * (m2 * 6.0))  # the slope need not be exact
    slope = expected * 2.0 - descent / expected
    return expected + (squares - expected * expected) / slope


@inlined
def _first_norms(weights, metric, groups, strengths, mild):
    """Return the norms that `_find_norms` begins with, and the least ones; store who is mild.

    A group is mild (1, others 0) where even its largest ``x`` is `SMALL`. Those that are dead
    already begin with zero.
    """
    sums = stack_array(weights), stack_array(weights), stack_array(weights), stack_array(weights)
    largest = stack_array(weights)
    _sum_moments(weights, metric, groups, sums, largest)
    moments = totals(sums[0]), totals(sums[1]), totals(sums[2]), totals(sums[3])
    strength = load(strengths, 0)
    zero = strength * 0.0
    one = zero + 1.0
    norm = square_root(moments[0])
    is_dead = norm < (1e-15 if weights.itemsize == 4 else 1e-145)
    least = norm * (1e-6 if weights.itemsize == 4 else 1e-12)
    expected = norm - strength * (moments[1] / where(is_dead, one, moments[0]))
    is_mild = where(strength * maxima(largest) <= expected * SMALL, one, zero)
    is_mild = where(expected > least, is_mild, zero)
    store(mild, 0, is_mild)
    expected = where(expected > least, expected, least)
    s = _expand(moments, strength, where(is_mild > 0.0, expected, one))
    return where(is_dead, zero, where(is_mild > 0.0, s, expected)), least


@inlined
def _find_norms(weights, metric, groups, strengths, found):
    """Find the norm ``s`` that solves ``|w / (s + strength e)|_2 = 1`` for each group, or 0.

    The reciprocal of that length is concave in s, so Newton's method rises to the solution from
    below (Moré & Sorensen 1983 solve trust regions so). It begins where a metric equal to its
    mean would end, which is never beyond the solution (Jensen), or, for a group that is mild, with
    an expansion that is the solution itself in single precision; a step that begins within
    ``close`` of the solution ends at it up to rounding, and is the last. A group that would shrink
    to its least norm, a negligible part of what it has, counts as zero, and one whose squares would
    underflow: what is left of a dying group is rounded off.
    """
    norms, mild = found
    is_single = weights.itemsize == 4
    close = 3e-4 if is_single else 1e-8
    squares, cubes, open_ones = stack_array(weights), stack_array(weights), stack_array(weights)
    s, least = _first_norms(weights, metric, groups, strengths, mild)
    strength = load(strengths, 0)  # unused lanes: no group, strength 0
    zero = strength * 0.0
    is_open = where(s > 0.0, where(strength > 0.0, zero + 1.0, zero), zero)
    if is_single:
        is_open = is_open - is_open * load(mild, 0)
    for _ in range(MOST_NEWTON_STEPS):
        store(norms, 0, s)
        store(open_ones, 0, is_open)
        if total(is_open) == 0:
            break
        _sum_shrunken(weights, metric, groups, (strengths, norms, open_ones), (squares, cubes))
        square = totals(squares)
        excess = square_root(square) - 1.0
        vanishes = where(s == least, where(excess <= 0.0, is_open, zero), zero)
        better = where(vanishes > 0.0, zero, s + s * square * excess / totals(cubes))
        s = where(is_open > 0.0, better, s)
        is_open = where(excess > close, is_open - vanishes, zero)
    store(norms, 0, s)


@jit
def prox_groups(weights, metric, groups, strengths, norms):
    """Solve ``min_v 1/2 sum (v - w)^2 / e + strength |v|_2`` over groups; store ``|v|_2``.

    ``e`` is the metric; there is a strength for each of up to as many groups as lanes. The
    solution is zero where ``|w / e|_2 <= strength``, and otherwise ``v = w s / (s + strength e)``
    with the norm ``s``. A strength of zero leaves a group as it is, an infinite one too: what it
    excludes has never left zero.
    """
    finite, mild = stack_array(weights), stack_array(weights)
    given = load_first(strengths, 0, groups.n_groups, 0.0)
    store(finite, 0, where(given < np.inf, given, 0.0))
    _find_norms(weights, metric, groups, finite, (norms, mild))
    if total(load_first(mild, 0, groups.n_groups, 0.0)) == groups.n_groups:
        _shrink_mild_ones(weights, metric, groups, (finite, norms))
        return
    for j in range(groups.n_groups):
        if finite[j] > 0:
            _shrink(weights, metric, groups, j, (finite[j], norms[j], mild[j]))


@inlined
def _shrink(weights, metric, groups, j, state):
    """Multiply group j by ``s / (s + strength e)``."""
    width, (strength, norm, mild) = count(weights), state
    first, last = _span(groups, j)
    for i in range(first, last):
        for p in range(groups.n_panels):
            here = _row_at(groups, i, width) + p * groups.panel
            w, e = load(weights, here), load(metric, here)
            if norm == 0:  # the metric may be zero in the padding
                store(weights, here, w * 0.0)
            elif mild > 0:
                store(weights, here, w * _inverse(weights, e * (strength / norm)))
            else:
                store(weights, here, w * norm / (e * strength + norm))


@inlined
def _shrink_mild_ones(weights, metric, groups, states):
    """Do the same for groups that are all mild, in the order of memory."""
    width, (strengths, norms), factors = count(weights), states, stack_array(weights)
    norm = load(norms, 0)
    store(factors, 0, load(strengths, 0) / where(norm > 0.0, norm, 1.0))
    for p in range(groups.n_panels):
        for j in range(groups.n_groups):
            first, last = _span(groups, j)
            for i in range(first, last):
                here = _row_at(groups, i, width) + p * groups.panel
                x = load(metric, here) * factors[j]
                store(weights, here, load(weights, here) * _inverse(weights, x))


@inlined
def _inverse(weights, x):
    """Return ``1 / (1 + x) = 1 - x + x^2 - ...`` to rounding for ``x`` that are `SMALL`.

    A larger one belongs to a weight of zero.
    """
    x = where(x < 2 * SMALL, x, 2 * SMALL)
    inverse = 1.0 - x
    for _ in range(2 if weights.itemsize == 4 else 6):
        inverse = 1.0 - x * inverse
    return inverse
