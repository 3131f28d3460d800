"""The tiles of products, of dense rows and of sparse ones, written as LLVM vector code.

A *tile* is a block of a matrix product that stays in registers while k runs:
``C[i, p, :] = sum_k A[i, k] * B[k, p, :]`` for a few rows i and a few panels p, where
``B[k, p, :]`` is one hardware vector. Every element is summed over k in increasing order, one
(fused) multiply-add after the other, whatever the tile's shape: products therefore have the same
bits however rows and panels are divided among tiles and threads, and skipping a zero of A changes
nothing, so dense and sparse input agree to the bit.

Width and shapes come from the features that LLVM reports to Numba for this CPU (or that
``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` claim).
"""

import platform

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

# What a tile does with the C it finds: nothing, start its sums from it, multiply them by it, or
# add it to them when they are complete.
STORE, ADD, MULTIPLY, PLUS = range(4)


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

# Rows of fan-in and of a batch are padded to this count, so that no tile is ever ragged.
TILE_ROWS = 8
# 8 x 3 accumulators + 3 vectors of B + 1 broadcast fit into 32 registers, 4 x 3 + 4 into 16. A
# single panel takes 8 rows everywhere: fewer chains could not hide the latency of the FMA.
PANELS_OF_WIDE_TILE = 3
ROWS_OF_WIDE_TILE = 8 if MANY_REGISTERS else 4


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


class Corner:
    """The block of C under one tile: where its vectors are, how they begin and how they end.

    ``panels`` are the `Vectors` of each of its panels.
    """

    def __init__(self, builder, panels, data, n_rows, steps):
        self.builder, self.vectors, self.data = builder, panels * n_rows, data
        start, row, panel = steps
        self.at = [
            builder.add(start, builder.add(times(builder, row, i), times(builder, panel, p)))
            for i in range(n_rows)
            for p in range(len(panels))
        ]

    def begin(self, mode):
        """Return the first value of every accumulator: what C holds under ADD, zero otherwise."""
        builder = self.builder
        before = builder.block
        with builder.if_then(equals(builder, mode, ADD)):
            found = self._load()
            loaded = builder.block
        zeros = [vectors.zero for vectors in self.vectors]
        pairs = zip(zeros, found, strict=True)
        return [_join(builder, zero, before, v, loaded) for zero, v in pairs]

    def end(self, sums, mode):
        """Write the accumulators; under MULTIPLY, times what C holds, under PLUS, added to it."""
        for code, operation in ((MULTIPLY, self.builder.fmul), (PLUS, self.builder.fadd)):
            sums = self._combine(sums, equals(self.builder, mode, code), operation)
        for vectors, result, at in zip(self.vectors, sums, self.at, strict=True):
            vectors.store(result, self.data, at)

    def _load(self):
        return [v.load(self.data, at) for v, at in zip(self.vectors, self.at, strict=True)]

    def _combine(self, sums, condition, operation):
        """Return the accumulators, or on a condition what an operation makes of them and C."""
        before = self.builder.block
        with self.builder.if_then(condition):
            found = self._load()
            results = [operation(s, v) for s, v in zip(sums, found, strict=True)]
            after = self.builder.block
        pairs = zip(sums, results, strict=True)
        return [_join(self.builder, s, before, result, after) for s, result in pairs]


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


def _join(builder, value, block, other, other_block):
    phi = builder.phi(value.type)
    phi.add_incoming(value, block)
    phi.add_incoming(other, other_block)
    return phi


def _data(context, builder, array_type, array):
    return context.make_array(array_type)(context, builder, array).data


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


def emit_call(context, builder, signature, args, name, emit, n_bytes=VECTOR_BYTES):
    """Emit a call of the function ``name`` of this module, whose body ``emit`` writes once.

    A function of its own gives the loop all registers, and ``optsize`` keeps LLVM from unrolling
    it: unrolled, it hoists the loads of several rounds and spills accumulators (40 % slower).
    """
    arrays = [i for i, kind in enumerate(signature.args) if isinstance(kind, types.Array)]
    plain = list(args)
    for i in arrays:
        plain[i] = _data(context, builder, signature.args[i], args[i])
    kind = signature.args[arrays[0]]
    name = f"skreg.{name}.{kind.dtype}"
    function_type = ir.FunctionType(ir.VoidType(), [value.type for value in plain])
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    if function.is_declaration:
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("optsize")
        inner = ir.IRBuilder(function.append_basic_block("entry"))
        emit(inner, Vectors(context, inner, kind, n_bytes), function.args)
        inner.ret_void()
    builder.call(function, plain)
    return context.get_dummy_value()


def _multiple(builder, multiples, i):
    """Return a step times ``i``, from its odd multiples, which arguments of the function hold.

    So the address of a row is that of the first plus a register times 1, 2, 4 or 8, and costs
    nothing. If LLVM saw that all are multiples of one step, it would find each row by an addition
    to the last one (products of dense rows take up to a sixth longer).
    """
    if i == 0:
        return ir.Constant(multiples[1].type, 0)
    shift = (i & -i).bit_length() - 1
    return builder.shl(multiples[i >> shift], ir.Constant(multiples[1].type, shift))


