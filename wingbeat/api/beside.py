"""The variables moved a little, while what they do not carry off stays on its piece.

A decision without a tie stays, and an operation with a kink elsewhere follows its tangent.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wingbeat.api.kinked import is_at
from wingbeat.api.tracing import Trace
from wingbeat.ir.node import Absent, Node
from wingbeat.ir.walk import depends, rebuild, toposort
from wingbeat.ops import arithmetic as ar
from wingbeat.ops.logic import where

Array = Any

DIRECTIONS = 8


def moving_nodes(order: Sequence[Node], wrt: Sequence[Node]) -> set[Node]:
    """What depends on `wrt`, numbers that were made constants aside."""
    return depends([n for n in order if not is_constant(n)], wrt)


def is_constant(node: Node) -> bool:
    """Rules make positions constants, too; but which ones they are is decided all the same."""
    return node.op is ar.stop_gradient and (node.type.inexact or node.type.dtype.name == "bool")


def decides(node: Node, moving: set[Node]) -> bool:
    """Whether numbers that move become a truth or an integer here, which may jump."""
    if node.op is None or node.op.kink is None or node.type.inexact or node not in moving:
        return False
    return any(x.type.inexact and x in moving for x in node.inputs)


def moved(
    roots: Sequence[Node],
    marks: Mapping[Node, Node],
    ties: Collection[Node],
    wrt: Sequence[Node],
) -> dict[Node, Node]:
    """`roots` beside, and all on the way to them."""
    order = toposort(roots, stops=marks)
    moving = moving_nodes(order, wrt)
    new = dict(marks)
    for node in order:
        if node in new:
            continue
        if node not in moving or (decides(node, moving) and node not in ties):
            new[node] = node
            continue
        same = rebuild(node, [new[x] for x in node.inputs])
        bends = node.type.inexact and node.op and node.op.kink
        new[node] = where(is_at(node), same, _along(node, new)) if bends else same
    return new


def _along(node: Node, new: Mapping[Node, Node]) -> Node:
    """A node beside, on the piece that it is on."""
    assert node.op is not None
    assert not isinstance(node.op.jvp, Absent)
    steps = [new[x] - x if new[x] is not x and x.type.inexact else None for x in node.inputs]
    t = node.op.jvp(node, node.inputs, steps)
    return node if t is None else node + t


def around(
    points: Sequence[Array], free: Array | bool = True
) -> Iterator[tuple[list[Array], list[Array]]]:
    """Points beside, farther and nearer: all coordinates go either way, and any two both ways.

    Of more than 2^DIRECTIONS coordinates, nearly any two. Those that are not `free` stay.
    """
    rng = np.random.default_rng(0)
    size = sum(x.size for x in points)
    code = 2 * rng.permutation(size)  # bit k says which way coordinates go along direction k
    for k in range(1 + min((size - 1).bit_length(), DIRECTIONS)):
        steps = (1 - 2 * (code >> k & 1)) * rng.uniform(1, 2, size) * free
        each = np.split(steps, np.cumsum([x.size for x in points])[:-1])
        for side in (1, -1):
            pairs = [
                _stepped(x, side * s.reshape(x.shape)) for x, s in zip(points, each, strict=True)
            ]
            yield [far for far, _ in pairs], [near for _, near in pairs]


def _stepped(x: Array, step: Array) -> tuple[Array, Array]:
    """`x` and a step so large that its square is visible beside 1, and one of a few roundings."""
    eps, wide = float(np.finfo(x.dtype).eps), np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        there = [wide + size * (1 + abs(wide)) * step for size in (min(1 / 64, eps**0.4), 4 * eps)]
        far, near = (np.asarray(np.where(np.isfinite(wide), v, wide), x.dtype) for v in there)
    return far, near


@contextmanager
def given(trace: Trace, values: Mapping[Node, Array]) -> Generator[None]:
    """Leaves that have values for a while."""
    trace.values.update(values)
    try:
        yield
    finally:
        for node in values:
            del trace.values[node]


def rounded(x: Array, number: int) -> Array:
    """`x`, moved by a few units of its last place."""
    rng = np.random.default_rng((x.size, number))
    units = rng.uniform(1, 2, x.shape) * np.finfo(x.dtype).eps
    with np.errstate(all="ignore"):
        return np.asarray(x + x * units.astype(x.dtype), x.dtype)


def apart(x: Array, y: Array, x1: Array, y1: Array) -> Array:
    """Which elements differ by more than rounding: than what x1 and y1 nearby tell of it."""
    with np.errstate(all="ignore"):
        # Sums may have cancelled, of terms as large as what they are elsewhere.
        largest = np.max(abs(x), initial=0, where=np.isfinite(x))
        noise = 8 * np.finfo(x.dtype).eps * largest + 4 * (abs(x - x1) + abs(y - y1))
        same = (x == y) | (np.isnan(x) & np.isnan(y)) | (abs(x - y) <= noise)
    return ~same
