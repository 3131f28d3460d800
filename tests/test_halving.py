"""Successive halving: rounds, exact continuation, what is kept of the dropped."""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold

import skreg._runs
from skreg import MLPClassifier, MLPClassifierCV, MLPRegressorCV
from skreg._callbacks import SILENCE
from skreg._folds import Data
from skreg._halving import Sweep, rungs, survivors
from skreg._search import Ledger
from skreg.augmentation import GaussianNoise

X, Y = load_iris(return_X_y=True)
FOLDS = list(KFold(3, shuffle=True, random_state=0).split(X))
GIVEN = {"hidden_layer_sizes": (8,), "max_iter": 18, "learning_rate_init": 0.01,
         "batch_size": 20, "random_state": 1}  # fmt: skip
L1S = np.geomspace(1e-5, 1, 9)


@pytest.mark.parametrize(
    "n_candidates, max_iter, expected",
    [
        (10, 50, [(10, 5), (3, 16), (1, 50)]),
        (9, 18, [(9, 2), (3, 6), (1, 18)]),
        (27, 81, [(27, 3), (9, 9), (3, 27), (1, 81)]),
        (2, 50, [(2, 50)]),
        (30, 5, [(30, 1), (10, 5)]),
        (30, 1, [(30, 1)]),
    ],
)
def test_rounds(n_candidates, max_iter, expected):
    assert rungs(n_candidates, max_iter) == expected


def test_survivors_are_the_best_with_a_score():
    ledger = Ledger([{"l1": strength} for strength in (0.1, 0.2, 0.3, 0.4, 0.5)], 2)
    ledger.score[:] = [[0.5, 0.5], [np.nan, 1.0], [0.9, 0.9], [0.7, 0.7], [0.6, 0.6]]
    assert survivors(ledger, [0, 1, 2, 3], 2, "best") == [2, 3]
    assert survivors(ledger, [0, 1], 2, "best") == [0]
    assert survivors(ledger, [1], 2, "best") == []


def test_what_one_standard_error_would_choose_survives():
    ledger = Ledger([{"l1": strength} for strength in (0.1, 0.2, 0.3, 0.4, 0.5)], 2)
    ledger.score[:] = [[0.9, 0.7], [0.8, 0.78], [0.77, 0.77], [0.75, 0.75], [0.6, 0.6]]
    assert survivors(ledger, range(5), 2, "best") == [0, 1]
    assert survivors(ledger, range(5), 2, "one_se") == [0, 1, 3]  # 0.75 of 0.8 - 0.1
    assert survivors(ledger, range(3), 2, "one_se") == [0, 1, 2]
    assert survivors(ledger, [0, 1], 2, "one_se") == [0, 1]


def test_one_standard_error_chooses_the_strongest_of_equals():
    given = {"scoring": lambda network, X, y: 0.5, "refit": False}
    chosen = halved(**given, selection="one_se")
    assert chosen.l1_ == max(L1S)
    assert chosen.cv_results_["n_epochs"].tolist().count(GIVEN["max_iter"]) == 2
    assert halved(**given).l1_ == L1S[0]


def halved(**given):
    search = MLPClassifierCV(**GIVEN | given, l1s=L1S, cv=FOLDS, halving=True)
    return search.fit(X, Y)


def uninterrupted(l1, **given):
    """Return the scores of fits that nobody interrupts."""
    return [
        MLPClassifier(**GIVEN | given, l1=l1).fit(X[train], Y[train]).score(X[test], Y[test])
        for train, test in FOLDS
    ]


CONTINUED = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling"},
    "annealed": {"learning_rate": "one_cycle"},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "noise": {"augmentation": GaussianNoise(0.1)},
    "averaged": {"weight_averaging": 0.9},
    "anchored": {"l2_anchor": 0.1},
    "in order": {"shuffle": False},
    "single precision": {"dtype": "float32"},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 30},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 3, "tol": 1.0},
}


@pytest.mark.parametrize("n_done, is_interrupted", [(0, True), (1, True), (2, True), (3, False)])
def test_an_interrupt_ends_the_sweep_until_all_tasks_and_what_is_beside_are_back(
    n_done, is_interrupted
):
    done = []

    def call(*data):
        if len(done) == n_done:
            raise KeyboardInterrupt
        done.append(data)
        return [], False

    sweep = Sweep(Data(X, Y, None), Ledger([{"l1": 0.1}], 2), SILENCE, n_jobs=1)
    sweep.run(call, [(), ()], lambda outcomes: None, beside=call)
    assert len(done) == n_done and sweep.interrupted == is_interrupted


