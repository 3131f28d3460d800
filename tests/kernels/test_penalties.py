"""Penalties: the proximal operator solves its problem; sums are those of the formula."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from skreg._kernels.penalties import (
    add_lanes,
    add_penalty,
    add_squares,
    count_nonzero,
    soft_threshold,
)
from skreg._kernels.simd import lanes

DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("threshold", (0.0, 0.3, 2.0))
@pytest.mark.parametrize("w", (-3.0, -0.3, -0.1, 0.0, 0.2, 0.31, 5.0))
def test_soft_threshold_minimizes_its_objective(w, threshold):
    def objective(v):
        return 0.5 * (v - w) ** 2 + threshold * abs(v)

    v = soft_threshold(w, threshold)
    numerical = minimize_scalar(
        objective, bounds=(-6, 6), method="bounded", options={"xatol": 1e-9}
    )
    assert objective(v) <= numerical.fun + 1e-12
    assert v == pytest.approx(numerical.x, abs=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_threshold_meets_the_optimality_conditions(dtype):
    rng = np.random.default_rng(0)
    for w, threshold in zip(rng.normal(size=200), rng.uniform(0, 2, 200), strict=True):
        w, threshold = dtype(w), dtype(threshold)
        v = soft_threshold(w, threshold)
        if v == 0:
            assert abs(w) <= threshold
        else:
            assert np.sign(v) == np.sign(w)
            expected = pytest.approx(np.sign(v) * threshold, abs=4 * float(np.finfo(dtype).eps))
            assert w - v == expected


@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_threshold_keeps_nan_and_infinity(dtype):
    assert np.isnan(soft_threshold(dtype(np.nan), dtype(0.5)))
    assert soft_threshold(dtype(np.inf), dtype(0.5)) == np.inf
    assert soft_threshold(dtype(-np.inf), dtype(0.5)) == -np.inf


def draw(dtype, n_rows):
    width = lanes(np.dtype(dtype))
    rng = np.random.default_rng(n_rows)
    return rng.normal(size=(n_rows + 4) * width).astype(dtype), width


@pytest.mark.parametrize(("l1", "l2"), [(0.5, 0.0), (0.0, 0.7), (0.3, 0.2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_penalty_is_added_lane_by_lane(dtype, l1, l2):
    weights, width = draw(dtype, 8)
    sums = np.arange(width, dtype=dtype)
    add_penalty(weights, 2 * width, 8, sums, dtype(l1), dtype(l2))
    rows = weights[2 * width : 10 * width].reshape(8, width).astype(np.float64)
    expected = np.arange(width) + (l1 * abs(rows) + l2 / 2 * rows**2).sum(axis=0)
    np.testing.assert_allclose(sums, expected, rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_are_added_lane_by_lane(dtype):
    weights, width = draw(dtype, 8)
    gradient, _ = draw(dtype, 8)
    gradient = gradient[::-1].copy()
    sums = np.ones(width, dtype)
    add_squares(gradient, weights, dtype(0.3), width, 8, sums)
    whole = (gradient + 0.3 * weights.astype(np.float64))[width : 9 * width].reshape(8, width)
    np.testing.assert_allclose(sums, 1 + (whole**2).sum(axis=0), rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_are_added_in_double(dtype):
    sums, width = draw(dtype, 6)
    total = add_lanes(sums, 1, 5, width)
    assert total == pytest.approx(sums[width : 5 * width].astype(np.float64).sum(), rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_are_counted_up_to_the_end_of_the_weights(dtype):
    weights = np.array([0, 1, -2, 0, -0.0, np.nan, 3, 4], dtype)
    assert count_nonzero(weights, 7) == 4
    assert count_nonzero(weights, 1) == 0
