"""A battery of simple tests on the generator, along every coordinate; drop rates.

Each stream walks along one coordinate and keeps the others fixed. All statistics have a known law
under independence; the bounds leave a chance of about 1e-5 to each, and the draws are fixed.
"""

import functools

import numba
import numpy as np
import pytest
from scipy import stats

from skreg._kernels.random import bits, halves, mix

JIT = not numba.config.DISABLE_JIT
N = 200_000 if JIT else 2_000
SIGMAS = 4.5
AXES = ("seed", "step", "level", "row", "column")
# Points that the streams start from, small and large: seed, step, level, row, column.
ORIGINS = (
    (12345, 1000, 2, 17, 3),
    (0, 0, 0, 0, 0),
    (1, 1, 1, 0, 0),
    (2**31 - 1, 70_000, 5, 255, 511),
)[: 4 if JIT else 1]


@numba.njit
def _draw(origin, axis, out):
    point = origin.copy()
    for i in range(out.size):
        point[axis] = origin[axis] + i
        key = mix(mix(mix(np.uint64(point[0]), point[1]), point[2]), point[3])
        low, high = halves(key)
        out[i] = bits(low, high, point[4])


@functools.lru_cache(maxsize=64)
def stream(axis, origin, n=N):
    """Return ``n`` draws along one coordinate."""
    out = np.empty(n, np.uint32)
    _draw(np.array(origin, np.int64), AXES.index(axis), out)
    return out


def uniforms(draws):
    return draws / 2.0**32


on_every_stream = pytest.mark.parametrize(
    ("axis", "origin"), [(axis, origin) for axis in AXES for origin in ORIGINS]
)


@on_every_stream
def test_mean_and_variance(axis, origin):
    u = uniforms(stream(axis, origin))
    assert abs(u.mean() - 0.5) < SIGMAS * np.sqrt(1 / 12 / N)
    assert abs(u.var() - 1 / 12) < SIGMAS * np.sqrt(1 / 180 / N)


@on_every_stream
def test_every_byte_is_uniform(axis, origin):
    for byte in stream(axis, origin).view(np.uint8).reshape(N, 4).T:
        _, p = stats.chisquare(np.bincount(byte, minlength=256))
        assert 1e-5 < p < 1 - 1e-5


@on_every_stream
def test_pairs_of_neighbours_are_uniform(axis, origin):
    nibbles = stream(axis, origin) >> np.uint32(28)
    for lag in (1, 2):
        pairs = nibbles[:-lag:2] * np.uint32(16) + nibbles[lag::2][: nibbles[:-lag:2].size]
        _, p = stats.chisquare(np.bincount(pairs, minlength=256))
        assert 1e-5 < p < 1 - 1e-5


@on_every_stream
def test_every_bit_is_balanced_and_independent_of_the_others(axis, origin):
    signs = np.unpackbits(stream(axis, origin).view(np.uint8).reshape(N, 4), axis=1) * 2.0 - 1.0
    assert abs(signs.mean(axis=0)).max() < SIGMAS / np.sqrt(N)
    products = signs.T @ signs / N - np.eye(32)
    assert abs(products).max() < (SIGMAS + 1) / np.sqrt(N)


@on_every_stream
def test_serial_correlation(axis, origin):
    u = uniforms(stream(axis, origin)) - 0.5
    for lag in (*range(1, 9), 16, 64, 100, 128, 1000):
        correlation = 12 * (u[:-lag] * u[lag:]).mean()
        assert abs(correlation) < SIGMAS / np.sqrt(N - lag)


@on_every_stream
def test_runs_up_and_down(axis, origin):
    up = np.diff(stream(axis, origin).astype(np.int64)) > 0
    n_runs = 1 + np.count_nonzero(up[1:] != up[:-1])
    assert abs(n_runs - (2 * N - 1) / 3) < SIGMAS * np.sqrt((16 * N - 29) / 90)


@on_every_stream
def test_collisions_are_as_rare_as_those_of_balls_in_urns(axis, origin):
    urns = 2.0**20 if N > 10_000 else 2.0**14
    draws = stream(axis, origin)
    for cells in (draws >> np.uint32(32 - int(np.log2(urns))), draws & np.uint32(urns - 1)):
        n_collisions = N - np.unique(cells).size
        empty = np.exp(N * np.log1p(-1 / urns))
        expected = N - urns * (1 - empty)
        variance = urns * empty * (1 - (1 + N / urns) * empty)
        assert abs(n_collisions - expected) < SIGMAS * np.sqrt(variance)


@pytest.mark.parametrize("walk", AXES)
@pytest.mark.parametrize("across", AXES)
def test_neighbouring_streams_are_uncorrelated(walk, across):
    if walk == across:
        return
    for origin in ORIGINS:
        u = uniforms(stream(walk, origin)) - 0.5
        for distance in (1, 2, 8, 64):
            other = list(origin)
            other[AXES.index(across)] += distance
            v = uniforms(stream(walk, tuple(other))) - 0.5
            assert abs(12 * (u * v).mean()) < SIGMAS / np.sqrt(N)


@pytest.mark.parametrize("rate", (0.01, 0.1, 0.3, 0.5, 0.9))
def test_rate_of_draws_below_a_threshold(rate):
    threshold = np.uint32(rate * 2.0**32)
    for axis in AXES:
        for origin in ORIGINS:
            n_dropped = np.count_nonzero(stream(axis, origin) < threshold)
            assert abs(n_dropped - N * rate) < SIGMAS * np.sqrt(N * rate * (1 - rate))


def test_draws_are_coordinates():
    whole = stream("column", ORIGINS[0], 100)
    for start in (1, 37):
        origin = (*ORIGINS[0][:4], ORIGINS[0][4] + start)
        np.testing.assert_array_equal(stream("column", origin, 100 - start), whole[start:])


def test_known_bits():
    key = mix(mix(np.uint64(7), 3), 2)
    low, high = halves(key)
    assert int(key) == int(low) + (int(high) << 32)
    # SplitMix64's first outputs for the seed 1234567, as published with it.
    first = [int(mix(np.uint64(1234567), i)) for i in range(3)]
    assert first == [6457827717110365317, 3203168211198807973, 9817491932198370423]
