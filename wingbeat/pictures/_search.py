"""The picture of a search that its number of variables allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wingbeat.pictures._descent import descent
from wingbeat.pictures._frame import Picture
from wingbeat.pictures._paths import paths
from wingbeat.pictures._steps import steps
from wingbeat.solve import Result


def search(f: Callable[[Any], Any], result: Result, *, language: str = "en") -> Picture:
    """`descent` for one variable, `paths` for two, `steps` for more.

    >>> def f(x):
    ...     return (x**2).sum()
    >>> wb.pictures.search(f, wb.minimize(f, np.ones(3)))
    <Picture: Every evaluation of trust-exact>
    """
    size = result.record[0].x.size
    if size == 1:
        return descent(f, result, language=language)
    return paths(f, result, language=language) if size == 2 else steps(result, language=language)
