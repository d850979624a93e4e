"""Products that take in what follows them: z = alpha * x y + beta * c is one step.

Where the only reader of a product scales it, or adds what lies in memory, the product computes that
too: sums of gradients, residual connections, a bias, the step of gradient descent W - rate * X' G.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.indices import Var
from wingbeat.backend.llvm.meaning import Meaning
from wingbeat.backend.llvm.products import Factor, Product, Scale
from wingbeat.backend.llvm.terms import Read, Term

S = TypeVar("S")


def absorbed(
    rules: Rules, products: Mapping[int, S], stored: Collection[int]
) -> tuple[dict[int, S], set[int]]:
    """Steps by the nodes that they end with, and the nodes that nobody computes any more."""
    found = _Absorption(rules, products, stored)
    return found.products, found.gone


class _Absorption:
    def __init__(self, rules: Rules, products: Mapping[int, Any], stored: Collection[int]) -> None:
        self._rules = rules
        self._lying = {*stored, *products}
        self._readers: list[list[int]] = [[] for _ in rules.graph.nodes]
        for k, operands in enumerate(rules.graph.operands):
            for x in operands:
                self._readers[x].append(k)
        self.products: dict[int, Any] = dict(products)
        self.gone: set[int] = set()
        self._pinned: set[int] = set()  # what a product reads past its reader
        for k, product in products.items():
            if isinstance(product, Product):
                self._grow(k, product)

    def _grow(self, k: int, product: Product) -> None:
        while (reader := self._reader(k)) is not None:
            taken = self._with(product, reader, k)
            if taken is None:
                return
            product = replace(taken, node=reader, through=(*product.through, k))
            if product.c:
                self._pinned.add(product.c.position)
            del self.products[k]
            self.products[reader] = product
            self.gone.add(k)
            k = reader

    def _reader(self, k: int) -> int | None:
        """The one node that reads k, and once, where nobody else does."""
        graph = self._rules.graph
        if len(self._readers[k]) != 1 or k in graph.outputs or k in self._pinned:
            return None
        (reader,) = self._readers[k]
        free = reader not in self.products and graph.nodes[reader].type == graph.nodes[k].type
        return reader if free else None

    def _with(self, product: Product, reader: int, k: int) -> Product | None:
        """The product with what its reader does, where that has the form of one."""
        meaning = self._rules.meaning(reader)
        if meaning is None:
            return None
        kind, args = meaning.term.kind, meaning.term.args
        if kind == "neg":
            return _negated(product) if self._reads(reader, meaning, args[0], k) else None
        if kind not in ("add", "sub", "mul") or product.c is not None:
            return None
        first = self._reads(reader, meaning, args[0], k)
        if not first and not self._reads(reader, meaning, args[1], k):
            return None
        other = args[1] if first else args[0]
        if kind == "mul":
            scale = self._scale(reader, other)
            return scale and replace(product, alpha=_times(product.alpha, scale))
        if (found := self._added(product, reader, meaning, other)) is None:
            return None
        c, beta = found
        if kind == "sub" and first:
            beta = _times(beta, Scale(-1.0))
        elif kind == "sub":
            product = _negated(product)
        return replace(product, c=c, beta=beta)

    def _reads(self, reader: int, meaning: Meaning, term: Term, k: int) -> bool:
        """Whether a term is node k, element by element."""
        if term.kind != "read":
            return False
        source, index = term.detail
        return self._rules.graph.operands[reader][source] == k and index == meaning.index

    def _constant(self, reader: int, term: Term) -> float | None:
        """The number that a term always is."""
        if term.kind == "read":
            meaning = self._rules.meaning(self._rules.graph.operands[reader][term.detail[0]])
            if meaning is None:
                return None
            term = meaning.term
        return float(term.detail) if term.kind == "const" else None

    def _scale(self, reader: int, term: Term) -> Scale | None:
        """A factor that is the same for all elements: a constant, or a number in memory."""
        if (number := self._constant(reader, term)) is not None:
            return Scale(number)
        if term.kind != "read":
            return None
        for position, index in self._rules.sources(reader, _read(term)):
            single = self._rules.size(position) == 1
            if single and self._lies(position, reader) and not any(i.terms for i in index):
                return Scale(1.0, (position,))
        return None

    def _added(
        self, product: Product, reader: int, meaning: Meaning, term: Term
    ) -> tuple[Factor, Scale] | None:
        """What is added, as a part of memory times a scale."""
        if term.kind != "read":
            return None
        if (factor := self._factor(product, reader, meaning, term)) is not None:
            return factor, Scale()
        source, index = term.detail
        position = self._rules.graph.operands[reader][source]
        below = self._rules.meaning(position)
        if below is None or index != meaning.index or below.term.kind != "mul":
            return None
        for own, other in (below.term.args, below.term.args[::-1]):
            scale = self._scale(position, other)
            if scale is not None and own.kind == "read":
                factor = self._factor(product, position, below, own)
                return None if factor is None else (factor, scale)
        return None

    def _factor(self, product: Product, reader: int, meaning: Meaning, term: Term) -> Factor | None:
        """Where an operand lies: rows of it in the order of memory, as rows of z are."""
        found = None
        for position, index in self._rules.sources(reader, _read(term)):
            offset = indices.flat(index, self._rules.shape(position))
            affine = all(isinstance(atom, Var) for atom in offset.terms)
            if not affine or not self._lies(position, reader):
                continue
            strides = [offset.terms.get(v, 0) for v in meaning.axes]
            lines = [s for s, v in zip(strides, meaning.axes, strict=True) if v.extent != 1]
            if lines and lines[-1] == 1:
                inner = len(product.sizes) - len(strides)
                found = Factor(position, offset.const, (*strides, *[0] * inner))
        return found

    def _lies(self, position: int, reader: int) -> bool:
        """Whether a node has a buffer in any case, of the dtype that is computed in."""
        nodes = self._rules.graph.nodes
        lies = nodes[position].op is None or position in self._lying - self.gone
        return lies and nodes[position].type.dtype == nodes[reader].type.dtype


def _read(term: Term) -> Read:
    source, index = term.detail
    return Read(source, index, looped=False, guarded=False)


def _times(x: Scale, y: Scale) -> Scale:
    return Scale(x.number * y.number, (*x.positions, *y.positions))


def _negated(product: Product) -> Product:
    """-(alpha x y + beta c), which is exact."""
    minus = Scale(-1.0)
    return replace(product, alpha=_times(product.alpha, minus), beta=_times(product.beta, minus))
