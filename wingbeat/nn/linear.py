"""`Linear`."""

from __future__ import annotations

import math
from typing import Any

from wingbeat.api import Tensor, asarray, random
from wingbeat.errors import TypeMismatch
from wingbeat.nn import init
from wingbeat.nn._checks import whole
from wingbeat.nn.module import Module
from wingbeat.nn.parameter import Parameter


class Linear(Module):
    """y = x W' + b, with W of shape (out_features, in_features).

    W and b begin uniform in +-1 / sqrt(in_features), as in PyTorch.

    Args:
        in_features: the size of the last axis of x.
        out_features: the size of the last axis of y.
        bias: whether there is a b.
        dtype: of the parameters.
        key: of `wb.random`, for the initial values; by default the next one of `wb.random.default`.

    Raises:
        BadInput: a size is no whole number of at least 1.
        TypeMismatch: (when called) the last axis of x has another size.

    >>> import wingbeat as wb
    >>> layer = wb.nn.Linear(3, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    >>> layer(wb.ones((5, 3), dtype="float32")).shape
    (5, 2)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = "float32",
        key: Tensor | None = None,
    ) -> None:
        self.in_features = whole(in_features, "in_features", "Linear")
        self.out_features = whole(out_features, "out_features", "Linear")
        bound = 1.0 / math.sqrt(self.in_features)
        keys = random.split(random.default.next() if key is None else key)
        shapes = ((self.out_features, self.in_features), (self.out_features,))
        w, b = (
            init.uniform(k, s, -bound, bound, dtype=dtype)
            for k, s in zip(keys, shapes, strict=True)
        )
        self.weight = Parameter(w)
        self.bias = Parameter(b) if bias else None

    def forward(self, x: Any) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        t = asarray(x)
        if not t.ndim or t.shape[-1] != self.in_features:
            raise TypeMismatch(
                f"Linear: the last axis of x must have {self.in_features} elements; got {t.type}"
                + (". Images go through Flatten() first" if t.ndim > 2 else "")
            )
        y = t @ self.weight.T
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """Sizes, and whether there is a bias."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
