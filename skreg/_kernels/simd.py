"""The hardware vectors of this processor: their width, and LLVM code that works on them.

Width and number come from the features that LLVM reports to Numba for this CPU (or that
``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` claim).
"""

import platform

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.codegen import get_host_cpu_features


def _features():
    """Return the names of the CPU features that Numba compiles for."""
    text = numba.config.CPU_FEATURES
    if text is None:
        text = get_host_cpu_features()
    return {name[1:] for name in text.split(",") if name.startswith("+")}


def _vector_bytes(features):
    if "avx512f" in features:
        return 64
    return 32 if "avx" in features else 16


FEATURES = _features()
VECTOR_BYTES = _vector_bytes(FEATURES)
CACHE_LINE = 64  # bytes
MANY_REGISTERS = VECTOR_BYTES == 64 or platform.machine().lower() in ("arm64", "aarch64")


def lanes(dtype):
    """Return how many numbers of ``dtype`` (a NumPy dtype) one vector holds."""
    return VECTOR_BYTES // dtype.itemsize


class Vectors:
    """Typed loads, stores and arithmetic on the vectors (or halves of them) of an array type."""

    def __init__(self, context, builder, array_type, n_bytes):
        self.builder, self._given = builder, (context, builder, array_type)
        self.scalar = context.get_data_type(array_type.dtype)
        self.bytes = array_type.dtype.bitwidth // 8
        self.type = ir.VectorType(self.scalar, n_bytes // self.bytes)
        self.zero = ir.Constant(self.type, None)
        kind = f"v{self.type.count}f{8 * self.bytes}"
        signature = ir.FunctionType(self.type, [self.type] * 3)
        self._fma = cgutils.get_or_insert_function(
            builder.module, signature, f"llvm.fmuladd.{kind}"
        )

    def half(self):
        """Return the same for vectors of half as many bytes."""
        return Vectors(*self._given, self.type.count * self.bytes // 2)

    def _pointer(self, data, index):
        address = self.builder.gep(data, [index])
        return self.builder.bitcast(address, self.type.as_pointer())

    def load(self, data, index):
        return self.builder.load(self._pointer(data, index), align=self.bytes)

    def store(self, vector, data, index):
        self.builder.store(vector, self._pointer(data, index), align=self.bytes)

    def spread(self, number):
        """Return a vector with ``number`` in every lane."""
        undefined = ir.Constant(self.type, ir.Undefined)
        first = ir.Constant(ir.IntType(32), 0)
        one = self.builder.insert_element(undefined, number, first)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.type.count), None)
        return self.builder.shuffle_vector(one, undefined, mask)

    def first_of(self, wider):
        """Return the first lanes of a vector of a wider type."""
        n = self.type.count
        mask = ir.Constant(ir.VectorType(ir.IntType(32), n), [*range(n)])
        return self.builder.shuffle_vector(wider, ir.Constant(wider.type, ir.Undefined), mask)

    def spread_from(self, data, index):
        address = self.builder.gep(data, [index])
        return self.spread(self.builder.load(address, align=self.bytes))

    def fma(self, a, b, c):
        return self.builder.call(self._fma, [a, b, c])


def prefetch(builder, data, index, is_written=False):
    """Emit a request for a cache line that is read, or written, later; it need not exist."""
    number, address = ir.IntType(32), builder.gep(data, [index])
    kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    # To read, into the second-level cache, of data: more of such can be on their way.
    builder.call(function, [address, number(int(is_written)), number(2), number(1)])


def times(builder, step, count):
    return builder.mul(step, ir.Constant(step.type, count))


def equals(builder, mode, code):
    return builder.icmp_signed("==", mode, ir.Constant(mode.type, code))


def loop(builder, count, cursors, sums, body):
    """Emit ``for k in range(count): sums = body(k, cursors, sums)``.

    ``cursors`` are pairs (start, step): offsets that advance by ``step`` in every round.
    """
    before = builder.block
    head = builder.append_basic_block("k.head")
    inside = builder.append_basic_block("k.body")
    after = builder.append_basic_block("k.end")
    builder.branch(head)
    builder.position_at_end(head)
    starts = [ir.Constant(count.type, 0), *(start for start, _ in cursors), *sums]
    phis = [builder.phi(value.type) for value in starts]
    for phi, value in zip(phis, starts, strict=True):
        phi.add_incoming(value, before)
    k, at, totals = phis[0], phis[1 : 1 + len(cursors)], phis[1 + len(cursors) :]
    builder.cbranch(builder.icmp_signed("<", k, count), inside, after)
    builder.position_at_end(inside)
    totals_next = body(k, at, totals)
    at_next = [builder.add(a, step) for a, (_, step) in zip(at, cursors, strict=True)]
    k_next = builder.add(k, ir.Constant(k.type, 1))
    for phi, value in zip(phis, [k_next, *at_next, *totals_next], strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return totals


def _plain(context, builder, kinds, values):
    """Yield numbers, and where arrays begin: of the arguments, those in records one by one."""
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(kind, types.BaseTuple):
            yield from _plain(context, builder, kind, cgutils.unpack_tuple(builder, value))
        elif isinstance(kind, types.Array):
            yield context.make_array(kind)(context, builder, value).data
        else:
            yield value


def _records(kinds, plain):
    """Yield arguments with their records put together again, from an iterator of plain ones."""
    for kind in kinds:
        if isinstance(kind, types.BaseNamedTuple):
            yield kind.instance_class(*_records(kind, plain))
        elif isinstance(kind, types.BaseTuple):
            yield tuple(_records(kind, plain))
        else:
            yield next(plain)


def emit_call(context, builder, kinds, values, name, emit, n_bytes=VECTOR_BYTES):
    """Emit a call of the function ``name`` of this module, whose body ``emit`` writes once.

    The body is given the arguments, of these Numba types, with arrays as addresses; the first is a
    record that begins with an array of the numbers to compute with, or is that array.

    A function of its own gives the loop all registers, and ``optsize`` keeps LLVM from unrolling
    it: unrolled, it hoists the loads of several rounds and spills accumulators (40 % slower).
    """
    first = kinds[0] if isinstance(kinds[0], types.Array) else kinds[0][0]
    plain = list(_plain(context, builder, kinds, values))
    name = f"skreg.{name}.{first.dtype}"
    function_type = ir.FunctionType(ir.VoidType(), [value.type for value in plain])
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    if function.is_declaration:
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("optsize")
        inner = ir.IRBuilder(function.append_basic_block("entry"))
        arguments = _records(kinds, iter(function.args))
        emit(inner, Vectors(context, inner, first, n_bytes), *arguments)
        inner.ret_void()
    builder.call(function, plain)
    return context.get_dummy_value()
