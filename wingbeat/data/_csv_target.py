"""The target column of a CSV file: class labels or numbers, and which of the two."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.data._csv_cells import Numbers, Texts, missing, number, read_column
from wingbeat.data._csv_text import Table
from wingbeat.errors import Advice, BadData

MOST_CATEGORIES = 64
_FEW = 20  # different whole numbers that are taken for classes
TASKS = ("auto", "classification", "regression")


@dataclass(frozen=True)
class Target:
    """int64 labels of shape (n,) with their classes, or float64 numbers of shape (n, 1)."""

    values: NDArray[Any]
    classes: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def drop_unknown(table: Table, target: str) -> tuple[Table, list[str]]:
    """The rows whose target is known, and a note on the others."""
    keep = [i for i, cell in enumerate(table.columns[target]) if not missing(cell)]
    if not keep:
        raise BadData(f"csv: target column {target!r} of {table.path} holds no value at all")
    left_out = len(table) - len(keep)
    if not left_out:
        return table, []
    return table.rows(keep), [f"{left_out} of {len(table)} rows left out: no {target!r}"]


def read_target(table: Table, target: str, task: str, decimal: str) -> Target:
    """The target column, none of its values missing, as `task` asks or as the values suggest."""
    column = read_column(target, table.columns[target], table.lines, decimal)
    values = list(column.cells) if isinstance(column, Texts) else column.values.tolist()
    kinds: list[Any] = sorted(set(values))
    if len(kinds) == 1:
        raise BadData(
            f"csv: target column {target!r} holds {table.columns[target][0]!r} in all rows "
            f"({len(table)}); there is nothing to learn"
        )
    if not _is_classes(column, kinds, task):
        return Target(_numbers(column, target), None)
    _insist_on_few(column, kinds, target)
    label = {kind: k for k, kind in enumerate(kinds)}
    labels = np.array([label[value] for value in values], np.int64)
    notes = _notes(column, target) if task == "auto" else ()
    return Target(labels, tuple(_class_name(kind) for kind in kinds), notes)


def _is_classes(column: Numbers | Texts, kinds: list[Any], task: str) -> bool:
    if task != "auto" or isinstance(column, Texts):
        return task != "regression"
    whole = all(kind.is_integer() for kind in kinds)
    # Two rows a class at least, or else ten rows with ten values would be ten classes.
    return whole and len(kinds) <= min(_FEW, max(2, len(column.values) // 2))


def _numbers(column: Numbers | Texts, target: str) -> NDArray[np.float64]:
    if isinstance(column, Texts):
        raise BadData(
            f"csv: target column {target!r} holds {column.odd!r} on line {column.line}, which "
            "is no number; correct it, or write ",
            Advice("task", "classification"),
        )
    return column.values[:, None]


def _insist_on_few(column: Numbers | Texts, kinds: list[Any], target: str) -> None:
    if len(kinds) <= MOST_CATEGORIES:
        return
    many = (
        f"csv: target column {target!r} holds {len(kinds)} different values, more than "
        f"{MOST_CATEGORIES} classes; "
    )
    if isinstance(column, Texts):
        raise BadData(many, f"it is text because of {column.odd!r} on line {column.line}")
    raise BadData(many, "for numbers write ", Advice("task", "regression"))


def _notes(column: Numbers | Texts, target: str) -> tuple[str, ...]:
    """One stray text among numbers makes every number a class, which may not be what was meant."""
    if not isinstance(column, Texts) or all(number(cell) is None for cell in column.cells):
        return ()
    because = f"because of {column.odd!r} on line {column.line}"
    return (f"target column {target!r} was taken for classes, not numbers, {because}",)


def _class_name(kind: str | float) -> str:
    return str(int(kind)) if isinstance(kind, float) and kind.is_integer() else str(kind)
