"""Solver steps on a segment of the parameter vector, with their proximal forms side by side.

Both solvers minimize ``J = data term + l1 |w|_1 + l2/2 w^2``. The smooth part enters through the
gradient, l1 through its proximal operator *in the metric of the step*, so that a fixed point of
the step is a stationary point of J (Combettes & Wajs 2005; for the scaled form Lee, Sun & Saunders
2014). Weight decay shrinks the weights outside the gradient (Loshchilov & Hutter 2019).
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import jit
from skreg._kernels.penalties import soft_threshold

SGD, ADAM = range(2)
SOLVERS = {"sgd": SGD, "adam": ADAM}


class Rule(NamedTuple):
    """What a solver is, constant during a fit."""

    solver: int
    momentum: float
    nesterov: int
    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float
    clip_norm: float  # 0 where gradients are not clipped


class Segment(NamedTuple):
    """A stretch of the parameters and of what the solver remembers of them, vectors of one size."""

    weights: np.ndarray
    first: np.ndarray  # velocity of sgd, first moment of adam
    second: np.ndarray  # second moment of adam; empty for sgd
    gradient: np.ndarray


class Step(NamedTuple):
    """The numbers of one step: ``rate`` scales the update, ``metric`` the proximal threshold."""

    rate: float
    metric: float
    scale: float  # the gradient of the mean loss is ``scale`` times the accumulated one
    shrink: float  # weights are multiplied by it first
    clip: float  # factor that gradient clipping applies to the whole gradient


@jit
def plan_step(rule, learning_rate, t, scale):
    """Return the numbers of step ``t`` = 1, 2, ..."""
    shrink = 1.0 - learning_rate * rule.weight_decay
    if rule.solver == SGD:
        return Step(learning_rate, learning_rate, scale, shrink, 1.0)
    metric = learning_rate * np.sqrt(1.0 - rule.beta_2 ** float(t))
    return Step(metric / (1.0 - rule.beta_1 ** float(t)), metric, scale, shrink, 1.0)


@jit
def update(rule, step, segment, l1, l2, shrink):
    """Take ``step`` on the parameters of ``segment``."""
    if rule.solver == ADAM:
        adam(rule, step, segment, l1, l2, shrink)
    else:
        sgd(rule, step, segment, l1, l2, shrink)


@jit
def adam(rule, step, segment, l1, l2, shrink):
    """Take a step of Adam (Kingma & Ba 2015), AdamW where ``shrink`` is below one.

    ``w <- prox(shrink w - rate m / (sqrt(v) + epsilon))`` with the threshold
    ``metric l1 / (sqrt(v) + epsilon)``, coordinate by coordinate.
    """
    w, m, v, gradient = segment
    number = w.dtype.type
    beta_1, beta_2, epsilon = number(rule.beta_1), number(rule.beta_2), number(rule.epsilon)
    rest_1, rest_2 = number(1.0 - rule.beta_1), number(1.0 - rule.beta_2)
    rate, scale, keep = number(step.rate), number(step.scale), number(shrink)
    for i in range(w.size):
        g = gradient[i] * scale + l2 * w[i]
        m[i] = beta_1 * m[i] + rest_1 * g
        v[i] = beta_2 * v[i] + rest_2 * (g * g)
        w[i] = keep * w[i] - rate * m[i] / (np.sqrt(v[i]) + epsilon)
    if l1 > 0:
        threshold = number(step.metric) * l1
        for i in range(w.size):
            w[i] = soft_threshold(w[i], threshold / (np.sqrt(v[i]) + epsilon))


@jit
def sgd(rule, step, segment, l1, l2, shrink):
    """Take a step of stochastic gradient descent with (Nesterov's) momentum."""
    w, velocity, _, gradient = segment
    number = w.dtype.type
    momentum, rate = number(rule.momentum), number(step.rate)
    scale, keep = number(step.scale), number(shrink)
    if l1 > 0:
        threshold = rate * l1
        for i in range(w.size):
            g = gradient[i] * scale + l2 * w[i]
            w[i], velocity[i] = proximal_momentum(
                w[i], velocity[i], rate * g, threshold, momentum, keep, rule.nesterov
            )
    elif rule.nesterov:
        for i in range(w.size):
            g = rate * (gradient[i] * scale + l2 * w[i])
            velocity[i] = momentum * velocity[i] - g
            w[i] = keep * w[i] + (momentum * velocity[i] - g)
    else:
        for i in range(w.size):
            g = rate * (gradient[i] * scale + l2 * w[i])
            velocity[i] = momentum * velocity[i] - g
            w[i] = keep * w[i] + velocity[i]


@jit
def proximal_momentum(w, velocity, move, threshold, momentum, keep, nesterov):
    """Return weight and velocity after a proximal step with momentum.

    The velocity is the displacement that the prox leaves, so the fixed points do not depend on
    the momentum (with Nesterov's this is FISTA, Beck & Teboulle 2009: the stored weight is the
    extrapolated point). A weight that the prox sets to zero stays there: its velocity restarts.
    """
    if nesterov:
        before = w - momentum * velocity
        after = soft_threshold(keep * w - move, threshold)
        velocity = after - before
        reached = after + momentum * velocity
    else:
        after = soft_threshold(keep * w + momentum * velocity - move, threshold)
        velocity = after - w
        reached = after
    if after == 0:
        return after, after
    return reached, velocity
