"""Layouts, views and packing against plain arrays; starting weights against scikit-learn's."""

import multiprocessing
import os
import sys

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier as TheirClassifier

from skreg import MLPClassifier
from skreg._architecture import (
    CACHE_LINE,
    aligned_zeros,
    initial_parameters,
    make_layout,
    n_parameters,
    pack_parameters,
    returned_memory,
    scattered,
    unpack_parameters,
    views,
)
from skreg._kernels import job
from skreg._kernels.simd import lanes
from skreg._kernels.tiles import TILE_ROWS

NETWORKS = [(1, 1), (3, 2), (5, 4, 3), (37, 20, 33, 1), (8, 16, 8, 4, 2)]


@pytest.mark.parametrize("units", NETWORKS)
def test_views_cover_the_flat_vector_once(units):
    flat = np.arange(n_parameters(units), dtype=float)
    coefs, intercepts = views(flat, units)
    assert [coef.shape for coef in coefs] == list(zip(units[:-1], units[1:], strict=True))
    assert [intercept.shape for intercept in intercepts] == [(n,) for n in units[1:]]
    parts = np.concatenate([part.ravel() for part in coefs + intercepts])
    np.testing.assert_array_equal(parts, flat)
    coefs[0][0, 0] = -1.0
    assert flat[0] == -1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", NETWORKS)
def test_packing_keeps_every_number_and_the_padding_zero(units, dtype):
    layout, sizes = make_layout(units, [0] * (len(units) - 1), np.dtype(dtype), 10)
    flat = np.random.default_rng(0).normal(size=n_parameters(units)).astype(dtype)
    packed = aligned_zeros(sizes.parameters, dtype)
    pack_parameters(layout, flat, packed)
    assert np.count_nonzero(packed) == flat.size
    assert np.count_nonzero(packed[: sizes.weights]) == flat.size - sum(units[1:])
    found = np.empty_like(flat)
    unpack_parameters(layout, packed, found)
    np.testing.assert_array_equal(found, flat)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", NETWORKS)
def test_nothing_overlaps_in_a_layout(units, dtype):
    dtype, n_rows, n = np.dtype(dtype), 10, len(units)
    layout, sizes = make_layout(units, [0] * (n - 1), dtype, n_rows)
    np.testing.assert_array_equal(layout[job.UNITS], units)
    width, tall = lanes(dtype), -(-n_rows // TILE_ROWS) * TILE_ROWS
    for k in range(n - 1):
        assert layout[job.PANELS, k] * width >= units[k + 1]
        assert (
            layout[job.PADDED_FAN_IN, k] >= units[k]
            and layout[job.PADDED_FAN_IN, k] % TILE_ROWS == 0
        )
    weight_sizes = layout[job.PANELS, :-1] * width * layout[job.PADDED_FAN_IN, :-1]
    disjoint(layout[job.WEIGHTS_AT, :-1], weight_sizes, sizes.weights)
    disjoint(layout[job.BIASES_AT, :-1], layout[job.PANELS, :-1] * width, sizes.parameters)
    assert layout[job.BIASES_AT, 0] == sizes.weights
    blocks = np.append(layout[job.VALUES], layout[job.DELTAS, 1:])
    leads = np.append(layout[job.LEAD], layout[job.LEAD, 1:])
    disjoint(blocks, leads * tall, sizes.memory)
    assert (layout[job.LEAD] >= units).all()
    # An odd number of cache lines between rows keeps them off the same few sets of the cache.
    assert (layout[job.LEAD] * dtype.itemsize // CACHE_LINE % 2 == 1).all()


def disjoint(starts, sizes, end):
    order = np.argsort(starts)
    stops = (starts + sizes)[order]
    assert (stops[:-1] <= starts[order][1:]).all() and stops[-1] <= end


def test_sparse_input_takes_no_room():
    dense = make_layout((1000, 4, 1), [0, 0], np.dtype(float), 50)[1]
    sparse = make_layout((1000, 4, 1), [0, 0], np.dtype(float), 50, is_sparse=True)[1]
    assert dense.memory - sparse.memory >= 50 * 1000
    assert sparse.parameters == dense.parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_begin_on_a_cache_line(dtype):
    for size in (0, 1, 7, 1000):
        zeros = aligned_zeros(size, dtype)
        assert zeros.size == size and zeros.dtype == dtype and not zeros.any()
        assert size == 0 or zeros.ctypes.data % CACHE_LINE == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_returned_memory_holds_numbers(size, dtype):
    memory = returned_memory(size, dtype)
    assert memory.shape == (size,) and memory.dtype == dtype
    memory[:] = np.arange(size)
    np.testing.assert_array_equal(memory, np.arange(size, dtype=dtype))


@pytest.mark.parametrize("size", [10**16, 10**20])
def test_more_weights_than_there_is_memory_for(size):
    with pytest.raises(MemoryError, match=f"The {size:,} weights .* smaller hidden_layer_sizes"):
        returned_memory(size, np.float64)


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory in use")
def test_returned_memory_returns_at_once():
    size = 4_000_000
    np.ones(size + 1000)  # from now on the allocator keeps memory of this size to itself
    before = resident_bytes()
    memory = returned_memory(size, np.float64)
    memory[:] = 1.0
    during = resident_bytes() - before
    later = np.ones(size // 20)  # taken while the memory was in use
    del memory
    after = resident_bytes() - before
    assert during > 0.9 * 8 * size and after < 0.1 * 8 * size and later.all()


def overwrite(memory):
    memory[:] = -1.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside other libraries' threads
def test_a_fork_has_returned_memory_of_its_own():
    memory = returned_memory(100_000, np.float64)
    memory[:] = 1.0
    process = multiprocessing.get_context("fork").Process(target=overwrite, args=(memory,))
    process.start()
    process.join()
    assert process.exitcode == 0 and np.all(memory == 1.0)


def test_starting_weights_are_drawn_layer_by_layer_within_their_bound():
    units = (50, 40, 30)
    flat = initial_parameters(units, [6.0, 2.0], np.random.RandomState(0), np.float64)
    coefs, intercepts = views(flat, units)
    for factor, coef, intercept in zip((6.0, 2.0), coefs, intercepts, strict=True):
        bound = np.sqrt(factor / sum(coef.shape))
        assert 0.95 * bound < abs(coef).max() <= bound
        assert abs(intercept).max() <= bound
    again = np.random.RandomState(0).uniform(-np.sqrt(6 / 90), np.sqrt(6 / 90), (50, 40))
    np.testing.assert_array_equal(coefs[0], again)


@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("hidden", [(7,), (6, 5)])
def test_starting_weights_are_scikit_learns(hidden, activation):
    X, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    still = {"learning_rate_init": 1e-300, "max_iter": 1, "random_state": 3}
    ours = MLPClassifier(hidden, activation, **still).fit(X, y)
    theirs = TheirClassifier(hidden, activation, **still).fit(X, y)
    pairs = zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=1e-15)


def test_values_are_scattered_among_zeros():
    rows = scattered(np.array([[1, 2], [3, 4]], dtype=np.float32), [3, 0], 4)
    np.testing.assert_array_equal(rows, [[3, 4], [0, 0], [0, 0], [1, 2]])
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(scattered(np.array([5, 6]), np.array([1, 2]), 3), [0, 5, 6])
