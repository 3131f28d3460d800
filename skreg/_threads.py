"""How many threads a fit takes: what the work pays for and the surroundings leave."""

import functools
import os
import sys
import threading

import joblib
import numba
from joblib.parallel import get_active_backend
from threadpoolctl import OpenBLASController, ThreadpoolController

from skreg._kernels.simd import lanes

# Operations on whole vectors, per batch. Measured: two threads lose 13 to 24 % at .09e6, are equal
# at .17e6 to .25e6 and gain 25 to 50 % at .45e6.
VECTORS_PER_THREAD = 1e5

_lock = threading.Lock()
_in_use = 0
_quiet = None  # of the fits that want BLAS on one thread: how many there are, and the limit


def _begin_anew():
    """Forget the threads of a parent process: a fork does not copy them."""
    global _lock, _in_use, _quiet
    _lock, _in_use, _quiet = threading.Lock(), 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class Threads:
    """A context that takes threads from what the process has left, and gives them back.

    Parameters
    ----------
    n_jobs : int or None
        As in joblib, the most that are taken; None leaves that to the surroundings.
    flops : float
        Floating-point operations between two meetings of the team, which have to pay for them.
    dtype : numpy dtype
        Of these operations.
    """

    def __init__(self, n_jobs, flops, dtype):
        if n_jobs == 0:
            raise ValueError("n_jobs=0 has no meaning; give None, 1 or more, or -1 for all cores.")
        self._n_jobs, self._vectors = n_jobs, flops / lanes(dtype)

    def __enter__(self):
        global _in_use
        with _lock:
            self.n_threads = int(self._choose())  # np.int32 would compile every kernel anew
            _in_use += self.n_threads
        return self.n_threads

    def __exit__(self, *exception):
        global _in_use
        with _lock:
            _in_use -= self.n_threads

    def _choose(self):
        n_paid = int(self._vectors / VECTORS_PER_THREAD)
        if numba.config.DISABLE_JIT or n_paid <= 1:
            return 1
        return max(1, min(n_paid, self._limit()))

    def _limit(self):
        if self._n_jobs is not None:
            if self._n_jobs > 0:
                return self._n_jobs
            return joblib.cpu_count() + 1 + self._n_jobs
        backend, n_jobs = get_active_backend()
        if backend.nesting_level:  # another parallel region is around us
            return 1
        limit = available_threads() - _in_use
        if n_jobs is not None and n_jobs > 0:  # a parallel_config that asks for fewer
            limit = min(limit, n_jobs)
        return limit


@functools.cache
def _libraries():
    return ThreadpoolController()


class OneBlasThread:
    """A context in which BLAS takes one thread, for vectors too short to be shared.

    L-BFGS calls BLAS for matrices of ten rows. Waking up its threads for them made a fit seven
    times slower on a busy machine. The limit is one of the whole process: the first of several
    fits sets it, and the last one restores what was there, whichever their threads are.
    """

    def __enter__(self):
        global _quiet
        with _lock, _AnyThread():
            # Every fit sets it: the limit of an OpenMP build is one of the thread.
            limit = _libraries().limit(limits=1, user_api="blas")
            n_fits, first = _quiet or (0, limit)
            _quiet = n_fits + 1, first

    def __exit__(self, *exception):
        global _quiet
        with _lock:
            n_fits, first = _quiet
            _quiet = (n_fits - 1, first) if n_fits > 1 else None
            if n_fits == 1:
                with _AnyThread():
                    first.restore_original_limits()


class _AnyThread:
    """A context in which any thread may set the limit of OpenBLAS, and after which any other may.

    Since its release 3.8, threadpoolctl ignores all threads but the first that has set one.
    """

    def __enter__(self):
        self._release()

    def __exit__(self, *exception):
        self._release()

    @staticmethod
    def _release():
        release = getattr(OpenBLASController, "clear_controlling_thread", None)
        if release is not None:
            release(force=True)


def available_threads():
    """Return the limit that the machine and Numba's thread mask set."""
    limit = min(joblib.cpu_count(), numba.config.NUMBA_NUM_THREADS)
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    if parallel is not None and getattr(parallel, "_is_initialized", False):
        limit = min(limit, numba.get_num_threads())  # asking earlier would launch Numba's pool
    return limit
