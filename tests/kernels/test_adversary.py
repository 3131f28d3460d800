"""The adversary: the sign of finite differences, means over both halves, nothing in between."""

import contextlib

import numpy as np
import pytest

from skreg._engine import Engine
from skreg._kernels import job as slots
from skreg._kernels.activations import IDENTITY, TANH
from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.losses import LOG_LOSS, SOFT_LOG_LOSS
from skreg._kernels.tiles import TILE_ROWS
from skreg._task import Network, Rows
from skreg.augmentation import Adversarial, FeatureSwap, GaussianNoise, plan_augmentation
from tests.kernels.engines import JIT, starting_weights
from tests.kernels.test_augment import DTYPES, SEED, rows_of

UNITS = (12, 9, 3)
EPSILON = 0.05


@contextlib.contextmanager
def make_engine(augmentation, dtype=np.float64, n_rows=21, input_dropout=0.0, **settings):
    """Open an engine over one batch of classes, with weights."""
    X, _, weight = rows_of(n_rows)
    labels = np.arange(n_rows, dtype=dtype)[:, None] % 3
    rows = Rows(X.astype(dtype), labels, weight.astype(dtype))
    settings = {"loss": LOG_LOSS, "batch_size": n_rows, "n_threads": 1, **settings}
    network = Network(UNITS, (TANH, IDENTITY), settings.pop("loss"), 0.0, LINK_IDENTITY,
                      (input_dropout, 0.0), SEED)  # fmt: skip
    with Engine(network, dtype, train=rows, augmentation=augmentation, **settings) as engine:
        engine.load(starting_weights(UNITS).astype(dtype))
        yield engine


def input_rows(engine, first, n_rows):
    layout = engine.job.layout
    lead = layout[slots.LEAD, 0]
    block = engine.table.arrays[slots.MEMORY][layout[slots.VALUES, 0] + first * lead :]
    return block[: n_rows * lead].reshape(n_rows, lead)[:, : UNITS[0]].copy()


def plain_losses(flat, X, labels):
    """Return the log loss of every row by plain NumPy."""
    w1, w2 = flat[:108].reshape(12, 9), flat[108:135].reshape(9, 3)
    z = np.tanh(X @ w1 + flat[135:144]) @ w2 + flat[144:]
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]


def plan(epsilon=EPSILON, *before):
    return plan_augmentation([*before, Adversarial(epsilon)], UNITS[0])


@pytest.mark.parametrize("n_rows", (21, 24, 3))
def test_the_adversary_follows_the_sign_of_finite_differences(n_rows):
    flat, labels, h = starting_weights(UNITS), np.arange(n_rows) % 3, 1e-6
    with make_engine(plan(), n_rows=n_rows) as engine:
        mean_loss, _ = engine.train_epoch(0.0)[:2]
        shift = -(-n_rows // TILE_ROWS) * TILE_ROWS
        X, moved = (input_rows(engine, first, n_rows) for first in (0, shift))
        weight = engine.table.arrays[slots.SAMPLE_WEIGHT].copy()
        filler = input_rows(engine, n_rows, shift - n_rows)
    np.testing.assert_array_equal(X, rows_of(n_rows)[0])
    sign = np.zeros_like(X)
    for j in range(UNITS[0]):
        step = h * (np.arange(UNITS[0]) == j)
        sign[:, j] = plain_losses(flat, X + step, labels) - plain_losses(flat, X - step, labels)
    np.testing.assert_allclose(moved, X + EPSILON * np.sign(sign), rtol=0, atol=1e-14)
    # The mean over both halves, each row with its weight; nothing in between.
    s = rows_of(n_rows)[2]
    losses = [plain_losses(flat, rows, labels) @ s / s.sum() for rows in (X, moved)]
    assert losses[1] > losses[0]
    assert mean_loss == pytest.approx(np.mean(losses), rel=1e-12)
    np.testing.assert_array_equal(weight[shift : shift + n_rows], s)
    assert (weight[n_rows:shift] == 0).all() and (filler == 0).all()


def test_features_without_influence_stay():
    flat = starting_weights(UNITS)
    flat[:108].reshape(12, 9)[[2, 7]] = 0
    with make_engine(plan()) as engine:
        engine.load(flat)
        engine.train_epoch(0.0)
        X, moved = (input_rows(engine, first, 21) for first in (0, 24))
    np.testing.assert_array_equal(
        (moved != X).any(axis=0), np.isin(np.arange(12), [2, 7], invert=True)
    )


def step_of(engine):
    """Return what a step with learning rate 1 subtracts: the gradient."""
    before = engine.parameters()
    engine.train_epoch(1.0)
    return before - engine.parameters()


@pytest.mark.parametrize("loss", (LOG_LOSS, SOFT_LOG_LOSS))
def test_the_gradient_is_the_mean_of_both_halves(loss):
    with make_engine(plan(), loss=loss) as engine:
        both = step_of(engine)
        moved = input_rows(engine, 24, 21)
    with make_engine(None, loss=loss) as engine:
        plain = step_of(engine)
    with make_engine(None, loss=loss) as engine:
        engine.table.arrays[slots.TRAIN_SLOT + slots.X][:] = moved.reshape(-1)
        at_moved = step_of(engine)
    np.testing.assert_allclose(both, (plain + at_moved) / 2, rtol=0, atol=1e-14)


def test_what_an_earlier_batch_left_between_the_halves_is_gone():
    gradients = []
    for first in (0, 16):  # the second batch, of five rows, after one of sixteen or on its own
        with make_engine(plan(), batch_size=16) as engine:
            engine.table.put(slots.ORDER, np.arange(first, 21))
            engine.train_epoch(0.0)
            gradients.append(engine.gradient_vector())
    assert gradients[0].any()
    np.testing.assert_array_equal(*gradients)


def test_dropped_inputs_stay_dropped_and_kept_ones_move_by_the_factor():
    with make_engine(plan(), input_dropout=0.5) as engine:
        engine.train_epoch(0.0)
        thinned, moved = (input_rows(engine, first, 21) for first in (0, 24))
    X = rows_of(21)[0]
    dropped = thinned == 0
    assert 0.3 < dropped.mean() < 0.7
    np.testing.assert_allclose(thinned, np.where(dropped, 0, 2 * X), rtol=1e-14)
    assert (moved[dropped] == 0).all()
    np.testing.assert_allclose(abs(moved - thinned)[~dropped], 2 * EPSILON, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_adversary_behind_other_transforms_for_every_team(dtype):
    reached = []
    for n_threads in (1, 2, 3) if JIT else (1,):
        augmentation = plan(0.02, FeatureSwap(0.2), GaussianNoise(0.1))
        with make_engine(augmentation, dtype, batch_size=13, input_dropout=0.2,
                         n_threads=n_threads) as engine:  # fmt: skip
            numbers = [np.array(engine.train_epoch(0.1)[:1]) for _ in range(3)]
            reached.append(np.concatenate([*numbers, engine.parameters()]))
    assert np.isfinite(reached[0]).all()
    for other in reached[1:]:
        np.testing.assert_array_equal(other, reached[0])


def test_an_adversary_who_does_nothing_is_left_out():
    assert plan(0.0) is None
    assert plan().is_adversarial
    assert not plan_augmentation(GaussianNoise(1.0), UNITS[0]).is_adversarial
