"""Schedules: closed forms, and the learning rates that fits really use."""

from math import cos, pi

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skreg import MLPClassifier, MLPRegressor
from skreg._schedules import PLANNED, SCHEDULES, Schedule, learning_rate


def rates(name, n_epochs=10, n_rows=7, rate=0.5, power_t=0.5):
    schedule = Schedule(name, rate, power_t, n_epochs)
    return [learning_rate(schedule, epoch, epoch * n_rows, 0) for epoch in range(n_epochs)]


def half_cosine(first, last, progress):
    return (first + last) / 2 + (first - last) / 2 * cos(pi * progress)


FORMULAS = {  # the rate of epoch t of 10 with 7 rows, from 0.5 on, power_t = 0.3
    "constant": lambda t: 0.5,
    "invscaling": lambda t: 0.5 / (7 * t + 1) ** 0.3,
    "adaptive": lambda t: 0.5,  # as long as nothing divides it
    "cosine": lambda t: half_cosine(0.5, 0, t / 10),
    "one_cycle": lambda t: (
        half_cosine(0.5 / 25, 0.5, t / 3) if t < 3 else half_cosine(0.5, 0.5 / 1e4, (t - 3) / 7)
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_the_formula(name):
    expected = [FORMULAS[name](t) for t in range(10)]
    np.testing.assert_allclose(rates(name, power_t=0.3), expected, rtol=1e-12)


def test_a_power_beyond_all_floats_leaves_nothing_of_the_rate(data):
    assert rates("invscaling", power_t=200.0)[:2] == [0.5, 0.5 / 8**200.0]
    assert rates("invscaling", n_rows=60, power_t=200.0) == [0.5, *[0.0] * 9]
    assert rates("invscaling", power_t=1e308) == [0.5, *[0.0] * 9]
    network = MLPRegressor((5,), learning_rate="invscaling", power_t=200.0, random_state=0)
    once = network.set_params(max_iter=1).fit(*data).coefs_[0]
    np.testing.assert_array_equal(network.set_params(max_iter=3).fit(*data).coefs_[0], once)


def test_adaptive_divides_by_five():
    schedule = Schedule("adaptive", 0.5, 0.5, 10)
    found = [learning_rate(schedule, 3, 21, divisions) for divisions in range(4)]
    np.testing.assert_allclose(found, [0.5, 0.1, 0.02, 0.004], rtol=1e-15)


def test_cosine_stays_at_zero_behind_its_end():
    assert learning_rate(Schedule("cosine", 0.5, 0.5, 10), 25, 0, 0) == 0.0


def test_one_cycle_rises_to_its_peak_and_falls_below_its_beginning():
    assert max(rates("one_cycle")) == 0.5
    end = learning_rate(Schedule("one_cycle", 0.5, 0.5, 10), 10, 0, 0)
    assert end == pytest.approx(0.5e-4, rel=1e-12)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    return X, X @ rng.normal(size=4)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_drives_every_stochastic_solver(data, name, solver, early_stopping):
    X, y = data
    network = MLPRegressor(
        (5,), solver=solver, learning_rate=name, learning_rate_init=0.02, max_iter=10,
        n_iter_no_change=20, early_stopping=early_stopping, random_state=0,
    ).fit(X, y)  # fmt: skip
    n_rows = 54 if early_stopping else 60
    expected = rates(name if name != "adaptive" else "constant", n_rows=n_rows, rate=0.02)
    np.testing.assert_allclose(network.history_["learning_rate"], expected, rtol=1e-12)
    assert network.history_["loss"][-1] < network.history_["loss"][0]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_partial_fit_goes_through_the_schedule(data, name, solver):
    parameters = {"solver": solver, "learning_rate": name, "learning_rate_init": 0.02,
                  "max_iter": 6, "shuffle": False, "random_state": 0}  # fmt: skip
    whole = MLPRegressor((5,), **parameters).fit(*data)
    steps = MLPRegressor((5,), **parameters)
    for _ in range(6):
        steps.partial_fit(*data)
    np.testing.assert_array_equal(steps.history_["learning_rate"], whole.history_["learning_rate"])
    for a, b in zip(steps.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warm_start_begins_the_schedule_again_except_inverse_scaling(data, name):
    network = MLPRegressor((5,), learning_rate=name, learning_rate_init=0.02, max_iter=5,
                           warm_start=True, random_state=0).fit(*data).fit(*data)  # fmt: skip
    found = network.history_["learning_rate"]
    again = rates(name if name != "adaptive" else "constant", n_epochs=5, rate=0.02)
    if name == "invscaling":
        expected = 0.02 / np.sqrt(60.0 * np.arange(10) + 1)
    else:
        expected = again * 2
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_adaptive_divides_where_the_loss_stands_still_and_stops_below_a_millionth(data, solver):
    network = MLPRegressor(
        (5,), solver=solver, learning_rate="adaptive", learning_rate_init=0.001, tol=1e3,
        n_iter_no_change=2, max_iter=200, random_state=0,
    ).fit(*data)  # fmt: skip
    # The first epoch beats an infinite loss; then three in a row that do not exhaust two.
    expected = np.repeat(0.001 / 5.0 ** np.arange(6), [4, 3, 3, 3, 3, 3])
    np.testing.assert_allclose(network.history_["learning_rate"], expected[: network.n_iter_])
    assert network.n_iter_ == expected.size
    assert expected[-1] <= 1e-6


def test_adaptive_stops_at_a_millionth_itself(data):
    network = MLPRegressor(
        (5,), learning_rate="adaptive", learning_rate_init=1e-6, tol=1e3, n_iter_no_change=2,
        random_state=0,
    ).fit(*data)  # fmt: skip
    assert network.history_["learning_rate"].tolist() == [1e-6] * 4


@pytest.mark.parametrize("name", PLANNED)
def test_planned_schedules_run_to_their_end_unless_validation_stops_them(data, name):
    X, y = data
    parameters = {"learning_rate": name, "max_iter": 40, "n_iter_no_change": 2, "tol": 1e3}
    network = MLPRegressor((3,), random_state=0, **parameters).fit(X, y)
    assert network.n_iter_ == 40
    stopped = MLPClassifier((3,), early_stopping=True, random_state=0, **parameters).fit(X, y > 0)
    assert stopped.n_iter_ == 4


@pytest.mark.filterwarnings("error:Stochastic Optimizer")
@pytest.mark.parametrize("name", SCHEDULES)
def test_only_a_schedule_that_is_not_planned_warns_at_its_end(data, name):
    network = MLPRegressor((3,), learning_rate=name, max_iter=5, random_state=0)
    if name in PLANNED:
        network.fit(*data)
    else:
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
            network.fit(*data)
    network.partial_fit(*data)


@pytest.mark.parametrize("name", PLANNED)
def test_calls_of_partial_fit_in_a_row_are_one_run(data, name):
    X, y = data
    network = MLPRegressor((3,), learning_rate=name, max_iter=4, random_state=0).fit(X, y)
    expected = [learning_rate(Schedule(name, 0.001, 0.5, 4), call, 0, 0) for call in range(5)]
    for _ in range(4):
        network.partial_fit(X, y)
    np.testing.assert_allclose(network.history_["learning_rate"], [*expected[:4], *expected[:4]])
    last = f"learning_rate='{name}' is planned for max_iter=4 calls of partial_fit, which are over"
    with pytest.warns(UserWarning, match=last):
        network.partial_fit(X, y)
    np.testing.assert_allclose(network.history_["learning_rate"][-1], expected[4], atol=1e-20)
    network.fit(X, y).partial_fit(X, y)  # a fit begins anew
    np.testing.assert_allclose(network.history_["learning_rate"], [*expected[:4], expected[0]])
