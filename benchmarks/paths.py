"""What warm starts save on a path, and how long LassoNet takes for its own.

    python -m benchmarks.paths [--rows 48842] [--strengths 30] [--quick]

The first table compares a warm path of l1 strengths on the adult data with as many fits from
random weights: epochs, seconds and objectives. The latter are repeated with another seed, which
shows how far apart the local minima lie, and with about as many epochs in all as the path had,
which shows whether the epochs or the warm starts did it.
The second table takes LassoNet's path with its default settings, on data that both can run, and
ours with the same hidden layer: on its usual 30 strengths and on as many as LassoNet visited.
One thread each; complete calls, input checks included and compilation left out.
"""

import argparse
import importlib.util
import os
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, scale

from benchmarks import child, datasets, timing
from skreg import MLPClassifier, mlp_path

HIDDEN, EPOCHS = (32,), 60
ADULT = {"hidden_layer_sizes": HIDDEN, "random_state": 0, "n_jobs": 1}
COLD = ("cold", "cold, another seed", "cold, as few epochs")
FEATURES = (3, 5, 10, 20)  # numbers of active features at which accuracies are compared


def adult(n_rows):
    """Return the first rows, numbers and one-hot categories at unit scale, in float32."""
    folder = os.environ.get("SKREG_DATA", datasets.PROJECT.parent / "shared" / "data")
    archive = np.load(Path(folder) / "adult.npz")
    X, y = archive["X"][:n_rows], archive["y"][:n_rows]
    is_category = archive["cat_mask"].astype(bool)
    categories = np.nan_to_num(X[:, is_category], nan=-1)
    one_hot = OneHotEncoder(sparse_output=False, min_frequency=20).fit_transform(categories)
    return scale(np.hstack([X[:, ~is_category], one_hot])).astype(np.float32), y


def compare_starts(n_rows, n_strengths, max_iter):
    """Yield one record: objectives, epochs and seconds of the warm path and of cold fits."""
    X, y = adult(n_rows)
    mlp_path(X[:500], y[:500], l1s=2, **ADULT, max_iter=1)  # compiles

    def walk():
        return mlp_path(X, y, l1s=n_strengths, **ADULT, max_iter=max_iter)

    seconds, path = timing.timed(walk)
    warm = {"objective": (path.loss + path.penalty).tolist(), "epochs": path.n_epochs.tolist()}
    record = {"strengths": path.strengths.tolist(), "warm": warm | {"seconds": seconds}}
    fewer = max(1, round(path.n_epochs.sum() / n_strengths))
    for name, *how in zip(COLD, (max_iter, max_iter, fewer), (0, 1, 0), strict=True):
        seconds, fits = timing.timed(lambda how=how: cold_fits(X, y, path.strengths, *how))
        objectives = [fit.penalty_breakdown(X, y)["objective"] for fit in fits]
        epochs = [fit.n_iter_ for fit in fits]
        record[name] = {"objective": objectives, "epochs": epochs, "seconds": seconds}
    yield record


def cold_fits(X, y, strengths, max_iter, seed):
    """Fit every strength from random weights, with the settings of the path."""
    parameters = ADULT | {"random_state": seed, "max_iter": max_iter, "l2": 0.0}
    parameters |= {"learning_rate": "cosine", "learning_rate_init": 0.01}
    return [MLPClassifier(**parameters, l1=float(l1)).fit(X, y) for l1 in strengths]


