"""Parts as HTML, in one language or in several beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice

from wingbeat.explain.derivation import render
from wingbeat.explain.model import Model
from wingbeat.explain.parts import (
    TERMINAL,
    Code,
    Column,
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
from wingbeat.explain.svg import drawn
from wingbeat.explain.words import LANGUAGES, Said, say, within

MOST_ROWS = 1000  # of a table; what is left out is counted


class Markup:
    """Writes parts as HTML; with several languages each sentence is there in all of them.

    `model` is what drawings are of; `prefix` begins every id.
    """

    def __init__(self, languages: Sequence[str], prefix: str, model: Model | None = None) -> None:
        self.languages, self.model = languages, model
        self._prefix, self._labels = prefix, 0

    def all(self, parts: Iterable[Part]) -> str:
        """The parts one after the other."""
        return "\n".join(map(self.part, parts))

    def part(self, part: Part) -> str:
        """One part."""
        match part:
            case Heading():
                return self._heading(part)
            case Paragraph():
                return f"<p>{self.said(part.text)}</p>"
            case Note():
                return f'<p class="note">{self.said(part.text)}</p>'
            case Code():
                return _lines(part.text)
            case Derived():
                return _lines(render(list(part.lines), "plain"))
            case Listing():
                items = "\n".join(f"<li>{self.said(item)}</li>" for item in part.items)
                return f'<ol start="{part.start}">\n{items}\n</ol>'
            case Grid():
                return self._grid(part)
            case Detail():
                opened = " open" if part.short else ""
                summary = f"<summary>{self.said(part.summary)}</summary>"
                return f"<details{opened}>{summary}\n{self.all(part.inside)}\n</details>"
            case Drawing():
                return self._drawing(part)

    def said(self, text: str) -> str:
        """A text as content of a page."""
        if len(self.languages) == 1 or not isinstance(text, Said) or text == text.zh:
            return escape(within(text, self.languages[0]))
        return "".join(
            f'<span class="t" lang="{LANGUAGES[k]}">{escape(within(text, k))}</span>'
            for k in self.languages
        )

    def _label(self, kind: str) -> str:
        """An id for what names a part."""
        self._labels += 1
        return f"{self._prefix}-{kind}-{self._labels}"

    def _heading(self, part: Heading, label: str = "") -> str:
        named = f' id="{label}"' if label else ""
        return f"<h{part.level}{named}>{self.said(part.text)}</h{part.level}>"

    def _drawing(self, part: Drawing) -> str:
        assert self.model is not None
        label = self._label("graph")
        svg = drawn(self.model, part.graph, self.languages, label)
        heading = self._heading(part.heading, label)
        return (
            f'{heading}\n<div class="draw" tabindex="0" role="region" aria-labelledby="{label}">'
            f"{svg}</div>"
        )

    def _grid(self, grid: Grid) -> str:
        label, most = self._label("table"), grid.most or MOST_ROWS
        places = [k for k, column in enumerate(grid.columns) if column.only != TERMINAL]
        columns = [grid.columns[k] for k in places]
        head = "".join(
            f'<th scope="col"{_class(column)}>{self.said(column.head)}</th>' for column in columns
        )
        body = "\n".join(
            self._row(columns, [cells[k] for k in places]) for cells in islice(grid.rows, most)
        )
        left_out = say("left out", n=grid.count - most)
        more = f"<p>{self.said(left_out)}</p>" if grid.count > most else ""
        return (
            f'<div class="wide" tabindex="0" role="region" aria-labelledby="{label}">'
            f'<table><caption id="{label}">{self.said(grid.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead>"
            f"<tbody>\n{body}\n</tbody></table></div>{more}"
        )

    def _row(self, columns: Sequence[Column], cells: Sequence[str]) -> str:
        first, *rest = map(self.said, cells)
        others = "".join(
            f"<td{_class(column)}>{cell}</td>"
            for column, cell in zip(columns[1:], rest, strict=True)
        )
        return f'<tr><th scope="row"{_class(columns[0])}>{first}</th>{others}</tr>'


def _class(column: Column) -> str:
    return " class=n" if column.numeric else ""


def _lines(text: str) -> str:
    return f'<pre tabindex="0">{escape(text)}</pre>'
