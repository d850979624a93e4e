"""Which nodes are computed together: `partition(graph)` is a Plan. Nothing here knows LLVM.

Numbers of nodes are positions in `Graph.nodes`. Every buffer is C-contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import indices, symbols
from wingbeat.backend.llvm.grouping import Group, Grouping, Inline, Member, Rules
from wingbeat.backend.llvm.indices import Index, Var
from wingbeat.backend.llvm.sliding import Sliding, sliding
from wingbeat.backend.llvm.symbols import Factors, Meaning, Read, Term

TINY = 2048  # multiplications: a product of fewer is computed by a kernel, where it can be fused


@dataclass(frozen=True)
class Kernel:
    """Nodes computed in one pass over a space; emitted by `kernel.emit`, like `Sweep`."""

    axes: tuple[Var, ...]  # the loops; the last one runs along memory
    reduced: frozenset[Var]  # those of them that make up one row (softmax: the last); or none
    members: tuple[Member, ...]  # what is computed once for each point or row, in order
    nodes: tuple[int, ...]  # with them, what is computed where they read it, here and elsewhere
    stored: tuple[int, ...]  # those of the members that get a buffer
    reads: tuple[int, ...]  # positions whose buffers are read

    @property
    def space(self) -> tuple[int, ...]:
        """The extents of the loops."""
        return tuple(v.extent for v in self.axes)


@dataclass(frozen=True)
class Sweep:
    """A node computed by its sequential form (`Primitive.sweep`): scatter-add, running sums."""

    node: int
    nodes: tuple[int, ...]  # with it, what is computed where it reads it
    reads: tuple[int, ...]

    @property
    def stored(self) -> tuple[int, ...]:
        return (self.node,)


@dataclass(frozen=True)
class Factor:
    """An operand of a product: element (v0, v1, ...) is `buffer[offset + sum(v * stride)]`.

    Transposed, broadcast, sliced and flipped operands are folded in here.
    """

    position: int  # whose buffer
    offset: int  # in elements, as the strides
    strides: tuple[int, ...]  # one for each loop variable of the product; 0 where it repeats


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

    @property
    def reads(self) -> tuple[int, ...]:
        """With `c` first, where it may give its buffer to z."""
        factors = (self.c, self.x, self.y) if self.c else (self.x, self.y)
        scales = (*self.alpha.positions, *self.beta.positions)
        return tuple(dict.fromkeys((*(f.position for f in factors), *scales)))

    @property
    def stored(self) -> tuple[int, ...]:
        return (self.node,)


Whole = Product | Sliding  # a node that is a step of its own
Step = Kernel | Sweep | Whole


@dataclass(frozen=True)
class Alias:
    """A node that is part of another's buffer: `size` elements from `offset` on."""

    of: int  # a position with a buffer of its own
    offset: int  # in elements


@dataclass(frozen=True)
class Plan:
    """Steps in order of execution. An output is stored by a step, is an alias, or is an input."""

    steps: tuple[Step, ...]
    aliases: Mapping[int, Alias]


def partition(graph: Graph) -> Plan:
    """The plan of a graph. Raises `NotCompiled` for a node whose rule symbols cannot follow."""
    rules = Rules(graph)
    products = _products(rules)
    aliases = _aliases(rules, products)
    stored = {alias.of for alias in aliases.values()}
    stored |= {k for k in graph.outputs if k not in aliases}
    stored |= {f.position for p in products.values() for f in (p.x, p.y)}
    stored |= _reread(rules, products)
    grouping = Grouping(rules, Inline(rules, stored | products.keys()))
    for k, node in enumerate(graph.nodes):
        if node.op is None or (grouping.needs.inline[k] and k not in stored) or k in aliases:
            continue
        if k in products or rules.sweeps(k):
            grouping.alone(k)
        else:
            grouping.add(k)
    return Plan(tuple(_steps(grouping, products, stored)), aliases)


def _reread(rules: Rules, products: Mapping[int, Whole]) -> set[int]:
    """What a reduction reads more than once: computing it each time would not be cheap."""
    found: set[int] = set()
    for k in range(len(rules.graph.nodes)):
        meaning = rules.meaning(k)
        if k in products or meaning is None or not meaning.looped:
            continue
        turns = math.prod(v.extent for v in meaning.body)
        for read in meaning.reads:
            for position, _ in rules.sources(k, read):
                other = rules.meaning(position)
                again = turns > 2 * rules.size(position)
                if again and other is not None and other.moves is None and other.reads:
                    found.add(position)
    return found


def _steps(grouping: Grouping, products: Mapping[int, Whole], stored: set[int]) -> Iterator[Step]:
    needs = grouping.needs
    read = {k: needs.of(k) for k in grouping.steps if isinstance(k, int) and k not in products}
    kept = stored | {n.position for found, _ in read.values() for n in found}
    kept |= {p for g in grouping.steps if isinstance(g, Group) for p in g.reads}
    for step in grouping.steps:
        if isinstance(step, Group):
            members = tuple(m for _, m in sorted(step.members.items()))
            mine = tuple(m.node for m in members if m.node in kept)
            nodes = tuple(sorted((*step.members, *step.through)))
            yield Kernel(step.axes, step.reduced, members, nodes, mine, tuple(sorted(step.reads)))
        elif step in products:
            yield products[step]
        else:
            found, through = read[step]
            reads = tuple(sorted({n.position for n in found}))
            yield Sweep(step, (*sorted(through), step), reads)


# --- views and products --------------------------------------------------------------------------


def _aliases(rules: Rules, products: Mapping[int, Whole]) -> dict[int, Alias]:
    """Outputs that lie, in their own order, in another node's buffer."""
    found: dict[int, Alias] = {}
    for k in rules.graph.outputs:
        meaning = rules.meaning(k)
        if k in products or meaning is None or meaning.moves is None:
            continue
        own = indices.flat(meaning.index, rules.shape(k))
        for position, index in rules.sources(k, meaning.moves):
            offset = indices.flat(index, rules.shape(position)).plus(own, -1)
            if not offset.terms:
                found[k] = Alias(position, offset.const)
    for k, alias in found.items():  # an output may lie in another output that is an alias too
        while alias.of in found:
            below = found[alias.of]
            alias = Alias(below.of, below.offset + alias.offset)
        found[k] = alias
    return found


def _products(rules: Rules) -> dict[int, Whole]:
    found: dict[int, Whole] = {}
    for k in range(len(rules.graph.nodes)):
        meaning = rules.meaning(k)
        if meaning is None:
            continue
        if meaning.product is not None:
            product = _product(rules, k, meaning, meaning.product)
            if product is not None:
                found[k] = product
                continue
        if (slides := sliding(rules, k, meaning)) is not None:
            found[k] = slides
    return found


def _product(rules: Rules, k: int, meaning: Meaning, factors: Factors) -> Product | None:
    """A product that is worth a library's call: of floats, neither tiny nor a mere sum."""
    loops = (*meaning.axes, *symbols.variables(meaning.term))
    sizes = tuple(v.extent for v in loops)
    if meaning.type.dtype.name not in ("float32", "float64") or math.prod(sizes) < TINY:
        return None
    inside = [_plain(t) for t in (factors.x, factors.y)]
    kinds: dict[tuple[bool, bool, bool], list[int]] = {}
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
