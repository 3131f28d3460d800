"""A layer of a prediction: the values of the definition, the bits of the packed product."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from skreg._kernels.activations import ACTIVATIONS, activate_values
from skreg._kernels.layer import dense_layer, sparse_layer
from skreg._kernels.matmul import Multiplication, pack, product, tiled
from skreg._kernels.simd import lanes
from skreg._kernels.sparse import Entries
from skreg._kernels.tiles import STORE, TILE_ROWS, Numbers, Panels

pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="vector machine code needs the compiler"
)


def packed_layer(X, coef, bias, code):
    """Compute the layer by packing the weights first."""
    n_rows, (fan_in, fan_out), width = tiled(len(X)), coef.shape, lanes(X.dtype)
    padded_in = -(-fan_in // TILE_ROWS) * TILE_ROWS
    weights = np.zeros(bias.size * padded_in, X.dtype)
    pack(coef, weights, 0, padded_in)
    rows, out = np.zeros((n_rows, fan_in), X.dtype), np.zeros(n_rows * bias.size, X.dtype)
    rows[: X.shape[0]] = X
    product(Multiplication(
        Numbers(rows.reshape(-1), 0, fan_in, 1),
        Panels(weights, 0, width, padded_in * width),
        Panels(out, 0, bias.size, width),
        n_rows, fan_in, fan_out, np.int64(STORE), weights[:0],
    ))  # fmt: skip
    activate_values(code, out, bias, bias.size, n_rows)
    return out.reshape(n_rows, -1)[: X.shape[0], :fan_out]


@pytest.mark.parametrize("activation", ("identity", "relu", "logistic", "softplus"))
@pytest.mark.parametrize("shape", [(1, 1), (5, 16), (70, 100), (33, 131)])
@pytest.mark.parametrize("n_rows", (1, 3, TILE_ROWS, 21))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_rows_have_the_bits_of_the_packed_product(dtype, n_rows, shape, activation):
    rng, width, code = np.random.default_rng(0), lanes(np.dtype(dtype)), ACTIVATIONS[activation]
    (fan_in, fan_out), lead = shape, shape[0] + 3
    X, coef = rng.normal(size=(n_rows, lead)).astype(dtype), rng.normal(size=shape).astype(dtype)
    bias = np.zeros(-(-fan_out // width) * width, dtype)
    bias[:fan_out] = rng.normal(size=fan_out)
    X[:, fan_in // 2] = 0
    out, again = np.full((2, n_rows * bias.size), 7, dtype)
    dense_layer(X.reshape(-1), lead, coef, bias, code, out)
    expected = packed_layer(X[:, :fan_in].copy(), coef, bias, code)
    np.testing.assert_array_equal(out.reshape(n_rows, -1)[:, :fan_out], expected)
    rows = sp.csr_array(X[:, :fan_in])
    entries = Entries(rows.data, rows.indices.astype(np.int32), 0, rows.indptr[1:].astype(np.int64))
    sparse_layer(entries, coef, bias, code, again)
    np.testing.assert_array_equal(again.reshape(n_rows, -1)[:, :fan_out], expected)
    if activation == "identity":
        raw = X[:, :fan_in].astype(np.float64) @ coef + bias[:fan_out]
        np.testing.assert_allclose(expected, raw, atol=4 * shape[0] * np.finfo(dtype).eps)
