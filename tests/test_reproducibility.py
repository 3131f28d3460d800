"""The same bits, whoever computes them; weights, batches and dropout mean what they say."""

import gc
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from skreg import MLPClassifier, MLPRegressor


def make_data(n=230, n_features=37, sparse=False, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)).astype(dtype)
    X[rng.random(X.shape) < 0.6] = 0
    y = (X @ rng.normal(size=(n_features, 3))).argmax(axis=1)
    return (sp.csr_matrix(X) if sparse else X), y


def weights(network):
    """Return all that was learned as one vector."""
    return np.concatenate([np.ravel(w) for w in network.coefs_ + network.intercepts_])


def fitted(network, X, y):
    return weights(clone(network).fit(X, y))


CONFIGURATIONS = {
    "adam": {},
    "sgd": {"solver": "sgd", "l1": 1e-3},
    "lbfgs": {"solver": "lbfgs", "l1": 1e-3},
    "dropout": {"dropout": 0.4, "input_dropout": 0.2},
    "clipped": {"clip_norm": 0.5, "l1": 1e-3, "weight_decay": 0.1},
    "early": {"early_stopping": True, "activation": "tanh"},
}


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_number_of_threads_changes_no_bit(name, dtype, sparse):
    X, y = make_data(sparse=sparse, dtype=dtype)
    network = MLPClassifier((33, 17), max_iter=4, batch_size=70, random_state=0,
                            **CONFIGURATIONS[name])  # fmt: skip
    alone = network.set_params(n_jobs=1).fit(X, y)
    expected, history = weights(alone), alone.history_
    assert expected.dtype == dtype
    for n_jobs in (1, 2, 3):
        other = clone(network).set_params(n_jobs=n_jobs).fit(X, y)
        np.testing.assert_array_equal(weights(other), expected)
        for key, column in history.items():
            np.testing.assert_array_equal(other.history_[key], column)


@pytest.mark.usefixtures("whole_teams")
def test_threads_that_take_turns_at_every_chance_change_no_bit():
    X, y = make_data()
    network = MLPClassifier((20,), max_iter=2, batch_size=70, random_state=0)
    expected = fitted(network.set_params(n_jobs=1), X, y)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        found = [fitted(clone(network).set_params(n_jobs=2), X, y) for _ in range(40)]
    finally:
        sys.setswitchinterval(interval)
    np.testing.assert_array_equal(found, [expected] * 40)


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fits_side_by_side_have_the_bits_of_one_alone(dtype):
    X, y = make_data(dtype=dtype)
    networks = [
        MLPClassifier((20,), dropout=0.2, max_iter=4, random_state=seed, n_jobs=1 + seed % 2)
        for seed in range(6)
    ]
    expected = [fitted(network, X, y) for network in networks]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda network: fitted(network, X, y), networks))
    np.testing.assert_array_equal(found, expected)


def test_a_process_computes_the_same_bits():
    X, y = make_data()
    networks = [MLPClassifier((20,), dropout=0.2, max_iter=4, random_state=seed) for seed in (0, 1)]
    expected = [fitted(network, X, y) for network in networks]
    found = joblib.Parallel(2, backend="loky")(
        joblib.delayed(fitted)(network, X, y) for network in networks
    )
    np.testing.assert_array_equal(found, expected)


def test_the_layout_of_the_rows_changes_no_bit():
    X, y = make_data()
    network = MLPClassifier((20,), input_dropout=0.2, max_iter=4, random_state=0)
    expected = fitted(network, X, y)
    read_only = X.copy()
    read_only.flags.writeable = False
    copies = [np.asfortranarray(X), read_only, np.repeat(X, 2, axis=1)[:, ::2]]
    for same in [*copies, sp.csr_matrix(X), sp.csc_matrix(X)]:
        np.testing.assert_array_equal(fitted(network, same, y), expected)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_entries_that_are_stored_twice_or_in_any_order_change_no_bit(solver):
    X, y = make_data()
    network = MLPClassifier((20,), solver=solver, max_iter=4, random_state=0)
    expected = fitted(network, X, y)
    one = sp.csr_array(X)
    order = np.concatenate([np.arange(*ends)[::-1] for ends in pairwise(one.indptr)])
    backwards = sp.csr_array((one.data[order], one.indices[order], one.indptr), one.shape)
    data, columns = np.repeat(one.data / 2, 2), np.repeat(one.indices, 2)
    halves = sp.csr_array((data, columns, 2 * one.indptr), one.shape)
    for same in (backwards, halves):
        stored = same.data.copy()
        np.testing.assert_array_equal(fitted(network, same, y), expected)
        np.testing.assert_array_equal(same.data, stored)


