"""Modules that hold modules in a row."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, overload

from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.nn.module import Module

Layer = Module | Callable[[Any], Any]


class _Row(Module):
    """Modules by number and by name; the names are attributes, and begin those of parameters."""

    _names: tuple[str, ...] = ()

    def _add(self, name: str, module: Any) -> None:
        kind = type(self).__name__
        if isinstance(module, type):
            raise TypeMismatch(f"{kind}: {module.__name__} is a class; write {module.__name__}()")
        if not isinstance(module, Module):
            raise TypeMismatch(
                f"{kind}: layers are modules, not {type(module).__name__}; for a function write a "
                "Module with it as forward, or wb.nn.ReLU() for wb.relu"
            )
        if hasattr(self, name) or "." in name:
            raise TypeMismatch(f"{kind}: a layer cannot be called {name!r}; use another name")
        object.__setattr__(self, name, module)
        self._names = (*self._names, name)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._names)

    def _name(self, k: Any) -> str:
        number = operator.index(k)
        if not -len(self) <= number < len(self):
            raise OutOfRange(f"{type(self).__name__}: layer {number} of {len(self)}")
        return self._names[number]

    @overload
    def __getitem__(self, k: int) -> Any: ...
    @overload
    def __getitem__(self, k: slice) -> Self: ...
    def __getitem__(self, k: int | slice) -> Any:
        """One module, or a row of the same modules."""
        if isinstance(k, slice):
            return self._of({name: getattr(self, name) for name in self._names[k]})
        return getattr(self, self._name(k))

    def _of(self, named: dict[str, Any]) -> Any:
        raise NotImplementedError

    def __setitem__(self, k: int, module: Module) -> None:
        name = self._name(k)
        if not isinstance(module, Module):
            raise TypeMismatch(f"{type(self).__name__}: layers are modules, not {module!r}")
        object.__setattr__(self, name, module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self._add(str(len(self)), module)
        return self


class Sequential(_Row):
    """Modules one after the other: each takes what the one before returned.

    Args:
        layers: modules; or one dict (an `OrderedDict`) of modules, whose keys become names.

    Raises:
        TypeMismatch: something is no module.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(3, 2), wb.nn.ReLU())
    >>> model
    Sequential(
      (0): Linear(in_features=3, out_features=2, bias=True)
      (1): ReLU()
    )
    >>> len(model), model[0].weight.shape
    (2, (2, 3))
    >>> wb.nn.Sequential({"hidden": wb.nn.Linear(3, 2)}).hidden
    Linear(in_features=3, out_features=2, bias=True)
    """

    def __init__(self, *layers: Any) -> None:
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            named = {str(name): layer for name, layer in layers[0].items()}
        elif len(layers) == 1 and isinstance(layers[0], list | tuple):
            raise TypeMismatch("Sequential: write Sequential(*layers) with a star for a list")
        else:
            named = {str(k): layer for k, layer in enumerate(layers)}
        for name, layer in named.items():
            self._add(name, layer)

    def _of(self, named: dict[str, Any]) -> Any:
        numbered = all(name.isdecimal() for name in named)
        return Sequential(*named.values()) if numbered else Sequential(named)

    def forward(self, x: Any) -> Any:
        """The last module's result."""
        for layer in self:
            x = layer(x)
        return x


class ModuleList(_Row):
    """A list of modules, for a `forward` that goes through them in its own way.

    Args:
        modules: any iterable of modules.

    Raises:
        TypeMismatch: something is no module.

    >>> import wingbeat as wb
    >>> blocks = wb.nn.ModuleList(wb.nn.Linear(2, 2) for _ in range(3))
    >>> len(blocks), len(list(blocks.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Any] = ()) -> None:
        for k, module in enumerate(modules):
            self._add(str(k), module)

    def _of(self, named: dict[str, Any]) -> Any:
        return ModuleList(named.values())

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        for module in modules:
            self.append(module)
        return self
