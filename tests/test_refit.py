"""The network that a search hands out: when it is fitted, and what it is then."""

import _thread
import threading
import time
import warnings

import joblib
import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold

import skreg._engine
import skreg._training
from skreg import MLPClassifier, MLPClassifierCV
from skreg._callbacks import Watch
from skreg._halving import Sweep
from skreg._parallel import Brake
from skreg._refit import Refit
from tests.searches import IRIS_X, IRIS_Y, QUICK

FOLDS = list(KFold(3, shuffle=True, random_state=0).split(IRIS_X))
L1S = np.geomspace(1e-5, 1, 9)  # three rounds: nine candidates, three and one
ALL_ROWS = IRIS_X, IRIS_Y, None, None, None, None


@pytest.fixture
def fits(monkeypatch):
    """Return a list that grows by the thread and the parameters of every refit."""
    original, done = Refit._fit, []

    def fit(self, visited, n_jobs, brake):
        done.append((threading.current_thread().name.split("_")[0], n_jobs, visited))
        return original(self, visited, n_jobs, brake)

    monkeypatch.setattr(Refit, "_fit", fit)
    return done


def halved(**given):
    search = MLPClassifierCV(**QUICK | {"max_iter": 18, "l1s": L1S, "cv": FOLDS} | given)
    return search.set_params(halving=True).fit(IRIS_X, IRIS_Y)


def test_it_goes_on_beside_the_last_round(fits):
    search = halved(n_jobs=2)
    assert fits == [("skreg", 1, [search.best_params_])]
    best = MLPClassifier(**QUICK | {"max_iter": 18, "l1": search.l1_}).fit(IRIS_X, IRIS_Y)
    np.testing.assert_array_equal(search.coefs_[0], best.coefs_[0])
    assert search.n_iter_ == best.n_iter_ == 18
    assert search.best_estimator_.get_params() == {**best.get_params(), "n_jobs": 2}
    assert search.refit_time_ > 0
    assert not {"_brake", "_keeps_anchor"} & set(vars(search.best_estimator_))


@pytest.mark.parametrize(
    "given",
    [{"n_jobs": 1}, {"n_jobs": 2, "verbose": True}, {"n_jobs": 2, "l1s": L1S[:6]},
     {"n_jobs": 2, "max_iter": 90, "tol": 10.0, "n_iter_no_change": 1}],
    ids=["one thread", "it prints", "two enter the last round", "all folds have stopped before"],
)  # fmt: skip
def test_it_comes_after_the_search(fits, given):
    search = halved(**given)
    assert fits == [("MainThread", given["n_jobs"], [search.best_params_])]


def test_without_refit_nothing_is_fitted(fits):
    halved(n_jobs=2, refit=False)
    assert fits == []


def test_it_comes_after_the_search_of_other_processes(fits):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        search = halved()
    assert fits == [("MainThread", None, [search.best_params_])]


def test_it_is_for_nothing_if_the_last_round_fails(fits):
    def scorer(network, X, y):
        if network.n_iter_ > 6:
            raise ValueError("too late")
        return -network.l1

    with pytest.warns(FitFailedWarning, match="too late"):
        search = halved(n_jobs=2, scoring=scorer)
    assert [(thread, params) for thread, _, params in fits] == [
        ("skreg", [{"l1": L1S[0]}]), ("MainThread", [{"l1": L1S[1]}]),
    ]  # fmt: skip
    assert search.l1_ == search.best_estimator_.l1 == L1S[1]


def refit(n_jobs=None, **given):
    return Refit(MLPClassifier(**QUICK | given), ALL_ROWS, n_jobs)


def test_an_error_is_raised_where_it_is_heard():
    failing = Refit(MLPClassifier(**QUICK), (IRIS_X, IRIS_Y[:9], *ALL_ROWS[2:]), None)
    failing.fit_ahead({"l1": 0.1}, Brake())
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        failing.of([{"l1": 0.1}])


def test_what_the_brake_has_ended_is_done_again_after_an_interrupted_search(monkeypatch):
    monkeypatch.setattr(skreg._training, "LONGEST", 0)  # one epoch at a time
    brake, fit = Brake(), refit()
    brake.pulled = True
    fit.fit_ahead({"l1": 0.1}, brake)
    assert fit.of([{"l1": 0.1}], interrupted=True)[0].n_iter_ == QUICK["max_iter"]
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        assert fit.of([{"l1": 0.1}], interrupted=False)[0].n_iter_ == 1


