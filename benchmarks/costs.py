"""What regularizers cost: a fit with each of them against the plain fit, in turns.

    python -m benchmarks.costs [--rows digits table] [--rounds 5] [--threads 1]

Complete fits, input checks included and compilation left out; the ratio of the smallest times.
"""

import argparse
import json
import math
import sys
import warnings

from sklearn.exceptions import ConvergenceWarning

from benchmarks import child, timing, workloads
from skreg import MLPClassifier
from skreg.augmentation import (
    Adversarial,
    CutOut,
    FeatureSwap,
    GaussianNoise,
    ImageTransform,
    Mixup,
)

ROWS = ("digits", "digits-32", "table", "images", "images-large")
SECONDS_PER_ROW = 20.0


def cases(n_features):
    """Return the parameters of each case by its name, the plain fit first."""
    quarter = [list(range(start, min(start + 4, n_features))) for start in range(0, n_features, 4)]
    named = {
        "plain": {},
        "l1": {"l1": 1e-4},
        "group_l1": {"group_l1": 1e-4},
        "feature_groups": {"group_l1": 1e-4, "feature_groups": quarter},
        "feature_penalty": {"feature_penalty": [0.5, 2.0] * (n_features // 2)},
        "max_norm": {"max_norm": 2.0},
        "label_smoothing": {"label_smoothing": 0.1},
        "weight_averaging": {"weight_averaging": 0.99},
        "l2_anchor": {"l2_anchor": 1e-3},
        "frozen_layers": {"frozen_layers": [-1]},
        "GaussianNoise": {"augmentation": GaussianNoise(0.1)},
        "Mixup": {"augmentation": Mixup(0.2)},
        "FeatureSwap": {"augmentation": FeatureSwap(0.1)},
        "Adversarial": {"augmentation": Adversarial(0.1)},
    }
    side = math.isqrt(n_features)
    if side * side == n_features:
        shape = side, side
        named["CutOut"] = {"augmentation": CutOut(shape, side // 3)}
        image = ImageTransform(shape, rotation=10, zoom=0.1, shift=1)
        named["ImageTransform"] = {"augmentation": image}
    return named


def prepare(workload, dtype, n_threads, parameters):
    """Return a function that fits once; polishing is left out, as it comes after the epochs."""
    X, y = workload.load(dtype)
    estimator = MLPClassifier(
        workload.hidden, batch_size=workload.batch_size, max_iter=workload.epochs, tol=0,
        n_iter_no_change=math.inf, random_state=0, polish=0, n_jobs=n_threads, **parameters,
    )  # fmt: skip

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return estimator.fit(X, y).loss_

    return fit


def measure(name, dtype, n_threads, rounds, quick=False):
    """Yield one record: a row of the table."""
    workload = workloads.by_name(name, quick)
    fits = {
        case: prepare(workload, dtype, n_threads, parameters)
        for case, parameters in cases(workload.shape.n_features).items()
    }
    timings = timing.alternate(fits, rounds, 0.0 if quick else SECONDS_PER_ROW)
    seconds = {case: result.seconds for case, result in timings.items()}
    yield {"row": name, "title": workload.title, "dtype": dtype, "threads": n_threads,
           "seconds": seconds}  # fmt: skip


def table(records):
    """Return the times of the plain fit and the ratios to it as lines of text."""
    names = list(dict.fromkeys(case for record in records for case in record["seconds"]))
    rows = [f"{record['row']}/{record['threads']}" for record in records]
    lines = [f"{'':18}" + "".join(f"{row:>16}" for row in rows)]
    for name in names:
        cells = [cell(record["seconds"], name) for record in records]
        lines.append(f"{name:18}" + "".join(f"{text:>16}" for text in cells))
    return "\n".join(lines)


def cell(seconds, name):
    """Return the text of one cell; empty where the row has no such case."""
    if name == "plain":
        return f"{seconds[name] * 1e3:.1f} ms"
    return f"{timing.ratios(seconds, 'plain')[name]:.2f}" if name in seconds else ""


def main(arguments=None):
    """Measure, print the table, and keep the seconds where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--dtype", choices=workloads.DTYPES, default="float32")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args(arguments)
    records = []
    for n_threads in given.threads:
        for name in given.rows:
            print(f"{name} on {n_threads}", file=sys.stderr)
            details = {"name": name, "dtype": given.dtype, "n_threads": n_threads,
                       "rounds": given.rounds, "quick": given.quick}  # fmt: skip
            records += child.call("benchmarks.costs:measure", details, n_threads)
    print(table(records))
    if given.json:
        with open(given.json, "w") as file:
            json.dump(records, file, indent=1)


if __name__ == "__main__":
    main()
