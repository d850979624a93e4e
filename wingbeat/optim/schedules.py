"""Learning rates that change: functions of the number of steps made, 0 before the first one.

Each is an immutable record without a memory, so what a checkpoint keeps is the number of steps.

>>> import wingbeat as wb
>>> schedule = wb.optim.Warmup(wb.optim.Cosine(1.0, steps=8), steps=4)
>>> [round(schedule(k), 3) for k in (0, 1, 3, 4, 8, 12)]
[0.25, 0.5, 1.0, 1.0, 0.5, 0.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from wingbeat.errors import BadInput
from wingbeat.optim import _checks


@dataclass(frozen=True)
class Constant:
    """Always `lr`.

    >>> import wingbeat as wb
    >>> wb.optim.Constant(0.1)(1000)
    0.1
    """

    lr: float

    def __post_init__(self) -> None:
        _checks.number(self.lr, "lr", "Constant")

    def __call__(self, step: int) -> float:
        """The rate after `step` steps."""
        return self.lr


@dataclass(frozen=True)
class StepDecay:
    """`lr`, times `factor` after every `every` steps.

    >>> import wingbeat as wb
    >>> [wb.optim.StepDecay(1.0, every=2, factor=0.5)(k) for k in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _checks.number(self.lr, "lr", "StepDecay")
        _checks.count(self.every, "every", "StepDecay")
        _checks.number(self.factor, "factor", "StepDecay")

    def __call__(self, step: int) -> float:
        """The rate after `step` steps."""
        return self.lr * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Exponential:
    """`lr` times `factor` to the power of the step.

    >>> import wingbeat as wb
    >>> wb.optim.Exponential(1.0, factor=0.5)(3)
    0.125
    """

    lr: float
    factor: float

    def __post_init__(self) -> None:
        _checks.number(self.lr, "lr", "Exponential")
        _checks.number(self.factor, "factor", "Exponential")

    def __call__(self, step: int) -> float:
        """The rate after `step` steps."""
        return self.lr * self.factor**step


@dataclass(frozen=True)
class Cosine:
    """From `lr` to `end` in `steps` steps, along half a wave of the cosine.

    Loshchilov and Hutter (2017), eq. 5.

    >>> import wingbeat as wb
    >>> [round(wb.optim.Cosine(1.0, steps=4)(k), 3) for k in (0, 2, 4, 5)]
    [1.0, 0.5, 0.0, 0.0]
    """

    lr: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        _checks.number(self.lr, "lr", "Cosine")
        _checks.count(self.steps, "steps", "Cosine")
        _checks.number(self.end, "end", "Cosine")

    def __call__(self, step: int) -> float:
        """The rate after `step` steps."""
        return _wave(self.lr, self.end, step / self.steps)


def _wave(start: float, end: float, part: float) -> float:
    """Half a wave of the cosine, from `start` at 0 to `end` at 1 and beyond."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(max(part, 0.0), 1.0)))


@dataclass(frozen=True)
class Warmup:
    """1/steps, 2/steps, ... of a schedule's first rate, then that schedule (or number).

    >>> import wingbeat as wb
    >>> [wb.optim.Warmup(1.0, steps=4)(k) for k in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    schedule: float | Callable[[int], float]
    steps: int

    def __post_init__(self) -> None:
        _checks.rate(self.schedule, "Warmup")
        _checks.count(self.steps, "steps", "Warmup", least=0)

    def __call__(self, step: int) -> float:
        """The rate after `step` steps."""
        after = self.schedule if callable(self.schedule) else Constant(self.schedule)
        if step < self.steps:
            return after(0) * (step + 1) / self.steps
        return after(step - self.steps)


@dataclass(frozen=True)
class OneCycle:
    """Up from `peak` / `start` to `peak`, then down to `peak` / `start` / `end`.

    The way up takes the part `up` of the steps; both go along half a wave of the cosine. Smith and
    Topin (2019), with PyTorch's defaults.

    >>> import wingbeat as wb
    >>> cycle = wb.optim.OneCycle(1.0, steps=10, up=0.5, start=10.0, end=100.0)
    >>> round(cycle(0), 4), cycle(4), round(cycle(9), 4)
    (0.1, 1.0, 0.001)
    """

    peak: float
    steps: int
    up: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __post_init__(self) -> None:
        _checks.number(self.peak, "peak", "OneCycle")
        _checks.count(self.steps, "steps", "OneCycle", least=2)
        _checks.number(self.up, "up", "OneCycle", below=1.0)
        for name, value in (("start", self.start), ("end", self.end)):
            if _checks.number(value, name, "OneCycle") == 0.0:
                raise BadInput(f"OneCycle: {name} divides the rate and must not be 0")

    def __call__(self, step: int) -> float:
        """The rate after `step` steps."""
        first = self.peak / self.start
        top, last = self.up * self.steps - 1.0, self.steps - 1.0
        if step < top:
            return _wave(first, self.peak, step / top)
        return _wave(self.peak, first / self.end, (step - top) / (last - top))
