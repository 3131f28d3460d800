"""Runs: what a warm start goes on from, how a run ends, what an estimator holds meanwhile."""

import copy
import warnings
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor, _stochastic_run

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6))
Y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
STEADY = {"tol": 0.0, "n_iter_no_change": 10_000, "random_state": 0, "learning_rate_init": 0.01}


# Warm starts.


@pytest.mark.parametrize("incremental", [False, True])
def test_layers_frozen_after_averaging_are_those_that_predict(incremental):
    network = MLPRegressor((8,), "tanh", weight_averaging=0.99, max_iter=30, warm_start=True,
                           l2=0.0, **STEADY).fit(X, Y)  # fmt: skip
    frozen = network.coefs_[0].copy(), network.intercepts_[0].copy()
    network.set_params(frozen_layers=[0], weight_averaging=0.9, max_iter=300)
    for _ in range(300 if incremental else 1):
        network.partial_fit(X, Y) if incremental else network.fit(X, Y)
    np.testing.assert_array_equal(network.coefs_[0], frozen[0])
    np.testing.assert_array_equal(network.intercepts_[0], frozen[1])
    # What was learned on top of another layer would not fit to this one.
    error = ((network.predict(X) - Y) ** 2).mean() / 2
    assert error == pytest.approx(network.history_["loss"][-1], rel=0.05)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("given", [{}, {"l2_anchor": 0.1}, {"weight_decay": 0.1},
                                   {"weight_averaging": 0.9}, {"clip_norm": 1.0}])  # fmt: skip
def test_features_excluded_at_a_warm_start_stay_out(solver, given):
    network = MLPRegressor((4,), max_iter=5, warm_start=True, solver=solver, **STEADY, **given)
    network.fit(X, Y).set_params(feature_penalty=[1, np.inf, 1, 1, 1, 1]).fit(X, Y)
    assert not network.coefs_[0][1].any()
    network.partial_fit(X, Y)
    assert not network.coefs_[0][1].any()
    assert network.active_features_.tolist() == [0, 2, 3, 4, 5]


def test_what_is_known_of_excluded_features_is_the_callers_own():
    network = MLPRegressor((4,), max_iter=5, warm_start=True, **STEADY).fit(X, Y)
    moments = network._solver_state["first"].copy()
    kept = network._solver_state
    network.set_params(feature_penalty=[1, np.inf, 1, 1, 1, 1]).fit(X, Y)
    np.testing.assert_array_equal(kept["first"], moments)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_features_excluded_in_a_series_are_no_longer_anchored(solver):
    network = MLPRegressor((4,), l2_anchor=0.5, solver=solver, random_state=0)
    for _ in range(3):
        network.partial_fit(X, Y)
    anchor = network._anchor
    before = anchor.copy()
    network.set_params(feature_penalty=[1, np.inf, 1, 1, 1, 1])
    for _ in range(3):
        network.partial_fit(X, Y)
    assert not network.coefs_[0][1].any()
    np.testing.assert_array_equal(anchor, before)  # a failed call would leave it as it was
    distance = network.coefs_[0] - np.where(
        [[1], [0], [1], [1], [1], [1]], before[:24].reshape(6, 4), 0
    )
    upper = network.coefs_[1].ravel() - before[24:28]
    expected = 0.25 * ((distance**2).sum() + (upper**2).sum())
    assert network.penalty_breakdown()["l2_anchor"] == pytest.approx(expected, rel=1e-12)


DIVERGING = {"solver": "sgd", "learning_rate": "one_cycle", "learning_rate_init": 0.5}


