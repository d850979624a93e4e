"""The feature columns of a CSV file as one matrix: one-hot texts, filled gaps, standard units."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.data._csv_cells import Numbers, Texts, missing, one_hot, read_column
from wingbeat.data._csv_target import MOST_CATEGORIES
from wingbeat.data._csv_text import Table
from wingbeat.errors import Advice, BadData

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """The features that one column becomes, in raw units, and what makes them standard ones."""

    names: list[str]
    values: NDArray[np.float64]
    mean: float = 0.0
    scale: float = 1.0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Features:
    """All features: `x` in standard units, of shape (n, f)."""

    x: NDArray[Any]
    names: tuple[str, ...]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    notes: list[str]


def read_features(table: Table, train: Rows, dtype: np.dtype[Any], decimal: str) -> Features:
    """Every column of `table` as features; means and scales come from the rows `train` alone."""
    blocks = [_block(table, name, train, decimal) for name in table.columns]
    notes = [note for block in blocks for note in block.notes]
    if not any(block.names for block in blocks):
        raise BadData(f"csv: {table.path} has no column left to learn from")
    return Features(
        x=np.column_stack([_standard(block, dtype) for block in blocks]),
        names=tuple(name for block in blocks for name in block.names),
        means=np.concatenate([np.full(len(block.names), block.mean) for block in blocks]),
        scales=np.concatenate([np.full(len(block.names), block.scale) for block in blocks]),
        notes=notes,
    )


def _block(table: Table, name: str, train: Rows, decimal: str) -> Block:
    cells = table.columns[name]
    column = read_column(name, cells, table.lines, decimal)
    if isinstance(column, Texts):
        return _categories(name, column)
    return _quantity(name, column, train)


def _quantity(name: str, column: Numbers, train: Rows) -> Block:
    values, gaps = column.values, np.isnan(column.values)
    known = values[train][~gaps[train]]
    if not known.size:
        empty = f"column {name!r} left out: it holds no value in the training part"
        return Block([], np.empty((len(values), 0)), notes=[empty])
    centre, _ = _moments(known)
    filled = np.where(gaps, centre, values)
    mean, scale = _moments(filled[train])
    notes = []
    if gaps.any():
        notes.append(
            f"column {name!r}: {gaps.sum()} of {len(values)} values missing, "
            f"the training mean {centre:.4g} stands for them"
        )
    if scale == 0.0:
        notes.append(f"column {name!r} is constant in the training part")
    return Block([name], filled[:, None], mean, scale or 1.0, notes)


def _moments(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation; relative to the largest value, so that no square overflows.

    Equal values become exactly 1 or -1 on the way, and their deviation exactly 0.
    """
    largest = float(np.abs(values).max()) or 1.0
    relative = values / largest
    return float(relative.mean() * largest), float(relative.std() * largest)


def _categories(name: str, column: Texts) -> Block:
    categories, matrix = one_hot(column.cells)
    if len(categories) > MOST_CATEGORIES:
        raise BadData(
            f"csv: column {name!r} holds {len(categories)} different texts, more than "
            f"{MOST_CATEGORIES}, and is text because of {column.odd!r} on line {column.line}; ",
            "write ",
            Advice("drop", [name]),
            " to leave it out",
        )
    return Block([f"{name}={c}" for c in categories], matrix, notes=_notes(name, column))


def _notes(name: str, column: Texts) -> list[str]:
    gaps = sum(missing(cell) for cell in column.cells)
    notes = [
        f"column {name!r} is text because of {column.odd!r} on line {column.line}: "
        "one feature for each of its values"
    ]
    if gaps:
        notes.append(
            f"column {name!r}: {gaps} of {len(column.cells)} values missing, "
            f"a category of their own, '{name}=?'"
        )
    return notes


def _standard(block: Block, dtype: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        x = ((block.values - block.mean) / block.scale).astype(dtype)
    if np.isfinite(x).all():
        return x
    raise BadData(
        f"csv: column {block.names[0]!r} spans more than {dtype} holds, from "
        f"{block.values.min():.3g} to {block.values.max():.3g}; write ",
        Advice("dtype", "float64"),
        ", or check it",
    )
