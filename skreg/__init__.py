"""Multi-layer perceptrons for scikit-learn with regularization as a first-class citizen."""

from skreg._classifier import MLPClassifier
from skreg._classifier_cv import MLPClassifierCV
from skreg._path import feature_importances_from_path, mlp_path
from skreg._regressor import MLPRegressor
from skreg._regressor_cv import MLPRegressorCV
from skreg._stability import stability_selection

__all__ = [
    "MLPClassifier",
    "MLPClassifierCV",
    "MLPRegressor",
    "MLPRegressorCV",
    "feature_importances_from_path",
    "mlp_path",
    "stability_selection",
]
__version__ = "0.1.0"
