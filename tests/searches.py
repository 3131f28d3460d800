"""Searches of both kinds on small data, to compare with GridSearchCV's."""

import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import (
    GridSearchCV,
)
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPClassifierCV, MLPRegressorCV

IRIS_X, IRIS_Y = load_iris(return_X_y=True)


DIABETES_X, DIABETES_Y = (scale(part) for part in load_diabetes(return_X_y=True))


ESTIMATORS = (MLPClassifierCV, MLPRegressorCV)


QUICK = {"hidden_layer_sizes": (8,), "max_iter": 4, "learning_rate_init": 0.01, "random_state": 3}


L1S, L2S = np.array([1e-2, 1e-4, 1e-1]), [0.0, 1e-3]


WEIGHT = np.random.default_rng(0).integers(0, 3, IRIS_Y.size).astype(float)


GROUPS = np.arange(IRIS_Y.size) % 7


NAMES = np.array(["setosa", "versicolor", "virginica"])[IRIS_Y]


def assert_same_table(table, expected):
    assert list(table) == list(expected)
    for key, column in expected.items():
        if key == "params":
            assert table[key] == column
        elif not key.endswith("_time"):
            assert table[key].dtype == column.dtype, key
            np.testing.assert_array_equal(table[key], column, err_msg=key)


def searches(Plain, given=(), *, grid=None, **search):
    """Return our search and GridSearchCV over the same grid."""
    grid = grid or {"l1": L1S}
    given = QUICK | dict(given)
    CV = MLPClassifierCV if Plain is MLPClassifier else MLPRegressorCV
    other = {"early_stopping_scoring": given["scoring"]} if "scoring" in given else {}
    own = {name: value for name, value in given.items() if name != "scoring"}
    strengths = {f"{name}s": values for name, values in grid.items()}
    return CV(**own, **other, **strengths, **search), GridSearchCV(Plain(**given), grid, **search)
