"""Parameters per layer: what is accepted, and errors that name parameter, value and remedy."""

import numpy as np
import pytest

from skreg._parameters import activation_names, dropout_rates, hidden_units, strengths


@pytest.mark.parametrize(
    "given, expected",
    [
        ((), ()),
        (7, (7,)),
        (np.int64(7), (7,)),
        ([3, 2], (3, 2)),
        (np.array([3, 2]), (3, 2)),
    ],
)
def test_hidden_units(given, expected):
    units = hidden_units(given)
    assert units == expected
    assert all(type(size) is int for size in units)


@pytest.mark.parametrize("given", [(3, 0), [-1], (2.5,), ("a",)])
def test_hidden_units_that_cannot_be(given):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be"):
        hidden_units(given)


def test_activations():
    assert activation_names("tanh", 2) == ("tanh", "tanh")
    assert activation_names("tanh", 0) == ()
    assert activation_names(["relu", "gelu"], 2) == ("relu", "gelu")
    with pytest.raises(ValueError, match="unknown function 'cube'; choose from identity, "):
        activation_names(("relu", "cube"), 2)
    with pytest.raises(ValueError, match="has 1 values, but the network has 2 hidden layers"):
        activation_names(("relu",), 2)


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
        ((0.1,), r"l1=\(0.1,\) has 1 values, but the network has 2 weight matrices; give one"),
        (((0.1, 0.2), (0.1, 0.2)), "flat sequence"),
        (("a", "b"), "must be a number or a sequence of numbers"),
        ((0.1, None), "must be"),
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
