"""Tiles that skip zeros against ``np.dot``; words of bits against NumPy's."""

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels.scratch import stack_array
from skreg._kernels.simd import lanes
from skreg._kernels.skipping import (
    FEWEST_PANELS,
    MOST_PANELS,
    WORD,
    Notes,
    TileShape,
    nonzero_bits,
    skipping_tiles,
    transpose_bits,
)
from skreg._kernels.tiles import ADD, HALVES, MULTIPLY, PLUS, STORE, Numbers, Panels
from tests.kernels.engines import needs_compiler

DTYPES = (np.float32, np.float64)


@jit
def _bits(values, start):
    return nonzero_bits(values, start)


@jit
def _transpose(words, transposed):
    square = stack_array(words)
    for i in range(words.size):
        square[i] = words[i]
    transpose_bits(square)
    for i in range(words.size):
        transposed[i] = square[i]


@jit
def _tiles(a, b, steps, words, found, out, modes):
    n_columns, n_panels, n_halves, size = steps
    row = n_columns + 1
    n_rows, width = out.size // row, b.size // size
    left, right = Numbers(a, 1, WORD + 2, 1), Panels(b, 0, width, WORD * width)
    sums = (Panels(found, 0, row, width), modes[0]), (Panels(out, 0, row, width), modes[1])
    shape = TileShape(n_rows, n_panels, n_halves)
    skipping_tiles(left, Notes(words, 0, 1, 1), right, sums, shape)


def words_of(matrix):
    """Return a word for each row of a matrix of up to 64 columns."""
    bits = np.packbits(matrix != 0, axis=1, bitorder="little")
    padded = np.zeros((len(matrix), 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view("<u8")[:, 0].astype(np.uint64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_tell_what_is_not_zero(dtype):
    rng = np.random.default_rng(0)
    values = rng.normal(size=WORD + 9).astype(dtype)
    values[rng.random(values.size) < 0.5] = 0
    values[[3, 4, 5, 6]] = np.nan, np.inf, -0.0, np.finfo(dtype).smallest_subnormal
    for start in (0, 3, 9):
        expected = words_of(values[None, start : start + WORD])[0]
        assert np.uint64(_bits(values, start)) == expected
    assert int(_bits(values, 3)) & 0b1111 == 0b1011  # the zero with a sign is a zero


def test_transposed_words_have_the_bits_of_the_transposed_matrix():
    matrix = np.random.default_rng(0).random((WORD, WORD)) < 0.3
    transposed = np.empty(WORD, np.uint64)
    _transpose(words_of(matrix), transposed)
    np.testing.assert_array_equal(transposed, words_of(matrix.T))


@needs_compiler
@pytest.mark.parametrize("n_halves", range(1 + HALVES))
@pytest.mark.parametrize("n_panels", range(FEWEST_PANELS, MOST_PANELS + 1))
@pytest.mark.parametrize("dtype", DTYPES)
def test_tiles_add_the_products_of_what_the_words_name(dtype, n_panels, n_halves):
    rng, width, n_rows = np.random.default_rng(n_panels), lanes(np.dtype(dtype)), 9
    a = rng.normal(size=(n_rows, WORD)).astype(dtype)
    named = rng.random(a.shape) < 0.5
    named[4] = False
    memory = np.full((n_rows, WORD + 2), np.nan, dtype)  # what no word names is never read
    memory[:, 1:-1] = np.where(named, a, np.nan)
    b = rng.normal(size=(n_panels, WORD, width)).astype(dtype)
    old, before = rng.normal(size=(2, n_rows, n_panels * width + 1)).astype(dtype)
    product = (a * named) @ b.transpose(1, 0, 2).reshape(WORD, -1)
    steps = n_panels * width, n_panels, n_halves, b.size // width
    n_columns = n_panels * width - n_halves * width // 2  # the others stay as they are
    for begin, end in ((STORE, STORE), (ADD, STORE), (STORE, MULTIPLY), (ADD, PLUS)):
        out, modes = before.copy(), (np.int64(begin), np.int64(end))
        _tiles(memory.ravel(), b.ravel(), steps, words_of(named), old.ravel(), out.ravel(), modes)
        expected = product + (old[:, :-1] if begin == ADD else 0)
        expected = {STORE: expected, MULTIPLY: expected * before[:, :-1],
                    PLUS: expected + before[:, :-1]}[end]  # fmt: skip
        np.testing.assert_allclose(
            out[:, :n_columns], expected[:, :n_columns], rtol=0, atol=200 * np.finfo(dtype).eps
        )
        np.testing.assert_array_equal(out[:, n_columns:], before[:, n_columns:])
