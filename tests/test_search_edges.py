"""What a search and a callback owe the user where something goes wrong."""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

from skreg import (
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressor,
    MLPRegressorCV,
    mlp_path,
    stability_selection,
)
from skreg._history import History
from skreg._search import describe

X, Y = load_iris(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(Y.size)
X, Y = X[ORDER], Y[ORDER]
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 9, "learning_rate_init": 0.01, "random_state": 0}
NINE = np.geomspace(1e-5, 1, 9)


# Callbacks.


class Recorder:
    """Writes down who was set up and torn down, and fails if asked to."""

    def __init__(self, fails=False):
        self.fails, self.begun, self.ended = fails, [], []

    def setup(self, estimator, context):
        self.begun.append(estimator)

    def teardown(self, estimator, context):
        self.ended.append(estimator)

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if self.fails:
            raise RuntimeError("no such luck")


@pytest.mark.parametrize(
    "Network, given", [(MLPClassifier, {"classes": [0, 1, 2]}), (MLPRegressor, {})]
)
def test_partial_fit_hands_itself_to_its_callbacks(Network, given):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    network = Network(**QUICK).set_callbacks(recorder)
    network.partial_fit(X, Y, **given).partial_fit(X, Y)
    assert all(each is network for each in recorder.begun + recorder.ended)
    assert len(recorder.begun) == len(recorder.ended) == 2


@pytest.mark.parametrize(
    "Network, given", [(MLPClassifier, {"classes": [0, 1, 2]}), (MLPRegressor, {})]
)
def test_a_failing_partial_fit_is_torn_down_and_changes_nothing(Network, given):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder(fails=True)
    network = Network(**QUICK).set_callbacks(recorder)
    before = dict(vars(network))
    with pytest.raises(RuntimeError, match="no such luck"):
        network.partial_fit(X, Y, **given)
    assert len(recorder.ended) == 1
    assert vars(network) == before


@pytest.mark.parametrize(
    "Network, scoring, given",
    [(MLPClassifier, "accuracy", {"classes": [0, 1, 2]}), (MLPRegressor, "r2", {})],
)
def test_a_monitor_keeps_no_network(Network, scoring, given):
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring=scoring)
    network = Network(**QUICK).set_callbacks(monitor)
    for _ in range(3):
        network.partial_fit(X, Y, **given)
    assert not monitor._estimator_scorers


def test_a_history_converts_every_row_once():
    history, rows = History(1), []
    for epoch in range(4):
        history.append(loss=float(epoch), n_nonzero=epoch, n_nonzero_0=epoch)
        rows.append(len(history._rows))
        arrays = history.as_arrays()
        np.testing.assert_array_equal(arrays["loss"], np.arange(epoch + 1.0))
    assert rows == [1, 1, 1, 1]
    assert len(history) == 4 and arrays["n_nonzero"].dtype == np.int64


# Searches.


def infinite(estimator, X, y):
    return -np.inf


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("selection", ["best", "one_se"])
def test_a_choice_among_scores_that_are_infinite(selection):
    search = MLPRegressorCV(**QUICK, l1s=[0.0, 0.1], cv=2, scoring=infinite, selection=selection)
    assert search.fit(X, X[:, 0]).best_score_ == -np.inf


def until_the_second_round(estimator, X, y):
    return np.nan if estimator.n_iter_ > 1 else estimator.score(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("selection", ["best", "one_se"])
def test_halving_falls_back_where_all_survivors_fail(selection):
    search = MLPClassifierCV(**QUICK, l1s=NINE, cv=2, halving=True, selection=selection,
                             scoring=until_the_second_round)  # fmt: skip
    search.fit(X, Y)
    means = search.cv_results_["mean_test_score"]
    assert np.isnan(means).sum() == (3 if selection == "best" else 4)
    assert search.best_score_ == means[search.best_index_]
    assert np.isfinite(search.best_score_)
    if selection == "best":
        assert search.cv_results_["rank_test_score"][search.best_index_] == 1


def from_the_second_round_on(estimator, X, y):
    return estimator.score(X, y) if estimator.n_iter_ > 1 else -np.inf


def test_a_candidate_that_recovers_has_not_failed():
    search = MLPClassifierCV(**QUICK, l1s=NINE, cv=2, halving=True,
                             scoring=from_the_second_round_on)  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, Y)
    means = search.cv_results_["mean_test_score"]
    assert np.isfinite(means).sum() == 3
    told = " ".join(str(w.message) for w in caught if w.category is FitFailedWarning)
    for params, mean in zip(search.cv_results_["params"], means, strict=True):
        assert (f"{describe(params)} failed" in told) == np.isinf(mean)


class Ending:
    """A callback that ends a search after four fits: by request, or by an error."""

    def __init__(self, error=None):
        self.error, self.n_fits = error, 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.n_fits += 1
        if self.n_fits == 4 and self.error:
            raise self.error
        return self.n_fits == 4


# Threads race for the filters of warnings, so what is caught here differs from run to run.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_that_is_ended_gives_no_advice_of_joblib(monkeypatch):
    pytest.importorskip("sklearn.callback")
    given = []
    monkeypatch.setattr(joblib.Parallel, "_warn_exit_early", given.append)
    search = MLPClassifierCV(**QUICK, l1s=NINE, cv=2, n_jobs=2).set_callbacks(Ending())
    search.fit(X, Y)
    assert np.isnan(search.cv_results_["mean_test_score"]).any()
    assert not given


