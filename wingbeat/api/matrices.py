"""Linear equations, inverses and determinants; public in `wb.linalg`.

The last two axes are those of matrices, the axes before them count matrices. Derivatives are exact,
to any order. A singular matrix has no inverse, which is told by NaN for that matrix alone, where
NumPy stops with an error: so one matrix of many spoils no other, and `wb.where` can choose.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from wingbeat.api.applying import apply
from wingbeat.api.promotion import expand, of_one_dtype
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ops import matrix as mx
from wingbeat.ops.arithmetic import cast
from wingbeat.ops.shape import reshape


class Slogdet(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


def solve(x1: Any, x2: Any, /) -> Tensor:
    """The solution z of `x1 @ z = x2`.

    `x1` has shape (..., n, n). `x2` is a vector of shape (n,), or matrices (..., n, k) whose
    columns are right sides; leading axes broadcast. Integers become float64. The solutions for a
    singular matrix are NaN.

    Raises:
        TypeMismatch: `x1` is not square, or shapes do not fit.

    >>> import wingbeat as wb
    >>> wb.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [6.0, 4.0])
    tensor([3., 1.])
    >>> wb.grad(lambda a: wb.linalg.solve(wb.stack([wb.stack([a])]), [6.0])[0])(2.0)
    tensor(-1.5)
    """
    return apply(_solve, asarray(x1), asarray(x2))


def inv(x: Any, /) -> Tensor:
    """The inverse of each square matrix; NaN where there is none. To solve equations use `solve`.

    Raises:
        TypeMismatch: the matrices are not square.

    >>> import wingbeat as wb
    >>> wb.linalg.inv([[0.0, 2.0], [4.0, 0.0]])
    tensor([[0.  , 0.25],
            [0.5 , 0.  ]])
    """
    return apply(_inverse, asarray(x))


def det(x: Any, /) -> Tensor:
    """The determinant of each square matrix.

    The first derivative is exact for singular matrices too (it is the matrix of cofactors); further
    ones are NaN there.

    Raises:
        TypeMismatch: the matrices are not square.

    >>> import wingbeat as wb
    >>> wb.linalg.det([[1.0, 2.0], [3.0, 5.0]])
    tensor(-1.)
    >>> wb.grad(wb.linalg.det)(wb.zeros((2, 2)) + 1.0)
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    return apply(_of_matrices, asarray(x), of="det")


def slogdet(x: Any, /) -> Slogdet:
    """The sign of the determinant, and the logarithm of its size: for what is too large for `det`.

    For a singular matrix they are 0 and -inf.

    Raises:
        TypeMismatch: the matrices are not square.

    >>> import wingbeat as wb
    >>> sign, size = wb.linalg.slogdet([[0.0, 2.0], [3.0, 4.0]])
    >>> sign, wb.exp(size)
    (tensor(-1.), tensor(6.))
    """
    t = asarray(x)
    return Slogdet(apply(_of_matrices, t, of="det_sign"), apply(_of_matrices, t, of="log_abs_det"))


# --- on nodes -----------------------------------------------------------------------------------

_NUMBERS = {op.name: op for op in (mx.det, mx.det_sign, mx.log_abs_det)}
_NAMES = {"det_sign": "slogdet", "log_abs_det": "slogdet"}


def _floats(x: Node) -> Node:
    return x if x.type.inexact else cast(x, dtype="float64")


def _square(x: Node, name: str) -> Node:
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise TypeMismatch(f"{name}: takes square matrices (..., n, n), not {x.type}")
    return _floats(x)


def _of_matrices(x: Node, *, of: str) -> Node:
    return _NUMBERS[of](_square(x, _NAMES.get(of, of)))


def _inverse(x: Node) -> Node:
    a = _square(x, "inv")
    return mx.solve(a, mx.identity(a), guard=0)


def _solve(a: Node, b: Node) -> Node:
    a, b = of_one_dtype(_square(a, "solve"), _floats(b))
    n = a.shape[-1]
    if b.shape[-2:][:1] != (n,):
        raise TypeMismatch(
            f"solve: for matrices {a.type} the right side is a vector ({n},) or matrices "
            f"(..., {n}, k), not {b.type}"
        )
    if len(b.shape) > 1:
        return _columns(a, b)
    z = _columns(a, expand(reshape(b, shape=(n, 1)), (*a.shape[:-1], 1)))
    return reshape(z, shape=a.shape[:-1])


def _columns(a: Node, b: Node) -> Node:
    """The solutions for the columns of matrices `b`."""
    if len(a.shape) == 2 < len(b.shape):  # one matrix for all right sides is divided up once
        flat = reshape(b, shape=(math.prod(b.shape[:-2]), *b.shape[-2:]))
        z = mx.solve.batch(mx.solve, (a, flat), (False, True), guard=0)
        return reshape(z, shape=b.shape)
    try:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise TypeMismatch(
            f"solve: the leading axes of {a.type} and {b.type} do not broadcast"
        ) from None
    wide = (expand(x, (*lead, *x.shape[-2:])) for x in (a, b))
    return mx.solve(*wide, guard=0)


__all__ = ["Slogdet", "det", "inv", "slogdet", "solve"]
