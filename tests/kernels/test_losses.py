"""Losses: formulas, scikit-learn as the oracle, finite differences, weights, extreme outputs."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax, xlogy
from sklearn._loss import (
    AbsoluteError,
    HalfBinomialLoss,
    HalfGammaLoss,
    HalfMultinomialLoss,
    HalfPoissonLoss,
    HalfSquaredError,
    HuberLoss,
    PinballLoss,
)
from sklearn.neural_network._base import binary_log_loss
from sklearn.neural_network._base import log_loss as their_log_loss

from skreg._kernels.links import LINK_CODES
from skreg._kernels.losses import (
    BINARY_LOG_LOSS,
    LINKS,
    LOG_LOSS,
    LOSSES,
    SOFT_LOG_LOSS,
    OutputRows,
    evaluate_loss,
    evaluate_soft,
)
from skreg._kernels.outputs import OutputShape

DTYPES = (np.float32, np.float64)
CODES = {**LOSSES, "binary_log_loss": BINARY_LOG_LOSS, "log_loss": LOG_LOSS,
         "soft_log_loss": SOFT_LOG_LOSS}  # fmt: skip
SUMS = [name for name in CODES if name not in ("log_loss", "soft_log_loss")]  # over outputs
PARAMETER = {"huber": 0.7, "quantile": 0.3}
WIDTH = 32  # a whole number of vectors in either dtype, on every processor
GARBAGE = 1e3  # what stands in the padding of raw outputs


def pinball(z, y):
    r = y - z
    return np.maximum(0.3 * r, -0.7 * r)


def clipped_square(z, y):
    r = abs(z - y)
    return np.where(r <= 0.7, 0.5 * r**2, 0.7 * (r - 0.35))


FORMULAS = {
    "squared_error": lambda z, y: 0.5 * (z - y) ** 2,
    "absolute_error": lambda z, y: abs(z - y),
    "huber": clipped_square,
    "quantile": pinball,
    "poisson": lambda z, y: np.exp(z) - y * z + xlogy(y, y) - y,
    "gamma": lambda z, y: y * np.exp(-z) + z - np.log(y) - 1,
    "binary_log_loss": lambda z, y: np.logaddexp(0, z) - y * z,
}

ORACLES = {  # of the losses that scikit-learn has
    "squared_error": HalfSquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": HuberLoss(delta=0.7),
    "quantile": PinballLoss(quantile=0.3),
    "poisson": HalfPoissonLoss(),
    "gamma": HalfGammaLoss(),
    "binary_log_loss": HalfBinomialLoss(),
}


def targets(name, shape, rng):
    """Return targets of the kind that the loss is made for."""
    if name == "binary_log_loss":
        return rng.integers(0, 2, shape).astype(float)
    if name == "log_loss":
        return rng.integers(0, shape[1], shape[0]).astype(float)
    if name == "soft_log_loss":
        return rng.dirichlet(np.full(shape[1], 0.5), shape[0])
    if name == "poisson":
        return rng.poisson(2.0, shape).astype(float)
    return np.exp(rng.normal(0, 1, shape)) if name == "gamma" else rng.normal(0, 2, shape)


def problem(name, n_outputs, dtype=np.float64, n_rows=23):
    """Return raw outputs, targets and weights."""
    rng = np.random.default_rng(n_outputs)
    z = rng.normal(0, 2, (n_rows, n_outputs)).astype(dtype)
    y = targets(name, z.shape, rng).astype(dtype)
    return z, y, rng.uniform(0.5, 2, n_rows).astype(dtype)


def evaluate(name, z, y, weight=None, lead=WIDTH + 16, parameter=None):
    """Return the values of rows and the derivatives, checking that all else is left alone."""
    n_rows, n_outputs = z.shape
    weight = np.ones(n_rows, z.dtype) if weight is None else weight
    raw = np.full((n_rows, lead), GARBAGE, z.dtype)
    raw[:, :n_outputs] = z
    delta, value = np.full_like(raw, np.pi), np.full(n_rows + 1, np.pi)
    before = raw.copy()
    shape = OutputShape(n_rows, n_outputs, lead, WIDTH)
    rows = OutputRows(raw.reshape(-1), delta.reshape(-1), y.reshape(-1), weight, value, shape)
    if CODES[name] == SOFT_LOG_LOSS:
        evaluate_soft(rows)
    else:
        parameter = PARAMETER.get(name, 0.0) if parameter is None else parameter
        evaluate_loss(CODES[name], z.dtype.type(parameter), rows)
    np.testing.assert_array_equal(raw, before)
    np.testing.assert_array_equal(delta[:, n_outputs:WIDTH], 0)
    np.testing.assert_array_equal(delta[:, WIDTH:], z.dtype.type(np.pi))
    assert value[-1] == np.pi
    return value[:-1], delta[:, :n_outputs]


def tolerance(dtype):
    return {"rtol": 20 * np.finfo(dtype).eps, "atol": 50 * np.finfo(dtype).eps}


def test_tables_are_complete():
    assert sorted(CODES.values()) == list(range(len(CODES))) == sorted(LINKS)
    assert set(LINKS.values()) == set(LINK_CODES)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_outputs", [1, 3, 16, 20])
@pytest.mark.parametrize("name", SUMS)
def test_values_are_those_of_the_formula(name, n_outputs, dtype):
    z, y, weight = problem(name, n_outputs, dtype)
    value, delta = evaluate(name, z, y, weight)
    expected = FORMULAS[name](z.astype(np.float64), y.astype(np.float64)).sum(axis=1)
    scale = np.abs(expected).max() * n_outputs
    np.testing.assert_allclose(value, weight * expected, atol=scale * 10 * np.finfo(dtype).eps)
    assert delta.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORACLES)
def test_scikit_learn_agrees(name, dtype):
    z, y, _ = problem(name, 1, dtype, 200)
    value, delta = evaluate(name, z, y)
    wide_y, wide_z = y[:, 0].astype(np.float64), z[:, 0].astype(np.float64)
    oracle = ORACLES[name]
    loss, gradient = oracle.loss_gradient(wide_y, wide_z)
    if name in ("poisson", "gamma"):
        loss = loss + oracle.constant_to_optimal_zero(wide_y)
    np.testing.assert_allclose(value, loss, rtol=1e-4, atol=200 * np.finfo(dtype).eps)
    np.testing.assert_allclose(delta[:, 0], gradient, **tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [3, 10, 16, 27])
def test_log_loss_agrees_with_scikit_learn(n_classes, dtype):
    z, y, weight = problem("log_loss", n_classes, dtype)
    value, delta = evaluate("log_loss", z, y, weight)
    wide = z.astype(np.float64)
    oracle = HalfMultinomialLoss(n_classes=n_classes)
    loss, gradient = oracle.loss_gradient(y.astype(np.float64), wide, weight.astype(np.float64))
    np.testing.assert_allclose(value, loss, **tolerance(dtype))
    np.testing.assert_allclose(delta, gradient, **tolerance(dtype))
    rows = np.arange(len(y)), y.astype(int)
    np.testing.assert_allclose(value, -weight * log_softmax(wide, axis=1)[rows], **tolerance(dtype))


def soft_problem(n_classes, dtype, one_hot=False):
    """Return raw outputs, probabilities of classes, weights and the logarithms that softmax has."""
    z, y, weight = problem("soft_log_loss", n_classes, dtype)
    if one_hot:
        y = np.eye(n_classes, dtype=dtype)[np.arange(len(z)) % n_classes]
    return z, y, weight, log_softmax(z.astype(np.float64), axis=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [2, 3, 10, 16, 27])
def test_soft_log_loss_is_the_cross_entropy_of_softmax(n_classes, dtype):
    z, y, weight, logarithms = soft_problem(n_classes, dtype)
    value, delta = evaluate("soft_log_loss", z, y, weight)
    expected = -weight * (y * logarithms).sum(axis=1)
    np.testing.assert_allclose(value, expected, **tolerance(dtype))
    slope = weight[:, None] * (np.exp(logarithms) - y)
    np.testing.assert_allclose(delta, slope, **tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [2, 3, 10, 16, 27])
def test_soft_log_loss_of_certain_labels_is_the_log_loss(n_classes, dtype):
    z, y, weight, _ = soft_problem(n_classes, dtype, one_hot=True)
    value, delta = evaluate("soft_log_loss", z, y, weight)
    plain, plain_delta = evaluate("log_loss", z, y.argmax(axis=1).astype(dtype), weight)
    np.testing.assert_allclose(value, plain, **tolerance(dtype))
    np.testing.assert_allclose(delta, plain_delta, **tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_log_loss_is_not_capped(dtype):
    z = np.array([[1e4, 0, -1e4], [1e30, 1e30, 1e30], [-1e4, 1e4, 1e4]], dtype)
    y = np.array([[0.2, 0.5, 0.3], [0.8, 0.1, 0.1], [0.5, 0.25, 0.25]], dtype)
    value, delta = evaluate("soft_log_loss", z, y)
    expected = [0.5 * 1e4 + 0.3 * 2e4, np.log(3), 0.5 * 2e4 + np.log(2)]
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    third = 1 / 3
    slopes = [[0.8, -0.5, -0.3], [third - 0.8, third - 0.1, third - 0.1], [-0.5, 0.25, 0.25]]
    np.testing.assert_allclose(delta, slopes, rtol=1e-6)


@pytest.mark.parametrize("n_outputs", [1, 4])
@pytest.mark.parametrize("name", CODES)
def test_derivatives_agree_with_finite_differences(name, n_outputs):
    z, y, weight = problem(name, n_outputs)
    _, delta = evaluate(name, z, y, weight)
    h = 1e-5
    for j in range(n_outputs):
        step = np.zeros_like(z)
        step[:, j] = h
        above, _ = evaluate(name, z + step, y, weight)
        below, _ = evaluate(name, z - step, y, weight)
        np.testing.assert_allclose(delta[:, j], (above - below) / (2 * h), rtol=1e-7, atol=1e-8)


def test_derivative_is_zero_at_a_kink():
    z = np.full((1, 1), 0.25)
    for name in ("absolute_error", "quantile"):
        assert evaluate(name, z, z)[1][0, 0] == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_outputs", [2, 10])
@pytest.mark.parametrize("name", CODES)
def test_rows_of_weight_zero_are_exact_zeros(name, n_outputs, dtype):
    z, y, weight = problem(name, n_outputs, dtype)
    value, delta = evaluate(name, z, y, weight)
    dropped = [0, 5, 6, 22]
    weight[dropped] = 0
    z[0], z[5], z[6], z[22] = 1e30, -1e30, np.inf, np.nan
    zero_value, zero_delta = evaluate(name, z, y, weight)
    kept = weight > 0
    np.testing.assert_array_equal(zero_value, np.where(kept, value, 0))
    np.testing.assert_array_equal(zero_delta, np.where(kept[:, None], delta, 0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_outputs", [1, 10])
@pytest.mark.parametrize("name", CODES)
def test_bits_do_not_depend_on_the_split_into_rows(name, n_outputs, dtype):
    z, y, weight = problem(name, n_outputs, dtype)
    whole = evaluate(name, z, y, weight)
    for cut in (1, 10):
        parts = [evaluate(name, z[s], y[s], weight[s]) for s in (slice(cut), slice(cut, None))]
        for k in range(2):
            np.testing.assert_array_equal(np.concatenate([p[k] for p in parts]), whole[k])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CODES)
def test_nan_is_seen(name, dtype):
    z, y, weight = problem(name, 3, dtype)
    z[4, 1] = np.nan
    value, delta = evaluate(name, z, y, weight)
    np.testing.assert_array_equal(np.isnan(value), np.arange(len(z)) == 4)
    assert np.isnan(delta[4, 1])
    assert not np.isnan(np.delete(delta, 4, axis=0)).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("slack", (0.0, np.inf))
def test_binary_log_loss_is_clipped_as_scikit_learns(dtype, slack):
    most = slack - np.log(np.finfo(dtype).eps)
    z = np.array([[800.0], [-800.0], [1e30], [800.0], [-30.0], [30.0]], dtype)
    y = np.array([[0.0], [1.0], [0.0], [1.0], [0.0], [1.0]], dtype)
    value, delta = evaluate("binary_log_loss", z, y, parameter=slack)
    tail = np.exp(-30.0)
    expected = np.minimum([800, 800, dtype(1e30), 0, tail, tail], most)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(delta[:, 0], [1, -1, 1, 0, tail, -tail], rtol=1e-6)
    if slack == 0.0:
        p = expit(z[:4]).astype(dtype)
        theirs = [binary_log_loss(y[[i]], p[[i]]) for i in range(4)]
        np.testing.assert_allclose(value[:4], theirs, rtol=1e-6, atol=np.finfo(dtype).eps)


def test_binary_log_loss_is_rounded_as_scikit_learns_in_double_precision():
    z = np.linspace(-40, 40, 801)[:, None]
    for y in (np.zeros_like(z), np.ones_like(z)):
        value, delta = evaluate("binary_log_loss", z, y, parameter=0.0)
        p = expit(z)
        theirs = [binary_log_loss(y[[i]], p[[i]]) for i in range(len(z))]
        np.testing.assert_allclose(value, theirs, rtol=1e-14, atol=3e-16)
        np.testing.assert_allclose(delta, p - y, rtol=1e-12, atol=2e-16)
        smooth, _ = evaluate("binary_log_loss", z, y, parameter=np.inf)
        np.testing.assert_allclose(smooth, (np.logaddexp(0, z) - y * z)[:, 0], atol=1e-14)
        steps = abs(value - smooth)[abs(z[:, 0]) < 36] > 1e-3  # what is beyond is clipped
        assert steps.any() == (y[0, 0] == 0)
    z, y = z.astype(np.float32), np.zeros_like(z, np.float32)
    value, _ = evaluate("binary_log_loss", z[z < 15][:, None], y[z < 15][:, None], parameter=0.0)
    np.testing.assert_allclose(value, np.logaddexp(0, z[z < 15]), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("slack", (0.0, np.inf))
def test_log_loss_is_clipped_as_scikit_learns(dtype, slack):
    most = slack - np.log(np.finfo(dtype).eps)
    z = np.array([[1e4, 0, -1e4], [1e30, 0, 0], [-1e30, 0, 0], [1e4, 1e4, 1e4]], dtype)
    y = np.array([2, 1, 0, 1], dtype)
    value, delta = evaluate("log_loss", z, y, parameter=slack)
    expected = np.minimum([2e4, dtype(1e30), dtype(1e30), np.log(3)], most)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    third = 1 / 3
    expected = [[1, 0, -1], [1, -1, 0], [-1, 0.5, 0.5], [third, third - 1, third]]
    np.testing.assert_allclose(delta, expected, rtol=1e-6)
    if slack == 0.0:
        pairs = zip(y.astype(int), softmax(z, axis=1), strict=True)
        theirs = [their_log_loss(np.eye(3)[[k]], p[None]) for k, p in pairs]
        np.testing.assert_allclose(value, theirs, rtol=1e-6)


def test_largest_output_may_stand_anywhere():
    z = np.eye(27) * 1e4
    value, delta = evaluate("log_loss", z, np.arange(27.0))
    np.testing.assert_array_equal(value, 0)
    np.testing.assert_array_equal(delta, 0)


def test_soft_targets_of_binary_log_loss():
    z = np.linspace(-5, 5, 11)[:, None]
    value, delta = evaluate("binary_log_loss", z, np.full_like(z, 0.25))
    np.testing.assert_allclose(delta[:, 0], expit(z[:, 0]) - 0.25, atol=1e-15)
    np.testing.assert_allclose(value, np.logaddexp(0, z[:, 0]) - 0.25 * z[:, 0], atol=1e-14)
