"""Forward mode: J t."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.api import tree
from wingbeat.api.applying import cast_to
from wingbeat.api.joining import enter, join
from wingbeat.api.kinks import check_choice, watch
from wingbeat.api.tensor import Tensor, lazy
from wingbeat.api.transforms._scope import (
    as_tensor,
    as_variables,
    checked_function,
    flags_of,
    outermost,
    results,
    why_not,
    with_aux,
)
from wingbeat.errors import TypeMismatch
from wingbeat.ops.families import zero_like
from wingbeat.transform import inlined
from wingbeat.transform import jvp as push


def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
    kinks: str = "ignore",
) -> tuple[Any, ...]:
    """`f(*primals)` and its derivative along `tangents`, J t; both are sequences of trees.

    Returns (y, t), or (y, t, aux) where `f` returns (y, aux) and `has_aux` says so. `kinks` as for
    `value_and_grad`.

    >>> import wingbeat as wb
    >>> wb.jvp(lambda x: x * x, (3.0,), (1.0,))
    (tensor(9.), tensor(6.))
    """
    checked_function(f, "jvp")
    if not (isinstance(primals, tuple | list) and isinstance(tangents, tuple | list)):
        raise TypeMismatch(
            "jvp: primals and tangents are sequences with one entry per argument: "
            "wb.jvp(f, (x,), (t,))"
        )
    check_choice(kinks)
    return outermost(lambda: _jvp(f, tuple(primals), tuple(tangents), has_aux, kinks))


def _jvp(
    f: Any, primals: tuple[Any, ...], tangents: tuple[Any, ...], has_aux: bool, kinks: str
) -> Any:
    arguments, variables = as_variables(primals, "jvp")
    directions = [
        _direction(t, v)
        for t, v in zip(tree.matched(primals, tangents, "jvp: tangents"), variables, strict=True)
    ]
    y, aux = with_aux(f(*arguments), has_aux, "jvp")
    tensors, rebuild = results(y, "jvp")
    watch(tensors, variables, kinks)
    moved = rebuild(pushed(tensors, variables, directions))
    return (rebuild(tensors), moved, aux) if has_aux else (rebuild(tensors), moved)


def _direction(t: Any, v: Tensor) -> Tensor:
    direction = as_tensor(t, "jvp: a tangent")
    if direction.shape != v.shape:
        raise TypeMismatch(f"jvp: the tangent of {v.type} has its shape, not {direction.shape}")
    return cast_to(direction, v.dtype)


def pushed(
    tensors: Sequence[Tensor], variables: Sequence[Tensor], directions: Sequence[Tensor]
) -> list[Tensor]:
    """The tangents of `tensors` when `variables` move along `directions`."""
    trace = join([*tensors, *variables, *directions])
    bodies = inlined([enter(t, trace) for t in tensors])
    wrt = inlined([enter(v, trace) for v in variables])
    moved = push(bodies, dict(zip(wrt, [enter(t, trace) for t in directions], strict=True)))
    still = [b for b, t in zip(bodies, moved, strict=True) if t is None]
    if (reason := why_not(still, wrt)) is not None:
        raise reason
    flags = flags_of((*tensors, *directions, *variables))
    return [lazy(t or zero_like(b), trace, flags) for t, b in zip(moved, bodies, strict=True)]
