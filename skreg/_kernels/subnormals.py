"""Flushing of subnormal numbers: those too small for a whole mantissa become zero.

Moments of weights that no row reaches any more shrink by a factor in every step, and deltas of
rows that are told with certainty tend to zero. Sooner or later they are *subnormal*, below 1e-38
in float32, and a processor of Intel's takes some 150 cycles for an operation on such a number
instead of half a cycle: fits of digits took up to five times as long. Next to any number that
matters, such a number is lost by rounding. So training takes it for zero.

Predictions keep them, down to the smallest probability. What the caller had set is set again.
"""

import platform

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from skreg._jit import jit

# Two bits of the control and status register of SSE and AVX: results that are subnormal become
# zero, and operands that are count as zero.
FLUSH_RESULTS, FLUSH_OPERANDS = 1 << 15, 1 << 6
HAS_REGISTER = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


def _transfer(builder, name, word):
    """Emit the instruction that stores the register to a word in memory, or loads it from there."""
    function_type = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t])
    name = f"llvm.x86.sse.{name}"
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    builder.call(function, [builder.bitcast(word, cgutils.voidptr_t)])


@intrinsic
def read_register(typingctx):
    """Return the control and status register, 0 where the processor has none."""

    def codegen(context, builder, signature, args):
        if not HAS_REGISTER:
            return context.get_constant(types.int32, 0)
        word = cgutils.alloca_once(builder, ir.IntType(32))
        _transfer(builder, "stmxcsr", word)
        return builder.load(word)

    return types.int32(), codegen


@intrinsic
def write_register(typingctx, value):
    """Set the control and status register."""

    def codegen(context, builder, signature, args):
        if HAS_REGISTER:
            word = cgutils.alloca_once(builder, ir.IntType(32))
            builder.store(args[0], word)
            _transfer(builder, "ldmxcsr", word)
        return context.get_dummy_value()

    return types.void(types.int32), codegen


@jit
def flush_subnormals():
    """Round subnormal numbers to zero in this thread; return the register as it was before."""
    before = read_register()
    write_register(before | (FLUSH_RESULTS | FLUSH_OPERANDS))
    return before


if numba.config.DISABLE_JIT:

    def read_register():
        """Return 0: the interpreter's arithmetic is left as it is."""
        return 0

    def write_register(value):
        """Do nothing."""
