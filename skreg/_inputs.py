"""What the user hands to `fit`, validated: training rows, their weights, a validation set."""

from numbers import Integral

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import validate_data

from skreg._architecture import weights_dtype
from skreg._labels import refuse_missing
from skreg._sklearn import check_sample_weight, safe_indexing
from skreg._task import Rows
from skreg._validation import Validation
from skreg._warnings import named, warn

SMALL_WEIGHT, LARGE_WEIGHT = 2.0**-30, 2.0**30  # the largest is between them, or all are scaled


def compute_dtypes(estimator, first_pass):
    """Return the dtypes that X may have; the first is what others are converted to.

    A network that was trained in float64 goes on in it.
    """
    if estimator.dtype is not None:
        return [np.dtype(estimator.dtype)]
    if not first_pass and weights_dtype(estimator.coefs_) == np.float64:
        return [np.float64]
    return [np.float64, np.float32]


def as_rows(X, dtypes):
    """Return checked X in one of the dtypes, the first if need be, and sparse X by rows.

    scikit-learn leaves frames of sparse columns of bools as they are, whatever it is asked for.
    """
    if X.dtype not in dtypes:
        X = X.astype(dtypes[0])
    return X.tocsr() if sp.issparse(X) else X


def read_columns(estimator, X):
    """Return the columns of X that the network reads: all, unless it was compressed."""
    return X if estimator._columns is None else X[:, estimator._columns]


def check_rows(estimator, rows, first_pass=True, incremental=False):
    """Validate the training rows; return them and the index of those that weigh something."""
    X, y, sample_weight = rows
    X, y = check_data(estimator, X, y, first_pass)
    X = read_columns(estimator, X)
    weight = check_weight("sample_weight", sample_weight, X)
    target, weight, index = encode_rows(estimator, y, weight, X.dtype, first_pass, incremental)
    if not estimator._y_numeric:
        target = target.astype(X.dtype, copy=False)  # numbers of classes, exact in either dtype
    return Rows(X, target, weight), index


def check_data(estimator, X, y, first_pass=True):
    """Validate X and y; return X in the dtype of all computations, sparse X by rows."""
    dtypes = compute_dtypes(estimator, first_pass)
    if not estimator._y_numeric:
        refuse_missing("y", y)
    X, y = validate_data(
        estimator, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=dtypes,
        reset=first_pass,
    )  # fmt: skip
    X = as_rows(X, dtypes)
    if estimator._y_numeric:
        y = check_numbers("y", y)
        estimator._check_range("y", y, X.dtype)
    if first_pass:
        estimator._columns = None
    return X, y


def one_column(y):
    """Return the only column of y as a vector, with a warning; other targets as they are.

    What fits many networks warns once, where every fit would.
    """
    if sp.issparse(y) or getattr(y, "shape", ())[1:] != (1,):
        return y
    warn(  # scikit-learn's words
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel().",
        DataConversionWarning,
    )
    return safe_indexing(y, 0, axis=1)


def check_numbers(name, y):
    """Return the targets of a regressor; refuse strings and dates, which NumPy may convert.

    The errors have the classes of scikit-learn's, which come from its arithmetic.
    """
    if sp.issparse(y):  # scikit-learn's words
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. Use '.toarray()' to "
            "convert to a dense numpy array."
        )
    if y.dtype.kind in "biuf":
        return y
    remedy = "convert them to numbers, or take MLPClassifier for labels"
    if y.dtype != object:
        raise TypeError(
            f"{name} must hold numbers, but its values are of the type {y.dtype}, such as "
            f"'{y.flat[0]}'; {remedy}."
        )
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise type(error)(f"{name} must hold numbers, but: {error}; {remedy}.") from None


