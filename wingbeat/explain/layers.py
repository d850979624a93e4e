"""A network by its modules: how large the values and gradients are that pass each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot

from wingbeat.explain._numbers import norm, show
from wingbeat.explain.fold import Member, box_of, runs, signs_of
from wingbeat.explain.model import Group, Model, Step
from wingbeat.explain.parts import PAGE, TERMINAL, Column, Grid, Paragraph, Part
from wingbeat.explain.shown import Shown
from wingbeat.explain.words import say


@dataclass(frozen=True)
class Layer:
    """One module, or several in a row of one structure.

    Attributes:
        name: dotted; of several the first and the last.
        label: the same without what the module around it is called.
        kind: its class.
        depth: how many modules it is in.
        times: of how many modules of one structure the row speaks; those below it of the first.
        steps: how many steps it has, all that are in it included.
        value: the norm of what it returns.
        gradient: the norm of the derivative of the result by that.
        weights: the norm of the derivative by the weights within; None where it has none.
    """

    name: str
    label: str
    kind: str
    depth: int
    times: int
    steps: int
    value: float | None
    gradient: float | None
    weights: float | None


class Layers(Shown, tuple[Layer, ...]):
    """The rows of all modules; prints as a table."""

    __slots__ = ()

    def parts(self) -> Iterator[Part]:
        """One row for each module; a sentence where there are none."""
        columns = (
            Column(say("module"), only=TERMINAL),
            Column(say("module"), only=PAGE),
            Column(say("class")),
            Column(say("size"), True),
            *(Column(say("norm of", x=say(key)), True) for key in _NORMS),
        )
        if self:
            yield Grid(say("modules"), columns, map(_cells, self), len(self))
        else:
            yield Paragraph(say("no modules"))


_NORMS = ("value", "its gradient", "weights")


def _cells(row: Layer) -> tuple[str, ...]:
    times = f" × {row.times}" if row.times > 1 else ""
    weights = "" if row.weights is None else show(row.weights, 4)
    return (
        "  " * row.depth + row.label + times,
        row.name + times,
        row.kind,
        str(row.steps),
        show(row.value, 4),
        show(row.gradient, 4),
        weights,
    )


def layers(model: Model) -> Layers:
    """Every module, those within behind it; of those that repeat, the first is laid open.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.Tanh(), wb.nn.Linear(3, 1))
    >>> e = wb.explain(lambda model, x: wb.sum(model(x)))(model, np.ones((4, 2)))
    >>> [(row.depth, row.name, row.kind, row.steps) for row in e.layers()][:2]
    [(0, 'model', 'Sequential', 11), (1, 'model.0', 'Linear', 5)]
    """
    steps = {s.name: s for s in model.steps}
    read = {e.source for e in model.edges if steps[e.source].kind == "input"}
    weights = {name for name in read if steps[name].gradient is not None}
    signs = signs_of(model)

    def rows(members: Sequence[Member], depth: int, around: str) -> Iterator[Layer]:
        groups = [m for m in members if isinstance(m, Group)]
        for start, period, times in runs([signs(g) for g in groups]):
            if period > 1:
                pieces = [(groups[start + k : start + k + 1], 1) for k in range(period * times)]
            else:
                pieces = [(groups[start : start + times], times)]
            for piece, count in pieces:
                yield _row(piece, count, depth, around, steps, weights)
                yield from rows(piece[0].members, depth + 1, f"{piece[0].name}.")

    return Layers(rows(model.tree.members, 0, ""))


def _row(
    piece: Sequence[Group],
    times: int,
    depth: int,
    around: str,
    steps: dict[str, Step],
    weights: set[str],
) -> Layer:
    box = box_of(tuple(piece), times, steps)
    last = steps[box.result]
    own = [norm(steps[name].gradient) for name in box.steps if name in weights]
    return Layer(
        box.name,
        " … ".join(part.removeprefix(around) for part in box.name.split(" … ")),
        box.kind,
        depth,
        times,
        len(box.steps),
        None if last.value is None else norm(last.value),
        None if last.gradient is None else norm(last.gradient),
        hypot(*own) if own else None,
    )
