"""The cross-validated estimators: GridSearchCV's table to the bit, and estimators themselves."""

import inspect
import re

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import MLPClassifier, MLPClassifierCV, MLPRegressor, MLPRegressorCV
from tests.searches import (
    DIABETES_X,
    DIABETES_Y,
    ESTIMATORS,
    GROUPS,
    IRIS_X,
    IRIS_Y,
    L1S,
    L2S,
    NAMES,
    QUICK,
    WEIGHT,
    assert_same_table,
    searches,
)
from tests.test_common import checks_of

PARTS = {  # arguments of the estimator, of the search, of fit, and rows
    "multiclass": ({}, {}, {}, (IRIS_X, IRIS_Y)),
    "binary": ({}, {}, {}, (IRIS_X, IRIS_Y > 1)),
    "strings": ({}, {}, {}, (IRIS_X, NAMES)),
    "two axes": ({}, {"grid": {"l2": L2S, "dropout": [0.0, 0.5], "l1": L1S}}, {},
                 (IRIS_X, IRIS_Y)),
    "group lasso": ({}, {"grid": {"group_l1": L1S}}, {}, (IRIS_X, IRIS_Y)),
    "weights": ({}, {}, {"sample_weight": WEIGHT}, (IRIS_X, IRIS_Y)),
    "class weights": ({"class_weight": "balanced"}, {}, {"sample_weight": WEIGHT},
                      (IRIS_X, IRIS_Y)),
    "early stopping": ({"early_stopping": True, "n_iter_no_change": 1, "max_iter": 20}, {}, {},
                       (IRIS_X, IRIS_Y)),
    "its scorer": ({"early_stopping": True, "scoring": "neg_log_loss"}, {}, {}, (IRIS_X, IRIS_Y)),
    "own validation rows": ({"early_stopping": True}, {},
                            {"X_val": IRIS_X[::9], "y_val": IRIS_Y[::9]}, (IRIS_X, IRIS_Y)),
    "scorer by name": ({}, {"scoring": "neg_log_loss"}, {}, (IRIS_X, IRIS_Y)),
    "scorer": ({}, {"scoring": make_scorer(f1_score, average="macro")}, {}, (IRIS_X, IRIS_Y)),
    "single precision": ({}, {}, {"sample_weight": WEIGHT / 3},
                         (IRIS_X.astype(np.float32), IRIS_Y)),
    "single precision asked for": ({"dtype": "float32"}, {}, {}, (IRIS_X, IRIS_Y)),
    "sparse rows": ({}, {}, {}, (sp.csr_matrix(IRIS_X), IRIS_Y)),
    "sparse columns": ({}, {}, {}, (sp.csc_matrix(IRIS_X), IRIS_Y)),
    "columns in order": ({}, {}, {}, (np.asfortranarray(IRIS_X), IRIS_Y)),
    "groups": ({}, {"cv": GroupKFold(3)}, {"groups": GROUPS}, (IRIS_X, IRIS_Y)),
    "a class is missing": ({}, {"cv": KFold(3)}, {}, (IRIS_X, IRIS_Y)),
    "overlapping folds": ({}, {"cv": ShuffleSplit(2, random_state=0)}, {}, (IRIS_X, IRIS_Y)),
    "given folds": ({}, {"cv": [(np.r_[0:150, 3, 3], np.r_[0:9]), (np.arange(150) % 3 > 0,
                    np.arange(150) % 3 == 0)]}, {}, (IRIS_X, IRIS_Y)),
    "mini-batches": ({"batch_size": 13, "input_dropout": 0.2}, {}, {}, (IRIS_X, IRIS_Y)),
    "quasi-Newton": ({"solver": "lbfgs"}, {}, {}, (IRIS_X, IRIS_Y)),
    "random state": ({"random_state": np.random.RandomState(5)}, {}, {}, (IRIS_X, IRIS_Y)),
    "lists": ({}, {}, {}, (IRIS_X.tolist(), IRIS_Y.tolist())),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The validation split is not stratified:UserWarning")
@pytest.mark.parametrize("part", PARTS)
def test_the_table_of_grid_search_to_the_bit(part):
    given, search, told, rows = PARTS[part]
    ours, theirs = searches(MLPClassifier, given, **({"cv": 3} | search))
    theirs.fit(*rows, **told)
    for n_jobs in (1, 2):
        table = clone(ours).set_params(n_jobs=n_jobs).fit(*rows, **told).cv_results_
        assert_same_table(table, theirs.cv_results_)
    ours.fit(*rows, **told)
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == theirs.best_score_
    for mine, other in zip(ours.coefs_, theirs.best_estimator_.coefs_, strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(ours.predict(rows[0]), theirs.predict(rows[0]))


@pytest.mark.parametrize("given", [{}, {"loss": "huber"}, {"early_stopping": True}], ids=str)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_table_of_regressors(given, n_outputs):
    y = DIABETES_Y if n_outputs == 1 else np.column_stack([DIABETES_Y, DIABETES_X[:, 0]])
    ours, theirs = searches(MLPRegressor, given, cv=3)
    assert_same_table(ours.fit(DIABETES_X, y).cv_results_, theirs.fit(DIABETES_X, y).cv_results_)
    assert ours.score(DIABETES_X, y) == theirs.score(DIABETES_X, y)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_any_backend_gives_the_same_bits(backend):
    ours, theirs = searches(MLPClassifier, cv=3)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        table = ours.fit(IRIS_X, IRIS_Y).cv_results_
    assert_same_table(table, theirs.fit(IRIS_X, IRIS_Y).cv_results_)


def test_scorers_of_the_users_own_see_the_users_rows():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(IRIS_X, columns=list("abcd"))

    def scorer(estimator, X, y):
        return estimator.score(X, y) - X["a"].mean()

    ours, theirs = searches(MLPClassifier, cv=3, scoring=scorer)
    assert_same_table(ours.fit(table, IRIS_Y).cv_results_, theirs.fit(table, IRIS_Y).cv_results_)
    np.testing.assert_array_equal(ours.feature_names_in_, list("abcd"))


def unweighted_score(y, predicted):
    return f1_score(y, predicted, average="macro")


def test_scores_of_a_frame_of_targets_are_those_of_grid_search_to_the_bit():
    pandas = pytest.importorskip("pandas")
    X = DIABETES_X[:150]
    Y = pandas.DataFrame(np.c_[DIABETES_Y[:150], X[:, 0] ** 2])
    ours, theirs = searches(MLPRegressor, {"max_iter": 8, "learning_rate_init": 0.02}, cv=3)
    assert_same_table(ours.fit(X, Y).cv_results_, theirs.fit(X, Y).cv_results_)


@pytest.mark.parametrize("by", ("itself", "pipeline", "cross_validate"))
def test_groups_are_routed_to_the_splitter(by):
    search = MLPClassifierCV(**QUICK, l2s=[1e-3], cv=GroupKFold(3))
    with sklearn.config_context(enable_metadata_routing=True):
        if by == "cross_validate":
            keywords = {"cv": GroupKFold(3), "params": {"groups": GROUPS}, "error_score": "raise"}
            assert len(cross_validate(search, IRIS_X, IRIS_Y, **keywords)["test_score"]) == 3
            return
        model = search if by == "itself" else make_pipeline(StandardScaler(), search)
        model.fit(IRIS_X, IRIS_Y, groups=GROUPS)
        with pytest.raises(ValueError, match="groups"):
            model.fit(IRIS_X, IRIS_Y)


def test_scores_are_weighted_where_the_scorer_requests_it():
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(f1_score, average="macro").set_score_request(sample_weight=True)
        ours, theirs = searches(MLPClassifier, cv=GroupKFold(3), scoring=scorer)
        theirs.estimator.set_fit_request(sample_weight=True)
        told = {"sample_weight": WEIGHT + 0.1, "groups": GROUPS}
        weighted = ours.fit(IRIS_X, IRIS_Y, **told).cv_results_
        assert_same_table(weighted, theirs.fit(IRIS_X, IRIS_Y, **told).cv_results_)
    ours.set_params(scoring=make_scorer(unweighted_score))
    with pytest.warns(UserWarning, match="does not accept sample_weight"):
        plain = ours.fit(IRIS_X, IRIS_Y, **told).cv_results_
    assert not np.array_equal(weighted["mean_test_score"], plain["mean_test_score"])


def test_the_chosen_strengths():
    search = MLPClassifierCV(**QUICK, l1s=L1S, dropouts=[0.0, 0.9], l2=0.5, cv=3)
    search.fit(IRIS_X, IRIS_Y)
    assert search.best_params_ == {"dropout": search.dropout_, "l1": search.l1_}
    assert search.l1_ in L1S
    assert (search.l2_, search.group_l1_, search.input_dropout_) == (0.5, 0.0, 0.0)
    best = search.best_estimator_.get_params()
    assert (best["l1"], best["dropout"], best["l2"]) == (search.l1_, search.dropout_, 0.5)
    assert search.n_splits_ == 3


def test_without_any_axis_l2_is_searched():
    search = MLPRegressorCV(**QUICK, cv=2).fit(DIABETES_X, DIABETES_Y)
    strengths = search.cv_results_["param_l2"]
    top = np.abs(DIABETES_X.T @ DIABETES_Y).max() / DIABETES_Y.size
    np.testing.assert_allclose(strengths, np.geomspace(1e-3 * top, top, 10))


def test_automatic_grids_end_where_the_linear_model_is_zero():
    given = {"hidden_layer_sizes": (), "solver": "lbfgs", "max_iter": 100, "l2": 0.0}
    search = MLPRegressorCV(**given, l1s=3, cv=2).fit(DIABETES_X, DIABETES_Y)
    top = search.cv_results_["param_l1"].max()
    for factor, n_features in ((1.001, 0), (0.98, 1)):
        network = MLPRegressor(**given, l1=factor * top).fit(DIABETES_X, DIABETES_Y)
        assert network.active_features_.size == n_features


# Warm paths.


def warm_scores(strengths, train, test):
    """Return what a warm-started estimator scores along the strengths."""
    network = MLPClassifier(**QUICK, warm_start=True)
    return [network.set_params(l1=l1).fit(IRIS_X[train], IRIS_Y[train])
            .score(IRIS_X[test], IRIS_Y[test]) for l1 in strengths]  # fmt: skip


def test_a_warm_path_goes_from_weak_to_strong():
    folds = list(KFold(3, shuffle=True, random_state=0).split(IRIS_X))
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=folds, warm_path=True, n_jobs=2)
    search.fit(IRIS_X, IRIS_Y)
    order = np.argsort(L1S)
    for number, (train, test) in enumerate(folds):
        scores = search.cv_results_[f"split{number}_test_score"]
        assert scores[order].tolist() == warm_scores(L1S[order], train, test)
    best = MLPClassifier(**QUICK, warm_start=True)
    for l1 in L1S[order]:
        best.set_params(l1=l1).fit(IRIS_X, IRIS_Y)
        if l1 == search.l1_:
            break
    np.testing.assert_array_equal(search.coefs_[0], best.coefs_[0])
    assert not search.best_estimator_.warm_start


def test_warm_paths_run_along_one_axis_only():
    cold = MLPClassifierCV(**QUICK, l2s=L2S, l1s=L1S, cv=3).fit(IRIS_X, IRIS_Y).cv_results_
    warm = MLPClassifierCV(**QUICK, l2s=L2S, l1s=L1S, cv=3, warm_path=True)
    table = warm.fit(IRIS_X, IRIS_Y).cv_results_
    begins = cold["param_l1"] == L1S.min()
    same = table["mean_test_score"] == cold["mean_test_score"]
    assert same[begins].all()
    assert not same[~begins].all()


# What goes wrong.


@pytest.mark.parametrize(
    "given, message",
    [
        ({"l1s": [-1.0]}, r"l1s=\[-1.0\] must hold numbers of at least 0"),
        ({"dropouts": [1.0]}, "dropouts=.* below 1"),
        ({"l1s": 0}, "'l1s' parameter"),
        ({"halving": True, "solver": "lbfgs"}, "halving=True .* choose solver='adam'"),
        ({"halving": True, "warm_path": True}, "exclude each other"),
        ({"selection": "worst"}, "'selection' parameter"),
        ({"cv": []}, "yields no split"),
        ({"scoring": "niceness"}, "'scoring' parameter of MLPClassifierCV .*niceness"),
        ({"scoring": "loss"}, "give it to early_stopping_scoring, and .* scoring='neg_log_loss'"),
        ({"l1": [0, 0], "l1s": [0.1]}, r"l1=\[0, 0\] is a pattern that l1s multiplies"),
    ],
)
def test_bad_settings(given, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifierCV(**QUICK | given).fit(IRIS_X, IRIS_Y)


# Callbacks.


class Recorder:
    """A callback that writes down the tasks it is told of, and stops after so many."""

    max_propagation_depth = 0

    def __init__(self, limit=np.inf):
        self.limit, self.tasks = limit, []

    def setup(self, estimator, context):
        self.tasks.append(("setup", context.max_subtasks))

    def teardown(self, estimator, context):
        self.tasks.append(("teardown", None))

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.tasks.append((context.task_name, context.task_id))
        return len(self.tasks) > self.limit


def test_callbacks_are_told_of_every_fit():
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, n_jobs=2).set_callbacks(recorder)
    search.fit(IRIS_X, IRIS_Y)
    fits = [("candidate on a fold", number) for number in range(6)]
    expected = [("setup", 7), *fits, ("refit", 6), ("fit", 0), ("teardown", None)]
    assert recorder.tasks == expected


def test_callbacks_are_told_of_no_more_fits_than_announced():
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    search = MLPClassifierCV(**QUICK, l1s=[0.0, 1e-5, 1e-4], cv=2, halving=True, selection="one_se",
                             scoring=lambda network, X, y: 0.5)  # fmt: skip
    search.set_callbacks(recorder).fit(IRIS_X, IRIS_Y)
    fits = [name for name, _ in recorder.tasks if name == "candidate on a fold"]
    # The strongest of equals goes on beside the first.
    assert len(fits) == 6 + 4 and recorder.tasks[0] == ("setup", len(fits) + 1)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_callback_ends_the_search(n_jobs):
    pytest.importorskip("sklearn.callback")
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, n_jobs=n_jobs)
    search.set_callbacks(Recorder(limit=4))  # "setup" and four fits
    with pytest.warns(UserWarning, match="interrupted: 2 of 3"):
        search.fit(IRIS_X, IRIS_Y)


