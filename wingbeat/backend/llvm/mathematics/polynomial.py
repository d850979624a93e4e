"""The one way in which polynomials are computed."""

from __future__ import annotations

from collections.abc import Sequence

from wingbeat.backend.llvm.lanes import Lanes, Vector


def horner(s: Lanes, x: Vector, coefficients: Sequence[float]) -> Vector:
    """c[0] x^n + ... + c[n], for at least two coefficients, the highest power first."""
    first, second, *rest = coefficients
    z = s.fma(x, first, second)
    for c in rest:
        z = s.fma(z, x, c)
    return z
