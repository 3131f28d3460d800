"""Predictions: blocks of rows on any number of threads, to the bits of the engine."""

import threading
import time
from itertools import pairwise

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from skreg import MLPClassifier, MLPRegressor, _prediction
from skreg._architecture import n_parameters
from skreg._kernels.activations import IDENTITY
from skreg._kernels.layer import dense_layer, sparse_layer
from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.simd import lanes
from skreg._kernels.tiles import TILE_ROWS
from skreg._prediction import (
    BLOCK_ROWS,
    NOT_MANY_ROWS,
    VECTORS_PER_START,
    predict_outputs,
)
from skreg._task import Network
from skreg._threads import Threads
from skreg.augmentation import Adversarial

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2 * BLOCK_ROWS + 1, 30))
needs_compiler = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="all rows take an engine then")


def by_engine(call, monkeypatch):
    """Return what ``call`` returns when all rows go through an engine."""

    def predict(network, parameters, X, n_jobs):
        return _prediction._outputs_of_engine(network, parameters, X, 1)

    with monkeypatch.context() as patch:
        patch.setattr("skreg._base.predict_outputs", predict)
        return call()


def on_threads(n_threads, monkeypatch):
    """Let any work take that many threads, where there are compiled ones."""
    if not numba.config.DISABLE_JIT:
        monkeypatch.setattr(Threads, "_choose", lambda self: n_threads)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_rows", [1, 9, 200, BLOCK_ROWS + 1, 2 * BLOCK_ROWS])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_rows_get_the_bits_of_the_engine(n_rows, dtype, n_threads, monkeypatch):
    y = np.arange(len(X)) % 3
    network = MLPClassifier((17, 5), activation=["gelu", "tanh"], max_iter=2, random_state=0)
    network.fit(X.astype(dtype), y)
    rows = X[:n_rows].astype(dtype)
    expected = by_engine(lambda: network.predict_proba(rows), monkeypatch)
    on_threads(n_threads, monkeypatch)
    found = network.predict_proba(rows)
    assert found.dtype == expected.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


@needs_compiler
@pytest.mark.parametrize("n_threads", [1, 2])
def test_sparse_rows_and_columns_first_get_the_same_bits(n_threads, monkeypatch):
    network = MLPRegressor((9,), max_iter=2, random_state=0).fit(X, X[:, 0])
    dense = X[:1500] * RNG.integers(0, 2, (1500, 30))
    expected = by_engine(lambda: network.predict(dense), monkeypatch)
    np.testing.assert_allclose(expected, definition(network, dense), rtol=1e-10, atol=1e-12)
    on_threads(n_threads, monkeypatch)
    rows = sp.csr_array(dense)
    twice, unsorted = rows.copy(), rows[:, ::-1][:, ::-1]
    twice.data, twice.indices = np.repeat(twice.data / 2, 2), np.repeat(twice.indices, 2)
    twice.indptr = 2 * twice.indptr
    strided = np.repeat(dense, 2, axis=0)[::2]
    for same in (dense, np.asfortranarray(dense), rows, rows.tocsc(), twice, unsorted, strided):
        np.testing.assert_array_equal(network.predict(same), expected)


def definition(network, rows):
    """Return what a network of relu units and one output predicts."""
    hidden = np.maximum(rows @ network.coefs_[0] + network.intercepts_[0], 0)
    return (hidden @ network.coefs_[1] + network.intercepts_[1])[:, 0]


