"""As many vectors as one has lanes, folded into one: lane j comes from all lanes of vector j.

Where the lanes of many vectors are to be summed, a sum for each vector, this takes half the
shuffles of `skreg._kernels.lanes.total`, and its results are lanes to go on with.
"""

import numba
from llvmlite import ir
from numba.extending import intrinsic

from skreg._kernels.lanes import vector_type
from skreg._kernels.simd import VECTOR_BYTES


def _fold(square, combine):
    """Return the typing and the code of a fold: neighbours are combined again and again."""
    kind = vector_type(square)

    def codegen(context, builder, signature, args):
        data = context.make_array(square)(context, builder, args[0]).data
        address = builder.bitcast(data, context.get_value_type(kind).as_pointer())
        vectors = [
            builder.load(builder.gep(address, [_index(j)]), align=square.dtype.bitwidth // 8)
            for j in range(kind.count)
        ]
        while len(vectors) > 1:
            vectors = [
                combine(builder, *(_every_second(builder, a, b, first) for first in (0, 1)))
                for a, b in zip(vectors[::2], vectors[1::2], strict=True)
            ]
        return vectors[0]

    return kind(square), codegen


def _index(j):
    return ir.Constant(ir.IntType(64), j)


def _every_second(builder, a, b, first):
    """Emit every second lane of two vectors."""
    n = a.type.count
    places = ir.Constant(ir.VectorType(ir.IntType(32), n), list(range(first, 2 * n, 2)))
    return builder.shuffle_vector(a, b, places)


def _sum(builder, a, b):
    return builder.fadd(a, b)


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


if numba.config.DISABLE_JIT:

    def _square(array):
        n = VECTOR_BYTES // array.itemsize
        return array[: n * n].reshape(n, n)

    def totals(square):
        """Return in lane j the sum of vector j of those that lie one after the other."""
        lanes = _square(square)
        while lanes.shape[1] > 1:
            lanes = lanes[:, ::2] + lanes[:, 1::2]
        return lanes[:, 0]

    def maxima(square):
        """Return in lane j the largest number of vector j, as `totals` returns the sum."""
        return _square(square).max(axis=1)

else:

    @intrinsic
    def totals(typingctx, square):
        """Return in lane j the sum of vector j of those that lie one after the other."""
        return _fold(square, _sum)

    @intrinsic
    def maxima(typingctx, square):
        """Return in lane j the largest number of vector j, as `totals` returns the sum."""
        return _fold(square, _larger)
