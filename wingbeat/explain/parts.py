"""What results are shown as: an object gives parts, and a terminal or a page draws them.

A text is a `Said` where it is a sentence; names, formulas and numbers are plain strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wingbeat.explain.derivation import Line
    from wingbeat.explain.fold import Folded

PAGE, TERMINAL = "page", "terminal"


@dataclass(frozen=True)
class Heading:
    """Stands above what follows."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """One sentence or several; `only` as of a column."""

    text: str
    only: str = ""


@dataclass(frozen=True)
class Note:
    """A sentence that must not be overlooked."""

    text: str


@dataclass(frozen=True)
class Code:
    """Lines that stay as they are; in a terminal so many of them."""

    text: str
    most: int | None = None


@dataclass(frozen=True)
class Derived:
    """Equations below each other."""

    lines: Sequence[Line]


@dataclass(frozen=True)
class Column:
    """One column of a table; `only` names the medium that has room for it, or needs it."""

    head: str
    numeric: bool = False
    only: str = ""


@dataclass(frozen=True)
class Grid:
    """A table, in which the first cell of each row names it.

    Attributes:
        caption: says what it holds.
        columns: with a cell for each in every row.
        rows: as many as are wanted are taken.
        count: how many there are.
        light: without lines and heads in a terminal.
        most: show no more than these; by default the medium decides.
    """

    caption: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[str]]
    count: int
    light: bool = False
    most: int | None = None


@dataclass(frozen=True)
class Listing:
    """Numbered lines; the first has the number `start`."""

    start: int
    items: Sequence[str]


@dataclass(frozen=True)
class Detail:
    """What a page opens on demand, unless it is `short`; a terminal shows it always."""

    summary: str
    inside: Sequence[Part]
    short: bool = False


@dataclass(frozen=True)
class Drawing:
    """A graph, which a terminal leaves out."""

    heading: Heading
    graph: Folded


Part = Heading | Paragraph | Note | Code | Derived | Grid | Listing | Detail | Drawing
