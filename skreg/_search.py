"""The bookkeeping of a search: outcomes of fits, GridSearchCV's table, the choice."""

import math
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from skreg._grids import logarithmic, strength_grid, top_strength
from skreg._parameters import is_integer

EPS = 1e-3  # lowest strength of an automatic grid, relative to its top
# What can be searched. A warm path runs along the first of them that is asked for.
AXES = ("l1", "group_l1", "l2", "dropout", "input_dropout")


def grid(name, value, find_null):
    """Return the strengths of one axis, the user's own as they are.

    Parameters
    ----------
    name : str
        One of `AXES`.
    value : int or array-like
        What the user gave as the parameter with an "s" more.
    find_null : callable
        Returns the `NullModel` on which automatic grids rest.
    """
    is_number = is_integer(value)
    if is_number and "dropout" not in name and not top_strength(name, find_null()) > 0:
        return logarithmic(1.0, EPS, value)  # nothing tells anything about y: any grid will do
    checked = strength_grid(name, value, find_null, EPS)
    return checked if is_number else list(value)


def paths(candidates):
    """Return paths of numbered candidates that differ in one strength, from weak to strong.

    A network whose weights are all zero stays so, which is why paths begin at the weak end.
    """
    axis = next(name for name in AXES if name in candidates[0])
    found = defaultdict(list)
    for number, params in enumerate(candidates):
        others = tuple(value for name, value in params.items() if name != axis)
        found[others].append((number, params))
    return [sorted(path, key=lambda numbered: numbered[1][axis]) for path in found.values()]


class Outcome(NamedTuple):
    """What came out of one candidate on one fold."""

    candidate: int
    fold: int
    score: float = np.nan
    fit_time: float = 0.0
    score_time: float = 0.0
    n_epochs: int = 0
    error: str = ""  # why there is no score


MOST_NAMED = 10  # folds in a message


def describe(params):
    """Return the parameters of a candidate in words."""
    return ", ".join(f"{name}={value:g}" for name, value in params.items())


class Ledger:
    """All outcomes so far, the latest of each candidate on each fold.

    Parameters
    ----------
    candidates : list of dict
        Parameters of every candidate.
    n_splits : int
    """

    def __init__(self, candidates, n_splits):
        self.candidates, self.n_splits = candidates, n_splits
        shape = len(candidates), n_splits
        self.score = np.full(shape, np.nan)
        self.fit_time, self.score_time = np.zeros(shape), np.zeros(shape)
        self.n_epochs = np.zeros(shape, dtype=np.int64)
        self.round = np.zeros(len(candidates), dtype=np.int64)  # the last one that it ended
        self.errors = {}

    def book(self, outcome):
        """Take an outcome; times of several rounds add up, and a failure takes no epochs back."""
        place = outcome.candidate, outcome.fold
        self.score[place] = outcome.score
        self.n_epochs[place] = max(self.n_epochs[place], outcome.n_epochs)
        self.fit_time[place] += outcome.fit_time
        self.score_time[place] += outcome.score_time
        self.errors.pop(place, None)
        if outcome.error:
            self.errors[place] = outcome.error

    @property
    def mean(self):
        """The mean score of every candidate; NaN where a fold has none."""
        return np.average(self.score, axis=1)

    def failures(self):
        """Return a sentence for every candidate that failed somewhere."""
        sentences = []
        for number, params in enumerate(self.candidates):
            folds = [fold for fold in range(self.n_splits) if (number, fold) in self.errors]
            if folds:
                reason, score = self.errors[number, folds[0]], self.score[number, folds[0]]
                where = ", ".join(map(str, folds[:MOST_NAMED]))
                if len(folds) > MOST_NAMED:
                    where += f" and {len(folds) - MOST_NAMED} more"
                sentences.append(
                    f"{describe(params)} failed on fold {where} and scores {score}: {reason}"
                )
        return sentences

    def table(self, with_epochs=False):
        """Return ``cv_results_`` with the keys of `sklearn.model_selection.GridSearchCV`.

        Parameters
        ----------
        with_epochs : bool
            Whether to add the epochs that every candidate got.
        """
        table = {}
        for name in ("fit_time", "score_time"):
            table |= _mean_and_std(name, getattr(self, name))
        for name in self.candidates[0]:
            values = np.array([params[name] for params in self.candidates])
            table[f"param_{name}"] = np.ma.MaskedArray(values, mask=np.zeros(values.size, bool))
        table["params"] = self.candidates
        for fold in range(self.n_splits):
            table[f"split{fold}_test_score"] = self.score[:, fold]
        table |= _mean_and_std("test_score", self.score)
        table["rank_test_score"] = ranks(self.mean, self.round)
        if with_epochs:
            table["n_epochs"] = self.n_epochs.max(axis=1)
        return table


def _mean_and_std(name, values):
    mean = np.average(values, axis=1)
    std = np.sqrt(np.average((values - mean[:, np.newaxis]) ** 2, axis=1))
    return {f"mean_{name}": mean, f"std_{name}": std}


def ranks(means, rounds):
    """Return ranks from 1: by the last round of a candidate, then by its mean score.

    Parameters
    ----------
    means : array of shape (n_candidates,)
        NaN ranks last.
    rounds : array of int, shape (n_candidates,)
        Scores of different rounds belong to networks of different training.
    """
    result, n_before = np.empty(means.size, dtype=np.int32), 0
    rounds = np.where(np.isnan(means), -1, rounds)
    for last in np.unique(rounds)[::-1]:
        members = rounds == last
        scores = np.where(np.isnan(means[members]), -np.inf, means[members])
        result[members] = n_before + rankdata(-scores, method="min")
        n_before += members.sum()
    return result


def choose(ledger, selection):
    """Return the number of the chosen candidate.

    Parameters
    ----------
    ledger : Ledger
        At least one candidate has a mean score; the last round with one decides.
    selection : {"best", "one_se"}
        The first of the best; or, among those of the last round that are at most one standard
        error below it, the one that regularizes most: where its values stand on their axes, from
        0 (the smallest) to 1 (the largest), added up over the axes. The higher mean decides ties.
    """
    last = ledger.round[~np.isnan(ledger.mean)].max()
    return choose_among(ledger, np.flatnonzero(ledger.round == last), selection)


def choose_among(ledger, numbers, selection):
    """Return the number that `choose` chooses among those of some candidates."""
    means = ledger.mean
    scored = [int(number) for number in numbers if not np.isnan(means[number])]
    best = max(scored, key=lambda number: means[number])
    if selection == "best":
        return best
    least = means[best] - standard_error(ledger.score[best])
    strength = regularization(ledger.candidates)
    near = [number for number in scored if means[number] >= least]
    return max(near, key=lambda number: (strength[number], means[number], -number))


def standard_error(scores):
    """Return the standard error of the mean of the scores of all folds."""
    if scores.size < 2 or not np.isfinite(scores).all():
        return 0.0
    return scores.std(ddof=1) / np.sqrt(scores.size)


def regularization(candidates):
    """Return a number for every candidate that grows with each of its strengths.

    It counts the smallest steps that the axes have in common: in whole numbers ties are ties.
    """
    axes = [
        np.unique([params[name] for params in candidates], return_inverse=True)
        for name in candidates[0]
    ]
    sizes = [max(levels.size - 1, 1) for levels, _ in axes]
    total = np.zeros(len(candidates), dtype=np.int64)
    for (_, place), size in zip(axes, sizes, strict=True):
        total += place * (math.lcm(*sizes) // size)
    return total
