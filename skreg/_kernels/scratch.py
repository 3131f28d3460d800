"""Room to work with for the length of a call: on the stack, or from the heap and given back.

No kernel counts references (`skreg._jit`), so none makes an array that must be collected.
"""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from skreg._kernels.arrays import array_at

STACK_SIZE = 256  # numbers: as many vectors as a vector has lanes, more than a word has bits


@intrinsic
def stack_array(typingctx, like):
    """Return ``STACK_SIZE`` numbers of the type of ``like``, gone when the function ends."""
    vector = types.Array(like.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        size = ir.Constant(ir.IntType(64), STACK_SIZE)
        data = cgutils.alloca_once(builder, context.get_data_type(vector.dtype), size)
        return array_at(context, builder, vector, data, [size])

    return vector(like), codegen


@intrinsic
def heap_array(typingctx, like, size):
    """Return an array of ``size`` numbers of the type of ``like``, until `free_array` is called."""
    vector = types.Array(like.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        item = ir.Constant(args[1].type, vector.dtype.bitwidth // 8)
        data = _heap(context).allocate(builder, builder.mul(args[1], item))
        kind = context.get_data_type(vector.dtype).as_pointer()
        return array_at(context, builder, vector, builder.bitcast(data, kind), [args[1]])

    return vector(like, types.intp), codegen


@intrinsic
def free_array(typingctx, array):
    """Give back what `heap_array` returned."""

    def codegen(context, builder, signature, args):
        data = context.make_array(array)(context, builder, args[0]).data
        _heap(context).free(builder, builder.bitcast(data, cgutils.voidptr_t))
        return context.get_dummy_value()

    return types.none(array), codegen


def _heap(context):
    return context.subtarget(enable_nrt=True).nrt


if numba.config.DISABLE_JIT:

    def stack_array(like):
        """Return an array of ``STACK_SIZE`` numbers of the type of ``like``."""
        return np.empty(STACK_SIZE, like.dtype)

    def heap_array(like, size):
        """Return an array of ``size`` numbers of the type of ``like``."""
        return np.empty(size, like.dtype)

    def free_array(array):
        """Do nothing: the interpreter collects arrays."""
