"""What a run recorded: one row for every step, one for every epoch."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wingbeat.errors import BadInput

_SHOWN = 20  # rows of a table's text; those in the middle give way to dots
_WHOLE = {"epoch", "step"}


class Table:
    """Rows of numbers under named columns, float64.

    >>> import wingbeat as wb
    >>> table = wb.train.Table({"step": [1, 2], "loss": [0.5, 0.25]})
    >>> table["loss"], len(table)
    (array([0.5 , 0.25]), 2)
    >>> table
    step    loss
       1     0.5
       2    0.25
    """

    def __init__(self, columns: Mapping[str, ArrayLike] | None = None) -> None:
        given = {name: np.asarray(column, np.float64) for name, column in (columns or {}).items()}
        if len({column.shape for column in given.values()}) > 1:
            raise BadInput(f"Table: columns of different lengths: {', '.join(given)}")
        self._columns: dict[str, list[float]] = {n: c.tolist() for n, c in given.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns.

        >>> import wingbeat as wb
        >>> wb.train.Table({"step": [1], "loss": [0.5]}).columns
        ('step', 'loss')
        """
        return tuple(self._columns)

    def append(self, row: Mapping[str, float]) -> None:
        """Adds a row; the first one names the columns.

        >>> import wingbeat as wb
        >>> table = wb.train.Table()
        >>> table.append({"loss": 0.5})
        >>> table.last()
        {'loss': 0.5}
        """
        if not self._columns:
            self._columns = {name: [] for name in row}
        if set(row) != set(self._columns):
            raise BadInput(f"Table: columns {', '.join(self._columns)}; got {', '.join(row)}")
        for name, column in self._columns.items():
            column.append(float(row[name]))

    def last(self) -> dict[str, float]:
        """The last row.

        >>> import wingbeat as wb
        >>> wb.train.Table({"loss": [0.5, 0.25]}).last()
        {'loss': 0.25}
        """
        if not len(self):
            raise BadInput("Table: there is no last row yet")
        return {name: column[-1] for name, column in self._columns.items()}

    def tail(self, name: str, count: int) -> NDArray[np.float64]:
        """The last `count` numbers of a column.

        >>> import wingbeat as wb
        >>> wb.train.Table({"loss": [0.5, 0.25, 0.125]}).tail("loss", 2)
        array([0.25 , 0.125])
        """
        column = self._column(name)
        return np.array(column[len(column) - count :], np.float64)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return np.array(self._column(name), np.float64)

    def _column(self, name: str) -> list[float]:
        if name not in self._columns:
            raise BadInput(f"Table: no column {name!r}; there are {', '.join(self._columns)}")
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), []))

    def __iter__(self) -> Iterator[dict[str, float]]:
        names = list(self._columns)
        for row in zip(*self._columns.values(), strict=True):
            yield dict(zip(names, row, strict=True))

    def __repr__(self) -> str:
        rows = [self.columns, *([cell(n, v) for n, v in row.items()] for row in self)]
        if len(rows) > _SHOWN + 1:
            half = _SHOWN // 2
            rows = [*rows[: half + 1], ["..."] * len(self.columns), *rows[-half:]]
        return aligned(rows) if self.columns else "no rows yet"

    def equals(self, other: "Table", *, without: Sequence[str] = ()) -> bool:
        """Whether all numbers are the same, NaN being the same as NaN; but for some columns.

        >>> import wingbeat as wb
        >>> a, b = (wb.train.Table({"loss": [0.5], "seconds": [s]}) for s in (1, 2))
        >>> a.equals(b), a.equals(b, without=["seconds"])
        (False, True)
        """
        names = set(self.columns) - set(without)
        return names == set(other.columns) - set(without) and all(
            np.array_equal(self[name], other[name], equal_nan=True) for name in names
        )


class History:
    """The numbers of a run: `steps` and `epochs`, each a `Table`.

    Columns are `epoch`, `step`, `loss`, the metrics, `lr` and `grad_norm`. Epochs have means over
    their samples, the same for the validation data under `val_loss` and so on, and `seconds`.
    Two histories are equal where all numbers are but the seconds.

    >>> import wingbeat as wb
    >>> history = wb.train.History()
    >>> history.epochs.append({"epoch": 1, "loss": 0.5})
    >>> history
    epoch    loss
        1     0.5
    """

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __init__(self, steps: Table | None = None, epochs: Table | None = None) -> None:
        self.steps = steps or Table()
        self.epochs = epochs or Table()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return self.steps.equals(other.steps) and self.epochs.equals(
            other.epochs, without=["seconds"]
        )

    def __repr__(self) -> str:
        return repr(self.epochs)


def cell(name: str, value: float) -> str:
    """A number as tables and progress show it."""
    if name in _WHOLE:
        return str(int(value))
    return f"{value:.1f}" if name == "seconds" else f"{value:.4g}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Cells in columns, flush right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines)
