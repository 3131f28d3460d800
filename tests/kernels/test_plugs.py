"""Plugs: compiled functions called by their address, with what they return and what they raise."""

import gc

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels import job as slots
from skreg._kernels.plugs import address_of, call, plug
from skreg._penalties import make_penalties
from tests.kernels.engines import JIT, SGD_RULE, features, make_engine, targets

UNITS = (5, 4, 2)
PLUGS = (slots.AUGMENT_PLUG, slots.PERTURB_PLUG, slots.ADD_PENALTY_GRADIENTS_PLUG,
         slots.UPDATE_STRUCTURED_PLUG, slots.FINISH_PLUG)  # fmt: skip


@jit
def add_to(vector, pair, factor):
    """Add to a vector; return whether anything was added."""
    for i in range(vector.size):
        vector[i] += factor * (pair[0] + pair[1])
    return factor != 0


@jit
def fill(vector, pair, factor):
    """Take arguments like `add_to` and do something else."""
    for i in range(vector.size):
        vector[i] = pair[1]
    return True


@jit
def refuse(vector, pair, factor):
    """Raise an error."""
    if vector.size > 0:
        raise ZeroDivisionError("refused")
    return True


@jit
def measure(vector, pair, factor):
    """Take arguments of any types."""
    return vector.size + pair[0] + pair[1] + factor > 0


@jit
def call_twice(address, vector, pair, factor):
    """Call a plug for a vector and its first half; return whether both have gone well."""
    whole = call(address, (vector, pair, factor))
    half = call(address, (vector[: vector.size // 2], pair, factor))
    return whole and half


def address(function, dtype=np.float64):
    return address_of(function, np.empty(0, dtype), (1, 1), 1.0)


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_a_plug_gets_its_arguments_and_returns_a_bool(dtype):
    vector = np.zeros(6, dtype)
    assert call_twice(address(add_to, dtype), vector, (1, 2), 0.5) is True
    np.testing.assert_array_equal(vector, [3, 3, 3, 1.5, 1.5, 1.5])
    assert call_twice(address(add_to, dtype), vector, (1, 2), 0.0) is False


def test_the_address_decides_what_is_called():
    vector = np.zeros(4)
    assert address(add_to) != address(fill)
    assert call_twice(address(fill), vector, (1, 7), 0.5)
    np.testing.assert_array_equal(vector, 7)


def test_an_address_stays_the_same_and_alive():
    before = address(add_to)
    gc.collect()
    assert address(add_to) == before != 0
    vector = np.ones(2)
    assert call_twice(before, vector, (0, 1), 1.0)
    np.testing.assert_array_equal(vector, [3, 2])


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError, match="refused"):
        call_twice(address(refuse), np.zeros(2), (1, 1), 1.0)
    assert call_twice(address(refuse), np.zeros(0), (1, 1), 1.0)


# What engines plug in.


def plugged(**details):
    """Return which of the plugs an engine has, and the rule by which it is stepped."""
    rows = features(6, UNITS[0]), targets(0, 6, UNITS[-1])
    with make_engine(UNITS, *rows, **details) as engine:
        return [plug(engine.job, slot) != 0 for slot in PLUGS]


NOTHING, STRUCTURE = [False] * 5, [False, False, True, True, True]
CASES = [
    ({}, NOTHING),
    ({"l1": 0.1, "l2": 0.1}, NOTHING),
    ({"frozen": [True, False], "l1": 0.1}, NOTHING),
    ({"groups": ([0, 1], [2, 3, 4])}, NOTHING),
    ({"group_l1": 0.1}, STRUCTURE),
    ({"l2_anchor": [0.0, 0.1]}, STRUCTURE),
    ({"max_norm": [np.inf, 1.0]}, STRUCTURE),
    ({"factors": np.array([1, 1, 2, 1, 1])}, STRUCTURE),
    ({"factors": np.ones(5)}, NOTHING),
]


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_plugs_are_those_that_the_penalties_need(given, expected):
    penalties = make_penalties(2, **given)
    assert plugged(penalties=penalties) == expected
    averaging = SGD_RULE._replace(averaging=0.9)
    assert plugged(penalties=penalties, rule=averaging) == [*expected[:4], True]


@pytest.mark.skipif(not JIT, reason="without the compiler a function is its own address")
def test_arguments_of_other_types_have_programs_of_their_own():
    vector = np.empty(3)
    frozen = np.empty(3)
    frozen.flags.writeable = False
    examples = [(vector, (1, 1), 1.0), (vector, (1, 1.0), 1.0), (vector, (1, True), 1.0),
                (vector.astype(np.float32), (1, 1), 1.0), (vector[::2], (1, 1), 1.0)]  # fmt: skip
    addresses = [address_of(measure, *example) for example in examples]
    assert len(set(addresses)) == len(examples)
    assert address_of(measure, np.ones(7), (3, 4), 0.0) == addresses[0]
    assert address_of(measure, frozen, (1, 1), 1.0) not in addresses
