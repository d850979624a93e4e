"""The explanation in a terminal: tables, then why each derivative is what it is."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wingbeat.explain._build import NOT_COMPUTED
from wingbeat.explain._numbers import equals, show
from wingbeat.explain.cost import Costs
from wingbeat.explain.derivation import render
from wingbeat.explain.model import Edge, Model, Step
from wingbeat.explain.modes import Modes
from wingbeat.explain.neurons import Neurons
from wingbeat.explain.paths import Paths
from wingbeat.explain.routes import Routes
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
from wingbeat.explain.sweeps import BACKWARD, FORWARD, Sweeps
from wingbeat.explain.words import say

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation
    from wingbeat.explain.solve import Solution

MOST_ROWS = 60  # of a table; what is left out is counted
MOST_PATHS = 8
MOST_LINES = 40  # of a derivation
MOST_WHYS = 30  # derivatives that are explained, or named, one by one
MOST_STEPS = 200  # in the graph, for derivations of tensors to be written unasked


def as_text(explanation: Explanation, width: int) -> str:
    """The same as in a terminal, without colours."""
    return plain_text(parts(explanation, width), width)


def plain_text(parts: Iterable[RenderableType], width: int) -> str:
    """What a terminal of this width would show, without colours and without spaces at line ends."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, force_terminal=False)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).rstrip() + "\n"


def parts(explanation: Explanation, width: int) -> Iterator[RenderableType]:
    """What is printed, one after the other."""
    model = explanation.model
    yield _heading("nodes", z=model.result)
    if model.tree.groups() and len(model.steps) > MOST_ROWS:
        outside = {m for m in model.tree.members if isinstance(m, str)}
        yield _nodes(model, [s for s in model.steps if s.name in outside])
        yield _heading("modules")
        yield _modules(explanation)
    else:
        yield _nodes(model, model.steps)
        if model.edges:
            yield _heading("edges" if model.scalar else "arrives")
            yield _edges(model)
            yield Text(say("edges mean" if model.scalar else "arrives means").en + "\n")
    if not model.scalar and len(model.steps) <= MOST_STEPS:
        yield _heading("matrix")
        lines = explanation.matrix_form().splitlines()[1:]
        yield Padding(_cut("\n".join(lines)), (0, 0, 0, 2))
        yield Text(say("matrix means", z=model.result).en + "\n")
    for name in model.wrt[:MOST_WHYS]:
        yield _why(explanation, name, width)
    if len(model.wrt) > MOST_WHYS:
        yield Text(say("left out", n=len(model.wrt) - MOST_WHYS).en + " derivatives\n")
    if (said := comparison(explanation)) is not None:
        yield _heading("matters")
        yield Text(f"{said.en}\n")
    yield from _notes(model)


def _notes(model: Model) -> Iterator[RenderableType]:
    for note in (*(say("no derivative", k=k).en for k in model.kinks), *model.nonfinite):
        yield Text(f"! {note}", style="yellow")


def _heading(key: str, **parts: object) -> Text:
    return Text(say(key, **parts).en, style="bold")


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _nodes(model: Model, steps: Sequence[Step]) -> Table:
    table = _table(
        ("node", "left"),
        ("is", "left"),
        ("value", "right"),
        (f"gradient d{model.result}/d·", "right"),
    )
    for step in steps[:MOST_ROWS]:
        table.add_row(*map(Text, (step.name, _is(step), show(step.value), _gradient(step))))
    return _counted(table, len(steps), "nodes")


def _modules(explanation: Explanation) -> Table:
    table = _table(
        ("module", "left"),
        ("class", "left"),
        ("steps", "right"),
        ("|value|", "right"),
        ("|gradient|", "right"),
        ("|of weights|", "right"),
    )
    rows = explanation.layers()
    for row in rows[:MOST_ROWS]:
        name = "  " * row.depth + row.label + (f" × {row.times}" if row.times > 1 else "")
        numbers = (row.value, row.gradient, row.weights)
        cells = (
            name,
            row.kind,
            str(row.steps),
            *("" if v is None else show(v, 4) for v in numbers),
        )
        table.add_row(*map(Text, cells))
    return _counted(table, len(rows), "modules")


def _is(step: Step) -> str:
    if step.kind != "step":
        return step.kind if step.type == "f64[]" else f"{step.kind} {step.type}"
    return step.formula if len(step.formula) <= 120 else ", ".join(step.operations)


def _gradient(step: Step) -> str:
    return show(step.gradient) if step.gradient is not None else step.why


def _edges(model: Model) -> Table:
    if model.scalar:
        table = _table(("arrow", "left"), ("slope", "left"), ("", "right"))
    else:
        table = _table(
            ("arrow", "left"),
            ("comes from", "left"),
            ("norm", "right"),
            ("share", "right"),
        )
    for edge in model.edges[:MOST_ROWS]:
        table.add_row(*map(Text, _edge_row(edge) if model.scalar else _tensor_row(edge)))
    return _counted(table, len(model.edges), "arrows")


