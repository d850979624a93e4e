"""A data set from a CSV file: columns in, training and test part out."""

import difflib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from wingbeat.data import _order
from wingbeat.data._checks import float_dtype, fraction, listed, whole
from wingbeat.data._csv_features import Features, read_features
from wingbeat.data._csv_target import TASKS, Target, drop_unknown, read_target
from wingbeat.data._csv_text import Layout, Table, read_table
from wingbeat.data._dataset import Dataset
from wingbeat.data._fields import frozen
from wingbeat.data._files import user_path
from wingbeat.errors import Advice, BadData, BadInput


def csv(
    path: str | os.PathLike[str],
    target: str,
    *,
    dtype: DTypeLike = np.float32,
    test_fraction: float = 0.2,
    seed: int = 0,
    drop: Sequence[str] = (),
    task: str = "auto",
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
) -> tuple[Dataset, Dataset]:
    r"""A data set from a CSV file, split, with its numbers in standard units.

    A column of numbers becomes one feature, (value - mean) / scale with mean and standard deviation
    of the training part; a missing value (an empty cell, NA, N/A, NaN, null, ?) counts as the mean.
    A column of texts becomes a feature of 0 and 1 for each of its values, at most 64; missing is a
    value of its own. Rows without a target are left out. `Dataset.describe` says what was done.

    Args:
        path: the file. Quotes, line breaks within quotes and a byte order mark are understood.
        target: the name of the column to predict.
        dtype: of `x` and of float targets: float16, float32 or float64.
        test_fraction: the share of rows to test with.
        seed: the same seed gives the same split.
        drop: names of columns to leave out.
        task: "classification", "regression", or "auto": classes where the target is text, or whole
            numbers of at most 20 different values that occur twice on average.
        header: whether the first row holds the names; None: it does, unless one of its cells is a
            number. Columns without a name are called c0, c1, ...
        delimiter: between cells; None: one of , ; tab | by the look of the first rows.
        decimal: "." or ",".
        encoding: of the text, where no byte order mark tells it.

    Returns:
        (train, test): `x` of shape (n, f); `y` int64 labels of shape (n,), or floats of shape
        (n, 1); `means` and `scales` of shape (f,).

    Raises:
        BadData: the file is missing, binary, in another encoding or damaged; it has no rows, rows
            of different lengths, two columns of one name, infinite numbers, a column of more than
            64 texts, no column called `target`, or a target that is the same in all rows.
        BadInput: another argument is none of the above.
        TypeMismatch: `dtype` is not a float dtype.

    >>> import pathlib, tempfile
    >>> import wingbeat as wb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "fruit.csv")
    ...     _ = path.write_text("weight;colour;kind\n150;red;apple\n120;yellow;banana\n"
    ...         + "170;green;apple\n;yellow;banana\n160;red;apple\n")
    ...     train, test = wb.data.csv(path, "kind")
    >>> train
    Dataset('fruit train', 4 rows of 4 features, float32, 2 classes)
    >>> train.features, train.classes
    (('weight', 'colour=green', 'colour=red', 'colour=yellow'), ('apple', 'banana'))
    """
    kind, share = float_dtype(dtype, "csv"), fraction(test_fraction, "test_fraction", "csv")
    key = whole(seed, "seed", "csv")
    _insist_on_choice(task, TASKS, "task")
    _insist_on_choice(decimal, (".", ","), "decimal")
    _insist_on_choice(header, (None, True, False), "header")
    _insist_on_names(target, drop)
    table = read_table(user_path(path, "csv"), target, Layout(header, delimiter, encoding))
    _insist_on_columns(table, target, drop)
    table, notes = drop_unknown(table.without(set(drop)), target)
    goal = read_target(table, target, task, decimal)
    parts = _order.split(len(table), share, key, goal.values if goal.classes else None)
    features = read_features(table.without({target}), parts[0], kind, decimal)
    unnamed = (
        [] if table.named else [f"no header: columns are called {listed(list(table.columns), 3)}"]
    )
    notes = [*unnamed, *notes, *goal.notes, *features.notes]
    y = _fitting(goal, kind, target)
    train, test = (
        _part(features, y[rows], goal, rows, f"{table.path.stem} {name}", notes)
        for rows, name in zip(parts, ("train", "test"), strict=True)
    )
    return train, test


def _insist_on_choice(value: Any, choices: tuple[Any, ...], name: str) -> None:
    if not any(value is choice or value == choice for choice in choices):
        known = ", ".join(repr(choice) for choice in choices)
        raise BadInput(f"csv: {name} is one of {known}; got {value!r}")


def _insist_on_names(target: Any, drop: Any) -> None:
    if not isinstance(target, str):
        raise BadInput(f"csv: target is the name of a column; got {target!r}")
    if not isinstance(drop, list | tuple) or not all(isinstance(name, str) for name in drop):
        raise BadInput(f"csv: drop is a list of names, as ['id'] is; got {drop!r}")
    if target in drop:
        raise BadInput(f"csv: {target!r} is the target and cannot be dropped")


def _insist_on_columns(table: Table, target: str, drop: Sequence[str]) -> None:
    for name in (target, *drop):
        if name not in table.columns:
            raise BadData(*_no_column(table, name))


def _no_column(table: Table, name: str) -> tuple[str | Advice, ...]:
    names = list(table.columns)
    missing = f"csv: {table.path} has no column {name!r}, only {listed(names)}; "
    close = [other for other in names if other.casefold() == name.casefold()]
    close += difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return missing, f"did you mean {close[0]!r}?"
    if table.named:
        first = "the first row was taken for names; if it holds values, write "
        return missing, first, Advice("header", False), " and call columns c0, c1, ..."
    first = "the first row was taken for values"
    if not any(cells[0] == name for cells in table.columns.values()):
        return missing, first
    return missing, first, "; if it holds names, write ", Advice("header", True)


def _fitting(goal: Target, dtype: np.dtype[Any], target: str) -> NDArray[Any]:
    if goal.classes is not None:
        return goal.values
    with np.errstate(over="ignore"):
        y = goal.values.astype(dtype)
    if not np.isfinite(y).all():
        largest = np.abs(goal.values).max()
        raise BadData(
            f"csv: target column {target!r} holds {largest:.3g}, too large for {dtype}; write ",
            Advice("dtype", "float64"),
        )
    return y


def _part(
    features: Features, y: NDArray[Any], goal: Target, rows: Any, name: str, notes: list[str]
) -> Dataset:
    return Dataset(
        frozen(features.x[rows]),
        frozen(y),
        classes=goal.classes,
        features=features.names,
        name=name,
        means=features.means,
        scales=features.scales,
        notes=tuple(notes),
    )
