"""Elementary functions of lanes: branch-free arithmetic with stated errors.

A loop over a call of the C library is scalar code. The functions below consist of additions,
products, selections and shifts of bits instead, all in the precision of their argument; what
differs between float32 and float64 is one table of constants. Each of them takes and returns
lanes (see `lanes`). The stated errors are the largest ones found by dense sampling over the whole
range, in units in the last place (ulp) of the result, first for float32, then for float64.
"""

import functools
from typing import NamedTuple

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skreg._jit import inlined
from skreg._kernels.lane_bits import as_bits, as_real
from skreg._kernels.lanes import spread, square_root, where


class Format(NamedTuple):
    """Constants of one floating-point format; polynomials run from the highest power down."""

    mantissa: int  # stored bits of the mantissa
    magnitude: int  # all bits but the sign
    one: int  # bits of 1.0
    root: int  # bits of sqrt(1/2), from which mantissas in [sqrt(1/2), sqrt(2)) are counted
    shifter: float  # adding 1.5 * 2**mantissa rounds to an integer, kept in the lowest bits
    shifter_bits: int
    bias: float  # of the exponent
    lowest: float  # exp is zero below
    highest: float  # exp is infinite above
    smallest: float  # normal number
    largest: float
    inverse_ln2: float
    ln2_high: float  # with trailing zeros: a product with an exponent is exact
    ln2_low: float
    exp: tuple  # (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2
    log: tuple  # 2 (artanh(s) / s - 1) / s**2 as a function of s**2
    tail: tuple  # of the normal distribution, see `normal`
    guess: int  # minus half the bits of x: those of about 1 / sqrt(x); 0: take the instruction


# The coefficients are minimax fits (Remez exchange in 60 digits), rounded to the format.
SINGLE = Format(
    mantissa=23,
    magnitude=0x7FFFFFFF,
    one=0x3F800000,
    root=0x3F3504F3,
    shifter=1.5 * 2.0**23,
    shifter_bits=0x4B400000,
    bias=127.0,
    lowest=-104.0,
    highest=89.0,
    smallest=2.0**-126,
    largest=(2.0 - 2.0**-23) * 2.0**127,
    inverse_ln2=1.4426950408889634,
    ln2_high=0.693359375,
    ln2_low=-2.12194440054690583e-4,
    exp=(0.001394651187, 0.008366633258, 0.04166628134, 0.1666654266, 0.5000000062),
    log=(0.2987058829, 0.3997760511, 0.6666677559),
    tail=(
        *(-1.649634353e-5, 2.241930849e-5, 1.962401034e-4, -4.3906941e-4, -9.406587499e-4),
        *(7.550478976e-3, -2.331543021e-2, 4.839211262e-2, -7.598707353e-2, 9.441064192e-2),
    ),
    guess=0,
)
DOUBLE = Format(
    mantissa=52,
    magnitude=0x7FFFFFFFFFFFFFFF,
    one=0x3FF0000000000000,
    root=0x3FE6A09E667F3BCD,
    shifter=1.5 * 2.0**52,
    shifter_bits=0x4338000000000000,
    bias=1023.0,
    lowest=-746.0,
    highest=710.0,
    smallest=2.0**-1022,
    largest=(2.0 - 2.0**-52) * 2.0**1023,
    inverse_ln2=1.4426950408889634,
    ln2_high=6.93147180369123816490e-01,
    ln2_low=1.90821492927058770002e-10,
    exp=(
        *(2.51146037689656275e-8, 2.76264082347064184e-7, 2.75572275596117917e-6),
        *(2.48015042712907265e-5, 1.98412699034483039e-4, 1.38888889324901201e-3),
        *(8.33333333331441152e-3, 4.16666666665734387e-2, 1.66666666666666863e-1),
        0.500000000000000554,
    ),
    log=(
        *(0.147935032690677882, 0.153143322667361737, 0.181835515523653715),
        *(0.222221988617337603, 0.285714287390202229, 0.399999999994334389),
        0.666666666666673067,
    ),
    tail=(
        *(1.94948835232625235e-10, 1.3344485780553924e-9, 1.13881704286384398e-9),
        *(-8.96206228563471035e-9, -1.81987198136607945e-8, 3.24840536098973911e-8),
        *(1.26506924458784359e-7, -7.78981691368453503e-8, -7.39327737920355409e-7),
        *(8.92927826527783744e-8, 4.39283591137790059e-6, -2.38463747183943009e-7),
        *(-2.88868112054850214e-5, 1.66680285328058861e-5, 2.03852299797014041e-4),
        *(-4.34961544932104027e-4, -9.42523620304343755e-4, 7.54957186131628108e-3),
        *(-2.33152322449748058e-2, 4.83921750927778855e-2, -7.5987080246486345e-2),
        0.0944106413019689328,
    ),
    guess=0x5FE6EB50C7B537A9,
)

