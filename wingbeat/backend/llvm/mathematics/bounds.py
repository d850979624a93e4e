"""How far each function may be off: data that docs/native-mathematics.md shows and tests check."""

from __future__ import annotations

from typing import NamedTuple


class Bound(NamedTuple):
    """Units in the last place between the result and the true value, at most, on all processors."""

    float32: float
    float64: float


# Nothing is off here: these are what IEEE 754, or NumPy, defines them to be.
EXACT = frozenset(
    {
        *("abs", "ceil", "copysign", "div", "floor", "floor_divide", "fmod", "isfinite", "isinf"),
        *("isnan", "maximum", "minimum", "nextafter", "remainder", "round", "sign", "signbit"),
        *("sqrt", "trunc"),
    }
)
BOUNDS: dict[str, Bound] = {
    "acos": Bound(1.3, 1.2),
    "acosh": Bound(0.51, 2.3),
    "asin": Bound(1.3, 1.2),
    "asinh": Bound(0.51, 1.9),
    "atan": Bound(1.6, 1.5),
    "atan2": Bound(1.9, 1.8),
    "atanh": Bound(0.51, 2.1),
    "cos": Bound(1.7, 1.7),
    "cosh": Bound(1.6, 1.6),
    "erf": Bound(1.4, 1.5),
    "erfc": Bound(4.5, 4.8),
    "exp": Bound(1.2, 1.1),
    "exp2": Bound(1.3, 1.2),
    "expm1": Bound(1.6, 2.2),
    "hypot": Bound(0.51, 1.3),
    "log": Bound(1.0, 1.0),
    "log10": Bound(1.0, 1.0),
    "log1p": Bound(1.5, 1.1),
    "log2": Bound(1.0, 1.0),
    "logaddexp": Bound(3.2, 3.2),  # of the largest of the result and the operands: it may cancel
    "pow": Bound(0.6, 1.6),
    "rsqrt": Bound(1.6, 1.6),
    "sigmoid": Bound(2.6, 2.6),
    "sin": Bound(1.7, 1.7),
    "sinh": Bound(1.8, 1.8),
    "tan": Bound(3.7, 3.2),
    "tanh": Bound(1.6, 1.6),
}
