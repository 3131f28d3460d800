"""What a search takes, in every form, and what it refuses before anything is fitted."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, KFold

import skreg._folds
from skreg import MLPClassifierCV, MLPRegressor, MLPRegressorCV
from skreg.augmentation import GaussianNoise

X, Y = load_iris(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(Y.size)
X, Y = X[ORDER], Y[ORDER]
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 9, "learning_rate_init": 0.01, "random_state": 0}
NINE = np.geomspace(1e-5, 1, 9)


# Weights.


def same_weights(Network, weight, other, **given):
    """Assert that two forms of weights give the same table and the same network."""
    y = Y if Network is MLPClassifierCV else X[:, 0] - X[:, 1]
    tables, networks = [], []
    for each in (weight, other):
        search = Network(**QUICK, l1s=NINE, cv=2, **given).fit(X, y, sample_weight=each)
        tables.append(search.cv_results_)
        networks.append(search.best_estimator_)
    for name in ("split0_test_score", "split1_test_score", "rank_test_score"):
        np.testing.assert_array_equal(tables[0][name], tables[1][name])
    np.testing.assert_array_equal(networks[0].coefs_[0], networks[1].coefs_[0])


@pytest.mark.parametrize("halving", [False, True])
@pytest.mark.parametrize("Network", [MLPClassifierCV, MLPRegressorCV])
def test_one_number_weighs_every_row(Network, halving):
    same_weights(Network, 2.0, np.full(Y.size, 2.0), halving=halving)


def test_one_number_weighs_every_row_where_it_is_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        search = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2)
        search.set_score_request(sample_weight=True).fit(X, Y, sample_weight=3)
    expected = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2).fit(X, Y, np.full(Y.size, 3.0))
    assert search.best_score_ == expected.best_score_


@pytest.mark.parametrize("form", ["list", "tuple", "series", "nullable", "integers"])
def test_any_form_of_weights(form):
    weight = 1.0 + np.arange(Y.size) % 3
    if form in ("series", "nullable"):
        pd = pytest.importorskip("pandas")
        index = np.random.default_rng(1).permutation(Y.size)  # labels are no places
        given = pd.Series(weight, index, dtype="Float64" if form == "nullable" else float)
    else:
        given = {"list": list, "tuple": tuple, "integers": np.int64}[form](weight)
    same_weights(MLPClassifierCV, given, weight)


@pytest.mark.parametrize(
    "weight, message",
    [(0.0, "at least one non-zero"), (-1.0, "[Nn]egative values"), ([1.0, 2.0], r"\(2,\)")],
)
def test_bad_weights(weight, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifierCV(**QUICK, l1s=[0.1]).fit(X, Y, sample_weight=weight)


# Routing.


def test_an_error_names_the_estimator_that_asks_for_weights():
    search = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2)
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match=r"MLPClassifierCV\.set_score_request"):
            search.fit(X, Y, sample_weight=np.ones(Y.size))
        search.set_score_request(sample_weight=True).fit(X, Y, sample_weight=np.ones(Y.size))


def test_requests_are_not_kept_with_the_chosen_network():
    with sklearn.config_context(enable_metadata_routing=True):
        search = MLPClassifierCV(**QUICK, l1s=[0.1], cv=2).set_score_request(sample_weight=True)
        sizes = [len(pickle.dumps(search.fit(X, Y).best_estimator_)) for _ in range(3)]
    assert not hasattr(search.best_estimator_, "_metadata_request")  # would hold the whole search
    assert max(sizes) < min(sizes) + 100


# What no candidate can be fitted with.


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, where nothing is compiled
def test_all_diverge():
    given = QUICK | {"learning_rate_init": 1e150, "solver": "sgd"}
    with pytest.raises(ValueError, match="All 2 .*StandardScaler.*learning_rate_init=1e\\+150"):
        MLPRegressorCV(**given, l1s=[0.0, 0.1], cv=2).fit(X, X[:, 0])


def test_all_fail_for_a_reason_of_their_own():
    search = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2, scoring=lambda *rows: "high")
    with pytest.raises(ValueError, match="All 2 .*must return a number") as caught:
        search.fit(X, Y)
    assert "StandardScaler" not in str(caught.value)


def no_fit(*arguments):
    raise AssertionError("nothing should be fitted")


@pytest.mark.parametrize(
    "given, message",
    [
        ({"dropouts": [0.0, 0.5]}, r"dropouts=\[0.0, 0.5\] needs .* solver='lbfgs' .*choose"),
        ({"input_dropouts": 3}, "input_dropouts=3 needs"),
        ({"group_l1s": 2, "l1s": [0.1]}, "group_l1s=2 needs"),
        ({"dropout": 0.5, "l1s": [0.1]}, "dropout=0.5 needs"),
        ({"clip_norm": 1.0}, "clip_norm=1.0 needs"),
        ({"augmentation": GaussianNoise(0.1)}, "augmentation=.* sees all rows at once"),
        ({"hidden_layer_sizes": (4, 0)}, "hidden_layer_sizes must be > 0"),
        ({"activation": ["relu", "tanh"]}, "activation=.* has 2 values"),
        ({"feature_penalty": [1.0, 2.0]}, "feature_penalty has the shape"),
        ({"l2": [0.1, 0.1, 0.1], "l1s": [0.1]}, "l2=.* has 3 values"),
        ({"l1": [1, 0, 0], "l1s": [0.1]}, r"l1=\[1, 0, 0\] has 3 values"),
        ({"l1": [1, -1], "l1s": [0.1]}, r"l1=\[1, -1\] must be finite and >= 0"),
        ({"l1": [0, 1], "l1s": 3}, r"l1=\[0, 1\] leaves the first matrix out"),
        ({"n_jobs": 0, "l1s": [0.1]}, "n_jobs=0 must be None or an integer"),
    ],
)
@pytest.mark.parametrize("Network", [MLPClassifierCV, MLPRegressorCV])
def test_what_the_solver_cannot_fit_is_refused_at_once(Network, given, message, monkeypatch):
    monkeypatch.setattr(skreg._folds, "fit", no_fit)
    with pytest.raises(ValueError, match=f"^{message}"):
        Network(**QUICK | {"solver": "lbfgs"} | given).fit(X, Y)


def test_sparse_rows_are_not_augmented():
    search = MLPClassifierCV(**QUICK, l1s=[0.1], augmentation=GaussianNoise(0.1))
    with pytest.raises(ValueError, match="^augmentation=.* needs dense rows"):
        search.fit(sp.csr_array(X), Y)


@pytest.mark.parametrize(
    "given, told, message",
    [
        ({}, {"X_val": X}, "^X_val was given without y_val"),
        ({}, {"X_val": X, "y_val": Y + 1}, "^y_val has labels that y does not have"),
        ({"class_weight": {0: -1}}, {}, "^class_weight="),
        ({"early_stopping_scoring": "niceness"}, {}, "^The 'early_stopping_scoring' parameter"),
    ],
)
def test_what_every_fit_would_refuse_is_refused_at_once(given, told, message, monkeypatch):
    monkeypatch.setattr(skreg._folds, "fit", no_fit)
    with pytest.raises(ValueError, match=message):
        MLPClassifierCV(**QUICK, l1s=[0.1], **given).fit(X, Y, **told)


def test_numbers_are_no_labels():
    with pytest.raises(ValueError, match="^Unknown label type: continuous"):
        MLPClassifierCV(**QUICK, l1s=[0.1]).fit(X, X[:, 0])


def test_strengths_that_are_off_suit_every_solver():
    given = {"solver": "lbfgs", "dropouts": [0.0], "group_l1s": [0], "dropout": 0.5, "tol": 1.0}
    search = MLPClassifierCV(**QUICK | given, cv=2).fit(X, Y)
    assert (search.dropout_, search.group_l1_) == (0.0, 0.0)


# Targets.


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("halving", [False, True])
def test_a_frame_of_targets_without_attributes_of_arrays(halving):
    pl = pytest.importorskip("polars")
    given = {**QUICK, "l1s": NINE, "cv": 2, "halving": halving}
    frame = MLPClassifierCV(**given).fit(X, pl.DataFrame({"y": Y}))
    plain = MLPClassifierCV(**given).fit(X, Y)
    assert frame.best_score_ == plain.best_score_


def of_objects(values):
    return np.array(values, dtype=object)


def nullable(values):
    return pytest.importorskip("pandas").Series(np.rint(values), dtype="Int64")


@pytest.mark.parametrize("form", [list, tuple, np.array, of_objects, nullable])
def test_targets_of_any_form_have_the_scores_of_a_grid_search(form):
    # In single precision scikit-learn's R2 of a list is computed in another way than of an array.
    x, y = X.astype(np.float32), form([*(X[:, 0] - X[:, 1])])
    ours = MLPRegressorCV(**QUICK, l2s=[0.1, 1.0], cv=3).fit(x, y).cv_results_
    theirs = GridSearchCV(MLPRegressor(**QUICK), {"l2": [0.1, 1.0]}, cv=3).fit(x, y).cv_results_
    for name in ("split0_test_score", "split1_test_score", "split2_test_score"):
        np.testing.assert_array_equal(ours[name], theirs[name])


# Folds.


NONE, SOME = np.empty(0, int), np.arange(9)


@pytest.mark.parametrize(
    "cv, message",
    [
        ([(NONE, SOME)], "fold 0 without rows to train on"),
        ([(SOME, SOME), (SOME, NONE)], "fold 1 without rows to score"),
        ([(SOME, SOME + Y.size)], "fold 0 .* X, which has 150, .*; give integers from 0 to 149"),
        ([(SOME, np.ones(9, bool))], "fold 0 .* boolean"),
        ([(SOME + 0.5, SOME)], "yields for fold 0 what are no numbers of rows .*; give integers"),
        ([(SOME,)], r"cv yields \(array.* for fold 0; give pairs"),
        ([5, 6], "cv yields 5 for fold 0; give pairs"),
        ([(SOME, SOME), None], "cv yields None for fold 1; give pairs"),
        ([(1, 2)], "cv yields 1 as the rows of fold 0 to train on; give pairs of arrays"),
        ([(SOME, 2)], "cv yields 2 as the rows of fold 0 to score; give pairs of arrays"),
    ],
)
def test_folds_of_rows_that_are_not_there(cv, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifierCV(**QUICK, l1s=[0.1], cv=cv).fit(X, Y)


def test_a_generator_of_folds_is_read_once():
    for routing in (False, True):
        search = MLPClassifierCV(**QUICK, l1s=[0.1], cv=KFold(3).split(X))
        with sklearn.config_context(enable_metadata_routing=routing):
            search.get_metadata_routing()
            assert search.fit(X, Y).n_splits_ == 3
            with pytest.raises(ValueError, match="a list of what a generator yields"):
                search.fit(X, Y)


def test_a_class_of_splitters_is_no_splitter():
    with pytest.raises(ValueError, match=r"cv=KFold is a class.*such as KFold\(\)"):
        MLPClassifierCV(**QUICK, l1s=NINE, cv=KFold).fit(X, Y)


# Rows as scorers of the user's own see them.


def own_score(estimator, X, y):
    return estimator.score(X, y)


@pytest.mark.parametrize("form", ["coo_matrix", "coo_array", "bsr_matrix"])
def test_sparse_rows_without_an_index(form):
    search = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2, scoring=own_score)
    scores = search.fit(getattr(sp, form)(X), Y).cv_results_["mean_test_score"]
    expected = search.fit(sp.csr_array(X), Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, expected)


def test_sparse_labels_without_an_index():
    labels = np.column_stack([Y > 0, Y > 1]).astype(int)
    search = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2, scoring=own_score)
    scores = search.fit(X, sp.coo_array(labels)).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, search.fit(X, labels).cv_results_["mean_test_score"])


def test_frames_of_polars_stay_frames():
    polars = pytest.importorskip("polars")
    frame, target = polars.DataFrame(X, schema=list("abcd")), polars.Series(Y)
    seen = set()

    def scorer(estimator, X, y):
        seen.add((type(X), type(y)))
        return estimator.score(X.select(list("abcd")), y)

    search = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2, scoring=scorer).fit(frame, target)
    expected = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2).fit(X, Y)
    assert seen == {(polars.DataFrame, polars.Series)}
    assert search.best_score_ == expected.best_score_


def test_rows_that_cannot_be_taken_are_a_failing_candidate(monkeypatch):
    def scored(self, data):
        raise RuntimeError("no such rows")

    monkeypatch.setattr(skreg._folds.Fold, "scored", scored)
    with pytest.raises(ValueError, match="All 2 candidates failed.*no such rows"):
        MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=2).fit(X, Y)


def test_weights_in_a_list_score_as_in_a_grid_search():
    rows, weight = X.astype("float32"), np.linspace(0.1, 2, Y.size).tolist()
    targets = rows[:, 0] + rows[:, 1] * rows[:, 2]
    given = {"hidden_layer_sizes": (), "random_state": 0, "max_iter": 5}
    for kind in (list, tuple, np.asarray):
        ours = MLPRegressorCV(**given, l2s=[0.1, 1.0], cv=3).fit(rows, targets, kind(weight))
        grid = GridSearchCV(MLPRegressor(**given), {"l2": [0.1, 1.0]}, cv=3)
        theirs = grid.fit(rows, targets, sample_weight=kind(weight))
        for key in ("mean_test_score", "split0_test_score", "std_test_score"):
            np.testing.assert_array_equal(ours.cv_results_[key], theirs.cv_results_[key])


def test_a_complex_score_is_a_failing_candidate():
    search = MLPClassifierCV(**QUICK, l2s=[0.1], cv=2, scoring=lambda *_: 1j)
    with pytest.raises(ValueError, match="All 1 candidate.*scoring returned 1j; it must return"):
        search.fit(X, Y)


def test_a_refit_skips_strengths_of_the_path_that_fail():
    rng = np.random.default_rng(0)
    rows = 100 * rng.normal(size=(60, 4))
    targets = rows[:, 0] + rng.normal(size=60)
    search = MLPRegressorCV(
        (8,), solver="sgd", learning_rate_init=1e-3, max_iter=60, random_state=0, cv=3, polish=0,
        warm_path=True, l1s=[0, 1e6],
    )  # fmt: skip
    with pytest.warns(FitFailedWarning, match="l1=0"):
        search.fit(rows, targets)
    assert search.l1_ == 1e6 and np.isnan(search.cv_results_["mean_test_score"][0])
    plain = MLPRegressor((8,), solver="sgd", learning_rate_init=1e-3, max_iter=60, random_state=0,
                         polish=0, l1=1e6).fit(rows, targets)  # fmt: skip
    np.testing.assert_array_equal(search.coefs_[0], plain.coefs_[0])


# Strengths that are patterns.


def test_what_to_fit_instead_names_every_strength_of_a_pattern():
    search = MLPClassifierCV(**QUICK, l1=[1, 0], l1s=[0.05], cv=2, refit=False).fit(X, Y)
    with pytest.raises(AttributeError, match=r"the chosen {'l1': \[0.05, 0.0\]}"):
        search.predict(X)


@pytest.mark.parametrize("given", [{}, {"halving": True}, {"warm_path": True}, {"n_jobs": 2}])
def test_a_strength_multiplies_the_pattern_of_its_parameter(given):
    network = {**QUICK, "group_l1": [1, 0], "l1": [0.5, 2.0], "l2": [0.1, 0.2]}
    search = MLPRegressorCV(**network, l1s=[0.1], group_l1s=[0.02, 0.01, 0.1], cv=2, **given)
    search.fit(X, X[:, 0])
    assert search.group_l1_ in (0.01, 0.02, 0.1) and search.l2_ == [0.1, 0.2]
    assert search.best_params_ == {"group_l1": search.group_l1_, "l1": 0.1}
    best = search.best_estimator_
    assert best.group_l1 == [search.group_l1_, 0] and best.l1 == [0.05, 0.2]
    if given.get("warm_path"):
        return
    train, test = next(KFold(2).split(X))
    plain = MLPRegressor(**network).set_params(group_l1=[search.group_l1_, 0], l1=[0.05, 0.2])
    expected = plain.fit(X[train], X[train, 0]).score(X[test], X[test, 0])
    assert search.cv_results_["split0_test_score"][search.best_index_] == expected


def test_a_pattern_of_the_wrong_length_is_named_as_it_was_given():
    search = MLPClassifierCV((3,), dropout=[1.0, 0.5], dropouts=[0.1])
    with pytest.raises(ValueError, match=r"dropout=\[1.0, 0.5\] has 2 values, but .* 1 hidden"):
        search.fit(X, Y)


def test_dropout_has_a_pattern_per_hidden_layer():
    given = QUICK | {"hidden_layer_sizes": (4, 4), "dropout": [1, 0.5]}
    search = MLPClassifierCV(**given, dropouts=[0.2, 0.4], cv=2).fit(X, Y)
    assert search.best_estimator_.dropout == [search.dropout_, search.dropout_ / 2]
