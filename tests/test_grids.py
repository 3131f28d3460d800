"""Automatic grids: tops against closed forms and peers, steps, and errors that say what to do."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.preprocessing import scale
from sklearn.svm import l1_min_c

from skreg import MLPClassifier, MLPRegressor
from skreg._grids import strength_grid, top_strength
from skreg._null_model import null_model
from tests.test_null_model import draw, weights

EXACT = {"solver": "lbfgs", "l2": 0.0, "tol": 1e-9, "max_iter": 5000, "random_state": 0}


def test_top_of_squared_error_by_hand():
    X, y = draw()
    null = null_model(MLPRegressor(), X, y)
    expected = abs(X.T @ (y.mean() - y) / y.size).max()
    assert top_strength("l1", null) == pytest.approx(expected, rel=1e-12)
    assert top_strength("l2", null) == top_strength("l1", null)


def test_logistic_top_is_that_of_l1_min_c():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    top = top_strength("l1", null_model(MLPClassifier(), X, y))
    assert 1 / (y.size * top) == pytest.approx(l1_min_c(X, y, loss="log"), rel=1e-10)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_the_top_zeroes_the_linear_classifier_and_less_does_not(load, smoothing):
    X, y = load(return_X_y=True)
    X = scale(X)[::2]
    network = MLPClassifier((), label_smoothing=smoothing, **EXACT)
    top = top_strength("l1", null_model(network, X, y[::2]))
    assert network.set_params(l1=top * 1.001).fit(X, y[::2]).n_nonzero_ == 0
    assert network.set_params(l1=top * 0.98).fit(X, y[::2]).n_nonzero_ > 0


@pytest.mark.parametrize("loss", ["huber", "poisson", "gamma"])
def test_the_top_zeroes_the_linear_regressor_and_less_does_not(loss):
    X, y = draw(2)
    network = MLPRegressor((), loss=loss, feature_penalty=[3, 1, 2, 1, np.inf, 4], **EXACT)
    top = top_strength("l1", null_model(network, X, y, weights()))
    assert network.set_params(l1=top * 1.001).fit(X, y, weights()).n_nonzero_ == 0
    assert network.set_params(l1=top * 0.98).fit(X, y, weights()).n_nonzero_ > 0


def test_group_top_is_that_of_the_multi_task_lasso():
    X, Y = draw(3)
    top = top_strength("group_l1", null_model(MLPRegressor(), X, Y))
    alpha_max = np.linalg.norm(X.T @ (Y - Y.mean(axis=0)), axis=1).max() / len(X)
    assert top * np.sqrt(3) == pytest.approx(alpha_max, rel=1e-12)


def test_group_top_with_groups_of_columns_and_factors():
    X, y = draw()
    network = MLPRegressor(feature_groups=[[0, 3], [1]], feature_penalty=[2, 0.5, 1, 2, 0, 5])
    gradient = X.T @ (y - y.mean()) / y.size
    expected = [
        np.hypot(gradient[0], gradient[3]) / np.sqrt(2) / 2,
        abs(gradient[1]) / 0.5,
        abs(gradient[2]),
        abs(gradient[5]) / 5,  # feature 4 is exempt
    ]
    top = top_strength("group_l1", null_model(network, X, y))
    assert top == pytest.approx(max(expected), rel=1e-12)


def test_grids_rise_to_the_top():
    X, y = draw()
    null = null_model(MLPRegressor(), X, y)
    strengths = strength_grid("l1", 5, lambda: null, 1e-2)
    assert strengths[-1] == pytest.approx(top_strength("l1", null), rel=1e-12)
    np.testing.assert_allclose(strengths[1:] / strengths[:-1], np.sqrt(10))
    assert strength_grid("l1", 1, lambda: null, 1e-2) == [top_strength("l1", null)]


def test_own_strengths_are_sorted_and_ask_for_no_model():
    np.testing.assert_array_equal(strength_grid("l2", (0.3, 0.0, 0.1), None, 0.1), [0, 0.1, 0.3])
    np.testing.assert_allclose(strength_grid("dropout", 5, None, 0.1), [0, 0.2, 0.4, 0.6, 0.8])


@pytest.mark.parametrize(
    "name, value, eps, message",
    [
        ("l1", 0, 0.1, "l1s=0 must be at least 1"),
        ("l1", 3, 1.5, r"eps=1.5 must be in \(0, 1\)"),
        ("l2", [], 0.1, r"l2s=\[\] is empty; give at least one strength"),
        ("l2", "many", 0.1, "l2s='many' must be a number of strengths or a list"),
        ("l1", [[0.1]], 0.1, r"l1s=\[\[0.1\]\] must be a flat list .* a pattern in l1"),
        ("dropout", [[0.1]], 0.1, r"dropouts=\[\[0.1\]\] must be a number of strengths or a list"),
        ("l1", [0.1, -1], 0.1, "at least 0 and below inf"),
        ("l1", [0.1, np.nan], 0.1, "at least 0 and below inf"),
        ("dropout", [0.5, 1.0], 0.1, "at least 0 and below 1"),
    ],
)
def test_bad_strengths(name, value, eps, message):
    X, y = draw()
    with pytest.raises(ValueError, match=message):
        strength_grid(name, value, lambda: null_model(MLPRegressor(), X, y), eps)


def test_constant_targets_have_no_grid():
    null = null_model(MLPRegressor(), draw()[0], np.ones(120))
    with pytest.raises(ValueError, match="l1s=4 asks for an automatic grid.*give an array"):
        strength_grid("l1", 4, lambda: null, 1e-2)
