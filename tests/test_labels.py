"""Labels of every kind: what is refused, in which words, and class weights."""

import datetime
import re
import warnings
from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import KFold, cross_val_score

from skreg import mlp_path
from tests.refusals import (
    LABELS,
    STRINGS,
    X,
    Y,
    assert_refused,
    changed,
    classifier,
    regressor,
)


@pytest.mark.parametrize(
    "message, y",
    [
        ("Input y contains NaN", changed(LABELS, np.nan)),
        ("Input y contains NaN or None; drop these rows", changed(STRINGS, None)),
        ("Unknown label type: continuous", Y),
        ("Multioutput target data is not supported", np.c_[LABELS, LABELS]),
        ("dim 3", LABELS.reshape(-1, 1, 1)),
    ],
)
def test_bad_labels(message, y):
    assert_refused(classifier(), message, X, y)


def test_ragged_labels():
    ragged = [(0, 1), (1,)] + [(0,)] * 48
    for pairs in (ragged, [(0, 1)] * 50, [list(row) for row in ragged]):
        y = np.empty(50, dtype=object)
        for i, pair in enumerate(pairs):
            y[i] = pair
        message = "legacy multi-label .*: {} holds sequences, such as .0, 1.[.] .*MultiLabelBinar"
        for method in ("fit", "partial_fit"):
            assert_refused(classifier(), message.format("y"), X, y, method=method)
        assert_refused(classifier(), message.format("y_val"), X, LABELS, X_val=X, y_val=y)
    assert_refused(classifier(), "y_val: .* inhomogeneous", X, LABELS, X_val=X, y_val=ragged)


def test_class_weight_that_leaves_no_row():
    model = classifier(class_weight={0: 0, 1: 0, 2: 0})
    assert_refused(model, r"class_weight=\{0: 0, 1: 0, 2: 0\} .* positive weight", X, LABELS)


@pytest.mark.parametrize(
    "class_weight, message",
    [
        ("balancd", "'class_weight'.*'balancd'"),
        ({0: 1, 1: -1}, r"class_weight=\{0: 1, 1: -1\} must be finite and >= 0"),
        ({0: np.nan}, r"class_weight=\{0: nan\} must be finite and >= 0"),
        ({7: 1.0}, "are not in class_weight"),
    ],
)
def test_bad_class_weight(class_weight, message):
    assert_refused(classifier(class_weight=class_weight), message, X, LABELS)


def test_class_weight_where_it_has_no_meaning():
    indicators = np.c_[LABELS > 0, LABELS > 1].astype(int)
    model = classifier(class_weight="balanced")
    assert_refused(model, "not defined for multilabel data.*sample_weight", X, indicators)
    assert_refused(
        model, "'balanced' is not supported by partial_fit.*dict", X, LABELS, method="partial_fit"
    )


@pytest.mark.parametrize(
    "y_val, message",
    [
        (LABELS + 1, r"y_val has labels that y does not have: \[3\]. Labels of y: \[0 1 2\]"),
        (STRINGS, "y_val has labels that y does not have: .*'a'"),
        (Y, "y_val: Unknown label type: continuous"),
        (changed(STRINGS, None), "Input y_val contains NaN or None"),
        (np.c_[LABELS > 0, LABELS > 1].astype(int), "y_val is multilabel, but the network"),
    ],
)
def test_bad_validation_labels(y_val, message):
    assert_refused(classifier(), message, X, LABELS, X_val=X, y_val=y_val)


def test_labels_that_partial_fit_has_not_been_told():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, LABELS)
    message = r"`y` has classes not in `self.classes_`. `self.classes_` has \[0 1\]"
    model = classifier()
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, LABELS, classes=[0, 1])
    assert not hasattr(model, "classes_")  # the failed call has left nothing behind
    model.partial_fit(X, LABELS, classes=[0, 1, 2])
    assert_refused(model, "`y` has classes not in", X, LABELS + 1, method="partial_fit")
    assert_refused(model, "`y` has classes not in", X, STRINGS, method="partial_fit")
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, LABELS, classes=[0, 1])


@pytest.mark.parametrize("y", [None, LABELS.reshape(-1, 1, 1), "a", LABELS[:-1]])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_partial_fit_says_of_missing_and_odd_targets_what_fit_says(make, y):
    with pytest.raises((TypeError, ValueError)) as refused:
        make().fit(X, y)
    message, error = f"^{re.escape(str(refused.value))}$", refused.type
    assert_refused(make(), message, X, y, method="partial_fit", error=error)


