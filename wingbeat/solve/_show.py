"""A result for readers: as text, as HTML, as plain data."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wingbeat.api import tree

if TYPE_CHECKING:
    from wingbeat.solve.record import Result, Step

FEW = 4  # numbers of x that are shown
HEADS = ("step", "x", "f", "|gradient|", "predicted", "actual", "why")
_STYLE = """
.wb-solve{font:15px/1.5 system-ui,sans-serif;color:#111;background:#fff}
.wb-solve table{border-collapse:collapse}
.wb-solve caption{text-align:left;font-weight:700;padding:.3rem 0}
.wb-solve th,.wb-solve td{border-bottom:1px solid #ccd;padding:.25rem .8rem .25rem 0}
.wb-solve th,.wb-solve td{text-align:left}
.wb-solve .no{color:#555}
"""


def as_text(result: Result, rows: int, width: int) -> str:
    """The table of evaluations, where it ended, and the verdict."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in HEADS:
        justify = "left" if name in ("x", "why") else "right"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name != "why")
    for step in _chosen(searched(result), rows):
        cells = ["..."] if step is None else _cells(step)
        style = None if step is None or step.accepted else "dim"
        table.add_row(*map(Text, cells), style=style)
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    text = "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
    return f"{text.strip()}\n\n{closing(result)}"


def closing(result: Result) -> str:
    """Where it ended, at what cost, and the verdict."""
    return (
        f"{result.method}: f = {number(result.value, 10)} at {shown(result.x)}\n"
        f"{result.counts!r}\n{result.verdict}"
    )


def searched(result: Result) -> list[Step]:
    """The record without the verdict's own probes."""
    return [s for s in result.record if not s.reason.startswith("for the verdict")]


def _chosen(steps: Sequence[Step], rows: int) -> list[Step | None]:
    if len(steps) <= rows:
        return list(steps)
    return [*steps[: rows // 2], None, *steps[-(rows - rows // 2) :]]


def _cells(s: Step) -> list[str]:
    return [
        str(s.number) if s.accepted else "try",
        vector(s.x),
        number(s.value, 8),
        number(s.gradient_norm, 3),
        number(s.predicted, 3),
        number(s.actual, 3),
        s.reason,
    ]


def number(value: float | None, digits: int = 6) -> str:
    """A number in so many digits; nothing for None."""
    return "" if value is None else "0" if value == 0 else format(value, f".{digits}g")


def vector(x: Any) -> str:
    """A few numbers, or how many there are and the largest."""
    flat = np.ravel(x)
    if flat.size <= FEW:
        return ", ".join(number(float(v)) for v in flat)
    return f"{flat.size} numbers, to {number(float(np.abs(flat).max()), 3)}"


def shown(x: Any) -> str:
    """A tree on one line."""
    names, leaves = tree.paths(x), tree.leaves(x)
    if len(leaves) == 1:
        return f"x = {vector(leaves[0])}"
    plain = [n[2:-2] if n.startswith("['") and n.count("[") == 1 else f"x{n}" for n in names]
    return "; ".join(f"{n} = {vector(v)}" for n, v in zip(plain, leaves, strict=True))


def as_html(result: Result) -> str:
    """What a notebook shows."""
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in HEADS)
    body: list[str] = []
    for step in _chosen(searched(result), 60):
        cells = ["..."] if step is None else _cells(step)
        kind = "" if step is None or step.accepted else ' class="no"'
        body.append(f"<tr{kind}>{''.join(f'<td>{escape(c)}</td>' for c in cells)}</tr>")
    rows = "\n".join(body)
    return (
        f'<style>{_STYLE}</style><div class="wb-solve"><table><caption>Every evaluation</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"
        f"<p>{escape(closing(result)).replace(chr(10), '<br>')}</p></div>"
    )


def as_data(result: Result) -> dict[str, Any]:
    """Plain numbers, lists and words; numbers that JSON cannot write are words."""
    return {
        "method": result.method,
        "x": _plain(result.x),
        "value": _plain(result.value),
        "gradient": _plain(result.gradient),
        "verdict": {
            "kind": result.verdict.kind,
            "sentence": result.verdict.sentence,
            "evidence": _plain(result.verdict.evidence),
        },
        "counts": _plain(vars(result.counts)),
        "record": [_plain(vars(step)) for step in result.record],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return _plain(tree.leaves(value))