DETOUR = 64.0  # added to exponents that may be subnormal, and taken off in the end


if numba.config.DISABLE_JIT:

    def constants(x):
        """Return the table of the format of ``x``."""
        return SINGLE if x.dtype == np.float32 else DOUBLE

    def polynomial(x, coefficients):
        """Evaluate by Horner's rule a polynomial whose highest coefficient comes first."""
        return functools.reduce(lambda value, c: value * x + c, coefficients)

else:

    @intrinsic
    def constants(context, x):
        """Return the table of the format of ``x``, as a compile-time constant."""
        table = SINGLE if x.dtype == types.float32 else DOUBLE
        kind = numba.typeof(table)

        def generate(context, builder, signature, arguments):
            return context.get_constant_generic(builder, kind, table)

        return kind(x), generate

    @intrinsic
    def polynomial(context, x, coefficients):
        """Evaluate by Horner's rule a polynomial whose highest coefficient comes first."""

        def generate(context, builder, signature, arguments):
            value, *rest = (
                spread(context, builder, x, coefficients.dtype, c)
                for c in cgutils.unpack_tuple(builder, arguments[1])
            )
            for c in rest:
                value = builder.fadd(builder.fmul(value, arguments[0]), c)
            return value

        return x(x, coefficients), generate


@inlined
def power_of_two(n):
    """Return 2**n for integer-valued ``n`` within the range of normal exponents."""
    c = constants(n)
    return as_real(as_bits(n + (c.shifter + c.bias)) << c.mantissa)


@inlined
def reduced_exp(x):
    """Return ``p, n`` such that exp(x) = (1 + p) 2**n, n an integer.

    The argument is reduced as by Cody and Waite (1980), "Software Manual for the Elementary
    Functions".
    """
    c = constants(x)
    n = (x * c.inverse_ln2 + c.shifter) - c.shifter
    r = (x - n * c.ln2_high) - n * c.ln2_low
    return r + r * r * polynomial(r, c.exp), n


@inlined
def exp(x):
    """Return exp(x), within 1.05 and 1.01 ulp."""
    c = constants(x)
    x = where(x < c.lowest, c.lowest, x)
    p, n = reduced_exp(where(x > c.highest, c.highest, x))
    # Two factors: a single one cannot hold the exponents of subnormal and of the largest results.
    low = (n * 0.5 + c.shifter) - c.shifter
    return (p + 1.0) * power_of_two(low) * power_of_two(n - low)


@inlined
def exp_below_zero(x):
    """Return exp(x) for x <= 0 by fewer operations, with the same error."""
    c = constants(x)
    p, n = reduced_exp(where(x < c.lowest, c.lowest, x))
    # Detached from the smallest exponents until the last product, which rounds to subnormals.
    return (p + 1.0) * power_of_two(n + DETOUR) * 2.0**-DETOUR


@inlined
def expm1(x):
    """Return exp(x) - 1 for x up to ln(max) - 1, within 1.6 and 2.1 ulp."""
    p, n = reduced_exp(where(x < -40.0, -40.0, x))  # below, the result is -1 in either format
    scale = power_of_two(n)
    return p * scale + (scale - 1.0)


