"""Uniform, normal and geometric draws into buffers, from the counter-based bits of `random`.

Normals follow Box and Muller (1958), two from two words of 32 random bits: a radius and a
direction. Float32 and float64 draw from the same bits, so the noise of both is the same but for
rounding, and it reaches out to 6.76 standard deviations, beyond which lies 1e-11 of the law.
"""

import numpy as np

from skreg._jit import inlined, jit
from skreg._kernels.elementary import log, polynomial
from skreg._kernels.job import part
from skreg._kernels.lanes import count, load, load_first, square_root, store, store_first
from skreg._kernels.random import bits, halves

MOST_LANES = 16  # of any vector: room is given up to the next multiple of it
N_GAPS = 2 * MOST_LANES  # drawn at a time

# Minimax fits (Remez exchange) of sin(pi t) / t and cos(pi t) as polynomials in t**2 for |t| up
# to 1/2, from the highest power down; errors 1.4e-8 and 4.7e-8, what float32 can resolve.
SINE = (0.0776594084652, -0.598292159586, 2.55007765975, -5.16771009033, 3.14159264018)
COSINE = (0.219696799123, -1.33188016148, 4.0584119142, -4.93479285868, 0.999999953467)


@jit
def uniform(key, column):
    """Return a float64 uniform in (0, 1): the draw ``column`` below ``key``."""
    low, high = halves(key)
    return (np.float64(bits(low, high, column)) + 0.5) * 2.0**-32


@jit
def choice(key, column, n):
    """Return one of the integers ``0, ..., n - 1``: the draw ``column`` below ``key``."""
    low, high = halves(key)
    return (np.int64(bits(low, high, column)) * n) >> 32


@jit
def uniforms(out, key, first):
    """Fill ``out`` with uniforms in (0, 1], the draws from column ``first`` on."""
    low, high = halves(key)
    number = out.dtype.type
    unit, half = number(2.0**-32), number(0.5)
    for j in range(out.size):
        out[j] = (number(bits(low, high, first + j)) + half) * unit


@inlined
def normals(u, v):
    """Return two lanes of standard normals from two lanes of uniforms in (0, 1].

    The direction is exact to 1e-7; that of the second uniform is ``2 pi (v - 1/2)``, whose sine
    and cosine come from those of half the angle, where one polynomial each is short.
    """
    t = v - 0.5
    radius = square_root(-2.0 * log(u))
    sine = t * polynomial(t * t, SINE)
    cosine = polynomial(t * t, COSINE)
    return radius * (1.0 - 2.0 * sine * sine), radius * (2.0 * sine * cosine)


@jit
def add_normals(row, scale, key, scratch):
    """Add ``scale`` times a standard normal to every number of ``row``, in place.

    Parameters
    ----------
    row : array of shape (n,)
        Number j and number ``j + (n + 1) // 2`` come from the same two uniforms.
    scale : float
        Of the type of ``row``.
    key : uint64
        Of the row.
    scratch : array of shape (>= n + 2 * MOST_LANES,)
        Overwritten.
    """
    half = (row.size + 1) // 2
    size = (half + MOST_LANES - 1) // MOST_LANES * MOST_LANES
    u, v = part(scratch, 0, size), part(scratch, size, size)
    uniforms(u, key, 0)
    uniforms(v, key, half)
    for j in range(0, half, count(row)):
        first, second = normals(load(u, j), load(v, j))
        n_first, n_second = half - j, row.size - half - j
        store_first(row, j, n_first, load_first(row, j, n_first, 0.0) + scale * first)
        at = half + j
        store_first(row, at, n_second, load_first(row, at, n_second, 0.0) + scale * second)


@jit
def draw_places(places, key, scale, gaps):
    """Draw a subset of the places ``0, ..., size - 1``, each a member with the same probability.

    What lies between two members is geometric, so that the time it takes goes with the number of
    members and not with the number of places.

    Parameters
    ----------
    places : array of int32, shape (size,)
        Overwritten by the members, in increasing order.
    key : uint64
        Of the row.
    scale : float
        ``1 / log(1 - probability)``; of the type of ``gaps``.
    gaps : array of shape (N_GAPS,)
        Scratch.

    Returns
    -------
    n : int
        The number of members.
    """
    place, n, beyond = -1, 0, gaps.dtype.type(places.size)
    while True:
        uniforms(gaps, key, n)
        for j in range(0, gaps.size, count(gaps)):
            store(gaps, j, scale * log(load(gaps, j)))
        for j in range(gaps.size):
            place += 1 + np.int64(min(gaps[j], beyond))
            if place >= places.size:
                return n
            places[n] = place
            n += 1
