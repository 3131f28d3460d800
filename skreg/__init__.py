"""Multi-layer perceptrons for scikit-learn with regularization as a first-class citizen."""

from skreg._classifier import MLPClassifier
from skreg._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
__version__ = "0.1.0"
