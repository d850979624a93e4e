"""One element, or a vector of neighbouring ones, of any node: terms -> instructions.

A node is computed at an index, which is data (`Index`): so it is known which part of an address or
a value changes in which loop, and each part is computed in the outermost loop that it may stand in.
Lanes lie along one loop variable. What does not depend on it is computed once, as a scalar.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wingbeat.backend.llvm import indices, ir, mathematics, symbols
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.indices import (
    Both,
    Compare,
    Condition,
    Datum,
    Index,
    Negated,
    Quotient,
    Var,
)
from wingbeat.backend.llvm.lanes import (
    BOOL,
    F16,
    F32,
    F64,
    I32,
    I64,
    U16,
    U32,
    U64,
    DType,
    Lanes,
    Vector,
    element_type,
)
from wingbeat.backend.llvm.reductions import Accumulator, closed
from wingbeat.backend.llvm.scope import LONG, Loop, Scope
from wingbeat.backend.llvm.steps import NotCompiled
from wingbeat.backend.llvm.symbols import Meaning, Placed, Placement, Term
from wingbeat.backend.llvm.target import Target
from wingbeat.ir.types import Shape

INT = ir.IntType(32)
POINTER = ir.PointerType()
BYTE = np.dtype(np.uint8)
FAR = 1 << 30  # a number that indices of lanes stay below


class Value(NamedTuple):
    """Numbers of one dtype: one in each lane, or (not `wide`) one for all lanes."""

    vector: Vector
    wide: bool
    home: Scope  # where it was computed

    @property
    def dtype(self) -> DType:
        return self.vector.dtype


Number = Value | int | float | bool  # a Python number adopts the dtype of what stands beside it


class Buffer(NamedTuple):
    """Memory in which elements lie in row-major order."""

    pointer: Any
    dtype: DType
    shape: Shape


@dataclass(frozen=True, eq=False)
class Frame:
    """A rule at work: where its operands and variables are, and what it makes."""

    place: Placement
    dtype: DType
    checked: bool  # positions in data must lie in the result
    name: str


def stored_as(dtype: DType) -> DType:
    """How numbers lie in memory: bools as bytes, float16 as its bits."""
    return BYTE if dtype == BOOL else U16 if dtype == F16 else dtype


def computed_as(dtype: DType) -> DType:
    return F32 if dtype == F16 else dtype


class Elements:
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
        self.rules = rules
        self.buffers = dict(buffers)
        self.members = members
        self.late = late
        self.status = status
        self.count = count
        self.target = target
        self.along: set[Var] = set()
        self.fails = False  # the status may be set
        self._frames: dict[Any, Frame] = {}
        self._variables: dict[Any, frozenset[Var]] = {}
        self._matter: dict[int, frozenset[int]] = {}

    # --- where things stand ---------------------------------------------------------------

    def lanes(self, scope: Scope, wide: bool = True) -> Lanes:
        key = ("lanes", wide)
        if key not in scope.known:
            count = self.count if wide else 1

            def refuse(mask: Vector) -> None:
                self._refuse(scope, mask, wide)

            scope.known[key] = Lanes(scope.builder, count, self.target, refuse)
        return scope.known[key]

    def variables(self, index: Index) -> frozenset[Var]:
        """The loop variables that an index changes with."""
        if (found := self._variables.get(index)) is None:
            found = self._variables[index] = symbols.variables_of(index)
        return found

    def _follows(self, index: Index) -> bool:
        """Whether it is made of a number that follows from a reduction of this kernel."""
        data = (a.term for a in index.atoms() if isinstance(a, Datum))
        return any(not self.late.isdisjoint(d.place.sources) for d in data)

    def is_wide(self, index: Index) -> bool:
        return not self.along.isdisjoint(self.variables(index))

    def home(self, scope: Scope, variables: Iterable[Var], late: bool) -> Scope:
        """The outermost scope in which the variables are known."""
        outside = scope
        for place in scope.chain():
            outside = place
            stays = place.floor or (late and place.row)
            if stays or any(v in place.values for v in variables):
                break
        return outside

    def first(self, scope: Scope, stop: Any, start: Any) -> Vector:
        """The mask of the lanes that are left of start ... stop - 1."""
        lanes, builder = self.lanes(scope), scope.builder
        left = builder.sub(stop, start)
        whole = LONG(self.count)
        left = builder.select(builder.icmp_signed("<", left, whole), left, whole)
        return lanes.compare("<", lanes.ramp(I32), lanes.splat(builder.trunc(left, INT), I32))

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
        for term in symbols.every_term(meaning.term):
            named: Iterable[Index] = symbols.named(term)
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

    def result(self, scope: Scope, number: Number, frame: Frame) -> Value:
        """A number as an element of the node: in its dtype."""
        if not isinstance(number, Value):
            return self.constant(scope, number, computed_as(frame.dtype))
        if number.dtype == frame.dtype:
            return number
        return self.apply(scope, frame, lambda s, x: s.cast(x, frame.dtype), number)

    def constant(self, scope: Scope, number: Any, dtype: DType) -> Value:
        return Value(self.lanes(scope, False).const(number, dtype), False, scope)

    # --- terms ----------------------------------------------------------------------------

    def terms(self, scope: Scope, root: Term, frame: Frame, seen: dict[Term, Number]) -> Number:
        """A term's value; `seen` holds those that are known in this scope."""
        for term in symbols.terms(root, closed=("branch", *symbols.REDUCTIONS), known=seen):
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

    def apply(
        self, scope: Scope, frame: Frame, operation: Callable[..., Vector], *xs: Number
    ) -> Value:
        """An operation on numbers of one dtype; as scalars if all of them are."""
        wide = any(isinstance(x, Value) and x.wide for x in xs)
        scope = self._outermost(scope, xs)
        lanes = self.lanes(scope, wide)
        chooses = operation in CHOICES.values()
        first = [self._truth(lanes, scope, xs[0], wide)] if chooses else []
        rest = xs[1:] if chooses else xs
        dtype = _common(rest, computed_as(frame.dtype))
        vectors = [self._as(lanes, scope, x, dtype, wide) for x in rest]
        return Value(operation(lanes, *first, *vectors), wide, scope)

    def _outermost(self, scope: Scope, xs: Iterable[Number]) -> Scope:
        """The outermost scope in which all of these are known."""
        homes = {id(x.home) for x in xs if isinstance(x, Value)}
        chain = list(scope.chain())
        known = [place for place in chain if id(place) in homes]
        if len(known) < len(homes):  # one of them is from a narrower scope, at this very place
            return scope
        return known[0] if known else chain[-1]

    def _truth(self, lanes: Lanes, scope: Scope, x: Number, wide: bool) -> Vector:
        return self._as(lanes, scope, x, BOOL, wide)

    def _as(self, lanes: Lanes, scope: Scope, x: Number, dtype: DType, wide: bool) -> Vector:
        if not isinstance(x, Value):
            return lanes.const(x, dtype)
        if x.dtype == dtype and (x.wide or not wide):
            return x.vector
        home = self._outermost(scope, (x,))
        key = ("as", x.vector.value, dtype, wide)
        if (found := home.find(key)) is None:
            found = x.vector
            if x.dtype != dtype:
                found = self.lanes(home, x.wide).cast(found, dtype)
            if wide and not x.wide:
                lanes, number = self.lanes(home), found.number
                known = number is not None
                found = lanes.const(number, dtype) if known else lanes.splat(found.value, dtype)
            home.known[key] = found
        return found

    def widened(self, scope: Scope, x: Number, dtype: DType) -> Vector:
        """One number for each lane, in a dtype."""
        return self._as(self.lanes(scope), scope, x, dtype, True)

    def scalar(self, scope: Scope, x: Number, dtype: DType) -> Vector:
        return self._as(self.lanes(scope, False), scope, x, dtype, False)

    def as_value(self, scope: Scope, x: Number, frame: Frame) -> Value:
        return x if isinstance(x, Value) else self.constant(scope, x, computed_as(frame.dtype))

    def spread(self, scope: Scope, x: Value, wide: bool) -> Value:
        """The same number in all lanes, where that is asked for."""
        return Value(self.widened(scope, x, x.dtype), True, x.home) if wide and not x.wide else x

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

    def _all(self, scope: Scope, parts: Sequence[Value]) -> Vector:
        lanes = self.lanes(scope, parts[0].wide)
        return functools.reduce(lambda x, y: lanes.bits("&", x, y), [p.vector for p in parts])

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
        dtype = _common([x for _, x in sides], computed_as(frame.dtype))
        vectors = [self._as(self.lanes(s, wide), s, x, dtype, wide) for s, x in sides]
        builder.cbranch(c.value, *blocks)
        builder.position_at_end(after)
        result = builder.phi(vectors[0].value.type)
        for (side, _), vector in zip(sides, vectors, strict=True):
            side.builder.branch(after)
            result.add_incoming(vector.value, side.builder.block)
        return Value(Vector(result, dtype), wide, scope)

    def condition(self, scope: Scope, c: Condition) -> Value:
        """A condition's truth, in a scope that may be narrower than its own."""
        match c:
            case Compare(index, relation):
                return self._compared(scope, index, relation)
            case Both(x, y):
                return self._joined(scope, "&", self.condition(scope, x), self.condition(scope, y))
            case Negated(x):
                inner = self.condition(scope, x)
                inverted = self.lanes(scope, inner.wide).invert(inner.vector)
                return Value(inverted, inner.wide, scope)
            case _:
                raise TypeError(f"{c!r} is no condition")

    def _compared(self, scope: Scope, index: Index, relation: str) -> Value:
        """An index against 0; lanes compare 32 bits where they can."""
        if not self.is_wide(index):
            x = Vector(self.integer(scope, index), I64)
            return Value(self.lanes(scope, False).compare(relation, x, 0), False, scope)
        lanes = self.lanes(scope)
        wide = {a: c for a, c in index.terms.items() if self.is_wide(Index({a: 1}, 0))}
        along = Index(wide, 0)
        rest = index.plus(along, -1)
        if _width(along, FAR) is I64:
            x = self.integers(scope, index, I64)
            return Value(lanes.compare(relation, x.vector, 0), True, scope)
        if not rest.terms and abs(rest.const) < FAR:
            x = self.integers(scope, along, I32)
            return Value(lanes.compare(relation, x.vector, -rest.const), True, scope)
        limit = self.widened(scope, self._limit(scope, rest.times(-1)), I32)
        x = self.integers(scope, along, I32)
        return Value(lanes.compare(relation, x.vector, limit), True, scope)

    def _limit(self, scope: Scope, index: Index) -> Value:
        """What lanes are compared with, as int32: against what is too far off all are alike."""
        home = self.home(scope, self.variables(index), self._follows(index))
        key = ("limit", index)
        if (found := home.known.get(key)) is None:
            lanes, x = self.lanes(home, False), Vector(self.integer(home, index), I64)
            x = lanes.cast(lanes.minimum(lanes.maximum(x, -FAR), FAR), I32)
            found = home.known[key] = Value(x, False, home)
        return found

    def _joined(self, scope: Scope, operator: str, x: Value, y: Value) -> Value:
        wide = x.wide or y.wide
        lanes = self.lanes(scope, wide)
        a, b = (self._as(lanes, scope, v, BOOL, wide) for v in (x, y))
        return Value(lanes.bits(operator, a, b), wide, scope)

    # --- positions in data ----------------------------------------------------------------

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

    def require(self, scope: Scope, index: Index, low: int, end: int) -> Value:
        """Whether low <= index < end; where it does not hold, the status says so."""
        wide = self.is_wide(index)
        home = self.home(scope, self.variables(index), self._follows(index))
        key = ("inside", index, low, end)
        if (known := scope.find(key)) is not None:
            return known
        lanes, x = self.lanes(home, wide), self.integers(home, index, I64).vector
        inside = lanes.bits("&", lanes.compare(">=", x, low), lanes.compare("<", x, end))
        home.known[key] = Value(inside, wide, home)
        self._refuse(home, lanes.invert(inside), wide)
        return home.known[key]

    def _refuse(self, scope: Scope, refused: Vector, wide: bool) -> None:
        """The status says so where a lane that counts is refused."""
        self.fails = True
        lanes = self.lanes(scope, wide)
        if wide and scope.mask is not None:
            refused = lanes.bits("&", refused, scope.mask)
        fails = lanes.any(refused)
        if not wide and scope.partial and scope.mask is not None:
            fails = scope.builder.and_(fails, self.lanes(scope).any(scope.mask))
        with scope.builder.if_then(fails, likely=False):
            scope.builder.store(INT(1), self.status)

    # --- reductions inside an element -----------------------------------------------------

    def _reduce(self, scope: Scope, term: Term, frame: Frame, seen: dict[Term, Number]) -> Number:
        """A loop that computes all terms, one after the other."""
        accumulator = Accumulator(self, term, frame)
        loops: list[Loop] = []
        inner = scope
        for v in symbols.variables(term):
            loops.append(Loop(inner, LONG(0), LONG(v.extent), test=False))
            inner = loops[-1].scope
            inner.floor = True
            inner.values[v] = loops[-1].counter
        state = accumulator.term(inner, dict(seen))
        for loop in reversed(loops):
            (state,) = closed(loop, [(accumulator, state)], single=loop is loops[-1])
        return accumulator.value(scope, state)

    # --- integers -------------------------------------------------------------------------

    def integer(self, scope: Scope, index: Index) -> Any:
        """An index that is the same in all lanes, as an i64."""
        if not index.terms:
            return LONG(index.const)
        key = ("integer", index)
        if (found := scope.find(key)) is not None:
            return found
        home, outer, inner = self._divided(scope, index)
        value = self.integer(scope, outer) if outer.terms else None
        builder = home.builder
        for atom, c in inner.terms.items():
            term = self._atom(home, atom)
            if c != 1:
                term = builder.mul(term, LONG(c), flags=("nsw",))
            value = term if value is None else builder.add(value, term, flags=("nsw",))
        if index.const:
            value = builder.add(value, LONG(index.const), flags=("nsw",))
        home.known[key] = value
        return value

    def _divided(self, scope: Scope, index: Index) -> tuple[Scope, Index, Index]:
        """Where an index can be computed; its part that can be further outside, and the rest."""
        home = self.home(scope, self.variables(index), self._follows(index))
        outer: dict[Any, int] = {}
        inner: dict[Any, int] = {}
        for atom, c in index.terms.items():
            own = Index({atom: 1}, 0)
            place = self.home(scope, self.variables(own), self._follows(own))
            (inner if place is home else outer)[atom] = c
        return home, Index(outer, 0), Index(inner, 0)

    def _atom(self, scope: Scope, atom: Any) -> Any:
        if isinstance(atom, Var):
            return scope.variable(atom)
        if isinstance(atom, Quotient):
            x = self.integer(scope, atom.index)
            if atom.index.range[0] >= 0:
                return scope.builder.udiv(x, LONG(atom.divisor))
            lanes = self.lanes(scope, False)
            return lanes.floor_divide(Vector(x, I64), atom.divisor).value
        return self.scalar(scope, self._datum(scope, atom), I64).value

    def _datum(self, scope: Scope, datum: Datum) -> Value:
        placed: Placed = datum.term
        key = ("datum", placed)
        if (found := scope.find(key)) is None:
            index = indices.of(datum)
            home = self.home(scope, self.variables(index), self._follows(index))
            frame = Frame(placed.place, I64, False, "index")
            found = self.result(home, self.terms(home, placed.term, frame, {}), frame)
            home.known[key] = found
        return found

    def integers(self, scope: Scope, index: Index, dtype: DType) -> Value:
        """An index in every lane, or a scalar where it is the same in all of them."""
        if not self.is_wide(index):
            home = self.home(scope, self.variables(index), self._follows(index))
            x = Vector(self.integer(home, index), I64)
            return Value(self.lanes(home, False).cast(x, dtype), False, home)
        key = ("integers", index, dtype)
        if (found := scope.find(key)) is not None:
            return found
        home = self.home(scope, self.variables(index), self._follows(index))
        lanes = self.lanes(home)
        outer = {a: c for a, c in index.terms.items() if not self.is_wide(Index({a: 1}, 0))}
        base = Index(outer, index.const)
        slope, rest = 0, list[tuple[Any, int]]()
        for atom, c in index.terms.items():
            if isinstance(atom, Var) and atom in self.along:
                slope += c
                base = base.plus(indices.of(atom), c)
            elif atom not in outer:
                rest.append((atom, c))
        start = Vector(self.integer(home, base), I64)
        vector = self.widened(home, Value(start, False, home), dtype)
        if slope:
            ramp = lanes.table([k * slope for k in range(self.count)], dtype)
            vector = lanes.add(vector, ramp)
        for atom, c in rest:
            vector = lanes.add(vector, lanes.mul(self._wide_atom(home, atom, dtype), c))
        home.known[key] = Value(vector, True, home)
        return home.known[key]

    def _wide_atom(self, scope: Scope, atom: Any, dtype: DType) -> Vector:
        lanes = self.lanes(scope)
        if isinstance(atom, Datum):
            return self.widened(scope, self._datum(scope, atom), dtype)
        x = self.integers(scope, atom.index, dtype)
        if atom.index.range[0] < 0:
            return lanes.floor_divide(x.vector, atom.divisor)
        unsigned = {I32: U32, I64: U64}[dtype]
        divisor = lanes.const(atom.divisor, unsigned)
        return Vector(scope.builder.udiv(x.vector.value, divisor.value), dtype)

    # --- memory ---------------------------------------------------------------------------

    def load(self, scope: Scope, position: int, index: tuple[Index, ...]) -> Value:
        """An element, or one for each lane, of a node that lies in memory."""
        buffer = self.buffers[position]
        valid: list[Value] = []
        for i, n in zip(index, buffer.shape, strict=True):
            if any(isinstance(a, Datum) for a in i.atoms()):
                valid.append(self.require(scope, i, 0, n))
        if not all(buffer.shape):
            return self.constant(scope, 0, computed_as(buffer.dtype))
        return self.load_at(scope, buffer, indices.flat(index, buffer.shape), valid)

    def load_at(
        self, scope: Scope, buffer: Buffer, offset: Index, valid: Sequence[Value] = ()
    ) -> Value:
        """What lies at an offset; where not all of `valid` hold, anything."""
        if not self.is_wide(offset):
            return self._load_one(scope, buffer, offset, valid)
        lanes, dtype = self.lanes(scope), stored_as(buffer.dtype)
        mask = scope.mask
        for v in valid:
            c = self.widened(scope, v, BOOL)
            mask = c if mask is None else lanes.bits("&", mask, c)
        slope = self._slope(offset)
        if slope == 1:
            place = self.address(scope, buffer, offset)
            vector = self._load_vector(scope, place, dtype, mask)
        elif slope == -1 and mask is None:
            first = offset.plus(indices.number(self.count - 1), -1)
            vector = self._load_vector(scope, self.address(scope, buffer, first), dtype, None)
            vector = _reversed(lanes, vector)
        else:
            vector = self._gather(scope, self._addresses(scope, buffer, offset), dtype, mask)
        return Value(self._decoded(lanes, vector, buffer.dtype), True, scope)

    def _slope(self, offset: Index) -> int | None:
        """How far apart neighbouring lanes are; None if not equally far."""
        slope = 0
        for atom, c in offset.terms.items():
            if isinstance(atom, Var) and atom in self.along:
                slope += c
            elif self.is_wide(Index({atom: 1}, 0)):
                return None
        return slope

    def _load_one(
        self, scope: Scope, buffer: Buffer, offset: Index, valid: Sequence[Value]
    ) -> Value:
        lanes, dtype = self.lanes(scope, False), stored_as(buffer.dtype)
        safe = [v.vector for v in valid]
        if scope.partial and scope.mask is not None:
            safe.append(Vector(self.lanes(scope).any(scope.mask), BOOL))
        if safe:
            c = functools.reduce(lambda x, y: lanes.bits("&", x, y), safe)
            at = scope.builder.select(c.value, self.integer(scope, offset), LONG(0))
            place = self._element(scope, buffer.pointer, at, dtype)
        else:
            place = self.address(scope, buffer, offset)
        value = scope.builder.load(place, typ=element_type(dtype), align=dtype.itemsize)
        return Value(self._decoded(lanes, Vector(value, dtype), buffer.dtype), False, scope)

    def _decoded(self, lanes: Lanes, x: Vector, dtype: DType) -> Vector:
        if dtype == BOOL:
            return lanes.compare("!=", x, 0)
        return lanes.from_half(x) if dtype == F16 else x

    def _encoded(self, lanes: Lanes, x: Vector, dtype: DType) -> Vector:
        if dtype == F16:
            return lanes.to_half(x)
        return lanes.cast(x, stored_as(dtype))

    def address(self, scope: Scope, buffer: Buffer, offset: Index) -> Any:
        """A pointer to an element, at the first lane."""
        if not offset.terms and not offset.const:
            return buffer.pointer
        key = ("address", buffer.pointer, offset)
        if (found := scope.find(key)) is not None:
            return found
        home, outer, inner = self._divided(scope, offset)
        base = self.address(scope, buffer, outer)
        at = self.integer(home, inner.plus(indices.number(offset.const)))
        found = home.known[key] = self._element(home, base, at, stored_as(buffer.dtype))
        return found

    def _element(self, scope: Scope, pointer: Any, at: Any, dtype: DType) -> Any:
        return scope.builder.gep(pointer, [at], source_etype=element_type(dtype))

    def _addresses(self, scope: Scope, buffer: Buffer, offset: Index) -> Any:
        """A vector of pointers."""
        at = self.integers(scope, offset, I64).vector
        found = self._element(scope, buffer.pointer, at.value, stored_as(buffer.dtype))
        found.type = ir.VectorType(POINTER, self.count)
        return found

    def _suffix(self, dtype: DType) -> str:
        return f"v{self.count}{'f' if dtype.kind == 'f' else 'i'}{8 * dtype.itemsize}"

    def _load_vector(self, scope: Scope, place: Any, dtype: DType, mask: Vector | None) -> Vector:
        lanes = self.lanes(scope)
        kind = lanes.type(dtype)
        if mask is None:
            return Vector(scope.builder.load(place, typ=kind, align=dtype.itemsize), dtype)
        name, zero = f"llvm.masked.load.{self._suffix(dtype)}.p0", lanes.const(0, dtype).value
        value = lanes.call(name, kind, place, INT(dtype.itemsize), mask.value, zero)
        return Vector(value, dtype)

    def _gather(self, scope: Scope, places: Any, dtype: DType, mask: Vector | None) -> Vector:
        lanes = self.lanes(scope)
        mask = lanes.const(True, BOOL) if mask is None else mask
        name = f"llvm.masked.gather.{self._suffix(dtype)}.v{self.count}p0"
        zero = lanes.const(0, dtype).value
        align = INT(dtype.itemsize)
        value = lanes.call(name, lanes.type(dtype), places, align, mask.value, zero)
        return Vector(value, dtype)

    def store(self, scope: Scope, buffer: Buffer, offset: Index, x: Value) -> None:
        """Put a number, or one for each lane, where it belongs."""
        dtype = stored_as(buffer.dtype)
        wide = self.is_wide(offset)
        if not wide:
            lanes = self.lanes(scope, False)
            value = self._encoded(lanes, self.scalar(scope, x, x.dtype), buffer.dtype)
            place = self.address(scope, buffer, offset)
            scope.builder.store(value.value, place, align=dtype.itemsize)
            return
        lanes = self.lanes(scope)
        value = self._encoded(lanes, self.widened(scope, x, x.dtype), buffer.dtype).value
        align, mask = INT(dtype.itemsize), scope.mask
        if self._slope(offset) == 1 and mask is None:
            place = self.address(scope, buffer, offset)
            scope.builder.store(value, place, align=dtype.itemsize)
            return
        mask = lanes.const(True, BOOL) if mask is None else mask
        if self._slope(offset) == 1:
            name = f"llvm.masked.store.{self._suffix(dtype)}.p0"
            place = self.address(scope, buffer, offset)
        else:
            name = f"llvm.masked.scatter.{self._suffix(dtype)}.v{self.count}p0"
            place = self._addresses(scope, buffer, offset)
        lanes.call(name, ir.VoidType(), value, place, align, mask.value)


