"""Whole epochs against plain NumPy; the same bits for every team, layout and division of rows."""

from itertools import product

import numpy as np
import pytest

from skreg import _task
from skreg._architecture import views
from skreg._kernels.job import STEPS
from skreg._kernels.links import LINK_SOFTMAX
from skreg._kernels.losses import LOG_LOSS, SQUARED_ERROR
from skreg._kernels.solvers import ADAM
from tests.kernels.engines import (
    CONTAINERS,
    JIT,
    RULES,
    SGD_RULE,
    features,
    is_weight,
    make_engine,
    needs_threads,
    starting_weights,
    targets,
)

N_ROWS, BATCH, UNITS = 37, 8, (6, 5, 4, 3)


class PlainNetwork:
    """A tanh network with softmax outputs and log loss on plain matrices, and its solvers."""

    def __init__(self, flat, rule, l2, clip_norm=0.0):
        self.flat, self.rule, self.l2, self.clip_norm = flat.copy(), rule, l2, clip_norm
        self.m, self.v, self.t = np.zeros_like(flat), np.zeros_like(flat), 0
        self.weights = is_weight(UNITS)

    def probabilities(self, X):
        """Return the values of all levels below the outputs, and probabilities of classes."""
        coefs, intercepts = views(self.flat, UNITS)
        levels = [X]
        for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
            levels.append(np.tanh(levels[-1] @ coef + intercept))
        p = np.exp(levels[-1] @ coefs[-1] + intercepts[-1])
        return levels, p / p.sum(axis=1, keepdims=True)

    def loss_and_gradient(self, X, y, s):
        """Return the weighted mean of the log loss and its gradient, by the chain rule."""
        levels, p = self.probabilities(X)
        own = p[np.arange(y.size), y]
        delta = (p - np.eye(UNITS[-1])[y]) * (s / s.sum())[:, None]
        gradient, (coefs, _) = np.zeros_like(self.flat), views(self.flat, UNITS)
        for k in reversed(range(len(coefs))):
            coef, intercept = (part[k] for part in views(gradient, UNITS))
            coef[:], intercept[:] = levels[k].T @ delta, delta.sum(axis=0)
            delta = (delta @ coefs[k].T) * (1 - levels[k] ** 2)
        return -(s @ np.log(own)) / s.sum(), gradient

    def step(self, gradient, rate):
        """Take one step of the solver on the gradient of the objective."""
        rule, w = self.rule, self.flat
        g = gradient + self.l2 * np.where(self.weights, w, 0)
        norm = np.sqrt((g**2).sum())
        if self.clip_norm and norm > self.clip_norm:
            g *= self.clip_norm / norm
        self.t += 1
        w *= 1 - rate * rule.weight_decay * self.weights
        if rule.solver == ADAM:
            self.m = rule.beta_1 * self.m + (1 - rule.beta_1) * g
            self.v = rule.beta_2 * self.v + (1 - rule.beta_2) * g**2
            correction = np.sqrt(1 - rule.beta_2**self.t) / (1 - rule.beta_1**self.t)
            w -= rate * correction * self.m / (np.sqrt(self.v) + rule.epsilon)
        else:
            self.m = rule.momentum * self.m - rate * g
            w += rule.momentum * self.m - rate * g if rule.nesterov else self.m

    def epoch(self, rows, order, rate):
        """Run one epoch; return the means of data loss and penalty over all weights."""
        X, y, s = rows
        totals = np.zeros(3)
        for start in range(0, order.size, BATCH):
            batch = order[start : start + BATCH]
            weight = s[batch].sum()
            if weight > 0:
                penalty = self.l2 / 2 * (self.flat[self.weights] ** 2).sum()
                loss, gradient = self.loss_and_gradient(X[batch], y[batch], s[batch])
                totals += weight * loss, weight * penalty, weight
                self.step(gradient, rate)
        return totals[:2] / totals[2]


