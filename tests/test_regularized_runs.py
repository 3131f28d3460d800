"""Regularizers over the course of a run: calls that go on, early stopping, terms in the history."""

import numpy as np
import pytest
from sklearn.base import clone

from skreg import MLPRegressor
from skreg._penalties import TERMS
from tests.test_regularization import (
    COUNTS,
    FOR_LBFGS,
    IRIS,
    REGULARIZERS,
    SPECIES,
    X,
    Y,
    learned,
    make,
)

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

TRAIN, VALID = slice(0, 100), slice(100, 150)
STEADY = {"shuffle": False, "polish": 0}  # what a call that goes on cannot know of

regularizers = pytest.mark.parametrize("name", REGULARIZERS)
stochastic = pytest.mark.parametrize("solver", ["adam", "sgd"])


# Calls that go on.


@stochastic
@regularizers
def test_epochs_of_partial_fit_are_those_of_one_fit(name, solver):
    whole = make(name, solver=solver, dropout=0.2, **STEADY).fit(X, Y)
    parts = make(name, solver=solver, dropout=0.2, **STEADY)
    for _ in range(6):
        parts.partial_fit(X, Y)
    np.testing.assert_array_equal(learned(parts), learned(whole))
    for key, column in whole.history_.items():
        np.testing.assert_array_equal(parts.history_[key], column)


# Every fit has an anchor of its own.
@stochastic
@pytest.mark.parametrize("name", [n for n, p in REGULARIZERS.items() if "l2_anchor" not in p])
def test_a_warm_start_goes_on_where_the_fit_ended(name, solver):
    whole = make(name, solver=solver, **STEADY).fit(X, Y)
    parts = make(name, solver=solver, max_iter=3, warm_start=True, **STEADY).fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(learned(parts), learned(whole))


@stochastic
def test_label_smoothing_goes_on(solver):
    whole = make("label_smoothing", solver=solver, **STEADY).fit(IRIS, SPECIES)
    parts = make("label_smoothing", solver=solver, **STEADY)
    warm = make("label_smoothing", solver=solver, max_iter=2, warm_start=True, **STEADY)
    for _ in range(6):
        parts.partial_fit(IRIS, SPECIES, classes=[0, 1, 2])
    for _ in range(3):
        warm.fit(IRIS, SPECIES)
    np.testing.assert_array_equal(learned(parts), learned(whole))
    np.testing.assert_array_equal(learned(warm), learned(whole))


def distance(network, coefs):
    """Return the value of the penalty towards ``coefs``, for a strength of 0.4."""
    pairs = zip(network.coefs_, coefs, strict=True)
    return 0.2 * sum(((w - anchor) ** 2).sum() for w, anchor in pairs)


def starting_point():
    rng = np.random.default_rng(5)
    coefs = [rng.normal(size=(10, 6)), rng.normal(size=(6, 1))]
    return coefs, [rng.normal(size=6), rng.normal(size=1)]


@stochastic
def test_the_anchor_is_where_training_starts(solver):
    coefs, intercepts = starting_point()
    network = make(l2_anchor=0.4, solver=solver, batch_size=150, warm_start=True, max_iter=3)
    network.fit(X, Y, coef_init=coefs, intercept_init=intercepts)
    first = [w.copy() for w in network.coefs_]
    assert network.history_["l2_anchor"][0] == 0
    assert (np.diff(network.history_["l2_anchor"]) > 0).all()
    assert 0 < network.history_["l2_anchor"][-1] < distance(network, coefs)
    # A warm start pulls to the weights of the last fit, and back to given ones.
    network.fit(X, Y)
    assert network.history_["l2_anchor"][3] == 0
    network.set_params(max_iter=1).fit(X, Y, coef_init=coefs)
    assert network.history_["l2_anchor"][-1] == 0
    assert distance(network, coefs) < distance(network, first)


@stochastic
def test_partial_fit_keeps_the_anchor_of_its_first_call(solver):
    network = make(l2_anchor=0.4, solver=solver, batch_size=150, max_iter=2).fit(X, Y)
    anchor = [w.copy() for w in network.coefs_]
    expected = []
    for _ in range(4):
        expected.append(distance(network, anchor))
        network.partial_fit(X, Y)
    np.testing.assert_allclose(network.history_["l2_anchor"][2:], expected, rtol=1e-10, atol=1e-14)
    assert expected[0] == 0 < expected[1] < expected[3]
    # A fit in between moves the anchor.
    network.set_params(warm_start=True).fit(X, Y)
    network.partial_fit(X, Y)
    assert network.history_["l2_anchor"][-1] == 0


