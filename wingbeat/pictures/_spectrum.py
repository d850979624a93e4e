"""The eigenvalues of a Hessian or another symmetric operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.curvature import Density, operator, spectral_density
from wingbeat.pictures._frame import (
    BLUE,
    GREY,
    ORANGE,
    Picture,
    digits,
    finish,
    legend,
    logarithmic,
    picture,
    plain,
    window,
)
from wingbeat.pictures.words import Words

POINTS = 600


def spectrum(a: Any, *, steps: int = 60, seed: int = 0, language: str = "en") -> Picture:
    """How eigenvalues are spread, and how large they are from the first to the last.

    Up to 200 rows every eigenvalue is exact. Above, the spread is `curvature.spectral_density`'s
    estimate from Lanczos runs: nodes with weights, and no list of all eigenvalues to draw.

    Args:
        a: a `curvature.Operator` such as `wb.curvature.hessian(f, x)`, or a symmetric matrix.
        steps: of Lanczos, for large ones.
        seed: of its random starts.
        language: "en" or "zh".

    Raises:
        As `wb.curvature.spectral_density`.

    >>> wb.pictures.spectrum(np.diag([4.0, 1.0, -1.0])).description
    '3 eigenvalues between −1 and 4; 33.3 % of them are negative.'
    """
    words = Words(language)
    a = operator(a)
    size = a.shape[0]
    density = spectral_density(a, steps, seed=seed)
    exact = len(density.values) == size
    made = picture(words, 10.0 if exact else 6.8, 4.2)
    left = plain(made.add_subplot(1, 2 if exact else 1, 1), words("eigenvalue"), words("density"))
    _spread(left, density, words("each eigenvalue" if exact else "lanczos"))
    if exact:
        right = plain(made.add_subplot(1, 2, 2), words("rank"), words("magnitude"))
        _ranked(right, density.values, words)
    below = density.share(-np.inf, -1e-12 * float(np.abs(density.values).max()))
    said = words(
        "spectrum says",
        n=size,
        low=digits(float(density.values[0])),
        high=digits(float(density.values[-1])),
        share=digits(100 * below),
    )
    return finish(made, words("spectrum"), said)


def _spread(axes: Any, density: Density, label: str) -> None:
    """The smoothed density, logarithmic as most eigenvalues of networks crowd around 0."""
    at = np.linspace(*window(density.values, 0.05), POINTS)
    heights = density.smooth(at)
    floor = float(heights.max()) * 1e-5
    shown = np.maximum(heights, floor)
    axes.fill_between(at, floor, shown, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(at, shown, color=BLUE, linewidth=1.5, gid="density")
    axes.plot(
        density.values, np.full(len(density.values), floor * 1.6), "|", color=ORANGE, markersize=9,
        label=label, gid="eigenvalues",
    )  # fmt: skip
    logarithmic(axes, "y")
    axes.set_ylim(floor, float(heights.max()) * 4)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    legend(axes, loc="upper right")


def _ranked(axes: Any, values: Any, words: Words) -> None:
    """Sizes from the largest to the smallest; the signs are told by marks."""
    order = np.argsort(-np.abs(values), kind="stable")
    for sign, marker, color in ((1, "o", BLUE), (-1, "v", ORANGE)):
        ranks = np.flatnonzero(np.sign(values[order]) == sign)
        if ranks.size:
            name = "positive" if sign > 0 else "negative"
            sizes = np.abs(values[order][ranks])
            axes.plot(
                ranks + 1, sizes, marker, color=color, markersize=4.5, label=words(name), gid=name
            )
    if np.any(values != 0):
        logarithmic(axes, "y")
        legend(axes, loc="best")
