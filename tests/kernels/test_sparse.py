"""Sparse rows against the same rows made dense: products, gradients, dropped features."""

import numpy as np
import pytest
import scipy.sparse as sp

from skreg._jit import jit
from skreg._kernels.dropout import drop_inputs
from skreg._kernels.gather import gather
from skreg._kernels.job import (
    BATCH_ROWS,
    BY_COLUMN,
    COLUMN_ENDS,
    DELTAS,
    GRADIENT,
    LEAD,
    MEMORY,
    PADDED_FAN_IN,
    PANELS,
    SPARSE,
    VALUES,
    WEIGHTS_AT,
)
from skreg._kernels.network import forward, weight_gradient
from skreg._kernels.simd import lanes
from skreg._kernels.sparse import _search, by_column
from skreg._kernels.tiles import ADD, PLUS, STORE, TILE_ROWS
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


def rows():
    """Return the rows of all engines: one without entries, and a column without any."""
    X = features(N_ROWS, UNITS[0])
    X[4], X[:, 11] = 0, 0
    return X


def on_both(run, dtype, units=UNITS, **settings):
    """Return what ``run`` returns for an engine with dense rows and one with sparse rows."""
    X, y = rows(), targets(0, N_ROWS, 2)
    results = []
    for container in ("C", "sparse"):
        with make_engine(units, CONTAINERS[container](X), y, dtype=dtype, **settings) as engine:
            engine.load(starting_weights(units).astype(dtype))
            gather(engine.job, engine.job.train, ORDER, 0, N_ROWS)
            results.append(run(engine))
    return results


def block(engine, number, slot=VALUES):
    """Return a block of the workspace as a view: batch rows of a level with their padding."""
    lead = engine.job.layout[LEAD, number]
    start = engine.job.layout[slot, number]
    return engine.table.arrays[MEMORY][start:][: N_ROWS * lead].reshape(N_ROWS, lead)


# Fifteen vectors of a width have a tile of every size.
EVERY_TILE = 15 * lanes(np.dtype(np.float32)) - 1


@pytest.mark.parametrize("n_units", (21, EVERY_TILE))
@pytest.mark.parametrize("dtype", (np.float32,))
def test_product_has_the_bits_of_the_dense_one(dtype, n_units):
    units = (UNITS[0], n_units, 2)

    def run(engine):
        forward(engine.job, engine.job.train, 1, 0, 8)
        forward(engine.job, engine.job.train, 1, 8, N_ROWS)
        return block(engine, 1)[:, :n_units].copy()

    dense, sparse = on_both(run, dtype, units)
    assert_same(sparse, dense)
    coef = starting_weights(units)[: UNITS[0] * n_units].reshape(UNITS[0], n_units)
    np.testing.assert_allclose(sparse, rows()[ORDER] @ coef, rtol=0, atol=200 * np.finfo(dtype).eps)


def gradient(engine):
    """Return the gradient of the first matrix as rows of fan-in, padding of columns included."""
    layout, width = engine.job.layout, lanes(engine.dtype)
    n_rows, n_panels = layout[PADDED_FAN_IN, 0], layout[PANELS, 0]
    packed = engine.table.arrays[GRADIENT][layout[WEIGHTS_AT, 0] :][: n_panels * n_rows * width]
    return packed.reshape(n_panels, n_rows, width).transpose(1, 0, 2).reshape(n_rows, -1).copy()


@pytest.mark.parametrize("more", (ADD, PLUS))
@pytest.mark.parametrize("n_units", (21, EVERY_TILE))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_gradient_has_the_bits_of_the_dense_one_however_it_is_divided(dtype, n_units, more):
    def run(engine):
        delta = block(engine, 1, DELTAS)
        delta[:] = 1  # what stands in the padding must not matter
        delta[:, :n_units] = np.random.default_rng(5).normal(size=(N_ROWS, n_units))
        out = engine.table.arrays[GRADIENT]
        out[:] = np.nan if engine.job.train.is_sparse else 0  # STORE overwrites all
        for mode, batch in ((STORE, (0, 12)), (more, (12, N_ROWS))):
            for start, stop in ((0, TILE_ROWS), (TILE_ROWS, 40)):
                part = (np.int64(start), np.int64(stop))
                weight_gradient(engine.job, engine.job.train, 0, part, batch, np.int64(mode), out)
        return gradient(engine)

    dense, sparse = on_both(run, dtype, (UNITS[0], n_units, 2))
    assert_same(sparse[: UNITS[0], :n_units], dense[: UNITS[0], :n_units])
    delta = np.random.default_rng(5).normal(size=(N_ROWS, n_units))
    np.testing.assert_allclose(
        sparse[: UNITS[0], :n_units], rows()[ORDER].T @ delta, atol=200 * np.finfo(dtype).eps
    )
    np.testing.assert_array_equal(sparse[UNITS[0] :], 0)
    np.testing.assert_array_equal(sparse[:, n_units:], 0)


@jit
def start_of_columns(job, columns, batch):
    return by_column(job, columns, batch).start


@pytest.mark.parametrize("columns", ((0, 37), (8, 24), (24, 37)))
def test_entries_by_column_are_those_of_the_transposed_batch(columns):
    batch, X = (3, 17), rows()[ORDER]
    expected = sp.csc_array(X[batch[0] : batch[1]])[:, columns[0] : columns[1]]

    def run(engine):
        if engine.job.train.is_sparse:
            start = start_of_columns(engine.job, columns, batch)
            n_columns = engine.job.layout[PADDED_FAN_IN, 0]
            assert engine.table.arrays[COLUMN_ENDS].size == n_columns  # as own_rows divides
            slots = BY_COLUMN, BATCH_ROWS, COLUMN_ENDS
            return start, *(engine.table.arrays[slot].copy() for slot in slots)

    _, (start, values, places, ends) = on_both(run, np.float64)
    ends = ends[columns[0] : columns[1]]
    assert start == np.count_nonzero(X[batch[0] : batch[1], : columns[0]])
    np.testing.assert_array_equal(ends, start + expected.indptr[1:])
    np.testing.assert_array_equal(values[start : ends[-1]], expected.data)
    np.testing.assert_array_equal(places[start : ends[-1]], batch[0] + expected.indices)


def test_dropped_features_are_those_of_the_dense_input():
    def run(engine):
        for first, last in ((0, 8), (8, N_ROWS)):
            drop_inputs(engine.job, engine.job.train, 3, first, last)
        if engine.job.train.is_sparse:
            return engine.table.arrays[SPARSE].copy()
        return block(engine, 0)[:, : UNITS[0]].copy()

    dense, sparse = on_both(run, np.float64, dropout=(0.4, 0.0))
    X = rows()
    stored = X[ORDER] != 0
    np.testing.assert_array_equal(sparse[: stored.sum()], dense[stored])
    kept = sparse[: stored.sum()] != 0
    np.testing.assert_allclose(sparse[: stored.sum()][kept], X[ORDER][stored][kept] / 0.6)
    assert 0.4 < kept.mean() < 0.8


def test_search_finds_the_first_column_that_is_not_smaller():
    columns = np.array([9, 2, 3, 5, 8, 1], np.int32)  # sorted between 1 and 5 only
    for column, place in ((0, 1), (2, 1), (4, 3), (5, 3), (8, 4), (9, 5)):
        assert _search(columns, 1, 5, column) == place
