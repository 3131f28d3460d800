"""Many calls at once: in threads of our own, or over the joblib backend that the user has chosen.

joblib looks for results a hundred times a second, which is long for fits of some milliseconds.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

from joblib import parallel_config
from joblib.parallel import ThreadingBackend, get_active_backend
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed


class Quiet(Parallel):
    """Ends without joblib's advice, which a filter would let through.

    The threads of scikit-learn's `Parallel` set the filters of the whole process.
    """

    def _warn_exit_early(self):
        """Say nothing: a search is ended on purpose."""


def run_all(function, tasks, n_jobs):
    """Yield ``function(*task)`` for all tasks, in their order.

    A generator that is closed, or ends by an error, begins no further call.

    Parameters
    ----------
    function : callable
    tasks : list of tuple
    n_jobs : int or None
        As in joblib: how many calls at once.
    """
    chosen, default = get_active_backend()
    backend, _ = get_active_backend(prefer="threads")
    n_threads = backend.effective_n_jobs(default if n_jobs is None else n_jobs)
    if isinstance(backend, ThreadingBackend) and n_threads > 1:
        yield from _run_in_threads(function, tasks, n_threads, backend.get_nested_backend())
        return
    lazily = getattr(chosen, "supports_return_generator", False)
    parallel = Quiet(n_jobs=n_jobs, prefer="threads", return_as="generator" if lazily else "list")
    results = parallel(delayed(function)(*task) for task in tasks)
    try:
        yield from results
    finally:  # an error's traceback would keep the generator alive, and the calls going
        if lazily:
            results.close()


def _run_in_threads(function, tasks, n_threads, nested):
    """Do what `run_all` does in threads, which have scikit-learn's configuration of this one.

    ``nested`` are the joblib backend and its number of jobs for what the calls run in parallel.
    """
    config, (backend, n_jobs) = get_config(), nested

    def call(task):
        with config_context(**config), parallel_config(backend=backend, n_jobs=n_jobs):
            return function(*task)

    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="skreg")
    try:
        futures = deque(pool.submit(call, task) for task in tasks)
        while futures:
            yield futures.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
