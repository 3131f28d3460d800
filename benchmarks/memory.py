"""Peak memory of a dense fit, beside what it cannot do without."""

import ctypes
import sys
from pathlib import Path

import numpy as np

from benchmarks import child, workloads

COPIES_OF_WEIGHTS = 5
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def collect(dtypes, threads, quick=False):
    """Yield one record per network on the images, dtype and number of threads."""
    for n_threads in threads:
        for name in ("images", "images-large"):
            for dtype in dtypes:
                arguments = {"name": name, "dtype": dtype, "n_threads": n_threads, "quick": quick}
                yield from child.call("benchmarks.memory:measure", arguments, n_threads)


def measure(name, dtype, n_threads, quick):
    """Yield the bytes by which one fit raised this process's peak, and the allowance for it."""
    from benchmarks.peers import skreg_peer

    workload = workloads.by_name(name, quick)
    tiny = workload._replace(n_rows=2 * workload.batch_size, epochs=1)
    skreg_peer.prepare(tiny, dtype, n_threads)()  # compilers need memory too
    fit = skreg_peer.prepare(workload._replace(epochs=1), dtype, n_threads)
    before = forget_peak()
    fit()
    yield {
        "workload": name,
        "title": workload.title,
        "dtype": dtype,
        "threads": n_threads,
        "growth": peak_bytes() - before,
        **allowance(workload, dtype),
    }


def allowance(workload, dtype):
    """Return the bytes of the data, of one batch's workspace, and of the copies of the weights.

    The workspace of a batch is its rows, and for every unit above them an activation and the
    error that comes back to it.
    """
    item = np.dtype(dtype).itemsize
    shape, units = workload.shape, workload.units
    per_row = units[0] + 2 * sum(units[1:])
    return {
        "data": shape.n_rows * (shape.n_features * item + np.dtype(np.int64).itemsize),
        "workspace": workload.batch_size * per_row * item,
        "weights": COPIES_OF_WEIGHTS * workloads.n_parameters(workload) * item,
    }


def forget_peak():
    """Make the present use of memory the highest one known, where Linux lets us; return it.

    What earlier work has given back goes to the system first: a fit would use it unnoticed.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
    if not REFERENCES.exists():
        return peak_bytes()
    REFERENCES.write_text("5")
    return peak_bytes()


def peak_bytes():
    """Return the largest resident size of this process so far, in bytes."""
    if STATUS.exists():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource  # which Windows does not have

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
