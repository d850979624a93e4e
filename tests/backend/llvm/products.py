"""Products written as sums over labels: run as native steps, and computed term by term."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import compiler, contraction, ir, runtime
from wingbeat.backend.llvm.contraction import Way
from wingbeat.backend.llvm.products import Factor, Product, Scale
from wingbeat.backend.llvm.target import X86, Target, host
from wingbeat.ir.node import leaf
from wingbeat.ir.types import tensor_type

# One processor for each width of vectors that this machine has, the oldest one of each.
_NARROW = X86.values() if platform.machine().lower() in ("x86_64", "amd64") else ()
TARGETS = [*{t.bits: t for t in reversed([*_NARROW]) if t.bits < host().bits}.values(), host()]


@dataclass(frozen=True)
class Sum:
    """z[out] = alpha * sum of x[lhs] * y[rhs] + beta * c[out].

    Arrays may be views of contiguous ones, which are the buffers. `alpha` and `beta` are numbers,
    or arrays without axes, which are buffers too.
    """

    lhs: str
    rhs: str
    out: str
    x: Any
    y: Any
    guard: int = 0
    alpha: Any = 1.0
    c: Any = None
    beta: Any = 1.0

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.x.dtype

    @property
    def sizes(self) -> dict[str, int]:
        labels, sizes = self.lhs + self.rhs, self.x.shape + self.y.shape
        return dict(zip(labels, sizes, strict=True))

    @property
    def inner(self) -> str:
        return "".join(k for k in self.lhs if k not in self.out)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.sizes[k] for k in self.out)

    def expected(self) -> Any:
        """Term by term, in the widest numbers there are."""
        wide = np.float64 if self.dtype.kind == "f" else self.dtype.type
        every = self.out + self.inner
        x, y = (
            _spread(a, labels, every).astype(wide)
            for a, labels in ((self.x, self.lhs), (self.y, self.rhs))
        )
        with np.errstate(all="ignore"):
            terms = x * y
            for bit, factor in ((1, x), (2, y)):
                if self.guard & bit:
                    terms = np.where(factor == 0, np.zeros((), wide), terms)
            axes = tuple(range(len(self.out), len(every)))
            z = np.broadcast_to(terms, [self.sizes[k] for k in every]).sum(axes, dtype=wide)
            z = z * wide(self.alpha) if not _is_one(self.alpha) else z
            if self.c is not None:
                z = z + self.c.astype(wide) * wide(self.beta)
            return np.asarray(z, self.dtype)


def _is_one(scale: Any) -> bool:
    return isinstance(scale, float) and scale == 1.0


def _spread(array: Any, labels: str, every: str) -> Any:
    """Axes in the order of `every`, with those of size 1 that are missing."""
    present = [k for k in every if k in labels]
    array = array.transpose([labels.index(k) for k in present])
    shape = [array.shape[present.index(k)] if k in present else 1 for k in every]
    return array.reshape(shape)


class Native:
    """A sum as the native step that `contraction` makes of it."""

    def __init__(self, sum_: Sum, target: Target | None = None, way: str | None = None) -> None:
        self.sum, self.target = sum_, target or host()
        self.product, graph, self.buffers = step(sum_)
        module = ir.Module("test")
        if way is None:
            self.emitted = contraction.emit(module, "step", graph, self.product, self.target)
        else:
            self.emitted = Way(module, "step", graph, self.product, self.target).emitted(way)
        names = [f.name for f in module.functions if f.is_declaration]
        imports = [name for name in names if not name.startswith("llvm.")]
        calls = [call.function for call in self.emitted.calls]
        code = compiler.assemble(str(module), self.target)
        addresses = runtime.addresses(imports, self.target)
        self._loaded = compiler.Loaded(code, calls, addresses)

    def __call__(
        self,
        z: Any = None,
        cut: Callable[[int], Sequence[tuple[int, int]]] = lambda units: [(0, units)],
        buffers: Sequence[Any] | None = None,
    ) -> Any:
        """The result; `cut` divides the units of a call."""
        z = self.empty() if z is None else z
        given = [*(self.buffers if buffers is None else buffers), z]
        size = self.sum.dtype.itemsize
        scratch = np.full(self.emitted.scratch + 64, 0xFF, np.uint8)
        status = ctypes.c_int32(0)
        pointers = [
            ctypes.addressof(status),
            *(given[p].ctypes.data + offset * size for p, offset in self.product.pointers),
            scratch.ctypes.data + -scratch.ctypes.data % 64,
        ]
        table = (ctypes.c_void_p * len(pointers))(*pointers)
        for call in self.emitted.calls:
            kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
            function = kind(self._loaded[call.function])
            for begin, end in cut(call.units):
                function(ctypes.addressof(table), begin, end)
        assert status.value == 0
        return z

    def empty(self) -> Any:
        """Room for a result, full of what no result is."""
        z = np.empty(self.sum.shape, self.sum.dtype)
        z.view(np.uint8 if z.ndim else z.dtype)[...] = 0x7F
        return z


def way(sum_: Sum, target: Target) -> Way:
    """What decides how the sum is computed."""
    product, graph, _ = step(sum_)
    return Way(ir.Module(), "step", graph, product, target)


def step(sum_: Sum) -> tuple[Product, Graph, list[Any]]:
    """The step, a graph with its buffers as leaves, and the buffers; z is the last node."""
    every, buffers = sum_.out + sum_.inner, list[Any]()

    def position(array: Any) -> int:
        for k, known in enumerate(buffers):
            if known is array:
                return k
        buffers.append(array)
        return len(buffers) - 1

    def factor(array: Any, labels: str) -> Factor:
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        assert base.flags.c_contiguous
        strides = dict(zip(labels, array.strides, strict=True))
        offset = (array.ctypes.data - base.ctypes.data) // base.itemsize
        moves = tuple(strides.get(k, 0) // base.itemsize for k in every)
        return Factor(position(base), offset, moves)

    def scale(value: Any) -> Scale:
        return Scale(value) if isinstance(value, float) else Scale(1.0, (position(value),))

    x, y = factor(sum_.x, sum_.lhs), factor(sum_.y, sum_.rhs)
    c = factor(sum_.c, sum_.out) if sum_.c is not None else None
    alpha, beta = scale(sum_.alpha), scale(sum_.beta)

    def kind(*inside: bool) -> tuple[int, ...]:
        groups = (sum_.lhs, sum_.rhs, sum_.out)
        return tuple(
            n for n, k in enumerate(every) if tuple(k in group for group in groups) == inside
        )

    sizes = tuple(sum_.sizes[k] for k in every)
    batch, rows = kind(True, True, True), kind(True, False, True)
    columns, inner = kind(False, True, True), kind(True, True, False)
    types = [tensor_type(a.shape, a.dtype) for a in buffers]
    nodes = tuple(leaf(t) for t in (*types, tensor_type(sum_.shape, sum_.dtype)))
    graph = Graph(nodes, tuple(range(len(buffers))), (len(buffers),), ((),) * len(nodes))
    product = Product(
        len(buffers), x, y, sizes, batch, rows, columns, inner, sum_.guard, alpha, c, beta
    )
    return product, graph, buffers


def matmul(
    m: int,
    n: int,
    k: int,
    dtype: Any,
    turned: str = "NN",
    numbers: Callable[..., Any] | None = None,
    **more: Any,
) -> Sum:
    """x @ y for x of m x k, y of k x n; "T" where the transpose of an operand is what is stored."""
    rng = np.random.default_rng(m + 10 * n + 100 * k)
    draw = numbers or (lambda shape: small(rng, shape, dtype))
    x = draw((k, m)).T if turned[0] == "T" else draw((m, k))
    y = draw((n, k)).T if turned[1] == "T" else draw((k, n))
    return Sum("ik", "kj", "ij", x, y, **more)


def small(rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> Any:
    """Small whole numbers: their sums of products are exact in every dtype, in any order."""
    low = 0 if np.dtype(dtype).kind == "u" else -3
    return np.asarray(rng.integers(low, 4, tuple(shape)), dtype)
