"""Multi-layer perceptrons for scikit-learn with regularization as a first-class citizen."""

from skreg._classifier import MLPClassifier
from skreg._classifier_cv import MLPClassifierCV
from skreg._path import MLPPath, feature_importances_from_path, mlp_path
from skreg._regressor import MLPRegressor
from skreg._regressor_cv import MLPRegressorCV
from skreg._stability import StabilitySelection, stability_selection

__all__ = [
    "MLPClassifier",
    "MLPClassifierCV",
    "MLPPath",
    "MLPRegressor",
    "MLPRegressorCV",
    "StabilitySelection",
    "feature_importances_from_path",
    "mlp_path",
    "stability_selection",
]
__version__ = "0.1.0"


def __getattr__(name):
    """Import `skreg.inspection` when it is first asked for: fits do without it."""
    if name == "inspection":
        import skreg.inspection  # binds the name in this module

        return skreg.inspection
    raise AttributeError(f"module 'skreg' has no attribute {name!r}")
