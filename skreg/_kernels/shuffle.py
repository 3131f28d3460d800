"""The shuffle of NumPy's `RandomState`, draw by draw, in half the time.

Its stream is frozen (NEP 19), and scikit-learn's networks see their rows in its order. Index i,
from the last one down, changes places with a random one of the first i + 1: bits under a mask
are drawn until they are not beyond i. Here a draw that is beyond costs no mispredicted branch:
the next one takes its place.
"""

import ctypes
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from skreg._jit import jit
from skreg._kernels.scratch import free_array, heap_array

AHEAD = 4096  # how many draws precede the swaps that they decide
MOST_NUMBERS = 2**32  # beyond, NumPy draws 64 bits at a time


class Draws(NamedTuple):
    """A source of 32 random bits: the address of a function, and of the state it is called with."""

    function: int
    state: int


NO_DRAWS = Draws(np.int64(0), np.int64(0))


@intrinsic
def _draw(typingctx, function, state):
    """Call ``uint32 function(state)``, both given as addresses."""

    def codegen(context, builder, signature, given):
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(64)])
        word = builder.call(builder.inttoptr(given[0], kind.as_pointer()), [given[1]])
        return builder.zext(word, ir.IntType(64))

    return types.int64(types.int64, types.int64), codegen


@jit
def _draw_partners(partners, last, stop, draws):
    """Draw with which index before it, or itself, each from ``last`` down to ``stop`` + 1 swaps."""
    i, mask = last, 1
    while mask < i:
        mask = 2 * mask + 1
    while i > stop:
        lowest = max(mask >> 1, stop)
        while i > lowest:
            partners[last - i] = j = _draw(draws.function, draws.state) & mask
            i -= j <= i
        mask >>= 1


@jit
def shuffle(numbers, draws):
    """Permute a vector of int64 in place."""
    partners = heap_array(numbers, min(numbers.size, AHEAD))
    last = numbers.size - 1
    while last > 0:
        stop = max(last - AHEAD, 0)
        _draw_partners(partners, last, stop, draws)
        for i in range(last, stop, -1):
            j = partners[last - i]
            numbers[i], numbers[j] = numbers[j], numbers[i]
        last = stop
    free_array(partners)


class Shuffler:
    """Permutes vectors as ``random_state.shuffle`` does, and draws what it draws.

    Parameters
    ----------
    random_state : numpy.random.RandomState
    is_shared : bool
        Whether others may draw from it as well, in other threads.
    """

    def __init__(self, random_state, is_shared=True):
        self._random_state, self._is_shared = random_state, is_shared
        self._source = getattr(random_state, "_bit_generator", None)
        if numba.config.DISABLE_JIT:
            self._source = None
        if self._source is not None:
            draws = self._source.ctypes
            function = ctypes.cast(draws.next_uint32, ctypes.c_void_p).value
            self._draws = Draws(np.int64(function), np.int64(draws.state_address))

    def _is_ours(self, n):
        return self._source is not None and n < MOST_NUMBERS

    def draws(self, n):
        """Return what compiled code draws from to shuffle ``n`` numbers, or `NO_DRAWS`.

        There is no lock that it could wait for.
        """
        return self._draws if self._is_ours(n) and not self._is_shared else NO_DRAWS

    def shuffle(self, numbers):
        """Permute a vector of int64 in place."""
        if not self._is_ours(numbers.size):
            self._random_state.shuffle(numbers)
            return
        with self._source.lock:
            shuffle(numbers, self._draws)