def test_what_the_brake_has_ended_is_not_polished_as_after_any_interrupt(monkeypatch):
    monkeypatch.setattr(skreg._training, "LONGEST", 0)  # one epoch at a time
    brake, fit = Brake(), refit()
    brake.pulled = True
    fit.fit_ahead({"l1": 0.1}, brake)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        best, _ = fit.of([{"l1": 0.1}])
    plain = MLPClassifier(**QUICK | {"l1": 0.1, "max_iter": 1, "polish": 0}).fit(IRIS_X, IRIS_Y)
    np.testing.assert_array_equal(best.coefs_[0], plain.coefs_[0])


@pytest.fixture
def sweeps(monkeypatch):
    """Return a list that grows by every sweep in rounds."""
    original, begun = Sweep.halve, []

    def halve(self, *given):
        begun.append(self)
        original(self, *given)

    monkeypatch.setattr(Sweep, "halve", halve)
    return begun


def wait_until(condition):
    patience = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.01)


def interrupt_after_the_last_round(sweep):
    wait_until(lambda: (sweep.ledger.n_epochs == 18).all(axis=1).any())
    time.sleep(0.1)  # the last outcome is booked, and the fit beside is waited for
    _thread.interrupt_main()
    wait_until(lambda: sweep._brake.pulled)


def test_an_interrupt_of_the_fit_beside_a_complete_round_keeps_what_it_has(
    monkeypatch, sweeps, heard_interrupts
):
    original, epochs = skreg._engine.Engine.train_epochs, []

    def train_epochs(self, rates, draws):
        if self.order.size == len(IRIS_X):  # all rows
            epochs.append(1)
            if len(epochs) == 2:
                interrupt_after_the_last_round(*sweeps)
        return original(self, rates, draws)

    monkeypatch.setattr(skreg._training, "LONGEST", 0)
    monkeypatch.setattr(skreg._engine.Engine, "train_epochs", train_epochs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = halved(n_jobs=2)
    said = {str(one.message) for one in caught}
    assert "Training interrupted by user." in said
    assert not any("Search interrupted" in message for message in said)
    assert search.cv_results_["n_epochs"].max() == 18
    assert search.best_estimator_.n_iter_ == len(epochs) == 2
    assert search.best_estimator_.n_jobs == 2


def test_an_impatient_user_is_told_that_the_fit_beside_is_done_again(
    monkeypatch, sweeps, heard_interrupts
):
    done_again, fit_beside, original = threading.Event(), Refit.fit_ahead, Refit.of

    def fit_ahead(self, params, brake):
        interrupt_after_the_last_round(*sweeps)
        time.sleep(0.1)
        _thread.interrupt_main()
        assert done_again.wait(60)
        fit_beside(self, params, brake)

    def of(self, *given):
        done_again.set()
        return original(self, *given)

    monkeypatch.setattr(Refit, "fit_ahead", fit_ahead)
    monkeypatch.setattr(Refit, "of", of)
    said = "Search interrupted: 1 of 9 candidates have completed round 3 of 3"
    with pytest.warns(UserWarning, match=said):
        search = halved(n_jobs=2)
    assert search.best_estimator_.n_iter_ == 18


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_in_the_last_callback_of_the_round_is_told_of(monkeypatch, n_jobs):
    original, told = Watch.done, []

    def done(self, name):
        told.append(name)
        if len(told) == (9 + 3 + 1) * len(FOLDS):
            raise KeyboardInterrupt
        return original(self, name)

    monkeypatch.setattr(Watch, "done", done)
    said = "Search interrupted: 1 of 9 candidates have completed round 3 of 3"
    with pytest.warns(UserWarning, match=said):
        search = halved(n_jobs=n_jobs)
    assert search.best_estimator_.n_iter_ == 18


def test_it_ends_with_the_search(monkeypatch, sweeps):
    brakes = []
    monkeypatch.setattr(Refit, "fit_ahead", lambda self, params, brake: brakes.append(brake))
    halved(n_jobs=2)
    assert brakes == [sweeps[0]._brake]


def test_an_interrupt_does_not_go_on_along_the_path(monkeypatch):
    original, epochs = skreg._engine.Engine.train_epochs, []

    def train_epochs(self, rates, draws):
        epochs.append(1)
        if len(epochs) == QUICK["max_iter"] + 3:  # within the second strength
            raise KeyboardInterrupt
        return original(self, rates, draws)

    monkeypatch.setattr(skreg._training, "LONGEST", 0)  # one epoch at a time
    monkeypatch.setattr(skreg._engine.Engine, "train_epochs", train_epochs)
    with pytest.warns(UserWarning, match="interrupted by user"):
        best, _ = refit().of([{"l1": strength} for strength in (0.0, 1e-5, 1e-4)])
    assert len(epochs) == QUICK["max_iter"] + 3
    assert best.l1 == 1e-4 and best.n_iter_ == 2
    assert "_brake" not in vars(best)
