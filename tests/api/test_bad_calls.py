"""Calls that make no sense: each ends in one of our errors, which opens with the operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wingbeat
from wingbeat.errors import TypeMismatch, WingbeatError

wb: Any = wingbeat  # the calls are wrong on purpose; no type checker needs to say so

V, M, T3 = wb.asarray([1.0, 2.0, 3.0]), wb.ones((2, 3)), wb.ones((2, 3, 4))
WHOLE, B, S = wb.asarray([1, 2, 3]), wb.asarray([True, False, True]), wb.asarray(2.0)
KEY = wb.random.key(0)

Call = Callable[[], Any]
Case = tuple[str, str, Call]  # a word that the message must hold, a description, the call

UNARY = (
    "exp exp2 expm1 log log1p log2 log10 sqrt sin cos tan asin acos atan sinh cosh tanh asinh "
    "acosh atanh erf erfc sigmoid gelu silu softplus elu relu abs negative sign square floor ceil "
    "trunc round isnan isinf isfinite signbit positive reciprocal bitwise_invert logical_not"
)
BINARY = (
    "add subtract multiply divide floor_divide remainder pow maximum minimum atan2 hypot logaddexp "
    "copysign nextafter equal not_equal less less_equal greater greater_equal"
)
BITS = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift"
LOGIC = "logical_and logical_or logical_xor"
REDUCTIONS = "sum prod mean var std max min all any norm logsumexp argmax argmin count_nonzero"
ALONG = "softmax log_softmax cumulative_sum cumulative_prod"
# Where an operation is known by a shorter name inside.
ALIASES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "negative": "neg",
    "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "reciprocal": "div",
    "count_nonzero": "sum",
    "std": "var",
    "cumulative_sum": "cumsum",
}


def _elementwise() -> Iterator[Case]:
    for name in UNARY.split():
        f = getattr(wb, name)
        yield "asarray", f"{name} of text", lambda f=f: f("abc")
        yield "asarray", f"{name} of None", lambda f=f: f(None)
    for name in ("neg", "sign", "relu", "square"):
        f = getattr(wb, {"neg": "negative"}.get(name, name))
        yield name if name != "square" else "mul", f"{name} of booleans", lambda f=f: f(B).numpy()
    for name in ["logical_not", "bitwise_invert"]:
        f = getattr(wb, name)
        yield ALIASES.get(name, name), f"{name} of floats", lambda f=f: f(V)
    for name in f"{BINARY} {BITS} {LOGIC}".split():
        f, known = getattr(wb, name), ALIASES.get(name, name)
        bits = name in BITS
        flags = name in LOGIC
        x, y = (WHOLE, wb.asarray([1, 2])) if bits else (B, B[:2]) if flags else (V, wb.ones(2))
        yield known, f"{name} of shapes", lambda f=f, x=x, y=y: f(x, y)
        yield "asarray", f"{name} of None", lambda f=f, x=x: f(x, None)
        yield "asarray", f"{name} of ragged lists", lambda f=f, x=x: f(x, [[1], [2, 3]])
        yield "asarray", f"{name} of complex", lambda f=f, x=x: f(np.array([1j]), x)
    for name in f"{BITS}".split():
        f, known = getattr(wb, name), ALIASES.get(name, name)
        yield known, f"{name} of floats", lambda f=f: f(V, V)
    for name in f"{LOGIC}".split():
        f = getattr(wb, name)
        yield name, f"{name} of integers", lambda f=f: f(WHOLE, WHOLE)
    yield "sub", "booleans subtracted", lambda: B - B
    yield "where", "where of shapes", lambda: wb.where(B, wb.ones(2), wb.ones(2))
    yield "where", "where of branches", lambda: wb.where(True, wb.ones(2), wb.ones(3))
    yield "asarray", "where of text", lambda: wb.where(B, "a", 1.0)
    yield "maximum", "clip of shapes", lambda: wb.clip(V, wb.ones(2))
    yield "minimum", "clip of shapes above", lambda: V.clip(max=wb.ones(2))
    yield "dtype", "astype to text", lambda: V.astype("str")
    yield "dtype", "astype to complex", lambda: wb.astype(V, "complex64")
    yield "pow", "integers to a negative power", lambda: (WHOLE**-1).numpy()


def _reductions() -> Iterator[Case]:
    for name in f"{REDUCTIONS}".split():
        f, known = getattr(wb, name), ALIASES.get(name, name)
        yield known, f"{name} along axis 5", lambda f=f: f(M, axis=5)
        yield known, f"{name} along axis -3", lambda f=f: f(M, axis=-3)
        yield known, f"{name} along half an axis", lambda f=f: f(M, axis=0.5)
        yield known, f"{name} along text", lambda f=f: f(M, axis="a")
        yield "asarray", f"{name} of text", lambda f=f: f("abc")
        if not name.startswith("arg"):
            yield known, f"{name} along an axis twice", lambda f=f: f(M, axis=(1, -1))
    for name in ALONG.split():
        f, known = getattr(wb, name), ALIASES.get(name, name)
        known = name if name in ("cumulative_sum", "cumulative_prod") else known
        yield known, f"{name} along axis 2", lambda f=f: f(M, axis=2)
        yield known, f"{name} along half an axis", lambda f=f: f(M, axis=0.5)
        yield "asarray", f"{name} of text", lambda f=f: f("abc")
    for name in ("max", "min", "argmax", "argmin"):
        f = getattr(wb, name)
        yield name, f"{name} of nothing", lambda f=f: f(wb.zeros((0,)))
        yield name, f"{name} along an empty axis", lambda f=f: f(wb.zeros((2, 0)), axis=1)
    yield "median", "median of nothing", lambda: np.median(wb.zeros((0,)))
    yield "dtype", "sum in text", lambda: wb.sum(V, dtype="str")
    yield "softmax", "softmax of a scalar", lambda: wb.softmax(S)
    yield "log_softmax", "log_softmax of a scalar", lambda: wb.log_softmax(S)
    yield "argmax", "argmax along two axes", lambda: wb.argmax(M, axis=(0, 1))


def _shapes() -> Iterator[Case]:
    yield "reshape", "reshape to fewer", lambda: wb.reshape(V, (2,))
    yield "reshape", "reshape to more", lambda: V.reshape(2, 2)
    yield "reshape", "reshape with two unknowns", lambda: wb.reshape(V, (-1, -1))
    yield "reshape", "reshape to -2", lambda: wb.reshape(V, (-2,))
    yield "reshape", "reshape with remainder", lambda: wb.reshape(V, (2, -1))
    yield "reshape", "reshape of nothing with an unknown", lambda: wb.zeros((0,)).reshape(0, -1)
    yield "reshape", "reshape to text", lambda: wb.reshape(V, "abc")
    yield "reshape", "reshape to half", lambda: wb.reshape(V, (1.5, 2))
    yield "permute_dims", "permute_dims with one axis", lambda: wb.permute_dims(M, (0,))
    yield "permute_dims", "permute_dims with an axis twice", lambda: wb.permute_dims(M, (0, 0))
    yield "permute_dims", "permute_dims with axis 2", lambda: wb.permute_dims(M, (0, 2))
    yield "permute_dims", "permute_dims without a sequence", lambda: wb.permute_dims(M, 1)
    yield "permute_dims", "transpose with axis 9", lambda: M.transpose(9, 0)
    yield "moveaxis", "moveaxis from 3", lambda: wb.moveaxis(M, 3, 0)
    yield "moveaxis", "moveaxis to -4", lambda: wb.moveaxis(M, 0, -4)
    yield "moveaxis", "moveaxis of unequal counts", lambda: wb.moveaxis(M, (0, 1), (0,))
    yield "moveaxis", "moveaxis to one place twice", lambda: wb.moveaxis(M, (0, 1), (0, 0))
    yield "moveaxis", "moveaxis of text", lambda: wb.moveaxis(M, "a", 0)
    yield "expand_dims", "expand_dims at 4", lambda: wb.expand_dims(M, axis=4)
    yield "expand_dims", "expand_dims at one place twice", lambda: wb.expand_dims(M, axis=(0, 0))
    yield "expand_dims", "expand_dims at text", lambda: wb.expand_dims(M, axis="a")
    yield "squeeze", "squeeze of size 2", lambda: wb.squeeze(M, 0)
    yield "squeeze", "squeeze of axis 5", lambda: M.squeeze(5)
    yield "broadcast_to", "broadcast_to smaller", lambda: wb.broadcast_to(M, (3,))
    yield "broadcast_to", "broadcast_to other sizes", lambda: wb.broadcast_to(V, (4,))
    yield "broadcast_to", "broadcast_to negative", lambda: wb.broadcast_to(S, (-1,))
    yield "broadcast_to", "broadcast_to a number", lambda: wb.broadcast_to(S, 2.5)
    yield "broadcast_arrays", "broadcast_arrays", lambda: wb.broadcast_arrays(V, wb.ones(2))
    yield "concat", "concat of nothing", lambda: wb.concat([])
    yield "concat", "concat of ranks", lambda: wb.concat([V, M])
    yield "concat", "concat of sizes", lambda: wb.concat([M, wb.ones((2, 4))])
    yield "concat", "concat along axis 2", lambda: wb.concat([M, M], axis=2)
    yield "concat", "concat of scalars", lambda: wb.concat([S, S])
    yield "concat", "concat of a number", lambda: wb.concat(3)
    yield "stack", "stack of shapes", lambda: wb.stack([V, wb.ones(2)])
    yield "stack", "stack of nothing", lambda: wb.stack([])
    yield "stack", "stack along axis 3", lambda: wb.stack([V, V], axis=3)
    yield "unstack", "unstack along axis 3", lambda: wb.unstack(V, axis=3)
    yield "unstack", "unstack of a scalar", lambda: wb.unstack(S)
    yield "flip", "flip along axis 2", lambda: wb.flip(M, axis=2)
    yield "roll", "roll along axis 2", lambda: wb.roll(M, 1, axis=2)
    yield "roll", "roll with counts", lambda: wb.roll(M, (1, 2, 3), axis=(0, 1))
    yield "roll", "roll by half", lambda: wb.roll(M, 0.5)
    yield "tile", "tile a negative time", lambda: wb.tile(V, (-1,))
    yield "tile", "tile by half", lambda: wb.tile(V, (1.5,))
    yield "tile", "tile by text", lambda: wb.tile(V, ("a",))
    yield "repeat", "repeat a negative time", lambda: wb.repeat(V, -1)
    yield "repeat", "repeat by half", lambda: wb.repeat(V, 0.5)
    yield "repeat", "repeat by unequal counts", lambda: wb.repeat(V, [1, 2])
    yield "repeat", "repeat along axis 4", lambda: wb.repeat(V, 2, axis=4)
    yield "diff", "diff along axis 4", lambda: wb.diff(V, axis=4)
    yield "diff", "diff a negative time", lambda: wb.diff(V, n=-1)
    yield "diff", "diff of a scalar", lambda: wb.diff(S)
    yield "mT", "mT of a vector", lambda: V.mT
    yield "mT", "matrix_transpose of a vector", lambda: wb.matrix_transpose(V)


def _indexing() -> Iterator[Case]:
    yield "take", "take without an axis", lambda: wb.take(M, [0])
    yield "take", "take along axis 2", lambda: wb.take(M, [0], axis=2)
    yield "index", "take beyond the end", lambda: wb.take(V, [3])
    yield "index", "take at halves", lambda: wb.take(V, [0.5])
    yield "take_along_axis", "take_along_axis of ranks", lambda: wb.take_along_axis(M, [0])
    yield "take_along_axis", "along axis 2", lambda: wb.take_along_axis(M, [[0]], axis=2)
    yield "index", "take_along_axis beyond", lambda: wb.take_along_axis(M, [[5]], axis=0)
    yield "len", "the length of a scalar", lambda: len(S)
    yield "item", "the item of many", lambda: V.item()
    yield "truth", "the truth of many", lambda: bool(V)
    yield "index", "a float as an index", lambda: [1, 2][S]
    yield "sort", "sort along axis 2", lambda: wb.sort(M, axis=2)
    yield "sort", "sort of a scalar", lambda: wb.sort(S)
    yield "argsort", "argsort along axis 2", lambda: wb.argsort(M, axis=2)
    yield "searchsorted", "searchsorted in a matrix", lambda: wb.searchsorted(M, V)
    yield "searchsorted", "searchsorted at no side", lambda: wb.searchsorted(V, V, side="up")


def _products() -> Iterator[Case]:
    yield "matmul", "matmul of inner sizes", lambda: M @ M
    yield "matmul", "matmul of vectors", lambda: V @ wb.ones(2)
    yield "matmul", "matmul of scalars", lambda: S @ V
    yield "matmul", "matmul with a number", lambda: wb.matmul(V, 2.0)
    yield "matmul", "matmul of leading axes", lambda: wb.ones((2, 3, 4)) @ wb.ones((3, 4, 5))
    yield "matmul", "matmul of booleans", lambda: wb.ones((2, 2), dtype="bool") @ B[:2]
    yield "asarray", "matmul with None", lambda: wb.matmul(M, None)
    yield "tensordot", "tensordot of counts", lambda: wb.tensordot(M, M, axes=([0], [0, 1]))
    yield "tensordot", "tensordot of sizes", lambda: wb.tensordot(M, M, axes=1)
    yield "tensordot", "tensordot of axis 7", lambda: wb.tensordot(M, M, axes=([7], [0]))
    yield "tensordot", "tensordot of too many", lambda: wb.tensordot(V, V, axes=2)
    yield "tensordot", "tensordot of text", lambda: wb.tensordot(V, V, axes="a")
    yield "tensordot", "tensordot of negative", lambda: wb.tensordot(V, V, axes=-1)
    yield "tensordot", "tensordot twice", lambda: wb.tensordot(M, M, axes=([0, 0], [0, 1]))
    yield "vecdot", "vecdot of sizes", lambda: wb.vecdot(V, wb.ones(2))
    yield "vecdot", "vecdot along axis 3", lambda: wb.vecdot(V, V, axis=3)
    yield "outer", "outer of matrices", lambda: wb.outer(M, V)
    yield "einsum", "einsum of too few", lambda: wb.einsum("ij,jk->ik", M)
    yield "einsum", "einsum of ranks", lambda: wb.einsum("ij->i", V)
    yield "einsum", "einsum of sizes", lambda: wb.einsum("ij,ij->i", M, wb.ones((2, 4)))
    yield "einsum", "einsum of a diagonal", lambda: wb.einsum("ii->i", M)
    yield "einsum", "einsum inventing a letter", lambda: wb.einsum("i->j", V)
    yield "einsum", "einsum repeating a letter", lambda: wb.einsum("i->ii", V)
    yield "einsum", "einsum of signs", lambda: wb.einsum("i*->i", V)
    yield "einsum", "einsum of a number", lambda: wb.einsum(3, V)
    yield "einsum", "einsum of dots", lambda: wb.einsum("...ij->i", V)
    yield "cross", "cross of two elements", lambda: wb.cross(wb.ones(2), wb.ones(2))
    yield "cross", "cross along axis 2", lambda: wb.cross(V, V, axis=2)
    yield "diagonal", "diagonal of a vector", lambda: wb.diagonal(V)
    yield "diagonal", "trace of a vector", lambda: wb.trace(V)


def _making() -> Iterator[Case]:
    for name in ("zeros", "ones", "empty"):
        f = getattr(wb, name)
        yield name, f"{name} of a negative size", lambda f=f: f((-1,))
        yield name, f"{name} of half a size", lambda f=f: f((1.5,))
        yield name, f"{name} of text", lambda f=f: f("ab")
        yield name, f"{name} of None", lambda f=f: f(None)
        yield "dtype", f"{name} of text dtype", lambda f=f: f(2, dtype="str")
        yield name, f"{name} beyond memory", lambda f=f: f((10**7, 10**7, 10**3))
    for name in ("zeros_like", "ones_like", "empty_like"):
        f = getattr(wb, name)
        yield "asarray", f"{name} of text", lambda f=f: f("abc")
        yield "dtype", f"{name} of text dtype", lambda f=f: f(V, dtype="str")
    yield "full", "full of text", lambda: wb.full((2,), "a")
    yield "full", "full of a vector", lambda: wb.full((2,), [1.0, 2.0, 3.0])
    yield "full", "full beyond the dtype", lambda: wb.full((2,), 300, dtype="int8")
    yield "full_like", "full_like beyond the dtype", lambda: wb.full_like(WHOLE.astype("int8"), 300)
    yield "broadcast_to", "full of a tensor", lambda: wb.full((2,), V)
    yield "arange", "arange by 0", lambda: wb.arange(0, 3, 0)
    yield "arange", "arange of text", lambda: wb.arange("a")
    yield "dtype", "arange of complex", lambda: wb.arange(3, dtype="complex64")
    yield "linspace", "linspace of -1", lambda: wb.linspace(0.0, 1.0, -1)
    yield "linspace", "linspace of text", lambda: wb.linspace("a", 1.0, 3)
    yield "linspace", "linspace of half", lambda: wb.linspace(0.0, 1.0, 2.5)
    yield "eye", "eye of -1", lambda: wb.eye(-1)
    yield "eye", "eye of half", lambda: wb.eye(1.5)
    yield "meshgrid", "meshgrid of matrices", lambda: wb.meshgrid(M, M)
    yield "meshgrid", "meshgrid of unknown indexing", lambda: wb.meshgrid(V, V, indexing="ab")
    yield "tril", "tril of a vector", lambda: wb.tril(V)
    yield "triu", "triu of a scalar", lambda: wb.triu(S)
    yield "isdtype", "isdtype of an unknown kind", lambda: wb.isdtype("int8", "whole")
    yield "finfo", "finfo of integers", lambda: wb.finfo("int8")
    yield "iinfo", "iinfo of floats", lambda: wb.iinfo("float32")
    yield "result_type", "result_type of nothing", lambda: wb.result_type()
    yield "dtype", "result_type of text", lambda: wb.result_type("words")
    yield "from_dlpack", "from_dlpack of a list", lambda: wb.from_dlpack([1])
    yield "from_dlpack", "from_dlpack to a gpu", lambda: wb.from_dlpack(V.numpy(), device="cuda")


def _losses() -> Iterator[Case]:
    yield "cross_entropy", "labels as floats", lambda: wb.cross_entropy(M, wb.ones(2))
    yield "cross_entropy", "labels beyond", lambda: wb.cross_entropy(M, [0, 7])
    yield "cross_entropy", "too few labels", lambda: wb.cross_entropy(M, [0])
    yield "cross_entropy", "logits of rank 3", lambda: wb.cross_entropy(T3, [0, 1])
    yield "binary_cross_entropy", "shapes", lambda: wb.binary_cross_entropy(M, wb.ones((3, 2)))


def _random() -> Iterator[Case]:
    r = wb.random
    for name in ("uniform", "normal", "bits"):
        f = getattr(r, name)
        yield name, f"{name} with a number as key", lambda f=f: f(3, (2,))
        yield name, f"{name} with a float key", lambda f=f: f(wb.ones(2), (2,))
        yield name, f"{name} with three words", lambda f=f: f(wb.zeros(3, dtype="uint32"), (2,))
        yield name, f"{name} of a negative size", lambda f=f: f(KEY, (-1,))
        yield name, f"{name} of half a size", lambda f=f: f(KEY, (0.5,))
    yield "key", "a negative seed", lambda: r.key(-1)
    yield "key", "a seed of 65 bits", lambda: r.key(2**64)
    yield "key", "half a seed", lambda: r.key(0.5)
    yield "key", "a seed of text", lambda: r.key("a")
    yield "split", "split into -1", lambda: r.split(KEY, -1)
    yield "split", "split into half", lambda: r.split(KEY, 1.5)
    yield "asarray", "fold_in of text", lambda: r.fold_in(KEY, "a")
    yield "fold_in", "fold_in of a float", lambda: r.fold_in(KEY, 0.5)
    yield "permutation", "permutation of -1", lambda: r.permutation(KEY, -1)
    yield "permutation", "permutation of half", lambda: r.permutation(KEY, 1.5)
    yield "uniform", "uniform integers", lambda: r.uniform(KEY, (2,), dtype="int32")
    yield "normal", "normal integers", lambda: r.normal(KEY, (2,), dtype="int32")
    yield "uniform", "uniform downwards", lambda: r.uniform(KEY, (2,), 1.0, 0.0)
    yield "bernoulli", "probability 2", lambda: r.bernoulli(KEY, 2.0)
    yield "seed", "seed of -1", lambda: r.seed(-1)


def _transforms() -> Iterator[Case]:
    for name in ("grad", "value_and_grad", "jacrev", "jacfwd", "hessian", "vmap"):
        t = getattr(wb, name)
        yield name, f"{name} of a number", lambda t=t: t(3.0)
        yield name, f"{name} of None", lambda t=t: t(None)
    for name in ("grad", "jacrev", "jacfwd"):
        t = getattr(wb, name)
        yield name, f"{name} by an integer array", lambda t=t: t(lambda x: x)(WHOLE)
        yield name, f"{name} by text", lambda t=t: t(lambda x: x)("a")
        yield name, f"{name} by argument 3", lambda t=t: t(lambda x: x, 3)(1.0)
        yield name, f"{name} of text", lambda t=t: t(lambda x: "a")(1.0)
        yield name, f"{name} of an integer", lambda t=t: t(lambda x: 3)(1.0)
    yield "grad", "grad of a vector", lambda: wb.grad(lambda x: x)(V)
    yield "grad", "grad of None", lambda: wb.grad(lambda x: None)(1.0)
    yield "kinks", "unknown kinks", lambda: wb.grad(lambda x: x, kinks="x")
    yield "jvp", "jvp of no tangents", lambda: wb.jvp(lambda x: x, (V,), ())
    yield "jvp", "jvp of a shape", lambda: wb.jvp(lambda x: x, (V,), (S,))
    yield "jvp", "jvp without sequences", lambda: wb.jvp(lambda x: x, V, V)
    yield "jvp", "jvp of None", lambda: wb.jvp(None, (V,), (V,))
    yield "vjp", "vjp of None", lambda: wb.vjp(None, V)
    yield "vjp", "vjp by integers", lambda: wb.vjp(lambda x: x, WHOLE)
    yield "pullback", "pullback of a shape", lambda: wb.vjp(lambda x: x, V)[1](S)
    yield "pullback", "pullback of text", lambda: wb.vjp(lambda x: x, V)[1]("a")
    yield "hvp", "hvp without sequences", lambda: wb.hvp(lambda x: x.sum(), V, V)
    yield "jvp", "hvp of a shape", lambda: wb.hvp(lambda x: x.sum(), (V,), (S,))
    yield "vmap", "vmap of sizes", lambda: wb.vmap(lambda x, y: x)(V, M)
    yield "vmap", "vmap of a scalar", lambda: wb.vmap(lambda x: x)(S)
    yield "vmap", "vmap along axis 1", lambda: wb.vmap(lambda x: x, 1)(V)
    yield "vmap", "vmap out at axis 3", lambda: wb.vmap(lambda x: x, 0, 3)(V)
    yield "vmap", "vmap of text", lambda: wb.vmap(lambda x: x)("a")
    yield "backward", "backward of a constant", lambda: S.backward()
    yield "tree.map", "trees of other forms", lambda: wb.tree.map(max, {"a": 1}, {"b": 1})
    yield "tree.map", "trees of other lengths", lambda: wb.tree.map(max, [1, 2], [1])


CASES = [
    case
    for group in (
        _elementwise,
        _reductions,
        _shapes,
        _indexing,
        _products,
        _making,
        _losses,
        _random,
        _transforms,
    )
    for case in group()
]


def test_there_are_many() -> None:
    assert len(CASES) > 300


@pytest.mark.parametrize(("word", "what", "call"), CASES, ids=[case[1] for case in CASES])
def test_bad_calls_end_in_one_error_that_names_the_operation(
    word: str, what: str, call: Call
) -> None:
    with pytest.raises(WingbeatError) as caught:
        call()
    text = str(caught.value)
    assert re.search(rf"\b{re.escape(word)}\b", text), text
    assert len(text) > 20


def test_masked_elements_have_no_value() -> None:
    x = np.ma.MaskedArray([1.0, 2.0], mask=[False, True])
    for call in (wb.asarray, wb.grad(wb.sum), wb.jit(wb.sum)):
        with pytest.raises(TypeMismatch, match=r"masked.*x\.filled"):
            call(x)
    assert wb.asarray(x.filled(0.0)).tolist() == [1.0, 0.0]
    assert wb.asarray(np.ma.MaskedArray([1.0, 2.0])).tolist() == [1.0, 2.0]
