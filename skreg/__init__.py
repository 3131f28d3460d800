"""Multi-layer perceptrons for scikit-learn with regularization as a first-class citizen."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from skreg._garbage import no_garbage_collection as _no_garbage_collection

with _no_garbage_collection():  # a quarter of the time to import it all
    from skreg._classifier import MLPClassifier
    from skreg._regressor import MLPRegressor

if _TYPE_CHECKING:  # what editors complete; `__getattr__` imports it
    from skreg import inspection as inspection
    from skreg._classifier_cv import MLPClassifierCV
    from skreg._path import MLPPath, feature_importances_from_path, mlp_path
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

# A fit does without these, and without scikit-learn's metrics and splitters, which they need.
_LATER = {
    "MLPClassifierCV": "_classifier_cv",
    "MLPPath": "_path",
    "MLPRegressorCV": "_regressor_cv",
    "StabilitySelection": "_stability",
    "feature_importances_from_path": "_path",
    "inspection": "inspection",
    "mlp_path": "_path",
    "stability_selection": "_stability",
}


def __getattr__(name):
    """Import what is asked for the first time."""
    if name not in _LATER:
        raise AttributeError(f"module 'skreg' has no attribute {name!r}")
    with _no_garbage_collection():
        module = _import_module(f"skreg.{_LATER[name]}")
    globals()[name] = value = module if name == _LATER[name] else getattr(module, name)
    return value


def __dir__():
    """Return the names that there are, and those that are imported later."""
    return sorted({*globals(), *_LATER})
