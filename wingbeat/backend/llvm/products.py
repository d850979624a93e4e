"""Products of matrices in a graph: what is worth a library's call, and where its operands lie.

Every buffer is C-contiguous; numbers of nodes are positions in `Graph.nodes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from wingbeat.backend.llvm import indices, terms
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.indices import Index, Var
from wingbeat.backend.llvm.meaning import Meaning
from wingbeat.backend.llvm.terms import Factors, Read, Term

TINY = 2048  # multiplications: a product of fewer is computed by a kernel, where it can be fused


@dataclass(frozen=True)
class Factor:
    """An operand of a product: element (v0, v1, ...) is `buffer[offset + sum(v * stride)]`.

    Transposed, broadcast, sliced and flipped operands are folded in here.
    """

    position: int  # whose buffer
    offset: int = field(compare=False)  # in elements, as the strides
    strides: tuple[int, ...]  # one for each loop variable of the product; 0 where it repeats
    shifted: bool = field(init=False)  # there is an offset: how far, the code need not know

    def __post_init__(self) -> None:
        object.__setattr__(self, "shifted", self.offset != 0)


@dataclass(frozen=True)
class Scale:
    """A number times the single elements of some buffers, all of the product's dtype."""

    number: float = 1.0
    positions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Product:
    """z = alpha * (sum over the inner variables of x * y) + beta * c: a (batched) matrix product.

    Loop variables are numbered: first the axes of z, in order, then the inner ones. Each is of one
    kind: in both factors and z (batch), in x and z (rows), in y and z (columns), or in both factors
    alone (inner).
    A factor may repeat along a batch variable (stride 0).
    """

    node: int
    x: Factor
    y: Factor
    sizes: tuple[int, ...]  # the extent of each loop variable
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    inner: tuple[int, ...]
    guard: int = 0  # bit 1: a zero of x kills what it meets (0 x inf is 0); bit 2: a zero of y
    alpha: Scale = Scale()
    c: Factor | None = None  # strides along inner variables are 0; no term where it is None
    beta: Scale = Scale()
    through: tuple[int, ...] = field(default=(), compare=False)  # nodes that it takes in

    @property
    def reads(self) -> tuple[int, ...]:
        """With `c` first, where it may give its buffer to z."""
        factors = (self.c, self.x, self.y) if self.c else (self.x, self.y)
        scales = (*self.alpha.positions, *self.beta.positions)
        return tuple(dict.fromkeys((*(f.position for f in factors), *scales)))

    @property
    def stored(self) -> tuple[int, ...]:
        return (self.node,)

    @property
    def factors(self) -> tuple[Factor, ...]:
        return (self.x, self.y, self.c) if self.c else (self.x, self.y)

    @property
    def pointers(self) -> tuple[tuple[int, int], ...]:
        """What its functions have in their table: (position, offset) of factors, scales and z."""
        scales = ((p, 0) for p in (*self.alpha.positions, *self.beta.positions))
        return (*((f.position, f.offset) for f in self.factors), *scales, (self.node, 0))


# --- recognising them ---------------------------------------------------------------------------


def product(rules: Rules, k: int, meaning: Meaning, factors: Factors) -> Product | None:
    """A product that is worth a library's call: of floats, neither tiny nor a mere sum."""
    loops = (*meaning.axes, *terms.variables(meaning.term))
    sizes = tuple(v.extent for v in loops)
    if meaning.type.dtype.name not in ("float32", "float64") or math.prod(sizes) < TINY:
        return None
    inside = [_plain(t) for t in (factors.x, factors.y)]
    kinds: dict[tuple[bool, ...], list[int]] = {}
    for n, v in enumerate(loops):
        found = tuple(mine is not None and indices.of(v) in mine for mine in inside)
        z = n < len(meaning.axes)
        # A variable that is always 0 is in no index; it is a batch of one, or a sum of one.
        kinds.setdefault((*found, z) if v.extent != 1 else (True, True, z), []).append(n)
    batch, inner, rows, columns = (tuple(kinds.pop(kind, ())) for kind in KINDS)
    if kinds or None in inside or not (rows or columns) or not inner:
        return None
    groups = (rows, columns, inner)
    x, y = (_factor(rules, k, t, loops, groups) for t in (factors.x, factors.y))
    return Product(k, x, y, sizes, batch, rows, columns, inner, factors.guard)


KINDS = (
    (True, True, True),  # batch: in x, in y, in z
    (True, True, False),  # inner
    (True, False, True),  # rows
    (False, True, True),  # columns
)


def _plain(read: Term) -> set[Index] | None:
    """The variables that a factor is read at, if each of its axes is one of them, or fixed."""
    index = [i for i in read.detail[1] if i.terms]
    single = all(isinstance(a, Var) and c == 1 for i in index for a, c in i.terms.items())
    if not single or any(len(i.terms) != 1 or i.const for i in index):
        return None
    return set(index)


def _factor(
    rules: Rules, k: int, read: Term, loops: Sequence[Var], groups: Sequence[Sequence[int]]
) -> Factor:
    """Where a factor lies; as far back as its layout is still that of a matrix."""
    source, index = read.detail
    chosen: Factor | None = None
    for position, at in rules.sources(k, Read(source, index, looped=True, guarded=False)):
        whole = indices.flat(at, rules.shape(position))
        if any(not isinstance(atom, Var) for atom in whole.terms):
            continue
        strides = tuple(whole.terms.get(v, 0) for v in loops)
        factor = Factor(position, whole.const, strides)
        if chosen is None or _matrix(factor, chosen, loops, groups):
            chosen = factor
    assert chosen is not None  # the operand itself
    return chosen


def _matrix(
    factor: Factor, plain: Factor, loops: Sequence[Var], groups: Sequence[Sequence[int]]
) -> bool:
    """Whether each group of variables has one stride, and one of these is 1."""
    units = False
    for group in groups:
        mine = [n for n in group if plain.strides[n]]
        for outer, inner in pairwise(mine):
            if factor.strides[outer] != factor.strides[inner] * loops[inner].extent:
                return False
        units = units or any(factor.strides[n] == 1 for n in mine)
        if any(factor.strides[n] <= 0 for n in mine):
            return False
    return units or all(plain.strides[n] != 1 for group in groups for n in group)
