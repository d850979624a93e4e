"""What the Array API standard says about dtypes, limits and the library itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import NotSupported, TypeMismatch
from wingbeat.ir.types import DTYPES, as_dtype, promote

_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype of an operation on these tensors, dtypes and Python numbers, by NumPy 2's rules.

    >>> import wingbeat as wb
    >>> wb.result_type(wb.int8, wb.float32, 1.0)
    dtype('float32')
    """
    if not arrays_and_dtypes:
        raise TypeMismatch("result_type: give at least one tensor, dtype or number")
    return promote(*(_dtype_of(x) for x in arrays_and_dtypes))


def _dtype_of(x: Any) -> Any:
    if type(x) in (bool, int, float):
        return type(x)
    if isinstance(x, str | np.dtype | type):
        return as_dtype(x)
    return asarray(x).dtype


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether every value of one dtype (or of a tensor's) is kept by another.

    >>> import wingbeat as wb
    >>> wb.can_cast(wb.int8, wb.float32), wb.can_cast(wb.float64, wb.float32)
    (True, False)
    """
    return np.can_cast(from_.dtype if isinstance(from_, Tensor) else as_dtype(from_), as_dtype(to))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: a dtype, a name such as "real floating", or a tuple of these.

    >>> import wingbeat as wb
    >>> wb.isdtype(wb.float32, "real floating"), wb.isdtype(wb.int8, ("bool", wb.int8))
    (True, True)
    """
    found = as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(found, k) for k in kind)
    if isinstance(kind, str) and kind in _KINDS:
        return found.kind in _KINDS[kind]
    if isinstance(kind, str) and kind not in DTYPES:
        raise TypeMismatch(f"isdtype: {kind!r} is no kind; use one of {', '.join(_KINDS)}")
    return found == as_dtype(kind)


def finfo(type: Any, /) -> np.finfo[Any]:
    """The limits of a floating dtype: `eps`, `max`, `min`, `smallest_normal`, `bits`.

    >>> import wingbeat as wb
    >>> float(wb.finfo(wb.float32).eps)
    1.1920928955078125e-07
    """
    dtype = type.dtype if isinstance(type, Tensor) else as_dtype(type)
    if dtype.kind != "f":
        raise TypeMismatch(f"finfo: {dtype.name} is no floating dtype; use iinfo")
    return np.finfo(dtype)


def iinfo(type: Any, /) -> np.iinfo[Any]:
    """The limits of an integer dtype: `max`, `min`, `bits`.

    >>> import wingbeat as wb
    >>> wb.iinfo("int8").max
    127
    """
    dtype = type.dtype if isinstance(type, Tensor) else as_dtype(type)
    if dtype.kind not in "iu":
        raise TypeMismatch(f"iinfo: {dtype.name} is no integer dtype; use finfo")
    return np.iinfo(dtype)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of an array of another library, through the DLPack protocol; on the CPU.

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> wb.from_dlpack(np.array([1.0, 2.0]))
    tensor([1., 2.])
    """
    if device not in (None, "cpu"):
        raise NotSupported(f"from_dlpack: device {device!r}; tensors live on the cpu")
    if isinstance(x, Tensor):
        return +x
    if not hasattr(x, "__dlpack__"):
        raise TypeMismatch(f"from_dlpack: {type(x).__name__} does not offer the DLPack protocol")
    return asarray(np.from_dlpack(x))


class Info:
    """The Array API's inspection of a library; see `__array_namespace_info__`."""

    def capabilities(self) -> dict[str, Any]:
        """Whether masks index and shapes may depend on data (outside vmap), and the most axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where tensors live."""
        return "cpu"

    def devices(self) -> list[str]:
        """Where tensors can live."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of what is made without naming one; there are no complex numbers."""
        names = {"real floating": "float64", "integral": "int64", "indexing": "int64"}
        return {kind: DTYPES[name] for kind, name in names.items()}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes there are, of one kind or several."""
        return {n: d for n, d in DTYPES.items() if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> Info:
    """What this library can do, in the Array API's terms.

    >>> import wingbeat as wb
    >>> wb.__array_namespace_info__().default_device()
    'cpu'
    """
    return Info()


__all__ = [
    "__array_namespace_info__",
    "can_cast",
    "finfo",
    "from_dlpack",
    "iinfo",
    "isdtype",
    "result_type",
]
