"""Elementary functions: errors in ulp over the whole range, limits, independence of position."""

import numpy as np
import pytest
from scipy.special import ndtr

from skreg._jit import inlined, jit
from skreg._kernels.elementary import (
    exp,
    exp_below_zero,
    expm1,
    log,
    log1p,
    logistic,
    normal,
    softplus,
    sqrt,
    tanh,
)
from skreg._kernels.lanes import count, load, store

DTYPES = (np.float32, np.float64)

# Largest errors in ulp, float32 and float64: what the docstrings state for fused multiply-adds,
# and room for processors (and plain NumPy) that round the product and the sum.
BOUNDS = {
    "exp": 1.5,
    "exp_below_zero": 1.5,
    "expm1": 2.5,
    "tanh": 3.0,
    "logistic": 3.0,
    "log": 1.5,
    "log1p": 2.0,
    "softplus": 2.5,
    "sqrt": 1.5,
}


NAMES = tuple(BOUNDS)
EXP, EXP_BELOW_ZERO, EXPM1, TANH, LOGISTIC, LOG, LOG1P, SOFTPLUS, SQRT = range(len(NAMES))


@inlined
def evaluate(code, x):
    """Return the function of number ``code`` of lanes."""
    if code == EXP:
        return exp(x)
    elif code == EXP_BELOW_ZERO:
        return exp_below_zero(x)
    elif code == EXPM1:
        return expm1(x)
    elif code == TANH:
        return tanh(x)
    elif code == LOGISTIC:
        return logistic(x)
    elif code == LOG:
        return log(x)
    elif code == LOG1P:
        return log1p(x)
    elif code == SQRT:
        return sqrt(x)
    return softplus(x)


@jit
def _loop(code, x, out):
    for i in range(0, x.size, count(x)):
        store(out, i, evaluate(code, load(x, i)))


@jit
def _normal_loop(x, cdf, density):
    for i in range(0, x.size, count(x)):
        p, d = normal(load(x, i))
        store(cdf, i, p)
        store(density, i, d)


def run(name, x):
    """Return the values of the function ``name`` over an array of any size."""
    padded = np.concatenate([x, np.zeros(-x.size % 64, x.dtype)])
    out = np.empty_like(padded)
    _loop(NAMES.index(name), padded, out)
    return out[: x.size]


def reference(name, x):
    """Compute the function in the widest precision that there is."""
    x = x.astype(np.longdouble if x.dtype == np.float64 else np.float64)
    with np.errstate(all="ignore"):
        e = np.exp(-abs(x))
        return {
            "exp": lambda: np.exp(x),
            "exp_below_zero": lambda: np.exp(x),
            "expm1": lambda: np.expm1(x),
            "tanh": lambda: np.tanh(x),
            "logistic": lambda: np.where(x < 0, e, 1) / (1 + e),
            "log": lambda: np.log(x),
            "log1p": lambda: np.log1p(x),
            "sqrt": lambda: np.sqrt(x),
            "softplus": lambda: np.maximum(x, 0) + np.log1p(e),
        }[name]()


def samples(name, dtype, size=40_000):
    """Return a dense sample of the whole range of a function."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    if name == "log1p":
        return np.concatenate([rng.uniform(0, 1, size), np.exp2(rng.uniform(-60, 0, size))])
    if name == "sqrt":
        powers = np.exp2(rng.uniform(info.minexp, info.maxexp, size))
        return np.concatenate([[0.0], powers, np.linspace(1, 4, size)])
    if name == "log":
        powers = rng.uniform(info.minexp - info.nmant, info.maxexp, size)
        x = np.concatenate([np.exp2(powers), np.exp2(rng.uniform(-1, 1, size))])
        return x[x.astype(dtype) > 0]
    lowest, highest = np.log(float(info.tiny)) + info.nmant * -0.7, np.log(float(info.max))
    highest -= name == "expm1"  # which does not serve the largest arguments
    small = np.exp2(rng.uniform(-40, 0, size)) * rng.choice([-1, 1], size)
    parts = [rng.uniform(lowest, highest, size), rng.uniform(-20, 20, size), small]
    x = np.concatenate(parts)
    return -abs(x) if name == "exp_below_zero" else x


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_error_stays_below_the_stated_number_of_ulp(name, dtype):
    if dtype == np.float64 and np.finfo(np.longdouble).eps == np.finfo(dtype).eps:
        pytest.skip("this platform has no wider format to compare with")
    x = samples(name, dtype).astype(dtype)
    exact = reference(name, x)
    result = run(name, x)
    with np.errstate(over="ignore"):
        rounded = exact.astype(dtype)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(result[~finite], rounded[~finite])
    ulp = np.spacing(abs(rounded[finite])).astype(exact.dtype)
    error = abs(result[finite].astype(exact.dtype) - exact[finite]) / ulp
    assert result.dtype == dtype
    assert error.max() <= BOUNDS[name]


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits(dtype):
    lowest, highest = np.finfo(dtype).min, np.finfo(dtype).max
    x = np.array([-np.inf, lowest, -1e30, -800, 0, 800, 1e30, highest, np.inf], dtype)
    with np.errstate(over="ignore"):
        expected = {
            "exp": [0, 0, 0, 0, 1, np.inf, np.inf, np.inf, np.inf],
            "expm1": [-1, -1, -1, -1, 0],
            "exp_below_zero": [0, 0, 0, 0, 1],
            "tanh": [-1, -1, -1, -1, 0, 1, 1, 1, 1],
            "logistic": [0, 0, 0, 0, 0.5, 1, 1, 1, 1],
            "softplus": [0, 0, 0, 0, np.log(dtype(2)), *x[5:]],
            "log": [np.nan] * 4 + [-np.inf, *np.log(x[5:])],
        }
    for name, values in expected.items():
        np.testing.assert_allclose(
            run(name, x[: len(values)]), np.array(values, dtype), rtol=1e-6, atol=0, err_msg=name
        )
    np.testing.assert_array_equal(run("sqrt", np.array([0, 1, np.inf], dtype)), [0, 1, np.inf])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_nan_comes_out_where_it_goes_in(name, dtype):
    x = np.array([-0.5, np.nan, -0.5] if name == "exp_below_zero" else [0.5, np.nan, 0.5], dtype)
    np.testing.assert_array_equal(np.isnan(run(name, x)), [False, True, False])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["exp", "exp_below_zero"])
def test_underflow_is_gradual(name, dtype):
    x = np.log(np.finfo(dtype).smallest_subnormal.astype(np.longdouble) * 8).astype(dtype)
    result = run(name, np.array([x], dtype))
    assert 0 < result[0] < np.finfo(dtype).tiny


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_bits_do_not_depend_on_the_place_in_the_vector(name, dtype):
    x = samples(name, dtype, 500).astype(dtype)
    whole = run(name, x)
    for shift in (1, 3):
        np.testing.assert_array_equal(run(name, x[shift:]), whole[shift:])


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_distribution(dtype):
    x = np.linspace(-12, 12, 4800).astype(dtype)
    cdf, density = np.empty_like(x), np.empty_like(x)
    _normal_loop(x, cdf, density)
    wide = x.astype(np.float64)
    unit = np.finfo(dtype).eps * (1 + wide**2)
    exact = np.exp(-0.5 * wide**2) / np.sqrt(2 * np.pi)
    assert (abs(cdf / ndtr(wide) - 1) / unit).max() < 4
    assert (abs(density / exact - 1) / unit).max() < 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_function_is_odd(dtype):
    x = samples("tanh", dtype, 1000).astype(dtype)
    np.testing.assert_array_equal(run("tanh", -x), -run("tanh", x))
