"""Draws into buffers: their laws, their independence, and that nothing else is touched.

The draws are fixed; each bound leaves a chance of about 1e-5 to a draw that is right.
"""

import numba
import numpy as np
import pytest
from scipy import stats

from skreg._jit import jit
from skreg._kernels.lanes import count, store_first
from skreg._kernels.noise import (
    N_GAPS,
    add_normals,
    choice,
    draw_places,
    half_of,
    uniform,
    uniforms,
)
from skreg._kernels.random import mix

JIT = not numba.config.DISABLE_JIT
DTYPES = (np.float32, np.float64)
N_ROWS, N_COLUMNS = (1000, 1000) if JIT else (40, 51)
SIGMAS = 4.5
SMALLEST_P = 1e-5


@jit
def _add_to_rows(block, scale, seed):
    for i in range(block.shape[0]):
        add_normals(block[i], scale, mix(seed, i))


@jit
def _fill_rows(block, seed, first):
    for i in range(block.shape[0]):
        row = block[i]
        for j in range(0, row.size, count(row)):
            store_first(row, j, row.size - j, uniforms(row, mix(seed, i), first + j))


@jit
def _choose(out, reals, seed, n):
    for i in range(out.size):
        out[i] = choice(mix(seed, i), 3, n)
        reals[i] = uniform(mix(seed, i), 3)


@jit
def _draw_rows(members, scale, seed, places, gaps):
    for i in range(members.shape[0]):
        for c in range(draw_places(places, mix(seed, i), scale, gaps)):
            members[i, places[c]] += 1


def normals(shape, dtype=np.float64, seed=3, scale=1.0):
    """Draw normals with the kernel, a row for every key."""
    block = np.zeros(shape, dtype)
    _add_to_rows(block, dtype(scale), np.uint64(seed))
    return block


def fill(shape, dtype, first=0, seed=3):
    """Draw uniforms with the kernel, a row for every key."""
    block = np.empty(shape, dtype)
    _fill_rows(block, np.uint64(seed), first)
    return block


@pytest.mark.parametrize("dtype", DTYPES)
def test_normals_have_the_normal_law(dtype):
    z = normals((N_ROWS, N_COLUMNS), dtype).ravel()
    assert z.dtype == dtype
    wide = z.astype(np.float64)
    assert stats.kstest(wide, "norm").pvalue > SMALLEST_P
    # Means and variances of the first moments of n standard normals.
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((wide**power).mean() - mean) < SIGMAS * np.sqrt(variance / z.size)
    for limit in (2.0, 3.0, 4.0):
        expected = z.size * 2 * stats.norm.sf(limit)
        assert abs((abs(wide) > limit).sum() - expected) < SIGMAS * np.sqrt(expected) + 1


def test_normals_are_independent_of_their_neighbours():
    z = normals((N_ROWS, N_COLUMNS))
    half = half_of(N_COLUMNS)
    pairs = {
        "columns": (z[:, 1:], z[:, :-1]),
        "rows": (z[1:], z[:-1]),
        "one radius": (z[:, : N_COLUMNS - half], z[:, half:]),
        "keys": (z, normals(z.shape, seed=4)),
    }
    for name, (a, b) in pairs.items():
        for power in (1, 2):
            r = np.corrcoef(a.ravel() ** power, b.ravel() ** power)[0, 1]
            assert abs(r) < SIGMAS / np.sqrt(a.size), (name, power)


@pytest.mark.parametrize("dtype", DTYPES)
def test_normals_are_those_of_box_and_muller(dtype):
    n = 333 if JIT else 21
    half = half_of(n)
    u, v = (fill((6, half), dtype, first).astype(np.float64) for first in (0, half))
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * (v - 0.5)
    expected = np.hstack([radius * np.cos(angle), radius * np.sin(angle)])[:, :n]
    error = abs(normals((6, n), dtype) - expected)
    assert error.max() < (2e-6 if dtype == np.float32 else 1e-6)


def test_float32_and_float64_draw_the_same_noise():
    single, double = (normals((20, 101), dtype) for dtype in DTYPES)
    np.testing.assert_allclose(single, double, rtol=0, atol=3e-6)
    assert (single != double).any()


@pytest.mark.parametrize("n", (1, 2, 7, 16, 31, 32, 33, 65))
@pytest.mark.parametrize("dtype", DTYPES)
def test_only_the_row_is_changed(dtype, n):
    memory = np.ones(n + 64, dtype)
    add_normals(memory[:n], dtype(2), np.uint64(5))
    assert (memory[:n] != 1).all() and (memory[n:] == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_is_added_in_units_of_the_scale(dtype):
    once, thrice = normals((3, 40), dtype), normals((3, 40), dtype, scale=3)
    np.testing.assert_allclose(thrice, 3 * once, rtol=1e-6)
    block = np.full((3, 40), 5, dtype)
    _add_to_rows(block, dtype(1), np.uint64(3))
    np.testing.assert_allclose(block - 5, once, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniforms_are_uniform_and_never_zero(dtype):
    u = fill((N_ROWS, N_COLUMNS), dtype).ravel().astype(np.float64)
    assert u.min() >= 2.0**-33 and u.max() <= 1
    assert stats.kstest(u, "uniform").pvalue > SMALLEST_P


def test_a_later_first_column_continues_the_draws():
    np.testing.assert_array_equal(fill((2, 5), np.float32, 7), fill((2, 12), np.float32)[:, 7:])


@pytest.mark.parametrize("n", (1, 2, 7, 199))
def test_choices_are_uniform(n):
    out, reals = np.empty(N_ROWS * 10, np.int64), np.empty(N_ROWS * 10)
    _choose(out, reals, np.uint64(8), n)
    counts = np.bincount(out, minlength=n)
    assert counts.size == n
    np.testing.assert_array_equal(out, np.floor(reals * n))
    if n > 1:
        assert stats.chisquare(counts).pvalue > SMALLEST_P


def members_of(rate, shape, dtype=np.float64, n_gaps=N_GAPS):
    """Draw a subset of the columns for every row, as an array of zeros and ones."""
    members = np.zeros(shape, np.int64)
    with np.errstate(divide="ignore"):
        scale = dtype(1 / np.log1p(-rate))
    places, gaps = np.empty(shape[1], np.int32), np.empty(n_gaps, dtype)
    _draw_rows(members, scale, np.uint64(9), places, gaps)
    return members


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", (0.001, 0.1, 0.3, 0.9))
def test_every_place_is_a_member_with_the_same_probability(rate, dtype):
    shape = (4000, 250) if JIT else (60, 30)
    members = members_of(rate, shape, dtype)
    n, spread = members.size, rate * (1 - rate)
    assert members.max() == 1
    assert abs(members.mean() - rate) < SIGMAS * np.sqrt(spread / n)
    by_column = members.mean(axis=0)
    assert abs(by_column - rate).max() < (SIGMAS + 1) * np.sqrt(spread / shape[0]) + 1 / shape[0]
    for a, b in ((members[:, 1:], members[:, :-1]), (members[1:], members[:-1])):
        both = (a * b).mean()
        assert abs(both - rate**2) < SIGMAS * np.sqrt(rate**2 / a.size) + 1 / a.size


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_places_and_nearly_none(dtype):
    assert (members_of(1.0, (20, 33), dtype) == 1).all()
    assert members_of(1e-9, (20, 33), dtype).sum() == 0


def test_places_do_not_depend_on_how_many_gaps_are_drawn_at_a_time():
    small, large = (members_of(0.4, (10, 90), n_gaps=n) for n in (16, 64))
    np.testing.assert_array_equal(small, large)
