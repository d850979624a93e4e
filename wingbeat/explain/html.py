"""The explanation as one page: no scripts, no network, readable by keyboard and by ear.

The page has every sentence in both languages; two radio buttons and a rule of style show one of
them, so the switch works where scripts are not run, as in a mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING
from zlib import crc32

from wingbeat.errors import BadInput
from wingbeat.explain._build import NOT_COMPUTED
from wingbeat.explain._numbers import equals, show
from wingbeat.explain.derivation import render
from wingbeat.explain.fold import Folded, folded, inside
from wingbeat.explain.model import Edge, Step
from wingbeat.explain.paths import Paths
from wingbeat.explain.story import (
    cancelling,
    chain,
    comparison,
    many,
    meaning,
    nudged,
    reaching,
    reasons,
)
from wingbeat.explain.svg import drawn
from wingbeat.explain.sweeps import BACKWARD, FORWARD
from wingbeat.explain.words import ENGLISH, LANGUAGES, Said, say

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation

MOST_ROWS = 1000
MOST_WHYS = 30  # variables whose derivative is explained one by one
MOST_MOVES = 300  # steps of both sweeps
MOST_PATHS = 12
MOST_LINES = 120  # of a derivation
MOST_STEPS = 200  # in the graph, for derivations of tensors
_STYLE = """
.wb{font:16px/1.55 system-ui,"Noto Sans CJK SC",sans-serif;color:#111;background:#fff;
max-width:72rem;margin:0 auto;padding:0 1rem 2rem}
.wb h1{font-size:1.6rem}.wb h2{font-size:1.25rem;margin:2rem 0 .3rem}.wb h3{font-size:1.05rem}
.wb table{border-collapse:collapse;margin:.5rem 0 1rem}
.wb caption{text-align:left;font-weight:700;padding:.3rem 0}
.wb th,.wb td{border-bottom:1px solid #ccd;padding:.25rem .8rem .25rem 0;text-align:left;
vertical-align:top;overflow-wrap:anywhere}
.wb .n{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:normal;white-space:nowrap}
.wb pre{background:#f5f6fa;padding:.6rem;overflow:auto}
.wb .draw,.wb .wide{overflow:auto;margin:.5rem 0 1rem}.wb .draw{border:1px solid #ccd}
.wb .note{border-left:4px solid #b06000;padding-left:.6rem}
.wb ol{padding-left:2.5rem}.wb li{padding:.1rem 0}
.wb fieldset{border:1px solid #ccd;display:inline-block}
.wb :focus-visible{outline:3px solid #1a5fd0}
@media print{.wb{max-width:none;font-size:11pt}.wb .draw,.wb .wide,.wb pre{overflow:visible}
.wb svg{max-width:100%;height:auto}.wb pre{white-space:pre-wrap}.wb fieldset{display:none}
.wb tr,.wb .draw,.wb li{break-inside:avoid}.wb h2{break-after:avoid}}
"""
_SWITCH = """
body:has(#wb-en:checked) [lang=zh-CN].t{display:none}
body:has(#wb-zh:checked) [lang=en].t{display:none}
"""


class _Page:
    """Writes sentences: in a page in both languages, in a notebook in one."""

    def __init__(
        self, explanation: Explanation, languages: Sequence[str], prefix: str = "wb"
    ) -> None:
        self.explanation, self.model = explanation, explanation.model
        self.languages = languages
        self._prefix, self._labels = prefix, 0

    def _label(self, kind: str) -> str:
        """An id for what names a part."""
        self._labels += 1
        return f"{self._prefix}-{kind}-{self._labels}"

    def said(self, said: Said) -> str:
        """A sentence as text of a page."""
        if said.en == said.zh:
            return escape(said.en)
        if len(self.languages) == 1:
            return escape(said.within(self.languages[0]))
        return "".join(
            f'<span class="t" lang="{LANGUAGES[k]}">{escape(said.within(k))}</span>'
            for k in self.languages
        )

    def say(self, key: str, **parts: object) -> str:
        """A sentence by its key."""
        return self.said(say(key, **parts))

    def heading(self, key: str, level: int = 2, **parts: object) -> str:
        """A heading."""
        return f"<h{level}>{self.say(key, **parts)}</h{level}>"

    def sentences(self, *said: Said | None) -> str:
        """A paragraph."""
        text = " ".join(self.said(s) for s in said if s is not None)
        return f"<p>{text}</p>" if text else ""

    def table(
        self,
        caption: str,
        heads: Sequence[str],
        rows: Iterable[Sequence[str]],
        numeric: set[int],
        count: int = 0,
    ) -> str:
        """A table, in which the first cell of each row names it.

        Caption, heads and first cells are markup, all other cells are text.
        `count` says how many rows there would be, had none been left out.
        """
        label = self._label("table")
        head = "".join(
            f'<th scope="col"{" class=n" if k in numeric else ""}>{h}</th>'
            for k, h in enumerate(heads)
        )
        body = "\n".join(_row(cells, numeric) for cells in rows)
        more = f"<p>{self.say('left out', n=count - MOST_ROWS)}</p>" if count > MOST_ROWS else ""
        return (
            f'<div class="wide" tabindex="0" role="region" aria-labelledby="{label}">'
            f'<table><caption id="{label}">{caption}</caption><thead><tr>{head}</tr></thead>'
            f"<tbody>\n{body}\n</tbody></table></div>{more}"
        )

    # --- parts ------------------------------------------------------------------------------------

    def all(self) -> str:
        """Everything, one part after the other."""
        model = self.model
        parts = [self.drawings(), *map(self.note, self.notes())]
        if (said := comparison(self.explanation)) is not None:
            parts += [self.heading("matters"), self.sentences(said)]
        parts.append(self.matrix())
        parts += [self.why(name) for name in model.wrt[:MOST_WHYS]]
        if len(model.wrt) > MOST_WHYS:
            parts.append(f"<p>{self.say('left out', n=len(model.wrt) - MOST_WHYS)}</p>")
        parts += [self.sweeps(), self.layers(), self.nodes(), self.edges()]
        return "\n".join(filter(None, parts))

    def notes(self) -> list[Said]:
        return [
            *(say("no derivative", k=k) for k in self.model.kinks),
            *(Said(n, n) for n in self.model.nonfinite),
        ]

    def note(self, said: Said) -> str:
        return f'<p class="note">{self.said(said)}</p>'

    def drawings(self) -> str:
        """The graph; then one of each piece that repeats in it."""
        model = self.model
        graph = folded(model)
        means = "drawing means" if model.scalar and len(graph.boxes) == len(model.steps) else ""
        parts = [
            *self._drawing(graph, 2, say("graph")),
            f"<p>{self.say(means or 'folded means', z=model.result)}</p>",
        ]
        for box in graph.boxes:
            if box.times > 1 or (len(box.steps) > 1 and not box.kind):
                key = "inside" if box.times > 1 else "within"
                said = say(key, name=box.name, times=box.times)
                parts += self._drawing(inside(model, box), 3, said)
        return "\n".join(parts)

    def _drawing(self, graph: Folded, level: int, heading: Said) -> list[str]:
        label = self._label("graph")
        svg = drawn(self.model, graph, self.languages, label)
        return [
            f'<h{level} id="{label}">{self.said(heading)}</h{level}>',
            f'<div class="draw" tabindex="0" role="region" aria-labelledby="{label}">{svg}</div>',
        ]

    def matrix(self) -> str:
        """The gradients in matrix form, where there are tensors, and not too many."""
        model = self.model
        if model.scalar or len(model.steps) > MOST_STEPS:
            return ""
        text = "\n".join(self.explanation.matrix_form().splitlines()[1:])
        said = self.say("matrix means", z=model.result)
        return f'{self.heading("matrix")}<pre tabindex="0">{escape(text)}</pre><p>{said}</p>'

    def sweeps(self) -> str:
        """Both sweeps as numbered lists."""
        moves = self.explanation.sweeps()
        if len(moves) > MOST_MOVES:
            return ""
        parts = [self.heading("steps")]
        for key, sweep in (("forward", FORWARD), ("backward", BACKWARD)):
            own = [move for move in moves if move.sweep == sweep]
            if own:
                items = "\n".join(
                    f"<li>{self.said(Said(move.text('en'), move.text('zh')))}</li>" for move in own
                )
                parts.append(self.heading(key, 3, z=self.model.result))
                parts.append(f'<ol start="{own[0].number}">\n{items}\n</ol>')
        return "\n".join(parts)

    def layers(self) -> str:
        """The table of modules, where there are any."""
        rows = self.explanation.layers()
        if not rows:
            return ""
        heads = [self.say(k) for k in ("module", "class", "size")]
        heads += [f"|{self.say('value')}|", f"|{self.say('gradient', z=self.model.result)}|"]
        cells = [
            (
                escape(row.name) + (f" × {row.times}" if row.times > 1 else ""),
                row.kind,
                str(row.steps),
                show(row.value, 4),
                show(row.gradient, 4),
                "" if row.weights is None else show(row.weights, 4),
            )
            for row in rows[:MOST_ROWS]
        ]
        heads.append(f"|{self.say('weights')}|")
        return self.table(self.say("modules"), heads, cells, {2, 3, 4, 5}, len(rows))

    def nodes(self) -> str:
        """The table of steps."""
        heads = [self.say(k, z=self.model.result) for k in ("node", "is", "value", "gradient")]
        heads.append(self.say("line"))
        steps = self.model.steps
        caption = self.say("nodes", z=self.model.result)
        return self.table(caption, heads, map(_step_row, steps[:MOST_ROWS]), {2, 3}, len(steps))

    def edges(self) -> str:
        """The table of edges, and what its numbers mean."""
        scalar, edges = self.model.scalar, self.model.edges
        if not edges:
            return ""
        heads = [self.say(k) for k in ("edge", "partial" if scalar else "comes", "value")]
        heads += [self.say("norm"), self.say("share")]
        table = self.table(
            self.say("edges" if scalar else "arrives"),
            heads,
            map(_edge_row, edges[:MOST_ROWS]),
            {2, 3, 4},
            len(edges),
        )
        means = ("edges mean", "share means") if scalar else ("arrives means",)
        return f"{table}<p>{' '.join(map(self.say, means))}</p>"

    def why(self, name: str) -> str:
        """Why a derivative is what it is: its meaning, its ways, its derivation, a small change."""
        model, step = self.model, self.explanation.step(name)
        z = model.result
        if step.gradient is None and step.why != NOT_COMPUTED:
            return self.heading("reason", z=z, x=name, why=step.why)
        g = show(step.gradient)
        scalar = model.scalar or step.gradient is None
        key = reasons(self.explanation, name) if scalar else "derivative"
        parts = [self.heading(key, z=z, x=name, g=g)]
        if model.scalar:
            ways = self.explanation.paths(name, MOST_PATHS)
            steps = reaching(z, ways)
            parts.append(self.sentences(meaning(self.explanation, name), *steps))
            parts.append(self.ways(ways))
            parts.append(self.sentences(cancelling(ways), nudged(self.explanation, name)))
        elif len(model.steps) > MOST_STEPS:
            return parts[0]
        return "\n".join(filter(None, [*parts, *self.derivation(name)]))

    def derivation(self, name: str) -> list[str]:
        """The derivation, and its LaTeX; of a long one its beginning."""
        lines = self.explanation.derivation_lines(name)
        if len(lines) > MOST_LINES:
            call = f"derivation({name!r})"
            shown = escape(render(lines[:MOST_LINES], "plain"))
            said = self.say("long", n=len(lines), call=call)
            return [f'<pre tabindex="0">{shown}</pre>', f"<p>{said}</p>"]
        plain, latex = (self.explanation.derivation(name, form) for form in ("plain", "latex"))
        return [
            f'<pre tabindex="0">{escape(plain)}</pre>',
            f"<details><summary>{self.say('latex')}</summary>"
            f'<pre tabindex="0">{escape(latex)}</pre></details>',
        ]

    def ways(self, ways: Paths) -> str:
        """The table of ways."""
        heads = [self.say(k) for k in ("way", "product", "brings")]
        rows = [
            (
                escape(chain(list(p.names), " → ")),
                chain([show(d) for d in p.partials], " * "),
                _equal(p.product),
            )
            for p in ways
        ]
        if ways.count == 0:
            return ""
        if ways.count > len(ways):
            more = say("more ways", n=many(ways.count - len(ways)))
            rows.append((self.said(more), "", _equal(ways.rest)))
        if ways.count > 1:
            rows.append((self.say("sum"), "", _equal(ways.total)))
        caption = self.say("table of ways", x=ways.wrt, z=ways.model.result)
        return self.table(caption, heads, rows, {2})


def page(explanation: Explanation, language: str = ENGLISH) -> str:
    """A whole document in both languages, of which `language` ("en" or "zh") is shown first.

    >>> import wingbeat as wb
    >>> page(wb.explain("z=x*x", x=3)).startswith("<!doctype html>")
    True
    """
    if language not in LANGUAGES:
        raise BadInput(f"html: language={language!r} is unknown; use 'en' or 'zh'")
    write = _Page(explanation, tuple(LANGUAGES))
    title = say("title", z=explanation.model.result)
    radios = "\n".join(
        f'<label lang="{tag}"><input type="radio" name="wb-language" id="wb-{k}"'
        f"{' checked' if k == language else ''}> {name}</label>"
        for (k, tag), name in zip(LANGUAGES.items(), ("English", "简体中文"), strict=True)
    )
    return (
        f'<!doctype html>\n<html lang="{LANGUAGES[language]}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title.en)} · {escape(title.zh)}</title>\n"
        f'<style>{_STYLE}{_SWITCH}</style>\n</head>\n<body>\n<main class="wb">\n'
        f"<h1>{write.said(title)}</h1>\n"
        f"<fieldset><legend>{write.say('language')}</legend>\n{radios}\n</fieldset>\n"
        f"{write.all()}\n</main>\n</body>\n</html>\n"
    )


def fragment(explanation: Explanation, language: str = ENGLISH) -> str:
    """What a notebook shows: the page's content with its style, in one language."""
    text = "".join(f"{s.name}{s.value}{s.gradient}" for s in explanation.steps[:MOST_ROWS])
    prefix = f"wb{crc32(text.encode()):x}"  # a notebook shows several, whose ids must differ
    write = _Page(explanation, (language,), prefix)
    return f'<style>{_STYLE}</style>\n<div class="wb">\n{write.all()}\n</div>'


def _row(cells: Sequence[str], numeric: set[int]) -> str:
    first, *rest = cells
    others = "".join(
        f"<td{' class=n' if k + 1 in numeric else ''}>{escape(cell)}</td>"
        for k, cell in enumerate(rest)
    )
    return f'<tr><th scope="row">{first}</th>{others}</tr>'


def _equal(value: float | None) -> str:
    return f"{'=' if value is None else equals(value)} {show(value)}"


def _step_row(s: Step) -> tuple[str, ...]:
    gradient = show(s.gradient) if s.gradient is not None else s.why
    kind = s.kind if s.type == "f64[]" else f"{s.kind} {s.type}"
    return (escape(s.name), s.formula or kind, show(s.value), gradient, s.line)


def _edge_row(e: Edge) -> tuple[str, ...]:
    share = "?" if e.share is None else f"{e.share:.1%}"
    partial = show(e.partial) if e.partial is not None or e.contribution is None else ""
    return (escape(f"{e.source} → {e.target}"), e.formula or e.why, partial, show(e.norm), share)
