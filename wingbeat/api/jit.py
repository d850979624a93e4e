"""`jit`: a function traced once for each form of its arguments, and run as one program."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wingbeat.api import tree
from wingbeat.api.applying import operands_in
from wingbeat.api.lowered import Lowered
from wingbeat.api.straight import MISSED, OWNED, straight
from wingbeat.api.tensor import Tensor, asarray, lazy, own, wrap
from wingbeat.api.tracing import GRAD, Trace, current, enter, located, staging, state
from wingbeat.backend.base import Cache, Program, Run, natively, program
from wingbeat.errors import ManyForms, TypeMismatch
from wingbeat.ir.node import Node, leaf
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import substitute, toposort
from wingbeat.transform import inlined, simplify

Array = Any
FORMS = 256  # kept for each function
MANY = 16  # forms of arguments from which on somebody should be told


def jit(f: Callable[..., Any], *, donate_argnums: int | Sequence[int] = ()) -> Jitted:
    """`f` as one program: traced once for each form of its arguments, and native at once.

    Arguments and results are trees. What counts as the form: the trees' structure, shapes and
    dtypes of arrays, and everything that is no array, Python's numbers too. A number that changes
    from call to call is better given as `wb.asarray(number)`, or each value is another program.

    `f` runs only when its arguments have a new form. So it must be pure: it reads its arguments and
    tensors that it closes over (they are read anew in every call; NumPy's arrays, numbers and flags
    stay what they were when `f` ran, and names and attributes keep the tensors they had), draws
    random numbers from keys that are given to it, and uses `wb.where` where Python's `if` would
    need a value.

    Inside `wb.grad`, `wb.vmap` and the like a jitted function is the function that it was made of.
    Where an argument requires a gradient, so does the result; under `wb.no_grad()` it does not.

    Args:
        f: a function of trees of arrays.
        donate_argnums: arguments by position whose tensors nobody needs after the call: their
            memory becomes that of results, so parameters are updated in place. Using a donated
            tensor again is an error.

    Raises:
        NoValue: `f` needs the value of something that it computes.
        TypeMismatch: `f` is no function, or `donate_argnums` names no argument.

    >>> import wingbeat as wb
    >>> f = wb.jit(lambda x, y: {"sum": x + y, "product": x * y})
    >>> f(wb.asarray([1.0, 2.0]), 3.0)
    {'sum': tensor([4., 5.]), 'product': tensor([3., 6.])}
    """
    return Jitted(f, donate_argnums)


class Jitted:
    """What `jit` returns: call it as the function; `lower(*args)` shows what is run."""

    def __init__(self, f: Callable[..., Any], donate_argnums: int | Sequence[int] = ()) -> None:
        if not callable(f):
            raise TypeMismatch(f"jit: takes a function, not {type(f).__name__}")
        listed = isinstance(donate_argnums, tuple | list)
        given: list[Any] = list(donate_argnums) if listed else [donate_argnums]  # type: ignore[arg-type]
        if any(not isinstance(k, int) or isinstance(k, bool) or k < 0 for k in given):
            raise TypeMismatch(
                f"jit: donate_argnums are positions of arguments, not {donate_argnums!r}"
            )
        self._f = f
        self._donated = tuple(given)
        self._stages: Cache[Any, _Stage] = Cache(FORMS)
        self._recent: Callable[..., Any] = _missed  # a call of the form that came last
        functools.update_wrapper(self, f, updated=())

    def __repr__(self) -> str:
        return f"<jit of {getattr(self._f, '__qualname__', self._f)!s}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)  # of a method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`f(*args, **kwargs)`."""
        if not kwargs and (found := self._recent(*args)) is not MISSED:
            return found
        if state.trace is not None and state.trace.scoped:
            return self._f(*args, **kwargs)
        opened = _opened(args, kwargs)
        stage = self._stage(opened, args, kwargs)
        if stage.tracked:
            return stage.rebuild(stage.inline(opened.tensors()))
        self._recent = _missed if kwargs else stage.repeated(args)
        closed = stage.closed()
        opened.donate(stage.donated)
        return stage.rebuild(stage.run(opened.arrays, closed))

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments of this form: its graph, plan, code and cost.

        >>> import wingbeat as wb
        >>> print(wb.jit(lambda x: wb.exp(x) * 2.0).lower(wb.ones(3)).graph())
        graph(x: f64[3]) {
          %0 = exp(x) : f64[3]
          %1 = full(dtype='float64', shape=(3,), value=2.0) : f64[3]
          %2 = mul(%0, %1) : f64[3]
          return %2
        }
        """
        return Lowered(self._stage(_opened(args, kwargs), args, kwargs).program)

    def _stage(self, opened: _Opened, args: Any, kwargs: Any) -> _Stage:
        key = (tuple(opened.form), state.enabled)
        try:
            found = self._stages.get(key)
        except TypeError:
            raise _unhashable(opened.form) from None
        if found is not None and found.holds():
            return found
        self._stages.drop(key)
        donated = _donated(self._donated, args)
        stage = _staged(self._f, opened, args, kwargs, donated)
        if len(self._stages) == MANY:
            warnings.warn(
                f"{self!r} was called with {MANY} forms of arguments, and each is compiled; give a "
                "number that changes as wb.asarray(number), and arrays of one shape",
                ManyForms,
                stacklevel=3,
            )
        return self._stages.put(key, stage)


# --- arguments ----------------------------------------------------------------------------------


@dataclass
class _Opened:
    """Arguments taken apart: what is the same in calls of one form, and the arrays."""

    form: list[Any] = field(default_factory=list[Any])
    leaves: list[Any] = field(default_factory=list[Any])  # tensors and arrays
    arrays: list[Array] = field(default_factory=list[Any])

    def tensors(self) -> list[Tensor]:
        return [x if isinstance(x, Tensor) else asarray(x) for x in self.leaves]

    def donate(self, numbers: Sequence[int]) -> None:
        """Give up the tensors of these numbers: their memory may be overwritten."""
        for k in numbers:
            if not self._alone(k):
                self.arrays[k] = self.arrays[k].copy()
        for k in numbers:  # only now: as long as all are there, holders are counted alike
            if isinstance(t := self.leaves[k], Tensor):
                t._node, t._trace, t._value = leaf(t.type, "donated"), _gone, None

    def _alone(self, k: int) -> bool:
        """Whether nobody but one tensor sees the memory of array k."""
        array = self.arrays[k]
        held = sys.getrefcount(array) - 1  # that of `arrays`
        return isinstance(self.leaves[k], Tensor) and held <= OWNED and array.flags.owndata

    def add(self, x: Any) -> None:
        cls = type(x)
        if isinstance(x, Tensor):
            value = x._value
            self.arrays.append(x.numpy() if value is None else value)
            self.leaves.append(x)
            self.form += (x.type, x._flags & GRAD)
        elif isinstance(x, np.ndarray | np.generic):
            value = own(x)  # a result may be this very memory
            self.arrays.append(value)
            self.leaves.append(x)
            self.form += (tensor_type(value.shape, value.dtype), 0)
        elif cls is tuple or cls is list:
            self.form += (cls, len(x))
            for value in x:
                self.add(value)
        elif cls is dict:
            self.form += (cls, tuple(x))
            for value in x.values():
                self.add(value)
        elif cls in _PLAIN:
            # 1, 1.0 and True are equal, and 0.0 is equal to -0.0; NaN is not even equal to itself.
            self.form += (cls, repr(x) if cls is float else x)
        else:
            self._branch(x)

    def _branch(self, x: Any) -> None:
        branch = tree.open(x)
        if branch is None:
            self.form += (type(x), x)
            return
        self.form += (branch.kind, branch.keys, tree.structure(x), len(branch.children))
        for value in branch.children:
            self.add(value)


_gone = Trace(scoped=True)
_gone.refusal = (
    "this tensor was donated to a function under jit, which has overwritten it; use the function's "
    "result, or leave it out of donate_argnums"
)

_PLAIN = {bool, int, float, str, type(None)}


def _opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Opened:
    opened = _Opened()
    for x in args:
        opened.add(x)
    if kwargs:
        opened.form.append("keywords")  # a dict that is the last argument is not the same
        opened.add(dict(sorted(kwargs.items())))
    return opened


def _unhashable(form: Sequence[Any]) -> TypeMismatch:
    for part in form:
        try:
            hash(part)
        except TypeError:
            return TypeMismatch(
                f"jit: an argument of type {type(part).__name__} is neither an array nor hashable, "
                "so calls with it cannot be told apart; pass its arrays, in dicts, lists or tuples"
            )
    raise AssertionError("every part of the form is hashable")


def _donated(argnums: Sequence[int], args: Sequence[Any]) -> list[int]:
    """Numbers of the leaves that belong to donated arguments."""
    if any(k >= len(args) for k in argnums):
        raise TypeMismatch(
            f"jit: donate_argnums={tuple(argnums)}, but {len(args)} arguments came by position"
        )
    counts = [len(_opened((x,), {}).leaves) for x in args]
    begins = [sum(counts[:k]) for k in range(len(args))]
    return [n for k in argnums for n in range(begins[k], begins[k] + counts[k])]


# --- tracing ------------------------------------------------------------------------------------


@dataclass
class _Stage:
    """A function traced for one form of arguments."""

    program: Program
    execute: Run  # the program, with errors as users see them
    # For each input of the program: the number of an argument, or a tensor that was closed over.
    sources: list[int | Tensor]
    rebuild: Callable[[Sequence[Any]], Any]
    variables: list[Node]
    roots: list[Node]
    captured: dict[Node, Tensor]
    flags: list[int]  # of those, whether a gradient was asked for
    donated: list[int]  # numbers of arguments' arrays
    tracked: bool  # results require a gradient
    kept: Any  # what the form speaks of by identity
    _straight: Callable[..., Any] | None = None
    _inlined: Cache[Any, list[Node]] = field(default_factory=lambda: Cache(64))

    def repeated(self, args: Sequence[Any]) -> Callable[..., Any]:
        """What does the same for arguments by position, where they have this form.

        From the second call on, because it takes time to be written.
        """
        if self._straight is None:
            self._straight = _missed
        elif self._straight is _missed:
            self._straight = self._written(args) or _general
        return _missed if self._straight is _general else self._straight

    def _written(self, args: Sequence[Any]) -> Callable[..., Any] | None:
        types = [v.type for v in self.variables]
        results = [wrap(np.empty(r.type.shape, r.type.dtype)) for r in self.roots]
        result = self.rebuild(results)
        run = self.execute
        return straight(args, types, result, results, self.sources, self.donated, run, _gone)

    def holds(self) -> bool:
        """Whether tensors that were closed over are what they were, but for their numbers."""
        return all(
            t.type is node.type and t._flags & GRAD == flag
            for (node, t), flag in zip(self.captured.items(), self.flags, strict=True)
        )

    def closed(self) -> list[Array]:
        """The arrays behind them now."""
        return [t.numpy() for t in self.sources if isinstance(t, Tensor)]

    def run(self, arrays: Sequence[Array], closed: Sequence[Array]) -> list[Tensor]:
        rest = iter(closed)
        taken = [arrays[k] if isinstance(k, int) else next(rest) for k in self.sources]
        return [wrap(value) for value in self.execute(taken)]

    def inline(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The results as part of the graph that the arguments are part of."""
        closed = list(self.captured.values())
        trace, nodes, flags = operands_in((*tensors, *closed)) if tensors or closed else _nothing()
        known = self._inlined.get(nodes)
        if known is None:
            places = dict(zip((*self.variables, *self.captured), nodes, strict=True))
            known = self._inlined.put(nodes, substitute(self.roots, places))
        return [lazy(node, trace, flags) for node in known]


