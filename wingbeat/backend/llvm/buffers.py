"""Where every value lies: which are arrays of the caller, and where in the arena the others are.

All intermediate values of a program lie in one block of memory, the arena. Values that are not
needed at the same time may share a place. A value may take the place of one that its own step reads
last, where the step allows it. An output takes the place of a donated input where it can; it is a
new array otherwise.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wingbeat.backend.base import Graph

ALIGNMENT = 64


@dataclass(frozen=True)
class Demand:
    """What a step asks of memory."""

    reads: tuple[int, ...]  # positions
    stored: tuple[int, ...]
    inplace: tuple[tuple[int, int], ...] = ()  # positions (stored, read) that may be one buffer
    scratch: int = 0  # bytes, during the step
    fails: bool = False  # the program may end here, and is then run again on the same inputs


class Part(Protocol):
    """A node that lies in another's buffer, `offset` elements behind its beginning."""

    @property
    def of(self) -> int: ...
    @property
    def offset(self) -> int: ...


@dataclass(frozen=True)
class Place:
    """Where a value begins: in an array of the caller's, or in the arena."""

    array: int | None  # the number of an array: inputs first, then new outputs
    offset: int  # in bytes


@dataclass(frozen=True)
class Layout:
    """The plan of a program's memory."""

    places: Mapping[int, Place]  # of each position that a step reads or stores, and of outputs
    scratch: tuple[int, ...]  # where in the arena that of each step is
    fresh: tuple[int, ...]  # the positions whose arrays are made anew for each run
    arena: int  # bytes
    live: int  # bytes of the arena that are in use at once, at the worst moment


class _Buffer:
    """Memory from one step to another."""

    def __init__(self, size: int, first: int, last: int, array: int | None = None) -> None:
        self.size = size
        self.first = first
        self.last = last
        self.array = array
        self.offset = 0


def layout(
    graph: Graph,
    demands: Sequence[Demand],
    aliases: Mapping[int, Part],
    donated: Collection[int] = (),
) -> Layout:
    """Places for everything; `donated` are positions of inputs that may be overwritten."""
    plan = _Plan(graph, demands, aliases, donated)
    for k, demand in enumerate(demands):
        for position in demand.stored:
            plan.store(position, k)
    fresh = plan.give_arrays()
    scratch = [_Buffer(_rounded(d.scratch), k, k) for k, d in enumerate(demands)]
    inside = [b for b in (*dict.fromkeys(plan.buffers.values()), *scratch) if b.array is None]
    arena, live = _pack(inside, len(demands))
    wanted = {p for d in demands for p in (*d.reads, *d.stored)} | {*graph.outputs}
    places = {p: plan.place(p) for p in sorted(wanted)}
    return Layout(places, tuple(b.offset for b in scratch), fresh, arena, live)


