"""What the code of a product starts from: where its operands are, and its two scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, loop
from wingbeat.backend.llvm.lanes import Lanes, Vector
from wingbeat.backend.llvm.layout import Axis
from wingbeat.backend.llvm.memory import computed, load, place
from wingbeat.backend.llvm.products import Factor, Product, Scale
from wingbeat.backend.llvm.target import Target

UNITY = Scale()


class Pointers(NamedTuple):
    """An element of each buffer; z stands for c where there is none."""

    x: Any
    y: Any
    z: Any
    c: Any


class Code:
    """A function of a step under construction: `slots`, `begin`, `end` and what is in the slots."""

    def __init__(
        self, module: Any, name: str, graph: Graph, product: Product, target: Target
    ) -> None:
        f = ir.Function(module, ir.FunctionType(VOID, [POINTER, LONG, LONG]), name)
        self.builder = ir.IRBuilder(f.append_basic_block())
        self.module, self.name, self.target, self.product = module, name, target, product
        self.slots, self.begin, self.end = f.args
        self.dtype = graph.nodes[product.node].type.dtype
        self.computed = computed(self.dtype)

    def lanes(self, count: int) -> Lanes:
        return Lanes(self.builder, count, self.target)

    def slot(self, number: int) -> Any:
        where = self.builder.gep(self.slots, [LONG(number)], source_etype=POINTER)
        return self.builder.load(where, typ=POINTER)

    def factor(self, factor: Factor) -> Any:
        """The address of a factor's first element."""
        known = self.product.factors
        return self.slot(1 + next(k for k, f in enumerate(known) if f is factor))

    def result(self) -> Any:
        return self.slot(len(self.product.pointers))

    def scratch(self) -> Any:
        return self.slot(1 + len(self.product.pointers))

    def at(self, pointer: Any, *distances: Any) -> Any:
        return place(self.builder, pointer, self.dtype, *distances)

    def alpha(self) -> Vector:
        """What the sums are multiplied by."""
        return self._scale(self.product.alpha, 0)

    def beta(self) -> Vector:
        """What c is multiplied by."""
        return self._scale(self.product.beta, len(self.product.alpha.positions))

    def _scale(self, scale: Scale, before: int) -> Vector:
        """A number: the constant, times what buffers contain now."""
        one, first = self.lanes(1), 1 + len(self.product.factors) + before
        value = one.const(scale.number, self.computed)
        for k in range(len(scale.positions)):
            value = one.mul(value, load(one, self.slot(first + k), self.dtype))
        return value

    def moved(self, pointers: Pointers, axis: Axis, count: Any) -> Pointers:
        """`count` steps along an axis."""
        return Pointers(
            *(
                self.at(p, _times(self.builder, count, stride))
                for p, stride in zip(pointers, axis[1:], strict=True)
            )
        )

    def nested(
        self,
        pointers: Pointers,
        axes: Sequence[Axis],
        carried: list[Any],
        body: Callable[[Pointers], None],
    ) -> None:
        """Loops over the axes around a body that replaces what is carried."""
        if not axes:
            return body(pointers)
        with loop(self.builder, 0, axes[0].size, 1, carried) as i:
            self.nested(self.moved(pointers, axes[0], i), axes[1:], carried, body)

    def unravelled(self, pointers: Pointers, axes: Sequence[Axis], index: Any) -> Pointers:
        """The turn number `index` of nested loops."""
        b = self.builder
        for k, axis in reversed(list(enumerate(axes))):
            turn = b.srem(index, LONG(axis.size)) if k else index
            index = b.sdiv(index, LONG(axis.size)) if k else index
            pointers = self.moved(pointers, axis, turn)
        return pointers


def _times(b: Any, count: Any, stride: int) -> Any:
    """A distance; a Python number where it is known."""
    if isinstance(count, int) or stride == 0:
        return stride and count * stride
    return b.mul(count, LONG(stride)) if stride != 1 else count
