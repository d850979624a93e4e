"""Powers, exponentials, logarithms, trigonometric and hyperbolic functions, erf."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import ATOM, POWER, PRODUCT, Kink, Node, Sample, full
from wingbeat.ops.arithmetic import PAIR, defined
from wingbeat.ops.families import NUMBER, constant_of, elementwise, one_like, pull, zero_like
from wingbeat.ops.logic import equal, less, less_equal, logical_and, where

_LN2, _LN10 = math.log(2.0), math.log(10.0)


def _function(
    name: str,
    numpy: Any,
    partial: Any,
    latex: str = "",
    within: tuple[float, float] = (-2.0, 2.0),
    kink: Kink | None = None,
    level: int = ATOM,
    scalar: str = "",
    gaps: bool = False,
) -> Any:
    """A function of one number; `partial(z, x)` is its derivative.

    `gaps`: the formula of the derivative goes on where the function has no value, or is 0 where
    the function is infinite.
    """
    return elementwise(
        name,
        numpy=numpy,
        partials=lambda z, x: (defined(partial(z, x), z) if gaps else partial(z, x),),
        scalar=lambda s, x: s.call(scalar or name, x),
        latex=latex or rf"\{name}\left({{0}}\right)",
        level=level,
        samples=(Sample(((3, 4),), within), Sample(((),), within)),
        kink=kink,
    )


def _named(name: str) -> str:
    return rf"\operatorname{{{{{name}}}}}\left({{0}}\right)"


def _at(value: float) -> Any:
    return lambda z, x: equal(x, zero_like(x) + value)


_POSITIVE, _INSIDE = (0.5, 3.0), (-0.9, 0.9)

exp = _function("exp", np.exp, lambda z, x: z)
exp2 = _function("exp2", np.exp2, lambda z, x: z * _LN2, r"2^{{{0}}}", level=POWER)
expm1 = _function("expm1", np.expm1, lambda z, x: z + 1, _named("expm1"))
log = _function("log", np.log, lambda z, x: one_like(x) / x, within=_POSITIVE, gaps=True)
log1p = _function(
    "log1p", np.log1p, lambda z, x: 1 / (1 + x), _named("log1p"), _POSITIVE, gaps=True
)
log2 = _function(
    "log2",
    np.log2,
    lambda z, x: 1 / (x * _LN2),
    r"\log_2\left({0}\right)",
    _POSITIVE,
    gaps=True,
)
log10 = _function(
    "log10",
    np.log10,
    lambda z, x: 1 / (x * _LN10),
    r"\log_{{10}}\left({0}\right)",
    _POSITIVE,
    gaps=True,
)
sqrt = _function(
    "sqrt",
    np.sqrt,
    lambda z, x: 0.5 / z,
    r"\sqrt{{{0}}}",
    _POSITIVE,
    Kink(_at(0), "inf, the limit from the right"),
    gaps=True,
)


def _root_slope(z: Node, x: Node) -> Node:
    zero = equal(z, zero_like(z))
    return where(zero, zero_like(z), 0.5 / where(zero, one_like(z), z))


root = _function(
    "root",
    np.sqrt,
    _root_slope,
    r"\sqrt{{{0}}}",
    _POSITIVE,
    Kink(_at(0), "0, as for a norm at the origin", True, steep=True, square=lambda x: x),
    scalar="sqrt",
    gaps=True,
)
"""The root of a sum of squares: where these are all 0, the derivative is 0 by convention."""

sin = _function("sin", np.sin, lambda z, x: cos(x))
cos = _function("cos", np.cos, lambda z, x: -sin(x))
tan = _function("tan", np.tan, lambda z, x: 1 + z * z, within=(-1.2, 1.2))
_EDGE = "infinite, the limit from inside"
asin = _function(
    "asin",
    np.arcsin,
    lambda z, x: 1 / sqrt((1 - x) * (1 + x)),
    r"\arcsin\left({0}\right)",
    _INSIDE,
    Kink(lambda z, x: equal(x * x, one_like(x)), _EDGE),
)
acos = _function(
    "acos",
    np.arccos,
    lambda z, x: -1 / sqrt((1 - x) * (1 + x)),
    r"\arccos\left({0}\right)",
    _INSIDE,
    Kink(lambda z, x: equal(x * x, one_like(x)), _EDGE),
)
atan = _function("atan", np.arctan, lambda z, x: 1 / (1 + x * x), r"\arctan\left({0}\right)")
sinh = _function("sinh", np.sinh, lambda z, x: cosh(x))
cosh = _function("cosh", np.cosh, lambda z, x: sinh(x))
tanh = _function("tanh", np.tanh, lambda z, x: 1 - z * z)
asinh = _function(
    "asinh", np.arcsinh, lambda z, x: 1 / hypot(x, one_like(x)), _named("arsinh"), gaps=True
)
acosh = _function(
    "acosh",
    np.arccosh,
    lambda z, x: 1 / (sqrt(x - 1) * sqrt(x + 1)),  # the root of the product would overflow
    _named("arcosh"),
    (1.5, 3.0),
    Kink(_at(1), _EDGE),
    gaps=True,
)
atanh = _function(
    "atanh", np.arctanh, lambda z, x: 1 / ((1 - x) * (1 + x)), _named("artanh"), _INSIDE, gaps=True
)


def _erf(x: Any) -> Any:
    from scipy.special import erf as special  # 40 ms to import: not before it is used

    return special(x).astype(x.dtype, copy=False)  # of float16 it makes float32


def _erfc(x: Any) -> Any:
    from scipy.special import erfc as special

    return special(x).astype(x.dtype, copy=False)


_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
erf = _function("erf", _erf, lambda z, x: exp(-(x * x)) * _TWO_OVER_ROOT_PI, _named("erf"))
erfc = _function("erfc", _erfc, lambda z, x: exp(-(x * x)) * -_TWO_OVER_ROOT_PI, _named("erfc"))


def _sigmoid(x: Any) -> Any:
    # exp of a number <= 0 never overflows.
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


sigmoid = _function("sigmoid", _sigmoid, lambda z, x: z * (1 - z), r"\sigma\left({0}\right)")


def _pow(x: Any, y: Any) -> Any:
    if x.dtype.kind == "i" and np.any(np.less(y, 0)):
        raise TypeMismatch("an integer to a negative power is no integer; use .astype(float)")
    return np.power(x, y)


def _root_at_zero(z: Node, x: Node, y: Node) -> Node:
    """0^y with 0 < y < 1, as the root of 0; and 0^0, unless y is fixed: x^0 is 1 for all x."""
    above = less if constant_of(y) == 0 else less_equal
    between = logical_and(above(zero_like(y), y), less(y, one_like(y)))
    return logical_and(equal(x, zero_like(x)), between)


def _by_base(z: Node, x: Node, y: Node) -> Node | None:
    """y x^(y - 1). Near y = 0, y - 1 rounds to an integer; and x^y grows slower than x."""
    c = constant_of(y)
    if c == 0:
        return None
    slope = pull(y, pow(x, y - 1 if c is None else full(c - 1, y.type)))
    assert slope is not None
    return defined(slope, z) if c is None or builtins.abs(c) < 1 else slope


def _by_exponent(z: Node, x: Node) -> Node | None:
    """x^y log x, and 0 at x = 0, where 0^y stays 0. Below 0 no x^y is defined for all y nearby."""
    slope = pull(z, log(x))
    return None if slope is None else defined(slope, sqrt(x))


pow = elementwise(
    "pow",
    numpy=_pow,
    partials=lambda z, x, y: (_by_base(z, x, y), _by_exponent(z, x)),
    scalar=lambda s, x, y: s.call("pow", x, y),
    latex="{0}^{{{1:free}}}",
    level=POWER,
    inner=ATOM,
    samples=(
        Sample(((3, 4), (3, 4)), (_POSITIVE, (-2.0, 2.0)), dtypes=("float64", "float64")),
        Sample(((4,), (4,)), ((-3, 3), (0, 3)), dtypes=("int64", "int64")),
    ),
    accepts=NUMBER,
    kink=Kink(_root_at_zero, "by x inf, the limit from the right; by y 0 (at 0^0: 0 and -inf)"),
)


def _both_zero(z: Node, x: Node, y: Node) -> Node:
    return logical_and(equal(x, zero_like(x)), equal(y, zero_like(y)))


def _on_the_cut(z: Node, y: Node, x: Node) -> Node:
    """The angle jumps from pi to -pi across the negative half of the x axis."""
    return logical_and(equal(y, zero_like(y)), less_equal(x, zero_like(x)))


atan2 = elementwise(
    "atan2",
    numpy=np.arctan2,
    # x / r^2 and -y / r^2, without the square, which overflows.
    partials=lambda z, y, x: (x / hypot(x, y) / hypot(x, y), -(y / hypot(x, y) / hypot(x, y))),
    scalar=lambda s, y, x: s.call("atan2", y, x),
    latex=r"\operatorname{{atan2}}\left({0}, {1}\right)",
    samples=(Sample(((3, 4), (3, 4)), within=(_POSITIVE, (-2.0, 2.0))),),
    kink=Kink(_on_the_cut, "as beside the cut; NaN at the origin, which has no direction"),
)


def _over(x: Node, z: Node) -> Node:
    """x / z, and 0 where z is 0: the convention for the derivative of a norm."""
    return x / where(equal(z, zero_like(z)), one_like(z), z)


hypot = elementwise(
    "hypot",
    numpy=np.hypot,
    partials=lambda z, x, y: (_over(x, z), _over(y, z)),
    scalar=lambda s, x, y: s.call("hypot", x, y),
    latex=r"\sqrt{{{0:atom}^2 + {1:atom}^2}}",
    samples=PAIR,
    kink=Kink(_both_zero, "0", lipschitz=True, square=lambda x, y: x * x + y * y),
)


def _weight(z: Node, x: Node, y: Node) -> Node:
    """e^x / (e^x + e^y); 0 where both are 0, as what contributes nothing does elsewhere."""
    weight = sigmoid(x - y)
    if any(math.isfinite(c) for c in (constant_of(x), constant_of(y)) if c is not None):
        return weight
    return where(equal(z, full(-math.inf, z.type)), zero_like(z), weight)


logaddexp = elementwise(
    "logaddexp",
    numpy=np.logaddexp,
    partials=lambda z, x, y: (_weight(z, x, y), _weight(z, y, x)),
    scalar=lambda s, x, y: s.call("logaddexp", x, y),
    latex=r"\log\left(e^{{{0:free}}} + e^{{{1:free}}}\right)",
    level=PRODUCT,
    samples=PAIR,
)
