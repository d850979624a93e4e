"""What makes two graphs the same to the code generator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm.target import Target
from wingbeat.ir.node import Primitive

PACKAGE = "wingbeat"
SOURCES = ("ir", "ops", "backend")  # what decides which code is made


def graph_key(graph: Graph, donated: Iterable[int], target: Target) -> str | None:
    """A name for the native code of a graph; None where it cannot be told what the code would be.

    Code depends on the rules of primitives. Those that Wingbeat ships are known by their source;
    what a rule that was written elsewhere says is not known, so it is not kept on disk.
    """
    ops = dict.fromkeys(node.op for node in graph.nodes if node.op)
    if not all(map(_is_shipped, ops)) or (maker := fingerprint()) is None:
        return None
    content = hashlib.sha256(maker.encode())
    content.update(repr((target, graph.outputs, tuple(donated))).encode())
    for node, xs in zip(graph.nodes, graph.operands, strict=True):
        what = (node.op.name, node.attrs) if node.op else ()  # a leaf's name is no structure
        content.update(repr((what, str(node.type), xs)).encode())
    return content.hexdigest()


@cache
def _is_shipped(op: Primitive) -> bool:
    """Whether `element` and the functions that it encloses are Wingbeat's own."""
    todo: list[Any] = [op.element, *(vars(op.sweep).values() if op.sweep else ())]
    seen: set[Any] = set()
    while todo:
        function = todo.pop()
        if not isinstance(function, FunctionType) or function in seen:
            continue
        if function.__module__.partition(".")[0] != PACKAGE:
            return False
        seen.add(function)
        todo += [cell.cell_contents for cell in function.__closure__ or ()]
    return True


@cache
def fingerprint() -> str | None:
    """A name for the code generator; None where its source cannot be found.

    A source file of another size, or changed at another time, is another one, as Python has it for
    its compiled modules. Reading them all would take as long as loading a program.
    """
    content = hashlib.sha256(llvmlite.__version__.encode())
    home = Path(__file__).parents[2]
    files = sorted(file for folder in SOURCES for file in (home / folder).rglob("*.py"))
    try:
        for file in files:
            status = file.stat()
            # Packages may come with times of change that say nothing: st_ctime is this machine's.
            times = status.st_mtime_ns, status.st_ctime_ns
            what = (file.relative_to(home).as_posix(), status.st_size, *times)
            content.update(repr(what).encode())
    except OSError:
        return None
    return content.hexdigest() if files else None
