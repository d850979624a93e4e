"""What callers give, checked: whole numbers, names, names by symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wingbeat.errors import BadInput


def whole(value: Any, what: str, least: int | None = None) -> int:
    """A whole number; raises `BadInput` for another value, or one that is too small.

    >>> whole(3, "paths: k", 1)
    3
    """
    from_ = "" if least is None else f" from {least} on"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise BadInput(f"{what} is a whole number{from_}, not {value!r}")
    if least is not None and value < least:
        raise BadInput(f"{what} must be at least {least}, not {value}")
    return int(value)


def names(value: Any, what: str) -> list[str]:
    """A name, or several, as a list; raises `BadInput` for another value.

    >>> names("w_11", "closed: wrt"), names(("w", "b"), "closed: wrt")
    (['w_11'], ['w', 'b'])
    """
    found: Any = [value] if isinstance(value, str) else value
    if not isinstance(found, Sequence) or not all(isinstance(name, str) for name in found):
        word = what.rpartition(" ")[2]
        raise BadInput(
            f"{what} is a name or a list of names, as {word}='w' or {word}=['w', 'b'], "
            f"not {value!r}"
        )
    return list(found)


def by_name(value: Any, what: str, example: str) -> dict[str, str]:
    """A dict of texts by names; raises `BadInput` for another value."""
    if not isinstance(value, Mapping) or not all(
        isinstance(k, str) and k.isidentifier() and isinstance(v, str) for k, v in value.items()
    ):
        raise BadInput(f"{what} is a dict such as {example}, not {value!r}")
    return dict(value)