# Weights of rows.


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_integer_weights_equal_repeated_rows(solver):
    X, y = make_data(80)
    counts = np.random.default_rng(1).integers(0, 4, 80)
    network = MLPClassifier((8,), solver=solver, max_iter=15, batch_size=1000, l1=1e-3,
                            random_state=0, shuffle=False)  # fmt: skip
    with pytest.warns(UserWarning, match="clipped") if solver != "lbfgs" else nullcontext():
        weighted = clone(network).fit(X, y, sample_weight=counts)
        repeated = clone(network).fit(X.repeat(counts, axis=0), y.repeat(counts))
    np.testing.assert_allclose(weights(weighted), weights(repeated), atol=1e-9)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_rows_of_weight_zero_change_no_bit(solver, early_stopping):
    X, y = make_data(120)
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2.0, 120)
    extra = 1e3 * rng.normal(size=(75, X.shape[1]))  # more than a batch of them
    at = np.sort(rng.integers(0, 120, 75))
    X_more, y_more = np.insert(X, at, extra, axis=0), np.insert(y, at, rng.integers(0, 3, 75))
    network = MLPClassifier((8,), solver=solver, batch_size=25, max_iter=6, random_state=0, l1=1e-3,
                            early_stopping=early_stopping)  # fmt: skip
    network.set_params(dropout=0.0 if solver == "lbfgs" else 0.2)
    plain = clone(network).fit(X, y, sample_weight=weight)
    more = clone(network).fit(X_more, y_more, sample_weight=np.insert(weight, at, 0.0))
    np.testing.assert_array_equal(weights(more), weights(plain))
    np.testing.assert_array_equal(more.history_["loss"], plain.history_["loss"])
    np.testing.assert_array_equal(
        more.history_["validation_loss"], plain.history_["validation_loss"]
    )


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_scaled_weights_change_nothing(solver):
    X, y = make_data(100)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 100)
    network = MLPClassifier((8,), solver=solver, max_iter=5, l1=1e-3, random_state=0)
    np.testing.assert_array_equal(
        weights(clone(network).fit(X, y, sample_weight=weight)),
        weights(clone(network).fit(X, y, sample_weight=4.0 * weight)),
    )


# The strength of the penalty.


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_strength_does_not_depend_on_the_batch_size(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 6))
    y = X @ np.array([2.0, -1.0, 0.5, 0.0, 0.0, 0.0]) + 0.1 * rng.normal(size=240)
    for l1, l2 in ((0.2, 0.0), (0.0, 0.5)):
        found = [
            MLPRegressor((), solver=solver, l1=l1, l2=l2, batch_size=size, max_iter=epochs,
                         learning_rate="cosine", learning_rate_init=0.05, random_state=0)
            .fit(X, y).coefs_[0]
            for size, epochs in ((12, 150), (60, 400), (240, 1500))
        ]  # fmt: skip
        np.testing.assert_allclose(found[1], found[0], atol=5e-3)
        np.testing.assert_allclose(found[2], found[0], atol=5e-3)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_strength_does_not_depend_on_the_number_of_rows(solver):
    X, y = make_data(90)
    network = MLPClassifier((8,), solver=solver, l1=2e-3, l2=0.01, max_iter=15, random_state=0,
                            shuffle=False, batch_size=90)  # fmt: skip
    once = clone(network).fit(X, y)
    twice = clone(network).set_params(batch_size=180)
    twice.fit(np.vstack([X, X]), np.append(y, y))
    np.testing.assert_allclose(weights(once), weights(twice), atol=1e-9)


# Dropout.


