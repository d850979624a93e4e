"""Attributions, attacks and accuracies: a function for each picture.

>>> import wingbeat as wb
>>> x = np.arange(8.0).reshape(2, 2, 2)
>>> f = lambda x: x.sum(axis=(1, 2))
>>> wb.pictures.attribution.maps([wb.attribution.gradient(f, x)]).save("gradient.png")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.explain.attribution import Attribution, Conductance, Occlusion
from wingbeat.pictures._frame import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    Picture,
    digits,
    finish,
    legend,
    looks,
    picture,
    plain,
)
from wingbeat.pictures.words import Words
from wingbeat.robust import Adversarial, Robustness

Array = np.ndarray[Any, Any]
Shape = tuple[int, int]
_SIGNED = "RdBu_r"  # red adds, blue takes; told apart by people who see red and green alike
_SMALL = 8.5


def maps(
    attributions: Sequence[Attribution],
    count: int = 4,
    shape: Shape | None = None,
    *,
    language: str = "en",
) -> Picture:
    """A row for each example: its image, then what each attribution makes of it.

    Args:
        attributions: of the same images.
        count: how many of the examples to draw.
        shape: (height, width) of an image, where examples are flat.
        language: "en" or "zh".

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
    words = Words(language)
    if not attributions:
        raise BadInput("maps: give one attribution or more, as [wb.attribution.gradient(model, x)]")
    first, rows = attributions[0], min(count, len(attributions[0].x))
    originals = images(first.x, shape, "maps")
    drawn = [images(a.values, shape, "maps") for a in attributions]
    made = picture(words, 1.7 * len(drawn) + 2.1, 1.95 * rows + 0.9)
    grid: Any = made.subplots(rows, len(drawn) + 1, squeeze=False)
    said: list[str] = []
    for k in range(rows):
        score = words("class score", k=first.target[k], score=digits(first.score[k]))
        _image(grid[k][0], originals[k], score)
        for axes, values in zip(grid[k][1:], drawn, strict=True):
            _signed(axes, values[k], words)
        part = ", ".join(digits(np.abs(v[k]).max()) for v in drawn)
        said.append(words("strongest", n=k + 1, score=score, part=part))
    for axes, a in zip(grid[0][1:], attributions, strict=True):
        axes.set_title(a.method, fontsize=9.5)
    methods = ", ".join(a.method for a in attributions)
    text = words("maps says", n=rows, methods=methods, each=words.each(said))
    return finish(made, words("maps"), text)


def occlusion(result: Occlusion, count: int = 4, *, language: str = "en") -> Picture:
    """A row for each example: what covering a patch costs, what was claimed, and both together.

    Args:
        result: of images; the drops of flat examples are drawn as one row of patches.
        count: how many of the examples to draw.
        language: "en" or "zh".

    >>> import wingbeat as wb
    >>> o = wb.attribution.occlusion(lambda x: x.sum(axis=(1, 2)), np.ones((2, 3, 3)))
    >>> len(wb.pictures.attribution.occlusion(o).axes)
    6
    """
    words, rows = Words(language), min(count, len(result.drops))
    made = picture(words, 7.4, 2.3 * rows + 0.8)
    grid: Any = made.subplots(rows, 3, squeeze=False)
    said: list[str] = []
    for k in range(rows):
        drops, claims = (np.atleast_2d(v[k]) for v in (result.drops, result.claims))
        top = float(max(np.abs(drops).max(), np.abs(claims).max()))
        _signed(grid[k][0], drops, words, top)
        _signed(grid[k][1], claims, words, top)
        said.append(words("agree", k=result.target[k], value=digits(result.correlation[k], 2)))
        axes = plain(
            grid[k][2], words("claimed", method=result.method), words("measured drop"), said[k]
        )
        axes.axline((0, 0), slope=1, color=GREY, linewidth=1)
        axes.plot(claims.ravel(), drops.ravel(), "o", color=BLUE, markersize=3, gid="patches")
        _little(axes)
    grid[0][0].set_title(words("measured drop"), fontsize=9.5)
    grid[0][1].set_title(words("claimed", method=result.method), fontsize=9.5)
    text = words("occlusion says", n=rows, method=result.method, each=words.each(said))
    return finish(made, words("occlusion"), text)


