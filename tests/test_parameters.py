"""Parameters per layer: what is accepted, and errors that name parameter, value and remedy."""

import re

import numpy as np
import pytest
import scipy.sparse as sp

from skreg._kernels.activations import GELU, IDENTITY, RELU
from skreg._parameters import (
    activation_codes,
    activation_names,
    column_groups,
    dropout_rates,
    equal_factors,
    feature_factors,
    fill_starting_values,
    frozen_matrices,
    hidden_units,
    max_norms,
    strengths,
)


@pytest.mark.parametrize(
    "given, expected",
    [
        ((), ()),
        (7, (7,)),
        (np.int64(7), (7,)),
        ([3, 2], (3, 2)),
        (np.array([3, 2]), (3, 2)),
        (np.array(7), (7,)),
    ],
)
def test_hidden_units(given, expected):
    units = hidden_units(given)
    assert units == expected
    assert all(type(size) is int for size in units)


@pytest.mark.parametrize("given", [(3, 0), [-1], (2.5,), ("a",), np.array(2.5), np.array([[3]])])
def test_hidden_units_that_cannot_be(given):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be"):
        hidden_units(given)


def test_activations():
    assert activation_names("tanh", 2) == ("tanh", "tanh")
    assert activation_names("tanh", 0) == ()
    assert activation_names(["relu", "gelu"], 2) == ("relu", "gelu")
    assert activation_codes(["relu", "gelu"], 2) == (RELU, GELU, IDENTITY)
    with pytest.raises(ValueError, match="unknown function 'cube'; choose from identity, "):
        activation_names(("relu", "cube"), 2)
    for odd in (["relu"], None, 3):
        with pytest.raises(ValueError, match=r"activation=.* unknown function .*; choose from"):
            activation_names([odd], 1)
    with pytest.raises(ValueError, match="has 1 value, but the network has 2 hidden layers"):
        activation_names(("relu",), 2)


@pytest.mark.parametrize(
    "ask, name",
    [
        (lambda value: activation_names(value, 2), "activation"),
        (lambda value: max_norms("max_norm", value, 2), "max_norm"),
        (lambda value: frozen_matrices("frozen_layers", value, 2), "frozen_layers"),
        (lambda value: column_groups("feature_groups", value, 3), "feature_groups"),
    ],
)
def test_an_array_without_a_dimension_is_no_list(ask, name):
    with pytest.raises(ValueError, match=rf"{name}=array\(1\) must be a list of "):
        ask(np.array(1))


def test_strengths():
    np.testing.assert_array_equal(strengths("l1", 0.5, 3), [0.5] * 3)
    np.testing.assert_array_equal(strengths("l1", np.float32(0.5), 2), [0.5] * 2)
    np.testing.assert_array_equal(strengths("l1", (0.5, 0), 2), [0.5, 0.0])


@pytest.mark.parametrize(
    "given, message",
    [
        ((0.1, -0.1), r"l1=\(0.1, -0.1\) must be finite and >= 0"),
        (np.inf, "l1=inf must be finite"),
        (np.nan, "l1=nan must be finite"),
        ((0.1,), r"l1=\(0.1,\) has 1 value, but the network has 2 weight matrices; give one"),
        (((0.1, 0.2), (0.1, 0.2)), "flat sequence"),
        (("a", "b"), "must be a number or a sequence of numbers"),
        ((0.1, None), "must be"),
        ((0.1, 2e30), r"l1=\(0.1, 2e\+30\) must be at most 1e\+30 everywhere"),
    ],
)
def test_strengths_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        strengths("l1", given, 2)


def test_dropout_rates():
    np.testing.assert_array_equal(dropout_rates("dropout", 0.3, 2), [0.3, 0.3])
    np.testing.assert_array_equal(dropout_rates("dropout", [0.0, 0.9], 2), [0.0, 0.9])
    for given in (1.0, -0.1, np.nan, (0.5, 1.0)):
        with pytest.raises(ValueError, match=r"must be in \[0, 1\)"):
            dropout_rates("dropout", given, 2)
    with pytest.raises(ValueError, match="has 3 values, but the network has 2 hidden layers"):
        dropout_rates("dropout", (0.1, 0.2, 0.3), 2)


