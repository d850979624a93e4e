"""Reach a target value by repeated correction along the gradient."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wingbeat.errors import BadInput
from wingbeat.solve._objective import Objective, Trees
from wingbeat.solve._show import number, vector
from wingbeat.solve.record import Vector

GROWTH = 1e8  # the error is this many times the first one: it diverges


@dataclass(frozen=True, eq=False)
class Correction:
    """One row of the search: where it was, the result, what is missing, the slope used.

    >>> import wingbeat as wb
    >>> wb.reach(lambda b: (6.0 + b) * (b + 1.0), 4.0, 60.0).corrections[0].error
    10.0
    """

    x: Vector  # flat
    result: float
    error: float  # goal - result
    slope: Vector | None  # None in the last row: no step was taken from there


@dataclass(frozen=True, eq=False)
class Reached:
    """How a search for a target value went.

    Attributes:
        x: a tree like x0.
        goal: the target value.
        corrections: all rows, the start included.
        reached: whether the last error is at most the tolerance.
        obstacle: why no further step could help; None where one could, or none was needed.
        verdict: one sentence.

    >>> import wingbeat as wb
    >>> print(wb.reach(lambda b: (6.0 + b) * (b + 1.0), 4.0, 60.0).verdict)
    f = 60 is reached in 3 steps: x = 4.63941
    """

    x: Any
    goal: float
    corrections: tuple[Correction, ...]
    reached: bool
    obstacle: str | None
    verdict: str


def reach(
    f: Callable[[Any], Any],
    x0: Any,
    goal: float,
    *,
    keep_slope: bool = False,
    tolerance: float = 1e-5,
    steps: int = 50,
) -> Reached:
    """Change x until `f(x)` equals `goal`.

    Each step moves along the gradient g as far as the line through the present point says: by
    g (goal - f) / <g, g>, which is the shortest step for several variables and Newton's for one.

    Args:
        f: from a tree like `x0` to a scalar.
        x0: a tree of floats or arrays of floats.
        goal: the value that `f` should have.
        keep_slope: keep the gradient of the start instead of computing it again at every step.
        tolerance: the largest error that counts as reached; of a goal below 1, relative to the goal
            (and where the goal is 0, to the first error).
        steps: at most so many.

    Raises:
        BadInput: numbers that are not finite or out of range.
        TypeMismatch: `x0` holds something else than floats, or `f` returns no scalar.

    >>> import wingbeat as wb
    >>> found = wb.reach(lambda b: (6.0 + b) * (b + 1.0), 4.0, 60.0, keep_slope=True)
    >>> [f"{c.x[0]:.5f}" for c in found.corrections[:3]]
    ['4.00000', '4.66667', '4.63704']
    """
    trees = Trees(x0, "reach")
    objective = Objective(f, trees)
    found, obstacle = corrections(
        objective.both,
        trees.start,
        goal,
        keep_slope=keep_slope,
        tolerance=tolerance,
        steps=steps,
        said=lambda x: f"x = {vector(x)}",
    )
    last, count = found[-1], len(found) - 1
    many = f"{count} step{'s' * (count != 1)}"
    reached = succeeded(found, goal, tolerance)
    if reached:
        verdict = f"f = {number(goal)} is reached in {many}: x = {vector(last.x)}"
    else:
        why = obstacle or "no more steps were allowed"
        verdict = f"f = {number(goal)} was not reached in {many}: {why}; f = {number(last.result)}"
    return Reached(trees.arrays(last.x), float(goal), tuple(found), reached, obstacle, verdict)


def corrections(
    both: Callable[[Any], tuple[float, Vector]],
    start: Any,
    goal: float,
    *,
    keep_slope: bool,
    tolerance: float,
    steps: int,
    said: Callable[[Any], str],
    name: str = "f",
) -> tuple[list[Correction], str | None]:
    """The rows, and why no further step could help (None where one could).

    `both` gives value and gradient at a flat point; `said` names a point in the words of obstacles,
    and `name` the function.
    """
    if not isinstance(goal, int | float | np.number) or isinstance(goal, bool):
        kind = type(goal).__name__
        raise BadInput(f"solve: the target {name} is a number, as 60.0, not {goal!r} ({kind})")
    goal = float(goal)
    if not math.isfinite(goal):
        raise BadInput(f"solve: the target {name}={goal} is not finite")
    if not tolerance > 0 or steps < 1:
        raise BadInput("solve: the tolerance must be positive, and at least one step allowed")
    rows: list[Correction] = []
    visited: dict[bytes, int] = {}
    now, kept = start, None
    while True:
        result, slope = both(now)
        kept = slope if kept is None or not keep_slope else kept
        rows.append(Correction(now, result, goal - result, kept))
        reached = succeeded(rows, goal, tolerance)
        obstacle = None if reached else _obstacle(rows, visited, name, said)
        if reached or obstacle or len(rows) > steps:
            break
        now = _next(now, kept, goal - result)
    rows[-1] = replace(rows[-1], slope=None)
    return rows, obstacle


def succeeded(rows: list[Correction], goal: float, tolerance: float) -> bool:
    """Whether the last error is small: 3e-7 is not near 4e-7, and 59.99999 is near 60."""
    limit = tolerance * min(1.0, abs(goal) or abs(rows[0].error))
    return abs(rows[-1].error) <= max(limit, sys.float_info.min)


def _next(now: Any, slope: Vector, error: float) -> Any:
    """The shortest step after which the line through the present point reaches the goal."""
    with np.errstate(all="ignore"):
        length = _norm(slope)
        return (now + (slope / length) * (error / length)).astype(now.dtype)


def _norm(x: Vector) -> float:
    """The Euclidean norm, which overflows only if it is itself too large."""
    top = float(np.abs(x).max(initial=0.0))
    if top == 0 or not math.isfinite(top):
        return top
    return top * float(np.sqrt(np.sum((x / top) ** 2)))


def _obstacle(
    rows: list[Correction], visited: dict[bytes, int], name: str, said: Callable[[Any], str]
) -> str | None:
    """Why no further step can help; None while one can."""
    now, here = rows[-1], said(rows[-1].x)
    assert now.slope is not None
    if not math.isfinite(now.result):
        return f"{name} became {number(now.result)} at {here}"
    if not np.all(np.isfinite(now.slope)):
        return f"the slope of {name} is not finite at {here}"
    if _norm(now.slope) == 0:
        return f"the slope of {name} is 0 at {here}, where no small change moves it"
    if abs(now.error) > GROWTH * max(1.0, abs(rows[0].error)):
        return f"the search diverges, with {name} = {number(now.result)} by now"
    # The next step depends on the values alone, so what was visited once comes again for ever.
    before = visited.setdefault(now.x.tobytes(), len(rows) - 1)
    if before == len(rows) - 2:
        return f"the steps have become smaller than the rounding of {here}"
    if before < len(rows) - 2:
        return f"the search goes round in circles, back at {here}"
    return None
