"""Short arrays on the stack of a compiled function."""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

ROOM = 64  # numbers: as many as a word has bits, and more than a vector has lanes


@intrinsic
def stack_room(typingctx, like):
    """Return an array of ``ROOM`` numbers of the type of ``like``, gone when the function ends."""
    vector = types.Array(like.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        kind = context.get_data_type(vector.dtype)
        numbers = (ROOM, vector.dtype.bitwidth // 8)
        size, item = (ir.Constant(ir.IntType(64), number) for number in numbers)
        out = context.make_array(vector)(context, builder)
        populate_array(out, cgutils.alloca_once(builder, kind, size), [size], [item], item, None)
        return out._getvalue()

    return vector(like), codegen


if numba.config.DISABLE_JIT:

    def stack_room(like):
        """Return an array of ``ROOM`` numbers of the type of ``like``."""
        return np.empty(ROOM, like.dtype)
