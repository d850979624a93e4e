"""Reverse mode: gradients of scalars, and J' g."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.api import tree
from wingbeat.api.applying import apply, cast_to
from wingbeat.api.joining import enter, join
from wingbeat.api.kinks import check_choice, watch
from wingbeat.api.tensor import Tensor, asarray, lazy
from wingbeat.api.tracing import scope
from wingbeat.api.transforms._scope import (
    Argnums,
    as_tensor,
    as_variables,
    checked_function,
    flags_of,
    opened,
    outermost,
    require_float,
    results,
    twins,
    why_not,
    with_aux,
)
from wingbeat.backend.base import Cache
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, full
from wingbeat.ops.arithmetic import stop_gradient as constant
from wingbeat.ops.families import zero_like
from wingbeat.transform import inlined
from wingbeat.transform import vjp as pull

_sweeps: Cache[Any, tuple[Node | None, ...]] = Cache(1024)


def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    kinks: str = "ignore",
) -> Callable[..., Any]:
    """A function that returns (f(...), gradient).

    Args:
        f: returns a scalar, or (scalar, anything) with `has_aux`.
        argnums: which positional arguments to differentiate by; each may be a tree. An argument
            that is a Python integer counts as a float.
        has_aux: whether `f` returns something beside the scalar; then the result is ((y, aux),
            gradient).
        kinks: what to do where the derivative does not exist: "ignore" (use the documented
            convention), "warn" or "raise" (`AtKink`).

    Raises:
        NotDifferentiable: an array of integers, or an integer inside a tree, is to be
            differentiated by (the message names its place), or the result is integer valued.
        TypeMismatch: the result is no scalar.

    >>> import wingbeat as wb
    >>> wb.value_and_grad(lambda x: x * x)(3.0)
    (tensor(9.), tensor(6.))
    """
    checked_function(f, "value_and_grad")
    check_choice(kinks)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return outermost(lambda: _value_and_grad(f, argnums, has_aux, kinks, args, kwargs))

    return wrapped


def _value_and_grad(
    f: Any, argnums: Argnums, has_aux: bool, kinks: str, args: Any, kwargs: Any
) -> Any:
    call = opened(argnums, args, "grad")
    y, aux = with_aux(f(*call.arguments, **kwargs), has_aux, "grad")
    y = _scalar(y)
    gradient = call.rebuild(_gradients(y, call.variables, kinks))
    return ((y, aux) if has_aux else y), gradient


def _scalar(y: Any) -> Tensor:
    if y is None or tree.open(y) is not None:
        raise TypeMismatch(
            f"grad: the function must return one scalar; it returned a {type(y).__name__}. "
            "With has_aux=True it returns (scalar, anything)"
        )
    t = as_tensor(y, "grad: the function must return a scalar, which")
    if t.shape != ():
        raise TypeMismatch(
            f"grad: the function must return a scalar; it returned {t.type}. "
            "Take .sum() or .mean(), or use jacrev"
        )
    return t


def _gradients(y: Tensor, variables: Sequence[Tensor], kinks: str) -> list[Tensor]:
    require_float(y, variables, "grad")
    trace = join([y, *variables])
    root, wrt = enter(y, trace), [enter(v, trace) for v in variables]
    watch([y], variables, kinks)
    found = _pulled([root], wrt, None)
    return [
        lazy(zero_like(x) if g is None else g, trace, y._flags | v._flags)
        for g, x, v in zip(found, wrt, variables, strict=True)
    ]


def _pulled(
    outputs: Sequence[Node], wrt: Sequence[Node], seeds: Sequence[Node] | None
) -> tuple[Node | None, ...]:
    """Reverse mode, remembered: the same nodes give the same nodes. Without `seeds` they are 1."""
    key = (tuple(outputs), tuple(wrt), seeds and tuple(seeds))
    if (known := _sweeps.get(key)) is not None:
        return known
    bodies, inner = inlined(outputs), inlined(wrt)
    found = pull(bodies, inner, [full(1, b.type) for b in bodies] if seeds is None else seeds)
    missed = [x for x, g in zip(inner, found, strict=True) if g is None]
    if (reason := why_not(bodies, missed)) is not None:
        raise reason
    return _sweeps.put(key, tuple(found))


def grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    kinks: str = "ignore",
) -> Callable[..., Any]:
    """A function that returns the gradient of `f`; arguments as for `value_and_grad`.

    With `has_aux` it returns (gradient, aux).

    >>> import wingbeat as wb
    >>> wb.grad(lambda x: x**3)(2.0)
    tensor(12.)
    >>> wb.grad(wb.grad(lambda x: x**3))(2.0)
    tensor(12.)
    """
    checked_function(f, "grad")
    both = value_and_grad(f, argnums, has_aux, kinks)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """`f(*primals)` and its pullback, from cotangents of the result to the arguments': J' g.

    Returns (y, pullback), or (y, pullback, aux) with `has_aux`. `pullback(g)` takes a tree like y
    and returns a tuple with one tree per argument.

    >>> import wingbeat as wb
    >>> y, pullback = wb.vjp(lambda x: x * x, wb.asarray([1.0, 2.0]))
    >>> pullback(wb.asarray([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    checked_function(f, "vjp")
    with scope():
        arguments, variables = as_variables(tuple(primals), "vjp")
        y, aux = with_aux(f(*arguments), has_aux, "vjp")
        tensors, rebuild = results(y, "vjp")
        tensors = [+t for t in tensors]  # of this trace, and objects that nobody assigns to
        y = rebuild(twins(tensors))

    def pullback(g: Any) -> Any:
        cotangents = [as_tensor(c, "pullback: a cotangent") for c in tree.matched(y, g, "pullback")]
        return tree.flatten(tuple(primals))[1](pulled_back(cotangents, tensors, variables))

    return (y, pullback, aux) if has_aux else (y, pullback)


def pulled_back(
    cotangents: Sequence[Tensor], tensors: Sequence[Tensor], variables: Sequence[Tensor]
) -> list[Tensor]:
    """The cotangents of `variables`, given those of `tensors`."""
    for c, t in zip(cotangents, tensors, strict=True):
        if c.shape != t.shape:
            raise TypeMismatch(f"pullback: the cotangent of {t.type} has its shape, not {c.shape}")
    seeds = [cast_to(c, t.dtype) for c, t in zip(cotangents, tensors, strict=True)]
    trace = join([*tensors, *variables, *seeds])
    nodes, wrt = [enter(t, trace) for t in tensors], [enter(v, trace) for v in variables]
    found = _pulled(nodes, wrt, [enter(s, trace) for s in seeds])
    flags = flags_of((*tensors, *seeds, *variables))
    return [lazy(g or zero_like(x), trace, flags) for g, x in zip(found, wrt, strict=True)]


def stop_gradient(x: Any) -> Any:
    """A tree whose tensors are constants for every derivative.

    >>> import wingbeat as wb
    >>> wb.grad(lambda x: x * wb.stop_gradient(x))(3.0)
    tensor(3.)
    """
    return tree.map(lambda v: apply(constant, asarray(v)), x)
