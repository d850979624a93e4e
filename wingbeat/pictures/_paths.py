"""Contour lines and surface of a function of two variables, with the ways that searches went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from wingbeat.curvature._landscape import Landscape
from wingbeat.curvature._space import Space
from wingbeat.errors import BadInput
from wingbeat.pictures._frame import (
    INK,
    PAPER,
    Look,
    Picture,
    finish,
    looks,
    picture,
    plain,
    window,
)
from wingbeat.pictures.words import Words
from wingbeat.solve import Result
from wingbeat.solve._show import searched

Array = np.ndarray[Any, np.dtype[np.float64]]
SHADES = LinearSegmentedColormap.from_list("shades", ["#f7fbfa", "#c3ccd3", "#9aa5b1"])
GRID, LEVELS = 61, 12
MESH = 20  # squares of the surface along each side
Window = tuple[tuple[float, float], tuple[float, float]]


class Patch(NamedTuple):
    """f on a grid: x and y of shape (n,), z of shape (n, n), rows along y."""

    x: Array
    y: Array
    z: Array

    @property
    def heights(self) -> Array:
        """What is drawn as height."""
        return self.scaled(self.z)

    @property
    def logarithmic(self) -> bool:
        """Whether f grows so much in the window that its lowest part would look flat."""
        return float(np.nanmax(self.z) - np.nanmin(self.z)) > 100.0

    def scaled(self, z: Any) -> Array:
        """Values of f as heights."""
        z = np.asarray(z, dtype=np.float64)
        if not self.logarithmic:
            return z
        return np.log10(1.0 + np.maximum(z - np.nanmin(self.z), 0.0))


def paths(
    f: Callable[[Any], Any],
    results: Result | Mapping[str, Result] | Sequence[Result],
    *,
    view: Window | None = None,
    language: str = "en",
) -> Picture:
    """Where searches went, over the contour lines (left) and the surface (right) of f.

    The legend says what each method evaluated and the verdict on where it ended. Points that were
    tried and rejected are crosses.

    Args:
        f: the function that was minimised, of two numbers in any tree.
        results: one of `wb.minimize`, several, or several with names of your own.
        view: ((left, right), (bottom, top)); by default as far as the accepted points reach.
        language: "en" or "zh".

    Raises:
        BadInput: f has not two variables, or there is no result.

    >>> def f(x):
    ...     return x[0] ** 2 + 4.0 * x[1] ** 2
    >>> start = np.array([2.0, 1.0])
    >>> results = [wb.minimize(f, start, method) for method in ("bfgs", "newton")]
    >>> wb.pictures.paths(f, results)
    <Picture: Ways to the minimum>
    """
    words = Words(language)
    named = _named(results)
    first = next(iter(named.values()))
    landscape = Landscape(f, Space(first.x, "paths"))
    patch = evaluated(landscape, view or around(list(named.values())))
    lines = [_line(name, result, words) for name, result in named.items()]
    made = picture(words, 10.4, 4.9 + 0.2 * len(lines))
    left = plain(made.add_subplot(1, 2, 1), words("x1"), words("x2"), words("from above"))
    contours(left, patch)
    for line, result, look in zip(lines, named.values(), looks(), strict=False):
        walked(left, result, look, line)
    if any(not s.accepted for result in named.values() for s in searched(result)):
        left.plot([], [], "x", color=INK, label=words("rejected"))
    _surface(made, patch, list(named.values()), words)
    handles, labels = left.get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", fontsize=9, frameon=False)
    said = words("paths says", paths=words.sentence(lines))
    return finish(made, words("paths"), said)


def evaluated(landscape: Landscape, view: Window, count: int = GRID) -> Patch:
    """f on a grid of the window."""
    x, y = (np.linspace(*side, count) for side in view)
    z = np.array([[landscape.value(np.array([a, b])) for a in x] for b in y])
    return Patch(x, y, np.where(np.isfinite(z), z, np.nan))


def around(results: Sequence[Result]) -> Window:
    """A window that all accepted points are in."""
    points = np.concatenate([r.path for r in results])
    points = points[np.isfinite(points).all(axis=1)]
    return window(points[:, 0], 0.2), window(points[:, 1], 0.2)


def contours(axes: Axes, patch: Patch) -> None:
    """Shaded levels with thin lines between them, evenly spaced in what is drawn as height."""
    h = patch.heights
    levels = np.linspace(np.nanmin(h), np.nanmax(h), LEVELS)
    axes.contourf(patch.x, patch.y, h, levels, cmap=SHADES)
    axes.contour(patch.x, patch.y, h, levels, colors="#6d7781", linewidths=0.5)
    axes.set_xlim(patch.x[0], patch.x[-1])
    axes.set_ylim(patch.y[0], patch.y[-1])
    axes.grid(visible=False)


def walked(axes: Axes, result: Result, look: Look, label: str) -> None:
    """The accepted points in a line, those rejected as crosses, and a star where it ended."""
    path = result.path
    axes.plot(
        path[:, 0],
        path[:, 1],
        color=look.color,
        linestyle=look.dashes,
        marker=look.marker,
        markersize=4,
        markevery=1 + len(path) // 40,  # all points are in the line; marks tell the methods apart
        linewidth=1.5,
        label=label,
        gid="path",
    )
    tried = [s.x for s in searched(result) if not s.accepted]
    if tried:
        at = np.stack(tried)
        axes.plot(at[:, 0], at[:, 1], "x", color=look.color, markersize=5, gid="rejected")
    axes.plot(*path[-1], "*", color=look.color, markersize=12, markeredgecolor="white", zorder=5)


def _surface(made: Picture, patch: Patch, results: Sequence[Result], words: Words) -> None:
    axes: Any = made.add_subplot(1, 2, 2, projection="3d", computed_zorder=False)
    thin = max(1, (len(patch.x) - 1) // MESH)
    x, y = np.meshgrid(patch.x[::thin], patch.y[::thin])
    z = patch.heights[::thin, ::thin]
    axes.plot_surface(x, y, z, rstride=1, cstride=1, cmap=SHADES, linewidth=0, antialiased=False)
    lift = 0.01 * float(np.nanmax(z) - np.nanmin(z))  # or the surface would swallow the line
    for result, look in zip(results, looks(), strict=False):
        path, values = result.path, [s.value for s in result.steps]
        heights = patch.scaled(values) + lift
        axes.plot(
            path[:, 0], path[:, 1], heights, color=look.color, linestyle=look.dashes,
            linewidth=1.6, zorder=10,
        )  # fmt: skip
    axes.set(xlabel=words("x1"), ylabel=words("x2"), title=words("surface"))
    axes.set_zlabel(words("log height" if patch.logarithmic else "height"))
    axes.title.set_fontsize(10.5)
    axes.tick_params(labelsize=8, colors=INK)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_pane_color(PAPER)
        axis.line.set_color(INK)
    axes.set_facecolor("none")
    axes.view_init(elev=42, azim=-62)


def _named(results: Any) -> dict[str, Result]:
    if isinstance(results, Result):
        results = [results]
    named = dict(results) if isinstance(results, Mapping) else _by_method(list(results))
    if not named:
        raise BadInput("paths: hand over a result, as paths(f, wb.minimize(f, start))")
    for result in named.values():
        if (size := result.record[0].x.size) != 2:
            raise BadInput(
                f"paths: draws functions of two numbers, and this one has {size}; use "
                f"wb.pictures.{'descent(f, result)' if size == 1 else 'steps(result)'}"
            )
    return named


def _by_method(results: list[Result]) -> dict[str, Result]:
    """The methods' names, numbered where one comes again."""
    names = [r.method for r in results]
    once = [n if names.count(n) == 1 else f"{n} {k}" for k, n in enumerate(names, 1)]
    return dict(zip(once, results, strict=True))


def _line(name: str, result: Result, words: Words) -> str:
    """What a search evaluated and found: `bfgs: 20 values, 15 gradients → minimum`."""
    kinds = ("values", "gradients", "products", "hessians", "jacobians")
    counted = [words(kind, n=n) for kind in kinds if (n := getattr(result.counts, kind))]
    counts = (", " if words.language == "en" else "、").join(counted)
    return words("path", name=name, counts=counts, verdict=words(result.verdict.kind))
