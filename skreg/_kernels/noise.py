"""Uniform, normal and geometric draws, from the counter-based bits of `random`.

Normals follow Box and Muller (1958), two from two words of 32 random bits: a radius and a
direction. Float32 and float64 draw from the same bits, so the noise of both is the same but for
rounding, and it reaches out to 6.76 standard deviations, beyond which lies 1e-11 of the law.
"""

import numpy as np

from skreg._jit import inlined, jit
from skreg._kernels.elementary import parted, polynomial
from skreg._kernels.lane_bits import as_numbers, columns
from skreg._kernels.lanes import count, load, load_first, square_root, store, store_first
from skreg._kernels.random import bits, bits_of_lanes, halves

MOST_LANES = 16  # of any vector
N_GAPS = 2 * MOST_LANES  # drawn at a time

# Minimax fits (Remez exchange), from the highest power down. Of (log(1 + f) - f + f**2 / 2) / f**3
# for 1 + f between sqrt(1/2) and sqrt(2): the error of the logarithm is 3.2e-8 of it.
LOGARITHM = (
    *(0.0870043820211, -0.142674862775, 0.149147668333, -0.165775847506),
    *(0.199630639101, -0.25001337036, 0.333339107345),
)
# Of sin(pi t) / t and cos(pi t) as polynomials in t**2 for |t| up to 1/2:
# errors 1.4e-8 and 4.7e-8, what float32 can resolve.
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


@inlined
def uniforms(like, key, first):
    """Return lanes of uniforms in (0, 1], the draws from column ``first`` on.

    They are numbers of the type of ``like``.
    """
    low, high = halves(key)
    words = bits_of_lanes(low, high, columns(like, first))
    return (as_numbers(like, words) + 0.5) * 2.0**-32


@inlined
def fast_log(u):
    """Return the natural logarithm of normal numbers, within 2e-7 of it; without a division."""
    f, n = parted(u)
    return n * np.log(2.0) + (f - f * f * (0.5 - f * polynomial(f, LOGARITHM)))


@inlined
def normals(u, v):
    """Return two lanes of standard normals from two lanes of uniforms in (0, 1].

    The direction is exact to 1e-7; that of the second uniform is ``2 pi (v - 1/2)``, whose sine
    and cosine come from those of half the angle, where one polynomial each is short.
    """
    t = v - 0.5
    radius = square_root(-2.0 * fast_log(u))
    sine = t * polynomial(t * t, SINE)
    cosine = polynomial(t * t, COSINE)
    return radius * (1.0 - 2.0 * sine * sine), radius * (2.0 * sine * cosine)


@jit
def add_normals(row, scale, key):
    """Add ``scale`` times a standard normal to every number of ``row``, in place.

    Parameters
    ----------
    row : array of shape (n,)
        Number j and number ``j + half`` come from the same two uniforms; half a row is rounded up
        to whole cache lines of float32.
    scale : float
        Of the type of ``row``.
    key : uint64
        Of the row.
    """
    half = half_of(row.size)
    for j in range(0, half, count(row)):
        u, v = uniforms(row, key, j), uniforms(row, key, half + j)
        first, second = normals(u, v)
        add_to(row, j, scale * first)
        add_to(row, half + j, scale * second)


@jit
def half_of(n):
    """Return where the second half of a row of ``n`` numbers begins."""
    return (n + 2 * MOST_LANES - 1) // (2 * MOST_LANES) * MOST_LANES


@inlined
def add_to(row, at, terms):
    """Add ``terms`` to the numbers of ``row`` from ``at`` on, as many as there are."""
    if at + count(row) <= row.size:
        store(row, at, load(row, at) + terms)
    else:
        n = row.size - at
        store_first(row, at, n, load_first(row, at, n, 0.0) + terms)


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
        Of the draw: `swap_cells` has one for each tile of rows.
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
        for j in range(0, gaps.size, count(gaps)):
            store(gaps, j, scale * fast_log(uniforms(gaps, key, n + j)))
        for j in range(gaps.size):
            place += 1 + np.int64(min(gaps[j], beyond))
            if place >= places.size:
                return n
            places[n] = place
            n += 1
