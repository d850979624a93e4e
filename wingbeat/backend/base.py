"""Programs: graphs made ready to run, cached by structure.

Two graphs of the same operations, types and wiring are one program, whatever their call sites and
whatever data stands behind their leaves; the second of them plans nothing.

With the backend "llvm" a program begins on the interpreter, and becomes native code once that has
taken about as long as compiling will; at once where that is asked for (see `Adaptive`).
"""

from __future__ import annotations

import importlib
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from wingbeat.backend import cost
from wingbeat.errors import BadInput, Interpreted, InvalidGraph, NotSupported
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort

if TYPE_CHECKING:
    from wingbeat.backend.roofline import Cost

K = TypeVar("K")
V = TypeVar("V")
Array = Any
Run = Callable[[Sequence[Array]], list[Array]]
Attempt = Callable[[Sequence[Array]], list[Array] | None]
BACKENDS = ("llvm", "numpy", "reference")
DEFAULT = "llvm"  # where WINGBEAT_BACKEND does not name one
CAPACITY = 4096  # programs kept; the oldest goes first


class StepFailed(Exception):
    """A step of a program raised; `step` is its position among the program's nodes."""

    def __init__(self, step: int, cause: Exception) -> None:
        super().__init__(str(cause))
        self.step = step
        self.cause = cause


class NotCompiled(Exception):
    """A backend has no code for a graph; `operation` names the node that it failed at."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"{operation}: {reason}")
        self.operation = operation
        self.reason = reason


@dataclass(frozen=True)
class Graph:
    """What a backend sees: nodes in order of execution, and which are inputs and results."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operands: tuple[tuple[int, ...], ...]  # positions of each node's inputs

    def last_use(self) -> list[int]:
        """The position of the last reader of each node; its own position where nobody reads it."""
        last = list(range(len(self.nodes)))
        for k, xs in enumerate(self.operands):
            for x in xs:
                last[x] = k
        return last


class Backend(Protocol):
    """Turns a graph into something that runs: `compile` is called once per structure."""

    def compile(self, graph: Graph) -> Run: ...


@dataclass(frozen=True)
class Memory:
    """Bytes that a program works with."""

    inputs: int
    outputs: int  # that are new arrays
    arena: int  # taken for what lies between them
    live: int  # of the arena, what is needed at once, at the worst moment

    @property
    def peak(self) -> int:
        return self.inputs + self.outputs + self.arena

    def __str__(self) -> str:
        return (
            f"{self.peak:,} bytes: {self.inputs:,} of inputs, {self.outputs:,} of outputs, "
            f"{self.arena:,} between ({self.live:,} in use at once)"
        )


@dataclass(frozen=True)
class Program:
    """A graph and the function that runs it."""

    graph: Graph
    run: Run
    donated: tuple[int, ...] = ()  # positions of inputs whose memory a run may overwrite

    @property
    def memory(self) -> Memory:
        """What the native form of the program works with; of others, an estimate."""
        known = getattr(self.run, "memory", None)
        return Memory(**cost.memory(self.graph)) if known is None else known

    @property
    def attempt(self) -> Attempt | None:
        """What runs if the arrays are as they should be, and answers None if not; native only."""
        return getattr(self.run, "attempt", None)

    @property
    def cost(self) -> Cost:
        """Operations, bytes and the least time of one run."""
        from wingbeat.backend.roofline import cost_of  # which few programs are asked for

        return cost_of(self.graph)


class Cache(Generic[K, V]):
    """A bounded table, safe for several threads; the oldest entry makes room for a new one."""

    def __init__(self, capacity: int) -> None:
        self._items: dict[K, V] = {}
        self._lock = threading.Lock()
        self._capacity = capacity

    def get(self, key: K) -> V | None:
        return self._items.get(key)  # one operation of a dict, which needs no lock

    def put(self, key: K, value: V) -> V:
        with self._lock:
            kept = self._items.setdefault(key, value)
            if len(self._items) > self._capacity:
                del self._items[next(iter(self._items))]
            return kept

    def drop(self, key: K) -> None:
        with self._lock:
            self._items.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._items.clear()

    def __len__(self) -> int:
        return len(self._items)


_programs: Cache[Any, Program] = Cache(CAPACITY)
_backends: dict[str, Backend] = {}


class _Asked(threading.local):
    natively: bool = False


_asked = _Asked()


@contextmanager
def natively() -> Generator[None]:
    """Programs that this thread runs meanwhile are native from the first run on, where they can be.

    So the same program gives the same bits, whatever ran before it.
    """
    before, _asked.natively = _asked.natively, True
    try:
        yield
    finally:
        _asked.natively = before


def chosen() -> str:
    """The name of the backend in use: `WINGBEAT_BACKEND`, else the default."""
    name = os.environ.get("WINGBEAT_BACKEND", DEFAULT)
    if name not in BACKENDS:
        raise BadInput(f"WINGBEAT_BACKEND={name!r} is unknown; use one of {', '.join(BACKENDS)}")
    return name


def load(name: str) -> Backend:
    """The backend module of this name."""
    if name not in _backends:
        module: Any = importlib.import_module(f"wingbeat.backend.{name}")
        _backends[name] = module
    return _backends[name]


