"""The polish: no step raises the objective, zeros settle, and what is no part of it stays."""

from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_diabetes, make_classification
from sklearn.linear_model import ElasticNet, Lasso
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor, _polish
from skreg._objective import Objective
from skreg._penalties import make_penalties
from skreg._polish import (
    further_steps,
    is_settled,
    polish,
    polish_within,
    settle_zeros,
    solver_metric,
)
from skreg._task import Rows
from skreg.augmentation import FeatureSwap, GaussianNoise
from tests.test_objective import (
    make_engine,
    make_objective,
    make_rows,
    plain_squared_error,
    starting_point,
)


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


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


# Where the objective is convex.


@contextmanager
def flickering():
    """Yield the objective of a lasso at its solution, but for zeros that flicker, and that."""
    X, y = diabetes()
    peer = Lasso(alpha=0.1, tol=1e-14, max_iter=100_000).fit(X, y)
    solution = np.append(peer.coef_, peer.intercept_)
    start = np.where(solution == 0, 1e-2, 0.9 * solution)
    with make_engine(rows=Rows(X, y[:, None]), units=(10, 1)) as engine:
        engine.load(start)
        yield make_objective(engine, 0.1, 0.0), solution


def test_what_is_settled_has_the_zeros_of_the_minimum_and_its_weights():
    with flickering() as (objective, solution):
        for change, expected in ((0.0, True), (1e-6, True), (1e-3, False)):
            flat = np.where(solution == 0, 0.0, solution + change)
            for step in (1e-6, 0.1, np.full(flat.size, 0.1)):
                gradient = objective.smooth(flat)[1]
                assert is_settled(objective, flat, gradient, step) == expected
        zero = np.flatnonzero(solution[:-1] == 0)[0]
        flat = solution + 1e-12 * (np.arange(solution.size) == zero)
        assert not is_settled(objective, flat, objective.smooth(flat)[1], 1e-3)


def test_further_steps_end_where_zeros_are_settled_or_where_there_are_no_more():
    with flickering() as (objective, solution):
        engine = objective.engine
        start, counts = engine.parameters(), []
        for n_further in (0, 2, 100, 1000):
            engine.load(start)
            counts.append(polish(objective, 3, 0.02, n_further))
        assert counts[:2] == [3, 5]
        found = engine.parameters()
        engine.load(start)
        assert 5 < counts[2] == counts[3] < polish(objective, 103, 0.02)
        _, gradient = objective.smooth(found)
    np.testing.assert_array_equal(found == 0, solution == 0)
    np.testing.assert_allclose(found, solution, atol=1e-3)
    signs = np.sign(found)
    violation = np.where(signs == 0, abs(gradient) - objective.l1, gradient + signs * objective.l1)
    assert violation.max() <= 2e-3 * 0.1


@pytest.mark.parametrize("n_epochs, further", [(4, 0), (10, 2), (300, 60), (10**6, 100)])
def test_further_steps_are_few_beside_the_epochs(n_epochs, further):
    with flickering() as (objective, _):
        assert further_steps(objective, n_epochs) == further
    with make_engine() as engine:
        for frozen, expected in (([0, 0, 0], 0), ([1, 0, 0], 0), ([1, 1, 0], further)):
            penalties = make_penalties(3, l1=0.1, frozen=np.array(frozen, bool))
            assert further_steps(Objective(engine, penalties), n_epochs) == expected


def test_a_score_allows_no_further_steps():
    with flickering() as (objective, _):
        engine = objective.engine
        start, reached = engine.parameters(), {}
        for name, score in (("none", None), ("any", lambda: 1.0)):
            engine.load(start)
            polish_within(objective, 3, 0.02, 300, score)
            reached[name] = engine.parameters()
        engine.load(start)
        polish(objective, 3, 0.02)
        np.testing.assert_array_equal(reached["any"], engine.parameters())
        assert not np.array_equal(reached["none"], reached["any"])


@pytest.mark.parametrize("moves", ["all", "last"])
def test_only_a_convex_objective_is_polished_further(moves, monkeypatch):
    frozen = [0] if moves == "last" else None
    taken = []

    def counted(*args, **keywords):
        taken.append(polish(*args, **keywords))

    monkeypatch.setattr(_polish, "polish", counted)
    MLPRegressor(
        (8,), l1=[0.0, 0.01], max_iter=200, frozen_layers=frozen, random_state=0, tol=0.0,
        learning_rate="cosine",
    ).fit(*diabetes())  # fmt: skip
    assert taken == [3] if moves == "all" else 3 < taken[0] <= 43


@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_further_steps_are_the_same_for_any_number_of_threads(penalty):
    X, y = make_classification(2000, 30, random_state=0)
    fits = [
        MLPClassifier((), learning_rate="cosine", max_iter=30, random_state=0, n_jobs=n_jobs,
                      **{penalty: 0.02}).fit(X, y)
        for n_jobs in (1, 2, 3)
    ]  # fmt: skip
    assert 0 < fits[0].n_nonzero_ < 30
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.coefs_[0], fits[0].coefs_[0])


