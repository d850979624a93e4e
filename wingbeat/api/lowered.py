"""What `jit(f).lower(...)` shows: the graph that is run, how it is run, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wingbeat.backend.base import Memory, Program, described, program
from wingbeat.ir.node import Node
from wingbeat.ir.text import to_text
from wingbeat.transform import inlined, simplify

if TYPE_CHECKING:
    from wingbeat.backend.base import Cost


class Lowered:
    """A program, laid open.

    >>> import wingbeat as wb
    >>> lowered = wb.jit(lambda x, y: x @ y).lower(wb.ones((2, 3)), wb.ones((3, 4)))
    >>> lowered.cost().flops
    48
    """

    def __init__(self, program: Program) -> None:
        self._program = program

    def graph(self) -> str:
        """The operations in order, in the text form of graphs."""
        graph = self._program.graph
        outputs, inputs = ([graph.nodes[k] for k in ks] for ks in (graph.outputs, graph.inputs))
        return to_text(outputs, inputs)

    def plan(self) -> str:
        """Kernels, what was fused into each and why, and buffers.

        Raises `NotSupported` where the backend in use interprets and plans nothing.
        """
        return described(self._program, "plan")

    def llvm_ir(self) -> str:
        """The code as LLVM's intermediate representation.

        Raises `NotSupported` where the backend in use makes none.
        """
        return described(self._program, "llvm_ir")

    def cost(self) -> Cost:
        """Operations, bytes, and the time that they take at least on this machine."""
        return self._program.cost

    def memory(self) -> Memory:
        """Bytes of inputs, outputs and what lies between."""
        return self._program.memory


def runnable(roots: Sequence[Node]) -> list[Node]:
    """The graph that is run: without composites, and simplified."""
    bodies = inlined(roots)
    new = simplify(bodies)
    return [new[body] for body in bodies]


def lowered(roots: Sequence[Node]) -> Lowered:
    """The program that computes nodes, laid open as `jit(f).lower` does it for a function."""
    return Lowered(program(runnable(roots))[0])
