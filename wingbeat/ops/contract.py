"""The general contraction of two tensors: matrix products, batched ones, outer products, einsum.

Axes carry labels (small integers): `contract(x, y, lhs=(0, 1), rhs=(1, 2), out=(0, 2))` is the
matrix product. A label of both operands and of the result is a batch axis, one that the result
lacks is summed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import POWER, PRODUCT, Node, Sample
from wingbeat.ir.types import Shape, TensorType, tensor_type
from wingbeat.ops.families import NUMBER, bilinear, require_kind

Labels = tuple[int, ...]


def _contract_type(
    x: TensorType, y: TensorType, *, lhs: Labels, rhs: Labels, out: Labels, guard: int = 0
) -> TensorType:
    require_kind(NUMBER, x.dtype)
    if x.dtype is not y.dtype:
        raise TypeMismatch("operands must have one dtype")
    if len(lhs) != x.ndim or len(rhs) != y.ndim:
        raise TypeMismatch(f"labels {lhs} and {rhs} must name every axis")
    for labels in (lhs, rhs, out):
        if len(set(labels)) != len(labels):
            raise TypeMismatch(f"labels {labels} name an axis twice")
    sizes = dict(zip(lhs, x.shape, strict=True))
    for label, n in zip(rhs, y.shape, strict=True):
        if sizes.setdefault(label, n) != n:
            raise TypeMismatch(f"inner sizes {sizes[label]} and {n} differ")
    if any(k not in sizes for k in out):
        raise TypeMismatch(f"labels {out} of the result must occur in an operand")
    alone = set(lhs) ^ set(rhs)
    if alone - set(out):
        raise TypeMismatch("an axis of one operand alone cannot be summed here; sum it first")
    return tensor_type(tuple(sizes[k] for k in out), x.dtype)


@cache
def _plan(lhs: Labels, rhs: Labels, out: Labels) -> tuple[Any, ...]:
    """Permutations that bring both operands to (batch, rows, inner) x (batch, inner, columns).

    Where the axis that is last in memory belongs to the other group, to that order of the two.
    """
    batch = [k for k in out if k in lhs and k in rhs]
    inner = [k for k in lhs if k in rhs and k not in out]
    rows = [k for k in lhs if k not in rhs]
    columns = [k for k in rhs if k not in lhs]
    turned = lhs[-1:] and lhs[-1] in rows, rhs[-1:] and rhs[-1] in inner
    left = batch + (inner + rows if turned[0] else rows + inner)
    right = batch + (columns + inner if turned[1] else inner + columns)
    result = batch + rows + columns
    perms = (
        tuple(lhs.index(k) for k in left),
        tuple(rhs.index(k) for k in right),
        tuple(result.index(k) for k in out),
    )
    return perms, turned, (batch, rows, inner, columns)


def _matrices(x: Any, perm: Labels, turned: bool, lead: Shape, shape: tuple[int, int]) -> Any:
    """`x` as a batch of matrices; where `turned`, as views of their transposes."""
    if turned:
        return x.transpose(perm).reshape((*lead, *shape[::-1])).swapaxes(-1, -2)
    return x.transpose(perm).reshape((*lead, *shape))


def _contract(x: Any, y: Any, *, lhs: Labels, rhs: Labels, out: Labels, guard: int = 0) -> Any:
    (left, right, back), turned, groups = _plan(lhs, rhs, out)
    sizes = dict(zip((*lhs, *rhs), (*x.shape, *y.shape), strict=True))
    lead, rows, inner, columns = (tuple(sizes[k] for k in group) for group in groups)
    m, k, c = math.prod(rows), math.prod(inner), math.prod(columns)
    x = _matrices(x, left, turned[0], lead, (m, k))
    y = _matrices(y, right, turned[1], lead, (k, c))
    z = np.matmul(x, y)
    if guard and not np.isfinite(np.sum(z)):
        z = _guarded(x, y, guard)
    return z.reshape((*lead, *rows, *columns)).transpose(back)


def _guarded(x: Any, y: Any, guard: int) -> Any:
    """x @ y where zeros kill infinities and NaN; what is not finite is multiplied term by term."""
    batch = tuple(range(x.ndim - 2))
    odd = ~(np.isfinite(x).all((*batch, -2)) & np.isfinite(y).all((*batch, -1)))
    z = np.matmul(x[..., ~odd], y[..., ~odd, :])
    for k in np.flatnonzero(odd):
        left, right = x[..., k, None], y[..., None, k, :]
        killed = ((left == 0) & bool(guard & 1)) | ((right == 0) & bool(guard & 2))
        z = z + np.where(killed, np.zeros((), z.dtype), left * right)
    return z


def _contract_adjoints(
    g: Node, x: Node, y: Node, *, lhs: Labels, rhs: Labels, out: Labels, guard: int = 0
) -> tuple[Node, Node]:
    by_x, by_y = 1 | guard & 2, 1 | (guard & 1) << 1
    return (
        contract(g, y, lhs=out, rhs=rhs, out=lhs, guard=by_x),
        contract(g, x, lhs=out, rhs=lhs, out=rhs, guard=by_y),
    )


def _contract_batch(
    op: Any,
    xs: Sequence[Node],
    batched: Sequence[bool],
    *,
    lhs: Labels,
    rhs: Labels,
    out: Labels,
    guard: int = 0,
) -> Node:
    new = max((*lhs, *rhs), default=-1) + 1
    left = (new, *lhs) if batched[0] else lhs
    right = (new, *rhs) if batched[1] else rhs
    return op(*xs, lhs=left, rhs=right, out=(new, *out), guard=guard)


def product(s: Any, x: Any, y: Any, guard: int) -> Any:
    """x y, where the zeros that `guard` names kill the other factor."""
    z = s.mul(x, y)
    for operand in (x,) * (guard & 1) + (y,) * (guard >> 1):
        z = s.select(s.compare("==", operand, s.const(0)), s.const(0), z)
    return z


def _contract_element(
    s: Any,
    read: Any,
    i: Sequence[Any],
    *,
    lhs: Labels,
    rhs: Labels,
    out: Labels,
    guard: int = 0,
) -> Any:
    inner = tuple(k for k in lhs if k not in out)
    sizes = dict(zip(lhs, read[0].shape, strict=True))

    def term(ks: Sequence[Any]) -> Any:
        at = dict(zip((*out, *inner), (*i, *ks), strict=True))
        x, y = read[0](tuple(at[k] for k in lhs)), read[1](tuple(at[k] for k in rhs))
        return product(s, x, y, guard)

    return s.reduce("add", tuple(sizes[k] for k in inner), term)


_MATMUL = (("lhs", (0, 1)), ("out", (0, 2)), ("rhs", (1, 2)))
_BATCH = (("lhs", (0, 1, 2)), ("out", (0, 1, 3)), ("rhs", (0, 2, 3)))
_OUTER = (("lhs", (0,)), ("out", (1, 0)), ("rhs", (1,)))
_DOT = (("lhs", (0,)), ("out", ()), ("rhs", (0,)))
_SHARED = (("lhs", (1, 0)), ("out", (2, 1, 0)), ("rhs", (2, 0)))
_GUARDED = (("guard", 1), *_MATMUL)


def _contract_latex(
    x: Any, y: Any, *, lhs: Labels, rhs: Labels, out: Labels, guard: int = 0
) -> str:
    """Products of matrices and vectors with their transposes; all else as a sum over labels."""
    inner = [k for k in lhs if k in rhs and k not in out]
    rows, columns = [k for k in lhs if k not in rhs], [k for k in rhs if k not in lhs]
    plain = len(inner) <= 1 and len(rows) <= 1 and len(columns) <= 1
    if not plain or len(lhs) != len(inner + rows) or sorted(out) != sorted(rows + columns):
        index = lambda labels: "".join(chr(ord("i") + k) for k in labels)  # noqa: E731
        named = rf"{x:atom}_{{{index(lhs)}}} \, {y:atom}_{{{index(rhs)}}}"
        return rf"\sum_{{{index(inner)}}} {named}" if inner else named
    if out == (*columns, *rows) and rows and columns:
        x, y, lhs, rhs, rows = y, x, rhs, lhs, columns
    # A vector is a column: it lies down as left factor of a scalar, or as right one of a table.
    left = rf"{x:atom}^{{\top}}" if inner and lhs[0] == inner[0] and (rows or not columns) else x
    left = rf"{x:atom}^{{\top}}" if inner and not rows else left
    turned = (inner and len(rhs) == 2 and rhs[1] == inner[0]) or (not inner and columns and rows)
    return rf"{left} \, {y:atom}^{{\top}}" if turned else rf"{left} \, {y}"


contract = bilinear(
    "contract",
    type_rule=_contract_type,
    numpy=_contract,
    adjoints=_contract_adjoints,
    batch=_contract_batch,
    element=_contract_element,
    latex=_contract_latex,
    level=PRODUCT,
    inner=POWER,
    samples=(
        Sample(((3, 4), (4, 2)), attrs=_MATMUL),
        Sample(((2, 3, 4), (2, 4, 5)), attrs=_BATCH),
        Sample(((3,), (4,)), attrs=_OUTER),
        Sample(((5,), (5,)), attrs=_DOT),
        Sample(((3, 4), (2, 4)), attrs=_SHARED),
        Sample(((3, 0), (0, 2)), attrs=_MATMUL),
        Sample(((3, 4), (4, 2)), attrs=_GUARDED),
    ),
)
