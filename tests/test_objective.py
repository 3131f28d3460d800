"""The objective against plain NumPy and finite differences."""

import numpy as np
import pytest

from skreg._architecture import n_parameters, views
from skreg._kernels.activations import ACTIVATIONS
from skreg._lbfgs import Split
from skreg._objective import Objective
from skreg._penalties import make_penalties
from skreg._task import Rows
from tests.kernels import engines
from tests.kernels.engines import ALL_LOSSES, PARAMETERS

UNITS = (5, 4, 3, 3)
PENALTIES = {"none": (0.0, 0.0), "l1": (0.03, 0.0), "l2": (0.0, 0.2), "both": (0.02, 0.1)}


def make_rows(loss, n=11, seed=0, weighted=True, n_features=5, n_outputs=3):
    """Return random rows with targets that fit the loss."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    if loss in ("log_loss", "soft_log_loss"):  # a batch turns labels into probabilities
        target = rng.integers(0, n_outputs, size=(n, 1)).astype(float)
    elif loss == "binary_log_loss":
        target = rng.integers(0, 2, size=(n, n_outputs)).astype(float)
    else:
        target = rng.gamma(2.0, size=(n, n_outputs))
    return Rows(X, target, rng.uniform(0.5, 2.0, n) if weighted else None)


def make_engine(loss="squared_error", activation="tanh", rows=None, units=UNITS):
    rows = make_rows(loss) if rows is None else rows
    return engines.make_engine(
        units, *rows, activation=activation, loss=ALL_LOSSES[loss],
        parameter=PARAMETERS.get(loss, 0.0),
    )  # fmt: skip


def make_objective(engine, l1, l2):
    return Objective(engine, make_penalties(len(engine.network.units) - 1, l1=l1, l2=l2))


def starting_point(units=UNITS, seed=1):
    return np.random.default_rng(seed).normal(scale=0.5, size=n_parameters(units))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", ALL_LOSSES)
def test_gradients_agree_with_finite_differences(loss, activation, penalty):
    l1, l2 = (np.full(3, strength) for strength in PENALTIES[penalty])
    flat = starting_point()
    with make_engine(loss, activation) as engine:
        objective = make_objective(engine, l1, l2)
        split = Split(objective.l1)
        x = split.divide(flat) + 1e-3 * (penalty in ("l1", "both"))  # inside the bounds

        def value_and_gradient(x):
            return split.pull_back(x, *objective.smooth(split.join(x)))

        gradient = value_and_gradient(x)[1]
        steps = 1e-6 * np.eye(x.size)
        numeric = [
            (value_and_gradient(x + step)[0] - value_and_gradient(x - step)[0]) / 2e-6
            for step in steps
        ]
    np.testing.assert_allclose(gradient, numeric, atol=2e-8, rtol=2e-6)


def plain_squared_error(flat, rows, l1, l2):
    """Return J of a tanh network, written from its definition."""
    values = rows.X
    coefs, intercepts = views(flat, UNITS)
    for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        values = values @ coef + intercept
        values = np.tanh(values) if k < len(coefs) - 1 else values
    losses = 0.5 * ((values - rows.target) ** 2).sum(axis=1)
    terms = [a * abs(w).sum() + b / 2 * (w**2).sum() for w, a, b in zip(coefs, l1, l2, strict=True)]
    return np.average(losses, weights=rows.weight), sum(terms)


def test_the_objective_is_the_written_one():
    l1, l2 = np.array([0.1, 0.0, 0.3]), np.array([0.0, 0.2, 0.5])
    rows, flat = make_rows("squared_error"), starting_point()
    with make_engine(rows=rows) as engine:
        objective = make_objective(engine, l1, l2)
        smooth, _ = objective.smooth(flat)
        loss, penalty = plain_squared_error(flat, rows, l1, l2)
        assert objective.loss == pytest.approx(loss, rel=1e-13)
        assert sum(objective.terms.values(flat).values()) == pytest.approx(penalty, rel=1e-13)
        assert smooth + objective.l1 @ abs(flat) == pytest.approx(loss + penalty, rel=1e-13)
        assert objective.value(flat) == pytest.approx(loss + penalty, rel=1e-13)


@pytest.mark.parametrize(
    "units, frozen, expected",
    [
        (UNITS, [False, False, False], False),
        (UNITS, [True, False, False], False),
        (UNITS, [True, True, False], True),
        ((5, 3), [False], True),
    ],
)
def test_it_is_convex_where_only_the_last_layer_moves(units, frozen, expected):
    with make_engine(units=units) as engine:
        penalties = make_penalties(len(units) - 1, frozen=np.array(frozen))
        assert Objective(engine, penalties).is_convex is expected


def test_duplicated_rows_and_scaled_weights_change_nothing():
    rows, flat = make_rows("huber"), starting_point()
    twice = Rows(np.vstack([rows.X] * 2), np.vstack([rows.target] * 2), np.tile(rows.weight, 2))
    heavy = Rows(rows.X, rows.target, 7.0 * rows.weight)
    results = []
    for one in (rows, twice, heavy):
        with make_engine("huber", rows=one) as engine:
            results.append(make_objective(engine, 0.1, 0.2).smooth(flat))
    for value, gradient in results[1:]:
        assert value == pytest.approx(results[0][0], rel=1e-13)
        np.testing.assert_allclose(gradient, results[0][1], rtol=1e-11, atol=1e-14)
