"""Layers that keep training well behaved: `Dropout`, `LayerNorm`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wingbeat.api import Tensor, asarray, layer_norm, random
from wingbeat.errors import TypeMismatch
from wingbeat.nn import functional, init
from wingbeat.nn._checks import whole, within
from wingbeat.nn.module import Module
from wingbeat.nn.parameter import Parameter


class Dropout(Module):
    """In training each element is 0 with probability `p`, else divided by 1 - p; in use it stays.

    Every call in training draws the next key of `wb.random.default`.

    Raises:
        BadInput: `p` is outside 0 ... 1.

    >>> import wingbeat as wb
    >>> drop = wb.nn.Dropout(0.5)
    >>> sorted(set(drop(wb.ones(100)).tolist()))
    [0.0, 2.0]
    >>> drop.eval()(wb.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = within(p, 0.0, 1.0, "p", "Dropout")

    def forward(self, x: Any) -> Tensor:
        """Shape and dtype are kept."""
        if not self.training or not self.p:
            return asarray(x)
        return functional.dropout(x, self.p, random.default.next())

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p:g}"


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) w + b over the last axes of x: Ba et al. (2016).

    Args:
        shape: the sizes of these axes; an integer for one.
        eps: added to the variance.
        affine: whether there are w (beginning at 1) and b (at 0).
        bias: whether there is a b beside w.
        dtype: of the parameters.

    Raises:
        BadInput: a size is no whole number of at least 1, eps is negative.
        TypeMismatch: (when called) the last axes of x have other sizes.

    >>> import wingbeat as wb
    >>> wb.nn.LayerNorm(2, eps=0.0)(wb.asarray([[1.0, 3.0]], dtype="float32")).tolist()
    [[-1.0, 1.0]]
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        shape: int | Sequence[int],
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        sizes = shape if isinstance(shape, tuple | list) else (shape,)
        self.shape = tuple(whole(n, "shape", "LayerNorm") for n in sizes)
        self.eps = within(eps, 0.0, math.inf, "eps", "LayerNorm")
        one, zero = (init.constant(None, self.shape, v, dtype=dtype) for v in (1.0, 0.0))
        self.weight = Parameter(one) if affine else None
        self.bias = Parameter(zero) if affine and bias else None

    def forward(self, x: Any) -> Tensor:
        """Shape and dtype are kept."""
        t = asarray(x)
        n = len(self.shape)
        if t.ndim < n or t.shape[t.ndim - n :] != self.shape:
            raise TypeMismatch(f"LayerNorm: the last axes of x are {self.shape}; got {t.type}")
        y = layer_norm(t, axis=tuple(range(t.ndim - n, t.ndim)), eps=self.eps)
        if self.weight is not None:
            y = y * self.weight
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """Sizes and eps."""
        return f"{self.shape}, eps={self.eps:g}"
