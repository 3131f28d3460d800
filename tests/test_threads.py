"""How many threads a fit takes, in every surrounding; what it gives back."""

import multiprocessing
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numba
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

from skreg import MLPClassifier, MLPRegressor
from skreg import _threads as threads
from skreg._kernels.simd import lanes
from skreg._prediction import VECTORS_PER_START
from skreg._threads import VECTORS_PER_THREAD, OneBlasThread, Threads

DTYPE = np.dtype("float64")
ENOUGH_FOR_ONE = VECTORS_PER_THREAD * lanes(DTYPE)
MUCH = 100 * ENOUGH_FOR_ONE
pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="a team needs compiled kernels")


def chosen(n_jobs=None, flops=MUCH, dtype=DTYPE):
    with Threads(n_jobs, flops, dtype) as n_threads:
        return n_threads


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(threads, "available_threads", lambda: 4)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)


@pytest.mark.parametrize("flops, expected", [(0.0, 1), (1.9, 1), (2.0, 2), (3.5, 3), (100.0, 4)])
def test_as_many_as_the_work_pays_for(four_cores, flops, expected):
    assert chosen(flops=flops * ENOUGH_FOR_ONE) == expected
    assert chosen(9, flops=flops * ENOUGH_FOR_ONE) == min(9, max(1, int(flops)))


def test_vectors_count_not_the_numbers_in_them(four_cores):
    assert chosen(flops=4 * ENOUGH_FOR_ONE, dtype=np.dtype("float32")) == 2


def test_sparse_fits_and_predictions_take_threads_by_their_entries(monkeypatch):
    works = []

    def note(self):
        works.append(self._vectors * lanes(DTYPE))
        return 1

    monkeypatch.setattr(Threads, "_choose", note)
    X, n_parameters = sp.csr_array(np.eye(400, 1000)), 10_021  # an entry in each row
    y = np.arange(400) % 2
    fit = {"max_iter": 1, "batch_size": 100, "random_state": 0}
    for settings, expected in {
        "adam": 6 * 100 * (21 + 2 * 10) + 12 * n_parameters,
        "lbfgs": 6 * 400 * (21 + 2 * 10),
    }.items():
        works.clear()
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            network = MLPClassifier((10,), solver=settings, **fit).fit(X, y)
        assert works == [expected]
    works.clear()
    network.predict(X)  # so few rows that the start of a thread counts, not the meetings
    network.penalty_breakdown(X, y)
    a_row = 2 * (21 + 2 * 10)
    assert works == [400 * a_row * VECTORS_PER_THREAD / VECTORS_PER_START, 256 * a_row]


def test_work_for_one_does_not_ask_what_the_machine_has(monkeypatch):
    monkeypatch.setattr(Threads, "_limit", lambda self: 1 / 0)
    with Threads(None, 1.9 * ENOUGH_FOR_ONE, DTYPE) as n_threads:
        assert n_threads == 1
    with pytest.raises(ZeroDivisionError), Threads(None, 2.1 * ENOUGH_FOR_ONE, DTYPE):
        pass


@pytest.mark.parametrize("n_jobs, expected", [(1, 1), (3, 3), (7, 7), (-1, 4), (-2, 3), (-9, 1)])
def test_never_more_than_asked_for(four_cores, n_jobs, expected):
    assert chosen(n_jobs) == expected


@pytest.mark.parametrize("n_jobs", [np.int32(2), np.uint8(2), np.int64(-3), True, None])
def test_the_number_of_threads_is_a_plain_int(four_cores, n_jobs):
    assert type(chosen(n_jobs)) is int  # every other type would compile the kernels anew
    assert chosen(n_jobs) == {True: 1, None: 4}.get(n_jobs, 2)


def test_no_threads_at_all_cannot_be():
    with pytest.raises(ValueError, match="n_jobs=0 has no meaning; give None"):
        Threads(0, MUCH, DTYPE)


def test_fits_side_by_side_share_the_machine(four_cores):
    with Threads(3, MUCH, DTYPE), Threads(None, MUCH, DTYPE) as second:
        assert second == 1
    with Threads(None, 2 * ENOUGH_FOR_ONE, DTYPE), Threads(None, MUCH, DTYPE) as second:
        assert second == 2
    assert chosen() == 4
    assert threads._in_use == 0


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_one_inside_a_parallel_region(backend):
    jobs = (joblib.delayed(chosen)() for _ in range(3))
    assert joblib.Parallel(2, backend=backend)(jobs) == [1, 1, 1]


