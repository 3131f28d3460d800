"""Fits on some rows of one shared array, and their scores on others."""

import copy
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import ClassifierMixin
from sklearn.model_selection import check_cv
from sklearn.utils import indexable

from skreg._architecture import scattered
from skreg._callbacks import Watch
from skreg._inputs import check_validation, encode_rows
from skreg._parallel import LONGEST_WAIT, Brake, shares_memory
from skreg._parameters import spread
from skreg._regularization import refuse_combinations
from skreg._runs import Start, begin_step
from skreg._scores import as_number
from skreg._search import Outcome, describe
from skreg._sklearn import safe_indexing
from skreg._task import Rows
from skreg._validation import Validation, check_scoring_name


class Data(NamedTuple):
    """The validated rows that all fits share."""

    X: object  # as training reads it
    y: object
    weight: np.ndarray | None
    score_weight: np.ndarray | None = None  # as the user gave it; None scores without
    shown: object = None  # X as the user gave it, for scorers of the user's own
    shown_y: object = None  # and y
    target: np.ndarray | None = None  # y encoded, for the folds in which it is encoded alike
    brake: Brake | None = None  # of all fits


class Prepared(NamedTuple):
    """What all fits on a fold share."""

    network: object  # an estimator that knows the outputs, not fitted
    target: np.ndarray  # (n_samples, n_targets); only those of the fold's rows matter
    weight: np.ndarray | None
    index: np.ndarray  # rows to train on
    own: Validation | None  # of the user's own


class Fold:
    """A division into rows to train on and rows to score.

    What its fits share is made by the first of them; a copy in another process makes it anew.

    Parameters
    ----------
    number : int
    train, test : array of int
    validation : tuple
        ``X_val``, ``y_val`` and ``sample_weight_val`` of the user's own, or None.
    """

    def __init__(self, number, train, test, validation):
        for use, rows in (("train on", train), ("score", test)):
            if rows.ndim != 1:
                raise ValueError(
                    f"cv yields {rows} as the rows of fold {number} to {use}; give pairs of arrays "
                    "of row numbers."
                )
            if not rows.size:
                raise ValueError(f"cv leaves fold {number} without rows to {use}; choose another.")
        self.number, self.train, self.test = number, train, test
        self._validation = validation
        self._prepared = None

    def __getstate__(self):
        """Leave out what another process makes anew."""
        return vars(self) | {"_prepared": None}

    def prepare(self, network, data):
        """Return the `Prepared` of an estimator whose inputs have been checked."""
        if self._prepared is None:
            self._prepared = self._prepare(copy.copy(network), data)
        return self._prepared

    def _prepare(self, network, data):
        weight = None if data.weight is None else data.weight[self.train]
        if weight is not None and not weight.any():
            raise ValueError(
                f"sample_weight is zero for all training rows of fold {self.number}; give them "
                "weight or choose another cv."
            )
        y, dtype, n_rows = data.y[self.train], data.X.dtype, data.X.shape[0]
        target, weight, index = encode_rows(network, y, weight, dtype)
        alike = self._is_alike(target, data)
        target = data.target if alike else scattered(target, self.train, n_rows)
        if weight is not None:
            weight = scattered(weight, self.train, n_rows)
        own = check_validation(network, self._validation, dtype)
        rows = self.train if index.size == self.train.size else self.train[index]
        return Prepared(network, target, weight, rows, own)

    def _is_alike(self, target, data):
        """Return whether the fold's targets are those that all rows got together."""
        shared = data.target
        return (
            shared is not None
            and shared.dtype == target.dtype
            and np.array_equal(shared[self.train], target)
        )

    def scored(self, data):
        """Return X, y and the scorer's keywords of the rows to score."""
        keywords = {}
        if data.score_weight is not None:
            keywords = {"sample_weight": safe_indexing(data.score_weight, self.test)}
        if data.shown is None:
            return data.X[self.test], data.y[self.test], keywords
        X, y = safe_indexing(data.shown, self.test), safe_indexing(data.shown_y, self.test)
        return X, y, keywords


