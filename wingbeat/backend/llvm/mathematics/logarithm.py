"""log, log2, log10, log1p and logaddexp.

x = 2^k (1 + f) with f in [-1/4, 1/2); log(1 + f) = f - f^2/2 + rest. In float32 the rest is f^3
times a polynomial, in float64 it comes from the series of the area tangent of f / (2 + f), which
converges faster than a division costs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from wingbeat.backend.llvm.lanes import F32, F64, Lanes, Vector
from wingbeat.backend.llvm.mathematics.exact import ordered_sum, two_product
from wingbeat.backend.llvm.mathematics.exponential import LOG_2, exp
from wingbeat.backend.llvm.mathematics.polynomial import horner

# Remez's exchange. float32: (log(1 + f) - f + f^2/2) / f^3.
CUBIC = (
    -4.451889e-2,
    0.10410664,
    -0.13154702,
    0.14483961,
    -0.16648422,
    0.19990687,
    -0.25000066,
    0.3333345,
)
# float64: (2 artanh(s) - 2 s) / s^3 in s^2.
AREA_TANGENT = (
    0.15373988015412496,
    0.15249442913053507,
    0.18186393353555483,
    0.2222213759080619,
    0.2857142940644481,
    0.399999999960995,
    0.6666666666667282,
)

# Factors to other bases, and log10(2), in two parts each.
PER_LOG_2 = {
    F32: (1.442695, 1.925963e-08),
    F64: (1.4426950408889634, 2.0355273740931033e-17),
}
PER_LOG_10 = {
    F32: (0.4342945, -1.010305e-08),
    F64: (0.4342944819032518, 1.098319650216765e-17),
}
LOG10_2 = {
    F32: (0.30103302, -3.0243555e-06),
    F64: (0.30102999566395283, 2.8363394551044964e-14),
}


FAR = 64


class Parts(NamedTuple):
    """log x = k log 2 + f - h + rest."""

    k: Vector
    f: Vector
    h: Vector
    rest: Vector


def parts_of(s: Lanes, k: Vector, f: Vector) -> Parts:
    if f.dtype == F32:
        square = s.mul(f, f)
        rest = s.mul(s.mul(square, f), horner(s, f, CUBIC))
        return Parts(k, f, s.mul(square, 0.5), rest)
    h = s.mul(s.mul(f, f), 0.5)
    t = s.div(f, s.add(f, 2.0))
    z = s.mul(t, t)
    return Parts(k, f, h, s.mul(t, s.fma(z, horner(s, z, AREA_TANGENT), h)))


def total(s: Lanes, p: Parts) -> Vector:
    """k log 2 + f - h + rest, the small ones first."""
    high, low = LOG_2[p.f.dtype]
    small = s.sub(s.fma(p.k, low, p.rest), p.h)
    return s.fma(p.k, high, s.add(small, p.f))


def _positive(s: Lanes, x: Vector, z: Vector) -> Vector:
    """z where x is positive and finite; -inf at 0, NaN below, else x."""
    edge = s.select(s.compare("<", x, 0.0), math.nan, x)
    edge = s.select(s.compare("==", x, 0.0), -math.inf, edge)
    ordinary = s.bits("&", s.compare(">", x, 0.0), s.compare("<", x, math.inf))
    return s.select(ordinary, z, edge)


def _split(s: Lanes, x: Vector) -> Parts:
    m, k = s.normalized(x)
    return parts_of(s, k, s.sub(m, 1.0))


def log(s: Lanes, x: Vector) -> Vector:
    return _positive(s, x, total(s, _split(s, x)))


def log2(s: Lanes, x: Vector) -> Vector:
    return _positive(s, x, _to_base(s, _split(s, x), PER_LOG_2[x.dtype], (1.0, 0.0)))


def log10(s: Lanes, x: Vector) -> Vector:
    z = _to_base(s, _split(s, x), PER_LOG_10[x.dtype], LOG10_2[x.dtype])
    return _positive(s, x, z)


def _to_base(s: Lanes, p: Parts, factor: tuple[float, float], two: tuple[float, float]) -> Vector:
    """k two + log(1 + f) factor, where `two` is the logarithm of 2; what cancels is exact."""
    m = ordered_sum(s, p.f, s.neg(p.h))
    low = s.add(m.low, p.rest)
    product = two_product(s, m.high, s.const(factor[0], p.f.dtype))
    small = s.fma(low, factor[0], s.fma(m.high, factor[1], product.low))
    z = ordered_sum(s, s.mul(p.k, two[0]), product.high)
    return s.add(z.high, s.add(z.low, s.fma(p.k, two[1], small)))


def log1p(s: Lanes, x: Vector) -> Vector:
    """What 1 + x loses by rounding is added to f."""
    u = s.add(x, 1.0)
    lost = s.select(s.compare("<", s.abs(x), 1.0), s.sub(x, s.sub(u, 1.0)), s.sub(1.0, s.sub(u, x)))
    m, k = s.normalized(u)
    # Where k is large nothing is lost that could be seen, and 2^-k may be no normal number.
    down = s.power_of_two(s.neg(s.minimum(s.whole(k), FAR)))
    f = s.fma(lost, down, s.sub(m, 1.0))
    return s.copysign(_positive(s, u, total(s, parts_of(s, k, f))), x)


def logaddexp(s: Lanes, x: Vector, y: Vector) -> Vector:
    """max + log(1 + e^-|x - y|); where the two are equal their difference may be NaN."""
    top = s.maximum(x, y)
    same = s.compare("==", x, y)
    gap = s.select(same, 0.0, s.neg(s.abs(s.sub(x, y))))
    return s.add(top, log1p(s, exp(s, gap)))
