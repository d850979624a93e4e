"""Powers, exponentials, logarithms, trigonometric and hyperbolic functions, erf."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.ir.node import ATOM, POWER, PRODUCT, Kink, Node, Sample
from wingbeat.ops.arithmetic import PAIR
from wingbeat.ops.families import NUMBER, elementwise, one_like, pull, zero_like
from wingbeat.ops.logic import equal, logical_and, where

_LN2, _LN10 = math.log(2.0), math.log(10.0)


def _function(
    name: str,
    numpy: Any,
    partial: Any,
    latex: str = "",
    within: tuple[float, float] = (-2.0, 2.0),
    kink: Kink | None = None,
    level: int = ATOM,
) -> Any:
    """A function of one number; `partial(z, x)` is its derivative."""
    return elementwise(
        name,
        numpy=numpy,
        partials=lambda z, x: (partial(z, x),),
        scalar=lambda s, x: s.call(name, x),
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
log = _function("log", np.log, lambda z, x: one_like(x) / x, within=_POSITIVE)
log1p = _function("log1p", np.log1p, lambda z, x: 1 / (1 + x), _named("log1p"), _POSITIVE)
log2 = _function("log2", np.log2, lambda z, x: 1 / (x * _LN2), r"\log_2\left({0}\right)", _POSITIVE)
log10 = _function(
    "log10", np.log10, lambda z, x: 1 / (x * _LN10), r"\log_{{10}}\left({0}\right)", _POSITIVE
)
sqrt = _function(
    "sqrt",
    np.sqrt,
    lambda z, x: 0.5 / z,
    r"\sqrt{{{0}}}",
    _POSITIVE,
    Kink(_at(0), "inf, the limit from the right"),
)
sin = _function("sin", np.sin, lambda z, x: cos(x))
cos = _function("cos", np.cos, lambda z, x: -sin(x))
tan = _function("tan", np.tan, lambda z, x: 1 + z * z, within=(-1.2, 1.2))
asin = _function(
    "asin", np.arcsin, lambda z, x: 1 / sqrt((1 - x) * (1 + x)), r"\arcsin\left({0}\right)", _INSIDE
)
acos = _function(
    "acos",
    np.arccos,
    lambda z, x: -1 / sqrt((1 - x) * (1 + x)),
    r"\arccos\left({0}\right)",
    _INSIDE,
)
atan = _function("atan", np.arctan, lambda z, x: 1 / (1 + x * x), r"\arctan\left({0}\right)")
sinh = _function("sinh", np.sinh, lambda z, x: cosh(x))
cosh = _function("cosh", np.cosh, lambda z, x: sinh(x))
tanh = _function("tanh", np.tanh, lambda z, x: 1 - z * z)
asinh = _function("asinh", np.arcsinh, lambda z, x: 1 / sqrt(x * x + 1), _named("arsinh"))
acosh = _function(
    "acosh",
    np.arccosh,
    lambda z, x: 1 / sqrt((x - 1) * (x + 1)),
    _named("arcosh"),
    (1.5, 3.0),
)
atanh = _function(
    "atanh", np.arctanh, lambda z, x: 1 / ((1 - x) * (1 + x)), _named("artanh"), _INSIDE
)


def _erf(x: Any) -> Any:
    from scipy.special import erf as special  # 40 ms to import: not before it is used

    return special(x)


def _erfc(x: Any) -> Any:
    from scipy.special import erfc as special

    return special(x)


_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
erf = _function("erf", _erf, lambda z, x: exp(-(x * x)) * _TWO_OVER_ROOT_PI, _named("erf"))
erfc = _function("erfc", _erfc, lambda z, x: exp(-(x * x)) * -_TWO_OVER_ROOT_PI, _named("erfc"))


def _sigmoid(x: Any) -> Any:
    # exp of a number <= 0 never overflows.
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


sigmoid = _function("sigmoid", _sigmoid, lambda z, x: z * (1 - z), r"\sigma\left({0}\right)")

pow = elementwise(
    "pow",
    numpy=np.power,
    # d(x^y)/dy = x^y log x, and 0 at x = 0, where 0^y stays 0.
    partials=lambda z, x, y: (pull(y, pow(x, y - 1)), pull(z, log(x))),
    scalar=lambda s, x, y: s.call("pow", x, y),
    latex="{0}^{{{1:free}}}",
    level=POWER,
    inner=ATOM,
    samples=(Sample(((3, 4), (3, 4)), within=(_POSITIVE, (-2.0, 2.0))),),
    accepts=NUMBER,
)


def _both_zero(z: Node, x: Node, y: Node) -> Node:
    return logical_and(equal(x, zero_like(x)), equal(y, zero_like(y)))


atan2 = elementwise(
    "atan2",
    numpy=np.arctan2,
    partials=lambda z, y, x: (x / (x * x + y * y), -(y / (x * x + y * y))),
    scalar=lambda s, y, x: s.call("atan2", y, x),
    latex=r"\operatorname{{atan2}}\left({0}, {1}\right)",
    samples=(Sample(((3, 4), (3, 4)), within=(_POSITIVE, (-2.0, 2.0))),),
    kink=Kink(_both_zero, "none: the direction of the origin is undefined, so NaN"),
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
    kink=Kink(_both_zero, "0"),
)
logaddexp = elementwise(
    "logaddexp",
    numpy=np.logaddexp,
    partials=lambda z, x, y: (sigmoid(x - y), sigmoid(y - x)),
    scalar=lambda s, x, y: s.call("logaddexp", x, y),
    latex=r"\log\left(e^{{{0:free}}} + e^{{{1:free}}}\right)",
    level=PRODUCT,
    samples=PAIR,
)
