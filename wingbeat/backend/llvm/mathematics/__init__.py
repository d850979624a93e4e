"""The named functions of numbers as code: name -> f(lanes, *vectors) -> vector.

Floats are float32 or float64. Functions that make sense for integers take these too. How exact the
functions are is said in bounds.py, and shown in docs/native-mathematics.md.
"""

from __future__ import annotations

from collections.abc import Callable

from wingbeat.backend.llvm.lanes import Lanes, Vector
from wingbeat.backend.llvm.mathematics import (
    error_function,
    exponential,
    hyperbolic,
    inverse,
    logarithm,
    power,
    rounding,
    signs,
    trigonometric,
)

Function = Callable[..., Vector]


def _of_floats(f: Function) -> Function:
    """Roundings, which leave integers as they are."""
    return lambda s, x: f(s, x) if x.dtype.kind == "f" else x


def _by_kind(floats: Function, integers: Function) -> Function:
    def g(s: Lanes, x: Vector, y: Vector) -> Vector:
        return (floats if x.dtype.kind == "f" else integers)(s, x, y)

    return g


FUNCTIONS: dict[str, Function] = {
    "abs": Lanes.abs,
    "acos": inverse.acos,
    "acosh": hyperbolic.acosh,
    "asin": inverse.asin,
    "asinh": hyperbolic.asinh,
    "atan": inverse.atan,
    "atan2": inverse.atan2,
    "atanh": hyperbolic.atanh,
    "ceil": _of_floats(Lanes.ceil),
    "copysign": Lanes.copysign,
    "cos": trigonometric.cos,
    "cosh": hyperbolic.cosh,
    "div": Lanes.div,
    "erf": error_function.erf,
    "erfc": error_function.erfc,
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "floor": _of_floats(Lanes.floor),
    "floor_divide": _by_kind(rounding.floor_divide, Lanes.floor_divide),
    "fmod": rounding.fmod,
    "hypot": power.hypot,
    "isfinite": signs.isfinite,
    "isinf": signs.isinf,
    "isnan": signs.isnan,
    "log": logarithm.log,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "log2": logarithm.log2,
    "logaddexp": logarithm.logaddexp,
    "maximum": Lanes.maximum,
    "minimum": Lanes.minimum,
    "nextafter": signs.nextafter,
    "pow": _by_kind(power.pow, power.integer_pow),
    "remainder": _by_kind(rounding.remainder, Lanes.remainder),
    "round": _of_floats(Lanes.rint),
    "rsqrt": power.rsqrt,
    "sigmoid": exponential.sigmoid,
    "sign": signs.sign,
    "signbit": signs.signbit,
    "sin": trigonometric.sin,
    "sinh": hyperbolic.sinh,
    "sqrt": Lanes.sqrt,
    "tan": trigonometric.tan,
    "tanh": hyperbolic.tanh,
    "trunc": _of_floats(Lanes.trunc),
}
