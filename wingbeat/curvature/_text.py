"""Numbers and tables in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def number(x: float) -> str:
    """With the digits that somebody reads, and no -0."""
    return f"{x + 0.0:.5g}"


def vector(v: Any, most: int = 4) -> str:
    """(1, 0, ...): the first entries; what is rounding beside the largest one is 0."""
    flat = np.ravel(np.asarray(v, dtype=np.float64))
    size = np.abs(flat).max(initial=0.0)
    shown = [number(x if abs(x) > 1e-9 * size else 0.0) for x in flat[:most]]
    return f"({', '.join([*shown, *(['...'] if flat.size > most else [])])})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned to the left under their heads."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * w for w in widths], *rows]
    padded = [[cell.ljust(w) for cell, w in zip(line, widths, strict=True)] for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in padded)
