"""One statement of an expression, and where in the text something stands."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from wingbeat.errors import BadExpression


@dataclass(frozen=True)
class Statement:
    """One assignment: its name, its parsed right side, and where it stands in the text."""

    name: str
    tree: ast.expr
    text: str
    start: int


def fault(text: str, place: int, message: str) -> BadExpression:
    """The error at a position: a sentence, and the line with a caret below the position."""
    place = max(0, min(place, len(text)))
    begin = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    line = text[begin : end if end >= 0 else len(text)]
    column = place - begin
    cut = max(0, column - 40)
    shown = "".join(c if c.isprintable() else " " for c in line[cut : cut + 72])
    return BadExpression(f"{message}\n  {shown}\n  {' ' * (column - cut)}^")


def short(text: str) -> str:
    """Text on one line, without the end of a long one."""
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def at(s: Statement, node: ast.expr) -> int:
    """The position of a node in the whole text; `ast` counts bytes."""
    lines = s.text.split("\n")
    before = sum(len(row) + 1 for row in lines[: node.lineno - 1])
    return s.start + before + len(lines[node.lineno - 1].encode()[: node.col_offset].decode())


def source(s: Statement, node: ast.expr) -> str:
    """What the user wrote for a node, shortened."""
    begin = at(s, node) - s.start
    lines = s.text.split("\n")[: node.end_lineno]
    lines[-1] = lines[-1].encode()[: node.end_col_offset].decode()
    return short("\n".join(lines)[begin:])


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion in parentheses, where there is a name like it."""
    close = get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""
