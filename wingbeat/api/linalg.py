"""Products of matrices and tensors; and, as `wb.linalg`, what there is of linear algebra.

>>> import wingbeat as wb
>>> wb.linalg.inv([[2.0, 0.0], [0.0, 4.0]])
tensor([[0.5 , 0.  ],
        [0.  , 0.25]])
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.api.applying import apply, cast_to
from wingbeat.api.axes import count, one_axis
from wingbeat.api.matrices import det as det
from wingbeat.api.matrices import inv as inv
from wingbeat.api.matrices import slogdet as slogdet
from wingbeat.api.matrices import solve as solve
from wingbeat.api.promotion import of_one_dtype
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.views import viewing
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ir.types import promote
from wingbeat.ops.contract import contract
from wingbeat.ops.reduce import sum as sum_axes
from wingbeat.ops.shape import reshape, transpose

Labels = tuple[int, ...]


def _numbers(*operands: Any) -> list[Tensor]:
    """Tensors of one numeric dtype."""
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


def matrix_transpose(x: Any, /) -> Tensor:
    """The last two axes exchanged.

    >>> import wingbeat as wb
    >>> wb.matrix_transpose([[1, 2], [3, 4]])
    tensor([[1, 3],
            [2, 4]])
    """
    return asarray(x).mT


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Einstein's summation: `einsum("ij,jk->ik", a, b)` is the matrix product.

    Any number of operands (contracted two by two, from the left), repeated letters in an operand
    take the diagonal, `...` stands for the leading axes. Without `->` the result has the letters
    that occur once.

    Raises:
        TypeMismatch: the subscripts cannot be read or do not fit the shapes.

    >>> import wingbeat as wb
    >>> wb.einsum("i,i->", [1.0, 2.0], [3.0, 4.0])
    tensor(11.)
    """
    if not isinstance(subscripts, str):
        raise TypeMismatch(f"einsum: subscripts are text such as 'ij,jk->ik', not {subscripts!r}")
    tensors = _numbers(*operands) if operands else []
    inputs, output = _subscripts(subscripts, tensors)
    if not tensors:
        raise TypeMismatch("einsum: give at least one operand")
    return apply(_einsum, *tensors, inputs=tuple(inputs), output=output)


def _subscripts(text: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    """Letters for every axis; `...` becomes capital letters counted from behind."""
    left, arrow, right = text.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise TypeMismatch(
            f"einsum: {text!r} names {len(parts)} operands, {len(tensors)} were given"
        )
    spare = [c for c in string.ascii_letters if c not in text]
    widths = [
        t.ndim - len(p.replace("...", "")) if "..." in p else 0
        for p, t in zip(parts, tensors, strict=True)
    ]
    if min(widths, default=0) < 0:
        raise TypeMismatch(f"einsum: {text!r} names more axes than an operand has")
    dots = "".join(spare[: max(widths, default=0)])
    filled = [p.replace("...", dots[len(dots) - w :]) for p, w in zip(parts, widths, strict=True)]
    for part, t in zip(filled, tensors, strict=True):
        if not part.isalpha() and part:
            raise TypeMismatch(f"einsum: {text!r} may hold letters, commas, '...' and '->' only")
        if len(part) != t.ndim:
            raise TypeMismatch(f"einsum: {part!r} does not name the axes of {t.type}")
    return filled, _output(text, "".join(filled), right if arrow else None, dots)


def _output(text: str, letters: str, right: str | None, dots: str) -> str:
    if right is None:
        once = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots)
        return dots + "".join(once)
    output = right.replace("...", dots)
    if len(set(output)) != len(output) or not set(output) <= set(letters):
        raise TypeMismatch(f"einsum: the result {right!r} of {text!r} repeats or invents a letter")
    return output


def _einsum(*xs: Node, inputs: tuple[str, ...], output: str) -> Node:
    terms = [_diagonal(x, labels) for x, labels in zip(xs, inputs, strict=True)]
    terms = _unit_axes(terms)
    while len(terms) > 1:
        (x, a), (y, b), *rest = terms
        needed = set(output).union(*(labels for _, labels in rest))
        terms = [_pair(x, a, y, b, needed), *rest]
    x, labels = _summed(*terms[0], set(output))
    missing = [c for c in output if c not in labels]
    x, labels = reshape(x, shape=(*x.shape, *(1 for _ in missing))), labels + "".join(missing)
    return transpose(x, perm=tuple(labels.index(c) for c in output))


def _diagonal(x: Node, labels: str) -> tuple[Node, str]:
    """One axis for each letter: repeated letters read the diagonal."""
    for letter in dict.fromkeys(labels):
        while labels.count(letter) > 1:
            i = labels.index(letter)
            j = labels.index(letter, i + 1)
            x, labels = _diagonal_of(x, labels, i, j)
    return x, labels


