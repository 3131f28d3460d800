"""Warm-started paths over the strength of one regularizer."""

import copy
import numbers
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.utils.multiclass import type_of_target

from skreg._base import BaseMLP
from skreg._classifier import MLPClassifier
from skreg._grids import null_model, strength_grid
from skreg._parameters import hidden_units
from skreg._regressor import MLPRegressor
from skreg._schedules import PLANNED

WITH_ZEROS = ("l1", "group_l1")  # what a stronger one has set to zero, none stronger revives

# A planned schedule runs to its end, so a warm start saves epochs only where it is planned shorter.
# Measured on adult, 30 strengths of l1, 32 units, 60 epochs: objectives are on average 0.3 % above
# those of fits from random weights, which lie as far apart from seed to seed; the same number of
# epochs from random weights ends 1.0 % above. See benchmarks/paths.py.
WARM_SHARE = 0.25


class MLPPath(NamedTuple):
    """Solutions along a path of strengths, from weak to strong.

    Attributes
    ----------
    axis : {"l1", "l2", "group_l1", "dropout"}
        The parameter whose strength changes.
    strengths : array of shape (n_strengths,)
        In ascending order.
    coefs : list of lists of arrays of shape (fan_in, fan_out)
        Weight matrices, layer by layer, for each strength.
    intercepts : list of lists of arrays of shape (fan_out,)
        Biases, layer by layer, for each strength.
    n_nonzero : int array of shape (n_strengths,)
        Numbers of weights, biases aside, that are not zero.
    active_features : list of int arrays of shape (n_active_features,)
        Columns of X with a weight that is not zero.
    loss : array of shape (n_strengths,)
        Mean loss of the training rows, without dropout and augmentation.
    penalty : array of shape (n_strengths,)
        Value of all penalties; the objective is ``loss + penalty``.
    validation_score : array of shape (n_strengths,)
        Scores of the validation rows; NaN without.
    n_epochs : int array of shape (n_strengths,)
        Epochs, or iterations of "lbfgs", that each strength took.
    """

    axis: str
    strengths: np.ndarray
    coefs: list
    intercepts: list
    n_nonzero: np.ndarray
    active_features: list
    loss: np.ndarray
    penalty: np.ndarray
    validation_score: np.ndarray
    n_epochs: np.ndarray


def mlp_path(X, y, *, l1s=None, l2s=None, group_l1s=None, dropouts=None, n_strengths=30, eps=1e-3,
             estimator=None, X_val=None, y_val=None, sample_weight=None, sample_weight_val=None,
             warm_max_iter=None, **parameters):  # fmt: skip
    """Fit a network at every strength of one regularizer, each from the previous solution.

    The strengths are visited from weak to strong: a network whose weights are all zero never
    leaves that state, so sparse solutions are reached by taking weights away.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    l1s, l2s, group_l1s, dropouts : array-like or int, default=None
        The strengths of one parameter of the estimator. An int is that many on an automatic grid
        whose top is the smallest strength that zeroes the linear model, ``max |X' residual| / n``;
        that of ``dropouts`` has even steps from 0 to 0.8. Where all are None it is
        ``l1s=n_strengths``.
    n_strengths : int, default=30
        Length of the automatic grid of ``l1s`` where no axis is given.
    eps : float, default=1e-3
        Smallest strength of an automatic grid, as a share of the largest, in (0, 1).
    estimator : MLPClassifier or MLPRegressor, default=None
        The network; a clone of it is fitted. None takes a regressor for floating-point numbers of
        more than two values and a classifier otherwise, with ``l2=0``: Adam with
        ``learning_rate="cosine"``, ``learning_rate_init=0.01`` and ``max_iter=100``, or, for l1
        and l2 without hidden layers, ``solver="lbfgs"`` with ``tol=1e-6``.
    X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
        Validation rows, scored after each fit by the estimator's ``scoring``, or by its ``score``
        where that is None. Early stopping, if it is on, uses them.
    y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
        Targets of ``X_val``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the training rows.
    sample_weight_val : array-like of shape (n_validation,), default=None
        Weights of the validation rows.
    warm_max_iter : int, default=None
        ``max_iter`` of all strengths but the first. None takes a quarter of the estimator's where
        the learning rate is planned to end there ("cosine", "one_cycle"), and the estimator's
        own where training stops by itself.
    **parameters
        Parameters of the estimator that are to differ, such as ``hidden_layer_sizes``.

    Returns
    -------
    path : MLPPath

    Notes
    -----
    With l1 or group_l1 and hidden layers, a solution whose objective is above that of the network
    without weights, which is a local minimum at any strength, gives way to that network. From
    there on nothing changes, and the remaining strengths take no epochs.

    With ``hidden_layer_sizes=()`` and a squared error this is `sklearn.linear_model.lasso_path`.
    LassoNet (Lemhadri et al. 2021, JMLR 22) goes from dense to sparse for the same reason.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skreg import mlp_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = mlp_path(scale(X), scale(y), l1s=[0.05, 0.1, 0.2, 0.4], hidden_layer_sizes=())
    >>> [features.tolist() for features in path.active_features]
    [[1, 2, 3, 6, 8, 9], [2, 3, 6, 8], [2, 3, 8], [2, 8]]
    >>> path.n_nonzero
    array([6, 4, 3, 2])
    """
    axes = {"l1": l1s, "l2": l2s, "group_l1": group_l1s, "dropout": dropouts}
    axis, value = choose_axis(axes, n_strengths)
    model = path_estimator(estimator, axis, y, parameters)
    rows = X, y, sample_weight
    null = NullOnDemand(model, rows)
    strengths = strength_grid(axis, value, null, eps)
    validation = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    _check_validation(**validation)
    records = [
        (
            [coef.copy() for coef in model.coefs_],
            [intercept.copy() for intercept in model.intercepts_],
            model.n_nonzero_,
            model.active_features_,
            loss,
            penalty,
            _validation_score(model, validation),
            n_epochs,
        )
        for loss, penalty, n_epochs in walk(
            model, axis, strengths, rows, null, warm_max_iter, validation
        )
    ]
    columns = dict(zip(MLPPath._fields[2:], map(list, zip(*records, strict=True)), strict=True))
    for name in ("n_nonzero", "loss", "penalty", "validation_score", "n_epochs"):
        columns[name] = np.array(columns[name])
    return MLPPath(axis, strengths, **columns)


