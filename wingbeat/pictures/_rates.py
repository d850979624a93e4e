"""What the learning rate does, and what the condition number leaves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from wingbeat.curvature import conditioning, extremes, hessian
from wingbeat.curvature._landscape import Landscape
from wingbeat.curvature._space import Space
from wingbeat.errors import BadInput
from wingbeat.pictures import _descent, _paths
from wingbeat.pictures._frame import (
    Look,
    Picture,
    digits,
    finish,
    legend,
    logarithmic,
    looks,
    picture,
    plain,
)
from wingbeat.pictures.words import Words
from wingbeat.solve import Result, minimize

SHARES = (0.05, 0.6, 2.1)  # of 1 / the largest curvature: too small, right, beyond 2 too large
ENOUGH = 0.95  # of what there is to gain: the rate is right


def rates(
    f: Callable[[Any], Any],
    x0: Any,
    rates: Sequence[float] | None = None,
    *,
    steps: int = 12,
    language: str = "en",
) -> Picture:
    """Gradient descent from one start at several learning rates, side by side.

    Each panel shows the steps on the function itself, the last one the value by step. A rate is
    "too large" where f ended above its start, "right" where nearly all that could be gained was.

    Args:
        f: of one or two numbers.
        x0: the start of all of them.
        rates: by default three, chosen by the largest curvature at the start: a rate that is too
            small, one that is right, and one beyond 2 / curvature, where steps grow.
        steps: of each.
        language: "en" or "zh".

    Raises:
        BadInput: f has more variables; f does not curve upwards at x0 and no rates are given.

    >>> wb.pictures.rates(lambda x: x**2, 1.0).description.split(";")[0]
    'rate 0.025, too small: f fell by 70.8 %'
    """
    words = Words(language)
    space = Space(x0, "rates")
    if space.size > 2:
        raise BadInput(f"rates: draws functions of one or two numbers, and this has {space.size}")
    top = extremes(hessian(f, x0)).largest
    if rates is None:
        if top <= 0:
            raise BadInput("rates: f does not curve upwards at x0; say which rates, as rates=[0.1]")
        rates = [share / top for share in SHARES]
    found = [minimize(f, x0, "gradient-descent", rate=rate, steps=steps) for rate in rates]
    best = minimize(f, x0)
    known = best.verdict.is_minimum
    lowest = min(s.value for result in (*found, best) for s in result.steps)
    verdicts = [_verdict(result, lowest) for result in found]
    made = picture(words, 10.4, 6.4)
    cells = made.add_gridspec(2, len(found), height_ratios=[3, 2])
    draw = _on_curves if space.size == 1 else _on_contours
    panels = [made.add_subplot(cells[0, k]) for k in range(len(found))]
    for axes, rate, how in zip(panels, rates, verdicts, strict=True):
        title = words("rates panel", rate=digits(rate), how=words(how))
        plain(axes, words("x" if space.size == 1 else "x1"), "", title)
    panels[0].set_ylabel(words("value" if space.size == 1 else "x2"))
    draw(panels, Landscape(f, space), found, words)
    under = plain(
        made.add_subplot(cells[1, :]),
        words("step"),
        words("above minimum" if known else "above lowest"),
    )
    for result, rate, look in zip(found, rates, looks(), strict=False):
        values = [s.value - lowest for s in result.steps]
        _curve(under, values, look, digits(rate))
    logarithmic(under, "y")
    legend(under, loc="best", title=words("rates"), title_fontsize=9)
    said = [_fell(r, rate, how, words) for r, rate, how in zip(found, rates, verdicts, strict=True)]
    if top > 0:
        said.append(words("edge", curvature=digits(top), edge=digits(2 / top)))
    return finish(made, words("rates"), words.sentence(said))


def _verdict(result: Result, lowest: float) -> str:
    first, last = result.steps[0].value, result.steps[-1].value
    if last > first:
        return "too large"
    return "right" if first - last >= ENOUGH * (first - lowest) else "too small"


def _fell(result: Result, rate: float, how: str, words: Words) -> str:
    first, last = result.steps[0].value, result.steps[-1].value
    parts = {"rate": digits(rate), "how": words(how)}
    if last > first > 0:
        return words("rate grew", times=digits(last / first), **parts)
    return words("rate fell", share=digits(100 * (first - last) / (abs(first) or 1.0)), **parts)


def _on_curves(
    panels: Sequence[Axes], landscape: Landscape, found: Sequence[Result], words: Words
) -> None:
    """The jumps on the curve; one window for all, as wide as the widest search went."""
    points = np.concatenate([r.path[:, 0] for r in found])
    more = 0.08 * float(np.ptp(points))
    for axes, result, look in zip(panels, found, looks(), strict=False):
        _descent.curve(axes, landscape, points.min() - more, points.max() + more, words("curve"))
        path = list(result.steps)
        _descent.jumped(axes, landscape, path, look.color, look.marker, words, labelled=False)


def _on_contours(
    panels: Sequence[Axes], landscape: Landscape, found: Sequence[Result], words: Words
) -> None:
    patch = _paths.evaluated(landscape, _paths.around(found))
    for axes, result, look in zip(panels, found, looks(), strict=False):
        _paths.contours(axes, patch)
        _paths.walked(axes, result, look, words("accepted"))


def _curve(axes: Axes, values: Sequence[float], look: Look, label: str) -> None:
    shown = [v if v > 0 else np.nan for v in values]  # the lowest of all is 0, which no log shows
    axes.plot(
        shown,
        color=look.color,
        linestyle=look.dashes,
        marker=look.marker,
        markersize=4,
        label=label,
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def condition(
    numbers: Sequence[float] = (5.0, 1e4), *, steps: int = 40, language: str = "en"
) -> Picture:
    """Gradient descent at the best rate on quadratics of several condition numbers.

    The functions are (x² + κ y²) / 2, started at (1, 1). The last panel compares the distance from
    the minimum with what the eigenvalues allow, ((κ - 1) / (κ + 1))^k after k steps.

    Args:
        numbers: the condition numbers κ, each above 1.
        steps: of each search.
        language: "en" or "zh".

    Raises:
        BadInput: a condition number is not above 1.

    >>> wb.pictures.condition(steps=10).description.split("; ")[1]
    'condition number 10⁴: after 10 steps the distance is 0.998 of the first.'
    """
    words = Words(language)
    if not numbers or not all(np.isfinite(k) and k > 1 for k in numbers):
        raise BadInput(f"condition: condition numbers are above 1, not {numbers!r}")
    made = picture(words, 4.6 * len(numbers) + 1.2, 7.2)
    cells = made.add_gridspec(2, len(numbers), height_ratios=[3, 2.2])
    under = plain(made.add_subplot(cells[1, :]), words("step"), words("distance"))
    said: list[str] = []
    for column, (number, look) in enumerate(zip(numbers, looks(), strict=False)):
        f = _quadratic(float(number))
        start = np.ones(2)
        known = conditioning(hessian(f, start))
        result = minimize(f, start, "gradient-descent", rate=known.best_rate, steps=steps)
        shown = digits(known.number)
        axes = made.add_subplot(cells[0, column])
        head = {"rate": digits(known.best_rate), "steps": digits(known.steps_per_digit)}
        plain(axes, words("x1"), words("x2"), words("condition panel", number=shown, **head))
        patch = _paths.evaluated(
            Landscape(f, Space(start, "condition")), ((-1.2, 1.2), (-1.2, 1.2))
        )
        _paths.contours(axes, patch)
        _paths.walked(axes, result, look, "")
        distances = np.linalg.norm(result.path, axis=1) / np.sqrt(2.0)
        under.plot(
            distances, color=look.color, marker=look.marker, markersize=4, linestyle="none",
            label=words("condition measured", number=shown),
        )  # fmt: skip
        under.plot(known.contraction ** np.arange(len(distances)), color=look.color, linewidth=1.2)
        said.append(
            words(
                "condition each", number=shown, count=len(distances) - 1, left=digits(distances[-1])
            )
        )
    under.plot([], [], "-k", linewidth=1.2, label=words("bound"))
    logarithmic(under, "y")
    legend(under, loc="center right")
    return finish(made, words("condition"), words("condition says", each=words.sentence(said)))


def _quadratic(number: float) -> Callable[[Any], Any]:
    return lambda x: 0.5 * (x[0] ** 2 + number * x[1] ** 2)
