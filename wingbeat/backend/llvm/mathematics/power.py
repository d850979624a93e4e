"""pow, hypot and rsqrt.

x^y = e^(y log x). y may be as large as the exponent's range, so log x needs as many more digits:
float32 is computed in float64, float64 in pairs of float64.
"""

from __future__ import annotations

import math

from wingbeat.backend.llvm.lanes import F32, F64, Lanes, Vector
from wingbeat.backend.llvm.mathematics.exact import (
    Pair,
    multiply,
    ordered_add,
    ordered_sum,
    residual,
    two_product,
)
from wingbeat.backend.llvm.mathematics.exponential import (
    EXP,
    EXP_RANGE,
    clamped,
    exp_of_reduced,
    reduced,
)
from wingbeat.backend.llvm.mathematics.polynomial import horner

# Both: Remez's exchange, in s^2 for |s| <= 1/5. (2 artanh(s) / s - 2 - 2 s^2 / 3) / s^4 ...
LONG = (
    0.12576965595767503,
    0.11591459185713479,
    0.13341204444148974,
    0.1538440453793043,
    0.1818182156804354,
    0.22222222190781946,
    0.2857142857157993,
    0.3999999999999972,
)
# ... and (2 artanh(s) / s - 2) / s^2, as exactly as float32 needs it.
SHORT = (0.24103428326173162, 0.2850679817345383, 0.4000086735531953, 0.6666666305973084)
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
# log 2 in three parts; products of the first two with an exponent are exact.
LOG_2_LONG = (0.6931471805598903, 5.4979230187085024e-14, -1.3124698417785255e-27)

LARGEST = 2.0**80  # what y may be: beyond, only x = 1 gives neither 0 nor infinity


def pow(s: Lanes, x: Vector, y: Vector) -> Vector:
    """C's special cases: x^0 and 1^y are 1 whatever x and y are, NaN included."""
    if y.number == 3:
        return _cube(s, x)
    if y.number == 0.5:
        return s.sqrt(x)  # as NumPy has it: of -0.0 and of -inf it is not C's
    size = s.abs(x)
    near = clamped(s, y, -LARGEST, LARGEST)
    z = _narrow(s, size, near) if x.dtype == F32 else _wide(s, size, near)
    edge = s.bits("|", s.compare("==", size, 0.0), s.compare("==", size, math.inf))
    grows = s.bits("^", s.compare("==", size, 0.0), s.compare(">", y, 0.0))
    z = s.select(edge, s.select(grows, s.const(math.inf, x.dtype), 0.0), z)
    whole = s.compare("==", s.trunc(y), y)
    half = s.mul(y, 0.5)
    odd = s.bits("&", whole, s.compare("!=", s.trunc(half), half))
    z = s.select(odd, s.copysign(z, x), z)
    below = s.bits("&", s.compare("<", x, 0.0), s.compare("!=", size, math.inf))
    nan = s.bits("&", below, s.invert(whole))
    for v in (x, y):
        nan = s.bits("|", nan, s.compare("!=", v, v))
    one = s.bits("|", s.compare("==", x, 1.0), s.compare("==", y, 0.0))
    return s.select(one, 1.0, s.select(nan, math.nan, z))


def _cube(s: Lanes, x: Vector) -> Vector:
    """float32 through float64; else x x x, and what both products round off."""
    if x.dtype == F32:
        wide = s.cast(x, F64)
        return s.cast(s.mul(s.mul(wide, wide), wide), F32)
    square, rest = two_product(s, x, x)
    z, last = two_product(s, square, x)
    finite = s.compare("<", s.abs(z), math.inf)
    return s.select(finite, s.add(z, s.fma(rest, x, last)), z)


def integer_pow(s: Lanes, x: Vector, y: Vector) -> Vector:
    """Square and multiply, wrapping as a product does; a negative exponent is refused."""
    if y.dtype.kind == "i":
        s.refuse(s.compare("<", y, 0))
    width = 8 * y.dtype.itemsize - (y.dtype.kind == "i")
    z = s.const(1, x.dtype)
    for bit in range(width):
        chosen = s.compare("!=", s.bits("&", y, 1 << bit), 0)
        z = s.select(chosen, s.mul(z, x), z)
        if bit + 1 < width:
            x = s.mul(x, x)
    return z