def units(result: Conductance, count: int = 4, most: int = 20, *, language: str = "en") -> Picture:
    """For each example the units of a layer that gave most to the score, or took most from it.

    Args:
        result: of `wb.attribution.conductance`.
        count: how many of the examples to draw.
        most: how many units of each.
        language: "en" or "zh".

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.ReLU(), wb.nn.Linear(3, 2))
    >>> c = wb.attribution.conductance(model, np.ones((2, 2)), "1")
    >>> len(wb.pictures.attribution.units(c).axes)
    2
    """
    words, rows = Words(language), min(count, len(result.values))
    made = picture(words, 7.4, 1.9 * rows + 0.8)
    grid: Any = made.subplots(rows, 1, squeeze=False)
    said: list[str] = []
    for k in range(rows):
        parts = result.values[k].ravel()
        order = np.argsort(-np.abs(parts), kind="stable")[:most]
        text = words(
            "units sum",
            k=result.target[k],
            n=parts.size,
            total=digits(result.total[k]),
            most=len(order),
            part=digits(parts[order].sum()),
        )
        said.append(text)
        axes = plain(grid[k][0], "", words("part"), text)
        colours = [ORANGE if parts[j] > 0 else BLUE for j in order]
        axes.bar(range(len(order)), parts[order], color=colours)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks(range(len(order)), [str(j) for j in order])
        _little(axes)
    grid[-1][0].set_xlabel(words("unit", layer=result.layer))
    return finish(made, words("units"), words("units says", each=words.each(said)))


def attack(
    result: Adversarial, count: int = 4, shape: Shape | None = None, *, language: str = "en"
) -> Picture:
    """A row for each example: as it was, what was added, as it is; with what the model says.

    Examples that the attack succeeded on come first.

    Args:
        result: of `wb.robust.fgsm`, `pgd` or `minimal`, of images.
        count: how many of the examples to draw.
        shape: (height, width) of an image, where examples are flat.
        language: "en" or "zh".

    Raises:
        TypeMismatch: the examples are no images.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0, 0], -x[:, 0, 0]], axis=1)
    >>> a = wb.robust.fgsm(model, np.ones((1, 2, 2)), [0], radius=0.5)
    >>> wb.pictures.attribution.attack(a).description
    '1 images before and after FGSM in L-inf. Accuracy over all 1: 100.0% before, 100.0% after.'
    """
    words = Words(language)
    before, change, after = (
        images(v, shape, "attack") for v in (result.x, result.change, result.adversarial)
    )
    right = result.before == result.labels
    order = np.argsort(~(result.fooled & right), kind="stable")[:count]
    made = picture(words, 6.0, 1.95 * len(order) + 1.0)
    grid: Any = made.subplots(len(order), 3, squeeze=False)
    scale = _scale(before)
    for axes, k in zip(grid, order, strict=True):
        said = words("said right", said=result.before[k], label=result.labels[k])
        _image(axes[0], before[k], said, scale)
        _signed(axes[1], change[k], words)
        axes[1].set_xlabel(words("far", far=digits(float(result.distance[k]))), fontsize=_SMALL)
        _image(axes[2], after[k], words("said", said=result.after[k]), scale)
    for axes, key in zip(grid[0], ("before", "added", "after"), strict=True):
        axes.set_title(words(key), fontsize=9.5)
    text = words(
        "attack says",
        n=len(order),
        method=result.method,
        size=len(result.x),
        clean=f"{result.clean_accuracy:.1%}",
        left=f"{result.accuracy:.1%}",
    )
    return finish(made, result.method, text)


