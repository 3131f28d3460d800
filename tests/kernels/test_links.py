"""Links against NumPy and SciPy, and at outputs beyond the range of exp."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from skreg._kernels.links import LINK_CODES, TINY, apply_link, raw_outputs
from skreg._kernels.outputs import OutputShape

DTYPES = (np.float32, np.float64)
WIDTH = 32  # a whole number of vectors in either dtype, on every processor


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_outputs", [1, 10, 27])
@pytest.mark.parametrize("link", LINK_CODES)
def test_links_are_those_of_scipy(link, n_outputs, dtype):
    z = np.random.default_rng(n_outputs).normal(0, 2, (23, n_outputs)).astype(dtype)
    raw = np.full((len(z), WIDTH + 16), 7, dtype)
    raw[:, :n_outputs] = z
    apply_link(
        LINK_CODES[link], raw.reshape(-1), OutputShape(len(z), n_outputs, raw.shape[1], WIDTH)
    )
    wide, eps = z.astype(np.float64), np.finfo(dtype).eps
    inverse = {
        "identity": lambda: wide,
        "exp": lambda: np.exp(wide),
        "logistic": lambda: expit(wide),
        "softmax": lambda: softmax(wide, axis=1),
    }
    np.testing.assert_allclose(raw[:, :n_outputs], inverse[link](), rtol=20 * eps, atol=50 * eps)
    np.testing.assert_array_equal(raw[:, WIDTH:], 7)


@pytest.mark.parametrize(
    ("link", "mean"),
    [
        ("identity", [-3.0, 0.0, 1e300]),
        ("exp", [1e-300, 1.0, 1e300]),
        ("logistic", [1e-300, 0.5, 1 - 1e-9]),
        ("softmax", [0.2, 0.3, 0.5]),
    ],
)
def test_raw_outputs_are_the_inverse_of_a_link(link, mean):
    raw = np.zeros((1, WIDTH))
    raw[:, :3] = raw_outputs(link, np.array(mean))
    apply_link(LINK_CODES[link], raw.reshape(-1), OutputShape(1, 3, WIDTH, WIDTH))
    np.testing.assert_allclose(raw[0, :3], mean, rtol=1e-12)


def test_means_that_no_raw_output_has():
    assert raw_outputs("exp", np.zeros(1)) == np.log(TINY)
    assert raw_outputs("logistic", np.array([0.0, 1.0])).tolist() == [np.log(TINY), -np.log(TINY)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_extreme_outputs(dtype):
    raw = np.full((2, WIDTH), np.nan, dtype)
    raw[:, :3] = [[1e30, 0, -1e30], [-1e30, -1e30, -1e30]]
    apply_link(LINK_CODES["softmax"], raw.reshape(-1), OutputShape(2, 3, WIDTH, WIDTH))
    np.testing.assert_allclose(raw[:, :3], [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
