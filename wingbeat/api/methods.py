"""The methods of `Tensor` that are functions too, and NumPy's protocols, as tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wingbeat.api import creation, elementwise, indexing, linalg, manipulation, statistics
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import NotSupported

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
        new = plain(self, y)
        if new is NotImplemented or not (self.requires_grad and self.is_leaf):
            return new
        self._rebind(new)
        return self

    method.__name__ = f"__i{operator}__"
    method.__qualname__ = f"Tensor.__i{operator}__"
    return method


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
    """All elements in one axis."""
    return manipulation.reshape(self, (self.size,))


def _cumsum(self: Tensor, axis: int | None = None) -> Tensor:
    """The running sum along an axis."""
    return statistics.cumulative_sum(self, axis=axis)


def _contains(self: Tensor, value: Any) -> bool:
    return bool(statistics.any(self == value))


# --- NumPy's protocols: np.sin(tensor), np.sum(tensor), xp = tensor.__array_namespace__()
# -----------------

UFUNCS: Mapping[str, Callable[..., Any]] = {
    **{
        f: getattr(elementwise, f)
        for f in [
            "add",
            "subtract",
            "multiply",
            "divide",
            "floor_divide",
            "remainder",
            "maximum",
            "minimum",
            "hypot",
            "logaddexp",
            "copysign",
            "nextafter",
            "exp",
            "exp2",
            "expm1",
            "log",
            "log1p",
            "log2",
            "log10",
            "sqrt",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "negative",
            "positive",
            "sign",
            "square",
            "reciprocal",
            "floor",
            "ceil",
            "trunc",
            "isnan",
            "isinf",
            "isfinite",
            "signbit",
            "equal",
            "not_equal",
            "less",
            "less_equal",
            "greater",
            "greater_equal",
            "logical_and",
            "logical_or",
            "logical_xor",
            "logical_not",
            "bitwise_and",
            "bitwise_or",
            "bitwise_xor",
        ]
    },
    "absolute": elementwise.abs,
    "fabs": elementwise.abs,
    "power": elementwise.pow,
    "float_power": elementwise.pow,
    "rint": elementwise.round,
    "arcsin": elementwise.asin,
    "arccos": elementwise.acos,
    "arctan": elementwise.atan,
    "arctan2": elementwise.atan2,
    "arcsinh": elementwise.asinh,
    "arccosh": elementwise.acosh,
    "arctanh": elementwise.atanh,
    "invert": elementwise.bitwise_invert,
    "left_shift": elementwise.bitwise_left_shift,
    "right_shift": elementwise.bitwise_right_shift,
    "fmax": elementwise.maximum,
    "fmin": elementwise.minimum,
    "matmul": linalg.matmul,
    "erf": elementwise.erf,
    "erfc": elementwise.erfc,
    "expit": elementwise.sigmoid,
}
_REDUCTIONS = {
    "add": statistics.sum,
    "multiply": statistics.prod,
    "maximum": statistics.max,
    "minimum": statistics.min,
    "logical_and": statistics.all,
    "logical_or": statistics.any,
}


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if kwargs.pop("out", None) is not None:
        raise NotSupported(
            f"np.{ufunc.__name__}: out= cannot be used, tensors are values; use the result"
        )
    if method == "__call__" and ufunc.__name__ in UFUNCS and not kwargs:
        return UFUNCS[ufunc.__name__](*inputs)
    if method == "reduce" and ufunc.__name__ in _REDUCTIONS:
        axis = kwargs.get("axis", 0)
        return _REDUCTIONS[ufunc.__name__](
            inputs[0], axis=axis, keepdims=kwargs.get("keepdims", False)
        )
    if method == "outer" and ufunc.__name__ == "multiply":
        return linalg.outer(*inputs)
    extra = f" with {', '.join(kwargs)}" if kwargs else ""
    raise NotSupported(
        f"np.{ufunc.__name__}{extra} has no derivative rule here; use wb's functions"
    )


def _with(function: Callable[..., Any], **renamed: str) -> Callable[..., Any]:
    """`function` under NumPy's names of arguments; what means nothing here may hold defaults."""

    def call(*args: Any, **kwargs: Any) -> Any:
        given = {renamed.get(k, k): v for k, v in kwargs.items() if v is not np._NoValue}  # type: ignore[attr-defined]
        if given.pop("out", None) is not None:
            raise NotSupported("out= cannot be used, tensors are values; use the result")
        return function(*args, **given)

    return call


