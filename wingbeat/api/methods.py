"""The methods of `Tensor` that are functions too, as tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wingbeat.api import (
    elementwise,
    indexing,
    linalg,
    manipulation,
    statistics,
)
from wingbeat.api.applying import cast_to
from wingbeat.api.keys import located
from wingbeat.api.protocols import array_function, array_ufunc, rounded
from wingbeat.api.tensor import Tensor
from wingbeat.api.views import check_updatable
from wingbeat.errors import NotSupported, TypeMismatch

_SAME_NAME = {
    statistics: "sum prod mean var std max min all any argmax argmin softmax log_softmax "
    "logsumexp norm",
    elementwise: "exp log log1p expm1 sqrt sin cos tan tanh sigmoid relu abs square clip astype "
    "floor ceil round sign reciprocal maximum minimum pow isnan isfinite",
    manipulation: "squeeze flip moveaxis repeat roll broadcast_to",
    indexing: "take nonzero",
    linalg: "matmul",
}


def _method(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = function.__doc__
    return method


def _reduction(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """NumPy's and PyTorch's methods take the axis by position as well."""

    def method(self: Tensor, axis: Any = None, **kwargs: Any) -> Any:
        return function(self, axis=axis, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = function.__doc__
    return method


def _in_place(operator: str) -> Callable[..., Any]:
    """`x += y` gives the name a new value; an input that requires a gradient stays the same object.

    That is what a step of descent by hand needs: `with wb.no_grad(): w -= rate * w.grad`.
    """
    plain = getattr(Tensor, f"__{operator}__")

    def method(self: Tensor, y: Any) -> Any:
        check_updatable(self, sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
        new = plain(self, y)
        if new is NotImplemented:
            return new
        if (
            self.shape and new.type is not self.type
        ):  # what is a number in NumPy may change its type
            new = _kept_in_type(self, new, operator)
        if not (self.requires_grad and self.is_leaf):
            return new
        self._rebind(new)
        return self

    method.__name__ = f"__i{operator}__"
    method.__qualname__ = f"Tensor.__i{operator}__"
    return method


def _kept_in_type(x: Tensor, new: Tensor, operator: str) -> Tensor:
    """`new` in the type of `x`, where NumPy would put it there: rounded, at most."""
    if new.shape == x.shape and np.can_cast(new.dtype, x.dtype, "same_kind"):
        return cast_to(new, x.dtype)
    raise TypeMismatch(
        located(
            f"i{operator}: {x.type} cannot become {new.type} in place, as in NumPy; "
            "write the operation out, as in x = x + y"
        )
    )


_ONE_AXIS = {"softmax", "log_softmax"}
_IN_PLACE = "add sub mul truediv floordiv mod pow matmul"


def install() -> None:
    """Give `Tensor` its methods."""
    for module, names in _SAME_NAME.items():
        for name in names.split():
            function = getattr(module, name)
            if module is statistics and name not in _ONE_AXIS:
                setattr(Tensor, name, _reduction(function, name))
            elif name in _ONE_AXIS:
                setattr(Tensor, name, _along(function, name))
            else:
                setattr(Tensor, name, _method(function, name))
    for name, function in _EXTRA.items():
        setattr(Tensor, name, function)
    for operator in _IN_PLACE.split():
        setattr(Tensor, f"__i{operator}__", _in_place(operator))


def _along(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def method(self: Tensor, axis: int = -1) -> Any:
        return function(self, axis=axis)

    method.__name__ = name
    method.__doc__ = function.__doc__
    return method


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


def _divmod(self: Tensor, y: Any) -> Any:
    return self // y, self % y


def _rdivmod(self: Tensor, x: Any) -> Any:
    return x // self, x % self


def _round(self: Tensor, digits: int = 0) -> Tensor:
    return rounded(self, digits)


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


_EXTRA: Mapping[str, Any] = {
    "reshape": _reshape,
    "view": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "ravel": _ravel,
    "cumsum": _cumsum,
    "to_device": _to_device,
    "__contains__": _contains,
    "__divmod__": _divmod,
    "__rdivmod__": _rdivmod,
    "__round__": _round,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "__array_ufunc__": array_ufunc,
    "__array_function__": array_function,
    "__array_namespace__": _namespace,
}
