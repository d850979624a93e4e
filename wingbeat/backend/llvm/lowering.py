"""A graph as a native function `program(arrays, arena) -> i32`, which runs all steps in order.

`arrays` is a table of pointers to the data of the inputs and the new outputs; the answer is 0, or 1
where a step met bad data. For each step the function fills the step's table of pointers (see
`steps`), then calls the step's functions, alone or through the pool. It is cut into parts, because
code generation takes longer than in proportion to a function's length.

It ends before a step that NumPy computes (see `library`); what follows is `program1`, and so on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import contraction, convolution, ir, kernel, partition
from wingbeat.backend.llvm.buffers import Demand, Layout, Place, layout
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID
from wingbeat.backend.llvm.library import Library
from wingbeat.backend.llvm.partition import Plan, Step
from wingbeat.backend.llvm.products import Product
from wingbeat.backend.llvm.repeats import step_key
from wingbeat.backend.llvm.sliding import Sliding
from wingbeat.backend.llvm.steps import Call, Emitted
from wingbeat.backend.llvm.target import Target

BYTE, INT = ir.IntType(8), ir.IntType(32)
STEP = ir.FunctionType(VOID, [POINTER, LONG, LONG])
PARALLEL = ir.FunctionType(VOID, [POINTER, POINTER, LONG, LONG])
PROGRAM = ir.FunctionType(INT, [POINTER, POINTER])
PART = 64  # steps in one function

WORTH = 40_000.0  # ns of work from which on several threads share it
CHUNK = 10_000.0  # ns of work that a thread claims at once: less, and claiming takes a part of it
CHUNKS = 256  # at most: where the estimate is too high, chunks are not too small all the same


@dataclass(frozen=True)
class Stage:
    """Steps that NumPy computes, then native code: a function's name, or none at the end."""

    libraries: tuple[int, ...]  # the nodes, in order
    function: str | None


@dataclass(frozen=True)
class Lowered:
    """A graph's native code before it is machine code, and what led to it."""

    plan: Plan
    stages: tuple[Stage, ...]  # in order; the first one begins with a function
    emitted: tuple[Emitted, ...]  # for each step; those of equal structure have the same functions
    layout: Layout
    text: str  # LLVM's assembly language
    imports: tuple[str, ...]  # functions of libraries that the code calls

    @property
    def work(self) -> float:
        """A rough estimate of the time that a run takes on one thread, in ns."""
        return sum(call.work for e in self.emitted for call in e.calls)


def lower(graph: Graph, target: Target, donated: Collection[int] = ()) -> Lowered:
    """Plan a graph and write its code; raises `NotCompiled`."""
    plan = partition.partition(graph)
    module = ir.Module("program")
    emitted = tuple(_emitted(module, graph, plan.steps, target))
    demands = [_demand(s, e) for s, e in zip(plan.steps, emitted, strict=True)]
    places = layout(graph, demands, plan.aliases, donated)
    stages = tuple(_Driver(module, graph, plan.steps, emitted, places).emit())
    imports = tuple(f.name for f in module.functions if _is_imported(f))
    return Lowered(plan, stages, emitted, places, str(module), imports)


def _emitted(module: Any, graph: Graph, steps: Iterable[Step], target: Target) -> Iterator[Emitted]:
    known: dict[Any, Emitted] = {}
    for number, step in enumerate(steps):
        key = step_key(graph, step)
        if key not in known:
            known[key] = _emit(module, f"step{number}", graph, step, target)
        yield known[key]


def _emit(module: Any, name: str, graph: Graph, step: Step, target: Target) -> Emitted:
    if isinstance(step, Product):
        return contraction.emit(module, name, graph, step, target)
    if isinstance(step, Sliding):
        return convolution.emit(module, name, graph, step, target)
    if isinstance(step, Library):
        return Emitted((), fails=True)
    return kernel.emit(module, name, graph, step, target)


def _demand(step: Step, emitted: Emitted) -> Demand:
    buffers = (*step.reads, *step.stored)
    pairs = tuple((buffers[stored], buffers[read]) for stored, read in emitted.inplace)
    return Demand(step.reads, step.stored, pairs, emitted.scratch, emitted.fails)


def _is_imported(function: Any) -> bool:
    return function.is_declaration and not function.name.startswith("llvm.")


