"""What a computation and its derivatives cost: operations, bytes, time, and energy by estimate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Any

from wingbeat.api.lowered import Lowered, lowered
from wingbeat.api.running import run_nodes
from wingbeat.api.tracing import Trace
from wingbeat.errors import BadInput
from wingbeat.explain._bodies import Shape
from wingbeat.explain._build import Builder
from wingbeat.explain._numbers import joules, seconds
from wingbeat.explain.parts import Column, Detail, Grid, Paragraph, Part
from wingbeat.explain.shown import Shown
from wingbeat.explain.words import Said, joined, say
from wingbeat.ir.node import Node, leaf
from wingbeat.ir.walk import rewrite

# M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014: at 45 nm a
# float32 addition takes 0.9 pJ and a multiplication 3.7 pJ, reading 32 bits from DRAM 640 pJ.
FLOP_JOULES = 2.3e-12  # one of each, on average
BYTE_JOULES = 160e-12
RUNS = 5  # of which the fastest counts
MOST_STEPS = 30  # whose costs are shown, the dearest


@dataclass(frozen=True)
class Cost:
    """What a part of a computation takes.

    Attributes:
        name: of the step, or of the sweep.
        flops: additions, multiplications and comparisons; a function such as exp counts as 10.
        bytes: operands read and results written, each operation by itself.
        seconds: the least time of one core (roofline), or what was measured.
        measured: which of both.
    """

    name: str
    flops: int
    bytes: int
    seconds: float
    measured: bool = False
    flop_joules: float = FLOP_JOULES
    byte_joules: float = BYTE_JOULES

    @property
    def joules(self) -> float:
        """The energy, by estimate: so much for an operation, so much for a byte."""
        return self.flops * self.flop_joules + self.bytes * self.byte_joules


@dataclass(frozen=True, repr=False)
class Costs(Shown):
    """The cost of every step forward and backward, and of both sweeps as programs.

    Attributes:
        steps: for each step its name, its cost forward, and that of what it sends back.
        forward: the cost of computing the result.
        backward: what the derivatives asked for take beyond that.
        both: one training step without the optimiser.

    >>> import wingbeat as wb
    >>> e = wb.explain(lambda W, x: wb.sum(x @ W), wrt=["W"])(np.ones((30, 20)), np.ones((10, 30)))
    >>> e.cost().forward.flops  # 10 * 20 products of 30 terms, and their sum
    12200
    """

    steps: tuple[tuple[str, Cost, Cost], ...]
    forward: Cost
    backward: Cost
    both: Cost

    @property
    def rest(self) -> tuple[Cost, Cost]:
        """What both sweeps take beyond the sum of their steps: see `parts`; it may be negative."""
        return self._beyond([pair for _, *pair in self.steps])

    @property
    def ratio(self) -> float:
        """Operations of the backward pass per operation of the forward pass."""
        return self.backward.flops / self.forward.flops if self.forward.flops else 0.0

    def about(self) -> Said:
        """What the numbers mean."""
        measured = say("timed") if self.both.measured else ""
        flop, byte = (f"{j * 1e12:g}" for j in (self.both.flop_joules, self.both.byte_joules))
        return say("cost means", measured=measured, flop=flop, byte=byte)

    def parts(self) -> Iterator[Part]:
        """Both sweeps, what the numbers mean, and every step."""
        yield from self.summary()
        yield Detail(say("cost of steps"), [self._of_steps(), Paragraph(say("rest means"))])

    def summary(self) -> Iterator[Part]:
        """Both sweeps, and what the numbers mean."""
        columns = (Column(say("sweep")), *_COLUMNS)
        rows = [(say(c.name), *_numbers(c)) for c in (self.forward, self.backward, self.both)]
        yield Grid(say("cost of sweeps"), columns, rows, len(rows))
        ratio = say("cost ratio", ratio=f"{self.ratio:.3g}")
        yield Paragraph(joined(ratio, self.about()) or "")

    def _of_steps(self) -> Grid:
        """The dearest steps, in order of execution."""
        dearest = nlargest(MOST_STEPS, self.steps, key=lambda row: row[1].flops + row[2].flops)
        names = {name for name, *_ in dearest}
        columns = (Column(say("operation")), Column(say("sweep")), *_COLUMNS)
        shown: list[tuple[str, list[Cost]]] = [(n, pair) for n, *pair in self.steps if n in names]
        shown.append((say("the rest"), list(self._beyond([pair for _, pair in shown]))))
        rows = [
            (name, say(key), *_numbers(cost))
            for name, both in shown
            for key, cost in zip(("forward pass", "backward pass"), both, strict=True)
        ]
        key = "by step" if len(names) == len(self.steps) else "dearest steps"
        caption = say(key, n=len(names), all=len(self.steps))
        return Grid(caption, columns, rows, len(rows), most=len(rows))

    def _beyond(self, rows: Sequence[Sequence[Cost]]) -> tuple[Cost, Cost]:
        """What both sweeps take beyond that of some steps."""
        return (
            _less(self.forward, [row[0] for row in rows]),
            _less(self.backward, [row[1] for row in rows]),
        )


_COLUMNS = tuple(Column(say(key), True) for key in ("flops", "bytes", "seconds", "energy"))


def _numbers(cost: Cost) -> tuple[str, ...]:
    return (f"{cost.flops:,}", f"{cost.bytes:,}", seconds(cost.seconds), joules(cost.joules))


def costs(builder: Builder, measure: bool, flop_joules: float, byte_joules: float) -> Costs:
    """The costs of what a builder holds; with `measure` both sweeps are run and timed.

    Raises `BadInput` for an energy that is negative or no finite number.
    """
    energy = (_energy("flop_joules", flop_joules), _energy("byte_joules", byte_joules))
    known: dict[tuple[Node, bool], tuple[Cost, Cost]] = {}
    steps: list[tuple[str, Cost, Cost]] = []
    for head, body in builder.bodies.items():
        key = (body.shape.shown, head is builder.recording.root)
        if (pair := known.get(key)) is None:
            own = _estimate("", _program([body.shape.root]), energy)
            sent = _sent(own, body.shape.root, _sending(body.shape, last=key[1]), energy)
            pair = known[key] = (own, sent)
        steps.append((body.name, *pair))
    wanted = [g for x in builder.wrt if (g := builder.gradients.get(builder.new[x])) is not None]
    first = _estimate("forward pass", _program([builder.root]), energy)
    all_ = _estimate("training step", _program([builder.root, *wanted]), energy)
    if measure and builder.recording.known:
        given = builder.recording.trace.values
        trace = Trace(scoped=True)  # of the inputs alone: nothing is known beforehand
        trace.values.update((node, value) for node, value in given.items() if node.op is None)
        times = [_timed(lambda: run_nodes(trace, (builder.root,)))]
        times.append(_timed(lambda: run_nodes(trace, (builder.root, *dict.fromkeys(wanted)))))
        first, all_ = (
            Cost(c.name, c.flops, c.bytes, s, True, *energy)
            for c, s in zip((first, all_), times, strict=True)
        )
    return Costs(tuple(steps), first, _rest(first, all_, energy), all_)


def _energy(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise BadInput(f"cost: {name} is an energy in joules, as 2e-12 or 0; got {value!r}")
    return float(value)


def _program(roots: list[Node]) -> Lowered:
    """The program of nodes, without the looks for zeros that keep 0 times infinity out of products.

    They are no arithmetic, and where all numbers are finite nothing is done for them.
    """

    def change(node: Node) -> Node | None:
        attrs = dict(node.attrs)
        if node.op is None or not attrs.pop("guard", 0):
            return None
        return node.op(*node.inputs, **attrs)

    new = rewrite(roots, change)
    return lowered([new[root] for root in roots])


def _estimate(name: str, program: Lowered, energy: tuple[float, float]) -> Cost:
    cost = program.cost()
    return Cost(name, cost.flops, cost.bytes_unfused, cost.seconds, False, *energy)


def _sending(shape: Shape, last: bool) -> list[Node]:
    """What goes back along the edges of a step; the gradient of the last one is given, mostly 1."""
    partials = [p for p in shape.partials if p is not None]
    if not shape.one or last:
        return partials
    return [p * leaf(p.type, "g") for p in partials]


def _sent(own: Cost, root: Node, sent: list[Node], energy: tuple[float, float]) -> Cost:
    """What a step sends back, beyond what it computed forward."""
    if not sent:
        return Cost("", 0, 0, 0.0, False, *energy)
    return _rest(own, _estimate("", _program([root, *sent]), energy), energy)


def _rest(first: Cost, both: Cost, energy: tuple[float, float]) -> Cost:
    return Cost(
        "backward pass",
        both.flops - first.flops,
        both.bytes - first.bytes,
        max(0.0, both.seconds - first.seconds),
        both.measured,
        *energy,
    )


def _less(whole: Cost, parts: Sequence[Cost]) -> Cost:
    return replace(
        whole,
        flops=whole.flops - sum(c.flops for c in parts),
        bytes=whole.bytes - sum(c.bytes for c in parts),
        seconds=whole.seconds - sum(c.seconds for c in parts),
    )


def _timed(run: Callable[[], object]) -> float:
    found: list[float] = []
    for _ in range(RUNS + 1):  # the first one plans
        begin = time.perf_counter()
        run()
        found.append(time.perf_counter() - begin)
    return min(found[1:])
