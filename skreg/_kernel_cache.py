"""The disk cache of compiled kernels: a file for each program, trusted only while it is whole.

Numba's own cache looks at the file of the function that it caches and not at the files of those
that one calls; and it keeps a list of numbered files for each function, which two processes that
compile at once (workers of a cluster, float32 beside float64) can leave pointing at one another's
code. Here a program is found by a digest of all that it was made from:

* **every edit is noticed**: the digest covers all kernel sources and the versions of the compiler,
* **nobody finds another's program**: signature and processor are part of the file's name, and
  there is no list,
* **a damaged file counts as none** (a full disk, a machine that lost power): the content carries a
  checksum, and what fails it is compiled again,
* **a folder that can't be written costs the cache, not the fit,**
* **what is loaded is not compiled**: Numba's tables of all that it can compile, three quarters of
  the first fit of a process, are read when there is something to compile.
"""

import contextlib
import functools
import hashlib
import pickle
from pathlib import Path

import llvmlite
import numba
from numba.core.caching import FunctionCache, NullCache
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

CHECKSUM = hashlib.sha256
CHECKSUM_SIZE = CHECKSUM().digest_size  # bytes


@functools.cache
def kernel_sources_digest():
    """Return a digest of everything that compiled code depends on but Numba does not watch."""
    package = Path(__file__).parent
    config = numba.config
    compiler = (
        f"numba {numba.__version__} llvmlite {llvmlite.__version__} "
        f"OPT {config.OPT} BOUNDSCHECK {config.BOUNDSCHECK}"
    )
    digest = hashlib.sha256(compiler.encode())
    sources = [Path(__file__), package / "_jit.py", *sorted((package / "_kernels").glob("*.py"))]
    for path in sources:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def kernel_cache(function):
    """Return the programs of a function on disk, or none where no folder can be written to."""
    try:
        return KernelCache(function)
    except RuntimeError:  # compile in every process instead
        return NullCache()


class KernelCache(FunctionCache):
    """The compiled programs of one function on disk."""

    def load_overload(self, sig, target_context):
        """Return the program for a signature, None where it has to be compiled."""
        rtsys.initialize(target_context)  # what unpacks the arguments of a call from Python
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def _path(self, signature, codegen):
        """Return the file of a program: named by signature, processor and all sources."""
        own_file = self._impl.locator.get_source_stamp()
        key = (self._index_key(signature, codegen), own_file, kernel_sources_digest())
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        return Path(self.cache_path, f"{self._impl.filename_base}.{digest}.nbc")

    def _load_overload(self, sig, target_context):
        try:
            content = self._path(sig, target_context.codegen()).read_bytes()
        except OSError:
            return None
        checksum, program = content[:CHECKSUM_SIZE], content[CHECKSUM_SIZE:]
        if checksum != CHECKSUM(program).digest():
            return None
        return self._impl.rebuild(target_context, pickle.loads(program))

    def _save_overload(self, sig, data):
        if not self._impl.check_cachable(data):
            return
        program = dumps(self._impl.reduce(data))
        with contextlib.suppress(OSError):
            self._impl.locator.ensure_cache_path()
            with self._cache_file._open_for_write(self._path(sig, data.codegen)) as file:
                file.write(CHECKSUM(program).digest() + program)
