"""Penalties: proximal operators solve their problems; sums are those of the formula."""

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from skreg._kernels.penalties import (
    Group,
    Tile,
    add_lanes,
    add_squares,
    count_nonzero,
    group_norm,
    prox_group,
    prox_l1,
    prox_l1_rows,
    soft_threshold,
    store_penalties,
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
    total = add_lanes(sums, 1, 5)
    assert total == pytest.approx(sums[width : 5 * width].astype(np.float64).sum(), rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_are_counted_up_to_the_end_of_the_weights(dtype):
    weights = np.array([0, 1, -2, 0, -0.0, np.nan, 3, 4], dtype)
    assert count_nonzero(weights, [0, 7]) == [4]
    assert count_nonzero(weights, [0, 1, 7]) == [0, 4]


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


class Packed:
    """A group of rows of a packed matrix of 7 rows, with a vector in front of it and behind."""

    def __init__(self, rows, n_panels, dtype, seed=0):
        self.width, self.rows = lanes(np.dtype(dtype)), np.array(rows)
        consecutive = len(rows) == 1
        self.size = (7 * n_panels + 2) * self.width
        self.weights = np.random.default_rng(seed).normal(size=self.size).astype(dtype)
        self.metric = uneven_metric(self.size, dtype)
        numbers = np.empty(0, np.int64) if consecutive else np.array([99, *rows])
        first = rows[0] if consecutive else 1
        self.group = Group(numbers, first, len(rows), self.width, 7 * self.width, n_panels)
        places = self.width + 7 * self.width * np.arange(n_panels)[:, None] + self.width * self.rows
        self.places = (places[:, :, None] + np.arange(self.width)).ravel()

    def shrink(self, strength):
        """Return what was given, the metric, the result and its norm, of the group alone."""
        w, e = (part[self.places].astype(np.float64) for part in (self.weights, self.metric))
        before, others = self.weights.copy(), np.ones(self.size, dtype=bool)
        others[self.places] = False
        norm = prox_group(self.weights, self.metric, self.group, self.weights.dtype.type(strength))
        np.testing.assert_array_equal(self.weights[others], before[others])
        return w, e, self.weights[self.places].astype(np.float64), float(norm)


def dead_from(w, e):
    """Return the strength from which on the proximal operator gives zero."""
    return np.sqrt(((w / e) ** 2).sum())


GROUPS = [([3], 1), ([2], 3), ([0, 1, 2], 1), ([5, 0, 6], 2), ([6, 2], 3)]


@pytest.mark.parametrize("share", (1e-4, 0.1, 0.9, 0.999))
@pytest.mark.parametrize(("rows", "n_panels"), GROUPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_prox_of_a_group_meets_the_optimality_conditions(dtype, rows, n_panels, share):
    packed = Packed(rows, n_panels, dtype)
    w, e = packed.weights[packed.places], packed.metric[packed.places]
    strength = share * dead_from(w, e)
    w, e, v, norm = packed.shrink(strength)
    eps = float(np.finfo(dtype).eps)
    assert norm == pytest.approx(np.linalg.norm(v), rel=40 * eps)
    residual = (v - w) / e + strength * v / np.linalg.norm(v)
    assert (abs(residual) <= 100 * eps * (abs(w) / e + strength)).all()
    assert (np.sign(v) == np.sign(w)).all()


@pytest.mark.parametrize("share", (0.05, 0.7, 1.5))
@pytest.mark.parametrize("spread", (0, 1))
def test_prox_of_a_group_minimizes_its_objective(spread, share):
    packed = Packed([4, 1], 2, np.float64)
    packed.metric[:] = uneven_metric(packed.size, np.float64, spread)
    strength = share * dead_from(packed.weights[packed.places], packed.metric[packed.places])
    w, e, v, _ = packed.shrink(strength)

    def objective(u):
        return 0.5 * ((u - w) ** 2 / e).sum() + strength * np.linalg.norm(u)

    def gradient(u):
        return (u - w) / e + strength * u / np.linalg.norm(u)

    numerical = minimize(objective, w / 2, jac=gradient, method="BFGS", options={"gtol": 1e-9})
    assert objective(v) <= numerical.fun * (1 + 1e-12)
    np.testing.assert_allclose(v, numerical.x, atol=1e-5)


@pytest.mark.parametrize(("rows", "n_panels"), GROUPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_groups_die_exactly_where_they_should(dtype, rows, n_panels):
    for share, dies in ((0.99, False), (1.01, True), (1e6, True)):
        packed = Packed(rows, n_panels, dtype)
        w, e = packed.weights[packed.places], packed.metric[packed.places]
        _, _, v, norm = packed.shrink(share * dead_from(w.astype(np.float64), e))
        assert (norm == 0) == (not v.any()) == dies
        assert dies or v.all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_end_of_a_group_with_an_even_metric_is_to_the_bit(dtype):
    for strength, factor in ((5.0, 0), (4.999, 2e-4), (4.0, 0.2), (0.0, 1)):
        packed = Packed([2, 4], 1, dtype)
        packed.weights[packed.places] = 0
        packed.metric[packed.places] = 0.5  # w / e is (3, 4), of length 5
        packed.weights[packed.places[[0, -1]]] = 1.5, 2
        w, _, v, norm = packed.shrink(strength)
        assert (v == 0).all() if factor == 0 else (v != 0).sum() == 2
        np.testing.assert_allclose(v, factor * w, rtol=2e-3 if dtype == np.float32 else 1e-11)
        assert norm == pytest.approx(np.linalg.norm(v), rel=1e-3 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
def test_groups_without_weights_and_metric_stay_zero(dtype):
    packed = Packed([1, 3], 2, dtype)
    packed.weights[packed.places] = packed.metric[packed.places] = 0
    _, _, v, norm = packed.shrink(0.3)
    assert norm == 0 and not v.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_padding_does_not_count(dtype):
    one, two = (Packed([1, 3], 2, dtype) for _ in range(2))
    for packed, metric in ((one, 0.0), (two, 1e3)):
        padding = packed.places[5 :: packed.width]
        packed.weights[padding], packed.metric[padding] = 0, metric
    strength = 0.3 * dead_from(one.weights[two.places], two.metric[two.places])
    (_, _, v, norm), (_, _, other, other_norm) = one.shrink(strength), two.shrink(strength)
    np.testing.assert_array_equal(v, other)
    assert norm == other_norm > 0


@pytest.mark.parametrize("place", (0, -1))
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_is_not_hidden_by_its_group(dtype, place):
    packed = Packed([5, 0, 6], 2, dtype)
    packed.weights[packed.places[place]] = np.nan
    for strength in (0.1, 1e6):
        _, _, v, norm = packed.shrink(strength)
        assert np.isnan(v[place]) and np.isnan(norm)


@pytest.mark.parametrize(("rows", "n_panels"), GROUPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_norms_of_groups(dtype, rows, n_panels):
    packed = Packed(rows, n_panels, dtype)
    expected = np.linalg.norm(packed.weights[packed.places].astype(np.float64))
    approximately = pytest.approx(expected, rel=10 * float(np.finfo(dtype).eps))
    assert group_norm(packed.weights, packed.group) == approximately
    before = packed.weights.copy()
    assert packed.shrink(0.0)[3] == approximately
    np.testing.assert_array_equal(packed.weights, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", (1e-10, 1e-16, 1e-22, 1e-30, 1e-38))
def test_a_group_that_fades_away_dies(dtype, size):
    width = lanes(np.dtype(dtype))
    size = size if dtype == np.float32 else size**8  # down to 1e-304
    weights, metric = np.full(2 * width, size, dtype), np.full(2 * width, 1e-3, dtype)
    group = Group(np.empty(0, np.int64), 0, 2, 0, 2 * width, 1)
    assert prox_group(weights, metric, group, dtype(1e-3)) == 0
    np.testing.assert_array_equal(weights, 0)
