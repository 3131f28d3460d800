"""Columns that grow, the history of a network, and that nobody else's is changed by it."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from skreg import MLPRegressor
from skreg._history import Column, History


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X)[:150], scale(y)[:150]


def pickled(network):
    return pickle.loads(pickle.dumps(network))


def test_history_keeps_what_it_was_given():
    earlier = {"loss": [3.0], "n_nonzero": np.array([7]), "n_nonzero_0": np.array([7])}
    history = History(1, earlier)
    history.append(loss=2.0, n_nonzero=5, n_nonzero_0=5)
    assert len(history) == 2
    for key in ("n_nonzero", "n_nonzero_0"):
        np.testing.assert_array_equal(history.as_arrays()[key], [7, 5])


def test_what_was_not_written_down_is_unknown():
    history = History(2, {"loss": np.array([1.0, 2.0])}).as_arrays()
    assert history["loss"].tolist() == [1.0, 2.0] and np.isnan(history["l1"]).all()
    assert history["n_nonzero"].tolist() == history["n_nonzero_1"].tolist() == [0, 0]


def test_columns_grow_and_leave_what_they_gave():
    column, expected = Column(np.array([5.0]), 1), [5.0]
    given = [column.numbers()]
    for k in range(100):
        column.extend(np.arange(k % 4, dtype=float))
        expected += range(k % 4)
        given.append(column.numbers())
    np.testing.assert_array_equal(given[-1], expected)
    assert column.size == len(expected)
    for numbers in given:
        np.testing.assert_array_equal(numbers, expected[: len(numbers)])
    assert len({id(numbers.base) for numbers in given if numbers.base is not None}) < 10


def test_each_call_of_partial_fit_adds_one_epoch_to_arrays_that_stay(diabetes):
    network = MLPRegressor((3,), l1=1e-3, random_state=0)
    histories, curves = [], []
    for _ in range(20):
        network.partial_fit(*diabetes)
        histories.append(network.history_)
        curves.append(network.loss_curve_)
    whole = MLPRegressor((3,), l1=1e-3, random_state=0)
    for _ in range(20):
        whole.partial_fit(*diabetes)
        whole._history_room = None  # as after a pickle
    for n, (history, curve) in enumerate(zip(histories, curves, strict=True), 1):
        assert len(curve) == n and curve == whole.loss_curve_[:n]
        assert history.keys() == whole.history_.keys()
        for key, column in history.items():
            np.testing.assert_array_equal(column, whole.history_[key][:n])
    assert all(np.shares_memory(histories[-1][key], histories[-2][key]) for key in history)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_call_of_partial_fit_takes_no_copy_of_the_epochs_before(diabetes, early_stopping):
    X, y = diabetes
    rows = {"X": X, "y": y, "X_val": X, "y_val": y}
    network = MLPRegressor((3,), early_stopping=early_stopping, random_state=0).partial_fit(**rows)
    n_epochs = 100_000
    network.history_ = {key: np.resize(col, n_epochs) for key, col in network.history_.items()}
    network.partial_fit(**rows)  # which takes a room for as many again
    tracemalloc.start()
    network.partial_fit(**rows)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < network.history_["loss"].nbytes
    assert len(network.loss_curve_) == n_epochs + 2
    assert network.loss_ == network.loss_curve_[-1]


def with_the_same_attributes(network):
    other = MLPRegressor()
    vars(other).update(vars(network))
    return other


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, pickled, MLPRegressor.compress, with_the_same_attributes],
)
def test_copies_go_on_each_with_a_history_of_its_own(diabetes, duplicate):
    network = MLPRegressor((3,), random_state=0)
    for _ in range(5):
        network.partial_fit(*diabetes)
    other = duplicate(network)
    X, y = diabetes
    other.partial_fit(X, 2 * y)
    expected = other.history_["loss"].copy()
    network.partial_fit(X, y)
    assert network.history_["loss"][-1] != other.history_["loss"][-1]
    np.testing.assert_array_equal(other.history_["loss"], expected)
    np.testing.assert_array_equal(network.history_["loss"][:5], expected[:5])
    assert "_history_room" in vars(network) and "_history_room" not in network.__getstate__()


def test_a_run_that_fails_leaves_nothing_in_the_history(diabetes):
    X, y = diabetes
    network = MLPRegressor((3,), random_state=0, solver="sgd", batch_size=10).partial_fit(X, y)
    with pytest.raises(ValueError, match="learning_rate_init"):
        network.set_params(learning_rate_init=1e9).partial_fit(X, y)
    network.set_params(learning_rate_init=1e-3).partial_fit(X, y)
    assert len(network.history_["loss"]) == len(network.loss_curve_) == 2
    assert np.isfinite(network.history_["loss"]).all()
