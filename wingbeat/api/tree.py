"""Trees: dicts, lists, tuples, dataclasses and registered classes, with anything as leaves.

Lists of numbers are trees of numbers; what is meant as one array is given as an array.

>>> import wingbeat as wb
>>> wb.tree.leaves({"w": 1.0, "b": (2.0, 3.0)})
[1.0, 2.0, 3.0]
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wingbeat.errors import TypeMismatch

Flatten = Callable[[Any], tuple[list[Any], Any]]
Unflatten = Callable[[Any, list[Any]], Any]
Structure = Callable[[Any], Any]

_registered: dict[type, tuple[Flatten, Unflatten]] = {}
_structures: dict[type, Structure] = {}


def register(cls: type, flatten: Flatten, unflatten: Unflatten, structure: Structure = id) -> None:
    """Teach trees a class: `flatten(x)` is (children, rest), `unflatten(rest, children)` is x.

    `structure(x)` is hashable and equal for objects that differ in their leaves only; by default an
    object is like no other.

    >>> from wingbeat.api import tree
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> tree.register(Pair, lambda p: ([p.a, p.b], None), lambda _, ab: Pair(*ab))
    >>> tree.leaves(Pair(1, 2))
    [1, 2]
    """
    _registered[cls] = (flatten, unflatten)
    _structures[cls] = structure
    _openers.clear()


class Branch(NamedTuple):
    """A node of a tree: its children, how to put others in their place, what it must equal.

    `keys` are those of a dict, `fields` the names of attributes; where both are empty, children are
    counted.
    """

    children: list[Any]
    build: Callable[[list[Any]], Any]
    kind: Any
    keys: tuple[Any, ...] = ()
    fields: tuple[str, ...] = ()


def open(x: Any) -> Branch | None:
    """The branch that `x` is; None for a leaf, and for None, which is an empty tree."""
    opener = _openers.get(type(x), _UNKNOWN)
    if opener is _UNKNOWN:
        opener = _openers[type(x)] = _opener(type(x))
    return None if opener is None else opener(x)


def structure(x: Any) -> Any:
    """What is hashable and equal for branches that differ in what is below them only."""
    for base in type(x).__mro__:
        if base in _structures:
            return _structures[base](x)
    return type(x)


_UNKNOWN: Any = object()
_openers: dict[type, Callable[[Any], Branch] | None] = {}  # None: instances are leaves


def _opener(cls: type) -> Callable[[Any], Branch] | None:
    """How instances of a class are opened."""
    for base in cls.__mro__:
        if base in _registered:
            return functools.partial(_open_registered, *_registered[base])
    if issubclass(cls, dict):
        return lambda x: Branch(list(x.values()), lambda new: _dict_like(x, new), dict, tuple(x))
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return lambda x: Branch(list(x), lambda new: cls(*new), list, fields=x._fields)
    if issubclass(cls, list | tuple):
        return lambda x: Branch(list(x), cls, list)
    return _open_dataclass if dataclasses.is_dataclass(cls) else None


def _open_registered(flatten: Flatten, unflatten: Unflatten, x: Any) -> Branch:
    children, rest = flatten(x)
    return Branch(children, functools.partial(unflatten, rest), type(x))


def _open_dataclass(x: Any) -> Branch:
    names = [f.name for f in dataclasses.fields(x) if f.init]
    return Branch(
        [getattr(x, n) for n in names],
        lambda new: dataclasses.replace(x, **dict(zip(names, new, strict=True))),
        type(x),
        fields=tuple(names),
    )


def _dict_like(x: dict[Any, Any], values: list[Any]) -> dict[Any, Any]:
    new = copy.copy(x)  # a defaultdict keeps its default, an OrderedDict its order
    new.update(zip(x, values, strict=True))
    return new


def flatten(x: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of a tree, and a function that puts others in their place; None has none.

    >>> from wingbeat.api import tree
    >>> leaves, rebuild = tree.flatten({"a": 1, "b": (2, 3)})
    >>> rebuild([10 * v for v in leaves])
    {'a': 10, 'b': (20, 30)}
    """
    if x is None:
        return [], lambda new: None
    branch = open(x)
    if branch is None:
        return [x], lambda new: new[0]
    parts = [flatten(c) for c in branch.children]
    leaves = [leaf for part, _ in parts for leaf in part]

    def rebuild(new: Sequence[Any]) -> Any:
        if len(new) != len(leaves):
            raise TypeMismatch(f"a tree of {len(leaves)} leaves cannot be filled with {len(new)}")
        filled: list[Any] = []
        begin = 0
        for part, make in parts:
            filled.append(make(new[begin : begin + len(part)]))
            begin += len(part)
        return branch.build(filled)

    return leaves, rebuild


