"""Runs: what a warm start goes on from, how a run ends, what an estimator holds meanwhile."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor, _runs

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


@pytest.mark.parametrize("interrupted", [False, True])
def test_an_interrupted_run_is_not_polished(monkeypatch, interrupted):
    polished, original = [], _runs.polish
    monkeypatch.setattr(_runs, "polish", lambda *given: polished.append(1) or original(*given))
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
