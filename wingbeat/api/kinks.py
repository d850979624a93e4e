"""Was a derivative taken where none exists?"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.api.tracing import Trace, enter, join, run_nodes, site
from wingbeat.errors import AtKink, NoValue, TypeMismatch
from wingbeat.ir.node import Kink, Node, full, quote
from wingbeat.ir.walk import depends, rebuild, toposort
from wingbeat.ops import arithmetic as ar
from wingbeat.ops.shape import broadcast
from wingbeat.transform import inlined, sweep

if TYPE_CHECKING:
    from wingbeat.api.tensor import Tensor

CHOICES = ("ignore", "warn", "raise")

_warned: dict[Any, Any] = {}  # which warnings Python has shown, per line of the user


class KinkWarning(UserWarning):
    """A derivative was taken at a point where it does not exist; a convention answered.

    >>> import warnings
    >>> import wingbeat as wb
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     slope = wb.grad(wb.abs, kinks="warn")(0.0)
    >>> caught[0].category.__name__
    'KinkWarning'
    """


@dataclass(frozen=True)
class Touched:
    """An operation evaluated at a kink that the gradient flows through."""

    node: Node
    count: int  # how many elements
    convention: str

    def __str__(self) -> str:
        op = self.node.op
        assert op is not None
        size = self.node.type.size
        places = "" if size == 1 else f" at {self.count} of {size} elements"
        at = f"\n  {quote(self.node.site)}" if self.node.site else ""
        return f"{op.name} has no derivative{places}; used: {self.convention}{at}"


def check_choice(kinks: str) -> None:
    """Raise for a choice that does not exist."""
    if kinks not in CHOICES:
        raise TypeMismatch(f"kinks={kinks!r} is unknown; use one of {', '.join(CHOICES)}")


def watch(tensors: Sequence[Tensor], variables: Sequence[Tensor], kinks: str) -> None:
    """Warn of, or raise at, the kinks that the derivative of `tensors` by `variables` passes."""
    if kinks == "ignore":
        return
    trace = join([*tensors, *variables])
    roots, wrt = ([enter(t, trace) for t in each] for each in (tensors, variables))
    for touched in find_kinks(trace, roots, wrt):
        if kinks == "raise":
            raise AtKink(str(touched))
        file, line = site() or ("<unknown>", 0)
        warnings.warn_explicit(str(touched), KinkWarning, file, line, registry=_warned)


@dataclass(frozen=True)
class _Passed:
    """Where a derivative passes an operation that has kinks."""

    z: Node  # the operation's result
    g: Node  # the cotangent there
    settled: bool  # whether a cotangent of 0 leaves nothing to be decided by the convention


def find_kinks(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node]) -> list[Touched]:
    """The kinks that the derivative of `roots` by `wrt` rests on.

    A cotangent of 0 settles a Lipschitz kink. At a jump or an infinite slope it does so where it
    stays 0 nearby, as that of a branch not taken. And it is no 0 if it takes what was agreed on
    when `roots` were derived themselves.
    """
    bodies, wrt = [b for b in inlined(roots) if b.type.inexact], inlined(wrt)
    if any(n.op is None and n not in trace.values for n in toposort(bodies)):
        raise NoValue("kinks cannot be looked for inside vmap, where tensors stand for many values")
    passed = _passed(trace, bodies, wrt)
    flags = run_nodes(trace, tuple(_at(p.z) for p in passed))
    met = {p: at for p, at in zip(passed, flags, strict=True) if at.any()}
    hits: dict[Node, Any] = {p.z: np.zeros(at.shape, bool) for p, at in met.items()}
    for settled, sides in ((True, (0,)), (False, (-1, 1))):
        some = [p for p in met if p.settled is settled]
        nonzero = _nonzero(trace, [p.g for p in some], wrt, sides)
        for p, there in zip(some, nonzero, strict=True):
            hits[p.z] |= met[p] & there
    touched = [_touched(z, hit) for z, hit in hits.items() if hit.any()]
    return list({t.node: t for t in reversed(touched)}.values())[::-1]


def _touched(z: Node, hit: Any) -> Touched:
    if z.op is broadcast:
        return _touched(z.inputs[0], np.any(hit, axis=dict(z.attrs)["axes"]))
    return Touched(z, int(np.count_nonzero(hit)), _kink(z).convention)


def _passed(trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node]) -> list[_Passed]:
    """What was agreed on before, in `bodies` and in their derivative; and operations of `bodies`.

    The derivative rests on what was agreed on if that moves with `wrt`, or if it is a factor.
    """
    order = toposort(bodies)
    reaches = depends(order, wrt)
    g = _swept(trace, bodies, wrt)
    nodes = [n for n in order if n in reaches]
    notes = [n for n in nodes if _is_agreed(n)]
    factors = _swept(trace, [g[x] for x in wrt if x in g], notes) if notes else {}
    kinks = [(n, _kink(_source(n.inputs[1]))) for n in notes]
    return [
        *(
            _Passed(n.inputs[1], by[n], k.lipschitz and not k.steep)
            for by in (g, factors)
            for n, k in kinks
            if n in by
        ),
        *(_Passed(n, g[n], n.op.kink.lipschitz) for n in nodes if n.op and n.op.kink and n in g),
    ]


def _swept(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node]) -> dict[Node, Node]:
    return sweep(roots, wrt, [_seed(trace, r) for r in roots])


def _seed(trace: Trace, body: Node) -> Node:
    """A cotangent for a root; of several numbers no two alike, so that they cannot cancel."""
    if body.shape == ():
        return full(1, body.type)
    return trace.slot(_random(body.type))


def _random(like: Any, at: Any = True) -> Any:
    """Numbers between 1 and 2, the same ones each time; 0 where `at` is false."""
    numbers = np.random.default_rng(like.size).uniform(1, 2, like.shape)
    return np.asarray(numbers * at, like.dtype)


def _source(z: Node) -> Node:
    """The operation behind a z that was repeated along axes that it had reduced."""
    return _source(z.inputs[0]) if z.op is broadcast else z


def _is_agreed(node: Node) -> bool:
    """Whether it notes a convention; the operation that has it may be known by its value alone."""
    if node.op is not ar.agreed:
        return False
    op = _source(node.inputs[1]).op
    return op is not None and op.kink is not None


def _kink(z: Node) -> Kink:
    assert z.op is not None
    assert z.op.kink is not None
    return z.op.kink


def _at(z: Node) -> Node:
    if z.op is broadcast:
        return broadcast(_at(z.inputs[0]), **dict(z.attrs))
    return _kink(z).at(z, *z.inputs)


def _nonzero(
    trace: Trace, nodes: Sequence[Node], wrt: Sequence[Node], sides: Sequence[int]
) -> list[Any]:
    """Where `nodes` are not 0 if something else is agreed on, and `wrt` move to one of `sides`.

    No decision changes with that.
    """
    if not nodes:
        return []
    order = toposort(nodes)
    between = depends(order, wrt)
    decisions = tuple(n for n in order if n.op and n in between and not n.type.inexact)
    known = dict(zip(decisions, map(trace.slot, run_nodes(trace, decisions)), strict=True))
    notes = [n for n in order if _is_agreed(n)]
    flags = run_nodes(trace, tuple(_at(n.inputs[1]) for n in notes))
    shift = {n: trace.slot(_random(n.type, at)) for n, at in zip(notes, flags, strict=True)}
    found, here = [np.zeros(n.shape, bool) for n in nodes], run_nodes(trace, tuple(wrt))
    for side in sides:
        moved = {x: trace.slot(_beside(v, side)) for x, v in zip(wrt, here, strict=True)}
        values = run_nodes(trace, tuple(_shifted(nodes, known | moved, shift)))
        found = [f | (v != 0) for f, v in zip(found, values, strict=True)]
    return found


def _beside(x: Any, side: int) -> Any:
    """Numbers near `x`, far enough to be others in every dtype."""
    return np.asarray(x + side * (1 + abs(x)) * _random(x) / 64, x.dtype)


def _shifted(
    roots: Sequence[Node], known: Mapping[Node, Node], shift: Mapping[Node, Node]
) -> list[Node]:
    """`roots` with the keys of `known` replaced, and each key of `shift` increased by its value."""
    new = dict(known)
    for node in toposort(roots, stops=new):
        if node not in new:
            same = rebuild(node, [new[x] for x in node.inputs])
            new[node] = same + shift[node] if node in shift else same
    return [new[root] for root in roots]
