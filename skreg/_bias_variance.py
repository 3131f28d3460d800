"""Bias and variance of any estimator, from fits on bootstrap samples of the training rows."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, indexable, resample
from sklearn.utils.parallel import Parallel, delayed

from skreg._parameters import is_integer
from skreg._random_state import LARGEST_SEED

MOST_DRAWS = 1000  # of one bootstrap sample, until every class is in it


class BiasVariance(NamedTuple):
    """What the error on test rows is made of, for each value of a parameter.

    Always ``error = bias + variance_unbiased - variance_biased``, up to rounding.

    Attributes
    ----------
    loss : {"squared_error", "zero_one"}
        Of a regressor and of a classifier.
    param_name : str or None
        The parameter whose values are compared.
    param_range : list or None
        Its values; None where there is no parameter.
    error : array of shape (n_values,)
        Mean loss over test rows, bootstrap samples and outputs.
    bias : array of shape (n_values,)
        Squared error: mean squared distance from the targets to the mean predictions, so the
        bias is squared. Zero-one: share of the test rows whose main prediction, the most
        frequent one, is wrong. Both contain the noise of the targets and what is peculiar to the
        training rows.
    variance : array of shape (n_values,)
        Squared error: mean variance of the predictions. Zero-one: mean share of the bootstrap
        samples whose prediction differs from the main one.
    variance_unbiased : array of shape (n_values,)
        What variance adds to the error. Squared error: all of ``variance``. Zero-one: its part
        on the test rows whose main prediction is right.
    variance_biased : array of shape (n_values,)
        What variance takes from the error. Squared error: zero. Zero-one: mean over the test
        rows of the share of right predictions where the main one is wrong. With two classes
        that is the rest of ``variance``; with more it is less, because two wrong predictions
        can differ.
    """

    loss: str
    param_name: str | None
    param_range: list | None
    error: np.ndarray
    bias: np.ndarray
    variance: np.ndarray
    variance_unbiased: np.ndarray
    variance_biased: np.ndarray

    @property
    def net_variance(self):
        """What variance adds to the error in all: ``error - bias``, array of shape (n_values,)."""
        return self.variance_unbiased - self.variance_biased


class Bootstrap(NamedTuple):
    """What every bootstrap sample is used for."""

    estimator: object
    param_name: str | None
    param_range: list
    train: tuple  # X and y
    X_test: object
    classes: np.ndarray | None  # of a classifier


def bias_variance(estimator, X, y, *, param_name=None, param_range=None, X_test=None, y_test=None,
                  test_size=0.5, n_bootstraps=30, random_state=None, n_jobs=None):  # fmt: skip
    """Split the error of an estimator into bias and variance, over values of a parameter.

    The estimator is fitted on bootstrap samples of the training rows, and its predictions of the
    test rows are compared: how far their centre lies from the targets is bias, how far they lie
    apart is variance. Regressors are measured by the squared error, classifiers by the zero-one
    loss [1]_. All values of the parameter see the same samples.

    Parameters
    ----------
    estimator : object
        A classifier or regressor, a pipeline too. Clones of it are fitted.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets. Several outputs are averaged; of several labels each counts by itself.
    param_name : str, default=None
        A parameter of the estimator, such as ``"l2"`` or ``"mlpregressor__l2"``. None takes the
        estimator as it is.
    param_range : array-like of shape (n_values,), default=None
        Its values.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        Test rows. None sets a random part of ``X`` aside.
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        Their targets.
    test_size : float or int, default=0.5
        How much of ``X`` is set aside where ``X_test`` is None: a share or a number of rows.
    n_bootstraps : int, default=30
        Samples of as many rows as there are to train on, drawn with replacement; at least 2. A
        sample that misses a class is drawn again.
    random_state : int, RandomState instance or None, default=None
        Seeds the split, the samples, and every ``random_state`` of the estimator that is None;
        others stay, and their randomness is no part of the variance then.
    n_jobs : int, default=None
        Threads; changes the time and never the result.

    Returns
    -------
    result : BiasVariance
        Arrays ``error``, ``bias`` and ``variance``, one number per value of the parameter.

    Notes
    -----
    Variance is what the bootstrap estimates. What counts as bias is the rest of the error:

    - The targets stand for what is best to predict, so their noise is part of it.
    - All samples are drawn from the same training rows, so what is peculiar to these rows moves
      all predictions alike and is part of it too, even of a method that is right on average.
      Least squares has no bias; on 100 rows of 20 normal features and targets with noise of
      variance 1, it comes out as 0.28, beside a variance of 0.30.
    - A mean of ``n`` predictions still varies: the bias of the squared error comes out too large
      by a share ``1 / n`` of the variance, with ``n = n_bootstraps``, and the variance too small
      by as much.

    Compare values of a parameter by it, rather than read it as the bias of the method.
    A bootstrap sample holds about 63 % of the training rows, some of them several times, so errors
    are above those of fits on all. Where several classes are predicted equally often, the first
    of them is the main prediction.

    References
    ----------
    .. [1] Domingos (2000), "A unified bias-variance decomposition and its applications", ICML.
       For squared errors: Geman, Bienenstock & Doursat (1992), "Neural networks and the
       bias/variance dilemma", Neural Computation 4.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skreg import MLPRegressor
    >>> from skreg.inspection import bias_variance
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ridge = MLPRegressor((), solver="lbfgs")
    >>> result = bias_variance(
    ...     ridge, scale(X), scale(y), param_name="l2", param_range=[0.01, 1, 100], random_state=0
    ... )
    >>> bool(result.bias[0] < result.bias[1] < result.bias[2])
    True
    >>> bool(result.variance[0] > result.variance[1] > result.variance[2])
    True
    """
    classifies = _classifies(estimator)
    values = _check_range(param_name, param_range, n_bootstraps)
    rng = check_random_state(random_state)
    X, y, X_test, y_test = _split(X, y, X_test, y_test, test_size, classifies, rng)
    target = _check_targets(y, y_test)
    classes = np.unique(np.concatenate([_as_columns(y), target])) if classifies else None
    task = Bootstrap(estimator, param_name, values, (X, y), X_test, classes)
    predictions = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_predict)(task, seed) for seed in rng.randint(LARGEST_SEED, size=n_bootstraps)
    )
    measure = zero_one_terms if classifies else squared_error_terms
    target = np.searchsorted(classes, target) if classifies else target.astype(np.float64)
    terms = measure(np.array(predictions), target)
    loss = "zero_one" if classifies else "squared_error"
    return BiasVariance(loss, param_name, None if param_name is None else values, *terms)


def squared_error_terms(predictions, target):
    """Return the terms of the squared error, from ``error`` to ``variance_biased``.

    Parameters
    ----------
    predictions : array of shape (n_bootstraps, n_values, n_test, n_outputs)
    target : array of shape (n_test, n_outputs)
    """
    error = ((predictions - target) ** 2).mean(axis=(0, 2, 3))
    bias = ((predictions.mean(axis=0) - target) ** 2).mean(axis=(1, 2))
    variance = predictions.var(axis=0).mean(axis=(1, 2))
    return error, bias, variance, variance, np.zeros_like(variance)


def zero_one_terms(predictions, target):
    """Return the terms of the zero-one loss, from ``error`` to ``variance_biased``.

    Parameters
    ----------
    predictions : int array of shape (n_bootstraps, n_values, n_test, n_outputs)
        Class codes.
    target : int array of shape (n_test, n_outputs)
        Class codes.
    """
    codes = range(max(predictions.max(), target.max()) + 1)
    share = np.array([(predictions == code).mean(axis=0) for code in codes])
    wrong = share.argmax(axis=0) != target
    right_share = (predictions == target).mean(axis=0)
    strayed = 1 - share.max(axis=0)
    terms = (
        1 - right_share,
        wrong,
        strayed,
        np.where(wrong, 0, strayed),
        np.where(wrong, right_share, 0),
    )
    return tuple(term.mean(axis=(1, 2)) for term in terms)


def _classifies(estimator):
    if not (is_classifier(estimator) or is_regressor(estimator)):
        raise ValueError(
            f"bias_variance needs a classifier or a regressor, but estimator={estimator!r} is "
            "neither; give one, or a pipeline that ends with one."
        )
    return is_classifier(estimator)


def _check_range(param_name, param_range, n_bootstraps):
    """Return the values to try; [None] without a parameter."""
    if not is_integer(n_bootstraps):
        raise ValueError(f"n_bootstraps={n_bootstraps!r} is not an int; give a number of samples.")
    if n_bootstraps < 2:
        raise ValueError(f"n_bootstraps={n_bootstraps} shows no variance; give at least 2.")
    if (param_name is None) != (param_range is None):
        raise ValueError(
            f"param_name={param_name!r} and param_range={param_range!r} go together; give both, "
            "or neither for the estimator as it is."
        )
    single = isinstance(param_range, str) or not np.iterable(param_range)
    if param_range is not None and single:
        raise ValueError(
            f"param_range={param_range!r} is a single value; give a list, [{param_range!r}] for "
            "example."
        )
    values = [None] if param_range is None else list(param_range)
    if not values:
        raise ValueError("param_range is empty; give at least one value.")
    return values


def _split(X, y, X_test, y_test, test_size, classifies, rng):
    """Return rows and targets for training and for testing."""
    if (X_test is None) != (y_test is None):
        missing = "y_test" if y_test is None else "X_test"
        raise ValueError(f"{missing} is missing; give X_test and y_test together, or neither.")
    if X_test is not None:
        return *indexable(X, y), *indexable(X_test, y_test)
    strata = None
    if classifies and np.ndim(y) == 1 and np.unique(y, return_counts=True)[1].min() > 1:
        strata = y
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=test_size, stratify=strata, random_state=rng.randint(LARGEST_SEED)
    )
    return X, y, X_test, y_test


def _check_targets(y, y_test):
    """Return the targets of the test rows as columns."""
    if sp.issparse(y) or sp.issparse(y_test):
        raise ValueError("y is sparse; give dense targets, y.toarray() for example.")
    n_outputs, target = _as_columns(y).shape[1], _as_columns(y_test)
    if target.shape[1] != n_outputs:
        raise ValueError(
            f"y_test has {target.shape[1]} outputs and y has {n_outputs}; give as many of each row."
        )
    if target.dtype.kind == "f" and not np.isfinite(target).all():
        raise ValueError("y_test contains NaN or infinity; leave those rows out.")
    return target


def _as_columns(y):
    """Return an array of shape (n_samples, n_outputs)."""
    y = np.asarray(y)
    return y.reshape(y.shape[0], -1)


def _predict(task, seed):
    """Return predictions (n_values, n_test, n_outputs) of fits on one bootstrap sample."""
    rng = np.random.RandomState(seed)
    X, y = _bootstrap(task, rng)
    seed = rng.randint(LARGEST_SEED)
    predictions = []
    for value in task.param_range:
        model = clone(task.estimator)
        if task.param_name is not None:
            model.set_params(**{task.param_name: clone(value, safe=False)})
        _seed(model, seed)
        predictions.append(_as_columns(model.fit(X, y).predict(task.X_test)))
    predictions = np.array(predictions)
    return predictions if task.classes is None else np.searchsorted(task.classes, predictions)


def _bootstrap(task, rng):
    """Draw rows with replacement, until every class is among them."""
    n_classes = None if task.classes is None else np.unique(_as_columns(task.train[1])).size
    for _ in range(MOST_DRAWS):
        X, y = resample(*task.train, random_state=rng)
        if n_classes is None or np.unique(_as_columns(y)).size == n_classes:
            return X, y
    raise ValueError(
        f"No bootstrap sample out of {MOST_DRAWS} holds all {n_classes} classes; merge rare "
        "classes, or give more training rows."
    )


def _seed(model, seed):
    """Set every ``random_state`` that is None to the seed."""
    unset = {
        name: seed
        for name, value in model.get_params(deep=True).items()
        if value is None and name.rpartition("__")[2] == "random_state"
    }
    model.set_params(**unset)
