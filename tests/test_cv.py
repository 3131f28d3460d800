"""The cross-validated estimators: GridSearchCV's table to the bit, and estimators themselves."""

import inspect
import pickle
import re
import signal
import threading
import time
import tracemalloc

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning, NotFittedError, UnsetMetadataPassedError
from sklearn.metrics import f1_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils import get_tags

import skreg._folds
from skreg import MLPClassifier, MLPClassifierCV, MLPRegressor, MLPRegressorCV
from tests.test_common import checks_of

IRIS_X, IRIS_Y = load_iris(return_X_y=True)
DIABETES_X, DIABETES_Y = (scale(part) for part in load_diabetes(return_X_y=True))
ESTIMATORS = (MLPClassifierCV, MLPRegressorCV)
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 4, "learning_rate_init": 0.01, "random_state": 3}
L1S, L2S = np.array([1e-2, 1e-4, 1e-1]), [0.0, 1e-3]
WEIGHT = np.random.default_rng(0).integers(0, 3, IRIS_Y.size).astype(float)
GROUPS = np.arange(IRIS_Y.size) % 7
NAMES = np.array(["setosa", "versicolor", "virginica"])[IRIS_Y]


def assert_same_table(table, expected):
    assert list(table) == list(expected)
    for key, column in expected.items():
        if key == "params":
            assert table[key] == column
        elif not key.endswith("_time"):
            assert table[key].dtype == column.dtype, key
            np.testing.assert_array_equal(table[key], column, err_msg=key)


def searches(Plain, given=(), *, grid=None, **search):
    """Return our search and GridSearchCV over the same grid."""
    grid = grid or {"l1": L1S}
    given = QUICK | dict(given)
    CV = MLPClassifierCV if Plain is MLPClassifier else MLPRegressorCV
    other = {"early_stopping_scoring": given["scoring"]} if "scoring" in given else {}
    own = {name: value for name, value in given.items() if name != "scoring"}
    strengths = {f"{name}s": values for name, values in grid.items()}
    return CV(**own, **other, **strengths, **search), GridSearchCV(Plain(**given), grid, **search)


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
    assert_same_table(
        ours.fit(table, IRIS_Y).cv_results_, theirs.fit(table, IRIS_Y).cv_results_
    )  # fmt: skip
    np.testing.assert_array_equal(ours.feature_names_in_, list("abcd"))


def unweighted_score(y, predicted):
    return f1_score(y, predicted, average="macro")


def test_scores_of_a_frame_of_targets_are_those_of_grid_search_to_the_bit():
    pandas = pytest.importorskip("pandas")
    X = DIABETES_X[:150]
    Y = pandas.DataFrame(np.c_[DIABETES_Y[:150], X[:, 0] ** 2])
    ours, theirs = searches(MLPRegressor, {"max_iter": 8, "learning_rate_init": 0.02}, cv=3)
    assert_same_table(ours.fit(X, Y).cv_results_, theirs.fit(X, Y).cv_results_)


def test_folds_keep_no_copies_of_rows():
    X = np.random.default_rng(0).random((2000, 200))
    cv = RepeatedKFold(n_splits=2, n_repeats=20, random_state=0)
    search = MLPRegressorCV((1,), l2s=[0.1], cv=cv, refit=False, max_iter=1, random_state=0)
    search.fit(X[:20], X[:20, 0])  # whatever is made once
    tracemalloc.start()
    search.fit(X, X[:, 0])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    indices = 40 * X.shape[0] * 8
    assert peak < 1.5 * X.nbytes + 2 * indices  # the rows of one fold to score, and no more


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


def test_one_thread_per_fit_and_all_of_them_for_the_refit():
    search = MLPClassifierCV(**QUICK, l1s=[0.1], n_jobs=2).fit(IRIS_X, IRIS_Y)
    assert search._plain_estimator().n_jobs == 1
    assert search.best_estimator_.n_jobs == 2


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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, where nothing is compiled
def test_a_failing_candidate_is_named_and_the_search_goes_on():
    given = QUICK | {"solver": "sgd", "max_iter": 5, "dtype": "float32"}
    search = MLPRegressorCV(**given, l2s=[0.0, 1e10], cv=2)
    with pytest.warns(FitFailedWarning, match=r"l2=1e\+10 failed on fold 0, 1 .*non-finite"):
        search.fit(DIABETES_X, DIABETES_Y)
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert search.cv_results_["rank_test_score"].tolist() == [1, 2]
    assert search.l2_ == 0.0


