"""Results that print as a title, a table and sentences, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from wingbeat.nn._table import Printed, plain

MOST_ROWS = 10


class Report(Printed):
    """What prints as a title, a table and notes; subclasses give `title`, `columns`, `notes`."""

    @property
    def title(self) -> str:
        """What stands above the table."""
        raise NotImplementedError

    @property
    def notes(self) -> Sequence[str]:
        """The sentences below the table."""
        return ()

    def __str__(self) -> str:
        return "\n".join([self.title, "", plain(*self.columns()), "", *self.notes]).rstrip()

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        return Group(Text(self.title, style="bold"), super().__rich__(), *map(Text, self.notes))

    def _repr_html_(self) -> str:
        head, rows, right, _ = self.columns()
        cells = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
        body = "".join(f"<tr>{_cells(row, right)}</tr>" for row in rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{cells}</tr></thead>"
            f"<tbody>{body}</tbody></table>{notes}"
        )


def _cells(row: Sequence[str], right: Sequence[int]) -> str:
    align = ("", ' style="text-align:right"')
    return "".join(f"<td{align[k in right]}>{escape(cell)}</td>" for k, cell in enumerate(row))


def number(x: float) -> str:
    """With the digits that somebody reads, and no -0."""
    return f"{x + 0.0:.4g}"


def left_out(count: int, what: str = "examples") -> list[str]:
    """The sentence about rows that a table does not show."""
    return [f"{count - MOST_ROWS} more {what} are not shown."] if count > MOST_ROWS else []


def many(count: int, what: str) -> str:
    """1 example, 2 examples."""
    return f"{count} {what}{'' if count == 1 else 's'}"
