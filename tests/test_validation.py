"""Bad input: a clear error that names parameter, value and remedy, and nothing is lost."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skreg import MLPRegressor
from skreg._base import FEW_NUMBERS
from skreg.augmentation import GaussianNoise
from tests.refusals import (
    LABELS,
    STRINGS,
    WEIGHT,
    X,
    Y,
    assert_refused,
    changed,
    classifier,
    regressor,
)

BAD_ROWS = {
    "NaN in X": ("Input X contains NaN", changed(X, np.nan, (1, 2)), LABELS),
    "infinity in X": ("Input X contains infinity", changed(X, np.inf, (1, 2)), LABELS),
    "NaN in sparse X": ("Input X contains NaN", sp.csr_array(changed(X, np.nan, (1, 2))), LABELS),
    "complex X": ("Complex data not supported", X * 1j, LABELS),
    "strings in X": ("could not convert string to float", np.full((50, 1), "a"), LABELS),
    "one-dimensional X": ("Expected 2D array, got 1D array", X[:, 0], LABELS),
    "three-dimensional X": ("dim 3", X[:, :, None], LABELS),
    "no rows": (r"0 sample\(s\)", X[:0], LABELS[:0]),
    "no features": (r"0 feature\(s\)", X[:, :0], LABELS),
    "no y": ("requires y to be passed", X, None),
    "short y": (r"inconsistent numbers of samples: \[50, 9\]", X, LABELS[:9]),
}


@pytest.mark.parametrize("name", BAD_ROWS)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_bad_rows(make, name):
    message, *rows = BAD_ROWS[name]
    assert_refused(make(), message, *rows)


@pytest.mark.parametrize(
    "loss, message, y",
    [
        ("squared_error", "Input y contains NaN", changed(Y, np.nan)),
        ("squared_error", "Input y contains infinity", changed(Y, np.inf)),
        ("squared_error", "could not convert string to float", STRINGS.astype(object)),
        ("squared_error", "dim 3", Y.reshape(-1, 1, 1)),
        ("poisson", "loss='poisson' needs y >= 0, but y has the value -1; choose", changed(Y, -1)),
        ("gamma", "loss='gamma' needs y > 0, but y has the value 0; choose", changed(Y, 0)),
        ("gamma", "loss='gamma' needs y > 0, but y has the value -2.5", changed(Y, -2.5)),
    ],
)
def test_bad_targets(loss, message, y):
    assert_refused(regressor(loss=loss), message, X, y)


# scikit-learn stumbles over strings and dates with a TypeError, over objects with a ValueError.
NO_NUMBERS = {
    "strings": ("'a'", STRINGS, TypeError),
    "numbers in strings": ("'5.1'", X[:, 0].astype("U3"), TypeError),
    "a column of strings": ("'a'", STRINGS[:, None], TypeError),
    "dates": ("'1970-01-02'", (LABELS + 1).astype("datetime64[D]"), TypeError),
    "times": ("'1 seconds'", (LABELS + 1).astype("timedelta64[s]"), TypeError),
    "strings in objects": ("string to float: 'a'", STRINGS.astype(object), ValueError),
    "dates in objects": ("'date", LABELS.astype("datetime64[D]").astype(object), TypeError),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_targets_that_are_no_numbers(name):
    shown, y, error = NO_NUMBERS[name]
    message = f"y must hold numbers.*{shown}.*; convert them to numbers, or take MLPClassifier"
    assert_refused(regressor(), message, X, y, error=error)
    assert_refused(regressor(), message, X, y, error=error, method="partial_fit")
    if y.dtype != object:  # of which a list would make strings
        assert_refused(regressor(), message, X, list(y), error=error)
    with pytest.raises(error, match=message.replace("y ", "y_val ", 1)):
        regressor().fit(X, Y, X_val=X, y_val=y)


@pytest.mark.parametrize("kind", [object, bool, np.float16, np.uint8, np.longdouble])
def test_targets_may_be_numbers_of_any_kind(kind):
    y = (Y > 5).astype(kind)
    expected = regressor().fit(X, (Y > 5).astype(float), X_val=X, y_val=(Y > 5).astype(float))
    found = regressor().fit(X, y, X_val=X, y_val=y)
    assert_array_equal(found.coefs_[0], expected.coefs_[0])
    assert found.validation_scores_ == expected.validation_scores_


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_array, sp.coo_array])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_sparse_targets_of_a_regressor(container, n_outputs):
    y = np.c_[Y, -Y][:, :n_outputs]
    message = "Sparse data was passed for {}, but dense data is required. Use '.toarray"
    assert_refused(regressor(), message.format("y"), X, container(y), error=TypeError)
    validation, message = {"X_val": X, "y_val": container(y)}, message.format("y_val")
    with pytest.raises(TypeError, match=message):
        regressor().fit(X, Y, **validation)


@pytest.mark.parametrize(
    "value, loss, message",
    [
        (1e39, "squared_error", "Input {} contains 1e[+]39, which is too large for .*float32"),
        (-1e39, "huber", "Input {} contains -1e[+]39, which is too large for .*float32"),
        (1e-60, "gamma", "loss='gamma' needs y > 0, but {} has the value 1e-60 .0 in float32.;"),
        (-1e-60, "poisson", "loss='poisson' needs y >= 0, but {} has the value -1e-60;"),
    ],
)
def test_targets_are_checked_in_the_dtype_of_the_fit(value, loss, message):
    y = changed(Y, value)
    assert_refused(regressor(loss=loss, dtype="float32"), message.format("y"), X, y)
    single = X.astype(np.float32)
    validation = {"X_val": single, "y_val": y}
    assert_refused(regressor(loss=loss), message.format("y_val"), single, Y, **validation)
    if value > 0:
        regressor(loss=loss).fit(X, y, X_val=X, y_val=y)


def test_targets_beyond_double_precision():
    y = changed(Y.astype(np.longdouble), np.longdouble("1e400"))
    if not np.isfinite(y).all():
        pytest.skip("no wider floating point numbers here")
    message = "Input y contains 1e[+]400, which is too large for dtype.'float64'"
    assert_refused(regressor(), message, X, y)
    message = "Input y_val contains .* too large for dtype.'float64'"
    assert_refused(regressor(), message, X, Y, X_val=X, y_val=y)
    message = "y must hold numbers, but: int too large"
    assert_refused(regressor(), message, X, [10**400] * 50, error=OverflowError)


def test_nothing_is_no_target():
    assert_refused(regressor(), "Input y contains NaN; drop these rows", X, np.full(50, None))


BAD_WEIGHTS = {
    "NaN": ("NaN", changed(WEIGHT, np.nan)),
    "infinite": ("infinity", changed(WEIGHT, np.inf)),
    "negative": ("Negative values in data passed to `sample_weight`", changed(WEIGHT, -1)),
    "all zero": ("at least one non-zero number", WEIGHT * 0),
    "short": (r"\(10,\), expected \(50,\)", WEIGHT[:10]),
    "two-dimensional": ("Sample weights must be 1D array or scalar", np.c_[WEIGHT, WEIGHT]),
    "strings": ("could not convert string to float", STRINGS),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
@pytest.mark.parametrize("make, y", [(classifier, LABELS), (regressor, Y)])
def test_bad_weights(make, y, name):
    message, weight = BAD_WEIGHTS[name]
    assert_refused(make(), message, X, y, weight)
    assert_refused(make(), message, X, y, weight, method="partial_fit")
    message = f"sample_weight_val(.|\n)*{message}|{message}(.|\n)*sample_weight_val"
    assert_refused(make(), message, X, y, X_val=X, y_val=y, sample_weight_val=weight)


@pytest.mark.parametrize("weight", [np.nan, np.inf, 1e308, 1e-310])
@pytest.mark.parametrize("make, y", [(classifier, LABELS), (regressor, Y)])
def test_one_weight_for_all_rows(make, y, weight):
    message = f"={re.escape(str(weight))} adds up to .* in float64; give finite weights"
    for method in ("fit", "partial_fit"):
        assert_refused(make(), f"^sample_weight{message}", X, y, weight, method=method)
        validation = {"X_val": X, "y_val": y, "sample_weight_val": weight}
        assert_refused(make(), f"^sample_weight_val{message}", X, y, method=method, **validation)


def test_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="sample_weight=1e[+]39 adds up to inf .* in float32"):
        classifier().fit(X.astype(np.float32), LABELS, 1e39)
    with pytest.raises(ValueError, match="sample_weight contains .* too large for dtype.'float32'"):
        classifier().fit(X.astype(np.float32), LABELS, np.full(50, 1e39))
    with pytest.raises(ValueError, match="^sample_weight adds up to inf .* in float64"):
        classifier().fit(X, LABELS, np.full(50, 1e307))
    with pytest.raises(ValueError, match="sample_weight=1j must be real; give real weights"):
        classifier().fit(X, LABELS, 1j)
    expected = classifier().fit(X, LABELS)
    for weight in (1e-300, 7, 1e300):
        np.testing.assert_allclose(
            classifier().fit(X, LABELS, weight).coefs_[0], expected.coefs_[0], rtol=1e-9
        )


@pytest.mark.parametrize("dtype, exponent", [("float32", -125), ("float64", -1020)])
@pytest.mark.parametrize("make, y", [(classifier, LABELS), (regressor, Y)])
def test_very_small_weights_give_the_bits_of_others(make, y, dtype, exponent):
    given = {"dtype": dtype, "batch_size": 7, "max_iter": 10}
    weight = np.random.default_rng(0).uniform(0.5, 1, len(y)).astype(dtype)
    weight[3] = 0.0
    model, other = make(**given).fit(X, y, weight), make(**given)
    other.fit(X, y, np.ldexp(weight, exponent))
    for a, b in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.loss_curve_, other.loss_curve_)


UNKNOWN = {
    "activation": "rlu",
    "solver": "rmsprop",
    "learning_rate": "cosin",
    "dtype": "float16",
    "scoring": "accurracy",
    "batch_size": "all",
}
OUT_OF_RANGE = {
    "hidden_layer_sizes": [0, -1, (3, 0), (3.5,), [[3]], "abc"],
    "l1": [-1, np.nan, np.inf, "a", (0.1, 0.2, -0.3), (0.1, np.nan, 0), [[0.1]], ["a", "b", "c"]],
    "l2": [-1e-9, np.inf, (0.1, 0.2, np.inf)],
    "dropout": [1.0, -0.1, (0.1, 1.0), (-0.1, 0), np.nan],
    "input_dropout": [1.0, -0.1, (0.1,)],
    "activation": [("relu", "rlu"), ("relu", 3)],
    "weight_decay": [-1, np.inf],
    "clip_norm": [0, -1],
    "polish": [-1, 1.5],
    "batch_size": [0, -3, 1.5],
    "learning_rate_init": [0, -1],
    "power_t": [-1],
    "max_iter": [0, 1.5],
    "max_fun": [0],
    "tol": [-1],
    "momentum": [-0.1, 1.1],
    "beta_1": [1, -0.1],
    "beta_2": [1, -0.1],
    "epsilon": [0],
    "validation_fraction": [1.0, -0.1],
    "n_iter_no_change": [0, 1.5],
    "n_jobs": [0, "a", 1.5],
    "random_state": ["a", -1],
    "shuffle": ["yes"],
    "warm_start": [3],
    "early_stopping": [1],
    "nesterovs_momentum": ["no"],
    "scoring": [3],
}
RANGES = [(name, value) for name, values in OUT_OF_RANGE.items() for value in values]


@pytest.mark.parametrize("name, value", [*UNKNOWN.items(), *RANGES])
@pytest.mark.parametrize("make, y", [(classifier, LABELS), (regressor, Y)])
def test_bad_parameters(make, y, name, value):
    shown = re.escape(repr(value).strip("()[],"))
    assert_refused(make().set_params(**{name: value}), f"{name}.*{shown}", X, y)


@pytest.mark.parametrize(
    "parameters, found",
    [
        ({"loss": "squared"}, "'loss'.*'squared'"),
        ({"huber_delta": 0}, "'huber_delta'.*0"),
        ({"quantile": 0}, "'quantile'.*0"),
        ({"quantile": 1.0}, "'quantile'.*1.0"),
    ],
)
def test_bad_parameters_of_the_regressor(parameters, found):
    assert_refused(regressor(**parameters), found, X, Y)


@pytest.mark.parametrize("sizes, n_matrices", [((), 1), ((3,), 2), ((3, 2), 3)])
@pytest.mark.parametrize("name", ["l1", "l2", "dropout", "activation"])
def test_values_per_layer_of_the_wrong_length(name, sizes, n_matrices):
    expected = n_matrices if name in ("l1", "l2") else n_matrices - 1
    values = ["relu"] * (expected + 1) if name == "activation" else [0.5] * (expected + 1)
    model = classifier().set_params(hidden_layer_sizes=sizes, **{name: values})
    message = f"{name}=.* has {expected + 1} values?, but the network has {expected} .* give one"
    with pytest.raises(ValueError, match=message):
        model.fit(X, LABELS)
    model.set_params(**{name: values[:-1]}).fit(X, LABELS)


@pytest.mark.parametrize(
    "parameters",
    [{"dropout": 0.5}, {"input_dropout": 0.1}, {"weight_decay": 0.1}, {"clip_norm": 1}],
)
def test_what_needs_batches_is_refused_with_lbfgs(parameters):
    ((name, value),) = parameters.items()
    message = f"{name}={value} needs the steps of a stochastic solver.*solver='adam' or 'sgd'"
    assert_refused(classifier(solver="lbfgs", **parameters), message, X, LABELS)


def test_refusals_with_lbfgs_advise_what_the_estimator_has():
    advice = "solver='adam' or 'sgd', or regularize with l1, l2, feature_penalty, l2_anchor"
    for given in ({"dropout": 0.5}, {"augmentation": GaussianNoise()}):
        message = f"{advice} or frozen_layers[.]$"
        assert_refused(regressor(solver="lbfgs", **given), message, X, Y)
        message = f"{advice}, frozen_layers or label_smoothing[.]$"
        assert_refused(classifier(solver="lbfgs", **given), message, X, LABELS)


def test_augmentation_is_called_by_its_public_name():
    message = "'augmentation' .* must be a transform of skreg.augmentation, such as Gauss.* Got 3"
    assert_refused(regressor(augmentation=3), message, X, Y)
    assert_refused(regressor(augmentation=GaussianNoise), message[:-6], X, Y)
    regressor(augmentation=GaussianNoise()).fit(X, Y)


def test_a_batch_larger_than_the_data_is_clipped():
    with pytest.warns(UserWarning, match="It is going to be clipped: batch_size=51, n_samples=50"):
        model = classifier(batch_size=51).fit(X, LABELS)
    assert_array_equal(model.coefs_[0], classifier(batch_size=50).fit(X, LABELS).coefs_[0])


HALF_GIVEN = (
    ({"X_val": X}, "X_val was given without y_val; give both"),
    ({"y_val": LABELS}, "y_val was given without X_val; give both"),
    ({"sample_weight_val": WEIGHT}, "sample_weight_val needs X_val and y_val"),
    ({"X_val": X[:, :2], "y_val": LABELS}, "X_val: X has 2 features, .* expecting 4"),
    ({"X_val": X, "y_val": LABELS[:3]}, r"X_val has 50 rows, but y_val has the shape \(3,\)"),
    ({"X_val": X, "y_val": 3}, r"X_val has 50 rows, but y_val has the shape \(\)"),
    ({"X_val": X * np.nan, "y_val": LABELS}, "X_val: Input X contains NaN"),
    ({"X_val": X[:0], "y_val": LABELS[:0]}, r"X_val: .* 0 sample\(s\)"),
)


@pytest.mark.parametrize("validation, message", HALF_GIVEN)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_bad_validation_rows(make, validation, message):
    assert_refused(make(), message, X, LABELS, **validation)
    assert_refused(make(), message, X, LABELS, method="partial_fit", **validation)


@pytest.mark.parametrize(
    "y_val, message",
    [
        (changed(Y, np.nan), "Input y_val contains NaN"),
        (np.c_[Y, Y], "y_val has 2 outputs, but y has 1"),
        (-Y, "loss='gamma' needs y > 0, but y_val has the value -"),
    ],
)
def test_bad_validation_targets(y_val, message):
    assert_refused(regressor(loss="gamma"), message, X, Y, X_val=X, y_val=y_val)


def test_too_few_rows_to_validate_on():
    message = "The validation set is too small. Increase 'validation_fraction' or the size of your "
    found = "dataset: validation_fraction=0.1 of n_samples=9 is 1. Or give X_val and y_val"
    assert_refused(regressor(early_stopping=True), message + found, X[:9], Y[:9])
    found = "dataset: validation_fraction=0 of n_samples=50 is 0"
    model = regressor(early_stopping=True, validation_fraction=0)
    assert_refused(model, message + found, X, Y)
    model.fit(X, Y, X_val=X, y_val=Y)  # which leaves nothing to divide
    found = (
        "validation_fraction=0.99 of n_samples=50 is 50, which leaves none to train on; choose a sm"
    )
    assert_refused(regressor(early_stopping=True, validation_fraction=0.99), found, X, Y)


def test_partial_fit_and_early_stopping_need_validation_rows():
    message = "partial_fit does not support early_stopping=True"
    assert_refused(classifier(early_stopping=True), message, X, LABELS, method="partial_fit")
    model = classifier(early_stopping=True)
    model.partial_fit(X, LABELS, classes=[0, 1, 2], X_val=X, y_val=LABELS)
    assert len(model.validation_scores_) == 1


def test_warm_start_refuses_another_network():
    model = classifier(warm_start=True).fit(X, LABELS)
    expected = model.predict_proba(X)
    for message, rows in {
        r"Previously got \[0 1 2\], `y` has \[0 1\]": (X, np.minimum(LABELS, 1)),
        "X has 2 features": (X[:, :2], LABELS),
    }.items():
        with pytest.raises(ValueError, match=message):
            model.fit(*rows)
    model.set_params(hidden_layer_sizes=(4,))
    with pytest.raises(ValueError, match=r"\(4, 3, 2, 3\) units.*\(4, 4, 3\).*warm_start=False"):
        model.fit(X, LABELS)
    model.set_params(hidden_layer_sizes=(3, 2))
    assert_array_equal(model.predict_proba(X), expected)
    model = regressor(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="y has 2 outputs, but the network was fitted with 1"):
        model.fit(X, np.c_[Y, Y])


@pytest.mark.parametrize(
    "starting, message",
    [
        ({"coef_init": [np.ones((4, 3))]}, r"coef_init has arrays of shapes \[\(4, 3\)\], but"),
        ({"intercept_init": [np.ones(3), np.ones(2), np.ones(2)]}, "intercept_init has arrays of"),
        ({"coef_init": "glorot"}, "coef_init='glorot' must be a list of arrays of numbers"),
        ({"coef_init": 3}, "coef_init=3 must be a list of arrays of numbers; give one array per"),
        ({"intercept_init": 3.5}, "intercept_init=3.5 must be a list of arrays of numbers"),
        ({"intercept_init": [[1.0, [2.0]]]}, r"=\[\[1.0, \[2.0\]\]\] must be a list of arrays"),
        ({"intercept_init": [np.ones(3) * 1j]}, "intercept_init=.*must be a list of arrays of num"),
        (
            {"intercept_init": [np.full(3, np.nan), np.ones(2), np.ones(3)]},
            "intercept_init contains nan, which is not finite in float64; give finite",
        ),
    ],
)
def test_bad_starting_weights(starting, message):
    assert_refused(classifier(), message, X, LABELS, **starting)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
def test_prediction(method):
    given = (LABELS,) if method == "score" else ()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(classifier(), method)(X, *given)
    model = classifier().fit(X, LABELS)
    for message, rows in {
        "X has 3 features, but MLPClassifier is expecting 4": X[:, :3],
        "Input X contains NaN": X * np.nan,
        "Expected 2D array": X[:, 0],
    }.items():
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(rows, *given)


# Validation rows are computed with like the rows of the fit.


def test_validation_rows_are_checked_in_the_dtype_of_the_fit():
    single = X.astype("float32")
    rows = {"X_val": X, "y_val": Y}
    too_large = {"X_val": changed(X, 1e39, (1, 2)), "y_val": Y}
    with np.errstate(over="ignore"):  # scikit-learn's conversion
        assert_refused(regressor(), "X_val: Input X contains infinity", single, Y, **too_large)
    message = "Input y_val contains 1e[+]60, which is too large for dtype[(]'float32'"
    assert_refused(regressor(), message, single, Y, X_val=X, y_val=changed(Y, 1e60))
    message = "sample_weight_val: Input sample_weight contains infinity"
    assert_refused(regressor(), message, single, Y, **rows, sample_weight_val=np.full(50, 1e200))
    # In double precision these are numbers, whatever the validation rows come in.
    model = regressor().fit(X, Y, X_val=single, y_val=changed(Y, 1e39))
    assert np.isfinite(model.history_["validation_loss"]).all()
    model = regressor().fit(X, Y, X_val=single, y_val=Y, sample_weight_val=np.full(50, 1e38))
    expected = regressor().fit(X, Y, X_val=single, y_val=Y)
    np.testing.assert_allclose(
        model.history_["validation_loss"], expected.history_["validation_loss"], rtol=1e-12
    )


# Scorers.


def test_a_scorer_that_takes_no_weights_gets_none():
    seen = []

    def scorer(estimator, X, y):
        seen.append(len(y))
        return estimator.score(X, y)

    model = classifier(early_stopping=True, scoring=scorer, validation_fraction=0.2)
    for class_weight, weight in (("balanced", None), (None, np.ones(50))):
        with pytest.warns(UserWarning, match="does not accept sample_weight: early stopping goes"):
            model.set_params(class_weight=class_weight).fit(X, LABELS, weight)
    assert seen == [10] * 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(class_weight=None).fit(X, LABELS)


@pytest.mark.parametrize("score", [None, "good", {"score": 1}, 1j, np.ones(2)], ids=str)
def test_scores_must_be_numbers(score):
    model = classifier(early_stopping=True, scoring=lambda *_: score, validation_fraction=0.2)
    assert_refused(model, "scoring=.* returned .*; it must return a number", X, LABELS)


def test_few_rows_without_names_are_warned_of_as_many_are():
    pandas = pytest.importorskip("pandas")
    model = regressor().fit(pandas.DataFrame(X, columns=list("abcd")), Y)
    for rows in (X[:1], np.tile(X, (FEW_NUMBERS // X.size + 1, 1))):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            found = model.predict(rows)
        assert_array_equal(found[:1], model.predict(pandas.DataFrame(X[:1], columns=list("abcd"))))


# Parameters that change between calls of partial_fit.


@pytest.mark.parametrize(
    "given",
    [
        {"activation": "foo"},
        {"loss": "foo"},
        {"dtype": "float16"},
        {"n_jobs": "a"},
        {"learning_rate": "foo"},
        {"learning_rate_init": -1.0},
        {"batch_size": 0},
        {"input_dropout": 1.0},
        {"clip_norm": -1},
        {"scoring": 5},
    ],
    ids=str,
)
def test_parameters_set_in_a_series_are_checked(given):
    (name,) = given
    model = regressor().partial_fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MLPRegressor must be"):
        model.set_params(**given).partial_fit(X, Y)
    assert_array_equal(
        model.set_params(**{name: regressor().get_params()[name]}).predict(X), before
    )
    model.partial_fit(X, Y)


def test_parameters_are_checked_once(monkeypatch):
    model, calls = regressor().partial_fit(X, Y), []
    monkeypatch.setattr(MLPRegressor, "_validate_params", lambda self: calls.append(1))
    for _ in range(3):
        model.partial_fit(X, Y)
    model.set_params(l2=0.5).partial_fit(X, Y).partial_fit(X, Y)
    assert len(calls) == 1
    assert "_checked" not in model.__getstate__()
