"""asin, acos, atan and atan2.

Arguments are brought where one polynomial serves: beyond 1/2, asin(x) = pi/2 - 2 asin(root) with
root^2 = (1 - x) / 2; beyond 1, atan(x) = pi/2 - atan(1/x).
"""

from __future__ import annotations

import math

from wingbeat.backend.llvm.lanes import F32, F64, Lanes, Vector
from wingbeat.backend.llvm.mathematics.exact import ordered_sum
from wingbeat.backend.llvm.mathematics.polynomial import horner

# Both: Remez's exchange, in x^2. (asin x - x) / x^3 for |x| <= 1/2 ...
ASIN = {
    F32: (4.2219758e-2, 2.4148138e-2, 4.547666e-2, 7.495249e-2, 0.16666754),
    F64: (
        0.03270134556300653,
        -0.021115381078814045,
        0.021789674518747897,
        0.0036725978824868268,
        0.0107892077499081,
        0.011397314177010879,
        0.013981015814093856,
        0.0173515957427011,
        0.02237221589115817,
        0.030381942675870015,
        0.04464285717527148,
        0.07499999999970118,
        0.16666666666666763,
    ),
}
# ... and (atan x - x) / x^3 for |x| <= 1.
ATAN = {
    F32: (
        2.9755426e-3,
        -1.6585093e-2,
        4.3560095e-2,
        -7.581154e-2,
        0.10679223,
        -0.14214285,
        0.19994147,
        -0.33333167,
    ),
    F64: (
        1.3489727012019776e-05,
        -0.00015480152983004346,
        0.0008435054324526705,
        -0.0029194018644174303,
        0.00726347753325223,
        -0.013995164027966828,
        0.022085351414624994,
        -0.02998574730315897,
        0.03669364862117172,
        -0.04221724276805878,
        0.047232960214362366,
        -0.05253806401157575,
        0.058805927621619396,
        -0.06666415035952185,
        0.07692281192007305,
        -0.09090907119761157,
        0.11111111013683234,
        -0.14285714282803494,
        0.19999999999955462,
        -0.33333333333333093,
    ),
}
# pi / 2 in two parts.
HALF_PI = {F32: (1.5707964, -4.371139e-08), F64: (1.5707963267948966, 6.123233995736766e-17)}


def asin(s: Lanes, x: Vector) -> Vector:
    near, root, rest = _arc(s, x)
    high, low = HALF_PI[x.dtype]
    gap = ordered_sum(s, high / 2, s.neg(root))
    half = s.sub(gap.high, s.sub(rest, s.add(gap.low, low / 2)))
    return s.copysign(s.select(near, s.add(root, rest), s.add(half, half)), x)


def acos(s: Lanes, x: Vector) -> Vector:
    """pi/2 - asin(x), and 2 asin(root) or pi - 2 asin(root) near the ends."""
    near, root, rest = _arc(s, x)
    high, low = HALF_PI[x.dtype]
    signed_root, signed_rest = s.copysign(root, x), s.copysign(rest, x)
    middle = s.sub(high, s.add(signed_root, s.sub(signed_rest, low)))
    back = s.sub(high, s.add(root, s.sub(rest, low)))
    ends = s.select(s.compare("<", x, 0.0), back, s.add(root, rest))
    return s.select(near, middle, s.add(ends, ends))


def _arc(s: Lanes, x: Vector) -> tuple[Vector, Vector, Vector]:
    """Whether |x| < 1/2; and asin of |x|, or of the root, as that number and what is added."""
    a = s.abs(x)
    near = s.compare("<", a, 0.5)
    square = s.select(near, s.mul(a, a), s.mul(s.sub(1.0, a), 0.5))
    root = s.select(near, a, s.sqrt(square))
    return near, root, s.mul(s.mul(root, square), horner(s, square, ASIN[x.dtype]))


def atan(s: Lanes, x: Vector) -> Vector:
    a = s.abs(x)
    steep = s.compare(">", a, 1.0)
    t = s.select(steep, s.div(1.0, a), a)
    base = tuple(s.select(steep, part, s.const(0.0, x.dtype)) for part in HALF_PI[x.dtype])
    return s.copysign(_angle(s, t, base, steep), x)


def atan2(s: Lanes, y: Vector, x: Vector) -> Vector:
    """The angle of the point (x, y), from the smaller coordinate over the larger one."""
    a, b = s.abs(y), s.abs(x)
    steep = s.compare(">", a, b)
    left = s.compare("<", s.copysign(1.0, x), 0.0)
    small, large = s.select(steep, b, a), s.select(steep, a, b)
    # 0 / 0 is 0 here, and inf / inf is 1; NaN of either operand is left to come through.
    t = s.select(s.compare("==", large, 0.0), 0.0, s.div(small, large))
    t = s.select(s.compare("==", small, math.inf), 1.0, t)
    base = tuple(
        s.select(steep, part, s.select(left, 2 * part, s.const(0.0, x.dtype)))
        for part in HALF_PI[x.dtype]
    )
    z = _angle(s, t, base, s.bits("^", steep, left))
    nan = s.compare("!=", s.add(a, b), s.add(a, b))
    return s.copysign(s.select(nan, math.nan, z), y)


def _angle(s: Lanes, t: Vector, base: tuple[Vector, ...], minus: Vector) -> Vector:
    """base + atan(t) for 0 <= t <= 1, or base - atan(t); the base is in two parts."""
    square = s.mul(t, t)
    rest = s.mul(s.mul(t, square), horner(s, square, ATAN[t.dtype]))
    t, rest = (s.select(minus, s.neg(v), v) for v in (t, rest))
    high, low = base
    return s.add(high, s.add(t, s.add(rest, low)))
