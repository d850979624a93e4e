"""Native code beside the interpreter: the same bits, or as far apart as rounding may bring them.

`Estimates` goes along a graph with the interpreter's values and bounds of their errors. Arithmetic,
choices and moves are exact: where nothing before them was rounded, backends must agree to the bit.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from tests.ops.cases import Array
from wingbeat.backend import base, llvm
from wingbeat.backend.base import Graph, Run
from wingbeat.backend.llvm import meaning, terms
from wingbeat.ir import Node, leaf
from wingbeat.ir.walk import toposort
from wingbeat.transform import inlined, jvp, vjp

ULPS = 10  # between two good functions
LOOSE = {"erfc": 32}  # SciPy's is 30 away at 8
SHAKES = 16
EXACT = terms.CHEAP | {"sqrt"}


class Undecided(Exception):
    """An answer hangs on digits that rounding changes."""


def graph_of(roots: Sequence[Node]) -> tuple[list[Node], Graph]:
    """The graph of `roots`, and its nodes; composites are inlined first."""
    plain = inlined(roots)
    order = toposort(plain)
    return order, base._canonical(order, plain)[1]


def compiled(roots: Sequence[Node]) -> tuple[list[Node], Run]:
    """The leaves, and native code for the current target, made anew; never the interpreter."""
    order, graph = graph_of(roots)
    with mock.patch.dict(os.environ, WINGBEAT_CACHE=""):
        return [n for n in order if n.op is None], llvm.compile(graph)


def natively(roots: Sequence[Node], feed: Mapping[Node, Array]) -> list[Array]:
    leaves, run = compiled(roots)
    return run([feed[n] for n in leaves])


def interpreted(roots: Sequence[Node], feed: Mapping[Node, Array]) -> list[Array]:
    order, graph = graph_of(roots)
    return base.load("numpy").compile(graph)([feed[n] for n in order if n.op is None])


def with_derivatives(z: Node, moving: Sequence[Node]) -> tuple[list[Node], dict[Node, Array]]:
    """z, its tangent and the cotangents of `moving`; and directions, which every dtype holds."""
    (z,) = inlined([z])
    tangents = {x: leaf(x.type, "t", k) for k, x in enumerate(moving)}
    g = leaf(z.type, "g", 0)
    roots = [z, *filter(None, jvp([z], tangents)), *filter(None, vjp([z], moving, [g]))]
    return roots, {n: steps(n) for n in (*tangents.values(), g)}


def steps(n: Node) -> Array:
    """-0.5, -0.25, 0, 0.25, 0.5, -0.5, ..."""
    return (np.arange(n.type.size).reshape(n.shape) % 5 / 4 - 0.5).astype(n.type.dtype)


def agree(roots: Sequence[Node], feed: Mapping[Node, Array]) -> None:
    """Both give the same, as far as rounding lets them."""
    roots = inlined(roots)
    estimates = Estimates(feed)
    allowed = [estimates.of(root) for root in roots]
    for root, got, (want, error) in zip(roots, natively(roots, feed), allowed, strict=True):
        check(got, want, error, str(root))


def check(got: Array, want: Array, error: Array | None, what: str = "") -> None:
    """Equal types and numbers; `error` is what each of them may be away from the exact one."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape), what
    if error is None:
        np.testing.assert_array_equal(got, want, what)
        return
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite], what)
    away = np.abs(got.astype(np.float64)[finite] - want.astype(np.float64)[finite])
    worst = float(np.max(away / (2 * error[finite]), initial=0.0))
    assert worst <= 1, f"{what}: {worst:.3g} times as far apart as rounding explains"


class Estimates:
    """Values by the interpreter, and bounds of their errors; None where there are none."""

    def __init__(self, feed: Mapping[Node, Array]) -> None:
        self._known: dict[Node, tuple[Array, Array | None]] = {
            n: (x, None) for n, x in feed.items()
        }

    def put(self, node: Node, value: Array) -> None:
        """A leaf's value."""
        self._known[node] = (value, None)

    def of(self, root: Node) -> tuple[Array, Array | None]:
        """Raises `Undecided` where two good backends may give different answers."""
        for node in toposort([root]):
            if node not in self._known:
                with np.errstate(all="ignore"):
                    self._known[node] = self._estimate(node)
        return self._known[root]

    def _estimate(self, node: Node) -> tuple[Array, Array | None]:
        assert node.op is not None
        f: Any = partial(node.op.numpy, **dict(node.attrs))
        xs = [self._known[x][0] for x in node.inputs]
        errors = [self._known[x][1] for x in node.inputs]
        z = np.asarray(f(*xs))
        if not z.size:
            return z, None
        nature, exact = Nature(node), all(e is None for e in errors)
        if z.dtype.kind != "f":
            if not exact and not (nature.monotone and _alike(f, xs, errors)):
                raise Undecided(str(node))
            return z, None
        if exact and not nature.rounds and not nature.adds:
            return z, None
        error = _carried(node, nature)(f, xs, errors)
        about = np.finfo(z.dtype)
        eps = float(about.eps)
        ulps = LOOSE.get(node.name, ULPS) if nature.rounds else 1
        if nature.adds:
            terms = max(x.size for x in xs)
            error = error + (4 + 2 * terms**0.5) * eps * np.asarray(f(*map(_size, xs)))
        size = np.abs(_wide(z))
        if nature.rounds and len(xs) > 1:  # log(exp(x) + exp(y)) near 0 is a difference
            size = np.maximum(size, np.max([np.abs(_wide(x)) for x in xs], axis=0))
        error = error + ulps * (eps * size + float(about.smallest_subnormal))
        if not np.isfinite(error[np.isfinite(z)]).all():
            raise Undecided(str(node))
        return z, error


