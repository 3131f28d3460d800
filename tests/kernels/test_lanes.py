"""Lanes: every operation against NumPy, and the constants that meet them."""

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels.lanes import (
    count,
    load,
    load_first,
    multiply_add,
    square_root,
    store,
    store_first,
    total,
    where,
    widened,
)

DTYPES = (np.float32, np.float64)
SIZE = 32  # a whole number of vectors in either dtype, on every processor


@jit
def _arithmetic(x, y, out):
    for i in range(0, x.size, count(x)):
        a, b = load(x, i), load(y, i)
        store(out[0], i, a + b)
        store(out[1], i, a - b)
        store(out[2], i, a * b)
        store(out[3], i, a / b)
        store(out[4], i, -abs(a))
        store(out[5], i, 3.0 - a)
        store(out[6], i, a * 2)
        store(out[7], i, 1.0 / b)


@jit
def _choices(x, y, out):
    for i in range(0, x.size, count(x)):
        a, b = load(x, i), load(y, i)
        store(out[0], i, where(a < b, a, b))
        store(out[1], i, where(a <= 0.0, 0.0, a))
        store(out[2], i, where(a > b, 1.0, where(a == b, 2.0, a)))
        store(out[3], i, where(0.0 >= a, b, -1.0))


@jit
def _load_part(x, start, n, out):
    store(out, 0, load_first(x, start, n, -7.0))
    return count(x)


@jit
def _store_part(x, start, n, out):
    store_first(out, start, n, load(x, 2))
    return count(x)


@jit
def _squares_in_double(x, out):
    for i in range(0, x.size, count(x)):
        store(out, i, widened(load(x, i)) * widened(load(x, i)))


@jit
def _square_roots(x, out):
    for i in range(0, x.size, count(x)):
        store(out, i, square_root(load(x, i)))


@jit
def _fused(number, x, y, out):
    for i in range(0, x.size, count(x)):
        store(out, i, multiply_add(number, load(x, i), load(y, i)))


@jit
def _totals(x, sums, out):
    for i in range(0, x.size, count(x)):
        sums[i // count(x)] = total(load(x, i))
        store(out, i, load(x, i) * total(load(x, i)))  # the sum meets lanes as any number does
    return x.size // count(x)


def pair(dtype):
    x, y = np.random.default_rng(0).normal(size=(2, SIZE)).astype(dtype)
    x[3] = y[3] = 0.5
    return x, y


@pytest.mark.parametrize("dtype", DTYPES)
def test_arithmetic_is_that_of_numpy(dtype):
    x, y = pair(dtype)
    out = np.empty((8, SIZE), dtype)
    _arithmetic(x, y, out)
    expected = [x + y, x - y, x * y, x / y, -abs(x), 3 - x, x * 2, 1 / y]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_choices_are_those_of_numpy(dtype):
    x, y = pair(dtype)
    x[7] = np.nan
    out = np.empty((4, SIZE), dtype)
    _choices(x, y, out)
    expected = [
        np.where(x < y, x, y),
        np.where(x <= 0, 0, x),
        np.where(x > y, 1, np.where(x == y, 2, x)),
        np.where(x <= 0, y, -1),
    ]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("n", [-3, 0, 1, 3, 50])
@pytest.mark.parametrize("dtype", DTYPES)
def test_load_part(n, dtype):
    x, _ = pair(dtype)
    out = np.empty(SIZE, dtype)
    size = _load_part(x, 2, n, out)
    kept = min(max(n, 0), size)
    np.testing.assert_array_equal(out[:kept], x[2 : 2 + kept])
    np.testing.assert_array_equal(out[kept:size], -7)


@pytest.mark.parametrize("n", [-3, 0, 1, 3, 50])
@pytest.mark.parametrize("dtype", DTYPES)
def test_store_part(n, dtype):
    x, _ = pair(dtype)
    out = np.full(SIZE, -7, dtype)
    kept = min(max(n, 0), _store_part(x, 5, n, out))
    np.testing.assert_array_equal(out[5 : 5 + kept], x[2 : 2 + kept])
    np.testing.assert_array_equal(np.delete(out, slice(5, 5 + kept)), -7)


@pytest.mark.parametrize("dtype", DTYPES)
def test_widened_numbers_are_computed_with_in_double(dtype):
    x, _ = pair(dtype)
    out = np.empty(SIZE)
    _squares_in_double(x, out)
    np.testing.assert_array_equal(out, x.astype(np.float64) ** 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_multiply_add_is_that_of_numpy(dtype):
    x, y = pair(dtype)
    out = np.empty(SIZE, dtype)
    _fused(dtype(0.3), x, y, out)
    np.testing.assert_allclose(out, dtype(0.3) * x + y, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_square_roots_are_those_of_numpy(dtype):
    x, _ = pair(dtype)
    x, out = abs(x), np.empty(SIZE, dtype)
    x[4:7] = 0, np.inf, np.nan
    _square_roots(x, out)
    np.testing.assert_array_equal(out, np.sqrt(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_total_adds_the_halves_of_a_vector_again_and_again(dtype):
    x, _ = pair(dtype)
    sums, out = np.empty(SIZE, dtype), np.empty(SIZE, dtype)
    n_vectors = _totals(x, sums, out)
    halves = x.reshape(n_vectors, -1)
    while halves.shape[1] > 1:
        half = halves.shape[1] // 2
        halves = halves[:, :half] + halves[:, half:]
    np.testing.assert_array_equal(sums[:n_vectors], halves[:, 0])
    np.testing.assert_array_equal(out, (x.reshape(n_vectors, -1) * halves).ravel())
    exact = x.reshape(n_vectors, -1).astype(np.float64).sum(axis=1)
    np.testing.assert_allclose(sums[:n_vectors], exact, atol=40 * np.finfo(dtype).eps)
