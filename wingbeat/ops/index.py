"""Reading and writing at positions that are themselves data.

`batch` leading axes are shared by all operands: the positions of one example index it alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.ir.node import Absent, Node, Sample, Sweep
from wingbeat.ir.types import TensorType, tensor_type
from wingbeat.ops.arithmetic import stop_gradient
from wingbeat.ops.families import INTEGER, custom, require_kind, spread

_ROWS = Sample(((4, 3), (5,)), ((-2.0, 2.0), (0, 3)), (("batch", 0),), ("float64", "int64"))
_BATCHED = Sample(((2, 4), (2, 5)), ((-2.0, 2.0), (0, 3)), (("batch", 1),), ("float64", "int64"))


def _positions_rule(x: TensorType, i: TensorType, batch: int) -> None:
    require_kind(INTEGER, i.dtype)
    if i.ndim != batch + 1 or x.ndim < batch + 1:
        raise TypeMismatch(f"positions are one line behind {batch} batch axes")
    if x.shape[:batch] != i.shape[:batch]:
        raise TypeMismatch(f"the first {batch} axes must be equal")


def _check_range(i: Any, n: int) -> None:
    """Positions outside the axis are an error, never a clamp and never a read of other memory."""
    if i.size and (i.min() < 0 or i.max() >= n):
        worst = int(i.max() if i.max() >= n else i.min())
        raise OutOfRange(f"index {worst} is outside an axis of size {n}")


def _one_batch(x: Any, batch: int) -> Any:
    """All batch axes as one."""
    return x.reshape((math.prod(x.shape[:batch]), *x.shape[batch:]))


def _flat_positions(i: Any, n: int, batch: int) -> Any:
    """Positions in the array whose batch axes and indexed axis are one."""
    i = _one_batch(i, batch).astype(np.int64)
    return i + np.arange(i.shape[0])[:, None] * n


def _gather_type(x: TensorType, i: TensorType, *, batch: int) -> TensorType:
    _positions_rule(x, i, batch)
    return tensor_type((*i.shape, *x.shape[batch + 1 :]), x.dtype)


def _gather(x: Any, i: Any, *, batch: int) -> Any:
    _check_range(i, x.shape[batch])
    if batch == 0:
        return np.take(x, i, axis=0)
    n, rest = x.shape[batch], x.shape[batch + 1 :]
    rows = x.reshape((math.prod(x.shape[: batch + 1]), *rest))
    found = np.take(rows, _flat_positions(i, n, batch).ravel(), axis=0)
    return found.reshape((*i.shape, *rest))


def _fixed(i: Node) -> Node:
    """Positions as constants for further derivatives: a small step changes none."""
    return i if i.op is None else stop_gradient(i)


def _gather_vjp(g: Node, z: Node, x: Node, i: Node) -> tuple[Node | None, ...]:
    batch = dict(z.attrs)["batch"]
    return scatter_add(g, _fixed(i), size=x.shape[batch], batch=batch), None


def _gather_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    return None if ts[0] is None else gather(ts[0], _fixed(xs[1]), **dict(z.attrs))


gather = custom(
    "gather",
    type_rule=_gather_type,
    numpy=_gather,
    jvp=_gather_jvp,
    vjp=_gather_vjp,
    batch=lambda op, xs, batched, *, batch: op(*spread(xs, batched), batch=batch + 1),
    element=lambda s, read, i, *, batch: read[0](
        (*i[:batch], s.index(read[1](i[: batch + 1])), *i[batch + 1 :])
    ),
    latex="{0:atom}_{{{1:free}}}",
    samples=(_ROWS, _BATCHED),
)
"""z[b, k, ...] = x[b, i[b, k], ...]"""


def _scatter_type(x: TensorType, i: TensorType, *, size: int, batch: int) -> TensorType:
    _positions_rule(x, i, batch)
    if x.shape[: batch + 1] != i.shape:
        raise TypeMismatch(
            f"one position for each row: {x.shape[: batch + 1]} rows, {i.shape} positions"
        )
    return tensor_type((*x.shape[:batch], size, *x.shape[batch + 1 :]), x.dtype)


def _scatter_add(x: Any, i: Any, *, size: int, batch: int) -> Any:
    _check_range(i, size)
    lead, rest = x.shape[:batch], x.shape[batch + 1 :]
    z = np.zeros((math.prod(lead) * size, *rest), x.dtype)
    where = _flat_positions(i, size, batch).ravel()
    np.add.at(z, where, x.reshape((where.size, *rest)))
    return z.reshape((*lead, size, *rest))


def _scatter_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    return None if ts[0] is None else scatter_add(ts[0], _fixed(xs[1]), **dict(z.attrs))


def _scatter_element(s: Any, read: Any, i: Sequence[Any], *, size: int, batch: int) -> Any:
    lead, j, rest = i[:batch], i[batch], i[batch + 1 :]

    def term(k: Any) -> Any:
        hit = s.index(read[1]((*lead, *k))) == j
        return s.branch(hit, lambda: read[0]((*lead, *k, *rest)), lambda: s.const(0))

    return s.reduce("add", (read[1].shape[batch],), term)


def _scatter_target(s: Any, read: Any, k: Sequence[Any], *, size: int, batch: int) -> Any:
    return (*k[:batch], s.index(read[1](tuple(k[: batch + 1]))), *k[batch + 1 :])


scatter_add = custom(
    "scatter_add",
    type_rule=_scatter_type,
    numpy=_scatter_add,
    jvp=_scatter_jvp,
    vjp=lambda g, z, x, i: (gather(g, _fixed(i), batch=dict(z.attrs)["batch"]), None),
    batch=lambda op, xs, batched, *, size, batch: op(
        *spread(xs, batched), size=size, batch=batch + 1
    ),
    element=_scatter_element,
    latex=r"\operatorname{{scatter}}\left({0}, {1}\right)",
    samples=(
        Sample(
            ((5, 3), (5,)),
            ((-2.0, 2.0), (0, 3)),
            (("batch", 0), ("size", 4)),
            ("float64", "int64"),
        ),
        Sample(
            ((2, 5), (2, 5)),
            ((-2.0, 2.0), (0, 3)),
            (("batch", 1), ("size", 4)),
            ("float64", "int64"),
        ),
    ),
    sweep=Sweep(
        kind="add",
        start=0,
        extents=lambda x, i, *, size, batch: x,
        target=_scatter_target,
        term=lambda s, read, k, *, size, batch: read[0](tuple(k)),
    ),
)
"""z[b, j, ...] = the sum of x[b, k, ...] over all k with i[b, k] = j"""


def _writer_type(i: TensorType, *, size: int, batch: int) -> TensorType:
    require_kind(INTEGER, i.dtype)
    if i.ndim != batch + 1:
        raise TypeMismatch(f"positions are one line behind {batch} batch axes")
    return tensor_type((*i.shape[:batch], size), "int64")


def _last_writer(i: Any, *, size: int, batch: int) -> Any:
    _check_range(i, size)
    flat = _flat_positions(i, size, batch)
    z = np.full(flat.shape[0] * size, -1, np.int64)
    # NumPy assigns in order, so the last of several writers stays.
    z[flat.ravel()] = np.tile(np.arange(flat.shape[1]), flat.shape[0])
    return z.reshape((*i.shape[:batch], size))


def _writer_element(s: Any, read: Any, i: Sequence[Any], *, size: int, batch: int) -> Any:
    lead, j = i[:batch], i[batch]

    def candidate(k: Any) -> Any:
        hit = s.index(read[0]((*lead, *k))) == j
        return s.branch(hit, lambda: s.number(k[0]), lambda: s.const(-1))

    last = s.reduce("max", (read[0].shape[batch],), candidate)
    return s.call("maximum", last, s.const(-1))


last_writer = custom(
    "last_writer",
    type_rule=_writer_type,
    numpy=_last_writer,
    jvp=Absent("last_writer is integer valued"),
    vjp=Absent("last_writer is integer valued"),
    batch=lambda op, xs, batched, *, size, batch: op(xs[0], size=size, batch=batch + 1),
    element=_writer_element,
    latex=r"\operatorname{{writer}}\left({0}\right)",
    samples=(
        Sample(((5,),), (0, 3), (("batch", 0), ("size", 6)), ("int64",)),
        Sample(((2, 3),), (0, 3), (("batch", 1), ("size", 4)), ("int64",)),
        Sample(((0,),), (0, 3), (("batch", 0), ("size", 2)), ("int64",)),
    ),
    sweep=Sweep(
        kind="max",
        start=-1,
        extents=lambda i, *, size, batch: i,
        target=lambda s, read, k, *, size, batch: (*k[:batch], s.index(read[0](tuple(k)))),
        term=lambda s, read, k, *, size, batch: s.number(k[batch]),
    ),
)
"""z[j] = the last k with i[k] = j, or -1: who writes position j in `x[i] = v`."""
