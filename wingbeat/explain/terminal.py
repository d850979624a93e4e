"""Parts in a terminal, drawn by rich, or as plain text; in English."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import islice

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wingbeat.explain._given import whole
from wingbeat.explain.derivation import render
from wingbeat.explain.parts import (
    PAGE,
    Code,
    Derived,
    Detail,
    Drawing,
    Grid,
    Heading,
    Listing,
    Note,
    Paragraph,
    Part,
)
from wingbeat.explain.words import say

MOST_ROWS = 60  # of a table; what is left out is counted


def as_text(parts: Iterable[Part], width: int) -> str:
    """What a terminal of this width would show, without colours and without spaces at line ends."""
    width = whole(width, "text: the number of columns", 1)
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, force_terminal=False)
    for part in drawn(parts, width):
        console.print(part)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).rstrip() + "\n"


def drawn(parts: Iterable[Part], width: int) -> Iterator[RenderableType]:
    """The parts as rich draws them."""
    for part in parts:
        yield from _drawn(part, width)


def _drawn(part: Part, width: int) -> Iterator[RenderableType]:
    match part:
        case Heading() | Paragraph() | Note():
            yield from _said(part)
        case Code():
            yield Padding(_cut(part.text, part.most), (0, 0, 1, 2))
        case Derived():
            yield Padding(Text(render(list(part.lines), "plain", width - 2)), (0, 0, 1, 2))
        case Listing():
            yield _listing(part)
        case Grid():
            yield from _grid(part)
        case Detail():
            yield Text(part.summary, style="bold")
            yield from drawn(part.inside, width)
        case Drawing():
            return


def _said(part: Heading | Paragraph | Note) -> Iterator[Text]:
    match part:
        case Heading():
            yield Text(part.text, style="bold")
        case Note():
            yield Text(f"! {part.text}", style="yellow")
        case Paragraph():
            if part.only != PAGE:
                yield Text(f"{part.text}\n")


def _cut(text: str, most: int | None) -> Text:
    """The first lines of what is long."""
    rows = text.split("\n")
    if most is not None and len(rows) > most:
        rows = [*rows[:most], say("left out", n=len(rows) - most)]
    return Text("\n".join(rows))


def _listing(part: Listing) -> RenderableType:
    rows = _light(1)
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column(overflow="fold")
    for k, item in enumerate(part.items, part.start):
        rows.add_row(Text(f"{k}."), Text(item))
    return Padding(rows, (0, 0, 1, 2))


def _light(space: int) -> Table:
    return Table(box=None, padding=(0, space, 0, 0), show_header=False, pad_edge=False)


def _grid(grid: Grid) -> Iterator[RenderableType]:
    table = _light(2) if grid.light else Table(box=box.SIMPLE_HEAD, pad_edge=False)
    places = [k for k, column in enumerate(grid.columns) if column.only != PAGE]
    for column in (grid.columns[k] for k in places):
        table.add_column(
            Text(column.head), justify="right" if column.numeric else "left", overflow="fold"
        )
    most = grid.most or MOST_ROWS
    for cells in islice(grid.rows, most):
        table.add_row(*(Text(cells[k]) for k in places))
    if grid.light:
        yield Padding(table, (0, 0, 1, 2))
        return
    yield Text(grid.caption, style="bold")
    if grid.count > most:
        table.caption = say("left out", n=grid.count - most)
    yield table
