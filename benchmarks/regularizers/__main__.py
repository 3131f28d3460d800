"""Measure what each regularizer is worth on real data, print the tables, keep the numbers."""

import argparse
import json
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.regularizers import mnist, selection, tables, uci
from benchmarks.regularizers.trials import names

PARTS = ("selection", "mnist", "uci")


def parse(arguments=None):
    """Return the command line's settings."""
    parser = argparse.ArgumentParser("python -m benchmarks.regularizers", description=__doc__)
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure")
    add("--seeds", type=int, default=5, metavar="N", help="splits and starts of the first two")
    add("--splits", type=int, metavar="N", help="first of the published splits (default: all)")
    add("--json", type=Path, metavar="FILE", help="where the numbers go (default: nowhere)")
    return parser.parse_args(arguments)


def measure(options):
    """Return ``{part: records}``."""
    seeds = range(options.seeds)
    parts = {
        "selection": lambda: selection.collect(seeds),
        "mnist": lambda: mnist.collect(seeds),
        "uci": lambda: uci.collect(options.splits),
    }
    results = {}
    for part in PARTS:
        if part in options.parts:
            start = time.perf_counter()
            results[part] = list(parts[part]())
            print(f"{part}: {time.perf_counter() - start:.0f} s", flush=True)
    return results


def report(results):
    """Return all tables and sentences as one text."""
    blocks = []
    for part, records in results.items():
        if part != "uci":
            blocks += [tables.of_methods(records, data) for data in names(records, "data")]
        elif records:
            blocks += [tables.of_paper(records, metric) for metric in ("rmse", "log_likelihood")]
            blocks.append(tables.of_forecasts(records))
    records = [record for part in results.values() for record in part]
    return "\n\n".join([*blocks, tables.LEGEND, "\n".join(tables.verdicts(records))])


def as_json(results):
    """Return JSON with one record per line."""
    parts = []
    for name, part in results.items():
        text = json.dumps(part)
        if isinstance(part, list):
            text = "[\n" + ",\n".join(json.dumps(record) for record in part) + "\n]"
        parts.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(arguments=None):
    """Run what the command line asks for."""
    options = parse(arguments)
    described = machine.describe()
    print(machine.summary(described), flush=True)
    results = measure(options)
    print(f"\n{report(results)}")
    if options.json:
        keep(options.json, results, described)
        print(f"\nwritten to {options.json}")


def keep(path, results, described):
    """Write the measured parts, each with its machine, beside those that a file has of others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(path.read_text()) if path.exists() else {}
    machines = earlier.pop("machine", {}) | dict.fromkeys(results, described)
    path.write_text(as_json({"machine": machines, **earlier, **results}))


if __name__ == "__main__":
    main()
