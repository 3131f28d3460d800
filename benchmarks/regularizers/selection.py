"""Few of many features matter: Madelon (20 of 500 columns) and leukemia (72 rows, 7070 columns).

Madelon's useful columns are known from its construction: 5 are drawn, 15 are linear combinations
of those, and the others are independent noise. So they are the ones that the others predict. The
class is a kind of parity of the 5: hardly a column alone tells anything of it.
"""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

from benchmarks.regularizers import archives
from benchmarks.regularizers.trials import PLAIN, Method, choose, fit_rounds, score
from skreg import MLPClassifier

HIDDEN = (32, 32)
TRUTH = "plain, useful columns only"
FEW_ROWS = 500  # fewer are split into folds


class Problem(NamedTuple):
    """A data set and how a network learns it."""

    name: str
    settings: dict  # of the estimator
    metric: str  # what strengths are chosen by
    n_inner: int  # inner splits on which they are
    n_useful: int = 0  # columns, where they are known


class Trial(NamedTuple):
    """What a method comes to on one pair of training and test rows."""

    strength: float
    scores: dict
    active: np.ndarray  # indices of the features that are used


# Leukemia is validated on 12 rows, of which the accuracy takes only a few values.
PROBLEMS = (
    Problem("madelon", {"learning_rate_init": 1e-2, "batch_size": 100}, "accuracy", 1, 20),
    Problem("leukemia", {"learning_rate_init": 1e-3}, "log_loss", 2),
)


def on_first(name):
    """Return parameters for a penalty on the first matrix, by its strength.

    A little l2 on the others: without it they grow while the first one shrinks, which costs a
    network of ReLU units nothing.
    """
    n_others = len(HIDDEN)
    return lambda strength: {
        name: (strength, *[0.0] * n_others),
        "l2": (0.0, *[1e-3] * n_others),
    }


METHODS = (
    Method(PLAIN, (0.0,), lambda _: {}),
    Method("l2", (1e-3, 1e-2, 3e-2), lambda strength: {"l2": strength}),
    Method("l1", (1e-3, 3e-3, 1e-2), on_first("l1")),
    Method("group_l1", (1e-3, 2e-3, 4e-3, 8e-3), on_first("group_l1")),
    Method("group_l1, reweighted", (2e-3, 5e-3, 1.2e-2), on_first("group_l1"), n_rounds=4),
)


def collect(seeds):
    """Yield records of all methods on both data sets."""
    for problem in PROBLEMS:
        if archives.present([problem.name]):
            X, y, _ = archives.load(problem.name)
            yield from compare(problem, X, y, seeds)


def compare(problem, X, y, seeds, methods=METHODS):
    """Yield one record per seed and method: means over the test parts of the seed's split.

    Parameters
    ----------
    problem : Problem
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    seeds : iterable of int
    methods : sequence of Method
    """
    useful = predicted_columns(X, problem.n_useful)
    jobs = [(method, np.arange(X.shape[1])) for method in methods]
    if useful.size:
        jobs.append((methods[0]._replace(name=TRUTH), useful))
    for seed in seeds:
        for method, columns in jobs:
            rows = X[:, columns], y
            trials = [run(problem, method, rows, split, seed) for split in outer_splits(y, seed)]
            record = {"data": problem.name, "method": method.name, "split": seed}
            yield record | summary(trials, columns, useful)


def outer_splits(y, seed):
    """Return pairs of training and test rows: three folds of few rows, else one quarter."""
    if len(y) < FEW_ROWS:
        return list(StratifiedKFold(3, shuffle=True, random_state=seed).split(y, y))
    return [train_test_split(np.arange(len(y)), test_size=0.25, stratify=y, random_state=seed)]


def run(problem, method, rows, split, seed):
    """Return the `Trial` of a method: tuned within the training rows, fitted on all of them."""
    X, y = rows
    train, test = split
    known = X[train], y[train]
    strength = tune(problem, method, known, seed) if len(method.strengths) > 1 else 0.0
    network, scale = learn(problem, method, strength, known, seed)
    return Trial(strength, score(network, scale(X[test]), y[test]), network.active_features_)


def tune(problem, method, rows, seed):
    """Return the strength with the best mean score over inner splits."""
    X, y = rows
    scores = np.empty((problem.n_inner, len(method.strengths)))
    for inner in range(problem.n_inner):
        train, valid = train_test_split(
            np.arange(len(y)), test_size=0.25, stratify=y, random_state=100 * seed + inner
        )
        for i, strength in enumerate(method.strengths):
            network, scale = learn(problem, method, strength, (X[train], y[train]), seed)
            scores[inner, i] = score(network, scale(X[valid]), y[valid])[problem.metric]
    return method.strengths[choose(scores.mean(axis=0), problem.metric)]


def learn(problem, method, strength, rows, seed):
    """Return a network, and the function that scales the rows that it takes."""
    X, y = rows
    scale = archives.standardizer(X)
    network = MLPClassifier(
        HIDDEN, l2=0.0, learning_rate="cosine", n_iter_no_change=np.inf, random_state=seed,
        n_jobs=1, **problem.settings,
    )  # fmt: skip
    return fit_rounds(method, strength, network, (scale(X), y)), scale


def summary(trials, columns, useful):
    """Return means over the trials of one split, as a part of a record."""
    known = {"strength": [trial.strength for trial in trials]}
    for metric in trials[0].scores:
        known[metric] = float(np.mean([trial.scores[metric] for trial in trials]))
    known["n_active"] = float(np.mean([trial.active.size for trial in trials]))
    if useful.size:
        hits = [np.isin(columns[trial.active], useful).sum() for trial in trials]
        known["n_found"] = float(np.mean(hits))
    return known


def predicted_columns(X, n_columns):
    """Return the columns that the others predict best by a linear model, sorted.

    Their share of variance that is left is ``1 / (C_jj (C^-1)_jj)`` with the covariance C.
    """
    if n_columns == 0:
        return np.empty(0, dtype=np.intp)
    covariance = np.cov(X, rowvar=False)
    left = 1.0 / (np.diag(covariance) * np.diag(np.linalg.inv(covariance)))
    return np.sort(np.argsort(left)[:n_columns])
