"""L-BFGS: the split of weights under an l1 penalty, when the minimizer ends, what it refuses."""

import copy
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor
from skreg._kernels.losses import ABSOLUTE_ERROR, HUBER, LOG_LOSS, QUANTILE, SQUARED_ERROR
from skreg._lbfgs import (
    LbfgsOptions,
    Split,
    coordinates_of,
    minimize_lbfgs,
    relative_reduction,
    slope_beyond,
)
from skreg._objective import Objective
from skreg._penalties import make_penalties
from tests.kernels.engines import features, make_engine, starting_weights, targets

UNITS = (5, 4, 3)


def test_split_joins_what_it_divides():
    l1 = np.array([0.0, 0.5, 0.5, 0.0, 0.5])
    flat = np.array([-1.0, -2.0, 3.0, 4.0, 0.0])
    split = Split(l1)
    x = split.divide(flat)
    np.testing.assert_array_equal(x, [-1.0, 0.0, 3.0, 4.0, 0.0, 2.0, 0.0, 0.0])
    np.testing.assert_array_equal(split.join(x), flat)
    np.testing.assert_array_equal(split.bounds().lb, [-np.inf, 0, 0, -np.inf, 0, 0, 0, 0])
    value, gradient = split.pull_back(x, 1.0, np.arange(5.0))
    assert value == 1.0 + 0.5 * (2.0 + 3.0)
    np.testing.assert_array_equal(gradient, [0.0, 1.5, 2.5, 3.0, 4.5, -0.5, -1.5, -3.5])


def test_nothing_is_split_without_l1():
    split = Split(np.zeros(3))
    assert split.slope(np.ones(3), np.array([0.0, -2.0, 1.0])) == 2.0
    assert split.bounds() is None
    np.testing.assert_array_equal(split.divide(np.arange(3.0)), np.arange(3.0))


def test_the_slope_is_zero_at_a_minimum_and_nowhere_else():
    split = Split(np.array([0.0, 0.5]))  # x: a free number, then the two halves of a split one
    x = np.array([3.0, 0.0, 2.0])
    assert split.slope(x, np.array([0.0, 0.7, 0.0])) == 0.0
    assert split.slope(x, np.array([0.0, -0.7, 0.0])) == 0.7
    assert split.slope(x, np.array([-0.1, 0.7, 0.0])) == pytest.approx(0.1)
    assert split.slope(x, np.array([0.0, 0.7, 5.0])) == 2.0  # no further than to the bound


@pytest.mark.parametrize(
    "units, loss, penalties, tol, expected",
    [
        ((5, 3), SQUARED_ERROR, {"l1": 0.1}, 1e-4, 1e-9),
        ((5, 3), SQUARED_ERROR, {"l2": 0.1}, 1e-6, 1e-9),
        ((5, 3), LOG_LOSS, {"l2_anchor": 0.1}, 1e-5, 1e-9),
        ((5, 3), LOG_LOSS, {"l1": 0.1, "l2": 1e-9}, 1e-4, 1e-11),  # where J is flat
        ((5, 3), LOG_LOSS, {"l1": 0.1}, 1e-4, 1e-9),
        ((5, 3), SQUARED_ERROR, {"l2": 0.1}, 1e-10, 1e-10),
        ((5, 3), SQUARED_ERROR, {"l2": 0.1}, 2e-4, 2e-4),  # asks to be quick
        ((5, 3), SQUARED_ERROR, {}, 1e-4, 1e-4),  # perhaps no single minimum
        ((5, 3), ABSOLUTE_ERROR, {"l2": 0.1}, 1e-4, 1e-4),
        ((5, 3), QUANTILE, {"l1": 0.1}, 1e-4, 1e-4),
        ((5, 4, 3), SQUARED_ERROR, {"l1": 0.1, "l2": 0.1}, 1e-4, 1e-4),
        ((5, 4, 3), SQUARED_ERROR, {"l2": 0.1, "frozen": [True, False]}, 1e-4, 1e-9),
    ],
)
def test_what_a_run_without_hidden_layers_aims_at(units, loss, penalties, tol, expected):
    with make_engine(units, features(11, 5), targets(loss, 11, 3), loss=loss) as engine:
        objective = Objective(engine, make_penalties(len(units) - 1, **penalties))
        bends = coordinates_of(objective).bends
        assert slope_beyond(objective, bends, tol) == pytest.approx(expected, rel=1e-6)


