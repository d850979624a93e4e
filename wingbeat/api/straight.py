"""Calls of one form as straight-line Python: what `jit` does in general, written out for one case.

Taking arguments apart and putting results together costs more than running a small program. Once a
form is known, all of it can be said in advance: that the second argument is a list of four tensors,
which array goes where, what the result is made of. So a function is written that looks whether the
arguments have the form, and does only what is left to do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from wingbeat.api import tree
from wingbeat.api.tensor import Tensor, wrap
from wingbeat.api.tracing import GRAD, Trace, state
from wingbeat.ir.node import leaf
from wingbeat.ir.types import TensorType

MISSED: Any = object()  # what the function answers where the arguments have another form
LEAVES = 64  # tensors up to which a function is written


def _references(t: Tensor) -> int:
    """What `getrefcount` says where a tensor and a name hold an array; CPython 3.14 counts less."""
    value = t._value
    return sys.getrefcount(value)


OWNED = _references(wrap(np.empty(0)))


class _Unwritten(Exception):
    """A tree has a node that only its class can open."""


class _Writer:
    """Lines of a function, and what its names stand for."""

    def __init__(self, looks: bool, inputs: Container[int]) -> None:
        """A program that `looks` sees itself whether its inputs have their shapes and dtypes."""
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.tensors: list[str] = []  # the names of arguments' tensors, in order
        self._looks, self._inputs = looks, inputs
        self.places = 0

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def place(self) -> str:
        self.places += 1
        return f"a{self.places}"

    def require(self, condition: str) -> None:
        self.lines.append(f"if not ({condition}): return c0")

    def opened(self, x: Any, name: str) -> None:
        """The lines that find the tensors in an argument like `x`, which is called `name`."""
        cls = type(x)
        if isinstance(x, Tensor):
            self._tensor(x, name)
        elif cls in (list, tuple):
            self.require(f"{name}.__class__ is {cls.__name__} and len({name}) == {len(x)}")
            self._children(x, name, name)
        elif cls is dict and all(k.__class__ is str for k in x):  # 1 and 1.0 are equal keys
            keys = self.constant(tuple(x))
            self.require(f"{name}.__class__ is dict and tuple({name}) == {keys}")
            self._children(list(x.values()), name, f"{name}.values()")
        elif x is None or cls in (bool, int, str):
            value = self.constant(x)
            self.require(f"{name}.__class__ is {self.constant(cls)} and {name} == {value}")
        elif cls is float:  # 0.0 is equal to -0.0, and NaN not even to itself
            self.require(f"{name}.__class__ is float and repr({name}) == {repr(x)!r}")
        else:
            raise _Unwritten

    def _children(self, xs: Sequence[Any], name: str, values: str) -> None:
        places = [self.place() for _ in xs]
        if places:
            self.lines.append(f"{', '.join(places)}, = {values}")
        for x, place in zip(xs, places, strict=True):
            self.opened(x, place)

    def _tensor(self, t: Tensor, name: str) -> None:
        """A value that is there, of this shape and dtype, and no gradient asked for."""
        if t._value is None or len(self.tensors) == LEAVES:
            raise _Unwritten
        number = len(self.tensors)
        self.tensors.append(name)
        self.require(f"isinstance({name}, Tensor) and not {name}._flags & {GRAD}")
        self._value(t, name, f"v{number}", self._looks and number in self._inputs)

    def closed(self, t: Tensor) -> str:
        """The name of the array of a tensor that was closed over, which is as it was."""
        name = self.constant(t)
        self.require(f"{name}._flags & {GRAD} == {t._flags & GRAD}")
        return self._value(t, name, f"v{name}", self._looks)

    def _value(self, t: Tensor, name: str, value: str, looked_at: bool) -> str:
        self.lines.append(f"{value} = {name}._value")
        if not looked_at:
            array = t.numpy()
            shape, dtype = self.constant(array.shape), self.constant(array.dtype)
            self.require(
                f"{value} is not None and {value}.dtype is {dtype} and {value}.shape == {shape}"
            )
        return value

    def built(self, x: Any, names: dict[int, str]) -> str:
        """The expression for a result like `x`, in which tensors are known by `names`."""
        cls = type(x)
        if id(x) in names:
            return names[id(x)]
        if cls is dict:
            pairs = [f"{self.constant(k)}: {self.built(v, names)}" for k, v in x.items()]
            return f"{{{', '.join(pairs)}}}"
        if cls in (list, tuple):
            parts = "".join(f"{self.built(v, names)}, " for v in x)
            return f"[{parts}]" if cls is list else f"({parts})"
        if tree.open(x) is None:
            return self.constant(x)
        raise _Unwritten


def straight(
    args: Sequence[Any],
    types: Sequence[TensorType],
    result: Any,
    results: Sequence[Tensor],
    sources: Sequence[int | Tensor],
    donated: Sequence[int],
    run: Callable[[list[Any]], list[Any] | None],
    gone: Trace,
    *,
    looks: bool,
) -> Callable[..., Any] | None:
    """The function for arguments like `args`; None where their trees cannot be written out.

    `types` are those of the tensors in them.
    `result` is what `f(*args)` gave, with the tensors `results` in it; `sources` tell for each
    input of the program the number of an argument's tensor, or a tensor that was closed over.
    Tensors of the numbers `donated` belong to the trace `gone` afterwards.
    If `run` `looks` at its arrays, it answers None where they are not as they should be.
    """
    w = _Writer(looks, {s for s in sources if isinstance(s, int)})
    w.constant(MISSED)
    w.names |= {"Tensor": Tensor, "wrap": wrap, "run": run, "state": state, "gone": gone}
    w.names |= {"getrefcount": sys.getrefcount, "held": OWNED + 1}
    try:
        for k, x in enumerate(args):
            w.opened(x, f"x{k}")
        names = {id(t): f"wrap(r{k})" for k, t in enumerate(results)}
        built = w.built(result, names)
    except _Unwritten:
        return None
    w.require(f"state.enabled is {state.enabled}")
    w.require("state.trace is None or not state.trace.scoped")
    inputs = [f"v{s}" if isinstance(s, int) else w.closed(s) for s in sources]
    for k in donated:
        w.require(f"v{k} is not None")
        w.lines.append(f"o{k} = v{k}")
        # Somebody else holds the array, or (`run` may look itself) it is a part of another one.
        seen = f"getrefcount(v{k}) > held" + ("" if looks else f" or not v{k}.flags.owndata")
        w.lines.append(f"if {seen}: v{k} = v{k}.copy()")
    for k in donated:  # gone before it is overwritten, for other threads too
        t = w.tensors[k]
        node = w.constant(leaf(types[k], "donated"))
        w.lines.append(f"n{k} = {t}._node; t{k} = {t}._trace")
        w.lines.append(f"{t}._node = {node}; {t}._trace = gone; {t}._value = None")
    w.lines.append(f"r = run([{', '.join(inputs)}])")
    w.lines.append("if r is None:")  # it was not run, and nothing was overwritten
    for k in donated:
        t = w.tensors[k]
        w.lines.append(f"    {t}._node = n{k}; {t}._trace = t{k}; {t}._value = o{k}")
    w.lines.append("    return c0")
    if results:
        w.lines.append("".join(f"r{k}, " for k in range(len(results))) + "= r")
    w.lines.append(f"return {built}")
    parameters = "".join(f"x{k}=c0, " for k in range(len(args)))  # c0 is of no form
    w.lines.insert(0, "if more: return c0")
    text = f"def straight({parameters}*more):\n" + "".join(f"    {line}\n" for line in w.lines)
    exec(compile(text, "<a call of one form>", "exec"), w.names)
    return w.names["straight"]
