"""The methods of `Tensor` that are functions too, and those that are asked for by name only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from wingbeat.api import elementwise, indexing, linalg, manipulation, statistics
from wingbeat.api.applying import apply
from wingbeat.api.gradient import backward
from wingbeat.api.operators import OPERATORS, named
from wingbeat.api.protocols import array_function, array_ufunc, rounded
from wingbeat.api.tensor import Tensor
from wingbeat.api.views import viewing
from wingbeat.errors import NotSupported, TypeMismatch
from wingbeat.ops.shape import transpose


def install() -> None:
    """Give `Tensor` its operators and methods."""
    for name, member in (OPERATORS | METHODS).items():
        setattr(Tensor, name, member)


# --- with a function of the same name -----------------------------------------------------------


def _any(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    return method


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's and PyTorch's methods take the axis by position as well."""

    def method(self: Tensor, axis: Any = None, **kwargs: Any) -> Any:
        return function(self, axis=axis, **kwargs)

    return method


def _along(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, axis: int = -1) -> Any:
        return function(self, axis=axis)

    return method


_SAME_NAME = (
    (_along, statistics, "softmax log_softmax"),
    (_reduction, statistics, "sum prod mean var std max min all any argmax argmin logsumexp norm"),
    (
        _any,
        elementwise,
        "exp log log1p expm1 sqrt sin cos tan tanh sigmoid relu abs square clip astype floor ceil "
        "sign reciprocal maximum minimum pow isnan isfinite round",
    ),
    (_any, manipulation, "squeeze flip moveaxis repeat roll broadcast_to"),
    (_any, indexing, "take nonzero"),
    (_any, linalg, "matmul"),
)


# --- of its own ---------------------------------------------------------------------------------


def _shape(sizes: tuple[Any, ...]) -> Any:
    return sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes


def _reshape(self: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape: `x.reshape(2, -1)` or `x.reshape((2, -1))`."""
    return manipulation.reshape(self, _shape(shape))


def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """The axes in another order; reversed without arguments."""
    return manipulation.permute_dims(self, _shape(axes)) if axes else self.T


def _flatten(self: Tensor) -> Tensor:
    """All elements in one axis: a copy, where `ravel` is a view."""
    return manipulation.reshape(self, (self.size,), copy=True)


def _ravel(self: Tensor) -> Tensor:
    """All elements in one axis: a view, where `flatten` is a copy."""
    return manipulation.reshape(self, (self.size,))


def _cumsum(self: Tensor, axis: int | None = None) -> Tensor:
    """The running sum along an axis."""
    return statistics.cumulative_sum(self, axis=axis)


def _contains(self: Tensor, value: Any) -> bool:
    return bool(statistics.any(self == value))


def _round(self: Tensor, digits: int = 0) -> Tensor:
    return rounded(self, digits)


def _clone(self: Tensor) -> Tensor:
    """The same value; tensors never change, so nothing is copied."""
    return +self


def _reversed_axes(self: Tensor) -> Tensor:
    """The axes in reverse order."""
    return viewing(apply(transpose, self, perm=tuple(reversed(range(self.ndim)))), self)


def _matrix_transpose(self: Tensor) -> Tensor:
    """The last two axes exchanged."""
    n = self.ndim
    if n < 2:
        raise TypeMismatch(f"mT: {self.type} is no matrix")
    return viewing(apply(transpose, self, perm=(*range(n - 2), n - 1, n - 2)), self)


def _dlpack(self: Tensor, **kwargs: Any) -> Any:
    # The protocol has no read-only arrays before version 1, so others get a copy.
    return self.numpy().copy().__dlpack__(**kwargs)


def _dlpack_device(self: Tensor) -> Any:
    return self.numpy().__dlpack_device__()


def _to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The Array API's way to another device; there is only the one."""
    if device != "cpu":
        raise NotSupported(f"to_device: device {device!r}; tensors live on the cpu")
    return self


def _namespace(self: Tensor, api_version: str | None = None) -> Any:
    return sys.modules["wingbeat"]  # the public face, which this layer may not import


METHODS: dict[str, Any] = {
    name: named(name, method(function := getattr(module, name)), function.__doc__)
    for method, module, names in _SAME_NAME
    for name in names.split()
} | {
    "backward": backward,
    "clone": _clone,
    "T": property(_reversed_axes),
    "mT": property(_matrix_transpose),
    "__getitem__": indexing.get,
    "__setitem__": indexing.put,
    "reshape": _reshape,
    "view": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "ravel": _ravel,
    "cumsum": _cumsum,
    "to_device": _to_device,
    "__contains__": _contains,
    "__round__": _round,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "__array_ufunc__": array_ufunc,
    "__array_function__": array_function,
    "__array_namespace__": _namespace,
}
