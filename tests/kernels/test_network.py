"""Gradients by finite differences: every loss, activation and penalty; depths, layouts, dropout.

A step of plain gradient descent with learning rate 1 gives the gradient, an epoch with learning
rate 0 the objective: both go the way that every fit goes.
"""

from itertools import pairwise

import numpy as np
import pytest

from skreg._architecture import views
from skreg._kernels.activations import ACTIVATIONS
from skreg._kernels.job import DELTAS, LEAD, MEMORY, STEPS, TRANSPOSED, TRANSPOSED_AT, VALUES
from skreg._kernels.losses import LOG_LOSS, SQUARED_ERROR
from skreg._kernels.network import transpose_weights
from skreg._kernels.simd import lanes
from tests.kernels.engines import (
    ALL_LOSSES,
    CONTAINERS,
    JIT,
    PARAMETERS,
    features,
    is_weight,
    make_engine,
    starting_weights,
    targets,
)

N_ROWS, STEP = 11, 1e-5
PENALTIES = [(0.0, 0.0), (0.0, 0.3), (0.2, 0.0), (0.2, 0.3)] if JIT else [(0.2, 0.3)]


def epoch(engine, flat, rate):
    """Run the first epoch from ``flat``; return the objective before it, the parameters after."""
    engine.load(flat)
    engine.job.report[STEPS] = 0  # the same draws of dropout every time
    loss, terms = engine.train_epoch(rate)
    penalty = sum(terms)
    return loss + penalty, engine.parameters()


def gradient(engine, flat):
    """Return the gradient that a step of size one subtracts."""
    return flat - epoch(engine, flat, 1.0)[1]


def assert_gradient_is_that_of_the_objective(engine, flat, expected, n_directions=3):
    rng = np.random.default_rng(5)
    for _ in range(n_directions):
        direction = rng.normal(size=flat.size)
        high, low = (epoch(engine, flat + s * STEP * direction, 0.0)[0] for s in (1, -1))
        assert (high - low) / (2 * STEP) == pytest.approx(expected @ direction, abs=2e-6)


@pytest.mark.parametrize(("l1", "l2"), PENALTIES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", ALL_LOSSES)
def test_every_loss_with_every_activation_and_penalty(loss, activation, l1, l2):
    units, flat = (5, 4, 3), starting_weights((5, 4, 3))
    weight = np.random.default_rng(3).integers(0, 4, N_ROWS)
    rows = features(N_ROWS, 5), targets(ALL_LOSSES[loss], N_ROWS, 3), weight
    settings = {
        "loss": ALL_LOSSES[loss],
        "activation": activation,
        "parameter": PARAMETERS.get(loss, 0.0),
        "l2": l2,
    }
    with make_engine(units, *rows, **settings) as engine:
        smooth = gradient(engine, flat)
    strength = l1 * is_weight(units)
    with make_engine(units, *rows, **settings, l1=l1) as engine:
        assert_gradient_is_that_of_the_objective(engine, flat, smooth + strength * np.sign(flat))
        _, reached = epoch(engine, flat, 1.0)
    moved = flat - smooth
    proximal = np.sign(moved) * np.maximum(abs(moved) - strength, 0)
    np.testing.assert_allclose(reached, proximal, rtol=0, atol=1e-14)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3), (19, 4, 3)])
def test_every_depth_and_layout(hidden, container):
    units = (21, *hidden, 3)
    X, target, flat = features(N_ROWS, 21), targets(LOG_LOSS, N_ROWS, 3), starting_weights(units)
    with make_engine(units, X, target, loss=LOG_LOSS, l2=0.1) as engine:
        dense = gradient(engine, flat)
    with make_engine(units, CONTAINERS[container](X), target, loss=LOG_LOSS, l2=0.1) as engine:
        mine = gradient(engine, flat)
        assert_gradient_is_that_of_the_objective(engine, flat, mine)
    if JIT:
        np.testing.assert_array_equal(mine, dense)
    else:
        np.testing.assert_allclose(mine, dense, atol=1e-14)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dropout", [(0.4, 0.0, 0.0), (0.0, 0.5, 0.3), (0.2, 0.5, 0.3)])
def test_gradient_with_dropout_is_that_of_the_thinned_network(dropout, container):
    units = (21, 9, 8, 3)
    X, target = CONTAINERS[container](features(N_ROWS, 21)), targets(SQUARED_ERROR, N_ROWS, 3)
    flat = starting_weights(units)
    with make_engine(units, X, target, dropout=dropout) as engine:
        mine = gradient(engine, flat)
        assert_gradient_is_that_of_the_objective(engine, flat, mine)
    with make_engine(units, X, target) as engine:
        assert abs(gradient(engine, flat) - mine).max() > 0.01