def test_max_norms():
    np.testing.assert_array_equal(max_norms("max_norm", None, 2), [np.inf] * 2)
    np.testing.assert_array_equal(max_norms("max_norm", 2, 3), [2.0] * 3)
    found = max_norms("max_norm", (None, 0.5, np.inf), 3)
    np.testing.assert_array_equal(found, [np.inf, 0.5, np.inf])
    np.testing.assert_array_equal(max_norms("max_norm", np.array([1.0, 2.0]), 2), [1.0, 2.0])


@pytest.mark.parametrize(
    "given, message",
    [
        ([1.0, 0.0], r"max_norm=\[1.0, 0.0\] must be > 0 everywhere; None sets no bound"),
        ([1.0, -2.0], "must be > 0 everywhere"),
        ([np.nan, 1.0], "must be > 0 everywhere"),
        ([1.0, 1e-16], "must be at least 1e-15 everywhere; squares of smaller norms"),
        (
            [1.0],
            "has 1 value, but the network has 2 weight matrices; give one value for",
        ),
        (["a", 1.0], "must be a number or a sequence of numbers"),
    ],
)
def test_max_norms_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        max_norms("max_norm", given, 2)


def test_frozen_matrices():
    np.testing.assert_array_equal(frozen_matrices("frozen_layers", None, 2), [False, False])
    np.testing.assert_array_equal(frozen_matrices("frozen_layers", (), 2), [False, False])
    np.testing.assert_array_equal(frozen_matrices("frozen_layers", [0], 3), [True, False, False])
    np.testing.assert_array_equal(
        frozen_matrices("frozen_layers", np.array([-1, 0, 2]), 3), [True, False, True]
    )


@pytest.mark.parametrize(
    "given, message",
    [
        ([2], r"frozen_layers=\[2\] names a layer 2, but the network has 2 layers with weights; "
              "give integers from 0 to 1"),
        ([-3], "names a layer -3"),
        ([0.0], "names a layer 0.0"),
        (["first"], "names a layer 'first'"),
        ([0, 1], r"frozen_layers=\[0, 1\] freezes every layer; leave at least one to train"),
        ([0, -1], "freezes every layer"),
    ],
)  # fmt: skip
def test_frozen_matrices_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        frozen_matrices("frozen_layers", given, 2)


def test_feature_factors():
    assert feature_factors("feature_penalty", None, 3) is None
    found = feature_factors("feature_penalty", (0, 1, np.inf), 3)
    np.testing.assert_array_equal(found, [0.0, 1.0, np.inf])
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    "given, message",
    [
        ((1, 2), r"feature_penalty has the shape \(2,\), but X has 3 features; give one factor"),
        (((1,), (2,), (3,)), r"has the shape \(3, 1\)"),
        ((1, -1, 2), r"feature_penalty=\(1, -1, 2\) must hold numbers >= 0: 0 exempts a feature"),
        ((1, np.nan, 2), "must hold numbers >= 0"),
        ((np.inf,) * 3, "at least one feature must stay"),
        ((1, "two", 3), r"feature_penalty=\(1, 'two', 3\)"),
        ((1, None, 3), "must hold numbers >= 0"),
    ],
)
def test_feature_factors_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        feature_factors("feature_penalty", given, 3)


def as_lists(groups):
    return None if groups is None else [group.tolist() for group in groups]


@pytest.mark.parametrize(
    "given, expected",
    [
        (None, None),
        ([], [[0], [1], [2], [3], [4]]),
        ([[3, 1]], [[0], [1, 3], [2], [4]]),
        ([(4, -5), np.array([2])], [[0, 4], [1], [2], [3]]),
        ([["c", "a"], [1]], [[0, 2], [1], [3], [4]]),
        ([[], ["e", 3]], [[0], [1], [2], [3, 4]]),
    ],
)
def test_groups_of_columns_hold_every_feature_once(given, expected):
    found = column_groups("feature_groups", given, 5, list("abcde"))
    assert as_lists(found) == expected


