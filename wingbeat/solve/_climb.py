"""Hill climbing: the best of the neighbours, as long as one is higher."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from wingbeat.errors import BadInput
from wingbeat.solve.record import Counts, Result, Step, Vector
from wingbeat.solve.verdict import Verdict


def flip_one(x: Any) -> Iterable[Any]:
    """All bit strings that differ from `x` in one place.

    >>> import wingbeat as wb
    >>> [y.tolist() for y in wb.solve.flip_one(np.array([0, 1]))]
    [[1, 1], [0, 0]]
    """
    for k in range(x.size):
        y = x.copy()
        y.flat[k] = 1 - y.flat[k]
        yield y


def hill_climb(
    f: Callable[[Any], Any],
    x0: Any,
    neighbours: Callable[[Any], Iterable[Any]] = flip_one,
    *,
    steps: int = 1000,
    first: bool = False,
) -> Result:
    """Climb from `x0` to a point that none of its neighbours is higher than.

    For choices that cannot move a little, where there is no gradient: bits, orders, whole numbers.

    Args:
        f: the height, from an array like `x0` to a number.
        x0: an array; with the default `neighbours` of zeros and ones.
        neighbours: from an array to the arrays next to it; by default all with one bit flipped.
        steps: at most so many moves.
        first: go to the first neighbour that is higher, instead of the highest of all.

    The verdict is "maximum" where all neighbours are lower, "flat valley" where some are as high,
    "not finished" where steps ran out or Ctrl-C came. The result has no gradient.

    Raises:
        BadInput: bits that are no bits, a height that is NaN or no number, a number of steps
            below 1.

    >>> import wingbeat as wb
    >>> found = wb.hill_climb(lambda bits: float(bits.sum()), np.array([0, 1, 0, 0]))
    >>> found.x.tolist(), found.value, found.verdict.kind
    ([1, 1, 1, 1], 4.0, 'maximum')
    """
    here = np.array(x0)
    if neighbours is flip_one and not np.isin(here, (0, 1)).all():
        raise BadInput(
            "hill_climb: x0 has other numbers than 0 and 1; give neighbours=, a function from an "
            "array to the arrays next to it"
        )
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise BadInput(f"hill_climb: steps is a whole number from 1, not {steps!r}")
    climb = _Climb(f, neighbours, first)
    try:
        climb.start(here)
        while climb.number < steps and climb.step():
            pass
    except KeyboardInterrupt:
        if not climb.record:
            raise
        climb.ended = "interrupted"
    return Result(
        climb.x, climb.value, None, climb.verdict(), tuple(climb.record), climb.counts, "hill-climb"
    )


def _number(height: Any) -> float:
    try:
        return float(height)
    except (TypeError, ValueError):
        given = "None; does it end with return?" if height is None else repr(height)
        raise BadInput(f"hill_climb: f returns the height, a number, not {given}") from None


class _Climb:
    def __init__(
        self, f: Callable[[Any], Any], neighbours: Callable[[Any], Iterable[Any]], first: bool
    ) -> None:
        self.f, self.neighbours, self.first = f, neighbours, first
        self.record: list[Step] = []
        self.counts = Counts()
        self.number = 0
        self.ended = ""
        self.around: list[float] = []  # heights around the last point

    def start(self, x: Any) -> None:
        self.x, self.value = x, self._height(x)
        self._note(x, self.value, True, "the start")

    def step(self) -> bool:
        """Whether a higher neighbour was found, and gone to."""
        best, height = None, self.value
        self.around = []
        tries: list[tuple[Any, float]] = []
        for y in self.neighbours(self.x):
            value = self._height(y)
            self.around.append(value)
            if value > height:
                best, height = y, value
            tries.append((y, value))
            if self.first and best is not None:
                break
        self.number += 1
        for y, value in tries:
            if y is best:
                continue
            why = (
                "lower"
                if value < self.value
                else "no higher"
                if value == self.value
                else "not the highest"
            )
            self._note(y, value, False, why)
        if best is None:
            self.number -= 1
            self.ended = "top"
            return False
        self._note(best, height, True, "higher" if self.first else "the highest of the neighbours")
        self.x, self.value = best, height
        return True

    def _height(self, x: Any) -> float:
        self.counts.values += 1
        value = _number(self.f(x))
        if value != value:
            raise BadInput(f"hill_climb: the height of {np.asarray(x).tolist()} is NaN")
        return value

    def _note(self, x: Any, value: float, accepted: bool, reason: str) -> None:
        flat: Vector = np.ravel(x).astype(np.float64)
        actual = None if not self.record else self.value - value
        self.record.append(
            Step(self.number, flat, value, None, None, None, None, actual, accepted, reason)
        )

    def verdict(self) -> Verdict:
        evidence: dict[str, Any] = {"height": self.value, "neighbours": len(self.around)}
        if self.ended != "top":
            why = "it was interrupted" if self.ended else "the steps allowed were used up"
            return Verdict("not finished", evidence, f"{why} at the height {self.value:g}")
        if not self.around:
            return Verdict("undecided", evidence, "the point has no neighbours")
        evidence["highest neighbour"] = max(self.around)
        count = len(self.around)
        if max(self.around) == self.value:
            level = sum(v == self.value for v in self.around)
            sentence = f"none of the {count} neighbours is higher, {level} are as high"
            return Verdict("flat valley", evidence, sentence)
        sentence = (
            f"all {count} neighbours are lower, by at least {self.value - max(self.around):g}"
        )
        return Verdict("maximum", evidence, f"{sentence}; higher points may lie elsewhere")
