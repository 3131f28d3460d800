"""Seconds per fit: every peer on every row of the table."""

import sys

from benchmarks import child, datasets, peak, peers, timing, workloads

# Rows of a few milliseconds are repeated for this long: their minima need more than a few runs.
SECONDS_PER_ROW = 5.0


def collect(names, dtypes, threads, rounds, quick=False):
    """Yield one record per row, dtype and number of threads.

    Parameters
    ----------
    names : sequence of str
        Names of workloads.
    dtypes : sequence of str
    threads : sequence of int
        Each number is measured in a process of its own.
    rounds : int
        Least number of timed runs of every peer.
    quick : bool
        Whether to run tiny versions that show nothing but that everything works.
    """
    for n_threads in threads:
        arguments = {"names": names, "dtypes": dtypes, "rounds": rounds, "quick": quick}
        arguments["n_threads"] = n_threads
        yield from child.call("benchmarks.fits:measure", arguments, n_threads)


def measure(names, dtypes, n_threads, rounds, quick):
    """Yield the records of one number of threads; run in a process bound to as many cores."""
    modules = peers.available()
    for name in names:
        for dtype in dtypes:
            workload = workloads.by_name(name, quick)
            able = {key: peer for key, peer in modules.items() if peer.supports(workload)}
            print(f"{name} {dtype} on {n_threads}: {', '.join(able)}", file=sys.stderr)
            fits = {key: peer.prepare(workload, dtype, n_threads) for key, peer in able.items()}
            timings = timing.alternate(fits, rounds, 0.0 if quick else SECONDS_PER_ROW)
            yield record(workload, dtype, n_threads, timings)


def record(workload, dtype, n_threads, timings):
    """Return what is kept of one row: description, operations, peak of a core, timings."""
    return {
        "workload": workload.name,
        "title": workload.title,
        "data": datasets.images_source() if workload.data == "images" else workload.data,
        "dtype": dtype,
        "threads": n_threads,
        "flops": workloads.product_flops(workload),
        "peak": peak.measure(dtype, repeats=20),
        "peers": {name: result._asdict() for name, result in timings.items()},
    }
