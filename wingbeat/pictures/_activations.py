"""Activation functions with their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wingbeat import api
from wingbeat.errors import BadInput
from wingbeat.nn.functional import elu, leaky_relu
from wingbeat.pictures._frame import (
    BLUE,
    ORANGE,
    PAPER,
    Picture,
    digits,
    finish,
    legend,
    picture,
    plain,
)
from wingbeat.pictures.words import Words

Function = Callable[[Any], Any]
KNOWN: dict[str, Function] = {
    "sigmoid": api.sigmoid,
    "tanh": api.tanh,
    "relu": api.relu,
    "leaky relu": lambda x: leaky_relu(x, 0.1),
    "elu": elu,
    "gelu": api.gelu,
    "silu": api.silu,
    "softplus": api.softplus,
}
DRAWN = ("sigmoid", "tanh", "relu", "leaky relu", "gelu", "silu")
REACH, POINTS = 5.0, 401


def activations(
    functions: Sequence[str] | Mapping[str, Function] = DRAWN, *, language: str = "en"
) -> Picture:
    """Activation functions (solid) and their derivatives (dashed), on one scale.

    The sigmoid's slope is s(1 - s), at most 1/4. Where 0 is a kink the dashed line breaks, and
    a hollow point marks the value that Wingbeat answers with.

    Args:
        functions: names, of "sigmoid", "tanh", "relu", "leaky relu" (slope 0.1), "elu", "gelu",
            "silu" and "softplus"; or functions of your own by name, applied to each number.
        language: "en" or "zh".

    Raises:
        BadInput: an unknown name.

    >>> wb.pictures.activations({"cube": lambda x: x**3}).description
    'Activation functions (solid) and their slopes (dashed). The steepest slopes: cube 75.'
    """
    words = Words(language)
    named = functions if isinstance(functions, Mapping) else {n: _known(n) for n in functions}
    if not named:
        raise BadInput("activations: name at least one function, as ['sigmoid']")
    columns = min(3, len(named))
    rows = -(-len(named) // columns)
    made = picture(words, max(5.0, 3.4 * columns), 3.0 * rows + 0.6)
    grid: Any = made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    x = np.linspace(-REACH, REACH, POINTS)
    steepest: list[str] = []
    for axes, (name, function) in zip(grid.flat, named.items(), strict=False):
        y, slope = curves(function, x)
        top = digits(slope[np.argmax(np.abs(slope))])
        steepest.append(f"{name} {top}")
        plain(axes, "", "", words("steepest", name=name, slope=top))
        axes.plot(x, y, color=BLUE, linewidth=1.8, label=words("function"), gid="function")
        _slope(axes, function, x, slope, words)
    for axes in list(grid.flat)[len(named) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel(words("input"))
    if all(name in KNOWN for name in named):
        grid[0][0].set_ylim(-1.2, 2.2)
    legend(grid[0][0], loc="upper left")
    joined = ("、" if language == "zh" else ", ").join(steepest)
    return finish(made, words("activations"), words("activations says", slopes=joined))


def curves(function: Function, x: Any) -> tuple[Any, Any]:
    """Values and derivatives at each of the points."""
    values, back = api.vjp(function, api.asarray(x))
    return np.asarray(values), np.asarray(back(api.ones_like(values))[0])


def _slope(axes: Any, function: Function, x: Any, slope: Any, words: Words) -> None:
    """Broken at 0 where no derivative exists there."""
    drawn, middle = slope.copy(), len(x) // 2
    broken = kinked(function)
    if broken:
        drawn[middle] = np.nan
    style = {"color": ORANGE, "linewidth": 1.8, "linestyle": (0, (4, 2))}
    axes.plot(x, drawn, label=words("slope"), gid="slope", **style)
    if broken:
        axes.plot(x[middle], slope[middle], "o", color=ORANGE, markerfacecolor=PAPER, gid="kink")


def kinked(function: Function) -> bool:
    """Whether the slopes to both sides of 0 differ."""
    left, right = curves(function, np.array([-1e-6, 1e-6]))[1]
    return abs(right - left) > 1e-3


def _known(name: str) -> Function:
    if name not in KNOWN:
        raise BadInput(f"activations: {name!r} is none of {', '.join(KNOWN)}")
    return KNOWN[name]
