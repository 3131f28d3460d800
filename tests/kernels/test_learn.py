"""From gradients to weights: who updates what, penalties by tiles, the norm that clipping sees."""

import numpy as np
import pytest

from skreg._architecture import unpack_parameters
from skreg._kernels.clipping import clip_step, square_rows, update_blocks
from skreg._kernels.job import GRADIENT, SQUARES, SUMS, TILES_AT
from skreg._kernels.learn import note_penalties
from skreg._kernels.penalties import add_lanes
from skreg._kernels.simd import lanes
from skreg._kernels.solvers import plan_step
from skreg._kernels.team import new_team
from skreg._kernels.tiles import TILE_ROWS
from tests.kernels.engines import (
    SGD_RULE,
    features,
    is_weight,
    make_engine,
    starting_weights,
    targets,
)

UNITS, L1, L2 = (21, 35, 3), 0.02, 0.3
RULE = SGD_RULE._replace(clip_norm=2.0)


@pytest.fixture
def engine():
    rows = features(10, UNITS[0]), targets(0, 10, UNITS[-1])
    with make_engine(UNITS, *rows, l1=L1, l2=L2, rule=RULE) as engine:
        engine.load(starting_weights(UNITS))
        engine.gradient()
        yield engine


def lane_total(engine, slot):
    n_tiles = engine.job.layout[TILES_AT, len(UNITS) - 1]
    sums = engine.table.arrays[slot]
    return add_lanes(sums, 0, sums.size // lanes(engine.dtype) // n_tiles * n_tiles)


def gradient(engine):
    """Return the accumulated gradient as a flat vector."""
    flat = np.empty(starting_weights(UNITS).size)
    unpack_parameters(engine.job.layout, engine.table.arrays[GRADIENT], flat)
    return flat


def whole_matrices():
    """Return the rows of fan-in of every matrix, padded to whole tiles."""
    return [(np.int64(0), np.int64(-(-n // TILE_ROWS) * TILE_ROWS)) for n in UNITS[:-1]]


def test_tiles_add_up_to_the_penalty(engine):
    for k, rows in enumerate(whole_matrices()):
        note_penalties(engine.job, k, rows)
    w = starting_weights(UNITS)[is_weight(UNITS)]
    expected = L1 * abs(w).sum() + L2 / 2 * (w**2).sum()
    assert lane_total(engine, SUMS) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("scale, clips", ((0.01, False), (0.1, True), (10.0, True)))
def test_clipping_sees_the_norm_of_the_whole_gradient(engine, scale, clips):
    step = plan_step(RULE, 0.1, 1, scale)
    for k, rows in enumerate(whole_matrices()):
        square_rows(engine.job, k, rows, step)
    g = scale * gradient(engine) + L2 * starting_weights(UNITS) * is_weight(UNITS)
    mask = is_weight(UNITS)
    squares = engine.table.arrays[SQUARES]
    assert squares.sum() * scale**2 == pytest.approx((g[mask] ** 2).sum())
    clipped = clip_step(engine.job, step)
    factor = min(1.0, RULE.clip_norm / np.sqrt((g**2).sum()))
    assert clipped.clip == pytest.approx(factor, rel=1e-13) and (factor < 1) == clips
    assert clipped.scale == pytest.approx(scale * factor, rel=1e-13)
    assert clipped[:2] == step[:2]


@pytest.mark.parametrize("n_threads", (1, 2, 3, 7))
def test_members_update_every_parameter_once(engine, n_threads):
    step, team = plan_step(RULE, 0.1, 1, 0.1), new_team(n_threads)
    g = gradient(engine)
    for tid in range(n_threads):
        update_blocks(tid, team, engine.job, step)
    w, mask = starting_weights(UNITS), is_weight(UNITS)
    moved = w - 0.1 * (0.1 * g + L2 * w * mask)
    expected = np.where(mask, np.sign(moved) * np.maximum(abs(moved) - 0.1 * L1, 0), moved)
    np.testing.assert_allclose(engine.parameters(), expected, rtol=0, atol=1e-15)
