"""The graph as a drawing: SVG text without scripts, fonts or links."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from wingbeat.explain._numbers import norm, show
from wingbeat.explain.fold import Box, Folded, Link, folded
from wingbeat.explain.layout import Point, arranged
from wingbeat.explain.model import Model, Step
from wingbeat.explain.plain import outline
from wingbeat.explain.words import CHINESE, ENGLISH, LANGUAGES, say, within

COLUMN, ROW, WIDE, HIGH = 240, 96, 170, 62
WIDEST = 24  # characters in a box
DEEP = 7  # layers; with more the drawing goes from top to bottom
_BOLD = ' font-weight="700"'
_FILL = {"result": "#eafbea", "given": "#eef4ff", "group": "#fff7e6", "step": "#ffffff"}


def drawing(model: Model, languages: Sequence[str] = (ENGLISH,), label: str = "") -> str:
    """The drawing; what is too large to be read is folded.

    With several languages each word is there in all of them, for the page to show one; `label` is
    the id of what names the drawing there.

    >>> import wingbeat as wb
    >>> drawing(wb.explain("z=x*x", x=3).model)[:4]
    '<svg'
    """
    return drawn(model, folded(model), languages, label)


def drawn(
    model: Model, graph: Folded, languages: Sequence[str] = (ENGLISH,), label: str = ""
) -> str:
    """The drawing of a graph that is folded already."""
    return _Drawing(model, graph, languages, label).text()


class _Drawing:
    """Boxes and arrows, from left to right, or where there are many layers from top to bottom."""

    def __init__(self, model: Model, graph: Folded, languages: Sequence[str], label: str) -> None:
        self.model, self.graph = model, graph
        self.languages, self.label = languages, label
        self.steps = {s.name: s for s in model.steps}
        self.layout = arranged(
            [b.name for b in graph.boxes], [(link.source, link.target) for link in graph.links]
        )
        self.down = self.layout.width > DEEP

    def text(self) -> str:
        across, along = self.layout.height, self.layout.width
        columns, rows = (across, along) if self.down else (along, across)
        width, height = columns * COLUMN, rows * (ROW + 24 if self.down else ROW)
        name = f'aria-label="{escape(self._title())}"'
        if self.label:
            name = f'aria-labelledby="{self.label}"'
        shapes = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" {name} '
            'font-family="system-ui, sans-serif" font-size="12">',
            *([] if self.label else [f"<title>{escape(self._title())}</title>"]),
            '<defs><marker id="wb-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
            '<path d="M0,0 L8,4 L0,8 z" fill="#667"/></marker></defs>',
            *map(self._arrow, self.graph.links),
            *map(self._label, self.graph.links),
            *map(self._box, self.graph.boxes),
        ]
        return "\n".join([*shapes, "</svg>"])

    def _title(self) -> str:
        """What the drawing is, where no heading beside it says so."""
        numbers = {"boxes": len(self.graph.boxes), "links": len(self.graph.links)}
        key = "drawing" if numbers["boxes"] == len(self.steps) else "folded drawing"
        said = say(key, z=self.model.result, steps=len(self.steps), **numbers)
        return within(said, self.languages[0])

    # --- places -----------------------------------------------------------------------------------

    def _at(self, p: Point) -> Point:
        if self.down:
            return (p[1] * COLUMN + COLUMN / 2, p[0] * (ROW + 24) + ROW / 2 + 12)
        return (p[0] * COLUMN + COLUMN / 2, p[1] * ROW + ROW / 2)

    def _ends(self, link: Link) -> tuple[Point, list[Point], Point]:
        """Where an arrow leaves a box, its bends, and where it ends."""
        start = self._at(self.layout.nodes[link.source])
        end = self._at(self.layout.nodes[link.target])
        bends = [self._at(p) for p in self.layout.bends[link.source, link.target]]
        if self.down:
            return (start[0], start[1] + HIGH / 2), bends, (end[0], end[1] - HIGH / 2 - 2)
        return (start[0] + WIDE / 2, start[1]), bends, (end[0] - WIDE / 2 - 2, end[1])

    def _arrow(self, link: Link) -> str:
        (x0, y0), bends, end = self._ends(link)
        path = [f"M{x0:g},{y0:g}"]
        for x, y in [*bends, end]:
            if self.down:
                half = (y0 + y) / 2
                path.append(f"C{x0:g},{half:g} {x:g},{half:g} {x:g},{y:g}")
            else:
                half = (x0 + x) / 2
                path.append(f"C{half:g},{y0:g} {half:g},{y:g} {x:g},{y:g}")
            x0, y0 = x, y
        share = _share(link)
        thick = 1.3 if share is None else 1 + 2.5 * min(abs(share), 1.0)
        dashed = ' stroke-dasharray="6 4"' if share is not None and share < 0 else ""
        return (
            f'<path d="{" ".join(path)}" fill="none" stroke="#667" stroke-width="{thick:.3g}"'
            f'{dashed} marker-end="url(#wb-tip)"/>'
        )

    def _label(self, link: Link) -> str:
        start, bends, end = self._ends(link)
        first = bends[0] if bends else end
        x, y = (start[0] + first[0]) / 2, (start[1] + first[1]) / 2
        label = _said(link)
        back = max(16, 7 * len(label))
        return (
            f'<rect x="{x - back / 2:g}" y="{y - 9:g}" width="{back:g}" height="18" rx="4" '
            f'fill="#fff" fill-opacity="0.9"/><text x="{x:g}" y="{y + 4:g}" text-anchor="middle" '
            f'fill="#8a3b00">{escape(label)}</text>'
        )

    # --- boxes ------------------------------------------------------------------------------------

    def _box(self, box: Box) -> str:
        x, y = self._at(self.layout.nodes[box.name])
        group = len(box.steps) > 1
        step = self.steps[box.result]
        rows = self._group_rows(box, step) if group else _step_rows(step)
        texts = "".join(
            f'<text x="{x:g}" y="{y - 14 + 18 * k:g}" text-anchor="middle" fill="#111"'
            f"{_BOLD if k == 0 else ''}{mark}>{escape(_short(text, WIDEST))}</text>"
            for k, row in enumerate(rows)
            for mark, text in self._versions(row)
        )
        kind = "group" if group else "step" if step.kind == "step" else "given"
        fill = _FILL["result" if self.model.result in box.steps else kind]
        edge = ' stroke-width="2"' if group else ""
        return (
            f'<g><title>{escape(self._about(box, step))}</title><rect x="{x - WIDE / 2:g}" '
            f'y="{y - HIGH / 2:g}" width="{WIDE}" height="{HIGH}" rx="8" fill="{fill}" '
            f'stroke="#445"{edge}/>{texts}</g>'
        )

    def _versions(self, row: str) -> Iterator[tuple[str, str]]:
        """A text with its mark, for every language; one where all are the same."""
        if len(self.languages) == 1 or row == within(row, CHINESE):
            yield "", within(row, self.languages[0])
            return
        for k in self.languages:
            yield f' class="t" lang="{LANGUAGES[k]}"', within(row, k)

    def _group_rows(self, box: Box, step: Step) -> list[str]:
        times = f" × {box.times}" if box.times > 1 else ""
        name = _short(box.name, WIDEST - 1 - len(times)) + times
        gradient = "?" if step.gradient is None else f"{norm(step.gradient):.4g}"
        key = "drawn group" if box.kind else "drawn steps"
        return [
            name,
            say(key, kind=say(box.kind) if _given(box) else box.kind, n=len(box.steps)),
            say("drawn size", g=gradient),
        ]

    def _about(self, box: Box, step: Step) -> str:
        if len(box.steps) == 1:
            return f"{step.name} = {step.formula}" if step.formula else step.name
        times = f" × {box.times}" if box.times > 1 else ""
        return f"{box.name}{times}" + (f": {box.kind}" if box.kind and not _given(box) else "")


def _given(box: Box) -> bool:
    """Whether nothing in a box is computed; else its kind is a module's class, or nothing."""
    return box.kind in ("input", "data")


