"""Descent on a curve of one variable: the tangent at every point, and the jump that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from wingbeat.curvature._landscape import Landscape
from wingbeat.curvature._space import Space
from wingbeat.errors import BadInput
from wingbeat.pictures._frame import (
    GREY,
    INK,
    Picture,
    digits,
    finish,
    legend,
    looks,
    picture,
    plain,
    window,
)
from wingbeat.pictures.words import Words
from wingbeat.solve import Result, Step
from wingbeat.solve._show import searched

CURVE = 400  # points that the curve is drawn through


def descent(
    f: Callable[[Any], Any],
    *results: Result,
    jumps: int = 5,
    interval: tuple[float, float] | None = None,
    language: str = "en",
) -> Picture:
    """The curve of f, and how searches for its minimum went along it.

    At each point the tangent is drawn, whose slope is the gradient there, and from it the jump to
    the next point. Tries that were rejected are crosses.

    Args:
        f: the function that was minimised, of one number.
        results: of `wb.minimize`, one or more.
        jumps: how many steps of each are drawn.
        interval: the part of the x axis; by default as far as the points reach and a little more.
        language: "en" or "zh".

    Raises:
        BadInput: f has more than one variable; there is no result.

    >>> def f(x):
    ...     return (x - 1.0) ** 2 + 0.001
    >>> result = wb.minimize(f, 0.2, "gradient-descent", rate=0.1, steps=3)
    >>> wb.pictures.descent(f, result)
    <Picture: Descent: step against the slope>
    """
    words = Words(language)
    if not results:
        raise BadInput("descent: hand over a result, as descent(f, wb.minimize(f, 0.2))")
    paths = [_first(_of_one_variable(result), jumps) for result in results]
    made = picture(words, 7.2, 4.6)
    axes = plain(made.add_subplot(), words("x"), words("value"))
    landscape = Landscape(f, Space(results[0].x, "descent"))
    low, high = interval or window([s.x[0] for path in paths for s in path], 0.35)
    curve(axes, landscape, low, high, words("curve"))
    said: list[str] = []
    for path, look in zip(paths, looks(), strict=False):
        jumped(axes, landscape, path, look.color, look.marker, words, labelled=True)
        said.extend(_said(landscape, path, words))
    _explain(axes, words, any(not s.accepted for path in paths for s in path))
    return finish(made, words("descent"), words("descent all", each=words.each(said)))


def curve(axes: Axes, landscape: Landscape, low: float, high: float, label: str) -> None:
    """The function itself, and a view that shows it whole."""
    xs = np.linspace(low, high, CURVE)
    ys = np.array([landscape.value(np.array([x])) for x in xs])
    axes.plot(xs, ys, color=GREY, linewidth=2.2, label=label, gid="curve", zorder=1)
    axes.set_xlim(low, high)
    seen = ys[np.isfinite(ys)]
    if seen.size:
        axes.set_ylim(*window(seen, 0.08))


def jumped(
    axes: Axes,
    landscape: Landscape,
    path: list[Step],
    color: str,
    marker: str,
    words: Words,
    *,
    labelled: bool,
) -> None:
    """Points, the tangent at each that a step was taken from, the jumps, and what was rejected."""
    taken = [s for s in path if s.accepted]
    tried = [s for s in path if not s.accepted]
    for number, (here, there) in enumerate(pairwise(taken)):
        slope = float(landscape.slope(here.x)[1][0])
        _tangent(axes, here, slope, color)
        corner = [(here.x[0], here.value), (there.x[0], here.value), (there.x[0], there.value)]
        axes.plot(*zip(*corner, strict=True), ":", color=color, linewidth=1.2, gid="corner")
        axes.annotate(
            "",
            (there.x[0], there.value),
            (here.x[0], here.value),
            arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 1.6, "shrinkB": 3},
            zorder=3,
        )
        if labelled and number == 0:
            _label(axes, here, there, slope, words)
    xs, ys = [s.x[0] for s in taken], [s.value for s in taken]
    axes.plot(xs, ys, marker, color=color, markersize=6, gid="accepted", zorder=4)
    xs, ys = [s.x[0] for s in tried], [s.value for s in tried]
    axes.plot(xs, ys, "x", color=color, markersize=7, gid="rejected", zorder=4)


def _tangent(axes: Axes, here: Step, slope: float, color: str) -> None:
    """As long on the paper wherever it is steep or flat: a sixth of the picture to each side."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    steep = slope * (right - left) / (top - bottom) * 0.6  # the axes are wider than high
    reach = (right - left) / 6 / np.hypot(1.0, steep)
    xs = np.array([here.x[0] - reach, here.x[0] + reach])
    ys = here.value + slope * (xs - here.x[0])
    axes.plot(xs, ys, color=color, linewidth=1.0, linestyle=(0, (4, 2)), gid="tangent", zorder=2)


def _label(axes: Axes, here: Step, there: Step, slope: float, words: Words) -> None:
    left, right = axes.get_xlim()
    towards_left = here.x[0] > (left + right) / 2  # into the open middle of a valley
    axes.annotate(
        words("descent step", slope=digits(slope), move=digits(float(there.x[0] - here.x[0]))),
        (here.x[0], here.value),
        xytext=(-14 if towards_left else 14, 10),
        textcoords="offset points",
        ha="right" if towards_left else "left",
        va="bottom",
        color=INK,
        fontsize=9.5,
    )


def _explain(axes: Axes, words: Words, tried: bool) -> None:
    """What the lines are, in a legend that is of no search's colour."""
    axes.plot([], [], color=INK, linewidth=1.1, linestyle=(0, (4, 2)), label=words("tangent"))
    axes.plot([], [], color=INK, linewidth=1.6, marker=">", markevery=[-1], label=words("jump"))
    if tried:
        axes.plot([], [], "x", color=INK, label=words("rejected"))
    legend(axes, loc="upper center")


def _of_one_variable(result: Result) -> Result:
    size = result.record[0].x.size
    if size != 1:
        raise BadInput(
            f"descent: draws functions of one number, and this one has {size}; use "
            f"wb.pictures.{'paths(f, result)' if size == 2 else 'steps(result)'}"
        )
    return result


def _first(result: Result, jumps: int) -> list[Step]:
    return [s for s in searched(result) if s.number <= jumps and np.isfinite(s.value)]


def _said(landscape: Landscape, path: list[Step], words: Words) -> Iterator[str]:
    taken = [s for s in path if s.accepted][:2]
    if len(taken) == 2:
        here, there = taken
        yield words(
            "descent says",
            x=digits(float(here.x[0])),
            slope=digits(float(landscape.slope(here.x)[1][0])),
            to=digits(float(there.x[0])),
            f=digits(here.value),
            fto=digits(there.value),
        )