def hidden_units(engine, level, n_rows):
    """Return the values and slopes that the last batch left at a level."""
    layout, memory = engine.job.layout, engine.table.arrays[MEMORY]
    n_units, lead = engine.network.units[level], layout[LEAD, level]
    blocks = (memory[layout[at, level] :][: n_rows * lead] for at in (VALUES, DELTAS))
    return (block.reshape(n_rows, lead)[:, :n_units].copy() for block in blocks)


class ThinnedOnes:
    """Two levels of hidden units that are all one before dropout, and no targets to miss."""

    n_rows, n_units = (200, 50) if JIT else (60, 20)

    def __init__(self, rates):
        units = (3, self.n_units, self.n_units, 1)
        self.engine = make_engine(
            units,
            np.zeros((self.n_rows, 3)),
            np.zeros((self.n_rows, 1)),
            activation="identity",
            dropout=(0.0, *rates),
        )
        flat = np.where(is_weight(units), 0.0, 1.0)
        self.engine.load(flat)

    def draw(self):
        """Return the values of both levels after the dropout of the next step."""
        self.engine.train_epoch(0.0)
        return [next(hidden_units(self.engine, level, self.n_rows)) for level in (1, 2)]


@pytest.mark.parametrize("rates", [(0.1, 0.25), (0.5, 0.9)])
def test_rate_of_dropped_units_and_the_mean_that_is_kept(rates):
    thinned = ThinnedOnes(rates)
    n_draws = 5 * thinned.n_rows * thinned.n_units
    values = np.array([thinned.draw() for _ in range(5)])
    for level, rate in enumerate(rates):
        kept = values[:, level]
        assert set(np.unique(kept)) == {0.0, 1 / (1 - rate)}
        sigma = np.sqrt(rate * (1 - rate) / n_draws)
        assert abs((kept == 0).mean() - rate) < 4 * sigma
        assert abs(kept.mean() - 1) < 4 * sigma / (1 - rate)


def test_dropped_units_of_other_steps_levels_rows_and_columns_are_uncorrelated():
    thinned = ThinnedOnes((0.5, 0.5))
    signs = np.array([thinned.draw() for _ in range(4)]) - 1.0  # (step, level, row, unit)
    pairs = [(signs[:-1], signs[1:]), (signs[:, :1], signs[:, 1:])]
    for distance in (1, 2, 8):
        pairs.append((signs[:, :, :-distance], signs[:, :, distance:]))
        pairs.append((signs[..., :-distance], signs[..., distance:]))
    for a, b in pairs:
        assert abs((a * b).mean()) < 4 / np.sqrt(a.size)


def test_dropout_is_off_outside_of_training():
    X, target = features(N_ROWS, 5), targets(SQUARED_ERROR, N_ROWS, 2)
    flat = starting_weights((5, 4, 2))
    losses = []
    for dropout in ((0.0, 0.0), (0.3, 0.5)):
        with make_engine((5, 4, 2), X, target, dropout=dropout) as engine:
            engine.load(flat)
            losses.append(engine.gradient())
    assert losses[0] == losses[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_above", [1, 16, 21])
@pytest.mark.parametrize("cuts", [(0, 45), (0, 8, 45), (0, 16, 24, 40, 45), (0, 40, 45)])
def test_transposed_copy_is_the_same_however_rows_are_shared(cuts, n_above, dtype):
    units, width = (3, 45, n_above), lanes(np.dtype(dtype))
    rows = np.zeros((1, 3)), np.zeros((1, n_above))
    with make_engine(units, *rows, dtype=dtype) as engine:
        flat = np.arange(1, starting_weights(units).size + 1, dtype=dtype)
        engine.load(flat)
        transposed, at = engine.table.arrays[TRANSPOSED], engine.job.layout[TRANSPOSED_AT, 1]
        transposed[:] = 0
        for first, last in pairwise(cuts):
            transpose_weights(engine.job, 1, first, last)
    n_panels = -(-45 // width)
    expected = np.zeros((n_panels * width, n_above), dtype)
    expected[:45] = views(flat, units)[0][1]
    expected = expected.reshape(n_panels, width, n_above).swapaxes(1, 2)
    np.testing.assert_array_equal(transposed[at:], expected.reshape(-1))
