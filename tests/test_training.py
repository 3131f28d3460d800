"""The loop between epochs: epochs against plain NumPy, history, warm starts, interrupts."""

import itertools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, log_loss
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor, _training
from skreg._engine import Engine
from skreg._history import History, history_keys
from skreg._kernels import epochs

SETTINGS = {"max_iter": 10, "shuffle": False, "random_state": 0, "polish": 0}


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X)[:150], scale(y)[:150]


@pytest.fixture(scope="module")
def classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 5))
    return X, (X @ rng.normal(size=(5, 3)) + rng.normal(size=(150, 3))).argmax(axis=1)


def same_weights(a, b):
    pairs = zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


# Epochs against formulas.


class Reference:
    """A linear model with squared error, trained as the papers' formulas say."""

    def __init__(self, network):
        self.p = network.get_params()
        self.w, self.b = network.coefs_[0].copy(), network.intercepts_[0].copy()
        self.m = [np.zeros_like(self.w), np.zeros_like(self.b)]
        self.v = [np.zeros_like(self.w), np.zeros_like(self.b)]
        self.t = 0

    def epoch(self, X, y):
        size = self.p["batch_size"]
        for start in range(0, y.size, size):
            batch, target = X[start : start + size], y[start : start + size, None]
            residual = (batch @ self.w + self.b - target) / target.size
            gradients = batch.T @ residual + self.p["l2"] * self.w, residual.sum(axis=0)
            norm = np.sqrt(sum((g**2).sum() for g in gradients))
            if self.p["clip_norm"] is not None and norm > self.p["clip_norm"]:
                gradients = [g * self.p["clip_norm"] / norm for g in gradients]
            self.step(gradients)

    def step(self, gradients):
        rate = self.p["learning_rate_init"]
        self.t += 1
        self.w *= 1 - rate * self.p["weight_decay"]
        for k, (w, g) in enumerate(zip((self.w, self.b), gradients, strict=True)):
            if self.p["solver"] == "adam":
                self.m[k] = self.p["beta_1"] * self.m[k] + (1 - self.p["beta_1"]) * g
                self.v[k] = self.p["beta_2"] * self.v[k] + (1 - self.p["beta_2"]) * g**2
                corrected = rate * np.sqrt(1 - self.p["beta_2"] ** self.t)
                corrected /= 1 - self.p["beta_1"] ** self.t
                w -= corrected * self.m[k] / (np.sqrt(self.v[k]) + self.p["epsilon"])
            else:
                self.m[k] = self.p["momentum"] * self.m[k] - rate * g
                ahead = self.p["nesterovs_momentum"]
                w += self.p["momentum"] * self.m[k] - rate * g if ahead else self.m[k]


@pytest.mark.parametrize("clip_norm", [None, 0.3])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam"},
        {"solver": "adam", "beta_1": 0.5, "epsilon": 1e-3},
        {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False},
        {"solver": "sgd", "nesterovs_momentum": False},
        {"solver": "sgd", "momentum": 0.7},
    ],
)
def test_epochs_agree_with_the_formulas(diabetes, parameters, weight_decay, clip_norm):
    X, y = diabetes
    start = {"coef_init": [np.full((10, 1), 0.3)], "intercept_init": [np.array([0.1])]}
    network = MLPRegressor(
        (), l2=0.05, batch_size=40, learning_rate_init=0.05, weight_decay=weight_decay,
        clip_norm=clip_norm, **SETTINGS | {"max_iter": 3}, **parameters,
    ).fit(X, y, **start)  # fmt: skip
    reference = Reference(network)
    reference.w, reference.b = np.full((10, 1), 0.3), np.array([0.1])
    for _ in range(3):
        reference.epoch(X, y)
    np.testing.assert_allclose(network.coefs_[0], reference.w, atol=1e-12)
    np.testing.assert_allclose(network.intercepts_[0], reference.b, atol=1e-12)