def test_partial_fit_refuses_labels_of_another_kind():
    indicators = np.c_[LABELS > 0, LABELS > 1, LABELS > 5].astype(int)
    model = classifier().partial_fit(X, indicators, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y is multiclass, but the network was built for multilab"):
        model.partial_fit(X, LABELS)
    with pytest.raises(ValueError, match="y has 2 labels, but the network was built for 3"):
        model.partial_fit(X, indicators[:, :2])


@pytest.mark.parametrize(
    "given, message",
    [
        ({0: "a"}, "class_weight={0: 'a'}, for the classes .*0 1 2.*; give a number for each"),
        ({0: 2, 9: 3}, "class_weight={0: 2, 9: 3}, for the classes .*; give a number for each"),
        ({0: 1e308, 1: 1e308}, "class_weight=.* times sample_weight adds up to inf over the rows"),
    ],
)
def test_bad_class_weights(given, message):
    assert_refused(classifier(class_weight=given), message, X, LABELS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_scale_of_class_weights_does_not_matter(dtype):
    expected = classifier(class_weight={0: 2}, dtype=dtype).fit(X, LABELS)
    large = classifier(class_weight=dict(enumerate([2.0**101, 2.0**100, 2.0**100])), dtype=dtype)
    assert_array_equal(large.fit(X, LABELS).coefs_[0], expected.coefs_[0])


def test_empty_classes():
    with pytest.raises(ValueError, match="classes is empty; give all labels"):
        classifier().partial_fit(X, LABELS, classes=[])


def test_a_column_of_labels_brings_one_warning():
    with pytest.warns(UserWarning, match="column-vector y was passed") as caught:
        classifier().partial_fit(X, LABELS[:, None], classes=[0, 1, 2])
    assert len(caught) == 1


@pytest.mark.parametrize("kind", (int, float, bool, str))
def test_labels_of_dtype_object_are_fitted_and_scored_as_those_of_their_own(kind):
    own = (LABELS > 0).astype(kind)
    y, reached = own.astype(object), []
    cv = KFold(2, shuffle=True, random_state=0)
    for labels in (own, y):
        model = classifier(max_iter=5).fit(X, labels)
        stepped = classifier().partial_fit(X, labels, classes=np.unique(labels))
        reached.append([model.score(X, labels, X[:, 0] ** 2), stepped.score(X, labels)])
        assert_array_equal(model.predict(X) == own, model.predict(X) == labels)
        reached[-1].extend(cross_val_score(model, X, labels, cv=cv))
    assert reached[0] == reached[1]
    assert reached[0][0] == model.score(X, own, X[:, 0] ** 2)


@pytest.mark.parametrize("dtype", ("Int64", "string", "boolean", "category", object))
def test_labels_that_pandas_lacks(dtype):
    pd = pytest.importorskip("pandas")
    own = (LABELS > 0).astype(str if dtype == "string" else int)
    y = pd.Series(own).astype("bool" if dtype == "boolean" else dtype).astype(dtype)
    lacking = y.copy()
    lacking[3] = pd.NA
    for method, given in (("fit", {}), ("partial_fit", {"classes": np.unique(own)})):
        message = "Input y contains NaN or None; drop these rows"
        assert_refused(classifier(), message, X, lacking, method=method, **given)
    assert_refused(classifier(), "Input y_val contains NaN", X, y, X_val=X, y_val=lacking)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        classifier(max_iter=2).fit(X, y).score(X, lacking)


def test_several_targets_and_no_label_at_a_later_call():
    pair = np.c_[LABELS, LABELS]
    message = "Multioutput target data is not supported .*MultiOutputClassifier"
    assert_refused(classifier(), message, X, pair, method="partial_fit")
    for fitted in (classifier().fit(X, LABELS), classifier(warm_start=True).fit(X, LABELS)):
        with pytest.raises(ValueError, match=message):
            (fitted.fit if fitted.warm_start else fitted.partial_fit)(X, pair)
    for classes, words in (([0, 1, np.nan], "leave it out"), (["a", None], "NaN or None")):
        with pytest.raises(ValueError, match=f"classes contains NaN.*{words}|{words}"):
            classifier().partial_fit(X, LABELS, classes=classes)


def test_what_a_scorer_cannot_score_names_the_scorer():
    model = classifier(early_stopping=True, scoring="roc_auc")  # of more than two classes
    with pytest.raises(ValueError, match="multi_class must be in") as caught:
        model.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert "This is what scoring='roc_auc' says of the validation rows" in caught.value.__notes__[0]


def test_scorers_know_labels_of_dtype_object():
    y = LABELS.astype(object)
    given = {"early_stopping": True, "scoring": "accuracy"}
    scores = [
        classifier(**given).fit(X, labels, X_val=X, y_val=labels).validation_scores_
        for labels in (LABELS, y)
    ]
    assert scores[0] == scores[1]


# Labels that NumPy has no dtype for, and dates.

DAYS = [datetime.date(2020, 1, day) for day in (1, 2, 3)]
DATES = np.array(["2020", "2021", "2023"], dtype="datetime64[Y]")


@pytest.mark.parametrize(
    "named", [DAYS, [Decimal("1.5"), Decimal(2), Decimal(9)], [2**70, 2**71, 2**72]]
)
def test_any_labels_that_can_be_sorted(named):
    y = np.array(named, dtype=object)[LABELS]
    weights = [2.0, 1.0, 1.0]
    model = classifier(class_weight=dict(zip(named, weights, strict=True)), early_stopping=True)
    expected = classifier(class_weight=dict(enumerate(weights)), early_stopping=True)
    model.fit(X, y, X_val=X, y_val=y)
    expected.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert model.classes_.tolist() == named
    assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.validation_scores_ == expected.validation_scores_
    assert model.score(X, y, X[:, 0] ** 2) == expected.score(X, LABELS, X[:, 0] ** 2)
    stepped = classifier().partial_fit(X, y, classes=named[::-1])
    assert_array_equal(stepped.partial_fit(X, y, classes=named).classes_, model.classes_)
    with pytest.raises(ValueError, match="is not the same as on last call"):
        stepped.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="`y` has classes not in"):
        stepped.partial_fit(X, LABELS)
    path = mlp_path(X, y, l1s=[1e-3], max_iter=2, random_state=0)
    assert path.coefs[0][-1].shape[1] == 3


def test_labels_without_an_order():
    y = np.array([datetime.date(2020, 1, 1), Decimal(1), Decimal(2)], dtype=object)[LABELS]
    message = "y has labels that cannot be sorted: .*; convert them to one type, such as strings"
    assert_refused(classifier(), message, X, y, error=TypeError)


def test_class_weights_of_dates():
    expected = classifier(class_weight={0: 2.0}).fit(X, LABELS).coefs_[0]
    for key in (np.datetime64("2020"), datetime.date(2020, 1, 1), "2020"):
        model = classifier(class_weight={key: 2.0}).fit(X, DATES[LABELS])
        assert_array_equal(model.coefs_[0], expected)
    message = "The classes, .*, are not in class_weight; give a number for each label"
    assert_refused(classifier(class_weight={np.datetime64("1999"): 2.0}), message, X, DATES[LABELS])


def test_dates_that_are_missing_or_foreign():
    missing = changed(DATES[LABELS], np.datetime64("NaT"))
    assert_refused(classifier(), "Input y contains NaT; drop these rows", X, missing)
    with pytest.raises(ValueError, match="Input classes contains NaT"):
        classifier().partial_fit(X, DATES[LABELS], classes=missing)
    for known, other in ((LABELS, DATES[LABELS]), (DATES[LABELS], LABELS)):
        model = classifier().fit(X, known)
        with pytest.raises(ValueError, match="`y` has classes not in"):
            model.partial_fit(X, other)
        assert_refused(model, "y_val has labels that y does not", X, known, X_val=X, y_val=other)


@pytest.mark.parametrize("sparse", [sp.coo_array, sp.csr_array, sp.csr_matrix])
def test_a_sparse_column_of_labels(sparse):
    y = LABELS if sparse(LABELS).ndim == 1 else LABELS[:, None]  # as SciPy's version has it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)
        model = classifier().fit(X, sparse(y))
    assert_array_equal(model.coefs_[0], classifier().fit(X, LABELS).coefs_[0])
    assert model.score(X, sparse(y)) == model.score(X, LABELS)
