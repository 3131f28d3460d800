"""Warm-started paths over the strength of one regularizer."""

import copy
import numbers
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.utils.multiclass import type_of_target

from skreg._base import BaseMLP
from skreg._classifier import MLPClassifier
from skreg._grids import strength_grid
from skreg._inputs import check_data, check_validation, encode_rows, one_column
from skreg._labels import are_objects, plain_labels
from skreg._null_model import null_on_demand
from skreg._parallel import Brake
from skreg._parameters import is_integer
from skreg._regressor import MLPRegressor
from skreg._regularization import refuse_solver
from skreg._scores import as_number, takes_weights
from skreg._walk import walk
from skreg._warnings import warn


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

    See Also
    --------
    mlp_path : Fits the path.
    feature_importances_from_path : When its features die.
    skreg.inspection.RegularizationPathDisplay.from_path : Draws it.
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

    def __repr__(self):
        n_features = self.coefs[0][0].shape[0]
        first, last = len(self.active_features[0]), len(self.active_features[-1])
        return f"<MLPPath {range_of(self)}, n_features={n_features}, {first} to {last} active>"


def range_of(record):
    """Return which strengths a record is about: thousands of weights are no use in a repr."""
    axis, strengths = record[:2]
    first, last = strengths[0], strengths[-1]
    return f"along {axis} from {first:.3g} to {last:.3g}: n_strengths={len(strengths)}"


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
        The strengths of one parameter of the estimator. Where that is a list, it is a pattern that
        each strength multiplies: ``group_l1=[1, 0]`` is for the first matrix alone, for whose
        entry the automatic grid is computed. An int is that many on an automatic grid
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
        ``learning_rate="cosine"``, ``learning_rate_init=0.01`` and ``max_iter=100``. Without
        hidden layers it is ``solver="lbfgs"`` with ``tol=1e-6`` and ``max_iter=1000`` for l1 and
        l2, and for group_l1 Adam with ``learning_rate_init=0.05``, ``max_iter=400`` and
        ``polish=1000``.
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
        Weights, active features, losses and scores at every strength.

    Raises
    ------
    TypeError
        If ``estimator`` is not a network of this package.
    ValueError
        If several parameters, or none that fits, are to change along the path, or if a fit fails:
        a note says at which strength.

    See Also
    --------
    MLPPath : The record that is returned.
    stability_selection : Paths on many subsamples.
    skreg.inspection.RegularizationPathDisplay.from_path : Draws the path.

    Notes
    -----
    With l1 or group_l1 and hidden layers, a local minimum whose objective is above that of the
    network without weights, which is one at any strength, gives way to that network. Whether it
    is a minimum is seen by training on, up to ten times as long, for as long as that helps.
    Without hidden layers, the network without weights is the solution from the top of the
    automatic grid on. From there on nothing changes, and the remaining strengths take no epochs.
    A network with hidden layers that has not even learned the mean of ``y`` is unfinished, not a
    minimum: it is kept, with a warning.

    An interrupt ends the path: the strengths that are complete are returned, with a warning.

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
    y = one_column(y)
    model = path_estimator(estimator, axis, y, parameters)
    rows = X, y, sample_weight
    find_null = null_on_demand(model, rows)
    strengths = strength_grid(axis, value, find_null, eps)
    refuse_solver(model.solver, axis, value, strengths)
    validation = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    _check_validation(model, rows, validation)
    model._brake, records = Brake(), []
    try:
        for terms in walk(model, axis, strengths, rows, find_null, warm_max_iter, validation):
            records.append(_record(model, terms, _validation_score(model, validation)))
    except KeyboardInterrupt:  # between two fits
        model._brake.pulled = True
    if model._brake.pulled:
        strengths = _complete(strengths, len(records))
    columns = dict(zip(MLPPath._fields[2:], map(list, zip(*records, strict=True)), strict=True))
    for name in ("n_nonzero", "loss", "penalty", "validation_score", "n_epochs"):
        columns[name] = np.array(columns[name])
    return MLPPath(axis, strengths, **columns)