# What the history says.


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_history_has_a_row_per_epoch(classes, solver, early_stopping):
    network = MLPClassifier((6,), solver=solver, early_stopping=early_stopping,
                            max_iter=8, random_state=0).fit(*classes)  # fmt: skip
    history = network.history_
    assert tuple(history) == history_keys(2)
    assert {column.size for column in history.values()} == {network.n_iter_}
    assert len(network.loss_curve_) == network.n_iter_
    np.testing.assert_array_equal(network.loss_curve_, history["loss"] + history["penalty"])
    assert np.isnan(history["validation_loss"]).all() == (not early_stopping)
    assert np.isnan(history["learning_rate"]).all() == (solver == "lbfgs")
    assert np.isfinite(history["loss"]).all()


def test_the_last_row_of_lbfgs_is_the_objective_at_the_weights(classes):
    X, y = classes
    network = MLPClassifier((6,), solver="lbfgs", l2=0.01, max_iter=15, random_state=0).fit(X, y)
    assert network.history_["loss"][-1] == pytest.approx(log_loss(y, network.predict_proba(X)))
    penalty = 0.005 * sum((w**2).sum() for w in network.coefs_)
    assert network.history_["penalty"][-1] == pytest.approx(penalty, rel=1e-12)
    assert network.loss_ == pytest.approx(network.loss_curve_[-1], rel=1e-12)


def test_loss_and_penalty_are_means_over_the_epoch(diabetes):
    X, y = diabetes
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2.0, y.size)
    coefs, intercepts = [rng.normal(size=(10, 4)), rng.normal(size=(4, 1))], [np.ones(4), [0.5]]
    parameters = {**SETTINGS, "solver": "sgd", "l1": [0.01, 0.0], "l2": [0.0, 0.2], "max_iter": 1,
                  "learning_rate_init": 0.05, "momentum": 0.0, "batch_size": 50}  # fmt: skip
    whole = MLPRegressor((4,), **parameters)
    whole.fit(X, y, sample_weight=weight, coef_init=coefs, intercept_init=intercepts)
    loss, penalty, step = 0.0, 0.0, MLPRegressor((4,), **parameters)
    for rows in (slice(0, 50), slice(50, 100), slice(100, 150)):
        hidden = np.maximum(X[rows] @ coefs[0] + intercepts[0], 0)
        residual = (hidden @ coefs[1] + intercepts[1])[:, 0] - y[rows]
        loss += (weight[rows] * residual**2).sum() / 2
        penalty += weight[rows].sum() * (0.01 * abs(coefs[0]).sum() + 0.1 * (coefs[1] ** 2).sum())
        step.fit(X[rows], y[rows], sample_weight=weight[rows], coef_init=coefs,
                 intercept_init=intercepts)  # fmt: skip
        coefs, intercepts = step.coefs_, step.intercepts_
    assert whole.history_["loss"][0] == pytest.approx(loss / weight.sum(), rel=1e-12)
    assert whole.history_["penalty"][0] == pytest.approx(penalty / weight.sum(), rel=1e-12)


def test_n_nonzero_counts_weights_without_biases(diabetes):
    network = MLPRegressor((4,), l1=0.05, learning_rate_init=0.02, **SETTINGS).fit(*diabetes)
    counted = sum(np.count_nonzero(coef) for coef in network.coefs_)
    assert 0 < counted < 44
    assert network.history_["n_nonzero"][-1] == counted
    per_layer = [network.history_[f"n_nonzero_{k}"][-1] for k in range(2)]
    assert per_layer == [np.count_nonzero(coef) for coef in network.coefs_]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_validation_columns_equal_an_independent_computation(classes, solver):
    X, y = classes
    weight = np.random.default_rng(0).uniform(0, 2, 50)
    network = MLPClassifier((6,), solver=solver, dropout=0.2 * (solver == "adam"),
                            max_iter=4, random_state=0)  # fmt: skip
    network.fit(X[50:], y[50:], X_val=X[:50], y_val=y[:50], sample_weight_val=weight)
    expected = log_loss(y[:50], network.predict_proba(X[:50]), sample_weight=weight)
    assert network.history_["validation_loss"][-1] == pytest.approx(expected, rel=1e-10)
    score = network.score(X[:50], y[:50], sample_weight=weight)
    assert network.history_["validation_score"][-1] == pytest.approx(score, rel=1e-12)


