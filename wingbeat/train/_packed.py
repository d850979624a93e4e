"""Trees of arrays, numbers and texts as JSON beside named arrays, and back.

JSON alone would turn a tuple into a list and the key 0 into "0"; so an array, a tuple and a dict
are written as an object of one key that says which it is:

    {"array": "/model/0"}    {"tuple": [...]}    {"dict": [[key, value], ...]}
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.api import Tensor, asarray
from wingbeat.errors import TypeMismatch

Arrays = dict[str, NDArray[Any]]


def pack(tree: Any, arrays: Arrays, name: str) -> Any:
    """`tree` as JSON; its arrays go to `arrays`, under names that begin with `name`."""
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if isinstance(tree, Tensor | np.ndarray):
        if name in arrays:
            raise TypeMismatch(f"checkpoint: two arrays are called {name!r}")
        # not ascontiguousarray, which gives scalars an axis
        arrays[name] = np.require(np.asarray(tree), requirements="C")
        return {"tensor" if isinstance(tree, Tensor) else "array": name}
    if isinstance(tree, np.generic):
        return pack(tree.item(), arrays, name)
    if isinstance(tree, Mapping):
        pairs = [[_key(k, name), pack(v, arrays, f"{name}/{k}")] for k, v in tree.items()]
        return {"dict": pairs}
    if isinstance(tree, list | tuple):
        items = [pack(v, arrays, f"{name}/{k}") for k, v in enumerate(tree)]
        return items if isinstance(tree, list) else {"tuple": items}
    raise TypeMismatch(
        f"checkpoint: {name} holds {type(tree).__name__}; a checkpoint keeps arrays, numbers, "
        "texts, and lists, tuples and dicts of them"
    )


def _key(key: Any, name: str) -> str | int:
    if isinstance(key, str | int) and not isinstance(key, bool):
        return key
    raise TypeMismatch(f"checkpoint: a key in {name} is text or a whole number, not {key!r}")


def unpack(packed: Any, arrays: Arrays) -> Any:
    """The tree that `pack` was given; ValueError or KeyError where `packed` is no such thing."""
    if isinstance(packed, list):
        return [unpack(v, arrays) for v in packed]
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    match kind:
        case "array":
            return arrays[content]
        case "tensor":
            return asarray(arrays[content])
        case "tuple":
            return tuple(unpack(v, arrays) for v in content)
        case "dict":
            return {k: unpack(v, arrays) for k, v in content}
        case _:
            raise ValueError(f"unknown kind {kind!r}")
