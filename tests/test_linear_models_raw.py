"""Linear models on columns as they come: far from zero, of any scale, nearly collinear."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import (
    GammaRegressor,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

PLAIN = {"hidden_layer_sizes": (), "solver": "lbfgs", "random_state": 0}  # but for its strengths


def columns():
    """Return standardized columns, and what a linear model makes of them."""
    X = np.random.default_rng(0).normal(size=(200, 6))
    return scale(X), scale(X) @ [1.0, -0.5, 0.0, 0.3, 0.0, 0.0]


def assert_same(network, coef, size=1.0):
    """Compare weights in the scale of their columns, and zeros."""
    found, largest = network.coefs_[0][:, 0], np.abs(coef * size).max()
    np.testing.assert_allclose(found * size, coef * size, rtol=0, atol=1e-5 * largest)
    np.testing.assert_array_equal(found == 0, coef == 0)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("mean", [0.0, 30.0, 3e3, 1e5])
@pytest.mark.parametrize("l1, l2", [(0.05, 0.0), (0.0, 0.01), (0.0, 1.0), (0.0, 1e-4)])
def test_the_mean_of_columns_does_not_matter(mean, l1, l2, kind):
    X, z = columns()
    y = z + np.random.default_rng(1).normal(size=z.size)
    peer = Lasso(l1, tol=1e-12) if l1 else Ridge(y.size * l2)
    network = MLPRegressor(**PLAIN, l1=l1, l2=l2).fit(kind(mean + X), y)
    assert_same(network, peer.fit(X, y).coef_)
    assert network.n_iter_ < 30


@pytest.mark.parametrize("size", [1e-5, 1.0, 1e4])
@pytest.mark.parametrize("strength", [1e-4, 0.1, 0.99, 1.0])
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_the_units_of_columns_and_targets_do_not_matter(size, strength, penalty):
    X, z = columns()
    sizes = np.array([1e-4, 1e3, 1.0, 1.0, 50.0, 0.02])
    y = size * (z + np.random.default_rng(1).normal(size=z.size) + 3)
    X = X * sizes + sizes
    top = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / y.size
    given = {"l1": 0.0, "l2": 0.0} | {penalty: strength * (top if penalty == "l1" else 1.0)}
    peer = Ridge(y.size * given["l2"]) if penalty == "l2" else Lasso(given["l1"], tol=1e-14)
    if penalty == "l1":
        peer.set_params(max_iter=100_000)
    is_empty = penalty == "l1" and strength == 1.0
    coef = np.zeros(6) if is_empty else peer.fit(X, y).coef_
    assert_same(MLPRegressor(**PLAIN, **given).fit(X, y), coef, sizes)


@pytest.mark.parametrize("load", [load_diabetes, load_wine, load_breast_cancer])
@pytest.mark.parametrize("share", [1.0001, 1.0, 0.5, 0.1, 0.01])
def test_zeros_of_the_lasso_on_raw_data(load, share):
    X, y = load(return_X_y=True)
    top = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / y.size
    peer = Lasso(share * top, tol=1e-14, max_iter=1_000_000)
    coef = peer.fit(X, y).coef_ if share < 1 else np.zeros(X.shape[1])  # the peer may round
    network = MLPRegressor(**PLAIN, l1=share * top, l2=0.0, max_iter=1000).fit(X, y * 1.0)
    assert_same(network, coef, X.std(axis=0))


@pytest.mark.parametrize("l2", [1e-5, 1e-4, 1e-3, 0.1])
def test_two_hundred_iterations_are_enough_for_nearly_collinear_columns(l2):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = scale(X), scale(y)
    network = MLPRegressor(**PLAIN, l2=l2).fit(X, y)
    assert_same(network, Ridge(y.size * l2).fit(X, y).coef_)
    assert network.n_iter_ < 200


@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_other_losses_on_columns_far_from_zero(mean):
    X, z = columns()
    rng = np.random.default_rng(2)
    counts = rng.poisson(np.exp(z + 1)).astype(float)
    sizes = rng.gamma(2.0, np.exp(z)) + 1e-3
    labels = (z + rng.logistic(size=z.size) > 0).astype(int)
    exact = {"solver": "newton-cholesky", "tol": 1e-12}
    for network, peer, y in (
        (MLPRegressor(loss="poisson", **PLAIN), PoissonRegressor(alpha=0.01, **exact), counts),
        (MLPRegressor(loss="gamma", **PLAIN), GammaRegressor(alpha=0.01, **exact), sizes),
        (MLPClassifier(**PLAIN), LogisticRegression(C=100 / z.size, **exact), labels),
    ):
        network.set_params(l2=0.01).fit(mean + X, y)
        assert_same(network, np.ravel(peer.fit(X, y).coef_))


def test_raw_wine_is_classified_as_by_logistic_regression():
    X, y = load_wine(return_X_y=True)
    peer = LogisticRegression(C=1 / (0.01 * y.size), solver="newton-cholesky", tol=1e-12)
    coef = peer.fit(X - X.mean(axis=0), y).coef_.T
    found = MLPClassifier(**PLAIN, l2=0.01).fit(X, y).coefs_[0]
    np.testing.assert_allclose(found - found.mean(axis=1, keepdims=True), coef, rtol=0, atol=1e-5)
