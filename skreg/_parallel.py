"""Many calls at once: in threads of our own, or over the joblib backend that the user has chosen.

joblib looks for results a hundred times a second, which is long for fits of some milliseconds.
"""

import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from numbers import Integral

from joblib import parallel_config
from joblib.parallel import SequentialBackend, ThreadingBackend, get_active_backend
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed

from skreg._warnings import for_threads

LONGEST_WAIT = 0.1  # seconds
BATCHES = 4  # calls per worker, where results come all at once
MOST_LOSSES = 3  # of workers with what only they have, in a search


class Brake:
    """Ends fits between their epochs, from whatever thread, once ``pulled`` is true.

    A copy in another process ends nothing.
    """

    def __init__(self):
        self.pulled = False


class Quiet(Parallel):
    """Ends without joblib's advice, which a filter would let through.

    The threads of scikit-learn's `Parallel` set the filters of the whole process.
    """

    def _warn_exit_early(self):
        """Say nothing: a search is ended on purpose."""


def check_n_jobs(n_jobs):
    """Refuse a number of jobs that says nothing."""
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r} must be None or an integer other than 0: how many fits at a time, "
            "-1 for one per core."
        )


def shares_memory():
    """Return whether calls run in this process, in the order of their tasks."""
    backend, _ = get_active_backend(prefer="threads")
    return isinstance(backend, ThreadingBackend | SequentialBackend)


def shares_threads(n_jobs):
    """Return whether several threads of our own share the calls."""
    backend, n_threads = _backend_of(n_jobs)
    return isinstance(backend, ThreadingBackend) and n_threads > 1


def _backend_of(n_jobs):
    """Return the joblib backend that calls run on, and how many at once."""
    _, default = get_active_backend()
    backend, _ = get_active_backend(prefer="threads")
    return backend, backend.effective_n_jobs(default if n_jobs is None else n_jobs)


def run_all(function, tasks, n_jobs, brake=None):
    """Yield ``function(*task)`` for all tasks, in their order.

    A generator that is closed, or ends by an error, begins no further call. Where the user
    interrupts calls in threads, those that run are awaited, which the brake makes short, and what
    they return comes before the `KeyboardInterrupt`.

    Parameters
    ----------
    function : callable
    tasks : list of tuple
    n_jobs : int or None
        As in joblib: how many calls at once.
    brake : Brake, optional
        Pulled where the calls are to end early; those in threads of this process see it.
    """
    brake = brake or Brake()
    backend, n_threads = _backend_of(n_jobs)
    if isinstance(backend, ThreadingBackend) and n_threads > 1:
        nested = backend.get_nested_backend()
        yield from _run_in_threads(function, tasks, n_threads, nested, brake)
        return
    chosen, _ = get_active_backend()
    if not getattr(chosen, "supports_return_generator", False):
        yield from _run_in_batches(function, tasks, n_jobs, BATCHES * n_threads)
        return
    yield from _run_again_if_lost(function, deque(tasks), n_jobs)


def _run_again_if_lost(function, tasks, n_jobs):
    """Do what `run_all` does over a backend that returns results one by one.

    What joblib sends to a cluster by itself lies with a single worker, and with its death all
    that waits for it is lost (`FutureCancelledError`, `KilledWorker`). What has not come back is
    called again then.
    """
    for n_left in reversed(range(MOST_LOSSES + 1)):
        parallel = Quiet(n_jobs=n_jobs, prefer="threads", return_as="generator")
        results = parallel(delayed(function)(*task) for task in list(tasks))
        try:
            for result in results:
                tasks.popleft()
                yield result
            return
        except Exception as error:
            if not (n_left and _is_of_cluster(error)):
                raise
        finally:  # an error's traceback would keep the generator alive, and the calls going
            results.close()


def _is_of_cluster(error):
    """Return whether Dask has lost a call, and not the call failed."""
    return any(kind.__module__.partition(".")[0] == "distributed" for kind in type(error).__mro__)


def _run_in_batches(function, tasks, n_jobs, size):
    """Do what `run_all` does over a backend that returns results all at once.

    What earlier batches returned outlives an interrupt.
    """
    with Quiet(n_jobs=n_jobs, prefer="threads") as parallel:
        for start in range(0, len(tasks), size):
            yield from parallel(delayed(function)(*task) for task in tasks[start : start + size])


def _run_in_threads(function, tasks, n_threads, nested, brake):
    """Do what `run_all` does in threads, which have scikit-learn's configuration of this one.

    They have copies of its context variables as well: NumPy's ``errstate``, the precision of
    decimals, and whatever a scorer of the user's looks up. ``nested`` are the joblib backend and
    its number of jobs for what the calls run in parallel.

    Warnings' filters are the whole process's. scikit-learn's checks change and restore them, and
    of two checks at once the one that ends last restores what the other one has set.
    """
    config, (backend, n_jobs) = get_config(), nested

    def call(task):
        with config_context(**config), parallel_config(backend=backend, n_jobs=n_jobs):
            return function(*task)

    pool, futures = ThreadPoolExecutor(n_threads, thread_name_prefix="skreg"), deque()
    with warnings.catch_warnings():
        try:
            with for_threads():
                futures.extend(pool.submit(copy_context().run, call, task) for task in tasks)
            while futures:
                result = _result(futures[0])
                futures.popleft()
                yield result
        except KeyboardInterrupt:
            brake.pulled = True
            yield from _what_runs(futures)
            raise
        finally:
            brake.pulled |= bool(futures)  # nobody waits for them any more
            pool.shutdown(wait=False, cancel_futures=True)


def _result(future):
    """Return the result of a call.

    An endless wait hears no interrupt on Windows, nor elsewhere one that comes as it begins.
    """
    while not future.done():
        wait([future], timeout=LONGEST_WAIT)
    return future.result()


def _what_runs(futures):
    """Yield the results of the calls that have begun; cancel the others."""
    begun = [future for future in futures if not future.cancel()]
    futures.clear()
    for future in begun:
        try:
            yield _result(future)
        except KeyboardInterrupt:
            if not future.done():  # the user is tired of waiting
                raise
