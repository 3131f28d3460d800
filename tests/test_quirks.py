"""What scikit-learn's MLP is known to do badly, numbered; "kept" where the same is wanted here."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from sklearn.datasets import load_iris
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor

X, LABELS = load_iris(return_X_y=True)
X = scale(X)
Y = X[:, 0] + 0.3 * LABELS
SOLVERS = ("adam", "sgd", "lbfgs")

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")


def classifier(**parameters):
    return MLPClassifier((6,), **{"max_iter": 5, "random_state": 0, **parameters})


def regressor(**parameters):
    return MLPRegressor((6,), **{"max_iter": 5, "random_state": 0, **parameters})


def test_1_the_strength_of_l2_does_not_depend_on_the_batch_size():
    """The penalty that is reported, and the optimum, are those of the whole objective."""
    ends = []
    for batch_size in (15, 150):
        model = regressor(
            activation="identity", l2=0.5, batch_size=batch_size, max_iter=400, tol=0,
            learning_rate="cosine", learning_rate_init=0.02, n_iter_no_change=400,
        ).fit(X, Y)  # fmt: skip
        squares = sum((coef**2).sum() for coef in model.coefs_)
        assert_allclose(model.history_["penalty"][-1], 0.25 * squares, rtol=1e-3)
        ends.append(squares)
    assert_allclose(ends[0], ends[1], rtol=0.01)
    one = regressor(l2=0.5, solver="sgd", momentum=0, max_iter=1, batch_size=150).fit(X, Y)
    twice = regressor(l2=0.5, solver="sgd", momentum=0, max_iter=1, batch_size=300, shuffle=False)
    twice.fit(np.tile(X, (2, 1)), np.tile(Y, 2))
    assert_allclose(one.coefs_[0], twice.coefs_[0], rtol=1e-12)


def test_2_the_gradient_of_several_outputs_is_that_of_the_loss():
    y = np.c_[Y, -Y, Y**2]
    start = regressor(solver="sgd", max_iter=1, l2=0, learning_rate_init=1e-12).fit(X, y)
    flat = np.concatenate([part.ravel() for part in start.coefs_ + start.intercepts_])

    def loss(flat):
        parts = np.split(flat, np.cumsum([24, 18, 6]))
        hidden = np.maximum(X @ parts[0].reshape(4, 6) + parts[2], 0)
        residual = hidden @ parts[1].reshape(6, 3) + parts[3] - y
        return (residual**2).sum() / 2 / 150

    step = regressor(solver="sgd", momentum=0, max_iter=1, l2=0, batch_size=150)
    step.fit(X, y, coef_init=start.coefs_, intercept_init=start.intercepts_)
    moved = np.concatenate([part.ravel() for part in step.coefs_ + step.intercepts_])
    assert_allclose(moved - flat, -0.001 * approx_fprime(flat, loss), atol=1e-8)
    best = regressor(solver="lbfgs", max_iter=3000, max_fun=10000, tol=1e-7, l2=0.1).fit(X, y)
    assert best.n_iter_ < 3000
    assert_allclose(best.loss_, best.loss_curve_[-1], rtol=1e-6)


def test_3_a_warm_start_forgets_the_best_score_and_weights_of_the_last_run():
    model = classifier(
        early_stopping=True, warm_start=True, max_iter=150, batch_size=16,
        learning_rate_init=0.02, n_iter_no_change=20,
    ).fit(X, LABELS)  # fmt: skip
    assert model.best_validation_score_ > 0.7
    model.fit(X, (LABELS + 1) % 3)  # the network of the first run would be wrong everywhere
    assert model.n_iter_ > 21
    assert model.score(X, (LABELS + 1) % 3) > 0.7
    assert model.best_validation_score_ == max(model.validation_scores_[-model.n_iter_ :])


def test_4_validation_splits_of_several_classes_are_stratified():
    model = classifier(early_stopping=True, validation_fraction=0.2, max_iter=1)
    random_state = np.random.RandomState(0)
    for fan_in, fan_out in ((4, 6), (6, 3)):  # the starting weights are drawn first
        random_state.uniform(size=(fan_in, fan_out)), random_state.uniform(size=fan_out)
    _, valid = train_test_split(
        np.arange(150), random_state=random_state, test_size=0.2, stratify=LABELS
    )
    assert_array_equal(np.bincount(LABELS[valid]), [10, 10, 10])
    model.set_params(scoring=lambda model, X, y: float(np.array_equal(y, LABELS[valid])))
    assert model.fit(X, LABELS).best_validation_score_ == 1


def test_4_a_class_of_one_member_falls_back_to_a_plain_split():
    y = LABELS.copy()
    y[0] = 3
    with pytest.warns(UserWarning, match="not stratified: the smallest class has 1 row"):
        model = classifier(early_stopping=True).fit(X, y)
    assert len(model.validation_scores_) == 5


def test_5_a_batch_of_zero_weight_is_passed_over():
    weight = np.ones(150)
    weight[50:100] = 0
    model = regressor(batch_size=50, shuffle=False).fit(X, Y, weight)
    expected = regressor(batch_size=50, shuffle=False).fit(X[weight > 0], Y[weight > 0])
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-12)


def test_6_the_loss_averages_by_weight():
    weight = np.linspace(0, 5, 150)
    rate = {"learning_rate_init": 1e-12, "max_iter": 1, "l2": 0, "shuffle": False}
    model = regressor(batch_size=40, **rate).fit(X, Y, weight)
    expected = np.average((model.predict(X) - Y) ** 2 / 2, weights=weight)
    assert_allclose(model.loss_, expected, rtol=1e-8)


@pytest.mark.parametrize("n_iter_no_change", [1, 3])
def test_7_kept_one_more_bad_epoch_than_n_iter_no_change(n_iter_no_change):
    model = classifier(tol=1e6, n_iter_no_change=n_iter_no_change, max_iter=50).fit(X, LABELS)
    assert model.n_iter_ == n_iter_no_change + 2  # a first epoch, then the bad ones


def test_8_epochs_are_counted_once():
    model = regressor(warm_start=True)
    for _ in range(5):
        model.partial_fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 5
    model.fit(X, Y)
    assert model.n_iter_ == 5
    assert len(model.loss_curve_) == len(model.history_["loss"]) == 10
    model.partial_fit(X, Y)
    assert (model.n_iter_, len(model.loss_curve_), model.t_) == (6, 11, 11 * 150)


def test_9_kept_partial_fit_with_early_stopping_needs_validation_rows():
    model = regressor(early_stopping=True)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        model.partial_fit(X, Y)
    model.partial_fit(X, Y, X_val=X, y_val=Y)
    assert_allclose(model.validation_scores_, [model.score(X, Y)])


def test_10_early_stopping_works_with_lbfgs():
    model = regressor(
        solver="lbfgs", early_stopping=True, max_iter=300, n_iter_no_change=3, l2=0
    ).fit(X[:50], Y[:50] + np.sin(np.arange(50) * 9))
    assert model.n_iter_ < 300
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_


@pytest.mark.parametrize("solver", SOLVERS)
def test_11_verbose_speaks_with_every_solver(solver, capsys):
    model = regressor(solver=solver, verbose=True, max_iter=3).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [f"Iteration {k + 1}, loss = {model.loss_curve_[k]:.8f}" for k in range(3)]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_12_a_warm_start_keeps_the_moments(solver):
    parameters = {"solver": solver, "shuffle": False, "batch_size": 50}
    whole = regressor(**parameters, max_iter=4).fit(X, Y)
    parts = regressor(**parameters, max_iter=2, warm_start=True).fit(X, Y).fit(X, Y)
    assert_array_equal(whole.coefs_[0], parts.coefs_[0])


def test_13_kept_but_the_history_tells_the_terms_apart():
    model = classifier(l1=0.01, l2=0.02, early_stopping=True).fit(X, LABELS)
    history = model.history_
    assert_allclose(model.loss_curve_, history["loss"] + history["penalty"])
    assert (history["penalty"] > 0).all()
    assert_array_equal(model.validation_scores_, history["validation_score"])
    assert (history["validation_loss"] > 0.1).all()


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_14_the_sizes_of_the_layers_come_first(Estimator):
    model = Estimator((4,), "tanh")
    assert (model.hidden_layer_sizes, model.activation) == ((4,), "tanh")
    with pytest.raises(TypeError, match="positional argument"):
        Estimator((4,), "tanh", "adam")


def test_15_a_decision_function():
    model = classifier(max_iter=50).fit(X, LABELS)
    raw = model.decision_function(X)
    powers = np.exp(raw)
    assert_allclose(model.predict_proba(X), powers / powers.sum(axis=1, keepdims=True), rtol=1e-9)
    binary = classifier().fit(X, LABELS > 0)
    odds = binary.predict_proba(X)[:, 1] / binary.predict_proba(X)[:, 0]
    assert_allclose(binary.decision_function(X), np.log(odds), rtol=1e-9, atol=1e-12)


def test_15_inputs_can_be_selected_by_their_weights():
    rng = np.random.default_rng(0)
    noisy = np.c_[X, rng.normal(size=(150, 6))]
    model = regressor(
        solver="lbfgs", l1=(0.05, 0), l2=(0, 0.01), max_iter=500, activation="tanh"
    ).fit(noisy, Y)

    def importance(model):
        return np.abs(model.coefs_[0]).sum(axis=1)

    selector = SelectFromModel(model, prefit=True, threshold=1e-12, importance_getter=importance)
    chosen = selector.get_support()
    assert chosen[0] and chosen[2:4].any()
    assert not chosen[4:].any()
