"""Scores: those that early stopping watches by default, and what scorers of the user's return.

The former come from raw outputs, in microseconds. They equal ``accuracy_score`` and ``r2_score``,
whose input checks would cost more than an epoch on a small table.
"""

import contextlib
import inspect
import numbers

import numpy as np


def takes_weights(scorer):
    """Return whether a scorer accepts sample weights, as GridSearchCV asks."""
    if hasattr(scorer, "_accept_sample_weight"):
        return scorer._accept_sample_weight()
    return "sample_weight" in inspect.signature(scorer).parameters


def as_number(score, shown):
    """Return what a scorer, ``shown`` so in errors, has returned as a float."""
    with contextlib.suppress(AttributeError, ValueError):
        score = score.item()  # of an array that holds one number
    if not isinstance(score, numbers.Real):
        raise ValueError(f"{shown} returned {score!r}; it must return a number.")
    return float(score)


def accuracy(raw, target, weight=None):
    """Return the weighted share of rows that are right in every output.

    Parameters
    ----------
    raw : array of shape (n_samples, n_outputs)
        Raw outputs: the largest, or each one's sign, decides.
    target : array of shape (n_samples, n_targets)
        The class code where there are several outputs for one target, 0 or 1 otherwise.
    weight : array of shape (n_samples,), optional
    """
    if raw.shape[1] > target.shape[1]:
        right = raw.argmax(axis=1) == target[:, 0]
    else:
        right = ((raw > 0) == (target > 0.5)).all(axis=1)
    return float(np.average(right, weights=weight))


def r2(prediction, target, weight=None):
    """Return the coefficient of determination, averaged over the outputs.

    NaN if predictions are not finite, and for a single row: `r2_score` has no score for it.
    """
    n_rows = len(target) if weight is None else np.count_nonzero(weight)
    if n_rows < 2 or not np.isfinite(prediction).all():
        return np.nan
    residual = np.average((target - prediction) ** 2, axis=0, weights=weight)
    center = np.average(target, axis=0, weights=weight)
    total = np.average((target - center) ** 2, axis=0, weights=weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(total > 0, 1.0 - residual / total, np.where(residual > 0, 0.0, 1.0))
    return float(scores.mean())
