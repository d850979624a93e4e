"""Where an instruction may stand: nested loops and branches under construction.

Every scope has a builder at the end of a block that is still open, and its loop or branch inside
is closed last. So while the body of a loop is built, what does not change in it can be put in
front of it at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.indices import Var
from wingbeat.backend.llvm.lanes import Vector

LONG = ir.IntType(64)


class Scope:
    """A place for instructions, and what is known there."""

    def __init__(
        self,
        builder: Any,
        parent: Scope | None = None,
        *,
        floor: bool = False,
        mask: Vector | None = None,
        partial: bool = False,
    ) -> None:
        self.builder = builder
        self.parent = parent
        self.floor = floor  # nothing leaves it: it runs under a condition
        self.mask = mask  # the lanes that there are; None: all of them
        self.partial = partial  # the mask may be empty, then no address need be right
        self.row = False  # what follows from a reduction stands here, or further inside
        self.values: dict[Var, Any] = {}  # loop variables, as i64
        self.known: dict[Any, Any] = {}
        self.later: dict[Any, Callable[[Scope], Any]] = {}  # what can be had when asked for

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, key: Any) -> Any:
        """What is known here or further outside; None if nothing is."""
        for scope in self.chain():
            if (found := scope.known.get(key)) is not None:
                return found
            if (make := scope.later.pop(key, None)) is not None:
                found = scope.known[key] = make(scope)
                return found
        return None

    def variable(self, v: Var) -> Any:
        for scope in self.chain():
            if v in scope.values:
                return scope.values[v]
        raise KeyError(f"{v} is no variable of the loops around")

    def inside(self, other: Scope) -> bool:
        """This scope lies in the other one, or is it."""
        return any(scope is other for scope in self.chain())

    def narrowed(self, mask: Vector) -> Scope:
        """The same place, for some of the lanes."""
        return Scope(self.builder, self, floor=True, mask=mask, partial=True)


class Loop:
    """A loop under construction; `scope` is its body, `counter` an i64.

    `carry` may be called at any time, and `close` gives what was carried after the last turn.
    """

    def __init__(self, around: Scope, begin: Any, end: Any, step: int = 1, *, test: bool) -> None:
        """With `test` there may be no turn at all; without, there is at least one."""
        self.around, self._begin, self._end, self._step, self._test = around, begin, end, step, test
        outer = around.builder
        self._head_block = outer.append_basic_block()
        self._after = outer.append_basic_block()
        self._head = ir.IRBuilder(self._head_block)
        self.counter = self._head.phi(LONG)
        self._carried: list[tuple[Any, Any]] = []
        inner = ir.IRBuilder(outer.append_basic_block())
        self._body = inner.block
        self.scope = Scope(inner, around, mask=around.mask, partial=around.partial)

    def carry(self, start: Any) -> Any:
        """A value that each turn replaces: here that of the turn before."""
        phi = self._head.phi(start.type)
        self._carried.append((phi, start))
        return phi

    def close(self, following: list[Any] | None = None) -> list[Any]:
        """`following` replaces what was carried, in that order."""
        outer, inner = self.around.builder, self.scope.builder
        following = following or []
        more = inner.add(self.counter, LONG(self._step), flags=("nsw",))
        inner.cbranch(inner.icmp_signed("<", more, self._end), self._head_block, self._after)
        self._head.branch(self._body)
        before = outer.block
        if self._test:
            some = outer.icmp_signed("<", self._begin, self._end)
            outer.cbranch(some, self._head_block, self._after)
        else:
            outer.branch(self._head_block)
        self.counter.add_incoming(self._begin, before)
        self.counter.add_incoming(more, inner.block)
        outer.position_at_end(self._after)
        results: list[Any] = []
        for (phi, start), value in zip(self._carried, following, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(value, inner.block)
            if self._test:
                last = outer.phi(start.type)
                last.add_incoming(start, before)
                last.add_incoming(value, inner.block)
                results.append(last)
            else:
                results.append(value)
        return results
