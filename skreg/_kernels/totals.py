"""As many vectors as one has lanes, folded into one: lane j comes from all lanes of vector j.

Where the lanes of many vectors are to be summed, a sum for each vector, this takes half the
shuffles of `skreg._kernels.lanes.total`, and its results are lanes to go on with.
"""

import numba
from llvmlite import ir
from numba.extending import intrinsic

from skreg._kernels.lanes import vector_type
from skreg._kernels.simd import VECTOR_BYTES

if numba.config.DISABLE_JIT:

    def totals(square):
        """Return in lane j the sum of vector j of those that lie one after the other."""
        n = VECTOR_BYTES // square.itemsize
        lanes = square[: n * n].reshape(n, n)
        while lanes.shape[1] > 1:
            lanes = lanes[:, ::2] + lanes[:, 1::2]
        return lanes[:, 0]

else:

    @intrinsic
    def totals(typingctx, square):
        """Return in lane j the sum of vector j of those that lie one after the other."""
        kind = vector_type(square)

        def codegen(context, builder, signature, args):
            data = context.make_array(square)(context, builder, args[0]).data
            address = builder.bitcast(data, context.get_value_type(kind).as_pointer())
            places = (builder.gep(address, [_index(j)]) for j in range(kind.count))
            vectors = [builder.load(at, align=square.dtype.bitwidth // 8) for at in places]
            while len(vectors) > 1:
                pairs = zip(vectors[::2], vectors[1::2], strict=True)
                vectors = [_add_neighbours(builder, a, b) for a, b in pairs]
            return vectors[0]

        return kind(square), codegen


def _index(j):
    return ir.Constant(ir.IntType(64), j)


def _add_neighbours(builder, a, b):
    """Emit the sums of neighbouring lanes, those of ``a`` and behind them those of ``b``."""
    n = a.type.count
    even, odd = (
        ir.Constant(ir.VectorType(ir.IntType(32), n), list(range(first, 2 * n, 2)))
        for first in (0, 1)
    )
    return builder.fadd(builder.shuffle_vector(a, b, even), builder.shuffle_vector(a, b, odd))
