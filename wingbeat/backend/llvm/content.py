"""What the loops of a kernel compute, store, and keep for one another. Pure data."""

from __future__ import annotations

import math

from wingbeat.backend.llvm.grouping import Member, Needs, Rules, is_split
from wingbeat.backend.llvm.lanes import DType
from wingbeat.backend.llvm.meaning import Meaning
from wingbeat.backend.llvm.partition import Kernel
from wingbeat.backend.llvm.schedule import scheduled
from wingbeat.backend.llvm.target import Target

KEPT = 1 << 18  # bytes of a row that are kept on the stack for a later loop
DEAR = 6  # operations from which on a number is kept rather than computed again


class Content:
    """A scheduled kernel, loop by loop."""

    def __init__(self, rules: Rules, kernel: Kernel, target: Target) -> None:
        self.rules, self.kernel, self.target = rules, kernel, target
        self.schedule = schedule = scheduled(rules, kernel, target)
        self.order = {m.node: m for m in schedule.members}
        self.reducing = [m for m in schedule.members if self.meaning(m.node).reduction is not None]
        self.points = [m for m in schedule.members if not m.row]
        self.rows = [m for m in schedule.members if m.row and m not in self.reducing]
        self.stored = {m.node for m in schedule.members if m.node in kernel.stored}
        depths = [m.depth for m in self.reducing]
        depths += [m.depth + 1 for m in self.points if m.node in self.stored]
        self.loops = max(depths, default=0)
        self.split = is_split(schedule.axes, frozenset(schedule.reduced))
        here = {*kernel.nodes} - self.order.keys()
        inline = [k in here for k in range(len(rules.graph.nodes))]
        self._needs = Needs(rules, inline)
        self.kept: dict[int, int] = {}  # dear nodes that a later loop reads, and who keeps them
        self._room = KEPT
        self.needed: list[set[int]] = []
        for d in range(self.loops):
            self.needed.append(self._needed(d))
        self.late = self._late()

    def meaning(self, k: int) -> Meaning:
        meaning = self.rules.meaning(k)
        assert meaning is not None
        return meaning

    def dtype(self, k: int) -> DType:
        return self.rules.graph.nodes[k].type.dtype

    def reductions(self, d: int) -> list[Member]:
        """What loop d reduces."""
        return [m for m in self.reducing if m.depth == d + 1]

    def stores(self, d: int) -> list[Member]:
        """What loop d stores."""
        return [m for m in self.points if m.depth == d and m.node in self.stored]

    def calls(self, d: int) -> bool:
        """Whether loop d calls a function at each point."""
        reduced = {m.node for m in self.reductions(d)}
        return any(self.meaning(k).turn.calls for k in self.needed[d] | reduced)

    def loops_of(self, k: int) -> list[int]:
        """The loops in which, or right before which, node k is computed."""
        member = self.order[k]
        if not member.row:
            return [d for d in range(self.loops) if k in self.needed[d]]
        return [member.depth - (member in self.reducing)]

    def _needed(self, d: int) -> set[int]:
        """The nodes that loop d has at each point, unless an earlier loop left them in memory."""
        found: set[int] = set()
        todo = [m.node for m in (*self.reductions(d), *self.stores(d))]
        while todo:
            k = todo.pop()
            member = self.order[k]
            if member.row and (member not in self.reducing or member.depth != d + 1):
                continue  # it is there before the loop
            if k in found or (not member.row and self._in_memory(member, d)):
                continue
            if not member.row:
                found.add(k)
            todo.extend(self._members_read(k))
        return found

    def _members_read(self, k: int) -> list[int]:
        return [n.position for n in self._needs.of(k)[0] if n.position in self.order]

    def _in_memory(self, member: Member, d: int) -> bool:
        """Whether loop d finds a node in memory; that a dear one is kept is decided here."""
        k = member.node
        if k in self.stored:
            return member.depth < d
        if k in self.kept:
            return True
        earlier = [e for e in range(d) if k in self.needed[e]]
        size = self._row() * self.dtype(k).itemsize
        if not earlier or size > self._room or self._price(k, earlier[0]) < DEAR:
            return False
        self.kept[k] = earlier[0]
        self._room -= size
        return True

    def _row(self) -> int:
        """Points that are kept of a row, or of rows side by side."""
        schedule = self.schedule
        width = 1 if schedule.across else schedule.unroll * schedule.count
        return width * math.prod(v.extent for v in schedule.reduced)

    def _price(self, k: int, d: int) -> int:
        """Operations that it takes to compute a node again."""
        total, todo, seen = 0, [k], set[int]()
        while todo:
            j = todo.pop()
            if j in seen or (j != k and j not in self.needed[d]):
                continue
            seen.add(j)
            reads, through = self._needs.of(j)
            for inner in (j, *through):
                cost = self.meaning(inner).turn
                total += cost.operations + DEAR * cost.calls
            todo.extend(n.position for n in reads)
        return total

    def _late(self) -> frozenset[int]:
        """What follows from one of the kernel's own reductions."""
        found: set[int] = set()
        for k in self.kernel.nodes:
            member = self.order.get(k)
            if (member is not None and member.depth > 0) or not found.isdisjoint(
                self.rules.graph.operands[k]
            ):
                found.add(k)
        return frozenset(found)
