"""How the parameters inside a module are found, and how it is built again around others.

The attributes of a module may be parameters, modules, and lists, tuples and dicts of them. A path
says where in a module something is: the attribute's name, then indices and keys.

A module that was built again (inside `wb.grad`, or as its result) has other values where parameters
were: variables, gradients, whatever a tree function returned. `_stand_ins` says where these are,
and which are one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wingbeat.nn.parameter import Parameter

Path = tuple[Any, ...]
Change = Callable[[Path, Any], Any]

_NUMBERS = {bool, int, float, str, type(None)}


class Branch:
    """What a module is to a walk: an object with parameters and branches among its attributes."""

    # On the class, so that a subclass need not call __init__.
    _stand_ins: Mapping[Path, object] = {}
    training: bool = True


def dotted(prefix: str, path: Path) -> str:
    """The name of a place, as in a state dict: layers.0.weight."""
    return ".".join([*([prefix] if prefix else []), *map(str, path)])


def items(value: Any) -> Iterator[tuple[Any, Any]]:
    """Indices or keys of a container, with what is there; nothing for all else."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def places(module: Branch) -> Iterator[tuple[Path, Any, object]]:
    """The parameters and modules that a module holds itself: path, value, and what marks it."""
    stand_ins, parts = module._stand_ins, vars(module)

    def below(path: Path, value: Any) -> Iterator[tuple[Path, Any, object]]:
        if path in stand_ins:
            yield path, value, stand_ins[path]
        elif isinstance(value, Parameter | Branch):
            yield path, value, value
        else:
            for key, inner in items(value):
                yield from below((*path, key), inner)

    for name, value in parts.items():
        if value is stand_ins or (type(value) in _NUMBERS and (name,) not in stand_ins):
            continue
        if isinstance(value, Parameter) and not stand_ins:
            yield (name,), value, value
        else:
            yield from below((name,), value)


def modules(root: Branch) -> Iterator[tuple[str, Branch]]:
    """A module and all within, each once, parents first: dotted name and module."""
    seen: set[int] = set()

    def below(name: str, module: Branch) -> Iterator[tuple[str, Branch]]:
        if id(module) in seen:
            return
        seen.add(id(module))
        yield name, module
        for path, value, mark in places(module):
            if mark is value and isinstance(value, Branch):
                yield from below(dotted(name, path), value)

    return below("", root)


def parameters(root: Branch) -> Iterator[tuple[str, Any, object]]:
    """Every parameter once, under its first name: name, value, mark."""
    seen: set[int] = set()
    for name, module in modules(root):
        for path, value, mark in places(module):
            if mark is value and isinstance(value, Branch):
                continue
            if id(mark) not in seen:
                seen.add(id(mark))
                yield dotted(name, path), value, mark


def rebuilt(root: Branch, new: Sequence[Any]) -> Branch:
    """A copy of a module with other values for its parameters; what was shared stays shared."""
    values = {
        id(mark): (value, object())
        for (_, _, mark), value in zip(parameters(root), new, strict=True)
    }
    copies: dict[int, Branch] = {}

    def copied(module: Branch) -> Branch:
        if id(module) in copies:
            return copies[id(module)]
        fresh = copies[id(module)] = object.__new__(type(module))
        marks = {path: mark for path, _, mark in places(module)}
        stand_ins: dict[Path, object] = {}

        def change(path: Path, value: Any) -> Any:
            mark = marks[path]
            if mark is value and isinstance(value, Branch):
                return copied(value)
            given, stand_ins[path] = values[id(mark)]
            return given

        attributes = {k: changed((k,), v, marks, change) for k, v in vars(module).items()}
        vars(fresh).update(attributes, _stand_ins=stand_ins)
        return fresh

    return copied(root)


def changed(path: Path, value: Any, marks: dict[Path, object], change: Change) -> Any:
    """`value` with all at marked paths changed; containers are copied only where that happens."""
    if path in marks:
        return change(path, value)
    if type(value) in _NUMBERS:
        return value
    old = [inner for _, inner in items(value)]
    new = [changed((*path, key), inner, marks, change) for key, inner in items(value)]
    if all(a is b for a, b in zip(old, new, strict=True)):
        return value
    if isinstance(value, dict):
        fresh = copy.copy(value)
        fresh.update(zip(value, new, strict=True))
        return fresh
    return type(value)(*new) if hasattr(value, "_fields") else type(value)(new)


def structure(root: Branch) -> tuple[Any, ...]:
    """Classes, names and plain attributes of a module and all within; of others, who they are."""
    found: list[Any] = []
    for name, module in modules(root):
        marked = {path for path, _, _ in places(module)}
        found += [name, type(module), module.training]
        for key, value in vars(module).items():
            if key != "_stand_ins":
                found += _plain((key,), value, marked)
    return tuple(found)


def _plain(path: Path, value: Any, marked: set[Path]) -> list[Any]:
    if path in marked:
        return [path]
    if type(value) in _NUMBERS:
        return [path, type(value), value]
    inside = list(items(value))
    if not inside:
        return [path, type(value), () if isinstance(value, list | tuple | dict) else id(value)]
    return [path, *(entry for k, inner in inside for entry in _plain((*path, k), inner, marked))]
