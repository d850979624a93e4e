"""A deep network without activation functions, and the one linear map that it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.api import asarray, no_grad
from wingbeat.nn import Linear, collapse
from wingbeat.pictures._frame import (
    BLUE,
    GREY,
    INK,
    PAPER,
    Picture,
    digits,
    finish,
    picture,
    plain,
)
from wingbeat.pictures.words import Words

SAMPLES = 50


def linear_map(model: Any, *, seed: int = 0, language: str = "en") -> Picture:
    """The weights of every layer, the single matrix that they multiply to, and both compared.

    Below, the outputs of the network and of the one map for random inputs: every point lies on the
    diagonal.

    Args:
        model: a `Sequential` of `Linear` (and `Identity`) layers.
        seed: of the inputs.
        language: "en" or "zh".

    Raises:
        TypeMismatch: the model has a layer that is not linear.

    >>> model = wb.nn.Sequential(wb.nn.Linear(4, 5), wb.nn.Linear(5, 3), wb.nn.Linear(3, 2))
    >>> wb.pictures.linear_map(model).description.split(".")[0]
    '3 layers with 41 weights multiplied together are one matrix with 8'
    """
    words = Words(language)
    one = collapse(model)
    layers = [layer for layer in model.modules() if isinstance(layer, Linear)]
    weights = [layer.weight.numpy() for layer in layers]
    whole, bias = one.weight.numpy(), one.bias.numpy()
    x = np.random.default_rng(seed).normal(size=(SAMPLES, whole.shape[1])).astype(whole.dtype)
    with no_grad():
        deep = model(asarray(x)).numpy()
    flat = x @ whole.T + bias
    gap = digits(_above(float(np.abs(deep - flat).max())))
    made = picture(words, max(8.0, 2.2 * (len(weights) + 1)), 6.4)
    rows = made.add_gridspec(2, 1, height_ratios=[1, 1.25])
    _matrices(made, rows[0], weights, whole, words)
    under = plain(made.add_subplot(rows[1]), words("one map"), words("network"))
    ends = [float(flat.min()), float(flat.max())]
    under.plot(ends, ends, color=GREY, linewidth=1.2)
    under.plot(flat.ravel(), deep.ravel(), ".", color=BLUE, markersize=5, gid="outputs")
    under.set_title(words("difference", gap=gap), fontsize=10.5, color=INK)
    under.set_box_aspect(0.75)
    said = words(
        "linear map says",
        layers=len(weights),
        many=sum(w.size for w in weights),
        few=whole.size,
        samples=SAMPLES,
        gap=gap,
    )
    return finish(made, words("linear map"), said)


def _above(gap: float) -> float:
    """The next power of ten: how rounding adds up is nothing to read off."""
    return 10.0 ** (math.floor(math.log10(gap or np.finfo(np.float64).tiny)) + 1)


def _matrices(made: Picture, cell: Any, weights: list[Any], whole: Any, words: Words) -> None:
    """The last layer on the left, as products are written: W3 W2 W1 = W."""
    shown = [*reversed(weights), whole]
    grid = cell.subgridspec(1, len(shown), width_ratios=[max(w.shape[1], 2) for w in shown])
    top = max(float(np.abs(w).max()) for w in shown)
    panels = [made.add_subplot(grid[0, k]) for k in range(len(shown))]
    style: dict[str, Any] = {"cmap": "RdBu_r", "edgecolors": PAPER, "linewidth": 0.4}
    meshes = [
        axes.pcolormesh(w, vmin=-top, vmax=top, **style)
        for axes, w in zip(panels, shown, strict=True)
    ]
    for k, (axes, w) in enumerate(zip(panels, shown, strict=True)):
        axes.set_aspect("equal")
        axes.invert_yaxis()  # the first row on top, as matrices are written
        key, number = ("layer", len(weights) - k) if k < len(weights) else ("product", 0)
        size = {"rows": w.shape[0], "columns": w.shape[1]}
        axes.set_title(words(key, k=number, **size), fontsize=10, color=INK)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(words("inputs"), fontsize=8, color=INK)
        axes.set_ylabel(words("outputs"), fontsize=8, color=INK)
        axes.spines[:].set_visible(False)
        if k:
            sign = "=" if k == len(weights) else "×"
            axes.annotate(
                sign, (0, 0.5), xytext=(-26, 0), xycoords="axes fraction",
                textcoords="offset points", fontsize=16, color=INK, va="center", ha="center",
            )  # fmt: skip
    bar = made.colorbar(meshes[0], ax=panels, shrink=0.8, pad=0.02)
    bar.set_label(words("weight"), color=INK)
    bar.ax.tick_params(colors=INK, labelsize=8)
