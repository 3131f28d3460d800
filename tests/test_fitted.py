"""Importances and feature selection, compressed estimators, the terms of the objective."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skreg import MLPClassifier, MLPRegressor
from skreg._penalties import TERMS

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X[:150]), scale(Y[:150])
WEIGHT = np.random.default_rng(0).integers(0, 3, size=150).astype(float)

pytestmark = pytest.mark.filterwarnings(
    # SciPy is newer than the oldest scikit-learn.
    "ignore:scipy.optimize. The `disp` and `iprint` options:DeprecationWarning",
)


def make(Estimator=MLPRegressor, **parameters):
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0}
    return Estimator(**{**defaults, "learning_rate_init": 0.005, **parameters})


def prune(model):
    """Cut inputs 1 and 4 and units off a fitted network, and leave others without input."""
    model.coefs_[0][[1, 4]] = 0
    model.coefs_[0][:, 3] = 0
    model.coefs_[1][2] = 0
    return model


# Weights.


def test_importances_are_norms_that_sum_to_one():
    model = prune(make().fit(X, Y))
    norms = np.sqrt((model.coefs_[0] ** 2).sum(axis=1))
    assert_allclose(model.feature_importances_, norms / norms.sum(), rtol=1e-14)
    assert model.feature_importances_.shape == (10,)
    assert_array_equal(model.active_features_, [0, 2, 3, 5, 6, 7, 8, 9])
    assert model.n_nonzero_ == 8 * 5 + 5
    assert model.n_nonzero_ < make().fit(X, Y).n_nonzero_ == 66


def test_importances_without_weights():
    model = make().fit(X, Y)
    model.coefs_[0][:] = 0
    assert_array_equal(model.feature_importances_, np.zeros(10))
    assert model.active_features_.size == 0
    assert model.n_nonzero_ == 6


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e30), ("float32", 1e-40),
                                             ("float64", 1e200), ("float64", 1e-300)])  # fmt: skip
def test_importances_of_extreme_weights(dtype, size):
    model = make().fit(X.astype(dtype), Y)
    model.coefs_[0][:] = size
    model.coefs_[0][:2] *= 2
    assert_allclose(model.feature_importances_, np.r_[[2, 2], np.ones(8)] / 12, rtol=1e-6)


@pytest.mark.parametrize("name", ["feature_importances_", "active_features_", "n_nonzero_"])
def test_before_the_fit(name):
    for Estimator in (MLPClassifier, MLPRegressor):
        assert not hasattr(Estimator(), name)
        with pytest.raises(NotFittedError, match=f"This {Estimator.__name__} instance is not"):
            getattr(Estimator(), name)


@pytest.mark.parametrize("name", ["compress", "penalty_breakdown"])
def test_methods_before_the_fit(name):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(MLPRegressor(), name)()


def test_select_from_model_in_a_pipeline():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 12))
    y = 2 * rows[:, 3] - rows[:, 8]
    network = make(hidden_layer_sizes=(), l1=0.1, solver="lbfgs", max_iter=200)
    pipeline = make_pipeline(
        StandardScaler(), SelectFromModel(network, threshold=1e-10), LinearRegression()
    ).fit(rows, y)
    assert_array_equal(np.flatnonzero(pipeline[1].get_support()), [3, 8])
    assert pipeline[-1].n_features_in_ == 2
    assert pipeline.score(rows, y) > 0.999


# The compressed network.


def same(one, other, rows=X):
    assert_allclose(one.predict(rows), other.predict(rows), rtol=1e-12, atol=1e-13)


def test_compressed_networks_predict_the_same():
    model = prune(make(activation="softplus").fit(X, Y))
    before = pickle.dumps(model)
    small = model.compress()
    assert pickle.dumps(model) == before
    same(small, model)
    assert type(small) is MLPRegressor
    assert small.hidden_layer_sizes == (4,) and model.hidden_layer_sizes == (6,)
    assert [coef.shape for coef in small.coefs_] == [(8, 4), (4, 1)]
    assert [intercept.shape for intercept in small.intercepts_] == [(4,), (1,)]
    assert_allclose(small.score(X, Y), model.score(X, Y), rtol=1e-10)
    assert small.n_features_in_ == 10 and small.n_iter_ == model.n_iter_
    assert_array_equal(small.active_features_, model.active_features_)
    assert_array_equal(np.flatnonzero(small.feature_importances_), model.active_features_)
    assert small.feature_importances_.shape == (10,)
    with pytest.raises(ValueError, match="8 features"):
        small.predict(X[:, model.active_features_])


def test_nothing_is_shared_with_the_compressed_network():
    model = prune(make().fit(X, Y))
    expected = model.predict(X)
    small = model.compress()
    for array in (*small.coefs_, *small.intercepts_, *small.history_.values()):
        array[:] = 0
    assert_array_equal(model.predict(X), expected)
    assert model.history_["loss"].all()


def test_compressed_networks_get_what_is_pickled_and_no_more():
    model = prune(make().fit(X, Y))
    assert vars(model).keys() - model.__getstate__().keys() >= {"_history_room"}
    assert "_history_room" not in vars(model.compress())


def test_compressed_networks_are_copied_and_pickled():
    small = prune(make().fit(X, Y)).compress()
    assert_array_equal(pickle.loads(pickle.dumps(small)).predict(X), small.predict(X))
    fresh = clone(small)
    assert fresh.hidden_layer_sizes == (4,) and not hasattr(fresh, "coefs_")
    assert fresh.fit(X, Y).coefs_[0].shape == (10, 4)


def test_compressed_twice():
    model = prune(make().fit(X, Y))
    once = model.compress()
    once.coefs_[0][2] = 0  # the third column that is left, the fourth of X
    twice = once.compress()
    same(twice, once)
    assert_array_equal(twice.active_features_, [0, 2, 5, 6, 7, 8, 9])
    assert twice.coefs_[0].shape == (7, 4)
    same(once.compress().compress(), once)


def test_nothing_to_compress():
    model = make(activation="tanh").fit(X, Y)
    small = model.compress()
    assert small._columns is None and small.hidden_layer_sizes == (6,)
    assert_array_equal(small.predict(X), model.predict(X))


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_matrix])
def test_compressed_networks_take_sparse_rows(container):
    rows = np.where(np.abs(X) < 1, 0, X)
    model = prune(make(input_dropout=0.2).fit(container(rows), Y))
    small = model.compress()
    assert_allclose(small.predict(container(rows)), model.predict(rows), rtol=1e-12, atol=1e-13)
    assert_allclose(small.predict(rows), model.predict(rows), rtol=1e-12, atol=1e-13)
    draws = small.sample_predictions(container(rows), 50)
    assert_allclose(draws, small.sample_predictions(rows, 50), rtol=1e-12, atol=1e-13)


def test_compressed_networks_keep_the_names_of_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)])
    model = prune(make(feature_groups=[["x0", "x1"], ["x2", "x3"]], group_l1=1e-3).fit(frame, Y))
    small = model.compress()
    assert list(small.feature_names_in_) == list(frame)
    same(small, model, frame)
    small.set_params(warm_start=True).fit(frame, Y)
    assert small.coefs_[0].shape == (8, 4)


def test_compressed_networks_keep_their_single_precision():
    model = prune(make().fit(X.astype(np.float32), Y))
    small = model.compress()
    assert small.coefs_[0].dtype == small.predict(X).dtype == np.float32
    assert_allclose(small.predict(X), model.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_compressed_networks_go_on_learning(solver):
    penalties = {"group_l1": 1e-3, "feature_penalty": np.linspace(0.5, 2, 10), "l2_anchor": 0.1}
    model = prune(make(solver=solver, **penalties).fit(X, Y))
    small = model.compress()
    loss = np.mean((small.predict(X) - Y) ** 2)
    for _ in range(20):
        small.partial_fit(X, Y)
    assert small.coefs_[0].shape == (8, 4)
    assert np.mean((small.predict(X) - Y) ** 2) < loss
    moved = X.copy()
    moved[:, [1, 4]] = 0  # columns that are not read
    assert_array_equal(small.predict(moved), small.predict(X))


def test_compressed_networks_train_like_the_columns_they_read():
    small = prune(make(batch_size=150).fit(X, Y)).compress()
    other = make(hidden_layer_sizes=(4,), batch_size=150)
    other.fit(X[:, small.active_features_], Y)
    other.coefs_, other.intercepts_ = map(list, (small.coefs_, small.intercepts_))
    other._solver_state = other._progress_state = None
    small.partial_fit(X, Y)
    other.partial_fit(X[:, small.active_features_], Y)
    for one, two in zip(small.coefs_, other.coefs_, strict=True):
        assert_allclose(one, two, rtol=1e-12)


def test_a_warm_start_and_a_cold_one():
    model = prune(make(early_stopping=True, l2_anchor=0.1).fit(X, Y))
    small = model.compress()
    assert small.set_params(warm_start=True).fit(X, Y).coefs_[0].shape == (8, 4)
    assert small.set_params(warm_start=False).fit(X, Y).coefs_[0].shape == (10, 4)
    fresh = make(hidden_layer_sizes=(4,), early_stopping=True, l2_anchor=0.1).fit(X, Y)
    assert_array_equal(small.predict(X), fresh.predict(X))


def test_lists_of_one_value_per_layer_stay_valid():
    model = make(
        hidden_layer_sizes=[6, 5], activation=["relu", "tanh"], dropout=[0.1, 0.2], l1=[0, 0.1, 0.2]
    ).fit(X, Y)
    model.coefs_[2][1:] = 0
    model.coefs_[1][:, 0] = 0
    small = model.compress()
    assert small.hidden_layer_sizes == (1, 1)  # the one unit that is left reads nothing
    same(small, model)
    assert small.partial_fit(X, Y).coefs_[1].shape == (1, 1)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_compressed_classifiers(load):
    rows, y = load(return_X_y=True)
    rows = scale(rows)
    model = make(MLPClassifier, max_iter=30, group_l1=0.02, dropout=0.1).fit(rows, y)
    model.coefs_[0][1] = 0
    small = model.compress()
    assert_allclose(small.predict_proba(rows), model.predict_proba(rows), rtol=1e-10)
    assert_array_equal(small.classes_, model.classes_)
    assert small.n_nonzero_ <= model.n_nonzero_
    assert small.coefs_[0].shape[0] < rows.shape[1]
    assert_array_equal(small.active_features_, np.sort(small.active_features_))


# The terms of the objective.


def test_terms_by_their_formulas():
    factors = np.array([1, 1, 0.5, 2, 0, 1, 1, 1, np.inf, 1])
    groups = [[0, 1], [5, 6, 7]]
    model = make(
        l1=[0.1, 0.2], l2=[0.3, 0], group_l1=[0.01, 0.02], l2_anchor=[0.4, 0.5],
        feature_penalty=factors, feature_groups=groups,
    ).fit(X, Y)  # fmt: skip
    terms = model.penalty_breakdown()
    first, second = model.coefs_
    f = np.where(np.isfinite(factors), factors, 0)[:, None]
    alone = [[2], [3], [4], [8], [9]]
    group_l1 = 0.01 * sum(
        f[group[0], 0] * np.sqrt(len(group) * 6) * np.linalg.norm(first[group])
        for group in groups + alone
    ) + 0.02 * sum(np.linalg.norm(row) for row in second)
    start = [np.ravel(part) for part in _starting_weights(model)]
    distance = [np.sum((np.ravel(c) - s) ** 2) for c, s in zip(model.coefs_, start, strict=True)]
    expected = dict.fromkeys(TERMS, 0.0) | {
        "l1": 0.1 * np.sum(f * abs(first)) + 0.2 * np.sum(abs(second)),
        "l2": 0.15 * np.sum(f * first**2),
        "group_l1": group_l1,
        "l2_anchor": 0.2 * distance[0] + 0.25 * distance[1],
    }
    assert tuple(terms) == TERMS
    assert all(type(value) is float for value in terms.values())
    for name in TERMS:
        assert_allclose(terms[name], expected[name], rtol=1e-12, err_msg=name)


def _starting_weights(model):
    """Return the weights that the fit began with."""
    frozen = clone(model).set_params(learning_rate_init=1e-300, max_iter=1, polish=0)
    frozen.set_params(l1=0, group_l1=0)
    return frozen.fit(X, Y).coefs_


def test_terms_that_are_off_are_zero():
    model = make(l2=0).fit(X, Y)
    assert model.penalty_breakdown() == dict.fromkeys(TERMS, 0.0)


LOSSES = {
    "squared_error": lambda y, p: (y - p) ** 2 / 2,
    "absolute_error": lambda y, p: abs(y - p),
    "poisson": lambda y, p: np.where(y > 0, y * np.log(np.maximum(y, 1e-99) / p), 0) - y + p,
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_the_data_term_of_a_regressor(loss, dtype, rtol):
    rows, y = X.astype(dtype), np.abs(Y).round(1)
    model = make(loss=loss, dropout=0.5, input_dropout=0.3, l1=0.01).fit(rows, y)
    terms = model.penalty_breakdown(rows, y, WEIGHT)
    losses = LOSSES[loss](y, model.predict(rows).astype(np.float64))
    assert_allclose(terms["loss"], np.average(losses, weights=WEIGHT), rtol=rtol)
    assert_allclose(terms["objective"], sum(terms[name] for name in [*TERMS, "loss"]), rtol=1e-14)
    assert {name: terms[name] for name in TERMS} == model.penalty_breakdown()
    assert_allclose(model.penalty_breakdown(rows, y)["loss"], losses.mean(), rtol=rtol)


def test_losses_of_outputs_add_up():
    outputs = np.c_[Y, -Y, Y**2]
    model = make().fit(sp.csr_array(X), outputs)
    expected = np.mean(np.sum((outputs - model.predict(X)) ** 2 / 2, axis=1))
    assert_allclose(model.penalty_breakdown(sp.csr_array(X), outputs)["loss"], expected, rtol=1e-12)


def test_rows_of_weight_zero_change_nothing():
    model, y, weight = make().fit(X, Y), Y.copy(), np.ones(150)
    y[3], weight[3] = 1e200, 0  # whose square overflows
    expected = model.penalty_breakdown(np.delete(X, 3, axis=0), np.delete(Y, 3))
    found = model.penalty_breakdown(X, y, weight)
    for name, value in expected.items():
        assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


def test_the_objective_is_what_the_solver_has_minimized():
    penalties = {"l1": 1e-3, "l2": 0.01, "feature_penalty": np.linspace(0, 2, 10)}
    model = make(solver="lbfgs", max_iter=30, **penalties).fit(X, Y, WEIGHT)
    terms = model.penalty_breakdown(X, Y, WEIGHT)
    assert_allclose(terms["objective"], model.loss_curve_[-1], rtol=1e-12)
    for name in ["loss", *TERMS]:
        assert_allclose(terms[name], model.history_[name][-1], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_data_term_of_a_classifier(n_classes):
    y = np.array(["a", "b", "c"])[np.digitize(Y, [-0.5, 0.7][: n_classes - 1])]
    weights = {"a": 3.0, "b": 0.5}
    model = make(
        MLPClassifier, class_weight=weights, label_smoothing=0.3, dropout=0.2, max_iter=20
    ).fit(X, y)
    s = WEIGHT * np.array([weights.get(label, 1.0) for label in y])
    smooth = 0.7 * (y[:, None] == model.classes_) + 0.3 / n_classes
    losses = -np.sum(smooth * np.log(model.predict_proba(X)), axis=1)
    expected = np.average(losses, weights=s)
    assert_allclose(model.penalty_breakdown(X, y, WEIGHT)["loss"], expected, rtol=1e-10)


@pytest.mark.parametrize("label", (Y > 0, np.digitize(Y, [-0.5, 0.7]), np.c_[Y > 0, Y > 1]))
def test_smoothed_labels_are_a_part_of_the_objective(label):
    label = label.astype(int)
    model = make(MLPClassifier, solver="lbfgs", label_smoothing=0.2, l2=0.1).fit(X, label)
    terms = model.penalty_breakdown(X, label)
    assert_allclose(terms["objective"], model.loss_, rtol=1e-12)


def test_the_data_term_of_several_labels():
    y = np.c_[Y > 0, Y > 1, X[:, 0] > 0].astype(int)
    model = make(MLPClassifier).fit(X, y)
    p = model.predict_proba(X)
    expected = -np.mean(np.sum(y * np.log(p) + (1 - y) * np.log(1 - p), axis=1))
    assert_allclose(model.penalty_breakdown(X, y)["loss"], expected, rtol=1e-10)


def test_the_terms_of_a_compressed_network():
    model = prune(make(l1=0.1, feature_penalty=np.linspace(0.5, 2, 10)).fit(X, Y))
    small = model.compress()
    whole, rest = model.penalty_breakdown(X, Y), small.penalty_breakdown(X, Y)
    assert_allclose(rest["loss"], whole["loss"], rtol=1e-12)
    f = np.linspace(0.5, 2, 10)[small.active_features_][:, None]
    expected = 0.1 * (np.sum(f * abs(small.coefs_[0])) + np.sum(abs(small.coefs_[1])))
    assert_allclose(rest["l1"], expected, rtol=1e-12)
    assert rest["l1"] < whole["l1"]


def test_the_breakdown_leaves_the_estimator_alone():
    model = make(MLPClassifier, class_weight="balanced").fit(X, Y > 0)
    before = pickle.dumps(model)
    model.penalty_breakdown(X, Y > 0, WEIGHT)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(
    "given, match",
    [
        ({"X": X}, "X and y together"),
        ({"y": Y}, "X and y together"),
        ({"sample_weight": WEIGHT}, "X and y together"),
        ({"X": X[:, :3], "y": Y}, "3 features"),
        ({"X": X, "y": Y[:5]}, "inconsistent numbers of samples"),
        ({"X": X, "y": Y, "sample_weight": -WEIGHT}, "sample_weight"),
        ({"X": X, "y": np.c_[Y, Y]}, "2 outputs"),
    ],
)
def test_wrong_rows_for_the_breakdown(given, match):
    with pytest.raises(ValueError, match=match):
        make().fit(X, Y).penalty_breakdown(**given)
