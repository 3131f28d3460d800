"""Labels of classifiers: their kind, their codes, and clear words for what is wrong with them."""

import numpy as np
import scipy.sparse as sp
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from skreg._sklearn import is_pandas_na
from skreg._warnings import named

BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel"
TIMES = "mM"  # NumPy's kinds of spans and of dates


def check_labels(name, y):
    """Return labels as an array (n_samples,), or (n_samples, n_labels) if multilabel.

    Parameters
    ----------
    name : str
        What the user calls them: "y" or "y_val".
    y : array-like or sparse matrix
        A single column is flattened, with a warning.
    """
    y = plain_labels(name, y)
    y = y.tocsr() if sp.issparse(y) else np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if _is_plain_column(y) or are_objects(y):
        return y
    with named(name):
        check_classification_targets(y)
    return y


def _is_plain_column(y):
    """Return whether any values of this type are labels: finding out costs more than a step."""
    return y.ndim == 1 and y.dtype.kind in "biuU"


def are_objects(y):
    """Return whether labels are of a type that NumPy has no dtype for: checked, they have an order.

    Strings are not meant, whatever their dtype.
    """
    is_column = not sp.issparse(y) and y.ndim == 1 and y.dtype == object
    return is_column and y.size > 0 and not isinstance(y[0], str)


def plain_labels(name, y):
    """Return labels as they are, those of dtype object that are numbers or bools in their own.

    Of other types, such as dates or decimals, any will do whose values can be sorted. A sparse
    column is made dense.
    """
    refuse_missing(name, y)
    if sp.issparse(y):
        return y.toarray() if y.ndim == 1 or y.shape[1] == 1 else y
    labels = np.asarray(y)
    if labels.dtype != object:
        if labels.dtype.kind in TIMES and np.isnat(labels).any():
            raise _missing(name, "NaT")
        return y
    for label in labels.flat:
        if isinstance(label, (list, tuple, np.ndarray)):
            raise ValueError(  # scikit-learn's words, and more of them
                "You appear to be using a legacy multi-label data representation: "
                f"{name} holds sequences, such as {label!r}. Give an indicator matrix of a column "
                "per label; sklearn.preprocessing.MultiLabelBinarizer makes it."
            )
    if any(label is None or is_pandas_na(label) or label != label for label in labels.flat):
        raise _missing(name)
    kinds = {isinstance(label, str) for label in labels.flat}
    if len(kinds) > 1:
        raise TypeError(f"{name} mixes strings with other labels; convert them to one type.")
    if True in kinds:
        return labels
    plain = np.array(labels.tolist())
    if plain.dtype != object:
        return plain
    try:
        np.unique(labels)
    except TypeError as error:
        raise TypeError(
            f"{name} has labels that cannot be sorted: {error}; convert them to one type, such as "
            "strings."
        ) from None
    return labels


def check_classes(classes, known):
    """Return the sorted ``classes`` of `partial_fit`, which needs them once.

    The errors are in scikit-learn's words.

    Parameters
    ----------
    classes : array-like of shape (n_classes,) or None
        An empty list and missing labels are refused.
    known : array of shape (n_classes,) or None
        Those that the estimator has learned; others are refused.
    """
    if classes is None:
        if known is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return known
    if not np.size(classes):
        raise ValueError("classes is empty; give all labels that any call will see.")
    classes = np.asarray(plain_labels("classes", classes))
    if classes.dtype.kind == "f" and np.isnan(classes).any():
        raise ValueError("classes contains NaN; leave it out: no row without a label is learned.")
    found = np.unique(classes) if are_objects(classes) else unique_labels(classes)
    if known is not None and not np.array_equal(known, found):
        raise ValueError(
            f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}"
        )
    return found


def refuse_missing(name, y):
    """Refuse a frame or series that lacks labels: pandas' NA can't be compared."""
    if hasattr(y, "isna") and np.asarray(y.isna()).any():  # Dask's own any() is not computed
        raise _missing(name)


def _missing(name, what="NaN or None"):
    return ValueError(
        f"Input {name} contains {what}; drop these rows or give them a label of their own."
    )


def classes_of(y):
    """Return the sorted classes of checked labels, or the numbers of the labels if multilabel."""
    return unique_labels(y) if y.ndim == 2 else np.unique(y)


def label_type(y, name="y"):
    """Return the kind of checked labels: binary (up to two classes), multiclass or multilabel."""
    if are_objects(y):
        return BINARY if np.unique(y).size <= 2 else MULTICLASS
    kind = type_of_target(y, raise_unknown=True)
    if kind == "multilabel-indicator":
        return MULTILABEL
    if kind not in (BINARY, MULTICLASS):
        raise ValueError(
            f"Multioutput target data is not supported with label binarization: {name} is {kind}; "
            "use sklearn.multioutput.MultiOutputClassifier."
        )
    return kind


def label_codes(y, classes, kind):
    """Return targets (n, 1), places in ``classes``, or (n, n_labels) of zeros and ones.

    In an indicator matrix all that is not zero says yes, as in scikit-learn's `MLPClassifier`.
    """
    if kind == MULTILABEL:
        return ((y.toarray() if sp.issparse(y) else y) != 0).astype(np.float64)
    return np.searchsorted(classes, y).reshape(-1, 1).astype(np.float64)


