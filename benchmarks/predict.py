"""Rows per second of ``predict_proba``, beside scikit-learn's."""

import functools

from benchmarks import child, timing, workloads
from benchmarks.peers import available
from benchmarks.peers.sklearn_peer import fitted, settings

SIZES = (1, 100, 60_000)
# Few calls on many rows and many calls on few, so that each timed run takes a while.
ROWS_PER_RUN = 60_000
LARGEST_REPETITION = 300


def collect(dtypes, threads, rounds):
    """Yield one record per dtype, number of threads and number of rows."""
    for n_threads in threads:
        arguments = {"dtypes": dtypes, "n_threads": n_threads, "rounds": rounds}
        yield from child.call("benchmarks.predict:measure", arguments, n_threads)


def measure(dtypes, n_threads, rounds):
    """Yield the records of one number of threads; run in a process bound to as many cores."""
    for dtype in dtypes:
        X, models = train(dtype, n_threads)
        for n_rows in SIZES:
            repetition = min(LARGEST_REPETITION, max(1, ROWS_PER_RUN // n_rows))
            calls = {
                name: functools.partial(predict_often, model, X[:n_rows], repetition)
                for name, model in models.items()
            }
            timings = timing.alternate(calls, rounds)
            speeds = {key: n_rows * repetition / t.seconds for key, t in timings.items()}
            base = {"dtype": dtype, "threads": n_threads, "rows": n_rows}
            yield base | {"rows_per_second": speeds}


def train(dtype, n_threads):
    """Return X and a hastily trained model of each package by name."""
    workload = workloads.by_name("images")
    X, y = workload.load(dtype)
    parameters = settings(workload) | {"max_iter": 1}
    peers = available(("skreg", "sklearn"))
    models = {name: peer.MLPClassifier(**parameters) for name, peer in peers.items()}
    if "skreg" in models:
        models["skreg"].set_params(n_jobs=n_threads)
    return X, {name: fitted(model, X[:2000], y[:2000]) for name, model in models.items()}


def predict_often(model, X, repetition):
    """Predict the same rows again and again; return nothing, so that nothing piles up."""
    for _ in range(repetition):
        model.predict_proba(X)