def accuracies(results: Mapping[str, Robustness], *, language: str = "en") -> Picture:
    """Bars of accuracy for each attack, a colour and a hatching for each model.

    Args:
        results: of `wb.robust.accuracy`, by the model's name.
        language: "en" or "zh".

    Raises:
        BadInput: there is nothing to draw.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> r = wb.robust.accuracy(model, np.ones((2, 1)), [0, 1], {})
    >>> wb.pictures.attribution.accuracies({"a model": r}).description
    'Accuracy of each model: a model: clean 50.0%.'
    """
    words = Words(language)
    if not results:
        raise BadInput("accuracies: give one result or more by name, as {'plain': result}")
    names = list(dict.fromkeys(name for r in results.values() for name in r.accuracy))
    shown = [words(n) if n in ("clean", "any of them") else n for n in names]
    width, said = 0.8 / len(results), list[str]()
    made = picture(words, max(4.0, 1.4 * len(names) + 2.0), 3.8)
    axes = plain(made.add_subplot(), "", words("accuracy"))
    for k, ((label, result), look) in enumerate(zip(results.items(), looks(), strict=False)):
        at = [j for j, name in enumerate(names) if name in result.accuracy]
        values = [result.accuracy[names[j]] for j in at]
        places = np.array(at) + (k - (len(results) - 1) / 2) * width
        hatch = ("", "//", "..", "xx", "--")[k % 5]
        bars = axes.bar(places, values, width, label=label, color=look.color, hatch=hatch)
        axes.bar_label(bars, [f"{v:.0%}" for v in values], fontsize=_SMALL)
        each = ", ".join(f"{shown[j]} {v:.1%}" for j, v in zip(at, values, strict=True))
        said.append(f"{label}: {each}")
    axes.set_xticks(range(len(names)), shown)
    axes.set_ylim(0, 1.25)
    legend(axes, loc="upper center", ncols=2)
    return finish(made, words("accuracies"), words("accuracies says", each=words.each(said)))


def distances(results: Mapping[str, Adversarial], *, language: str = "en") -> Picture:
    """Which share of examples keeps its class against every change up to a length.

    Args:
        results: of `wb.robust.minimal`, in one norm, by the model's name.
        language: "en" or "zh".

    Raises:
        BadInput: there is nothing to draw.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> a = wb.robust.minimal(model, np.array([[1.0], [2.0]]), [0, 0])
    >>> len(wb.pictures.attribution.distances({"a model": a}).axes[0].lines)
    1
    """
    words = Words(language)
    if not results:
        raise BadInput("distances: give one result or more by name, as {'plain': result}")
    method = next(iter(results.values())).method
    made = picture(words, 5.8, 3.8)
    axes = plain(made.add_subplot(), words("change length", method=method), words("survives"))
    said: list[str] = []
    for (label, result), look in zip(results.items(), looks(), strict=False):
        found = np.sort(result.distance[result.fooled])
        shares = 1.0 - np.arange(len(found) + 1) / len(result.x)
        # Half of all examples, not of those found: what was not turned is further away than any.
        middle = np.median(np.where(result.fooled, result.distance, np.inf))
        said.append(words("median", name=label, value=digits(middle)))
        (line,) = axes.step([0.0, *found], shares, where="post", label=said[-1])
        line.set(color=look.color, linestyle=look.dashes)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    legend(axes)
    return finish(made, words("distances"), words("distances says", each=words.each(said)))


# --- parts --------------------------------------------------------------------------------------


def images(values: Array, shape: Shape | None, operation: str) -> Array:
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


def _scale(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _bare(axes: Axes, text: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(GREY)
    axes.set_xlabel(text, fontsize=_SMALL)


def _little(axes: Axes) -> None:
    """Small print, for panels that are small themselves."""
    axes.tick_params(labelsize=7)
    axes.title.set_fontsize(9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(_SMALL)


def _image(axes: Axes, image: Array, text: str, scale: tuple[float, float] | None = None) -> None:
    low, high = _scale(image) if scale is None else scale
    axes.imshow(image, cmap="gray_r", vmin=low, vmax=high)
    _bare(axes, text)


def _signed(axes: Axes, values: Array, words: Words, top: float | None = None) -> None:
    largest = float(np.abs(values).max()) if top is None else top
    limit = largest or 1.0
    axes.imshow(values, cmap=_SIGNED, vmin=-limit, vmax=limit)
    _bare(axes, words("scale", top=digits(largest)))
