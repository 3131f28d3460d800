"""Displays: what a fit, a path or a search has done, drawn; bias and variance, computed.

They follow the convention of scikit-learn's displays: the constructor takes numbers, a class
method (``from_estimator``, ``from_path``) takes what has them and draws at once, and ``plot``
draws them again, on other axes if need be. matplotlib is imported only then:
``pip install matplotlib``.
"""

from skreg._bias_variance import BiasVariance, bias_variance
from skreg._displays.bias_variance import BiasVarianceDisplay
from skreg._displays.loss_curve import LossCurveDisplay
from skreg._displays.path import RegularizationPathDisplay
from skreg._displays.sparsity import SparsityDisplay
from skreg._displays.uncertainty import UncertaintyDisplay
from skreg._displays.weights import WeightsDisplay

__all__ = [
    "BiasVariance",
    "BiasVarianceDisplay",
    "LossCurveDisplay",
    "RegularizationPathDisplay",
    "SparsityDisplay",
    "UncertaintyDisplay",
    "WeightsDisplay",
    "bias_variance",
]


def __dir__():
    """Return the public names, for completion."""
    return __all__
