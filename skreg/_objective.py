"""The objective as a function of all parameters: for L-BFGS, for the polish, for gradient tests.

``J(W, b) = sum_i s_i loss_i / sum_i s_i + penalties``, see `skreg._penalties`.
"""

import numpy as np

from skreg._penalties import Terms, movable


class Objective:
    """Value and gradient of the objective of an engine's rows.

    Parameters
    ----------
    engine : Engine
    penalties : Penalties
    anchor : array of shape (n_parameters,), optional
        What ``l2_anchor`` pulls the weights to.
    """

    def __init__(self, engine, penalties, anchor=None):
        self.engine, self.penalties = engine, penalties
        units = engine.network.units
        self.terms = Terms(units, penalties, anchor)
        self.l1 = self.terms.l1
        is_partly_fixed = penalties.frozen.any() or penalties.factors is not None
        self._movable = movable(units, penalties) if is_partly_fixed else None
        self.loss = np.nan  # data term of the latest evaluation

    @property
    def is_convex(self):
        """Whether nothing moves below the last layer: all losses and penalties are convex there."""
        return bool(self.penalties.frozen[:-1].all())

    def smooth(self, flat):
        """Return data term plus smooth penalties and their gradient, in double precision."""
        with np.errstate(over="ignore"):  # a step too long for single precision has no finite J
            self.engine.load(flat.astype(self.engine.dtype))
        total, weight = self.engine.gradient()
        self.loss = total / weight
        value, gradient = self.terms.smooth(flat)
        gradient += self.engine.gradient_vector() / weight
        if self._movable is not None:
            gradient = np.where(self._movable, gradient, 0.0)
        return self.loss + value, gradient

    def value(self, flat):
        """Return the objective, kinks included."""
        return self.smooth(flat)[0] + self.terms.kinks(flat)

    def prox(self, flat, metric):
        """Solve ``min_v 1/2 sum (v - flat)^2 / metric + kinks(v)``, norms kept to their bounds."""
        if self.penalties.has("group_l1") or self.penalties.has("max_norm"):
            return self.engine.prox(flat, np.broadcast_to(metric, flat.shape))
        return np.sign(flat) * np.maximum(np.abs(flat) - metric * self.l1, 0)
