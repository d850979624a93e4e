"""Gradients kept within bounds."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from wingbeat.api import Tensor, add, asarray, clip, hypot, maximum, minimum, no_grad, sqrt
from wingbeat.api.replay import replay
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
        The norm before, a 0-d tensor in float64, right to the gradients' own rounding however large
        or small they are.

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
    found = [p for p in _with_gradient(params, "clip_grad_norm") if p.size]
    if not found:
        return asarray(0.0)
    gradients = [_gradient(p) for p in found]
    with no_grad():
        if max_norm == math.inf:
            return replay(_measured, gradients)[0]
        size, *clipped = replay(_clipped, [_number(max_norm), *gradients])
    for p, g in zip(found, clipped, strict=True):
        p.grad = g
    return size


def _measured(*gradients: Tensor) -> list[Tensor]:
    """The norm of all gradients together, from those of the gradients of each dtype."""
    wide = [g.astype("float32") if g.dtype.name == "float16" else g for g in gradients]
    alike = {g.dtype: [other for other in wide if other.dtype == g.dtype] for g in wide}
    return [reduce(hypot, [_size(*group) for group in alike.values()])]


def _size(*gradients: Tensor) -> Tensor:
    """The norm of gradients of one dtype, in float64.

    In units of the largest element no square over- or underflows. Squares in float64 would not
    either, but cost as much as the rest of a training step.
    """
    limits = np.finfo(gradients[0].dtype)
    high = reduce(maximum, [g.max() for g in gradients])
    low = reduce(minimum, [g.min() for g in gradients])
    unit = clip(maximum(high, -low), float(limits.tiny), float(limits.max))
    scaled = [g / unit for g in gradients]
    squares = [(s * s).sum().astype("float64") for s in scaled]
    return sqrt(reduce(add, squares)) * unit.astype("float64")


def _clipped(limit: Tensor, *gradients: Tensor) -> list[Tensor]:
    """The norm, and the gradients brought below the limit."""
    (size,) = _measured(*gradients)
    factor = minimum(limit / (size + 1e-6), 1.0)
    cast = {d: factor.astype(d) for d in dict.fromkeys(g.dtype for g in gradients)}
    return [size, *(g * cast[g.dtype] for g in gradients)]


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
