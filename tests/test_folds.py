"""Fits of folds: rows that are not copied, failures, and interrupts that keep what is done."""

import signal
import threading
import time
import tracemalloc
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import RepeatedKFold

import skreg._folds
from skreg import MLPClassifierCV, MLPRegressorCV
from skreg._folds import Data, Fold, Trial, rate
from tests.searches import DIABETES_X, DIABETES_Y, IRIS_X, IRIS_Y, L1S, QUICK

needs_signals = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="sends an interrupt to the thread that waits"
)


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


def test_one_thread_per_fit_and_all_of_them_for_the_refit():
    search = MLPClassifierCV(**QUICK, l1s=[0.1], n_jobs=2).fit(IRIS_X, IRIS_Y)
    assert search._plain_estimator().n_jobs == 1
    assert search.best_estimator_.n_jobs == 2


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


def test_a_score_that_fails_takes_neither_the_time_nor_the_epochs_of_the_fit():
    def scorer(network, X, y):
        raise ValueError("no score")

    rows = np.arange(3)
    trial = Trial(None, Fold(1, rows, rows, None), [], scorer)
    data = Data(IRIS_X, IRIS_Y, None, shown=IRIS_X, shown_y=IRIS_Y)
    outcome = rate(trial, 2, SimpleNamespace(n_iter_=7), data, 5.0)
    assert outcome[:2] == (2, 1) and np.isnan(outcome.score)
    assert outcome.fit_time == 5.0 and outcome.n_epochs == 7
    assert outcome.error == "ValueError: no score"


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


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_path_is_complete_strength_by_strength(n_jobs):
    strengths, calls, turn = np.geomspace(1e-5, 0.1, 10), [], threading.Lock()

    def scorer(network, X, y):
        with turn:
            calls.append(network.l1)
            if len(calls) == 41:
                raise KeyboardInterrupt
        return network.score(X, y)

    search = MLPClassifierCV(**QUICK, l1s=strengths, cv=5, warm_path=True, n_jobs=n_jobs,
                             refit=False)  # fmt: skip
    expected = search.fit(IRIS_X, IRIS_Y).cv_results_["mean_test_score"]
    search.set_params(scoring=scorer)
    with pytest.warns(UserWarning, match="interrupted: [78] of 10 candidates are complete"):
        found = search.fit(IRIS_X, IRIS_Y).cv_results_["mean_test_score"]
    n_done = np.isfinite(found).sum()
    assert n_done == 8 or n_jobs == 2  # the other thread may have been in the 40th fit
    np.testing.assert_array_equal(found[:n_done], expected[:n_done])
    # One step of each fold runs at a time; strength after strength begins.
    assert np.abs(np.diff(np.searchsorted(strengths, calls))).max() <= 1


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_paths_in_other_processes_are_those_of_threads(backend):
    search = MLPClassifierCV(**QUICK, l1s=L1S, dropouts=[0.0, 0.2], cv=3, warm_path=True)
    expected = search.fit(IRIS_X, IRIS_Y).cv_results_
    with joblib.parallel_config(backend, n_jobs=2):
        found = search.fit(IRIS_X, IRIS_Y).cv_results_
    for key in [key for key in found if key.endswith("_score") and "time" not in key]:
        np.testing.assert_array_equal(found[key], expected[key])


def test_the_step_behind_a_failure_begins_where_the_last_success_ended():
    original = skreg._folds.fit

    def fit(trial, params, data, earlier=None):
        if params["l1"] == middle:
            raise RuntimeError("no such luck")
        return original(trial, params, data, earlier)

    middle = np.sort(L1S)[1]
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, warm_path=True, refit=False)
    without = clone(search).set_params(l1s=np.delete(np.sort(L1S), 1)).fit(IRIS_X, IRIS_Y)
    with pytest.MonkeyPatch.context() as patch, pytest.warns(FitFailedWarning, match="no such"):
        patch.setattr(skreg._folds, "fit", fit)
        search.fit(IRIS_X, IRIS_Y)
    found = search.cv_results_["mean_test_score"][np.argsort(L1S)]
    assert np.isnan(found[1])
    np.testing.assert_array_equal(found[[0, 2]], without.cv_results_["mean_test_score"])


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