@pytest.mark.parametrize("given", [{}, {"halving": True}, {"warm_path": True}, {"n_jobs": 2}])
def test_a_callback_that_ends_the_search_leaves_something_to_choose(given):
    pytest.importorskip("sklearn.callback")
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, **given).set_callbacks(Recorder(limit=0))
    with pytest.warns(UserWarning, match="interrupted: 1 of 3"):
        search.fit(IRIS_X, IRIS_Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).sum() == 1
    assert search.predict(IRIS_X).shape == IRIS_Y.shape


# Parameters and documentation.


@pytest.mark.parametrize("CV", ESTIMATORS)
def test_all_parameters_of_the_plain_estimator(CV):
    own, plain = (inspect.signature(Class).parameters for Class in (CV, CV._plain))
    for name, parameter in plain.items():
        other = own["early_stopping_scoring" if name == "scoring" else name]
        assert other.default == parameter.default
        assert other.kind == parameter.kind


def section(CV, name):
    text = inspect.getdoc(CV).split(f"{name}\n{'-' * len(name)}\n")[1]
    return re.split(r"\n\n[A-Z][A-Za-z ]+\n---", text)[0]


@pytest.mark.parametrize("CV", ESTIMATORS)
def test_every_parameter_and_attribute_is_documented(CV):
    signature = inspect.signature(CV).parameters
    entries = re.findall(r"^(\w+) : .*default=(.*)$", section(CV, "Parameters"), re.MULTILINE)
    assert [name for name, _ in entries] == list(signature)
    for name, default in entries:
        assert eval(default) == signature[name].default, name
    X, y = (IRIS_X, IRIS_Y) if CV is MLPClassifierCV else (DIABETES_X, DIABETES_Y)
    search = CV(**QUICK, l1s=L1S, cv=2).fit(X, y)
    documented = set(re.findall(r"^(\w+_) : ", section(CV, "Attributes"), re.MULTILINE))
    public = {name for name in vars(search) if name.endswith("_")}
    assert public <= documented
    assert all(hasattr(search, name) for name in documented - {"feature_names_in_"})
    assert not re.search(r"<\w+>|\{score\}", inspect.getdoc(CV))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The validation split is not stratified:UserWarning")
