"""Reach a target value by repeated correction along the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.tensor import Tensor
from wingbeat.api.transforms import value_and_grad
from wingbeat.errors import BadInput
from wingbeat.explain import _evaluation, expression
from wingbeat.explain._numbers import show
from wingbeat.explain.parts import Column, Grid, Part
from wingbeat.explain.shown import Shown
from wingbeat.explain.values import as_value
from wingbeat.explain.words import say

Array = Any
MOST_ROWS = 60  # of the table; of more the last one is shown too


@dataclass(frozen=True)
class Attempt:
    """One row of the search: the varied values, the result, what is missing, the slope used."""

    values: dict[str, Array]
    result: float
    error: float  # target - result
    slope: dict[str, Array] | None  # None in the last row: no step was taken from there


@dataclass(frozen=True, repr=False)
class Solution(Shown):
    """How the search went.

    Attributes:
        target: the name that is to reach `goal`.
        attempts: all rows, the start included.
        reached: whether the last error is at most the tolerance.
        verdict: one sentence: where the goal is reached, or why it is not and how near it came.

    >>> import wingbeat as wb
    >>> found = wb.explain.solve("x=2*w+b; y=b+1; z=x*y", dict(w=3, b=4), "z", 60, ["b"])
    >>> found.reached, f"{found.values['b']:.5f}"
    (True, '4.63941')
    """

    target: str
    goal: float
    attempts: tuple[Attempt, ...]
    reached: bool
    verdict: str

    @property
    def values(self) -> dict[str, Array]:
        """The varied values at the end: floats, or arrays for tensors."""
        return {k: _plain(v) for k, v in self.attempts[-1].values.items()}

    def parts(self) -> Iterator[Part]:
        """The table of all steps."""
        names = list(self.attempts[0].values)
        goal = f"{self.target} = {show(self.goal)}"
        columns = [
            Column(say("attempt"), True),
            *(Column(name, True) for name in names),
            Column(self.target, True),
            Column(say("missing to", goal=goal), True),
            *(Column(say("slope by", z=self.target, x=name), True) for name in names),
        ]
        rows = list(enumerate(self.attempts))
        shown = rows if len(rows) <= MOST_ROWS else [*rows[: MOST_ROWS - 1], rows[-1]]
        cells = [_row(k, attempt, names) for k, attempt in shown]
        yield Grid(say("corrections", goal=goal), columns, cells, len(rows), most=MOST_ROWS)

    def __str__(self) -> str:
        return f"{self.text()}{self.verdict}"


def _row(number: int, attempt: Attempt, names: Sequence[str]) -> tuple[str, ...]:
    slopes = ["" if attempt.slope is None else show(attempt.slope[n]) for n in names]
    values = [show(attempt.values[n], 8) for n in names]
    return (str(number), *values, show(attempt.result, 8), show(attempt.error, 3), *slopes)


def solve(
    text: str,
    values: Mapping[str, Any],
    target: str,
    goal: float,
    vary: Sequence[str] | str,
    keep_slope: bool = False,
    tolerance: float = 1e-5,
    max_steps: int = 50,
) -> Solution:
    """Change some inputs of an expression until `target` equals `goal`.

    Each step moves along the gradient g as far as the line through the present point says: by
    g (goal - result) / <g, g>, which is the shortest step for several variables and Newton's for
    one.

    Args:
        text: the expression.
        values: a value for every input, the start.
        target: an assigned name, a scalar.
        goal: the number that it should have.
        vary: the inputs that may change.
        keep_slope: keep the gradient of the start instead of computing it again at every step.
        tolerance: the largest error that counts as reached; of a goal below 1, relative to the goal
            (and where the goal is 0, to the first error).
        max_steps: after so many steps the search gives up.

    Raises:
        BadInput: unknown names, missing values, a target that is no scalar, numbers that are not
            finite.

    >>> import wingbeat as wb
    >>> start = dict(w=3, b=4)
    >>> found = wb.explain.solve("x=2*w+b; y=b+1; z=x*y", start, "z", 60, "b", keep_slope=True)
    >>> [f"{float(a.values['b']):.5f}" for a in found.attempts[:3]]
    ['4.00000', '4.66667', '4.63704']
    """
    from wingbeat.solve._reach import corrections, succeeded

    goal = float(goal)
    both, start, named = _function(
        text, values, target, [vary] if isinstance(vary, str) else list(vary)
    )
    rows, obstacle = corrections(
        both,
        start,
        goal,
        keep_slope=keep_slope,
        tolerance=tolerance,
        steps=max_steps,
        said=lambda x: _shown(named(x)),
        name=target,
    )
    attempts = [
        Attempt(named(r.x), r.result, r.error, None if r.slope is None else named(r.slope))
        for r in rows
    ]
    reached = succeeded(rows, goal, tolerance)
    if reached:
        verdict = _success(attempts, target, goal)
    else:
        why = obstacle or "no more steps were allowed"
        verdict = _failure(attempts, target, goal, why)
    return Solution(target, goal, tuple(attempts), reached, verdict)


def _function(text: str, values: Mapping[str, Any], target: str, vary: list[str]) -> Any:
    """Flat values of `vary` -> (result, gradient), the start, and flat arrays -> by their names."""
    program = expression.parse(text).until(target)
    given = {_evaluation.canonical(k): as_value(v, k) for k, v in values.items()}
    _evaluation.check_values(program, given)
    if not vary:
        raise BadInput("solve: name the inputs that may change")
    for name in vary:
        if name not in program.inputs:
            known = ", ".join(program.inputs) or "none"
            raise BadInput(f"solve: {name} is no input that could vary; inputs: {known}")
    start = {name: given[name] for name in vary}
    rest = {name: v for name, v in given.items() if name not in start}

    def result(varied: dict[str, Tensor]) -> Tensor:
        from wingbeat.api.tensor import asarray

        fixed = {name: asarray(v) for name, v in rest.items()}
        t = _evaluation.run(program, {**fixed, **varied}, asarray)[target]
        if t.shape != ():
            raise BadInput(f"solve: {target} is {t.type}; only a single number can reach a target")
        return t

    names, shapes = list(start), [v.shape for v in start.values()]
    ends = np.cumsum([v.size for v in start.values()])
    slope_of = value_and_grad(result)

    def named(flat: Array) -> dict[str, Array]:
        parts = np.split(flat, ends[:-1])
        return {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}

    def both(flat: Array) -> tuple[float, Array]:
        value, slope = slope_of(named(flat))
        return float(value), np.concatenate([np.asarray(slope[n]).ravel() for n in names])

    return both, np.concatenate([np.asarray(v).ravel() for v in start.values()]), named


def _success(attempts: list[Attempt], target: str, goal: float) -> str:
    error = abs(attempts[-1].error)
    about = f" up to {show(error, 3)}" if goal == 0 != error else ""
    steps, values = _steps(len(attempts) - 1), _shown(attempts[-1].values)
    return f"{target} = {show(goal)} is reached{about} in {steps}: {values}"


def _failure(attempts: list[Attempt], target: str, goal: float, why: str) -> str:
    """What stood in the way, and how near the search came."""
    said = f"{target} = {show(goal)} was not reached in {_steps(len(attempts) - 1)}: {why}"
    known = [(abs(a.error), k) for k, a in enumerate(attempts) if math.isfinite(a.error)]
    if not known:
        return said
    error, nearest = min(known)
    result = show(attempts[nearest].result)
    where = f"step {nearest}" if nearest else "the start"
    said += f"; nearest was {target} = {result} ({show(error, 3)} missing) at {where}"
    sides = {attempts[k].error > 0 for _, k in known}
    if len(known) == 1 or len(sides) == 2:
        return said
    return f"{said}, and every {target} was {'below' if sides == {True} else 'above'} the goal"


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _shown(values: dict[str, Array]) -> str:
    return ", ".join(f"{k} = {show(v, 8)}" for k, v in values.items())


def _plain(value: Array) -> Any:
    return float(value) if np.ndim(value) == 0 else value
