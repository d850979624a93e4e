"""Tables as plain text, and as rich draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Rows = Sequence[Sequence[str]]


def plain(head: Sequence[str], rows: Rows, right: Sequence[int], last: Sequence[str] = ()) -> str:
    """Columns of equal width, those of `right` aligned to the right; `last` is a row of totals."""
    lines = [head, *rows, *([last] if last else [])]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    rule = ["-" * w for w in widths]
    lines.insert(1, rule)
    text = [
        "  ".join(
            cell.rjust(w) if k in right else cell.ljust(w)
            for k, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(text)


def drawn(head: Sequence[str], rows: Rows, right: Sequence[int], last: Sequence[str] = ()) -> Any:
    """The same as a table of rich."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_footer=bool(last))
    for k, name in enumerate(head):
        foot = Text(last[k]) if last else ""
        table.add_column(name, footer=foot, justify="right" if k in right else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


class Printed:
    """What prints as a table: plain with `str`, drawn with rich's `print` and with `show`."""

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """Head, rows, the columns aligned to the right, and a last row (or nothing)."""
        raise NotImplementedError

    def __str__(self) -> str:
        return plain(*self.columns())

    def __repr__(self) -> str:
        return str(self)

    def __rich__(self) -> Any:
        return drawn(*self.columns())

    def show(self) -> None:
        """Print the table, drawn where rich is installed and the output is a terminal."""
        try:
            from rich.console import Console
        except ImportError:
            print(self)
            return
        console = Console()
        console.print(self if console.is_terminal else str(self), soft_wrap=not console.is_terminal)
