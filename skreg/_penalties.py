"""The penalties and constraints of a network: strengths per matrix, factors, groups, values.

``sum_k ( l1_k sum_i f_i |w_i| + l2_k / 2 sum_i f_i w_i^2 + l2_anchor_k / 2 |W_k - A_k|^2
+ group_l1_k sum_g f_g sqrt(size_g) |W_g|_2 )``, where f is the factor of a feature in the first
matrix and 1 elsewhere, and a group is a row of a matrix or the rows of a group of features.
Frozen matrices are constants: nothing penalizes them.
"""

from functools import wraps
from typing import NamedTuple

import numpy as np

from skreg._architecture import n_parameters, views


class Kind(NamedTuple):
    """What is to be known of a strength, besides its formula."""

    off: float = 0.0
    is_plain: bool = False  # whether the step of a solver knows of it
    has_kink: bool = False  # whether it sets weights to exact zeros
    takes_factors: bool = False  # whether ``feature_penalty`` multiplies it
    is_term: bool = True  # of the objective, and not a constraint


KINDS = {  # terms stand in the order of the kernels'
    "l1": Kind(is_plain=True, has_kink=True, takes_factors=True),
    "l2": Kind(is_plain=True, takes_factors=True),
    "group_l1": Kind(has_kink=True, takes_factors=True),
    "l2_anchor": Kind(),
    "max_norm": Kind(off=np.inf, is_term=False),
}
TERMS = tuple(name for name, kind in KINDS.items() if kind.is_term)

# A factor that makes a strength larger than this excludes its feature, as infinity does. Nothing
# is left of a weight that is pulled so hard, but L-BFGS would get no further with the others, and
# soon the squares of gradients are no numbers in single precision. The bound is the same for both
# precisions, so that both exclude the same features.
LARGEST_PRODUCT = 1e10


class Penalties(NamedTuple):
    """Strengths of all terms, one per weight matrix, and what gives them structure."""

    l1: np.ndarray
    l2: np.ndarray
    group_l1: np.ndarray
    l2_anchor: np.ndarray
    max_norm: np.ndarray  # infinite where a matrix has no such constraint
    frozen: np.ndarray  # bool, one per matrix
    factors: np.ndarray | None = None  # one per feature; infinity excludes it
    groups: tuple | None = None  # arrays of columns that hold every feature once

    def has(self, name):
        """Return whether a strength is on for some matrix."""
        return np.count_nonzero(getattr(self, name) != KINDS[name].off) > 0

    @property
    def is_structured(self):
        """Whether more than l1 and l2 with one strength per matrix is asked for."""
        has_factors = self.factors is not None and not self.frozen[0]
        return has_factors or any(self.has(name) for name in KINDS if not KINDS[name].is_plain)

    @property
    def has_kinks(self):
        """Whether some term sets weights to exact zeros."""
        return any(self.has(name) for name in KINDS if KINDS[name].has_kink)

    @property
    def lowest(self):
        """The lowest level whose deltas training needs."""
        return int(np.flatnonzero(~self.frozen)[0]) + 1


def make_penalties(n_matrices, **given):
    """Return `Penalties` from one number or one per matrix for each name; others are off.

    Strengths on frozen matrices are dropped; features stay excluded.
    """
    frozen = np.broadcast_to(given.pop("frozen", False), n_matrices).copy()
    factors, groups = given.pop("factors", None), given.pop("groups", None)
    strengths = {}
    for name, kind in KINDS.items():
        value = np.broadcast_to(given.pop(name, kind.off), n_matrices).astype(np.float64)
        strengths[name] = np.where(frozen, kind.off, value)
    if factors is not None:
        factors = np.where(frozen[0] & np.isfinite(factors), 1.0, factors)
        scaled = (name for name, kind in KINDS.items() if kind.takes_factors)
        strongest = max(float(strengths[name][0]) for name in scaled)
        factors = None if (factors == 1).all() else usable_factors(factors, strongest)
    return Penalties(**strengths, frozen=frozen, factors=factors, groups=groups, **given)


def usable_factors(factors, strongest):
    """Return factors that times the ``strongest`` of their strengths are numbers, or infinite."""
    largest = LARGEST_PRODUCT / strongest if strongest > 0 else np.inf
    finite = np.minimum(factors, np.finfo(np.float32).max)  # of what little or nothing penalizes
    return np.where(np.isinf(factors) | (factors > largest), np.inf, finite)


def parameter_strengths(units, strengths, factors=None):
    """Spread strengths per matrix over a flat vector of all parameters; biases get zero.

    Factors multiply the rows of the first matrix; an infinite one gives zero.
    """
    flat = np.zeros(n_parameters(units))
    for k, (coef, strength) in enumerate(zip(views(flat, units)[0], strengths, strict=True)):
        coef[:] = strength
        if k == 0 and factors is not None:
            coef *= np.where(np.isfinite(factors), factors, 0.0)[:, None]
    return flat


