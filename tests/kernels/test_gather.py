"""Gathering: the rows of an index, from every container, and nothing beyond them."""

import ctypes
import mmap
import os

import numpy as np
import pytest

from skreg._kernels.batch import copy
from skreg._kernels.gather import gather
from skreg._kernels.job import COLUMNS, LEAD, MEMORY, SAMPLE_WEIGHT, SPARSE, STARTS, TARGET, VALUES
from skreg._kernels.losses import BINARY_LOG_LOSS, LOG_LOSS, SOFT_LOG_LOSS, SQUARED_ERROR
from skreg._kernels.simd import lanes
from tests.kernels.engines import CONTAINERS, features, make_engine, targets

N_ROWS, N_FEATURES = 20, 7
INDEX = np.random.default_rng(8).permutation(N_ROWS)[:13]


def gathered(container, is_weighted, first, last):
    """Return features, targets and weights of the batch after gathering some of its rows."""
    X, y = features(N_ROWS, N_FEATURES), targets(0, N_ROWS, 2)
    weight = np.arange(N_ROWS) + 0.5 if is_weighted else None
    with make_engine((N_FEATURES, 3, 2), CONTAINERS[container](X), y, weight) as engine:
        arrays, layout = engine.table.arrays, engine.job.layout
        for slot in (TARGET, SAMPLE_WEIGHT):
            arrays[slot][:] = -7
        gather(engine.job, engine.job.train, INDEX, first, last)
        if container == "sparse":
            batch = np.zeros((INDEX.size, N_FEATURES))
            for i in range(first, last):
                at = slice(*arrays[STARTS][i : i + 2])
                batch[i, arrays[COLUMNS][at]] = arrays[SPARSE][at]
        else:
            block = arrays[MEMORY][layout[VALUES, 0] :][: INDEX.size * layout[LEAD, 0]]
            batch = block.reshape(INDEX.size, -1)[:, :N_FEATURES].copy()
        size = INDEX.size
        return batch, arrays[TARGET][: 2 * size].reshape(size, 2), arrays[SAMPLE_WEIGHT][:size]


@pytest.mark.parametrize(("first", "last"), [(0, 13), (0, 5), (8, 13)])
@pytest.mark.parametrize("is_weighted", (True, False))
@pytest.mark.parametrize("container", CONTAINERS)
def test_rows_of_the_index_and_only_these(container, is_weighted, first, last):
    batch, target, weight = gathered(container, is_weighted, first, last)
    mine, others = slice(first, last), np.delete(np.arange(INDEX.size), slice(first, last))
    X, y = features(N_ROWS, N_FEATURES), targets(0, N_ROWS, 2)
    np.testing.assert_array_equal(batch[mine], X[INDEX[mine]])
    np.testing.assert_array_equal(batch[others], 0)
    np.testing.assert_array_equal(target[mine], y[INDEX[mine]])
    np.testing.assert_array_equal(weight[mine], INDEX[mine] + 0.5 if is_weighted else 1)
    assert (target[others] == -7).all() and (weight[others] == -7).all()


@pytest.mark.parametrize("beyond", (0, 1, -1))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_rows_of_several_vectors(dtype, beyond):
    n_features = 2 * lanes(np.dtype(dtype)) + beyond
    X = features(N_ROWS, n_features).astype(dtype)
    with make_engine((n_features, 2), X, targets(0, N_ROWS, 2), dtype=dtype) as engine:
        lead, start = (engine.job.layout[field, 0] for field in (LEAD, VALUES))
        gather(engine.job, engine.job.train, INDEX, 0, INDEX.size)
        batch = engine.table.arrays[MEMORY][start:][: INDEX.size * lead].reshape(-1, lead)
        np.testing.assert_array_equal(batch[:, :n_features], X[INDEX])
        np.testing.assert_array_equal(batch[:, n_features:], 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
@pytest.mark.parametrize("n", (1, 7, 15, 16, 17, 33))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_nothing_is_read_beyond_what_is_copied(dtype, n):
    page, size = mmap.PAGESIZE, n * np.dtype(dtype).itemsize
    memory = mmap.mmap(-1, 2 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + page
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    assert protect(ctypes.c_void_p(address), ctypes.c_size_t(page), 0) == 0  # no access
    source = np.frombuffer(memory, dtype, n, page - size)
    source[:] = np.arange(n) + 1
    out = np.zeros(n + 16, dtype)
    copy(out[:n], source)
    np.testing.assert_array_equal(out[:n], np.arange(n) + 1)
    np.testing.assert_array_equal(out[n:], 0)


def gathered_targets(loss, n_outputs, smoothing, dtype, source="train"):
    """Return the targets of rows 2 to 9 of the batch, and what stands there of all 13."""
    y = targets(LOG_LOSS if loss == SOFT_LOG_LOSS else loss, N_ROWS, n_outputs)
    X = features(N_ROWS, N_FEATURES)
    with make_engine((N_FEATURES, n_outputs), X, y, loss=loss, smoothing=smoothing, dtype=dtype,
                     valid=(X, y, None)) as engine:  # fmt: skip
        target = engine.table.arrays[TARGET]
        target[:] = -7
        gather(engine.job, getattr(engine.job, source), INDEX, 2, 9)
        batch = target[: INDEX.size * n_outputs].reshape(INDEX.size, n_outputs).copy()
        assert (target[INDEX.size * n_outputs :] == -7).all()
    return y[INDEX[2:9]], batch


@pytest.mark.parametrize("smoothing", (0.0, 0.1, 0.9))
@pytest.mark.parametrize("n_classes", (3, 17))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_labels_become_probabilities(dtype, n_classes, smoothing):
    labels, batch = gathered_targets(SOFT_LOG_LOSS, n_classes, smoothing, dtype)
    expected = (1 - smoothing) * np.eye(n_classes)[labels[:, 0].astype(int)] + smoothing / n_classes
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(batch[2:9], expected, rtol=4 * eps)
    np.testing.assert_allclose(batch[2:9].astype(np.float64).sum(axis=1), 1, rtol=8 * eps)
    assert (np.delete(batch, slice(2, 9), axis=0) == -7).all()


@pytest.mark.parametrize("n_outputs", (1, 5))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_labels_of_two_classes_move_towards_one_half(dtype, n_outputs):
    labels, batch = gathered_targets(BINARY_LOG_LOSS, n_outputs, 0.2, dtype)
    np.testing.assert_allclose(batch[2:9], np.where(labels == 1, 0.9, 0.1), rtol=1e-6)
    assert (np.delete(batch, slice(2, 9), axis=0) == -7).all()


@pytest.mark.parametrize(
    ("loss", "n_outputs"), [(SOFT_LOG_LOSS, 4), (BINARY_LOG_LOSS, 2), (SQUARED_ERROR, 2)]
)
def test_labels_of_validation_rows_are_not_smoothed(loss, n_outputs):
    labels, batch = gathered_targets(loss, n_outputs, 0.2, np.float64, source="valid")
    if loss == SOFT_LOG_LOSS:
        labels = np.eye(n_outputs)[labels[:, 0].astype(int)]
    np.testing.assert_array_equal(batch[2:9], labels)