def test_a_failing_scorer_is_a_failing_candidate():
    def scorer(estimator, X, y):
        if estimator.l1 == L1S[0]:
            raise RuntimeError("no such luck")
        return 1.0

    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, scoring=scorer)
    with pytest.warns(FitFailedWarning, match=r"l1=0.01 failed on fold 0, 1 .*no such luck"):
        search.fit(IRIS_X, IRIS_Y)
    assert search.best_index_ == 1


def test_all_candidates_fail():
    search = MLPClassifierCV(**QUICK, l1s=L1S, scoring=lambda *rows: "high")
    with pytest.raises(ValueError, match="All 3 candidates failed.*must return a number"):
        search.fit(IRIS_X, IRIS_Y)
    assert not hasattr(search, "cv_results_")


def interrupt_after(monkeypatch, n_fits):
    """Let the user interrupt the fit after so many."""
    original, done = skreg._folds.fit, []

    def fit(*arguments):
        if len(done) == n_fits:
            raise KeyboardInterrupt
        done.append(1)
        return original(*arguments)

    monkeypatch.setattr(skreg._folds, "fit", fit)


def test_an_interrupted_search_keeps_what_is_done(monkeypatch):
    interrupt_after(monkeypatch, 5)
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2)
    with pytest.warns(UserWarning, match="interrupted: 2 of 3 candidates are complete"):
        search.fit(IRIS_X, IRIS_Y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, False, True]
    assert search.best_index_ in (0, 1)
    assert search.predict(IRIS_X).shape == IRIS_Y.shape


def test_an_interrupt_within_training_ends_the_search(monkeypatch):
    original, epochs = skreg._engine.Engine.train_epochs, []

    def train_epochs(self, rates, draws):
        epochs.append(1)
        if len(epochs) == 2 * QUICK["max_iter"] + 2:
            raise KeyboardInterrupt
        return original(self, rates, draws)

    monkeypatch.setattr(skreg._training, "LONGEST", 0)  # one epoch at a time
    monkeypatch.setattr(skreg._engine.Engine, "train_epochs", train_epochs)
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, refit=False)
    with pytest.warns(UserWarning, match="interrupted") as caught:
        search.fit(IRIS_X, IRIS_Y)
    assert len(epochs) == 2 * QUICK["max_iter"] + 2
    assert "1 of 3 candidates" in str(caught[-1].message)


def test_an_interrupt_before_anything_is_done(monkeypatch):
    interrupt_after(monkeypatch, 1)
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(IRIS_X, IRIS_Y)
    assert not hasattr(search, "cv_results_")


needs_signals = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="sends an interrupt to the thread that waits"
)


