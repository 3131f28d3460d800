"""JAX: one compiled program per epoch, a scan over its batches."""

import functools
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import numpy as jnp

from benchmarks.peers import LEARNING_RATE

# Both precisions are timed in one process; every array below states its dtype.
jax.config.update("jax_enable_x64", True)

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "logistic": jax.nn.sigmoid,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
}


class State(NamedTuple):
    """What a step changes: parameters, Adam's moments, the number of steps, a random key."""

    params: Any
    mean: Any
    square: Any
    steps: Any
    key: Any


def supports(workload):
    """Return whether the activation is in the table above."""
    return workload.activation in ACTIVATIONS


def prepare(workload, dtype, n_threads):
    """Return one fit; XLA sizes its pool by the cores that this process may use."""
    X, y = map(jax.device_put, workload.load(dtype))
    n = len(X)
    epoch = jax.jit(functools.partial(run_epoch, workload), donate_argnums=0)

    def fit():
        rng = np.random.default_rng(0)
        state = initial(workload, np.dtype(dtype), rng)
        for _ in range(workload.epochs):
            state, total = epoch(state, X, y, rng.permutation(n).astype(np.int32))
        jax.block_until_ready(state)
        return float(total) / n

    return fit


def initial(workload, dtype, rng):
    """Return the state before the first step, with Glorot's weights."""
    params = []
    for fan_in, fan_out in pairwise(workload.units):
        bound = (6 / (fan_in + fan_out)) ** 0.5
        weights = rng.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype)
        params.append((jnp.asarray(weights), jnp.zeros(fan_out, dtype)))
    zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(2)]
    return State(params, *zeros, jnp.zeros((), dtype), jax.random.key(0))


def run_epoch(workload, state, X, y, order):
    """Take a step on every batch of ``order``, the short last one included."""
    step = functools.partial(take_step, workload)
    n_whole = len(order) // workload.batch_size * workload.batch_size
    batches = order[:n_whole].reshape(-1, workload.batch_size)
    state, losses = jax.lax.scan(lambda s, rows: step(s, *gather(X, y, rows)), state, batches)
    total = losses.sum() * workload.batch_size
    if n_whole < len(order):
        state, loss = step(state, *gather(X, y, order[n_whole:]))
        total += loss * (len(order) - n_whole)
    return state, total


def gather(X, y, rows):
    """Return some rows, without the bounds check that NumPy's indexing means."""
    return tuple(array.at[rows].get(mode="promise_in_bounds") for array in (X, y))


def take_step(workload, state, X, y):
    """Return the state after one step of Adam, and the loss before it."""
    key, noise = jax.random.split(state.key)
    loss, gradient = jax.value_and_grad(mean_loss, argnums=1)(workload, state.params, X, y, noise)
    steps = state.steps + 1
    mean = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, state.mean, gradient)
    square = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, state.square, gradient)
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
    params = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), state.params, mean, square
    )
    return State(params, mean, square, steps, key), loss


def mean_loss(workload, params, X, y, key):
    """Return the cross-entropy of a batch."""
    scores = forward(workload, params, X, key)
    if scores.shape[1] == 1:
        return jnp.mean(jax.nn.softplus(scores[:, 0]) - y.astype(X.dtype) * scores[:, 0])
    picked = jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1)
    return -jnp.mean(picked)


def forward(workload, params, X, key):
    """Return raw scores, with dropout behind every hidden unit."""
    for weights, bias in params[:-1]:
        X = ACTIVATIONS[workload.activation](X @ weights + bias)
        if workload.dropout:
            key, draw = jax.random.split(key)
            kept = jax.random.uniform(draw, X.shape, X.dtype) >= workload.dropout
            X = jnp.where(kept, X / (1 - workload.dropout), 0)
    weights, bias = params[-1]
    return X @ weights + bias
