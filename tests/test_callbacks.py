"""Callbacks of scikit-learn: every epoch is a task, and a callback may end the fit."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import MLPClassifier, MLPClassifierCV, MLPRegressor
from skreg._callbacks import SILENCE, Watch

callback = pytest.importorskip("sklearn.callback")

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
GIVEN = {"hidden_layer_sizes": (8,), "max_iter": 6, "learning_rate_init": 0.01,
         "n_iter_no_change": 10, "random_state": 0}  # fmt: skip
SOLVERS = ["adam", "sgd", "lbfgs"]


class Recorder:
    """Writes down every hook, scores every network, and stops after so many epochs."""

    def __init__(self, limit=np.inf, scores=False):
        self.limit, self.calls, self.networks = limit, [], []
        if scores:
            self.on_fit_task_end = self.score

    def setup(self, estimator, context):
        self.calls.append(("setup", context.max_subtasks))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.calls.append(("end", context.task_name))
        return self.calls.count(("end", "epoch")) + self.calls.count(("end", "iteration")) >= (
            self.limit
        )

    def score(self, estimator, context, *, X, y, metadata, fitted_estimator):
        if context.task_name != "fit":
            self.networks.append((fitted_estimator, X, y, metadata))


class Everywhere(Recorder):
    """The same, handed on to the estimators inside."""

    max_propagation_depth = None


def make(Network=MLPClassifier, recorder=None, **given):
    network = Network(**GIVEN | given)
    return network if recorder is None else network.set_callbacks(recorder)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_an_epoch_is_a_task(solver):
    recorder = Recorder()
    make(solver=solver, recorder=recorder).fit(X, Y)
    epoch = [("begin", "epoch"), ("end", "epoch")]
    expected = [("setup", 6), ("begin", "fit"), *epoch * 6, ("end", "fit"), ("teardown", "fit")]
    assert recorder.calls == expected


def test_an_iteration_is_a_task():
    recorder = Recorder()
    network = make(solver="lbfgs", recorder=recorder).fit(X, Y)
    assert recorder.calls[0] == ("setup", 7)  # the last begins and never ends
    assert recorder.calls.count(("end", "iteration")) == len(network.loss_curve_) == 6
    assert recorder.calls[-1] == ("teardown", "fit")


def test_partial_fit_is_one_epoch():
    recorder = Recorder()
    network = make(recorder=recorder)
    for _ in range(3):
        network.partial_fit(X, Y, classes=[0, 1, 2])
    assert recorder.calls.count(("setup", 1)) == recorder.calls.count(("end", "epoch")) == 3
    assert recorder.calls.count(("teardown", "fit")) == 3 == network.n_iter_


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("Network", [MLPClassifier, MLPRegressor])
def test_a_callback_ends_the_fit(Network, solver):
    network = make(Network, Recorder(limit=3), solver=solver).fit(X, Y)
    assert network.n_iter_ == len(network.loss_curve_) == 3
    shorter = make(Network, solver=solver, max_iter=3).fit(X, Y)
    for coef, other in zip(network.coefs_, shorter.coefs_, strict=True):
        np.testing.assert_array_equal(coef, other)


@pytest.mark.parametrize("solver", SOLVERS)
def test_watching_changes_nothing(solver):
    watched = make(solver=solver, recorder=Recorder(scores=True), dropout=0.2 * (solver != "lbfgs"))
    plain = clone(watched).set_callbacks()
    for coef, other in zip(watched.fit(X, Y).coefs_, plain.fit(X, Y).coefs_, strict=True):
        np.testing.assert_array_equal(coef, other)
    assert set(vars(watched)) - set(vars(plain)) == {"_skl_callbacks"}


@pytest.mark.parametrize("given", [{}, {"weight_averaging": 0.9}, {"solver": "lbfgs"}],
                         ids=["adam", "averaged", "lbfgs"])  # fmt: skip
def test_callbacks_see_the_network_as_if_the_fit_had_ended(given):
    recorder, weight = Recorder(scores=True), np.linspace(1, 2, 150)
    make(recorder=recorder, **given).fit(X, Y, weight)
    assert len(recorder.networks) == 6
    for n_epochs, (network, rows, target, metadata) in enumerate(recorder.networks, start=1):
        shorter = make(**given | {"max_iter": n_epochs}).fit(X, Y, weight)
        np.testing.assert_array_equal(network.predict_proba(X), shorter.predict_proba(X))
        assert network.n_iter_ == n_epochs == len(network.history_["loss"])
        assert rows is X and target is Y and metadata["sample_weight"] is weight


def test_the_scores_of_scikit_learns_monitor():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    network = make(recorder=monitor).fit(X, Y)
    rows = monitor.get_logs().data
    scores = [row["accuracy"] for row in rows if row["task_name"] == "epoch"]
    assert len(scores) == 6
    assert scores[-1] == network.score(X, Y)


def test_callbacks_are_told_of_epochs_inside_of_a_search():
    recorder = Everywhere()
    model = make_pipeline(StandardScaler(), make())
    search = GridSearchCV(model, {"mlpclassifier__l2": [0.1, 1]}, cv=2).set_callbacks(recorder)
    search.fit(X, Y)
    assert recorder.calls.count(("end", "epoch")) == 6 * (2 * 2 + 1)
    assert not hasattr(search.best_estimator_[-1], "_parent_callback_ctx")


def test_a_failing_fit_is_torn_down_and_leaves_the_network_as_it_was():
    recorder = Recorder()
    network = make(recorder=recorder).fit(X, Y)
    before = dict(vars(network))
    with pytest.raises(ValueError, match="inconsistent"):
        network.fit(X, Y[:3])
    assert recorder.calls[-1] == ("teardown", "fit")
    assert vars(network) == before


def test_without_callbacks_nothing_is_made():
    network = make()
    assert Watch(network, 3)._root is None
    assert not Watch(network, 3).done("epoch")
    assert not SILENCE.end() and not hasattr(network, "_callback_fit_ctx")


def test_a_search_shows_its_network_when_it_has_one():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    search = MLPClassifierCV(**GIVEN | {"max_iter": 30}, l2s=[1e-3, 0.1], cv=2)
    search.set_callbacks(monitor).fit(X, Y)
    (row,) = monitor.get_logs().data
    assert row["accuracy"] == search.score(X, Y) > 0.5
