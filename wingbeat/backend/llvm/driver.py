"""From a graph to a Python function: compile it or load its code; allocate, call, look back.

A run is one native call; the interpreter's lock is released meanwhile, but for programs so short
that others would not profit. Any number of threads may run one program at once: each run takes an
arena from those that are idle, and gives it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from wingbeat.backend import numpy as interpreter
from wingbeat.backend.base import Array, Graph, Memory, Run, StepFailed
from wingbeat.backend.cost import size as size_of
from wingbeat.backend.llvm import compiler, exclusive, target
from wingbeat.backend.llvm.compiler import Loaded
from wingbeat.backend.llvm.disk import Binary
from wingbeat.backend.llvm.headers import ALIGNMENT, UNFIT, Description
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
        code = Loaded(binary.code, ("program",), imports)
        return _bound(graph, binary.facts, code, donated)


def forget_arenas() -> None:
    """Give back the memory that runs leave for later ones."""
    _arenas.clear()


def _binary(graph: Graph, processor: target.Target, donated: Collection[int]) -> Binary:
    from wingbeat.backend.llvm.lowering import lower  # what writes code is not needed to load it

    lowered = lower(graph, processor, donated)
    layout = lowered.layout
    results = [layout.places[k] for k in graph.outputs]
    facts = {
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
    description = Description(code["program"], types, len(types) + len(made), given)
    native = runtime()
    enter = native.enter_briefly if facts["brief"] else native.enter
    words, size, count = description.words, facts["arena"] + ALIGNMENT, len(types)
    fresh, empty, idle = [(t.shape, t.dtype) for t in made], np.empty, _arenas
    nothing = empty(0, np.uint8)
    parts = _parts(graph, facts["results"], [*types, *made], given)

    def run(arrays: Sequence[Array]) -> list[Array]:
        if len(arrays) != count:
            raise ValueError(f"the program takes {count} arrays, not {len(arrays)}")
        try:
            arena = idle.pop()
        except IndexError:
            arena = nothing
        if arena.nbytes < size:
            arena = empty(size, np.uint8)
        new: list[Array] = [empty(shape, dtype) for shape, dtype in fresh]
        status = enter((words, arena, *arrays, *new))
        if status == UNFIT:
            arrays = _fitting(arrays, types, given)
            status = enter((words, arena, *arrays, *new))
        idle.append(arena)
        if status:
            raise _failure(graph, arrays)
        if parts is not None:
            return _cut([*arrays, *new], parts)
        for array in new:
            array.setflags(False)  # tensors are values
        return new

    inputs, outputs = (sum(map(size_of, group)) for group in (types, made))
    memory = Memory(inputs, outputs, arena=facts["arena"], live=facts["live"])
    vars(run).update(memory=memory, code=(code, description))  # which the function needs
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


def _failure(graph: Graph, arrays: Sequence[Array]) -> Exception:
    """The error of a step that met bad data: the interpreter meets it again, and can say more."""
    try:
        interpreter.compile(graph)(arrays)
    except StepFailed as failure:
        return failure
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
            array = np.ndarray(type_.shape, type_.dtype, array, offset)
        if kept:
            array = interpreter.frozen(array)
        else:
            array.setflags(False)  # tensors are values
        results.append(array)
    return results