def _diagonal_of(x: Node, labels: str, i: int, j: int) -> tuple[Node, str]:
    from wingbeat.ops.shape import slice

    n = x.shape[i]
    if x.shape[j] != n:
        raise TypeMismatch(f"einsum: letter {labels[i]!r} names sizes {n} and {x.shape[j]}")
    rest = [k for k in range(len(labels)) if k not in (i, j)]
    flat = transpose(x, perm=(i, j, *rest))
    tail = flat.shape[2:]
    flat = reshape(flat, shape=(n * n, *tail))
    zeros, ones = (0,) * len(tail), (1,) * len(tail)
    picked = slice(flat, start=(0, *zeros), stop=(n * n, *tail), step=(n + 1, *ones))
    return picked, labels[i] + "".join(labels[k] for k in rest)


def _unit_axes(terms: list[tuple[Node, str]]) -> list[tuple[Node, str]]:
    """Axes of size 1 broadcast: dropped where another operand has the letter at full size."""
    sizes: dict[str, int] = {}
    for x, labels in terms:
        for c, n in zip(labels, x.shape, strict=True):
            if sizes.get(c, 1) != 1 and n not in (1, sizes[c]):
                raise TypeMismatch(f"einsum: letter {c!r} names sizes {sizes[c]} and {n}")
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    result: list[tuple[Node, str]] = []
    for x, labels in terms:
        kept = [(c, n) for c, n in zip(labels, x.shape, strict=True) if n == sizes[c]]
        result.append((reshape(x, shape=tuple(n for _, n in kept)), "".join(c for c, _ in kept)))
    return result


def _summed(x: Node, labels: str, needed: set[str]) -> tuple[Node, str]:
    axes = tuple(k for k, c in enumerate(labels) if c not in needed)
    return sum_axes(x, axes=axes), "".join(c for c in labels if c in needed)


def _pair(x: Node, a: str, y: Node, b: str, needed: set[str]) -> tuple[Node, str]:
    """Two operands into one: what only one of them has and nobody needs is summed first."""
    x, a = _summed(x, a, needed | set(b))
    y, b = _summed(y, b, needed | set(a))
    number = {c: k for k, c in enumerate(dict.fromkeys(a + b))}
    out = "".join(c for c in number if c in needed)
    labels = ([number[c] for c in part] for part in (a, b, out))
    lhs, rhs, result = (tuple(part) for part in labels)
    return contract(x, y, lhs=lhs, rhs=rhs, out=result), out


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Tensor:
    """The sum of products over `axes`: a number of axes, or a pair of sequences of axes.

    >>> import wingbeat as wb
    >>> wb.tensordot([1.0, 2.0], [3.0, 4.0], axes=1)
    tensor(11.)
    """
    x, y = _numbers(x1, x2)
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
    from wingbeat.api.statistics import sum

    x, y = asarray(x1), asarray(x2)
    k = one_axis(axis, max(x.ndim, y.ndim), "vecdot") - max(x.ndim, y.ndim)
    if -k > min(x.ndim, y.ndim) or x.shape[k] != y.shape[k]:
        raise TypeMismatch(f"vecdot: axis {axis} of {x.type} and {y.type} must have one size")
    return sum(x * y, axis=k)


def outer(x1: Any, x2: Any, /) -> Tensor:
    """The matrix of all products of two vectors.

    >>> import wingbeat as wb
    >>> wb.outer([1.0, 2.0], [3.0, 4.0])
    tensor([[3., 4.],
            [6., 8.]])
    """
    x, y = asarray(x1), asarray(x2)
    if x.ndim != 1 or y.ndim != 1:
        raise TypeMismatch(f"outer: takes two vectors, not {x.type} and {y.type}")
    return einsum("i,j->ij", x, y)


def diagonal(x: Any, /, *, offset: int = 0) -> Tensor:
    """The diagonal number `offset` of the last two axes: a view.

    >>> import wingbeat as wb
    >>> wb.diagonal([[1.0, 2.0], [3.0, 4.0]])
    tensor([1., 4.])
    """
    t = asarray(x)
    if t.ndim < 2:
        raise TypeMismatch(f"diagonal: {t.type} is no matrix")
    rows, columns = t.shape[-2:]
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    begin = np.arange(count)
    return viewing(t[..., begin + max(-offset, 0), begin + max(offset, 0)], t)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal number `offset` of the last two axes.

    >>> import wingbeat as wb
    >>> wb.trace([[1.0, 2.0], [3.0, 4.0]])
    tensor(5.)
    """
    from wingbeat.api.statistics import sum

    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """The vector product of vectors of three elements along `axis`.

    >>> import wingbeat as wb
    >>> wb.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    tensor([0., 0., 1.])
    """
    from wingbeat.api.manipulation import moveaxis, stack

    x, y = _numbers(x1, x2)
    a, b = (moveaxis(t, one_axis(axis, t.ndim, "cross"), -1) for t in (x, y))
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise TypeMismatch(
            f"cross: vectors have three elements along axis {axis}; got {x.type}, {y.type}"
        )
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return moveaxis(stack(parts, axis=-1), -1, axis)


__all__ = [
    "cross",
    "diagonal",
    "einsum",
    "matmul",
    "matrix_transpose",
    "outer",
    "tensordot",
    "trace",
    "vecdot",
]
