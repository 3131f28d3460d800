"""Random numbers as coordinates: a hash of (seed, step, level, row, column), no state.

Any thread can draw any number, in any order, and draw it again. A 64-bit finalizer (SplitMix64,
Steele, Lea & Flood 2014) mixes seed, step, level and row into a key; two rounds of a 32-bit
multiply-xorshift hash mix the column into it, which loops over columns vectorize.
"""

import numba
import numpy as np

from skreg._jit import inlined, jit

_WEYL = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_STEP_32 = np.uint32(0x9E3779B9)
_FIRST_32 = np.uint32(0x7FEB352D)
_SECOND_32 = np.uint32(0x846CA68B)

if numba.config.DISABLE_JIT:  # NumPy scalars warn when they wrap around

    def _times64(a, b):
        return np.uint64((int(a) * int(b)) & 0xFFFFFFFFFFFFFFFF)

    def _plus64(a, b):
        return np.uint64((int(a) + int(b)) & 0xFFFFFFFFFFFFFFFF)

    def _times32(a, b):
        return np.uint32((int(a) * int(b)) & 0xFFFFFFFF)

    def _plus32(a, b):
        return np.uint32((int(a) + int(b)) & 0xFFFFFFFF)

else:

    @jit
    def _times64(a, b):
        return np.uint64(a) * np.uint64(b)

    @jit
    def _plus64(a, b):
        return np.uint64(a) + np.uint64(b)

    @jit
    def _times32(a, b):
        return np.uint32(np.uint32(a) * np.uint32(b))

    @jit
    def _plus32(a, b):
        return np.uint32(np.uint32(a) + np.uint32(b))


@jit
def mix(key, coordinate):
    """Return the 64-bit key of ``coordinate`` below ``key``."""
    z = _plus64(_plus64(key, _times64(np.uint64(coordinate), _WEYL)), _WEYL)
    z = _times64(z ^ (z >> np.uint64(30)), _MIX_1)
    z = _times64(z ^ (z >> np.uint64(27)), _MIX_2)
    return z ^ (z >> np.uint64(31))


@jit
def bits(low, high, column):
    """Return 32 uniform bits for ``column`` of the row whose key has these two halves."""
    x = _plus32(_times32(np.uint32(column), _STEP_32), low)
    x = _times32(np.uint32(x ^ np.uint32(x >> np.uint32(16))), _FIRST_32)
    x = np.uint32(x ^ high)
    x = _times32(np.uint32(x ^ np.uint32(x >> np.uint32(15))), _SECOND_32)
    return np.uint32(x ^ np.uint32(x >> np.uint32(16)))


@inlined
def bits_of_lanes(low, high, columns):
    """Return the `bits` of lanes of columns, which are words of 32 bits."""
    x = columns * _STEP_32 + low
    x = (x ^ (x >> 16)) * _FIRST_32 ^ high
    x = (x ^ (x >> 15)) * _SECOND_32
    return x ^ (x >> 16)


@jit
def halves(key):
    """Return the low and the high 32 bits of a key."""
    return np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
