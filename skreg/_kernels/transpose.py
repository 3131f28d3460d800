"""Squares of numbers turned in registers: rows become columns without touching single numbers."""

from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from skreg._jit import inlined, jit, outlined
from skreg._kernels.simd import VECTOR_BYTES


class Strided(NamedTuple):
    """Vectors of an array: number i < ``count`` begins at ``array[start + i * step]``."""

    array: np.ndarray
    start: int
    step: int
    count: int


def _places(builder, start, step, limit, n):
    """Yield for each of ``n`` rows where it begins and whether it exists.

    The last one (or the first) stands in for rows that are missing: its address can be used.
    """
    zero, place = ir.Constant(limit.type, 0), start
    for i in range(n):
        exists = builder.icmp_signed("<", ir.Constant(limit.type, i), limit)
        if i > 0:
            place = builder.add(place, builder.select(exists, step, zero))
        yield place, exists


def _swap_blocks(builder, rows):
    """Transpose a square of vectors: swap the blocks beside the diagonal, then those in each."""
    n = distance = len(rows)
    while distance > 1:
        distance //= 2
        own = [not lane & distance for lane in range(n)]
        upper = [lane if own[lane] else n + lane - distance for lane in range(n)]
        lower = [lane + distance if own[lane] else n + lane for lane in range(n)]
        mask_type = ir.VectorType(ir.IntType(32), n)
        upper, lower = ir.Constant(mask_type, upper), ir.Constant(mask_type, lower)
        for i in (i for i in range(n) if own[i]):
            a, b = rows[i], rows[i + distance]
            rows[i] = builder.shuffle_vector(a, b, upper)
            rows[i + distance] = builder.shuffle_vector(a, b, lower)


@intrinsic
def _transpose(typingctx, source, out):
    number = source[0].dtype
    n, size = VECTOR_BYTES * 8 // number.bitwidth, number.bitwidth // 8

    def codegen(context, builder, signature, args):
        vector = ir.VectorType(context.get_value_type(number), n)

        def places(strided, value):
            array, start, step, count = cgutils.unpack_tuple(builder, value)
            data = context.make_array(strided[0])(context, builder, array).data
            for place, exists in _places(builder, start, step, count, n):
                yield builder.bitcast(builder.gep(data, [place]), vector.as_pointer()), exists

        rows = [
            builder.select(exists, builder.load(place, align=size), ir.Constant(vector, None))
            for place, exists in places(source, args[0])
        ]
        _swap_blocks(builder, rows)
        # From the last to the first: what a missing row leaves at the last one is overwritten.
        for row, (place, _) in reversed(list(zip(rows, places(out, args[1]), strict=True))):
            builder.store(row, place, align=size)
        return context.get_dummy_value()

    return types.void(source, out), codegen


def _transpose_registers(source, out):
    """Write lane i of all rows of ``source`` into row i of ``out``.

    Parameters
    ----------
    source : Strided
        Any number of rows; those that are missing to a square of vectors count as zeros.
    out : Strided
        At least one row; gets as many of the results. May be the same memory as ``source``.
    """
    _transpose(source, out)


def transpose_reference(source, out):
    """Do what `transpose` does with NumPy: its oracle, and its stand-in without JIT."""
    n = VECTOR_BYTES // source.array.itemsize
    square = np.zeros((n, n), source.array.dtype)
    for i in range(min(source.count, n)):
        square[:, i] = source.array[source.start + i * source.step :][:n]
    for i in range(min(out.count, n)):
        out.array[out.start + i * out.step :][:n] = square[i]


if numba.config.DISABLE_JIT:
    transpose = transpose_inlined = transpose_reference
else:
    transpose = outlined(_transpose_registers)
    # Where counts are constants, what they leave out is never computed.
    transpose_inlined = inlined(_transpose_registers)


@jit
def transpose_numbers(source, out):
    """Do as `transpose` number by number, touching none but ``source.count * out.count``."""
    for i in range(source.count):
        at = source.start + i * source.step
        for lane in range(out.count):
            out.array[out.start + lane * out.step + i] = source.array[at + lane]