# --- operations -----------------------------------------------------------------------------------


# Their first operand is a bool, whatever the dtype of the others.
CHOICES = {"select": Lanes.select, "clear": Lanes.clear}


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


def _common(xs: Sequence[Number], default: DType) -> DType:
    """The dtype in which an operation on these numbers is done."""
    dtypes = {x.dtype for x in xs if isinstance(x, Value)}
    if not dtypes:
        return default
    dtype = functools.reduce(_promoted, dtypes)
    for x in xs:
        if isinstance(x, Value) or dtype.kind == "f":
            continue
        if isinstance(x, float):
            return F64
        if dtype.kind in "iu" and not np.iinfo(dtype).min <= x <= np.iinfo(dtype).max:
            dtype = I64
    return dtype


def _promoted(x: DType, y: DType) -> DType:
    """NumPy's rules, but uint64 stays an integer beside a signed one."""
    return U64 if {x.kind, y.kind} == {"i", "u"} and U64 in (x, y) else np.promote_types(x, y)


def _width(index: Index, limit: int = 1 << 31) -> DType:
    """int32 where all that an index is made of fits."""
    every = [index, *(q.index for q in index.quotients())]
    small = all(abs(end) < limit for i in every for end in i.range)
    return I32 if small else I64


def _reversed(lanes: Lanes, x: Vector) -> Vector:
    places = ir.Constant(ir.VectorType(INT, lanes.count), list(range(lanes.count - 1, -1, -1)))
    undefined = ir.Constant(x.value.type, ir.Undefined)
    return Vector(lanes.builder.shuffle_vector(x.value, undefined, places), x.dtype)
