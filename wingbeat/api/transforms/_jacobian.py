"""Jacobians and Hessians: forward or reverse mode along all unit vectors at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.api.creation import eye
from wingbeat.api.kinks import check_choice, watch
from wingbeat.api.manipulation import moveaxis, reshape
from wingbeat.api.tensor import Tensor
from wingbeat.api.transforms._batch import vmapped
from wingbeat.api.transforms._forward import jvp, pushed
from wingbeat.api.transforms._reverse import grad, pulled_back
from wingbeat.api.transforms._scope import (
    Argnums,
    checked_function,
    opened,
    outermost,
    require_float,
    results,
    with_aux,
)
from wingbeat.errors import TypeMismatch

Table = list[list[Tensor]]  # [output][variable]


def jacrev(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, kinks: str = "ignore"
) -> Callable[..., Any]:
    """The Jacobian of `f`, by reverse mode: one pass serves one output.

    For f with result shape S and argument shape T the Jacobian has shape S + T; trees give trees of
    them (outputs outside, arguments inside). `kinks` as for `value_and_grad`.

    >>> import wingbeat as wb
    >>> wb.jacrev(lambda x: x * x)(wb.asarray([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _jacobian(f, argnums, has_aux, kinks, "jacrev", _rows)


def jacfwd(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, kinks: str = "ignore"
) -> Callable[..., Any]:
    """The Jacobian of `f`, by forward mode: one pass serves one input. The rest as for `jacrev`.

    >>> import wingbeat as wb
    >>> wb.jacfwd(lambda t: wb.stack([t, t * t]))(3.0)
    tensor([1., 6.])
    """
    return _jacobian(f, argnums, has_aux, kinks, "jacfwd", _columns)


def _jacobian(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    kinks: str,
    name: str,
    method: Callable[[list[Tensor], list[Tensor]], Table],
) -> Callable[..., Any]:
    checked_function(f, name)
    check_choice(kinks)

    def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = opened(argnums, args, name)
        y, aux = with_aux(f(*call.arguments, **kwargs), has_aux, name)
        tensors, rebuild = results(y, name)
        for t in tensors:
            require_float(t, call.variables, name)
        watch(tensors, call.variables, kinks)
        jacobian = rebuild([call.rebuild(row) for row in method(tensors, call.variables)])
        return (jacobian, aux) if has_aux else jacobian

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return outermost(lambda: run(args, kwargs))

    return wrapped


def _basis(t: Tensor) -> Tensor:
    """All unit vectors of the shape of `t`, along a new first axis."""
    return reshape(eye(t.size, dtype=t.dtype), (t.size, *t.shape))


def _rows(tensors: list[Tensor], variables: list[Tensor]) -> Table:
    def pulled(g: Tensor, t: Tensor) -> list[Tensor]:
        return pulled_back([g], [t], variables)

    table: Table = []
    for t in tensors:
        rows = vmapped(functools.partial(pulled, t=t), 0, 0, (_basis(t),))
        shaped = zip(rows, variables, strict=True)
        table.append([reshape(r, (*t.shape, *v.shape)) for r, v in shaped])
    return table


def _columns(tensors: list[Tensor], variables: list[Tensor]) -> Table:
    def moved(t: Tensor, v: Tensor) -> list[Tensor]:
        return pushed(tensors, [v], [t])

    columns: Table = []
    for v in variables:
        ms = vmapped(functools.partial(moved, v=v), 0, 0, (_basis(v),))
        shaped = zip(ms, tensors, strict=True)
        columns.append([reshape(moveaxis(m, 0, -1), (*t.shape, *v.shape)) for m, t in shaped])
    return [[column[k] for column in columns] for k in range(len(tensors))]


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, kinks: str = "ignore"
) -> Callable[..., Any]:
    """The second derivatives of `f`: the Jacobian (forward mode) of its gradient (reverse mode).

    `kinks` as for `value_and_grad`; those that the gradient passes count too.

    >>> import wingbeat as wb
    >>> wb.hessian(lambda x: x[0] ** 2 * x[1])(wb.asarray([1.0, 2.0]))
    tensor([[4., 2.],
            [2., 0.]])
    """
    checked_function(f, "hessian")
    return jacfwd(jacrev(f, argnums, has_aux, kinks), argnums, has_aux, kinks)


def hvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], kinks: str = "ignore"
) -> Any:
    """The Hessian of a scalar `f` times a vector, without the Hessian: forward over reverse mode.

    `primals` and `tangents` are sequences of trees, one per argument; the result is like `primals`
    (a single one for a single argument). `kinks` as for `hessian`.

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> wb.hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    tensor([6., 0.])
    """
    checked_function(f, "hvp")
    if not (isinstance(primals, tuple | list) and isinstance(tangents, tuple | list)):
        raise TypeMismatch(
            "hvp: primals and tangents are sequences with one entry per argument: "
            "wb.hvp(f, (x,), (t,))"
        )
    gradient = grad(f, argnums=tuple(range(len(primals))), kinks=kinks)
    moved = jvp(gradient, primals, tangents, kinks=kinks)[1]
    return moved[0] if len(primals) == 1 else moved
