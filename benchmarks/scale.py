"""What grows how: fits, searches and blocks of rows at several sizes.

    python -m benchmarks.scale [--rounds 3] [--parts sizes candidates backends blocks]

Seconds are the smallest of complete calls that take turns, compilation left out. Searches on Dask
need `pip install '.[scale]'`. The tables of the page on scale in the documentation come from here.
"""

import argparse
import contextlib
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning

from benchmarks import child, report, timing
from skreg import MLPClassifier, MLPClassifierCV

BATCH_SIZE = 200
KINDS = {"float64": ("float64", 1), "float32": ("float32", 1), "float32, 2 threads": ("float32", 2)}


class Size(NamedTuple):
    """A fit: its rows and columns, its hidden units, and its epochs."""

    n_rows: int
    n_features: int
    units: tuple
    epochs: int


SIZES = {
    "rows": [Size(n, 20, (64, 64), epochs)
             for n, epochs in ((1_000, 100), (10_000, 20), (100_000, 5), (1_000_000, 1))],
    "columns": [Size(10_000, d, (64,), epochs)
                for d, epochs in ((10, 20), (100, 10), (1_000, 3), (10_000, 1))],
    "units": [Size(10_000, 100, (units,), epochs)
              for units, epochs in ((16, 20), (64, 10), (256, 5), (1_024, 2), (4_096, 1))],
    "layers": [Size(10_000, 100, (128,) * depth, 5) for depth in (1, 2, 4, 8)],
}  # fmt: skip
CANDIDATES = (5, 20, 80)
SEARCHES = {"1,797 x 64, 10 epochs": (1_797, 64, 10), "20,000 x 20, 20 epochs": (20_000, 20, 20)}
BLOCKS = (1_000, 10_000, 100_000)


def classes(n_rows, n_features, dtype="float32"):
    """Return X and y: ten classes, told apart by a random linear map and noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32).astype(dtype, copy=False)
    scores = X[:, :10] @ rng.standard_normal((min(n_features, 10), 10)).astype(dtype)
    return X, scores.argmax(axis=1)


def network(size, n_jobs):
    """Return an estimator that runs all epochs of a size."""
    return MLPClassifier(
        size.units, batch_size=BATCH_SIZE, max_iter=size.epochs, n_iter_no_change=size.epochs,
        random_state=0, n_jobs=n_jobs,
    )  # fmt: skip


def sizes(group, rounds):
    """Yield a record per size: seconds per epoch of every kind of fit."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for size in (Size(*fields) for fields in SIZES[group]):
        timings = timing.alternate(fits(size), rounds)
        seconds = {kind: result.seconds / size.epochs for kind, result in timings.items()}
        yield {"size": size, "seconds": seconds}


def fits(size):
    """Return the fits of a size by kind: functions without arguments."""
    data = {dtype: classes(size.n_rows, size.n_features, dtype) for dtype in ("float32", "float64")}
    return {
        kind: lambda dtype=dtype, n_jobs=n_jobs: network(size, n_jobs).fit(*data[dtype]).loss_
        for kind, (dtype, n_jobs) in KINDS.items()
    }


def candidates(rounds):
    """Yield a record per number of candidates: seconds of searches one and two at a time."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = classes(1_797, 64)
    for n in CANDIDATES:
        calls = {
            f"{name}, {n_jobs} at once": lambda n=n, n_jobs=n_jobs, halving=halving: (
                search(n, 10, n_jobs, halving).fit(X, y).best_score_
            )
            for name, halving in (("all", False), ("halving", True))
            for n_jobs in (1, 2)
        }
        timings = timing.alternate(calls, rounds)
        yield {"n": n, "seconds": {name: result.seconds for name, result in timings.items()}}


def search(n_candidates, epochs, n_jobs, halving=False):
    """Return a search over strengths of l2 on five folds."""
    return MLPClassifierCV(
        (64,), l2s=np.geomspace(1e-5, 1e-1, n_candidates), cv=5, batch_size=BATCH_SIZE,
        max_iter=epochs, n_iter_no_change=epochs, random_state=0, n_jobs=n_jobs, halving=halving,
    )  # fmt: skip


def backends(rounds):
    """Yield a record per search: seconds of ten candidates in threads, processes, on Dask."""
    warnings.simplefilter("ignore")
    for title, (n_rows, n_features, epochs) in SEARCHES.items():
        X, y = classes(n_rows, n_features)

        def run(n_jobs, backend, X=X, y=y, epochs=epochs):
            options = {"scatter": [X, y]} if backend == "dask" else {}
            with (
                parallel_config(backend=backend, **options)
                if backend
                else (contextlib.nullcontext())
            ):
                return search(10, epochs, n_jobs).fit(X, y).best_score_

        with cluster():
            calls = {
                "one at a time": lambda run=run: run(1, None),
                "2 threads": lambda run=run: run(2, None),
                "2 processes": lambda run=run: run(2, "loky"),
                "Dask, 2 workers": lambda run=run: run(2, "dask"),
            }
            timings = timing.alternate(calls, rounds)
        yield {"title": title, "seconds": {name: t.seconds for name, t in timings.items()}}


@contextlib.contextmanager
def cluster():
    """Start two Dask workers, processes of one thread each, and a client of them."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as workers:
        with Client(workers):
            yield


def blocks(rounds, n_rows=400_000, n_features=50):
    """Yield one record: seconds of an epoch in memory, and of blocks of several sizes in a file."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = classes(n_rows, n_features)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, X)

        def from_file(size):
            rows = np.load(path, mmap_mode="r")
            model = network(Size(n_rows, n_features, (64, 32), 1), 1)
            for start in range(0, n_rows, size):
                part = slice(start, start + size)
                model.partial_fit(np.array(rows[part]), y[part], classes=range(10))
            return model.loss_

        whole = network(Size(n_rows, n_features, (64, 32), 1), 1)
        calls = {"fit, all rows in memory": lambda: whole.fit(X, y).loss_}
        for size in BLOCKS:
            calls[f"partial_fit, {size:,} rows at a time"] = lambda size=size: from_file(size)
        timings = timing.alternate(calls, rounds)
    yield {"n_rows": n_rows, "seconds": {name: t.seconds for name, t in timings.items()}}


def size_table(group, records):
    """Return milliseconds per epoch."""
    rows = []
    for record in records:
        size, seconds = Size(*record["size"]), record["seconds"]
        title = f"{size.n_rows:,} x {size.n_features:,}, {tuple(size.units)}"
        rows.append([title, *(f"{1e3 * seconds[kind]:.2f}" for kind in KINDS)])
    return report.markdown([f"{group}, ms per epoch", *KINDS], rows)


def seconds_table(title, records):
    """Return the seconds of records that have the same columns."""
    names = list(records[0]["seconds"])
    rows = [
        [str(record.get("title", record.get("n", record.get("n_rows")))),
         *(f"{record['seconds'][name]:.2f}" for name in names)]
        for record in records
    ]  # fmt: skip
    return report.markdown([title, *names], rows)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser("python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", default=["sizes", "candidates", "backends", "blocks"])
    options = parser.parse_args()
    rounds = {"rounds": options.rounds}
    if "sizes" in options.parts:
        for group in SIZES:
            told = {"group": group, **rounds}
            print(size_table(group, list(child.call("benchmarks.scale:sizes", told))), end="\n\n")
    for part in ("candidates", "backends", "blocks"):
        if part in options.parts:
            records = list(child.call(f"benchmarks.scale:{part}", rounds))
            print(seconds_table(f"{part}, seconds", records), end="\n\n")


if __name__ == "__main__":
    main()