def chunk(call: Call) -> int:
    """How many units a thread claims at once; all of them where the work is not worth sharing."""
    if call.work < WORTH or call.units <= call.grain:
        return call.units
    units = max(1, int(call.units * CHUNK / call.work), -(-call.units // CHUNKS))
    return min(call.units, -(-units // call.grain) * call.grain)


def _pointers(step: Step) -> Sequence[tuple[int, int]]:
    """What a step's table has: buffers by position, and at which of their elements they begin."""
    if isinstance(step, Product):
        return step.pointers
    return [(position, 0) for position in (*step.reads, *step.stored)]


Native = tuple[Step, Emitted, int]  # a step, its code, and where its scratch memory is


class _Driver:
    """The functions that call the steps."""

    def __init__(
        self,
        module: Any,
        graph: Graph,
        steps: Sequence[Step],
        emitted: Sequence[Emitted],
        places: Layout,
    ) -> None:
        self._module, self._graph, self._places = module, graph, places
        self._steps = list(zip(steps, emitted, places.scratch, strict=True))

    def emit(self) -> Iterator[Stage]:
        """A function for the steps before NumPy's first, and for those behind each row of these."""
        stages: list[tuple[list[int], list[Native]]] = [([], [])]
        for native in self._steps:
            step, last = native[0], stages[-1]
            if not isinstance(step, Library):
                last[1].append(native)
                continue
            if len(stages) == 1 or last[1]:
                stages.append(([], []))
            stages[-1][0].append(step.node)
        for number, (libraries, steps) in enumerate(stages):
            # The first function is there in any case: who calls it checks what comes in.
            function = f"program{number or ''}" if steps or not number else None
            if function is not None:
                self._program(function, steps)
            yield Stage(tuple(libraries), function)

    def _program(self, name: str, steps: Sequence[Native]) -> None:
        parts = [
            self._part(f"{name}_part{k}", steps[start : start + PART])
            for k, start in enumerate(range(0, len(steps), PART))
        ]
        function, b = self._function(name, "")
        for part in parts:
            self._stop_unless_zero(b, b.call(part, function.args))
        b.ret(INT(0))

    def _function(self, name: str, linkage: str) -> tuple[Any, Any]:
        function = ir.Function(self._module, PROGRAM, name)
        function.linkage = linkage
        return function, ir.IRBuilder(function.append_basic_block())

    def _stop_unless_zero(self, b: Any, status: Any) -> None:
        with b.if_then(b.icmp_signed("!=", status, INT(0)), likely=False):
            b.ret(INT(1))

    def _part(self, name: str, steps: Sequence[Native]) -> Any:
        function, b = self._function(name, "internal")
        slots = 2 + max(len(_pointers(step)) for step, _, _ in steps)
        table, status = b.alloca(POINTER, LONG(slots)), b.alloca(INT)
        b.store(INT(0), status)
        b.store(status, table)
        arrays, arena = function.args
        for step, emitted, scratch in steps:
            places = [self._place(*pointer) for pointer in _pointers(step)]
            if emitted.scratch:
                places.append(Place(None, scratch))
            for k, place in enumerate(places, start=1):
                pointer = self._pointer(b, arrays, arena, place)
                b.store(pointer, b.gep(table, [LONG(k)], source_etype=POINTER))
            for call in emitted.calls:
                self._call(b, call, table)
            if emitted.fails:
                self._stop_unless_zero(b, b.load(status, typ=INT))
        b.ret(INT(0))
        return function

    def _place(self, position: int, offset: int) -> Place:
        place = self._places.places[position]
        itemsize = self._graph.nodes[position].type.dtype.itemsize
        return replace(place, offset=place.offset + offset * itemsize) if offset else place

    def _pointer(self, b: Any, arrays: Any, arena: Any, place: Place) -> Any:
        base = arena
        if place.array is not None:
            entry = b.gep(arrays, [LONG(place.array)], source_etype=POINTER)
            base = b.load(entry, typ=POINTER)
        return b.gep(base, [LONG(place.offset)], source_etype=BYTE) if place.offset else base

    def _call(self, b: Any, call: Call, table: Any) -> None:
        if not call.units:
            return
        function = self._module.globals[call.function]
        if (size := chunk(call)) == call.units:
            b.call(function, [table, LONG(0), LONG(call.units)])
        else:
            b.call(self._parallel(), [function, table, LONG(call.units), LONG(size)])

    def _parallel(self) -> Any:
        known = self._module.globals.get("parallel")
        return known or ir.Function(self._module, PARALLEL, "parallel")