def test_no_fit_goes_on_behind_an_error():
    pytest.importorskip("sklearn.callback")
    callback = Ending(RuntimeError("no such luck"))
    search = MLPClassifierCV(**QUICK, l1s=NINE, cv=2, n_jobs=2).set_callbacks(callback)
    with pytest.raises(RuntimeError, match="no such luck") as caught:
        search.fit(X, Y)
    (frame,) = [each.frame.f_locals for each in caught.traceback if each.name == "run"]
    assert frame["results"].gi_frame is None  # closed, though the traceback holds it


class ByLabels(KFold):
    """A splitter that reads the index of the targets."""

    def split(self, X, y=None, groups=None):
        half = y.index.to_numpy() < y.index.to_numpy().mean()
        yield np.flatnonzero(half), np.flatnonzero(~half)

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


def by_label(estimator, X, y):
    return float(y.index.min())


def test_splitters_and_scorers_see_the_users_targets():
    pd = pytest.importorskip("pandas")
    y = pd.Series(Y, index=np.arange(Y.size) + 1000)
    ours = MLPClassifierCV(**QUICK, l1s=[0.0, 0.1], cv=ByLabels(2), scoring=by_label).fit(X, y)
    grid = {"l1": [0.0, 0.1]}
    theirs = GridSearchCV(MLPClassifier(**QUICK), grid, cv=ByLabels(2), scoring=by_label)
    assert ours.best_score_ == theirs.fit(X, y).best_score_ == 1075.0


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_a_score_of_too_few_rows_says_so():
    with pytest.raises(ValueError, match=r"All 1 .* scoring gives nan on the 1 row\(s\)"):
        MLPRegressorCV(**QUICK, l1s=[0.1], cv=5).fit(X[:5], X[:5, 0])


@pytest.mark.parametrize("form", [np.float32, np.array, lambda score: np.array([score])])
def test_scores_that_hold_one_number(form):
    search = MLPClassifierCV(**QUICK, l1s=[0.1], cv=2, scoring=lambda *rows: form(0.5))
    assert search.fit(X, Y).best_score_ == 0.5


# Paths.


@pytest.mark.parametrize(
    "given, message",
    [
        ({"n_strengths": 0}, "n_strengths=0"),
        ({"n_strengths": True}, "n_strengths=True"),
        ({"n_strengths": 2.5}, "n_strengths=2.5"),
        ({"eps": "small"}, "eps='small'"),
        ({"warm_max_iter": 2.5}, "warm_max_iter=2.5"),
        ({"warm_max_iter": "few"}, "warm_max_iter='few'"),
    ],
)
@pytest.mark.parametrize("function", [mlp_path, stability_selection])
def test_bad_numbers_of_a_path(function, given, message):
    with pytest.raises(ValueError, match=message):
        function(X, Y, **given)


@pytest.mark.parametrize("given", [{"sample_fraction": "half"}, {"threshold": None}])
def test_bad_numbers_of_a_selection(given):
    ((name, value),) = given.items()
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        stability_selection(X, Y, **given)


@pytest.mark.parametrize("function", [mlp_path, stability_selection])
def test_strengths_are_not_words(function):
    with pytest.raises(ValueError, match="l1s=.* must be a number of strengths or a list"):
        function(X, Y, l1s=["0.1", "0.2"])


@pytest.mark.filterwarnings("ignore:At l1=0.001:sklearn.exceptions.ConvergenceWarning")
def test_one_number_weighs_every_row_of_a_path():
    given = QUICK | {"l1s": [1e-3, 1e-2]}
    full = np.full(Y.size, 2.0)
    path, other = (
        mlp_path(X, Y, X_val=X, y_val=Y, sample_weight=weight, sample_weight_val=weight, **given)
        for weight in (2.0, full)
    )
    np.testing.assert_array_equal(path.coefs[1][0], other.coefs[1][0])
    np.testing.assert_array_equal(path.validation_score, other.validation_score)
    selections = [
        stability_selection(X, Y, sample_weight=weight, n_subsamples=4, **given)
        for weight in (2.0, full)
    ]
    np.testing.assert_array_equal(selections[0].probabilities, selections[1].probabilities)


def test_the_strength_that_a_path_changes_is_not_given_twice():
    with pytest.raises(ValueError, match=r"l1=5.0 was given.*as l1s"):
        mlp_path(X, Y, l1s=[0.1, 0.2], l1=5.0)


@pytest.mark.parametrize("y", [np.zeros(len(X)), X[:, 0]], ids=["constant", "told by a feature"])
def test_a_truth_value_is_no_number_of_strengths(y):
    with pytest.raises(ValueError, match="l1s=True must be a number of strengths or a list"):
        MLPRegressorCV(**QUICK, l1s=True, cv=2).fit(X, y)


def test_strengths_for_constant_targets_end_at_one():
    for number, expected in ((1, [1.0]), (3, [1e-3, np.sqrt(1e-3), 1.0])):
        search = MLPRegressorCV(**QUICK, l1s=number, cv=2, refit=False).fit(X, np.ones(len(X)))
        np.testing.assert_allclose([params["l1"] for params in search.cv_results_["params"]],
                                   expected)  # fmt: skip
