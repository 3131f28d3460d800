"""When zeros are skipped: which levels have any, and when the program for it is compiled."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from skreg import MLPClassifier, MLPRegressor, _zeros
from skreg._kernels import plugs
from skreg._kernels.job import DELTA_NOTES, NEVER, NOW, SKIP_PLUG, SKIPS
from skreg._kernels.simd import lanes
from skreg._kernels.skipping import FEWEST_PANELS
from skreg._kernels.zeros import skip
from skreg.augmentation import Adversarial
from tests.kernels.engines import JIT, features, make_engine, targets

WIDE, NARROW = FEWEST_PANELS * lanes(np.dtype(float)), 3


def engine_of(units, X=None, **details):
    X = features(40, units[0]) if X is None else X
    return make_engine(units, X, targets(0, 40, units[-1]), **details)


def levels(units, X=None, **details):
    with engine_of(units, X, **details) as engine:
        return np.flatnonzero(_zeros._levels_with_zeros(engine.task, engine.job)).tolist()


def test_levels_need_zeros_and_a_wide_product():
    dense = np.ones((40, 9))
    relu = {"activation": "relu"}
    assert levels((9, WIDE, WIDE, 2), **relu) == [0, 1, 2]  # level 2 goes back to a wide one
    assert levels((9, WIDE, NARROW, 2), **relu) == [0, 2]
    assert levels((9, NARROW, WIDE, 2), **relu) == [1]
    assert levels((9, WIDE, 2), **relu) == [0]
    assert levels((9, WIDE, WIDE, 2), dense, **relu) == [1, 2]
    assert levels((9, WIDE, WIDE, 2), activation="tanh") == [0]
    assert levels((9, WIDE, WIDE, 2), dense, activation="tanh") == []
    assert levels((9, WIDE, 2), sp.csr_array(features(40, 9)), **relu) == []
    assert levels((9, NARROW), **relu) == []


def test_input_dropout_makes_zeros():
    dense = np.ones((40, 9))
    assert levels((9, WIDE, 2), dense, dropout=(0.5, 0.0)) == [0]
    assert levels((9, WIDE, 2), dense, dropout=(0.2, 0.0)) == []


@pytest.mark.parametrize("augmentation, units, expected", [
    (None, (9, WIDE, 2), [False]),
    (None, (9, WIDE, WIDE, 2), [True]),
    (Adversarial(0.1), (WIDE, NARROW, 2), [True]),  # back to the input
])  # fmt: skip
def test_there_is_room_for_notes_on_what_goes_back(monkeypatch, augmentation, units, expected):
    original, found = _zeros._make_room, []

    def make_room(table, sizes, trains, goes_back, has_parts):
        original(table, sizes, trains, goes_back, has_parts)
        found.append(table.arrays[DELTA_NOTES].size > 0)

    monkeypatch.setattr(_zeros, "_make_room", make_room)
    X = features(40, units[0])
    network = MLPRegressor(units[1:-1], augmentation=augmentation, max_iter=1, random_state=0)
    network.fit(X, X[:, :2])
    assert found == expected


@pytest.mark.skipif(not JIT, reason="without the compiler every program is at hand")
def test_program_is_compiled_once_training_has_paid_for_it(monkeypatch):
    monkeypatch.setattr(_zeros, "_trained", {})
    monkeypatch.setattr(plugs, "_addresses", {})
    monkeypatch.setattr(plugs, "_is_at_hand", lambda function, kinds: False)
    units, n_rows = (9, WIDE, 2), 40
    with engine_of(units, activation="relu", n_threads=2, batch_size=20) as engine:
        # Three products of every row with as many numbers as there are, padding included.
        products = 3.0 * n_rows * engine.weights.size
        monkeypatch.setattr(_zeros, "PAYS_AFTER", 2.5 * products)
        assert engine._zeros.wait
        for epoch in range(4):
            skips = epoch > 2
            assert (engine.job.layout[SKIPS, 0] == NOW) == skips
            assert engine._zeros.wait != skips
            for table in (engine.table, *engine._replicas):
                assert (table.addresses[SKIP_PLUG, 0] != 0) == skips
            engine.train_epoch(0.01)
    assert _zeros._trained == {np.dtype(float): 3 * products}


@pytest.mark.skipif(not JIT, reason="without the compiler every program is at hand")
def test_program_at_hand_is_used_at_once(monkeypatch):
    monkeypatch.setattr(_zeros, "PAYS_AFTER", -1.0)
    with engine_of((9, WIDE, 2)) as engine:
        engine.train_epoch(0.01)  # compiles, if nobody has
    monkeypatch.setattr(_zeros, "PAYS_AFTER", np.inf)
    with engine_of((9, WIDE, 2)) as engine:
        assert not engine._zeros.wait
        assert engine.job.layout[SKIPS].tolist() == [NOW, NEVER, NEVER]


@pytest.mark.skipif(not JIT, reason="without the compiler there is no disk cache")
def test_disk_cache_is_asked_once_for_what_it_does_not_have(monkeypatch):
    asked = []

    class Empty:
        def load_overload(self, kinds, context):
            asked.append(kinds)

    monkeypatch.setattr(skip, "_cache", Empty())
    monkeypatch.setattr(plugs, "_missing", set())
    examples = np.empty(3, np.int8), 1.0  # no such arguments
    assert [plugs.address_of(skip, *examples, compiles=False) for _ in range(3)] == [0] * 3
    assert asked == [tuple(map(numba.typeof, examples))]


def test_prediction_has_the_same_bits(monkeypatch):
    X, y = features(3000, 30), np.arange(3000) % 2
    model = MLPClassifier((WIDE, WIDE), max_iter=2, random_state=0, tol=0).fit(X, y)
    monkeypatch.setattr(_zeros, "PAYS_AFTER", -1.0)
    model.partial_fit(X, y)
    skipping = model.predict_proba(X)
    monkeypatch.setattr(_zeros, "FEWEST_PANELS", 10**9)
    np.testing.assert_array_equal(model.predict_proba(X), skipping)