def leaves(x: Any) -> list[Any]:
    """The leaves of a tree, in order.

    >>> from wingbeat.api import tree
    >>> tree.leaves([1, {"a": 2}])
    [1, 2]
    """
    return flatten(x)[0]


def paths(x: Any) -> list[str]:
    """Where each leaf of a tree stands, as it is written behind the name of the tree.

    >>> from wingbeat.api import tree
    >>> tree.paths({"a": 1, "b": (2, 3)})
    ["['a']", "['b'][0]", "['b'][1]"]
    """
    if x is None:
        return []
    branch = open(x)
    if branch is None:
        return [""]
    steps = [f"[{key!r}]" for key in branch.keys] or [f".{name}" for name in branch.fields]
    steps = steps or [f"[{k}]" for k in range(len(branch.children))]
    parts = zip(steps, branch.children, strict=True)
    return [step + below for step, child in parts for below in paths(child)]


def matched(x: Any, other: Any, name: str = "tree") -> list[Any]:
    """The leaves of `other`, a tree of the form of `x`, in the same order; `name` is for errors.

    Lists and tuples are of one form, and the order of a dict's keys does not matter.

    Raises:
        TypeMismatch: the forms differ.

    >>> from wingbeat.api import tree
    >>> tree.matched({"a": 1, "b": 2}, {"b": 20, "a": 10})
    [10, 20]
    """
    if x is None or other is None:
        if x is not other:
            raise _unlike(x, other, name)
        return []
    ours, theirs = open(x), open(other)
    if ours is None and theirs is None:
        return [other]
    if ours is None or theirs is None:
        raise _unlike(x, other, name)
    pairs = zip(ours.children, _children(x, ours, other, theirs, name), strict=True)
    return [leaf for a, b in pairs for leaf in matched(a, b, name)]


def _children(x: Any, ours: Branch, other: Any, theirs: Branch, name: str) -> list[Any]:
    same = ours.kind is theirs.kind and len(ours.children) == len(theirs.children)
    if not same or set(ours.keys) != set(theirs.keys):
        raise _unlike(x, other, name)
    if not ours.keys:
        return theirs.children
    named = dict(zip(theirs.keys, theirs.children, strict=True))
    return [named[key] for key in ours.keys]


def _unlike(x: Any, other: Any, name: str) -> TypeMismatch:
    hint = "; give an array where an array is meant" if isinstance(other, list | tuple) else ""
    return TypeMismatch(f"{name}: {_form(other)} came where {_form(x)} is needed{hint}")


def _form(x: Any) -> str:
    branch = open(x)
    if branch is None:
        return "None" if x is None else f"a leaf ({type(x).__name__})"
    if branch.keys:
        return f"a {type(x).__name__} with the keys {', '.join(repr(k) for k in branch.keys)}"
    return f"a {type(x).__name__} of {len(branch.children)}"


def prefix(choice: Any, x: Any, name: str) -> list[Any]:
    """One entry of `choice` for each leaf of `x`: an int or None serves all leaves below its place.

    >>> from wingbeat.api import tree
    >>> tree.prefix((0, None), ([1, 2], {"a": 3}), "vmap")
    [0, 0, None]
    """
    if choice is None or (isinstance(choice, int) and not isinstance(choice, bool)):
        return [choice] * len(leaves(x))
    ours, theirs = open(x), open(choice)
    if ours is None or theirs is None:
        raise _unlike(x, choice, name)
    pairs = zip(ours.children, _children(x, ours, choice, theirs, name), strict=True)
    return [entry for part, c in pairs for entry in prefix(c, part, name)]


def map(f: Callable[..., Any], x: Any, *others: Any) -> Any:
    """`f` of the leaves of `x` and of the trees of the same form beside it.

    >>> from wingbeat.api import tree
    >>> tree.map(lambda a, b: a + b, {"a": 1}, {"a": 2})
    {'a': 3}
    """
    own, rebuild = flatten(x)
    rest = [matched(x, other, "tree.map") for other in others]
    return rebuild([f(*each) for each in zip(own, *rest, strict=True)])
