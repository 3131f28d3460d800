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

    def smooth(self, flat):
        """Return data term plus smooth penalties and their gradient, in double precision."""
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
        if self.penalties.group_l1.any() or np.isfinite(self.penalties.max_norm).any():
            return self.engine.prox(flat, np.broadcast_to(metric, flat.shape))
        return np.sign(flat) * np.maximum(np.abs(flat) - metric * self.l1, 0)


# A step of the polish is first tried at ten times the solver's own: that is how far its momentum
# (or the mean of Adam) carries a step, and what it took to restore the zeros of Lasso and of
# LogisticRegression after sgd. It is shortened where it would raise J, lengthened where it holds.
FIRST_TRIAL, SHORTEN, LENGTHEN, TRIALS_PER_STEP = 10.0, 0.25, 2.0, 4
# Momentum is gathered once a step has been too long, and after those that every fit may take.
PLAIN_STEPS = 3


def polish(objective, n_steps, metric):
    """Take proximal steps on the full-data gradient; none may raise the objective.

    A stochastic solver leaves a few weights flickering around zero; the noise-free gradient lets
    the proximal operator set them to zero. Each trial costs about a third of an epoch. Many steps
    gather momentum, that of the heavy ball (Polyak 1964; Ochs et al. 2014 with proximal steps).
    It begins anew where it has gone too far (O'Donoghue & Candès 2015); all ends where the
    objective falls no more. The gradient is that of the last step, not the one further on that
    Nesterov's momentum takes: for linear models that took three times the evaluations.

    Parameters
    ----------
    objective : Objective
        Its engine holds the weights to start from, and those reached in the end.
    n_steps : int
        Steps that lower the objective.
    metric : float or array of shape (n_parameters,)
        Length of the solver's steps, as of `solver_metric`.

    Returns
    -------
    n_accepted : int
    """
    engine, kinks = objective.engine, objective.terms.kinks
    best = last = engine.parameters().astype(np.float64)
    smooth, gradient = objective.smooth(best)
    lowest = smooth + kinks(best)
    step, n_accepted, in_row, grows = FIRST_TRIAL * metric, 0, 0, True
    for _ in range(n_steps * TRIALS_PER_STEP):
        if n_accepted == n_steps:
            break
        start = best + in_row / (in_row + 3.0) * (best - last)
        trial = objective.prox(start - step * gradient, step)
        trial = trial.astype(engine.dtype).astype(np.float64)
        smooth, trial_gradient = objective.smooth(trial)
        value = smooth + kinks(trial)
        if value == lowest and n_accepted > PLAIN_STEPS:
            break
        if value <= lowest:
            best, last, gradient, lowest = trial, best, trial_gradient, value
            n_accepted += 1
            is_plain = grows or n_accepted <= PLAIN_STEPS
            step, in_row = (step * LENGTHEN, 0) if is_plain else (step, in_row + 1)
        elif in_row:
            in_row = 0
        else:
            step, grows = step * SHORTEN, False
    engine.load(best.astype(engine.dtype))
    return n_accepted


def solver_metric(engine, rate, epsilon, beta_2):
    """Return how far a unit of gradient moves each parameter at the learning rate ``rate``.

    Adam has learned it, ``rate / (sqrt(v_hat) + epsilon)``; for sgd it is the rate itself.
    """
    moments = engine.moments()
    if "second" not in moments:
        return rate
    corrected = moments["second"].astype(np.float64) / (1.0 - beta_2 ** max(engine.steps, 1))
    return rate / (np.sqrt(corrected) + epsilon)