def _counted(table: Table, count: int, what: str) -> Table:
    if count > MOST_ROWS:
        table.caption = f"... and {count - MOST_ROWS} more {what}"
    return table


def _edge_row(edge: Edge) -> tuple[str, ...]:
    d = "d" if edge.alone else "∂"
    if edge.why:
        return (f"{edge.source} → {edge.target}", edge.why, "")
    symbol = f"{d}{edge.target}/{d}{edge.source}"
    formula = f"{symbol} = {edge.formula}" if edge.formula and len(edge.formula) < 80 else symbol
    return (f"{edge.source} → {edge.target}", formula, show(edge.partial))


def _tensor_row(edge: Edge) -> tuple[str, ...]:
    share = "" if edge.share is None else f"{edge.share:.1%}"
    formula = edge.formula if len(edge.formula) < 80 else ""
    return (f"{edge.source} → {edge.target}", edge.why or formula, show(edge.norm), share)


def _why(explanation: Explanation, name: str, width: int) -> RenderableType:
    model, step = explanation.model, explanation.step(name)
    z = model.result
    if step.gradient is None and step.why != NOT_COMPUTED:
        return Text(say("reason", z=z, x=name, why=step.why).en + "\n")
    if not model.scalar:
        return _heading("derivative", z=z, x=name, g=show(step.gradient))
    heading = _heading(reasons(explanation, name), z=z, x=name, g=show(step.gradient))
    ways = explanation.paths(name, MOST_PATHS)
    said = [meaning(explanation, name), *reaching(z, ways)]
    after = [cancelling(ways), nudged(explanation, name)]
    return Group(
        heading,
        Text(" ".join(s.en for s in said if s is not None)),
        _ways(ways),
        _derivation(explanation, name, width),
        *(Text(f"{s.en}\n") for s in after if s is not None),
    )


def _derivation(explanation: Explanation, name: str, width: int) -> RenderableType:
    lines = explanation.derivation_lines(name)
    return Padding(_cut(render(lines, "plain", width - 2)), (1, 0, 1, 2))


def _cut(text: str) -> Text:
    """The first lines of what is long."""
    rows = text.split("\n")
    if len(rows) > MOST_LINES:
        rows = [*rows[:MOST_LINES], f"... and {len(rows) - MOST_LINES} more lines"]
    return Text("\n".join(rows))


def way_parts(ways: Paths) -> Iterator[RenderableType]:
    """The ways with their slopes, and their sum."""
    said = reaching(ways.model.result, ways) if ways.count else ()
    yield Text(" ".join(s.en for s in said) or f"{ways.wrt} does not reach {ways.model.result}.")
    yield _ways(ways)


def _ways(ways: Paths) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for path in ways:
        factors = chain([show(p) for p in path.partials], " * ")
        table.add_row(*map(Text, (chain(list(path.names), " → "), factors, _equal(path.product))))
    left_out = ways.count - len(ways)
    if left_out:
        table.add_row(
            Text(say("more ways", n=many(left_out)).en), Text(""), Text(_equal(ways.rest))
        )
    if ways.count > 1:
        table.add_row(Text(say("sum").en, style="bold"), Text(""), Text(_equal(ways.total)))
    return Padding(table, (0, 0, 0, 2))


def _equal(value: float | None) -> str:
    sign = "=" if value is None else equals(value)
    return f"{sign} {show(value)}"


def sweep_parts(sweeps: Sweeps) -> Iterator[RenderableType]:
    """The moves of both sweeps, numbered."""
    for key, sweep in (("forward", FORWARD), ("backward", BACKWARD)):
        yield _heading(key, z=sweeps.result)
        rows = Table(box=None, padding=(0, 1, 0, 0), show_header=False, pad_edge=False)
        rows.add_column(justify="right", no_wrap=True)
        rows.add_column(overflow="fold")
        for move in sweeps:
            if move.sweep == sweep:
                rows.add_row(Text(f"{move.number}."), Text(str(move)))
        yield Padding(rows, (0, 0, 1, 2))


