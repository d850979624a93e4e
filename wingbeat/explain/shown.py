"""How results print: as parts that a terminal and a notebook draw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from wingbeat.explain.parts import Part


class Shown:
    """What has parts, and prints them."""

    __slots__ = ()

    def parts(self) -> Iterable[Part]:
        """Headings, tables, sentences."""
        raise NotImplementedError

    def text(self, width: int = 80) -> str:
        """Everything as plain text, at most `width` columns wide."""
        from wingbeat.explain.terminal import as_text

        return as_text(self.parts(), width)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text().rstrip("\n")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from wingbeat.explain.terminal import drawn

        yield from drawn(self.parts(), options.max_width)

    def _repr_html_(self) -> str:
        from wingbeat.explain.html import fragment

        return fragment(self.parts())