@pytest.mark.parametrize("n_rows", [3, 9, 200, BLOCK_ROWS])
@pytest.mark.parametrize("other", ["float32", "int64"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_layer_of_another_dtype_is_converted(layer, other, n_rows):
    network = MLPRegressor((17, 9), max_iter=2, random_state=0).fit(X, X[:, 0])
    network.coefs_[layer] = np.rint(network.coefs_[layer] * 3)
    expected = network.predict(X[:n_rows])
    network.coefs_[layer] = network.coefs_[layer].astype(other)
    np.testing.assert_array_equal(network.predict(X[:n_rows]), expected)


@needs_compiler
@pytest.mark.parametrize(
    "n_rows, n_threads, expected",
    [
        (1, 2, [1]),  # a tile or less
        (300, 1, [300]),
        (300, 2, [152, 148]),
        (10, 2, [8, 2]),
        (10, 3, [8, 2]),  # tiles stay whole, though a thread has nothing
        (3000, 1, [1000, 1000, 1000]),
        (3000, 2, [752, 752, 752, 744]),
    ],
)
def test_blocks_are_whole_tiles_and_as_many_for_each_thread(
    n_rows, n_threads, expected, monkeypatch
):
    lengths, outputs = [], _prediction._outputs

    def note(rows, n_rows, *others):
        lengths.append(n_rows)
        return outputs(rows, n_rows, *others)

    monkeypatch.setattr(_prediction, "_outputs", note)
    on_threads(n_threads, monkeypatch)
    out = predict_outputs(*ones((3, 4, 2)), np.ones((n_rows, 3)), None)
    np.testing.assert_array_equal(out, np.full((n_rows, 2), 12))
    assert sorted(lengths, reverse=True) == expected


def ones(units):
    """Return a network without biases whose weights are all 1, and these weights."""
    shapes = list(pairwise(units))
    parameters = [np.ones(shape) for shape in shapes], [np.zeros(shape[1]) for shape in shapes]
    return Network.plain(units, (IDENTITY,) * len(shapes), LINK_IDENTITY), parameters


@needs_compiler
@pytest.mark.parametrize(
    "of_caller, error", [(True, KeyboardInterrupt), (False, MemoryError), (False, SystemExit)]
)
def test_an_error_in_one_thread_is_that_of_the_call(of_caller, error, monkeypatch):
    done, caller, failed = [], threading.current_thread(), threading.Event()

    def fail(rows, n_rows, network, layers, rooms):
        if (threading.current_thread() is caller) == of_caller:
            failed.set()
            raise error("no more")
        assert failed.wait(10)
        time.sleep(0.05)  # time for the failure to be known
        done.append(n_rows)
        return np.zeros((n_rows, 2))

    monkeypatch.setattr(_prediction, "_outputs", fail)
    on_threads(2, monkeypatch)
    n_alive = threading.active_count()
    with pytest.raises(error, match="no more"):
        predict_outputs(*ones((3, 4, 2)), np.ones((100 * BLOCK_ROWS, 3)), None)
    assert threading.active_count() == n_alive
    assert sum(done) < 50 * BLOCK_ROWS  # no more is begun


@needs_compiler
def test_threads_that_cannot_be_started_are_an_error_and_leave_nobody_behind(
    one_thread_left, monkeypatch
):
    before = threading.active_count()
    monkeypatch.setattr(_prediction, "_outputs", lambda *_: time.sleep(0.001))
    on_threads(3, monkeypatch)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        predict_outputs(*ones((3, 4, 2)), np.ones((100 * BLOCK_ROWS, 3)), None)
    assert threading.active_count() == before


@needs_compiler
@pytest.mark.parametrize("n_threads", [2, 3])
def test_as_many_threads_run_as_were_chosen(n_threads, monkeypatch):
    seen = threading.Barrier(n_threads)
    monkeypatch.setattr(_prediction, "_outputs", lambda *_: seen.wait(10))
    on_threads(n_threads, monkeypatch)
    n_started, start = [], threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: n_started.append(1) or start(self))
    predict_outputs(*ones((3, 4, 2)), np.ones((n_threads * BLOCK_ROWS, 3)), None)
    assert len(n_started) == n_threads - 1


def test_one_tile_asks_for_no_threads(monkeypatch):
    def fail(self):
        raise AssertionError

    monkeypatch.setattr(Threads, "__enter__", fail)
    network, parameters = ones((3, 4, 2))
    if not numba.config.DISABLE_JIT:
        predict_outputs(network, parameters, np.ones((TILE_ROWS, 3)), None)
    with pytest.raises(AssertionError):
        predict_outputs(network, parameters, np.ones((TILE_ROWS + 1, 3)), None)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_jobs, work, expected", [(4, 1.9, 1), (4, 2.1, 2), (2, 9, 2), (4, 9, 4)])
def test_every_thread_is_paid_for_by_the_whole_work(n_jobs, work, expected, dtype, monkeypatch):
    engines, blocks = ways(monkeypatch)
    network, parameters = ones((500, 400, 1))
    per_row = 2 * n_parameters(network.units) / lanes(np.dtype(dtype))
    n_rows = round(work * VECTORS_PER_START / per_row)
    predict_outputs(network, parameters, np.ones((n_rows, 500), dtype), n_jobs)
    assert engines + blocks == [expected]


def ways(monkeypatch):
    """Return lists to which the numbers of threads go, of engines and of blocks without one."""
    found = [], []
    for name, numbers in zip(("engine", "blocks"), found, strict=True):

        def note(network, parameters, X, n_threads, numbers=numbers):
            numbers.append(n_threads)

        monkeypatch.setattr(_prediction, f"_outputs_of_{name}", note)
    return found


@needs_compiler
@pytest.mark.parametrize(
    "units, dtype, is_small",
    [
        ((30, 64, 1), "float64", True),
        ((200, 120, 1), "float64", False),  # 194 kB, half of that in single precision
        ((200, 120, 1), "float32", True),
        ((500, 400, 1), "float32", False),
    ],
)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_many_rows_of_a_large_network_take_an_engine(
    units, dtype, is_small, n_threads, monkeypatch
):
    engines, blocks = ways(monkeypatch)
    on_threads(n_threads, monkeypatch)
    for more in (0, 1):
        rows = np.ones((NOT_MANY_ROWS * n_threads + more, units[0]), dtype)
        predict_outputs(*ones(units), rows, None)
    assert len(blocks) == (2 if is_small else 1)
    assert engines + blocks == [n_threads, n_threads]


@needs_compiler
def test_many_sparse_rows_need_no_engine(monkeypatch):
    engines, blocks = ways(monkeypatch)
    on_threads(1, monkeypatch)
    rows = sp.csr_array((NOT_MANY_ROWS + 1, 5000), dtype="float64")
    predict_outputs(*ones((5000, 30, 1)), rows, None)
    assert (len(engines), len(blocks)) == (0, 1)


def test_no_jobs_are_no_number():
    network = MLPRegressor((9,), max_iter=2, random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="n_jobs=0 has no meaning"):
        network.set_params(n_jobs=0).predict(X[:20])


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_arrays_that_are_read_only_need_no_program_of_their_own():
    network = MLPClassifier((17, 5), max_iter=2, random_state=0).fit(X, np.arange(len(X)) % 3)
    rows = X[:3].copy()
    few = rows, sp.csr_array(rows)
    expected = [network.predict_proba(same) for same in few]
    n_programs = len(dense_layer.overloads), len(sparse_layer.overloads)
    sparse = few[1].data, few[1].indices, few[1].indptr
    for part in (*network.coefs_, *network.intercepts_, rows, *sparse):  # as of a memory map
        part.flags.writeable = False
    for same, before in zip(few, expected, strict=True):
        np.testing.assert_array_equal(network.predict_proba(same), before)
    assert (len(dense_layer.overloads), len(sparse_layer.overloads)) == n_programs


def assert_refused(network, message):
    """Check the error of whatever takes rows through a network, by blocks and by an engine."""
    calls = [lambda n=n: network.predict(X[:n]) for n in (1, 100, len(X))]
    calls += [
        lambda: network.sample_predictions(X[:9], 2),
        lambda: network.penalty_breakdown(X[:9], X[:9, 0]),
        lambda: Adversarial(0.1).sample(X[:9], X[:9, 0], estimator=network),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_parameters_that_do_not_fit_are_refused(n_threads, monkeypatch):
    on_threads(n_threads, monkeypatch)
    network = MLPRegressor((60, 9), max_iter=1, dropout=0.1, random_state=0).fit(X, X[:, 0])
    learned = [part.copy() for part in network.coefs_], [p.copy() for p in network.intercepts_]
    for k, (coef, intercept) in enumerate(zip(*learned, strict=True)):
        (fan_in, fan_out), others = coef.shape, []
        others += [(np.ones((n, fan_out)), intercept) for n in (fan_in - 2, fan_in + 9)]
        others += [(np.ones((fan_in, n)), intercept) for n in (fan_out + 7, max(fan_out - 1, 2))]
        others += [(coef, np.ones(fan_out + 3)), (coef, intercept[:0])]
        for network.coefs_[k], network.intercepts_[k] in others:
            assert_refused(network, r"coefs_\[\d\] has the shape .* give arrays that fit together")
        network.coefs_[k], network.intercepts_[k] = coef, intercept
    assert np.isfinite(network.predict(X)).all()
    network.coefs_.pop()
    assert_refused(network, "2 arrays in coefs_ and 3 in intercepts_; give one of each per layer")
