"""Automatic grids: from the smallest strength that zeroes the linear model downwards.

Without hidden layers, all weights are zero exactly where the strength is at least the largest
absolute entry of ``X' delta / n``, the gradient of the data term at the model that has nothing but
intercepts (Friedman, Hastie & Tibshirani 2010, "Regularization paths for generalized linear
models via coordinate descent", J. Stat. Software 33).
"""

import numbers

import numpy as np

from skreg._parameters import is_integer

LARGEST_DROPOUT = 0.8  # of an automatic grid


def top_strength(name, null):
    """Return the smallest strength that sets all weights of the linear model to zero.

    Features that ``feature_penalty`` exempts or excludes do not count. No ``l2`` zeroes a weight:
    its top is that of ``l1``, at which no weight of features of unit scale is above one. Of a
    pattern, the first entry counts: the gradient is that of the first matrix.

    Parameters
    ----------
    name : {"l1", "group_l1", "l2"}
    null : NullModel

    Returns
    -------
    top : float
    """
    gradient, penalties = null.gradient, null.penalties
    factors, groups = penalties.factors, penalties.groups
    if name == "group_l1":
        groups = groups or [np.array([feature]) for feature in range(len(gradient))]
        scores = [np.linalg.norm(gradient[group]) / gradient[group].size ** 0.5 for group in groups]
        scores = np.array(scores)
        factors = None if factors is None else factors[[group[0] for group in groups]]
    else:
        scores = np.abs(gradient).max(axis=1)
    if factors is not None:
        scores = scores[factors > 0] / factors[factors > 0]  # an infinite factor gives zero
    return float(scores.max(initial=0.0)) / _first_of(name, null.patterns.get(name))


def _first_of(name, pattern):
    """Return what a strength is multiplied by in the first matrix."""
    if pattern is None:
        return 1.0
    if not pattern[0] > 0:
        raise ValueError(
            f"{name}={pattern!r} leaves the first matrix out, for which an automatic grid is made; "
            f"give an array of strengths as {name}s."
        )
    return float(pattern[0])


def strength_grid(name, value, find_null, eps):
    """Return strengths in ascending order.

    Parameters
    ----------
    name : {"l1", "l2", "group_l1", "dropout", "input_dropout"}
        What is searched; the user's parameter has an "s" more.
    value : int or array-like
        That many strengths on an automatic grid, or the strengths themselves.
    find_null : callable
        Returns the `NullModel`; called only where an automatic grid needs it.
    eps : float
        Smallest strength of the automatic grid as a share of the largest.

    Returns
    -------
    strengths : array of shape (n_strengths,)
        Evenly spaced logarithms down from `top_strength`; of a dropout, even steps from 0 to 0.8.
    """
    if not is_integer(value):
        return _check_strengths(name, value)
    if value < 1:
        raise ValueError(f"{name}s={value} must be at least 1 strength, or an array of strengths.")
    if "dropout" in name:
        return np.linspace(0.0, LARGEST_DROPOUT, value)
    if not isinstance(eps, numbers.Real) or not 0 < eps < 1:
        raise ValueError(
            f"eps={eps!r} must be in (0, 1): it is the smallest strength over the top."
        )
    top = top_strength(name, find_null())
    if not top > 0:
        raise ValueError(
            f"{name}s={value} asks for an automatic grid, but no feature tells anything about y "
            f"(is y constant?): its top would be {top:g}; give an array of strengths."
        )
    return logarithmic(top, eps, value)


def logarithmic(top, eps, n_strengths):
    """Return evenly spaced logarithms from ``eps * top`` to ``top``; a single one is the top."""
    return np.geomspace(top * eps, top, n_strengths) if n_strengths > 1 else np.array([top])


def _check_strengths(name, value):
    try:
        strengths = np.sort(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        strengths = np.empty(0)
    if np.iterable(value) and len(value) == 0:
        raise ValueError(f"{name}s={value!r} is empty; give at least one strength.")
    if strengths.ndim > 1 and "dropout" not in name:
        raise ValueError(
            f"{name}s={value!r} must be a flat list of strengths; one for each matrix is a pattern "
            f"in {name}, {name}=[1, 0] for example, which every strength multiplies."
        )
    if strengths.ndim != 1 or not strengths.size or any(isinstance(one, str) for one in value):
        raise ValueError(f"{name}s={value!r} must be a number of strengths or a list of them.")
    limit = 1.0 if "dropout" in name else np.inf
    if not (strengths >= 0).all() or not (strengths < limit).all():
        raise ValueError(
            f"{name}s={value!r} must hold numbers of at least 0 and below {limit:g}; 0 is off."
        )
    return strengths
