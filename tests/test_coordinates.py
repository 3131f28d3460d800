"""The variables of L-BFGS: J is the same in them, and bends by one along each."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_regression

from skreg import MLPRegressor
from skreg._coordinates import Plain, Standardized, curvature_of, moments, power_of_two
from skreg._kernels.losses import (
    BINARY_LOG_LOSS,
    GAMMA,
    HUBER,
    LOG_LOSS,
    POISSON,
    SQUARED_ERROR,
)
from skreg._lbfgs import coordinates_of
from skreg._objective import Objective
from skreg._penalties import make_penalties
from skreg._task import Rows
from tests.kernels.engines import features, make_engine, targets
from tests.kernels.test_losses import FORMULAS

N_ROWS = 30
SHIFT, SIZE = np.array([300.0, -5.0, 0.0, 2.0]), np.array([8.0, 0.01, 1.0, 50.0])


def objective_of(loss, weight=None, **penalties):
    """Return an engine and the objective of a linear model on columns far from standardized."""
    n_outputs = 1 if loss == BINARY_LOG_LOSS else 2
    rows = SHIFT + SIZE * features(N_ROWS, 4), targets(loss, N_ROWS, n_outputs), weight
    penalties = make_penalties(1, **penalties)
    engine = make_engine((4, n_outputs), *rows, loss=loss, penalties=penalties)
    anchor = np.random.default_rng(2).normal(size=5 * n_outputs)
    return engine, Objective(engine, engine.task.penalties, anchor)


def small(n):
    """Return parameters whose raw outputs are of moderate size."""
    rng = np.random.default_rng(1)
    coef = rng.normal(size=(4, n)) / SIZE[:, None] / 4
    return np.concatenate([coef.ravel(), rng.normal(size=n) - SHIFT @ coef])


@pytest.mark.parametrize("loss", [SQUARED_ERROR, BINARY_LOG_LOSS, LOG_LOSS, POISSON, GAMMA, HUBER])
def test_the_gradient_is_that_of_the_same_objective(loss):
    weight = np.random.default_rng(3).uniform(0.5, 2.0, N_ROWS)
    engine, objective = objective_of(loss, weight=weight, l2=0.3, l2_anchor=0.2)
    with engine:
        coordinates = Standardized(objective)
        flat = small(objective.engine.network.units[-1])
        x = coordinates.of(flat)
        np.testing.assert_allclose(coordinates.flat(x), flat, rtol=1e-10, atol=1e-12)
        value, gradient = coordinates.pull_back(*objective.smooth(flat))
        assert value == pytest.approx(objective.smooth(flat)[0] / coordinates.unit, rel=1e-14)
        for place in range(x.size):
            step = np.zeros(x.size)
            step[place] = 1e-5
            up, down = (objective.smooth(coordinates.flat(x + s))[0] for s in (step, -step))
            slope = (up - down) / 2e-5 / coordinates.unit
            assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("penalties", [{"l2": 0.3}, {"l1": 0.1}, {"l2": 50.0, "l2_anchor": 1e-3}])
def test_squared_errors_bend_by_about_one_along_every_variable(penalties):
    weight = np.random.default_rng(3).uniform(0.5, 2.0, N_ROWS)
    engine, objective = objective_of(SQUARED_ERROR, weight=weight, **penalties)
    with engine:
        coordinates = Standardized(objective)
        origin = np.zeros(10)

        def gradient(x):
            return coordinates.pull_back(*objective.smooth(coordinates.flat(x)))[1]

        bends = [gradient(one)[k] - gradient(origin)[k] for k, one in enumerate(np.eye(10))]
        assert 0.49 < min(bends) <= max(bends) < 2.01  # scales are powers of two
        assert (coordinates.bends[:8] <= bends[:8]).all() and not coordinates.bends[8:].any()
        flat = small(2)
        kink = (coordinates.l1 * np.abs(coordinates.of(flat))).sum() * coordinates.unit
        assert kink == pytest.approx(objective.terms.kinks(flat), rel=1e-12, abs=1e-12)


def test_what_is_excluded_does_not_move():
    factors = np.array([np.inf, 1.0, 0.0, 2.0])
    engine, objective = objective_of(SQUARED_ERROR, l2=0.3, factors=factors)
    with engine:
        coordinates = Standardized(objective)
        _, gradient = coordinates.pull_back(*objective.smooth(np.ones(10) * [0, 0, *[1] * 8]))
        assert not gradient[:2].any() and gradient[2:].all()


@pytest.mark.parametrize("loss", [SQUARED_ERROR, BINARY_LOG_LOSS, LOG_LOSS, POISSON, GAMMA])
def test_without_weights_the_biases_are_the_best(loss):
    weight = np.random.default_rng(3).uniform(0.5, 2.0, N_ROWS)
    engine, objective = objective_of(loss, weight=weight, l2=0.3)
    with engine:
        coordinates = Standardized(objective)
        bare = coordinates.flat(coordinates.of_bias_alone())
        n = engine.network.units[-1]
        np.testing.assert_array_equal(bare[: 4 * n], 0)
        np.testing.assert_allclose(objective.smooth(bare)[1][4 * n :], 0, atol=1e-12)


@pytest.mark.parametrize("loss, target", [(BINARY_LOG_LOSS, 1.0), (LOG_LOSS, 1.0), (POISSON, 0.0)])
def test_targets_that_are_constant_have_finite_biases_that_predict_them(loss, target):
    n_outputs = 1 if loss == BINARY_LOG_LOSS else 2
    rows = features(N_ROWS, 4), np.full_like(targets(loss, N_ROWS, n_outputs), target)
    penalties = make_penalties(1, l2=0.1)
    with make_engine((4, n_outputs), *rows, loss=loss, penalties=penalties) as engine:
        objective = Objective(engine, penalties)
        coordinates = Standardized(objective)
        bare = coordinates.flat(coordinates.of_bias_alone())
        assert np.isfinite(bare).all()
        assert objective.smooth(bare)[0] == pytest.approx(0.0, abs=1e-12)


def test_only_penalized_linear_models_have_other_variables():
    for units, penalties, kind in (
        ((4, 2), {"l2": 0.1}, Standardized),
        ((4, 2), {}, Plain),
        ((4, 3, 2), {"l2": 0.1}, Plain),
        ((4, 3, 2), {"l2": 0.1, "frozen": [True, False]}, Plain),
    ):
        rows = features(N_ROWS, 4), targets(0, N_ROWS, 2)
        with make_engine(units, *rows) as engine:
            objective = Objective(engine, make_penalties(len(units) - 1, **penalties))
            assert type(coordinates_of(objective)) is kind


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, sp.csc_array])
def test_moments_are_those_of_numpy(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 4)) * (rng.uniform(size=(5000, 4)) < 0.5) * SIZE
    X[:, 2] = 7.3
    weight = rng.uniform(size=5000)
    for given in (None, weight):
        mean, variance = moments(kind(X), given, np.arange(5000))
        expected = np.average(X, axis=0, weights=given)
        np.testing.assert_allclose(mean, expected, rtol=1e-10)
        around = np.average((X - expected) ** 2, axis=0, weights=given)
        np.testing.assert_allclose(variance[[0, 1, 3]], around[[0, 1, 3]], rtol=1e-9)
        assert variance[2] == 0
    some = np.arange(0, 5000, 7)
    np.testing.assert_allclose(moments(kind(X), None, some)[0], X[some].mean(axis=0), rtol=1e-10)


def test_only_the_rows_that_are_trained_on_count():
    X, y = make_regression(60, 4, noise=5.0, random_state=0)
    X[30:] = 1e6
    given = {"solver": "lbfgs", "l2": 0.1, "random_state": 0}
    kept = MLPRegressor((), **given).fit(X, y, np.repeat([1.0, 0.0], 30))
    alone = MLPRegressor((), **given).fit(X[:30], y[:30])
    np.testing.assert_array_equal(kept.coefs_[0], alone.coefs_[0])


def test_dense_and_sparse_rows_have_the_same_bits():
    rng = np.random.default_rng(0)
    X = (3 + rng.normal(size=(700, 9))) * (rng.uniform(size=(700, 9)) < 0.3)
    y, weight = X @ rng.normal(size=9) + rng.normal(size=700), rng.uniform(size=700)
    twice = sp.coo_array(X)
    entries = np.tile(twice.data / 2, 2), (np.tile(twice.row, 2), np.tile(twice.col, 2))
    repeated = sp.csr_array(sp.coo_array(entries, X.shape))
    for dtype in (np.float32, np.float64):
        for given in ({"l1": 0.05, "l2": 0.0}, {"l2": 0.1}):
            network = MLPRegressor(
                (), solver="lbfgs", random_state=0, dtype=dtype.__name__, **given
            )
            kinds = [np.asfortranarray, sp.csr_array, sp.csc_array, lambda rows: repeated]
            expected = network.fit(X.astype(dtype), y, weight).coefs_[0].copy()
            for kind in kinds[: 4 if dtype is np.float64 else 3]:
                found = network.fit(kind(X.astype(dtype)), y, weight).coefs_[0]
                np.testing.assert_array_equal(found, expected)


def test_powers_of_two():
    found = power_of_two(np.array([1.0, 1.4, 1.5, 3e-5, 1e10]))
    np.testing.assert_array_equal(found, [1.0, 1.0, 2.0, 2.0**-15, 2.0**33])


@pytest.mark.parametrize(
    ("name", "loss", "link"),
    [
        ("squared_error", SQUARED_ERROR, lambda mean: mean),
        ("poisson", POISSON, np.log),
        ("gamma", GAMMA, np.log),
        ("binary_log_loss", BINARY_LOG_LOSS, lambda mean: np.log(mean / (1 - mean))),
    ],
)
def test_curvature_and_size_are_those_of_the_loss_without_weights(name, loss, link):
    y = np.exp(np.random.default_rng(0).normal(size=(200, 1)))
    y = (y > np.median(y)).astype(float) if name == "binary_log_loss" else 3 * y
    index, h = np.arange(100, 200), 1e-3
    mean = y[index].mean()
    below, here, above = (FORMULAS[name](link(mean) + step, y[index]).mean() for step in (-h, 0, h))
    network = objective_of(loss)[0].network
    curvature, size = curvature_of(network, Rows(np.empty((200, 1)), y), index)
    assert curvature == pytest.approx((above - 2 * here + below) / h**2, rel=0.05)
    assert 0.1 * size < here < 2 * size
