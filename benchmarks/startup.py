"""Seconds before the first result: import, cold compilation, compiled code from the disk."""

import tempfile
import time

from benchmarks import child

IMPORTS = ("sklearn", "sklearn.neural_network", "numba", "skreg")


def collect(dtypes, rounds):
    """Yield one record per thing that is waited for, each the minimum over new processes."""
    for module in IMPORTS:
        yield {"what": f"import {module}", "seconds": import_seconds(module, rounds)}
    for dtype in dtypes:
        runs = [first_fits(dtype) for _ in range(rounds)]
        for what in runs[0]:
            yield {"what": f"{what}, {dtype}", "seconds": min(run[what] for run in runs)}


def import_seconds(module, rounds):
    """Return the least time that importing a module takes in a new process.

    One run more than asked for is done: the first one fetches files from the disk, and keeps
    the bytecode of sources, as an interpreter does unless it is told not to.
    """
    function = "benchmarks.startup:time_import"
    bytecode = {"PYTHONDONTWRITEBYTECODE": ""}
    arguments = {"module": module}, None, bytecode
    runs = [_only(child.call(function, *arguments)) for _ in range(rounds + 1)]
    return min(run["seconds"] for run in runs)


def first_fits(dtype):
    """Return seconds of compilation, and of the first fit with and without a disk cache."""
    with tempfile.TemporaryDirectory() as folder:
        cold = _first_fit_of_process(dtype, folder)
        warm = _first_fit_of_process(dtype, folder)
    return {
        "cold compilation": cold["first"] - cold["second"],
        "first fit, nothing compiled": cold["first"],
        "first fit, compiled code on disk": warm["first"],
    }


def time_import(module):
    """Yield the seconds that an import takes; NumPy belongs to every one of these modules."""
    start = time.perf_counter()
    __import__(module)
    yield {"seconds": time.perf_counter() - start}


def time_first_fits(dtype):
    """Yield the seconds of the first and of the second fit of this process."""
    from benchmarks import workloads
    from benchmarks.peers import skreg_peer

    fit = skreg_peer.prepare(workloads.by_name("digits", quick=True), dtype, 1)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        fit()
        seconds.append(time.perf_counter() - start)
    yield {"first": seconds[0], "second": seconds[1]}


def _first_fit_of_process(dtype, cache_folder):
    environment = {"NUMBA_CACHE_DIR": cache_folder}
    arguments = {"dtype": dtype}
    return _only(child.call("benchmarks.startup:time_first_fits", arguments, 1, environment))


def _only(records):
    """Return the one record of a child that has nothing else to say."""
    (record,) = records
    return record
