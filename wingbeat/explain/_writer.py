"""A graph as a formula, in any notation: parentheses follow from how tightly operations bind.

A formula is written bottom-up and never by recursion, so depth is unbounded; what is used more
than once, or grows too long, gets a line of its own, so that the text stays as small as the graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wingbeat.explain._names import fresh
from wingbeat.ir.node import ATOM, PRODUCT, SUM, Node
from wingbeat.ir.walk import toposort
from wingbeat.ops.families import constant_of

LONGEST = 240  # characters of one formula before a part of it becomes a line of its own


@dataclass(frozen=True)
class Written:
    """A piece of a formula, and how tightly it binds."""

    text: str
    level: int


class Notation(Protocol):
    """How one notation writes numbers, arrays of one number, names, parentheses and operations."""

    def number(self, value: float) -> Written: ...
    def filled(self, value: float, shape: tuple[int, ...]) -> Written: ...
    def name(self, name: str) -> str: ...
    def wrap(self, text: str) -> str: ...
    def cast(self, name: str, operand: Operand) -> Written: ...
    def operation(self, node: Node, operands: Sequence[Operand]) -> Written: ...


class Operand:
    """An operand in a template: `{0}` has parentheses unless it binds as tightly as `inner`.

    `{0:free}` has none, `{0:atom}` unless it is an atom, `{0:product}` unless it is at least a
    product, `{0:tighter}` unless it binds strictly tighter than the operation.
    """

    def __init__(self, piece: Written, notation: Notation, level: int, inner: int) -> None:
        self.piece = piece
        self.notation = notation
        self.needed = {
            "": inner,
            "free": SUM - 1,
            "atom": ATOM,
            "product": PRODUCT,
            "tighter": level + 1,
        }

    def __format__(self, spec: str) -> str:
        if self.piece.level >= self.needed[spec]:
            return self.piece.text
        return self.notation.wrap(self.piece.text)

    def __str__(self) -> str:
        return format(self, "")


@dataclass(frozen=True)
class Formula:
    """The texts of some roots, and the lines (name, text) that they refer to."""

    lets: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]


def write(roots: Sequence[Node], names: Mapping[Node, str], notation: Notation) -> Formula:
    """Write `roots`; nodes in `names` by their names, with nothing searched behind them."""
    order = toposort(roots, stops=names)
    uses: dict[Node, int] = {}
    for node in order:
        if node not in names:
            for x in node.inputs:
                uses[x] = uses.get(x, 0) + 1
    taken = {*names.values(), *(n.name for n in order if n.op is None)}
    last = set(roots)
    done: dict[Node, Written] = {}
    lets: list[tuple[str, str]] = []
    for node in order:
        piece = _piece(node, names, done, notation)
        shared = uses.get(node, 0) > 1 and node not in last
        if node not in names and _deserves_line(node, piece, shared):
            name = fresh("t", taken)
            taken.add(name)
            lets.append((notation.name(name), piece.text))
            piece = Written(notation.name(name), ATOM)
        done[node] = piece
    return Formula(tuple(lets), tuple(done[root].text for root in roots))


def _piece(
    node: Node, names: Mapping[Node, str], done: Mapping[Node, Written], notation: Notation
) -> Written:
    if (name := names.get(node)) is not None:
        return Written(notation.name(name), ATOM)
    if node.op is None:
        return Written(notation.name(node.name or "x"), ATOM)
    if (value := constant_of(node)) is not None:
        return notation.number(value)
    pieces = [done[x] for x in node.inputs]
    if cut := narrowed(node):
        return notation.cast(cut, Operand(pieces[0], notation, ATOM, ATOM))
    if node.name == "contract":  # its operands' shapes count; elsewhere a number stands for all
        alone = not _summed(node)
        pieces = [_whole(x, alone, notation) or p for x, p in zip(node.inputs, pieces, strict=True)]
    if is_transparent(node):
        return pieces[0]
    level, inner = node.op.level, node.op.inner
    return notation.operation(node, [Operand(p, notation, level, inner) for p in pieces])


def _summed(product: Node) -> bool:
    """Whether a product sums over an axis, as an outer one does not."""
    a = dict(product.attrs)
    return bool(set(a["lhs"]) & set(a["rhs"]) - set(a["out"]))


def _whole(node: Node, alone: bool, notation: Notation) -> Written | None:
    """An array of one number; None for what is none, and for one element that stands alone."""
    value = constant_of(node)
    if value is None or (alone and math.prod(node.shape) == 1):
        return None
    return notation.filled(value, node.shape)


def is_transparent(node: Node) -> bool:
    """Whether formulas show nothing of this operation, as of a broadcast or most casts."""
    return node.op is not None and node.op.latex == "{0}" and not narrowed(node)


def narrowed(node: Node) -> str:
    """What a cast that may change numbers is called, as `int`; nothing for all else.

    One from float to float only rounds.
    """
    if node.name != "cast" or not node.inputs or node.type.inexact:
        return ""
    old, new = node.inputs[0].type.dtype, node.type.dtype
    if np.can_cast(old, new, "safe"):
        return ""
    usual = new.kind == "b" or (new.kind == "i" and old.kind == "f")
    return {"b": "bool", "i": "int"}[new.kind] if usual else new.name


def _deserves_line(node: Node, piece: Written, shared: bool) -> bool:
    if not node.inputs or is_transparent(node):
        return False
    return shared or len(piece.text) > LONGEST
