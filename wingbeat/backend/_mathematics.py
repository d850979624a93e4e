"""The named functions of numbers, with Python's `math`, and with infinities where `math` raises."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch

INF, NAN = math.inf, math.nan


def _overflowing(f: Callable[[float], float], *, odd: bool = False) -> Any:
    """`f`, and infinity where its value is too large; of the sign of x where f is odd."""

    def g(x: float) -> float:
        try:
            return f(x)
        except OverflowError:
            return math.copysign(INF, x) if odd else INF

    return g


def _logarithm(f: Callable[[float], float], edge: float = 0.0) -> Any:
    def g(x: float) -> float:
        if x < edge:
            return NAN
        return -INF if x == edge else f(x)

    return g


def _within(f: Callable[[float], float], low: float, high: float) -> Any:
    return lambda x: f(x) if low <= x <= high else NAN


def _finite(f: Callable[[float], float]) -> Any:
    """Sine and its like have no value at infinity; the roundings keep what is not finite."""
    return lambda x: NAN if math.isinf(x) else f(x)


def _rounding(f: Callable[[float], float]) -> Any:
    """What is rounded keeps its sign, to a zero too."""
    return lambda x: math.copysign(f(x), x) if math.isfinite(x) else x


def div(x: float, y: float) -> float:
    """IEEE division: x / 0 is an infinity with the product's sign, or NaN."""
    if y != 0:
        return x / y
    if x == 0 or x != x:
        return NAN
    return math.copysign(INF, x) * math.copysign(1.0, y)


def power(x: Any, y: Any) -> Any:
    """IEEE pow; of integers, the exact power."""
    if isinstance(x, int) and isinstance(y, int):
        if y < 0:
            raise TypeMismatch("an integer to a negative power is no integer; use .astype(float)")
        return x**y
    try:
        return math.pow(x, y)
    except OverflowError:
        return -INF if x < 0 and y % 2 == 1 else INF
    except ValueError:  # 0 to a negative power, or a negative base with a fraction
        odd = x == 0 and y % 2 == 1
        return (math.copysign(INF, x) if odd else INF) if x == 0 else NAN


def _sigmoid(x: float) -> float:
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e)


def _extreme(pick: Callable[..., Any]) -> Any:
    return lambda x, y: x if x != x else y if y != y else pick(x, y)


def _floor_divide(x: Any, y: Any) -> Any:
    if y == 0:
        return 0 if isinstance(y, int) else div(x, y)
    return x // y


def _remainder(x: Any, y: Any) -> Any:
    if y == 0:
        return 0 if isinstance(y, int) else NAN
    return x % y


def _logaddexp(x: float, y: float) -> float:
    if x == y:
        return x + math.log(2.0)
    top = max(x, y)
    return top + math.log1p(math.exp(-abs(x - y)))


def _sign(x: Any) -> Any:
    return x if x != x else type(x)((x > 0) - (x < 0))


def _atanh(x: float) -> float:
    return math.copysign(INF, x) if abs(x) == 1 else _within(math.atanh, -1, 1)(x)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "acos": _within(math.acos, -1, 1),
    "acosh": _within(math.acosh, 1, INF),
    "asin": _within(math.asin, -1, 1),
    "asinh": math.asinh,
    "atan": math.atan,
    "atan2": math.atan2,
    "atanh": _atanh,
    "ceil": _rounding(math.ceil),
    "copysign": math.copysign,
    "cos": _finite(math.cos),
    "cosh": _overflowing(math.cosh),
    "div": div,
    "erf": math.erf,
    "erfc": math.erfc,
    "exp": _overflowing(math.exp),
    "exp2": _overflowing(lambda x: 2.0**x),
    "expm1": _overflowing(math.expm1),
    "floor": _rounding(math.floor),
    "floor_divide": _floor_divide,
    "hypot": math.hypot,
    "isfinite": math.isfinite,
    "isinf": math.isinf,
    "isnan": math.isnan,
    "log": _logarithm(math.log),
    "log10": _logarithm(math.log10),
    "log1p": _logarithm(math.log1p, -1.0),
    "log2": _logarithm(math.log2),
    "logaddexp": _logaddexp,
    "maximum": _extreme(max),
    "minimum": _extreme(min),
    "pow": power,
    "remainder": _remainder,
    "round": _rounding(round),
    "sigmoid": _sigmoid,
    "sign": _sign,
    "signbit": lambda x: math.copysign(1.0, x) < 0,
    "sin": _finite(math.sin),
    "sinh": _overflowing(math.sinh, odd=True),
    "sqrt": _within(math.sqrt, 0.0, INF),
    "tan": _finite(math.tan),
    "tanh": math.tanh,
    "trunc": _rounding(math.trunc),
}

# Functions that depend on which numbers the dtype has.
TYPED: dict[str, Callable[..., Any]] = {
    "nextafter": lambda dtype, x, y: np.nextafter(dtype.type(x), dtype.type(y)).item(),
}
