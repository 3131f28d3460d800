"""What the user hands to `fit`, validated: training rows, their weights, a validation set."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import validate_data

from skreg._job import Rows
from skreg._sklearn import check_sample_weight
from skreg._validation import Validation


def compute_dtype(estimator):
    """Return the dtypes that X may have; the first is what others are converted to."""
    return [np.float64, np.float32] if estimator.dtype is None else [np.dtype(estimator.dtype)]


def read_columns(estimator, X):
    """Return the columns of X that the network reads: all, unless it was compressed."""
    return X if estimator._columns is None else X[:, estimator._columns]


def check_rows(estimator, rows, first_pass, incremental):
    """Validate the training rows; return them and the index of those that weigh something."""
    X, y, sample_weight = rows
    X, y = check_data(estimator, X, y, first_pass)
    X = read_columns(estimator, X)
    weight = check_weight("sample_weight", sample_weight, X)
    target, weight, index = encode_rows(estimator, y, weight, first_pass, incremental)
    if not estimator._y_numeric:
        target = target.astype(X.dtype, copy=False)  # numbers of classes, exact in either dtype
    return Rows(X, target, weight), index


def check_data(estimator, X, y, first_pass):
    """Validate X and y; return X in the dtype of all computations, sparse X by rows."""
    X, y = validate_data(
        estimator, X, y, accept_sparse=["csr", "csc"], multi_output=True,
        y_numeric=estimator._y_numeric, dtype=compute_dtype(estimator), reset=first_pass,
    )  # fmt: skip
    if first_pass:
        estimator._columns = None
    return X.tocsr() if sp.issparse(X) else X, y


def encode_rows(estimator, y, weight, first_pass, incremental):
    """Learn the outputs from validated targets.

    Returns
    -------
    target : array of shape (n_samples, n_targets)
    weight : array of shape (n_samples,) or None
        Sample weights times class weights.
    index : array of int
        The rows that weigh something.
    """
    target = estimator._encode(y, first_pass, incremental)
    weight = estimator._class_weights(target, weight)
    index = np.arange(y.shape[0], dtype=np.min_scalar_type(-y.shape[0]))  # no wider than needed
    if weight is not None and not weight.all():
        index = np.flatnonzero(weight)
    if not index.size:
        raise ValueError(
            f"class_weight={estimator.class_weight!r} times sample_weight is zero for every row; "
            "give some class a positive weight."
        )
    return target, weight, index


def check_weight(name, sample_weight, X):
    if sample_weight is None:
        return None
    try:
        weight = check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
    except ValueError as error:
        if name == "sample_weight":  # scikit-learn's words say so
            raise
        raise ValueError(f"{name}: {error}") from error
    if not weight.any():
        raise ValueError(
            f"Sample weights must contain at least one non-zero number, but {name} has none."
        )
    return weight


def check_validation(estimator, validation):
    """Validate a validation set of one's own; return a `Validation` or None."""
    X_val, y_val, sample_weight_val = validation
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val needs X_val and y_val; give all three.")
        return None
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}; give both or neither.")
    try:
        X = validate_data(
            estimator, X_val, accept_sparse=["csr", "csc"], dtype=compute_dtype(estimator),
            reset=False,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"X_val: {error}") from error
    y_val = y_val if hasattr(y_val, "shape") else np.asarray(y_val)
    if len(y_val.shape) == 0 or X.shape[0] != y_val.shape[0]:
        raise ValueError(
            f"X_val has {X.shape[0]} rows, but y_val has the shape {y_val.shape}; "
            "give one target per row."
        )
    weight = check_weight("sample_weight_val", sample_weight_val, X)
    X = read_columns(estimator, X.tocsr() if sp.issparse(X) else X)
    return Validation(Rows(X, estimator._encode_validation(y_val), weight), None, y_val)