# Going on.


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_warm_start_continues_to_the_bit(diabetes, solver, dropout):
    parameters = {**SETTINGS, "solver": solver, "dropout": dropout, "l1": 1e-3, "batch_size": 32}
    whole = MLPRegressor((6,), **parameters).fit(*diabetes)
    halves = MLPRegressor((6,), warm_start=True, **parameters).set_params(max_iter=5)
    halves.fit(*diabetes).fit(*diabetes)
    assert same_weights(whole, halves)
    assert halves.n_iter_ == 5 and halves.t_ == whole.t_ == 1500
    for key in ("loss", "penalty", "n_nonzero"):
        np.testing.assert_array_equal(halves.history_[key], whole.history_[key])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_calls_of_partial_fit_equal_epochs_to_the_bit(diabetes, solver, dropout):
    parameters = {**SETTINGS, "solver": solver, "dropout": dropout, "l1": 1e-3, "batch_size": 32}
    whole = MLPRegressor((6,), **parameters).set_params(max_iter=5).fit(*diabetes)
    steps = MLPRegressor((6,), **parameters)
    for _ in range(5):
        steps.partial_fit(*diabetes)
    assert same_weights(whole, steps)
    assert steps.n_iter_ == len(steps.loss_curve_) == 5


def test_a_warm_start_with_lbfgs_goes_down_from_where_it_was(diabetes):
    network = MLPRegressor((6,), solver="lbfgs", warm_start=True, max_iter=5, random_state=0)
    first = network.fit(*diabetes).loss_
    network.fit(*diabetes)
    assert network.loss_ < first
    assert network.n_iter_ == 5
    assert network.history_["loss"].size == 10


def test_a_new_run_begins_with_new_patience_and_no_best_weights(classes):
    X, y = classes
    network = MLPClassifier((8,), early_stopping=True, n_iter_no_change=2, max_iter=40,
                            learning_rate_init=0.05, warm_start=True, random_state=0)  # fmt: skip
    network.fit(X, y)
    best, epochs = network.best_validation_score_, network.n_iter_
    other = (y + 1) % 3  # with other labels the old network is as bad as can be
    network.fit(X, other)
    assert network.n_iter_ > 3
    assert network.score(X, other) > 0.5
    assert network.best_validation_score_ == max(network.validation_scores_[epochs:])
    assert network.best_validation_score_ != best


def test_partial_fit_after_fit_waits_anew(classes):
    X, y = classes
    network = MLPClassifier((8,), early_stopping=True, n_iter_no_change=3, random_state=0,
                            learning_rate_init=0.05)  # fmt: skip
    network.fit(X[50:], y[50:], X_val=X[:50], y_val=y[:50])
    before = [coef.copy() for coef in network.coefs_]
    network.partial_fit(X[50:], y[50:], X_val=X[:50], y_val=y[:50])
    assert not any(np.array_equal(a, b) for a, b in zip(before, network.coefs_, strict=True))


def test_partial_fit_restores_the_best_weights_when_patience_ends(classes):
    X, y = classes
    network = MLPClassifier((8,), early_stopping=True, n_iter_no_change=3, random_state=0,
                            learning_rate_init=0.1)  # fmt: skip
    for calls in itertools.count(1):
        network.partial_fit(X[50:], y[50:], classes=[0, 1, 2], X_val=X[:50], y_val=y[:50])
        scores = np.array(network.validation_scores_)
        if calls > 4 and (scores[-4:] < scores[:-4].max() + 1e-4).all():
            break
    assert network.score(X[:50], y[:50]) == network.best_validation_score_ == scores.max()


