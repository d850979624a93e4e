"""The table of a module's layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wingbeat.nn import _walk
from wingbeat.nn._table import Printed, Rows


@dataclass(frozen=True, repr=False)
class LayerSummary:
    """One layer: its dotted name, its class, and the shapes of its own parameters."""

    name: str
    layer: str
    shapes: dict[str, tuple[int, ...]]
    count: int


@dataclass(frozen=True, repr=False)
class Summary(Printed):
    """Layers with their parameters; prints as a table, and `show()` draws it in a terminal.

    >>> import wingbeat as wb
    >>> wb.nn.Linear(3, 2).summary().total
    8
    """

    layers: tuple[LayerSummary, ...]
    total: int
    trainable: int

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """Head, rows, the columns aligned to the right, and the last row."""
        rows = [
            (s.name, s.layer, ", ".join(f"{k} {v}" for k, v in s.shapes.items()), f"{s.count:,}")
            for s in self.layers
        ]
        frozen = self.total - self.trainable
        note = f"{frozen:,} of them frozen" if frozen else ""
        last = ("total", "", note, f"{self.total:,}")
        return ("name", "layer", "parameters", "count"), rows, (3,), last


def summarise(root: _walk.Branch) -> Summary:
    """The summary of a module; a parameter that two layers share is counted with the first."""
    owned = {id(mark): p for _, p, mark in _walk.parameters(root)}
    sizes = [(p.size, p.requires_grad) for p in owned.values()]
    rows: list[LayerSummary] = []
    for name, module in _walk.modules(root):
        found = list(_walk.places(module))
        held = {_walk.dotted("", path): owned.pop(id(m)) for path, _, m in found if id(m) in owned}
        if not held and any(isinstance(value, _walk.Branch) for _, value, _ in found):
            continue  # a mere container
        shapes = {k: tuple(p.shape) for k, p in held.items()}
        count = sum(p.size for p in held.values())
        rows.append(LayerSummary(name or "(itself)", type(module).__name__, shapes, count))
    return Summary(tuple(rows), sum(n for n, _ in sizes), sum(n for n, live in sizes if live))
