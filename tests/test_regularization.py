"""Regularizers through the estimators: what they combine with, what they refuse, what they keep."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.optimize import approx_fprime
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor
from skreg._architecture import n_parameters
from skreg._kernels.solvers import ADAM, SGD, Rule
from skreg._objective import Objective
from skreg._penalties import TERMS, Terms, make_penalties
from skreg._regularization import WITHOUT_BATCHES, read_groups, solver_rule
from skreg.augmentation import FeatureSwap, GaussianNoise, Mixup
from tests.kernels.engines import make_engine
from tests.names import NO_REGULARIZERS, own_parameters

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X[:150]), scale(Y[:150])
IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = scale(IRIS)
COUNTS = np.random.default_rng(0).integers(0, 3, size=150)
GROUPS = [[0, 5], [9, 2, 7], [3]]
FACTORS = [1, 0, 2, 1, 0.5, 1, np.inf, 2, 0, 2]
FEW = [1.0, 2.0, 0.0, np.inf]  # factors for four features

REGULARIZERS = {
    "group_l1": {"group_l1": 0.05},
    "one strength per matrix": {"group_l1": [0.05, 0.0], "l2_anchor": [0.0, 0.3]},
    "feature_groups": {"group_l1": 0.05, "feature_groups": GROUPS},
    "feature_penalty": {"feature_penalty": FACTORS, "l1": 0.02, "l2": 0.1},
    "max_norm": {"max_norm": 0.7},
    "weight_averaging": {"weight_averaging": 0.8},
    "l2_anchor": {"l2_anchor": 0.4},
    "frozen_layers": {"frozen_layers": [0], "group_l1": 0.02},
    "everything": {
        **{"group_l1": 0.02, "feature_groups": GROUPS, "feature_penalty": FACTORS},
        **{"max_norm": 0.9, "weight_averaging": 0.7, "l2_anchor": 0.1, "l1": 0.01},
        **{"clip_norm": 0.5, "weight_decay": 0.1},
    },
}
OF_CLASSIFIERS = {"label_smoothing": {"label_smoothing": 0.3}}
FOR_LBFGS = ("feature_penalty", "l2_anchor")


def make(name=None, Estimator=None, **parameters):
    """Return an estimator with a regularizer of the tables."""
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 6, "random_state": 0,
                "learning_rate_init": 0.01, "batch_size": 40}  # fmt: skip
    given = {**REGULARIZERS, **OF_CLASSIFIERS}.get(name, {})
    Estimator = Estimator or (MLPClassifier if name in OF_CLASSIFIERS else MLPRegressor)
    return Estimator(**{**defaults, **given, **parameters})


def rows_of(name):
    """Return features and targets for a regularizer of the tables."""
    return (IRIS, SPECIES) if name in OF_CLASSIFIERS else (X, Y)


def learned(network):
    """Return all that was learned as one vector."""
    return np.concatenate([np.ravel(w) for w in network.coefs_ + network.intercepts_])


@pytest.fixture(params=[*REGULARIZERS, *OF_CLASSIFIERS])
def regularizer(request):
    return request.param


# The parameters themselves.


def test_regularizers_are_parameters_like_any_other(regularizer):
    network = make(regularizer)
    same = clone(network)
    assert same is not network and repr(same) == repr(network)
    for key, value in {**REGULARIZERS, **OF_CLASSIFIERS}[regularizer].items():
        assert same.get_params()[key] == value
        assert type(network)().set_params(**{key: value}).get_params()[key] == value
    before, (X, Y) = repr(network), rows_of(regularizer)
    network.fit(X, Y)
    assert repr(network) == before
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert repr(again) == before


def test_regularizers_change_what_is_learned(regularizer):
    network, (X, Y) = make(regularizer), rows_of(regularizer)
    plain = make(Estimator=type(network)).fit(X, Y)
    assert abs(learned(network.fit(X, Y)) - learned(plain)).max() > 1e-3


def test_decay_that_would_turn_weights_around_is_refused():
    network = make(weight_decay=3e2, learning_rate_init=1e-2)
    with pytest.raises(ValueError, match="weight_decay=300.0 times learning_rate_init=0.01 is"):
        network.fit(X, Y)
    assert network.set_params(weight_decay=1e2).fit(X, Y).loss_ < np.inf


def test_an_epsilon_that_single_precision_does_not_know_is_the_smallest_it_knows():
    network = make(dtype="float32", epsilon=1e-46).fit(X, Y)
    assert np.isfinite(network.loss_curve_).all()
    same = make(dtype="float32", epsilon=np.finfo(np.float32).tiny).fit(X, Y)
    np.testing.assert_array_equal(network.coefs_[0], same.coefs_[0])


@pytest.mark.parametrize("labels", (SPECIES, SPECIES > 0), ids=("multiclass", "binary"))
def test_smoothed_losses_are_not_clipped(labels):
    coef = 1e4 * np.random.default_rng(0).normal(size=(4, 3 if labels.dtype != bool else 1))
    network = MLPClassifier(
        (), solver="sgd", learning_rate_init=1e-300, max_iter=1, l2=0, label_smoothing=0.1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(IRIS, labels, coef_init=[coef])
    raw = network.decision_function(IRIS).reshape(len(IRIS), -1)
    raw = np.hstack([np.zeros_like(raw), raw]) if raw.shape[1] == 1 else raw
    target = np.full(raw.shape, 0.1 / raw.shape[1])
    target[np.arange(len(IRIS)), labels.astype(int)] += 0.9
    expected = (logsumexp(raw, axis=1) - (target * raw).sum(axis=1)).mean()
    last = network.penalty_breakdown(IRIS, labels)["loss"]
    np.testing.assert_allclose(last, expected, rtol=1e-10)
    assert expected > 1e2


GRIDS = {
    "group_l1": [0.0, 0.1, [0.0, 0.1]],
    "feature_groups": [None, [[0, 1], [2, 3]], [["a", "d"]]],
    "feature_penalty": [None, [1, 2, 0, np.inf], np.ones(4)],
    "max_norm": [None, 0.5, [None, 1.0]],
    "label_smoothing": [0.0, 0.2],
    "weight_averaging": [0.0, 0.9],
    "l2_anchor": [0.0, 0.5, (0.5, 0.0)],
    "frozen_layers": [None, [0], (-1,)],
}


@pytest.mark.parametrize("name", GRIDS)
def test_grids_over_every_parameter(name):
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    base = make("group_l1", MLPClassifier, max_iter=2)
    search = GridSearchCV(base, {name: GRIDS[name]}, cv=2, error_score="raise")
    search.fit(frame, SPECIES)
    assert len(search.cv_results_["params"]) == len(GRIDS[name])
    assert any(search.best_params_[name] is value for value in GRIDS[name])
    assert search.best_score_ > 0


def test_the_rule_of_the_solver():
    network = MLPRegressor(solver="sgd", momentum=0.3, nesterovs_momentum=False, clip_norm=2,
                           weight_decay=0.1, weight_averaging=0.9)  # fmt: skip
    assert solver_rule(network) == Rule(SGD, 0.3, 0, 0.9, 0.999, 1e-8, 0.1, 2.0, 0.9)
    network = MLPRegressor(beta_1=0.8, beta_2=0.9, epsilon=1e-3)
    assert solver_rule(network) == Rule(ADAM, 0.9, 1, 0.8, 0.9, 1e-3, 0.0, 0.0, 0.0)


def test_groups_of_the_columns_that_are_read():
    groups = (np.array([0, 2]), np.array([1]), np.array([3, 4]))
    assert read_groups(groups, None) is groups
    assert read_groups(None, np.array([0, 1])) is None
    found = read_groups(groups, np.array([0, 2, 4]))
    assert [group.tolist() for group in found] == [[0, 1], [2]]


# Errors.

MISTAKES = [
    ({"group_l1": [0.1]}, r"group_l1=\[0.1\] has 1 value, but the network has 2 weight matrices"),
    ({"group_l1": [0.1, np.nan]}, "group_l1=.* must be finite and >= 0 everywhere; 0 turns it off"),
    ({"group_l1": -1.0}, "'group_l1' parameter of MLPRegressor must be"),
    ({"l2_anchor": [1, 2, 3]}, "l2_anchor=.* has 3 values"),
    ({"l2_anchor": [0.1, -0.1]}, "l2_anchor=.* must be finite and >= 0"),
    ({"max_norm": [1.0]}, "max_norm=.* has 1 value"),
    ({"max_norm": [1.0, 0.0]}, "max_norm=.* must be > 0 everywhere; None sets no bound"),
    ({"max_norm": 0.0}, "'max_norm' parameter of MLPRegressor must be"),
    ({"max_norm": np.nan}, "'max_norm' parameter of MLPRegressor must be"),
    ({"weight_averaging": 1.0}, "'weight_averaging' parameter of MLPRegressor must be"),
    ({"feature_penalty": [1, 2]}, r"feature_penalty has the shape \(2,\), but X has 10 features"),
    ({"feature_penalty": [np.nan] * 10}, "feature_penalty=.* must hold numbers >= 0"),
    ({"feature_penalty": [np.inf] * 10}, "at least one feature must stay"),
    ({"feature_penalty": 2.0}, "'feature_penalty' parameter of MLPRegressor must be"),
    ({"feature_groups": [[0, 1], [1, 2]]}, "feature_groups names the column 1 twice"),
    ({"feature_groups": [[0, 10]]}, "names a column 10, but X has 10 features; give indices"),
    ({"feature_groups": [["age"]]}, "unknown column 'age'; X has no column names"),
    ({"feature_groups": [0, 1]}, "must be a list of lists of columns"),
    ({"feature_groups": "age"}, "'feature_groups' parameter of MLPRegressor must be"),
    (
        {"feature_groups": [[0, 1]], "feature_penalty": [1, 2] + [1] * 8, "group_l1": 0.1},
        r"feature_penalty=\[1.0, 2.0\] differs within the feature group \[0, 1\]; columns of one",
    ),
    ({"frozen_layers": [2]}, "frozen_layers=.* names a layer 2, but the network has 2 layers"),
    ({"frozen_layers": ["last"]}, "names a layer 'last'"),
    ({"frozen_layers": [True, False]}, "names a layer True, but the network has 2 layers"),
    ({"feature_groups": [[True, False]]}, "names a column True, but X has 10 features; give ind"),
    ({"feature_groups": [np.arange(10) < 2]}, "names a column (np.True_|True), but X has 10"),
    ({"frozen_layers": [0, 1]}, "freezes every layer; leave at least one to train"),
    ({"frozen_layers": 0}, "'frozen_layers' parameter of MLPRegressor must be"),
]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("given, message", MISTAKES)
def test_mistakes_are_named(given, message, solver):
    if solver == "lbfgs" and given.keys() & {"group_l1", "max_norm"}:
        message = "needs the steps of a stochastic solver|parameter of MLPRegressor must be"
    network = make(solver=solver, **given)
    with pytest.raises(ValueError, match=message):
        network.fit(X, Y)
    assert not hasattr(network, "coefs_")


@pytest.mark.parametrize("value", [1.0, -0.1, np.nan, "much"])
def test_label_smoothing_that_cannot_be(value):
    with pytest.raises(ValueError, match="'label_smoothing' parameter of MLPClassifier must be"):
        MLPClassifier(label_smoothing=value).fit(IRIS, SPECIES)


@pytest.mark.parametrize(
    "given",
    [
        {"group_l1": 0.1},
        {"group_l1": [0.0, 0.1]},
        {"max_norm": 2.0},
        {"max_norm": [None, 2.0]},
        {"weight_averaging": 0.9},
        {"dropout": 0.5},
        {"weight_decay": 0.1},
        {"clip_norm": 1.0},
    ],
)
def test_what_needs_steps_is_refused_by_lbfgs(given):
    ((name, value),) = given.items()
    with pytest.raises(ValueError) as refusal:
        make(solver="lbfgs", **given).fit(X, Y)
    message = str(refusal.value)
    assert message.startswith(f"{name}={value!r} needs the steps of a stochastic solver")
    assert "choose solver='adam' or 'sgd', or regularize with l1, l2, feature_penalty" in message


# One strong value of every regularizer, alone.
STRONG = {
    "l1": 0.1,
    "l2": 3.0,
    "dropout": 0.5,
    "input_dropout": 0.5,
    "weight_decay": 5.0,
    "clip_norm": 1e-3,
    "group_l1": 0.1,
    "feature_penalty": FEW,
    "max_norm": 0.3,
    "l2_anchor": 3.0,
    "frozen_layers": [0],
    "weight_averaging": 0.9,
    "label_smoothing": 0.3,
    "augmentation": GaussianNoise(3.0),
}


def test_every_regularizer_has_a_strong_value():
    forgotten = own_parameters() - NO_REGULARIZERS - STRONG.keys()
    assert not forgotten, f"give a value of {forgotten} that changes a fit"


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("name", STRONG)
def test_no_solver_passes_over_a_regularizer(name, solver):
    # The polish would apply a prox that no step of the solver knows of.
    plain = make(Estimator=MLPClassifier, solver=solver, polish=0)
    network = clone(plain).set_params(**{name: STRONG[name]})
    try:
        network.fit(IRIS, SPECIES)
    except ValueError as refusal:
        assert solver == "lbfgs" and name not in WITHOUT_BATCHES
        assert re.match(f"{name}=.*; choose solver='adam' or 'sgd', or", str(refusal))
        return
    change = abs(learned(network) - learned(plain.fit(IRIS, SPECIES))).max()
    assert change > 1e-3, (
        f"solver={solver!r} passes over {name}: CONTRIBUTING.md has the places of a penalty, and "
        "what lbfgs cannot do belongs in NEEDS_BATCHES of skreg/_regularization.py"
    )
    assert solver != "lbfgs" or name in WITHOUT_BATCHES, f"enter {name} in WITHOUT_BATCHES"


# Every term of the penalty for what works on all parameters at once: L-BFGS and the polish.


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_part_of_the_objective_and_has_a_prox(name):
    units, rng = (4, 3, 2), np.random.default_rng(0)
    flat = rng.normal(size=n_parameters(units))
    penalties = make_penalties(2, **{name: 0.7})
    with make_engine(units, np.ones((3, 4)), np.ones((3, 2)), penalties=penalties) as engine:
        objective = Objective(engine, penalties, np.zeros_like(flat))
        terms = objective.terms
        smooth, _ = terms.smooth(flat)
        values = terms.values(flat)
        assert values.keys() == set(TERMS)
        assert penalties.has_kinks == (terms.kinks(flat) > 0), f"does the polish serve {name}?"
        assert values[name] == pytest.approx(smooth + terms.kinks(flat), rel=1e-12) and values[name]
        reached = objective.prox(flat, 0.3)

    def cost(v):
        return 0.5 * ((v - flat) ** 2).sum() / 0.3 + terms.kinks(v)

    # Convex or not, the problem's solution costs less than what is around it.
    around = [reached + 10.0**-k * rng.normal(size=flat.size) for k in range(6) for _ in range(9)]
    message = f"`Objective.prox` of skreg/_objective.py does not solve the problem of {name}"
    assert cost(reached) <= min(map(cost, [flat, *around])), message


@pytest.mark.parametrize("name", TERMS)
def test_the_gradient_of_a_smooth_term_agrees_with_finite_differences(name):
    units, rng = (4, 3, 2), np.random.default_rng(0)
    flat, anchor = rng.normal(size=(2, n_parameters(units)))
    terms = Terms(units, make_penalties(2, **{name: [0.7, 0.3]}), anchor)
    numeric = approx_fprime(flat, lambda v: terms.smooth(v)[0], 1e-6)
    np.testing.assert_allclose(terms.smooth(flat)[1], numeric, atol=1e-5)


@pytest.mark.parametrize("name", TERMS)
def test_kernels_and_objective_have_the_same_term(name):
    """Without momentum, a step of sgd on all rows is a proximal step on the objective."""
    units, rate, rng = (4, 3, 2), 0.05, np.random.default_rng(0)
    rows = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
    flat, anchor = rng.normal(size=(2, n_parameters(units)))
    penalties = make_penalties(2, **{name: [0.7, 0.3]})
    with make_engine(units, *rows, penalties=penalties) as engine:
        objective = Objective(engine, penalties, anchor)
        expected = objective.prox(flat - rate * objective.smooth(flat)[1], rate)
        engine.set_anchor(anchor)
        engine.load(flat)
        values = dict(zip(TERMS, engine.train_epoch(rate)[1], strict=True))
        reached = engine.parameters()
    message = f"the kernels train on another {name} than `Terms` of skreg/_penalties.py has"
    np.testing.assert_allclose(reached, expected, rtol=0, atol=1e-12, err_msg=message)
    # The history has the term before the step, that of groups behind it.
    told = (objective.terms.values(where)[name] for where in (flat, reached))
    assert any(values[name] == pytest.approx(value, rel=1e-12) for value in told), message


@pytest.mark.parametrize(
    "given",
    [
        {"group_l1": [0.0, 0.0], "dropout": (0,)},
        {"group_l1": np.zeros(2), "max_norm": [None, np.inf], "clip_norm": None},
    ],
)
def test_what_is_off_is_not_refused(given):
    make(solver="lbfgs", **given).fit(X, Y)


# Columns.


def test_groups_may_be_named_by_the_columns_of_a_frame():
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)])
    named = make(group_l1=0.05, feature_groups=[["x0", "x5"], ["x9", "x2", 7], ["x3"]])
    expected = make("feature_groups").fit(X, Y)
    np.testing.assert_array_equal(learned(named.fit(frame, Y)), learned(expected))
    message = "feature_groups names an unknown column 'x10'; columns of X: .*'x0', 'x1'"
    with pytest.raises(ValueError, match=message):
        make(feature_groups=[["x10"]]).fit(frame, Y)
    with pytest.raises(ValueError, match="names the column 0 twice"):
        make(feature_groups=[["x0", 0]]).fit(frame, Y)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_groups_of_one_are_no_groups(solver):
    plain = make("group_l1", solver=solver).fit(X, Y)
    for groups in ([], [[3], [0]], [[]]):
        other = make("group_l1", solver=solver, feature_groups=groups).fit(X, Y)
        np.testing.assert_allclose(learned(other), learned(plain), rtol=0, atol=1e-13)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_values_of_an_excluded_feature_change_nothing(solver, container):
    parameters = {"feature_penalty": [1, np.inf] + [1] * 8, "solver": solver, "l1": 0.01}
    if solver != "lbfgs":
        parameters |= {"group_l1": 0.01, "clip_norm": 0.3, "l2_anchor": 0.1, "input_dropout": 0.2}
    network = make(**parameters).fit(container(X), Y)
    np.testing.assert_array_equal(network.coefs_[0][1], 0)
    assert np.delete(network.coefs_[0], 1, axis=0).any()
    other = X.copy()
    other[:, 1] = 1e6 * np.random.default_rng(0).normal(size=150)
    changed = make(**parameters).fit(container(other), Y)
    np.testing.assert_array_equal(learned(changed), learned(network))
    np.testing.assert_array_equal(changed.predict(container(X)), network.predict(container(other)))
    for key, column in network.history_.items():
        np.testing.assert_array_equal(changed.history_[key], column)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_an_excluded_feature_is_as_good_as_absent(solver):
    rng = np.random.default_rng(0)
    coefs, intercepts = [rng.normal(size=(10, 6)), rng.normal(size=(6, 1))], [np.zeros(6), [0.0]]
    without, before = [np.delete(coefs[0], 4, axis=0), coefs[1]], coefs[0].copy()
    excluded = make(solver=solver, feature_penalty=[1] * 4 + [np.inf] + [1] * 5, shuffle=False)
    excluded.fit(X, Y, coef_init=coefs, intercept_init=intercepts)
    absent = make(solver=solver, shuffle=False)
    absent.fit(np.delete(X, 4, axis=1), Y, coef_init=without, intercept_init=intercepts)
    found = np.delete(excluded.coefs_[0], 4, axis=0)
    np.testing.assert_allclose(found, absent.coefs_[0], atol=1e-10)
    np.testing.assert_array_equal(coefs[0], before)  # the starting weights are the user's


@pytest.mark.parametrize("parameters", [{"l1": 10.0}, {"l1": 10.0, "solver": "lbfgs"},
                                        {"group_l1": 10.0}, {"l2": 1e3}])  # fmt: skip
def test_exempt_features_escape_every_penalty(parameters):
    parameters = {"l2": 0.0, **parameters}
    network = make(hidden_layer_sizes=(), feature_penalty=[1, 0] * 5, max_iter=300,
                   learning_rate="cosine", learning_rate_init=0.02, **parameters)  # fmt: skip
    coef = network.fit(X, Y).coefs_[0][:, 0]
    assert abs(coef[::2]).max() < 1e-3
    design = np.hstack([X[:, 1::2], np.ones((150, 1))])
    expected = np.linalg.lstsq(design, Y, rcond=None)[0]
    np.testing.assert_allclose(coef[1::2], expected[:-1], atol=5e-3)


# Constraints and constants.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_no_unit_exceeds_its_largest_norm(solver, dtype):
    for averaging in (0.0, 0.5):
        network = make(solver=solver, max_norm=[0.25, None], dtype=dtype, l1=1e-4,
                       weight_averaging=averaging, max_iter=30).fit(X, Y)  # fmt: skip
        norms = np.linalg.norm(network.coefs_[0].astype(np.float64), axis=0)
        assert norms.max() <= 0.25 * (1 + 1e-6)
        assert (norms > 0.2499).sum() >= 3
        assert np.linalg.norm(network.coefs_[1]) > 0.5


@pytest.mark.parametrize("given", [1e39, [1e300, None], 1e16])
def test_a_largest_norm_beyond_all_weights_is_none(given):
    for l1 in (0.0, 1e-3):  # with a polish as well, which projects
        free, bound = (make(dtype="float32", l1=l1, max_norm=norm) for norm in (None, given))
        expected = free.fit(X, Y).coefs_
        for a, b in zip(bound.fit(X, Y).coefs_, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_layers_that_never_move_have_no_metric_to_overflow():
    network = make(hidden_layer_sizes=(8,), group_l1=[0.01, 0.0], frozen_layers=[1], epsilon=1e-45,
                   dtype="float32", max_iter=20)  # fmt: skip
    assert np.isfinite(network.fit(X, Y).coefs_[0]).all()


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("frozen", [[0], [1], [-1], [0, 2]])
def test_frozen_layers_stay_as_they_are_and_pay_nothing(frozen, solver):
    network = make(hidden_layer_sizes=(6, 5), frozen_layers=frozen, l1=0.1, l2=0.1, solver=solver)
    start = make(hidden_layer_sizes=(6, 5), max_iter=1, learning_rate_init=1e-300).fit(X, Y)
    init = {"coef_init": start.coefs_, "intercept_init": start.intercepts_}
    network.fit(X, Y, **init)
    is_frozen = np.zeros(3, dtype=bool)
    is_frozen[frozen] = True
    for k in range(3):
        same = np.array_equal(network.coefs_[k], start.coefs_[k])
        assert same == np.array_equal(network.intercepts_[k], start.intercepts_[k]) == is_frozen[k]
    l1 = 0.1 * sum(abs(start.coefs_[k]).sum() for k in range(3) if not is_frozen[k])
    first = make(hidden_layer_sizes=(6, 5), frozen_layers=frozen, l1=0.1, batch_size=150,
                 max_iter=1).fit(X, Y, **init)  # fmt: skip
    assert first.history_["l1"][0] == pytest.approx(l1, rel=1e-12)


# Rows.


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array])
def test_sparse_rows_learn_the_same(regularizer, container):
    X, Y = rows_of(regularizer)
    rows = np.where(abs(X) < 0.6, 0.0, X)
    dense = make(regularizer, input_dropout=0.2).fit(rows, Y)
    sparse = make(regularizer, input_dropout=0.2).fit(container(rows), Y)
    np.testing.assert_allclose(learned(sparse), learned(dense), atol=1e-12)


def test_integer_weights_equal_repeated_rows(regularizer):
    network, (X, Y) = make(regularizer, batch_size=1000, shuffle=False), rows_of(regularizer)
    with pytest.warns(UserWarning, match="clipped"):
        weighted = clone(network).fit(X, Y, sample_weight=COUNTS)
        repeated = clone(network).fit(X.repeat(COUNTS, axis=0), Y.repeat(COUNTS))
    np.testing.assert_allclose(learned(weighted), learned(repeated), atol=1e-9)
    for key in ("loss", "penalty", *TERMS):
        np.testing.assert_allclose(weighted.history_[key], repeated.history_[key], atol=1e-9)


def test_rows_of_weight_zero_change_no_bit(regularizer):
    kept, (X, Y) = COUNTS > 0, rows_of(regularizer)
    network = make(regularizer, batch_size=20)
    plain = clone(network).fit(X[kept], Y[kept], sample_weight=COUNTS[kept])
    more = clone(network).fit(X, Y, sample_weight=COUNTS)
    np.testing.assert_array_equal(learned(more), learned(plain))


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_of_threads_changes_no_bit(regularizer, dtype):
    network = make(regularizer, hidden_layer_sizes=(33,), dtype=dtype, dropout=0.2, n_jobs=1)
    X, Y = rows_of(regularizer)
    one = clone(network).fit(X, Y)
    assert learned(one).dtype == dtype
    for n_jobs in (2, 3):
        other = clone(network).set_params(n_jobs=n_jobs).fit(X, Y)
        np.testing.assert_array_equal(learned(other), learned(one))
        np.testing.assert_array_equal(other.loss_curve_, one.loss_curve_)


def test_single_precision_goes_the_same_way(regularizer):
    network, (X, Y) = make(regularizer, batch_size=150), rows_of(regularizer)
    single = clone(network).set_params(dtype="float32").fit(X, Y)
    np.testing.assert_allclose(learned(single), learned(network.fit(X, Y)), atol=2e-4)


def test_factors_may_differ_within_a_group_that_no_term_shrinks():
    factors = [1.0, np.inf, *[1.0] * (X.shape[1] - 2)]
    network = MLPRegressor((3,), l1=0.01, feature_groups=[[0, 1]], feature_penalty=factors,
                           augmentation=FeatureSwap(0.2), max_iter=3, random_state=0)  # fmt: skip
    coef = network.fit(X, Y).coefs_[0]
    assert coef[0].any() and not coef[1].any()
    with pytest.raises(ValueError, match="differs within the feature group"):
        network.set_params(group_l1=[0.1, 0.0]).fit(X, Y)
    network.set_params(group_l1=[0.0, 0.1]).fit(X, Y)


@pytest.mark.parametrize("network", (MLPRegressor, MLPClassifier))
def test_the_tag_says_whether_rows_may_be_sparse(network):
    for augmentation, sparse in (
        (None, True), ([], True), (GaussianNoise(0.0), True), (GaussianNoise(0.1), False),
        ([GaussianNoise(0.0), Mixup(0.1)], False), (GaussianNoise("wide"), True), (3, True),
    ):  # fmt: skip
        assert network(augmentation=augmentation).__sklearn_tags__().input_tags.sparse == sparse
