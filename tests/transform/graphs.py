"""Random expression graphs: a recipe is drawn, and then built over any leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.ops.cases import Array
from wingbeat.ir import PRIMITIVES, Node, leaf, tensor_type
from wingbeat.ops.shape import insert

MOST = 40  # elements of a node
# Smooth, and mild for all arguments: what differences of float64 can judge to 1e-6.
TAME = ("sin", "cos", "tanh", "atan", "erf", "sigmoid", "asinh", "softplus", "silu", "gelu")
UNARY = (*TAME, "exp", "abs", "relu", "square", "neg", "sqrt", "log", "alias", "elu")
BINARY = ("add", "sub", "mul", "div", "maximum", "minimum", "hypot", "logaddexp", "atan2")
REDUCTIONS = ("sum", "max", "min", "mean", "logsumexp", "norm")
LINES = ("cumsum", "softmax", "log_softmax", "cumprod")

Step = Callable[[Sequence[Node]], Node]


@dataclass(frozen=True)
class Recipe:
    """Shapes of the leaves, and steps, each of which adds a node made of earlier ones."""

    shapes: tuple[tuple[int, ...], ...]
    steps: tuple[Step, ...]
    texts: tuple[str, ...]

    def leaves(self, name: str = "x", lead: tuple[int, ...] = ()) -> list[Node]:
        return [leaf(tensor_type((*lead, *s)), name, k) for k, s in enumerate(self.shapes)]

    def build(self, xs: Sequence[Node]) -> Node:
        """The last node; nodes are shared wherever a step takes one again."""
        nodes = list(xs)
        for step in self.steps:
            nodes.append(step(nodes))
        return nodes[-1]

    def __repr__(self) -> str:
        return f"Recipe({self.shapes}, {'; '.join(self.texts)})"


def _applied(name: str, places: Sequence[int], **attrs: Any) -> Step:
    return lambda nodes: PRIMITIVES[name](*(nodes[k] for k in places), **attrs)


def _guarded(name: str, place: int) -> Step:
    """Roots and logarithms of numbers that stay away from 0."""
    return lambda nodes: PRIMITIVES[name](nodes[place] * nodes[place] + 0.5)


def _quotient(places: Sequence[int]) -> Step:
    return lambda nodes: nodes[places[0]] / (nodes[places[1]] * nodes[places[1]] + 0.5)


def _exponential(place: int) -> Step:
    return lambda nodes: PRIMITIVES["exp"](PRIMITIVES["tanh"](nodes[place]))


def _selection(places: Sequence[int]) -> Step:
    def step(nodes: Sequence[Node]) -> Node:
        x, y = (nodes[k] for k in places)
        return PRIMITIVES["where"](PRIMITIVES["less"](x, y), x * y, PRIMITIVES["sin"](x))

    return step


def _gathered(place: int, positions: Sequence[int]) -> Step:
    def step(nodes: Sequence[Node]) -> Node:
        index = constant_positions(positions)
        return PRIMITIVES["gather"](nodes[place], index, batch=0)

    return step


def constant_positions(positions: Sequence[int]) -> Node:
    """Integers that the graph itself says: a sum of numbers where iota equals a position."""
    n = len(positions)
    line = PRIMITIVES["iota"](axis=0, shape=(n,), dtype="int64")
    total = PRIMITIVES["full"](value=0, shape=(n,), dtype="int64")
    for k, position in enumerate(positions):
        here = PRIMITIVES["full"](value=k, shape=(n,), dtype="int64")
        there = PRIMITIVES["full"](value=position, shape=(n,), dtype="int64")
        total = PRIMITIVES["where"](PRIMITIVES["equal"](line, here), there, total)
    return total


class _Drawing:
    """Grows a recipe; knows the shape of every node by building it at once."""

    def __init__(self, draw: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
        self.draw = draw
        self.shapes = shapes
        self.nodes = [leaf(tensor_type(s), "shape", k) for k, s in enumerate(shapes)]
        self.steps: list[Step] = []
        self.texts: list[str] = []

    def pick(self, options: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def place(self) -> int:
        """Late nodes more often than early ones, so that graphs are deep."""
        n = len(self.nodes)
        return n - 1 - min(self.draw(st.integers(0, n - 1)) for _ in range(3))

    def add(self, text: str, step: Step) -> None:
        self.nodes.append(step(self.nodes))
        self.steps.append(step)
        self.texts.append(text)

    def grow(self) -> None:
        k = self.place()
        node = self.nodes[k]
        kinds = ["unary", "binary", "select"]
        if node.shape:
            kinds += ["reduce", "line", "transpose", "reshape", "slice", "gather", "flip", "pad"]
        if node.type.size * 2 <= MOST:
            kinds += ["broadcast", "concatenate"]
        if len(node.shape) in (1, 2) and node.type.size:
            kinds += ["contract"]
        getattr(self, f"_{self.pick(kinds)}")(k, node)

    def _unary(self, k: int, node: Node) -> None:
        name = self.pick(UNARY)
        if name in ("sqrt", "log"):
            self.add(f"{name}({k}^2 + 1/2)", _guarded(name, k))
        elif name == "exp":
            self.add(f"exp(tanh {k})", _exponential(k))
        else:
            attrs = {"tag": 1} if name == "alias" else {}
            self.add(f"{name}({k})", _applied(name, [k], **attrs))

    def _partner(self, node: Node) -> int:
        return self.pick([j for j, other in enumerate(self.nodes) if other.type is node.type])

    def _binary(self, k: int, node: Node) -> None:
        name, places = self.pick(BINARY), [k, self._partner(node)]
        step = _quotient(places) if name == "div" else _applied(name, places)
        self.add(f"{name}{places}", step)

    def _select(self, k: int, node: Node) -> None:
        places = [k, self._partner(node)]
        self.add(f"select{places}", _selection(places))

    def _axes(self, node: Node) -> tuple[int, ...]:
        chosen = self.draw(st.sets(st.integers(0, len(node.shape) - 1), min_size=1))
        return tuple(sorted(chosen))

    def _axis(self, node: Node) -> int:
        return self.draw(st.integers(0, len(node.shape) - 1))

    def _reduce(self, k: int, node: Node) -> None:
        name, axes = self.pick(REDUCTIONS), self._axes(node)
        self.add(f"{name}({k}, {axes})", _applied(name, [k], axes=axes))

    def _line(self, k: int, node: Node) -> None:
        name, axis = self.pick(LINES), self._axis(node)
        self.add(f"{name}({k}, {axis})", _applied(name, [k], axis=axis))

    def _transpose(self, k: int, node: Node) -> None:
        perm = tuple(self.draw(st.permutations(range(len(node.shape)))))
        self.add(f"transpose({k}, {perm})", _applied("transpose", [k], perm=perm))

    def _reshape(self, k: int, node: Node) -> None:
        n = node.type.size
        splits = [(n,), (1, n), (n, 1), *((d, n // d) for d in range(2, n) if n % d == 0)]
        shape = self.pick(splits)
        self.add(f"reshape({k}, {shape})", _applied("reshape", [k], shape=shape))

    def _slice(self, k: int, node: Node) -> None:
        start = tuple(self.draw(st.integers(0, n - 1)) for n in node.shape)
        stop = tuple(
            self.draw(st.integers(a + 1, n)) for a, n in zip(start, node.shape, strict=True)
        )
        step = tuple(self.draw(st.integers(1, 2)) for _ in node.shape)
        made = _applied("slice", [k], start=start, stop=stop, step=step)
        self.add(f"slice({k}, {start}, {stop}, {step})", made)

    def _pad(self, k: int, node: Node) -> None:
        if node.type.size * 2 ** len(node.shape) > MOST:
            return
        attrs = {
            name: tuple(self.draw(st.integers(0, 1)) for _ in node.shape)
            for name in ("before", "after", "between")
        }
        self.add(f"pad({k}, {attrs})", _applied("pad", [k], **attrs))

    def _flip(self, k: int, node: Node) -> None:
        axes = self._axes(node)
        self.add(f"flip({k}, {axes})", _applied("flip", [k], axes=axes))

    def _gather(self, k: int, node: Node) -> None:
        n = node.shape[0]
        positions = self.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=min(n + 1, 4)))
        if len(positions) * node.type.size // n <= MOST:
            self.add(f"gather({k}, {positions})", _gathered(k, positions))

    def _broadcast(self, k: int, node: Node) -> None:
        axis = self.draw(st.integers(0, len(node.shape)))
        if len(insert(node.shape, (axis,), (2,))) <= 3:
            made = _applied("broadcast", [k], axes=(axis,), sizes=(2,))
            self.add(f"broadcast({k}, {axis})", made)

    def _concatenate(self, k: int, node: Node) -> None:
        if node.shape:
            places, axis = [k, self._partner(node)], self._axis(node)
            self.add(f"concatenate{places}", _applied("concatenate", places, axis=axis))

    def _contract(self, k: int, node: Node) -> None:
        """With itself, or with another of its shape: all pairs of its rows."""
        j = self._partner(node)
        labels = (0,) if len(node.shape) == 1 else (0, 1)
        other = (0,) if len(node.shape) == 1 else (2, 1)
        out = () if len(node.shape) == 1 else (0, 2)
        self.add(
            f"contract[{k}, {j}]", _applied("contract", [k, j], lhs=labels, rhs=other, out=out)
        )


@st.composite
def recipes(draw: Any, most: int = 10) -> Recipe:
    """One to three leaves, and at most `most` steps."""
    shape = st.lists(st.integers(1, 3), max_size=2).map(tuple)
    drawing = _Drawing(draw, tuple(draw(st.lists(shape, min_size=1, max_size=3))))
    for _ in range(draw(st.integers(most // 2, most))):
        drawing.grow()
    return Recipe(drawing.shapes, tuple(drawing.steps), tuple(drawing.texts))


def operands(recipe: Recipe, seed: int, lead: tuple[int, ...] = ()) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1.5, 1.5, size=(*lead, *shape)) for shape in recipe.shapes]
