"""The tiles of products, of dense rows and of sparse ones, written as LLVM vector code.

A *tile* is a block of a matrix product that stays in registers while k runs:
``C[i, p, :] = sum_k A[i, k] * B[k, p, :]`` for a few rows i and a few panels p, where
``B[k, p, :]`` is one hardware vector. Every element is summed over k in increasing order, one
(fused) multiply-add after the other, whatever the tile's shape: products therefore have the same
bits however rows and panels are divided among tiles and threads, and skipping a zero of A changes
nothing, so dense and sparse input agree to the bit.

Shapes follow from the width and the number of the processor's vectors, see `skreg._kernels.simd`.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from skreg._kernels.simd import (
    MANY_REGISTERS,
    VECTOR_BYTES,
    emit_call,
    equals,
    loop,
    times,
)

# What a tile does with the C it finds: nothing, start its sums from it, multiply them by it, or
# add it to them when they are complete.
STORE, ADD, MULTIPLY, PLUS = range(4)


# Rows of fan-in and of a batch are padded to this count, so that no tile is ever ragged.
TILE_ROWS = 8
# 8 x 3 accumulators + 3 vectors of B + 1 broadcast fit into 32 registers, 4 x 3 + 4 into 16. A
# single panel takes 8 rows everywhere: fewer chains could not hide the latency of the FMA.
PANELS_OF_WIDE_TILE = 3
ROWS_OF_WIDE_TILE = 8 if MANY_REGISTERS else 4
# A last panel that is at most half full: where 512 bits pass through 256-bit units twice (Zen 4),
# half a vector costs half the time.
HALVES = VECTOR_BYTES == 64


class Numbers(NamedTuple):
    """A matrix read number by number: element (i, k) is ``values[start + i*row + k*column]``."""

    values: np.ndarray
    start: int
    row: int
    column: int


class Panels(NamedTuple):
    """A matrix read by vectors: ``values[start + k*row + p*panel :][:V]`` is vector (k, p)."""

    values: np.ndarray
    start: int
    row: int
    panel: int


class Nonzeros(NamedTuple):
    """What is not zero in a row of A: number i meets row ``places[i]`` of B."""

    values: np.ndarray
    places: np.ndarray
    start: int  # the first of the row's
    count: int  # how many follow one another


class Corner:
    """The block of C under one tile: where its vectors are, how they begin and how they end.

    ``kinds`` are the `Vectors` of each of its panels, ``c`` the `Panels` that begin there.
    """

    def __init__(self, builder, kinds, c, n_rows):
        self.builder, self.vectors, self.data = builder, kinds * n_rows, c.values
        self.at = [
            builder.add(c.start, builder.add(times(builder, c.row, i), times(builder, c.panel, p)))
            for i in range(n_rows)
            for p in range(len(kinds))
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


def _join(builder, value, block, other, other_block):
    phi = builder.phi(value.type)
    phi.add_incoming(value, block)
    phi.add_incoming(other, other_block)
    return phi


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

    def emit(builder, vectors, a, b, depth, c, mode, *multiples):
        corner = Corner(builder, [vectors] * n_panels, c, n_rows)
        multiples = {1: a.row, **dict(zip(odd, multiples, strict=True))}
        rows = [_multiple(builder, multiples, i) for i in range(n_rows)]
        panels = [times(builder, b.panel, p) for p in range(n_panels)]

        def body(k, cursors, sums):
            a_at, b_at = cursors
            right = [vectors.load(b.values, builder.add(b_at, p)) for p in panels]
            new = []
            for i, row in enumerate(rows):
                left = vectors.spread_from(a.values, builder.add(a_at, row))
                mine = sums[i * n_panels : (i + 1) * n_panels]
                new += [vectors.fma(left, r, s) for r, s in zip(right, mine, strict=True)]
            return new

        cursors = [(a.start, a.column), (b.start, b.row)]
        corner.end(loop(builder, depth, cursors, corner.begin(mode), body), mode)

    @intrinsic
    def tile(typingctx, a, b, depth, c, mode):
        """Compute C = A B, of `Numbers` A and `Panels` B and C, as the mode says."""

        def codegen(context, builder, signature, args):
            row = builder.extract_value(args[0], Numbers._fields.index("row"))
            kinds = [*signature.args, *(types.intp for _ in odd)]
            values = [*args, *(times(builder, row, i) for i in odd)]
            name = f"tile_{n_rows}_{n_panels}_{n_bytes}"
            return emit_call(context, builder, kinds, values, name, emit, n_bytes)

        return types.void(a, b, types.intp, c, types.intp), codegen

    return tile


def _make_sparse_tile(n_panels):
    """Return the intrinsic for one row of C from nonzeros, each times its row of B."""

    def emit(builder, vectors, a, b, c, mode):
        corner = Corner(builder, [vectors] * n_panels, c, 1)

        def body(k, cursors, sums):
            (at,) = cursors
            place = builder.load(builder.gep(a.places, [at]))
            row = builder.add(b.start, builder.mul(builder.sext(place, b.row.type), b.row))
            left = vectors.spread_from(a.values, at)
            panels = [builder.add(row, times(builder, b.panel, p)) for p in range(n_panels)]
            right = [vectors.load(b.values, p) for p in panels]
            return [vectors.fma(left, r, s) for r, s in zip(right, sums, strict=True)]

        one = ir.Constant(a.start.type, 1)
        sums = loop(builder, a.count, [(a.start, one)], corner.begin(mode), body)
        corner.end(sums, mode)

    @intrinsic
    def sparse_tile(typingctx, a, b, c, mode):
        """Compute a row of C = A B, of `Nonzeros` and `Panels` B and C, as the mode says."""

        def codegen(context, builder, signature, args):
            name = f"sparse_tile_{n_panels}"
            return emit_call(context, builder, signature.args, args, name, emit)

        return types.void(a, b, c, types.intp), codegen

    return sparse_tile


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
