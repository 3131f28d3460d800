"""Solvers against plain NumPy written from the papers' formulas; their fixed points against J."""

import numpy as np
import pytest

from skreg._kernels.solvers import (
    ADAM,
    SGD,
    SOLVERS,
    Rule,
    Segment,
    land,
    move,
    plan_step,
    update,
)

DTYPES = (np.float32, np.float64)
SIZE = 64  # whole vectors on every processor
RULE = Rule(SGD, 0.0, 0, 0.9, 0.999, 1e-8, 0.0, 0.0)
RULES = {
    "sgd": RULE,
    "momentum": RULE._replace(momentum=0.9),
    "nesterov": RULE._replace(momentum=0.9, nesterov=1),
    "adam": RULE._replace(solver=ADAM),
}


def new_segment(dtype, scale=1.0):
    zeros = [np.zeros(SIZE, dtype) for _ in range(3)]
    return Segment(np.random.default_rng(0).normal(0, scale, SIZE).astype(dtype), *zeros)


def take_step(rule, segment, gradient, rate, t, l1=0.0, l2=0.0, scale=1.0):
    """Take one step, as the engine takes it."""
    segment.gradient[:] = gradient / scale
    number = segment.weights.dtype.type
    step = plan_step(rule, rate, t, scale)
    update(rule, step, segment, number(l1), number(l2))


def soft(w, threshold):
    return np.sign(w) * np.maximum(abs(w) - threshold, 0)


class Sgd:
    """Polyak's heavy ball and Nesterov's acceleration as Sutskever et al. (2013) write them."""

    def __init__(self, momentum=0.0, nesterov=0):
        self.momentum, self.nesterov, self.velocity = momentum, nesterov, 0.0

    def step(self, w, g, rate, t):
        self.velocity = self.momentum * self.velocity - rate * g
        return w + (self.momentum * self.velocity - rate * g if self.nesterov else self.velocity)


class Adam:
    """Algorithm 1 of Kingma & Ba (2015), with epsilon as in the efficient form of section 2."""

    def __init__(self):
        self.m = self.v = 0.0

    def step(self, w, g, rate, t):
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        correction = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return w - rate * correction * self.m / (np.sqrt(self.v) + 1e-8)


REFERENCES = {
    "sgd": Sgd,
    "momentum": lambda: Sgd(0.9),
    "nesterov": lambda: Sgd(0.9, 1),
    "adam": Adam,
}


def test_every_solver_is_tested_here():
    assert {rule.solver for rule in RULES.values()} == set(SOLVERS.values())
    assert RULES.keys() == REFERENCES.keys()


