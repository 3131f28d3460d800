"""Vector micro-kernels: every tile against ``np.dot``, and the bits that all tiles share."""

import numba
import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels import tiles
from skreg._kernels.lanes import load, multiply_add, store
from skreg._kernels.simd import lanes
from skreg._kernels.tiles import (
    ADD,
    MULTIPLY,
    PLUS,
    ROWS_OF_WIDE_TILE,
    STORE,
    TILE_ROWS,
    Nonzeros,
    Numbers,
    Panels,
)
from tests.kernels.engines import needs_compiler

DTYPES = (np.float32, np.float64)
TILES = ((TILE_ROWS, 1), (ROWS_OF_WIDE_TILE, 2), (ROWS_OF_WIDE_TILE, 3), (1, 1), (1, 4))
MODES = {"store": STORE, "add": ADD, "multiply": MULTIPLY, "plus": PLUS}


def _caller(tile):
    @numba.njit
    def call(a, a_row, a_k, b, depth, width, c, c_row, mode):
        right, out = Panels(b, 0, width, depth * width), Panels(c, 0, c_row, width)
        tile(Numbers(a, 0, a_row, a_k), right, depth, out, mode)

    return call


CALLS = {
    (TILE_ROWS, 1): _caller(tiles.tile_1),
    (ROWS_OF_WIDE_TILE, 2): _caller(tiles.tile_2),
    (ROWS_OF_WIDE_TILE, 3): _caller(tiles.tile_3),
    (1, 1): _caller(tiles.row_tile_1),
    (1, 4): _caller(tiles.row_tile_4),
    "half": _caller(tiles.tile_half),
}


def _caller_of_sparse(sparse_tile):
    @numba.njit
    def call(values, columns, b, depth, width, c, mode):
        right, out = Panels(b, 0, width, depth * width), Panels(c, 0, 0, width)
        sparse_tile(Nonzeros(values, columns, 0, values.size), right, out, mode)

    return call


SPARSE_CALLS = {
    1: _caller_of_sparse(tiles.sparse_tile_1),
    2: _caller_of_sparse(tiles.sparse_tile_2),
    4: _caller_of_sparse(tiles.sparse_tile_4),
    8: _caller_of_sparse(tiles.sparse_tile_8),
}


@jit
def _multiply_add(number, x, y):
    store(y, 0, multiply_add(number, load(x, 0), load(y, 0)))


def tile(a, b, c, mode=STORE, by_columns=False, shape=None):
    """Apply the tile for ``b`` of shape (n_panels, depth, V) to a copy of ``c`` and return it."""
    n_panels, depth, width = b.shape
    steps = (1, a.shape[0]) if by_columns else (a.shape[1], 1)
    out = c.reshape(-1).copy()
    numbers = (a.T if by_columns else a).reshape(-1).copy()
    call = CALLS[shape or (a.shape[0], n_panels)]
    call(numbers, *steps, b.reshape(-1), depth, width, out, n_panels * width, np.int64(mode))
    return out.reshape(c.shape)


def draw(dtype, n_rows, n_panels, depth):
    rng, width = np.random.default_rng(depth), lanes(np.dtype(dtype))
    shapes = (n_rows, depth), (n_panels, depth, width), (n_rows, n_panels, width)
    return (rng.normal(size=shape).astype(dtype) for shape in shapes)


def expected(a, b, c, mode):
    product = np.einsum("ik,pkj->ipj", a.astype(np.longdouble), b.astype(np.longdouble))
    return [product, c + product, c * product, c + product][mode]


@needs_compiler
@pytest.mark.parametrize("by_columns", (False, True))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", TILES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tile_is_a_product(dtype, shape, mode, by_columns):
    for depth in (1, 2, 7, 64, 131):
        a, b, c = draw(dtype, *shape, depth)
        result = tile(a, b, c, MODES[mode], by_columns)
        atol = 4 * depth * np.finfo(dtype).eps
        np.testing.assert_allclose(result, expected(a, b, c, MODES[mode]), rtol=0, atol=atol)


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_tile_without_depth_is_zero(dtype):
    for n_rows, n_panels in TILES:
        a, b, c = draw(dtype, n_rows, n_panels, 0)
        np.testing.assert_array_equal(tile(a, b, c), np.zeros_like(c))


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_the_shape_of_the_tile(dtype):
    a, b, c = draw(dtype, TILE_ROWS, 12, 131)
    single = np.concatenate([tile(a, b[p : p + 1], c[:, p : p + 1]) for p in range(12)], axis=1)
    for n_rows, n_panels in TILES[1:]:
        for row in range(0, TILE_ROWS, n_rows):
            rows = slice(row, row + n_rows)
            for p in range(0, 12, n_panels):
                panels = slice(p, p + n_panels)
                wide = tile(a[rows], b[panels], c[rows, panels])
                np.testing.assert_array_equal(wide, single[rows, panels])


@needs_compiler
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_half_a_panel_has_the_bits_of_a_whole_one_and_leaves_the_rest(dtype, mode):
    a, b, c = draw(dtype, TILE_ROWS, 1, 60)
    half = b.shape[2] // 2
    result = tile(a, b, c, MODES[mode], shape="half")
    np.testing.assert_array_equal(result[..., :half], tile(a, b, c, MODES[mode])[..., :half])
    np.testing.assert_array_equal(result[..., half:], c[..., half:])


@needs_compiler
@pytest.mark.parametrize("mode", (STORE, ADD, PLUS))
@pytest.mark.parametrize("n_panels", SPARSE_CALLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_tile_has_the_bits_of_the_dense_one(dtype, n_panels, mode):
    a, b, c = draw(dtype, TILE_ROWS, n_panels, 60)
    a[np.random.default_rng(1).random(a.shape) < 0.7] = 0
    a[1] = 0
    blocks = [tile(a, b[p : p + 1], c[:, p : p + 1], mode) for p in range(n_panels)]
    dense = np.concatenate(blocks, 1)
    for i in range(TILE_ROWS):
        columns = np.flatnonzero(a[i]).astype(np.int32)
        out = c[i].reshape(-1).copy()
        call, width = SPARSE_CALLS[n_panels], b.shape[2]
        call(a[i, columns], columns, b.reshape(-1), 60, width, out, np.int64(mode))
        np.testing.assert_array_equal(out.reshape(n_panels, -1), dense[i])


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_multiply_add_rounds_as_the_tiles_do(dtype):
    tiny, width = dtype(np.finfo(dtype).eps), lanes(np.dtype(dtype))
    a, b, c = dtype(1) + tiny, dtype(1) - tiny, dtype(-1)  # a b + c: -eps**2 fused, else 0
    out = np.full((TILE_ROWS, 1, width), c)
    tiled = tile(np.full((TILE_ROWS, 1), a), np.full((1, 1, width), b), out, ADD)
    assert tiled[0, 0, 0] in (0, -tiny * tiny)
    _multiply_add(a, np.full(width, b), out[0, 0])
    np.testing.assert_array_equal(out[0, 0], tiled[0, 0])


def test_codes_of_the_modes_differ():
    assert len(set(MODES.values())) == 4


def test_tiles_fit_into_the_padding():
    assert TILE_ROWS % ROWS_OF_WIDE_TILE == 0
