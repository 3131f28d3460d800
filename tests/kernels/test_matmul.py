"""Products over panels against ``np.dot``; bits that no division of the work changes; packing."""

import numba
import numpy as np
import pytest

from skreg._kernels.matmul import (
    ADD,
    MULTIPLY,
    ROWS,
    STORE,
    Numbers,
    Panels,
    pack,
    product,
    product_reference,
    unpack,
)
from skreg._kernels.simd import lanes

DTYPES = (np.float32, np.float64)
MODES = (STORE, ADD, MULTIPLY)
FENCE = 5  # numbers around every operand that nobody may write to


class Problem:
    """Operands in the middle of longer vectors, with odd distances between rows."""

    def __init__(self, dtype, n_rows, depth, n_panels, by_columns=False):
        rng, width = np.random.default_rng(n_rows + depth + n_panels), lanes(np.dtype(dtype))
        self.sizes = n_rows, depth, n_panels
        lead = n_panels * width + 3
        row, column = (1, n_rows + 2) if by_columns else (depth + 2, 1)

        def vector(size):
            return rng.normal(size=size + 2 * FENCE).astype(dtype)

        self.a = Numbers(vector((n_rows + 2) * (depth + 2)), FENCE, row, column)
        self.b = Panels(vector(n_panels * (depth + 1) * width), FENCE, width, (depth + 1) * width)
        self.c = Panels(vector(n_rows * lead), FENCE, lead, width)

    def run(self, multiply=product, mode=STORE, rows=None, panels=None):
        """Return the vector of C after computing some rows and panels (default: all) of it."""
        n_rows, depth, n_panels = self.sizes
        i, n_rows = rows or (0, n_rows)
        p, n_panels = panels or (0, n_panels)
        a, b, c = self.a, self.b, self.c._replace(values=self.c.values.copy())
        out = c._replace(start=c.start + i * c.row + p * c.panel)
        a = a._replace(start=a.start + i * a.row)
        b = b._replace(start=b.start + p * b.panel)
        multiply(a, b, out, n_rows, depth, n_panels, np.int64(mode))
        return c.values

    def block(self, values, i, p):
        at = self.c.start + i * self.c.row + p * self.c.panel
        return values[at : at + self.c.panel]

    def expected(self, mode):
        """Return C computed by ``np.dot`` on matrices gathered number by number, in double."""
        n_rows, depth, n_panels = self.sizes
        out, width = self.c.values.astype(np.float64), self.c.panel
        i, k, lane = np.arange(n_rows), np.arange(depth), np.arange(width)
        a = self.a.values[self.a.start + i[:, None] * self.a.row + k * self.a.column]
        for p in range(n_panels):
            start = self.b.start + p * self.b.panel
            b = self.b.values[start + k[:, None] * self.b.row + lane]
            at = self.c.start + p * width + i[:, None] * self.c.row + lane
            result = np.dot(a.astype(np.float64), b.astype(np.float64))
            out[at] = {STORE: result, ADD: out[at] + result, MULTIPLY: out[at] * result}[mode]
        return out


@pytest.mark.parametrize("multiply", (product, product_reference))
@pytest.mark.parametrize("by_columns", (False, True))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_product_is_that_of_np_dot_and_writes_nothing_else(dtype, mode, by_columns, multiply):
    for n_panels in range(1, 9):
        for n_rows, depth in ((ROWS, 1), (2 * ROWS, 37), (3 * ROWS, 130)):
            problem = Problem(dtype, n_rows, depth, n_panels, by_columns)
            result = problem.run(multiply, mode)
            atol = 4 * (depth + 8) * np.finfo(dtype).eps
            np.testing.assert_allclose(result, problem.expected(mode), rtol=0, atol=atol)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="BLAS promises no order of summation")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_how_rows_and_panels_are_divided(dtype, mode):
    n_rows, n_panels = 3 * ROWS, 8
    problem = Problem(dtype, n_rows, 131, n_panels)
    whole = problem.run(mode=mode)
    for count in range(1, n_panels + 1):
        for first in range(0, n_panels - count + 1):
            part = problem.run(mode=mode, rows=(ROWS, ROWS), panels=(first, count))
            for i in range(ROWS, 2 * ROWS):
                for p in range(first, first + count):
                    np.testing.assert_array_equal(
                        problem.block(part, i, p), problem.block(whole, i, p)
                    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 16), (13, 33), (21, 70)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pack_and_unpack(dtype, shape):
    fan_in, fan_out = shape
    width = lanes(np.dtype(dtype))
    n_rows, n_panels, start = -(-fan_in // ROWS) * ROWS, -(-fan_out // width), 7
    matrix = np.random.default_rng(0).normal(size=shape).astype(dtype)
    packed = np.zeros(start + n_panels * n_rows * width, dtype)
    pack(matrix, packed, start, n_rows)
    panels = packed[start:].reshape(n_panels, n_rows, width)
    wide = panels.transpose(1, 0, 2).reshape(n_rows, n_panels * width)
    np.testing.assert_array_equal(wide[:fan_in, :fan_out], matrix)
    assert np.count_nonzero(packed) == matrix.size
    back = np.zeros_like(matrix)
    unpack(packed, start, n_rows, back)
    np.testing.assert_array_equal(back, matrix)