class Nature:
    """What a node does with errors."""

    def __init__(self, node: Node) -> None:
        op = node.op
        assert op is not None
        self.rounds = self.monotone = False
        self.whole = op.whole is not None  # NumPy's in both backends: exact, if what it reads is
        self.adds = op.sweep is not None  # up many numbers
        if self.whole:
            self.monotone = node.name == "sort"
        if self.adds or self.whole:
            return
        rule = meaning.meaning(op, node.attrs, node.type, tuple(x.type for x in node.inputs))
        found = terms.every_term(rule.term)
        self.rounds = any(t.kind == "call" and t.detail not in EXACT for t in found)
        kinds = {t.detail[0] for t in found if t.kind == "reduce"}
        self.adds = "add" in kinds
        # An element changes most where operands do; else it is linear in them.
        self.monotone = rule.pointwise or (bool(kinds) and not self.adds)


def _carried(node: Node, nature: Nature) -> Any:
    """How the errors of operands become one of the result."""
    if nature.monotone:
        return _deviation
    if nature.whole:
        return _shaken
    return _bilinear if node.op and node.op.family == "bilinear" else _linear


def _linear(f: Any, xs: list[Array], errors: list[Array | None]) -> Array:
    return np.asarray(f(*map(_error, xs, errors)))


def _wide(x: Array) -> Array:
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def _moved(xs: list[Array], errors: list[Array | None]) -> list[list[Array]]:
    """Operands at all ends of their intervals."""
    ends = [
        (_wide(x),) if e is None else (_wide(x) - e, _wide(x) + e)
        for x, e in zip(xs, errors, strict=True)
    ]
    return [list(each) for each in itertools.product(*ends)]


def _deviation(f: Any, xs: list[Array], errors: list[Array | None]) -> Array:
    middle = np.asarray(f(*map(_wide, xs)), np.float64)
    found = np.zeros(middle.shape)
    for moved in _moved(xs, errors):
        found = np.maximum(found, np.abs(np.asarray(f(*moved), np.float64) - middle))
    return found


def _shaken(f: Any, xs: list[Array], errors: list[Array | None]) -> Array:
    """How far anything moves if operands do, in any directions, and are rounded once more."""
    rng = np.random.default_rng(0)
    sizes = [
        _error(x, e) + 4 * np.finfo(x.dtype).eps * np.abs(_wide(x))
        for x, e in zip(xs, errors, strict=True)
    ]
    middle = np.asarray(f(*map(_wide, xs)))
    worst = 0.0
    for _ in range(SHAKES):
        moved = [
            _wide(x) + s * rng.choice((-1, 1), x.shape) for x, s in zip(xs, sizes, strict=True)
        ]
        worst = max(worst, float(np.max(np.abs(f(*moved) - middle), initial=0.0)))
    return np.full(middle.shape, 4 * worst)


def _alike(f: Any, xs: list[Array], errors: list[Array | None]) -> bool:
    """Whether an answer that is no float stays the same."""
    return all((f(*moved) == f(*xs)).all() for moved in _moved(xs, errors))


def _error(x: Array, error: Array | None) -> Array:
    """Errors in place of floats; integers are positions."""
    return x if x.dtype.kind != "f" else np.zeros(x.shape) if error is None else error


def _size(x: Array) -> Array:
    return np.abs(_wide(x)) if x.dtype.kind == "f" else x


def _bilinear(f: Any, xs: list[Array], errors: list[Array | None]) -> Array:
    x, y = xs
    dx, dy = map(_error, xs, errors)
    return np.asarray(f(dx, _size(y)) + f(_size(x), dy) + f(dx, dy))