@inlined
def tanh(x):
    """Return the hyperbolic tangent, within 2.4 and 2.6 ulp."""
    double = abs(x + x)
    e = expm1(where(double > 40.0, 40.0, double))  # at 40 the result is 1 in either format
    value = e / (e + 2.0)
    return where(x < 0.0, -value, value)


@inlined
def logistic(x):
    """Return 1 / (1 + exp(-x)), within 2.3 and 2.3 ulp."""
    e = exp_below_zero(-abs(x))
    return where(x < 0.0, e, 1.0) / (e + 1.0)


@inlined
def log_of(f, n):
    """Return log((1 + f) 2**n) for f between sqrt(1/2) - 1 and sqrt(2) - 1.

    The series of Sun's FDLIBM: with s = f / (2 + f), log(1 + f) = 2 artanh(s).
    """
    c = constants(f)
    s = f / (f + 2.0)
    half = 0.5 * f * f
    rest = half - (s * (half + s * s * polynomial(s * s, c.log)) + n * c.ln2_low)
    return n * c.ln2_high + (f - rest)


@inlined
def parted(x):
    """Return ``f, n`` such that a normal number ``abs(x)`` is (1 + f) 2**n, as in `log_of`."""
    c = constants(x)
    bits = (as_bits(x) & c.magnitude) + (c.one - c.root)
    n = as_real((bits >> c.mantissa) + c.shifter_bits) - (c.shifter + c.bias)
    return as_real((bits & ((1 << c.mantissa) - 1)) + c.root) - 1.0, n


@inlined
def log(x):
    """Return the natural logarithm, -inf at zero, NaN below; within 0.82 and 0.82 ulp."""
    c = constants(x)
    small = x < c.smallest  # zero or subnormal: scaled into the normal range
    f, n = parted(where(small, x * (1 << c.mantissa), x))
    value = log_of(f, where(small, n - c.mantissa, n))
    value = where(x == 0.0, -np.inf, where(x < 0.0, np.nan, value))
    return where(x < np.inf, value, x)


@inlined
def log1p(x):
    """Return log(1 + x) for x in [0, 1], within 1.4 and 1.4 ulp."""
    high = x > 0.4142135623730951
    return log_of(where(high, (x - 1.0) * 0.5, x), where(high, 1.0, x - x))


@inlined
def softplus(x):
    """Return log(1 + exp(x)), within 1.7 and 1.7 ulp."""
    return where(x > 0.0, x, 0.0) + log1p(exp_below_zero(-abs(x)))


@inlined
def over_root(s, y):
    """Return ``s / sqrt(s y)`` for ``s y`` near 1, up to the fourth power of the gap to it."""
    gap = 1.0 - s * y
    return s + s * gap * ((0.3125 * gap + 0.375) * gap + 0.5)


@inlined
def sqrt(x):
    """Return the square root of zero, normal numbers and infinity, within 0.5 and 0.75 ulp.

    The instruction for vectors of float64 takes as long as thirty others on many processors. Two
    steps of Householder's method for 1 / sqrt(x) take half of that.
    """
    c = constants(x)
    if c.guess == 0:
        return square_root(x)
    y = as_real(c.guess - (as_bits(x) >> 1))
    y = over_root(y, x * y)
    return where(x > c.largest, x, over_root(x * y, y))  # infinity is its own root


@inlined
def normal(x):
    """Return the distribution function of the standard normal law at ``x`` and its density.

    The upper tail is exp(-a**2 / 2) g(a) at a = abs(x); g(a) (4 + a) / 8 is smooth enough on the
    whole half-line for one polynomial in (a - 4) / (a + 4). The lower tail is never a difference:
    its relative error stays below 2.5 (1 + x**2) times the machine epsilon, as that of the exp of
    a rounded square must.
    """
    c = constants(x)
    w = 8.0 / (abs(x) + 4.0)
    e = exp_below_zero(-0.5 * x * x)
    tail = e * w * polynomial(1.0 - w, c.tail)
    return where(x < 0.0, tail, 1.0 - tail), e * 0.3989422804014327
