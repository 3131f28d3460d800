"""How long a search over strengths takes: grid searches and ours, in turns.

    python -m benchmarks.search [--rounds 3] [--jobs 1 2] [--dtypes float32 float64] [--seeds 10]

Ten strengths of l2 on five folds of the digits, (64,), 50 epochs, behind a StandardScaler; complete
searches with their refits, compilation left out. The ratio is that of the smallest times. The
scores are those of the chosen candidates, over the folds, for several seeds.
"""

import argparse
import json
import sys
import warnings
from itertools import product

import numpy as np
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import child, report, timing
from skreg import MLPClassifier, MLPClassifierCV

L2S = np.geomspace(1e-5, 1e-1, 10)
BATCH_SIZE = 200  # scikit-learn divides its penalty by it
FOLDS, EPOCHS = 5, 50
PEER, GRID, OURS, HALVING = (
    "GridSearchCV, scikit-learn's MLP",
    "GridSearchCV, skreg",
    "MLPClassifierCV",
    "MLPClassifierCV, halving",
)
GOALS = {(GRID, 1): 6.0, (GRID, 2): 6.0, (OURS, 2): 10.0, (HALVING, 2): 25.0}


def searches(n_jobs, seed=0, epochs=EPOCHS):
    """Return the searches by name: functions of X and y that return a fitted search."""
    network = {"hidden_layer_sizes": (64,), "batch_size": BATCH_SIZE, "max_iter": epochs,
               "n_iter_no_change": epochs, "random_state": seed}  # fmt: skip

    def grid(Network, name, strengths):
        pipeline = make_pipeline(StandardScaler(), Network(**network))
        parameters = {f"{Network.__name__.lower()}__{name}": strengths}
        return GridSearchCV(pipeline, parameters, cv=FOLDS, n_jobs=n_jobs).fit

    def in_threads(X, y):
        with parallel_config(backend="threading"):
            return grid(MLPClassifier, "l2", L2S)(X, y)

    def ours(X, y, halving=False):
        search = MLPClassifierCV(**network, l2s=L2S, cv=FOLDS, n_jobs=n_jobs, halving=halving)
        return make_pipeline(StandardScaler(), search).fit(X, y)[-1]

    return {
        PEER: grid(Peer, "alpha", L2S * BATCH_SIZE),
        GRID: in_threads,
        OURS: ours,
        HALVING: lambda X, y: ours(X, y, halving=True),
    }


def measure(n_jobs, dtype, rounds, epochs):
    """Yield one record: seconds and ratios of all searches; run bound to as many cores."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_digits(return_X_y=True)
    X = X.astype(dtype)
    calls = {
        name: lambda search=search: search(X, y).best_score_
        for name, search in searches(n_jobs, epochs=epochs).items()
    }
    timings = timing.alternate(calls, rounds)
    seconds = {name: result.seconds for name, result in timings.items()}
    ratios = {name: seconds[PEER] / value for name, value in seconds.items()}
    yield {"jobs": n_jobs, "dtype": dtype, "seconds": seconds, "ratios": ratios}


def compare_scores(n_seeds, epochs):
    """Yield one record: the best scores of every search, one per seed."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_digits(return_X_y=True)
    scores = {PEER: [], OURS: [], HALVING: []}
    errors = []
    for seed in range(n_seeds):
        by_name = searches(2, seed, epochs)
        for name, row in scores.items():
            search = by_name[name](X, y)
            row.append(float(search.best_score_))
            if name == OURS:
                spread = search.cv_results_["std_test_score"][search.best_index_]
                errors.append(float(spread / np.sqrt(FOLDS - 1)))
    yield {"scores": scores, "standard_error": float(np.mean(errors))}


def time_table(records):
    """Return seconds and ratios as a table, with the goals."""
    rows = [
        [name, record["dtype"], str(record["jobs"]), f"{record['seconds'][name]:.3f}",
         f"{record['ratios'][name]:.1f}", f"{GOALS.get((name, record['jobs']), 1):g}"]
        for record in records for name in record["seconds"]
    ]  # fmt: skip
    return report.markdown(["search", "dtype", "jobs", "seconds", "times faster", "goal"], rows)


def score_table(record):
    """Return the mean best scores as a table, and how they differ from scikit-learn's."""
    base = np.array(record["scores"][PEER])
    rows = [
        [name, f"{np.mean(scores):.4f}", f"{np.mean(np.array(scores) - base):+.4f}",
         f"{record['standard_error']:.4f}"]
        for name, scores in record["scores"].items()
    ]  # fmt: skip
    return report.markdown(["search", "best score", "difference", "standard error"], rows)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser("python -m benchmarks.search", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="few epochs: see that it runs")
    options = parser.parse_args()
    epochs, records = 3 if options.quick else EPOCHS, []
    for n_jobs, dtype in product(options.jobs, options.dtypes):
        told = {"n_jobs": n_jobs, "dtype": dtype, "rounds": options.rounds, "epochs": epochs}
        records += child.call("benchmarks.search:measure", told, n_jobs)
    print(time_table(records))
    if options.seeds:
        told = {"n_seeds": options.seeds, "epochs": epochs}
        (record,) = child.call("benchmarks.search:compare_scores", told)
        print(f"\n{score_table(record)}")
        records.append(record)
    print(json.dumps(records), file=sys.stderr)


if __name__ == "__main__":
    main()
