"""The team: threads that run one compiled function together and meet at barriers.

The barrier counts arrivals with an atomic addition and waits for a generation number to move on.
It spins for a while, because a mini-batch takes microseconds, then yields the processor at every
look, so that an oversubscribed machine stays correct and does not crawl. After some milliseconds
it sleeps between two looks: the caller is busy with something else, a scorer of the user's own,
say, that wants the cores. A raised abort flag ends every wait. The words lie on cache lines of
their own.
"""

import sys
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from skreg._jit import jit

_LINE = 16  # int64 words between two flags: two cache lines, as prefetchers fetch pairs
ARRIVED, GENERATION, ABORT, COMMAND = range(0, 4 * _LINE, _LINE)
SPINS_BEFORE_YIELD, SPINS_BEFORE_SLEEP = 4000, 24000
NAP = 200  # microseconds


class Team(NamedTuple):
    """The flags that a team shares and its size."""

    flags: np.ndarray
    n_threads: int


def new_team(n_threads):
    """Return a team of ``n_threads`` that has not met yet."""
    return Team(np.zeros(4 * _LINE, dtype=np.int64), n_threads)


def _word(context, builder, signature, args):
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


@intrinsic
def _atomic_add(typingctx, words, index, value):
    def codegen(context, builder, signature, args):
        return builder.atomic_rmw(
            "add", _word(context, builder, signature, args), args[2], "seq_cst"
        )

    return types.int64(words, types.intp, types.int64), codegen


@intrinsic
def _atomic_load(typingctx, words, index):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(_word(context, builder, signature, args), "seq_cst", 8)

    return types.int64(words, types.intp), codegen


@intrinsic
def _atomic_store(typingctx, words, index, value):
    def codegen(context, builder, signature, args):
        word = _word(context, builder, signature, args)
        builder.store_atomic(args[2], word, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(words, types.intp, types.int64), codegen


def _call_system(builder, name, *numbers):
    word = ir.IntType(32)
    function_type = ir.FunctionType(word, [word] * len(numbers))
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    builder.call(function, [ir.Constant(word, number) for number in numbers])


@intrinsic
def _yield_processor(typingctx):
    def codegen(context, builder, signature, args):
        _call_system(builder, "SwitchToThread" if sys.platform == "win32" else "sched_yield")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _sleep(typingctx):
    def codegen(context, builder, signature, args):
        if sys.platform == "win32":
            _call_system(builder, "Sleep", 1)  # milliseconds
        else:
            _call_system(builder, "usleep", NAP)
        return context.get_dummy_value()

    return types.void(), codegen


if numba.config.DISABLE_JIT:  # then a team has one member, which never waits

    def _atomic_add(words, index, value):
        words[index] += value
        return words[index] - value

    def _atomic_load(words, index):
        return words[index]

    def _atomic_store(words, index, value):
        words[index] = value

    def _yield_processor():
        pass

    def _sleep():
        pass


@jit
def meet(team):
    """Wait until every member has arrived; return False where the team was aborted."""
    flags = team.flags
    if team.n_threads == 1:
        return True
    generation = _atomic_load(flags, GENERATION)
    if _atomic_add(flags, ARRIVED, 1) == team.n_threads - 1:
        _atomic_store(flags, ARRIVED, 0)
        _atomic_add(flags, GENERATION, 1)
        return _atomic_load(flags, ABORT) == 0
    spins = 0
    while _atomic_load(flags, GENERATION) == generation:
        if _atomic_load(flags, ABORT) != 0:
            return False
        spins += 1
        if spins > SPINS_BEFORE_SLEEP:
            _sleep()
        elif spins > SPINS_BEFORE_YIELD:
            _yield_processor()
    return _atomic_load(flags, ABORT) == 0


def abort(team):
    """Make every wait of the team end, now and later; not compiled, which might fail."""
    team.flags[ABORT] = 1


@jit
def share(tid, n_threads, n_items, grain):
    """Return the half-open range of items that member ``tid`` works on, in whole grains.

    >>> share(0, 2, 20, 8), share(1, 2, 20, 8)
    ((0, 16), (16, 20))
    """
    grains = (n_items + grain - 1) // grain
    quotient, remainder = grains // n_threads, grains % n_threads
    first = tid * quotient + min(tid, remainder)
    last = first + quotient + (1 if tid < remainder else 0)
    return min(first * grain, n_items), min(last * grain, n_items)