@pytest.mark.parametrize("decay", (0.0, 0.1))
@pytest.mark.parametrize("l2", (0.0, 0.3))
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_are_those_of_the_paper(dtype, name, l2, decay):
    rng, segment, reference = np.random.default_rng(1), new_segment(dtype), REFERENCES[name]()
    w, rule = segment.weights.astype(np.float64), RULES[name]._replace(weight_decay=decay)
    for t in range(1, 8):
        gradient, rate = rng.normal(size=SIZE), 0.05 / t
        take_step(rule, segment, gradient, rate, t, l2=l2, scale=0.25)
        # Loshchilov & Hutter (2019): the decay acts on the weights before the step.
        moved = reference.step(w, gradient + l2 * w, rate, t) - w
        w = w - rate * decay * w + moved
    np.testing.assert_allclose(segment.weights, w, rtol=0, atol=40 * np.finfo(dtype).eps)
    assert segment.weights.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_proximal_step_of_sgd(dtype):
    segment, gradient = new_segment(dtype, 0.1), np.linspace(-1, 1, SIZE)
    w = segment.weights.astype(np.float64)
    rule = RULE._replace(weight_decay=0.5)
    take_step(rule, segment, gradient, 0.1, 1, l1=0.7, l2=0.2)
    expected = soft(w * (1 - 0.05) - 0.1 * (gradient + 0.2 * w), 0.07)
    np.testing.assert_allclose(segment.weights, expected, rtol=0, atol=4 * np.finfo(dtype).eps)
    zeros = expected == 0
    assert 0 < zeros.sum() < SIZE
    np.testing.assert_array_equal(segment.weights[zeros], 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_proximal_step_of_adam_is_taken_in_its_own_metric(dtype):
    segment, gradient = new_segment(dtype, 0.1), np.linspace(-1, 1, SIZE)
    w = segment.weights.astype(np.float64)
    take_step(RULES["adam"], segment, gradient, 0.1, 1, l1=0.3)
    # At t = 1 both moments, corrected, are those of the gradient: m = g, v = g**2.
    unit = np.sqrt(1 - 0.999) / (np.sqrt(0.001) * abs(gradient) + 1e-8)
    expected = soft(w - 0.1 * unit * gradient, 0.1 * unit * 0.3)
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(segment.weights, expected, rtol=tolerance, atol=tolerance)
    assert 0 < np.count_nonzero(segment.weights == 0) < SIZE


def test_proximal_step_with_nesterov_momentum_is_that_of_fista():
    # Beck & Teboulle (2009) with a constant momentum: x is the prox at y, y runs ahead of x.
    rng, segment, rule = np.random.default_rng(1), new_segment(np.float64), RULES["nesterov"]
    x = y = segment.weights.copy()
    for t in range(1, 6):
        gradient = rng.normal(size=SIZE)
        before, x = x, soft(y - 0.01 * gradient, 0.01 * 0.05)
        y = x + 0.9 * (x - before)
        take_step(rule, segment, gradient, 0.01, t, l1=0.05)
    assert (x != 0).all()
    np.testing.assert_allclose(segment.weights, y, rtol=0, atol=1e-14)


class Quadratic:
    """``J(w) = w'Aw/2 - b'w + l1 |w|_1 + l2/2 |w|^2`` with eigenvalues of A from 0.2 to 1."""

    l1, l2 = 0.5, 0.1

    def __init__(self):
        rng = np.random.default_rng(3)
        basis, _ = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))
        self.A = basis * np.linspace(0.2, 1, SIZE) @ basis.T
        self.b = rng.normal(size=SIZE)

    def gradient(self, w):
        return self.A @ w - self.b

    def violation(self, w):
        """Return how far zero is from the subdifferential of J at ``w``."""
        smooth = self.gradient(w) + self.l2 * w
        inside = np.maximum(abs(smooth) - self.l1, 0)
        return np.where(w == 0, inside, abs(smooth + self.l1 * np.sign(w))).max()


@pytest.mark.parametrize("nesterov", (0, 1))
@pytest.mark.parametrize("momentum", (0.0, 0.5, 0.9))
def test_fixed_points_of_sgd_are_stationary_points_of_the_objective(momentum, nesterov):
    problem, segment = Quadratic(), new_segment(np.float64)
    rule = RULE._replace(momentum=momentum, nesterov=nesterov)
    for t in range(1, 1500):
        gradient = problem.gradient(segment.weights)
        take_step(rule, segment, gradient, 0.1, t, problem.l1, problem.l2)
    assert problem.violation(segment.weights) < 1e-9
    assert 5 < np.count_nonzero(segment.weights == 0) < SIZE - 5


def test_fixed_points_of_adam_are_stationary_points_of_the_objective():
    problem, segment = Quadratic(), new_segment(np.float64)
    for t in range(1, 4000):
        gradient, rate = problem.gradient(segment.weights), 0.05 * 0.9975**t
        take_step(RULES["adam"], segment, gradient, rate, t, problem.l1, problem.l2)
    assert problem.violation(segment.weights) < 1e-4
    assert 5 < np.count_nonzero(segment.weights == 0) < SIZE - 5


@pytest.mark.parametrize("name", RULES)
def test_padding_stays_zero(name):
    segment = new_segment(np.float64)
    segment.weights[-8:] = 0
    gradient = np.ones(SIZE)
    gradient[-8:] = 0
    for t in range(1, 4):
        take_step(RULES[name], segment, gradient, 0.1, t, 0.01, 0.1)
    np.testing.assert_array_equal(segment.weights[-8:], 0)


