"""Folds of squares of vectors: sums, neighbours first."""

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels.lanes import count, store
from skreg._kernels.scratch import STACK_SIZE
from skreg._kernels.totals import totals


@jit
def _fold(square, sums):
    store(sums, 0, totals(square))
    return count(square)


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_vectors_are_folded_to_a_lane_each_neighbours_first(dtype):
    square = np.random.default_rng(0).normal(size=STACK_SIZE).astype(dtype)
    sums = np.empty(STACK_SIZE, dtype)
    width = _fold(square, sums)
    lanes = square[: width**2].reshape(width, width)
    exact = lanes.astype(np.float64).sum(axis=1)
    while lanes.shape[1] > 1:
        lanes = lanes[:, ::2] + lanes[:, 1::2]
    np.testing.assert_array_equal(sums[:width], lanes[:, 0])
    np.testing.assert_allclose(sums[:width], exact, atol=40 * np.finfo(dtype).eps)