@pytest.mark.parametrize(
    "given, message",
    [
        ([[0, 1], [1, 2]], "feature_groups names the column 1 twice; groups must not overlap"),
        ([[0, 0]], "names the column 0 twice"),
        ([[0, -3]], "names the column -3 twice"),
        ([["a", 0]], "names the column 0 twice"),
        ([["z"]], r"names an unknown column 'z'; columns of X: \['a', 'b', 'c'\]"),
        ([[3]], "names a column 3, but X has 3 features; give indices from 0 to 2 or names"),
        ([[-4]], "names a column -4"),
        ([[1.0]], "names a column 1.0"),
        (["ab"], r"feature_groups=\['ab'\] must be a list of lists of columns"),
        ([0, 1], r"feature_groups=\[0, 1\] must be a list of lists"),
    ],
)
def test_groups_of_columns_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        column_groups("feature_groups", given, 3, list("abc"))


def test_names_need_columns_that_have_some():
    with pytest.raises(ValueError, match="unknown column 'a'; X has no column names"):
        column_groups("feature_groups", [["a", "b"]], 3)


def test_factors_are_equal_within_groups():
    factors, groups = np.array([1.0, 2.0, 1.0]), (np.array([0, 2]), np.array([1]))
    equal_factors(factors, groups)
    equal_factors(None, groups)
    equal_factors(factors, None)
    equal_factors(np.full(3, np.inf), groups)
    message = r"feature_penalty=\[1.0, 2.0\] differs within the feature group \[0, 1\]; columns"
    with pytest.raises(ValueError, match=message):
        equal_factors(factors, (np.array([0, 1]), np.array([2])))


STARTING = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0], [6.0]])]


def frames(arrays):
    return [pytest.importorskip("pandas").DataFrame(array) for array in arrays]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        iter,
        frames,
        lambda arrays: [array.tolist() for array in arrays],
        lambda arrays: [array.astype(int) for array in arrays],
    ],
)
def test_starting_values(container, dtype):
    parts = [np.full_like(array, np.nan, dtype=dtype) for array in STARTING]
    fill_starting_values("coef_init", container(STARTING), parts)
    for part, expected in zip(parts, STARTING, strict=True):
        np.testing.assert_array_equal(part, expected)
    fill_starting_values("coef_init", None, parts)
    np.testing.assert_array_equal(parts[1], STARTING[1])


@pytest.mark.parametrize("found", [np.nan, -np.inf, 1e39])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_starting_values_that_are_not_finite(found, dtype):
    parts = [np.zeros_like(array, dtype=dtype) for array in STARTING]
    given = [STARTING[0], np.array([[5.0], [found]])]
    message = re.escape(f"coef_init contains {found}, which is not finite in {dtype}; give finite")
    if found == 1e39 and dtype == "float64":
        fill_starting_values("coef_init", given, parts)
        assert parts[1][1, 0] == found
    else:
        with pytest.raises(ValueError, match=message):
            fill_starting_values("coef_init", given, parts)


@pytest.mark.parametrize(
    "given, shown",
    [
        ([array.astype(str) for array in STARTING], "[array("),
        ([array * 1j for array in STARTING], "[array("),
        ([sp.csr_array(array) for array in STARTING], "[<"),
        ([[[1.0, 2.0], [3.0]], STARTING[1]], "[[[1.0, 2.0], [3.0]], array("),
        ([None, STARTING[1]], "[None, array("),
    ],
)
def test_starting_values_that_are_no_numbers(given, shown):
    message = re.escape(f"coef_init={shown}") + "(.|\n)* must be a list of arrays.*dense and real"
    with pytest.raises(ValueError, match=message):
        fill_starting_values("coef_init", given, [np.zeros((2, 2)), np.zeros((2, 1))])
