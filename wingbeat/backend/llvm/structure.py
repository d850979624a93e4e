"""What makes two graphs the same to the code generator."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
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
    folders = [str(home / folder) for folder in SOURCES if (home / folder).is_dir()]
    found = False
    try:
        for file in (file for folder in folders for file in _sources(folder)):
            status, found = file.stat(), True
            # Packages may come with times of change that say nothing: st_ctime is this machine's.
            times = status.st_mtime_ns, status.st_ctime_ns
            content.update(repr((file.path, status.st_size, *times)).encode())
    except OSError:
        return None
    return content.hexdigest() if found else None


def _sources(folder: str) -> Iterator[os.DirEntry[str]]:
    """Python's files in a folder and below, always in the same order."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir():
                yield from _sources(entry.path)
            elif entry.name.endswith(".py"):
                yield entry