def divide(cv, n_rows, shown, keywords, validation, has_classes):
    """Return the folds of a splitter.

    Parameters
    ----------
    cv : int, splitter or iterable of pairs of arrays
        As the user has given it.
    n_rows : int
    shown : tuple
        X and y as the user has given them.
    keywords : dict
        What else the splitter wants, such as groups.
    validation : tuple
        As of `Fold`.
    has_classes : bool
        Whether a number of folds stands for stratified ones.
    """
    X, y = indexable(*shown)
    numbers, folds = np.arange(n_rows), []
    splits = check_cv(_splitter_of(cv), y, classifier=has_classes).split(X, y, **keywords)
    for number, (train, test) in enumerate(splits):
        try:
            folds.append(Fold(number, numbers[train], numbers[test], validation))
        except IndexError as error:
            kinds = {np.asarray(part).dtype.kind for part in (train, test)}
            what = (
                f"rows for fold {number} that X, which has {n_rows}, does not have"
                if kinds <= set("biu")
                else f"for fold {number} what are no numbers of rows"
            )
            raise ValueError(
                f"cv yields {what} ({error}); give integers from 0 to {n_rows - 1}."
            ) from None
    if not folds:
        raise ValueError(
            f"cv={cv!r} yields no split; give a number of folds, or a list of what a generator "
            "yields, which can be read only once."
        )
    return folds


def _splitter_of(cv):
    """Return ``cv``, a list of folds if it is an iterable of any kind."""
    if isinstance(cv, type):
        name = cv.__name__
        raise ValueError(f"cv={name} is a class; give an object of it, such as {name}().")
    if hasattr(cv, "split") or not isinstance(cv, Iterable):
        return cv
    cv = list(cv)
    for number, fold in enumerate(cv):
        if not np.iterable(fold) or len(fold) != 2:
            raise ValueError(
                f"cv yields {fold!r} for fold {number}; give pairs of arrays of row numbers, those "
                "to train on and those to score."
            )
    return cv


class Baton:
    """What hands the network of each step of a path on a fold to the next, in whatever thread.

    Parameters
    ----------
    n_steps : int
    """

    def __init__(self, n_steps):
        self._n_left, self._network, self._passed = n_steps, None, threading.Condition()

    def take(self, n_left, brake):
        """Return the network of the step before the last ``n_left``, once that is over.

        That step has begun: calls begin in the order of their tasks. An interrupt ends the wait.
        """
        with self._passed:
            while self._n_left > n_left and not brake.pulled:
                self._passed.wait(LONGEST_WAIT)
            return self._network

    def hand_on(self, network):
        """End a step; ``network`` is what the next one begins with, if there is one."""
        with self._passed:
            self._n_left -= 1
            self._network = network if self._n_left else None
            self._passed.notify_all()


class Trial(NamedTuple):
    """Candidates that one thread fits on one fold, one after the other."""

    network: object  # the estimator to begin with, its inputs checked
    fold: Fold
    candidates: list  # pairs of number and parameters
    scoring: object  # (estimator, X, y, **keywords) -> score; None is the estimator's own
    is_warm: bool = False  # whether each begins where the last has ended
    baton: Baton | None = None  # of the path that this is a step of
    n_left: int = 0  # steps of the path from this one on


def path_trials(network, folds, paths, scoring):
    """Return the trials of warm paths: for each path, strength after strength on all folds.

    Candidates are complete one after the other then, and the latest networks of one path are in
    memory. Where calls run in other processes, a trial is the whole path on a fold.
    """
    if not shares_memory():
        return [Trial(network, fold, path, scoring, True) for path in paths for fold in folds]
    trials = []
    for path in paths:
        batons = [Baton(len(path)) for _ in folds]
        for place, numbered in enumerate(path):
            trials += [
                Trial(network, fold, [numbered], scoring, True, baton, len(path) - place)
                for fold, baton in zip(folds, batons, strict=True)
            ]
    return trials


