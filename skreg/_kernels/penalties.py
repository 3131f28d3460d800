"""Penalties on weights: value and proximal operator side by side."""

from typing import NamedTuple

import numpy as np

from skreg._jit import jit
from skreg._kernels.lanes import count, load, load_first, store, total, where, widened


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
    """Store the sums of ``l1 |w|`` and of ``l2/2 w^2`` over a tile, lane by lane.

    A strength of zero stores zeros: sums that overflow would make it NaN.
    """
    width, zero = count(weights), load_first(weights, 0, 0, 0.0)
    first = second = zero
    for p in range(tile.n_panels):
        start = tile.start + p * tile.panel
        for at in range(start, start + tile.n_rows * width, width):
            w = load(weights, at)
            first = first + abs(w)
            second = second + w * w
    store(absolute, 0, first * l1 if l1 > 0 else zero)
    store(squared, 0, second * (l2 / weights.dtype.type(2)) if l2 > 0 else zero)


@jit
def sum_squares(gradient, weights, l2, start, n_rows):
    """Return the sum of squares of ``gradient + l2 weights`` over ``n_rows`` vectors, in double."""
    lanes = widened(load_first(weights, 0, 0, 0.0))
    for at in range(start, start + n_rows * count(weights), count(weights)):
        g = widened(load(gradient, at)) + widened(load(weights, at)) * l2
        lanes = lanes + g * g
    return total(lanes)


@jit
def add_lanes(sums, start, stop):
    """Return the sum of the lane sums number ``start`` to ``stop``, in double precision."""
    width, lanes = count(sums), widened(load_first(sums, 0, 0, 0.0))
    for i in range(start, stop):
        lanes = lanes + widened(load(sums, i * width))
    return total(lanes)
