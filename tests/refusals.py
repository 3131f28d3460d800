"""Small data and networks, and what a refused call must leave as it was."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris

from skreg import MLPClassifier, MLPRegressor

X, LABELS = (part[::3] for part in load_iris(return_X_y=True))


Y = X[:, 0] + 0.1 * LABELS


WEIGHT = np.linspace(0.5, 1.5, len(X))


STRINGS = np.array(["a", "b", "c"])[LABELS]


def classifier(**parameters):
    return MLPClassifier((3, 2), **{"max_iter": 3, "random_state": 0, **parameters})


def regressor(**parameters):
    return MLPRegressor((3, 2), **{"max_iter": 3, "random_state": 0, **parameters})


def changed(array, value, at=2):
    """Return a copy of an array with one element changed."""
    array = array.astype(object if value is None else np.result_type(array, type(value)))
    array[at] = value
    return array


def assert_refused(estimator, message, *data, method="fit", error=ValueError, **keywords):
    """Check the error, and that an estimator fitted before still predicts what it did."""
    if method == "partial_fit" and isinstance(estimator, MLPClassifier):
        keywords["classes"] = [0, 1, 2]
    with pytest.raises(error, match=message):
        getattr(estimator, method)(*data, **keywords)
    y = LABELS if isinstance(estimator, MLPClassifier) else Y
    fitted = type(estimator)((3, 2), max_iter=3, random_state=0).fit(X, y)
    expected, state = fitted.predict(X), set(vars(fitted))
    fitted.set_params(**estimator.get_params())
    with pytest.raises(error):
        getattr(fitted, method)(*data, **keywords)
    assert set(vars(fitted)) == state
    fitted.set_params(**type(estimator)((3, 2)).get_params())
    assert_array_equal(fitted.predict(X), expected)