def run_trial(trial, *data):
    """Fit and score the candidates of a trial.

    Parameters
    ----------
    trial : Trial
    *data : the fields of `Data`
        One by one, because joblib's backends send arrays to their workers once only if they
        stand among the arguments.

    Returns
    -------
    outcomes : list of Outcome
    interrupted : bool
        Whether the user has ended the search.
    """
    data, outcomes, earlier = Data(*data), [], None
    try:
        if trial.baton is not None:
            earlier = trial.baton.take(trial.n_left, data.brake)
        for number, params in trial.candidates:
            if data.brake.pulled:
                return outcomes, True
            start = time.perf_counter()
            try:
                network, run = fit(trial, params, data, earlier)
            except Exception as error:  # whatever it is, the search goes on
                outcomes.append(failure(trial, number, error, start))
                continue
            if run.interrupted:
                return outcomes, True
            earlier = network if trial.is_warm else None
            outcomes.append(rate(trial, number, network, data, time.perf_counter() - start))
    except KeyboardInterrupt:  # between two fits, or in a scorer
        data.brake.pulled = True
        return outcomes, True
    finally:
        if trial.baton is not None:
            trial.baton.hand_on(earlier)
    return outcomes, False


def fit(trial, params, data, earlier):
    """Fit a candidate on its fold; return the fitted estimator and the run."""
    network, start = begin(trial, params, data, earlier)
    return network, network._run(start, Watch(None, 0, data.brake))


def begin(trial, params, data, earlier=None):
    """Return the estimator of a candidate and the `Start` of its run.

    The network is the one that a fit on copies of the rows would give, to the bit: training
    reads rows through an index in any case.
    """
    fold, original = trial.fold, trial.network
    prepared = fold.prepare(original, data)
    network = copy.copy(prepared.network if earlier is None else earlier)
    vars(network).update(
        spread(original, params), random_state=copy.deepcopy(original.random_state)
    )
    begin_step(network)
    refuse_combinations(network, sp.issparse(data.X))
    check_scoring_name(network.scoring)
    if network.verbose:
        print(f"Fold {fold.number}: {describe(params)}")
    rows = Rows(data.X, prepared.target, prepared.weight)
    start = Start(rows, prepared.index, data.y, prepared.own, is_new=earlier is None)
    return network, start


def rate(trial, number, network, data, fit_time):
    """Score a fitted candidate; return its `Outcome`."""
    start, probe = time.perf_counter(), copy.copy(network)
    if data.shown is None:  # the validated rows have no names
        vars(probe).pop("feature_names_in_", None)
    try:
        X, y, keywords = trial.fold.scored(data)
        score = (trial.scoring or default_score)(probe, X, y, **keywords)
        score = as_number(score, "scoring")
    except Exception as error:  # whatever it is, the search goes on
        failed = failure(trial, number, error, start)
        return failed._replace(fit_time=fit_time, n_epochs=network.n_iter_)
    error = ""
    if not np.isfinite(score):
        error = (
            f"scoring gives {score} on the {trial.fold.test.size} row(s) of the fold; see whether "
            "these are too few for it, or their targets too large"
        )
    times = fit_time, time.perf_counter() - start
    return Outcome(number, trial.fold.number, score, *times, network.n_iter_, error)


def default_score(network, X, y, sample_weight=None):
    """Return what ``network.score`` returns, for plain labels without its checks.

    These would take as long as several epochs on a small table.
    """
    if sample_weight is None and isinstance(network, ClassifierMixin) and np.ndim(y) == 1:
        return float((network.predict(X) == y).mean())
    return network.score(X, y, sample_weight)


def failure(trial, number, error, start):
    """Return the `Outcome` of a candidate that raised an error."""
    reason = f"{type(error).__name__}: {error}"
    elapsed = time.perf_counter() - start
    return Outcome(number, trial.fold.number, fit_time=elapsed, error=reason)
