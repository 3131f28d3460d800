"""Methods, their strengths chosen on validation rows, and what their scores say.

A record is a dict of one method on one split of one data set: "data", "method", "split", the
chosen "strength" and the scores on the test rows by their names.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss

from skreg import mlp_path

# Better is larger for the first kind and smaller for the second.
SIGNS = {"accuracy": 1, "log_likelihood": 1, "log_loss": -1, "rmse": -1}
PLAIN = "plain"
CLEAR = 0.975  # probability that a gain which counts is not by chance, one-sided


class Method(NamedTuple):
    """A regularizer, and the strengths among which validation rows choose."""

    name: str
    strengths: tuple[Any, ...]
    params: Callable[[Any], dict]  # parameters of the estimator at a strength
    n_rounds: int = 1  # fits, each of which reweighs the features by the norms of the last


class Gain(NamedTuple):
    """By how much a method is better than another one: mean and standard error over splits."""

    mean: float
    error: float
    n_splits: int

    def is_clear(self, side=1):
        """Return whether it is a gain (side -1: a loss) beyond chance, by Student's t test."""
        return bool(side * self.mean > student.ppf(CLEAR, self.n_splits - 1) * self.error)


def fit_quietly(estimator, X, y):
    """Fit for all epochs that were asked for, which is nothing to be warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


def fit_rounds(method, strength, estimator, rows):
    """Fit once, or in several rounds of the adaptive group lasso (Wang & Leng 2008).

    From round to round, the penalty of a feature is divided by the norm of its outgoing weights;
    features without any are left out. The norms of the first round are those at the end of a path
    from weaker strengths: from random weights, a strong penalty may leave no feature at all.
    """
    if method.n_rounds > 1:
        norms = norms_along_path(method, strength, estimator, rows)
    estimator.set_params(**method.params(strength))
    for _ in range(method.n_rounds - 1):
        if not norms.any():
            break
        fit_quietly(estimator.set_params(feature_penalty=penalty_factors(norms)), *rows)
        norms = outgoing_norms(estimator.coefs_)
    return estimator if hasattr(estimator, "coefs_") else fit_quietly(estimator, *rows)


def norms_along_path(method, strength, estimator, rows):
    """Return the norms of the features at the end of a path of ``group_l1`` up to a strength."""
    pattern = clone(estimator).set_params(**method.params(1.0))
    strengths = np.geomspace(strength / 8, strength, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        path = mlp_path(*rows, group_l1s=strengths, estimator=pattern)
    return outgoing_norms(path.coefs[-1])


def outgoing_norms(coefs):
    """Return the norm of every feature's outgoing weights."""
    return np.linalg.norm(coefs[0].astype(np.float64), axis=1)


def penalty_factors(norms):
    """Return one over the norms, relative to the median of those that are not zero."""
    with np.errstate(divide="ignore"):
        return np.median(norms[norms > 0]) / norms


def score(estimator, X, y):
    """Return accuracy and log loss of a classifier."""
    probabilities = estimator.predict_proba(X).astype(np.float64)
    labels = estimator.classes_[probabilities.argmax(axis=1)]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return {
        "accuracy": float(accuracy_score(y, labels)),
        "log_loss": float(log_loss(y, probabilities, labels=estimator.classes_)),
    }


def choose(scores, metric):
    """Return the number of the best score; of equal ones the first."""
    return int(np.argmax(SIGNS[metric] * np.asarray(scores)))


def mean_and_error(values):
    """Return mean and standard error; the error of a single value is NaN."""
    values = np.asarray(values, dtype=np.float64)
    if values.size < 2:
        return float(values.mean()), math.nan
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))


def column(records, data, method, metric):
    """Return ``{split: score}`` of one method on one data set."""
    return {
        record["split"]: record[metric]
        for record in records
        if record["data"] == data and record["method"] == method and metric in record
    }


def gain(records, data, method, metric, base=PLAIN):
    """Return by how much a method beats another one on the same splits, or None."""
    ours, theirs = (column(records, data, name, metric) for name in (method, base))
    both = ours.keys() & theirs.keys()
    if not both:
        return None
    gains = [SIGNS[metric] * (ours[i] - theirs[i]) for i in sorted(both)]
    return Gain(*mean_and_error(gains), len(gains))


def names(records, key):
    """Return the values of a key in the order in which they appear."""
    return list(dict.fromkeys(record[key] for record in records))
