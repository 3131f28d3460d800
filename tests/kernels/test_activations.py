"""Activation functions: definitions, slopes by finite differences, layout, special values."""

import numpy as np
import pytest
from scipy.special import erf, expit

from skreg._kernels.activations import ACTIVATIONS, activate, activate_values, keeps_zero

DTYPES = (np.float32, np.float64)
WIDTH = 32  # a whole number of vectors in either dtype, on every processor

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

DEFINITIONS = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: SCALE * np.where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: 0.5 * z * (1 + erf(z / np.sqrt(2))),
    "silu": lambda z: z * expit(z),
    "softplus": lambda z: np.logaddexp(0, z),
}


def run(name, z, bias=None):
    """Return the values and slopes of a matrix of ``WIDTH`` columns."""
    values = np.ascontiguousarray(z).reshape(-1).copy()
    slopes = np.full_like(values, -9)
    bias = np.zeros(WIDTH, z.dtype) if bias is None else bias
    activate(ACTIVATIONS[name], values, slopes, bias, WIDTH, z.shape[0])
    return values.reshape(z.shape), slopes.reshape(z.shape)


def inputs(dtype, n_rows=40, scale=4):
    return np.random.default_rng(0).normal(0, scale, (n_rows, WIDTH)).astype(dtype)


def test_table_numbers_every_function_once():
    assert sorted(ACTIVATIONS.values()) == list(range(len(ACTIVATIONS)))
    assert set(ACTIVATIONS) == set(DEFINITIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_are_those_of_the_definition(name, dtype):
    z = inputs(dtype)
    bias = np.linspace(-1, 1, WIDTH).astype(dtype)
    values, _ = run(name, z, bias)
    expected = DEFINITIONS[name]((z + bias).astype(np.float64))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(values, expected, rtol=4 * eps, atol=8 * eps)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_agree_with_finite_differences(name):
    z, h = inputs(np.float64), 1e-5
    z[abs(z) < 2 * h] = 1.0  # where some functions have a kink
    _, slopes = run(name, z)
    numeric = (run(name, z + h)[0] - run(name, z - h)[0]) / (2 * h)
    np.testing.assert_allclose(slopes, numeric, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_single_precision_slopes_agree_with_double(name):
    z = inputs(np.float32)
    _, single = run(name, z)
    _, double = run(name, z.astype(np.float64))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_padding_is_cleared_where_the_function_is_not_zero_at_zero(name):
    assert keeps_zero(ACTIVATIONS[name]) == (DEFINITIONS[name](np.float64(0.0)) == 0.0)


def test_slopes_at_zero():
    expected = {"relu": 0.0, "leaky_relu": 0.01, "elu": 1.0, "selu": SCALE * ALPHA}
    for name, slope in expected.items():
        assert run(name, np.zeros((1, WIDTH)))[1][0, 0] == pytest.approx(slope, rel=1e-15)


def test_selu_keeps_mean_and_variance_of_a_normal_input():
    z = np.linspace(-12, 12, 240 * WIDTH).reshape(-1, WIDTH)
    weight = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * (z[0, 1] - z[0, 0])
    values, _ = run("selu", z)
    assert (weight * values).sum() == pytest.approx(0, abs=1e-5)
    assert (weight * values**2).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_prediction_has_the_same_bits(name, dtype):
    z = inputs(dtype)
    bias = np.linspace(-1, 1, WIDTH).astype(dtype)
    values = z.reshape(-1).copy()
    activate_values(ACTIVATIONS[name], values, bias, WIDTH, z.shape[0])
    np.testing.assert_array_equal(values.reshape(z.shape), run(name, z, bias)[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bits_do_not_depend_on_the_split_into_rows(name, dtype):
    z = inputs(dtype, 7)
    whole = run(name, z)
    parts = [run(name, z[:3]), run(name, z[3:])]
    for k in range(2):
        np.testing.assert_array_equal(np.vstack([part[k] for part in parts]), whole[k])


def test_other_rows_and_columns_are_left_alone():
    lead, n_rows = WIDTH + 8, 3
    values, slopes = np.full((5, lead), 2.0), np.full((5, lead), 7.0)
    bias = np.full(WIDTH, -3.0)
    activate(ACTIVATIONS["relu"], values.reshape(-1), slopes.reshape(-1), bias, lead, n_rows)
    inside = np.zeros((5, lead), bool)
    inside[:n_rows, :WIDTH] = True
    np.testing.assert_array_equal(values, np.where(inside, 0.0, 2.0))
    np.testing.assert_array_equal(slopes, np.where(inside, 0.0, 7.0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_comes_out_where_it_goes_in(name, dtype):
    z = np.ones((1, WIDTH), dtype)
    z[0, 5] = np.nan
    for result in run(name, z):
        np.testing.assert_array_equal(np.isnan(result), np.isnan(z))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_large_inputs_have_finite_results(name, dtype):
    z = np.tile(np.array([-1e30, -800, 800, 1e30], dtype), WIDTH // 4)[None, :]
    values, slopes = run(name, z)
    with np.errstate(over="ignore"):
        expected = DEFINITIONS[name](z.astype(np.float64))
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-30)
    assert np.isfinite(slopes).all()
