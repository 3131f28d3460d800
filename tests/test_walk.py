"""Walks along strengths: unfinished networks, stuck ones, patterns, interrupts."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import skreg._engine
import skreg._training
from skreg import MLPClassifier, MLPRegressor, MLPRegressorCV, mlp_path, stability_selection
from skreg._null_model import null_on_demand
from skreg._parallel import Brake
from skreg._refit import Refit
from skreg._walk import can_be_emptied, walk
from tests.test_path import SMALL, curved

pytestmark = [
    pytest.mark.filterwarnings("ignore:At .* training has ended"),  # after so few epochs
    pytest.mark.filterwarnings("ignore:Training interrupted by user"),
]

SHORT = SMALL | {"max_iter": 20}  # 5 epochs at all strengths but the first


def interrupt(monkeypatch, n_epochs):
    """Let the user interrupt the training after so many epochs."""
    original, epochs = skreg._engine.Engine.train_epochs, []

    def train_epochs(self, rates, draws):
        epochs.append(1)
        if len(epochs) == n_epochs + 1:
            raise KeyboardInterrupt
        return original(self, rates, draws)

    monkeypatch.setattr(skreg._training, "LONGEST", 0)  # one epoch at a time
    monkeypatch.setattr(skreg._engine.Engine, "train_epochs", train_epochs)
    return epochs


# The network without weights.


@pytest.mark.parametrize(
    "factors, pattern, expected",
    [
        (None, None, True),
        ([0.5, 1.0], [0.5], True),
        ([0.0, 1.0], [0.5], False),
        ([0.5, 1.0], [0.0], False),
    ],
)
def test_a_linear_model_can_be_emptied_where_all_features_are_penalized(factors, pattern, expected):
    factors = None if factors is None else np.array(factors)
    null = SimpleNamespace(penalties=SimpleNamespace(factors=factors), patterns={"l1": pattern})
    assert can_be_emptied("l1", null) == expected


@pytest.mark.parametrize("axis", ["l1s", "group_l1s"])
def test_a_network_that_has_not_learned_the_mean_yet_is_kept(axis):
    X, y = curved()
    network = MLPRegressor((8,), max_iter=20, batch_size=50, random_state=0)
    with pytest.warns(ConvergenceWarning, match=f"At {axis[:-1]}=0 .* above the 0.365 .*Scale y"):
        path = mlp_path(X, y + 50, estimator=network, **{axis: [0.0, 1e-3, 1e-2]})
    assert path.n_nonzero.tolist() == [56, 56, 56] and path.n_epochs.tolist() == [20, 20, 20]
    assert path.loss[0] > path.loss[1] > path.loss[2] > 100 * y.var()
    plain = network.fit(X, y + 50)
    np.testing.assert_array_equal(path.coefs[0][0], plain.coefs_[0])


def test_unfinished_networks_do_not_make_all_features_unstable():
    X, y = curved()
    network = MLPRegressor((8,), max_iter=20, batch_size=50)
    selection = stability_selection(
        X, y + 50, estimator=network, l1s=[0.05], n_subsamples=4, random_state=0
    )
    assert selection.n_selected == 6 and selection.error_bound == pytest.approx(36 / (0.2 * 6))


def test_a_network_whose_weights_still_shrink_is_trained_on():
    X, y = curved()
    path = mlp_path(X, 20 * y, l1s=[1e-3, 5.0], **SMALL)
    empty = 400 * y.var() / 2
    assert path.n_nonzero[1] > 0
    assert path.loss[1] + path.penalty[1] < empty  # so it is better than nothing
    assert path.n_epochs[1] > 30 and path.n_epochs[1] % 15 == 0
    given = {"l2": 0.0, "learning_rate": "cosine", "learning_rate_init": 0.01}
    once = MLPRegressor(**SMALL, **given, l1=1e-3).fit(X, 20 * y)
    once.set_params(l1=5.0, max_iter=15, warm_start=True).fit(X, 20 * y)  # which does not show it
    assert once.penalty_breakdown(X, 20 * y)["objective"] > empty


def test_strength_zero_never_gives_way():
    X, y = curved()
    path = mlp_path(X, y, l1s=[0.0], l2=0.2, **SMALL)  # what is too strong is l2
    assert path.loss[0] < y.var() / 2 < path.loss[0] + path.penalty[0]
    assert path.n_nonzero.tolist() == [56] and path.n_epochs.tolist() == [60]


@pytest.mark.parametrize("frozen", [[0], (0,), np.array([0]), np.array([0, 1])])
def test_frozen_layers_never_give_way(frozen):
    X, y = curved()
    given = SHORT | {"hidden_layer_sizes": (4, 3), "solver": "sgd", "l2": 1.0}
    start = MLPRegressor(**given, frozen_layers=[0]).fit(X, 20 * y).coefs_[0]
    network = MLPRegressor(**given, frozen_layers=frozen)
    path = mlp_path(X, 20 * y, l1s=[1e-3, 0.1, 1.0], estimator=network)
    for coefs in path.coefs:
        np.testing.assert_array_equal(coefs[0], start)


# What is pulled to the start.


def test_all_of_a_path_is_pulled_to_where_it_has_begun():
    X, y = curved()
    network = MLPRegressor((), solver="lbfgs", l2=0.0, l2_anchor=5.0, tol=1e-9, random_state=0)
    path = mlp_path(X, y, estimator=network, l1s=np.linspace(1e-4, 1e-3, 10))
    alone = network.set_params(l1=1e-3).fit(X, y)
    np.testing.assert_allclose(path.coefs[-1][0], alone.coefs_[0], atol=1e-6)
    assert path.penalty[-1] == pytest.approx(sum(alone.penalty_breakdown().values()), rel=1e-5)


def test_all_of_a_warm_path_is_pulled_to_where_it_has_begun():
    X, y = curved()
    given = {"solver": "lbfgs", "l2": 0.0, "l2_anchor": 5.0, "tol": 1e-9, "random_state": 0}
    fits = [
        MLPRegressorCV((), l1s=l1s, cv=2, warm_path=True, **given).fit(X, y)
        for l1s in ([1e-3], np.linspace(1e-4, 1e-3, 10))
    ]
    scores = [fitted.cv_results_["mean_test_score"][-1] for fitted in fits]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    chosen = fits[1]
    alone = MLPRegressor((), l1=chosen.l1_, **given).fit(X, y)
    np.testing.assert_allclose(chosen.coefs_[0], alone.coefs_[0], atol=1e-6)


def test_the_network_chosen_along_a_path_has_its_next_start_for_an_anchor():
    X, y = curved()
    given = {"solver": "lbfgs", "l2_anchor": 5.0, "random_state": 0}
    search = MLPRegressorCV((), l1s=[1e-4, 1e-3], cv=2, warm_path=True, **given).fit(X, y)
    chosen = search.best_estimator_
    before = [coef.copy() for coef in chosen.coefs_]
    chosen.set_params(warm_start=True).fit(X, y)
    moved = sum(((old - new) ** 2).sum() for old, new in zip(before, chosen.coefs_, strict=True))
    assert chosen.penalty_breakdown()["l2_anchor"] == pytest.approx(2.5 * moved, rel=1e-9)


# Strengths that are patterns.


def test_a_pattern_multiplies_every_strength():
    X, y = curved()
    network = MLPRegressor(**SMALL, l1=[1, 0.5], l2=0.0)
    path = mlp_path(X, y, l1s=[0.02, 0.01], estimator=network)
    assert network.l1 == [1, 0.5] and path.strengths.tolist() == [0.01, 0.02]
    for strength, coefs, penalty in zip(path.strengths, path.coefs, path.penalty, strict=True):
        first, second = (abs(coef).sum() for coef in coefs)
        assert penalty == pytest.approx(strength * (first + second / 2), rel=1e-9)
    plain = MLPRegressor(**SMALL, l1=[0.01, 0.005], l2=0.0).fit(X, y)
    np.testing.assert_array_equal(path.coefs[0][0], plain.coefs_[0])


def test_a_pattern_may_be_given_as_a_keyword():
    X, y = curved()
    path = mlp_path(X, y, group_l1s=[1e-3, 0.02], group_l1=[1, 0], **SMALL)
    assert path.active_features[1].tolist() == [0, 1]
    norms = np.sqrt((path.coefs[1][0] ** 2).sum(axis=1))
    assert path.penalty[1] == pytest.approx(0.02 * norms.sum() * 8**0.5, rel=1e-9)


def test_the_automatic_grid_of_a_pattern_is_that_of_the_first_matrix():
    X, y = curved()
    short = SMALL | {"max_iter": 1}
    plain = mlp_path(X, y, l1s=3, **short).strengths
    scaled = mlp_path(X, y, l1s=3, l1=[4, 0], **short).strengths
    np.testing.assert_allclose(scaled, plain / 4, rtol=1e-12)
    with pytest.raises(ValueError, match=r"l1=\[0, 1\] leaves the first matrix out.*as l1s"):
        mlp_path(X, y, l1s=3, l1=[0, 1], **short)


def test_stability_selection_takes_patterns():
    X, y = curved()
    strengths = np.array([0.01, 0.02, 0.04])
    first, second, scalar = (
        stability_selection(X, y, n_subsamples=2, group_l1s=strengths / share, **given, **SMALL)
        for share, given in [(1, {"group_l1": [1, 0]}), (2, {"group_l1": [2, 0]}), (1, {})]
    )
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    assert (first.probabilities != scalar.probabilities).any()


# Interrupts.


def test_an_interrupted_path_returns_what_is_complete(monkeypatch):
    X, y = curved()
    given = {"l1s": [1e-3, 2e-3, 5e-3, 1e-2], **SHORT}
    full = mlp_path(X, y, **given)
    epochs = interrupt(monkeypatch, 20 + 5 + 2)
    with pytest.warns(UserWarning, match="Path interrupted: 2 of 4 strengths are complete"):
        path = mlp_path(X, y, **given)
    assert len(epochs) == 28  # and no other one after the interrupt
    np.testing.assert_array_equal(path.strengths, full.strengths[:2])
    np.testing.assert_array_equal(path.loss, full.loss[:2])
    assert len(path.coefs) == 2


def test_a_path_that_is_interrupted_at_its_first_strength(monkeypatch):
    interrupt(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt, match="before a strength was done"):
        mlp_path(*curved(), l1s=[1e-3, 2e-3], **SHORT)


@pytest.mark.parametrize("in_pairs, n_done", [(False, 3), (True, 2)])
def test_an_interrupted_selection_is_that_of_fewer_subsamples(in_pairs, n_done, monkeypatch):
    X, y = curved()
    given = {"l1s": [1e-2, 2e-2], "complementary_pairs": in_pairs, **SHORT}
    expected = stability_selection(X, y, n_subsamples=n_done, **given)
    interrupt(monkeypatch, 3 * 25 + 22)  # within the second strength of the fourth
    with pytest.warns(UserWarning, match=f"the result is that of n_subsamples={n_done}"):
        found = stability_selection(X, y, n_subsamples=8, **given)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert found.error_bound == expected.error_bound


def test_a_selection_that_is_interrupted_at_its_first_subsample(monkeypatch):
    interrupt(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt, match="before a subsample was done"):
        stability_selection(*curved(), l1s=[1e-2], n_subsamples=2, **SHORT)


def test_a_brake_ends_a_walk():
    X, y = curved()
    model = MLPRegressor(**SHORT)
    model._brake, rows = Brake(), (X, y, None)
    steps = walk(model, "l1", np.array([1e-3, 2e-3]), rows, null_on_demand(model, rows))
    next(steps)
    model._brake.pulled = True
    assert list(steps) == []


# What goes on from strength to strength.


def test_objectives_rise_with_the_strength_where_the_network_can_learn_all_rows():
    X, y = make_classification(
        500, 100, n_informative=5, n_redundant=5, n_clusters_per_class=8, class_sep=2.0,
        shuffle=False, random_state=1,
    )  # fmt: skip
    given = {"hidden_layer_sizes": (16,), "random_state": 0}
    path = mlp_path(scale(X), y, l1s=np.geomspace(1e-4, 1e-2, 8), **given)
    objectives = path.loss + path.penalty
    assert (np.diff(objectives) > 0).all()
    assert objectives[2] < 0.06  # with the moments of the strengths before .072, from scratch .073


@pytest.mark.parametrize("learning_rate", ["constant", "cosine"])
def test_moments_go_on_with_a_constant_rate_only(learning_rate):
    X, y = curved()
    network = MLPRegressor(
        (4,), learning_rate=learning_rate, max_iter=5, shuffle=False, random_state=0, tol=0.0
    )
    path = mlp_path(X, y, l2s=[1e-3, 2e-3], estimator=network, warm_max_iter=5)
    first = clone(network).set_params(l2=1e-3).fit(X, y)
    kept = copy.deepcopy(first).set_params(l2=2e-3, warm_start=True).fit(X, y)
    start = {"coef_init": first.coefs_, "intercept_init": first.intercepts_}
    fresh = clone(network).set_params(l2=2e-3).fit(X, y, **start)
    expected, other = (kept, fresh) if learning_rate == "constant" else (fresh, kept)
    np.testing.assert_array_equal(path.coefs[1][0], expected.coefs_[0])
    assert (path.coefs[1][0] != other.coefs_[0]).any()
    search = MLPRegressorCV(**{**network.get_params(), "l2s": [1e-3, 2e-3], "warm_path": True})
    search.set_params(cv=[(np.arange(len(y)), np.arange(9))]).fit(X, y)
    assert search.cv_results_["split0_test_score"][1] == expected.score(X[:9], y[:9])
    search.best_index_, search.best_params_ = 1, {"l2": 2e-3}
    refit = Refit(search._plain_estimator(), (X, y, None, None, None, None), None)
    best, _ = refit.of(search._visited())
    np.testing.assert_array_equal(best.coefs_[0], expected.coefs_[0])


def test_an_unfinished_classifier_is_told_to_scale_x():
    X, y = load_iris(return_X_y=True)
    network = MLPClassifier((8,), max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="far from its end. Scale X .StandardScaler., or"):
        mlp_path(X, y, l1s=[0.01], estimator=network)
