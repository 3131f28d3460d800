"""The objective against plain NumPy and finite differences; the polish."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor
from skreg._architecture import n_parameters, views
from skreg._job import Rows
from skreg._kernels.activations import ACTIVATIONS
from skreg._lbfgs import Split
from skreg._objective import Objective, polish, solver_metric
from skreg._penalties import make_penalties
from tests.kernels import engines
from tests.kernels.engines import ALL_LOSSES, PARAMETERS

UNITS = (5, 4, 3, 3)
PENALTIES = {"none": (0.0, 0.0), "l1": (0.03, 0.0), "l2": (0.0, 0.2), "both": (0.02, 0.1)}


def make_rows(loss, n=11, seed=0, weighted=True, n_features=5, n_outputs=3):
    """Return random rows with targets that fit the loss."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    if loss in ("log_loss", "soft_log_loss"):  # a batch turns labels into probabilities
        target = rng.integers(0, n_outputs, size=(n, 1)).astype(float)
    elif loss == "binary_log_loss":
        target = rng.integers(0, 2, size=(n, n_outputs)).astype(float)
    else:
        target = rng.gamma(2.0, size=(n, n_outputs))
    return Rows(X, target, rng.uniform(0.5, 2.0, n) if weighted else None)


def make_engine(loss="squared_error", activation="tanh", rows=None, units=UNITS):
    rows = make_rows(loss) if rows is None else rows
    return engines.make_engine(
        units, *rows, activation=activation, loss=ALL_LOSSES[loss],
        parameter=PARAMETERS.get(loss, 0.0),
    )  # fmt: skip


def make_objective(engine, l1, l2):
    return Objective(engine, make_penalties(len(engine.network.units) - 1, l1=l1, l2=l2))


def starting_point(units=UNITS, seed=1):
    return np.random.default_rng(seed).normal(scale=0.5, size=n_parameters(units))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", ALL_LOSSES)
def test_gradients_agree_with_finite_differences(loss, activation, penalty):
    l1, l2 = (np.full(3, strength) for strength in PENALTIES[penalty])
    flat = starting_point()
    with make_engine(loss, activation) as engine:
        objective = make_objective(engine, l1, l2)
        split = Split(objective.l1)
        x = split.divide(flat) + 1e-3 * (penalty in ("l1", "both"))  # inside the bounds

        def value_and_gradient(x):
            return split.pull_back(x, *objective.smooth(split.join(x)))

        gradient = value_and_gradient(x)[1]
        steps = 1e-6 * np.eye(x.size)
        numeric = [
            (value_and_gradient(x + step)[0] - value_and_gradient(x - step)[0]) / 2e-6
            for step in steps
        ]
    np.testing.assert_allclose(gradient, numeric, atol=2e-8, rtol=2e-6)


def plain_squared_error(flat, rows, l1, l2):
    """Return J of a tanh network, written from its definition."""
    values = rows.X
    coefs, intercepts = views(flat, UNITS)
    for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        values = values @ coef + intercept
        values = np.tanh(values) if k < len(coefs) - 1 else values
    losses = 0.5 * ((values - rows.target) ** 2).sum(axis=1)
    terms = [a * abs(w).sum() + b / 2 * (w**2).sum() for w, a, b in zip(coefs, l1, l2, strict=True)]
    return np.average(losses, weights=rows.weight), sum(terms)


def test_the_objective_is_the_written_one():
    l1, l2 = np.array([0.1, 0.0, 0.3]), np.array([0.0, 0.2, 0.5])
    rows, flat = make_rows("squared_error"), starting_point()
    with make_engine(rows=rows) as engine:
        objective = make_objective(engine, l1, l2)
        smooth, _ = objective.smooth(flat)
        loss, penalty = plain_squared_error(flat, rows, l1, l2)
        assert objective.loss == pytest.approx(loss, rel=1e-13)
        assert sum(objective.terms.values(flat).values()) == pytest.approx(penalty, rel=1e-13)
        assert smooth + objective.l1 @ abs(flat) == pytest.approx(loss + penalty, rel=1e-13)


def test_duplicated_rows_and_scaled_weights_change_nothing():
    rows, flat = make_rows("huber"), starting_point()
    twice = Rows(np.vstack([rows.X] * 2), np.vstack([rows.target] * 2), np.tile(rows.weight, 2))
    heavy = Rows(rows.X, rows.target, 7.0 * rows.weight)
    results = []
    for one in (rows, twice, heavy):
        with make_engine("huber", rows=one) as engine:
            results.append(make_objective(engine, 0.1, 0.2).smooth(flat))
    for value, gradient in results[1:]:
        assert value == pytest.approx(results[0][0], rel=1e-13)
        np.testing.assert_allclose(gradient, results[0][1], rtol=1e-11, atol=1e-14)


