"""fmod, and NumPy's floor_divide and remainder of floats, which have the divisor's sign."""

from __future__ import annotations

import math

import numpy as np

from wingbeat.backend.llvm.flow import loop
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
    """One lane: long division, a few digits less than a float has at a time."""
    about, builder = np.finfo(a.dtype), s.builder
    digits = about.nmant - 3
    bottom = s.normalized(b)[1]
    length = s.whole(s.sub(s.normalized(a)[1], bottom))
    rest = [a.value]
    turns = builder.sdiv(s.cast(length, np.dtype(np.int64)).value, builder.block.function)
    with loop(builder, 0, turns, 1, rest):
        pass
    return Vector(rest[0], a.dtype)
