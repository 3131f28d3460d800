"""Losses and their links, several outputs, weights, warm starts, partial fits, early stopping."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import check_grad
from sklearn.datasets import load_diabetes
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import GammaRegressor, PoissonRegressor, QuantileRegressor
from sklearn.metrics import (
    d2_pinball_score,
    get_scorer,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    r2_score,
)
from sklearn.preprocessing import scale

from skreg import MLPRegressor
from skreg._kernels.losses import LOSSES

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X[:150]), Y[:150] / 100
OUTPUTS = np.c_[Y, Y**2, -Y]
TRAIN, VALID = np.arange(150) % 3 < 2, np.arange(150) % 3 == 2
SOLVERS = ("adam", "sgd", "lbfgs")

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer",
    "ignore:lbfgs failed",
    # SciPy is newer than the oldest scikit-learn.
    "ignore:scipy.optimize. The `disp` and `iprint` options:DeprecationWarning",
)


def make(**parameters):
    defaults = {"max_iter": 5, "random_state": 0, "batch_size": 32, "learning_rate_init": 0.005}
    return MLPRegressor(**{"hidden_layer_sizes": (6,), **defaults, **parameters})


def huber(y, prediction, delta):
    """Return the mean loss of Huber (1964)."""
    r = np.abs(y - prediction)
    return np.mean(np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)))


MEAN_LOSSES = {
    "squared_error": lambda y, p: np.mean((y - p) ** 2) / 2,
    "absolute_error": lambda y, p: np.mean(np.abs(y - p)),
    "huber": lambda y, p: huber(y, p, 0.7),
    "quantile": lambda y, p: mean_pinball_loss(y, p, alpha=0.3),
    "poisson": lambda y, p: mean_poisson_deviance(y, p) / 2,
    "gamma": lambda y, p: mean_gamma_deviance(y, p) / 2,
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_losses_mean_what_they_say(loss, solver):
    model = make(loss=loss, solver=solver, huber_delta=0.7, quantile=0.3, max_iter=8)
    model.fit(X[TRAIN], Y[TRAIN], X_val=X[VALID], y_val=Y[VALID])
    expected = MEAN_LOSSES[loss](Y[VALID], model.predict(X[VALID]))
    assert_allclose(model.history_["validation_loss"][-1], expected, rtol=1e-7)
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    assert model.out_activation_ == ("exp" if loss in ("poisson", "gamma") else "identity")


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_outputs_add_up(loss):
    y = np.abs(OUTPUTS) + 0.1
    model = make(loss=loss, huber_delta=0.7, quantile=0.3, max_iter=2)
    model.fit(X[TRAIN], y[TRAIN], X_val=X[VALID], y_val=y[VALID])
    prediction = model.predict(X[VALID])
    assert prediction.shape == (50, 3)
    expected = sum(MEAN_LOSSES[loss](y[VALID][:, k], prediction[:, k]) for k in range(3))
    assert_allclose(model.history_["validation_loss"][-1], expected, rtol=1e-7)


@pytest.mark.parametrize("Peer, loss", [(PoissonRegressor, "poisson"), (GammaRegressor, "gamma")])
def test_linear_models_with_a_link(Peer, loss):
    peer = Peer(alpha=0.01, tol=1e-8).fit(X, Y)
    model = make(
        hidden_layer_sizes=(), loss=loss, solver="lbfgs", l2=0.01, tol=1e-8, max_iter=1000
    ).fit(X, Y)
    assert_allclose(model.coefs_[0].ravel(), peer.coef_, rtol=1e-4, atol=1e-5)
    assert_allclose(model.predict(X), peer.predict(X), rtol=1e-4)


def test_a_linear_quantile():
    peer = QuantileRegressor(quantile=0.8, alpha=0.0).fit(X, Y)
    model = make(
        hidden_layer_sizes=(), loss="quantile", quantile=0.8, l2=0, max_iter=1500, batch_size=150,
        learning_rate="cosine", learning_rate_init=0.05,
    ).fit(X, Y)  # fmt: skip
    best = mean_pinball_loss(Y, peer.predict(X), alpha=0.8)
    assert mean_pinball_loss(Y, model.predict(X), alpha=0.8) < 1.002 * best
    assert_allclose(np.mean(Y < model.predict(X)), 0.8, atol=0.05)


def test_a_single_column_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        model = make().fit(X, Y[:, None])
    assert model.predict(X).shape == (150,)
    assert_array_equal(model.predict(X), make().fit(X, Y).predict(X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_without_hidden_units_several_outputs_are_several_models(solver):
    parameters = {"hidden_layer_sizes": (), "l1": 0.01, "solver": solver, "polish": 0}
    parameters |= {"n_iter_no_change": np.inf, "max_iter": 2000 if solver == "lbfgs" else 40}
    zeros = {"coef_init": [np.zeros((10, 3))], "intercept_init": [np.zeros(3)]}
    together = make(**parameters, shuffle=False, tol=1e-9).fit(X, OUTPUTS, **zeros)
    tolerance = 1e-5 if solver == "lbfgs" else 1e-12
    zeros = {"coef_init": [np.zeros((10, 1))], "intercept_init": [np.zeros(1)]}
    for k in range(3):
        alone = make(**parameters, shuffle=False, tol=1e-9).fit(X, OUTPUTS[:, k], **zeros)
        assert_allclose(together.coefs_[0][:, k], alone.coefs_[0].ravel(), atol=tolerance)
    assert together.n_outputs_ == 3


def test_weights_of_zero_change_nothing():
    weight = np.where(TRAIN, 1.5, 0)
    for solver in SOLVERS:
        model = make(solver=solver).fit(np.where(TRAIN[:, None], X, 1e6), Y, weight)
        expected = make(solver=solver).fit(X[TRAIN], Y[TRAIN], weight[TRAIN])
        assert_allclose(model.predict(X), expected.predict(X), rtol=1e-9)
        assert model.t_ == expected.t_


@pytest.mark.parametrize("parameters", [{"early_stopping": True}, {"shuffle": False}])
def test_the_scale_of_weights_does_not_matter(parameters):
    weight = np.linspace(0.5, 2, 150)
    model = make(**parameters, l1=0.01).fit(X, Y, weight)
    expected = make(**parameters, l1=0.01).fit(X, Y, 1000 * weight)
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-9, atol=1e-12)
    assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "scoring", [None, "loss", "r2", "neg_mean_absolute_error", "explained_variance", "own"]
)
def test_what_early_stopping_watches(solver, scoring):
    def pinball(estimator, X, y):
        return d2_pinball_score(y, estimator.predict(X), alpha=0.2)

    model = make(
        solver=solver, early_stopping=True, n_iter_no_change=2, max_iter=40,
        scoring=pinball if scoring == "own" else scoring,
    )  # fmt: skip
    model.fit(X[TRAIN], Y[TRAIN], X_val=X[VALID], y_val=Y[VALID])
    scores = model.validation_scores_
    if scoring == "loss":
        found = -np.mean((model.predict(X[VALID]) - Y[VALID]) ** 2) / 2
    else:
        scorer = pinball if scoring == "own" else get_scorer(scoring or "r2")
        found = scorer(model, X[VALID], Y[VALID])
    assert model.best_validation_score_ == max(scores)
    assert_allclose(found, max(scores), rtol=1e-9)
    assert model.best_loss_ is None


@pytest.mark.parametrize("y", [Y, OUTPUTS])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_the_default_score_is_r2(y, loss):
    weight = np.linspace(0, 2, 50)
    model = make(loss=loss).fit(
        X[TRAIN], np.abs(y[TRAIN]), X_val=X[VALID], y_val=np.abs(y[VALID]),
        sample_weight_val=weight,
    )  # fmt: skip
    expected = r2_score(np.abs(y[VALID]), model.predict(X[VALID]), sample_weight=weight)
    assert_allclose(model.history_["validation_score"][-1], expected, rtol=1e-9)
    assert model.validation_scores_ is None


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
def test_partial_fits_are_the_epochs_of_a_fit(solver, learning_rate):
    parameters = {"solver": solver, "learning_rate": learning_rate, "shuffle": False, "tol": 0}
    whole = make(**parameters, max_iter=4).fit(X, Y)
    parts = make(**parameters)
    for _ in range(4):
        parts.partial_fit(X, Y)
    assert_array_equal(parts.predict(X), whole.predict(X))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == whole.n_iter_ == 4
    assert parts.t_ == whole.t_ == 600
    assert {len(column) for column in parts.history_.values()} == {4}


def test_partial_fit_accepts_rows_of_any_number():
    model = make()
    for n in (1, 150, 7, 40):
        model.partial_fit(X[:n], Y[:n]) if n >= 32 else model.set_params(
            batch_size="auto"
        ).partial_fit(X[:n], Y[:n])
    assert model.n_iter_ == 4
    assert model.t_ == 198


@pytest.mark.parametrize("learning_rate", ["cosine", "one_cycle", "adaptive"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_every_schedule_runs_with_every_stochastic_solver(learning_rate, solver):
    model = make(
        solver=solver, learning_rate=learning_rate, max_iter=20, tol=1e-4, n_iter_no_change=2
    ).fit(X, Y)
    rates = model.history_["learning_rate"]
    assert len(rates) == model.n_iter_
    if learning_rate == "cosine":
        expected = 0.005 * (1 + np.cos(np.pi * np.arange(20) / 20)) / 2
        assert_allclose(rates, expected)
    elif learning_rate == "one_cycle":
        assert_allclose([rates[0], rates.max()], [0.005 / 25, 0.005])
        assert rates[-1] < 0.005 / 20


@pytest.mark.parametrize("container", [np.array, sp.csr_array])
def test_one_row(container):
    model = make(batch_size="auto").fit(container(X[:1]), Y[:1])
    assert model.predict(container(X[:1])).shape == (1,)


def test_predictions_of_many_rows_are_those_of_each():
    model = make(hidden_layer_sizes=(20, 10)).fit(X, OUTPUTS)
    each = np.vstack([model.predict(row[None]) for row in X])
    assert_allclose(model.predict(X), each, rtol=1e-9)
    assert_allclose(model.predict(np.tile(X, (20, 1))), np.tile(each, (20, 1)), rtol=1e-9)


def test_the_gradient_that_lbfgs_follows():
    """At the optimum of L-BFGS no direction lowers the objective that the docstring states."""
    l2, weight = 0.05, np.linspace(0.5, 2, 150)
    model = make(
        hidden_layer_sizes=(3,), activation="tanh", solver="lbfgs", l2=l2, max_iter=5000, tol=1e-9
    ).fit(X, OUTPUTS, weight)
    shapes = [coef.shape for coef in model.coefs_]
    flat = np.concatenate([part.ravel() for part in model.coefs_ + model.intercepts_])

    def objective(flat):
        first = flat[:30].reshape(shapes[0])
        second = flat[30:39].reshape(shapes[1])
        hidden = np.tanh(X @ first + flat[39:42])
        residual = hidden @ second + flat[42:] - OUTPUTS
        data = np.average((residual**2).sum(axis=1) / 2, weights=weight)
        return data + l2 / 2 * (first**2).sum() + l2 / 2 * (second**2).sum()

    assert_allclose(objective(flat), model.loss_, rtol=1e-9)
    assert check_grad(objective, np.zeros_like, flat) < 1e-4


def test_the_score_of_targets_in_half_precision():
    y = (1000 * Y).astype(np.float16)
    model = make(early_stopping=True).fit(X, y)
    expected = make(early_stopping=True).fit(X, y.astype(np.float64))
    assert_allclose(model.validation_scores_, expected.validation_scores_, rtol=1e-4)
