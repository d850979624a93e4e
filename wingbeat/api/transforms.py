"""Derivatives and batching of Python functions, with JAX's names and arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.api import tree
from wingbeat.api.kinks import watch
from wingbeat.api.tensor import Tensor, apply, asarray, cast_to, expand, lazy
from wingbeat.api.trace import ABSTRACT, Trace, detach, enter, evaluate, join, scope
from wingbeat.backend.base import Cache
from wingbeat.errors import NotDifferentiable, TypeMismatch
from wingbeat.ir.node import Node, full, leaf
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import toposort
from wingbeat.ops.arithmetic import alias
from wingbeat.ops.arithmetic import stop_gradient as constant
from wingbeat.ops.families import zero_like
from wingbeat.ops.shape import transpose
from wingbeat.transform import inlined, obstacle
from wingbeat.transform import jvp as push
from wingbeat.transform import vjp as pull
from wingbeat.transform import vmap as batch

Argnums = int | Sequence[int]


# --- common ground ----------------------------------------------------------------------------


def _outermost(function: Callable[[], Any]) -> Any:
    """Run a transform in a trace of its own, and evaluate what comes out of the outermost one."""
    with scope() as outermost:
        result = function()
        if outermost:
            found = [t for t in tree.leaves(result) if isinstance(t, Tensor)]
            evaluate(*(t for t in found if not t._flags & ABSTRACT))
            for t in found:
                if not t._flags:
                    detach(t)
        return result


def _variable(x: Any, name: str) -> Tensor:
    """`x` as a variable of its own, so that it is not confused with an equal value elsewhere."""
    t = asarray(x)
    if t.dtype.kind != "f":
        if isinstance(x, int) and not isinstance(x, bool):
            t = asarray(float(x))
        else:
            raise NotDifferentiable(
                f"{name}: derivatives are taken with respect to floats, not {t.type}; "
                "use .astype('float64'), or argnums to choose another argument"
            )
    trace = join((t,))
    return lazy(alias(enter(t, trace), tag=trace.tag()), trace, t._flags)


def _variables(x: Any, name: str) -> tuple[Any, list[Tensor]]:
    """A tree with variables in place of its leaves, and these."""
    found, rebuild = tree.flatten(x)
    variables = [_variable(v, name) for v in found]
    return rebuild(_twins(variables)), variables


def _twins(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same nodes as other objects: these may be assigned to, as by x[i] = v."""
    return [lazy(t._node, t._trace, t._flags) for t in tensors]  # type: ignore[arg-type]


def _scalar(y: Any, name: str) -> Tensor:
    if not isinstance(y, Tensor):
        if isinstance(y, tuple | list | dict):
            raise TypeMismatch(
                f"{name}: the function must return one scalar; it returned a {type(y).__name__}. "
                "With has_aux=True it returns (scalar, anything)"
            )
        y = asarray(y)
    if y.shape != ():
        raise TypeMismatch(
            f"{name}: the function must return a scalar; it returned {y.type}. Take .sum() or .mean(), "
            "or use jacrev"
        )
    return y


_sweeps: Cache[Any, tuple[Node | None, ...]] = Cache(1024)


def _pulled(
    outputs: Sequence[Node], wrt: Sequence[Node], seeds: Sequence[Node]
) -> tuple[Node | None, ...]:
    """Reverse mode, remembered: the same nodes give the same nodes."""
    key = (tuple(outputs), tuple(wrt), tuple(seeds))
    if (known := _sweeps.get(key)) is not None:
        return known
    bodies = inlined(outputs)
    inner = inlined(wrt)
    found = pull(bodies, inner, seeds)
    for x, g in zip(inner, found, strict=True):
        if g is None and (reason := _obstacles(bodies, x)) is not None:
            raise reason
    return _sweeps.put(key, tuple(found))


def _obstacles(bodies: Sequence[Node], x: Node) -> NotDifferentiable | None:
    reasons = [obstacle(b, x) for b in bodies]
    return next((r for r in reasons if r is not None), None)