def check_same_kind(name, y, classes, kind):
    """Refuse labels of another kind than the network was built for."""
    if _is_plain_column(y) and kind != MULTILABEL:
        return
    found = label_type(y, name)
    if (found == MULTILABEL) != (kind == MULTILABEL):
        raise ValueError(
            f"{name} is {found}, but the network was built for {kind} labels {classes}; "
            "give labels of the same kind, or fit anew."
        )
    if kind == MULTILABEL and y.shape[1] != len(classes):
        raise ValueError(
            f"{name} has {y.shape[1]} labels, but the network was built for {len(classes)}; "
            "give as many."
        )


def _family(labels):
    """Return what labels must share to be compared: numbers, strings, dates, spans or a type."""
    kind = labels.dtype.kind
    if are_objects(labels):
        return type(labels[0])
    return kind if kind in TIMES else kind in "OUST"


def unseen_labels(y, classes):
    """Return the labels of ``y`` that are not among ``classes``, sorted."""
    found = classes_of(y)
    if _family(found) != _family(np.asarray(classes)):
        return found  # numbers and strings, for example: nothing in common
    places = np.minimum(np.searchsorted(classes, found), len(classes) - 1)
    return found[classes[places] != found]


def check_known(y, classes, kind, starts_warm):
    """Refuse labels that the network was not built for, in scikit-learn's words.

    A warm start needs all of its ``classes``, `partial_fit` none but these.
    """
    if y.ndim == 2:
        label_type(y)  # knows what to do with several targets
    unseen = unseen_labels(y, classes)
    if starts_warm and (unseen.size or classes_of(y).size != classes.size):
        raise ValueError(
            "warm_start can only be used where `y` has the same "
            "classes as in the previous call to fit. Previously "
            f"got {classes}, `y` has {classes_of(y)}"
        )
    if unseen.size:
        raise ValueError(
            "`y` has classes not in `self.classes_`. "
            f"`self.classes_` has {classes}. 'y' has {classes_of(y)}."
        )
    check_same_kind("y", y, classes, kind)


def refuse_unseen(name, y, classes):
    """Refuse labels of rows that are not trained on where training has none of them."""
    known, unseen = "y" if name == "y_val" else "the network", unseen_labels(y, classes)
    if unseen.size:
        raise ValueError(
            f"{name} has labels that {known} does not have: {unseen}. Labels of {known}: "
            f"{classes}; give rows of the same classes."
        )


class LabelsMixin(ClassifierMixin):
    """A classifier that scores all labels it learns: those of dtype object, too."""

    def score(self, X, y, sample_weight=None):
        """Return the accuracy on the given rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        score : float
            The share of rows whose label, or whose every label, is predicted.
        """
        y = plain_labels("y", y)
        if are_objects(np.asarray(y)):  # which scikit-learn's metrics do not know
            return float(np.average(self.predict(X) == y, weights=sample_weight))
        return super().score(X, y, sample_weight)


def _factors_of(class_weight, classes):
    """Return the number that a dict gives each class: 1 for one it leaves out, if it may be.

    As in scikit-learn, a label that no class has is a mistake where another class has no weight.
    """
    labels = list(class_weight)
    if classes.dtype.kind in TIMES:  # one unit, so that equal dates are found
        labels = np.array(labels).astype(classes.dtype).tolist()
    given = dict(zip(labels, class_weight.values(), strict=True))
    missing = [label for label in classes.tolist() if label not in given]
    if missing and len(given) + len(missing) != classes.size:
        raise ValueError(f"The classes, {missing}, are not in class_weight")
    return np.array([given.get(label, 1.0) for label in classes.tolist()], dtype=np.float64)


def weighted_by_class(class_weight, target, weight, classes, kind):
    """Return the sample weights times the class weights.

    Parameters
    ----------
    class_weight : dict or "balanced"
    target : array of shape (n_samples, 1)
        Codes of the classes.
    weight : array of shape (n_samples,) or None
    classes : array of shape (n_classes,)
    kind : str
        Of the labels; multilabel data are refused.
    """
    if kind == MULTILABEL:
        raise ValueError(
            f"class_weight={class_weight!r} is not defined for multilabel data, where a "
            "row has several labels; weight the rows with sample_weight."
        )
    codes = target[:, 0].astype(np.intp)
    counts = np.bincount(codes, weights=weight, minlength=classes.size)
    if isinstance(class_weight, str):
        seen = counts > 0
        factors = np.zeros(classes.size)
        factors[seen] = counts.sum() / (seen.sum() * counts[seen])
    else:
        try:
            factors = _factors_of(class_weight, classes)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"class_weight={class_weight!r}, for the classes {classes}: {error}; give a "
                "number for each label, by the labels as they are in y."
            ) from None
        if not np.isfinite(factors).all() or (factors < 0).any():
            raise ValueError(
                f"class_weight={class_weight!r} must be finite and >= 0 for every class; "
                "0 leaves a class out."
            )
    with np.errstate(over="ignore"):
        product = factors[codes] * (1.0 if weight is None else weight)
        if not np.isfinite(product.sum()):
            raise ValueError(
                f"class_weight={class_weight!r} times sample_weight adds up to {product.sum()} "
                "over the rows; give finite weights of about 1: their scale does not matter."
            )
    return product
