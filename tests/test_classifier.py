"""Labels of every kind, probabilities, class weights, warm starts, partial fits, early stopping."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score, get_scorer, log_loss
from sklearn.preprocessing import scale
from sklearn.utils.class_weight import compute_sample_weight

from skreg import MLPClassifier
from skreg._penalties import TERMS

X, LABELS = load_iris(return_X_y=True)
X = scale(X)
INDICATORS = np.c_[LABELS == 0, LABELS > 0, X[:, 1] > 0].astype(int)
TRAIN, VALID = np.arange(150) % 3 < 2, np.arange(150) % 3 == 2
SOLVERS = ("adam", "sgd", "lbfgs")

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")


def make(**parameters):
    defaults = {"max_iter": 5, "random_state": 0, "batch_size": 32, "learning_rate_init": 0.01}
    return MLPClassifier(**{"hidden_layer_sizes": (6,), **defaults, **parameters})


NAMES = {
    "strings": np.array(["setosa", "versicolor", "virginica"]),
    "objects": np.array(["setosa", "versicolor", "virginica"], dtype=object),
    "objects that are integers": np.array([2, 5, 9], dtype=object),
    "negative integers": np.array([-5, 3, 1000]),
    "whole floats": np.array([-1.0, 0.0, 2.0]),
    "small integers": np.array([0, 1, 255], dtype=np.uint8),
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_of_any_kind(kind, n_classes):
    codes = np.minimum(LABELS, n_classes - 1)
    names = NAMES[kind]
    model, expected = make().fit(X, names[codes]), make().fit(X, codes)
    assert_array_equal(model.classes_, names[:n_classes])
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert_array_equal(model.predict(X), names[expected.predict(X)])
    expected_dtype = int if kind == "objects that are integers" else names.dtype
    assert model.predict(X).dtype == expected_dtype
    assert model.score(X, names[codes].tolist()) == expected.score(X, codes)
    model.partial_fit(X, names[codes].tolist())
    assert_array_equal(model.predict_proba(X), expected.partial_fit(X, codes).predict_proba(X))


def test_boolean_labels():
    model = make().fit(X, LABELS > 0)
    assert model.predict(X).dtype == bool
    assert_array_equal(model.classes_, [False, True])
    assert_array_equal(
        model.decision_function(X), make().fit(X, np.minimum(LABELS, 1)).decision_function(X)
    )


def test_a_column_of_labels_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        model = make().fit(X, LABELS[:, None])
    assert_array_equal(model.predict(X), make().fit(X, LABELS).predict(X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_class_only(solver):
    model = make(solver=solver).fit(X, np.full(150, "all"))
    assert_array_equal(model.predict(X), np.full(150, "all"))
    assert_array_equal(model.predict_proba(X), np.ones((150, 1)))
    assert_array_equal(model.predict_log_proba(X), np.zeros((150, 1)))
    assert model.score(X, np.full(150, "all")) == 1


@pytest.mark.parametrize("own", [False, True])
def test_early_stopping_with_one_class_only(own):
    y, given = np.zeros(150, dtype=int), {"early_stopping": True, "max_iter": 30}
    model = make(**given).fit(X, y, **({"X_val": X, "y_val": y} if own else {}))
    assert set(model.validation_scores_) == {1.0} and model.best_validation_score_ == 1.0
    assert model.n_iter_ == 12 and model.stopped_early_  # the first score is never beaten


@pytest.mark.parametrize(
    "y, n_outputs, activation, shape",
    [
        (LABELS > 0, 1, "logistic", (150,)),
        (LABELS, 3, "softmax", (150, 3)),
        (INDICATORS, 3, "logistic", (150, 3)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_predictions_mean(y, n_outputs, activation, shape, dtype):
    model = make(dtype=dtype).fit(X, y)
    assert (model.n_outputs_, model.out_activation_) == (n_outputs, activation)
    raw, proba, logs = (
        getattr(model, f"{name}")(X)
        for name in ("decision_function", "predict_proba", "predict_log_proba")
    )
    assert raw.shape == shape
    assert raw.dtype == proba.dtype == logs.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    if activation == "softmax":
        powers = np.exp(raw - raw.max(axis=1, keepdims=True))
        assert_allclose(proba, powers / powers.sum(axis=1, keepdims=True), rtol=tolerance)
        assert_array_equal(model.predict(X), raw.argmax(axis=1))
    else:
        expected = 1 / (1 + np.exp(-raw))
        assert_allclose(proba if raw.ndim == 2 else proba[:, 1], expected, rtol=tolerance)
        assert_array_equal(model.predict(X), raw > 0)
    if model.out_activation_ == "softmax" or raw.ndim == 1:
        assert_allclose(proba.sum(axis=1), 1, rtol=tolerance)
    assert_allclose(logs, np.log(proba), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logarithms_of_probabilities_that_underflow(n_classes):
    y = np.minimum(LABELS, n_classes - 1)
    model = make(hidden_layer_sizes=()).fit(X, y)
    for coef in model.coefs_:
        coef *= 1e5
    raw, logs = model.decision_function(X), model.predict_log_proba(X)
    if n_classes == 2:
        raw = np.c_[np.zeros(150), raw]
    expected = raw - np.logaddexp.reduce(raw, axis=1, keepdims=True)
    assert_allclose(logs, expected, rtol=1e-9, atol=1e-12)
    assert np.isfinite(logs).all()
    proba = model.predict_proba(X)
    assert (proba == 0).any()
    assert_allclose(proba, np.exp(expected), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_matrix, sp.coo_matrix])
def test_sparse_multilabel_targets(container):
    sparse, dense = make().fit(X, container(INDICATORS)), make().fit(X, INDICATORS)
    assert sp.issparse(sparse.predict(X)) and sparse.predict(X).format == "csr"
    assert_array_equal(sparse.predict(X).toarray(), dense.predict(X))
    sparse.partial_fit(X, container(INDICATORS))
    assert_array_equal(sparse.coefs_[0], dense.partial_fit(X, INDICATORS).coefs_[0])
    for parameters in ({}, {"scoring": "accuracy"}):
        sparse, dense = make(early_stopping=True, **parameters), make(early_stopping=True)
        sparse.fit(X, container(INDICATORS))
        assert sparse.validation_scores_ == dense.fit(X, INDICATORS).validation_scores_


@pytest.mark.parametrize(
    "y",
    [
        255 * INDICATORS,
        -INDICATORS,
        7.0 * INDICATORS,
        (255 * INDICATORS).astype(np.uint8),
        2 * INDICATORS - 1,  # has no zero: every label in every row
        INDICATORS + 1,
        sp.csr_array(255 * INDICATORS),
    ],
)
def test_all_that_is_not_zero_in_an_indicator_matrix_is_a_label(y):
    plain = (y.toarray() if sp.issparse(y) else y).astype(bool).astype(int)
    for parameters in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
        model = make(**parameters).fit(X, y, X_val=X, y_val=y)
        expected = make(**parameters).fit(X, plain, X_val=X, y_val=plain)
        assert_array_equal(model.coefs_[0], expected.coefs_[0])
        for key in ("loss", "validation_loss", "validation_score"):
            assert_array_equal(model.history_[key], expected.history_[key])
    model = make().partial_fit(X, INDICATORS, classes=[0, 1, 2]).partial_fit(X, y)
    expected = make().partial_fit(X, INDICATORS, classes=[0, 1, 2]).partial_fit(X, plain)
    assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 1: 0.5}, {0: 3, 1: 0, 2: 1}])
def test_class_weight_equals_sample_weight(solver, early_stopping, class_weight):
    y = np.repeat([0, 1, 2], [20, 50, 80])
    parameters = {"solver": solver, "early_stopping": early_stopping, "validation_fraction": 0.2}
    weight = np.linspace(0.5, 1.5, 150)
    factors = compute_sample_weight(class_weight, y)
    if class_weight == "balanced":  # balanced in the sum of the sample weights
        sums = np.bincount(y, weights=weight)
        factors = (weight.sum() / (3 * sums))[y]
    model = make(class_weight=class_weight, **parameters).fit(X, y, weight)
    expected = make(**parameters).fit(X, y, weight * factors)
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-8, atol=1e-10)
    assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-8)


def test_balanced_classes_without_sample_weight():
    y = np.repeat(["a", "b", "c"], [20, 50, 80])
    model = make(class_weight="balanced").fit(X, y)
    expected = make().fit(X, y, compute_sample_weight("balanced", y))
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-12)


def test_class_weight_in_partial_fit():
    weights = {0: 1.0, 1: 3.0, 2: 0.5}
    model = make(class_weight=weights).partial_fit(X, LABELS, classes=[0, 1, 2])
    expected = make()
    expected.partial_fit(X, LABELS, compute_sample_weight(weights, LABELS), classes=[0, 1, 2])
    assert_array_equal(model.coefs_[0], expected.coefs_[0])


def test_partial_fit_sees_classes_later():
    model = make().partial_fit(X[LABELS < 2], LABELS[LABELS < 2], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (150, 3)
    for _ in range(60):
        model.partial_fit(X, LABELS)
    assert model.score(X, LABELS) > 0.9


def test_partial_fit_goes_on_from_fit():
    model = make(max_iter=5).fit(X, LABELS)
    whole = make(max_iter=6, shuffle=False).fit(X, LABELS)
    parts = make(max_iter=5, shuffle=False).fit(X, LABELS).partial_fit(X, LABELS)
    assert_array_equal(parts.coefs_[0], whole.coefs_[0])
    assert model.n_iter_ == 5
    for name in ("n_iter_", "t_", "loss_curve_"):
        assert getattr(parts, name) == getattr(whole, name)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_warm_start_goes_on_with_weights_and_moments(solver):
    whole = make(solver=solver, shuffle=False, max_iter=6).fit(X, LABELS)
    model = make(solver=solver, shuffle=False, max_iter=2, warm_start=True).fit(X, LABELS)
    model.set_params(max_iter=4).fit(X, LABELS)
    assert_array_equal(model.coefs_[0], whole.coefs_[0])
    assert_allclose(model.loss_curve_, whole.loss_curve_)
    assert (model.n_iter_, model.t_) == (4, 6 * 150)


def test_moments_do_not_outlive_a_fit_by_lbfgs():
    model = make(shuffle=False, warm_start=True).partial_fit(X, LABELS, classes=[0, 1, 2])
    model.set_params(solver="lbfgs").fit(X, LABELS)
    starting = {"coef_init": model.coefs_, "intercept_init": model.intercepts_}
    expected = make(shuffle=False).fit(X, LABELS, **starting)
    model.set_params(solver="adam").fit(X, LABELS)
    assert_array_equal(model.coefs_[0], expected.coefs_[0])


def test_a_warm_start_resets_what_belongs_to_a_run():
    rows = {"X_val": X[VALID], "y_val": LABELS[VALID]}
    model = make(warm_start=True, early_stopping=True, max_iter=60, n_iter_no_change=60)
    model.fit(X[TRAIN], LABELS[TRAIN], **rows)
    assert model.best_validation_score_ > 0.9
    turned = 2 - LABELS
    model.set_params(max_iter=3).fit(X[TRAIN], turned[TRAIN], X_val=X[VALID], y_val=turned[VALID])
    assert model.best_validation_score_ == max(model.validation_scores_[-3:]) < 0.9
    assert model.score(X[VALID], turned[VALID]) == model.best_validation_score_
    assert model.n_iter_ == 3
    assert len(model.validation_scores_) == len(model.loss_curve_) == 63


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_history(solver):
    model = make(solver=solver, l1=0.02, l2=0.01, max_iter=6, polish=0)
    model.fit(X[TRAIN], LABELS[TRAIN], X_val=X[VALID], y_val=LABELS[VALID])
    history = model.history_
    assert set(history) == {
        *("loss", "penalty", *TERMS),
        *("validation_loss", "validation_score", "learning_rate", "n_nonzero"),
        *("n_nonzero_0", "n_nonzero_1"),
    }
    assert_allclose(history["penalty"], history["l1"] + history["l2"], rtol=1e-14)
    assert {len(column) for column in history.values()} == {len(model.loss_curve_)} == {6}
    assert_allclose(model.loss_curve_, history["loss"] + history["penalty"])
    weights = np.concatenate([coef.ravel() for coef in model.coefs_])
    assert history["n_nonzero"][-1] == np.count_nonzero(weights)
    assert_allclose(history["validation_score"][-1], model.score(X[VALID], LABELS[VALID]))
    proba = model.predict_proba(X[VALID])
    assert_allclose(history["validation_loss"][-1], log_loss(LABELS[VALID], proba), rtol=1e-9)
    expected = [np.nan] * 6 if solver == "lbfgs" else [0.01] * 6
    assert_array_equal(history["learning_rate"], expected)
    assert model.validation_scores_ is None and model.best_loss_ == min(model.loss_curve_)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "scoring", [None, "loss", "balanced_accuracy", "neg_log_loss", "roc_auc_ovr_weighted", "own"]
)
def test_what_early_stopping_watches(solver, scoring):
    def share_of_setosa(estimator, X, y):
        assert isinstance(estimator, MLPClassifier)
        return np.mean((estimator.predict(X) == "a") == (y == "a"))

    y = np.array(["a", "b", "c"])[LABELS]
    model = make(
        solver=solver, early_stopping=True, n_iter_no_change=2, max_iter=40, tol=1e-3,
        scoring=share_of_setosa if scoring == "own" else scoring,
    )  # fmt: skip
    model.fit(X[TRAIN], y[TRAIN], X_val=X[VALID], y_val=y[VALID])
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores)
    # The best weights are restored: they score what the record says.
    if scoring == "loss":
        found = -log_loss(y[VALID], model.predict_proba(X[VALID]))
        assert_array_equal(scores, -model.history_["validation_loss"])
    elif scoring == "own":
        found = share_of_setosa(model, X[VALID], y[VALID])
    else:
        found = get_scorer(scoring or "accuracy")(model, X[VALID], y[VALID])
    assert_allclose(found, max(scores), rtol=1e-9)
    assert len(scores) == len(model.loss_curve_)


def test_weights_of_validation_rows():
    weight = np.linspace(0, 2, VALID.sum())
    for scoring in (None, "accuracy"):
        model = make(scoring=scoring, max_iter=1)
        model.fit(
            X[TRAIN], LABELS[TRAIN], X_val=X[VALID], y_val=LABELS[VALID], sample_weight_val=weight
        )
        predicted = model.predict(X[VALID])
        expected = accuracy_score(LABELS[VALID], predicted, sample_weight=weight)
        assert_allclose(model.history_["validation_score"], [expected])
    expected = log_loss(LABELS[VALID], model.predict_proba(X[VALID]), sample_weight=weight)
    assert_allclose(model.history_["validation_loss"], [expected], rtol=1e-9)


def test_early_stopping_in_partial_fit():
    model = make(early_stopping=True, n_iter_no_change=3, tol=0.0)
    best, found = -np.inf, []
    for _ in range(25):
        model.partial_fit(
            X[TRAIN], LABELS[TRAIN], classes=[0, 1, 2], X_val=X[VALID], y_val=LABELS[VALID]
        )
        best = max(best, model.validation_scores_[-1])
        found.append(model.score(X[VALID], LABELS[VALID]))
    assert model.best_validation_score_ == best
    assert model.n_iter_ == len(model.validation_scores_) == len(model.history_["loss"]) == 25
    assert best in found


def test_verbose(capsys):
    for solver in SOLVERS:
        make(solver=solver, max_iter=2, verbose=True, early_stopping=True).fit(X, LABELS)
        printed = capsys.readouterr().out
        assert "Iteration 1, loss = " in printed and "Iteration 2, loss = " in printed
        assert printed.count("Validation score: ") == 2


def test_starting_weights():
    donor = make(max_iter=3, shuffle=False, solver="sgd", momentum=0).fit(X, LABELS)
    given = {"coef_init": donor.coefs_, "intercept_init": donor.intercepts_}
    model = make(max_iter=2, shuffle=False, solver="sgd", momentum=0).fit(X, LABELS, **given)
    expected = make(max_iter=5, shuffle=False, solver="sgd", momentum=0).fit(X, LABELS)
    assert_allclose(model.coefs_[1], expected.coefs_[1], rtol=1e-12)
    assert model.n_iter_ == len(model.loss_curve_) == 2


def test_a_linear_model():
    model = make(hidden_layer_sizes=(), solver="lbfgs", max_iter=100).fit(X, LABELS)
    assert [coef.shape for coef in model.coefs_] == [(4, 3)]
    assert_allclose(
        model.decision_function(X), X @ model.coefs_[0] + model.intercepts_[0], rtol=1e-9, atol=1e-9
    )
    assert model.n_layers_ == 2


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "selu", "gelu", "silu", "softplus"])
def test_activations_of_our_own_learn(activation):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make(activation=activation, max_iter=100).fit(X, LABELS)
    assert model.score(X, LABELS) > 0.93


def test_an_activation_per_layer():
    mixed = make(hidden_layer_sizes=(5, 4), activation=["tanh", "relu"]).fit(X, LABELS)
    hidden = np.tanh(X @ mixed.coefs_[0] + mixed.intercepts_[0])
    hidden = np.maximum(hidden @ mixed.coefs_[1] + mixed.intercepts_[1], 0)
    expected = hidden @ mixed.coefs_[2] + mixed.intercepts_[2]
    assert_allclose(mixed.decision_function(X), expected, rtol=1e-9, atol=1e-12)
