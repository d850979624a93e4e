"""Arguments of a call taken apart: what is the same in calls of one form, and the arrays."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wingbeat.api import tree
from wingbeat.api.arrays import own
from wingbeat.api.straight import OWNED
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.tracing import GRAD, Array, Trace
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import leaf
from wingbeat.ir.types import tensor_type


@dataclass
class Opened:
    """Arguments taken apart: what is the same in calls of one form, and the arrays."""

    form: list[Any] = field(default_factory=list[Any])
    leaves: list[Any] = field(default_factory=list[Any])  # tensors and arrays
    arrays: list[Array] = field(default_factory=list[Any])

    def tensors(self) -> list[Tensor]:
        """The leaves as tensors."""
        return [x if isinstance(x, Tensor) else asarray(x) for x in self.leaves]

    def donate(self, numbers: Sequence[int]) -> None:
        """Give up the tensors of these numbers: their memory may be overwritten."""
        for k in numbers:
            if not self._alone(k):
                self.arrays[k] = self.arrays[k].copy()
        for k in numbers:  # only now: as long as all are there, holders are counted alike
            if isinstance(t := self.leaves[k], Tensor):
                t._node, t._trace, t._value = leaf(t.type, "donated"), GONE, None

    def _alone(self, k: int) -> bool:
        """Whether nobody but one tensor sees the memory of array k."""
        array = self.arrays[k]
        held = sys.getrefcount(array) - 1  # that of `arrays`
        return isinstance(self.leaves[k], Tensor) and held <= OWNED and array.flags.owndata

    def add(self, x: Any) -> None:
        """Take one more argument, or a part of one."""
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
            self.form += (cls, _keys(x))
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
        self.form += (
            branch.kind,
            _keys(branch.keys or ()),
            tree.structure(x),
            len(branch.children),
        )
        for value in branch.children:
            self.add(value)


def _keys(keys: Iterable[Any]) -> tuple[Any, ...]:
    """Keys of a dict such that 1, 1.0 and True differ."""
    found = tuple(keys)
    if all(k.__class__ is str for k in found):
        return found
    return tuple((type(k), repr(k) if type(k) is float else k) for k in found)


GONE = Trace(scoped=True)
GONE.refusal = (
    "this tensor was donated to a function under jit, which has overwritten it; use the function's "
    "result, or leave it out of donate_argnums"
)

_PLAIN = {bool, int, float, str, type(None)}


def take_apart(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Opened:
    """The arguments of one call."""
    opened = Opened()
    for x in args:
        opened.add(x)
    if kwargs:
        opened.form.append("keywords")  # a dict that is the last argument is not the same
        opened.add(dict(sorted(kwargs.items())))
    return opened


def unhashable(form: Sequence[Any]) -> TypeMismatch:
    """The error for a form that cannot be told from others."""
    for part in form:
        try:
            hash(part)
        except TypeError:
            return TypeMismatch(
                f"jit: an argument of type {type(part).__name__} is neither an array nor hashable, "
                "so calls with it cannot be told apart; pass its arrays, in dicts, lists or tuples"
            )
    raise AssertionError("every part of the form is hashable")


def donated_leaves(argnums: Sequence[int], args: Sequence[Any]) -> list[int]:
    """Numbers of the leaves that belong to donated arguments."""
    if any(k >= len(args) for k in argnums):
        raise TypeMismatch(
            f"jit: donate_argnums={tuple(argnums)}, but {len(args)} arguments came by position"
        )
    counts = [len(take_apart((x,), {}).leaves) for x in args]
    begins = [sum(counts[:k]) for k in range(len(args))]
    return [n for k in argnums for n in range(begins[k], begins[k] + counts[k])]
