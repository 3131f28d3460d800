"""Validation rows: a set of one's own or a part of the training rows, and its score.

scikit-learn's metrics and splitters are imported where they are asked for: `import skreg`, and
most fits, do without.
"""

import copy
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from skreg._architecture import views
from skreg._labels import plain_labels
from skreg._scores import as_number, takes_weights
from skreg._task import Rows
from skreg._warnings import warn


class Validation(NamedTuple):
    """A validation set: rows of its own, or an index into the training rows."""

    rows: Rows | None  # None: rows of the training data
    index: np.ndarray | None
    labels: object  # y as the user knows it, for scorers


def split_validation(estimator, rows, index, y, random_state):
    """Divide the index into training and validation rows as scikit-learn's MLP does.

    Multiclass splits are stratified as well, and where a class is too small for that the split
    is a plain one, with a warning.

    Returns
    -------
    index : array of int
        The rows to train on.
    validation : Validation
    """
    from sklearn.model_selection import train_test_split

    _check_sizes(estimator.validation_fraction, index.size)
    labels = estimator._stratify(rows.target)
    if labels is not None:
        labels = _usable_strata(labels[index], estimator.validation_fraction)
    first, second = train_test_split(
        np.arange(index.size),
        random_state=random_state,
        test_size=estimator.validation_fraction,
        stratify=labels,
    )
    valid = index[second]
    return index[first], Validation(None, valid, _take(y, valid))


def _check_sizes(fraction, n_rows):
    """Refuse a split that leaves too few rows to validate on, or none to train on."""
    n_valid = _validation_size(fraction, n_rows)
    found = f"validation_fraction={fraction} of n_samples={n_rows} is {n_valid}"
    if n_valid < 2:  # scikit-learn's words
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: {found}. Or give X_val and y_val."
        )
    if n_valid == n_rows:
        raise ValueError(
            f"{found}, which leaves none to train on; choose a smaller fraction, or give X_val "
            "and y_val."
        )


def _validation_size(fraction, n_rows):
    """Return how many rows `train_test_split` sets aside."""
    return int(np.ceil(n_rows * fraction))


def _usable_strata(labels, fraction):
    """Return the labels if a stratified split exists; warn and return None otherwise."""
    counts = np.unique(labels, return_counts=True)[1]
    n_valid = _validation_size(fraction, labels.size)
    if counts.min() >= 2 and min(n_valid, labels.size - n_valid) >= counts.size:
        return labels
    warn(
        "The validation split is not stratified: the smallest class has "
        f"{counts.min()} row(s), and {n_valid} validation rows must hold {counts.size} "
        "classes. Merge rare classes, raise validation_fraction or give X_val and y_val."
    )
    return None


def _take(y, index):
    if sp.issparse(y):
        return y.tocsr()[index]
    return y.iloc[index] if hasattr(y, "iloc") else np.asarray(y)[index]


def check_scoring_name(scoring):
    """Refuse the name of a scorer that does not exist."""
    if not isinstance(scoring, str) or scoring == "loss":
        return
    from sklearn.metrics import get_scorer_names

    if scoring not in get_scorer_names():
        raise ValueError(
            f"scoring={scoring!r} is not a valid scoring value. Use 'loss', a name of "
            "sklearn.metrics.get_scorer_names(), or a callable scorer(estimator, X, y)."
        )


def score_function(estimator, validation, rows):
    """Return a function (engine, raw outputs, loss) -> the score that early stopping watches.

    Parameters
    ----------
    estimator : BaseMLP
    validation : Validation
    rows : Rows
        The training rows, which ``validation.index`` points into.
    """
    own = rows if validation.rows is None else validation.rows
    index = slice(None) if validation.index is None else validation.index
    target = own.target[index]
    weight = None if own.weight is None else own.weight[index]
    if estimator.scoring is None:
        return lambda engine, raw, loss: estimator._default_score(raw, target, weight)
    if estimator.scoring == "loss":
        return lambda engine, raw, loss: -loss
    from sklearn.metrics import check_scoring

    scorer = check_scoring(estimator, scoring=estimator.scoring)
    X, keywords = all_columns(estimator, own.X[index]), {}
    if weight is not None and takes_weights(scorer):
        keywords["sample_weight"] = weight
    elif weight is not None:
        warn(
            f"scoring={estimator.scoring!r} does not accept sample_weight: early stopping goes by "
            "scores without weights. Choose a scorer that accepts weights."
        )
    labels = validation.labels
    if not estimator._y_numeric:
        labels = plain_labels("y_val", labels)
    probe = copy.copy(estimator)  # it predicts with the weights of each epoch
    vars(probe).pop("feature_names_in_", None)

    def score(engine, raw, loss):
        units = engine.network.units
        probe.coefs_, probe.intercepts_ = views(engine.parameters(), units)
        probe.n_layers_ = len(units)
        try:
            value = scorer(probe, X, labels, **keywords)
        except Exception as error:
            error.add_note(
                f"This is what scoring={estimator.scoring!r} says of the validation rows; choose a "
                "scorer that suits them, such as scoring='loss'."
            )
            raise
        return as_number(value, f"scoring={estimator.scoring!r}")

    return score


def all_columns(estimator, X):
    """Return rows as a scorer of the user's expects them: with all columns, in their order.

    Those that a compressed network does not read are not at hand, and are zero.
    """
    columns = estimator._columns
    if columns is None:
        return X
    shape = X.shape[0], estimator.n_features_in_
    if sp.issparse(X):
        return type(X)((X.data, columns[X.indices], X.indptr), shape=shape)
    spread = np.zeros(shape, X.dtype)
    spread[:, columns] = X
    return spread
