"""Gradients kept within bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, maximum, minimum, no_grad, sqrt
from wingbeat.errors import TypeMismatch
from wingbeat.optim import _checks


def _with_gradient(params: Any, operation: str) -> list[Tensor]:
    found = [params] if isinstance(params, Tensor) else list(params)
    for p in found:
        if not isinstance(p, Tensor):
            raise TypeMismatch(f"{operation}: parameters are tensors, not {type(p).__name__}")
    return [p for p in found if p.grad is not None]


def clip_grad_norm(params: Any, max_norm: float) -> Tensor:
    """Scale all gradients by one factor so that their norm together is at most `max_norm`.

    The factor is min(1, max_norm / (norm + 1e-6)), as in PyTorch: Pascanu et al. (2013). Nothing is
    evaluated: the next `optimizer.step()` runs it.

    Args:
        params: parameters; those without a gradient are passed over.
        max_norm: at least 0; `inf` only measures.

    Returns:
        The norm before, a 0-d tensor in float64 (squares of float32 numbers would overflow at
        1e19).

    Raises:
        BadInput: `max_norm` is negative or NaN.

    >>> import wingbeat as wb
    >>> w = wb.nn.Parameter([3.0, 4.0])
    >>> (w * w).sum().backward()
    >>> wb.optim.clip_grad_norm([w], 5.0), w.grad.tolist()
    (tensor(10.), [2.9999997..., 3.9999996...])
    """
    if max_norm != math.inf:
        max_norm = _checks.number(max_norm, "max_norm", "clip_grad_norm")
    found = _with_gradient(params, "clip_grad_norm")
    if not found:
        return asarray(0.0)
    with no_grad():
        total = None
        for p in found:
            wide = _gradient(p).astype("float64")
            squares = (wide * wide).sum()
            total = squares if total is None else total + squares
        size = sqrt(total)
        if max_norm != math.inf:
            factor = minimum(_number(max_norm) / (size + 1e-6), 1.0)
            cast = {d: factor.astype(d) for d in {p.dtype.name: p.dtype for p in found}.values()}
            for p in found:
                p.grad = _gradient(p) * cast[p.dtype]
        return size


def clip_grad_value(params: Any, limit: float) -> None:
    """Bring every element of every gradient between -limit and limit.

    Raises:
        BadInput: `limit` is negative or NaN.

    >>> import wingbeat as wb
    >>> w = wb.nn.Parameter([3.0, -0.25])
    >>> (w * w).sum().backward()
    >>> wb.optim.clip_grad_value([w], 1.0)
    >>> w.grad.tolist()
    [1.0, -0.5]
    """
    limit = _checks.number(limit, "limit", "clip_grad_value")
    with no_grad():
        for p in _with_gradient(params, "clip_grad_value"):
            bound = _number(limit, p.dtype)
            p.grad = maximum(minimum(_gradient(p), bound), -bound)


def _gradient(p: Tensor) -> Tensor:
    assert p.grad is not None
    return p.grad


def _number(value: float, dtype: Any = "float64") -> Tensor:
    """A number that is data, so that another one runs the same program."""
    return asarray(np.asarray(value, dtype))
