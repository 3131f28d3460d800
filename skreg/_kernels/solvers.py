"""Solver steps on a segment of the parameter vector.

Both solvers minimize ``J = data term + l2/2 w^2 + penalties with a kink``. The smooth part enters
through the gradient, a kink through its proximal operator *in the metric of the step*, so that a
fixed point of the step is a stationary point of J (Combettes & Wajs 2005; for the scaled form Lee,
Sun & Saunders 2014). Such a step has three parts: the solver `move`s the weights and leaves its
metric where the gradient was, the proximal operators of `penalties` take it from there, and
`land` lets the momentum know where they went. Weight decay shrinks the weights outside the
gradient (Loshchilov & Hutter 2019).
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import inlined, jit
from skreg._kernels.elementary import sqrt
from skreg._kernels.lanes import count, load, store
from skreg._kernels.penalties import prox_l1

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
    averaging: float = 0.0  # decay of the average of the parameters; 0 where there is none


class Segment(NamedTuple):
    """A stretch of the parameters and of what the solver remembers of them, vectors of one size."""

    weights: np.ndarray
    first: np.ndarray  # velocity of sgd, first moment of adam
    second: np.ndarray  # second moment of adam; sgd has none, and must not look at it
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
def without_decay(step):
    """Return ``step`` for parameters that are not shrunk."""
    return Step(step.rate, step.metric, step.scale, 1.0, step.clip)


@jit
def update(rule, step, segment, l1, l2):
    """Take ``step`` on the parameters of ``segment``, the proximal operator of l1 included."""
    move(rule, step, segment, l2, l1 > 0)
    if l1 > 0:
        prox_l1(segment.weights, segment.gradient, l1)
        land(rule, segment)


@jit
def move(rule, step, segment, l2, is_proximal):
    """Take the smooth part of ``step``.

    Where ``is_proximal``, the gradient is overwritten by the step's metric: a proximal operator
    of strength ``s`` has the threshold ``s * metric``, coordinate by coordinate. `land` must
    follow.
    """
    if rule.solver == ADAM and is_proximal:
        proximal_adam(rule, step, segment, l2)
    elif rule.solver == ADAM:
        adam(rule, step, segment, l2)
    elif is_proximal:
        proximal_sgd(rule, step, segment, l2)
    else:
        sgd(rule, step, segment, l2)


@inlined
def _decay(mean, value, decay, rest):
    return decay * mean + rest * value


@jit
def adam(rule, step, segment, l2):
    """Take a step of Adam (Kingma & Ba 2015), AdamW where ``step.shrink`` is below one.

    ``w <- shrink w - rate m / (sqrt(v) + epsilon)``
    """
    w, m, v, gradient = segment
    number = w.dtype.type
    beta_1, beta_2, epsilon = number(rule.beta_1), number(rule.beta_2), number(rule.epsilon)
    rest_1, rest_2 = number(1.0 - rule.beta_1), number(1.0 - rule.beta_2)
    rate, scale, keep = number(step.rate), number(step.scale), number(step.shrink)
    for i in range(0, w.size, count(w)):
        before = load(w, i)
        g = load(gradient, i) * scale + l2 * before
        mean = _decay(load(m, i), g, beta_1, rest_1)
        square = _decay(load(v, i), g * g, beta_2, rest_2)
        store(m, i, mean)
        store(v, i, square)
        store(w, i, keep * before - rate * mean / (sqrt(square) + epsilon))


@jit
def proximal_adam(rule, step, segment, l2):
    """Take the smooth part of a proximal step of Adam.

    Its metric is ``rate / (sqrt(v) + epsilon)`` without the bias correction of m.
    """
    w, m, v, gradient = segment
    number = w.dtype.type
    beta_1, beta_2, epsilon = number(rule.beta_1), number(rule.beta_2), number(rule.epsilon)
    rest_1, rest_2 = number(1.0 - rule.beta_1), number(1.0 - rule.beta_2)
    scale, keep, one = number(step.scale), number(step.shrink), number(1)
    rate, metric = number(step.rate), number(step.metric)
    for i in range(0, w.size, count(w)):
        before = load(w, i)
        g = load(gradient, i) * scale + l2 * before
        mean = _decay(load(m, i), g, beta_1, rest_1)
        square = _decay(load(v, i), g * g, beta_2, rest_2)
        inverse = one / (sqrt(square) + epsilon)
        store(m, i, mean)
        store(v, i, square)
        store(gradient, i, metric * inverse)
        store(w, i, keep * before - rate * mean * inverse)


@jit
def sgd(rule, step, segment, l2):
    """Take a step of stochastic gradient descent with (Nesterov's) momentum."""
    w, velocity, _, gradient = segment
    number = w.dtype.type
    momentum, rate = number(rule.momentum), number(step.rate)
    scale, keep = number(step.scale), number(step.shrink)
    if rule.nesterov:
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
def proximal_sgd(rule, step, segment, l2):
    """Take the smooth part of a proximal step with momentum; velocities become starting points.

    With Nesterov's momentum the stored weight is the extrapolated point of FISTA (Beck & Teboulle
    2009), and the step starts where the momentum has not yet carried it. It starts from the shrunk
    weight: the momentum gathers no weight decay.
    """
    w, velocity, _, gradient = segment
    number = w.dtype.type
    momentum, rate = number(rule.momentum), number(step.rate)
    scale, keep = number(step.scale), number(step.shrink)
    for i in range(w.size):
        g = rate * (gradient[i] * scale + l2 * w[i])
        carried = momentum * velocity[i]
        shrunk = keep * w[i]
        gradient[i] = rate
        if rule.nesterov:
            velocity[i] = shrunk - carried
            w[i] = shrunk - g
        else:
            velocity[i] = shrunk
            w[i] = shrunk + carried - g


@jit
def land(rule, segment):
    """Let the momentum of a proximal step know where the proximal operators went.

    The velocity is the displacement that they leave, so without weight decay the fixed points do
    not depend on the momentum. A weight that became zero stays there: its velocity restarts. The
    metric is cleared away, as no gradient will overwrite it in the padding.
    """
    w, velocity = segment.weights, segment.first
    momentum, zero = w.dtype.type(rule.momentum), w.dtype.type(0)
    for i in range(w.size):
        segment.gradient[i] = zero
    if rule.solver == ADAM:
        return
    for i in range(w.size):
        reached = w[i] - velocity[i]
        velocity[i] = zero if w[i] == 0 else reached
        if rule.nesterov:
            w[i] += momentum * velocity[i]
