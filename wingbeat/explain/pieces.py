"""What an explanation consists of, as parts: its steps, its arrows, why each derivative is so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wingbeat.explain._build import NOT_COMPUTED
from wingbeat.explain._numbers import percent, show
from wingbeat.explain.fold import folded, inside
from wingbeat.explain.model import Edge, Model, Step
from wingbeat.explain.parts import (
    PAGE,
    Code,
    Column,
    Derived,
    Detail,
    Drawing,
    Grid,
    Heading,
    Note,
    Paragraph,
    Part,
)
from wingbeat.explain.paths import ways_grid
from wingbeat.explain.plain import outline
from wingbeat.explain.story import cancelling, comparison, meaning, nudged, reaching, reasons
from wingbeat.explain.words import joined, say

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation

MOST_WHYS = 30  # variables whose derivative is explained one by one
MOST_STEPS = 200  # in the graph, for derivations of tensors to be written unasked
LONGEST = 120  # characters of a formula in a table


@dataclass(frozen=True)
class Limits:
    """How much of what is long is written unasked."""

    paths: int
    equations: int  # of a derivation
    lines: int | None  # of the matrix form
    latex: bool  # whether each derivation has its LaTeX


def drawings(model: Model) -> Iterator[Part]:
    """The graph; then one of each piece that repeats in it."""
    graph = folded(model)
    plain = model.scalar and len(graph.boxes) == len(model.steps)
    yield Drawing(Heading(say("graph")), graph)
    yield Paragraph(say("drawing means" if plain else "folded means", z=model.result))
    for box in graph.boxes:
        if box.times > 1 or (len(box.steps) > 1 and not box.kind):
            key = "inside" if box.times > 1 else "within"
            heading = Heading(say(key, name=box.name, times=box.times), 3)
            yield Drawing(heading, inside(model, box))


def notes(model: Model) -> Iterator[Part]:
    """Kinks, and numbers that are not finite."""
    for text in (*(say("no derivative", k=k) for k in model.kinks), *model.nonfinite):
        yield Note(text)


def matters(explanation: Explanation) -> Iterator[Part]:
    """Which input matters most, where that can be said."""
    if (said := comparison(explanation)) is not None:
        yield Heading(say("matters"))
        yield Paragraph(said)


def nodes(model: Model, steps: Sequence[Step]) -> Grid:
    """The table of steps."""
    columns = (
        Column(say("node")),
        Column(say("is")),
        Column(say("value"), True),
        Column(say("gradient", z=model.result), True),
        Column(say("line"), only=PAGE),
    )
    return Grid(say("nodes", z=model.result), columns, map(_step_row, steps), len(steps))


def _step_row(s: Step) -> tuple[str, ...]:
    return (
        s.name,
        _is(s),
        show(s.value),
        s.why if s.gradient is None else show(s.gradient),
        s.line,
    )


def _is(s: Step) -> str:
    if s.kind != "step":
        return say(s.kind) if s.type == "f64[]" else say(f"{s.kind} of type", type=s.type)
    return s.formula if len(s.formula) <= LONGEST else ", ".join(map(outline, s.operations))


def edges(model: Model) -> Iterator[Part]:
    """The table of edges, and what its numbers mean."""
    if not model.edges:
        return
    scalar = model.scalar
    columns = (
        Column(say("edge")),
        Column(say("partial" if scalar else "comes")),
        Column(say("value"), True, "" if scalar else PAGE),
        Column(say("norm"), True, PAGE if scalar else ""),
        Column(say("share"), True, PAGE if scalar else ""),
    )
    row = _scalar_row if scalar else _tensor_row
    caption = say("edges" if scalar else "arrives")
    yield Grid(caption, columns, map(row, model.edges), len(model.edges))
    yield Paragraph(say("edges mean" if scalar else "arrives means"))
    if scalar:
        yield Paragraph(say("share means"), PAGE)


def _scalar_row(e: Edge) -> tuple[str, ...]:
    d = "d" if e.alone else "∂"
    symbol = f"{d}{e.target}/{d}{e.source}"
    formula = f"{symbol} = {e.formula}" if e.formula and len(e.formula) < LONGEST else symbol
    return (*_ends(e), e.why or formula, "" if e.why else show(e.partial), *_sizes(e))


def _tensor_row(e: Edge) -> tuple[str, ...]:
    partial = "" if e.partial is None else show(e.partial)
    return (
        *_ends(e),
        e.why or (e.formula if len(e.formula) < LONGEST else ""),
        partial,
        *_sizes(e),
    )


def _ends(e: Edge) -> tuple[str]:
    return (f"{e.source} → {e.target}",)


def _sizes(e: Edge) -> tuple[str, str]:
    return show(e.norm), percent(e.share, 1)


def matrix(explanation: Explanation, limits: Limits) -> Iterator[Part]:
    """The gradients in matrix form, where there are tensors, and not too many."""
    model = explanation.model
    if model.scalar or len(model.steps) > MOST_STEPS:
        return
    yield Heading(say("matrix"))
    yield Code("\n".join(explanation.matrix_form().splitlines()[1:]), limits.lines)
    yield Paragraph(say("matrix means", z=model.result))


def whys(explanation: Explanation, limits: Limits) -> Iterator[Part]:
    """Why each derivative is what it is."""
    wrt = explanation.model.wrt
    for name in wrt[:MOST_WHYS]:
        yield from _why(explanation, name, limits)
    if len(wrt) > MOST_WHYS:
        yield Paragraph(say("left out", n=len(wrt) - MOST_WHYS))


def _why(explanation: Explanation, name: str, limits: Limits) -> Iterator[Part]:
    """The meaning of a derivative, its ways, its derivation, a small change."""
    model, step = explanation.model, explanation.step(name)
    z, g = model.result, show(step.gradient)
    if step.gradient is None and step.why != NOT_COMPUTED:
        yield Heading(say("reason", z=z, x=name, why=step.why))
    elif model.scalar:
        ways = explanation.paths(name, limits.paths)
        yield Heading(say(reasons(explanation, name), z=z, x=name, g=g))
        yield from paragraph(meaning(explanation, name), *reaching(z, ways))
        yield from ways_grid(ways)
        yield from _derivation(explanation, name, limits)
        yield from paragraph(cancelling(ways), nudged(explanation, name))
    else:
        key = reasons(explanation, name) if step.gradient is None else "derivative"
        yield Heading(say(key, z=z, x=name, g=g))
        if len(model.steps) <= MOST_STEPS:
            yield from _derivation(explanation, name, limits)


def _derivation(explanation: Explanation, name: str, limits: Limits) -> Iterator[Part]:
    """The derivation, and its LaTeX; of a long one its beginning."""
    lines = explanation.derivation_lines(name)
    if not lines:
        return
    yield Derived(lines[: limits.equations])
    if len(lines) > limits.equations:
        yield Paragraph(say("long", n=len(lines), call=f"derivation({name!r})"))
    elif limits.latex:
        yield Detail(say("latex"), [Code(explanation.derivation(name, "latex"))])


def paragraph(*texts: str | None) -> Iterable[Part]:
    """The sentences that there are, as one paragraph."""
    said = joined(*texts)
    return () if said is None else (Paragraph(said),)