def encode_rows(estimator, y, weight, dtype, first_pass=True, incremental=False):
    """Learn the outputs from validated targets; ``dtype`` is that of all computations.

    Returns
    -------
    target : array of shape (n_samples, n_targets)
    weight : array of shape (n_samples,) or None
        Sample weights times class weights, as of `lift`.
    index : array of int
        The rows that weigh something.
    """
    target = estimator._encode(y, first_pass, incremental)
    weight = lift(estimator._class_weights(target, weight), dtype)
    index = np.arange(y.shape[0], dtype=np.min_scalar_type(-y.shape[0]))  # no wider than needed
    if weight is not None and not weight.all():
        index = np.flatnonzero(weight)
    if not index.size:
        raise ValueError(
            f"class_weight={estimator.class_weight!r} times sample_weight is zero for every row; "
            "give some class a positive weight."
        )
    return target, weight, index


def lift(weight, dtype):
    """Return weights times a power of two that takes extreme ones into the middle of the range.

    Their scale does not matter, but products with very small ones would count as zero in training,
    and very large ones are no numbers in single precision. What beside the largest is so small
    that training, in ``dtype``, would take it for zero, is zero: such a row is none.
    """
    if weight is None:
        return None
    if not SMALL_WEIGHT < weight.max() <= LARGE_WEIGHT:
        weight = np.ldexp(weight, -np.frexp(weight.max())[1])
    is_lost = weight < np.finfo(dtype).tiny
    return np.where(is_lost, weight.dtype.type(0), weight) if weight[is_lost].any() else weight


def check_weight(name, sample_weight, X):
    """Validate sample weights; return them in the dtype of X, one per row, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, (complex, np.complexfloating)):
        raise ValueError(f"{name}={sample_weight} must be real; give real weights.")
    try:
        with np.errstate(over="ignore"):  # what the dtype has no room for is refused
            weight = check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
    except (TypeError, ValueError, OverflowError) as error:
        if name in str(error):  # scikit-learn's words say so
            raise
        raise type(error)(f"{name}: {error}") from error
    _check_sum(name, sample_weight, weight)
    return weight


def _check_sum(name, given, weight):
    """Refuse weights whose sum is no number to divide by; scikit-learn looks at arrays alone."""
    if not weight.any():
        raise ValueError(
            f"Sample weights must contain at least one non-zero number, but {name} has none."
        )
    with np.errstate(over="ignore"):
        total = weight.sum()
        can_divide = np.isfinite(total) and np.isfinite(1 / total)
    if not can_divide:
        shown = f"{name}={given}" if np.ndim(given) == 0 else name
        raise ValueError(
            f"{shown} adds up to {total} over the rows, in {weight.dtype}; give finite weights of "
            "about 1: their scale does not matter."
        )


def _with_shape(y_val):
    """Return the targets as they are if they have a shape of numbers, else as an array."""
    has_shape = all(isinstance(size, Integral) for size in getattr(y_val, "shape", [None]))
    with named("y_val"):  # rows of unequal lengths
        return y_val if has_shape else np.asarray(y_val)


def check_validation(estimator, validation, dtype):
    """Validate a validation set of one's own; return a `Validation` or None.

    ``dtype`` is that of all computations, whatever the validation rows have.
    """
    X_val, y_val, sample_weight_val = validation
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val needs X_val and y_val; give all three.")
        return None
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}; give both or neither.")
    with named("X_val"):
        X = validate_data(estimator, X_val, accept_sparse=["csr", "csc"], dtype=dtype, reset=False)
    y_val = _with_shape(y_val)
    if len(y_val.shape) == 0 or X.shape[0] != y_val.shape[0]:
        raise ValueError(
            f"X_val has {X.shape[0]} rows, but y_val has the shape {y_val.shape}; "
            "give one target per row."
        )
    if estimator._y_numeric:
        check_numbers("y_val", y_val if sp.issparse(y_val) else np.asarray(y_val))
    X = as_rows(X, [dtype])
    weight = check_weight("sample_weight_val", sample_weight_val, X)
    X = read_columns(estimator, X)
    target = estimator._encode_validation(y_val, X.dtype)
    return Validation(Rows(X, target, lift(weight, X.dtype)), None, y_val)
