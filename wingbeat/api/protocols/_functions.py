"""NumPy's functions on tensors, under NumPy's names of arguments: `np.mean(x, axis=0)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from wingbeat.api import (
    creation,
    elementwise,
    indexing,
    inspection,
    linalg,
    manipulation,
    sorting,
    statistics,
)
from wingbeat.api.protocols import _elementwise as ew
from wingbeat.api.protocols import _layout as ly
from wingbeat.api.protocols import _matrices as mx
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import NotSupported

Function = Callable[..., Any]


def _reducing(function: Function) -> Function:
    return lambda a, axis=None, *, keepdims=False: function(a, axis=axis, keepdims=keepdims)


def _summing(function: Function) -> Function:
    return lambda a, axis=None, dtype=None, *, keepdims=False: function(
        a if dtype is None else asarray(a, dtype), axis=axis, keepdims=keepdims
    )


def _spread(function: Function) -> Function:
    """var and std: NumPy's `ddof` is the standard's `correction`."""
    return lambda a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, correction=None: (
        function(
            a if dtype is None else asarray(a, dtype),
            axis=axis,
            correction=ddof if correction is None else correction,
            keepdims=keepdims,
        )
    )


def _like(function: Function) -> Function:
    return lambda a, dtype=None, order="K", subok=True, *, device=None: function(a, dtype=dtype)


def _line(x: Any) -> Tensor:
    return manipulation.reshape(x, (-1,)) if asarray(x).size else manipulation.reshape(x, (0,))


def _along(function: Function) -> Function:
    """A function along one axis, where None means the elements in one line."""

    def call(a: Any, axis: int | None = None) -> Tensor:
        return function(_line(a), axis=0) if axis is None else function(a, axis=axis)

    return call


def _take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Tensor:
    if mode != "raise":
        raise NotSupported(f"np.take: mode={mode!r}; positions outside the axis are errors here")
    return (
        indexing.take(_line(a), indices, axis=0)
        if axis is None
        else indexing.take(a, indices, axis=axis)
    )


def _as_numpy(function: Function) -> Function:
    """What answers with a fact about the values."""

    def call(*args: Any, **kwargs: Any) -> Any:
        plain = [x.numpy() if isinstance(x, Tensor) else x for x in args]
        return function(*plain, **kwargs)

    return call


m, e, s, la = manipulation, elementwise, statistics, linalg

_LAST: Any = -1  # or None, which flattens


FUNCTIONS: Mapping[Function, Function] = {
    # --- reductions
    np.sum: _summing(s.sum),
    np.prod: _summing(s.prod),
    np.mean: _summing(s.mean),
    np.var: _spread(s.var),
    np.std: _spread(s.std),
    np.max: _reducing(s.max),
    np.amax: _reducing(s.max),
    np.min: _reducing(s.min),
    np.amin: _reducing(s.min),
    np.all: _reducing(s.all),
    np.any: _reducing(s.any),
    np.argmax: _reducing(s.argmax),
    np.argmin: _reducing(s.argmin),
    np.count_nonzero: _reducing(s.count_nonzero),
    np.ptp: _reducing(ew.ptp),
    np.nansum: _reducing(ew.nansum),
    np.nanmean: _reducing(ew.nanmean),
    np.median: lambda a, axis=None, out=None, overwrite_input=False, keepdims=False: ew.median(
        a, axis, keepdims
    ),
    np.quantile: ew.quantile("quantile", 1.0),
    np.percentile: ew.quantile("percentile", 100.0),
    np.average: ew.average,
    np.cumsum: lambda a, axis=None, dtype=None: _along(s.cumulative_sum)(
        a if dtype is None else asarray(a, dtype), axis
    ),
    np.cumprod: lambda a, axis=None, dtype=None: _along(s.cumulative_prod)(
        a if dtype is None else asarray(a, dtype), axis
    ),
    np.cumulative_sum: s.cumulative_sum,
    np.cumulative_prod: s.cumulative_prod,
    # --- elementwise
    np.where: lambda condition, *xy: e.where(condition, *xy) if xy else indexing.nonzero(condition),
    np.clip: ew.clip,
    np.round: ew.rounded,
    np.around: ew.rounded,
    np.fix: e.trunc,
    np.real: lambda val: m.reshape(val, asarray(val).shape),
    np.nan_to_num: ew.nan_to_num,
    np.sinc: ew.sinc,
    np.select: ew.select,
    np.isclose: lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: ew.isclose(
        a, b, rtol, atol, equal_nan
    ),
    np.astype: e.astype,
    # --- shape
    np.reshape: lambda a, shape, order="C", *, copy=None: ly.reshaped(a, shape, order),
    np.ravel: lambda a, order="C": ly.reshaped(a, -1 if np.size(a) else 0, order),
    np.transpose: lambda a, axes=None: asarray(a).T if axes is None else m.permute_dims(a, axes),
    np.matrix_transpose: la.matrix_transpose,
    np.swapaxes: lambda a, axis1, axis2: m.moveaxis(a, (axis1, axis2), (axis2, axis1)),
    np.moveaxis: lambda a, source, destination: m.moveaxis(a, source, destination),
    np.expand_dims: lambda a, axis: m.expand_dims(a, axis=axis),
    np.squeeze: lambda a, axis=None: m.squeeze(a, axis),
    np.broadcast_to: lambda array, shape, subok=False: m.broadcast_to(
        array, shape if isinstance(shape, tuple | list) else (shape,)
    ),
    np.broadcast_arrays: lambda *args, subok=False: tuple(m.broadcast_arrays(*args)),
    np.atleast_1d: ly.at_least(1),
    np.atleast_2d: ly.at_least(2),
    np.atleast_3d: ly.at_least(3),
    np.flip: lambda m, axis=None: manipulation.flip(m, axis=axis),
    np.fliplr: lambda m: manipulation.flip(m, axis=1),
    np.flipud: lambda m: manipulation.flip(m, axis=0),
    np.rot90: ly.rot90,
    np.roll: lambda a, shift, axis=None: m.roll(a, shift, axis=axis),
    # --- joining and repeating
    np.concatenate: lambda arrays, /, axis=0, *, dtype=None: ly.joined(arrays, axis, dtype),
    np.stack: lambda arrays, axis=0: m.stack(list(arrays), axis=axis),
    np.vstack: ly.vstack,
    np.hstack: ly.hstack,
    np.dstack: lambda tup: ly.joined([ly.at_least(3)(x) for x in tup], 2),
    np.column_stack: ly.column_stack,
    np.append: lambda arr, values, axis=None: ly.joined([arr, values], axis),
    np.split: ly.split,
    np.array_split: lambda ary, indices_or_sections, axis=0: ly.split(
        ary, indices_or_sections, axis, uneven=True
    ),
    np.hsplit: lambda ary, indices_or_sections: ly.split(
        ary, indices_or_sections, 0 if asarray(ary).ndim == 1 else 1
    ),
    np.vsplit: lambda ary, indices_or_sections: ly.split(ary, indices_or_sections, 0),
    np.unstack: lambda x, /, *, axis=0: m.unstack(x, axis=axis),
    np.tile: lambda A, reps: m.tile(A, reps if isinstance(reps, tuple | list) else (reps,)),
    np.repeat: lambda a, repeats, axis=None: m.repeat(a, repeats, axis=axis),
    np.pad: ly.padded,
    np.meshgrid: lambda *xi, copy=True, sparse=False, indexing="xy": tuple(
        creation.meshgrid(*xi, indexing=indexing)
    ),
    # --- choosing and ordering
    np.take: _take,
    np.take_along_axis: lambda arr, indices, axis=-1: indexing.take_along_axis(
        arr, indices, axis=axis
    ),
    np.nonzero: indexing.nonzero,
    np.flatnonzero: lambda a: indexing.nonzero(_line(a))[0],
    np.argwhere: lambda a: m.stack(indexing.nonzero(a), axis=-1),
    np.sort: lambda a, axis=_LAST, kind=None, order=None, *, stable=None: (
        sorting.sort(_line(a)) if axis is None else sorting.sort(a, axis=axis)
    ),
    np.argsort: lambda a, axis=_LAST, kind=None, order=None, *, stable=None: (
        sorting.argsort(_line(a)) if axis is None else sorting.argsort(a, axis=axis)
    ),
    np.searchsorted: lambda a, v, side="left", sorter=None: sorting.searchsorted(
        a, v, side=side, sorter=sorter
    ),
    np.unique: lambda ar: sorting.unique_values(ar),
    np.diff: lambda a, n=1, axis=-1, prepend=None, append=None: m.diff(
        a, axis=axis, n=n, prepend=prepend, append=append
    ),
    np.trapezoid: ew.trapezoid,
    # --- matrices
    np.dot: mx.dot,
    np.vdot: lambda a, b, /: la.vecdot(_line(a), _line(b)),
    np.inner: mx.inner,
    np.outer: lambda a, b: la.outer(_line(a), _line(b)),
    np.tensordot: lambda a, b, axes=2: la.tensordot(a, b, axes=axes),
    np.einsum: lambda subscripts, *operands, optimize=False: la.einsum(subscripts, *operands),
    np.kron: mx.kron,
    np.cross: lambda a, b, axisa=-1, axisb=-1, axisc=-1, axis=None: mx.cross(
        a, b, axisa, axisb, axisc, axis
    ),
    np.diag: mx.diag,
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: la.diagonal(
        m.moveaxis(a, (axis1, axis2), (-2, -1)), offset=offset
    ),
    np.trace: lambda a, offset=0, axis1=0, axis2=1, dtype=None: la.trace(
        m.moveaxis(a, (axis1, axis2), (-2, -1)), offset=offset, dtype=dtype
    ),
    np.tril: lambda m, k=0: creation.tril(m, k=k),
    np.triu: lambda m, k=0: creation.triu(m, k=k),
    np.polyval: ew.polyval,
    np.linalg.norm: mx.norm,
    np.linalg.vector_norm: lambda x, /, *, axis=None, keepdims=False, ord=2: mx.vector_norm(
        x, ord, axis, keepdims
    ),
    np.linalg.matmul: la.matmul,
    np.linalg.outer: la.outer,
    np.linalg.trace: la.trace,
    np.linalg.diagonal: la.diagonal,
    np.linalg.cross: la.cross,
    np.linalg.vecdot: la.vecdot,
    np.linalg.tensordot: la.tensordot,
    np.linalg.matrix_transpose: la.matrix_transpose,
    np.linalg.matrix_power: mx.matrix_power,
    np.linalg.solve: la.solve,
    np.linalg.inv: la.inv,
    np.linalg.det: la.det,
    np.linalg.slogdet: la.slogdet,
    np.linalg.multi_dot: mx.multi_dot,
    # --- making
    np.zeros_like: _like(creation.zeros_like),
    np.ones_like: _like(creation.ones_like),
    np.empty_like: _like(creation.empty_like),
    np.full_like: lambda a, fill_value, dtype=None, order="K", subok=True: creation.full_like(
        a, fill_value, dtype=dtype
    ),
    np.linspace: ew.linspace,
    np.copy: lambda a, order="K", subok=False: +asarray(a),
    # --- facts
    np.shape: lambda a: asarray(a).shape,
    np.ndim: lambda a: asarray(a).ndim,
    np.size: lambda a, axis=None: asarray(a).size if axis is None else asarray(a).shape[axis],
    np.result_type: inspection.result_type,
    np.can_cast: lambda from_, to, casting="safe": inspection.can_cast(from_, to),
    np.iscomplexobj: lambda x: False,
    np.isrealobj: lambda x: True,
    np.shares_memory: lambda a, b, /, max_work=None: False,
    np.may_share_memory: lambda a, b, /, max_work=None: False,
    np.array_equal: _as_numpy(np.array_equal),
    np.array_equiv: _as_numpy(np.array_equiv),
    np.allclose: _as_numpy(np.allclose),
    np.array2string: _as_numpy(np.array2string),
    np.array_repr: lambda arr, *rest: repr(arr),
    np.array_str: lambda a, *rest: str(a),
}


@lru_cache(maxsize=512)
def _signature(function: Function) -> inspect.Signature:
    return inspect.signature(function)


def array_function(self: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """`Tensor.__array_function__`."""
    name = f"{func.__module__}.{func.__name__}".replace("numpy", "np", 1)
    ours = FUNCTIONS.get(func)
    if ours is None:
        raise NotSupported(
            f"{name} is not among the functions that tensors go through; call it on "
            "np.asarray(x), which cuts the graph, or use the functions of wingbeat"
        )
    given = {k: v for k, v in kwargs.items() if v is not np._NoValue}  # type: ignore[attr-defined]
    if given.get("out") is not None:
        raise NotSupported(f"{name}: out= cannot be used, tensors are values; use the result")
    given.pop("out", None)
    try:
        _signature(ours).bind(*args, **given)
    except TypeError as error:
        raise NotSupported(f"{name}: with tensors there is no such argument: {error}") from None
    return ours(*args, **given)
