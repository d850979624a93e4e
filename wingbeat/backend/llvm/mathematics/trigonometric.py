"""sin, cos and tan, for arguments of any size.

The nearest number m of quarter turns is taken away; of what is left, |r| <= pi / 4, both sine and
cosine are computed, and m says which of them is meant, and with which sign.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from wingbeat.backend.llvm.lanes import F32, F64, Lanes, Vector, integers_of
from wingbeat.backend.llvm.mathematics.argument import is_large, reduced, reduced_large
from wingbeat.backend.llvm.mathematics.exponential import nearest
from wingbeat.backend.llvm.mathematics.polynomial import horner
from wingbeat.backend.llvm.subroutine import rarely

# Remez's exchange, for |r| <= pi / 4: (sin r - r) / r^3 and (cos r - 1 + r^2/2) / r^4 in r^2.
SINE = {
    F32: (-1.9518405e-4, 8.33219e-3, -0.16666655),
    F64: (
        1.5896681578188394e-10,
        -2.505075671024052e-08,
        2.7557313687552718e-06,
        -1.9841269829813383e-04,
        8.333333333322455e-03,
        -0.16666666666666632,
    ),
}
COSINE = {
    F32: (2.4430661e-05, -1.3887301e-3, 4.1666646e-2),
    F64: (
        -1.1359802502625747e-11,
        2.0875727059440116e-09,
        -2.755731438747209e-07,
        2.4801587289636317e-05,
        -1.3888888888874441e-03,
        4.16666666666666e-02,
    ),
}

Turn = Callable[[Lanes, Vector, Vector], Vector]


def sin(s: Lanes, x: Vector) -> Vector:
    return _but_zero(s, x, _turned(s, x, "sin", _wave))


def cos(s: Lanes, x: Vector) -> Vector:
    """The sine of a quarter turn more."""
    return _turned(s, x, "cos", lambda s, r, m: _wave(s, r, s.add(m, 1)))


def tan(s: Lanes, x: Vector) -> Vector:
    return _but_zero(s, x, _turned(s, x, "tan", _slope))


def _but_zero(s: Lanes, x: Vector, z: Vector) -> Vector:
    """What is left of -0 without its quarter turns has lost its sign."""
    return s.select(s.compare("==", x, 0.0), x, z)


def _turned(s: Lanes, x: Vector, name: str, f: Turn) -> Vector:
    """f(r, m) for x = r + m pi / 2."""
    m = nearest(s, x, 2.0 / math.pi)
    usual = f(s, reduced(s, x, m), s.whole(m))

    def large(s: Lanes, x: Vector) -> Vector:
        high, low, quarters = reduced_large(s, x)
        return f(s, s.cast(s.add(high, low), x.dtype), s.cast(quarters, integers_of(x.dtype)))

    return rarely(s, is_large(s, x), usual, name, large, x)


def _wave(s: Lanes, r: Vector, m: Vector) -> Vector:
    """sin(r + m pi / 2): the last bit of m chooses, the one before it is the sign."""
    sine, cosine = _sine_and_cosine(s, r)
    z = s.select(_odd(s, m), cosine, sine)
    width = 8 * m.dtype.itemsize
    sign = s.bits("<<", s.bits(">>", m, 1), width - 1)
    return s.bitcast(s.bits("^", s.bitcast(z, m.dtype), sign), r.dtype)


def _slope(s: Lanes, r: Vector, m: Vector) -> Vector:
    """tan(r + m pi / 2)."""
    sine, cosine = _sine_and_cosine(s, r)
    odd = _odd(s, m)
    return s.div(s.select(odd, s.neg(cosine), sine), s.select(odd, sine, cosine))


def _sine_and_cosine(s: Lanes, r: Vector) -> tuple[Vector, Vector]:
    z = s.mul(r, r)
    sine = s.fma(s.mul(r, z), horner(s, z, SINE[r.dtype]), r)
    half = s.mul(z, 0.5)
    top = s.sub(1.0, half)
    lost = s.sub(s.sub(1.0, top), half)
    return sine, s.add(top, s.fma(s.mul(z, z), horner(s, z, COSINE[r.dtype]), lost))


def _odd(s: Lanes, m: Vector) -> Vector:
    return s.compare("!=", s.bits("&", m, 1), 0)
