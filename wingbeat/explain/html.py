"""The explanation as one page: no scripts, no network, readable by keyboard and by ear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from wingbeat.explain._numbers import show
from wingbeat.explain.model import Edge, Step
from wingbeat.explain.svg import drawing

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation

MOST_ROWS = 1000
_STYLE = """
.wb{font:15px/1.5 system-ui,sans-serif;color:#111;background:#fff;max-width:72rem}
.wb table{border-collapse:collapse;margin:.5rem 0 1.5rem}
.wb caption{text-align:left;font-weight:700;padding:.3rem 0}
.wb th,.wb td{border-bottom:1px solid #ccd;padding:.25rem .8rem .25rem 0;text-align:left}
.wb td.n{text-align:right;font-variant-numeric:tabular-nums}
.wb pre{background:#f5f6fa;padding:.6rem;overflow:auto}
.wb .draw{overflow:auto;border:1px solid #ccd;margin:.5rem 0 1rem}
.wb .note{border-left:4px solid #b06000;padding-left:.6rem}
.wb :focus-visible{outline:3px solid #1a5fd0}
"""


def page(explanation: Explanation) -> str:
    """A whole document.

    >>> import wingbeat as wb
    >>> page(wb.explain("z=x*x", x=3)).startswith("<!doctype html>")
    True
    """
    title = escape(f"Why: the derivatives of {explanation.model.result}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        f"{fragment(explanation)}\n</main>\n</body>\n</html>\n"
    )


def fragment(explanation: Explanation) -> str:
    """What a notebook shows: the page's content with its style."""
    model = explanation.model
    parts = [f"<style>{_STYLE}</style>", '<div class="wb">']
    if graph := drawing(model):
        parts.append(
            f'<div class="draw" tabindex="0" role="region" aria-label="Graph">{graph}</div>'
        )
    parts += [f'<p class="note">{escape(n)}</p>' for n in (*model.kinks, *model.nonfinite)]
    heads = ("node", "is", "value", f"gradient d{model.result}/d·", "line")
    parts.append(_table("Nodes", heads, map(_step_row, model.steps[:MOST_ROWS]), {2, 3}))
    heads = ("edge", "partial", "value", "norm", "share")
    parts.append(_table("Edges", heads, map(_edge_row, model.edges[:MOST_ROWS]), {2, 3, 4}))
    for text, count in (("nodes", len(model.steps)), ("edges", len(model.edges))):
        if count > MOST_ROWS:
            parts.append(f"<p>{count - MOST_ROWS} more {text} are left out.</p>")
    parts += [_why(explanation, name) for name in model.wrt]
    return "\n".join([*parts, "</div>"])


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: set[int]
) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if k in numeric else ''}>{escape(cell)}</td>"
            for k, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>\n{body}\n</tbody></table>"
    )


def _step_row(s: Step) -> tuple[str, ...]:
    gradient = show(s.gradient) if s.gradient is not None else s.why
    return (s.name, s.formula or f"{s.kind} {s.type}", show(s.value), gradient, s.line)


def _edge_row(e: Edge) -> tuple[str, ...]:
    share = "?" if e.share is None else f"{e.share:.1%}"
    partial = show(e.partial) if e.partial is not None or e.contribution is None else "a matrix"
    return (f"{e.source} → {e.target}", e.formula or e.why, partial, show(e.norm), share)


def _why(explanation: Explanation, name: str) -> str:
    model = explanation.model
    plain, latex = explanation.derivation(name), explanation.derivation(name, "latex")
    return (
        f"<h2>Why d{escape(model.result)}/d{escape(name)} is what it is</h2>\n"
        f'<pre tabindex="0">{escape(plain)}</pre>\n'
        f"<details><summary>LaTeX</summary><pre>{escape(latex)}</pre></details>"
    )
