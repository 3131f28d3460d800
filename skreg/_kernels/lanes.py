"""Vectors of numbers as values: arithmetic on one hardware vector inside compiled functions.

A value loaded with `load` holds as many numbers as a hardware vector; operators and the functions
below act on all of its *lanes* at once. Code written so needs no automatic vectorization: no
second loop for what is left over, no checks for overlap, hence a fraction of the compile time,
and every number meets the same instructions wherever it stands.

Plain Python numbers take the type of the lanes that they meet. Without the JIT, lanes are short
NumPy arrays, which obey the same rule.
"""

import operator

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import (
    intrinsic,
    lower_builtin,
    models,
    register_model,
    type_callable,
)

from skreg._kernels import simd
from skreg._kernels.simd import VECTOR_BYTES


class Lanes(types.Type):
    """The type of a vector of numbers of type ``dtype``."""

    def __init__(self, dtype, count):
        self.dtype, self.count = dtype, count
        super().__init__(f"Lanes({dtype}, {count})")

    def of(self, dtype):
        """Return the type with the same number of lanes that holds ``dtype``."""
        return Lanes(dtype, self.count)

    @property
    def integer(self):
        """The type of integers that share the bits of these numbers."""
        return self.of(types.Integer.from_bitwidth(self.dtype.bitwidth, signed=True))


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """Lanes are LLVM vectors."""

    def __init__(self, manager, kind):
        number = manager[kind.dtype].get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, kind.count))


def spread(context, builder, kind, given, value):
    """Emit lanes of type ``kind`` from lanes, or from one number that goes into every lane."""
    if isinstance(given, Lanes):
        return value
    number = context.cast(builder, value, given, kind.dtype)
    vector = context.get_value_type(kind)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(
        first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    )


def _binary(op, result, generate):
    """Register ``op`` for lanes with lanes or numbers; ``generate`` emits its instruction."""

    @type_callable(op)
    def type_it(context):
        def typer(a, b):
            if isinstance(a, Lanes) and (a == b or isinstance(b, types.Number)):
                return result(a)
            if isinstance(b, Lanes) and isinstance(a, types.Number):
                return result(b)

        return typer

    def lower_it(context, builder, signature, arguments):
        kind = next(k for k in signature.args if isinstance(k, Lanes))
        pairs = zip(signature.args, arguments, strict=True)
        a, b = (spread(context, builder, kind, given, value) for given, value in pairs)
        return generate(builder, kind, a, b)

    for pair in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(op, *pair)(lower_it)


def _arithmetic(real, whole):
    def generate(builder, kind, a, b):
        return getattr(builder, real if isinstance(kind.dtype, types.Float) else whole)(a, b)

    return generate


def _comparison(symbol):
    def generate(builder, kind, a, b):
        return builder.fcmp_ordered(symbol, a, b)

    return generate


def _same(kind):
    return kind


def _mask(kind):
    return kind.of(types.boolean)


for _op, _real, _whole in (
    (operator.add, "fadd", "add"),
    (operator.sub, "fsub", "sub"),
    (operator.mul, "fmul", "mul"),
    (operator.truediv, "fdiv", None),
    (operator.and_, None, "and_"),
    (operator.xor, None, "xor"),
    (operator.lshift, None, "shl"),
):
    _binary(_op, _same, _arithmetic(_real, _whole))


def _shift_right(builder, kind, a, b):
    return builder.ashr(a, b) if kind.dtype.signed else builder.lshr(a, b)


_binary(operator.rshift, _same, _shift_right)

for _op, _symbol in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _binary(_op, _mask, _comparison(_symbol))


@type_callable(operator.neg)
def _type_neg(context):
    return lambda x: x if isinstance(x, Lanes) else None


@lower_builtin(operator.neg, Lanes)
def _lower_neg(context, builder, signature, arguments):
    return builder.fneg(arguments[0])


@type_callable(abs)
def _type_abs(context):
    return lambda x: x if isinstance(x, Lanes) else None