def starts_table(record):
    """Return the comparison as lines of text."""
    cold = np.array(record["cold"]["objective"])
    lines = [f"{'':22}{'epochs':>8}{'seconds':>10}   objective over that of the cold fits, %"]
    lines += [f"{'':40}   {'mean':>8}{'median':>8}{'worst':>8}{'best':>8}"]
    for name in (*COLD, "warm"):
        part = record[name]
        excess = 100 * (np.array(part["objective"]) / cold - 1)
        numbers = (excess.mean(), np.median(excess), excess.max(), excess.min())
        lines.append(
            f"{name:22}{sum(part['epochs']):8}{part['seconds']:10.2f}   "
            + "".join(f"{number:8.2f}" for number in numbers)
        )
    saved = sum(record["cold"]["epochs"]) / sum(record["warm"]["epochs"])
    faster = record["cold"]["seconds"] / record["warm"]["seconds"]
    return "\n".join([*lines, f"warm starts: x{saved:.1f} fewer epochs, x{faster:.1f} faster"])


def compare_lassonet(multiplier):
    """Yield one record per path: seconds, strengths, accuracy by number of active features."""
    import torch
    from lassonet import LassoNetClassifier

    torch.set_num_threads(1)
    X, y = load_breast_cancer(return_X_y=True)
    X, X_val, y, y_val = train_test_split(scale(X).astype(np.float32), y, random_state=0)
    peer = LassoNetClassifier(hidden_dims=(100,), random_state=0, path_multiplier=multiplier)
    seconds, found = timing.timed(
        lambda: peer.path(X, y, X_val=X_val, y_val=y_val, return_state_dicts=True)
    )
    scores = []
    for point in found:
        peer.load(point.state_dict)
        scores.append(peer.score(X_val, y_val))
    n_active = [int(point.selected.sum()) for point in found]
    yield describe("LassoNet", seconds, n_active, scores)
    network = {"X_val": X_val, "y_val": y_val, "n_jobs": 1, "random_state": 0}
    mlp_path(X, y, l1s=2, max_iter=1, **network)  # compiles
    for n_strengths in (30, len(found)):
        seconds, path = timing.timed(lambda n=n_strengths: mlp_path(X, y, l1s=n, **network))
        n_active = [features.size for features in path.active_features]
        yield describe("skreg", seconds, n_active, path.validation_score.tolist())


def describe(name, seconds, n_active, scores):
    """Return what is kept of a path."""
    best = {
        str(limit): max(
            (score for n, score in zip(n_active, scores, strict=True) if n <= limit), default=0.0
        )
        for limit in FEATURES
    }
    return {"name": name, "seconds": seconds, "n_strengths": len(scores), "best": best}


def lassonet_table(records):
    """Return the paths as lines of text."""
    heads = "".join(f"{f'<= {limit}':>8}" for limit in FEATURES)
    lines = [f"{'':12}{'strengths':>10}{'seconds':>10}{'ratio':>8}   best accuracy by features"]
    lines += [f"{'':40}   {heads}"]
    for record in records:
        ratio = records[0]["seconds"] / record["seconds"]
        scores = "".join(f"{record['best'][str(limit)]:8.3f}" for limit in FEATURES)
        lines.append(
            f"{record['name']:12}{record['n_strengths']:10}{record['seconds']:10.2f}{ratio:8.1f}"
            f"   {scores}"
        )
    return "\n".join(lines)


def quietly(function, **arguments):
    """Yield the records of a function of this module; fits may end at ``max_iter``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield from globals()[function](**arguments)


def main(arguments=None):
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=48_842)
    parser.add_argument("--strengths", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    given = parser.parse_args(arguments)
    starts = {"n_rows": given.rows, "n_strengths": given.strengths, "max_iter": EPOCHS}
    if given.quick:
        starts = {"n_rows": 1000, "n_strengths": 3, "max_iter": 4}
    call = {"function": "compare_starts", **starts}
    print(starts_table(next(iter(list(child.call("benchmarks.paths:quietly", call, 1))))))
    if importlib.util.find_spec("lassonet") is None:
        print("LassoNet is not installed: no comparison with its path.")
        return
    call = {"function": "compare_lassonet", "multiplier": 2.0 if given.quick else 1.02}
    print(lassonet_table(list(child.call("benchmarks.paths:quietly", call, 1))))


if __name__ == "__main__":
    main()
