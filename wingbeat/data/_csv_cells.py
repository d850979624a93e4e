"""What the cells of a CSV file mean: numbers, texts, and values that are missing."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.errors import Advice, BadData

_MISSING = frozenset({"", "na", "n/a", "nan", "-nan", "+nan", "null", "?"})


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: float64, NaN where a value is missing, finite elsewhere."""

    values: NDArray[np.float64]


@dataclass(frozen=True)
class Texts:
    """A column of texts, and the first of them that keeps the column from being numbers."""

    cells: tuple[str, ...]
    odd: str
    line: int


def missing(cell: str) -> bool:
    """Whether a cell says that its value is unknown."""
    return cell.lower() in _MISSING


def number(cell: str, decimal: str = ".") -> float | None:
    """The number that a cell spells, or None; Python's 1_000 is no number in a table."""
    if decimal != ".":
        cell = cell.replace(".", "_").replace(decimal, ".")
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def read_column(
    name: str, cells: Sequence[str], lines: Sequence[int], decimal: str
) -> Numbers | Texts:
    """A column as numbers where every cell is one or is missing, else as texts."""
    values = _numbers(cells, decimal)
    odd = next((i for i, value in enumerate(values) if value is None), None)
    if odd is not None:
        _insist_on_decimal(name, cells, decimal)
        return Texts(tuple(cells), cells[odd], lines[odd])
    array = np.array(values, np.float64)
    if (at := np.flatnonzero(np.isinf(array))).size:
        raise BadData(
            f"csv: column {name!r} holds {cells[at[0]]!r} on line {lines[at[0]]}, which no finite "
            "float64 is; leave the cell empty where the value is unknown"
        )
    return Numbers(array)


def _numbers(cells: Sequence[str], decimal: str) -> Sequence[float | None]:
    if decimal == "." and not any("_" in cell for cell in cells):
        with suppress(ValueError):  # a third of the time, for columns without a gap
            return list(map(float, cells))
    return [np.nan if missing(cell) else number(cell, decimal) for cell in cells]


def _insist_on_decimal(name: str, cells: Sequence[str], decimal: str) -> None:
    """Numbers with a decimal comma would pass for texts."""
    other = "," if decimal == "." else "."
    present = [cell for cell in cells if not missing(cell)]
    if all(
        number(cell, other) is not None or number(cell, decimal) is not None for cell in present
    ):
        odd = next(cell for cell in present if number(cell, decimal) is None)
        raise BadData(
            f"csv: column {name!r} holds {odd!r}; write ",
            Advice("decimal", other),
            " if that is a number, and remove separators of thousands from the file",
        )


def one_hot(cells: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """The categories of a column, sorted, the missing one ("?") last; and 0 or 1 for each."""
    known = ["?" if missing(cell) else cell for cell in cells]
    categories = sorted(set(known), key=lambda category: (category == "?", category))
    column = {category: k for k, category in enumerate(categories)}
    matrix: NDArray[Any] = np.zeros((len(known), len(categories)))
    matrix[np.arange(len(known)), [column[category] for category in known]] = 1.0
    return categories, matrix
