"""The meaning of a graph: `element` read with Python's numbers. Slow; others are tested by it."""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wingbeat.backend._mathematics import FUNCTIONS, TYPED
from wingbeat.backend.base import Array, Graph, Run, StepFailed
from wingbeat.errors import OutOfRange
from wingbeat.ir.scalars import Index

WIDEST = 64  # bits of an integer; a shift by more, or by less than none, shifts everything out

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
}
_BITS: dict[str, Callable[[Any, Any], Any]] = {
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "^": lambda x, y: x ^ y,
    "<<": lambda x, y: x << y if 0 <= y < WIDEST else 0,
    ">>": lambda x, y: x >> y if 0 <= y < WIDEST else -(x < 0),
}


class PythonScalars:
    """Python's bool, int and float; rounding to the dtype happens when a result is stored."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype

    def const(self, value: Any) -> Any:
        return value

    def add(self, x: Any, y: Any) -> Any:
        return x + y

    def sub(self, x: Any, y: Any) -> Any:
        return x - y

    def mul(self, x: Any, y: Any) -> Any:
        return x * y

    def div(self, x: Any, y: Any) -> Any:
        return FUNCTIONS["div"](x, y)

    def neg(self, x: Any) -> Any:
        return -x

    def call(self, name: str, *xs: Any) -> Any:
        return TYPED[name](self._dtype, *xs) if name in TYPED else FUNCTIONS[name](*xs)

    def compare(self, relation: str, x: Any, y: Any) -> bool:
        return _COMPARE[relation](x, y)

    def select(self, c: Any, x: Any, y: Any) -> Any:
        return x if c else y

    def clear(self, c: Any, x: Any) -> Any:
        return 0.0 if c and x != x else x

    def bits(self, operator: str, x: Any, y: Any) -> Any:
        return _BITS[operator](x, y)

    def invert(self, x: Any) -> Any:
        return not x if isinstance(x, bool) else ~x

    def cast(self, x: Any, dtype: str) -> Any:
        if dtype == "bool":
            return bool(x)
        return float(x) if dtype.startswith("float") else int(x)

    def index(self, x: Any) -> int:
        return int(x)

    def number(self, i: Any) -> int:
        return i

    def branch(self, c: Any, then: Callable[[], Any], other: Callable[[], Any]) -> Any:
        return then() if c else other()

    def reduce(self, kind: str, extents: Sequence[int], body: Callable[[Index], Any]) -> Any:
        terms = [body(k) for k in itertools.product(*map(range, extents))]
        if kind == "add":
            return _total(terms)
        nan = next((t for t in terms if t != t), None)  # NaN wins, as in NumPy
        pick = max if kind == "max" else min
        return nan if nan is not None else pick(terms, default=-math.inf)

    def argreduce(self, kind: str, extent: int, body: Callable[[int], Any]) -> int:
        terms = [body(k) for k in range(extent)]
        best = self.reduce(kind, (extent,), lambda k: terms[k[0]])
        return next(k for k, t in enumerate(terms) if t == best or t != t)


def _total(terms: list[Any]) -> Any:
    if all(isinstance(t, float) and math.isfinite(t) for t in terms):
        with contextlib.suppress(OverflowError):  # a partial sum was too large
            return math.fsum(terms)
    return sum(terms)


class Operand:
    """An array that is read one Python number at a time."""

    def __init__(self, array: Array) -> None:
        self.shape: tuple[int, ...] = array.shape
        self._array = array

    def __call__(self, index: Index) -> Any:
        if any(not 0 <= i < n for i, n in zip(index, self.shape, strict=True)):
            raise OutOfRange(f"index {tuple(index)} is outside shape {self.shape}")
        return self._array[tuple(index)].item()


def compile(graph: Graph) -> Run:
    """Nothing is prepared: every element of every node is computed by its definition."""

    def run(arrays: Sequence[Array]) -> list[Array]:
        env: dict[int, Array] = dict(zip(graph.inputs, arrays, strict=True))
        for k, node in enumerate(graph.nodes):
            if node.op is None:
                continue
            try:
                env[k] = _evaluate(node, [env[x] for x in graph.operands[k]])
            except Exception as error:
                raise StepFailed(k, error) from error
        return [env[k] for k in graph.outputs]

    return run


def _evaluate(node: Any, xs: list[Array]) -> Array:
    scalars, read = PythonScalars(node.type.dtype), [Operand(x) for x in xs]
    attrs = dict(node.attrs)
    z = np.empty(node.type.shape, node.type.dtype)
    with np.errstate(all="ignore"):
        for i in np.ndindex(*node.type.shape):
            z[i] = _stored(node.op.element(scalars, read, i, **attrs), node.type.dtype)
    z.flags.writeable = False
    return z


_COMBINE: dict[str, Callable[[Any, Any], Any]] = {"add": operator.add, "max": max}


def swept(node: Any, xs: Sequence[Array]) -> Array:
    """The value of a node by the sequential form of its primitive; it equals that by `element`."""
    sweep, attrs, dtype = node.op.sweep, dict(node.attrs), node.type.dtype
    scalars, read = PythonScalars(dtype), [Operand(x) for x in xs]
    z = np.full(node.type.shape, sweep.start, dtype)
    along = None if sweep.along is None else sweep.along(**attrs)
    for k in np.ndindex(*sweep.extents(*(x.shape for x in xs), **attrs)):
        target = tuple(sweep.target(scalars, read, k, **attrs))
        if any(not 0 <= i < n for i, n in zip(target, z.shape, strict=True)):
            raise OutOfRange(f"index {target} is outside shape {z.shape}")
        before = target
        if along is not None:
            before = tuple(i - (axis == along) for axis, i in enumerate(target))
        old = sweep.start if min(before, default=0) < 0 else z[before].item()
        term = sweep.term(scalars, read, k, **attrs)
        z[target] = _stored(_COMBINE[sweep.kind](old, term), dtype)
    return z


def _stored(value: Any, dtype: Any) -> Any:
    """Integers wrap around, as machine integers do."""
    if dtype.kind in "iu":
        wrapped = int(value) % (1 << 8 * dtype.itemsize)
        signed = dtype.kind == "i" and wrapped >> (8 * dtype.itemsize - 1)
        return wrapped - (1 << 8 * dtype.itemsize) if signed else wrapped
    return value