def _missed(*args: Any) -> Any:
    """No form is known yet."""
    return MISSED


def _general(*args: Any) -> Any:
    """Arguments of this form are taken apart in every call."""
    return MISSED


def _nothing() -> tuple[Trace, tuple[Node, ...], int]:
    return current(), (), 0


def _staged(
    f: Callable[..., Any], opened: _Opened, args: Any, kwargs: Any, donated: Sequence[int]
) -> _Stage:
    types = [tensor_type(a.shape, a.dtype) for a in opened.arrays]
    with staging() as trace:
        variables = [leaf(t, "x", k) for k, t in enumerate(types)]
        flags = [x._flags & GRAD if isinstance(x, Tensor) else 0 for x in opened.leaves]
        tensors = [lazy(v, trace, flag) for v, flag in zip(variables, flags, strict=True)]
        arguments, keywords = _with_variables(args, kwargs, tensors)
        found, rebuild = tree.flatten(f(*arguments, **keywords))
        results = [x if isinstance(x, Tensor | np.ndarray | np.generic) else None for x in found]
        outputs = [asarray(x) for x in results if x is not None]
        roots = [enter(t, trace) for t in outputs]
    # What `f` made itself and wrote to has another value by now: what it was is a constant.
    behind = {n: t for n, t in {**trace.sources, **trace.captured}.items() if t._trace is not trace}
    used = [n for n in toposort(roots) if n.op is None and n not in variables]
    captured = {n: behind[n] if n in behind else wrap(trace.values[n]) for n in used}
    executable, order = program(
        _runnable(roots), eager=True, donated=[variables[k] for k in donated]
    )
    number = {v: k for k, v in enumerate(variables)}
    return _Stage(
        executable,
        located(executable.run, [n.site for n in order]),
        [number[n] if n in number else captured[n] for n in order if n.op is None],
        _filled(found, results, rebuild),
        variables,
        roots,
        captured,
        [t._flags & GRAD for t in captured.values()],
        list(donated),
        tracked=state.enabled and any(t._flags & GRAD for t in outputs),
        kept=(args, kwargs),
    )


def _runnable(roots: Sequence[Node]) -> list[Node]:
    """The graph that is run."""
    bodies = inlined(roots)
    new = simplify(bodies)
    return [new[b] for b in bodies]


def _with_variables(
    args: tuple[Any, ...], kwargs: dict[str, Any], tensors: Sequence[Tensor]
) -> tuple[Any, Any]:
    """The arguments with variables where arrays are."""
    rest = iter(tensors)
    ordered = dict(sorted(kwargs.items()))

    def variable(x: Any) -> Any:
        return next(rest) if isinstance(x, Tensor | np.ndarray | np.generic) else x

    arguments = tuple(tree.map(variable, x) for x in args)
    return arguments, {name: tree.map(variable, x) for name, x in ordered.items()}


def _filled(
    found: Sequence[Any], results: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]
) -> Callable[[Sequence[Any]], Any]:
    """The result's tree, given its tensors; what else is in it is the same in every call."""
    places = [k for k, x in enumerate(results) if x is not None]
    if len(places) == len(found):
        return rebuild

    def fill(tensors: Sequence[Any]) -> Any:
        whole = list(found)
        for k, t in zip(places, tensors, strict=True):
            whole[k] = t
        return rebuild(whole)

    return fill


__all__ = ["jit", "natively"]