def test_weights_that_early_stopping_kept_do_not_come_back_once_it_is_off(classes):
    X, y = classes
    rows = {"X": X[50:], "y": y[50:], "X_val": X[:50], "y_val": y[:50]}
    network = MLPClassifier((8,), early_stopping=True, n_iter_no_change=2, random_state=0)
    kept = network.partial_fit(**rows, classes=[0, 1, 2]).coefs_[0].copy()
    network.set_params(early_stopping=False)
    for _ in range(6):
        network.partial_fit(**rows)
        assert not np.array_equal(network.coefs_[0], kept)
    assert network.best_loss_ == min(network.loss_curve_[1:])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"early_stopping": True, "scoring": "loss"}),
        ({"early_stopping": True}, {"scoring": "loss"}),
        ({"early_stopping": True}, {"scoring": get_scorer("neg_log_loss")}),
    ],
    ids=["training loss", "accuracy", "accuracy, then a scorer"],
)
def test_a_score_is_no_measure_for_scores_of_another_kind(classes, before, after):
    X, y = classes
    rows = {"X": X[50:], "y": y[50:], "X_val": X[:50], "y_val": y[:50]}
    network = MLPClassifier((8,), n_iter_no_change=2, random_state=0, **before)
    for _ in range(3):
        network.partial_fit(**rows, classes=[0, 1, 2])
    network.set_params(**after)
    for n_calls in range(1, 6):  # the loss falls all the time
        network.partial_fit(**rows)
        assert network.best_validation_score_ == max(network.validation_scores_[-n_calls:]) < 0
        assert not network.stopped_early_


def test_each_exhausted_patience_is_told_once(classes):
    X, y = classes
    network = MLPClassifier((8,), early_stopping=True, n_iter_no_change=2, random_state=0,
                            learning_rate_init=1e-9)  # fmt: skip
    stopped = []
    for _ in range(12):  # the first score is the best, and nothing changes it
        network.partial_fit(X[50:], y[50:], classes=[0, 1, 2], X_val=X[:50], y_val=y[:50])
        stopped.append(network.stopped_early_)
    assert stopped == [False, False, False, True] + [False, False, True] * 2 + [False] * 2


def test_an_epoch_counts_though_its_score_was_interrupted(diabetes):
    n_scores = iter(range(4))

    def scorer(network, X, y):
        if next(n_scores) == 3:
            raise KeyboardInterrupt
        return 0.5

    X, y = diabetes
    network = MLPRegressor((4,), scoring=scorer, random_state=0, weight_averaging=0.9)
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit(X[:90], y[:90], X_val=X, y_val=y)
    assert network.n_iter_ == len(network.loss_curve_) == 4
    assert network.t_ == 4 * 90
    np.testing.assert_array_equal(network.history_["validation_score"], [0.5, 0.5, 0.5, np.nan])
    # The average, which the scorer has seen, predicts.
    same = MLPRegressor((4,), random_state=0, weight_averaging=0.9, max_iter=4).fit(X[:90], y[:90])
    np.testing.assert_array_equal(network.coefs_[0], same.coefs_[0])


