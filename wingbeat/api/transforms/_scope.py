"""What all transforms share: a trace, variables in place of arguments, checks of results."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wingbeat.api import tree
from wingbeat.api.evaluation import detach, evaluate
from wingbeat.api.joining import enter, join
from wingbeat.api.tensor import Tensor, asarray, lazy
from wingbeat.api.tracing import ABSTRACT, GRAD, current, scope, state
from wingbeat.errors import NotDifferentiable, TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ops.arithmetic import alias
from wingbeat.transform import inlined, obstacle

Argnums = int | Sequence[int]
Function = Callable[..., Any]


def outermost(function: Callable[[], Any]) -> Any:
    """Run a transform in a trace of its own, and evaluate what comes out of the outermost one."""
    frozen = state.frozen
    with scope() as is_outermost:
        result = function()
        if is_outermost:
            found = [t for t in tree.leaves(result) if isinstance(t, Tensor)]
            evaluate(*(t for t in found if not t._flags & ABSTRACT))
            for t in found:
                if not t._flags:
                    detach(t)
    # no_grad() around this call, but inside another transform: there its result is a constant.
    return tree.map(lambda x: +x if isinstance(x, Tensor) else x, result) if frozen else result


def checked_function(f: Any, name: str) -> None:
    """Raise where a user passed a value instead of a function."""
    if not callable(f):
        raise TypeMismatch(
            f"{name}: the first argument is a function, not {type(f).__name__}; "
            f"write wb.{name}(f) and call what it returns"
        )


# --- arguments ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A call of a user's function with variables for the arguments that `argnums` chooses."""

    arguments: list[Any]
    variables: list[Tensor]
    rebuild: Callable[[Sequence[Any]], Any]  # one leaf per variable to a tree like the chosen


def opened(argnums: Argnums, args: Sequence[Any], name: str) -> Call:
    """The call for positional arguments `args`."""
    chosen = _chosen(argnums, args, name)
    arguments, variables = list(args), []
    for k in chosen:
        arguments[k], found = _as_variables(args[k], name, f"args[{k}]")
        variables += found
    picked = tuple(args[k] for k in chosen)
    rebuild = tree.flatten(picked[0] if isinstance(argnums, int) else picked)[1]
    return Call(arguments, variables, rebuild)


def _chosen(argnums: Argnums, args: Sequence[Any], name: str) -> tuple[int, ...]:
    try:
        given: list[Any] = [argnums] if not isinstance(argnums, tuple | list) else list(argnums)
        chosen = [operator.index(k) for k in given if not isinstance(k, bool)]
    except TypeError:
        chosen = []
    if len(chosen) != (len(argnums) if isinstance(argnums, tuple | list) else 1):
        raise TypeMismatch(f"{name}: argnums is an integer or a tuple of them, not {argnums!r}")
    if any(not -len(args) <= k < len(args) for k in chosen):
        raise TypeMismatch(
            f"{name}: argnums={argnums}, but {len(args)} arguments were given by position"
        )
    found = tuple(k % len(args) for k in chosen)
    if len(set(found)) != len(found):
        raise TypeMismatch(f"{name}: argnums={argnums} names one argument twice")
    return found


def as_variables(primals: Sequence[Any], name: str) -> tuple[tuple[Any, ...], list[Tensor]]:
    """Trees with variables in place of their leaves, and these."""
    pairs = [_as_variables(x, name, f"primals[{k}]") for k, x in enumerate(primals)]
    return tuple([x for x, _ in pairs]), [v for _, found in pairs for v in found]


def _as_variables(x: Any, name: str, where: str) -> tuple[Any, list[Tensor]]:
    """The same for one argument; `where` it is opens the place of a leaf in errors."""
    found, rebuild = tree.flatten(x)
    tensors = [as_tensor(v, f"{name}: an argument to differentiate by") for v in found]
    if isinstance(x, int) and not isinstance(x, bool):  # a number written by hand: 3 means 3.0
        tensors = [asarray(t.numpy().astype("float64")) for t in tensors]
    for k, t in enumerate(tensors):
        if t.dtype.kind != "f":
            raise NotDifferentiable(
                f"{name}: {where}{tree.paths(x)[k]} is {t.type}, and derivatives are taken with "
                "respect to floats; use .astype('float64') (3.0 for 3) if it is a number that can "
                "move, else keep it apart from what is differentiated by (argnums chooses)"
            )
    variables = [_variable(t) for t in tensors]
    return rebuild(twins(variables)), variables


def _variable(t: Tensor) -> Tensor:
    """`t` as a variable of its own, so that it is not confused with an equal value elsewhere.

    It belongs to the transform's trace: brought there later, it would be another variable. Under
    no_grad() a parameter is no constant to the transform that takes the derivative by it.
    """
    trace = current()
    node = alias(enter(t, trace), tag=trace.tag())
    state.active = (*state.active, node)
    return lazy(node, trace, t._flags if state.enabled else t._flags & ~GRAD)


def twins(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same nodes as other objects: these may be assigned to, as by x[i] = v."""
    return [lazy(t._node, t._trace, t._flags) for t in tensors]  # type: ignore[arg-type]


# --- results
# ----------------------------------------------------------------------------------------


def as_tensor(x: Any, what: str) -> Tensor:
    """A leaf of a user's tree as a tensor; `what` it is opens the error."""
    try:
        return asarray(x)
    except TypeMismatch as error:
        raise TypeMismatch(
            f"{what} is a number or an array, not {type(x).__name__}: {error}"
        ) from None


def results(y: Any, name: str) -> tuple[list[Tensor], Callable[[Sequence[Any]], Any]]:
    """The leaves of what the user's function returned, and the way to put others in their place."""
    found, rebuild = tree.flatten(y)
    return [as_tensor(v, f"{name}: what the function returned") for v in found], rebuild


def with_aux(result: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    """(y, aux) of what the function returned; aux is None where there is none."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeMismatch(
            f"{name}: with has_aux=True the function must return a pair (result, anything)"
        )
    return result


def flags_of(tensors: Sequence[Tensor]) -> int:
    """The flags of what is computed from all of `tensors`."""
    flags = 0
    for t in tensors:
        flags |= t._flags
    return flags


def why_not(bodies: Sequence[Node], wrt: Sequence[Node]) -> NotDifferentiable | None:
    """The first reason why one of `bodies` that depends on one of `wrt` has no derivative."""
    reasons = (obstacle(b, x) for b in bodies for x in wrt)
    return next((r for r in reasons if r is not None), None)


def require_float(t: Tensor, variables: Sequence[Tensor], name: str) -> None:
    """Raise, with the reason where there is one, for a result that has no derivative."""
    if t.dtype.kind == "f":
        return
    trace = join([t, *variables])
    wrt = inlined([enter(v, trace) for v in variables])
    raise why_not(inlined([enter(t, trace)]), wrt) or NotDifferentiable(
        f"{name}: the function returned {t.type}; only floats have derivatives"
    )
