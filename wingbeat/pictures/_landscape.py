"""Slices through a network's loss, along directions scaled filter by filter.

Li, Xu, Taylor, Studer, Goldstein: Visualizing the loss landscape of neural nets (2018). A random
direction would look flat along large weights and steep along small ones, though scaling a layer up
and the next one down changes nothing; so each filter of the direction is made as long as the
network's own filter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from wingbeat.curvature._landscape import Landscape
from wingbeat.curvature._space import Space, Vector
from wingbeat.errors import BadInput
from wingbeat.pictures import _paths
from wingbeat.pictures._frame import (
    INK,
    PAPER,
    Picture,
    digits,
    finish,
    legend,
    looks,
    picture,
    plain,
)
from wingbeat.pictures.words import Words

LINES = 3  # directions that the picture of lines shows
RIBBON = 12  # levels of the picture of a plane


def landscape(
    loss: Callable[[Any], Any],
    model: Any,
    *,
    dimensions: int = 2,
    span: float = 1.0,
    points: int = 25,
    seed: int = 0,
    language: str = "en",
) -> Picture:
    """The loss on lines (one dimension) or on a plane (two) through the weights of a network.

    Args:
        loss: a scalar function of the model: `lambda m: loss_function(m(x), y)`.
        model: an `nn.Module`, or another tree of floats with matrices in it.
        dimensions: 1 for lines along three directions, 2 for the plane of two.
        span: how far to each side; at 1 a filter and what is added to it have one length.
        points: along each side; two dimensions evaluate the loss points * points times.
        seed: of the directions.
        language: "en" or "zh".

    Raises:
        BadInput: dimensions is not 1 or 2, fewer than 3 points, a span that is not positive; the
            model has no matrix.

    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.Tanh(), wb.nn.Linear(3, 1))
    >>> wb.pictures.landscape(lambda m: (m(wb.ones((4, 2))) ** 2).mean(), model, points=5)
    <Picture: The loss around these weights>
    """
    words = Words(language)
    if dimensions not in (1, 2) or points < 3 or not span > 0:
        raise BadInput(
            "landscape: dimensions is 1 or 2, points at least 3 and span positive, not "
            f"{dimensions!r}, {points!r} and {span!r}"
        )
    space = Space(model, "landscape")
    around = Landscape(loss, space)
    here = space.vector(space.leaves)
    ways = [direction(model, seed + k) for k in range(LINES if dimensions == 1 else 2)]
    made = picture(words, 6.6, 4.4 if dimensions == 1 else 5.2)
    axes = made.add_subplot()
    value = around.value(here)
    label = words("these weights", loss=digits(value))
    if dimensions == 1:
        seen = _lines(axes, around, here, ways, np.linspace(-span, span, points | 1), words)
        axes.plot(0.0, value, "*", color=INK, markersize=13, label=label, gid="here", zorder=5)
    else:
        seen = _plane(made, axes, around, here, ways, np.linspace(-span, span, points | 1), words)
        star = {"color": INK, "markersize": 13, "markeredgecolor": PAPER}
        axes.plot(0.0, 0.0, "*", label=label, gid="here", zorder=5, **star)  # type: ignore[arg-type]
    legend(axes, loc="upper center" if dimensions == 1 else "upper left")
    low, high = digits(float(np.nanmin(seen))), digits(float(np.nanmax(seen)))
    said = words("landscape says", loss=digits(value), low=low, high=high)
    return finish(made, words("landscape"), said)


def direction(model: Any, seed: int = 0) -> Vector:
    """A random flat direction, each of its filters as long as the model's own.

    A filter is a row of a weight with two axes or more: what one unit reads. Biases, and all else
    with one axis, stay as they are, as in the paper.

    Raises:
        BadInput: the model has no weight with two axes.

    >>> model = wb.nn.Linear(3, 2)
    >>> d = wb.pictures.direction(model)[:6].reshape(2, 3)
    >>> np.allclose(np.linalg.norm(d, axis=1), np.linalg.norm(model.weight.numpy(), axis=1))
    True
    """
    space = Space(model, "landscape")
    if all(w.ndim < 2 for w in space.leaves):
        raise BadInput("landscape: no weight has rows; a direction is scaled row by row")
    rng = np.random.default_rng(seed)
    return space.vector([_filtered(w.astype(np.float64), rng) for w in space.leaves])


def _filtered(w: Any, rng: np.random.Generator) -> Any:
    if w.ndim < 2:
        return np.zeros_like(w)
    d = rng.normal(size=w.shape)
    axes = tuple(range(1, w.ndim))
    lengths = np.sqrt((w * w).sum(axes, keepdims=True) / (d * d).sum(axes, keepdims=True))
    return d * lengths


def _lines(
    axes: Axes, around: Landscape, here: Vector, ways: list[Vector], at: Any, words: Words
) -> Any:
    plain(axes, words("along"), words("loss"))
    seen: list[Any] = []
    for k, (way, look) in enumerate(zip(ways, looks(), strict=False), start=1):
        values = [around.value(here + a * way) for a in at]
        seen.append(values)
        axes.plot(
            at, values, color=look.color, linestyle=look.dashes, linewidth=1.8,
            label=words("direction", k=k), gid="slice",
        )  # fmt: skip
    return np.array(seen)


def _plane(
    made: Picture,
    axes: Axes,
    around: Landscape,
    here: Vector,
    ways: list[Vector],
    at: Any,
    words: Words,
) -> Any:
    plain(axes, words("along a"), words("along b")).grid(visible=False)
    seen = np.array([[around.value(here + a * ways[0] + b * ways[1]) for a in at] for b in at])
    levels = MaxNLocator(RIBBON).tick_values(float(np.nanmin(seen)), float(np.nanmax(seen)))
    shades = axes.contourf(at, at, seen, levels, cmap=_paths.SHADES)
    axes.contour(at, at, seen, levels, colors="#6d7781", linewidths=0.6)
    bar = made.colorbar(shades, ax=axes)
    bar.set_label(words("loss"), color=INK)
    bar.ax.tick_params(colors=INK, labelsize=8)
    return seen
