"""The explanation in a terminal: tables, then why each derivative is what it is."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wingbeat.explain._numbers import equals, show
from wingbeat.explain.derivation import render
from wingbeat.explain.model import Edge, Model, Step
from wingbeat.explain.paths import Paths

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation
    from wingbeat.explain.solve import Solution

MOST_ROWS = 60  # of a table; what is left out is counted
MOST_PATHS = 8
MOST_LINES = 40  # of a derivation


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
    yield Text(f"{model.result} and what it is computed from", style="bold")
    yield _nodes(model)
    if model.edges:
        title = "The partial on every edge" if model.scalar else "What arrives along every edge"
        yield Text(title, style="bold")
        yield _edges(model)
    for name in model.wrt:
        yield _why(explanation, name, width)
    notes = [*(f"No derivative there: {k}" for k in model.kinks), *model.nonfinite]
    for note in notes:
        yield Text(f"! {note}", style="yellow")


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _nodes(model: Model) -> Table:
    table = _table(
        ("node", "left"),
        ("is", "left"),
        ("value", "right"),
        (f"gradient d{model.result}/d·", "right"),
    )
    for step in model.steps[:MOST_ROWS]:
        table.add_row(*map(Text, (step.name, _is(step), show(step.value), _gradient(step))))
    return _counted(table, len(model.steps), "nodes")


def _is(step: Step) -> str:
    if step.kind != "step":
        return step.kind if step.type == "f64[]" else f"{step.kind} {step.type}"
    return step.formula if len(step.formula) <= 120 else ", ".join(step.operations)


def _gradient(step: Step) -> str:
    return show(step.gradient) if step.gradient is not None else step.why


def _edges(model: Model) -> Table:
    if model.scalar:
        table = _table(("edge", "left"), ("partial", "left"), ("", "right"))
    else:
        table = _table(
            ("edge", "left"),
            ("comes from", "left"),
            ("norm", "right"),
            ("share", "right"),
        )
    for edge in model.edges[:MOST_ROWS]:
        table.add_row(*map(Text, _edge_row(edge) if model.scalar else _tensor_row(edge)))
    return _counted(table, len(model.edges), "edges")


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
    title = f"d{model.result}/d{name}"
    if step.gradient is None and step.why != "not computed":
        return Text(f"{title}: {step.why}\n")
    lines = explanation.derivation_lines(name)
    derivation = Padding(_cut(render(lines, "plain", width - 2)), (1, 0, 1, 2))
    if not model.scalar:
        return Group(Text(f"{title} = {show(step.gradient)}", style="bold"), derivation)
    heading = Text(f"Why {title} = {show(step.gradient)}", style="bold")
    if step.gradient is None:
        heading = Text(f"{title}: not computed, as the inputs have no values", style="bold")
    ways = explanation.paths(name, MOST_PATHS)
    return Group(heading, _ways(model, name, ways), derivation)


def _cut(text: str) -> Text:
    """The first lines of what is long."""
    rows = text.split("\n")
    if len(rows) > MOST_LINES:
        rows = [*rows[:MOST_LINES], f"... and {len(rows) - MOST_LINES} more lines"]
    return Text("\n".join(rows))


def _many(count: int) -> str:
    """A count, in words where it has too many digits to be read."""
    if count < 10**9:
        return str(count)
    exponent = int(math.log10(count))
    return f"about {10 ** (math.log10(count) - exponent):.2f}e+{exponent}"


def _chain(parts: list[str], sign: str) -> str:
    """A row of names or numbers, without the middle of a long one."""
    return sign.join(parts if len(parts) <= 9 else [*parts[:4], "...", *parts[-4:]])


def _ways(model: Model, name: str, ways: Paths) -> RenderableType:
    count = "one way" if ways.count == 1 else f"{_many(ways.count)} ways"
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for path in ways:
        factors = _chain([show(p) for p in reversed(path.partials)], " * ")
        table.add_row(*map(Text, (_chain(list(path.names), " → "), factors, _equal(path.product))))
    left_out = ways.count - len(ways)
    if left_out:
        table.add_row(Text(f"{_many(left_out)} more ways"), Text(""), Text(_equal(ways.rest)))
    if ways.count > 1:
        table.add_row(Text("sum over all ways", style="bold"), Text(""), Text(_equal(ways.total)))
    sentence = f"{name} reaches {model.result} along {count}; partials are multiplied along a way"
    sentence += " and added over the ways:" if ways.count > 1 else ":"
    return Group(Text(sentence), Padding(table, (0, 0, 0, 2)))


def _equal(value: float | None) -> str:
    sign = "=" if value is None else equals(value)
    return f"{sign} {show(value)}"


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