def _call_llvm(context, builder, name, kind, arguments):
    """Emit a call of LLVM's function of vectors."""
    vector = context.get_value_type(kind)
    name = f"llvm.{name}.v{kind.count}f{kind.dtype.bitwidth}"
    signature = ir.FunctionType(vector, [vector] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


@lower_builtin(abs, Lanes)
def _lower_abs(context, builder, signature, arguments):
    return _call_llvm(context, builder, "fabs", signature.args[0], arguments)


def vector_type(array):
    """Return the type of a vector of the numbers of an array type."""
    return Lanes(array.dtype, VECTOR_BYTES * 8 // array.dtype.bitwidth)


def _address(context, builder, array_type, array, index, kind):
    data = context.make_array(array_type)(context, builder, value=array).data
    vector = context.get_value_type(kind)
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


if numba.config.DISABLE_JIT:

    def count(array):
        """Return how many numbers of the type of ``array`` are in one vector."""
        return VECTOR_BYTES // array.itemsize

    def load(array, index):
        """Return the lanes that begin at ``array[index]``."""
        return array[index : index + VECTOR_BYTES // array.itemsize].copy()

    def load_first(array, index, n, filler):
        """Return lanes of which the first ``n`` are loaded and the others ``filler``."""
        lanes = np.full(VECTOR_BYTES // array.itemsize, filler, array.dtype)
        n = min(max(n, 0), lanes.size)
        lanes[:n] = array[index : index + n]
        return lanes

    def store(array, index, lanes):
        """Write ``lanes`` to the numbers that begin at ``array[index]``."""
        array[index : index + lanes.size] = lanes

    def store_first(array, index, n, lanes):
        """Write the first ``n`` lanes to the numbers that begin at ``array[index]``."""
        n = min(max(n, 0), lanes.size)
        array[index : index + n] = lanes[:n]

    def prefetch(array, index):
        """Ask for the cache line of ``array[index]``, which need not exist."""

    def prefetch_to_write(array, index):
        """Ask for the cache line of ``array[index]`` and for the right to write to it."""

    def widened(x):
        """Return the same numbers in float64."""
        return x.astype(np.float64)

    def multiply_add(number, x, y):
        """Return ``number * x + y``."""
        return number * x + y

    def square_root(x):
        """Return the square root of every lane."""
        return np.sqrt(x)

    def total(x):
        """Return the sum of all lanes, always in the same order."""
        while x.size > 1:
            x = x[: x.size // 2] + x[x.size // 2 :]
        return x[0]

    def where(mask, a, b):
        """Return ``a`` in the lanes where ``mask`` is true and ``b`` in the others."""
        return np.where(mask, a, b)

else:

    @intrinsic
    def count(context, array):
        """Return how many numbers of the type of ``array`` are in one vector."""
        n = VECTOR_BYTES * 8 // array.dtype.bitwidth

        def generate(context, builder, signature, arguments):
            return context.get_constant(types.intp, n)

        return types.intp(array), generate

    @intrinsic
    def load(context, array, index):
        """Return the lanes that begin at ``array[index]``."""
        kind = vector_type(array)

        def generate(context, builder, signature, arguments):
            address = _address(context, builder, array, *arguments, kind)
            return builder.load(address, align=array.dtype.bitwidth // 8)

        return kind(array, index), generate

    def _first(context, builder, kind, n, limit):
        """Emit the mask of the first ``limit`` lanes."""
        whole = kind.of(types.int64)
        numbers = ir.Constant(context.get_value_type(whole), list(range(kind.count)))
        return builder.icmp_signed("<", numbers, spread(context, builder, whole, n, limit))

    @intrinsic
    def load_first(context, array, index, n, filler):
        """Return lanes of which the first ``n`` are loaded and the others ``filler``."""
        kind = vector_type(array)

        def generate(context, builder, signature, arguments):
            data, at, limit, other = arguments
            mask = _first(context, builder, kind, n, limit)
            other = spread(context, builder, kind, filler, other)
            address = _address(context, builder, array, data, at, kind)
            given = [address, ir.Constant(ir.IntType(32), array.dtype.bitwidth // 8), mask, other]
            name = f"llvm.masked.load.v{kind.count}f{array.dtype.bitwidth}.p0"
            signature = ir.FunctionType(other.type, [value.type for value in given])
            masked = cgutils.get_or_insert_function(builder.module, signature, name)
            return builder.call(masked, given)

        return kind(array, index, n, filler), generate

    @intrinsic
    def store(context, array, index, lanes):
        """Write ``lanes`` to the numbers that begin at ``array[index]``."""

        def generate(context, builder, signature, arguments):
            address = _address(context, builder, array, *arguments[:2], lanes)
            builder.store(arguments[2], address, align=array.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.none(array, index, lanes), generate

    @intrinsic
    def store_first(context, array, index, n, lanes):
        """Write the first ``n`` lanes to the numbers that begin at ``array[index]``."""

        def generate(context, builder, signature, arguments):
            data, at, limit, value = arguments
            mask = _first(context, builder, lanes, n, limit)
            address = _address(context, builder, array, data, at, lanes)
            given = [value, address, ir.Constant(ir.IntType(32), array.dtype.bitwidth // 8), mask]
            name = f"llvm.masked.store.v{lanes.count}f{array.dtype.bitwidth}.p0"
            signature = ir.FunctionType(ir.VoidType(), [one.type for one in given])
            masked = cgutils.get_or_insert_function(builder.module, signature, name)
            builder.call(masked, given)
            return context.get_dummy_value()

        return types.none(array, index, n, lanes), generate

    def _prefetch(array, index, is_written):
        def generate(context, builder, signature, arguments):
            data = context.make_array(array)(context, builder, arguments[0]).data
            simd.prefetch(builder, data, arguments[1], is_written)
            return context.get_dummy_value()

        return types.none(array, index), generate

    @intrinsic
    def prefetch(context, array, index):
        """Ask for the cache line of ``array[index]``, which need not exist."""
        return _prefetch(array, index, is_written=False)

    @intrinsic
    def prefetch_to_write(context, array, index):
        """Ask for the cache line of ``array[index]`` and for the right to write to it."""
        return _prefetch(array, index, is_written=True)

    @intrinsic
    def widened(context, x):
        """Return the same numbers in float64."""
        kind = x.of(types.float64)

        def generate(context, builder, signature, arguments):
            if x == kind:
                return arguments[0]
            return builder.fpext(arguments[0], context.get_value_type(kind))

        return kind(x), generate

    @intrinsic
    def multiply_add(context, number, x, y):
        """Return ``number * x + y``, fused exactly where the tiles fuse."""

        def generate(context, builder, signature, arguments):
            value, *vectors = arguments
            factor = spread(context, builder, y, number, value)
            return _call_llvm(context, builder, "fmuladd", y, [factor, *vectors])

        return y(number, x, y), generate

    @intrinsic
    def square_root(context, x):
        """Return the square root of every lane."""

        def generate(context, builder, signature, arguments):
            return _call_llvm(context, builder, "sqrt", x, arguments)

        return x(x), generate

    @intrinsic
    def total(context, x):
        """Return the sum of all lanes, always in the same order."""

        def generate(context, builder, signature, arguments):
            value, n = arguments[0], x.count
            while n > 1:
                n //= 2
                low, high = (
                    ir.Constant(ir.VectorType(ir.IntType(32), n), list(range(start, start + n)))
                    for start in (0, n)
                )
                halves = [builder.shuffle_vector(value, value, mask) for mask in (low, high)]
                value = builder.fadd(*halves)
            return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

        return x.dtype(x), generate

    @intrinsic
    def where(context, mask, a, b):
        """Return ``a`` in the lanes where ``mask`` is true and ``b`` in the others."""
        kind = next((k for k in (a, b) if isinstance(k, Lanes)), mask.of(a))

        def generate(context, builder, signature, arguments):
            mask, yes, no = arguments
            yes = spread(context, builder, kind, a, yes)
            return builder.select(mask, yes, spread(context, builder, kind, b, no))

        return kind(mask, a, b), generate