@pytest.mark.parametrize("averaging", [0.0, 0.9])
@pytest.mark.parametrize("incremental", [False, True])
def test_training_goes_on_after_a_divergence(averaging, incremental):
    network = MLPRegressor(
        (8,), max_iter=50, early_stopping=True, warm_start=True, batch_size=10, random_state=0,
        weight_averaging=averaging, **DIVERGING,
    )  # fmt: skip
    validation = {"X_val": X[:50], "y_val": Y[:50]}
    with pytest.warns(ConvergenceWarning, match="diverged after"):
        network.fit(X, 3 * X[:, 0], X_val=X[:50], y_val=3 * X[:50, 0])
    network.set_params(learning_rate="constant", learning_rate_init=1e-3)
    before = network.score(X[:50], Y[:50])
    for _ in range(20):
        network.partial_fit(X, Y, **validation) if incremental else network.fit(X, Y, **validation)
    assert network.score(X[:50], Y[:50]) > max(before, 0)


# Training behind an average of the weights.


def series(types, **given):
    network = MLPRegressor((8,), weight_averaging=0.99, batch_size=20, shuffle=False, **STEADY)
    network.set_params(**given)
    for i in range(40):
        network.partial_fit(X.astype(types[i % len(types)]), X[:, 0])
    return network


def test_other_types_of_blocks_do_not_lose_what_was_trained():
    mixed, plain = series([np.float64, np.float32]), series([np.float64])
    assert mixed.score(X, X[:, 0]) == pytest.approx(plain.score(X, X[:, 0]), abs=1e-4)
    assert plain.score(X, X[:, 0]) > 0.95


def test_an_excluded_feature_does_not_lose_what_was_trained_on_the_others():
    network = series([np.float64])
    before = network._solver_state["weights"][:48].reshape(6, 8)
    assert np.abs(before - network.coefs_[0]).max() > 0.02  # the average lags behind
    network.set_params(feature_penalty=[1, np.inf, 1, 1, 1, 1], learning_rate_init=1e-9)
    after = network.partial_fit(X, X[:, 0])._solver_state["weights"][:48].reshape(6, 8)
    np.testing.assert_allclose(np.delete(after, 1, axis=0), np.delete(before, 1, axis=0), atol=1e-6)
    assert not after[1].any()


def test_weights_to_start_from_are_not_those_behind_the_average():
    network = series([np.float64], warm_start=True, max_iter=1, learning_rate_init=1e-9)
    coefs, intercepts = [2 * coef for coef in network.coefs_], network.intercepts_
    network.fit(X, X[:, 0], coef_init=coefs, intercept_init=intercepts)
    latest = network._solver_state["weights"][:48].reshape(6, 8)
    np.testing.assert_allclose(latest, coefs[0], atol=1e-6)


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_training_goes_on_from_the_best_weights(averaging):
    network = stopped(weight_averaging=averaging)
    validation = {"X_val": X[:50], "y_val": X[:50, 0]}
    before = network.score(X[:50], X[:50, 0])
    assert before > 0.99
    network.set_params(learning_rate_init=1e-9).partial_fit(X, X[:, 0], **validation)
    assert network.score(X[:50], X[:50, 0]) == pytest.approx(before, abs=1e-6)


def stopped(between=None, **given):
    """Learn a line in blocks, then its opposite until the validation rows bring the line back."""
    network = MLPRegressor((8,), early_stopping=True, learning_rate_init=0.02, n_iter_no_change=3,
                           random_state=0, batch_size=20, **given)  # fmt: skip
    validation = {"X_val": X[:50], "y_val": X[:50, 0]}
    for i in range(32):
        network.partial_fit(X, X[:, 0] if i < 30 else -X[:, 0], **validation)
    network.set_params(**(between or {}))
    while not network.stopped_early_:
        network.partial_fit(X, -X[:, 0], **validation)
    return network


# Constraints.


