"""Memory with a page on each side that nobody may touch.

Run as a program with the name of a sample, it runs native code on such memory, at either edge; code
that reads or writes beside an array ends it.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self
from unittest import mock

import numpy as np
import pytest

from tests.backend.llvm import by_hand
from tests.backend.llvm.agreement import compiled, interpreted, with_derivatives
from tests.backend.llvm.random_graphs import Graph
from tests.ops.cases import CASES, in_dtype
from wingbeat.backend.llvm import driver, lowering
from wingbeat.backend.llvm.steps import Call, Emitted
from wingbeat.ir import PRIMITIVES, Node, leaf, tensor_type

PAGE = mmap.PAGESIZE
Array = Any
Sample = tuple[Sequence[Node], Mapping[Node, Array]]  # roots, and arrays for the leaves


class Guarded:
    """`copy(array)` is a copy that ends, or begins, at the edge of what may be touched."""

    def __init__(self, at_end: bool) -> None:
        if not hasattr(mmap, "MAP_PRIVATE"):
            pytest.skip("needs mprotect, which this system does not have")
        self._at_end, self._maps = at_end, list[tuple[mmap.mmap, int, int]]()
        self._protect = ctypes.CDLL(None, use_errno=True).mprotect
        self._protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Makes the pages touchable again, for who gets them next; arrays may still be alive."""
        for _, address, size in self._maps:
            self._set(address, PAGE, True)
            self._set(address + size - PAGE, PAGE, True)

    def copy(self, array: Any) -> Any:
        """An equal contiguous array."""
        inside = self.empty(array.shape, array.dtype)
        inside[...] = array
        return inside

    def empty(self, shape: Any, dtype: Any) -> Any:
        """A contiguous array with anything in it."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        pages = -(-size // PAGE) + 2
        memory = mmap.mmap(-1, pages * PAGE)
        whole = np.frombuffer(memory, np.uint8)
        address = whole.ctypes.data
        self._maps.append((memory, address, pages * PAGE))
        start = len(whole) - PAGE - size if self._at_end else PAGE
        self._set(address, PAGE, False)
        self._set(address + len(whole) - PAGE, PAGE, False)
        return whole[start : start + size].view(dtype).reshape(shape)

    def _set(self, address: int, size: int, touchable: bool) -> None:
        rights = mmap.PROT_READ | mmap.PROT_WRITE if touchable else 0
        if self._protect(address, size, rights):
            raise OSError(ctypes.get_errno(), "mprotect failed")


class Numpy:
    """NumPy, whose new arrays are guarded."""

    def __init__(self, memory: Guarded) -> None:
        self.empty = memory.empty

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def run(sample: Sample, at_end: bool) -> None:
    """Natively, with all arrays at one edge; and whether the numbers are right."""
    roots, feed = sample
    want = interpreted(roots, feed)
    with Guarded(at_end) as memory, mock.patch.object(driver, "np", Numpy(memory)):
        leaves, native = compiled(roots)
        got = native([memory.copy(feed[n]) for n in leaves])
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=0.05, atol=0.02)  # elsewhere, more is asked


def primitives() -> Iterator[Sample]:
    for k, case in enumerate(CASES):
        case = in_dtype(case, ("float32", "float64", "float16")[k % 3])
        leaves = case.leaves()
        yield [case.apply(*leaves)], dict(zip(leaves, case.draw(), strict=True))


def networks() -> Iterator[Sample]:
    """Products, kernels with rows, windows, and the gradients of all; at sizes that are odd."""
    rng, f = np.random.default_rng(0), PRIMITIVES
    for dtype in ("float32", "float64"):
        shapes = [(33, 17), (17, 19), (19, 5), (3, 3, 9, 11), (5, 3, 3, 3)]
        x, v, w, picture, kernel = (
            leaf(tensor_type(s, dtype), "x", k) for k, s in enumerate(shapes)
        )
        labels = {"lhs": (0, 1), "rhs": (1, 2), "out": (0, 2)}
        hidden = f["layer_norm"](f["contract"](x, v, **labels), axes=(1,), eps=1e-5)
        z = f["log_softmax"](f["contract"](f["gelu"](hidden), w, **labels), axis=1)
        plain = {"low": (1, 0), "high": (1, 2), "stride": (1, 2), "dilation": (1, 1)}
        seen = f["conv"](picture, kernel, groups=1, layout="NCHW", **plain)
        pooled = f["max_pool"](f["relu"](seen), sizes=(2, 2), layout="NCHW", **plain)
        feed = {n: rng.normal(size=n.shape).astype(dtype) for n in (x, v, w, picture, kernel)}
        for root, moving in ((z, (x, v, w)), (pooled, (picture, kernel))):
            roots, directions = with_derivatives(root, moving)
            yield roots, feed | directions


def random() -> Iterator[Sample]:
    for seed in range(40):
        graph = Graph(seed)
        yield graph.roots, graph.feed


def overrun() -> Iterator[Sample]:
    """A step that takes one element more than there are."""
    made = by_hand.emit

    def emit(*args: Any) -> Emitted:
        (call,) = made(*args).calls
        return Emitted((Call(call.function, call.units + 1, call.work),))

    with by_hand.steps(), mock.patch.object(lowering.kernel, "emit", emit):
        x = leaf(tensor_type((3,), "float64"), "x", 0)
        yield [x + x], {x: np.ones(3)}


if __name__ == "__main__":
    for sample in {f.__name__: f for f in (primitives, networks, random, overrun)}[sys.argv[1]]():
        for edge in (True, False):
            run(sample, edge)
