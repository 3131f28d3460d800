"""Subnormal numbers: rounded to zero while training, kept in predictions, and by everybody else."""

import numba
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skreg import MLPClassifier, MLPRegressor
from skreg._jit import jit
from skreg._kernels.subnormals import (
    FLUSH_OPERANDS,
    FLUSH_RESULTS,
    HAS_REGISTER,
    flush_subnormals,
    read_register,
    write_register,
)

pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT or not HAS_REGISTER, reason="the interpreter flushes nothing"
)
FLUSH, STATUS = FLUSH_RESULTS | FLUSH_OPERANDS, 0b111111  # what has happened so far


@jit
def register():
    return read_register()


@jit
def restore(value):
    write_register(value)


@jit
def multiply(a, b, out):
    out[0] = a[0] * b[0]


def product(a, b, dtype):
    out = np.full(1, np.nan, dtype)
    multiply(np.array([a], dtype), np.array([b], dtype), out)
    return out[0]


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_results_and_operands_become_zero_until_the_register_is_restored(dtype):
    info = np.finfo(dtype)
    small, subnormal = float(info.tiny), float(info.smallest_subnormal)
    expected = product(small, 0.5, dtype), product(subnormal, 4.0, dtype)
    assert expected == (dtype(small) / 2, 4 * info.smallest_subnormal)
    before = flush_subnormals()
    try:
        flushed = product(small, 0.5, dtype), product(subnormal, 1 / small, dtype)
        normal = product(small, 1.5, dtype)
    finally:
        restore(before)
    assert flushed == (0.0, 0.0)
    assert normal == dtype(1.5 * small)
    assert (product(small, 0.5, dtype), product(subnormal, 4.0, dtype)) == expected


def test_other_bits_of_the_register_stay():
    before = flush_subnormals()
    during = register()
    restore(before)
    assert during & ~STATUS == before & ~STATUS | FLUSH
    assert before & FLUSH == 0


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "units, dtype, n_steps",  # a copy for every member, and one for all
    [
        ((3, 4), "float32", 900),
        ((3, 4), "float64", 6850),
        ((200, 300), "float32", 900),
        pytest.param((200, 300), "float64", 6850, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_moments_of_a_feature_that_is_seen_no_more_become_zero(units, dtype, n_steps, n_jobs):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, units[0])).astype(dtype), rng.normal(size=16).astype(dtype)
    model = MLPRegressor(
        (units[1],), l2=0.0, n_jobs=n_jobs, random_state=0, tol=0, n_iter_no_change=n_steps,
        warm_start=True, max_iter=1,
    )  # fmt: skip
    model.fit(X, y)
    assert np.any(model._solver_state["first"][: units[1]] != 0.0)
    X[:, 0] = 0.0  # one step per epoch; each multiplies these moments by 0.9
    model.set_params(max_iter=n_steps).fit(X, y)
    assert register() & FLUSH == 0
    assert np.all(model._solver_state["first"][: units[1]] == 0.0)


def test_probabilities_may_be_subnormal():
    X, y = np.eye(3, dtype=np.float32), np.arange(3)
    model = MLPClassifier((), max_iter=1, tol=0, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y, coef_init=[np.zeros((3, 3))], intercept_init=[np.array([0, 0, -95.0])])
    probabilities = model.predict_proba(X)[:, 2]
    assert np.all((probabilities > 0) & (probabilities < np.finfo(np.float32).tiny))