def dropped_inputs(rate, seed, n=400, n_features=50):
    """Return how far the weight of each input moves in each step: not where it was dropped."""
    network = MLPRegressor((), solver="sgd", momentum=0.0, nesterovs_momentum=False, l2=0.0,
                           learning_rate_init=1e-3, batch_size=1, max_iter=1, input_dropout=rate,
                           random_state=seed, warm_start=True, shuffle=False)  # fmt: skip
    moved = []
    network.fit(np.ones((1, n_features)), [1e3])
    for _ in range(n):
        before = network.coefs_[0].copy()
        network.fit(np.ones((1, n_features)), [1e3])
        moved.append((network.coefs_[0] - before)[:, 0])
    return np.array(moved)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_inputs_are_dropped_as_often_as_asked(rate):
    moved = dropped_inputs(rate, seed=0)
    share = (moved == 0).mean()
    assert abs(share - rate) < 4 * np.sqrt(rate * (1 - rate) / moved.size)
    per_input = (moved == 0).mean(axis=0)
    assert abs(per_input - rate).max() < 4.5 * np.sqrt(rate * (1 - rate) / moved.shape[0])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_expected_activation(rate):
    n_units, n = 400, 300
    rng = np.random.default_rng(0)
    hidden = [np.zeros((1, n_units)), rng.uniform(0.5, 1.5, n_units)]  # constant units
    outgoing = [np.ones((n_units, 1)) / n_units, np.zeros(1)]
    network = MLPRegressor(
        (n_units,),
        solver="sgd",
        momentum=0.0,
        l2=0.0,
        dropout=rate,
        learning_rate_init=1e-300,
        batch_size=n,
        max_iter=1,
        random_state=0,
    )
    network.fit(np.zeros((n, 1)), np.zeros(n), coef_init=[hidden[0], outgoing[0]],
                intercept_init=[hidden[1], outgoing[1]])  # fmt: skip
    mean = hidden[1].mean()
    np.testing.assert_allclose(network.predict(np.zeros((1, 1))), mean, rtol=1e-12)
    # The loss is half the mean square of the output, whose mean is that of the plain network.
    variance = (hidden[1] ** 2).sum() * rate / (1 - rate) / n_units**2
    expected = 0.5 * (mean**2 + variance)
    sigma = mean * np.sqrt(variance / n)
    assert abs(network.history_["loss"][0] - expected) < 4 * sigma


def test_seeds_layers_and_steps_draw_different_units():
    X, y = make_data(60)
    network = MLPClassifier((10, 10), dropout=0.5, max_iter=3, shuffle=False, random_state=0)
    start = MLPClassifier((10, 10), learning_rate_init=1e-300, max_iter=1, random_state=5).fit(X, y)
    init = {"coef_init": start.coefs_, "intercept_init": start.intercepts_}
    a, b = (clone(network).set_params(random_state=seed).fit(X, y, **init) for seed in (0, 1))
    assert abs(weights(a) - weights(b)).max() > 1e-4
    first, second = dropped_inputs(0.5, 0, n=100) == 0, dropped_inputs(0.5, 1, n=100) == 0
    assert abs((first == second).mean() - 0.5) < 4 * 0.5 / np.sqrt(first.size)
    assert abs((first[1:] == first[:-1]).mean() - 0.5) < 4 * 0.5 / np.sqrt(first.size)


# Nothing is left behind.


def test_fits_leave_no_threads_and_no_memory():
    X, y = make_data(60)
    network = MLPClassifier((20,), max_iter=2, n_jobs=2, random_state=0, early_stopping=True)
    before = threading.active_count()
    grown = []
    tracemalloc.start()
    try:
        for _ in range(4):
            gc.collect()
            start = tracemalloc.get_traced_memory()[0]
            for _ in range(20):
                network.fit(X, y)
            gc.collect()
            grown.append(tracemalloc.get_traced_memory()[0] - start)
    finally:
        tracemalloc.stop()
    # Caches of other libraries fill at first; what a fit forgets would go on growing. The batch
    # of a single engine takes 200 kB.
    assert min(grown) < 30_000
    assert threading.active_count() == before
