"""Penalties on weights: value and proximal operator side by side."""

import numpy as np

from skreg._jit import jit
from skreg._kernels.lanes import count, load, store


@jit
def soft_threshold(w, threshold):
    """Solve ``min_v 1/2 (v - w)^2 + threshold |v|`` for one number."""
    magnitude = abs(w) - threshold
    if magnitude > 0:
        return magnitude if w > 0 else -magnitude
    return w - w  # zero of the same type; NaN stays NaN


@jit
def add_penalty(weights, start, n_rows, sums, l1, l2):
    """Add ``l1 |w| + l2/2 w^2`` of ``n_rows`` vectors from ``weights[start:]`` to ``sums``."""
    half, total = l2 / weights.dtype.type(2), load(sums, 0)
    for at in range(start, start + n_rows * count(weights), count(weights)):
        w = load(weights, at)
        total = total + (abs(w) * l1 + w * w * half)
    store(sums, 0, total)


@jit
def add_squares(gradient, weights, l2, start, n_rows, sums):
    """Add the squares of ``gradient + l2 weights`` for ``n_rows`` vectors, lane by lane."""
    total = load(sums, 0)
    for at in range(start, start + n_rows * count(weights), count(weights)):
        g = load(gradient, at) + load(weights, at) * l2
        total = total + g * g
    store(sums, 0, total)


@jit
def add_lanes(sums, start, stop, width):
    """Return the sum of lane sums ``start`` to ``stop`` of ``width`` lanes each, in double."""
    total = 0.0
    for j in range(width):
        lane = 0.0
        for i in range(start, stop):
            lane += np.float64(sums[i * width + j])
        total += lane
    return total


def count_nonzero(weights, stop):
    """Return how many of ``weights[:stop]`` are not zero."""
    return int(np.count_nonzero(weights[:stop] != 0))