def classification_rows():
    """Return features, classes and weights, of which one whole batch weighs nothing."""
    s = np.random.default_rng(4).integers(0, 3, N_ROWS).astype(float)
    s[2 * BATCH : 3 * BATCH] = 0
    y = targets(LOG_LOSS, N_ROWS, UNITS[-1])[:, 0].astype(int)
    return features(N_ROWS, UNITS[0]), y, s


@pytest.mark.parametrize("clip_norm", (0.0, 0.2))
@pytest.mark.parametrize("l2", (0.0, 0.3))
@pytest.mark.parametrize("name", RULES)
def test_epochs_are_those_of_plain_numpy(name, l2, clip_norm):
    X, y, s = classification_rows()
    flat, rate = starting_weights(UNITS), 0.05
    plain = PlainNetwork(flat, RULES[name], l2, clip_norm)
    rule = RULES[name]._replace(clip_norm=clip_norm)
    rng = np.random.default_rng(6)
    with make_engine(UNITS, X, y[:, None], s, loss=LOG_LOSS, l2=l2, rule=rule,
                     batch_size=BATCH) as engine:  # fmt: skip
        engine.load(flat)
        for epoch in range(3):
            expected = plain.epoch((X, y, s), engine.order, rate)
            loss, terms = engine.train_epoch(rate)
            np.testing.assert_allclose((loss, sum(terms)), expected, rtol=1e-12)
            np.testing.assert_allclose(engine.parameters(), plain.flat, rtol=0, atol=1e-13)
            # The whole batch without weight is met in the first epoch only: 4 of 5 are steps.
            assert epoch > 0 or engine.job.report[STEPS] == plain.t == 4
            engine.order[:] = rng.permutation(N_ROWS)


@pytest.mark.parametrize("n_rows", (40, 300, 2500))
@pytest.mark.parametrize("batch_size", (0, 1, 16))  # many parts, none, two
def test_full_gradient_is_the_sum_over_chunks(batch_size, n_rows):
    X, y, s = features(n_rows, UNITS[0]), np.arange(n_rows) % 3, np.arange(n_rows) % 4
    flat = starting_weights(UNITS)
    plain = PlainNetwork(flat, SGD_RULE, 0.0)
    loss, gradient = plain.loss_and_gradient(X, y, s.astype(float))
    first = None
    for container, n_threads in product(CONTAINERS, (1, 2, 3) if JIT else (1,)):
        with make_engine(UNITS, CONTAINERS[container](X), y[:, None], s, loss=LOG_LOSS,
                         batch_size=batch_size, n_threads=n_threads) as engine:  # fmt: skip
            assert engine.job.n_parts == {0: 8, 1: 1, 16: 2}[batch_size]
            for repetition in range(2):  # nothing of one evaluation is left in the next
                engine.load(flat + 1 - repetition)
                total, weight = engine.gradient()
            found = engine.gradient_vector()
        assert weight == s.sum()
        assert total / weight == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(found / weight, gradient, rtol=0, atol=1e-13)
        first = found if first is None else first
        assert (found == first).all() or not JIT  # NumPy's dot adds in an order of its own


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_threads", (1, 3) if JIT else (1,))
def test_evaluation_returns_probabilities_and_the_mean_loss(n_threads, container):
    X, y, s = features(300, UNITS[0], 9), np.arange(300) % 3, np.arange(300) % 4
    flat = starting_weights(UNITS)
    plain = PlainNetwork(flat, SGD_RULE, 0.0)
    loss, _ = plain.loss_and_gradient(X, y, s.astype(float))
    few = X[:5], y[:5, None]
    valid = CONTAINERS[container](X), y[:, None], s
    with make_engine(UNITS, CONTAINERS[container](few[0]), few[1], valid=valid, loss=LOG_LOSS,
                     link=LINK_SOFTMAX, dropout=(0.1, 0.5, 0.5),
                     n_threads=n_threads) as engine:  # fmt: skip
        engine.load(flat)
        probabilities, mean = engine.evaluate()
    assert mean == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(probabilities, plain.probabilities(X)[1], rtol=0, atol=1e-14)


