"""The graph as a drawing: SVG text without scripts, fonts or links."""

from __future__ import annotations

from html import escape

from wingbeat.explain._numbers import show
from wingbeat.explain.layout import Point, layered
from wingbeat.explain.model import Edge, Model, Step

COLUMN, ROW, WIDE, HIGH = 230, 96, 158, 62
_BOLD = ' font-weight="700"'
MOST_NODES = 400  # with more nobody could read it; the tables remain


def drawing(model: Model) -> str:
    """The drawing, or nothing where there are too many nodes to be read.

    >>> import wingbeat as wb
    >>> drawing(wb.explain("z=x*x", x=3).model)[:4]
    '<svg'
    """
    if len(model.steps) > MOST_NODES:
        return ""
    layout = layered(model)
    width, height = layout.width * COLUMN, layout.height * ROW
    at = {name: _pixels(p) for name, p in layout.nodes.items()}
    title = f"Graph of {model.result}: {len(model.steps)} nodes, {len(model.edges)} edges"
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="wb-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#667"/></marker></defs>',
    ]
    for e in model.edges:
        bends = [_pixels(p) for p in layout.bends[(e.source, e.target)]]
        shapes.append(_line(e, at[e.source], bends, at[e.target]))
    shapes += [_node(s, at[s.name], model.result) for s in model.steps]
    return "\n".join([*shapes, "</svg>"])


def _pixels(p: Point) -> Point:
    return (p[0] * COLUMN + COLUMN / 2, p[1] * ROW + ROW / 2)


def _line(e: Edge, start: Point, bends: list[Point], end: Point) -> str:
    x0, y0 = start[0] + WIDE / 2, start[1]
    path = [f"M{x0:g},{y0:g}"]
    for x, y in [*bends, (end[0] - WIDE / 2 - 2, end[1])]:
        half = (x0 + x) / 2
        path.append(f"C{half:g},{y0:g} {half:g},{y:g} {x:g},{y:g}")
        x0, y0 = x, y
    first = bends[0] if bends else (end[0] - WIDE / 2, end[1])
    x, y = (start[0] + WIDE / 2 + first[0]) / 2, (start[1] + first[1]) / 2
    label = _edge_label(e)
    back = max(16, 7 * len(label))
    return (
        f'<path d="{" ".join(path)}" fill="none" stroke="#667" stroke-width="1.3" '
        'marker-end="url(#wb-tip)"/>'
        f'<rect x="{x - back / 2:g}" y="{y - 9:g}" width="{back:g}" height="18" rx="4" fill="#fff" '
        f'fill-opacity="0.9"/><text x="{x:g}" y="{y + 4:g}" text-anchor="middle" fill="#8a3b00">'
        f"{escape(label)}</text>"
    )


def _edge_label(e: Edge) -> str:
    if e.partial is not None:
        return show(e.partial, 4)
    return "?" if e.share is None else f"{e.share:.0%}"


def _node(s: Step, p: Point, result: str) -> str:
    fill = "#eafbea" if s.name == result else "#eef4ff" if s.kind != "step" else "#fff"
    rows = [_cut(s.name), f"value {show(s.value, 5)}", f"gradient {_gradient(s)}"]
    texts = "".join(
        f'<text x="{p[0]:g}" y="{p[1] - 14 + 18 * k:g}" text-anchor="middle" fill="#111"'
        f"{_BOLD if k == 0 else ''}>{escape(_cut(row))}</text>"
        for k, row in enumerate(rows)
    )
    full = f"{s.name} = {s.formula}" if s.formula else s.name
    return (
        f'<g><title>{escape(full)}</title><rect x="{p[0] - WIDE / 2:g}" y="{p[1] - HIGH / 2:g}" '
        f'width="{WIDE}" height="{HIGH}" rx="8" fill="{fill}" stroke="#445"/>{texts}</g>'
    )


def _gradient(s: Step) -> str:
    return show(s.gradient, 5) if s.gradient is not None else s.why


def _cut(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23]}…"