def _argnums(argnums: Argnums, args: Sequence[Any], name: str) -> tuple[int, ...]:
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for k in chosen:
        if not -len(args) <= k < len(args):
            raise TypeMismatch(f"{name}: argnums={argnums}, but {len(args)} arguments were given")
    return tuple(k % len(args) for k in chosen)


# --- reverse mode -------------------------------------------------------------------------------


def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    kinks: str = "ignore",
) -> Callable[..., Any]:
    """A function that returns (f(...), gradient).

    Args:
        f: returns a scalar, or (scalar, anything) with `has_aux`.
        argnums: which positional arguments to differentiate by; each may be a tree.
        has_aux: whether `f` returns something beside the scalar; then the result is ((y, aux), gradient).
        kinks: what to do where the derivative does not exist: "ignore" (use the documented convention),
            "warn" or "raise" (`AtKink`).

    Raises:
        NotDifferentiable: an argument is no float, or the result is integer valued.
        TypeMismatch: the result is no scalar.

    >>> import wingbeat as wb
    >>> wb.value_and_grad(lambda x: x * x)(3.0)
    (tensor(9.), tensor(6.))
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return _outermost(lambda: _value_and_grad(f, argnums, has_aux, kinks, args, kwargs))

    return wrapped


def _value_and_grad(
    f: Any, argnums: Argnums, has_aux: bool, kinks: str, args: Any, kwargs: Any
) -> Any:
    chosen = _argnums(argnums, args, "grad")
    arguments, variables, rebuilders = list(args), [], []
    for k in chosen:
        arguments[k], found = _variables(args[k], "grad")
        variables += found
        rebuilders.append((tree.flatten(args[k])[1], len(found)))
    result = f(*arguments, **kwargs)
    y, aux = _with_aux(result) if has_aux else (result, None)
    y = _scalar(y, "grad")
    grads = _gradients(y, variables, kinks)
    parts: list[Any] = []
    for rebuild, n in rebuilders:
        parts.append(rebuild(grads[:n]))
        grads = grads[n:]
    gradient = parts[0] if isinstance(argnums, int) else tuple(parts)
    return ((y, aux) if has_aux else y), gradient


def _with_aux(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeMismatch("has_aux=True: the function must return (scalar, anything)")
    return result


def _gradients(y: Tensor, variables: Sequence[Tensor], kinks: str) -> list[Tensor]:
    trace = join([y, *variables])
    root, wrt = enter(y, trace), [enter(v, trace) for v in variables]
    if not y.type.inexact:
        raise _obstacles(inlined([root]), inlined(wrt)[0]) or NotDifferentiable(
            f"grad: the function returned {y.type}; only floats have derivatives"
        )
    watch(trace, [root], wrt, kinks)
    found = _pulled([root], wrt, [full(1, y.type)])
    return [
        lazy(zero_like(x) if g is None else g, trace, y._flags | v._flags)
        for g, x, v in zip(found, wrt, variables, strict=True)
    ]


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
    both = value_and_grad(f, argnums, has_aux, kinks)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """`f(*primals)` and a function from cotangents of the result to cotangents of the arguments: J' g.

    Returns (y, pullback), or (y, pullback, aux) with `has_aux`. `pullback(g)` takes a tree like y and
    returns a tuple with one tree per argument.

    >>> import wingbeat as wb
    >>> y, pullback = wb.vjp(lambda x: x * x, wb.asarray([1.0, 2.0]))
    >>> pullback(wb.asarray([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    result: Any = None
    with scope():
        arguments, variables = _variables(tuple(primals), "vjp")
        result = f(*arguments)
        y, aux = _with_aux(result) if has_aux else (result, None)
        outputs, rebuild = tree.flatten(y)
        tensors = [asarray(v) for v in outputs]
        y = rebuild(tensors)

    def pullback(g: Any) -> Any:
        return _pull_back(g, tensors, variables, primals)

    return (y, pullback, aux) if has_aux else (y, pullback)


def _pull_back(g: Any, tensors: list[Tensor], variables: list[Tensor], primals: Any) -> Any:
    cotangents = tree.leaves(g)
    if len(cotangents) != len(tensors):
        raise TypeMismatch(
            f"pullback: {len(tensors)} cotangents are needed, {len(cotangents)} came"
        )
    seeds = [cast_to(asarray(c), t.dtype) for c, t in zip(cotangents, tensors, strict=True)]
    for s, t in zip(seeds, tensors, strict=True):
        if s.shape != t.shape:
            raise TypeMismatch(f"pullback: the cotangent of {t.type} has its shape, not {s.shape}")
    trace = join([*tensors, *variables])
    nodes = [enter(t, trace) for t in tensors]
    wrt = [enter(v, trace) for v in variables]
    found = _pulled(nodes, wrt, [enter(s, trace) for s in seeds])
    flags = functools.reduce(int.__or__, (t._flags for t in (*tensors, *seeds, *variables)), 0)
    grads = [lazy(n or zero_like(x), trace, flags) for n, x in zip(found, wrt, strict=True)]
    return tree.flatten(tuple(primals))[1](grads)


# --- forward mode -------------------------------------------------------------------------------


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """`f(*primals)` and its derivative along `tangents`: J t. Both arguments are sequences of trees.

    >>> import wingbeat as wb
    >>> wb.jvp(lambda x: x * x, (3.0,), (1.0,))
    (tensor(9.), tensor(6.))
    """
    return _outermost(lambda: _jvp(f, tuple(primals), tuple(tangents)))


def _jvp(f: Any, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    arguments, variables = _variables(primals, "jvp")
    directions = [asarray(t) for t in tree.leaves(tangents)]
    if len(directions) != len(variables):
        raise TypeMismatch(f"jvp: {len(variables)} tangents are needed, {len(directions)} came")
    directions = [cast_to(t, v.dtype) for t, v in zip(directions, variables, strict=True)]
    for t, v in zip(directions, variables, strict=True):
        if t.shape != v.shape:
            raise TypeMismatch(f"jvp: the tangent of {v.type} has its shape, not {t.shape}")
    outputs, rebuild = tree.flatten(f(*arguments))
    tensors = [asarray(v) for v in outputs]
    moved = _pushed(tensors, variables, directions)
    return rebuild(tensors), rebuild(moved)


def _pushed(
    tensors: Sequence[Tensor], variables: Sequence[Tensor], directions: Sequence[Tensor]
) -> list[Tensor]:
    trace = join([*tensors, *variables, *directions])
    bodies = inlined([enter(t, trace) for t in tensors])
    wrt = inlined([enter(v, trace) for v in variables])
    along = dict(zip(wrt, [enter(t, trace) for t in directions], strict=True))
    flags = functools.reduce(int.__or__, (t._flags for t in (*tensors, *directions, *variables)), 0)
    for b in bodies:
        if not b.type.inexact and (reason := _first_obstacle(b, along)) is not None:
            raise reason
    moved = push(bodies, along)
    return [lazy(t or zero_like(b), trace, flags) for t, b in zip(moved, bodies, strict=True)]


def _first_obstacle(body: Node, along: Any) -> NotDifferentiable | None:
    return next((r for x in along if (r := obstacle(body, x)) is not None), None)


# --- batching --------------------------------------------------------------------------------------


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """`f` for many examples at once: arguments gain an axis, and so do the results.

    Args:
        f: written for one example.
        in_axes: which axis of each argument counts the examples; None for an argument that all share. One
            for all arguments, or a sequence with one per argument (a tree argument: one for all its leaves).
        out_axes: where that axis stands in the results.

    Raises:
        TypeMismatch: sizes differ, or no argument carries the axis.
        NoValue: `f` asks for the value of something that differs between examples.

    >>> import wingbeat as wb
    >>> wb.vmap(lambda x, y: x @ y, in_axes=(0, None))(wb.ones((2, 3)), wb.ones(3))
    tensor([3., 3.])
    """

    @functools.wraps(f)
    def wrapped(*args: Any) -> Any:
        return _outermost(lambda: _vmap(f, in_axes, out_axes, args))

    return wrapped


def _vmap(f: Any, in_axes: Any, out_axes: Any, args: tuple[Any, ...]) -> Any:
    axes = in_axes if isinstance(in_axes, tuple | list) else (in_axes,) * len(args)
    if len(axes) != len(args):
        raise TypeMismatch(f"vmap: in_axes names {len(axes)} arguments, {len(args)} were given")
    flat, rebuild = tree.flatten(tuple(args))
    per_leaf = [a for arg, a in zip(args, axes, strict=True) for _ in tree.leaves(arg)]
    fronted = [_fronted(v, a) for v, a in zip(flat, per_leaf, strict=True)]
    size = _batch_size(fronted, per_leaf)
    trace = join([t for t in fronted if isinstance(t, Tensor)] or [asarray(0.0)])
    batched: dict[Node, Node] = {}
    singles: list[Any] = []
    for t, a in zip(fronted, per_leaf, strict=True):
        if a is None:
            singles.append(t)
            continue
        node = enter(t, trace)
        one = leaf(tensor_type(node.shape[1:], node.type.dtype), "example", trace.tag())
        batched[one] = node
        singles.append(lazy(one, trace, t._flags | ABSTRACT))
    outer = functools.reduce(int.__or__, (t._flags for t in fronted if isinstance(t, Tensor)), 0)
    outputs, rebuild_out = tree.flatten(f(*rebuild(singles)))
    return rebuild_out(_unbatched(outputs, batched, trace, size, out_axes, outer))


def _fronted(x: Any, axis: int | None) -> Any:
    if axis is None:
        return x
    t = asarray(x)
    if not t.ndim:
        raise TypeMismatch(f"vmap: a scalar has no axis {axis}; use in_axes=None for it")
    from wingbeat.api.manipulation import moveaxis

    return t if axis == 0 else moveaxis(t, axis, 0)


def _batch_size(fronted: Sequence[Any], axes: Sequence[int | None]) -> int:
    sizes = {t.shape[0] for t, a in zip(fronted, axes, strict=True) if a is not None}
    if len(sizes) != 1:
        text = "no argument carries the axis" if not sizes else f"sizes {sorted(sizes)} differ"
        raise TypeMismatch(f"vmap: {text}; in_axes says which axis counts the examples")
    return sizes.pop()


def _unbatched(
    outputs: Sequence[Any],
    batched: dict[Node, Node],
    trace: Trace,
    size: int,
    axes: Any,
    outer: int,
) -> list[Tensor]:
    tensors = [asarray(v) for v in outputs]
    bodies = inlined([enter(t, trace) for t in tensors])
    results: list[Tensor] = []
    for k, (node, has) in enumerate(batch(bodies, batched)):
        whole = node if has else expand(node, (size, *node.shape))
        axis = axes[k] if isinstance(axes, tuple | list) else axes
        flags = (tensors[k]._flags & ~ABSTRACT) | (outer & ~ABSTRACT)
        if _is_abstract(whole, trace):  # a variable of an enclosing vmap
            flags |= ABSTRACT
        results.append(lazy(_moved(whole, axis), trace, flags))
    return results


def _is_abstract(node: Node, trace: Trace) -> bool:
    return any(n.op is None and n not in trace.values for n in toposort([node], trace.kept))


def _moved(z: Node, axis: int) -> Node:
    k = axis % len(z.shape)
    order = list(range(1, len(z.shape)))
    order.insert(k, 0)
    return transpose(z, perm=tuple(order))


# --- Jacobians and Hessians ---------------------------------------------------------------------------


def jacrev(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The Jacobian of `f`, by reverse mode: one pass serves one output.

    For f with result shape S and argument shape T the Jacobian has shape S + T; trees give trees of them
    (outputs outside, arguments inside).

    >>> import wingbeat as wb
    >>> wb.jacrev(lambda x: x * x)(wb.asarray([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return _outermost(lambda: _jacobian(f, argnums, has_aux, args, kwargs, _rows))

    return wrapped


def jacfwd(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The Jacobian of `f`, by forward mode: one pass serves one input. Shapes as for `jacrev`.

    >>> import wingbeat as wb
    >>> wb.jacfwd(lambda x: x * x)(wb.asarray([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return _outermost(lambda: _jacobian(f, argnums, has_aux, args, kwargs, _columns))

    return wrapped


def _jacobian(f: Any, argnums: Argnums, has_aux: bool, args: Any, kwargs: Any, method: Any) -> Any:
    chosen = _argnums(argnums, args, "jacobian")
    arguments, variables = list(args), []
    for k in chosen:
        arguments[k], found = _variables(args[k], "jacobian")
        variables += found
    result = f(*arguments, **kwargs)
    y, aux = _with_aux(result) if has_aux else (result, None)
    outputs, rebuild_y = tree.flatten(y)
    tensors = [asarray(v) for v in outputs]
    table = method(tensors, variables)  # table[output][variable]
    picked = tuple(args[k] for k in chosen)
    inner = tree.flatten(picked[0] if isinstance(argnums, int) else picked)[1]
    jacobian = rebuild_y([inner(row) for row in table])
    return (jacobian, aux) if has_aux else jacobian


def _basis(t: Tensor) -> Tensor:
    """All unit vectors of the shape of `t`, along a new first axis."""
    from wingbeat.api.creation import eye
    from wingbeat.api.manipulation import reshape

    return reshape(eye(t.size, dtype=t.dtype), (t.size, *t.shape))


def _rows(tensors: list[Tensor], variables: list[Tensor]) -> list[list[Tensor]]:
    from wingbeat.api.manipulation import reshape

    table: list[list[Tensor]] = []
    for t in tensors:
        if t.dtype.kind != "f":
            raise _no_float(t, variables)

        def pulled(g: Tensor, t: Tensor = t) -> list[Tensor]:
            return list(_pull_back([g], [t], variables, tuple(variables)))

        rows = _vmap(lambda g: pulled(g), 0, 0, (_basis(t),))
        table.append(
            [reshape(r, (*t.shape, *v.shape)) for r, v in zip(rows, variables, strict=True)]
        )
    return table


def _no_float(t: Tensor, variables: list[Tensor]) -> NotDifferentiable:
    trace = join([t, *variables])
    reason = _obstacles(inlined([enter(t, trace)]), enter(variables[0], trace))
    return reason or NotDifferentiable(f"jacobian: {t.type} is no float, so it has no derivative")


def _columns(tensors: list[Tensor], variables: list[Tensor]) -> list[list[Tensor]]:
    from wingbeat.api.manipulation import moveaxis, reshape

    columns: list[list[Tensor]] = []
    for v in variables:

        def pushed(t: Tensor, v: Tensor = v) -> list[Tensor]:
            return _pushed(tensors, [v], [t])

        moved = _vmap(lambda t: pushed(t), 0, 0, (_basis(v),))
        columns.append(
            [
                reshape(moveaxis(m, 0, -1), (*t.shape, *v.shape))
                for m, t in zip(moved, tensors, strict=True)
            ]
        )
    return [list(row) for row in zip(*columns, strict=True)]


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The second derivatives of `f`: the Jacobian (forward mode) of its gradient (reverse mode).

    >>> import wingbeat as wb
    >>> wb.hessian(lambda x: x[0] ** 2 * x[1])(wb.asarray([1.0, 2.0]))
    tensor([[4., 2.],
            [2., 0.]])
    """
    return jacfwd(jacrev(f, argnums, has_aux), argnums, has_aux)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar `f` times a vector, without the Hessian: forward over reverse mode.

    `primals` and `tangents` are sequences of trees, one per argument; the result is like `primals` (a
    single one for a single argument).

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> wb.hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    tensor([6., 0.])
    """
    primals, tangents = tuple(primals), tuple(tangents)
    gradient = grad(f, argnums=tuple(range(len(primals))))
    moved = jvp(gradient, primals, tangents)[1]
    return moved[0] if len(primals) == 1 else moved


def stop_gradient(x: Any) -> Any:
    """A tree whose tensors are constants for every derivative.

    >>> import wingbeat as wb
    >>> wb.grad(lambda x: x * wb.stop_gradient(x))(3.0)
    tensor(3.)
    """
    return tree.map(lambda v: apply(constant, asarray(v)), x)
