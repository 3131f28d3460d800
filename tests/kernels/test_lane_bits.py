"""Bits of lanes against the views and integers of NumPy."""

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels.lane_bits import as_bits, as_numbers, as_real, columns
from skreg._kernels.lanes import count, load, store
from skreg._kernels.random import bits, bits_of_lanes

DTYPES = (np.float32, np.float64)
SIZE = 32  # a whole number of vectors in either dtype, on every processor


@jit
def _shift_bits(x, bits, out):
    for i in range(0, x.size, count(x)):
        store(out, i, as_real(((as_bits(load(x, i)) << bits) >> bits) + 0))
        store(x, i, as_real(as_bits(load(x, i)) & -2))


@jit
def _count_columns(out, first):
    for i in range(0, out.size, count(out)):
        store(out, i, as_numbers(out, columns(out, first + i)))


@jit
def _draw_lanes(out, low, high):
    for i in range(0, out.size, count(out)):
        store(out, i, as_numbers(out, bits_of_lanes(low, high, columns(out, i))))


@jit
def _draw_one_by_one(out, low, high):
    for i in range(out.size):
        out[i] = bits(low, high, i)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits(dtype):
    x = np.random.default_rng(0).normal(size=SIZE).astype(dtype)
    integer = np.int32 if dtype == np.float32 else np.int64
    before, out = x.view(integer).copy(), np.empty_like(x)
    _shift_bits(x, 2, out)
    np.testing.assert_array_equal(out.view(integer), (before << 2) >> 2)
    np.testing.assert_array_equal(x.view(integer), before & -2)


@pytest.mark.parametrize("first", (0, 5, 2**24, 2**31 - 7, 2**32 - SIZE))
@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_are_words_without_a_sign(dtype, first):
    out = np.empty(SIZE, dtype)
    _count_columns(out, first)
    np.testing.assert_array_equal(out, np.arange(first, first + SIZE).astype(dtype))


@pytest.mark.parametrize("halves", ((0, 0), (1, 2**32 - 1), (3735928559, 19088743)))
@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_draw_the_bits_that_single_columns_draw(dtype, halves):
    low, high = map(np.uint32, halves)
    one, many = np.empty(SIZE, dtype), np.empty(SIZE, dtype)
    _draw_one_by_one(one, low, high)
    _draw_lanes(many, low, high)
    np.testing.assert_array_equal(many, one)
    assert np.unique(one).size == SIZE
