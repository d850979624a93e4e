"""Attributions, attacks and accuracies drawn with matplotlib: each function returns a `Figure`.

>>> import wingbeat as wb
>>> x = np.arange(8.0).reshape(2, 2, 2)
>>> f = lambda x: x.sum(axis=(1, 2))
>>> figure = wb.pictures.attribution.maps([wb.attribution.gradient(f, x)])
>>> figure.savefig("gradient.png")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.errors import BadInput, TypeMismatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wingbeat.explain.attribution import Attribution, Conductance, Occlusion
    from wingbeat.robust import Adversarial, Robustness

Array = np.ndarray[Any, Any]
# Told apart in grey too, and by readers who see no red and green.
BEFORE, AFTER = "#1f5fa8", "#c8501e"
COLOURS = (BEFORE, AFTER, "#4a8c3a", "#7d4fa0", "#8c6d1f")
_SIGNED = "RdBu_r"  # red adds to the score, blue takes from it


def maps(
    attributions: Sequence[Attribution], count: int = 4, shape: tuple[int, int] | None = None
) -> Figure:
    """A row for each example: its image, then what each attribution makes of it.

    Args:
        attributions: of the same images.
        count: how many of the examples to draw.
        shape: (height, width) of an image, where examples are flat.

    Red pixels add to the score of the class, blue ones take from it; each map has its own scale,
    which is printed below it as the largest part.

    Raises:
        BadInput: there is nothing to draw.
        TypeMismatch: the examples are no images.

    >>> import wingbeat as wb
    >>> x = np.arange(8.0).reshape(2, 2, 2)
    >>> a = wb.attribution.integrated_gradients(lambda x: x.sum(axis=(1, 2)), x)
    >>> len(wb.pictures.attribution.maps([a]).axes)
    4
    """
    if not attributions:
        raise BadInput("maps: give one attribution or more, as [wb.attribution.gradient(model, x)]")
    first = attributions[0]
    drawn = [
        images(first.x, shape, "maps"),
        *(images(a.values, shape, "maps") for a in attributions),
    ]
    rows = min(count, len(first.x))
    figure = _figure(1.7 * len(drawn) + 0.4, 1.9 * rows + 0.4)
    grid = figure.subplots(rows, len(drawn), squeeze=False)
    for k in range(rows):
        _image(grid[k][0], drawn[0][k], f"class {first.target[k]}, score {first.score[k]:.3g}")
        for axes, values in zip(grid[k][1:], drawn[1:], strict=True):
            _signed(axes, values[k])
    for axes, a in zip(grid[0][1:], attributions, strict=True):
        axes.set_title(a.method, fontsize=9)
    return figure


def occlusion(result: Occlusion, count: int = 4) -> Figure:
    """A row for each example: what covering a patch costs, what was claimed, and both together.

    Args:
        result: of images; the drops of flat examples are drawn as one row of patches.
        count: how many of the examples to draw.

    >>> import wingbeat as wb
    >>> o = wb.attribution.occlusion(lambda x: x.sum(axis=(1, 2)), np.ones((2, 3, 3)))
    >>> len(wb.pictures.attribution.occlusion(o).axes)
    6
    """
    rows = min(count, len(result.drops))
    figure = _figure(6.4, 2.1 * rows + 0.3)
    grid = figure.subplots(rows, 3, squeeze=False)
    for k in range(rows):
        drops, claims = (np.atleast_2d(v[k]) for v in (result.drops, result.claims))
        top = max(np.abs(drops).max(), np.abs(claims).max())
        _signed(grid[k][0], drops, top)
        _signed(grid[k][1], claims, top)
        axes = grid[k][2]
        axes.axline((0, 0), slope=1, color="0.6", linewidth=1)
        axes.plot(claims.ravel(), drops.ravel(), ".", color=BEFORE, markersize=4)
        axes.set_xlabel(f"claimed, class {result.target[k]}", fontsize=8)
        axes.set_ylabel("measured", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_title(f"correlation {result.correlation[k]:.2f}", fontsize=8)
    grid[0][0].set_title("measured drop", fontsize=9)
    grid[0][1].set_title(result.method, fontsize=9)
    return figure


def units(result: Conductance, count: int = 4, most: int = 20) -> Figure:
    """For each example the units of a layer that gave most to the score, or took most from it.

    Args:
        result: of `wb.attribution.conductance`.
        count: how many of the examples to draw.
        most: how many units of each.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.ReLU(), wb.nn.Linear(3, 2))
    >>> c = wb.attribution.conductance(model, np.ones((2, 2)), "1")
    >>> len(wb.pictures.attribution.units(c).axes)
    2
    """
    rows = min(count, len(result.values))
    figure = _figure(7.0, 1.8 * rows + 0.3)
    grid = figure.subplots(rows, 1, squeeze=False)
    for k in range(rows):
        axes, parts = grid[k][0], result.values[k].ravel()
        order = np.argsort(-np.abs(parts), kind="stable")[:most]
        colours = [AFTER if parts[j] > 0 else BEFORE for j in order]
        axes.bar(range(len(order)), parts[order], color=colours)
        axes.axhline(0, color="0.3", linewidth=0.8)
        axes.set_xticks(range(len(order)), [str(j) for j in order], fontsize=7)
        axes.tick_params(axis="y", labelsize=7)
        axes.set_title(
            f"class {result.target[k]}: all {parts.size} units together {result.total[k]:+.3g}, "
            f"the {len(order)} shown {parts[order].sum():+.3g}",
            fontsize=8,
        )
    grid[-1][0].set_xlabel(f"unit of layer {result.layer}", fontsize=8)
    return figure


def attack(result: Adversarial, count: int = 4, shape: tuple[int, int] | None = None) -> Figure:
    """A row for each example: as it was, what was added, as it is; with what the model says.

    Examples that the attack succeeded on come first.

    Args:
        result: of `wb.robust.fgsm`, `pgd` or `minimal`, of images.
        count: how many of the examples to draw.
        shape: (height, width) of an image, where examples are flat.

    Raises:
        TypeMismatch: the examples are no images.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0, 0], -x[:, 0, 0]], axis=1)
    >>> a = wb.robust.fgsm(model, np.ones((1, 2, 2)), [0], radius=0.5)
    >>> len(wb.pictures.attribution.attack(a).axes)
    3
    """
    before, change, after = (
        images(v, shape, "attack") for v in (result.x, result.change, result.adversarial)
    )
    right = result.before == result.labels
    order = np.argsort(~(result.fooled & right), kind="stable")[:count]
    figure = _figure(5.4, 1.9 * len(order) + 0.6)
    figure.suptitle(result.method, fontsize=10)
    grid = figure.subplots(len(order), 3, squeeze=False)
    scale = _scale(before)
    for axes, k in zip(grid, order, strict=True):
        _image(axes[0], before[k], f"said {result.before[k]}, is {result.labels[k]}", scale)
        _signed(axes[1], change[k])
        axes[1].set_xlabel(f"distance {result.distance[k]:.3g}", fontsize=8)
        _image(axes[2], after[k], f"said {result.after[k]}", scale)
    for axes, title in zip(grid[0], ("before", "added", "after"), strict=True):
        axes.set_title(title, fontsize=9)
    return figure


def accuracies(results: Mapping[str, Robustness]) -> Figure:
    """Bars of accuracy for each attack, a colour for each model.

    Args:
        results: of `wb.robust.accuracy`, by the model's name.

    Raises:
        BadInput: there is nothing to draw.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> r = wb.robust.accuracy(model, np.ones((2, 1)), [0, 1], {})
    >>> len(wb.pictures.attribution.accuracies({"a model": r}).axes)
    1
    """
    if not results:
        raise BadInput("accuracies: give one result or more by name, as {'plain': result}")
    names = list(dict.fromkeys(name for r in results.values() for name in r.accuracy))
    width = 0.8 / len(results)
    figure = _figure(1.4 * len(names) + 2.0, 3.4)
    axes = figure.add_subplot()
    for k, (label, result) in enumerate(results.items()):
        at = [j for j, name in enumerate(names) if name in result.accuracy]
        values = [result.accuracy[names[j]] for j in at]
        places = np.array(at) + (k - (len(results) - 1) / 2) * width
        bars = axes.bar(places, values, width, label=label, color=COLOURS[k % len(COLOURS)])
        axes.bar_label(bars, [f"{v:.0%}" for v in values], fontsize=8)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 1.08)
    axes.set_ylabel("accuracy")
    axes.legend(loc="upper right", fontsize=8)
    return figure


def distances(results: Mapping[str, Adversarial]) -> Figure:
    """Which share of examples keeps its class against every change up to a length.

    Args:
        results: of `wb.robust.minimal`, in one norm, by the model's name.

    Raises:
        BadInput: there is nothing to draw.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> a = wb.robust.minimal(model, np.array([[1.0], [2.0]]), [0, 0])
    >>> len(wb.pictures.attribution.distances({"a model": a}).axes[0].lines)
    1
    """
    if not results:
        raise BadInput("distances: give one result or more by name, as {'plain': result}")
    figure = _figure(5.4, 3.4)
    axes = figure.add_subplot()
    for k, (label, result) in enumerate(results.items()):
        found = np.sort(result.distance[result.fooled])
        shares = 1.0 - np.arange(len(found) + 1) / len(result.x)
        style = ("-", "--", "-.", ":")[k % 4]
        axes.step(
            [0.0, *found],
            shares,
            style,
            where="post",
            label=f"{label}: median {np.median(found):.3g}" if len(found) else label,
            color=COLOURS[k % len(COLOURS)],
        )
    axes.set_xlabel(f"length of the change ({next(iter(results.values())).method})")
    axes.set_ylabel("still classified right")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


# --- parts --------------------------------------------------------------------------------------


def images(values: Array, shape: tuple[int, int] | None, operation: str) -> Array:
    """Rows as images (n, height, width).

    Raises:
        TypeMismatch: they are none.

    >>> images(np.zeros((3, 4)), (2, 2), "maps").shape
    (3, 2, 2)
    """
    size = int(np.prod(values.shape[1:]))
    if shape is not None and len(shape) == 2 and shape[0] * shape[1] == size:
        return values.reshape(len(values), *shape)
    squeezed = values.shape[2:] if values.ndim == 4 and values.shape[1] == 1 else values.shape[1:]
    if shape is not None or len(squeezed) != 2:
        raise TypeMismatch(
            f"{operation}: draws images (n, height, width); examples have shape "
            f"{values.shape[1:]}: write shape=(height, width), whose product is {size}"
        )
    return values.reshape(len(values), *squeezed)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _scale(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def _image(axes: Any, image: Array, text: str, scale: tuple[float, float] | None = None) -> None:
    low, high = _scale(image) if scale is None else scale
    axes.imshow(image, cmap="gray_r", vmin=low, vmax=high)
    axes.set_xlabel(text, fontsize=8)
    _bare(axes)


def _signed(axes: Any, values: Array, top: float | None = None) -> None:
    largest = float(np.abs(values).max()) if top is None else float(top)
    limit = largest or 1.0
    axes.imshow(values, cmap=_SIGNED, vmin=-limit, vmax=limit)
    axes.set_xlabel(f"±{largest:.3g}", fontsize=8)
    _bare(axes)
