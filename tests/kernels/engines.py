"""Small engines for the tests of the kernels: data, starting weights, one spelling of defaults."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from skreg._architecture import initial_parameters, views
from skreg._engine import Engine
from skreg._kernels.activations import ACTIVATIONS, IDENTITY
from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.losses import (
    BINARY_LOG_LOSS,
    GAMMA,
    LOG_LOSS,
    LOSSES,
    POISSON,
    SOFT_LOG_LOSS,
    SQUARED_ERROR,
)
from skreg._kernels.solvers import ADAM, SGD, Rule
from skreg._penalties import make_penalties
from skreg._task import NO_ROWS, Network, Rows

JIT = not numba.config.DISABLE_JIT
needs_compiler = pytest.mark.skipif(not JIT, reason="without the compiler there is no machine code")
needs_threads = pytest.mark.skipif(not JIT, reason="without the compiler a team has one member")
SGD_RULE = Rule(SGD, 0.0, 0, 0.9, 0.999, 1e-8, 0.0, 0.0)
RULES = {
    "sgd": SGD_RULE,
    "momentum": SGD_RULE._replace(momentum=0.8),
    "nesterov": SGD_RULE._replace(momentum=0.8, nesterov=1),
    "adam": SGD_RULE._replace(solver=ADAM),
    "adamw": SGD_RULE._replace(solver=ADAM, weight_decay=0.3),
}
ALL_LOSSES = {**LOSSES, "binary_log_loss": BINARY_LOG_LOSS, "log_loss": LOG_LOSS,
              "soft_log_loss": SOFT_LOG_LOSS}  # fmt: skip
PARAMETERS = {"huber": 0.7, "quantile": 0.3}  # of the losses that have one
CONTAINERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "sparse": sp.csr_array,
}


def features(n_rows, n_features, seed=0):
    """Draw features of which half are zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    X[rng.random(X.shape) < 0.5] = 0
    return X


def targets(loss, n_rows, n_outputs, seed=1):
    """Draw targets that suit a loss, of shape (n_rows, n_outputs or 1)."""
    rng = np.random.default_rng(seed)
    if loss == LOG_LOSS:
        return rng.integers(n_outputs, size=(n_rows, 1)).astype(float)
    shape = n_rows, n_outputs
    if loss == BINARY_LOG_LOSS:
        return rng.integers(2, size=shape).astype(float)
    if loss == POISSON:
        return rng.poisson(1.5, shape).astype(float)
    return rng.gamma(2.0, size=shape) if loss == GAMMA else rng.normal(size=shape)


def starting_weights(units, seed=2):
    """Draw a flat vector of weights and biases."""
    random_state = np.random.RandomState(seed)
    return initial_parameters(units, [6.0] * (len(units) - 1), random_state, np.float64)


def is_weight(units):
    """Return which entries of the flat vector are penalized."""
    mask = np.zeros(starting_weights(units).size, dtype=bool)
    for coef in views(mask, units)[0]:
        coef[:] = True
    return mask


def _rows(rows, dtype):
    X, target, weight = rows
    return Rows(*(None if part is None else part.astype(dtype) for part in (X, target, weight)))


def make_engine(units, X, target, weight=None, *, dtype=np.float64, activation="tanh",
                loss=SQUARED_ERROR, parameter=0.5, dropout=None, l1=0.0, l2=0.0, penalties=None,
                rule=SGD_RULE, batch_size=None, n_threads=1, valid=None, link=LINK_IDENTITY,
                smoothing=0.0):  # fmt: skip
    """Return an engine over the rows of ``X``; strengths and dropout hold for every level.

    ``penalties``, a record, takes the place of ``l1`` and ``l2``.
    """
    n_matrices = len(units) - 1
    network = Network(
        units=tuple(units),
        activations=(ACTIVATIONS[activation],) * (n_matrices - 1) + (IDENTITY,),
        loss=loss,
        parameter=parameter,
        link=link,
        dropout=tuple(dropout or (0.0,) * n_matrices),
        seed=11,
        smoothing=smoothing,
    )
    rows = _rows((X, target, weight), dtype)
    valid = NO_ROWS if valid is None else _rows(valid, dtype)
    penalties = penalties or make_penalties(n_matrices, l1=l1, l2=l2)
    return Engine(network, dtype, train=rows, valid=valid, rule=rule, penalties=penalties,
                  batch_size=X.shape[0] if batch_size is None else batch_size,
                  n_threads=n_threads)  # fmt: skip