def movable(units, penalties):
    """Return which parameters training may change, as a flat vector of ones and zeros."""
    flat = np.ones(n_parameters(units))
    coefs, intercepts = views(flat, units)
    for k in np.flatnonzero(penalties.frozen):
        coefs[k][:], intercepts[k][:] = 0, 0
    if penalties.factors is not None:
        coefs[0][np.isinf(penalties.factors)] = 0
    return flat


def clear_excluded(flat, units, penalties):
    """Set the weights of excluded features to zero, in place."""
    if penalties.factors is not None:
        views(flat, units)[0][0][np.isinf(penalties.factors)] = 0


def shorten(flat, units, penalties):
    """Scale the incoming weights of units that are longer than ``max_norm`` to it, in place.

    What an average exceeds it by in rounding is left: a run that goes on would end in other bits.
    """
    rounding = 1.0 + 8.0 * np.finfo(flat.dtype).eps
    for coef, largest in zip(views(flat, units)[0], penalties.max_norm, strict=True):
        if np.isfinite(largest):
            norms = np.sqrt((coef.astype(np.float64) ** 2).sum(axis=0))
            coef *= np.where(norms > largest * rounding, largest / np.maximum(norms, largest), 1.0)


def group_penalty(coefs, penalties):
    """Return the value of the group terms at the weight matrices ``coefs``."""
    total = 0.0
    for k, (coef, strength) in enumerate(zip(coefs, penalties.group_l1, strict=True)):
        if strength == 0:
            continue
        squares, sizes = (coef.astype(np.float64) ** 2).sum(axis=1), np.ones(coef.shape[0])
        factors = np.ones(coef.shape[0])
        if k == 0 and penalties.factors is not None:
            factors = np.where(np.isfinite(penalties.factors), penalties.factors, 0.0)
        if k == 0 and penalties.groups is not None:
            squares = np.array([squares[group].sum() for group in penalties.groups])
            sizes = np.array([group.size for group in penalties.groups])
            factors = factors[[group[0] for group in penalties.groups]]
        total += strength * inner(factors, np.sqrt(squares * sizes * coef.shape[1]))
    return total


def inner(a, b):
    """Return the inner product of two vectors, without waking up the threads of BLAS."""
    return float((a * b).sum())


def quietly(function):
    """Let penalties of huge weights be infinite, or NaN where these are, without a warning.

    Before NumPy 2 threads can't share an ``errstate`` that decorates.
    """

    @wraps(function)
    def quiet(*given):
        with np.errstate(over="ignore", invalid="ignore"):
            return function(*given)

    return quiet


class Terms:
    """The terms of the penalty as functions of the flat parameters.

    Parameters
    ----------
    units : sequence of int
    penalties : Penalties
    anchor : array of shape (n_parameters,), optional
        What ``l2_anchor`` pulls the weights to.
    """

    def __init__(self, units, penalties, anchor=None):
        self.units, self.penalties, self.anchor = units, penalties, anchor
        factors = penalties.factors
        self.l1 = parameter_strengths(units, penalties.l1, factors)
        self.l2 = parameter_strengths(units, penalties.l2, factors)
        self.l2_anchor = parameter_strengths(units, penalties.l2_anchor)
        self.curvature = self.l2 + self.l2_anchor  # of the smooth terms, parameter by parameter
        self._has_l1 = self.l1.any()  # vectors of zeros are not worth their time
        self._is_anchored = anchor is not None and self.l2_anchor.any()

    def _of_l1(self, flat):
        return inner(self.l1, np.abs(flat)) if self._has_l1 else 0.0

    def _pull(self, flat):
        """Return value and gradient of the pull to the anchor."""
        distance = flat - self.anchor
        back = self.l2_anchor * distance
        return 0.5 * inner(back, distance), back

    @quietly
    def smooth(self, flat):
        """Return value and gradient of the smooth terms."""
        gradient = self.l2 * flat
        value = 0.5 * inner(gradient, flat)
        if self._is_anchored:
            pull, back = self._pull(flat)
            value, gradient = value + pull, gradient + back
        return value, gradient

    @quietly
    def kinks(self, flat):
        """Return the value of the terms with a kink."""
        coefs = views(flat, self.units)[0]
        return self._of_l1(flat) + group_penalty(coefs, self.penalties)

    @quietly
    def values(self, flat):
        """Return the value of every term by its name."""
        return {
            "l1": self._of_l1(flat),
            "l2": 0.5 * inner(self.l2 * flat, flat),
            "group_l1": group_penalty(views(flat, self.units)[0], self.penalties),
            "l2_anchor": self._pull(flat)[0] if self._is_anchored else 0.0,
        }
