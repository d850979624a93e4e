"""Forward mode, reverse mode and the expansion of every path: counted, and run side by side.

All three multiply the same partials, one for each operand of each operation. Reverse mode visits
every edge once, for all inputs together. Forward mode visits, for each input, the edges behind it.
Expanding every path multiplies along each path anew, of which there may be 2^n.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from wingbeat.api.running import run_nodes
from wingbeat.errors import NotSupported
from wingbeat.explain._build import Builder
from wingbeat.explain._numbers import seconds
from wingbeat.explain.parts import Column, Grid, Paragraph, Part
from wingbeat.explain.shown import Shown
from wingbeat.explain.story import many
from wingbeat.explain.words import say
from wingbeat.ir.node import Node, full, leaf
from wingbeat.ir.walk import depends, substitute, toposort
from wingbeat.ops.arithmetic import alias
from wingbeat.transform import vjp

MOST_PRODUCTS = 2_000_000  # of path expansion; more are only counted
RUNS = 3


@dataclass(frozen=True)
class Mode:
    """One way of computing all derivatives.

    Attributes:
        name: "reverse mode", "forward mode" or "every path".
        sweeps: how many times it goes through the graph; for paths, how many there are.
        multiplications: of partials.
        additions: of products.
        seconds: measured, in plain Python; None where it was not run.
        gradients: by every input, as this way computed them; empty where it was not run.
    """

    name: str
    sweeps: int
    multiplications: int
    additions: int
    seconds: float | None
    gradients: dict[str, float]


@dataclass(frozen=True, repr=False)
class Modes(Shown):
    """The three ways side by side.

    >>> import wingbeat as wb
    >>> chain = "; ".join(["x1=x*x", *(f"x{k+1}=x{k}*x{k}" for k in range(1, 10))])
    >>> modes = wb.explain(chain, x=1).modes()
    >>> [(mode.name, mode.multiplications) for mode in modes]
    [('reverse mode', 20), ('forward mode', 20), ('every path', 9216)]
    """

    reverse: Mode
    forward: Mode
    paths: Mode

    def __iter__(self) -> Iterator[Mode]:
        return iter((self.reverse, self.forward, self.paths))

    def parts(self) -> Iterator[Part]:
        """One row for each way."""
        heads = ("way", "sweeps or paths", "multiplications", "additions", "seconds")
        columns = [Column(say(key), k > 0) for k, key in enumerate(heads)]
        yield Grid(say("modes"), columns, map(_mode_row, self), 3)
        yield Paragraph(say("modes mean"))


def _mode_row(mode: Mode) -> tuple[str, ...]:
    counts = map(many, (mode.sweeps, mode.multiplications, mode.additions))
    return (
        say(mode.name),
        *counts,
        say("not run") if mode.seconds is None else seconds(mode.seconds),
    )


@dataclass(frozen=True)
class Web:
    """A graph of numbers: nodes by number in order, and for each the (operand, partial) pairs."""

    reads: tuple[tuple[tuple[int, float], ...], ...]
    inputs: tuple[tuple[str, int], ...]

    @property
    def result(self) -> int:
        """The last node."""
        return len(self.reads) - 1

    @cached_property
    def readers(self) -> list[list[tuple[int, float]]]:
        """For each node, who reads it and the partial."""
        found: list[list[tuple[int, float]]] = [[] for _ in self.reads]
        for z, pairs in enumerate(self.reads):
            for x, d in pairs:
                found[x].append((z, d))
        return found


def modes(builder: Builder) -> Modes:
    """Count and run; raises `NotSupported` where the graph has tensors or no values."""
    web = web_of(builder)
    return Modes(
        _mode("reverse mode", *_reverse_counts(web), lambda: reverse(web)),
        _mode("forward mode", *_forward_counts(web), lambda: forward(web)),
        _mode("every path", *_path_counts(web), lambda: expanded(web)),
    )


def web_of(builder: Builder) -> Web:
    """The operations of a graph of numbers, each operand an edge of its own: x*x reads x twice."""
    if not builder.recording.known:
        raise NotSupported("modes: the inputs have no values")
    order = toposort([builder.root])
    wrt = [builder.new[x] for x in builder.wrt]
    moving = depends(order, wrt)
    names = {n: n.inputs[0] for n in order if n.op is alias and n not in wrt}
    between = [n for n in order if n in moving and n.type.inexact and n not in names]
    if any(n.shape != () for n in between):
        raise NotSupported("modes: counts are for graphs of single numbers; this one has tensors")
    if not between:
        return Web(((),), ())  # the result depends on nothing that was asked about
    place = {n: k for k, n in enumerate(between)}
    stops = set(wrt)
    partials: list[Node] = []
    owners: list[tuple[int, int]] = []
    for node in between:
        if node in stops:
            continue
        for x, d in zip(node.inputs, _partials(node), strict=True):
            while x in names:  # a name is no operation
                x = names[x]
            if x in place and d is not None:
                partials.append(d)
                owners.append((place[node], place[x]))
    numbers = run_nodes(builder.recording.trace, tuple(dict.fromkeys(partials)))
    value = dict(zip(dict.fromkeys(partials), numbers, strict=True))
    reads: list[list[tuple[int, float]]] = [[] for _ in between]
    for (z, x), d in zip(owners, partials, strict=True):
        reads[z].append((x, float(value[d])))
    named = [
        (builder.names[x], place[builder.new[x]]) for x in builder.wrt if builder.new[x] in place
    ]
    return Web(tuple(map(tuple, reads)), tuple(named))


def _partials(node: Node) -> list[Node | None]:
    """dz/dx for each operand apart, also where one node is both operands."""
    assert node.op is not None
    apart = [leaf(x.type, "operand", k) for k, x in enumerate(node.inputs)]
    z = node.op(*apart, **dict(node.attrs))
    floats = [x for x in apart if x.type.inexact]
    found = dict(zip(floats, vjp([z], floats, [full(1, z.type)]), strict=True))
    back = dict(zip(apart, node.inputs, strict=True))
    return [None if (d := found.get(x)) is None else substitute([d], back)[0] for x in apart]


def reverse(web: Web) -> dict[str, float]:
    """One sweep from the result to all inputs."""
    g = [0.0] * len(web.reads)
    g[web.result] = 1.0
    for z in range(web.result, -1, -1):
        gz = g[z]
        for x, d in web.reads[z]:
            g[x] += gz * d
    return {name: g[k] for name, k in web.inputs}


def forward(web: Web) -> dict[str, float]:
    """For each input one sweep to the result."""
    found: dict[str, float] = {}
    for name, start in web.inputs:
        t = [0.0] * len(web.reads)
        t[start] = 1.0
        for z in range(start + 1, len(web.reads)):
            t[z] = sum([d * t[x] for x, d in web.reads[z]])
        found[name] = t[web.result]
    return found


def expanded(web: Web) -> dict[str, float]:
    """Every path by itself."""
    found: dict[str, float] = {}
    for name, start in web.inputs:
        total = 0.0
        stack = [(start, 1.0)]
        while stack:
            x, product = stack.pop()
            if x == web.result:
                total += product
                continue
            stack += [(z, product * d) for z, d in web.readers[x]]
        found[name] = total
    return found


def _reverse_counts(web: Web) -> tuple[int, int, int]:
    edges = sum(map(len, web.reads))
    reached = {x for pairs in web.reads for x, _ in pairs}
    return 1, edges, edges - len(reached)


def _forward_counts(web: Web) -> tuple[int, int, int]:
    products = sums = 0
    for _, start in web.inputs:
        moving = {start}
        for z in range(start + 1, len(web.reads)):
            terms = sum(x in moving for x, _ in web.reads[z])
            if terms:
                moving.add(z)
                products += terms
                sums += terms - 1
    return len(web.inputs), products, sums


def _path_counts(web: Web) -> tuple[int, int, int]:
    """How many paths there are, and what it takes to multiply along each of them anew."""
    ways, lengths = [0] * len(web.reads), [0] * len(web.reads)
    ways[web.result] = 1
    for x in range(web.result - 1, -1, -1):
        ways[x] = sum(ways[z] for z, _ in web.readers[x])
        lengths[x] = sum(lengths[z] + ways[z] for z, _ in web.readers[x])
    starts = [k for _, k in web.inputs]
    paths = sum(ways[k] for k in starts)
    products = sum(max(0, lengths[k] - ways[k]) for k in starts)
    return paths, products, sum(max(0, ways[k] - 1) for k in starts)


def _mode(
    name: str, sweeps: int, products: int, sums: int, run: Callable[[], dict[str, float]]
) -> Mode:
    if products > MOST_PRODUCTS:
        return Mode(name, sweeps, products, sums, None, {})
    best, gradients = math.inf, {}
    for _ in range(RUNS):
        begin = time.perf_counter()
        gradients = run()
        best = min(best, time.perf_counter() - begin)
    return Mode(name, sweeps, products, sums, best, gradients)
