"""erf and erfc.

Near 0, erf(x) = x + x p(x^2). Beyond, erfc(a) = e^(-a^2) / (a + K) * (1 + p(t)) with
t = (a - K) / (a + K): what is left of erfc without its exponential is flat enough in t that one
polynomial serves all a (Shepherd and Laframboise, 1981). The square is computed with its rounding
error, which the exponential would magnify.
"""

from __future__ import annotations

from wingbeat.backend.llvm.lanes import F32, F64, Lanes, Vector
from wingbeat.backend.llvm.mathematics.exact import divide, two_product, two_sum
from wingbeat.backend.llvm.mathematics.exponential import clamped, exp_of_reduced, reduced
from wingbeat.backend.llvm.mathematics.polynomial import horner

# Both: Remez's exchange. erf(x) / x - 1 in x^2, for |x| <= 1.
NEAR = {
    F32: (
        7.806904e-05,
        -7.997853e-4,
        5.187162e-3,
        -2.6853347e-2,
        0.11283579,
        -0.37612626,
        0.12837917,
    ),
    F64: (
        -7.603996642934072e-10,
        1.3615219580400267e-08,
        -1.6183757862852992e-07,
        1.6444131400388766e-06,
        -1.4924464771549839e-05,
        1.2055280476047746e-04,
        -8.54832548481904e-04,
        5.223977596737372e-03,
        -2.6866170641959487e-02,
        0.11283791670936952,
        -0.37612638903183343,
        0.12837916709551256,
    ),
}
# e^(a^2) erfc(a) (a + K) - 1 in t, for a >= 1/2.
FAR = {
    F32: (
        -4.7899134e-4,
        -8.042567e-4,
        3.0087887e-3,
        6.471924e-3,
        -2.1496352e-2,
        -3.644188e-2,
        0.27947125,
        -0.6871607,
        2.1582713e-2,
    ),
    F64: (
        -1.2349720563414839e-08,
        1.3720709227483913e-09,
        1.2010514627934146e-07,
        -7.626548718108214e-08,
        -8.433819791814603e-07,
        1.4247718923588392e-06,
        4.693289081313397e-06,
        -1.8861164834716068e-05,
        -3.6349197882348174e-06,
        0.00017681290576243325,
        -0.00045505270958683293,
        -0.0002809588837046195,
        0.006112055655151316,
        -0.026370053337871614,
        0.07638151490967439,
        -0.17401093724012903,
        0.3308515878779839,
        -0.5408538313132276,
        0.7732087022652377,
        -0.9765487290808821,
        0.09599566100049112,
    ),
}
K = {F32: 2.0, F64: 4.0}
ERFC_NEAR = 0.9  # beyond, digits of 1 - erf cancel
LAST = {F32: 10.5, F64: 28.0}  # beyond, erfc is 0


def erf(s: Lanes, x: Vector) -> Vector:
    a, z = s.abs(x), s.mul(x, x)
    near = s.fma(x, horner(s, z, NEAR[x.dtype]), x)
    far = s.copysign(s.sub(1.0, _tail(s, a)), x)
    return s.select(s.compare("<", a, 1.0), near, far)


def erfc(s: Lanes, x: Vector) -> Vector:
    """The tail, mirrored for negative numbers; near 0, what erf leaves of 1."""
    a, z = s.abs(x), s.mul(x, x)
    rest = s.fma(x, horner(s, z, NEAR[x.dtype]), s.sub(x, 0.5))
    tail = _tail(s, a)
    far = s.select(s.compare("<", x, 0.0), s.sub(2.0, tail), tail)
    return s.select(s.compare("<", a, ERFC_NEAR), s.sub(0.5, rest), far)


def _tail(s: Lanes, a: Vector) -> Vector:
    """erfc(a) for a >= 1/2."""
    k, a = K[a.dtype], clamped(s, a, 0.0, LAST[a.dtype])
    below = two_sum(s, a, k)
    w = s.div(1.0, below.high)
    flat = s.add(horner(s, s.mul(s.sub(a, k), w), FAR[a.dtype]), 1.0)
    square = two_product(s, a, a)
    n, r = reduced(s, s.neg(square.high))
    e = exp_of_reduced(s, s.sub(r, square.low))
    return s.scale(s.mul(divide(s, flat, below, w), e), n)