def objective_of(network, X, y):
    """Return J of a regressor with per-matrix strengths, at its weights."""
    residual = network.predict(X).reshape(y.shape) - y
    l1 = np.broadcast_to(network.l1, len(network.coefs_))
    terms = [a * abs(w).sum() + network.l2 / 2 * (w**2).sum()
             for w, a in zip(network.coefs_, l1, strict=True)]  # fmt: skip
    return 0.5 * np.mean(np.sum(residual.reshape(y.shape[0], -1) ** 2, axis=1)) + sum(terms)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam", "learning_rate_init": 0.01},
        {"solver": "adam", "learning_rate_init": 1.0, "max_iter": 3},
        {"solver": "sgd", "learning_rate_init": 0.05},
        {"solver": "sgd", "learning_rate_init": 0.2, "momentum": 0.0, "max_iter": 3},
        {"l1": [0.02, 0.0]},
        {"activation": "identity", "polish": 12},
    ],
)
def test_the_polish_never_raises_the_objective(parameters, sparse, dtype):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    X[np.abs(X) < 0.5] = 0
    settings = {"l1": 0.02, "l2": 0.01, "max_iter": 30, "batch_size": 40, "polish": 3} | parameters
    network = MLPRegressor((8,), random_state=0, dtype=dtype, **settings)
    rows = sp.csr_matrix(X) if sparse else X
    polished = network.fit(rows, y).coefs_
    after = objective_of(network, X, y)
    before = objective_of(network.set_params(polish=0).fit(rows, y), X, y)
    assert after < before
    assert sum((w == 0).sum() for w in polished) >= sum((w == 0).sum() for w in network.coefs_)


@pytest.mark.parametrize("seed", range(10))
def test_the_polish_leaves_the_best_score_of_early_stopping(seed):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    network = MLPRegressor(
        (20,), l1=0.003, learning_rate_init=0.02, early_stopping=True, tol=0.02, random_state=seed
    ).fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    score = network.score(X[300:], y[300:])
    assert score == pytest.approx(network.best_validation_score_, rel=1e-12)
    assert score >= max(network.validation_scores_) - 1e-12


def test_the_polish_respects_sample_weights():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    weight = np.random.default_rng(0).integers(1, 4, y.size).astype(float)
    peer = Lasso(alpha=0.05, tol=1e-12, max_iter=10_000).fit(X, y, sample_weight=weight)
    network = MLPRegressor(
        (), l1=0.05, l2=0.0, learning_rate="cosine", learning_rate_init=0.05, batch_size=50,
        max_iter=500, random_state=0,
    ).fit(X, y, sample_weight=weight)  # fmt: skip
    np.testing.assert_array_equal(network.coefs_[0][:, 0] == 0, peer.coef_ == 0)
    np.testing.assert_allclose(network.coefs_[0][:, 0], peer.coef_, atol=1e-3)


def test_the_polish_restores_zeros_that_flicker():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    peer = Lasso(alpha=0.1, tol=1e-12).fit(X, y)
    flat = np.append(peer.coef_, peer.intercept_)
    flat[:-1][peer.coef_ == 0] = 1e-3 * np.array([1, -1, 1, -1, 1, -1])
    with make_engine(rows=Rows(X, y[:, None]), units=(10, 1)) as engine:
        engine.load(flat)
        assert polish(make_objective(engine, 0.1, 0.0), 3, 0.02) == 3
        np.testing.assert_array_equal(engine.parameters()[:-1] == 0, peer.coef_ == 0)


def test_many_steps_of_the_polish_end_at_lasso_though_columns_are_nearly_alike():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    peer = Lasso(alpha=1e-3, tol=1e-12, max_iter=100_000).fit(X, y)
    with make_engine(rows=Rows(X, y[:, None]), units=(10, 1)) as engine:
        engine.load(np.zeros(11))
        assert 100 < polish(make_objective(engine, 1e-3, 0.0), 10**4, 0.02) < 200
        found = engine.parameters()[:-1]
    np.testing.assert_allclose(found, peer.coef_, atol=1e-6)
    np.testing.assert_array_equal(found == 0, peer.coef_ == 0)


def test_steps_that_would_raise_the_objective_are_shortened_or_left():
    rows, flat = make_rows("squared_error"), starting_point()
    l1, l2 = np.full(3, 0.1), np.zeros(3)
    with make_engine(rows=rows) as engine:
        for rate, n_accepted in ((1e12, 0), (5.0, 3)):
            engine.load(flat)
            assert polish(make_objective(engine, l1, l2), 3, rate) == n_accepted
            if n_accepted == 0:
                np.testing.assert_array_equal(engine.parameters(), flat)
        value = sum(plain_squared_error(engine.parameters(), rows, l1, l2))
    assert value < sum(plain_squared_error(flat, rows, l1, l2))


def test_the_metric_is_that_of_the_solver():
    with make_engine() as engine:  # without a second moment
        assert solver_metric(engine, 0.1, 1e-8, 0.999) == 0.1
    X, y = scale(np.random.default_rng(0).normal(size=(30, 4))), np.arange(30.0) % 2
    network = MLPClassifier((3,), l1=1e-3, max_iter=2, random_state=0, epsilon=0.1).fit(X, y)
    second = network._solver_state["second"]
    assert second.shape == (4 * 3 + 3 + 3 + 1,) and (second > 0).any()
