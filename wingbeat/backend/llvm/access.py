"""Elements in memory: loads and stores, of one number or of one for each lane."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from wingbeat.backend.llvm import indices, ir
from wingbeat.backend.llvm.indices import Datum, Index, Var
from wingbeat.backend.llvm.integers import Integers
from wingbeat.backend.llvm.lanes import BOOL, F16, I64, DType, Lanes, Vector, element_type
from wingbeat.backend.llvm.places import INT
from wingbeat.backend.llvm.scope import LONG, Scope
from wingbeat.backend.llvm.target import Target
from wingbeat.backend.llvm.value import Buffer, Value, computed_as, stored_as

POINTER = ir.PointerType()


class Access(Integers):
    """Reads and writes `buffers`, the nodes that lie in memory."""

    def __init__(
        self,
        buffers: Mapping[int, Buffer],
        late: frozenset[int],
        status: Any,
        count: int,
        target: Target,
    ) -> None:
        super().__init__(late, status, count, target)
        self.buffers = dict(buffers)

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


def _reversed(lanes: Lanes, x: Vector) -> Vector:
    places = ir.Constant(ir.VectorType(INT, lanes.count), list(range(lanes.count - 1, -1, -1)))
    undefined = ir.Constant(x.value.type, ir.Undefined)
    return Vector(lanes.builder.shuffle_vector(x.value, undefined, places), x.dtype)