@pytest.mark.filterwarnings("ignore:The least populated class in y has only:UserWarning")
@pytest.mark.parametrize(
    "estimator, check", checks_of([CV(l1s=[1e-4, 1e-2], cv=3) for CV in ESTIMATORS])
)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The validation split is not stratified:UserWarning")
@pytest.mark.filterwarnings("ignore:The least populated class in y has only:UserWarning")
@pytest.mark.parametrize("estimator, check", checks_of([CV() for CV in ESTIMATORS]))
def test_common_checks_of_the_defaults(estimator, check):
    check(estimator)


def test_verbose_says_which_candidate_and_fold_is_trained(capsys):
    X = np.random.default_rng(0).normal(size=(20, 2))
    search = MLPRegressorCV((2,), l1s=[0.1, 0.5], cv=2, max_iter=1, verbose=True, refit=False)
    search.fit(X, X[:, 0])
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Fold")]
    assert said == ["Fold 0: l1=0.1", "Fold 1: l1=0.1", "Fold 0: l1=0.5", "Fold 1: l1=0.5"]


def test_a_splitter_that_draws_from_the_same_random_state_leaves_the_seed_of_the_refit():
    found = []
    for place in range(2):
        state = np.random.RandomState(4)
        cv = KFold(3, shuffle=True, random_state=state)
        pair = searches(MLPClassifier, {"random_state": state}, cv=cv)
        found.append(pair[place].fit(IRIS_X, IRIS_Y))
    ours, theirs = found
    scores = [search.cv_results_["mean_test_score"] for search in found]
    np.testing.assert_array_equal(*scores)
    np.testing.assert_array_equal(ours.coefs_[0], theirs.best_estimator_.coefs_[0])