def test_how_little_an_iteration_may_gain():
    split, kinked = Split(np.zeros(3)), Split(np.ones(3))
    least = 2.220446049250313e-09  # of scikit-learn, whatever tol is
    for units, network, penalties, is_own in (
        ((5, 3), {}, {}, False),
        ((5, 3), {}, {"l2": 0.1}, True),
        ((5, 3), {"loss": HUBER}, {}, True),
        ((5, 4, 3), {}, {"l2": 0.1}, False),
        ((5, 4, 3), {"loss": HUBER}, {}, True),
        ((5, 4, 3), {"activation": "gelu"}, {}, True),
        ((5, 4, 3), {"loss": LOG_LOSS}, {}, False),
        ((5, 4, 3), {"loss": LOG_LOSS, "smoothing": 0.1}, {}, True),
        ((5, 4, 3), {}, {"l2_anchor": 0.1}, True),
        ((5, 4, 3), {}, {"factors": np.arange(5.0)}, True),
    ):
        y = targets(network.get("loss", SQUARED_ERROR), 11, 3)
        with make_engine(units, features(11, 5), y, **network) as engine:
            objective = Objective(engine, make_penalties(len(units) - 1, **penalties))
            found = [relative_reduction(objective, split, tol) for tol in (1e-3, 1e-4, 1e-6)]
            assert relative_reduction(objective, kinked, 1e-4) < 2e-14
        np.testing.assert_allclose(found, [least, least, 0.01 * least if is_own else least])


@pytest.mark.parametrize("tol", [1e-5, 1e-6, 0.0])
def test_a_network_stops_where_scikit_learns_stops_whatever_tol_is(tol):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    given = {"solver": "lbfgs", "activation": "identity", "tol": tol, "max_iter": 500,
             "hidden_layer_sizes": (4,), "random_state": 0}  # fmt: skip
    ours, theirs = MLPRegressor(l2=0, **given).fit(X, y), TheirRegressor(alpha=0, **given).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_ < 30
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=0, atol=1e-9)


def test_a_classifier_stops_where_scikit_learns_stops_unless_a_loss_was_clipped():
    X, y = load_breast_cancer(return_X_y=True)
    X, y = scale(X)[:, :5], np.where(np.arange(y.size) % 5, y, 1 - y)
    given = {"solver": "lbfgs", "activation": "identity", "tol": 0.0, "max_iter": 500,
             "hidden_layer_sizes": (4,), "random_state": 0}  # fmt: skip
    ours = MLPClassifier(l2=0, **given).fit(X, y)
    theirs = TheirClassifier(alpha=0, **given).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_ < 50
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-12)