@pytest.mark.filterwarnings("ignore:The validation split is not stratified:UserWarning")
@pytest.mark.parametrize("name", CONTINUED)
def test_survivors_go_on_to_the_bit(name, monkeypatch):
    given, kept = CONTINUED[name], []
    original = skreg._runs.Run.keep

    def keep(self, flat, *rest):
        original(self, flat, *rest)
        kept.append((self.estimator.l1, self.index.size, self.estimator.n_iter_, flat))

    monkeypatch.setattr(skreg._runs.Run, "keep", keep)
    search = halved(**given, refit=False)
    table = search.cv_results_
    last = [flat for l1, _, n_epochs, flat in kept if l1 == search.l1_ and n_epochs == 18]
    assert len(last) == len(FOLDS)
    kept.clear()
    scores = uninterrupted(search.l1_, **given)
    for mine, (*_, other) in zip(last, kept, strict=True):
        np.testing.assert_array_equal(mine, other)
    for fold, score in enumerate(scores):
        assert table[f"split{fold}_test_score"][search.best_index_] == score


def test_the_dropped_stay_in_the_table_with_their_epochs():
    table = halved().cv_results_
    epochs = table["n_epochs"]
    assert np.unique(epochs, return_counts=True)[1].tolist() == [6, 2, 1]
    assert np.unique(epochs).tolist() == [2, 6, 18]
    assert np.isfinite(table["mean_test_score"]).all()
    order = np.argsort(table["rank_test_score"])
    assert (np.diff(epochs[order]) <= 0).all()
    for number in np.flatnonzero(epochs == 2):  # scored as they stood; polish is for the end
        scores = uninterrupted(L1S[number], polish=0, max_iter=2)
        assert table["mean_test_score"][number] == np.mean(scores)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_the_same_bits_everywhere(backend):
    expected = halved().cv_results_
    with joblib.parallel_config(backend=backend, n_jobs=2):
        table = halved().cv_results_
    for key in ("mean_test_score", "rank_test_score", "n_epochs"):
        np.testing.assert_array_equal(table[key], expected[key])


def test_a_run_that_stops_early_keeps_its_score():
    given = {"tol": 10.0, "n_iter_no_change": 1, "max_iter": 90}
    search = halved(**given)
    assert search.cv_results_["n_epochs"].max() == 3  # the first round would give them ten
    assert search.best_score_ == np.mean(uninterrupted(search.l1_, **given))


def test_validation_rows_of_ones_own():
    search = MLPClassifierCV(**GIVEN, early_stopping=True, l1s=L1S, cv=FOLDS, halving=True)
    search.fit(X, Y, X_val=X[::4], y_val=Y[::4])
    best = MLPClassifier(**GIVEN, early_stopping=True, l1=search.l1_)
    train, test = FOLDS[0]
    best.fit(X[train], Y[train], X_val=X[::4], y_val=Y[::4])
    score = search.cv_results_["split0_test_score"][search.best_index_]
    assert score == best.score(X[test], Y[test])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, where nothing is compiled
def test_candidates_that_diverge_do_not_survive():
    y = X[:, 0] - X[:, 1]
    given = {"solver": "sgd", "momentum": 0.0, "max_iter": 6, "random_state": 0}
    search = MLPRegressorCV((4,), **given, l2s=[1e200, 0.0, 1e-3, 1e200], cv=3, halving=True)
    with pytest.warns(FitFailedWarning, match=r"l2=1e\+200 failed on fold 0, 1, 2"):
        search.fit(X, y)
    assert search.l2_ in (0.0, 1e-3)
    assert search.cv_results_["rank_test_score"][[0, 3]].tolist() == [3, 3]


def test_a_candidate_that_fails_late_keeps_its_epochs():
    def scorer(network, X, y):
        if network.l1 == L1S[1] and network.n_iter_ > 2:
            raise ValueError("too late")
        return -network.l1

    search = MLPClassifierCV(**GIVEN, l1s=L1S, cv=FOLDS, halving=True, scoring=scorer, refit=False)
    with pytest.warns(FitFailedWarning, match="too late"):
        table = search.fit(X, Y).cv_results_
    assert table["n_epochs"].tolist() == [18, 6, 6, 2, 2, 2, 2, 2, 2]
    assert np.isnan(table["mean_test_score"][1])


def test_an_interrupted_round_leaves_the_last_one(monkeypatch):
    original, epochs = skreg._engine.Engine.train_epochs, []

    def train_epochs(self, rates, draws):
        epochs.append(1)
        if len(epochs) == 9 * 3 * 2 + 3 * 4 + 2:  # a round, one candidate of the next, and a bit
            raise KeyboardInterrupt
        return original(self, rates, draws)

    monkeypatch.setattr(skreg._training, "LONGEST", 0)  # one epoch at a time
    monkeypatch.setattr(skreg._engine.Engine, "train_epochs", train_epochs)
    said = "Search interrupted: 1 of 9 candidates have completed round 2 of 3"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = halved(refit=False)
    assert any(str(one.message).startswith(said) for one in caught)
    table = search.cv_results_
    assert np.isfinite(table["mean_test_score"]).all()
    assert np.unique(table["n_epochs"], return_counts=True)[1].tolist() == [8, 1]
    assert table["n_epochs"][search.best_index_] == 6
