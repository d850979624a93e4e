"""Was a derivative taken where none exists?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wingbeat.api.joining import enter, join
from wingbeat.api.sites import site
from wingbeat.api.tracing import Trace
from wingbeat.errors import AtKink, NoValue, TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort
from wingbeat.transform import inlined

if TYPE_CHECKING:
    from wingbeat.api.conventions import Touched
    from wingbeat.api.tensor import Tensor

CHOICES = ("ignore", "warn", "raise")

_warned: dict[Any, Any] = {}  # which warnings Python has shown, per line of the user


class KinkWarning(UserWarning):
    """A derivative was taken at a point where it does not exist; a convention answered.

    >>> import warnings
    >>> import wingbeat as wb
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     slope = wb.grad(wb.abs, kinks="warn")(0.0)
    >>> caught[0].category.__name__
    'KinkWarning'
    """


def check_choice(kinks: str) -> None:
    """Raise for a choice that does not exist."""
    if kinks not in CHOICES:
        raise TypeMismatch(f"kinks={kinks!r} is unknown; use one of {', '.join(CHOICES)}")


def watch(tensors: Sequence[Tensor], variables: Sequence[Tensor], kinks: str) -> None:
    """Warn of, or raise at, the kinks that the derivative of `tensors` by `variables` passes."""
    if kinks == "ignore":
        return
    trace = join([*tensors, *variables])
    roots, wrt = ([enter(t, trace) for t in each] for each in (tensors, variables))
    for touched in find_kinks(trace, roots, wrt):
        if kinks == "raise":
            raise AtKink(str(touched))
        file, line = site() or ("<unknown>", 0)
        warnings.warn_explicit(str(touched), KinkWarning, file, line, registry=_warned)


def find_kinks(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node]) -> list[Touched]:
    """The kinks of operations, and the decisions at ties, that the derivative of `roots` rests on.

    Raises:
        NoValue: `roots` stand for many values, as inside `vmap`.
    """
    # Who never asks for kinks need not wait for these.
    from wingbeat.api.conventions import conventions
    from wingbeat.api.decisions import decisions

    bodies, wrt = [b for b in inlined(roots) if b.type.inexact], inlined(wrt)
    if any(n.op is None and n not in trace.values for n in toposort(bodies)):
        raise NoValue("kinks cannot be looked for inside vmap, where tensors stand for many values")
    return [*conventions(trace, bodies, wrt), *decisions(trace, bodies, wrt)]
