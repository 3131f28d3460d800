"""Penalties as functions of the parameters: values, gradients, what may move, what is off."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from skreg._architecture import n_parameters, views
from skreg._penalties import (
    TERMS,
    Penalties,
    Terms,
    clear_excluded,
    group_penalty,
    make_penalties,
    movable,
    parameter_strengths,
)

UNITS = (4, 3, 2)
FACTORS = np.array([1.0, 0.0, np.inf, 2.5])
GROUPS = (np.array([0]), np.array([1]), np.array([2]), np.array([3]))


def draw(seed=0):
    """Draw parameters, those of an excluded feature zero."""
    flat = np.random.default_rng(seed).normal(size=n_parameters(UNITS))
    views(flat, UNITS)[0][0][2] = 0
    return flat


def test_strengths_are_those_of_the_matrices_and_zero_for_biases():
    flat = parameter_strengths((2, 3, 1), [0.5, 0.25])
    np.testing.assert_array_equal(flat, [0.5] * 6 + [0.25] * 3 + [0.0] * 4)


def test_factors_multiply_the_rows_of_the_first_matrix():
    flat = parameter_strengths((3, 2, 1), [0.5, 0.25], np.array([2.0, 0.0, np.inf]))
    np.testing.assert_array_equal(flat, [1.0, 1.0, 0, 0, 0, 0] + [0.25] * 2 + [0.0] * 3)


def test_what_is_not_given_is_off():
    penalties = make_penalties(2)
    for name in TERMS:
        np.testing.assert_array_equal(getattr(penalties, name), [0.0, 0.0])
    np.testing.assert_array_equal(penalties.max_norm, [np.inf] * 2)
    np.testing.assert_array_equal(penalties.frozen, [False] * 2)
    assert penalties.factors is penalties.groups is None
    assert not penalties.is_structured and not penalties.has_kinks
    with pytest.raises(TypeError, match="l3"):
        make_penalties(2, l3=0.1)


@pytest.mark.parametrize(
    "given, is_structured, has_kinks",
    [
        ({"l1": 0.1}, False, True),
        ({"l2": 0.1}, False, False),
        ({"group_l1": [0.0, 0.1]}, True, True),
        ({"l2_anchor": 0.1}, True, False),
        ({"max_norm": [np.inf, 1.0]}, True, False),
        ({"factors": FACTORS}, True, False),
        ({"factors": np.ones(4)}, False, False),
        ({"groups": GROUPS}, False, False),
        ({"frozen": [True, False]}, False, False),
    ],
)
def test_what_an_engine_needs_to_know(given, is_structured, has_kinks):
    penalties = make_penalties(2, **given)
    assert penalties.is_structured == is_structured
    assert penalties.has_kinks == has_kinks


def test_frozen_matrices_are_not_penalized():
    given = {"l1": 0.1, "l2": 0.2, "group_l1": 0.3, "l2_anchor": 0.4, "max_norm": 5.0}
    penalties = make_penalties(3, frozen=[True, False, True], factors=FACTORS, **given)
    for name, value in given.items():
        off = np.inf if name == "max_norm" else 0.0
        np.testing.assert_array_equal(getattr(penalties, name), [off, value, off])
    # Factors are about the first matrix; what they exclude is still no part of it.
    np.testing.assert_array_equal(penalties.factors, [1, 1, np.inf, 1])
    assert not make_penalties(3, frozen=[True, False, True], factors=FACTORS).is_structured
    assert make_penalties(2, frozen=[True, False], factors=FACTORS[[0, 1, 3]]).factors is None
    found = make_penalties(2, frozen=[False, True], factors=FACTORS).factors
    np.testing.assert_array_equal(found, FACTORS)


@pytest.mark.parametrize("name", ["l1", "l2", "group_l1"])
def test_factors_beyond_all_gradients_exclude(name):
    factors = np.array([1, 0, np.inf, 0.9e12, 1.1e12, 1e39, 1e308])
    largest = np.finfo(np.float32).max
    found = make_penalties(2, factors=factors, **{name: [0.01, 1e6]}).factors
    np.testing.assert_array_equal(found, [1, 0, np.inf, 0.9e12, np.inf, np.inf, np.inf])
    # Whatever a strength of zero is multiplied by.
    found = make_penalties(2, factors=factors, **{name: [0.0, 1e6]}).factors
    np.testing.assert_array_equal(found, [1, 0, np.inf, 0.9e12, 1.1e12, largest, largest])
    found = make_penalties(2, factors=factors, **{name: [1e-300, 0.0]}).factors
    np.testing.assert_array_equal(found, [1, 0, np.inf, 0.9e12, 1.1e12, largest, largest])
    assert make_penalties(2, factors=np.ones(3), **{name: 1e20}).factors is None


@pytest.mark.parametrize(
    "frozen, lowest",
    [([0, 0, 0], 1), ([1, 0, 0], 2), ([0, 1, 1], 1), ([1, 1, 0], 3), ([1, 0, 1], 2)],
)
def test_deltas_are_needed_down_to_the_lowest_matrix_that_moves(frozen, lowest):
    assert make_penalties(3, frozen=np.array(frozen, dtype=bool)).lowest == lowest


def test_what_may_move():
    everything = movable(UNITS, make_penalties(2))
    np.testing.assert_array_equal(everything, np.ones(n_parameters(UNITS)))
    coefs, intercepts = views(movable(UNITS, make_penalties(2, factors=FACTORS)), UNITS)
    np.testing.assert_array_equal(coefs[0], np.array([1.0, 1, 0, 1])[:, None] * np.ones(3))
    for part in (coefs[1], *intercepts):
        np.testing.assert_array_equal(part, 1)
    for frozen in ([True, False], [False, True]):
        parts = views(movable(UNITS, make_penalties(2, frozen=frozen)), UNITS)
        for coef, intercept, is_frozen in zip(*parts, frozen, strict=True):
            assert (coef == 1 - is_frozen).all() and (intercept == 1 - is_frozen).all()


def test_excluded_features_lose_their_weights():
    flat = np.arange(1.0, 1 + n_parameters(UNITS))
    before = flat.copy()
    clear_excluded(flat, UNITS, make_penalties(2))
    np.testing.assert_array_equal(flat, before)
    clear_excluded(flat, UNITS, make_penalties(2, factors=FACTORS))
    expected = before.copy()
    expected[6:9] = 0  # the third row of three
    np.testing.assert_array_equal(flat, expected)


def test_value_of_the_group_lasso_by_hand():
    coefs = [np.array([[3.0, 4.0], [0, 0], [5, 12]]), np.array([[8.0], [-6.0]])]
    rows = make_penalties(2, group_l1=[0.5, 0.25])
    assert group_penalty(coefs, rows) == pytest.approx(0.5 * np.sqrt(2) * (5 + 13) + 0.25 * 14)
    groups = rows._replace(groups=(np.array([0, 2]), np.array([1])))
    expected = 0.5 * np.sqrt(4) * np.sqrt(25 + 169) + 0.25 * 14
    assert group_penalty(coefs, groups) == pytest.approx(expected, rel=1e-15)
    factors = groups._replace(factors=np.array([2.0, 7.0, 2.0]))
    assert group_penalty(coefs, factors) == pytest.approx(2 * expected - 0.25 * 14, rel=1e-15)
    exempt = rows._replace(factors=np.array([0.0, np.inf, 1.0]))
    assert group_penalty(coefs, exempt) == pytest.approx(0.5 * np.sqrt(2) * 13 + 0.25 * 14)


def test_large_weights_in_single_precision_have_a_finite_norm():
    coefs = [np.full((2, 2), 1e25, dtype=np.float32)]
    assert group_penalty(coefs, make_penalties(1, group_l1=1.0)) == pytest.approx(4e25)


EVERYTHING = {
    **{"l1": [0.1, 0.3], "l2": [0.2, 0.4], "group_l1": [0.5, 0.7], "l2_anchor": [0.6, 0.8]},
    "factors": FACTORS,
}


def by_hand(flat, anchor, p: Penalties):
    """Return the value of every term, from the formula at the head of the module."""
    total = dict.fromkeys(TERMS, 0.0)
    for k, (W, A) in enumerate(zip(views(flat, UNITS)[0], views(anchor, UNITS)[0], strict=True)):
        for i, (w, a) in enumerate(zip(W, A, strict=True)):
            f = 1.0 if k else [1.0, 0.0, 0.0, 2.5][i]
            total["l1"] += p.l1[k] * f * sum(abs(w))
            total["l2"] += p.l2[k] / 2 * f * sum(w**2)
            total["group_l1"] += p.group_l1[k] * f * np.sqrt(w.size * sum(w**2))
            total["l2_anchor"] += p.l2_anchor[k] / 2 * sum((w - a) ** 2)
    return total


def test_terms_are_those_of_the_formula():
    penalties, flat, anchor = make_penalties(2, **EVERYTHING), draw(0), draw(1)
    terms, expected = Terms(UNITS, penalties, anchor), by_hand(flat, anchor, penalties)
    assert tuple(terms.values(flat)) == TERMS
    assert terms.values(flat) == pytest.approx(expected, rel=1e-14)
    assert terms.smooth(flat)[0] == pytest.approx(expected["l2"] + expected["l2_anchor"])
    assert terms.kinks(flat) == pytest.approx(expected["l1"] + expected["group_l1"])


def test_gradient_of_the_smooth_terms():
    terms = Terms(UNITS, make_penalties(2, **EVERYTHING), draw(1))
    numerical = approx_fprime(draw(0), lambda flat: terms.smooth(flat)[0], 1e-6)
    np.testing.assert_allclose(terms.smooth(draw(0))[1], numerical, atol=1e-5)


@pytest.mark.parametrize("size", (1e200, 1e308))
def test_penalties_of_huge_weights_are_infinite_without_a_word(size):
    penalties = make_penalties(2, **EVERYTHING, groups=(np.arange(4),))
    flat = np.resize([size, -size, 0.0], n_parameters(UNITS))
    for anchor in (-flat, np.ones_like(flat)):
        terms = Terms(UNITS, penalties, anchor)
        values = terms.values(flat)
        assert values["l2"] == values["group_l1"] == np.inf
        assert not np.isfinite(values["l2_anchor"]) and not np.isfinite(terms.smooth(flat)[0])
        assert terms.kinks(flat) == np.inf


def test_without_an_anchor_nothing_pulls():
    terms, flat = Terms(UNITS, make_penalties(2, l2=0.5, l2_anchor=0.6)), draw()
    assert terms.values(flat)["l2_anchor"] == 0
    np.testing.assert_array_equal(terms.smooth(flat)[1], terms.l2 * flat)
