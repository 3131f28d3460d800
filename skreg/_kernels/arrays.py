"""Arrays over memory that is there already, in generated code."""

from llvmlite import ir


def array_at(context, builder, kind, data, shape):
    """Return the array in C order that begins where ``data`` points to; nobody owns it.

    Parameters
    ----------
    context : numba.core.base.BaseContext
    builder : llvmlite.ir.IRBuilder
    kind : numba.types.Array
        In C order.
    data : llvmlite.ir.Value
        Points to the first number.
    shape : sequence of llvmlite.ir.Value
        Integers, as many as ``kind`` has dimensions.
    """
    item = ir.Constant(shape[0].type, kind.dtype.bitwidth // 8)
    strides = [item]
    for size in shape[:0:-1]:
        strides.insert(0, builder.mul(size, strides[0]))
    out = context.make_array(kind)(context, builder)
    context.populate_array(
        out, data=data, shape=shape, strides=strides, itemsize=item, meminfo=None
    )
    return out._getvalue()
