"""How much of the gradient arrives at each layer: vanishing and exploding gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from wingbeat.errors import BadInput
from wingbeat.nn import Record
from wingbeat.pictures._frame import (
    Picture,
    digits,
    finish,
    logarithmic,
    looks,
    picture,
    plain,
)
from wingbeat.pictures.words import Words

Sizes = list[float]


def gradient_flow(records: Record | Mapping[str, Record], *, language: str = "en") -> Picture:
    """The sizes of gradients layer by layer, by each layer's input (left) and weights (right).

    On these scales a straight line is a constant factor per layer, which the legend names.

    Args:
        records: of `wb.nn.record`, one or several with names. Layers with weights are counted.
        language: "en" or "zh".

    Raises:
        BadInput: there is no record, or one has no layer with weights.

    >>> layers = [m for k in range(8) for m in (wb.nn.Linear(5, 5), wb.nn.Sigmoid())]
    >>> x, y = np.ones((3, 5), "float32"), np.zeros((3, 5), "float32")
    >>> wb.pictures.gradient_flow(wb.nn.record(layers, x, wb.nn.MSELoss(), y))
    <Picture: How much gradient arrives at each layer>
    """
    words = Words(language)
    named = {"": records} if isinstance(records, Record) else dict(records)
    if not named:
        raise BadInput("gradient_flow: hand over a record, as wb.nn.record(model, x, loss, y)")
    made = picture(words, 10.0, 4.4)
    left = plain(made.add_subplot(1, 2, 1), words("layer number"), words("by input"))
    right = plain(made.add_subplot(1, 2, 2), words("layer number"), words("by weights"))
    said: list[str] = []
    for (name, record), look in zip(named.items(), looks(), strict=False):
        by_input, by_weights = sizes(record)
        label = _change(name, by_input, words)
        said.append(label)
        for axes, values in ((left, by_input), (right, by_weights)):
            axes.plot(
                range(1, len(values) + 1), [v or np.nan for v in values], color=look.color,
                linestyle=look.dashes, marker=look.marker, markersize=4.5, label=label, gid=name,
            )  # fmt: skip
    for axes in (left, right):
        logarithmic(axes, "y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = left.get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return finish(made, words("flow"), words("flow says", each=words.each(said)))


def sizes(record: Record) -> tuple[Sizes, Sizes]:
    """The norms of dz/dx and of dz/dw of every layer with weights, from the first to the last."""
    layers = [r for r in record if r.dw and r.dx is not None]
    if not layers:
        raise BadInput("gradient_flow: no layer of this record has weights")
    by_input = [_norm(r.dx) for r in layers]
    by_weights = [float(np.hypot.reduce([_norm(g) for g in r.dw.values()])) for r in layers]
    return by_input, by_weights


def _norm(x: Any) -> float:
    return float(np.linalg.norm(np.asarray(x, dtype=np.float64)))


def _change(name: str, by_input: Sizes, words: Words) -> str:
    """The factor per layer, on its way from the last layer to the first."""
    first, last = by_input[0], by_input[-1]
    name = name or words("by input").split("(")[0].split("（")[0].strip()
    if not first or not last:
        return words("gone", name=name)
    factor = (first / last) ** (1 / max(len(by_input) - 1, 1))
    if factor < 1:
        return words("vanishes", name=name, factor=digits(1 / factor, 2))
    return words("explodes", name=name, factor=digits(factor, 2))