# Whatever the objective.


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


# Where training minimizes more than the objective.


BESIDE_THE_OBJECTIVE = [
    {"input_dropout": 0.5},
    {"augmentation": GaussianNoise(1.0)},
    {"augmentation": FeatureSwap(0.5)},
    {"weight_decay": 1.0},
    {"hidden_layer_sizes": (8,), "dropout": 0.5},
]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("beside", BESIDE_THE_OBJECTIVE, ids=lambda given: list(given)[-1])
def test_a_trace_of_l1_does_not_undo_what_is_beside_the_objective(beside, solver):
    settings = {"hidden_layer_sizes": (), "l2": 0.0, "max_iter": 30, "tol": 0.0} | beside
    settings |= {"learning_rate": "cosine", "learning_rate_init": 0.02, "random_state": 0}
    fits = [MLPRegressor(solver=solver, l1=l1, **settings).fit(*diabetes()) for l1 in (0.0, 1e-12)]
    for without, with_trace in zip(*(fit.coefs_ for fit in fits), strict=True):
        np.testing.assert_allclose(with_trace, without, atol=1e-7)


def test_noisy_inputs_and_l1_end_at_the_elastic_net():
    # Dropping inputs with probability p adds p / (1 - p) / 2 * mean(x^2) w^2 (Wager et al. 2013).
    (X, y), l1, p = diabetes(), 0.05, 0.5
    l2 = p / (1 - p)
    peer = ElasticNet(alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), tol=1e-12).fit(X, y)
    network = MLPRegressor(
        (), l1=l1, l2=0.0, input_dropout=p, learning_rate="cosine", learning_rate_init=0.02,
        max_iter=1000, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert 0 < (peer.coef_ == 0).sum() < 10
    np.testing.assert_array_equal(network.coefs_[0][:, 0] == 0, peer.coef_ == 0)
    np.testing.assert_allclose(network.coefs_[0][:, 0], peer.coef_, atol=0.02)


@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
@pytest.mark.parametrize("beside", BESIDE_THE_OBJECTIVE, ids=lambda given: list(given)[-1])
def test_beside_the_objective_only_zeros_settle(beside, penalty):
    settings = {"hidden_layer_sizes": (), "max_iter": 40, "batch_size": 50, "random_state": 0}
    strength = 0.01 if "dropout" in beside else 0.03
    settings |= {penalty: strength, "learning_rate_init": 0.01, "tol": 0.0} | beside
    fits = [MLPRegressor(polish=polish, **settings).fit(*diabetes()) for polish in (0, 3, 100)]
    plain, polished, longer = ([*fit.coefs_, *fit.intercepts_] for fit in fits)
    n_settled = 0
    for before, after, later in zip(plain, polished, longer, strict=True):
        np.testing.assert_array_equal(after, later)
        np.testing.assert_array_equal(after[after != 0], before[after != 0])
        n_settled += (after == 0).sum() - (before == 0).sum()
    assert n_settled > 0


@pytest.mark.parametrize("wants_zeros", [True, False])
def test_zeros_alone_are_tried_where_the_score_wants_no_whole_step(wants_zeros):
    X, y = diabetes()
    peer = Lasso(alpha=0.1, tol=1e-12).fit(X, y)
    flat = np.append(0.9 * peer.coef_, peer.intercept_)
    flat[:-1][peer.coef_ == 0] = 1e-3 * np.array([1, -1, 1, -1, 1, -1])
    with make_engine(rows=Rows(X, y[:, None]), units=(10, 1)) as engine:
        engine.load(flat)
        settle_zeros(make_objective(engine, 0.1, 0.0), 3, 0.02)
        settled = engine.parameters()
        engine.load(flat)
        tried = []

        def score():
            tried.append(engine.parameters())
            return float(wants_zeros and np.array_equal(tried[-1], settled))

        reached = polish_within(make_objective(engine, 0.1, 0.0), 3, 0.02, 300, score, 1.0)
        assert reached == (1.0 if wants_zeros else None)
        np.testing.assert_array_equal(engine.parameters(), settled if wants_zeros else flat)
    assert len(tried) == 2
    assert (settled == 0).any() and np.isin(settled, [0.0, *flat]).all()
    assert np.abs(tried[0] - flat)[:-1][peer.coef_ != 0].min() > 1e-3


def test_zeros_settle_in_an_average_under_early_stopping():
    X, y = make_classification(
        1000, 30, n_informative=5, n_redundant=0, shuffle=False, random_state=0, class_sep=1.5
    )
    settings = {"group_l1": [0.02, 0.0], "l2": 0.0, "learning_rate_init": 0.01, "max_iter": 40}
    settings |= {"weight_averaging": 0.9, "early_stopping": True, "random_state": 0}
    plain = MLPClassifier((20,), polish=0, **settings).fit(scale(X), y)
    network = MLPClassifier((20,), **settings).fit(scale(X), y)
    assert plain.active_features_.size == 30
    assert network.active_features_.size <= 10
    assert network.best_validation_score_ >= plain.best_validation_score_
