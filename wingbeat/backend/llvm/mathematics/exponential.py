"""exp, exp2, expm1 and the logistic function.

x = n log 2 + r with a whole number n and |r| <= log(2) / 2; e^r is a polynomial, 2^n an exponent.
"""

from __future__ import annotations

from typing import NamedTuple

from wingbeat.backend.llvm.lanes import F32, F64, MAGIC, Lanes, Vector
from wingbeat.backend.llvm.mathematics.polynomial import horner

LOG2_E = 1.4426950408889634


class Range(NamedTuple):
    """Beyond `low` and `high` a function does not change any more, as far as a dtype can tell."""

    low: float
    high: float


# log 2 in two parts; products of the first one with an exponent are exact.
LOG_2 = {
    F32: (0.693359375, -2.12194440e-4),
    F64: (6.93147180369123816490e-01, 1.90821492927058770002e-10),
}
EXP_RANGE = {F32: Range(-104.0, 89.0), F64: Range(-746.0, 710.0)}
EXP2_RANGE = {F32: Range(-151.0, 129.0), F64: Range(-1076.0, 1025.0)}
EXPM1_RANGE = {F32: Range(-18.0, 89.0), F64: Range(-38.0, 710.0)}

# All: Remez's exchange, with coefficients rounded one after the other and the rest fitted again.
# (e^r - 1 - r) / r^2, with the error relative to e^r.
EXP = {
    F32: (1.3836555e-3, 8.369135e-3, 4.1668106e-2, 0.16666517, 0.49999994),
    F64: (
        2.474009124733191e-08,
        2.76319711356462e-07,
        2.755838654164872e-06,
        2.4801488775736175e-05,
        1.984126864220837e-04,
        1.388888894713292e-03,
        8.333333333874204e-03,
        4.166666666652048e-02,
        0.1666666666666586,
        0.5000000000000011,
    ),
}
# The same, with the error relative to e^r - 1.
EXPM1 = {
    F32: (1.4658459e-4, 1.3932191e-3, 8.3422465e-3, 4.16665e-2, 0.16666633, 0.5),
    F64: (
        2.09018955152481e-09,
        2.5109008384546396e-08,
        2.755731159542513e-07,
        2.7557244347507986e-06,
        2.4801587289384725e-05,
        1.9841269885986472e-04,
        1.3888888888894564e-03,
        8.333333333321633e-03,
        4.166666666666667e-02,
        0.16666666666666677,
        0.5,
    ),
}
# (2^r - 1) / r for |r| <= 1/2, with the error relative to 2^r.
EXP2 = {
    F32: (1.3259285e-4, 1.3388864e-3, 9.625765e-3, 5.5503648e-2, 0.24022591, 0.6931472),
    F64: (
        4.515430432152137e-10,
        7.075506834991761e-09,
        1.017767462437256e-07,
        1.3215424964478102e-06,
        1.5252734709715874e-05,
        1.5403530478230184e-04,
        1.333355814558269e-03,
        9.6181291075773e-03,
        5.550410866482455e-02,
        0.24022650695910172,
        0.6931471805599453,
    ),
}


def clamped(s: Lanes, x: Vector, low: float, high: float) -> Vector:
    """x between the two; NaN stays NaN."""
    x = s.select(s.compare("<", high, x), high, x)
    return s.select(s.compare(">", low, x), low, x)


def nearest(s: Lanes, x: Vector, factor: float) -> Vector:
    """The whole number nearest to x * factor."""
    magic = MAGIC[x.dtype]
    return s.sub(s.fma(x, factor, magic), magic)


def reduced(s: Lanes, x: Vector) -> tuple[Vector, Vector]:
    """n and r with x = n log 2 + r."""
    n = nearest(s, x, LOG2_E)
    high, low = LOG_2[x.dtype]
    return n, s.fma(n, -low, s.fma(n, -high, x))


def exp_of_reduced(s: Lanes, r: Vector) -> Vector:
    """e^r for |r| <= log(2) / 2."""
    return horner(s, r, (*EXP[r.dtype], 1.0, 1.0))


def expm1_of_reduced(s: Lanes, r: Vector) -> Vector:
    """e^r - 1 for |r| <= log(2) / 2."""
    q = horner(s, r, EXPM1[r.dtype])
    return s.fma(q, s.mul(r, r), r)


def exp(s: Lanes, x: Vector) -> Vector:
    n, r = reduced(s, clamped(s, x, *EXP_RANGE[x.dtype]))
    return s.scale(exp_of_reduced(s, r), n)


def exp2(s: Lanes, x: Vector) -> Vector:
    x = clamped(s, x, *EXP2_RANGE[x.dtype])
    n = nearest(s, x, 1.0)
    r = s.sub(x, n)
    return s.scale(s.fma(horner(s, r, EXP2[x.dtype]), r, 1.0), n)


def expm1(s: Lanes, x: Vector) -> Vector:
    """2^n (e^r - 1) + (2^n - 1), halved in between: 2^n alone may overflow."""
    n, r = reduced(s, clamped(s, x, *EXPM1_RANGE[x.dtype]))
    half = s.power_of_two(s.sub(s.whole(n), 1))
    z = s.fma(expm1_of_reduced(s, r), half, s.sub(half, 0.5))
    return s.copysign(s.add(z, z), x)


def sigmoid(s: Lanes, x: Vector) -> Vector:
    """1 / (1 + e^-x), from an exponential that cannot overflow."""
    e = exp(s, s.neg(s.abs(x)))
    return s.div(s.select(s.compare(">=", x, 0.0), 1.0, e), s.add(e, 1.0))