def _step_rows(s: Step) -> list[str]:
    name = f"{s.name} = {s.formula}" if s.formula else s.name
    if len(name) > 22:
        name = f"{s.name} = {outline(s.operations[-1])}" if s.operations else s.name
    if s.value is not None and s.value.size > 1:
        gradient = s.why if s.gradient is None else f"{norm(s.gradient):.4g}"
        return [name, s.type, say("drawn size", g=gradient)]
    gradient = s.why if s.gradient is None else show(s.gradient, 5)
    return [name, say("drawn value", v=show(s.value, 5)), say("drawn gradient", g=gradient)]


def _share(link: Link) -> float | None:
    """What part of the source's gradient comes along a link; None where it has several sources."""
    shares = [e.share for e in link.edges if e.share is not None]
    one = len({e.source for e in link.edges}) == 1
    return math.fsum(shares) if one and len(shares) == len(link.edges) else None


def _said(link: Link) -> str:
    if len(link.edges) == 1 and link.edges[0].partial is not None:
        return show(link.edges[0].partial, 4)
    if (share := _share(link)) is not None:
        return f"{share:.0%}"
    norms = [e.norm for e in link.edges if e.norm is not None]
    return f"|{math.hypot(*norms):.3g}|" if norms else "?"


def _short(text: str, most: int) -> str:
    """Without the middle: the ends of names tell layers apart."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"
