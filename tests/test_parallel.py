"""Many calls at once: order, threads, configuration, errors, interrupts, closed generators."""

import decimal
import os
import pathlib
import threading
import time
import warnings
from collections import deque
from concurrent.futures import Future
from contextvars import ContextVar

import pytest
from joblib import parallel_config
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from skreg import _parallel
from skreg._parallel import Brake, check_n_jobs, run_all

asked = ContextVar("asked", default="by nobody")


def slower_first(i):
    time.sleep(0.02 * (3 - i))
    return i, threading.get_ident()


def process(i):
    return os.getpid()


@pytest.mark.parametrize("n_jobs", (1, 2, 4, -1))
def test_results_come_in_the_order_of_the_tasks(n_jobs):
    results = list(run_all(slower_first, [(i,) for i in range(4)], n_jobs))
    assert [i for i, _ in results] == [0, 1, 2, 3]


def test_threads_are_as_many_as_asked_for_and_each_is_inside_a_parallel_region():
    at_once = threading.Barrier(3)

    def call(i):
        at_once.wait(10)
        return threading.get_ident(), get_active_backend()[0].nesting_level

    results = list(run_all(call, [(i,) for i in range(6)], 3))
    assert len({ident for ident, _ in results}) == 3
    assert {level for _, level in results} == {1}


def test_results_come_batch_by_batch_where_a_backend_returns_none_before_the_last(tmp_path):
    files = [tmp_path / str(i) for i in range(20)]
    with parallel_config(backend="multiprocessing"):
        results = run_all(pathlib.Path.touch, [(file,) for file in files], 2)
        next(results)
        assert [file.exists() for file in files] == [True] * 8 + [False] * 12
        assert len(list(results)) == 19
    assert all(file.exists() for file in files)


@pytest.mark.parametrize("n_jobs", (None, 1))
def test_one_at_a_time_stays_in_the_callers_thread(n_jobs):
    results = list(run_all(slower_first, [(2,), (3,)], n_jobs))
    assert {ident for _, ident in results} == {threading.get_ident()}


def test_what_joblib_has_been_told_is_followed():
    at_once = threading.Barrier(2)

    def call(i):
        at_once.wait(10)
        return threading.get_ident()

    with parallel_config(n_jobs=2):
        results = set(run_all(call, [(i,) for i in range(4)], None))
    assert len(results - {threading.get_ident()}) == 2
    with parallel_config("loky"):
        assert os.getpid() not in run_all(process, [(0,), (1,)], 2)
    assert set(run_all(process, [(0,), (1,)], 2)) == {os.getpid()}


def test_threads_have_the_configuration_of_the_caller():
    with config_context(assume_finite=True):
        assert [c["assume_finite"] for c in run_all(get_config, [(), ()], 2)] == [True, True]
    assert [c["assume_finite"] for c in run_all(get_config, [(), ()], 2)] == [False, False]


@pytest.mark.parametrize("n_jobs", (1, 2))
def test_threads_have_copies_of_the_context_of_the_caller(n_jobs):
    def call(i):
        seen = asked.get()
        if n_jobs > 1:
            asked.set(i)  # for this call alone
        return seen, decimal.Decimal(1) / 3

    token = asked.set("by the user")
    with decimal.localcontext(prec=2):
        found = set(run_all(call, [(i,) for i in range(6)], n_jobs))
    assert found == {("by the user", decimal.Decimal("0.33"))}
    assert asked.get() == "by the user"
    asked.reset(token)


def test_threads_leave_the_filters_of_warnings_as_they_were():
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    def first():
        with warnings.catch_warnings():
            warnings.simplefilter("error", BytesWarning)
            first_in.set()
            assert second_in.wait(10)
        first_out.set()

    def second():
        assert first_in.wait(10)
        with warnings.catch_warnings():
            second_in.set()
            assert first_out.wait(10)

    before = list(warnings.filters)
    list(run_all(lambda check: check(), [(first,), (second,)], 2))
    assert warnings.filters == before


@pytest.mark.parametrize("ends", ("closed", "by an error"))
def test_nothing_begins_behind_the_end(ends):
    begun, go_on = [], threading.Event()

    def call(i):
        begun.append(i)
        if i == 0 and ends == "by an error":
            raise ValueError("the first call")
        if i > 0:
            assert go_on.wait(10)
        return i

    results = run_all(call, [(i,) for i in range(20)], 2)
    if ends == "closed":
        assert next(results) == 0
        results.close()
    else:
        with pytest.raises(ValueError, match="the first call"):
            next(results)
    go_on.set()
    time.sleep(0.05)
    assert set(begun) <= {0, 1, 2}


class Lost(Exception):
    """What Dask says of calls that its workers have died with."""

    __module__ = "distributed.client"


@pytest.mark.parametrize("n_losses", (1, 3, 4))
def test_what_a_cluster_loses_is_called_again(n_losses):
    called = []

    def call(i):
        called.append(i)
        if i == 1 and called.count(1) <= n_losses:
            raise Lost
        return 10 * i

    results = run_all(call, [(i,) for i in range(3)], 1)
    if n_losses <= 3:
        assert list(results) == [0, 10, 20]
        assert called == [0, *[1] * (n_losses + 1), 2]
    else:
        with pytest.raises(Lost):
            list(results)
        assert called == [0, 1, 1, 1, 1]


def wait_for(brake):
    end = time.perf_counter() + 10
    while not brake.pulled and time.perf_counter() < end:
        time.sleep(0.001)
    return brake.pulled


def test_what_runs_at_an_interrupt_is_ended_and_counts():
    brake, both_run = Brake(), threading.Barrier(2)

    def call(i):
        if i < 2:
            both_run.wait(10)
        if i == 0:
            raise KeyboardInterrupt  # as the wait for the first result would
        return i, wait_for(brake)

    results, found = run_all(call, [(i,) for i in range(20)], 2, brake), []
    with pytest.raises(KeyboardInterrupt):
        for result in results:
            found.append(result)
    # The thread of the first call may have begun another one in between.
    assert found in ([(1, True)], [(1, True), (2, True)])
    assert brake.pulled


@pytest.mark.parametrize("closes", [True, False])
def test_the_brake_is_pulled_only_where_something_is_left(closes):
    brake = Brake()
    results = run_all(abs, [(-1,), (-2,), (-3,)], 2, brake)
    assert next(results) == 1
    if closes:
        results.close()
    else:
        assert list(results) == [2, 3]
    assert brake.pulled == closes


@pytest.mark.parametrize("n_jobs", (0, "a", 1.5))
def test_bad_numbers_of_jobs(n_jobs):
    with pytest.raises(ValueError, match=f"n_jobs={n_jobs!r} must be None or an integer"):
        check_n_jobs(n_jobs)
    for good in (None, -1, 3):
        check_n_jobs(good)


@pytest.mark.parametrize("is_done", [False, True])
def test_a_second_interrupt_ends_the_wait_for_what_runs(monkeypatch, is_done):
    def interrupted(future):
        raise KeyboardInterrupt

    future = Future()
    assert future.set_running_or_notify_cancel()
    monkeypatch.setattr(_parallel, "_result", interrupted)
    left = _parallel._what_runs(deque([future]))
    if is_done:  # the call itself has been interrupted
        future.set_result(None)
        assert list(left) == []
    else:
        with pytest.raises(KeyboardInterrupt):
            next(left)
