"""Fits that end early: divergence, interrupts, and scorers that fail."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skreg import MLPRegressor
from tests.refusals import X, Y, regressor


def diverging(**parameters):
    """Return a regressor that diverges within a few epochs."""
    return MLPRegressor(
        (20,), activation="identity", solver="sgd", learning_rate_init=1.0, random_state=0,
        max_iter=30, **parameters,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # without the compiler NumPy sees overflows
def test_divergence_is_an_error_that_names_the_remedies():
    message = "Solver produced non-finite parameter weights.*Scale the features.*learning_rate_init"
    with pytest.raises(ValueError, match=message):
        diverging().fit(X, Y)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_under_early_stopping_keeps_the_best_weights():
    model = diverging(early_stopping=True)
    with pytest.warns(ConvergenceWarning, match="diverged after .* lower learning_rate_init=1.0"):
        model.fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
    assert np.isnan(model.validation_scores_[-1])
    assert model.n_iter_ == len(model.loss_curve_) < 30
    finite = np.array(model.validation_scores_)[:-1]
    assert model.best_validation_score_ == np.nanmax(finite)


def interrupting_scorer(n_calls):
    """Return a scorer that is interrupted at its ``n_calls``-th call, and the log of its scores."""
    scores = []

    def scorer(estimator, X, y):
        if len(scores) == n_calls - 1:
            raise KeyboardInterrupt
        scores.append(-np.mean((estimator.predict(X) - y) ** 2))
        return scores[-1]

    return scorer, scores


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("n_calls", [1, 6])
def test_an_interrupted_fit_keeps_the_best_weights(solver, n_calls):
    scorer, scores = interrupting_scorer(n_calls)
    model = regressor(solver=solver, max_iter=50, scoring=scorer, early_stopping=True)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y, X_val=X, y_val=Y)
    prediction = model.predict(X)
    assert np.isfinite(prediction).all()
    if scores:
        assert_array_equal(-np.mean((prediction - Y) ** 2), max(scores))
        assert model.best_validation_score_ == max(scores)
    model.set_params(scoring=None, max_iter=5).fit(X, Y, X_val=X, y_val=Y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupted_fit_without_early_stopping_keeps_the_last_weights(solver):
    scorer, scores = interrupting_scorer(4)
    model = regressor(solver=solver, max_iter=50, scoring=scorer)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y, X_val=X, y_val=Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        complete = regressor(solver=solver, max_iter=4).fit(X, Y)
    assert_array_equal(model.predict(X), complete.predict(X))
    assert model.n_iter_ == complete.n_iter_ and model.t_ == complete.t_
    assert model.best_loss_ == complete.best_loss_
    assert_array_equal(model.history_["loss"], complete.history_["loss"])
    assert_array_equal(model.history_["validation_score"], [*scores, np.nan])
    assert len(scores) == 3


def test_an_error_in_a_scorer_reaches_the_caller():
    def scorer(estimator, X, y):
        raise RuntimeError("no score today")

    model = regressor().fit(X, Y)
    expected = model.predict(X)
    with pytest.raises(RuntimeError, match="no score today"):
        model.set_params(scoring=scorer, early_stopping=True).fit(X, Y)
    assert_array_equal(model.predict(X), expected)
