"""Trees: dicts, lists, tuples, named tuples, dataclasses and registered classes, with anything as leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.errors import TypeMismatch

Flatten = Callable[[Any], tuple[list[Any], Any]]
Unflatten = Callable[[Any, list[Any]], Any]

_registered: dict[type, tuple[Flatten, Unflatten]] = {}


def register(cls: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Teach trees a class: `flatten(x)` gives (children, rest), `unflatten(rest, children)` the object.

    >>> from wingbeat.api import tree
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> tree.register(Pair, lambda p: ([p.a, p.b], None), lambda _, ab: Pair(*ab))
    >>> tree.leaves(Pair(1, 2))
    [1, 2]
    """
    _registered[cls] = (flatten, unflatten)


def _named_tuple(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def _open(x: Any) -> tuple[list[Any], Callable[[list[Any]], Any]] | None:
    """The children of a branch and the way to put others in their place; None for a leaf."""
    for cls in type(x).__mro__:
        if cls in _registered:
            flatten, unflatten = _registered[cls]
            children, rest = flatten(x)
            return children, lambda new: unflatten(rest, new)
    if isinstance(x, dict):
        keys = list(x)
        return [x[k] for k in keys], lambda new: type(x)(zip(keys, new, strict=True))
    if _named_tuple(x):
        return list(x), lambda new: type(x)(*new)
    if isinstance(x, list | tuple):
        return list(x), lambda new: type(x)(new)
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        names = [f.name for f in dataclasses.fields(x) if f.init]
        children = [getattr(x, n) for n in names]
        return children, lambda new: dataclasses.replace(x, **dict(zip(names, new, strict=True)))
    return None


def flatten(x: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of a tree, and a function that puts other leaves in their place. None is an empty tree.

    >>> from wingbeat.api import tree
    >>> leaves, rebuild = tree.flatten({"a": 1, "b": (2, 3)})
    >>> rebuild([10 * v for v in leaves])
    {'a': 10, 'b': (20, 30)}
    """
    if x is None:
        return [], lambda new: None
    opened = _open(x)
    if opened is None:
        return [x], lambda new: new[0]
    children, build = opened
    parts = [flatten(c) for c in children]
    leaves = [leaf for part, _ in parts for leaf in part]

    def rebuild(new: Sequence[Any]) -> Any:
        if len(new) != len(leaves):
            raise TypeMismatch(f"a tree of {len(leaves)} leaves cannot be filled with {len(new)}")
        filled: list[Any] = []
        begin = 0
        for part, make in parts:
            filled.append(make(new[begin : begin + len(part)]))
            begin += len(part)
        return build(filled)

    return leaves, rebuild


def leaves(x: Any) -> list[Any]:
    """The leaves of a tree, in order.

    >>> from wingbeat.api import tree
    >>> tree.leaves([1, {"a": 2}])
    [1, 2]
    """
    return flatten(x)[0]


def map(f: Callable[..., Any], x: Any, *others: Any) -> Any:
    """`f` of the leaves of `x` and of the trees of the same form beside it.

    >>> from wingbeat.api import tree
    >>> tree.map(lambda a, b: a + b, {"a": 1}, {"a": 2})
    {'a': 3}
    """
    own, rebuild = flatten(x)
    rest = [leaves(o) for o in others]
    if any(len(r) != len(own) for r in rest):
        counts = ", ".join(str(len(r)) for r in (own, *rest))
        raise TypeMismatch(f"trees of different forms: {counts} leaves")
    return rebuild([f(*each) for each in zip(own, *rest, strict=True)])