@pytest.mark.parametrize("decay", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_averages_obey_the_largest_norm(decay, early_stopping):
    network = MLPRegressor((50,), max_norm=0.5, weight_averaging=decay, max_iter=20, random_state=0,
                           early_stopping=early_stopping).fit(X, Y)  # fmt: skip
    for coef in network.coefs_:
        assert np.linalg.norm(coef, axis=0).max() <= 0.5 * (1 + 1e-12)
    network.set_params(max_norm=0.3).partial_fit(X, Y, X_val=X, y_val=Y)
    for coef in network.coefs_:
        assert np.linalg.norm(coef, axis=0).max() <= 0.3 * (1 + 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(3))
def test_an_average_within_the_largest_norm_goes_on_to_the_bit(seed, dtype):
    given = {"max_norm": 0.5, "weight_averaging": 0.9, "shuffle": False, "tol": 0.0}
    given |= {"random_state": seed, "dtype": dtype, "batch_size": 20}
    whole = MLPRegressor((50,), max_iter=6, **given).fit(X, Y)
    steps = MLPRegressor((50,), **given)
    for _ in range(6):
        steps.partial_fit(X, Y)
    for one, other in zip(whole.coefs_, steps.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_the_best_weights_come_back_within_the_constraints_set_since(averaging):
    excluded = stopped({"feature_penalty": [1, 1, np.inf, 1, 1, 1]}, weight_averaging=averaging)
    assert not excluded.coefs_[0][2].any()
    short = stopped({"max_norm": 0.3}, weight_averaging=averaging)
    assert max(np.linalg.norm(coef, axis=0).max() for coef in short.coefs_) <= 0.3 * (1 + 1e-12)
    free = stopped(weight_averaging=averaging)
    frozen = stopped({"frozen_layers": [1]}, weight_averaging=averaging)
    assert np.abs(frozen.coefs_[1] - free.coefs_[1]).max() > 1e-3  # where it was when it froze
    np.testing.assert_array_equal(frozen.coefs_[0], free.coefs_[0])


# The norm of a gradient.


@pytest.mark.parametrize("weight", [None, 1e-30, 1e17])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_does_not_depend_on_the_scale_of_the_weights(dtype, weight):
    start = {"coef_init": [np.full((6, 1), 0.5)], "intercept_init": [np.zeros(1)]}
    weights = None if weight is None else np.full(200, weight)
    network = MLPRegressor((), clip_norm=1.0, solver="sgd", momentum=0, learning_rate_init=1e-3,
                           max_iter=1, batch_size=200, l2=0.0, dtype=dtype)  # fmt: skip
    network.fit(100 * X, 100 * Y, weights, **start)
    moved = np.append(network.coefs_[0].ravel() - 0.5, network.intercepts_[0])
    assert np.linalg.norm(moved) == pytest.approx(1e-3, rel=1e-3)


# The end.


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("given", [{"l1": 1e-3}, {"group_l1": 1e-3}, {"l1": 1e-3, "l2_anchor": 1}])
@pytest.mark.parametrize("dtype, max_iter", [("float64", 5), ("float32", 1)])
def test_a_diverged_run_is_not_polished_and_warns_of_nothing_else(given, dtype, max_iter):
    network = MLPRegressor((), solver="sgd", learning_rate_init=1.0, momentum=0.0, batch_size=10,
                           max_iter=max_iter, random_state=0, dtype=dtype, **given)  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network.fit(1e3 * X[:60], 1e3 * X[:60, 0])
        terms = network.penalty_breakdown()
    assert {warning.category for warning in caught} == {ConvergenceWarning}
    assert any("training loss is inf" in str(warning.message) for warning in caught)
    assert network.loss_ == np.inf and terms["l2"] > 1e10
    raw = clone(network).set_params(polish=0).fit(1e3 * X[:60], 1e3 * X[:60, 0])
    np.testing.assert_array_equal(network.coefs_[0], raw.coefs_[0])


def test_the_best_weights_before_a_divergence_are_polished(monkeypatch):
    polished, original = [], _stochastic_run.polish_within
    monkeypatch.setattr(
        _stochastic_run, "polish_within", lambda *given: polished.append(1) or original(*given)
    )
    network = MLPRegressor((), solver="sgd", learning_rate_init=10.0, momentum=0.0, batch_size=10,
                           n_iter_no_change=100, random_state=0, l1=1e-3)  # fmt: skip
    with pytest.raises(ValueError, match="non-finite"):
        network.fit(X, Y)
    assert not polished
    network.set_params(early_stopping=True)
    with pytest.warns(ConvergenceWarning, match="best weights found before are kept"):
        network.fit(X, Y)
    assert polished and np.isfinite(network.coefs_[0]).all()


@pytest.mark.parametrize("interrupted", [False, True])
def test_an_interrupted_run_is_not_polished(monkeypatch, interrupted):
    polished, original = [], _stochastic_run.polish_within
    monkeypatch.setattr(
        _stochastic_run, "polish_within", lambda *given: polished.append(1) or original(*given)
    )
    n_scores = iter(range(3))

    def scorer(network, X, y):
        if next(n_scores) == 2 and interrupted:
            raise KeyboardInterrupt
        return 0.5

    network = MLPRegressor((4,), l1=1e-3, scoring=scorer, max_iter=3, random_state=0)
    if interrupted:
        with pytest.warns(UserWarning, match="interrupted"):
            network.fit(X, Y, X_val=X, y_val=Y)
    else:
        network.fit(X, Y, X_val=X, y_val=Y)
    assert bool(polished) != interrupted


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, where nothing is compiled
def test_a_last_update_beyond_all_numbers_is_told():
    network = MLPRegressor((), solver="sgd", learning_rate_init=1e307, momentum=0.0, max_iter=1,
                           batch_size=len(X), random_state=0)  # fmt: skip
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        network.fit(X, 1e3 * X[:, 0])  # though the loss of the only epoch is a number


def test_an_estimator_is_whole_at_every_moment():
    """What reads an estimator while it learns sees its parameters, and leaves no trace."""
    network, seen = MLPClassifier((4,), max_iter=3, random_state=0), []

    def scorer(probe, X, y):
        seen.append(repr(network))
        network.note = "mine"
        return 0.5

    network.set_params(scoring=scorer).fit(X, Y > 0, X_val=X, y_val=Y > 0)
    network.fit(X, Y > 0)
    assert network.note == "mine"
    assert "max_iter=3" in seen[0]
    assert clone(network).get_params() == network.get_params()


def test_a_refit_forgets_what_it_did_not_learn():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    network = MLPRegressor((4,), max_iter=2, random_state=0).fit(frame, Y)
    assert network.feature_names_in_.tolist() == list("abcdef")
    assert not hasattr(network.fit(scale(X), Y), "feature_names_in_")


def resized(network, sizes):
    """Return a copy whose layers somebody has replaced by others of other sizes."""
    other = copy.deepcopy(network).set_params(hidden_layer_sizes=sizes)
    units = (network.coefs_[0].shape[0], *sizes, 1)
    rng = np.random.default_rng(0)
    other.coefs_ = [0.1 * rng.normal(size=shape) for shape in pairwise(units)]
    other.intercepts_ = [np.zeros(n) for n in units[1:]]
    return other


@pytest.mark.parametrize(
    "given", [{}, {"weight_averaging": 0.9}, {"l2_anchor": 0.1}, {"solver": "lbfgs"}]
)
@pytest.mark.parametrize("sizes", [(9,), (3,), (6, 2), ()])
@pytest.mark.parametrize("incremental", [False, True])
def test_a_network_resized_by_hand_is_trained_as_one_that_was_never_trained(
    sizes, given, incremental
):
    X = np.random.default_rng(1).normal(size=(60, 4))
    y, kind = X[:, 0] - X[:, 1], {"max_iter": 3, "warm_start": True, "shuffle": False, **given}
    network = resized(MLPRegressor((6,), **kind).fit(X, y), sizes)
    coefs, intercepts = copy.deepcopy(network.coefs_), copy.deepcopy(network.intercepts_)
    if incremental and "solver" not in given:
        network.partial_fit(X, y)
        fresh = MLPRegressor(sizes, **kind | {"max_iter": 1})
    else:
        network.fit(X, y)
        fresh = MLPRegressor(sizes, **kind)
    fresh.fit(X, y, coef_init=coefs, intercept_init=intercepts)
    for found, expected in zip(network.coefs_, fresh.coefs_, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert network.n_iter_ == fresh.n_iter_ and network.t_ == fresh.t_
    assert set(network.history_) == set(fresh.history_)
