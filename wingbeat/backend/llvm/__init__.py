"""Native code for this processor, made by LLVM: `compile(graph)` gives a function that runs it."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection

from wingbeat.backend.base import Graph, NotCompiled, Run

# Who imports what makes code, compiles or loads holds this. A fork waits, so that in the child
# nothing is half done, and no lock is held by a thread that is not there.
exclusive = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=exclusive.acquire,
        after_in_parent=exclusive.release,
        after_in_child=exclusive.release,
    )


def compile(graph: Graph, donated: Collection[int] = ()) -> Run:
    """One native function for the whole graph.

    `donated` are positions of inputs whose memory the function may overwrite; an output may then
    be such an input's own array. Raises `NotCompiled` where no code can be made.
    """
    with exclusive:
        try:
            from wingbeat.backend.llvm import driver  # importing LLVM takes as long as compiling
        except ImportError as error:
            raise NotCompiled("this machine", f"{error}; pip install llvmlite") from error
        return driver.compile(graph, donated)


def forget() -> None:
    """Give back the memory that is kept between runs."""
    from wingbeat.backend.llvm import driver

    driver.forget_arenas()


def plan(graph: Graph, donated: Collection[int] = ()) -> str:
    """What is computed together, where values lie, what is called; raises `NotCompiled`."""
    from wingbeat.backend.llvm import describe, lowering, target

    return describe.plan(graph, lowering.lower(graph, target.current(), donated))


def llvm_ir(graph: Graph, donated: Collection[int] = ()) -> str:
    """The native code of a graph as LLVM's assembly language; raises `NotCompiled`."""
    from wingbeat.backend.llvm import lowering, target

    return lowering.lower(graph, target.current(), donated).text