def test_a_strong_anchor_holds_the_weights():
    coefs, intercepts = starting_point()
    for solver in ("adam", "sgd", "lbfgs"):
        network = make(l2_anchor=1e4, l2=0, solver=solver, learning_rate_init=1e-5, max_iter=50)
        network.fit(X, Y, coef_init=coefs, intercept_init=intercepts)
        for w, anchor in zip(network.coefs_, coefs, strict=True):
            np.testing.assert_allclose(w, anchor, atol=2e-3)


def test_weights_set_by_hand_restart_the_average():
    network = make(weight_averaging=0.9, **STEADY).fit(X, Y)
    network.coefs_[0][:] = 0.5
    start = [w.copy() for w in network.coefs_], [w.copy() for w in network.intercepts_]
    network.set_params(learning_rate_init=1e-300).partial_fit(X, Y)
    for part, before in zip((network.coefs_, network.intercepts_), start, strict=True):
        for w, expected in zip(part, before, strict=True):
            np.testing.assert_allclose(w, expected, rtol=1e-14)


# The average.


def test_the_average_is_what_the_network_learned():
    # The weights after every step, of a network without an average, averaged by hand.
    steps = make(batch_size=150, solver="sgd", max_iter=1, **STEADY)
    average = None
    for _ in range(6):
        if average is None:
            steps.set_params(learning_rate_init=1e-300).partial_fit(X, Y)  # the starting weights
            steps.set_params(learning_rate_init=0.01)
            average = learned(steps)
            steps = make(batch_size=150, solver="sgd", max_iter=1, **STEADY)
        steps.partial_fit(X, Y)
        average = 0.7 * average + 0.3 * learned(steps)
    found = make(batch_size=150, solver="sgd", weight_averaging=0.7, **STEADY).fit(X, Y)
    np.testing.assert_allclose(learned(found), average, rtol=0, atol=1e-14)


@stochastic
def test_validation_sees_the_average(solver):
    network = make(solver=solver, weight_averaging=0.9, **STEADY)
    network.fit(X[TRAIN], Y[TRAIN], X_val=X[VALID], y_val=Y[VALID])
    for epoch in range(1, 7):
        shorter = clone(network).set_params(max_iter=epoch).fit(X[TRAIN], Y[TRAIN])
        expected = 0.5 * np.mean((shorter.predict(X[VALID]) - Y[VALID]) ** 2)
        assert network.history_["validation_loss"][epoch - 1] == pytest.approx(expected, rel=1e-12)
        r2 = shorter.score(X[VALID], Y[VALID])
        assert network.history_["validation_score"][epoch - 1] == pytest.approx(r2, rel=1e-10)


@pytest.mark.parametrize("name", ["weight_averaging", "everything"])
def test_early_stopping_restores_the_best_average(name):
    network = make(name, early_stopping=True, n_iter_no_change=3, learning_rate_init=0.05,
                   hidden_layer_sizes=(30,), max_iter=200, **STEADY)  # fmt: skip
    network.fit(X[TRAIN], Y[TRAIN], X_val=X[VALID], y_val=Y[VALID])
    scores = network.history_["validation_score"]
    best = int(scores.argmax())
    assert best < scores.size - 1 < 199
    assert network.score(X[VALID], Y[VALID]) == pytest.approx(scores[best], rel=1e-10)
    shorter = clone(network).set_params(early_stopping=False, max_iter=best + 1)
    np.testing.assert_array_equal(learned(shorter.fit(X[TRAIN], Y[TRAIN])), learned(network))


# The history.


@stochastic
@regularizers
def test_the_penalty_is_the_sum_of_its_terms(name, solver):
    network = make(name, solver=solver).fit(X, Y, sample_weight=COUNTS)
    history = network.history_
    total = sum(history[term] for term in TERMS)
    np.testing.assert_allclose(history["penalty"], total, rtol=1e-14)
    np.testing.assert_array_equal(network.loss_curve_, history["loss"] + history["penalty"])
    used = {term for term in TERMS if history[term].any()}
    assert used == {"l2"} | {term for term in TERMS if np.any(REGULARIZERS[name].get(term, 0))}


def penalties_by_hand(coefs, start, p):
    """Return the value of every term from the formulas in the estimators' documentation."""
    f = np.array(p["feature_penalty"] or np.ones(10))
    f[np.isinf(f)] = 0
    strength = {term: np.broadcast_to(p[term], 2) for term in TERMS}
    seen = {j for group in p["feature_groups"] or () for j in group}
    groups = [*(p["feature_groups"] or ()), *([j] for j in range(10) if j not in seen)]
    values = dict.fromkeys(TERMS, 0.0)
    for k, (w, anchor) in enumerate(zip(coefs, start, strict=True)):
        factor = f[:, None] if k == 0 else 1.0
        values["l1"] += strength["l1"][k] * (factor * abs(w)).sum()
        values["l2"] += strength["l2"][k] / 2 * (factor * w**2).sum()
        values["l2_anchor"] += strength["l2_anchor"][k] / 2 * ((w - anchor) ** 2).sum()
        for rows in groups if k == 0 else [[j] for j in range(w.shape[0])]:
            size = np.sqrt(w[rows].size) * (f[rows[0]] if k == 0 else 1.0)
            values["group_l1"] += strength["group_l1"][k] * size * np.linalg.norm(w[rows])
    return values


