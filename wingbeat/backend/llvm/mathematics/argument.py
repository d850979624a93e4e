"""Quarter turns taken away from an angle: x = m pi / 2 + r.

Up to `LIMIT`, pi / 2 in three parts does: of the first two, products with m are exact. Beyond it,
Payne and Hanek's method: the bits of 2 / pi that make whole turns of x are never looked at, of
those that follow 192 are multiplied with the significand of x, in one wide integer. Large angles
are rare, so this is done one lane after the other.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.lanes import F32, F64, I64, Lanes, Vector
from wingbeat.backend.llvm.mathematics.exact import Pair, multiply, ordered_sum, pair, two_sum

HALF_PI_PARTS = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
# For float32 with fused multiply-add; without it float32 is reduced in float64.
HALF_PI_FUSED = (1.5707964, -4.371139e-08, -1.7151245e-15)
HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
LIMIT = {F32: 2.0**16, F64: 2.0**20}

BITS = 192  # of 2 / pi that are multiplied, and of the product that is kept
WORD = 32  # bits of the fraction that are converted at once
DIGITS = 53  # of a float64
BEHIND = 1168  # bits of 2 / pi behind the point, enough for the largest float64
TABLE = 160  # bytes: the rest are zeros, for numbers whose first bits stand before the point


class Turned(NamedTuple):
    """x = quarters * pi / 2 + high + low, with quarters modulo 4, an int64; the rest float64."""

    high: Vector
    low: Vector
    quarters: Vector


def is_large(s: Lanes, x: Vector) -> Vector:
    return s.compare(">=", s.abs(x), LIMIT[x.dtype])


def reduced(s: Lanes, x: Vector, m: Vector) -> Vector:
    """x - m pi / 2 for numbers that are not large; NaN for infinities."""
    if x.dtype == F32 and s.target.fma:
        for part in HALF_PI_FUSED:
            x = s.fma(m, -part, x)
        return x
    first, second, third = HALF_PI_PARTS
    m = s.cast(m, F64)
    r = s.fma(m, -first, s.cast(x, F64))
    # What this sum loses would be a second rounding of what is returned.
    z = ordered_sum(s, r, s.mul(m, -second))
    return s.cast(s.add(z.high, s.fma(m, -third, z.low)), x.dtype)


def reduced_large(s: Lanes, x: Vector) -> Turned:
    """Of one number that is large for float32 at least; of infinities it is NaN."""
    x = s.cast(x, F64)
    negative, finite = s.compare("<", x, 0.0), s.compare("<", s.abs(x), math.inf)
    high, low, quarters = _payne_hanek(s, s.abs(x))
    high, low, quarters = (s.select(negative, s.neg(v), v) for v in (high, low, quarters))
    return Turned(s.select(finite, high, math.nan), low, quarters)


def _payne_hanek(s: Lanes, x: Vector) -> Turned:
    b, wide = s.builder, ir.IntType(BITS)
    bits = s.bitcast(x, I64)
    exponent = s.sub(s.bits(">>", bits, DIGITS - 1), 1023 + DIGITS - 1)
    whole = s.bits("|", s.bits("&", bits, (1 << (DIGITS - 1)) - 1), 1 << (DIGITS - 1))
    # The window begins with a byte: what it begins too early, the significand makes up for.
    first = s.sub(BEHIND - BITS + 2, exponent)
    whole = s.bits("<<", whole, s.bits("&", s.neg(first), 7))
    byte = s.bits(">>", s.add(first, 7), 3)
    place = b.gep(_table(b.module), [byte.value], source_etype=ir.IntType(8))
    product = b.mul(b.zext(whole.value, wide), b.load(place, typ=wide, align=1))
    # Two bits count quarters, to the nearest; the others are the fraction, in [-1/2, 1/2).
    rounded = b.lshr(b.add(product, wide(1 << (BITS - 3))), wide(BITS - 2))
    quarters = Vector(b.trunc(rounded, ir.IntType(64)), I64)
    turn = multiply(s, _fraction(s, b.shl(product, wide(2))), pair(s, *HALF_PI, like=x))
    return Turned(turn.high, turn.low, quarters)


def _fraction(s: Lanes, number: Any) -> Pair:
    """A signed wide integer / 2^192; the sum begins with its last bits."""
    b, wide = s.builder, number.type
    total = Pair(s.const(0.0, F64), s.const(0.0, F64))
    for k in range(0, BITS, WORD):
        below = b.trunc(b.ashr(number, wide(k)), ir.IntType(64))
        top = k + WORD == BITS
        word = Vector(below if top else b.and_(below, ir.IntType(64)((1 << WORD) - 1)), I64)
        z = two_sum(s, s.mul(s.cast(word, F64), 2.0 ** (k - BITS)), total.high)
        total = Pair(z.high, s.add(total.low, z.low))
    return ordered_sum(s, total.high, total.low)


def _table(module: Any) -> Any:
    """The module's own copy of the bits of 2 / pi, the last ones first."""
    name = "wingbeat.two_over_pi"
    if name in module.globals:
        return module.globals[name]
    kind = ir.ArrayType(ir.IntType(8), TABLE)
    table = ir.GlobalVariable(module, kind, name)
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(kind, bytearray(_two_over_pi()))
    return table


@cache
def _two_over_pi() -> bytes:
    return ((1 << (2 * BEHIND + 1)) // _pi(BEHIND)).to_bytes(TABLE, "little")


def _pi(bits: int) -> int:
    """pi 2^bits, by Machin: pi = 16 atan(1/5) - 4 atan(1/239)."""
    guard = 16
    one = 1 << (bits + guard)

    def atan(n: int) -> int:
        term, k, total = one // n, 1, 0
        while term:
            total += term // k if k % 4 == 1 else -(term // k)
            term, k = term // (n * n), k + 2
        return total

    return (16 * atan(5) - 4 * atan(239)) >> guard
