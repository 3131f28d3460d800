"""Products over panels against ``np.dot``; bits that no division of the work changes; packing."""

import numba
import numpy as np
import pytest

from skreg._kernels.matmul import Multiplication, pack, product, product_reference, unpack
from skreg._kernels.simd import lanes
from skreg._kernels.tiles import ADD, MULTIPLY, PLUS, STORE, TILE_ROWS, Numbers, Panels

DTYPES = (np.float32, np.float64)
MODES = (STORE, ADD, MULTIPLY, PLUS)
FENCE = 5  # numbers around every operand that nobody may write to


class Problem:
    """Operands in the middle of longer vectors, with odd distances between rows."""

    def __init__(self, dtype, n_rows, depth, n_columns, by_columns=False):
        rng, width = np.random.default_rng(n_rows + depth + n_columns), lanes(np.dtype(dtype))
        n_panels = -(-n_columns // width)
        self.sizes = n_rows, depth, n_panels
        self.n_columns = n_columns
        lead = n_panels * width + 3
        row, column = (1, n_rows + 2) if by_columns else (depth + 2, 1)

        def vector(size):
            return rng.normal(size=size + 2 * FENCE).astype(dtype)

        self.a = Numbers(vector((n_rows + 2) * (depth + 2)), FENCE, row, column)
        self.b = Panels(vector(n_panels * (depth + 1) * width), FENCE, width, (depth + 1) * width)
        self.c = Panels(vector(n_rows * lead), FENCE, lead, width)
        self.updated = self.c.values.copy()

    def run(self, multiply=product, mode=STORE, rows=None, columns=None):
        """Return the vector of C after computing some rows and columns (default: all) of it."""
        n_rows, depth, _ = self.sizes
        i, n_rows = rows or (0, n_rows)
        j, n_columns = columns or (0, self.n_columns)
        a, b, c = self.a, self.b, self.c._replace(values=self.c.values.copy())
        p = j // c.panel
        out = c._replace(start=c.start + i * c.row + p * c.panel)
        a = a._replace(start=a.start + i * a.row)
        b = b._replace(start=b.start + p * b.panel)
        sizes = n_rows, depth, n_columns
        multiply(Multiplication(a, b, out, *sizes, np.int64(mode), self.updated))
        return c.values

    def places(self):
        """Return where the elements of C are, padding included: (n_rows, padded columns)."""
        n_rows, _, n_panels = self.sizes
        columns = np.arange(n_panels * self.c.panel)
        return self.c.start + np.arange(n_rows)[:, None] * self.c.row + columns

    def expected(self, mode):
        """Return C computed by ``np.dot`` on matrices gathered number by number, in double."""
        n_rows, depth, n_panels = self.sizes
        i, k, lane = np.arange(n_rows), np.arange(depth), np.arange(self.c.panel)
        a = self.a.values[self.a.start + i[:, None] * self.a.row + k * self.a.column]
        start = self.b.start + np.arange(n_panels) * self.b.panel
        at = k[:, None, None] * self.b.row + start[:, None] + lane
        b = self.b.values[at].reshape(depth, -1)
        result, found = np.dot(a.astype(np.float64), b.astype(np.float64)), self.c.values
        found = found[self.places()]
        return [result, found + result, found * result, found + result][mode]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="BLAS promises no order of summation")
@pytest.mark.parametrize("dtype", DTYPES)
def test_plus_adds_the_product_as_a_whole(dtype):
    problem = Problem(dtype, 2 * TILE_ROWS, 131, 5 * lanes(np.dtype(dtype)))
    places = problem.places()
    expected = problem.c.values[places] + problem.run(mode=STORE)[places]
    np.testing.assert_array_equal(problem.run(mode=PLUS)[places], expected)
    assert not np.array_equal(problem.run(mode=ADD)[places], expected)


def column_counts(dtype, n_panels):
    """Return counts of columns that fill so many panels wholly, half, and barely."""
    width = lanes(np.dtype(dtype))
    return {n_panels * width, n_panels * width - width // 2, (n_panels - 1) * width + 1}


@pytest.mark.parametrize("multiply", (product, product_reference))
@pytest.mark.parametrize("by_columns", (False, True))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_product_is_that_of_np_dot_and_writes_nothing_else(dtype, mode, by_columns, multiply):
    counts = sorted(set().union(*(column_counts(dtype, n_panels) for n_panels in range(1, 9))))
    for n_columns in counts:
        for n_rows, depth in ((TILE_ROWS, 1), (2 * TILE_ROWS, 37), (3 * TILE_ROWS, 130)):
            problem = Problem(dtype, n_rows, depth, n_columns, by_columns)
            values, places = problem.run(multiply, mode), problem.places()
            expected, found = problem.expected(mode), problem.c.values
            atol = 4 * (depth + 8) * np.finfo(dtype).eps
            close = np.isclose(values[places], expected, rtol=0, atol=atol)
            assert close[:, :n_columns].all()
            # Padding may be computed or left alone, and nothing else is ever touched.
            assert (close | (values[places] == found[places])).all()
            elsewhere = np.delete(np.arange(found.size), places.reshape(-1))
            np.testing.assert_array_equal(values[elsewhere], found[elsewhere])


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="BLAS promises no order of summation")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_how_rows_and_columns_are_divided(dtype, mode):
    width, n_panels = lanes(np.dtype(dtype)), 8
    problem = Problem(dtype, 3 * TILE_ROWS, 131, n_panels * width)
    whole = problem.run(mode=mode)
    for panel in range(n_panels):
        for n_columns in range(1, (n_panels - panel) * width + 1, 5):
            columns = panel * width, n_columns
            part = problem.run(mode=mode, rows=(TILE_ROWS, TILE_ROWS), columns=columns)
            at = problem.places()[TILE_ROWS : 2 * TILE_ROWS, panel * width :][:, :n_columns]
            np.testing.assert_array_equal(part[at], whole[at])


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 16), (13, 33), (21, 70)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pack_and_unpack(dtype, shape):
    fan_in, fan_out = shape
    width = lanes(np.dtype(dtype))
    n_rows, n_panels, start = -(-fan_in // TILE_ROWS) * TILE_ROWS, -(-fan_out // width), 7
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
