"""Penalties: proximal operators solve their problems; sums are those of the formula."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from skreg._kernels.penalties import (
    Tile,
    add_lanes,
    prox_l1,
    prox_l1_rows,
    soft_threshold,
    store_penalties,
    sum_squares,
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
def test_penalties_of_a_tile_are_stored_lane_by_lane(dtype, l1, l2):
    weights, width = draw(dtype, 8)
    absolute, squared = np.ones(width, dtype), np.ones(width, dtype)
    tile = Tile(start=2 * width, n_rows=2, panel=3 * width, n_panels=2)
    store_penalties(weights, tile, absolute, squared, dtype(l1), dtype(l2))
    rows = weights.reshape(-1, width)[[2, 3, 5, 6]].astype(np.float64)
    rtol = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(absolute, l1 * abs(rows).sum(axis=0), rtol=rtol)
    np.testing.assert_allclose(squared, l2 / 2 * (rows**2).sum(axis=0), rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_that_overflow_do_not_count_where_a_strength_is_zero(dtype):
    width = lanes(np.dtype(dtype))
    weights, tile = np.full(4 * width, np.finfo(dtype).max, dtype), Tile(0, 2, 2 * width, 2)
    for l1, l2 in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)):
        absolute, squared = np.ones(width, dtype), np.ones(width, dtype)
        with np.errstate(over="ignore"):
            store_penalties(weights, tile, absolute, squared, dtype(l1), dtype(l2))
        np.testing.assert_array_equal(absolute, np.inf if l1 else 0)
        np.testing.assert_array_equal(squared, np.inf if l2 else 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", (1.0, 1e25, 1e-25))
def test_squares_are_summed_in_double(dtype, size):
    weights, width = draw(dtype, 8)
    gradient, _ = draw(dtype, 8)
    gradient, weights = gradient[::-1] * dtype(size), weights * dtype(size)
    value = sum_squares(gradient, weights, 0.3, width, 7)
    whole = (gradient + 0.3 * weights.astype(np.float64))[width : 8 * width]
    assert value == pytest.approx((whole**2).sum(), rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_are_added_in_double(dtype):
    sums, width = draw(dtype, 6)
    total = add_lanes(sums, 1, 5)
    assert total == pytest.approx(sums[width : 5 * width].astype(np.float64).sum(), rel=1e-12)


# Proximal operators of vectors in a metric.


def uneven_metric(shape, dtype, spread=6, seed=5):
    """Draw a metric whose numbers differ by up to ``10 ** spread``."""
    exponents = np.random.default_rng(seed).uniform(-spread / 2, spread / 2, shape)
    return (10**exponents).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_prox_l1_takes_the_threshold_from_the_metric(dtype):
    w, _ = draw(dtype, 3)
    metric, before = uneven_metric(w.shape, dtype), w.copy()
    prox_l1(w, metric, dtype(0.4))
    expected = np.sign(before) * np.maximum(abs(before) - metric * dtype(0.4), 0)
    np.testing.assert_allclose(w, expected, rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(w == 0, metric * dtype(0.4) >= abs(before))


@pytest.mark.parametrize("dtype", DTYPES)
def test_prox_l1_by_rows_has_a_strength_for_every_row(dtype):
    w, width = draw(dtype, 4)
    metric, before = uneven_metric(w.shape, dtype, 2), w.copy()
    w[2 * width + 1] = before[2 * width + 1] = np.nan
    strengths = np.array([0.0, 0.3, np.inf, 2.0], dtype)
    prox_l1_rows(w, metric, width, strengths)
    expected = before.copy()
    for i in (1, 3):
        row = slice((i + 1) * width, (i + 2) * width)
        prox_l1(expected[row], metric[row], strengths[i])
    np.testing.assert_array_equal(w, expected)
    assert (w == 0).any() and np.isnan(w).sum() == 1
