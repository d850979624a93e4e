"""A native function of a step under construction: its table of pointers, and its first block."""

from __future__ import annotations

from typing import Any

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.content import Content
from wingbeat.backend.llvm.element import Elements
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.lanes import DType, element_type
from wingbeat.backend.llvm.scope import LONG, Scope
from wingbeat.backend.llvm.value import Buffer, stored_as

POINTER, VOID = ir.PointerType(), ir.VoidType()
ALIGNED = 64


class Frame:
    """What every step's function has: `void f(ptr slots, i64 begin, i64 end)`."""

    def __init__(
        self, module: Any, name: str, rules: Rules, reads: tuple[int, ...], stored: tuple[int, ...]
    ) -> None:
        function = ir.Function(module, ir.FunctionType(VOID, [POINTER, LONG, LONG]), name)
        function.attributes.add("nounwind")
        self._slots, self.first, self.stop = function.args
        self._stack = ir.IRBuilder(function.append_basic_block())
        builder = ir.IRBuilder(function.append_basic_block())
        self._begin = builder.block
        self.entry = Scope(builder)
        self.status = self.slot(0)
        self.reads = {k: self._buffer(rules, k, 1 + n) for n, k in enumerate(reads)}
        after = 1 + len(reads)
        self.stored = {k: self._buffer(rules, k, after + n) for n, k in enumerate(stored)}
        self._after = after + len(stored)

    def slot(self, k: int) -> Any:
        builder = self.entry.builder
        place = builder.gep(self._slots, [LONG(k)], source_etype=POINTER)
        return builder.load(place, typ=POINTER)

    def _buffer(self, rules: Rules, k: int, slot: int) -> Buffer:
        node = rules.graph.nodes[k]
        return Buffer(self.slot(slot), node.type.dtype, node.shape)

    def scratch(self) -> Any:
        """The memory that the step's functions share."""
        return self.slot(self._after)

    def room(self, dtype: DType, size: int) -> Buffer:
        """Memory on the stack."""
        builder = self._stack
        element = element_type(stored_as(dtype))
        space = builder.alloca(element, LONG(size))
        space.align = ALIGNED
        pointer = builder.gep(space, [LONG(0)], source_etype=element)
        return Buffer(pointer, dtype, (size,))

    def end(self) -> None:
        """Nothing follows."""
        self._stack.branch(self._begin)
        self.entry.builder.ret_void()


class Function(Frame):
    """A function of a kernel."""

    def __init__(self, module: Any, name: str, content: Content) -> None:
        kernel = content.kernel
        super().__init__(module, name, content.rules, kernel.reads, kernel.stored)
        self.content = content
        self.elements = Elements(
            content.rules,
            self.reads,
            frozenset(content.order),
            content.late,
            self.status,
            content.schedule.count,
            content.target,
        )

    def close(self) -> bool:
        """End the function; whether it may set the status."""
        self.end()
        return self.elements.fails
