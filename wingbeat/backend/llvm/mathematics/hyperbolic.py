"""sinh, cosh, tanh and their inverses."""

from __future__ import annotations

import math
from collections.abc import Callable

from wingbeat.backend.llvm.lanes import F32, F64, Lanes, Vector
from wingbeat.backend.llvm.mathematics import tabulated
from wingbeat.backend.llvm.mathematics.exponential import (
    clamped,
    exp_of_reduced,
    reduced,
)
from wingbeat.backend.llvm.mathematics.logarithm import log1p
from wingbeat.backend.llvm.mathematics.polynomial import horner

# Both: Remez's exchange, in x^2. (sinh x - x) / x^3 for |x| <= 1 ...
SINH = {
    F32: (2.0376638e-4, 8.330223e-3, 0.16666718),
    F64: (
        7.775691989034247e-13,
        1.6056687071005986e-10,
        2.505213067602249e-08,
        2.755731910848265e-06,
        1.984126984158925e-04,
        8.333333333332915e-03,
        0.16666666666666669,
    ),
}
# ... and (tanh x - x) / x^3 for |x| <= TANH_NEAR.
TANH = {
    F32: [-0.006242849, 0.021050714, -0.053847548, 0.13332544, -0.33333316],
    F64: (
        7.222976034329467e-06,
        -3.256798465968432e-05,
        9.366117629499967e-05,
        -0.0002380792637899089,
        0.0005897954875615526,
        -0.0014557989676035543,
        0.0035921243263395707,
        -0.008863235269828523,
        0.021869488524521058,
        -0.053968253967948486,
        0.1333333333333293,
        -0.3333333333333333,
    ),
}
TANH_NEAR = 0.55
SIXTEEN = 16  # lanes
COSH_LAST = {F32: 91.0, F64: 712.0}  # beyond, cosh is infinite
TANH_LAST = {F32: 10.0, F64: 20.0}  # beyond, tanh is 1
HUGE = 2.0**28  # beyond, x^2 + 1 is x^2, for float64
LOG_2 = math.log(2.0)


def sinh(s: Lanes, x: Vector) -> Vector:
    a, square = s.abs(x), s.mul(x, x)
    near = s.fma(s.mul(a, square), horner(s, square, SINH[x.dtype]), a)
    h = _half_exp(s, a)
    far = s.sub(h, s.div(0.25, h))
    return s.copysign(s.select(s.compare("<", a, 1.0), near, far), x)


def cosh(s: Lanes, x: Vector) -> Vector:
    h = _half_exp(s, s.abs(x))
    return s.add(h, s.div(0.25, h))


def _half_exp(s: Lanes, a: Vector) -> Vector:
    """e^a / 2, which is finite as long as cosh is."""
    n, r = reduced(s, clamped(s, a, 0.0, COSH_LAST[a.dtype]))
    return s.scale(exp_of_reduced(s, r), s.sub(n, 1.0))


def tanh(s: Lanes, x: Vector) -> Vector:
    """1 - 2 / (e^2|x| + 1), where that loses nothing."""
    if x.dtype == F32 and s.tables:
        return tabulated.tanh(s, x)
    if x.dtype == F32 and s.of(SIXTEEN).tables:  # a few numbers have the bits they have among many
        wide = s.of(SIXTEEN)
        return wide.part(tabulated.tanh(wide, s.stretched(x, SIXTEEN)), 0, s.count)
    a, square = s.abs(x), s.mul(x, x)
    near = s.fma(s.mul(a, square), horner(s, square, TANH[x.dtype]), a)
    most = s.select(s.compare("<", TANH_LAST[x.dtype], a), TANH_LAST[x.dtype], a)
    n, r = reduced(s, s.add(most, most))
    e = s.mul(exp_of_reduced(s, r), s.power_of_two(s.whole(n)))
    far = s.sub(1.0, s.div(2.0, s.add(e, 1.0)))
    return s.copysign(s.select(s.compare("<", a, TANH_NEAR), near, far), x)


def _in_double(f: Callable[[Lanes, Vector], Vector]) -> Callable[[Lanes, Vector], Vector]:
    """float32 is computed in float64: these functions are rarely asked for, and less exact."""

    def g(s: Lanes, x: Vector) -> Vector:
        return s.cast(f(s, s.cast(x, F64)), x.dtype)

    return g


@_in_double
def asinh(s: Lanes, x: Vector) -> Vector:
    """log(a + sqrt(a^2 + 1)), without the 1 that would hide a small a."""
    a = s.abs(x)
    root = s.sqrt(s.fma(a, a, 1.0))
    return s.copysign(_log1p_or_twice(s, a, s.add(a, s.div(s.mul(a, a), s.add(root, 1.0)))), x)


@_in_double
def acosh(s: Lanes, x: Vector) -> Vector:
    """log(x + sqrt(x^2 - 1)); NaN below 1."""
    t = s.sub(x, 1.0)
    z = _log1p_or_twice(s, x, s.add(t, s.sqrt(s.fma(t, t, s.add(t, t)))))
    return s.select(s.compare("<", x, 1.0), math.nan, z)


def _log1p_or_twice(s: Lanes, a: Vector, u: Vector) -> Vector:
    """log(1 + u); for huge a, whose square may be infinite, log(2 a)."""
    huge = s.compare(">", a, HUGE)
    z = log1p(s, s.select(huge, s.sub(a, 1.0), u))
    return s.select(huge, s.add(z, LOG_2), z)


@_in_double
def atanh(s: Lanes, x: Vector) -> Vector:
    """log((1 + a) / (1 - a)) / 2."""
    a = s.abs(x)
    return s.copysign(s.mul(log1p(s, s.div(s.add(a, a), s.sub(1.0, a))), 0.5), x)
