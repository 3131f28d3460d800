"""Epochs in a row against epochs one by one; zeros of the packed weights."""

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels.epochs import COUNTED_AT_A_TIME, count_nonzero
from skreg._kernels.shuffle import NO_DRAWS, Shuffler
from skreg._kernels.simd import lanes
from skreg._kernels.solvers import ADAM
from tests.kernels.engines import (
    JIT,
    SGD_RULE,
    features,
    make_engine,
    starting_weights,
    targets,
)

UNITS, N_ROWS, RATES = (6, 5, 3), 37, [0.01, 0.02, 0.005]


@jit
def _count(weights, start, stop):
    return count_nonzero(weights, start, stop)


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_zeros_are_counted_between_bounds(dtype):
    width = lanes(np.dtype(dtype))
    weights = np.random.default_rng(0).normal(size=9 * width).astype(dtype)
    weights[np.random.default_rng(1).random(weights.size) < 0.4] = 0
    weights[[0, 3 * width, -1]] = -0.0, np.nan, np.inf
    for start, stop in ((0, 9), (0, 3), (3, 8), (4, 4)):
        part = weights[start * width : stop * width]
        assert _count(weights, start * width, stop * width) == np.count_nonzero(part)


def test_blocks_of_weights_are_counted_together():
    # A lane of float32 that counts one by one stops at 2**24: it never gets so far.
    n = COUNTED_AT_A_TIME
    weights = np.ones(3 * n, np.float32)
    weights[:: lanes(np.dtype("float32")) * 1000] = 0
    assert n // lanes(np.dtype("float32")) <= 2**24 and n % lanes(np.dtype("float64")) == 0
    assert _count(weights, 0, weights.size) == np.count_nonzero(weights)
    assert _count(weights, n - 64, 2 * n + 64) == np.count_nonzero(weights[n - 64 : 2 * n + 64])


def records(X, in_a_row, n_threads=1):
    y, state = targets(0, N_ROWS, UNITS[-1]), np.random.RandomState(4)
    with make_engine(UNITS, X, y, rule=SGD_RULE._replace(solver=ADAM), batch_size=16,
                     l1=0.02, l2=0.1, n_threads=n_threads) as engine:  # fmt: skip
        engine.load(starting_weights(UNITS))
        if in_a_row:
            engine.train_epochs(RATES, Shuffler(state, is_shared=False).draws(N_ROWS))
            result = engine.take_records()
        else:
            result = []
            for rate in RATES:
                state.shuffle(engine.order)
                engine.train_epochs([rate])
                result += engine.take_records()
        assert engine.take_records() == []
        return result, engine.parameters(), engine.steps, state.randint(1000)


@pytest.mark.skipif(not JIT, reason="without the compiler rows are shuffled by NumPy")
@pytest.mark.parametrize("n_threads", (1, 2))
def test_epochs_in_a_row_are_those_one_by_one(n_threads):
    X = features(N_ROWS, UNITS[0])
    in_a_row, one_by_one = (records(X, which, n_threads) for which in (True, False))
    assert in_a_row[0] == one_by_one[0]
    np.testing.assert_array_equal(in_a_row[1], one_by_one[1])
    assert in_a_row[2:] == one_by_one[2:]
    for (rate, loss, penalties, counts), expected in zip(in_a_row[0], RATES, strict=True):
        assert rate == expected and loss > 0 and penalties[0] > 0 and penalties[1] > 0
        assert 0 < counts[0] <= UNITS[0] * UNITS[1] and 0 < counts[1] <= UNITS[1] * UNITS[2]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, where nothing is compiled
def test_a_loss_that_is_not_finite_ends_them():
    X = features(N_ROWS, UNITS[0])
    X[5] = 1e200
    with make_engine(UNITS, X, targets(0, N_ROWS, UNITS[-1]), activation="relu") as engine:
        engine.load(starting_weights(UNITS))
        engine.train_epochs(RATES, NO_DRAWS)
        done = engine.take_records()
    assert len(done) == 1 and not np.isfinite(done[0][1])
