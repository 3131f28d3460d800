"""One walk along strengths from weak to strong, each fit from the previous solution."""

import copy
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skreg._grids import top_strength
from skreg._kernels.solvers import SOLVERS
from skreg._parameters import frozen_matrices, is_integer, spread
from skreg._runs import begin_step
from skreg._schedules import PLANNED
from skreg._warnings import warn

WITH_ZEROS = ("l1", "group_l1")  # what a stronger one has set to zero, none stronger revives

# A planned schedule runs to its end, so a warm start saves epochs only where it is planned shorter.
# Measured on adult, 30 strengths of l1, 32 units, 60 epochs: objectives are on average 0.3 % above
# those of fits from random weights, which lie as far apart from seed to seed; the same number of
# epochs from random weights ends 1.0 % above. See benchmarks/paths.py.
WARM_SHARE = 0.25

# Whether training is stuck above the network without weights is seen by training on: it is where
# that takes away less than a share of what is missing. Unscaled targets of a mean of 450 took up to
# 7 runs in addition at one strength of a path, scaled ones at most one.
LEAST_GAIN = 0.1
MOST_RUNS = 10

ROUNDING = 1e-9  # of the top of an automatic grid


def walk(model, axis, strengths, rows, find_null, warm_max_iter=None, validation=None):
    """Fit strength after strength, each from the previous solution.

    Parameters
    ----------
    model : BaseMLP
        Not fitted yet; its weights are those of the present strength. The walk ends where its
        brake, if it has one, is pulled.
    axis : str
        The parameter to change.
    strengths : array of shape (n_strengths,)
        In ascending order.
    rows : tuple
        X, y and sample_weight.
    find_null : callable
        Returns the `NullModel` of the rows.
    warm_max_iter : int, optional
        As of `mlp_path`.
    validation : dict, optional
        What early stopping, if it is on, gets to watch.

    Yields
    ------
    loss, penalty : float
        The terms of the objective.
    n_epochs : int
        Epochs that the strength took.
    """
    keywords = validation if validation and model.early_stopping else {}
    warm_max_iter = warm_epochs(model, warm_max_iter)
    step, empty, has_warned = StrengthFit(model, axis, rows, keywords), None, False
    for place, strength in enumerate(strengths):
        step.to(strength)
        step.fit()
        if place == 0:
            model.set_params(warm_start=True, max_iter=warm_max_iter)
            empty = empty_network(model, axis, rows, find_null) if axis in WITH_ZEROS else None
        gives_way = empty is not None and strength > 0 and step.gives_way(empty)
        if step.is_cut_short:
            return
        if gives_way:
            model.coefs_, model.intercepts_ = empty.coefs, empty.intercepts
            step.terms = empty.loss, 0.0
        elif empty is not None and step.ends_above(empty) and not has_warned:
            has_warned = True
            _warn_unfinished(f"{axis}={strength:g}", step.objective, empty.loss, model)
        yield *step.terms, step.n_epochs
        if axis in WITH_ZEROS and model.n_nonzero_ == 0:
            break
    for strength in strengths[place + 1 :]:
        step.to(strength)
        yield *step.terms, 0


