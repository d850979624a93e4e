"""How far each function may be off: data that docs/native-mathematics.md shows and tests check."""

from __future__ import annotations

from typing import NamedTuple


class Bound(NamedTuple):
    """Units in the last place between the result and the true value, at most, on all processors."""

    float32: float
    float64: float


# Nothing is off here: these are what IEEE 754, or NumPy, defines them to be.
EXACT = frozenset(
    ["abs", "ceil", "copysign", "div", "floor", "floor_divide", "fmod", "isfinite", "isinf", "isnan", "maximum", "minimum", "nextafter", "remainder", "round", "sign", "signbit", "sqrt", "trunc"]
)
BOUNDS: dict[str, Bound] = {
    "acos": Bound(1.2, 1.2),
}