def test_weights_of_zero_hide_rows_that_are_not_even_finite():
    X, target = features(N_ROWS, 6), targets(SQUARED_ERROR, N_ROWS, 3)
    s = np.ones(N_ROWS)
    s[[3, 11]] = 0
    reached = []
    for filler in (0.0, np.inf):
        target[[3, 11]] = filler
        with make_engine(UNITS, X, target, s, batch_size=BATCH) as engine:
            engine.load(starting_weights(UNITS))
            engine.train_epoch(0.1)
            reached.append(engine.parameters())
    np.testing.assert_array_equal(*reached)
    assert np.isfinite(reached[0]).all()


# What may change how the work is divided, and must not change a bit.
CASES = {
    "plain": {},
    "penalties": {"l1": 0.01, "l2": 0.1},
    "dropout": {"dropout": (0.0, 0.5, 0.2)},
    "input dropout": {"dropout": (0.3, 0.5, 0.0), "l1": 0.01},
    "clipped": {"rule": RULES["adam"]._replace(clip_norm=0.1), "l2": 0.1},
    "decayed": {"rule": RULES["adamw"], "activation": "relu", "dropout": (0.0, 0.3, 0.3)},
    "nesterov": {"rule": RULES["nesterov"], "l1": 0.01},
}


def trained(container, n_threads, dtype, settings):
    """Return losses and parameters after two epochs of 61 rows, 130 features, odd layers."""
    units = (130, 35, 19, 10)
    X, y = features(61, units[0]), targets(LOG_LOSS, 61, units[-1])
    s = np.random.default_rng(4).integers(0, 3, 61)
    settings = {"rule": RULES["adam"], **settings}
    with make_engine(units, CONTAINERS[container](X), y, s, dtype=dtype, loss=LOG_LOSS,
                     batch_size=27, n_threads=n_threads,
                     **settings) as engine:  # fmt: skip
        engine.load(starting_weights(units).astype(dtype))
        numbers = [np.hstack(engine.train_epoch(0.01)) for _ in range(2)]
        numbers += [np.array(engine.gradient()), engine.gradient_vector(), engine.parameters()]
    return np.concatenate(numbers)


# How members of a team divide the work, see `skreg._task.count_parts`: they share the parameters,
# or each has its own and batches have two or three parts.
DIVISIONS = {
    "shared": {"MOST_BYTES_OF_REPLICAS": 0},
    "two parts": {},
    "three parts": {"ROWS_OF_PART": 8},
}


@pytest.fixture
def divide(monkeypatch):
    """Return a function that sets a division of `DIVISIONS`."""

    def set_limits(division):
        for name, value in DIVISIONS[division].items():
            monkeypatch.setattr(_task, name, value)

    return set_limits


@needs_threads
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_same_bits_for_every_team_and_layout(dtype, division, case, divide):
    divide(division)
    one = trained("C", 1, dtype, CASES[case])
    assert np.isfinite(one).all()
    for container in CONTAINERS:
        for n_threads in (1, 2, 3, 4):
            other = trained(container, n_threads, dtype, CASES[case])
            np.testing.assert_array_equal(other, one, err_msg=f"{container}, {n_threads}")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("division", ("two parts", "three parts"))
def test_every_division_of_a_batch_learns_the_same(division, case, divide):
    divide(division)
    parts = trained("C", 1, np.float64, CASES[case])
    divide("shared")
    np.testing.assert_allclose(
        parts, trained("C", 1, np.float64, CASES[case]), rtol=1e-9, atol=1e-11
    )


@needs_threads
def test_a_failure_of_one_member_reaches_the_caller():
    X, target = features(N_ROWS, 6), targets(SQUARED_ERROR, N_ROWS, 3)
    with make_engine(UNITS, X, target, n_threads=3) as engine:
        engine._error = MemoryError("one member")
        with pytest.raises(MemoryError, match="one member"):
            engine.train_epoch(0.1)
        engine._error = None
