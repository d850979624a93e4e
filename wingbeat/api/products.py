"""Products of matrices, vectors and tensors; public as `wb.matmul` and the like."""

from __future__ import annotations

import itertools
from typing import Any

from wingbeat.api import statistics
from wingbeat.api.applying import apply, cast_to
from wingbeat.api.axes import count, one_axis
from wingbeat.api.manipulation import moveaxis, stack
from wingbeat.api.promotion import of_one_dtype
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ir.types import promote
from wingbeat.ops.contract import contract
from wingbeat.ops.shape import reshape

Labels = tuple[int, ...]


def numbers(*operands: Any) -> list[Tensor]:
    """Tensors of one dtype, which all the operands go into."""
    tensors = [asarray(x) for x in operands]
    dtype = promote(*(t.dtype for t in tensors))
    return [cast_to(t, dtype) for t in tensors]


def matmul(x1: Any, x2: Any, /) -> Tensor:
    """The matrix product `x1 @ x2`: shapes (..., m, k) and (..., k, n) give (..., m, n).

    A vector stands for a row on the left and for a column on the right; leading axes broadcast.

    Raises:
        TypeMismatch: the inner sizes differ, an operand is a scalar, or leading axes do not
            broadcast.

    >>> import wingbeat as wb
    >>> wb.matmul([[1.0, 2.0]], [[3.0], [4.0]])
    tensor([[11.]])
    """
    if isinstance(x1, Tensor) and isinstance(x2, Tensor):
        return apply(_matmul, x1, x2)
    return apply(_matmul, asarray(x1), asarray(x2))


def _check_matmul(x: Node, y: Node) -> None:
    if not x.shape or not y.shape:
        raise TypeMismatch(f"matmul: {x.type} @ {y.type}: a scalar is no matrix; use *")
    inner = y.shape[-2:][0]  # of a vector, its only axis
    if x.shape[-1] == inner:
        return
    hint = ""
    if len(y.shape) == 2 and y.shape[-1] == x.shape[-1]:
        hint = " Did you mean x @ y.T?"
    elif len(x.shape) == 2 and x.shape[0] == inner:
        hint = " Did you mean x.T @ y?"
    raise TypeMismatch(
        f"matmul: inner sizes {x.shape[-1]} and {inner} differ: {x.type} @ {y.type}.{hint}"
    )


def _matmul(x: Node, y: Node) -> Node:
    """Labels: 0 rows, 1 the inner axis, 2 columns, from 3 on the leading axes from behind."""
    _check_matmul(x, y)
    x, y = of_one_dtype(x, y)
    left: Labels = (0, 1) if len(x.shape) > 1 else (1,)
    right: Labels = (1, 2) if len(y.shape) > 1 else (1,)
    out = tuple(k for k in (*left, *right) if k != 1)
    x, lead_x, sizes_x = _leading(x, len(left))
    y, lead_y, sizes_y = _leading(y, len(right))
    sizes = {**sizes_x, **sizes_y}
    depth = max(lead_x[1], lead_y[1])
    lead = tuple(k for k in range(3 + depth - 1, 2, -1) if k in sizes)
    z = contract(x, y, lhs=lead_x[0] + left, rhs=lead_y[0] + right, out=lead + out)
    shape = tuple(sizes.get(k, 1) for k in range(3 + depth - 1, 2, -1))
    return reshape(z, shape=(*shape, *z.shape[len(lead) :])) if len(shape) != len(lead) else z


def _leading(x: Node, core: int) -> tuple[Node, tuple[Labels, int], dict[int, int]]:
    """`x` without leading axes of size 1, its labels, and the sizes of those axes."""
    n = len(x.shape) - core
    labels = tuple(range(3 + n - 1, 2, -1))
    kept = tuple(k for k, size in zip(labels, x.shape, strict=False) if size != 1)
    if len(kept) < n:
        shape = (*(s for s in x.shape[:n] if s != 1), *x.shape[n:])
        x = reshape(x, shape=shape)
    return x, (kept, n), dict(zip(kept, x.shape, strict=False))


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Tensor:
    """The sum of products over `axes`: a number of axes, or a pair of sequences of axes.

    >>> import wingbeat as wb
    >>> wb.tensordot([1.0, 2.0], [3.0, 4.0], axes=1)
    tensor(11.)
    """
    x, y = numbers(x1, x2)
    left, right = _meeting(x, y, axes)
    lhs = tuple(range(x.ndim))
    pair = dict(zip(right, left, strict=True))
    fresh = itertools.count(x.ndim)
    rhs = tuple(pair[k] if k in pair else next(fresh) for k in range(y.ndim))
    out = (*(k for k in lhs if k not in left), *(k for k in rhs if k >= x.ndim))
    return apply(contract, x, y, lhs=lhs, rhs=rhs, out=out)


def _meeting(x: Tensor, y: Tensor, axes: Any) -> tuple[Labels, Labels]:
    """The axes of both operands that `tensordot` sums over, in pairs."""
    if isinstance(axes, tuple | list) and len(axes) == 2:
        pair = [a if isinstance(a, tuple | list) else (a,) for a in axes]
    else:
        n = count(axes, "tensordot", "the number of axes")
        if n > min(x.ndim, y.ndim):
            raise TypeMismatch(f"tensordot: {x.type} and {y.type} have not {n} axes to meet")
        pair = [range(x.ndim - n, x.ndim), range(n)]
    left, right = (
        tuple(one_axis(k, t.ndim, "tensordot") for k in a)
        for t, a in zip((x, y), pair, strict=True)
    )
    sizes = [x.shape[k] for k in left], [y.shape[k] for k in right]
    distinct = len({*left}) == len(left) == len(right) == len({*right})
    if not distinct or sizes[0] != sizes[1]:
        raise TypeMismatch(
            f"tensordot: axes {left} of {x.type} cannot meet axes {right} of {y.type}"
        )
    return left, right


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """The sum of `x1 x2` along one axis.

    >>> import wingbeat as wb
    >>> wb.vecdot([1.0, 2.0], [3.0, 4.0])
    tensor(11.)
    """
    x, y = asarray(x1), asarray(x2)
    k = one_axis(axis, max(x.ndim, y.ndim), "vecdot") - max(x.ndim, y.ndim)
    if -k > min(x.ndim, y.ndim) or x.shape[k] != y.shape[k]:
        raise TypeMismatch(f"vecdot: axis {axis} of {x.type} and {y.type} must have one size")
    return statistics.sum(x * y, axis=k)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """The vector product of vectors of three elements along `axis`.

    >>> import wingbeat as wb
    >>> wb.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    tensor([0., 0., 1.])
    """
    x, y = numbers(x1, x2)
    a, b = (moveaxis(t, one_axis(axis, t.ndim, "cross"), -1) for t in (x, y))
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise TypeMismatch(
            f"cross: vectors have three elements along axis {axis}; got {x.type}, {y.type}"
        )
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return moveaxis(stack(parts, axis=-1), -1, axis)
