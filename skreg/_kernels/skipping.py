"""Tiles that skip zeros, as LLVM vector code: one row of A at a time against panels of B.

Which numbers of A are not zero is noted beforehand, as bits of *words*: bit j of a word says
whether number j of 64 consecutive ones differs from zero. A tile walks the bits that are set;
its vectors of B must lie in the first-level cache, since each is loaded for a single
multiply-add. See `skreg._kernels.tiles` for the tiles that take all numbers.
"""

from itertools import product
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from skreg._kernels import simd
from skreg._kernels.tiles import HALVES, Corner

WORD = 64  # numbers whose zeros one word notes
FEWEST_PANELS, MOST_PANELS = 3, 7  # of B and C in one tile
FEWEST_ROWS = 48  # of a batch that a gradient is summed over
FORWARD, BACKWARD, WEIGHT_GRADIENT = range(3)  # the products of a network

_BIT = ir.IntType(1)
_WORD = ir.IntType(WORD)


class Notes(NamedTuple):
    """Which numbers of a matrix are not zero, a bit for each of 64 columns in a word.

    The word of row i and of columns ``64 b`` and following is ``start + i * row + b * block``.
    """

    words: np.ndarray
    start: int
    row: int
    block: int


class TileShape(NamedTuple):
    """The size of a block of C: the last ``n_halves`` of its panels are half a vector wide."""

    n_rows: int
    n_panels: int
    n_halves: int  # 0 or 1


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


def _emit_rows(builder, kinds, n_rows, a, notes, b, sums):
    """Emit the loop over the rows of a block of C, whose panels are of these ``kinds``."""
    (found, begin), (out, end) = sums
    panels = [simd.times(builder, b.panel, p) for p in range(len(kinds))]
    cursors = [(part.start, part.row) for part in (a, notes, found, out)]

    def prefetch_next_block(i):
        """Ask for a row of B in the next block of columns of A, while this one is multiplied.

        The hardware foresees no page of memory; two threads share few rows for each block.
        """
        row = builder.and_(i, ir.Constant(i.type, WORD - 1))
        row = builder.add(row, ir.Constant(i.type, WORD))
        at = builder.add(b.start, builder.mul(row, b.row))
        for p in panels:
            simd.prefetch(builder, b.values, builder.add(at, p))

    def body(i, cursors, __):
        a_at, word_at, found_at, out_at = cursors
        prefetch_next_block(i)
        before = Corner(builder, kinds, found._replace(start=found_at), 1)
        after = Corner(builder, kinds, out._replace(start=out_at), 1)

        def add(k, sums):
            row = builder.add(b.start, builder.mul(k, b.row))
            left = kinds[0].spread_from(a.values, builder.add(a_at, builder.mul(k, a.column)))
            return [
                kind.fma(kind.first_of(left), kind.load(b.values, builder.add(row, p)), s)
                for kind, p, s in zip(kinds, panels, sums, strict=True)
            ]

        word = builder.load(builder.gep(notes.words, [word_at]))
        after.end(_bits(builder, word, before.begin(begin), add), end)
        return []

    simd.loop(builder, n_rows, cursors, [], body)


@intrinsic
def skipping_tiles(typingctx, a, notes, b, sums, shape):
    """Add up to ``WORD`` products to each vector of a block of C, without those with a zero.

    A is `Numbers`, whose zeros the `Notes` tell, and B is `Panels`; ``shape`` is a `TileShape`.
    ``sums`` are two pairs of `Panels` and a mode. They begin with what the first ones hold where
    the mode is ADD, and are written to the second ones: STORE, MULTIPLY or PLUS.
    """

    def emit(builder, vectors, a, notes, b, sums, shape):
        sizes = range(FEWEST_PANELS, MOST_PANELS + 1)
        for size, n_halves in product(sizes, range(1 + HALVES)):
            is_size = simd.equals(builder, shape.n_panels, size)
            has_halves = simd.equals(builder, shape.n_halves, n_halves)
            with builder.if_then(builder.and_(is_size, has_halves)):
                kinds = [vectors] * (size - n_halves) + [vectors.half()] * n_halves
                _emit_rows(builder, kinds, shape.n_rows, a, notes, b, sums)

    def codegen(context, builder, signature, args):
        return simd.emit_call(context, builder, signature.args, args, "skipping_tiles", emit)

    return types.void(a, notes, b, sums, shape), codegen