def test_an_epoch_that_improved_is_not_idle_because_its_score_was_interrupted(diabetes):
    def scorer(network, X, y):
        raise KeyboardInterrupt

    X, y = diabetes
    network = MLPRegressor((4,), scoring=scorer, random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit(X, y, X_val=X, y_val=y)
    assert network._progress_state["count"] == 0
    assert network.best_loss_ == network.loss_curve_[0]


# Epochs in a row.


@pytest.fixture
def calls(monkeypatch):
    """Collect how many epochs each call of the engine runs."""
    original, sizes = Engine.train_epochs, []

    def train_epochs(self, rates, draws):
        sizes.append(len(rates))
        return original(self, rates, draws)

    monkeypatch.setattr(Engine, "train_epochs", train_epochs)
    return sizes


RUNS = {
    "patience": {"tol": 0.05, "n_iter_no_change": 3, "max_iter": 60},
    "adaptive": {"learning_rate": "adaptive", "solver": "sgd", "learning_rate_init": 0.3,
                 "tol": 0.05, "n_iter_no_change": 2, "max_iter": 40},
    "invscaling": {"learning_rate": "invscaling", "solver": "sgd", "max_iter": 20},
    "one_cycle": {"learning_rate": "one_cycle", "n_iter_no_change": 2, "tol": 1.0, "max_iter": 25},
    "unshuffled": {"shuffle": False, "max_iter": 20},
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_epochs_in_a_row_are_those_one_by_one(classes, calls, monkeypatch, name):
    network = MLPClassifier((7,), random_state=3, l1=1e-3, batch_size=40, n_jobs=1)
    network.set_params(**RUNS[name])
    fits = []
    for longest in (0, 1e9):
        calls.clear()
        monkeypatch.setattr(_training, "LONGEST", longest)
        fits.append((clone(network).fit(*classes), list(calls)))
    (one_by_one, singles), (in_a_row, groups) = fits
    assert set(singles) == {1} and len(groups) < len(singles) / 1.5
    assert sum(groups) == sum(singles) == one_by_one.n_iter_ == in_a_row.n_iter_
    assert same_weights(one_by_one, in_a_row)
    assert one_by_one.t_ == in_a_row.t_ and one_by_one.loss_curve_ == in_a_row.loss_curve_
    for key, column in one_by_one.history_.items():
        np.testing.assert_array_equal(column, in_a_row.history_[key])


def test_epochs_in_a_row_end_where_weights_diverge(classes, calls, monkeypatch):
    monkeypatch.setattr(_training, "LONGEST", 1e9)
    X, y = classes
    network = MLPRegressor((7,), solver="sgd", learning_rate_init=1e3, momentum=0.0, random_state=0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        network.fit(1e3 * X, y)
    assert 1 <= len(calls) <= 2


@pytest.mark.parametrize(
    "given",
    [{"random_state": np.random.RandomState(0)}, {"random_state": None}, {"verbose": True},
     {"early_stopping": True}],
)  # fmt: skip
def test_who_shares_or_listens_is_asked_after_every_epoch(classes, calls, monkeypatch, given):
    monkeypatch.setattr(_training, "LONGEST", 1e9)
    MLPClassifier((7,), **{"random_state": 0, "max_iter": 5, **given}).fit(*classes)
    assert calls == [1] * 5


def test_an_interrupt_keeps_the_epochs_that_are_over(classes, monkeypatch):
    monkeypatch.setattr(_training, "LONGEST", 1e9)
    original, rounds = epochs.train_epochs, []

    def interrupted(*arguments):
        original(*arguments)
        rounds.append(arguments[-1].rates.size)
        if len(rounds) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(epochs, "train_epochs", interrupted)
    network = MLPClassifier((7,), random_state=0, max_iter=100, n_iter_no_change=8)
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit(*classes)
    monkeypatch.setattr(epochs, "train_epochs", original)
    assert rounds == [8, 9]  # untimed ones; no patience is exhausted before nine idle epochs
    assert network.n_iter_ == len(network.loss_curve_) == 17
    expected = MLPClassifier((7,), random_state=0, max_iter=17).fit(*classes)
    assert same_weights(network, expected)
    assert network.t_ == expected.t_
    assert network.best_loss_ == min(network.loss_curve_) == min(expected.loss_curve_)


@pytest.mark.parametrize(
    "flops, expected", [(1.0, _training.MOST_UNTIMED), (1e8, 4), (3.9e8, 1), (1e12, 1)]
)
def test_epochs_that_nobody_has_timed_are_few(flops, expected):
    pace = _training.Pace(1000, flops)
    assert pace.n_epochs(1000) == expected
    with pace:
        pass
    assert pace.n_epochs(1000) > 100  # what took no time


@pytest.mark.parametrize("n_calls", [1, 4, 12])
@pytest.mark.parametrize("booked", [False, True])
def test_an_interrupt_between_two_lines_books_each_epoch_once(
    classes, monkeypatch, booked, n_calls
):
    monkeypatch.setattr(_training, "LONGEST", 1e9)
    original, calls = History.append, []

    def append(self, **row):
        calls.append(row["loss"])
        if booked:
            original(self, **row)
        if len(calls) == n_calls:
            raise KeyboardInterrupt
        if not booked:
            original(self, **row)

    monkeypatch.setattr(History, "append", append)
    network = MLPClassifier((7,), random_state=0, max_iter=100, n_iter_no_change=8)
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit(*classes)
    monkeypatch.setattr(History, "append", original)
    n_epochs = 17 if n_calls == 12 else 8  # a round of eight, then one of nine
    assert network.n_iter_ == len(network.loss_curve_) == n_epochs
    expected = MLPClassifier((7,), random_state=0, max_iter=n_epochs).fit(*classes)
    assert network.loss_curve_ == expected.loss_curve_
    assert same_weights(network, expected)
    assert network.t_ == expected.t_


# Numbers that grow beyond all bounds, output and interrupts.


THREES = [[i, i + 1, i + 2] for i in range(0, 90, 3)]


@pytest.mark.parametrize("given", [{"l1": 0.1}, {"group_l1": 0.1},
                                   {"group_l1": 0.1, "feature_groups": THREES}])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_diverge_are_told_though_a_penalty_shrinks_them(given, dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 90)), rng.normal(size=30)
    network = MLPRegressor((), l2=0, solver="sgd", learning_rate="cosine", learning_rate_init=0.02,
                           max_iter=2000, batch_size=3, random_state=0, dtype=dtype,
                           **given)  # fmt: skip
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        network.fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_loss_that_is_no_number_is_told_though_the_weights_are(diabetes, solver):
    X, y = diabetes
    network = MLPRegressor((5,), solver=solver, max_iter=3, random_state=0, clip_norm=1.0)
    with pytest.warns(ConvergenceWarning, match="training loss is inf: .* Scale the features"):
        network.fit(X, y * 1e200)
    assert np.isfinite(network.coefs_[0]).all()


def test_a_penalty_that_is_no_number_is_told_though_the_loss_is_one(classes):
    network = MLPClassifier((8,), solver="sgd", momentum=0.0, learning_rate_init=0.1, l2=[0, 30.0],
                            dtype="float32", max_iter=90, n_iter_no_change=np.inf,
                            random_state=0)  # fmt: skip
    message = "penalty on the weights is inf: .* lower learning_rate_init; strengths of regulariz"
    with pytest.warns(ConvergenceWarning, match=message):
        network.fit(*classes)
    assert network.loss_ == np.inf and np.isfinite(network.history_["loss"][-1])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_verbose_prints_every_epoch(classes, solver, capsys):
    network = MLPClassifier((4,), solver=solver, max_iter=3, early_stopping=True, verbose=True,
                            random_state=0).fit(*classes)  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    losses = [f"Iteration {i + 1}, loss = {network.loss_curve_[i]:.8f}" for i in range(3)]
    scores = [f"Validation score: {score:f}" for score in network.validation_scores_]
    assert [line for line in lines if line.startswith("Iter")] == losses
    assert [line for line in lines if line.startswith("Valid")] == scores


@pytest.mark.parametrize("solver", ("adam", "lbfgs"))
def test_verbose_numbers_the_epochs_of_each_fit_from_one(diabetes, solver, capsys):
    network = MLPRegressor((4,), solver=solver, warm_start=True, max_iter=3, verbose=True,
                           random_state=0)  # fmt: skip
    for _ in range(2):
        network.fit(*diabetes)
    said = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert said == [f"Iteration {i}" for i in (1, 2, 3)] * 2


def test_verbose_says_why_training_stops(diabetes, capsys):
    network = MLPRegressor((4,), tol=1e3, n_iter_no_change=2, verbose=True, random_state=0)
    network.fit(*diabetes)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "Training loss did not improve more than tol=1000.000000 for 2 consecutive epochs. "
        "Stopping."
    )


class Interrupt:
    """A scorer that is interrupted at its third call."""

    def __init__(self):
        self.scores = []

    def __call__(self, network, X, y):
        if len(self.scores) == 2:
            raise KeyboardInterrupt
        self.scores.append(network.score(X, y))
        return self.scores[-1]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_an_interrupt_keeps_the_best_weights(diabetes, solver):
    X, y = diabetes
    scorer = Interrupt()
    network = MLPRegressor((4,), solver=solver, early_stopping=True, scoring=scorer,
                           l1=1e-3, random_state=0)  # fmt: skip
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        network.fit(X[50:], y[50:], X_val=X[:50], y_val=y[:50])
    assert network.score(X[:50], y[:50]) == max(scorer.scores)
    assert network.n_iter_ == len(network.loss_curve_) == 3
