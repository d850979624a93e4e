"""The verdict's own evaluations, counted apart and on the record, and how it is put."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.solve._search import Point, Search, Stop
from wingbeat.solve.record import Step, Vector
from wingbeat.solve.verdict import Verdict

IN_A_ROW = np.arange(-4, 5)


class Probe:
    """Values and derivatives around the last point of a search."""

    def __init__(self, s: Search) -> None:
        self.search, self.objective = s, s.objective
        self.x: Vector = s.here.x.astype(np.float64)
        self.eps = s.objective.eps
        self.size = max(1.0, float(np.abs(self.x).max()))

    @property
    def ended(self) -> Stop:
        """Why the search ended: only then it is judged."""
        assert self.search.ended is not None
        return self.search.ended

    def verdict(self, kind: str, sentence: str, **more: Any) -> Verdict:
        """The verdict, with what is always evidence and with `more` (whose `_` are spaces)."""
        s = self.search
        evidence: dict[str, Any] = {
            "gradient norm": s.optimality(s.here),
            "tolerance": s.tolerance,
            **{name.replace("_", " "): value for name, value in more.items()},
        }
        return Verdict(kind, evidence, sentence)

    def value(self, x: Vector, why: str) -> float:
        value = self.objective.value(x.astype(self.objective.dtype))
        self._note(x, value, None, why)
        return value

    def gradient(self, x: Vector, why: str) -> Vector:
        value, gradient = self.objective.both(x.astype(self.objective.dtype))
        self._note(x, value, gradient, why)
        return gradient

    def hessian(self, x: Vector) -> Any:
        self.search.counts.probes += 1
        return self.objective.hessian(x.astype(self.objective.dtype))

    def product(self, x: Vector, v: Vector) -> Vector:
        self.search.counts.probes += 1
        return self.objective.product(x.astype(self.objective.dtype), v)

    def anew(self, point: Point) -> float:
        """The value with the user's function run again."""
        value = self.objective.anew(point.x)
        self._note(point.x.astype(np.float64), value, None, "is the value the same again?")
        return value

    def _note(self, x: Vector, value: float, gradient: Vector | None, why: str) -> None:
        s = self.search
        s.counts.probes += 1
        norm = None if gradient is None else float(np.abs(gradient).max())
        actual = s.here.value - value
        s.record.append(
            Step(
                s.number, x, value, norm, None, None, None, actual, False, f"for the verdict: {why}"
            )
        )

    # --- noise -------------------------------------------------------------------------------

    @property
    def reach(self) -> float:
        """How far apart the outer ones of the values in a row are."""
        return (IN_A_ROW[-1] - IN_A_ROW[0]) * self._stride

    @property
    def _stride(self) -> float:
        return 16 * self.eps * self.size * math.sqrt(self.x.size)

    def in_a_row(self) -> Vector:
        """Values at points in a row, so near that they differ by little more than rounding."""
        u = self.random() * self._stride
        return np.array([self.value(self.x + k * u, "how large is rounding?") for k in IN_A_ROW])

    def noise(self, values: Vector) -> float:
        """The rounding of values here: what is left of values in a row without their trend."""
        least = self.eps * abs(self.search.here.value)
        if not np.isfinite(values).all():
            return least
        trend = np.polynomial.polynomial.Polynomial.fit(IN_A_ROW, values, 2)
        return max(float(np.abs(values - trend(IN_A_ROW)).max()), least)

    def random(self, number: int = 0) -> Vector:
        """A unit vector, the same one each time, along variables that bounds leave free."""
        u = np.random.default_rng(number).normal(size=self.x.size) * self.inside()
        return u / max(float(np.linalg.norm(u)), 1e-300)

    def inside(self) -> Any:
        """Which variables may move a little to both sides."""
        s = self.search
        if s.lower is None or s.upper is None:
            return np.ones(self.x.size, bool)
        room = 1e-2 * self.size
        return (self.x - s.lower > room) & (s.upper - self.x > room)