def mode_parts(modes: Modes) -> Iterator[RenderableType]:
    """The ways of computing derivatives, side by side."""
    table = _table(
        ("way", "left"),
        ("sweeps or paths", "right"),
        ("multiplications", "right"),
        ("additions", "right"),
        ("time", "right"),
    )
    for mode in modes:
        counts = map(many, (mode.sweeps, mode.multiplications, mode.additions))
        table.add_row(*map(Text, (mode.name, *counts, _time(mode.seconds))))
    yield table
    yield Text(
        "Reverse mode (backpropagation) gets all derivatives in one sweep; forward mode needs one "
        "for each input; multiplying along every path anew grows with the number of paths. Times "
        "are of the same plain Python."
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "not run"
    for scale, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def cost_parts(costs: Costs) -> Iterator[RenderableType]:
    """The costs of the steps, then of the sweeps."""
    table = _table(
        ("step", "left"),
        ("forward", "right"),
        ("bytes", "right"),
        ("backward", "right"),
        ("bytes", "right"),
    )
    dearest = sorted(costs.steps, key=lambda row: -(row[1].flops + row[2].flops))[:MOST_ROWS]
    shown = {name for name, *_ in dearest}
    for name, own, sent in costs.steps:
        if name in shown:
            numbers = (own.flops, own.bytes, sent.flops, sent.bytes)
            table.add_row(Text(name), *(Text(f"{n:,}") for n in numbers))
    yield _counted(table, len(costs.steps), "steps, which cost less")
    table = _table(
        ("sweep", "left"),
        ("operations", "right"),
        ("bytes", "right"),
        ("time", "right"),
        ("energy", "right"),
    )
    for cost in (costs.forward, costs.backward, costs.both):
        numbers = (f"{cost.flops:,}", f"{cost.bytes:,}", _time(cost.seconds), _energy(cost.joules))
        table.add_row(*map(Text, (say(cost.name).en, *numbers)))
    yield table
    yield Text(say("cost ratio", ratio=f"{costs.ratio:.3g}").en)
    yield Text(costs.about().en)


def _energy(joules: float) -> str:
    for scale, unit in ((1.0, "J"), (1e3, "mJ"), (1e6, "uJ"), (1e9, "nJ")):
        if joules * scale >= 1:
            return f"{joules * scale:.3g} {unit}"
    return f"{joules * 1e12:.3g} pJ"


def route_parts(routes: Routes) -> Iterator[RenderableType]:
    """What comes through which modules."""
    table = _table(("through", "left"), ("modules", "right"), ("norm", "right"), ("share", "right"))
    for route in routes.routes[:MOST_ROWS]:
        through = "" if routes.by_count else ", ".join(route.crossed) or "none of them"
        share = "?" if route.share is None else f"{route.share:.1%}"
        table.add_row(*map(Text, (through, str(route.blocks), show(route.norm, 4), share)))
    yield _counted(table, len(routes), "routes")
    shown = routes.modules if len(routes.modules) <= 8 else (*routes.modules[:7], "...")
    yield Text(
        f"The gradient by {routes.wrt}, split by the modules that a path crosses"
        + (f": {', '.join(shown)}." if shown else "; no path skips any.")
    )
    if routes.cancelled is not None and routes.cancelled > 0.01:
        yield Text(f"The routes partly cancel: {routes.cancelled:.0%} of their norms is lost.")


def neuron_parts(neurons: Neurons) -> Iterator[RenderableType]:
    """The blame of each neuron, from the last layer to the first, then of each link."""
    yield Text("The blame of each neuron: from the result back", style="bold")
    for layer in reversed(neurons.layers):
        table = _table(
            (layer.name, "left"),
            ("e", "right"),
            ("f(e)", "right"),
            ("f'(e)", "right"),
            ("blame d", "right"),
            ("d f'(e)", "right"),
        )
        for j in range(len(layer.e)):
            numbers = (layer.e[j], layer.y[j], layer.slope[j], layer.blame[j], layer.delta[j])
            table.add_row(*map(Text, (f"neuron {j + 1}", *(show(float(v), 5) for v in numbers))))
        yield table
        links = _table(
            ("link", "left"),
            ("weight w", "right"),
            ("blame sent back: w d f'(e)", "right"),
            ("gradient of w: d f'(e) x", "right"),
        )
        for i, j in list(np.ndindex(layer.weight.shape))[:MOST_ROWS]:
            numbers = (layer.weight[i, j], layer.sent[i, j], layer.weight_gradient[i, j])
            name = f"{layer.source} {i + 1} → neuron {j + 1}"
            links.add_row(*map(Text, (name, *(show(float(v), 5) for v in numbers))))
        yield _counted(links, layer.weight.size, "links")
    yield Text(
        "The blame of a neuron is what its links send back, added: d = sum of w d' f'(e') over the "
        "links that leave it. A weight's gradient is d f'(e) x, with x what comes in along it."
    )
    if not neurons.links_are_all:
        yield Text(
            "Here some neurons reach the result on other ways too, past the next links or mixed "
            "with each other: their d has more in it than that sum."
        )


def solution_parts(solution: Solution) -> Iterator[RenderableType]:
    """The rows of a search."""
    names = list(solution.attempts[0].values)
    goal = f"{solution.target} = {show(solution.goal)}"
    table = _table(
        ("step", "right"),
        *((name, "right") for name in names),
        (solution.target, "right"),
        (f"missing to {goal}", "right"),
        *((f"slope d{solution.target}/d{name}", "right") for name in names),
    )
    rows = list(enumerate(solution.attempts))
    shown = rows if len(rows) <= MOST_ROWS else [*rows[: MOST_ROWS - 1], rows[-1]]
    for k, attempt in shown:
        slopes = [show(attempt.slope[n]) if attempt.slope is not None else "" for n in names]
        values = [show(attempt.values[n], 8) for n in names]
        numbers = (show(attempt.result, 8), show(attempt.error, 3))
        table.add_row(*map(Text, (str(k), *values, *numbers, *slopes)))
    yield table
