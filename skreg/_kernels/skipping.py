"""Tiles that skip zeros, as LLVM vector code: one row of A at a time against panels of B.

Which numbers of A are not zero is noted beforehand, as bits of *words*: bit j of a word says
whether number j of 64 consecutive ones differs from zero. A tile walks the bits that are set;
its vectors of B must lie in the first-level cache, since each is loaded for a single
multiply-add. See `skreg._kernels.simd` for the tiles that take all numbers.
"""

from itertools import product

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from skreg._kernels import simd

WORD = 64  # numbers whose zeros one word notes
FEWEST_PANELS, MOST_PANELS = 3, 7  # of B and C in one tile
FEWEST_ROWS = 48  # of a batch that a gradient is summed over
FORWARD, BACKWARD, WEIGHT_GRADIENT = range(3)  # the products of a network

_BIT = ir.IntType(1)
_WORD = ir.IntType(WORD)


@intrinsic
def nonzero_bits(typingctx, values, start):
    """Return a word that notes which of the ``WORD`` numbers from ``start`` on are not zero."""

    def codegen(context, builder, signature, args):
        kind = signature.args[0]
        vectors = simd.Vectors(context, builder, kind, WORD * kind.dtype.bitwidth // 8)
        data = context.make_array(kind)(context, builder, args[0]).data
        found = builder.fcmp_unordered("!=", vectors.load(data, args[1]), vectors.zero)
        return builder.bitcast(found, _WORD)

    return types.uint64(values, types.intp), codegen


@intrinsic
def count_bits(typingctx, word):
    """Return how many bits of a word are set."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@intrinsic
def transpose_bits(typingctx, square):
    """Exchange bit j of word i and bit i of word j of the first ``WORD`` words.

    Halves of the square change places, then halves of its quarters, down to single bits.
    """

    def codegen(context, builder, signature, args):
        vector = ir.VectorType(_WORD, WORD)
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        address = builder.bitcast(data, vector.as_pointer())
        words, width = builder.load(address, align=8), WORD // 2
        while width > 0:
            words = _exchange_blocks(builder, words, width)
            width //= 2
        builder.store(words, address, align=8)
        return context.get_dummy_value()

    return types.void(square), codegen


def _exchange_blocks(builder, words, width):
    """Exchange bits ``width`` and more of each word with the others of that ``width`` below."""
    places = range(WORD)
    low_bits = sum(1 << j for j in places if not j & width)
    order = _constant(ir.IntType(32), [i ^ width for i in places])
    partners = builder.shuffle_vector(words, ir.Constant(words.type, ir.Undefined), order)
    shift = _constant(_WORD, [width] * WORD)
    is_below = _constant(_BIT, [int(i & width > 0) for i in places])
    kept = _constant(_WORD, [low_bits << width if i & width else low_bits for i in places])
    moved = builder.select(is_below, builder.lshr(partners, shift), builder.shl(partners, shift))
    return builder.or_(builder.and_(words, kept), builder.and_(moved, builder.not_(kept)))


def _constant(kind, numbers):
    return ir.Constant(ir.VectorType(kind, len(numbers)), [ir.Constant(kind, n) for n in numbers])


if numba.config.DISABLE_JIT:

    def transpose_bits(square):
        """Exchange bit j of word i and bit i of word j of the first ``WORD`` words."""
        bits = np.unpackbits(square[:WORD].astype("<u8").view(np.uint8), bitorder="little")
        transposed = np.ascontiguousarray(bits.reshape(WORD, WORD).T)
        square[:WORD] = np.packbits(transposed, bitorder="little").view("<u8")

    def nonzero_bits(values, start):
        """Return a word that notes which of the ``WORD`` numbers from ``start`` on are not zero."""
        bits = np.packbits(values[start : start + WORD] != 0, bitorder="little")
        return np.frombuffer(bits.tobytes().ljust(8, b"\0"), "<u8")[0]

    def count_bits(word):
        """Return how many bits of a word are set."""
        return int(word).bit_count()


def _bits(builder, word, sums, body):
    """Emit ``for each bit k of word that is set: sums = body(k, sums)``, from the lowest up."""
    before = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("bits", "bit", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    phis = [builder.phi(value.type) for value in (word, *sums)]
    for phi, value in zip(phis, (word, *sums), strict=True):
        phi.add_incoming(value, before)
    left, totals = phis[0], phis[1:]
    none, one = ir.Constant(_WORD, 0), ir.Constant(_WORD, 1)
    builder.cbranch(builder.icmp_unsigned("!=", left, none), inside, after)
    builder.position_at_end(inside)
    k = builder.cttz(left, ir.Constant(_BIT, 1))
    rest = builder.and_(left, builder.sub(left, one))
    for phi, value in zip(phis, (rest, *body(k, totals)), strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return totals


def _emit_rows(builder, args, kinds):
    """Emit the loop over the rows of a block of C, whose panels are of these ``kinds``."""
    a, _, _, a_at, a_row, a_k, words, w_at, w_row, b, b_at, b_k, b_panel, n_rows = args[:14]
    found, found_steps, begin = args[14], args[15:18], args[18]
    out, out_steps, end = args[19], args[20:23], args[23]
    panels = [simd.times(builder, b_panel, p) for p in range(len(kinds))]
    cursors = [(a_at, a_row), (w_at, w_row)]
    cursors += [(at, row) for at, row, _ in (found_steps, out_steps)]

    def prefetch_next_block(i):
        """Ask for a row of B in the next block of columns of A, while this one is multiplied.

        The hardware foresees no page of memory; two threads share few rows for each block.
        """
        row = builder.and_(i, ir.Constant(i.type, WORD - 1))
        row = builder.add(row, ir.Constant(i.type, WORD))
        at = builder.add(b_at, builder.mul(row, b_k))
        for p in panels:
            simd.prefetch(builder, b, builder.add(at, p))

    def body(i, cursors, __):
        a_at, w_at, found_at, out_at = cursors
        prefetch_next_block(i)
        old = simd.Corner(builder, kinds, found, 1, (found_at, *found_steps[1:]))
        new = simd.Corner(builder, kinds, out, 1, (out_at, *out_steps[1:]))

        def add(k, sums):
            row = builder.add(b_at, builder.mul(k, b_k))
            left = kinds[0].spread_from(a, builder.add(a_at, builder.mul(k, a_k)))
            return [
                kind.fma(kind.first_of(left), kind.load(b, builder.add(row, p)), s)
                for kind, p, s in zip(kinds, panels, sums, strict=True)
            ]

        word = builder.load(builder.gep(words, [w_at]))
        new.end(_bits(builder, word, old.begin(begin), add), end)
        return []

    simd.loop(builder, n_rows, cursors, [], body)


@intrinsic
def skipping_tiles(typingctx, a, n_panels, n_halves, a_at, a_row, a_k, words, w_at, w_row, b, b_at,
                   b_k, b_panel, n_rows, found, found_at, found_row, found_panel, begin,
                   out, out_at, out_row, out_panel, end):  # fmt: skip
    """Add up to ``WORD`` products to each vector of a block of C, without those with a zero.

    C has ``n_panels``; the last ``n_halves`` of them, 0 or 1, are half a vector wide. Row i of A
    has its word at ``w_at + i * w_row``. Sums begin with what ``found`` holds where ``begin`` is
    ADD, and are written to ``out`` as ``end`` says: STORE, MULTIPLY or PLUS.
    """
    n = types.intp
    signature = types.void(
        a, n, n, n, n, n, words, n, n, b, n, n, n, n, found, n, n, n, n, out, n, n, n, n
    )

    def emit(builder, vectors, args):
        sizes = range(FEWEST_PANELS, MOST_PANELS + 1)
        for size, n_halves in product(sizes, range(1 + simd.HALVES)):
            is_size = simd.equals(builder, args[1], size)
            has_halves = simd.equals(builder, args[2], n_halves)
            with builder.if_then(builder.and_(is_size, has_halves)):
                kinds = [vectors] * (size - n_halves) + [vectors.half()] * n_halves
                _emit_rows(builder, args, kinds)

    def codegen(context, builder, signature, args):
        return simd.emit_call(context, builder, signature, args, "skipping_tiles", emit)

    return signature, codegen
