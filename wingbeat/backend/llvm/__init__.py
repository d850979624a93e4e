"""Native code for this processor, made by LLVM: `compile(graph)` gives a function that runs it."""

from __future__ import annotations

from collections.abc import Collection

from wingbeat.backend.base import Graph, Run


def compile(graph: Graph, donated: Collection[int] = ()) -> Run:
    """One native function for the whole graph.

    `donated` are positions of inputs whose memory the function may overwrite; an output may then
    be such an input's own array. Raises `NotCompiled` where no code can be made.
    """
    from wingbeat.backend.llvm import driver  # importing LLVM takes as long as compiling

    return driver.compile(graph, donated)


def forget() -> None:
    """Give back the memory that is kept between runs."""
    from wingbeat.backend.llvm import driver

    driver.forget_arenas()