@pytest.fixture
def heard_interrupts():
    """Let SIGINT interrupt, even a job in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_at(monkeypatch, l1):
    """Let the user interrupt a search in two threads when both fit with the strength ``l1``."""
    original, both = skreg._folds.fit, threading.Barrier(2)

    def fit(trial, params, data, earlier=None):
        if params["l1"] == l1:
            if not both.wait(10):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            end = time.perf_counter() + 10
            while not data.brake.pulled and time.perf_counter() < end:
                time.sleep(0.001)
        return original(trial, params, data, earlier)

    monkeypatch.setattr(skreg._folds, "fit", fit)


@needs_signals
def test_an_interrupted_path_keeps_the_strengths_that_are_done(monkeypatch, heard_interrupts):
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, warm_path=True, n_jobs=2, refit=False)
    expected = search.fit(IRIS_X, IRIS_Y).cv_results_["mean_test_score"]
    interrupt_at(monkeypatch, L1S.max())
    with pytest.warns(UserWarning, match="interrupted: 2 of 3 candidates are complete"):
        found = search.fit(IRIS_X, IRIS_Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, np.where(L1S == L1S.max(), np.nan, expected))


@needs_signals
def test_no_fit_goes_on_behind_an_interrupt(monkeypatch, heard_interrupts):
    given = QUICK | {"max_iter": 10**7, "tol": 0.0, "n_iter_no_change": 10**7}
    interrupt_at(monkeypatch, 0.0)
    with pytest.raises(KeyboardInterrupt, match="before a candidate was done"):
        MLPClassifierCV(**given, l1s=[0.0, 0.1], cv=2, n_jobs=2).fit(IRIS_X, IRIS_Y)
    workers = [each for each in threading.enumerate() if each.name.startswith("skreg")]
    for worker in workers:
        worker.join(10)
    assert not any(worker.is_alive() for worker in workers)


def test_an_interrupted_refit_does_not_go_on_along_the_path(monkeypatch):
    search = MLPClassifierCV(**QUICK, l1s=[0.0, 1e-5, 1e-4], cv=2, warm_path=True)
    search.fit(IRIS_X, IRIS_Y)
    search.best_index_, search.best_params_ = 2, {"l1": 1e-4}
    original, epochs = skreg._engine.Engine.train_epochs, []

    def train_epochs(self, rates, draws):
        epochs.append(1)
        if len(epochs) == QUICK["max_iter"] + 3:  # within the second strength
            raise KeyboardInterrupt
        return original(self, rates, draws)

    monkeypatch.setattr(skreg._training, "LONGEST", 0)  # one epoch at a time
    monkeypatch.setattr(skreg._engine.Engine, "train_epochs", train_epochs)
    with pytest.warns(UserWarning, match="interrupted by user"):
        search._refit((IRIS_X, IRIS_Y, None, None, None, None))
    assert len(epochs) == QUICK["max_iter"] + 3
    assert search.best_estimator_.l1 == 1e-4 and search.n_iter_ == 2
    assert "_brake" not in vars(search.best_estimator_)


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
    ],
)
def test_bad_settings(given, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifierCV(**QUICK | given).fit(IRIS_X, IRIS_Y)


# An estimator among others.


@pytest.mark.parametrize("CV", ESTIMATORS)
def test_without_refit_there_is_no_network(CV):
    X, y = (IRIS_X, IRIS_Y) if CV is MLPClassifierCV else (DIABETES_X, DIABETES_Y)
    search = CV(**QUICK, l1s=L1S, cv=2)
    with pytest.raises(NotFittedError):
        search.predict(X)
    search.set_params(refit=False).fit(X, y)
    assert search.l1_ in L1S
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "coefs_")
    with pytest.raises(AttributeError, match="predict needs the network .* refit=True, or fit"):
        search.predict(X)


@pytest.mark.parametrize(
    "name",
    ["predict", "predict_proba", "predict_log_proba", "decision_function", "compress",
     "sample_predictions", "penalty_breakdown"],
)  # fmt: skip
def test_without_refit_there_are_no_methods_of_the_network(name):
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2)
    assert hasattr(search, name)
    search.set_params(refit=False)
    assert not hasattr(search, name)
    search.fit(IRIS_X, IRIS_Y)
    assert not hasattr(search, name)
    assert callable(getattr(search.set_params(refit=True).fit(IRIS_X, IRIS_Y), name))
    assert inspect.getdoc(getattr(MLPClassifierCV, name)).startswith(("Predict", "Return", "Draw"))


class Linear(MLPRegressorCV):
    """A search with fewer parameters, and settings of its own."""

    def __init__(self, l1s=None):
        super().__init__((), l1s=l1s, solver="lbfgs", max_iter=50)


def test_subclasses_may_have_fewer_parameters():
    search = clone(Linear(l1s=[1e-3, 1e-1])).fit(DIABETES_X, DIABETES_Y)
    assert [coef.shape for coef in search.coefs_] == [(10, 1)]
    assert (search.best_estimator_.solver, search.best_estimator_.max_iter) == ("lbfgs", 50)


def test_what_the_chosen_network_answers():
    search = MLPClassifierCV(**QUICK, l1s=L1S, dropout=0.2, cv=2).fit(IRIS_X, IRIS_Y)
    best = search.best_estimator_
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(search, name)(IRIS_X), getattr(best, name)(IRIS_X))
    draws = search.sample_predictions(IRIS_X, 3, random_state=0)
    np.testing.assert_array_equal(draws, best.sample_predictions(IRIS_X, 3, random_state=0))
    probabilities = search.predict_proba(IRIS_X, 3, random_state=0)
    np.testing.assert_allclose(probabilities, draws.mean(axis=0), rtol=1e-12)
    assert search.penalty_breakdown(IRIS_X, IRIS_Y) == best.penalty_breakdown(IRIS_X, IRIS_Y)
    np.testing.assert_allclose(search.compress().predict_proba(IRIS_X), best.predict_proba(IRIS_X))
    names = ["classes_", "loss_", "n_nonzero_", "feature_importances_", "history_", "t_"]
    for name in names:
        assert repr(getattr(search, name)) == repr(getattr(best, name))


def test_regressors_draw():
    search = MLPRegressorCV(**QUICK, dropout=0.2, l1s=[0.1], cv=2).fit(DIABETES_X, DIABETES_Y)
    mean, std = search.predict(DIABETES_X, True, n_draws=5, random_state=0)
    other = search.best_estimator_.predict(DIABETES_X, True, n_draws=5, random_state=0)
    np.testing.assert_array_equal(mean, other[0])
    np.testing.assert_array_equal(std, other[1])


def test_in_a_pipeline_pickled_and_cloned():
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2)
    pipeline = make_pipeline(StandardScaler(), search).fit(IRIS_X, IRIS_Y)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict(IRIS_X), pipeline.predict(IRIS_X))
    assert repr(clone(search).get_params()) == repr(search.get_params())
    assert is_classifier(search)
    assert is_regressor(MLPRegressorCV())
    assert get_tags(search).classifier_tags.multi_label


def test_score_goes_by_scoring():
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, scoring="neg_log_loss").fit(IRIS_X, IRIS_Y)
    proba = search.predict_proba(IRIS_X)[np.arange(IRIS_Y.size), IRIS_Y]
    assert search.score(IRIS_X, IRIS_Y) == pytest.approx(np.log(proba).mean())


def test_a_new_fit_forgets_the_last():
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2).fit(IRIS_X, IRIS_Y)
    search.set_params(refit=False).fit(IRIS_X[:, :2], IRIS_Y)
    assert search.n_features_in_ == 2
    assert not hasattr(search, "best_estimator_")


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
    if given.get("warm_path"):  # which has every strength on the last fold at once
        search.fit(IRIS_X, IRIS_Y)
    else:
        with pytest.warns(UserWarning, match="interrupted: 1 of 3"):
            search.fit(IRIS_X, IRIS_Y)
    n_done = np.isfinite(search.cv_results_["mean_test_score"]).sum()
    assert n_done == (3 if given.get("warm_path") else 1)
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


def test_scores_are_weighted_only_where_the_scorer_accepts_weights():
    weight = np.random.default_rng(0).random(len(IRIS_Y))
    search = MLPClassifierCV(**QUICK, l1s=[0.0], cv=2).fit(IRIS_X, IRIS_Y)
    assert search.score(IRIS_X, IRIS_Y, weight) == search.best_estimator_.score(
        IRIS_X, IRIS_Y, weight
    )
    search.set_params(scoring=lambda network, X, y: 0.5)
    assert search.score(IRIS_X, IRIS_Y) == 0.5
    with pytest.raises(ValueError, match="does not accept sample_weight; leave it out"):
        search.score(IRIS_X, IRIS_Y, weight)


def test_with_routing_the_score_gets_the_weights_that_the_scorer_requests():
    weight = np.random.default_rng(0).random(len(IRIS_Y))

    def searched(scoring):
        return MLPClassifierCV(**QUICK, l1s=[0.0], cv=2, scoring=scoring).fit(IRIS_X, IRIS_Y)

    with sklearn.config_context(enable_metadata_routing=True):
        asks, asks_not = (
            searched(get_scorer("accuracy").set_score_request(sample_weight=wants))
            for wants in (True, False)
        )
        plain, weighted = (asks.best_estimator_.score(IRIS_X, IRIS_Y, w) for w in (None, weight))
        assert plain != weighted == asks.score(IRIS_X, IRIS_Y, weight)
        for one in (asks_not, searched(lambda network, X, y: 0.5)):
            with pytest.raises(TypeError, match="does not request it; leave it out"):
                one.score(IRIS_X, IRIS_Y, weight)
        # Older releases of scikit-learn ask nothing of a scorer that is called by its name.
        with pytest.raises((UnsetMetadataPassedError, TypeError), match="sample_weight"):
            searched("accuracy").score(IRIS_X, IRIS_Y, weight)