def _narrow(s: Lanes, x: Vector, y: Vector) -> Vector:
    """float32, through float64: the sum of the logarithm's parts needs no care."""
    m, k = s.normalized(x)
    f = s.cast(s.sub(m, 1.0), F64)
    t = s.div(f, s.add(f, 2.0))
    square = s.mul(t, t)
    log = s.fma(s.mul(t, square), horner(s, square, SHORT), s.add(t, t))
    log = s.fma(s.cast(k, F64), math.log(2.0), log)
    n, r = reduced(s, clamped(s, s.mul(s.cast(y, F64), log), *EXP_RANGE[F32]))
    e = s.add(s.fma(horner(s, r, EXP[F32]), s.mul(r, r), r), 1.0)
    return s.cast(s.mul(e, s.power_of_two(s.whole(n))), F32)


def _wide(s: Lanes, x: Vector, y: Vector) -> Vector:
    log = _log(s, x)
    high, low = two_product(s, y, log.high)
    low = s.fma(y, log.low, low)
    # Where e^high is 0 or infinite, low may be anything.
    low = s.select(s.compare("<", s.abs(high), -EXP_RANGE[F64].low), low, 0.0)
    n, r = reduced(s, clamped(s, high, *EXP_RANGE[F64]))
    return s.scale(exp_of_reduced(s, s.add(r, low)), n)


def _log(s: Lanes, x: Vector) -> Pair:
    """log x for positive x, to about 68 bits: k log 2 + 2 artanh(f / (f + 2))."""
    m, k = s.normalized(x)
    f = s.sub(m, 1.0)
    below = ordered_sum(s, 2.0, f)
    reciprocal = s.div(1.0, below.high)
    high = s.mul(f, reciprocal)
    rest = s.sub(residual(s, f, high, below.high), s.mul(high, below.low))
    t = ordered_sum(s, high, s.mul(rest, reciprocal))
    square = multiply(s, t, t)
    tail = s.mul(horner(s, square.high, LONG), square.high)
    slope = ordered_sum(s, TWO_THIRDS[0], tail)
    slope = Pair(slope.high, s.add(slope.low, TWO_THIRDS[1]))
    cubic = multiply(s, multiply(s, t, square), slope)
    small = ordered_add(s, Pair(s.add(t.high, t.high), s.add(t.low, t.low)), cubic)
    powers = ordered_sum(s, s.mul(k, LOG_2_LONG[0]), s.mul(k, LOG_2_LONG[1]))
    powers = Pair(powers.high, s.fma(k, LOG_2_LONG[2], powers.low))
    return ordered_add(s, powers, small)


HYPOT_LARGE, HYPOT_SMALL, HYPOT_SCALE = 2.0**500, 2.0**-500, 2.0**600


def hypot(s: Lanes, x: Vector, y: Vector) -> Vector:
    """The root of x^2 + y^2, scaled where a square would leave the range; float32 in float64."""
    if x.dtype == F32:
        a, b = s.cast(x, F64), s.cast(y, F64)
        z = s.cast(s.sqrt(s.fma(a, a, s.mul(b, b))), F32)
    else:
        a, b = s.abs(x), s.abs(y)
        large = s.select(s.compare("<", a, b), b, a)
        down = s.compare(">", large, HYPOT_LARGE)
        up = s.compare("<", large, HYPOT_SMALL)
        there = s.select(down, 1 / HYPOT_SCALE, s.select(up, s.const(HYPOT_SCALE, F64), 1.0))
        back = s.select(down, HYPOT_SCALE, s.select(up, s.const(1 / HYPOT_SCALE, F64), 1.0))
        a, b = s.mul(a, there), s.mul(b, there)
        z = s.mul(s.sqrt(s.fma(a, a, s.mul(b, b))), back)
    infinite = s.bits(
        "|", *(s.compare("==", s.abs(v), math.inf) for v in (x, y))
    )  # even beside NaN
    return s.select(infinite, math.inf, z)


def rsqrt(s: Lanes, x: Vector) -> Vector:
    return s.div(1.0, s.sqrt(x))
