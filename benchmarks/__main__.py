"""Measure skreg and its peers in turns, print the tables, keep the numbers."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks import (
    cores,
    datasets,
    fits,
    goals,
    machine,
    memory,
    predict,
    report,
    startup,
    workloads,
)

PARTS = ("fits", "predict", "startup", "memory")
RESULTS = Path(__file__).parent / "results"


def parse(arguments=None):
    """Return the command line's settings."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    names = workloads.NAMES
    add("--rows", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names))
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure")
    add("--dtypes", nargs="+", choices=workloads.DTYPES, default=workloads.DTYPES)
    add("--threads", nargs="+", type=int, default=workloads.THREADS)
    add("--rounds", type=int, default=5, help="timed runs per number, of which the least counts")
    add("--quick", action="store_true", help="tiny sizes: see that it runs, believe no number")
    add("--json", type=Path, help="where the numbers go (default: benchmarks/results/CPU.json)")
    return parser.parse_args(arguments)


def measure(options, results):
    """Fill ``results`` with a list of records for every part that was asked for."""
    dtypes, rounds = options.dtypes, 1 if options.quick else options.rounds
    threads = possible(options.threads)
    parts = {
        "fits": lambda: fits.collect(options.rows, dtypes, threads, rounds, options.quick),
        "predict": lambda: predict.collect(dtypes, threads, rounds),
        "startup": lambda: startup.collect(dtypes, min(rounds, 3)),
        "memory": lambda: memory.collect(dtypes, threads, options.quick),
    }
    for part in PARTS:
        if part in options.parts:
            results[part] = []
            results[part].extend(parts[part]())


def possible(threads):
    """Return the numbers of threads for which there are cores; say which are left out."""
    n_cores = len(cores.usable())
    for n_threads in threads:
        if n_threads > n_cores:
            print(f"{n_threads} threads are skipped: {n_cores} cores", file=sys.stderr)
    return [n_threads for n_threads in threads if n_threads <= n_cores]


def tables(results):
    """Yield a title and a table for everything that was measured."""
    rows = results.get("fits", [])
    dtypes = dict.fromkeys(record["dtype"] for record in rows)
    for dtype in dtypes:
        yield "Seconds per fit (times slower than skreg)", report.speed_table(rows, dtype)
    for dtype in dtypes:
        yield "Share of the measured FMA peak", report.peak_table(rows, dtype)
    for dtype in dtypes:
        yield "First call beyond the others", report.first_call_table(rows, dtype)
    for part, render in (
        ("predict", report.predict_table),
        ("startup", report.startup_table),
        ("memory", report.memory_table),
    ):
        if results.get(part):
            yield part.capitalize(), render(results[part])
    checked = [
        goal for part, records in results.items() for goal in getattr(goals, f"of_{part}")(records)
    ]
    if checked:
        yield "Goals", goals.table(checked)


def main():
    """Run what the command line asks for."""
    options = parse()
    described = machine.describe()
    print(machine.summary(described))
    print(f"images: {datasets.images_source()}", flush=True)
    results = {}
    try:
        measure(options, results)
    finally:  # what was measured before an interruption is not lost
        publish(described, results, options)


def publish(described, results, options):
    """Print the tables and write the numbers."""
    for title, table in tables(results):
        print(f"\n### {title}\n\n{table}")
    path = options.json or RESULTS / f"{machine.slug(described)}.json"
    if options.json or not options.quick:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": described, **results}, indent=1) + "\n")
        print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