def _make_tile(n_rows, n_panels, n_bytes=VECTOR_BYTES):
    """Return the intrinsic for a tile of ``n_rows`` x ``n_panels`` vectors of ``n_bytes``."""
    odd = range(3, n_rows, 2)

    def emit(builder, vectors, args):
        a, a_at, a_row, a_k, b, b_at, b_k, b_panel, depth, c, c_at, c_row, c_panel, mode = args[:14]
        corner = Corner(builder, [vectors] * n_panels, c, n_rows, (c_at, c_row, c_panel))
        multiples = {1: a_row, **dict(zip(odd, args[14:], strict=True))}
        rows = [_multiple(builder, multiples, i) for i in range(n_rows)]
        panels = [times(builder, b_panel, p) for p in range(n_panels)]

        def body(k, cursors, sums):
            a_k_at, b_k_at = cursors
            right = [vectors.load(b, builder.add(b_k_at, p)) for p in panels]
            new = []
            for i, row in enumerate(rows):
                left = vectors.spread_from(a, builder.add(a_k_at, row))
                mine = sums[i * n_panels : (i + 1) * n_panels]
                new += [vectors.fma(left, r, s) for r, s in zip(right, mine, strict=True)]
            return new

        sums = loop(builder, depth, [(a_at, a_k), (b_at, b_k)], corner.begin(mode), body)
        corner.end(sums, mode)

    @intrinsic
    def tile(typingctx, a, a_at, a_row, a_k, b, b_at, b_k, b_panel, depth, c, c_at, c_row, c_panel,
             mode):  # fmt: skip
        index = types.intp
        signature = types.void(
            a, index, index, index, b, index, index, index, index, c, index, index, index, index
        )

        def codegen(context, builder, signature, args):
            name = f"tile_{n_rows}_{n_panels}_{n_bytes}"
            args = [*args, *(times(builder, args[2], i) for i in odd)]
            return emit_call(context, builder, signature, args, name, emit, n_bytes)

        return signature, codegen

    return tile


def _make_sparse_tile(n_panels):
    """Return the intrinsic for one row of C from nonzeros: ``a`` times rows ``places`` of B."""

    def emit(builder, vectors, args):
        a, places, a_at, count, b, b_at, b_k, b_panel, c, c_at, c_panel, mode = args
        corner = Corner(builder, [vectors] * n_panels, c, 1, (c_at, c_panel, c_panel))

        def body(k, cursors, sums):
            (at,) = cursors
            place = builder.load(builder.gep(places, [at]))
            row = builder.add(b_at, builder.mul(builder.sext(place, b_k.type), b_k))
            left = vectors.spread_from(a, at)
            panels = [builder.add(row, times(builder, b_panel, p)) for p in range(n_panels)]
            right = [vectors.load(b, p) for p in panels]
            return [vectors.fma(left, r, s) for r, s in zip(right, sums, strict=True)]

        one = ir.Constant(a_at.type, 1)
        sums = loop(builder, count, [(a_at, one)], corner.begin(mode), body)
        corner.end(sums, mode)

    @intrinsic
    def sparse_tile(typingctx, a, places, a_at, count, b, b_at, b_k, b_panel, c, c_at, c_panel,
                    mode):  # fmt: skip
        index = types.intp
        signature = types.void(
            a, places, index, index, b, index, index, index, c, index, index, index
        )

        def codegen(context, builder, signature, args):
            name = f"sparse_tile_{n_panels}"
            return emit_call(context, builder, signature, args, name, emit)

        return signature, codegen

    return sparse_tile


# A last panel that is at most half full: where 512 bits pass through 256-bit units twice (Zen 4),
# half a vector costs half the time.
HALVES = VECTOR_BYTES == 64

tile_half = _make_tile(TILE_ROWS, 1, VECTOR_BYTES // 2)
tile_1 = _make_tile(TILE_ROWS, 1)
tile_2 = _make_tile(ROWS_OF_WIDE_TILE, 2)
tile_3 = _make_tile(ROWS_OF_WIDE_TILE, 3)
row_tile_1 = _make_tile(1, 1)
row_tile_4 = _make_tile(1, 4)
sparse_tile_1 = _make_sparse_tile(1)
sparse_tile_2 = _make_sparse_tile(2)
sparse_tile_4 = _make_sparse_tile(4)
sparse_tile_8 = _make_sparse_tile(8)


@intrinsic
def multiply_add(typingctx, a, b, c):
    """Return ``a * b + c`` for numbers of one type, fused exactly where the tiles fuse."""
    signature = a(a, a, a)

    def codegen(context, builder, signature, args):
        kind = f"llvm.fmuladd.f{signature.args[0].bitwidth}"
        function_type = ir.FunctionType(args[0].type, [args[0].type] * 3)
        function = cgutils.get_or_insert_function(builder.module, function_type, kind)
        return builder.call(function, args)

    return signature, codegen


if numba.config.DISABLE_JIT:

    def multiply_add(a, b, c):
        """Return ``a * b + c``."""
        return a * b + c
