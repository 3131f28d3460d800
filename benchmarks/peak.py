"""The most floating-point operations that one core can do: its FMA peak, measured.

The loop keeps independent vectors in registers and does nothing but fused multiply-adds on
them: no memory, no dependence shorter than the unit's latency. What it reaches is the clock
rate times the width of the vector units, under the clock that this load gets.
"""

import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skreg._jit import jit
from skreg._kernels.simd import MANY_REGISTERS, VECTOR_BYTES

ITERATIONS = 100_000
# How many vectors to keep busy: more than latency times units, fewer than registers.
N_ACCUMULATORS = 24 if MANY_REGISTERS else 12


@intrinsic
def _multiply_add_loop(typingctx, n, x, factor, summand):
    """Do ``n`` rounds of ``v = v * factor + summand`` on all accumulators; return their sum."""

    def generate(context, builder, signature, arguments):
        rounds, start, *operands = arguments
        lanes = VECTOR_BYTES * 8 // x.bitwidth
        vector = ir.VectorType(start.type, lanes)
        accumulators = _distinct(builder, start, vector)
        operands = [_splat(builder, operand, vector) for operand in operands]
        _repeat(builder, rounds, accumulators, operands)
        return _total(builder, [builder.load(slot) for slot in accumulators])

    return x(types.int64, x, x, x), generate


def _distinct(builder, start, vector):
    """Return stack slots of accumulators that the compiler cannot merge."""
    base = _splat(builder, start, vector)
    slots = []
    for k in range(N_ACCUMULATORS):
        ramp = ir.Constant(vector, [float(k * vector.count + j) for j in range(vector.count)])
        slot = cgutils.alloca_once(builder, vector)
        builder.store(builder.fadd(base, ramp), slot)
        slots.append(slot)
    return slots


def _repeat(builder, rounds, slots, operands):
    """Emit the loop; LLVM turns the slots into registers."""
    vector = operands[0].type
    width = {"float": 32, "double": 64}[str(vector.element)]
    kind = ir.FunctionType(vector, [vector] * 3)
    name = f"llvm.fma.v{vector.count}f{width}"
    fma = cgutils.get_or_insert_function(builder.module, kind, name)
    with cgutils.for_range(builder, rounds):
        for slot in slots:
            builder.store(builder.call(fma, [builder.load(slot), *operands]), slot)


def _splat(builder, scalar, vector):
    """Return a vector that repeats ``scalar``."""
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, _index(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def _total(builder, vectors):
    """Return the sum of all lanes of all vectors, so that none of them is dead code."""
    vector = vectors[0]
    for other in vectors[1:]:
        vector = builder.fadd(vector, other)
    lanes = [builder.extract_element(vector, _index(j)) for j in range(vector.type.count)]
    total = lanes[0]
    for lane in lanes[1:]:
        total = builder.fadd(total, lane)
    return total


def _index(k):
    return ir.Constant(ir.IntType(32), k)


@jit
def multiply_add(n, x, factor, summand):
    """Keep the floating-point units of one core busy for ``n`` rounds."""
    return _multiply_add_loop(n, x, factor, summand)


def measure(dtype, repeats=5):
    """Return the largest number of operations per second seen on one core.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    repeats : int
        Runs of a few milliseconds each.
    """
    scalar = np.dtype(dtype).type
    operands = scalar(1), scalar(0.5), scalar(0.25)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    multiply_add(1, *operands)
    best = min(_seconds(operands) for _ in range(repeats))
    return 2 * lanes * N_ACCUMULATORS * ITERATIONS / best


def _seconds(operands):
    start = time.perf_counter()
    multiply_add(ITERATIONS, *operands)
    return time.perf_counter() - start


if __name__ == "__main__":
    for name in ("float32", "float64"):
        print(f"{name}: {measure(name, repeats=50) / 1e9:.0f} GFLOP/s")
