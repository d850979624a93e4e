"""fmod, and NumPy's floor_divide and remainder of floats, which have the divisor's sign."""

from __future__ import annotations

import math

import numpy as np

from wingbeat.backend.llvm.lanes import Lanes, Vector
from wingbeat.backend.llvm.mathematics.exact import two_product
from wingbeat.backend.llvm.subroutine import rarely


def fmod(s: Lanes, x: Vector, y: Vector) -> Vector:
    """What is left of x after whole multiples of y, exactly, with the sign of x."""
    a, b = s.abs(x), s.abs(y)
    q = s.div(a, b)
    z = _step(s, a, b, q)
    z = s.select(s.compare("<", a, b), a, z)  # b may be infinite
    limit = 2.0 ** np.finfo(x.dtype).nmant
    usable = s.bits("&", s.compare("<", a, math.inf), s.compare(">", b, 0.0))
    long = s.bits("&", usable, s.compare(">=", q, limit))
    return s.copysign(rarely(s, long, z, "fmod", _division, a, b), x)


def _step(s: Lanes, a: Vector, b: Vector, q: Vector) -> Vector:
    """a - trunc(q) b for q = a / b with all its digits before the point."""
    product = two_product(s, s.trunc(q), b)
    z = s.sub(s.sub(a, product.high), product.low)
    return s.select(s.compare("<", z, 0.0), s.add(z, b), z)  # the quotient was rounded up


def _division(s: Lanes, a: Vector, b: Vector) -> Vector:
    """One lane, by the C library: as many steps as the quotient has digits."""
    return Vector(s.builder.frem(a.value, b.value), a.dtype)


def floor_divide(s: Lanes, x: Vector, y: Vector) -> Vector:
    """The whole number below x / y: nearest to what is left of x without its remainder."""
    rest, shifted = _divided(s, x, y)
    q = s.div(s.sub(x, rest), y)
    q = s.select(shifted, s.sub(q, 1.0), q)
    whole = s.floor(q)
    whole = s.select(s.compare(">", s.sub(q, whole), 0.5), s.add(whole, 1.0), whole)
    ratio = s.div(x, y)
    z = s.select(s.compare("==", q, 0.0), s.copysign(0.0, ratio), whole)
    return s.select(s.compare("==", y, 0.0), ratio, z)


def remainder(s: Lanes, x: Vector, y: Vector) -> Vector:
    rest, shifted = _divided(s, x, y)
    z = s.select(shifted, s.add(rest, y), rest)
    return s.select(s.compare("==", rest, 0.0), s.copysign(0.0, y), z)


def _divided(s: Lanes, x: Vector, y: Vector) -> tuple[Vector, Vector]:
    """fmod, and where it has not the divisor's sign."""
    rest = fmod(s, x, y)
    across = s.bits("^", s.compare("<", rest, 0.0), s.compare("<", y, 0.0))
    return rest, s.bits("&", across, s.compare("!=", rest, 0.0))
