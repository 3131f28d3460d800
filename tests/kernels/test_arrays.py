"""Arrays in generated code: what is read and written lies where the address says."""

import numpy as np
import pytest
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from skreg._jit import jit
from skreg._kernels.arrays import array_at
from tests.kernels.engines import needs_compiler

SHAPE = 2, 3, 4


@intrinsic
def _as_block(typingctx, numbers):
    """Return the numbers that a vector begins with as an array of the shape `SHAPE`."""
    block = types.Array(numbers.dtype, len(SHAPE), "C")

    def codegen(context, builder, signature, args):
        data = context.make_array(numbers)(context, builder, args[0]).data
        sizes = [ir.Constant(ir.IntType(64), size) for size in SHAPE]
        return array_at(context, builder, block, data, sizes)

    return block(numbers), codegen


@jit
def _double(numbers, sizes):
    block = _as_block(numbers)
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            for k in range(block.shape[2]):
                block[i, j, k] = 2 * block[i, j, k] + 100 * i + 10 * j + k
    sizes[0], sizes[1] = block.size, block.itemsize


@needs_compiler
@pytest.mark.parametrize("dtype", (np.float32, np.float64, np.int32, np.uint64))
def test_an_array_lies_where_its_address_says(dtype):
    numbers, sizes = np.arange(30).astype(dtype), np.empty(2, np.int64)
    expected = numbers.copy()
    i, j, k = np.indices(SHAPE)
    expected[:24] = 2 * numbers[:24] + (100 * i + 10 * j + k).ravel()
    _double(numbers, sizes)
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_array_equal(sizes, (24, np.dtype(dtype).itemsize))