def test_going_on_never_makes_a_run_worse():
    """Neither rounding nor max_iter beyond tol is worth a warning, which is an error here."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 3))
    y = rng.poisson(1e6 * np.exp(X @ [0.3, 0.2, -0.4])).astype(float)
    for seed in range(4):
        MLPRegressor((), loss="poisson", solver="lbfgs", random_state=seed).fit(X, y)
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    given = {"solver": "lbfgs", "l2": 0.01, "random_state": 0}
    quick = MLPClassifier((), tol=1.01e-4, **given).fit(X, y)
    for more in (1, 3, 100):
        network = MLPClassifier((), max_iter=quick.n_iter_ + more, **given)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            network.fit(X, y)
        assert network.n_iter_ >= quick.n_iter_ and network.loss_ <= quick.loss_
    assert quick.n_iter_ + 3 < network.n_iter_ < quick.n_iter_ + 100


def test_a_run_that_is_back_on_a_slope_when_its_iterations_are_over_warns():
    """On the way to a smaller slope than tol there are larger ones, J far from its minimum."""
    rng = np.random.default_rng(9)
    X, weight = rng.normal(size=(30, 20)), 10.0 ** rng.uniform(-6, 6, 30)
    rng.normal(size=30)
    y = rng.poisson(np.exp(X[:, :2].sum(axis=1)))
    given = {"loss": "poisson", "solver": "lbfgs", "l1": 1e-3, "l2": 0.0, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="LIMIT"):
        short = MLPRegressor((), **given).fit(X, y, weight)
    whole = MLPRegressor((), **given, max_iter=20_000).fit(X, y, weight)
    assert short.n_iter_ == 200 and short.loss_ > 1.5 * whole.loss_


def test_lbfgs_ends_where_the_callback_says_so():
    seen = []
    with make_engine(UNITS, features(11, 5), targets(0, 11, 3)) as engine:
        objective = Objective(engine, make_penalties(2, l2=0.1))
        minimize_lbfgs(
            objective, starting_weights(UNITS), LbfgsOptions(100, 1000, 1e-8),
            lambda flat: seen.append(flat) or len(seen) == 3,
        )  # fmt: skip
    assert len(seen) == 3


@pytest.mark.parametrize("l1", [0.03, 0.01, 0.003])
def test_lbfgs_in_single_precision_ends_without_a_warning(l1):
    X, y = load_breast_cancer(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        network = MLPClassifier(
            (), solver="lbfgs", l1=l1, l2=0.0, tol=1e-8, max_iter=10_000, dtype="float32",
            random_state=0,
        ).fit(scale(X), y)  # fmt: skip
    assert network.n_iter_ < 300


@pytest.mark.parametrize("tol", [1e-9, 1e-12, 0.0])
def test_lbfgs_under_l1_ends_where_rounding_hides_what_is_left(tol):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    for l1 in np.geomspace(0.005, 0.5, 16):
        network = MLPRegressor((), solver="lbfgs", l1=l1, l2=0.0, tol=tol, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            network.fit(X, y)
        lasso = Lasso(alpha=l1, tol=1e-10).fit(X, y).coef_
        np.testing.assert_allclose(network.coefs_[0].ravel(), lasso, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(network.coefs_[0].ravel() == 0, lasso == 0)


@pytest.mark.parametrize("dtype, size", [("float64", 1e200), ("float32", 1e30)])
@pytest.mark.parametrize("l1", [0.0, 0.1])
@pytest.mark.parametrize("hidden", [(4,), ()])
def test_lbfgs_that_has_nowhere_to_go_is_an_error(hidden, dtype, size, l1):
    network = MLPRegressor(hidden, solver="lbfgs", dtype=dtype, l1=l1, random_state=0)
    with pytest.raises(ValueError, match="The loss is not finite at the starting weights"):
        network.fit(features(20, 5) * size, np.linspace(1, 2, 20) * size)
    assert not hasattr(network, "coefs_")


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("n_jobs", (1, 2))
def test_lbfgs_goes_on_where_clipped_losses_are_level(n_jobs):
    X, y = load_breast_cancer(return_X_y=True)  # not scaled: most starting losses are clipped
    kwargs = {"hidden_layer_sizes": (), "solver": "lbfgs", "max_iter": 20, "random_state": 0}
    with pytest.warns(ConvergenceWarning):
        theirs = TheirClassifier(alpha=0, **kwargs).fit(X, y)
    assert theirs.n_iter_ == 0
    with pytest.warns(ConvergenceWarning, match="LIMIT"):
        ours = MLPClassifier(l2=0, n_jobs=n_jobs, **kwargs).fit(X, y)
    assert ours.n_iter_ == 20 == len(ours.loss_curve_)
    assert log_loss(y, ours.predict_proba(X)) < 0.6 < 5 < log_loss(y, theirs.predict_proba(X))


@pytest.mark.parametrize("early_stopping", (False, True))
def test_a_run_without_an_iteration_counts_as_one(early_stopping):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    first = MLPRegressor((), solver="lbfgs", l2=0.1, tol=1e-3).fit(X, y)
    best = first.coefs_, first.intercepts_
    for network in (clone(first), first.set_params(warm_start=True)):
        network.set_params(early_stopping=early_stopping)
        n_before = len(getattr(network, "loss_curve_", ()))
        starting = {} if n_before else {"coef_init": best[0], "intercept_init": best[1]}
        network.fit(X, y, X_val=X, y_val=y, **starting)
        assert network.n_iter_ == 1 == len(network.loss_curve_) - n_before
        assert len(network.history_["loss"]) == n_before + 1
        terms = network.penalty_breakdown(X, y)
        assert network.loss_ == pytest.approx(terms["objective"], rel=1e-12)
        assert network.best_loss_ == (None if early_stopping else network.loss_curve_[-1])
        score = network.score(X, y)
        assert network.best_validation_score_ == (score if early_stopping else None)


def test_a_fit_forgets_the_best_of_an_earlier_training():
    # The targets of the first training are easier: no later score comes near its best.
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    easy = X[:, 0]
    network = MLPRegressor((), learning_rate_init=0.05, early_stopping=True, n_iter_no_change=2,
                           random_state=0)  # fmt: skip
    for _ in range(20):
        network.partial_fit(X, easy, X_val=X, y_val=easy)
    assert network.score(X, easy) > 0.9
    network.set_params(solver="lbfgs", warm_start=True, early_stopping=False).fit(X, y)
    learned = network.coefs_[0].copy()
    network.set_params(solver="adam", early_stopping=True, learning_rate_init=1e-6)
    for _ in range(6):
        network.partial_fit(X, y, X_val=X, y_val=y)
    np.testing.assert_allclose(network.coefs_[0], learned, atol=1e-3)


def test_a_run_that_stops_early_is_not_called_unfinished():
    X, y = features(60, 5), np.arange(60) % 2
    network = MLPClassifier((4,), solver="lbfgs", early_stopping=True, n_iter_no_change=1,
                            max_iter=100, random_state=0)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert network.stopped_early_ and network.n_iter_ < 100


def test_moments_of_another_solver_are_forgotten():
    X, y = features(60, 5), features(60, 1)[:, 0]
    given = {"max_iter": 3, "shuffle": False, "warm_start": True, "random_state": 0}
    network = MLPRegressor((4,), **given).fit(X, y)
    network.set_params(solver="lbfgs").fit(X, y)
    coefs, intercepts = copy.deepcopy((network.coefs_, network.intercepts_))
    network.set_params(solver="adam").fit(X, y)
    fresh = MLPRegressor((4,), **given).fit(X, y, coef_init=coefs, intercept_init=intercepts)
    np.testing.assert_array_equal(network.coefs_[0], fresh.coefs_[0])
