"""From a graph to a Python function: compile it or load its code; allocate, call, look back.

A run is one native call, or, where NumPy has a part in it (see `library`), some of them; the
interpreter's lock is released meanwhile, but for programs so short that others would not profit.
Any number of threads may run one program at once: each run takes an arena from those that are idle,
and gives it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from wingbeat.backend import numpy as interpreter
from wingbeat.backend.base import Array, Graph, Memory, Run, StepFailed
from wingbeat.backend.cost import size as size_of
from wingbeat.backend.llvm import compiler, exclusive, library, target
from wingbeat.backend.llvm.buffers import ALIGNMENT
from wingbeat.backend.llvm.compiler import Loaded
from wingbeat.backend.llvm.disk import Binary
from wingbeat.backend.llvm.headers import UNFIT, Description
from wingbeat.backend.llvm.runtime import addresses, runtime
from wingbeat.backend.llvm.structure import graph_key
from wingbeat.errors import TypeMismatch
from wingbeat.ir.types import TensorType

BRIEF = 20_000.0  # ns of work up to which the interpreter's lock is kept

_arenas: list[Array] = []  # that no run is using; any of them may be larger than a program needs


def compile(graph: Graph, donated: Collection[int] = ()) -> Run:
    """The native form of a graph, from disk or made now; raises `NotCompiled`."""
    with exclusive:
        processor = target.current()
        key = graph_key(graph, donated, processor)
        binary = compiler.obtain(key, lambda: _binary(graph, processor, donated))
        imports = addresses(binary.facts["imports"], processor)
        exports = [name for _, name in binary.facts["stages"] if name]
        code = Loaded(binary.code, exports, imports)
        return _bound(graph, binary.facts, code, donated)


def forget_arenas() -> None:
    """Give back the memory that runs leave for later ones."""
    _arenas.clear()


def _binary(graph: Graph, processor: target.Target, donated: Collection[int]) -> Binary:
    from wingbeat.backend.llvm.lowering import lower  # what writes code is not needed to load it

    lowered = lower(graph, processor, donated)
    layout = lowered.layout
    results = [layout.places[k] for k in graph.outputs]
    stages = [
        ([library.facts(graph, k, layout.places) for k in stage.libraries], stage.function)
        for stage in lowered.stages
    ]
    facts = {
        "stages": stages,
        "imports": lowered.imports,
        "fresh": layout.fresh,
        "results": [(place.array, place.offset) for place in results],
        "arena": layout.arena,
        "live": layout.live,
        "brief": lowered.work < BRIEF,
    }
    return Binary(compiler.assemble(lowered.text, processor), facts)


def _bound(graph: Graph, facts: Mapping[str, Any], code: Loaded, donated: Collection[int]) -> Run:
    types = [graph.nodes[k].type for k in graph.inputs]
    made = [graph.nodes[k].type for k in facts["fresh"]]
    given = [k for k, position in enumerate(graph.inputs) if position in donated]
    native = runtime()
    enter = native.enter_briefly if facts["brief"] else native.enter
    first, *later = _stages(graph, facts, code, given)
    words, size, count = first.words, facts["arena"], len(types)
    follow = library.following(later, enter, count) if later else None
    fresh, empty, idle = [(t.shape, t.dtype) for t in made], np.empty, _arenas
    nothing = empty(0, np.uint8)
    parts = _parts(graph, facts["results"], [*types, *made], given)

    def attempt(arrays: Sequence[Array]) -> list[Array] | None:
        try:
            arena = idle.pop()
        except IndexError:
            arena = nothing
        if arena.nbytes < size:
            arena = _arena(size)
        new: list[Array] = [empty(shape, dtype) for shape, dtype in fresh]
        status = enter((words, arena, *arrays, *new))
        if follow is not None and not status:
            status = follow(arena, (*arrays, *new))
        idle.append(arena)
        if status:
            if status == UNFIT:
                return None
            raise _failure(graph, arrays, status)
        return new if parts is None else _cut([*arrays, *new], parts)

    def run(arrays: Sequence[Array]) -> list[Array]:
        if len(arrays) != count:
            raise ValueError(f"the program takes {count} arrays, not {len(arrays)}")
        found = attempt(arrays)
        if found is None:
            found = attempt(_fitting(arrays, types, given))
        assert found is not None
        return found

    inputs, outputs = (sum(map(size_of, group)) for group in (types, made))
    memory = Memory(inputs, outputs, arena=facts["arena"], live=facts["live"])
    vars(attempt).update(code=(code, first))  # which is there as long as it may be run
    vars(run).update(memory=memory, attempt=attempt)
    return run


def _fitting(
    arrays: Sequence[Array], types: Sequence[TensorType], given: Collection[int]
) -> list[Array]:
    """Copies of arrays that native code cannot read as they are: strided ones, for example."""
    fitting: list[Array] = []
    for k, (array, type_) in enumerate(zip(arrays, types, strict=True)):
        plain = np.require(array, type_.dtype, ["C", "A", "E"])
        if plain.shape != type_.shape:
            raise TypeMismatch(f"input {k} is {type_}, but an array of shape {plain.shape} came")
        if plain.dtype is not type_.dtype:  # an equal one, which was read from a file perhaps
            plain = plain.view(type_.dtype)
        fitting.append(plain.copy() if k in given else plain)
    return fitting


def _stages(
    graph: Graph, facts: Mapping[str, Any], code: Loaded, given: Sequence[int]
) -> list[library.Stage]:
    types = [graph.nodes[k].type for k in graph.inputs]
    number = len(types) + len(facts["fresh"])
    sealed = len(facts["stages"]) == 1  # else NumPy is still to write
    return [
        library.Stage(graph, row, name and Description(code[name], types, number, given, sealed))
        for row, name in facts["stages"]
    ]


def _arena(size: int) -> Array:
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


def _failure(graph: Graph, arrays: Sequence[Array], status: int | StepFailed) -> Exception:
    """The error of a step that met bad data: the interpreter meets it again, and can say more.

    It meets the first one there is, in the order of the graph, which steps need not keep.
    """
    try:
        interpreter.compile(graph)(arrays)
    except StepFailed as failure:
        return failure
    if isinstance(status, StepFailed):  # not again, as where memory was short
        return status
    return AssertionError("native code refused data that the interpreter accepts")


# The number of an array, whether it is somebody else's, an offset in bytes, and what lies there:
# None where it is that array itself.
Part = tuple[int, bool, int, TensorType | None]


def _parts(
    graph: Graph,
    results: Sequence[tuple[int, int]],
    types: Sequence[TensorType],
    given: Collection[int],
) -> list[Part] | None:
    """Where each output lies; None where the outputs are the new arrays, in order."""
    parts: list[Part] = []
    first = len(graph.inputs)
    for k, (array, offset) in zip(graph.outputs, results, strict=True):
        type_ = graph.nodes[k].type
        itself = (offset, type_) == (0, types[array])
        kept = array < first and array not in given
        parts.append((array, kept, offset, None if itself else type_))
    plain = [(first + k, False, 0, None) for k in range(len(types) - first)]
    return None if parts == plain else parts


def _cut(arrays: Sequence[Array], parts: Sequence[Part]) -> list[Array]:
    results: list[Array] = []
    for number, kept, offset, type_ in parts:
        array: Array = arrays[number]
        if type_ is not None:
            array = library.part(array, offset, type_)
        if kept:
            array = interpreter.frozen(array)
        else:
            array.setflags(False)  # tensors are values
        results.append(array)
    return results