def nested():
    return joblib.Parallel(2)(joblib.delayed(chosen)() for _ in range(2))


def test_one_inside_nested_parallel_regions():
    with joblib.parallel_config("threading"):
        found = joblib.Parallel(2)(joblib.delayed(nested)() for _ in range(2))
    assert found == [[1, 1], [1, 1]]


def test_a_context_can_ask_for_fewer(four_cores):
    with joblib.parallel_config("threading", n_jobs=2):
        assert chosen() == 2


def test_never_more_than_the_machine():
    assert 1 <= threads.available_threads() <= joblib.cpu_count()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside other libraries' threads
def test_a_fork_forgets_the_threads_of_its_parent():
    context = multiprocessing.get_context("fork")
    with Threads(3, MUCH, DTYPE), context.Pool(1) as pool:
        assert pool.apply(in_use) == 0
        pool.close()
        pool.join()


def in_use():
    return threads._in_use


class Failure(Exception):
    pass


def failing(network, X, y):
    raise Failure


def data(n=60):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6)), rng.integers(0, 2, n)


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_nothing_is_left_running(solver):
    X, y = data()
    before = threading.enumerate()
    network = MLPClassifier((5,), solver=solver, n_jobs=3, max_iter=3, random_state=0)
    network.fit(X, y).predict(X)
    assert threading.enumerate() == before
    network.set_params(early_stopping=True, scoring=failing)
    with pytest.raises(Failure):
        network.fit(X, y)
    assert threading.enumerate() == before
    assert threads._in_use == 0


@pytest.mark.usefixtures("whole_teams")
def test_nothing_is_left_running_after_a_divergence():
    X, y = data()
    before = threading.enumerate()
    network = MLPRegressor((5,), solver="sgd", learning_rate_init=1e6, n_jobs=2, random_state=0)
    with pytest.raises(ValueError, match="non-finite"):
        network.fit(1e6 * X, y)
    assert threading.enumerate() == before
    assert not hasattr(network, "coefs_")


@pytest.mark.usefixtures("whole_teams")
def test_many_teams_on_few_cores_come_to_an_end():
    X, y = data()
    network = MLPClassifier((5,), n_jobs=3, max_iter=5, random_state=0)
    expected = network.fit(X, y).coefs_[0]

    def fit(_):
        return MLPClassifier((5,), n_jobs=3, max_iter=5, random_state=0).fit(X, y).coefs_[0]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(fit, range(8)):
            np.testing.assert_array_equal(found, expected)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_blas_is_quiet_while_the_first_to_the_last_fit_last():
    before = blas_threads()
    first, second = OneBlasThread(), OneBlasThread()
    with first:
        assert set(blas_threads()) == {1}
        with second:
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_blas_is_quiet_and_restored_whichever_threads_begin_and_end():
    before, first, second = blas_threads(), OneBlasThread(), OneBlasThread()
    with ThreadPoolExecutor(1) as worker:
        with first:
            worker.submit(second.__enter__).result()
        assert set(blas_threads()) == {1}
        worker.submit(second.__exit__).result()
        assert blas_threads() == before
        worker.submit(second.__enter__).result()  # although this thread has set a limit before
        assert set(blas_threads()) == {1}
        with first:
            worker.submit(second.__exit__).result()
            assert set(blas_threads()) == {1}
        assert blas_threads() == before
        with threadpool_limits(1, user_api="blas"):  # nor does it keep others from setting one
            assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_fits_have_the_same_bits_in_any_python_thread():
    X = np.random.default_rng(0).normal(size=(200, 30))
    network = MLPRegressor((1000,), l1=1e-3, solver="lbfgs", max_iter=20, random_state=0, n_jobs=1)
    expected = clone(network).fit(X, X[:, 0]).coefs_[0]  # long enough for several BLAS threads
    with ThreadPoolExecutor(1) as worker:
        for _ in range(2):
            found = worker.submit(clone(network).fit, X, X[:, 0]).result().coefs_[0]
            np.testing.assert_array_equal(found, expected)


def test_fits_leave_blas_as_it_was():
    before, X = blas_threads(), np.random.default_rng(0).normal(size=(50, 3))
    network = MLPRegressor((), solver="lbfgs", max_iter=3)
    with joblib.parallel_config("threading", n_jobs=2):
        joblib.Parallel()(joblib.delayed(network.fit)(X, X[:, 0]) for _ in range(6))
    assert blas_threads() == before
