"""NumPy's ufuncs on tensors: `np.sin(x)`, `np.add(a, x)`, `a @ x`, `np.add.reduce(x)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wingbeat.api import elementwise, linalg, manipulation, statistics
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import NotSupported

_SAME_NAME = (
    "add subtract multiply divide floor_divide remainder maximum minimum hypot logaddexp copysign "
    "nextafter exp exp2 expm1 log log1p log2 log10 sqrt sin cos tan sinh cosh tanh negative "
    "positive sign square reciprocal floor ceil trunc isnan isinf isfinite signbit equal not_equal "
    "less less_equal greater greater_equal logical_and logical_or logical_xor logical_not "
    "bitwise_and bitwise_or bitwise_xor"
)


def _truthful(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Logic on numbers: what is not 0 is true."""
    return lambda *xs: function(*(statistics.truth(x) for x in xs))


def _fmax(x: Any, y: Any) -> Tensor:
    """The larger; a NaN loses against a number."""
    a, b = asarray(x), asarray(y)
    return elementwise.where(
        elementwise.isnan(a),
        b,
        elementwise.where(elementwise.isnan(b), a, elementwise.maximum(a, b)),
    )


def _fmin(x: Any, y: Any) -> Tensor:
    a, b = asarray(x), asarray(y)
    return elementwise.where(
        elementwise.isnan(a),
        b,
        elementwise.where(elementwise.isnan(b), a, elementwise.minimum(a, b)),
    )


def _cbrt(x: Any) -> Tensor:
    t = asarray(x)
    root = elementwise.pow(elementwise.abs(t), 1.0 / 3.0)
    return elementwise.where(t < 0, -root, root)


def _heaviside(x: Any, y: Any) -> Tensor:
    t, at_zero = asarray(x), asarray(y)
    step = elementwise.where(t < 0, 0.0, elementwise.where(t == 0, at_zero, 1.0))
    return elementwise.where(elementwise.isnan(t), np.nan, step)


def _divmod(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    return elementwise.floor_divide(x, y), elementwise.remainder(x, y)


def _fmod(x: Any, y: Any) -> Tensor:
    """The remainder with the sign of x."""
    a, b = asarray(x), asarray(y)
    rest = elementwise.remainder(elementwise.abs(a), elementwise.abs(b))
    return elementwise.where(a < 0, -rest, rest)


def _logaddexp2(x: Any, y: Any) -> Tensor:
    ln2 = float(np.log(2.0))
    return elementwise.logaddexp(asarray(x) * ln2, asarray(y) * ln2) / ln2


def _logit(x: Any) -> Tensor:
    t = asarray(x)
    return elementwise.log(t) - elementwise.log1p(-t)


UFUNCS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(elementwise, name) for name in _SAME_NAME.split()},
    **{
        name: _truthful(getattr(elementwise, name))
        for name in ("logical_and", "logical_or", "logical_xor", "logical_not")
    },
    "absolute": elementwise.abs,
    "fabs": lambda x: elementwise.abs(asarray(x, "float64") if asarray(x).dtype.kind != "f" else x),
    "power": elementwise.pow,
    "float_power": lambda x, y: elementwise.pow(asarray(x, "float64"), asarray(y, "float64")),
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
    "fmax": _fmax,
    "fmin": _fmin,
    "fmod": _fmod,
    "divmod": _divmod,
    "cbrt": _cbrt,
    "heaviside": _heaviside,
    "logaddexp2": _logaddexp2,
    "deg2rad": lambda x: asarray(x) * (np.pi / 180.0),
    "radians": lambda x: asarray(x) * (np.pi / 180.0),
    "rad2deg": lambda x: asarray(x) * (180.0 / np.pi),
    "degrees": lambda x: asarray(x) * (180.0 / np.pi),
    "conjugate": elementwise.positive,
    "matmul": linalg.matmul,
    "vecdot": linalg.vecdot,
    "matvec": lambda x, y: linalg.einsum("...ij,...j->...i", x, y),
    "vecmat": lambda x, y: linalg.einsum("...i,...ij->...j", x, y),
    "erf": elementwise.erf,
    "erfc": elementwise.erfc,
    "expit": elementwise.sigmoid,
    "logit": _logit,
}
"""By name, so that SciPy's ufuncs are found without importing SciPy."""

_REDUCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": statistics.sum,
    "multiply": statistics.prod,
    "maximum": statistics.max,
    "minimum": statistics.min,
    "logical_and": statistics.all,
    "logical_or": statistics.any,
}
_RUNNING: Mapping[str, Callable[..., Any]] = {
    "add": statistics.cumulative_sum,
    "multiply": statistics.cumulative_prod,
}
_DEFAULTS = {"where": True, "casting": "same_kind", "order": "K", "subok": True, "dtype": None}
_KNOWN = (Tensor, np.ndarray, np.generic, bool, int, float, list, tuple)


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`Tensor.__array_ufunc__`."""
    name = ufunc.__name__
    if not all(isinstance(x, _KNOWN) for x in inputs):
        return NotImplemented
    if kwargs.pop("out", None) is not None:
        raise NotSupported(f"np.{name}: out= cannot be used, tensors are values; use the result")
    given = {k: v for k, v in kwargs.items() if k not in _DEFAULTS or v is not _DEFAULTS[k]}
    if method == "__call__" and name in UFUNCS:
        return _called(name, inputs, given)
    if method == "reduce" and name in _REDUCTIONS:
        return _reduced(name, *inputs, **given)
    if method == "accumulate" and name in _RUNNING and not given.keys() - {"axis"}:
        return _RUNNING[name](
            inputs[0], axis=given.get("axis", 0 if len(inputs) < 2 else inputs[1])
        )
    if method == "outer" and name in UFUNCS and not given:
        x, y = (asarray(v) for v in inputs)
        return UFUNCS[name](manipulation.reshape(x, x.shape + (1,) * y.ndim), y)
    part = "" if method == "__call__" else f".{method}"
    raise NotSupported(
        f"np.{name}{part} is not among the functions that tensors go through; call it on "
        "np.asarray(x), which cuts the graph, or use the functions of wingbeat"
    )


def _called(name: str, inputs: tuple[Any, ...], given: dict[str, Any]) -> Any:
    if (dtype := given.pop("dtype", None)) is not None:
        inputs = tuple(asarray(x, dtype) for x in inputs)
    _refuse(name, given)
    return UFUNCS[name](*inputs)


def _reduced(name: str, x: Any, axis: Any = 0, dtype: Any = None, **given: Any) -> Tensor:
    keepdims = bool(given.pop("keepdims", False))
    if given.get("initial", np._NoValue) is np._NoValue:  # type: ignore[attr-defined]
        given.pop("initial", None)
    _refuse(f"{name}.reduce", given)
    t = asarray(x) if dtype is None else asarray(x, dtype)
    return _REDUCTIONS[name](t, axis=axis, keepdims=keepdims)


def _refuse(name: str, given: dict[str, Any]) -> None:
    if given:
        raise NotSupported(
            f"np.{name}: {', '.join(given)}= cannot be used with tensors; use wb.where"
        )
