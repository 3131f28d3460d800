"""The largest norm of incoming weights against plain NumPy; in a step: `test_structure`."""

import numpy as np
import pytest

from skreg._architecture import views
from skreg._kernels.max_norm import project_columns, square_columns
from skreg._kernels.structure import own_rows
from skreg._kernels.team import new_team
from skreg._parameters import SMALLEST_NORM
from skreg._penalties import make_penalties
from tests.kernels.engines import features, make_engine, starting_weights, targets


@pytest.mark.parametrize("n_members", (1, 3))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("size", (1.0, SMALLEST_NORM / 0.7))
def test_columns_are_scaled_down_to_the_largest_norm(size, dtype, n_members):
    units, largest = (70, 35, 20), [size, 0.7 * size]
    flat = np.random.default_rng(0).normal(scale=0.12, size=starting_weights(units).size)
    flat = (size * flat).astype(dtype)
    rows = features(5, units[0]), targets(0, 5, units[-1])
    penalties = make_penalties(2, max_norm=largest)
    with make_engine(units, *rows, dtype=dtype, penalties=penalties) as engine:
        engine.load(flat)
        for tid in range(n_members):
            for k in range(2):
                square_columns(engine.job, k, own_rows(tid, new_team(n_members), engine.job, k))
        for tid in range(n_members):
            for k in range(2):
                project_columns(engine.job, k, own_rows(tid, new_team(n_members), engine.job, k))
        found = engine.parameters()
    eps = np.finfo(dtype).eps
    for k in range(2):
        before, after = views(flat, units)[0][k], views(found, units)[0][k]
        norms = np.linalg.norm(before.astype(np.float64), axis=0)
        long = norms > largest[k]
        assert 3 < long.sum() < long.size - 3
        np.testing.assert_allclose(after, before * np.minimum(1, largest[k] / norms), rtol=8 * eps)
        np.testing.assert_array_equal(after[:, ~long], before[:, ~long])
        assert np.linalg.norm(after.astype(np.float64), axis=0).max() <= largest[k] * (1 + 9 * eps)
        np.testing.assert_array_equal(views(found, units)[1][k], views(flat, units)[1][k])


@pytest.mark.parametrize("dtype, size", [(np.float32, 1e25), (np.float64, 1e200)])
def test_weights_whose_squares_overflow_do_not_end_as_zeros(dtype, size):
    units, penalties = (5, 3), make_penalties(1, max_norm=1.0)
    rows, flat = (features(5, 5), targets(0, 5, 3)), starting_weights(units).astype(dtype)
    views(flat, units)[0][0][2, 1] = size
    with make_engine(units, *rows, dtype=dtype, penalties=penalties) as engine:
        engine.load(flat)
        own = own_rows(0, new_team(1), engine.job, 0)
        with np.errstate(over="ignore", invalid="ignore"):  # compiled code says nothing
            square_columns(engine.job, 0, own)
            project_columns(engine.job, 0, own)
        found = views(engine.parameters(), units)[0][0]
    assert not np.isfinite(found[:, 1]).any() and np.isfinite(found[:, [0, 2]]).all()