def program(
    roots: Sequence[Node],
    backend: str = "",
    *,
    eager: bool = False,
    donated: Collection[Node] = (),
) -> tuple[Program, list[Node]]:
    """A program that computes `roots`, and its nodes in order; leaves are its inputs.

    The graph must be free of composites. The nodes returned are those of `roots`' own graph, in the
    same order as the program's, which may have been made from another graph of the same structure.

    `backend`, or `WINGBEAT_BACKEND`, forces one: "llvm" is then native from the first run on, as it
    is with `eager`. `donated` are leaves whose arrays nobody needs after a run: native code may
    write into them, and return them as results. Such an array may not share memory with anything
    that is still needed.
    """
    name = backend or chosen()
    order = toposort(roots)
    key, graph = _canonical(order, roots)
    given = tuple(k for k in graph.inputs if order[k] in donated) if name == "llvm" else ()
    forced = bool(backend) or eager or "WINGBEAT_BACKEND" in os.environ
    kind = "adaptive" if name == "llvm" and not forced and not given else name
    if (known := _programs.get((kind, given, key))) is not None:
        return known, order
    if kind == "adaptive":
        run: Run = Adaptive(graph, key)
    elif kind == "llvm":
        run = _native(graph, given)
    else:
        run = load(kind).compile(graph)
    return _programs.put((kind, given, key), Program(graph, run, given)), order


class Adaptive:
    """Runs a graph on the interpreter while compiling it would not pay, then natively.

    It becomes native when the interpreter has worked about as long, by estimate, as the compiler
    would have to: so whatever comes, the time spent is at most twice the least possible. Estimates
    depend on the graph alone, not on clocks: a script gives the same bits whenever it is run.
    """

    def __init__(self, graph: Graph, key: Any) -> None:
        self._graph, self._key = graph, key
        self._interpreted: Run | None = None
        self._native: Run | None = None
        self._left = cost.compiling(graph)
        self._once = cost.interpreting(graph)

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        if self._native is not None:
            return self._native(arrays)
        if self._left > 0 and not _asked.natively:
            self._left -= self._once
            return self._interpreter()(arrays)
        self._native = self._compiled()
        return self._native(arrays)

    def _interpreter(self) -> Run:
        if self._interpreted is None:
            self._interpreted = load("numpy").compile(self._graph)
        return self._interpreted

    def _compiled(self) -> Run:
        """The native form, which may have been made before; where nobody asked for it, quietly."""
        where = ("llvm", (), self._key)
        if (known := _programs.get(where)) is not None:
            return known.run
        if _asked.natively:
            return _programs.put(where, Program(self._graph, _native(self._graph, ()))).run
        try:
            run = load("llvm").compile(self._graph)
        except NotCompiled:
            return self._interpreter()
        return _programs.put(where, Program(self._graph, run)).run

    @property
    def memory(self) -> Memory | None:
        """What the native form works with, once it is there."""
        return getattr(self._native, "memory", None)


_warned: set[str] = set()
_PACKAGE = str(Path(__file__).parents[1]) + os.sep


def _native(graph: Graph, given: tuple[int, ...]) -> Run:
    """The native form of a graph; where there is none, the interpreted one, and a warning.

    Where all that there is to do is NumPy's, there is nothing to warn of.
    """
    if not cost.interpreting(graph):
        return load("numpy").compile(graph)
    backend: Any = load("llvm")
    try:
        return backend.compile(graph, given)
    except NotCompiled as error:
        if error.operation not in _warned:
            _warned.add(error.operation)
            warnings.warn(
                f"{error.operation} has no native code ({error.reason}); programs with it run on "
                "the NumPy interpreter, which gives the same results, but not as fast",
                Interpreted,
                stacklevel=_users_level(),
            )
        return load("numpy").compile(graph)


def _users_level() -> int:
    """How far above its caller the nearest one outside this package is, as `warn` counts."""
    level, frame = 1, inspect.currentframe()
    while (frame := frame and frame.f_back) and frame.f_code.co_filename.startswith(_PACKAGE):
        level += 1
    return level


def _canonical(order: list[Node], roots: Sequence[Node]) -> tuple[Any, Graph]:
    position = {node: k for k, node in enumerate(order)}
    operands = tuple(tuple(position[x] for x in node.inputs) for node in order)
    outputs = tuple(position[r] for r in roots)
    structure: list[Any] = [outputs]
    for node, xs in zip(order, operands, strict=True):
        if node.op is None:
            structure.append(node.type)
            continue
        if node.op.expand is not None:
            raise InvalidGraph(f"composite {node.op.name} reached a backend; inline it first")
        structure.append((node.op, node.attrs, xs))
    inputs = tuple(k for k, node in enumerate(order) if node.op is None)
    return tuple(structure), Graph(tuple(order), inputs, outputs, operands)


def described(program: Program, what: str) -> str:
    """The `plan` or the `llvm_ir` of a program as the chosen backend would make it.

    Raises `NotSupported` where it makes none.
    """
    backend = load(chosen())
    describe: Callable[[Graph, Collection[int]], str] | None = getattr(backend, what, None)
    if describe is None:
        raise NotSupported(
            f"{what}: the backend {chosen()!r} has none; set WINGBEAT_BACKEND=llvm to see it"
        )
    return describe(program.graph, program.donated)


def clear_programs() -> None:
    """Forget every program, and the memory that is kept for them."""
    _programs.clear()
    for backend in _backends.values():
        getattr(backend, "forget", lambda: None)()


def get_num_threads() -> int:
    """The number of threads that native code uses for one program.

    >>> import wingbeat as wb
    >>> wb.set_num_threads(1)
    >>> wb.get_num_threads()
    1
    """
    from wingbeat.backend.llvm import threads

    return threads.get_num_threads()


def set_num_threads(number: int) -> None:
    """Use that many threads in native code. Results do not depend on it.

    `WINGBEAT_NUM_THREADS` says it from outside; by default, one for each core that may be used.

    Raises:
        BadInput: `number` is not an integer between 1 and 1024.

    >>> import wingbeat as wb
    >>> wb.set_num_threads(2)
    >>> wb.get_num_threads()
    2
    """
    from wingbeat.backend.llvm import threads

    threads.set_num_threads(number)
