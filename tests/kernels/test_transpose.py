"""Squares of vectors: transposed as NumPy does, missing rows, numbers that are left alone."""

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels.lanes import count
from skreg._kernels.simd import lanes
from skreg._kernels.transpose import (
    Strided,
    transpose,
    transpose_inlined,
    transpose_numbers,
    transpose_reference,
)

DTYPES = (np.float32, np.float64)
COUNTS = [0, 1, 3, 100]


@jit
def _into_one(source, out):
    transpose_inlined(source, Strided(out.array, out.start, out.step, 1))


@jit
def _from_one(source, out):
    transpose_inlined(Strided(source.array, source.start, source.step, 1), out)


@jit
def _lanes_of(array):
    return count(array)


def numbers(dtype):
    """Return an array in which every number differs, and where rows begin and how far apart."""
    return np.arange(1, 1001, dtype=dtype), 5, lanes(np.dtype(dtype)) + 3


def run(function, dtype, source_count, out_count):
    """Transpose into a new array of -7; return it with the out's first rows as a matrix."""
    array, start, step = numbers(dtype)
    out = np.full(1000, -7, dtype)
    function(
        Strided(array, start, step, source_count),
        Strided(out, 2, step + 4, out_count),
    )
    return out


def expected(dtype, source_count, out_count):
    """Return the same by plain indexing."""
    array, start, step = numbers(dtype)
    n, out = lanes(np.dtype(dtype)), np.full(1000, -7, dtype)
    for i in range(min(out_count, n)):
        for lane in range(n):
            value = array[start + lane * step + i] if lane < source_count else 0
            out[2 + i * (step + 4) + lane] = value
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("out_count", COUNTS[1:])
@pytest.mark.parametrize("source_count", COUNTS)
def test_rows_become_columns(source_count, out_count, dtype):
    for function in (transpose, transpose_reference):
        out = run(function, dtype, source_count, out_count)
        np.testing.assert_array_equal(out, expected(dtype, source_count, out_count))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", COUNTS[1:])
def test_constant_counts(n, dtype):
    np.testing.assert_array_equal(run(_into_one, dtype, n, 50), expected(dtype, n, 1))
    np.testing.assert_array_equal(run(_from_one, dtype, 50, n), expected(dtype, 1, n))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_square_may_be_transposed_in_place(dtype):
    n = lanes(np.dtype(dtype))
    assert _lanes_of(np.empty(0, dtype)) == n
    square = np.random.default_rng(0).normal(size=(n, n)).astype(dtype)
    before, flat = square.copy(), square.reshape(-1)
    transpose(Strided(flat, 0, n, n), Strided(flat, 0, n, n))
    np.testing.assert_array_equal(square, before.T)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_columns"), [(0, 2), (1, 1), (2, 1), (1, 2), (2, 2)])
def test_number_by_number_touches_nothing_else(n_rows, n_columns, dtype):
    array, start, step = numbers(dtype)
    out = run(transpose_numbers, dtype, n_rows, n_columns)
    for i in range(n_columns):
        for j in range(n_rows):
            at = 2 + i * (step + 4) + j
            assert out[at] == array[start + j * step + i]
            out[at] = -7
    np.testing.assert_array_equal(out, -7)
