"""Patience against a plain count, and against the epochs at which scikit-learn stops."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from skreg import MLPClassifier
from skreg._stopping import Patience


@pytest.mark.parametrize("watches_score", [False, True])
def test_more_than_n_idle_epochs_exhaust_the_patience(watches_score):
    patience = Patience(watches_score, tol=0.1, n_iter_no_change=2)
    sign = 1 if watches_score else -1
    improved = [patience.observe(sign * value) for value in (1.0, 1.05, 1.2, 1.25)]
    assert improved == [True, True, True, True]  # each is the best so far,
    assert patience.count == 1  # but the second and the last are better by less than tol
    assert patience.best == sign * 1.25
    assert not patience.observe(sign * 1.0)
    assert not patience.exhausted
    patience.observe(sign * 1.0)
    assert patience.exhausted


def test_a_score_that_is_not_a_number_is_never_the_best():
    for watches_score in (False, True):
        patience = Patience(watches_score, 0.0, 1)
        assert not patience.observe(np.nan)
        assert np.isinf(patience.best)
        assert patience.observe(0.5)


def test_what_is_no_number_is_no_improvement():
    for watches_score, nothing in ((True, -np.inf), (False, np.inf)):
        patience = Patience(watches_score, 0.0, 2)
        for value in (nothing, np.nan, nothing):
            assert not patience.exhausted
            assert not patience.observe(value)
        assert patience.exhausted
        assert patience.observe(1.0) and not patience.exhausted


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_without_a_usable_score_the_latest_weights_are_kept(solver):
    X, y = noise()
    positive = X[y == 1][:5]
    given = {"solver": solver, "max_iter": 5, "random_state": 0, "tol": 0.0}
    watched = MLPClassifier((4,), early_stopping=True, scoring="roc_auc", **given)
    with pytest.warns(Warning) as caught:
        watched.fit(X, y, X_val=positive, y_val=np.ones(5, int))
    ours = [str(one.message) for one in caught if "No validation score" in str(one.message)]
    assert len(ours) == 1 and "Look at scoring='roc_auc'" in ours[0]
    plain = MLPClassifier((4,), **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain.fit(X, y)
    np.testing.assert_array_equal(watched.coefs_[0], plain.coefs_[0])


def test_the_margin_of_a_sum_is_that_of_its_mean():
    patience, counts = Patience(False, 0.1, 5, n_summed=4), []
    for value in (10.0, 9.7, 9.2, 9.1):  # means of 2.5, 2.425, 2.3 and 2.275
        patience.observe(value)
        counts.append(patience.count)
    assert counts == [0, 1, 0, 1]


def test_an_infinite_patience_never_ends():
    patience = Patience(False, 0.0, np.inf)
    for _ in range(1000):
        patience.observe(1.0)
    assert not patience.exhausted
    assert patience.least_left == np.inf


def test_patience_tells_how_many_epochs_it_lasts_at_least():
    patience, left = Patience(False, 0.0, 2), []
    for value in (1.0, 2.0, 0.5, 2.0, 2.0, 2.0, 2.0):
        left.append((patience.least_left, patience.exhausted))
        patience.observe(value)
    assert [n for n, _ in left] == [3, 3, 2, 3, 2, 1, 1]  # idle epochs count
    assert [exhausted for _, exhausted in left] == [False] * 6 + [True]


def test_the_message_is_scikit_learns():
    assert Patience(True, 1e-4, 10).message() == (
        "Validation score did not improve more than tol=0.000100 for 10 consecutive epochs."
    )
    assert Patience(False, 0.5, 3).message().startswith("Training loss did not improve")


def noise(n=120):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 5)), rng.integers(0, 2, n)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_early_stopping_restores_the_best_weights(solver):
    X, y = noise()
    network = MLPClassifier(
        (30,), solver=solver, early_stopping=True, n_iter_no_change=3, tol=0.0, l2=0.0,
        learning_rate_init=0.05, max_iter=500, random_state=0,
    ).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])  # fmt: skip
    scores = np.array(network.validation_scores_)
    assert network.n_iter_ == len(scores) < 500
    assert network.best_validation_score_ == scores.max()
    assert scores.max() > scores[-1]
    assert network.score(X[80:], y[80:]) == scores.max()
    np.testing.assert_array_equal(scores, network.history_["validation_score"])
    # Only the last four epochs in a row bring no improvement.
    before = np.maximum.accumulate(np.append(-np.inf, scores[:-1]))
    idle = scores < before
    runs = np.array([idle[max(0, i - 3) : i + 1].sum() for i in range(scores.size)])
    assert runs[-1] == 4 and (runs[:-1] < 4).all()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scoring_by_loss_stops_on_the_validation_loss(solver):
    X, y = noise()
    network = MLPClassifier(
        (30,), solver=solver, early_stopping=True, scoring="loss", n_iter_no_change=3,
        learning_rate_init=0.05, random_state=0,
    ).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])  # fmt: skip
    losses = network.history_["validation_loss"]
    assert network.n_iter_ < 200
    np.testing.assert_array_equal(network.history_["validation_score"], -losses)
    right = network.predict_proba(X[80:])[np.arange(40), y[80:]]
    assert -np.log(right).mean() == pytest.approx(losses.min(), rel=1e-12)


# What a fit says of its end.


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_fit_says_whether_it_stopped_early(solver):
    X, y = load_iris(return_X_y=True)
    given = {"solver": solver, "learning_rate_init": 0.05, "random_state": 0}
    network = MLPClassifier((8,), early_stopping=True, n_iter_no_change=3, **given)
    assert network.fit(X, y).stopped_early_ is True
    assert network.set_params(max_iter=2).fit(X, y).stopped_early_ is False
    assert network.set_params(early_stopping=False, max_iter=200).fit(X, y).stopped_early_ is False


def test_partial_fit_says_when_to_end_and_brings_the_best_weights_back():
    X, y = load_iris(return_X_y=True)
    network = MLPClassifier((8,), early_stopping=True, scoring="loss", n_iter_no_change=3,
                            learning_rate_init=0.3, random_state=0)  # fmt: skip
    losses, ends = [], []
    for _ in range(60):
        network.partial_fit(X[::2], y[::2], classes=[0, 1, 2], X_val=X[1::2], y_val=y[1::2])
        ends.append(network.stopped_early_)
        losses.append(log_loss(y[1::2], network.predict_proba(X[1::2])))
        if network.stopped_early_:
            break
    assert ends.count(True) == 1 and len(ends) > 4
    idle = np.array(network.history_["validation_loss"][-4:]) > min(losses) - 1e-4
    assert idle.all()
    assert losses[-1] == pytest.approx(min(losses[:-1]), rel=1e-9)
    assert -network.best_validation_score_ == pytest.approx(losses[-1], rel=1e-9)