class StrengthFit:
    """The fits at one strength.

    Parameters
    ----------
    model : BaseMLP
    axis : str
    rows : tuple
        X, y and sample_weight.
    keywords : dict
        Of `fit`, besides.

    Attributes
    ----------
    terms : tuple of float
        Data loss and penalty after the last fit.
    n_epochs : int
        Of all fits at this strength.
    """

    def __init__(self, model, axis, rows, keywords):
        self._model, self._axis, self._rows, self._keywords = model, axis, rows, keywords
        self._given = copy.copy(model)

    @property
    def objective(self):
        """Data loss and penalty."""
        return sum(self.terms)

    @property
    def is_cut_short(self):
        """Whether somebody has pulled the brake."""
        return self._model._brake is not None and self._model._brake.pulled

    def to(self, strength):
        """Go on to a strength; its history begins anew."""
        begin_step(self._model)
        self._model.set_params(**spread(self._given, {self._axis: float(strength)}))
        self._model.history_, self._strength, self.n_epochs = None, strength, 0

    def fit(self):
        """Fit, and add the epochs."""
        try:
            self._model.fit(*self._rows, **self._keywords)
        except ValueError as error:
            error.add_note(f"(on the path, at {self._axis}={self._strength:g})")
            raise
        self.n_epochs += self._model.n_iter_
        self.terms = measure(self._model, self._rows)

    def gives_way(self, empty):
        """Return whether training is stuck above the network without weights; train on to see it.

        Where the last layer has been trained, shrinking it would raise the convex data loss, so
        that is below the one without weights. A network whose data loss is above has not learned
        yet, and nothing is known of where it would end.

        Without hidden layers nothing is a mere local minimum: the one without weights is the
        solution from its ``top`` on, and nowhere else.
        """
        if empty.is_linear:
            return self._strength >= empty.top
        for _ in range(MOST_RUNS):
            missing = self.objective - empty.loss
            if missing <= 0 or self.is_cut_short:
                return False
            if not self._model.active_features_.size:
                return True
            if self.terms[0] > empty.loss:
                return False
            before = self.objective
            self.fit()
            if before - self.objective < LEAST_GAIN * (self.objective - empty.loss):
                return True
        return False

    def ends_above(self, empty):
        """Return whether a network with hidden layers ends above the one without weights."""
        return not empty.is_linear and self.objective > empty.loss


def measure(model, rows):
    """Return data loss and penalty."""
    terms = model.penalty_breakdown(*rows)
    return terms["loss"], terms["objective"] - terms["loss"]


class EmptyNetwork(NamedTuple):
    """A network without weights, and its data loss, to which no penalty comes."""

    coefs: list
    intercepts: list
    loss: float
    top: float  # without hidden layers, the strength from which on it is the solution

    @property
    def is_linear(self):
        """Whether there are no hidden layers."""
        return len(self.coefs) == 1


def empty_network(model, axis, rows, find_null):
    """Return the network without weights, or None where it can't be better than a solution."""
    frozen = frozen_matrices("frozen_layers", model.frozen_layers, len(model.coefs_))
    if frozen.any() or np.any(model.l2_anchor):
        return None
    top = np.inf
    if len(model.coefs_) == 1:
        if not can_be_emptied(axis, find_null()):
            return None
        top = top_strength(axis, find_null()) * (1.0 - ROUNDING)
    probe = copy.copy(model)
    probe.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    last = find_null().intercept.astype(model.intercepts_[-1].dtype)
    probe.intercepts_ = [*(np.zeros_like(bias) for bias in model.intercepts_[:-1]), last]
    return EmptyNetwork(probe.coefs_, probe.intercepts_, measure(probe, rows)[0], top)


def can_be_emptied(axis, null):
    """Return whether some strength leaves a linear model no weights: no feature is exempt."""
    factors, pattern = null.penalties.factors, null.patterns.get(axis)
    return (factors is None or (factors > 0).all()) and (pattern is None or pattern[0] > 0)


def _warn_unfinished(where, objective, without_weights, model):
    of_targets = "y (TransformedTargetRegressor, StandardScaler)"
    scaled = of_targets if model._y_numeric else "X (StandardScaler)"
    warn(
        f"At {where} training has ended at an objective of {objective:.3g}, above the "
        f"{without_weights:.3g} of the network without weights: it is far from its end. Scale "
        f"{scaled}, or raise max_iter, warm_max_iter or learning_rate_init.",
        ConvergenceWarning,
    )


def warm_epochs(model, given):
    """Return ``max_iter`` of all strengths but the first."""
    if given is None:
        is_planned = model.solver in SOLVERS and model.learning_rate in PLANNED
        return max(1, round(model.max_iter * WARM_SHARE)) if is_planned else model.max_iter
    if not is_integer(given) or given < 1:
        raise ValueError(f"warm_max_iter={given!r} must be an integer of at least 1, or None.")
    return given
