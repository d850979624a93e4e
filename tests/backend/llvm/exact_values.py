"""What functions of numbers are, to more digits than they are asked for, and errors in units.

Of float32 the reference is float64; of float64 it is mpmath, as `long double` has no more digits
than float64 on some machines.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
from scipy import special

DIGITS = 170  # bits: with what cancels, still enough to round float64

Function = Callable[..., Any]


class Exact(NamedTuple):
    """The nearest number of a dtype, as a float64, and what is missing, in its unit."""

    high: Any
    low: Any


def exact(name: str, *xs: Any) -> Exact:
    """The function of arrays of float32 or float64."""
    if xs[0].dtype == np.float32:
        return _of_float32(IN_DOUBLE[name], *(x.astype(np.float64) for x in xs))
    with mpmath.workprec(DIGITS):
        values = [_split(IN_MPMATH[name](*map(mpmath.mpf, row))) for row in zip(*xs, strict=True)]
    return Exact(*np.array(values).T)


def _of_float32(f: Function, *xs: Any) -> Exact:
    with np.errstate(all="ignore"):
        z = f(*xs)
        high = z.astype(np.float32)
        low = np.ldexp(z - high, -unit(high))
    return Exact(high.astype(np.float64), np.where(np.isfinite(high), low, 0.0))


def _split(z: Any) -> tuple[float, float]:
    """NaN where a function leaves the real numbers."""
    if isinstance(z, mpmath.mpc) or mpmath.isnan(z):
        return np.nan, 0.0
    high = float(z)
    if not np.isfinite(high):
        return high, 0.0
    return high, float(mpmath.ldexp(z - high, -int(unit(np.float64(high)))))


def unit(x: Any) -> Any:
    """The exponent of the unit in the last place; of infinity, as if it were a number."""
    about = np.finfo(x.dtype)
    exponents = np.where(np.isfinite(x), np.frexp(x)[1], about.maxexp)
    return np.maximum(exponents - 1, about.minexp) - about.nmant


def errors(z: Any, reference: Exact, sizes: Any = 0.0) -> Any:
    """How many units in the last place z is off: units of the reference, or of larger `sizes`.

    Infinity is the number behind the largest finite one.
    """
    with np.errstate(all="ignore"):
        high = reference.high.astype(z.dtype)
        units = unit(np.maximum(np.abs(high), sizes).astype(z.dtype))
        behind = np.ldexp(1.0, np.finfo(z.dtype).maxexp - units)

        def counted(x: Any) -> Any:
            finite = np.ldexp(x.astype(np.float64), -units)
            return np.where(np.isinf(x), np.copysign(behind, x), finite)

        off = np.abs(counted(z) - counted(high) - np.ldexp(reference.low, unit(high) - units))
    both = np.isnan(z) & np.isnan(high)
    return np.where(both, 0.0, np.where(np.isnan(off), np.inf, off))


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


IN_DOUBLE: dict[str, Function] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": special.erf,
    "erfc": special.erfc,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "hypot": np.hypot,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "logaddexp": np.logaddexp,
    "pow": np.power,
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "sigmoid": _sigmoid,
    "sin": np.sin,
    "sinh": np.sinh,
    "tan": np.tan,
    "tanh": np.tanh,
}


def _up_to(limit: int, f: Function) -> Function:
    """f where it changes; beyond, mpmath would make a number of very many digits."""
    return lambda x: f(max(min(x, limit), -limit))


def _positive(f: Function) -> Function:
    return lambda x: f(x) if x > 0 else mpmath.nan if x < 0 else -mpmath.inf


def _pow(x: Any, y: Any) -> Any:
    if y == 0 or x == 1:
        return mpmath.mpf(1)
    whole = mpmath.isint(y)
    if x == 0:
        size = mpmath.inf if y < 0 else mpmath.mpf(0)
    else:
        size = _up_to(3000, mpmath.exp)(y * mpmath.log(abs(x)))
    if x < 0 and not whole:
        return mpmath.nan
    return -size if x < 0 and int(y) % 2 else size


def _logaddexp(x: Any, y: Any) -> Any:
    gap = _up_to(3000, lambda x: x)(-abs(x - y))
    return max(x, y) + mpmath.log1p(mpmath.exp(gap))


IN_MPMATH: dict[str, Function] = {
    "acos": mpmath.acos,
    "acosh": mpmath.acosh,
    "asin": mpmath.asin,
    "asinh": mpmath.asinh,
    "atan": mpmath.atan,
    "atan2": mpmath.atan2,
    "atanh": lambda x: mpmath.sign(x) * mpmath.inf if abs(x) == 1 else mpmath.atanh(x),
    "cos": mpmath.cos,
    "cosh": _up_to(1000, mpmath.cosh),
    "erf": _up_to(100, mpmath.erf),
    "erfc": _up_to(100, mpmath.erfc),
    "exp": _up_to(1000, mpmath.exp),
    "exp2": _up_to(2000, lambda x: mpmath.power(2, x)),
    "expm1": _up_to(1000, mpmath.expm1),
    "hypot": mpmath.hypot,
    "log": _positive(mpmath.log),
    "log10": _positive(mpmath.log10),
    "log1p": lambda x: _positive(mpmath.log)(1 + x) if x <= -1 else mpmath.log1p(x),
    "log2": _positive(lambda x: mpmath.log(x) / mpmath.log(2)),
    "logaddexp": _logaddexp,
    "pow": _pow,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x) if x else mpmath.inf,
    "sigmoid": _up_to(1000, lambda x: 1 / (1 + mpmath.exp(-x))),
    "sin": mpmath.sin,
    "sinh": _up_to(1000, mpmath.sinh),
    "tan": mpmath.tan,
    "tanh": _up_to(1000, mpmath.tanh),
}
