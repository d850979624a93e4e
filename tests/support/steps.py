"""A plan run step by step, without the runtime: native kernels on one thread, products by NumPy.

Buffers lie between guards that are looked at after every step, and hold rubbish before they are
written.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import binding

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import ir, kernel
from wingbeat.backend.llvm import target as targets
from wingbeat.backend.llvm.partition import Plan, partition
from wingbeat.backend.llvm.products import Product
from wingbeat.backend.llvm.steps import Emitted

Array = Any
GUARD = 256  # bytes before and after a buffer
RUBBISH = 0xA5


class Failed(Exception):
    """A step set the status."""


@dataclass
class Made:
    """The code of one step."""

    emitted: Emitted
    functions: list[Any]
    text: str


class Guarded:
    """An array with guards around it."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        self._bytes = np.full(size + 2 * GUARD + 64, RUBBISH, np.uint8)
        start = GUARD + -(self._bytes.ctypes.data + GUARD) % 64
        self.array = self._bytes[start : start + size].view(dtype).reshape(shape)
        self._ends = slice(0, start), slice(start + size, None)

    def check(self) -> None:
        assert all((self._bytes[end] == RUBBISH).all() for end in self._ends), "written outside"


class Program:
    """A graph, compiled step by step for the current target."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.plan: Plan = partition(graph)
        self.made: dict[int, Made] = {}
        for n, step in enumerate(self.plan.steps):
            if not isinstance(step, Product):
                self.made[n] = self._make(n, step)

    def _make(self, n: int, step: Any) -> Made:
        module = ir.Module()
        module.triple = binding.get_process_triple()
        target = targets.current()
        emitted = kernel.emit(module, f"step{n}", self.graph, step, target)
        text = str(module)
        parsed = binding.parse_assembly(text)
        parsed.verify()
        engine = binding.create_mcjit_compiler(parsed, target.machine())
        engine.finalize_object()
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        functions = [kind(engine.get_function_address(c.function)) for c in emitted.calls]
        made = Made(emitted, functions, text)
        made.engine = engine  # type: ignore[attr-defined]  # keeps the code alive
        return made

    def run(self, arrays: Sequence[Array], cut: int = 0, inplace: bool = False) -> list[Array]:
        """The outputs. `cut`: run units in chunks of so many, the last chunk first."""
        values: dict[int, Array] = {}
        for k, array in zip(self.graph.inputs, arrays, strict=True):
            guarded = Guarded(array.shape, array.dtype)
            guarded.array[...] = array
            values[k] = guarded.array
        for n, step in enumerate(self.plan.steps):
            if isinstance(step, Product):
                self._product(step, values)
            else:
                self._kernel(n, step, values, cut, inplace)
        for k, alias in self.plan.aliases.items():
            node = self.graph.nodes[k]
            flat = values[alias.of].reshape(-1)
            values[k] = flat[alias.offset : alias.offset + node.type.size].reshape(node.shape)
        return [values[k] for k in self.graph.outputs]

    def _product(self, step: Product, values: dict[int, Array]) -> None:
        loops = [*range(len(step.sizes))]
        out = loops[: len(step.sizes) - len(step.inner)]
        x, y = (self._factor(values[f.position], f, step.sizes) for f in (step.x, step.y))
        values[step.node] = np.ascontiguousarray(np.einsum(x, loops, y, loops, out))

    def _factor(self, array: Array, factor: Any, sizes: tuple[int, ...]) -> Array:
        flat = array.reshape(-1)[factor.offset :]
        strides = tuple(s * array.itemsize for s in factor.strides)
        return np.lib.stride_tricks.as_strided(flat, sizes, strides)

    def _kernel(self, n: int, step: Any, values: dict[int, Array], cut: int, inplace: bool) -> None:
        made = self.made[n]
        guards: list[Guarded] = []
        shared = {stored: read for stored, read in made.emitted.inplace} if inplace else {}
        arrays = [values[k] for k in step.reads]
        for j, k in enumerate(step.stored):
            node = self.graph.nodes[k]
            guards.append(Guarded(node.shape, node.type.dtype))
            number = len(step.reads) + j
            if number in shared and list(shared.values()).count(shared[number]) == 1:
                read = shared[number]
                guards[-1].array[...] = arrays[read].view(node.type.dtype).reshape(node.shape)
                arrays[read] = guards[-1].array
            arrays.append(guards[-1].array)
            values[k] = guards[-1].array
        guards.append(Guarded((made.emitted.scratch,), np.uint8))
        status = np.zeros(1, np.int32)
        pointers = [status.ctypes.data, *(a.ctypes.data for a in arrays)]
        table = np.array([*pointers, guards[-1].array.ctypes.data], np.int64)
        for call, function in zip(made.emitted.calls, made.functions, strict=True):
            size = cut or max(call.units, 1)
            for begin in reversed(range(0, call.units, size)):
                function(table.ctypes.data, begin, min(begin + size, call.units))
        for guard in guards:
            guard.check()
        if status[0]:
            assert made.emitted.fails
            raise Failed
