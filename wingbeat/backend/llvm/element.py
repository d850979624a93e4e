"""One element, or a vector of neighbouring ones, of any node: terms -> instructions.

A node is computed at an index, which is data (`Index`): so it is known which part of an address or
a value changes in which loop, and each part is computed in the outermost loop that it may stand in.
`places`, `integers` and `access` are the ground this stands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wingbeat.backend.llvm import indices, ir, mathematics, terms
from wingbeat.backend.llvm.access import Access
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.indices import Compare, Condition, Datum, Index, Var
from wingbeat.backend.llvm.lanes import I64, Lanes, Vector
from wingbeat.backend.llvm.meaning import Meaning
from wingbeat.backend.llvm.placement import Placement
from wingbeat.backend.llvm.places import CHOICES
from wingbeat.backend.llvm.reductions import Accumulator, closed
from wingbeat.backend.llvm.scope import LONG, Loop, Scope
from wingbeat.backend.llvm.steps import NotCompiled
from wingbeat.backend.llvm.target import Target
from wingbeat.backend.llvm.terms import Term
from wingbeat.backend.llvm.value import Buffer, Frame, Number, Value, common, computed_as


class Elements(Access):
    """Computes nodes where a scope stands.

    `buffers` are the nodes that lie in memory, `members` those that are computed at a point or row
    of their own, `late` those that follow from a reduction of the kernel itself.
    """

    def __init__(
        self,
        rules: Rules,
        buffers: Mapping[int, Buffer],
        members: frozenset[int],
        late: frozenset[int],
        status: Any,
        count: int,
        target: Target,
    ) -> None:
        super().__init__(buffers, late, status, count, target)
        self.rules = rules
        self.members = members
        self._frames: dict[Any, Frame] = {}
        self._matter: dict[int, frozenset[int]] = {}

    # --- nodes ----------------------------------------------------------------------------

    def node(self, scope: Scope, position: int, index: tuple[Index, ...]) -> Value:
        """A node's element at an index."""
        index = self._essential(position, index)
        key = (position, index)
        if (found := scope.find(key)) is not None:
            return found
        variables = frozenset[Var]().union(*map(self.variables, index))
        late = position in self.late or any(map(self._follows, index))
        home = self.home(scope, variables, late)
        if position in self.buffers:
            found = self.load(home, position, index)
        else:
            found = self._computed(home, position, index)
        home.known[key] = found
        return found

    def _essential(self, position: int, index: tuple[Index, ...]) -> tuple[Index, ...]:
        """The index with 0 along axes that make no difference: of a row's number, the row's."""
        if position in self.buffers or position in self.members:
            return index
        matter = self._axes_that_matter(position)
        return tuple(i if k in matter else indices.ZERO for k, i in enumerate(index))

    def _axes_that_matter(self, position: int) -> frozenset[int]:
        """The axes along which a node's elements may differ."""
        if (found := self._matter.get(position)) is None:
            meaning = self.rules.meaning(position)
            if position in self.buffers or position in self.members or meaning is None:
                found = frozenset(range(len(self.rules.shape(position))))
            else:
                found = self._matter_within(position, meaning)
            self._matter[position] = found
        return found

    def _matter_within(self, position: int, meaning: Meaning) -> frozenset[int]:
        number = {v: k for k, v in enumerate(meaning.axes)}
        found: set[int] = set()
        for term in terms.every_term(meaning.term):
            named: Iterable[Index] = terms.named(term)
            if term.kind == "read":
                source, index = term.detail
                below = self._axes_that_matter(self.rules.graph.operands[position][source])
                named = (index[k] for k in below)
            for i in named:
                found |= {number[a] for a in i.atoms() if isinstance(a, Var) and a in number}
        return frozenset(found)

    def frame(self, position: int, index: tuple[Index, ...]) -> Frame:
        """A node's rule at an index."""
        meaning = self.rules.meaning(position)
        assert meaning is not None
        at = dict(zip(meaning.axes, index, strict=True))
        return self.framed(position, at)

    def framed(self, position: int, at: Mapping[Var, Index]) -> Frame:
        """A node's rule, with these for its variables."""
        key = (position, tuple(at.items()))
        if key not in self._frames:
            node = self.rules.graph.nodes[position]
            assert node.op is not None
            place = Placement(self.rules.graph.operands[position], at)
            frame = Frame(place, node.type.dtype, node.op.sweep is not None, node.op.name)
            self._frames[key] = frame
        return self._frames[key]

    def _computed(self, scope: Scope, position: int, index: tuple[Index, ...]) -> Value:
        meaning = self.rules.meaning(position)
        assert meaning is not None
        frame = self.frame(position, index)
        number = self.terms(scope, meaning.term, frame, {})
        if meaning.term.kind == "read" and isinstance(number, Value):
            return number  # a float16 is rounded already
        return self.result(scope, number, frame)

    # --- terms ----------------------------------------------------------------------------

    def terms(self, scope: Scope, root: Term, frame: Frame, seen: dict[Term, Number]) -> Number:
        """A term's value; `seen` holds those that are known in this scope."""
        for term in terms.terms(root, closed=("branch", *terms.REDUCTIONS), known=seen):
            seen[term] = self._term(scope, term, frame, seen)
        return seen[root]

    def _term(self, scope: Scope, term: Term, frame: Frame, seen: dict[Term, Number]) -> Number:
        kind, detail = term.kind, term.detail
        match kind:
            case "const":
                return detail
            case "read":
                source, index = detail
                return self.node(scope, frame.place.sources[source], frame.place.indices(index))
            case "number":
                return self.integers(scope, frame.place.index(detail), I64)
            case "branch":
                return self._branch(scope, term, frame, seen)
            case "reduce" | "argreduce":
                return self._reduce(scope, term, frame, seen)
            case _:
                xs = [seen[t] for t in term.args]
                return self.apply(scope, frame, _operation(kind, detail, frame), *xs)

    def _reduce(self, scope: Scope, term: Term, frame: Frame, seen: dict[Term, Number]) -> Number:
        """A loop that computes all terms, one after the other."""
        accumulator = Accumulator(self, term, frame)
        loops: list[Loop] = []
        inner = scope
        for v in terms.variables(term):
            loops.append(Loop(inner, LONG(0), LONG(v.extent), test=False))
            inner = loops[-1].scope
            inner.floor = True
            inner.values[v] = loops[-1].counter
        state = accumulator.term(inner, dict(seen))
        for loop in reversed(loops):
            (state,) = closed(loop, [(accumulator, state)], single=loop is loops[-1])
        return accumulator.value(scope, state)

    # --- branches -------------------------------------------------------------------------

    def _branch(self, scope: Scope, term: Term, frame: Frame, seen: dict[Term, Number]) -> Number:
        if frame.checked:
            self._check_range(scope, term.detail, frame)
        condition = frame.place.condition(term.detail)
        if isinstance(condition, bool):
            return self.terms(scope, term.args[not condition], frame, seen)
        parts = [self.condition(scope, c) for c in indices.conjuncts(condition)]
        wide = [p for p in parts if p.wide]
        uniform = [p for p in parts if not p.wide]
        then: Callable[[Scope], Number] = lambda inner: self.terms(  # noqa: E731
            inner, term.args[0], frame, dict(seen)
        )
        other: Callable[[Scope], Number] = lambda inner: self.terms(  # noqa: E731
            inner, term.args[1], frame, dict(seen)
        )
        if not uniform:
            return self._by_lanes(scope, frame, wide, then, other)
        inside = then
        if wide:
            inside = lambda inner: self._by_lanes(inner, frame, wide, then, other)  # noqa: E731
        return self._by_jump(scope, frame, self._all(scope, uniform), inside, other)

    def _by_lanes(
        self,
        scope: Scope,
        frame: Frame,
        parts: Sequence[Value],
        then: Callable[[Scope], Number],
        other: Callable[[Scope], Number],
    ) -> Number:
        """Both sides, each for its lanes only."""
        lanes, c = self.lanes(scope), self._all(scope, parts)
        inside, outside = c, lanes.invert(c)
        if scope.mask is not None:
            inside, outside = (lanes.bits("&", m, scope.mask) for m in (inside, outside))
        x, y = then(scope.narrowed(inside)), other(scope.narrowed(outside))
        return self.apply(scope, frame, Lanes.select, Value(c, True, scope), x, y)

    def _by_jump(
        self,
        scope: Scope,
        frame: Frame,
        c: Vector,
        then: Callable[[Scope], Number],
        other: Callable[[Scope], Number],
    ) -> Number:
        """One of the sides."""
        builder = scope.builder
        after = builder.append_basic_block()
        sides: list[tuple[Scope, Number]] = []
        blocks = [builder.append_basic_block() for _ in range(2)]
        for block, make in zip(blocks, (then, other), strict=True):
            inside = ir.IRBuilder(block)
            side = Scope(inside, scope, floor=True, mask=scope.mask, partial=scope.partial)
            sides.append((side, make(side)))
        wide = any(isinstance(x, Value) and x.wide for _, x in sides)
        dtype = common([x for _, x in sides], computed_as(frame.dtype))
        vectors = [self._as(self.lanes(s, wide), s, x, dtype, wide) for s, x in sides]
        builder.cbranch(c.value, *blocks)
        builder.position_at_end(after)
        result = builder.phi(vectors[0].value.type)
        for (side, _), vector in zip(sides, vectors, strict=True):
            side.builder.branch(after)
            result.add_incoming(vector.value, side.builder.block)
        return Value(Vector(result, dtype), wide, scope)

    def _check_range(self, scope: Scope, c: Condition, frame: Frame) -> None:
        """A position that an index of the result is compared with must be one of the result's."""
        for part in indices.conjuncts(c):
            if not isinstance(part, Compare):
                continue
            data = [a for a in part.index.terms if isinstance(a, Datum)]
            if len(data) != 1 or abs(part.index.terms[data[0]]) != 1:
                continue
            sign = part.index.terms[data[0]]
            rest = part.index.plus(indices.of(data[0]), -sign).times(-sign)
            low, high = rest.range
            at = frame.place.index(indices.of(data[0]))
            self.require(scope, at, int(low), int(high) + 1)


def _operation(kind: str, detail: Any, frame: Frame) -> Callable[..., Vector]:
    """What a term does, as a function of lanes and vectors."""
    match kind:
        case "select" | "clear":
            return CHOICES[kind]
        case "call":
            if detail not in mathematics.FUNCTIONS:
                raise NotCompiled(frame.name, f"there is no native code for {detail!r}")
            return mathematics.FUNCTIONS[detail]
        case "compare" | "bits":
            return lambda s, x, y: getattr(s, kind)(detail, x, y)
        case "cast":
            return lambda s, x: s.cast(x, np.dtype(detail))
        case _:
            return lambda s, *xs: getattr(s, kind)(*xs)