@pytest.mark.parametrize("name", FOR_LBFGS)
def test_the_last_row_of_lbfgs_has_the_terms_at_the_weights(name):
    coefs, intercepts = starting_point()
    network = make(name, solver="lbfgs").fit(X, Y, coef_init=coefs, intercept_init=intercepts)
    expected = penalties_by_hand(network.coefs_, coefs, network.get_params())
    for term in TERMS:
        assert network.history_[term][-1] == pytest.approx(expected[term], rel=1e-12)
    loss = 0.5 * np.mean((network.predict(X) - Y) ** 2)
    assert network.loss_ == pytest.approx(loss + sum(expected.values()), rel=1e-12)


@pytest.mark.parametrize(
    "name", [n for n, p in REGULARIZERS.items() if not p.keys() & {"max_norm", "frozen_layers"}]
)
def test_terms_of_an_epoch_of_one_step(name):
    # Groups are reported as the step leaves them, all else as it finds it: with steps of no
    # length there is no difference. The anchor is that of an earlier fit.
    coefs, intercepts = starting_point()
    network = make(name, batch_size=150, learning_rate_init=1e-300, max_iter=1)
    anchor = clone(network).fit(X, Y, coef_init=coefs, intercept_init=intercepts)
    expected = penalties_by_hand(anchor.coefs_, anchor.coefs_, network.get_params())
    for term in TERMS:
        assert anchor.history_[term][0] == pytest.approx(expected[term], rel=1e-12)


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("given", [{}, {"max_norm": 0.5}, {"max_norm": [None, 0.3]},
                                   {"solver": "sgd"}, {"solver": "sgd", "max_norm": 0.5},
                                   {"solver": "sgd", "nesterovs_momentum": False}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("groups", [None, REGULARIZERS["feature_groups"]["feature_groups"]])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_groups_are_measured_where_a_step_ends(given, groups, n_jobs):
    given = {"learning_rate_init": 0.1, "batch_size": 150, "n_jobs": n_jobs, **given}
    network = make(group_l1=[0.02, 0.05], feature_groups=groups, **given, **STEADY)
    for _ in range(3):  # an epoch is one step
        network.partial_fit(X, Y)
        expected = network.penalty_breakdown()["group_l1"]
        assert network.history_["group_l1"][-1] == pytest.approx(expected, rel=1e-9)


# Steps that follow the last epoch.


@pytest.mark.parametrize("name", ["group_l1", "feature_groups", "everything"])
@stochastic
def test_the_polish_never_raises_the_objective(name, solver):
    # What is left of a group after its last steps is set to zero, and constraints hold.
    coefs, intercepts = starting_point()
    init = {"coef_init": coefs, "intercept_init": intercepts}
    given = {"weight_averaging": 0.0, "solver": solver, "max_iter": 30, "shuffle": False}
    reached = []
    for polish in (0, 3, 10):
        network = make(name, polish=polish, **given).fit(X, Y, **init)
        terms = penalties_by_hand(network.coefs_, coefs, network.get_params())
        loss = 0.5 * np.mean((network.predict(X) - Y) ** 2)
        reached.append(loss + sum(terms.values()))
    if name == "everything":  # dropout and decay among them: zeros alone settle
        assert reached[2] <= reached[1] <= reached[0]
    else:
        assert reached[2] < reached[1] < reached[0]
    if network.max_norm is not None:
        for w in network.coefs_:
            assert np.linalg.norm(w, axis=0).max() <= network.max_norm * (1 + 1e-12)


def test_the_polish_leaves_frozen_and_excluded_weights_alone():
    coefs, intercepts = starting_point()
    network = MLPRegressor((6,), max_iter=3, polish=5, l1=0.01, group_l1=0.02, frozen_layers=[1],
                           feature_penalty=[1] * 9 + [np.inf], random_state=0)  # fmt: skip
    network.fit(X, Y, coef_init=coefs, intercept_init=intercepts)
    np.testing.assert_array_equal(network.coefs_[1], coefs[1])
    np.testing.assert_array_equal(network.intercepts_[1], intercepts[1])
    np.testing.assert_array_equal(network.coefs_[0][9], 0)
