"""The general contraction of two tensors: matrix products, batched ones, outer products, einsum.

Axes carry labels (small integers): `contract(x, y, lhs=(0, 1), rhs=(1, 2), out=(0, 2))` is the matrix product.
A label of both operands and of the result is a batch axis, one that the result lacks is summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import PRODUCT, Node, Sample
from wingbeat.ir.types import TensorType, tensor_type
from wingbeat.ops.families import NUMBER, bilinear, require_kind

Labels = tuple[int, ...]


def _contract_type(
    x: TensorType, y: TensorType, *, lhs: Labels, rhs: Labels, out: Labels, guard: bool = False
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
    """Permutations that bring both operands to (batch, rows, inner) x (batch, inner, columns)."""
    batch = [k for k in out if k in lhs and k in rhs]
    inner = [k for k in lhs if k in rhs and k not in out]
    rows = [k for k in lhs if k not in rhs]
    columns = [k for k in rhs if k not in lhs]
    left = tuple(lhs.index(k) for k in batch + rows + inner)
    right = tuple(rhs.index(k) for k in batch + inner + columns)
    result = batch + rows + columns
    back = tuple(result.index(k) for k in out)
    return left, right, back, len(batch), len(rows), len(inner)


def _product(x: Any, y: Any, lhs: Labels, rhs: Labels, out: Labels) -> Any:
    left, right, back, b, r, n = _plan(lhs, rhs, out)
    x, y = x.transpose(left), y.transpose(right)
    lead, rows, inner, columns = x.shape[:b], x.shape[b : b + r], x.shape[b + r :], y.shape[b + n :]
    m, k, c = _size(rows), _size(inner), _size(columns)
    z = np.matmul(x.reshape((*lead, m, k)), y.reshape((*lead, k, c)))
    return z.reshape((*lead, *rows, *columns)).transpose(back)


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for extent in shape:
        n *= extent
    return n


def _contract(x: Any, y: Any, *, lhs: Labels, rhs: Labels, out: Labels, guard: bool = False) -> Any:
    z = _product(x, y, lhs, rhs, out)
    if guard and not np.isfinite(np.sum(z)):
        return _guarded(x, y, lhs, rhs, out)
    return z


def _guarded(g: Any, d: Any, lhs: Labels, rhs: Labels, out: Labels) -> Any:
    """The product in which a zero of `g` kills an infinity or NaN of `d`.

    The finite part of `d` is multiplied as usual; what its other elements contribute is found by counting
    which of +inf, -inf and nan meet a `g` that is not zero.
    """
    product = lambda x, y: _product(x, y, lhs, rhs, out)  # noqa: E731
    count = lambda x, y: product(x.astype(np.float64), y.astype(np.float64)) > 0  # noqa: E731
    z = product(g, np.where(np.isfinite(d), d, 0))
    up, down = np.isposinf(d), np.isneginf(d)
    positive, negative = g > 0, g < 0
    plus = count(positive, up) | count(negative, down)
    minus = count(positive, down) | count(negative, up)
    nan = count(g != 0, np.isnan(d)) | count(np.isnan(g), ~np.isfinite(d))
    z = np.where(plus, np.inf, z)
    z = np.where(minus, -np.inf, z)
    return np.where(nan | (plus & minus), np.nan, z).astype(g.dtype)


def _contract_adjoints(
    g: Node, x: Node, y: Node, *, lhs: Labels, rhs: Labels, out: Labels, guard: bool = False
) -> tuple[Node, Node]:
    return (
        contract(g, y, lhs=out, rhs=rhs, out=lhs, guard=True),
        contract(g, x, lhs=out, rhs=lhs, out=rhs, guard=True),
    )


def _contract_batch(
    op: Any,
    xs: Sequence[Node],
    batched: Sequence[bool],
    *,
    lhs: Labels,
    rhs: Labels,
    out: Labels,
    guard: bool = False,
) -> Node:
    new = max((*lhs, *rhs), default=-1) + 1
    left = (new, *lhs) if batched[0] else lhs
    right = (new, *rhs) if batched[1] else rhs
    return op(*xs, lhs=left, rhs=right, out=(new, *out), guard=guard)


def _contract_element(
    s: Any,
    read: Any,
    i: Sequence[Any],
    *,
    lhs: Labels,
    rhs: Labels,
    out: Labels,
    guard: bool = False,
) -> Any:
    inner = tuple(k for k in lhs if k not in out)
    sizes = dict(zip(lhs, read[0].shape, strict=True))

    def term(ks: Sequence[Any]) -> Any:
        at = dict(zip((*out, *inner), (*i, *ks), strict=True))
        x, y = read[0](tuple(at[k] for k in lhs)), read[1](tuple(at[k] for k in rhs))
        if guard:
            return s.select(s.compare("==", x, s.const(0)), s.const(0), s.mul(x, y))
        return s.mul(x, y)

    return s.reduce("add", tuple(sizes[k] for k in inner), term)


_MATMUL = (("lhs", (0, 1)), ("out", (0, 2)), ("rhs", (1, 2)))
_BATCH = (("lhs", (0, 1, 2)), ("out", (0, 1, 3)), ("rhs", (0, 2, 3)))
_OUTER = (("lhs", (0,)), ("out", (1, 0)), ("rhs", (1,)))
_DOT = (("lhs", (0,)), ("out", ()), ("rhs", (0,)))
_SHARED = (("lhs", (1, 0)), ("out", (2, 1, 0)), ("rhs", (2, 0)))

def _contract_latex(
    x: Any, y: Any, *, lhs: Labels, rhs: Labels, out: Labels, guard: bool = False
) -> str:
    """Products of matrices and vectors with their transposes; anything else as a sum over labels."""
    inner = [k for k in lhs if k in rhs and k not in out]
    rows, columns = [k for k in lhs if k not in rhs], [k for k in rhs if k not in lhs]
    plain = len(inner) <= 1 and len(rows) <= 1 and len(columns) <= 1
    if not plain or len(lhs) != len(inner + rows) or sorted(out) != sorted(rows + columns):
        index = lambda labels: "".join(chr(ord("i") + k) for k in labels)  # noqa: E731
        named = rf"{x:atom}_{{{index(lhs)}}} \, {y:atom}_{{{index(rhs)}}}"
        return rf"\sum_{{{index(inner)}}} {named}" if inner else named
    if out == (*columns, *rows) and rows and columns:
        x, y, lhs, rhs, rows = y, x, rhs, lhs, columns
    # A vector is a column: it lies down where it is the left factor of a scalar or the right one of a table.
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
    inner=PRODUCT,
    samples=(
        Sample(((3, 4), (4, 2)), attrs=_MATMUL),
        Sample(((2, 3, 4), (2, 4, 5)), attrs=_BATCH),
        Sample(((3,), (4,)), attrs=_OUTER),
        Sample(((5,), (5,)), attrs=_DOT),
        Sample(((3, 4), (2, 4)), attrs=_SHARED),
        Sample(((3, 0), (0, 2)), attrs=_MATMUL),
    ),
)
