"""Every container and layout of X and y gives the same network, and none of them is changed."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skreg import (
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressor,
    MLPRegressorCV,
    mlp_path,
    stability_selection,
)
from skreg._inputs import lift

X, LABELS = (part[::2] for part in load_iris(return_X_y=True))
X = scale(X)
X[np.abs(X) < 0.4] = 0
Y = X[:, 0] + 0.1 * LABELS
WEIGHT = np.linspace(0.5, 1.5, len(X))

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def make(Estimator, **parameters):
    return Estimator((5,), **{"max_iter": 4, "random_state": 0, "batch_size": 16, **parameters})


def target_of(Estimator):
    return LABELS if Estimator is MLPClassifier else Y


def outputs(model, X):
    """Return the most detailed prediction."""
    return model.decision_function(X) if hasattr(model, "decision_function") else model.predict(X)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def sliced(array):
    """Return the array as every other row and column of a larger one."""
    larger = np.full((2 * array.shape[0], 2 * array.shape[1]), np.nan)
    larger[::2, ::2] = array
    return larger[::2, ::2]


def unsorted(array):
    """Return a CSR array whose indices decrease within every row."""
    csr = sp.csr_array(array)
    for start, stop in zip(csr.indptr[:-1], csr.indptr[1:], strict=True):
        csr.indices[start:stop] = csr.indices[start:stop][::-1]
        csr.data[start:stop] = csr.data[start:stop][::-1]
    csr.has_sorted_indices = False
    return csr


def with_explicit_zeros(array):
    """Return a CSR array that stores some of its zeros."""
    csr = sp.csr_array(np.where(array == 0, 7.0, array))
    csr.data[csr.data == 7.0] = 0.0
    return csr


def with_int64_indices(array):
    csr = sp.csr_array(array)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "slices": sliced,
    "reversed": lambda array: array[::-1].copy()[::-1],
    "read-only": read_only,
    "list": lambda array: array.tolist(),
    "CSR array": sp.csr_array,
    "CSC array": sp.csc_array,
    "CSR matrix": sp.csr_matrix,
    "CSC matrix": sp.csc_matrix,
    "COO matrix": sp.coo_matrix,
    "unsorted indices": unsorted,
    "explicit zeros": with_explicit_zeros,
    "int64 indices": with_int64_indices,
}


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_layouts(Estimator, layout, solver):
    y, given = target_of(Estimator), LAYOUTS[layout](X)
    expected = make(Estimator, solver=solver).fit(X, y, WEIGHT)
    model = make(Estimator, solver=solver).fit(given, y, WEIGHT)
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-9, atol=1e-12)
    assert_allclose(outputs(model, given), outputs(expected, X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint16, np.bool_, np.float16])
def test_other_numbers_are_float64(Estimator, kind):
    y, given = target_of(Estimator), (X > 0.5).astype(kind)
    model, expected = make(Estimator).fit(given, y), make(Estimator).fit(given.astype(float), y)
    assert model.coefs_[0].dtype == np.float64
    assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("given", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [None, "float32", "float64", np.float32, np.dtype("float32")])
@pytest.mark.parametrize("container", [np.array, sp.csr_array])
def test_dtype_follows_the_data_unless_told_otherwise(Estimator, given, dtype, container):
    rows = container(X.astype(given))
    model = make(Estimator, dtype=dtype).fit(rows, target_of(Estimator))
    expected = np.dtype(dtype or given)
    assert {w.dtype for w in model.coefs_ + model.intercepts_} == {expected}
    assert outputs(model, rows).dtype == expected


def test_what_was_trained_in_double_goes_on_in_it():
    network, y = MLPRegressor((6,), random_state=0).partial_fit(X, Y), Y
    digits = network.coefs_[0].copy()
    network.set_params(learning_rate_init=1e-300).partial_fit(X.astype(np.float32), y)
    np.testing.assert_array_equal(network.coefs_[0], digits)
    network.set_params(warm_start=True, max_iter=1).fit(X.astype(np.float32), y)
    assert network.coefs_[0].dtype == np.float64
    network.set_params(warm_start=False).fit(X.astype(np.float32), y)
    assert network.coefs_[0].dtype == np.float32
    assert network.partial_fit(X, y).coefs_[0].dtype == np.float64  # the wider of both


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_memory_maps(Estimator, tmp_path):
    y = target_of(Estimator)
    joblib.dump((X, y, WEIGHT), tmp_path / "rows")
    mapped = joblib.load(tmp_path / "rows", mmap_mode="r")
    assert isinstance(mapped[0], np.memmap)
    model = make(Estimator, early_stopping=True, validation_fraction=0.3).fit(*mapped)
    expected = make(Estimator, early_stopping=True, validation_fraction=0.3).fit(X, y, WEIGHT)
    assert_array_equal(outputs(model, mapped[0]), outputs(expected, X))


@pytest.mark.parametrize("dtype", [None, "float32"])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_frames_of_sparse_columns(Estimator, dtype):
    pandas, y = pytest.importorskip("pandas"), target_of(Estimator)
    dense = pandas.DataFrame((X > 0) * 1.0, columns=list("abcd"))
    sparse = dense.astype(bool).astype(pandas.SparseDtype("bool", False))
    model = make(Estimator, dtype=dtype).fit(dense, y, X_val=dense, y_val=y)
    other = make(Estimator, dtype=dtype).fit(sparse, y, X_val=sparse, y_val=y)
    for name, column in model.history_.items():
        assert_allclose(other.history_[name], column, rtol=1e-6, err_msg=name)
    assert_array_equal(outputs(model, sparse), outputs(model, dense))
    mixed = make(Estimator, dtype=dtype).fit(dense, y, X_val=sparse, y_val=y)
    expected = model.history_["validation_loss"]
    assert_array_equal(mixed.history_["validation_loss"], expected)
    assert mixed.partial_fit(sparse, y).t_ == 5 * len(X)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True, "scoring": "r2"}])
def test_frames(library, Estimator, parameters):
    frames = pytest.importorskip(library)
    names = ["width", "height", "length", "depth"]
    frame = frames.DataFrame({name: X[:, j] for j, name in enumerate(names)})
    y = target_of(Estimator)
    parameters = {"validation_fraction": 0.3, **parameters}
    model = make(Estimator, **parameters).fit(frame, frames.Series(y), X_val=frame, y_val=y)
    expected = make(Estimator, **parameters).fit(X, y, X_val=X, y_val=y)
    assert_array_equal(model.feature_names_in_, names)
    assert model.n_features_in_ == 4
    assert_array_equal(outputs(model, frame), outputs(expected, X))
    assert not hasattr(expected, "feature_names_in_")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_series_of_strings(library):
    frames = pytest.importorskip(library)
    names = np.array(["setosa", "versicolor", "virginica"])[LABELS]
    model = make(MLPClassifier).fit(X, frames.Series(names), X_val=X, y_val=frames.Series(names))
    assert_array_equal(model.classes_, ["setosa", "versicolor", "virginica"])
    expected = make(MLPClassifier).fit(X, LABELS)
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    model = make(MLPClassifier)
    model.partial_fit(X, frames.Series(names), classes=frames.Series(sorted(set(names))))
    assert model.score(X, frames.Series(names)) > 0


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_unsorted_indices_of_wide_rows_in_every_thread(n_jobs):
    wide = np.hstack([np.roll(X, k, axis=0) for k in range(20)])
    model = make(MLPRegressor, n_jobs=n_jobs).fit(unsorted(wide), Y)
    expected = make(MLPRegressor, n_jobs=1).fit(sp.csr_array(wide), Y)
    assert_array_equal(model.coefs_[0], expected.coefs_[0])


def test_empty_rows_of_a_sparse_matrix():
    rows = X.copy()
    rows[::3] = 0
    rows[:, 2] = 0
    for empty in (rows, rows * 0):
        model = make(MLPRegressor).fit(sp.csr_array(empty), Y)
        expected = make(MLPRegressor).fit(empty, Y)
        assert_allclose(model.predict(sp.csr_array(empty)), expected.predict(empty), rtol=1e-9)


@pytest.mark.parametrize("train, valid", [(sp.csr_array, np.array), (np.array, sp.csc_array)])
def test_sparse_and_dense_rows_in_one_fit(train, valid):
    model = make(MLPRegressor).fit(train(X), Y, X_val=valid(X[::2]), y_val=Y[::2])
    expected = make(MLPRegressor).fit(X, Y, X_val=X[::2], y_val=Y[::2])
    for key in ("loss", "validation_loss", "validation_score"):
        assert_allclose(model.history_[key], expected.history_[key], rtol=1e-9)


@pytest.mark.parametrize("container", [np.array, np.asfortranarray, unsorted, sp.csc_array])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_nothing_handed_over_is_changed(container, Estimator, solver):
    sizes, l1 = [4, 3], [0.01, 0.0, 0.1]
    activation = ["relu", "tanh"]
    model = Estimator(
        sizes, activation, l1=l1, solver=solver, max_iter=3, random_state=0, early_stopping=True
    )
    coef_init = [
        np.ones((4, 4)),
        np.ones((4, 3)),
        np.ones((3, 3 if Estimator is MLPClassifier else 1)),
    ]
    rows, y, weight = container(X), target_of(Estimator).copy(), WEIGHT.copy()
    given = (rows, y, weight, sizes, l1, activation, coef_init)
    before = copy.deepcopy(given)
    model.fit(rows, y, weight, X_val=rows, y_val=y, sample_weight_val=weight, coef_init=coef_init)
    model.predict(rows)
    for one, other in zip(_parts(given), _parts(before), strict=True):
        assert_array_equal(one, other)
    assert model.hidden_layer_sizes is sizes
    assert model.l1 is l1
    assert model.activation is activation


def _parts(given):
    """Yield the arrays that make up what was handed over."""
    rows, *others, coef_init = given
    yield from (rows.data, rows.indices, rows.indptr) if sp.issparse(rows) else (rows,)
    yield from others
    yield from coef_init


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_predict_and_go_on_alike(Estimator, copied):
    y = target_of(Estimator)
    model = make(Estimator, warm_start=True, dropout=0.2).fit(X, y)
    other = copied(model)
    assert_array_equal(outputs(other, X), outputs(model, X))
    for method in ("partial_fit", "fit"):
        getattr(model, method)(X, y)
        assert not np.array_equal(outputs(other, X), outputs(model, X))
        getattr(other, method)(X, y)
        assert_array_equal(outputs(other, X), outputs(model, X))


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_clones_are_not_fitted(Estimator):
    model = make(Estimator, l1=(0.1, 0.2), activation=["tanh"]).fit(X, target_of(Estimator))
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "coefs_")
    assert other.l1 == (0.1, 0.2)
    assert repr(Estimator()) == f"{Estimator.__name__}()"


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_fitted_state_is_made_of_arrays_and_builtins(Estimator):
    model = make(Estimator, early_stopping=True, validation_fraction=0.3)
    model.fit(X, target_of(Estimator))
    allowed = (np.ndarray, np.generic, int, float, str, bool, type(None))

    def check(value):
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            for item in value:
                check(item)
        else:
            assert isinstance(value, allowed), type(value)

    check(vars(model))


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_a_pipeline_transforms_the_validation_rows(Estimator):
    y = target_of(Estimator)
    with config_context(enable_metadata_routing=True):
        model = make(Estimator).set_fit_request(X_val=True, y_val=True, sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model, transform_input=["X_val"])
        pipeline.fit(9 * X + 5, y, sample_weight=WEIGHT, X_val=9 * X[::2] + 5, y_val=y[::2])
    expected = make(Estimator).fit(scale(X), y, WEIGHT, X_val=scale(X)[::2], y_val=y[::2])
    for key in ("loss", "validation_loss"):
        assert_allclose(pipeline[-1].history_[key], expected.history_[key], rtol=1e-9)


# Weights so far apart that the small ones are none.


@pytest.mark.parametrize("dtype, power", [("float32", 100), ("float32", 70), ("float64", 520)])
@pytest.mark.parametrize("given", [{}, {"early_stopping": True}])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_rows_whose_weight_is_lost_beside_others_are_none(Estimator, given, dtype, power):
    heavy = np.arange(len(X)) % 2 == 1
    weight = np.where(heavy, 2.0**power, 2.0**-power)
    given = {"dtype": dtype, **given}
    found = make(Estimator, **given).fit(X, target_of(Estimator), weight)
    expected = make(Estimator, **given).fit(X, target_of(Estimator), heavy.astype(float))
    assert found.t_ == expected.t_ > 0
    for a, b in zip(found.coefs_, expected.coefs_, strict=True):
        assert_array_equal(a, b)
    assert found.validation_scores_ == expected.validation_scores_


def test_rows_whose_class_weight_is_lost_beside_others_are_none():
    given = {"dtype": "float32", "early_stopping": True}
    found = make(MLPClassifier, class_weight={0: 1e-60, 2: 0}, **given).fit(X, LABELS)
    expected = make(MLPClassifier, class_weight={0: 0, 2: 0}, **given).fit(X, LABELS)
    assert found.t_ == expected.t_ > 0
    for a, b in zip(found.coefs_, expected.coefs_, strict=True):
        assert_array_equal(a, b)
    assert found.validation_scores_ == expected.validation_scores_


def classes_of_a_search(y):
    search = make(MLPClassifierCV, l1s=2, cv=3).fit(X, y)
    return [*search.cv_results_["mean_test_score"], search.coefs_[0]]


def numbers_of_a_search(y):
    search = make(MLPRegressorCV, l1s=2, cv=3, scoring="neg_mean_squared_error").fit(X, y)
    return [*search.cv_results_["mean_test_score"], search.coefs_[0]]


def path(y):
    return mlp_path(X, y, estimator=make(MLPClassifier), l1s=2).coefs[1]


def stability(y):
    linear = {"hidden_layer_sizes": (), "n_subsamples": 3, "random_state": 0}
    return stability_selection(X, y, l1s=[0.01, 0.1], **linear).probabilities


@pytest.mark.parametrize("container", ("array", "frame"))
@pytest.mark.parametrize("fit", (classes_of_a_search, numbers_of_a_search, path, stability))
def test_what_fits_many_networks_warns_once_of_a_column(fit, container):
    y = LABELS if fit in (classes_of_a_search, path) else Y
    column = y[:, None]
    if container == "frame":
        column = pytest.importorskip("pandas").DataFrame({"y": y})
    with pytest.warns(DataConversionWarning, match="column-vector") as caught:
        found = fit(column)
    assert [one.filename for one in caught if one.category is DataConversionWarning] == [__file__]
    for a, b in zip(found, fit(y), strict=True):
        assert_allclose(a, b, rtol=1e-12)


def test_weights_of_ordinary_size_are_the_callers_array():
    for weight in (None, np.array([0.0, 1.0, 1e-30])):
        assert lift(weight, np.dtype(np.float32)) is weight
    assert_array_equal(lift(np.array([1.0, 1e-39]), np.dtype(np.float32)), [1, 0])
    assert_array_equal(lift(np.array([1.0, 1e-39]), np.dtype(np.float64)), [1, 1e-39])


@pytest.mark.parametrize(
    "X_val, error",
    [
        ({"a": 1}, TypeError),
        (np.full((9, 2), None), ValueError),
        (np.zeros(9, [("a", float)]), ValueError),
    ],
)
def test_what_cannot_be_validation_rows_is_named(X_val, error):
    with pytest.raises(error, match="^X_val: "):
        make(MLPRegressor).fit(X, Y, X_val=X_val, y_val=Y[:9])


def test_what_cannot_be_validation_targets_is_named():
    with pytest.raises(ValueError, match="^y_val: Found array with dim 3"):
        make(MLPRegressor).fit(X, Y, X_val=X, y_val=Y[:, None, None])
    both = np.c_[LABELS + 1, LABELS]
    with pytest.raises(ValueError, match="y_val is multiclass-multioutput"):
        make(MLPClassifier).fit(X, LABELS, X_val=X, y_val=both)
