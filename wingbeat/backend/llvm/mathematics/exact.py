"""Sums and products together with their rounding errors, and numbers as such pairs.

With fused multiply-add the error of a product is one instruction; without it the factors are split
into halves whose products are exact. Either way the pair is the exact product, as long as nothing
overflows or falls below the smallest number.
"""

from __future__ import annotations

from typing import NamedTuple

from wingbeat.backend.llvm.lanes import Lanes, Number, Vector, integers_of

# Clears the lower half of the significand.
_UPPER = {4: -(1 << 12), 8: -(1 << 27)}


class Pair(NamedTuple):
    """high + low, where low is much smaller: mostly half a unit in the last place of high."""

    high: Vector
    low: Vector


def two_sum(s: Lanes, x: Number, y: Number) -> Pair:
    """x + y."""
    z = s.add(x, y)
    back = s.sub(z, x)
    return Pair(z, s.add(s.sub(x, s.sub(z, back)), s.sub(y, back)))


def ordered_sum(s: Lanes, x: Number, y: Number) -> Pair:
    """x + y, where x is 0 or not smaller than y."""
    z = s.add(x, y)
    return Pair(z, s.sub(y, s.sub(z, x)))


def two_product(s: Lanes, x: Vector, y: Vector) -> Pair:
    """x * y."""
    z = s.mul(x, y)
    if s.target.fma:
        return Pair(z, s.fma(x, y, s.neg(z)))
    (a, b), (c, d) = _halves(s, x), _halves(s, y)
    error = s.sub(s.mul(a, c), z)
    for p, q in ((a, d), (b, c), (b, d)):
        error = s.add(error, s.mul(p, q))
    return Pair(z, error)


def _halves(s: Lanes, x: Vector) -> Pair:
    integers = integers_of(x.dtype)
    upper = s.bits("&", s.bitcast(x, integers), _UPPER[x.dtype.itemsize])
    high = s.bitcast(upper, x.dtype)
    return Pair(high, s.sub(x, high))


def residual(s: Lanes, x: Vector, y: Vector, z: Vector) -> Vector:
    """x - y * z for y near x / z: nothing but the product's rounding error is left."""
    if s.target.fma:
        return s.fma(s.neg(y), z, x)
    product = two_product(s, y, z)
    return s.sub(s.sub(x, product.high), product.low)


def pair(s: Lanes, high: float, low: float, like: Vector) -> Pair:
    """A constant of twice the precision."""
    return Pair(s.const(high, like.dtype), s.const(low, like.dtype))


def ordered_add(s: Lanes, x: Pair, y: Pair) -> Pair:
    """x + y, to about twice the precision, where x is 0 or not smaller than y."""
    z = ordered_sum(s, x.high, y.high)
    return Pair(z.high, s.add(z.low, s.add(x.low, y.low)))


def multiply(s: Lanes, x: Pair, y: Pair) -> Pair:
    """x * y, to about twice the precision; low may be some units in the last place of high."""
    z = two_product(s, x.high, y.high)
    crossed = s.fma(x.high, y.low, s.mul(x.low, y.high))
    return Pair(z.high, s.add(z.low, crossed))


def divide(s: Lanes, x: Vector, y: Pair, reciprocal: Vector) -> Vector:
    """x / y as if y had one rounding only, from 1 / y.high; a Newton step from there."""
    q = s.mul(x, reciprocal)
    rest = s.sub(residual(s, x, q, y.high), s.mul(q, y.low))
    return s.fma(rest, reciprocal, q)
