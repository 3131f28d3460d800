"""Sparse rows against the same rows made dense: products, gradients, dropped features."""

import numpy as np
import pytest

from skreg._kernels.dropout import drop_inputs
from skreg._kernels.gather import gather
from skreg._kernels.job import (
    DELTAS,
    GRADIENT,
    LEAD,
    MEMORY,
    PADDED_FAN_IN,
    SPARSE,
    VALUES,
    WEIGHTS_AT,
)
from skreg._kernels.matmul import ADD, STORE, TILE_ROWS
from skreg._kernels.network import forward, weight_gradient
from skreg._kernels.simd import lanes
from skreg._kernels.sparse import _search
from tests.kernels.engines import (
    CONTAINERS,
    JIT,
    features,
    make_engine,
    starting_weights,
    targets,
)

N_ROWS, UNITS = 19, (37, 21, 2)
ORDER = np.random.default_rng(8).permutation(N_ROWS)


def assert_same(a, b):
    if JIT:
        np.testing.assert_array_equal(a, b)
    else:
        np.testing.assert_allclose(a, b, rtol=0, atol=200 * np.finfo(a.dtype).eps)


def on_both(run, dtype, **settings):
    """Return what ``run`` returns for an engine with dense rows and one with sparse rows."""
    X, y = features(N_ROWS, UNITS[0]), targets(0, N_ROWS, 2)
    X[4] = 0
    results = []
    for container in ("C", "sparse"):
        with make_engine(UNITS, CONTAINERS[container](X), y, dtype=dtype, **settings) as engine:
            engine.load(starting_weights(UNITS).astype(dtype))
            gather(engine.job, engine.job.train, ORDER, 0, N_ROWS)
            results.append(run(engine))
    return results


def block(engine, number, slot=VALUES):
    """Return a block of the workspace as a view: batch rows of a level with their padding."""
    lead = engine.job.layout[LEAD, number]
    start = engine.job.layout[slot, number]
    return engine.table.arrays[MEMORY][start:][: N_ROWS * lead].reshape(N_ROWS, lead)


@pytest.mark.parametrize("dtype", (np.float32,))
def test_product_has_the_bits_of_the_dense_one(dtype):
    def run(engine):
        forward(engine.job, engine.job.train, 1, 0, 8)
        forward(engine.job, engine.job.train, 1, 8, N_ROWS)
        return block(engine, 1)[:, : UNITS[1]].copy()

    dense, sparse = on_both(run, dtype)
    assert_same(sparse, dense)
    X, coef = features(N_ROWS, UNITS[0]), starting_weights(UNITS)[: 37 * 21].reshape(37, 21)
    X[4] = 0
    np.testing.assert_allclose(sparse, X[ORDER] @ coef, rtol=0, atol=200 * np.finfo(dtype).eps)


def gradient(engine):
    """Return the gradient of the first matrix as rows of fan-in, padding of columns included."""
    layout, width = engine.job.layout, lanes(engine.dtype)
    n_rows, n_panels = layout[PADDED_FAN_IN, 0], -(-UNITS[1] // width)
    packed = engine.table.arrays[GRADIENT][layout[WEIGHTS_AT, 0] :][: n_panels * n_rows * width]
    return packed.reshape(n_panels, n_rows, width).transpose(1, 0, 2).reshape(n_rows, -1).copy()


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_gradient_has_the_bits_of_the_dense_one_however_it_is_divided(dtype):
    def run(engine):
        delta = block(engine, 1, DELTAS)
        delta[:] = 1  # what stands in the padding must not matter
        delta[:, : UNITS[1]] = np.random.default_rng(5).normal(size=(N_ROWS, UNITS[1]))
        for mode in (STORE, ADD):
            for start, stop in ((0, TILE_ROWS), (TILE_ROWS, 40)):
                rows = (np.int64(start), np.int64(stop))
                batch, out = (0, N_ROWS), engine.table.arrays[GRADIENT]
                weight_gradient(engine.job, engine.job.train, 0, rows, batch, np.int64(mode), out)
        return gradient(engine)

    dense, sparse = on_both(run, dtype)
    assert_same(sparse[: UNITS[0], : UNITS[1]], dense[: UNITS[0], : UNITS[1]])
    X = features(N_ROWS, UNITS[0])
    X[4] = 0
    delta = np.random.default_rng(5).normal(size=(N_ROWS, UNITS[1]))
    np.testing.assert_allclose(
        sparse[: UNITS[0], : UNITS[1]], 2 * X[ORDER].T @ delta, atol=200 * np.finfo(dtype).eps
    )
    np.testing.assert_array_equal(sparse[UNITS[0] :], 0)
    np.testing.assert_array_equal(sparse[:, UNITS[1] :], 0)


def test_dropped_features_are_those_of_the_dense_input():
    def run(engine):
        for first, last in ((0, 8), (8, N_ROWS)):
            drop_inputs(engine.job, engine.job.train, 3, first, last)
        if engine.job.train.row_step == 0:
            return engine.table.arrays[SPARSE].copy()
        return block(engine, 0)[:, : UNITS[0]].copy()

    dense, sparse = on_both(run, np.float64, dropout=(0.4, 0.0))
    X = features(N_ROWS, UNITS[0])
    X[4] = 0
    stored = X[ORDER] != 0
    np.testing.assert_array_equal(sparse[: stored.sum()], dense[stored])
    kept = sparse[: stored.sum()] != 0
    np.testing.assert_allclose(sparse[: stored.sum()][kept], X[ORDER][stored][kept] / 0.6)
    assert 0.4 < kept.mean() < 0.8


def test_search_finds_the_first_column_that_is_not_smaller():
    columns = np.array([9, 2, 3, 5, 8, 1], np.int32)  # sorted between 1 and 5 only
    for column, place in ((0, 1), (2, 1), (4, 3), (5, 3), (8, 4), (9, 5)):
        assert _search(columns, 1, 5, column) == place
