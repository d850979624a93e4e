"""A search under way: where it is, what it has evaluated, and when it ends."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wingbeat.solve._objective import Array, Objective
from wingbeat.solve.record import Counts, Step, Vector

IDLE = 20  # steps
RESTARTS = 5  # of a method that has learned something wrong, as at kinks
NOISE = 100  # units of rounding: smaller differences of values are not trusted
FALLEN = 1e15  # below the start by this, in units of its value: on the way to minus infinity


@dataclass(eq=False)
class Point:
    """A point with what is known of the function there."""

    x: Array
    value: float
    gradient: Vector | None = None

    @property
    def slope(self) -> Vector:
        """The gradient, which has been computed."""
        assert self.gradient is not None
        return self.gradient

    @property
    def finite(self) -> bool:
        known = self.gradient is None or bool(np.isfinite(self.gradient).all())
        return bool(np.isfinite(self.value)) and known


@dataclass(frozen=True)
class Stop:
    """Why a search ended; `kind` is for the verdict, `text` for readers."""

    # "small gradient", "limit", "stuck", "rounding", "fell", "not finite", "diverged" or
    # "interrupted"
    kind: str
    text: str


@dataclass
class Search:
    """State of one search; the methods read `here` and call `at`, then `take` or `reject`."""

    objective: Objective
    steps: int
    tolerance: float
    options: dict[str, Any]
    lower: Vector | None = None  # bounds, of the methods that keep to them
    upper: Vector | None = None
    counts: Counts = field(default_factory=Counts)
    record: list[Step] = field(default_factory=list[Step])
    number: int = 0  # steps taken
    ended: Stop | None = None
    trail: deque[Point] = field(default_factory=lambda: deque[Point](maxlen=IDLE))
    restarts: int = 0
    restarted: float = np.inf  # the value at the last one
    _pending: Point | None = None

    def begin(self, x0: Array) -> None:
        self.here = self.at(x0)
        self.first = self.here
        self.trail.append(self.here)
        self._note(self.here, None, None, None, True, "the start")

    # --- evaluation --------------------------------------------------------------------------

    def at(self, x: Array) -> Point:
        """Value and gradient."""
        x = x.astype(self.objective.dtype)
        self.counts.values += 1
        self.counts.gradients += 1
        self._pending = Point(x, np.nan)
        self._pending = Point(x, *self.objective.both(x))
        return self._pending

    def value_at(self, x: Array) -> Point:
        """The value alone; `take` adds the gradient."""
        x = x.astype(self.objective.dtype)
        self.counts.values += 1
        self._pending = Point(x, np.nan)
        self._pending = Point(x, self.objective.value(x))
        return self._pending

    def complete(self, point: Point) -> Point:
        """The point with its gradient."""
        if point.gradient is None:
            self.counts.gradients += 1
            point.gradient = self.objective.gradient(point.x)
        return point

    def product(self, v: Vector) -> Vector:
        """The Hessian here times v."""
        self.counts.products += 1
        scale = float(np.linalg.norm(v))
        if scale == 0:
            return np.zeros_like(v)
        return scale * self.objective.product(self.here.x, v / scale)

    def hessian(self) -> Any:
        self.counts.hessians += 1
        return self.objective.hessian(self.here.x)

    # --- decisions ---------------------------------------------------------------------------

    def take(
        self,
        point: Point,
        direction: Vector | None,
        length: float | None,
        predicted: float | None,
        reason: str,
    ) -> None:
        """Go there."""
        self.complete(point)
        self.number += 1
        self._note(point, direction, length, predicted, True, reason)
        self.here = point
        self.trail.append(point)

    def reject(
        self,
        point: Point,
        direction: Vector | None,
        length: float | None,
        predicted: float | None,
        reason: str,
    ) -> None:
        """Stay here."""
        self.number += 1
        self._note(point, direction, length, predicted, False, reason)
        self.number -= 1

    def _note(
        self,
        point: Point,
        direction: Vector | None,
        length: float | None,
        predicted: float | None,
        accepted: bool,
        reason: str,
    ) -> None:
        self._pending = None
        norm = None if point.gradient is None else float(np.abs(point.gradient).max())
        actual = None if self.number == 0 else self.here.value - point.value
        x = point.x.astype(np.float64, copy=False)
        self.record.append(
            Step(
                self.number, x, point.value, norm, direction, length, predicted, actual, accepted,
                reason,
            )
        )  # fmt: skip

    def interrupt(self) -> None:
        """Ctrl-C: what was evaluated last is on the record too."""
        if self._pending is not None and self.record:
            self.reject(self._pending, None, None, None, "interrupted before it was judged")
        self.ended = Stop("interrupted", "it was interrupted")

    # --- the end -----------------------------------------------------------------------------

    def may_restart(self) -> bool:
        """Whether forgetting what was learned may help: not twice from values that are as good."""
        assert self.ended is not None
        lower = self.restarted - self.here.value > self.noise()
        self.restarted = self.here.value
        self.restarts += 1
        return lower and self.restarts <= RESTARTS and self.ended.kind == "stuck"

    def stuck(self, text: str) -> None:
        self.ended = Stop("stuck", text)

    def over(self) -> bool:
        """Whether the search has ended; notes why."""
        if self.ended is None:
            self.ended = self._end()
        return self.ended is not None

    def _end(self) -> Stop | None:
        here = self.here
        if not here.finite:
            return Stop("not finite", "the function or its gradient is not finite")
        if (norm := self.optimality(here)) <= self.tolerance:
            return Stop("small gradient", f"the gradient is small: {norm:.3g}")
        if here.value < -FALLEN * max(1.0, abs(self.first.value)):
            return Stop("fell", "the function keeps falling")
        if self._idle():
            return Stop("stuck", f"the last {IDLE} steps gained nothing")
        if self.number >= self.steps:
            return Stop("limit", f"the {self.steps} steps allowed were used up")
        return None

    def _idle(self) -> bool:
        """Whether a row of steps neither lowered the function nor shrank the gradient."""
        before = self.trail[0]
        if len(self.trail) < IDLE:
            return False
        fell, all_in_all = before.value - self.here.value, self.first.value - self.here.value
        shrinks = self.optimality(self.here) <= self.optimality(before) / 2
        return not shrinks and abs(fell) <= self.objective.eps * abs(all_in_all)

    def optimality(self, point: Point) -> float:
        """The largest partial derivative, without those that push against a bound."""
        return float(np.abs(self.projected(point)).max())

    def projected(self, point: Point) -> Vector:
        """The gradient, 0 where going down means leaving the bounds."""
        if self.lower is None or self.upper is None:
            return point.slope
        g, x = point.slope, point.x
        return np.where(((x <= self.lower) & (g > 0)) | ((x >= self.upper) & (g < 0)), 0.0, g)

    def clip(self, x: Array) -> Array:
        """The nearest point within the bounds."""
        if self.lower is None or self.upper is None:
            return x
        return np.clip(x, self.lower, self.upper)

    def noise(self, *points: Point) -> float:
        """Below this a difference of values says nothing."""
        sizes = [abs(p.value) for p in (self.here, *points) if np.isfinite(p.value)]
        return NOISE * self.objective.eps * max(sizes)