class _Plan:
    """Which values share a buffer, and which buffers are arrays of the caller's."""

    def __init__(
        self,
        graph: Graph,
        demands: Sequence[Demand],
        aliases: Mapping[int, Part],
        donated: Collection[int],
    ) -> None:
        self._graph, self._demands, self._aliases = graph, demands, aliases
        self._donated = {*donated}
        self._end = len(demands)
        self._last: dict[int, int] = {}  # the last step that needs a value
        for k, demand in enumerate(demands):
            self._last.update((self._root(p), k) for p in (*demand.stored, *demand.reads))
        self._last.update((self._root(p), self._end) for p in graph.outputs)
        # Who runs a program again needs its inputs.
        self._safe = max((k for k, d in enumerate(demands) if d.fails), default=-1) + 1
        self.buffers = {
            p: _Buffer(0, -1, self._last.get(p, -1), array=k) for k, p in enumerate(graph.inputs)
        }

    def _root(self, position: int) -> int:
        alias = self._aliases.get(position)
        return position if alias is None else alias.of

    def _bytes(self, position: int) -> int:
        type_ = self._graph.nodes[position].type
        return type_.size * type_.dtype.itemsize

    def _is_output(self, position: int) -> bool:
        return self._last[position] == self._end

    def store(self, position: int, step: int) -> None:
        """A buffer for what a step stores: that of an operand, if it may be, or a new one."""
        for stored, read in self._demands[step].inplace:
            if stored == position and self._may_replace(position, read, step):
                buffer = self.buffers[read]
                buffer.last = self._last[position]
                self.buffers[position] = buffer
                return
        size, last = _rounded(self._bytes(position)), self._last[position]
        self.buffers[position] = _Buffer(size, step, last)

    def _may_replace(self, position: int, read: int, step: int) -> bool:
        """Whether a value may take the place of one that its step reads."""
        buffer = self.buffers.get(read)  # an alias has none of its own
        if buffer is None or buffer.last != step or self._bytes(read) != self._bytes(position):
            return False
        if buffer.array is not None and not self._may_overwrite(buffer.array, position, step):
            return False
        demand = self._demands[step]
        if any(self.buffers.get(p) is buffer for p in demand.stored):
            return False  # another value was faster
        return sum(self._root(p) == read for p in demand.reads) == 1

    def _may_overwrite(self, array: int, position: int, step: int) -> bool:
        given = self._graph.inputs[array]
        if given not in self._donated or step < self._safe:
            return False
        types = [self._graph.nodes[k].type for k in (given, position)]
        return types[0] is types[1] or not self._is_output(position)

    def give_arrays(self) -> tuple[int, ...]:
        """Donated inputs, or new arrays, for the outputs that have none; returns the latter."""
        fresh: list[int] = []
        for position, buffer in self.buffers.items():
            # The last value in a buffer is the output, if one of them is.
            if buffer.array is None and self._is_output(position):
                buffer.array = self._gift(position, buffer)
                if buffer.array is None:
                    buffer.array = len(self._graph.inputs) + len(fresh)
                    fresh.append(position)
        return tuple(fresh)

    def _gift(self, position: int, buffer: _Buffer) -> int | None:
        """A donated input of the same type that nobody needs any more."""
        for array, given in enumerate(self._graph.inputs):
            theirs = self.buffers[given]
            if theirs.last < buffer.first and self._may_overwrite(array, position, buffer.first):
                theirs.last = buffer.last
                return array
        return None

    def place(self, position: int) -> Place:
        alias = self._aliases.get(position)
        buffer = self.buffers[self._root(position)]
        size = self._graph.nodes[position].type.dtype.itemsize
        return Place(buffer.array, buffer.offset + (alias.offset * size if alias else 0))


def _pack(buffers: Sequence[_Buffer], steps: int) -> tuple[int, int]:
    """Offsets of buffers, in the order in which they are needed: each in the smallest gap."""
    begins: list[list[_Buffer]] = [[] for _ in range(steps)]
    for buffer in buffers:
        if buffer.size:
            begins[buffer.first].append(buffer)
    ends: list[list[_Buffer]] = [[] for _ in range(steps)]
    gaps: list[tuple[int, int]] = []  # (offset, size), in order
    top = used = live = 0
    for starting, ending in zip(begins, ends, strict=True):
        for buffer in sorted(starting, key=lambda b: -b.size):
            ends[min(buffer.last, steps - 1)].append(buffer)
            top = _take(buffer, gaps, top)
            used += buffer.size
        live = max(live, used)
        for buffer in ending:
            _release(buffer, gaps)
            used -= buffer.size
    return top, live


def _take(buffer: _Buffer, gaps: list[tuple[int, int]], top: int) -> int:
    """Put a buffer into the smallest gap, or at the top, which is returned."""
    fitting = [(size, offset) for offset, size in gaps if size >= buffer.size]
    if fitting:
        size, buffer.offset = min(fitting)
        gaps.remove((buffer.offset, size))
        if size > buffer.size:
            insort(gaps, (buffer.offset + buffer.size, size - buffer.size))
        return top
    if gaps and sum(gaps[-1]) == top:
        top = gaps.pop()[0]
    buffer.offset = top
    return top + buffer.size


def _release(buffer: _Buffer, gaps: list[tuple[int, int]]) -> None:
    """Make a buffer a gap, together with those beside it."""
    insort(gaps, (buffer.offset, buffer.size))
    k = gaps.index((buffer.offset, buffer.size))
    for left in (k, k - 1):
        if 0 <= left < len(gaps) - 1 and sum(gaps[left]) == gaps[left + 1][0]:
            offset, size = gaps[left]
            gaps[left : left + 2] = [(offset, size + gaps[left + 1][1])]


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
