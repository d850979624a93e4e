"""What the bits of a number say: its sign, whether it is finite, its neighbours."""

from __future__ import annotations

import math

from wingbeat.backend.llvm.lanes import BOOL, Lanes, Vector, integers_of


def isnan(s: Lanes, x: Vector) -> Vector:
    return s.compare("!=", x, x) if x.dtype.kind == "f" else s.const(False, BOOL)


def isinf(s: Lanes, x: Vector) -> Vector:
    return s.compare("==", s.abs(x), math.inf) if x.dtype.kind == "f" else s.const(False, BOOL)


def isfinite(s: Lanes, x: Vector) -> Vector:
    return s.compare("<", s.abs(x), math.inf) if x.dtype.kind == "f" else s.const(True, BOOL)


def sign(s: Lanes, x: Vector) -> Vector:
    """-1, 0 or 1 in the dtype of x; NaN stays."""
    z = s.select(s.compare(">", x, 0), s.const(1, x.dtype), 0)
    if x.dtype.kind in "bu":
        return z
    z = s.select(s.compare("<", x, 0), -1, z)
    return s.select(s.compare("!=", x, x), x, z) if x.dtype.kind == "f" else z


def signbit(s: Lanes, x: Vector) -> Vector:
    """Of -0 and of a NaN too."""
    return s.compare("<", s.bitcast(x, integers_of(x.dtype)), 0)


def nextafter(s: Lanes, x: Vector, y: Vector) -> Vector:
    """One step from x towards y: numbers of one sign lie as their bits, read as integers, do."""
    integers = integers_of(x.dtype)
    bits = s.bitcast(x, integers)
    outwards = s.bits("^", s.compare("<", x, y), s.compare("<", x, 0.0))
    moved = s.bitcast(s.add(bits, s.select(outwards, s.const(1, integers), -1)), x.dtype)
    smallest = s.bitcast(s.const(1, integers), x.dtype)
    z = s.select(s.compare("==", x, 0.0), s.copysign(smallest, y), moved)
    z = s.select(s.compare("==", x, y), y, z)
    unknown = s.bits("|", isnan(s, x), isnan(s, y))
    return s.select(unknown, s.add(x, y), z)
