"""Forward and backward, one step after the other, as on a blackboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wingbeat.explain._build import Builder
from wingbeat.explain._numbers import equals, number, show
from wingbeat.explain._script import PLAIN, Script, binds_loosely, has_lines
from wingbeat.explain.model import Edge, Model, Step
from wingbeat.explain.parts import Heading, Listing, Part
from wingbeat.explain.paths import flowing
from wingbeat.explain.shown import Shown
from wingbeat.explain.words import Said, say

FORWARD, BACKWARD = "forward", "backward"


@dataclass(frozen=True)
class Move:
    """One step of a sweep: a name gets its value, or its gradient.

    Attributes:
        number: from 1 on, through both sweeps.
        sweep: "forward" or "backward".
        name: the node that is dealt with.
        left: what is computed: the node's name, or `dz/dx`.
        formula: how, in names; empty for what is given.
        numbers: how, with numbers in; empty where there are arrays.
        value: what comes out, printed.
        about: whether that is rounded.

    >>> import wingbeat as wb
    >>> for move in wb.explain("x=2*w+b; z=x*x", w=3, b=4).sweeps():
    ...     print(move.number, move)
    1 w = 3, given
    2 b = 4, given
    3 x = 2*w + b = 2*3 + 4 = 10
    4 z = x*x = 10*10 = 100
    5 dz/dz = 1: z moves as far as itself
    6 dz/dx = dz/dz * dz/dx = 1 * 20 = 20
    7 dz/dw = dz/dx * dx/dw = 20 * 2 = 40
    8 dz/db = dz/dx * dx/db = 20 * 1 = 20
    """

    number: int
    sweep: str
    name: str
    left: str
    formula: str
    numbers: str
    value: str
    about: bool = False
    special: Said | None = None

    def text(self) -> str:
        """The whole line; a sentence where it has words."""
        if self.special is not None:
            return self.special
        sides = [self.left, *(t for t in (self.formula, self.numbers) if t)]
        if self.value == sides[-1]:
            return " = ".join(sides)
        return f"{' = '.join(sides)} {'≈' if self.about else '='} {self.value}"

    def __str__(self) -> str:
        return str(self.text())


class Sweeps(Shown, tuple[Move, ...]):
    """The moves of both sweeps, in order; prints as two lists."""

    __slots__ = ()

    def parts(self) -> Iterator[Part]:
        """The moves of both sweeps, numbered."""
        for key, sweep in (("forward", FORWARD), ("backward", BACKWARD)):
            own = [move for move in self if move.sweep == sweep]
            if own:
                yield Heading(say(key, z=self.result), 3)
                yield Listing(own[0].number, [move.text() for move in own])

    @property
    def result(self) -> str:
        """What the forward sweep ends with."""
        return next(move.name for move in reversed(self) if move.sweep == FORWARD)


def sweeps(builder: Builder, model: Model) -> Sweeps:
    """Every value in the order of computation, then every gradient in the opposite order."""
    moves = [*_forward(builder, model), *_backward(model)]
    return Sweeps(Move(k + 1, *move) for k, move in enumerate(moves))


Entry = tuple[str, str, str, str, str, str, bool, "Said | None"]


def _forward(builder: Builder, model: Model) -> Iterator[Entry]:
    shown = {s.name: _factor(s.value) for s in model.steps}
    heads = {builder.names[h]: h for h in builder.steps.heads}
    for s in model.steps:
        value = show(s.value)
        if s.kind != "step":
            yield FORWARD, s.name, s.name, "", "", value, False, say("given", x=s.name, value=value)
            continue
        body = builder.bodies[heads[s.name]]
        known = body.shape.one and s.value is not None
        numbers = body.with_numbers(shown) if known else ""
        formula = "" if has_lines(s.formula) else s.formula
        if numbers == formula or has_lines(numbers):
            numbers = ""
        exact = all(shown[builder.names[x]].strip("()") != "" for x in body.reads)
        about = known and (not exact or equals(float(s.value)) == "≈")  # type: ignore[arg-type]
        yield FORWARD, s.name, s.name, formula, numbers, value, about, None


def _factor(value: object) -> str:
    text = show(value)
    return f"({text})" if text.startswith("-") else text


def _backward(model: Model) -> Iterator[Entry]:
    script = Script(model, PLAIN)
    z = model.result
    readers: dict[str, list[Edge]] = {}
    for e in flowing(model):
        readers.setdefault(e.source, []).append(e)
    steps = {s.name: s for s in model.steps}
    for s in _outward(model):
        if s.gradient is None:
            continue
        left = script.d(z, s.name)
        edges = [e for e in readers.get(s.name, []) if steps[e.target].gradient is not None]
        if s.name == z and not edges:
            one = model.scalar or s.gradient.ndim == 0
            special = say("start", z=z) if one else None
            yield BACKWARD, z, left, "", "", show(s.gradient), False, special
            continue
        formula = " + ".join(_term(e, script, z) for e in edges)
        numbers, about = "", False
        if s.gradient.ndim == 0 and all(e.partial is not None for e in edges):
            pairs = [(number(steps[e.target].gradient), e.partial) for e in edges]
            numbers = " + ".join(f"{_factor(g)} * {_factor(d)}" for g, d in pairs)
            exact = all(v is None or equals(v) == "=" for pair in pairs for v in pair)
            about = not exact or equals(float(s.gradient)) == "≈"
        yield BACKWARD, s.name, left, formula, numbers, show(s.gradient), about, None


def _outward(model: Model) -> list[Step]:
    """From the result back: the steps in between, then the inputs, in their own order."""
    between = [s for s in reversed(model.steps) if s.kind == "step"]
    return [*between, *(s for s in model.steps if s.kind != "step")]


def _term(e: Edge, script: Script, z: str) -> str:
    """What one edge brings: dz/dy * dy/dx, or for tensors the formula of its contribution."""
    if e.partial is not None:
        return f"{script.d(z, e.target)} * {script.edge(e)}"
    text = e.formula or "?"
    if has_lines(text):
        return f"({script.d(e.target, e.source, '∂')})' {script.d(z, e.target)}"
    text = text.replace(f"g_{e.target}", script.d(z, e.target))
    return f"({text})" if binds_loosely(text) else text