# The parts of a proximal step: the solver moves, proximal operators follow, the momentum lands.


def moved(rule, segment, gradient, is_proximal, t=1):
    """Take the smooth part of a step, with l2 and weight decay."""
    number = segment.weights.dtype.type
    segment.gradient[:] = gradient
    step = plan_step(rule._replace(weight_decay=0.5), 0.1, t, 0.25)
    move(rule, step, segment, number(0.2), is_proximal)
    return step


@pytest.mark.parametrize("is_proximal", (False, True))
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_metric_is_left_where_the_gradient_was(dtype, name, is_proximal):
    segment, gradient = new_segment(dtype), np.linspace(-1, 1, SIZE).astype(dtype)
    for t in (1, 2, 3):
        moved(RULES[name], segment, gradient, is_proximal, t)
    expected = gradient
    if is_proximal:
        expected = np.full(SIZE, 0.1)
    if is_proximal and name == "adam":
        root = np.sqrt(segment.second.astype(np.float64))
        expected = 0.1 * np.sqrt(1 - 0.999**3) / (root + 1e-8)
    np.testing.assert_allclose(segment.gradient, expected, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", RULES)
def test_the_smooth_part_does_not_know_of_the_proximal_operator(name):
    # The first step of every solver goes where the step without a kink goes, except that
    # Nesterov's momentum runs ahead only after the proximal operator.
    ends = []
    for is_proximal in (False, True):
        segment = new_segment(np.float64)
        before = segment.weights.copy()
        moved(RULES[name], segment, np.linspace(-1, 1, SIZE), is_proximal)
        ends.append(segment.weights)
    g = 0.25 * np.linspace(-1, 1, SIZE) + 0.2 * before
    ahead = 0.9 * 0.1 * g if name == "nesterov" else 0.0
    np.testing.assert_allclose(ends[0], ends[1] - ahead, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ("sgd", "momentum", "nesterov"))
def test_the_velocity_is_where_the_proximal_operators_went(name, dtype):
    segment, rule = new_segment(dtype), RULES[name]
    segment.first[:] = np.linspace(-0.2, 0.3, SIZE)
    start = 0.95 * segment.weights.astype(np.float64)  # after the decay of a step of 0.1
    if name == "nesterov":
        start = start - 0.9 * segment.first
    moved(rule, segment, np.ones(SIZE), True)
    reached = np.linspace(-1, 1, SIZE).astype(dtype)
    reached[::5] = 0
    segment.weights[:] = reached
    land(rule, segment)
    displacement = np.where(reached == 0, 0, reached - start)
    ahead = 0.9 * displacement if name == "nesterov" else 0.0
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(segment.first, displacement, rtol=0, atol=tolerance)
    np.testing.assert_allclose(segment.weights, reached + ahead, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(segment.weights[::5], 0)
    np.testing.assert_array_equal(segment.gradient, 0)


@pytest.mark.parametrize("name", RULES)
def test_a_penalty_of_nothing_leaves_weight_decay_as_it_is(name):
    ends = []
    for l1 in (0.0, 1e-15):
        segment, rule = new_segment(np.float64), RULES[name]._replace(weight_decay=0.5)
        for t in range(1, 6):
            take_step(rule, segment, np.linspace(-1, 1, SIZE), 0.1, t, l1, 0.2)
        ends.append(segment.weights)
    np.testing.assert_allclose(*ends, rtol=0, atol=1e-13)


def test_landing_leaves_the_moments_of_adam_alone():
    segment = new_segment(np.float64)
    moved(RULES["adam"], segment, np.linspace(-1, 1, SIZE), True)
    before = [segment[i].copy() for i in range(3)]
    land(RULES["adam"], segment)
    np.testing.assert_array_equal(segment.gradient, 0)
    np.testing.assert_array_equal(segment[:3], before)