def _reducing(function: Callable[..., Any], **renamed: str) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, *rest: Any, **kwargs: Any) -> Any:
        return function(x, axis=axis, *rest, **kwargs)  # noqa: B026

    return _with(call, **renamed)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{
        name: _reducing(getattr(statistics, name))
        for name in ["sum", "prod", "mean", "all", "any", "argmax", "argmin", "count_nonzero"]
    },
    "max": _reducing(statistics.max),
    "amax": _reducing(statistics.max),
    "min": _reducing(statistics.min),
    "amin": _reducing(statistics.min),
    "var": _reducing(statistics.var, ddof="correction"),
    "std": _reducing(statistics.std, ddof="correction"),
    "cumsum": _reducing(statistics.cumulative_sum),
    "cumprod": _reducing(statistics.cumulative_prod),
    "where": _with(lambda c, *xy: elementwise.where(c, *xy) if xy else indexing.nonzero(c)),
    "clip": _with(
        lambda x, low=None, high=None, **k: elementwise.clip(
            x, k.get("min", low), k.get("max", high)
        ),
        a_min="low",
        a_max="high",
    ),
    "reshape": _with(lambda x, shape, order="C", **k: manipulation.reshape(x, shape)),
    "ravel": _with(lambda x, order="C": _flatten(asarray(x))),
    "transpose": _with(
        lambda x, axes=None: manipulation.permute_dims(x, axes) if axes else asarray(x).T
    ),
    "swapaxes": _with(lambda x, a, b: manipulation.moveaxis(x, (a, b), (b, a))),
    "moveaxis": _with(manipulation.moveaxis),
    "expand_dims": _with(lambda x, axis: manipulation.expand_dims(x, axis=axis)),
    "squeeze": _with(lambda x, axis=None: manipulation.squeeze(x, axis)),
    "broadcast_to": _with(lambda x, shape, subok=False: manipulation.broadcast_to(x, shape)),
    "concatenate": _with(lambda xs, axis=0: manipulation.concat(xs, axis=axis)),
    "stack": _with(lambda xs, axis=0: manipulation.stack(xs, axis=axis)),
    "vstack": _with(lambda xs: manipulation.concat([_rows(x) for x in xs], axis=0)),
    "hstack": _with(lambda xs: manipulation.concat(xs, axis=0 if asarray(xs[0]).ndim < 2 else 1)),
    "flip": _with(lambda x, axis=None: manipulation.flip(x, axis=axis)),
    "roll": _with(lambda x, shift, axis=None: manipulation.roll(x, shift, axis=axis)),
    "tile": _with(
        lambda x, reps: manipulation.tile(x, reps if isinstance(reps, tuple) else (reps,))
    ),
    "repeat": _with(lambda x, repeats, axis=None: manipulation.repeat(x, repeats, axis=axis)),
    "take": _with(
        lambda x, i, axis=None: indexing.take(
            x if axis is not None else _flatten(asarray(x)), i, axis=axis
        )
    ),
    "take_along_axis": _with(lambda x, i, axis=-1: indexing.take_along_axis(x, i, axis=axis)),
    "dot": _with(
        lambda x, y: (
            asarray(x) * y if 0 in (asarray(x).ndim, asarray(y).ndim) else linalg.matmul(x, y)
        )
    ),
    "matmul": _with(linalg.matmul),
    "outer": _with(lambda x, y: linalg.outer(_flatten(asarray(x)), _flatten(asarray(y)))),
    "inner": _with(lambda x, y: linalg.tensordot(x, y, axes=((-1,), (-1,)))),
    "tensordot": _with(lambda x, y, axes=2: linalg.tensordot(x, y, axes=axes)),
    "einsum": _with(lambda s, *xs, **k: linalg.einsum(s, *xs)),
    "norm": _with(lambda x, ord=None, axis=None, keepdims=False: _norm(x, ord, axis, keepdims)),
    "zeros_like": _with(lambda x, dtype=None, **k: creation.zeros_like(x, dtype=dtype)),
    "ones_like": _with(lambda x, dtype=None, **k: creation.ones_like(x, dtype=dtype)),
    "full_like": _with(lambda x, v, dtype=None, **k: creation.full_like(x, v, dtype=dtype)),
    "tril": _with(lambda x, k=0: creation.tril(x, k=k)),
    "triu": _with(lambda x, k=0: creation.triu(x, k=k)),
    "round": _with(lambda x, decimals=0: elementwise.round(x * 10.0**decimals) / 10.0**decimals),
    "shape": lambda x: asarray(x).shape,
    "ndim": lambda x: asarray(x).ndim,
    "size": lambda x: asarray(x).size,
    "copy": lambda x, **k: asarray(x),
    "array_equal": lambda x, y, **k: bool(np.array_equal(np.asarray(x), np.asarray(y), **k)),
    "allclose": lambda x, y, **k: bool(np.allclose(np.asarray(x), np.asarray(y), **k)),
    "array2string": lambda x, *a, **k: np.array2string(asarray(x).numpy(), *a, **k),
}


def _rows(x: Any) -> Tensor:
    t = asarray(x)
    return t if t.ndim > 1 else manipulation.reshape(t, (1, t.size))


def _norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Tensor:
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and asarray(x).ndim == 2):
        raise NotSupported(
            f"np.linalg.norm: ord={ord!r} is not differentiated here; use the Euclidean norm"
        )
    return statistics.norm(x, axis=axis, keepdims=keepdims)


def _array_function(self: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    if func.__name__ not in FUNCTIONS:
        raise NotSupported(
            f"np.{func.__name__} cannot be differentiated through yet; call it on np.asarray(x), "
            "which cuts the graph, or use the functions of wingbeat"
        )
    return FUNCTIONS[func.__name__](*args, **kwargs)


def _namespace(self: Tensor, api_version: str | None = None) -> Any:
    return sys.modules["wingbeat"]  # the public face, which this layer may not import


_EXTRA: Mapping[str, Any] = {
    "reshape": _reshape,
    "view": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "ravel": _flatten,
    "cumsum": _cumsum,
    "__contains__": _contains,
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
    "__array_namespace__": _namespace,
}
