"""Every evaluation of a search: values, lengths of steps, predicted against actual decrease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from wingbeat.pictures._frame import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    Picture,
    both_sides,
    digits,
    finish,
    legend,
    logarithmic,
    picture,
    plain,
)
from wingbeat.pictures.words import Words
from wingbeat.solve import Result, Step
from wingbeat.solve._show import searched

Read = Callable[[Step], float | None]


def steps(result: Result, *, language: str = "en") -> Picture:
    """Three views of a search's record; what was tried and rejected is a cross.

    Above left the value of every evaluation, below how far from the point before it was made, and
    on the right by how much f fell against what the method's model had said.

    Args:
        result: of `wb.minimize`, with any number of variables.
        language: "en" or "zh".

    >>> def f(x):
    ...     return (x[0] - 1.0) ** 2 + x[1] ** 2
    >>> wb.pictures.steps(wb.minimize(f, np.zeros(2), "newton")).description
    'steps taken: 1; tries rejected: 0; f went from 1 to 0.'
    """
    words = Words(language)
    record = searched(result)
    made = picture(words, 10.0, 5.2)
    cells = made.add_gridspec(2, 2)
    above, below = (made.add_subplot(cells[k, 0]) for k in range(2))
    _by_evaluation(plain(above, "", words("value")), record, lambda s: s.value, words)
    legend(above, loc="best")
    _by_evaluation(plain(below, words("evaluation"), words("length")), record, moved, words)
    right = made.add_subplot(cells[:, 1])
    _predictions(plain(right, words("predicted"), words("actual")), record, words)
    taken, last = len(result.steps) - 1, result.steps[-1].value
    said = words(
        "steps says",
        accepted=taken,
        rejected=len(record) - taken - 1,
        first=digits(record[0].value),
        last=digits(last),
    )
    return finish(made, words("steps", method=result.method), said)


def moved(s: Step) -> float | None:
    """The length of the step that led to this point."""
    if s.direction is None or s.length is None:
        return None
    return float(np.linalg.norm(s.direction)) * s.length


def _by_evaluation(axes: Axes, record: Sequence[Step], read: Read, words: Words) -> None:
    known = [(k, y, s.accepted) for k, s in enumerate(record) if (y := read(s)) is not None]
    shown = [row for row in known if np.isfinite(row[1])]
    taken = [(k, y) for k, y, accepted in shown if accepted]
    tried = [(k, y) for k, y, accepted in shown if not accepted]
    style: dict[str, Any] = {"color": BLUE, "linewidth": 1.2, "markersize": 4}
    axes.plot(*_columns(taken), "-o", gid="accepted", label=words("accepted"), **style)
    if tried:
        axes.plot(*_columns(tried), "x", color=ORANGE, gid="rejected", label=words("rejected"))
    sizes = [y for _, y, _ in shown if y > 0]
    if sizes and len(sizes) == len(shown) and max(sizes) > 100 * min(sizes):
        logarithmic(axes, "y")
    axes.set_xlim(-0.5, max(len(record), 2) - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _columns(rows: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in rows], [y for _, y in rows]


def _predictions(axes: Axes, record: Sequence[Step], words: Words) -> None:
    """Predicted on x, actual on y; both logarithmic to each side of 0, as they span decades."""
    rows = [
        (s.predicted, s.actual, s.accepted)
        for s in record
        if s.predicted is not None and s.actual is not None
    ]
    rows = [row for row in rows if np.isfinite(row[:2]).all()]
    if not rows:
        where: dict[str, Any] = {"ha": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, words("no prediction"), color=INK, **where)
        return
    sizes = [abs(v) for row in rows for v in row[:2] if v]
    low, high = min(sizes, default=1.0), max(sizes, default=1.0)
    if high > 100 * low:
        both_sides(axes, "x", low, high, any(row[0] < 0 for row in rows))
        both_sides(axes, "y", low, high, any(row[1] < 0 for row in rows))
    ends = [min(0.0, *(row[0] for row in rows)), max(row[0] for row in rows)]
    axes.plot(ends, ends, color=GREY, linewidth=1.2, label=words("as predicted"))
    axes.axhline(0.0, color=INK, linewidth=0.8)
    taken = [row[:2] for row in rows if row[2]]
    tried = [row[:2] for row in rows if not row[2]]
    axes.plot(*_columns(taken), "o", color=BLUE, markersize=5, gid="predicted")
    axes.plot(*_columns(tried), "x", color=ORANGE, markersize=6, gid="predicted rejected")
    if any(row[1] < 0 for row in rows):
        axes.plot([], [], " ", label=words("rose"))
    legend(axes, loc="upper left")