def feature_importances_from_path(path):
    """Return the strength at which each feature dies for good.

    Parameters
    ----------
    path : MLPPath

    Returns
    -------
    strengths : array of shape (n_features,)
        The smallest strength of the path from which on the feature has no weight that is not
        zero: infinite where it is alive at the strongest, 0 where it never was.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skreg import feature_importances_from_path, mlp_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = mlp_path(scale(X), scale(y), l1s=[0.05, 0.1, 0.2, 0.4], hidden_layer_sizes=())
    >>> feature_importances_from_path(path)
    array([0. , 0.1, inf, 0.4, 0. , 0. , 0.2, 0. , inf, 0.1])
    """
    ends = np.append(path.strengths, np.inf)
    importances = np.zeros(path.coefs[0][0].shape[0])
    for place, features in enumerate(path.active_features):
        importances[features] = ends[place + 1]
    return importances


# One walk along the strengths, which stability selection takes too.


def walk(model, axis, strengths, rows, null, warm_max_iter=None, validation=None):
    """Fit strength after strength, each from the previous solution.

    Parameters
    ----------
    model : BaseMLP
        Not fitted yet; its weights are those of the present strength.
    axis : str
        The parameter to change.
    strengths : array of shape (n_strengths,)
        In ascending order.
    rows : tuple
        X, y and sample_weight.
    null : callable
        Returns the `NullModel` of the rows.
    warm_max_iter : int, optional
        As of `mlp_path`.
    validation : dict, optional
        What early stopping, if it is on, gets to watch.

    Yields
    ------
    loss, penalty : float
        The terms of the objective.
    n_epochs : int
        Epochs that the strength took.
    """
    keywords = validation if validation and model.early_stopping else {}
    warm_max_iter = _warm_max_iter(model, warm_max_iter)
    empty = None
    for place, strength in enumerate(strengths):
        model.set_params(**{axis: float(strength)})
        try:
            model.fit(*rows, **keywords)
        except ValueError as error:
            error.add_note(f"(on the path, at {axis}={strength:g})")
            raise
        if place == 0:
            model.set_params(warm_start=True, max_iter=warm_max_iter)
            empty = _empty_network(model, rows, null) if axis in WITH_ZEROS else None
        terms = _terms(model, rows)
        if empty is not None and sum(terms) > empty.loss:
            model.coefs_, model.intercepts_ = empty.coefs, empty.intercepts
            terms = empty.loss, 0.0
        yield *terms, model.n_iter_
        model.history_ = None  # of this strength; the next begins its own
        if axis in WITH_ZEROS and model.n_nonzero_ == 0:
            break
    for strength in strengths[place + 1 :]:
        model.set_params(**{axis: float(strength)})
        yield *terms, 0


