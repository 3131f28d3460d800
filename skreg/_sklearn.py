"""What is imported from scikit-learn's private modules, in one place."""

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "Interval",
    "Options",
    "StrOptions",
    "check_optimize_result",
    "check_sample_weight",
    "fit_context",
    "is_pandas_na",
    "safe_indexing",
]

fit_context = _fit_context
check_optimize_result = _check_optimize_result
check_sample_weight = _check_sample_weight
safe_indexing = _safe_indexing
