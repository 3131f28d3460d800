"""Penalties on weights: value and proximal operator side by side."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skreg._jit import jit
from skreg._kernels.lanes import count, inlined, load, store, total, where, widened


@jit
def soft_threshold(w, threshold):
    """Solve ``min_v 1/2 (v - w)^2 + threshold |v|`` for one number."""
    magnitude = abs(w) - threshold
    if magnitude > 0:
        return magnitude if w > 0 else -magnitude
    return w - w  # zero of the same type; NaN stays NaN


@jit
def prox_l1(weights, metric, strength):
    """Solve ``min_v 1/2 sum (v - w)^2 / metric + strength |v|_1``, in place."""
    for i in range(weights.size):
        weights[i] = soft_threshold(weights[i], metric[i] * strength)


@jit
def prox_l1_rows(weights, metric, start, strengths):
    """Solve ``min_v 1/2 sum (v - w)^2 / metric + strength |v|_1`` in place, row by row.

    Row i is the vector number i from ``weights[start:]``; an infinite strength changes nothing.
    """
    width = count(weights)
    for i in range(strengths.size):
        at = start + i * width
        if strengths[i] > 0 and strengths[i] != np.inf:
            w = load(weights, at)
            size = abs(w) - load(metric, at) * strengths[i]
            signed = where(w > 0.0, size, -size)
            store(weights, at, where(size > 0.0, signed, w - w))


class Tile(NamedTuple):
    """A stretch of rows of a packed matrix, in all of its panels."""

    start: int
    n_rows: int
    panel: int  # distance between two panels
    n_panels: int


@jit
def store_penalties(weights, tile, absolute, squared, l1, l2):
    """Store the sums of ``l1 |w|`` and of ``l2/2 w^2`` over a tile, lane by lane."""
    width, first = count(weights), load(weights, tile.start) * 0.0
    second = first
    for p in range(tile.n_panels):
        start = tile.start + p * tile.panel
        for at in range(start, start + tile.n_rows * width, width):
            w = load(weights, at)
            first = first + abs(w)
            second = second + w * w
    store(absolute, 0, first * l1)
    store(squared, 0, second * (l2 / weights.dtype.type(2)))


MOST_NEWTON_STEPS = 30


class Group(NamedTuple):
    """Rows of a packed matrix that live and die together."""

    rows: np.ndarray  # their numbers, from ``first`` on; empty where they are consecutive
    first: int
    n_rows: int
    start: int  # of the matrix
    panel: int  # distance between two panels
    n_panels: int


@inlined
def _row_at(group, i, width):
    """Return where row ``i`` of the group lies in the first panel."""
    row = group.first + i if group.rows.size == 0 else group.rows[group.first + i]
    return group.start + row * width


@jit
def group_norm(weights, group):
    """Return the Euclidean norm of a group."""
    width, lanes = count(weights), load(weights, group.start) * 0.0
    for i in range(group.n_rows):
        at = _row_at(group, i, width)
        for p in range(group.n_panels):
            w = load(weights, at + p * group.panel)
            lanes = lanes + w * w
    return np.sqrt(total(lanes))


@inlined
def _mean_metric(weights, metric, group):
    """Return the norm of a group and the mean of its metric, weighted by the squared weights."""
    width, squares = count(weights), load(weights, group.start) * 0.0
    products = squares
    for i in range(group.n_rows):
        at = _row_at(group, i, width)
        for p in range(group.n_panels):
            w = load(weights, at + p * group.panel)
            squares = squares + w * w
            products = products + w * w * load(metric, at + p * group.panel)
    square = total(squares)
    return np.sqrt(square), total(products) / square


@inlined
def _shrunken_squares(weights, metric, group, strength, norm):
    """Return the sums of ``w^2 / d^2`` and of ``norm w^2 / d^3`` for ``d = norm + strength e``."""
    width, squares = count(weights), load(weights, group.start) * 0.0
    cubes = squares
    for i in range(group.n_rows):
        at = _row_at(group, i, width)
        for p in range(group.n_panels):
            here = at + p * group.panel
            inverse = 1.0 / (load(metric, here) * strength + norm)
            w = load(weights, here) * inverse
            squares = squares + w * w
            cubes = cubes + w * w * (inverse * norm)
    return total(squares), total(cubes)


@inlined
def _shrunken_norm(weights, metric, group, strength):
    """Return the norm ``s`` that solves ``|w / (s + strength e)|_2 = 1``, 0 where none does.

    The reciprocal of that length is concave in s, so Newton's method rises to the solution from
    below (Moré & Sorensen 1983 solve trust regions so). It begins where a metric equal to its
    mean would end, which is never beyond the solution (Jensen), and a step from ``close`` by ends
    within rounding. A group that would shrink to less than ``negligible`` of its norm counts as
    zero.
    """
    number = weights.dtype.type
    negligible = number(1e-6 if weights.itemsize == 4 else 1e-12)
    close = number(3e-4 if weights.itemsize == 4 else 1e-8)
    norm, mean = _mean_metric(weights, metric, group)
    if norm < number(1e-15 if weights.itemsize == 4 else 1e-145):
        return number(0)  # squares would underflow; what is left of a dying group is rounded off
    lowest = negligible * norm
    norm = max(norm - strength * mean, lowest)
    for _ in range(MOST_NEWTON_STEPS):
        squares, cubes = _shrunken_squares(weights, metric, group, strength, norm)
        excess = np.sqrt(squares) - number(1)
        if norm == lowest and excess <= 0:
            return number(0)
        norm += norm * squares * excess / cubes
        if not excess > close:
            break
    return norm


@jit
def prox_group(weights, metric, group, strength):
    """Solve ``min_v 1/2 sum (v - w)^2 / e + strength |v|_2`` over a group; return ``|v|_2``.

    ``e`` is the metric. The solution is zero where ``|w / e|_2 <= strength``, and otherwise
    ``v = w s / (s + strength e)`` with the norm ``s`` of `_shrunken_norm`.
    """
    if strength == 0:
        return group_norm(weights, group)
    norm, width = _shrunken_norm(weights, metric, group, strength), count(weights)
    for i in range(group.n_rows):
        at = _row_at(group, i, width)
        for p in range(group.n_panels):
            here = at + p * group.panel
            w = load(weights, here)
            if norm == 0:  # the metric may be zero in the padding
                store(weights, here, w * 0.0)
            else:
                store(weights, here, w * norm / (load(metric, here) * strength + norm))
    return norm


@jit
def add_squares(gradient, weights, l2, start, n_rows, sums):
    """Add the squares of ``gradient + l2 weights`` for ``n_rows`` vectors, lane by lane."""
    total = load(sums, 0)
    for at in range(start, start + n_rows * count(weights), count(weights)):
        g = load(gradient, at) + load(weights, at) * l2
        total = total + g * g
    store(sums, 0, total)


@jit
def add_lanes(sums, start, stop):
    """Return the sum of the lane sums number ``start`` to ``stop``, in double precision."""
    width = count(sums)
    lanes = widened(load(sums, start * width)) * 0.0
    for i in range(start, stop):
        lanes = lanes + widened(load(sums, i * width))
    return total(lanes)


def count_nonzero(weights, bounds):
    """Return how many weights between each two of ``bounds`` are not zero, as a list."""
    is_alive = weights != 0
    return [int(np.count_nonzero(is_alive[start:stop])) for start, stop in pairwise(bounds)]
