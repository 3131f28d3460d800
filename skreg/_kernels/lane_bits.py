"""Bits of lanes: the integers behind their numbers, and words of 32 bits that count columns."""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from skreg._kernels.lanes import Lanes, spread, vector_type
from skreg._kernels.simd import VECTOR_BYTES

if numba.config.DISABLE_JIT:

    def as_bits(x):
        """Return the bits of every lane as signed integers."""
        return x.view(np.int32 if x.itemsize == 4 else np.int64)

    def as_real(bits):
        """Return the numbers that have these bits."""
        return bits.view(np.float32 if bits.itemsize == 4 else np.float64)

    def columns(array, first):
        """Return ``first, first + 1, ...``, words for as many lanes as ``array`` has."""
        return np.arange(first, first + VECTOR_BYTES // array.itemsize).astype(np.uint32)

    def as_numbers(array, words):
        """Return words as numbers of the type of ``array``."""
        return words.astype(array.dtype)

else:

    @intrinsic
    def as_bits(context, x):
        """Return the bits of every lane as signed integers."""
        kind = x.integer

        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(kind))

        return kind(x), generate

    @intrinsic
    def as_real(context, bits):
        """Return the numbers that have these bits."""
        kind = bits.of(types.float32 if bits.dtype.bitwidth == 32 else types.float64)

        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(kind))

        return kind(bits), generate

    @intrinsic
    def columns(context, array, first):
        """Return ``first, first + 1, ...``, words for as many lanes as ``array`` has."""
        kind = vector_type(array).of(types.uint32)

        def generate(context, builder, signature, arguments):
            steps = ir.Constant(context.get_value_type(kind), list(range(kind.count)))
            return builder.add(spread(context, builder, kind, first, arguments[1]), steps)

        return kind(array, first), generate

    @intrinsic
    def as_numbers(context, array, words):
        """Return words as numbers of the type of ``array``."""
        kind = Lanes(array.dtype, words.count)

        def generate(context, builder, signature, arguments):
            return builder.uitofp(arguments[1], context.get_value_type(kind))

        return kind(array, words), generate
