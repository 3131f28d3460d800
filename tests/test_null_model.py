"""Models without weights: intercepts against minimizers, gradients against formulas, to the bit."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize_scalar
from sklearn.datasets import load_breast_cancer, load_wine
from threadpoolctl import threadpool_limits

from skreg import MLPClassifier, MLPRegressor
from skreg._null_model import null_model


def draw(n_outputs=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, 6)) * [1, 2, 0.5, 1, 1, 3] + [0, 1, 0, -2, 0, 0]
    y = np.exp(0.3 * X[:, :n_outputs] + 0.3 * rng.normal(size=(120, n_outputs)))
    return X, y.squeeze()


def weights(seed=3):
    return np.random.default_rng(seed).integers(0, 4, size=120).astype(float)


def test_squared_error_by_hand():
    X, y = draw()
    null = null_model(MLPRegressor(), X, y)
    np.testing.assert_allclose(null.intercept, [y.mean()])
    np.testing.assert_allclose(null.gradient, X.T @ (y.mean() - y[:, None]) / y.size, rtol=1e-12)


def test_sample_weights_stand_for_copies():
    (X, y), s = draw(), weights()
    copies = np.repeat(np.arange(120), s.astype(int))
    weighted = null_model(MLPRegressor(), X, y, s)
    copied = null_model(MLPRegressor(), X[copies], y[copies])
    np.testing.assert_allclose(weighted.gradient, copied.gradient, rtol=1e-12)
    np.testing.assert_allclose(weighted.intercept, copied.intercept, rtol=1e-12)


def test_sparse_rows_and_single_precision():
    X, y = draw()
    dense = null_model(MLPRegressor(), X, y)
    sparse = null_model(MLPRegressor(), sp.csr_matrix(X), y)
    single = null_model(MLPRegressor(), X.astype(np.float32), y)
    np.testing.assert_allclose(sparse.gradient, dense.gradient, rtol=1e-12)
    np.testing.assert_allclose(single.gradient, dense.gradient, rtol=1e-5, atol=1e-7)


LOSSES = {
    "squared_error": lambda z, y: (z - y) ** 2,
    "absolute_error": lambda z, y: abs(z - y),
    "huber": lambda z, y: np.where(abs(z - y) < 0.4, (z - y) ** 2, 0.8 * abs(z - y) - 0.16),
    "quantile": lambda z, y: np.maximum(0.7 * (y - z), -0.3 * (y - z)),
    "poisson": lambda z, y: np.exp(z) - y * z,
    "gamma": lambda z, y: y * np.exp(-z) + z,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_intercepts_minimize_the_loss(loss):
    X, y = draw()
    s = weights()
    null = null_model(MLPRegressor(loss=loss, huber_delta=0.4, quantile=0.7), X, y, s)

    def mean(z):
        return np.average(LOSSES[loss](z, y), weights=s)

    best = minimize_scalar(mean, bounds=(-5, 10), method="bounded", options={"xatol": 1e-10})
    assert mean(null.intercept[0]) <= best.fun * (1 + 1e-9)
    # The intercept is free, so what it would feel is zero.
    ones = null_model(
        MLPRegressor(loss=loss, huber_delta=0.4, quantile=0.7), np.ones((120, 1)), y, s
    )
    assert abs(ones.gradient).max() < 1e-12


@pytest.mark.parametrize("q, expected", [(0.25, 2.0), (0.3, 2.0), (0.35, 3.0), (0.8, 7.0)])
def test_a_quantile_between_two_targets_is_the_lower_one(q, expected):
    y = np.random.default_rng(0).permutation(10).astype(float)
    null = null_model(MLPRegressor(loss="quantile", quantile=q), y[:, None], y)
    assert null.intercept == expected


def test_slopes_of_a_quantile_by_hand():
    y = np.arange(10.0)
    null = null_model(MLPRegressor(loss="quantile", quantile=0.35), 10 * np.eye(10), y)
    expected = [0.65] * 3 + [0.15] + [-0.35] * 6  # the row at the quantile balances the others
    np.testing.assert_allclose(null.gradient.ravel(), expected, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_intercepts_of_smoothed_labels_are_those_of_smoothed_frequencies(n_classes):
    X, s = draw()[0], weights()
    y = np.arange(120) % 7 % n_classes
    null = null_model(MLPClassifier(label_smoothing=0.2), X, y, s)
    frequencies = 0.8 * np.bincount(y, s) / s.sum() + 0.2 / n_classes
    expected = np.log(frequencies)
    if n_classes == 2:
        expected = [expected[1] - expected[0]]
    np.testing.assert_allclose(null.intercept, expected, rtol=1e-12)


def test_class_weights_count():
    X, y = load_breast_cancer(return_X_y=True)
    balanced = null_model(MLPClassifier(class_weight="balanced"), X, y)
    np.testing.assert_allclose(balanced.intercept, [0.0], atol=1e-12)


@pytest.mark.parametrize("load, network", [(load_wine, MLPClassifier()), (draw, MLPRegressor())])
def test_the_order_of_memory_and_the_threads_of_blas_change_no_bit(load, network):
    X, y = load(return_X_y=True) if load is load_wine else load(2)
    X, y = np.tile(X, (150, 1)), np.tile(y, (150, *([1] * (y.ndim - 1))))  # enough for threads
    expected = null_model(network, X, y)
    for rows in (X, np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2]):
        for targets in (y, np.asfortranarray(y)):
            for n_threads in (1, 2):
                with threadpool_limits(n_threads, user_api="blas"):
                    found = null_model(network, rows, targets)
                np.testing.assert_array_equal(found.gradient, expected.gradient)
                np.testing.assert_array_equal(found.intercept, expected.intercept)
