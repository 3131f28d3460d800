"""The proximal operator of groups: optimality, exact zeros, and no influence of neighbours."""

import numba
import numpy as np
import pytest
from scipy.optimize import minimize

from skreg._kernels import groups as groups_module
from skreg._kernels.groups import Groups, measure_groups, prox_groups
from skreg._kernels.scratch import STACK_SIZE
from skreg._kernels.simd import lanes
from tests.kernels.test_penalties import uneven_metric

DTYPES = (np.float32, np.float64)
EMPTY = np.empty(0, np.int64)


def prox_group(weights, metric, groups, strength):
    """Shrink a single group and return its norm."""
    strengths = np.full(STACK_SIZE, np.nan, weights.dtype)
    norms = np.empty(STACK_SIZE, weights.dtype)
    strengths[0] = strength
    prox_groups(weights, metric, groups, strengths, norms)
    return norms[0]


class Packed:
    """A group of rows of a packed matrix of 7 rows, with a vector in front of it and behind."""

    def __init__(self, rows, n_panels, dtype, seed=0):
        self.width, self.rows = lanes(np.dtype(dtype)), np.array(rows)
        self.size = (7 * n_panels + 2) * self.width
        self.weights = np.random.default_rng(seed).normal(size=self.size).astype(dtype)
        self.metric = uneven_metric(self.size, dtype)
        numbers, starts = np.array([99, *rows]), np.array([0, 1, 1 + len(rows)])
        first = 1
        if len(rows) == 1:
            numbers, starts, first = EMPTY, EMPTY, rows[0]
        self.groups = Groups(numbers, starts, first, 1, self.width, 7 * self.width, n_panels)
        places = self.width + 7 * self.width * np.arange(n_panels)[:, None] + self.width * self.rows
        self.places = (places[:, :, None] + np.arange(self.width)).ravel()

    def shrink(self, strength):
        """Return what was given, the metric, the result and its norm, of the group alone."""
        w, e = (part[self.places].astype(np.float64) for part in (self.weights, self.metric))
        before, others = self.weights.copy(), np.ones(self.size, dtype=bool)
        others[self.places] = False
        norm = prox_group(self.weights, self.metric, self.groups, strength)
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
@pytest.mark.parametrize("part", (1.0, 0.01, 1e-4, 1e-12))
def test_a_group_with_an_even_metric_ends_where_the_formula_says(dtype, part):
    packed = Packed([4, 1], 2, dtype)
    packed.metric[packed.places] = 0.25  # an even metric e: v = w (1 - strength e / |w|)
    exact = packed.weights[packed.places].astype(np.float64)
    strength = dtype(part / (1 + part) * np.linalg.norm(exact) / 0.25)
    factor = 1 - float(strength) * 0.25 / np.linalg.norm(exact)
    _, _, v, norm = packed.shrink(strength)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(v, exact * factor, rtol=4 * eps)
    assert norm == pytest.approx(np.linalg.norm(exact) * factor, rel=4 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("strength", (1e-9, 1e-6))
def test_a_huge_metric_of_a_weight_of_zero_does_not_count(dtype, strength):
    one, two = (Packed([3, 5], 2, dtype) for _ in range(2))
    for packed, metric in ((one, 0.0), (two, 1e38)):
        zeros = packed.places[::3]
        packed.weights[zeros], packed.metric[zeros] = 0, metric
    (_, _, v, norm), (_, _, other, other_norm) = one.shrink(strength), two.shrink(strength)
    np.testing.assert_array_equal(v, other)
    assert norm == other_norm > 0


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


@pytest.mark.parametrize("metric", (0.0, 1e-3, 1e6, 1e38))
@pytest.mark.parametrize(("rows", "n_panels"), GROUPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_group_whose_squares_overflow_is_not_lost(dtype, rows, n_panels, metric):
    packed = Packed(rows, n_panels, dtype)
    packed.weights[packed.places[-1]] = np.finfo(dtype).max ** 0.6
    packed.metric[packed.places] = metric
    before = packed.weights.copy()
    with np.errstate(all="ignore"):
        assert packed.shrink(0.3)[3] == np.inf
    np.testing.assert_array_equal(packed.weights, before)
    packed.weights[packed.places[-1]] = np.inf
    with np.errstate(all="ignore"):
        assert not np.isfinite(packed.shrink(0.3)[2][-1])


@pytest.mark.parametrize(("rows", "n_panels"), GROUPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_norms_of_groups(dtype, rows, n_panels):
    packed = Packed(rows, n_panels, dtype)
    expected = np.linalg.norm(packed.weights[packed.places].astype(np.float64))
    approximately = pytest.approx(expected, rel=10 * float(np.finfo(dtype).eps))
    before = packed.weights.copy()
    assert packed.shrink(0.0)[3] == approximately
    np.testing.assert_array_equal(packed.weights, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", (1e-10, 1e-16, 1e-22, 1e-30, 1e-38))
def test_a_group_that_fades_away_dies(dtype, size):
    width = lanes(np.dtype(dtype))
    size = size if dtype == np.float32 else size**8  # down to 1e-304
    weights, metric = np.full(2 * width, size, dtype), np.full(2 * width, 1e-3, dtype)
    groups = Groups(np.arange(2), np.array([0, 2]), 0, 1, 0, 2 * width, 1)
    assert prox_group(weights, metric, groups, 1e-3) == 0
    np.testing.assert_array_equal(weights, 0)


@pytest.mark.parametrize(("odd", "even"), [(0.5, 1.5), (1e-9, 1.5), (0.5, 1e-9), (1e-9, 2e-9)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_groups_do_not_know_of_each_other(dtype, odd, even):
    width, n_panels, n_rows = lanes(np.dtype(dtype)), 2, lanes(np.dtype(dtype)) + 3
    rng = np.random.default_rng(0)
    weights = rng.normal(size=n_panels * n_rows * width).astype(dtype)
    metric = uneven_metric(weights.size, dtype)
    rows = (part.reshape(n_panels, n_rows, width).swapaxes(0, 1) for part in (weights, metric))
    ends = [dead_from(w, e) for w, e in zip(*rows, strict=True)]
    shares = np.where(np.arange(n_rows) % 2, odd, even)
    shares[[2, 4]] = 0, np.inf
    place = 0, n_rows * width, n_panels
    for first in (0, 3):
        n = min(width, n_rows - first)
        strengths = np.full(STACK_SIZE, np.nan, dtype)
        strengths[:n] = (shares * ends)[first : first + n]
        together, norms = weights.copy(), np.empty(STACK_SIZE, dtype)
        prox_groups(together, metric, Groups(EMPTY, EMPTY, first, n, *place), strengths, norms)
        one_by_one = weights.copy()
        for j in range(n):
            norm = prox_group(one_by_one, metric, Groups(EMPTY, EMPTY, first + j, 1, *place),
                              strengths[j])  # fmt: skip
            assert norm == norms[j]
        np.testing.assert_array_equal(together, one_by_one)
        dies = (shares == 1.5)[first : first + n]
        np.testing.assert_array_equal(norms[:n] == 0, dies)
        before, after = (part.reshape(n_panels, n_rows, width) for part in (weights, together))
        stays = ~np.isin(shares, (odd, even))
        stays[:first] = stays[first + n :] = True
        np.testing.assert_array_equal(after[:, stays], before[:, stays])


@pytest.mark.skipif(not numba.config.DISABLE_JIT, reason="compiled code can't be counted")
@pytest.mark.parametrize("left", (np.nan, -1.0, 0.0), ids=str)
def test_lanes_without_a_group_ask_for_no_rounds(monkeypatch, left):
    rounds, rest = [], groups_module._sum_shrunken
    monkeypatch.setattr(
        groups_module, "stack_array", lambda like: np.full(STACK_SIZE, left, like.dtype)
    )
    monkeypatch.setattr(
        groups_module, "_sum_shrunken", lambda *given: (rounds.append(1), rest(*given))
    )
    packed = Packed([3], 1, np.float32)
    packed.metric[:] = 1.0
    packed.shrink(0.1)
    assert len(rounds) == 1


@pytest.mark.parametrize(("rows", "n_panels"), GROUPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_groups_are_measured_as_they_are(dtype, rows, n_panels):
    packed, norms = Packed(rows, n_panels, dtype), np.empty(STACK_SIZE, dtype)
    before = packed.weights.copy()
    measure_groups(packed.weights, packed.groups, norms)
    expected = np.linalg.norm(packed.weights[packed.places].astype(np.float64))
    assert norms[0] == pytest.approx(expected, rel=8 * float(np.finfo(dtype).eps))
    np.testing.assert_array_equal(packed.weights, before)
