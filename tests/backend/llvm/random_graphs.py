"""Random programs: operations of all kinds, in all dtypes, over one another.

`Graph(seed)` is the same for the same seed. Its values stay of moderate size, and no answer hangs
on a rounding error, so that what two backends make of it can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.backend.llvm.agreement import Estimates, Undecided
from tests.ops.cases import FLOATS, INTEGERS, Array
from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.ir import PRIMITIVES, Node, leaf, tensor_type
from wingbeat.transform import inlined

EXTENTS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33)
LARGE = {2: 1e3, 4: 1e10, 8: 1e10}  # numbers stay below; by the bytes of their dtype
MOST = 4000  # elements of a node of an ordinary graph
UNARY = (
    *("neg", "abs", "sign", "floor", "ceil", "trunc", "round", "relu", "square"),
    *("exp", "expm1", "exp2", "log", "log1p", "sqrt", "sin", "cos", "tanh", "atan", "sigmoid"),
    *("erf", "erfc", "asinh", "sinh", "softplus", "gelu", "silu", "elu", "invert", "logical_not"),
    *("isnan", "isinf", "isfinite", "signbit", "stop_gradient"),
)
BINARY = (
    *("add", "sub", "mul", "div", "maximum", "minimum", "scaled", "mutual", "copysign", "hypot"),
    *("atan2", "logaddexp", "floor_divide", "remainder", "pow", "nextafter"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("left_shift", "right_shift"),
)
REDUCTIONS = ("sum", "max", "min", "mean", "var", "logsumexp", "norm", "any", "all", "prod")
ALONG = ("softmax", "log_softmax", "cumsum", "argmax", "argmin")


class Graph:
    """Nodes, arrays for the leaves, and roots that are worth computing."""

    def __init__(
        self, seed: int, most: int = MOST, steps: Sequence[Callable[..., Node]] = ()
    ) -> None:
        self._steps = steps or STEPS
        self._rng = np.random.default_rng(seed)
        self._most = most
        self.feed: dict[Node, Array] = {}
        self._estimates = Estimates(self.feed)
        self.nodes: list[Node] = []
        # Few dtypes, so that operands for a second one are found.
        self._dtypes = [*self._some((*FLOATS, "float32", "float64"), 2), *self._some(INTEGERS, 2)]
        self._dtypes += ["bool", "float32"]
        for _ in range(int(self._rng.integers(2, 6))):
            self._leaf(self._shape(), self._one(self._dtypes))
        wanted, tries = len(self.nodes) + int(self._rng.integers(3, 36)), 0
        while len(self.nodes) < wanted and tries < 400:
            tries += 1
            self._step()
        self.roots = self._roots()

    # --- drawing ------------------------------------------------------------------------------

    def _one(self, xs: Sequence[Any]) -> Any:
        return xs[int(self._rng.integers(len(xs)))]

    def _some(self, xs: Sequence[Any], count: int) -> list[Any]:
        return [self._one(xs) for _ in range(count)]

    def _chance(self, p: float) -> bool:
        return bool(self._rng.random() < p)

    def _shape(self) -> tuple[int, ...]:
        while True:
            shape = tuple(self._some(EXTENTS, int(self._rng.integers(0, 5))))
            if self._chance(0.02) and shape:
                shape = (*shape[:-1], 0)
            if self._most > MOST:
                shape = (*shape[:2], int(self._rng.integers(self._most // 20, self._most // 2)))
                shape = shape[:: self._one((1, -1))]
            if np.prod(shape) <= self._most:
                return shape

    def _leaf(self, shape: tuple[int, ...], dtype: str, high: int | None = None) -> Node:
        """A leaf with numbers of moderate size; with `high`, with integers below it."""
        node = leaf(tensor_type(shape, dtype), "x", len(self.feed))
        if high is not None:
            values: Any = self._rng.integers(0, high, size=shape)
        elif dtype in FLOATS:
            values = self._rng.normal(size=shape) * self._one((0.5, 1.0, 3.0))
            if self._chance(0.2):
                values = np.round(values)  # equal ones, zeros of both signs
        else:
            low = 0 if dtype == "bool" or dtype[0] == "u" else -9
            values = self._rng.integers(low, 2 if dtype == "bool" else 10, size=shape)
        self.feed[node] = np.asarray(values).astype(dtype)
        self.nodes.append(node)
        self._estimates.put(node, self.feed[node])
        return node

    def _pick(self, *, rank: int = 0) -> Node:
        """A node, rather one of the last."""
        found = [n for n in self.nodes if len(n.shape) >= rank]
        if not found:
            return self._leaf(tuple(self._some((2, 3, 5), rank)), "float32")
        return found[-1 - min(int(self._rng.geometric(0.15)) - 1, len(found) - 1)]

    def _like(self, x: Node) -> Node:
        """Another node of this type: one that is there, one that is made to fit, or a leaf."""
        same = [n for n in self.nodes if n.type is x.type]
        if same and self._chance(0.5):
            return self._one(same)
        fits = [n for n in self.nodes if n.type.dtype == x.type.dtype and _fits(n.shape, x.shape)]
        if fits and self._chance(0.8):
            return _expanded(self._one(fits), x.shape)
        return self._leaf(x.shape, x.type.dtype.name)

    # --- steps --------------------------------------------------------------------------------

    def _step(self) -> None:
        """One more node, if what is drawn can be built."""
        make: Callable[[], Node] = self._one(self._steps).__get__(self)
        try:
            (z,) = inlined([make()])
            if z.type.size > self._most or not _moderate(self._estimates.of(z)[0]):
                return
        except (OutOfRange, TypeMismatch, Undecided):
            return
        self.nodes.append(z)

    def _roots(self) -> list[Node]:
        """What nobody reads, and a few others."""
        read = {x for n in self.nodes for x in n.inputs}
        roots = [n for n in self.nodes if n not in read and n.op is not None]
        roots += self._some([n for n in self.nodes if n.op] or self.nodes, 2)
        return roots

    def unary(self) -> Node:
        return PRIMITIVES[self._one(UNARY)](self._pick())

    def binary(self) -> Node:
        x = self._pick()
        pair = (x, self._like(x))
        return PRIMITIVES[self._one(BINARY)](*pair[:: self._one((1, -1))])

    def choice(self) -> Node:
        x = self._pick()
        bools = [n for n in self.nodes if n.type.dtype == bool and _fits(n.shape, x.shape)]
        c = _expanded(self._one(bools), x.shape) if bools else self._leaf(x.shape, "bool")
        return PRIMITIVES["where"](c, x, self._like(x))

    def cast(self) -> Node:
        x, dtype = self._pick(), np.dtype(self._one(self._dtypes))
        if x.type.dtype.kind == "f" and dtype.kind in "iu":
            value, limits = self._estimates.of(x)[0].astype(np.float64), np.iinfo(dtype)
            if not ((value > limits.min - 1) & (value < limits.max)).all():
                raise Undecided("what does not fit may become anything")
        return PRIMITIVES["cast"](x, dtype=dtype.name)

    def broadcast(self) -> Node:
        x = self._pick()
        count = int(self._rng.integers(1, 3))
        rank = len(x.shape) + count
        axes = tuple(sorted(int(a) for a in self._rng.permutation(rank)[:count]))
        return PRIMITIVES["broadcast"](x, axes=axes, sizes=tuple(self._some((1, 2, 3, 5), count)))

    def reshape(self) -> Node:
        x = self._pick()
        rest, shape = x.type.size, list[int]()
        while rest > 1 and len(shape) < 4:
            divisors = [d for d in range(1, rest + 1) if rest % d == 0]
            shape.append(self._one(divisors))
            rest //= shape[-1]
        return PRIMITIVES["reshape"](x, shape=(*shape, rest) if x.type.size else x.shape[::-1])

    def transpose(self) -> Node:
        x = self._pick(rank=2)
        perm = tuple(int(k) for k in self._rng.permutation(len(x.shape)))
        return PRIMITIVES["transpose"](x, perm=perm)

    def slice(self) -> Node:
        x = self._pick(rank=1)
        start = tuple(int(self._rng.integers(0, max(n, 1))) for n in x.shape)
        stop = tuple(int(self._rng.integers(a, n + 1)) for a, n in zip(start, x.shape, strict=True))
        if not self._chance(0.1):
            stop = tuple(
                min(max(b, a + 1), n) for a, b, n in zip(start, stop, x.shape, strict=True)
            )
        step = tuple(self._some((1, 1, 2, 3), len(x.shape)))
        return PRIMITIVES["slice"](x, start=start, stop=stop, step=step)

    def pad(self) -> Node:
        x = self._pick(rank=1)
        before, after, between = (tuple(self._some((0, 0, 1, 2), len(x.shape))) for _ in range(3))
        return PRIMITIVES["pad"](x, before=before, after=after, between=between)

    def flip(self) -> Node:
        x = self._pick(rank=1)
        return PRIMITIVES["flip"](x, axes=self._axes(x))

    def _axes(self, x: Node) -> tuple[int, ...]:
        rank = len(x.shape)
        count = int(self._rng.integers(1, rank + 1)) if rank else 0
        return tuple(sorted(int(a) for a in self._rng.permutation(rank)[:count]))

    def concatenate(self) -> Node:
        x = self._pick(rank=1)
        axis = int(self._rng.integers(len(x.shape)))
        others = [self._like(x) for _ in range(int(self._rng.integers(1, 3)))]
        return PRIMITIVES["concatenate"](x, *others, axis=axis)

    def reduction(self) -> Node:
        x = self._pick(rank=1)
        more = {"correction": 0.0} if (name := self._one(REDUCTIONS)) == "var" else {}
        return PRIMITIVES[name](x, axes=self._axes(x), **more)

    def along(self) -> Node:
        x = self._pick(rank=1)
        return PRIMITIVES[self._one(ALONG)](x, axis=int(self._rng.integers(len(x.shape))))

    def order(self) -> Node:
        x = self._pick(rank=1)
        axis = int(self._rng.integers(len(x.shape)))
        return PRIMITIVES[self._one(("sort", "argsort"))](x, axis=axis)

    def gather(self) -> Node:
        x = self._pick(rank=1)
        batch = int(self._rng.integers(len(x.shape)))
        shape = (*x.shape[:batch], self._one(EXTENTS))
        i = self._leaf(shape, self._one(("int64", "int32", "uint8")), max(x.shape[batch], 1))
        return PRIMITIVES["gather"](x, i, batch=batch)

    def scatter_add(self) -> Node:
        x = self._pick(rank=1)
        batch = int(self._rng.integers(len(x.shape)))
        size = self._one(EXTENTS)
        i = self._leaf(x.shape[: batch + 1], self._one(("int64", "int32")), size)
        return PRIMITIVES["scatter_add"](x, i, batch=batch, size=size)

    def contract(self) -> Node:
        """Axes are shared with a leaf, or not, and kept, or not."""
        x = self._pick(rank=1)
        axes = list(range(len(x.shape)))
        shared = [a for a in axes if self._chance(0.6)]
        new = [len(axes) + k for k in range(int(self._rng.integers(0, 3)))]
        sizes = {**dict(zip(axes, x.shape, strict=True)), **{a: self._one(EXTENTS) for a in new}}
        rhs = [int(a) for a in self._rng.permutation([*shared, *new])]
        out = [a for a in axes if a not in shared or self._chance(0.4)] + new
        out = [int(a) for a in self._rng.permutation(out)]
        y = self._leaf(tuple(sizes[a] for a in rhs), x.type.dtype.name)
        labels: dict[str, Any] = {"lhs": tuple(axes), "rhs": tuple(rhs), "out": tuple(out)}
        return PRIMITIVES["contract"](x, y, **labels)

    def windows(self) -> Node:
        x = self._pick(rank=1)
        axes = self._axes(x)
        sizes, stride, dilation = (tuple(self._some((1, 2, 3), len(axes))) for _ in range(3))
        more: dict[str, Any] = {"axes": axes, "stride": stride, "dilation": dilation}
        z = PRIMITIVES["windows"](x, sizes=sizes, **more)
        if self._chance(0.5) or x.type.dtype.kind != "f":
            return z
        return PRIMITIVES["fold"](z, extents=tuple(x.shape[a] for a in axes), **more)

    def conv(self) -> Node:
        n = self._one((1, 2))  # spatial axes
        kernel = tuple(self._some((1, 2, 3), n))
        size = (self._one((1, 2)), self._one((1, 3, 4)), *self._some((4, 7, 9), n))
        found = [m for m in self.nodes if len(m.shape) == n + 2 and m.type.dtype.kind == "f"]
        x = self._one(found) if found else self._leaf(size, self._one(FLOATS))
        y = self._leaf((self._one((1, 2, 5)), x.shape[1], *kernel), x.type.dtype.name)
        low, high = (tuple(self._some((0, 1, 2), n)) for _ in range(2))
        stride, dilation = (tuple(self._some((1, 2), n)) for _ in range(2))
        more: dict[str, Any] = {"low": low, "high": high, "stride": stride, "dilation": dilation}
        layout = "NCW" if n == 1 else "NCHW"
        if self._chance(0.3):
            return PRIMITIVES["max_pool"](x, sizes=kernel, layout=layout, **more)
        return PRIMITIVES["conv"](x, y, groups=1, layout=layout, **more)

    def made(self) -> Node:
        """Out of nothing: numbers in a row, one number, random bits."""
        shape = self._shape()
        kind = self._one(("iota", "full", "random_bits"))
        if kind == "random_bits":
            key = self._leaf((2,), "uint32", 1 << 31)
            return PRIMITIVES["random_bits"](key, shape=shape, batch=0)
        dtype = self._one(self._dtypes)
        if kind == "full" or not shape:
            value: Any = {"f": 1.5, "b": True}.get(np.dtype(dtype).kind, 3)
            return PRIMITIVES["full"](shape=shape, dtype=dtype, value=value)
        return PRIMITIVES["iota"](
            shape=shape, dtype=dtype, axis=int(self._rng.integers(len(shape)))
        )


STEPS: tuple[Callable[..., Node], ...] = (
    *(Graph.unary,) * 8,
    *(Graph.binary,) * 12,
    *(Graph.reduction,) * 4,
    *(Graph.choice, Graph.cast, Graph.broadcast, Graph.reshape, Graph.transpose, Graph.slice) * 2,
    *(Graph.pad, Graph.flip, Graph.concatenate, Graph.along, Graph.gather, Graph.scatter_add),
    *(Graph.contract, Graph.windows, Graph.conv, Graph.made),
)
ORDERED = (*STEPS, *(Graph.order,) * 8)  # with many steps that NumPy computes


def _moderate(value: Array) -> bool:
    return value.dtype.kind != "f" or bool((np.abs(value) < LARGE[value.dtype.itemsize]).all())


def _fits(x: tuple[int, ...], z: tuple[int, ...]) -> bool:
    """Whether z's last axes are x's, or 1."""
    tail = z[len(z) - len(x) :]
    return len(x) <= len(z) and all(a in (1, b) for a, b in zip(x, tail, strict=True))


def _expanded(x: Node, shape: tuple[int, ...]) -> Node:
    """x, broadcast by NumPy's rules."""
    lead = len(shape) - len(x.shape)
    wider = [k for k, n in enumerate(x.shape) if n != shape[lead + k]]
    if wider:
        x = PRIMITIVES["reshape"](
            x, shape=tuple(n for k, n in enumerate(x.shape) if k not in wider)
        )
    axes = (*range(lead), *(lead + k for k in wider))
    return PRIMITIVES["broadcast"](x, axes=axes, sizes=tuple(shape[a] for a in axes)) if axes else x