def feature_importances_from_path(path):
    """Return the strength at which each feature dies for good.

    Parameters
    ----------
    path : MLPPath
        As returned by `mlp_path`.

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


def _record(model, terms, score):
    """Return the fields of a strength."""
    loss, penalty, n_epochs = terms
    coefs = [coef.copy() for coef in model.coefs_]
    intercepts = [intercept.copy() for intercept in model.intercepts_]
    sizes = model.n_nonzero_, model.active_features_
    return coefs, intercepts, *sizes, loss, penalty, score, n_epochs


def _complete(strengths, n_done):
    """Return the strengths before an interrupt, with a warning."""
    if not n_done:
        raise KeyboardInterrupt("The path was interrupted before a strength was done.")
    warn(
        f"Path interrupted: {n_done} of {strengths.size} strengths are complete, and only these "
        "are returned."
    )
    return strengths[:n_done]


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
    if not is_integer(n_strengths) or n_strengths < 1:
        raise ValueError(f"n_strengths={n_strengths!r} must be an integer of at least 1.")
    return "l1", n_strengths


def path_estimator(estimator, axis, y, parameters):
    """Return an estimator to walk with: a clone of the given one, or one that suits the targets."""
    if axis in parameters and np.ndim(parameters[axis]) == 0:
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
    model = clone(estimator).set_params(**{**parameters, "warm_start": False})
    model._validate_params()
    return model


def default_estimator(axis, y, parameters):
    """Return an estimator whose fits end at exact zeros."""
    y = plain_labels("y", y)
    y = y if sp.issparse(y) else np.asarray(y)
    kind = "" if are_objects(y) else type_of_target(y, input_name="y", raise_unknown=True)
    is_float = y.dtype.kind == "f"  # whole numbers as floats are not labels
    is_number = kind.startswith("continuous") or (kind.startswith("multiclass") and is_float)
    Estimator = MLPRegressor if is_number else MLPClassifier
    is_linear = not np.size(parameters.get("hidden_layer_sizes", (100,)))
    if is_linear and axis in ("l1", "l2") and parameters.get("solver", "lbfgs") == "lbfgs":
        return Estimator(solver="lbfgs", l2=0.0, tol=1e-6, max_iter=1000)
    if is_linear and axis == "group_l1":  # convex: the polish ends at the minimum
        return Estimator(
            learning_rate="cosine", learning_rate_init=0.05, l2=0.0, max_iter=400, polish=1000
        )
    return Estimator(learning_rate="cosine", learning_rate_init=0.01, l2=0.0, max_iter=100)


def _check_validation(model, rows, validation):
    """Refuse validation rows that do not fit, before anything is trained."""
    probe = copy.copy(model)
    dtype = None
    if any(given is not None for given in validation.values()):
        X, y = check_data(probe, *rows[:2])
        dtype = X.dtype
        encode_rows(probe, y, None, dtype)
    check_validation(probe, tuple(validation.values()), dtype)
    has_weight = validation["sample_weight_val"] is not None
    if has_weight and model.scoring != "loss" and not takes_weights(_scorer(model)):
        warn(
            f"scoring={model.scoring!r} does not accept sample_weight: validation scores are "
            "without weights. Choose a scorer that accepts weights."
        )


def _scorer(model):
    return check_scoring(model, scoring=model.scoring)


def _validation_score(model, validation):
    """Return the score of the validation rows; NaN without."""
    X, y, weight = validation.values()
    if X is None:
        return np.nan
    if model.scoring == "loss":  # of the labels as they are
        plain = copy.copy(model)
        vars(plain).update(label_smoothing=0.0, class_weight=None)
        return -plain.penalty_breakdown(X, y, weight)["loss"]
    if isinstance(weight, numbers.Number):  # the weight of every row
        weight = np.full(len(y), weight)
    scorer = _scorer(model)
    keywords = {"sample_weight": weight} if weight is not None and takes_weights(scorer) else {}
    return as_number(scorer(model, X, y, **keywords), f"scoring={model.scoring!r}")