def _terms(model, rows):
    """Return data loss and penalty."""
    terms = model.penalty_breakdown(*rows)
    return terms["loss"], terms["objective"] - terms["loss"]


class EmptyNetwork(NamedTuple):
    """A network without weights, and its data loss, to which no penalty comes."""

    coefs: list
    intercepts: list
    loss: float


def _empty_network(model, rows, null):
    """Return the network without weights, or None where it can't be better than a solution."""
    # Without hidden layers nothing is a mere local minimum.
    if len(model.coefs_) == 1 or model.frozen_layers or np.any(model.l2_anchor):
        return None
    probe = copy.copy(model)
    probe.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    last = null().intercept.astype(model.intercepts_[-1].dtype)
    probe.intercepts_ = [*(np.zeros_like(bias) for bias in model.intercepts_[:-1]), last]
    return EmptyNetwork(probe.coefs_, probe.intercepts_, _terms(probe, rows)[0])


def _warm_max_iter(model, given):
    if given is None:
        is_planned = model.solver != "lbfgs" and model.learning_rate in PLANNED
        return max(1, round(model.max_iter * WARM_SHARE)) if is_planned else model.max_iter
    if not isinstance(given, numbers.Integral) or given < 1:
        raise ValueError(f"warm_max_iter={given!r} must be an integer of at least 1, or None.")
    return given


class NullOnDemand:
    """A callable that returns the `NullModel` of rows and fits it at most once.

    Parameters
    ----------
    model : BaseMLP
    rows : tuple
        X, y and sample_weight.
    """

    def __init__(self, model, rows):
        self._model, self._rows, self._null = model, rows, None

    def __call__(self):
        """Return the model without weights."""
        if self._null is None:
            self._null = null_model(self._model, *self._rows)
        return self._null


# What the user said.


def choose_axis(values, n_strengths):
    """Return the one axis that has a value, and that value; by default ``l1``."""
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) > 1:
        raise ValueError(
            f"{' and '.join(f'{name}s' for name in given)} were given, but a path has one axis; "
            "give one of them and set the other in the estimator."
        )
    if given:
        return next(iter(given.items()))
    if not isinstance(n_strengths, numbers.Integral) or n_strengths < 1:
        raise ValueError(f"n_strengths={n_strengths!r} must be an integer of at least 1.")
    return "l1", n_strengths


def path_estimator(estimator, axis, y, parameters):
    """Return an estimator to walk with: a clone of the given one, or one that suits the targets."""
    if axis in parameters:
        raise ValueError(
            f"{axis}={parameters[axis]!r} was given, but {axis} changes along the path; give its "
            f"strengths as {axis}s."
        )
    if estimator is None:
        estimator = default_estimator(axis, y, parameters)
    elif not isinstance(estimator, BaseMLP):
        raise TypeError(
            f"estimator={estimator!r} must be an MLPClassifier or MLPRegressor of this package; "
            "transform X before, as a Pipeline would."
        )
    return clone(estimator).set_params(**{**parameters, "warm_start": False})


def default_estimator(axis, y, parameters):
    """Return an estimator whose fits end at exact zeros."""
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    is_float = np.asarray(y).dtype.kind == "f"  # whole numbers as floats are not labels
    is_number = kind.startswith("continuous") or (kind.startswith("multiclass") and is_float)
    Estimator = MLPRegressor if is_number else MLPClassifier
    hidden = hidden_units(parameters.get("hidden_layer_sizes", (100,)))
    if not hidden and axis in ("l1", "l2") and parameters.get("solver", "lbfgs") == "lbfgs":
        return Estimator(solver="lbfgs", l2=0.0, tol=1e-6, max_iter=1000)
    return Estimator(learning_rate="cosine", learning_rate_init=0.01, l2=0.0, max_iter=100)


def _check_validation(X_val, y_val, sample_weight_val):
    if (X_val is None) != (y_val is None) or (X_val is None and sample_weight_val is not None):
        raise ValueError("X_val and y_val belong together, and sample_weight_val to both.")


def _validation_score(model, validation):
    """Return the score of the validation rows; NaN without."""
    X, y, weight = validation.values()
    if X is None:
        return np.nan
    if model.scoring == "loss":
        return -model.penalty_breakdown(X, y, weight)["loss"]
    if isinstance(weight, numbers.Number):  # the weight of every row
        weight = np.full(len(y), weight)
    keywords = {} if weight is None else {"sample_weight": weight}
    return float(check_scoring(model, scoring=model.scoring)(model, X, y, **keywords))
