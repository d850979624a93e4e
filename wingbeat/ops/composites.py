"""Named sub-graphs, in stable forms. They are inlined before anything is derived or run.

`axis` and `axes` count from the front and are never negative here; the public functions see to
that.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import POWER, SUM, Node, Sample, full
from wingbeat.ops.arithmetic import cast, maximum, minimum, scaled, stop_gradient
from wingbeat.ops.families import composite, one_like, zero_like
from wingbeat.ops.index import gather
from wingbeat.ops.logic import equal, greater, isfinite, where
from wingbeat.ops.reduce import back, max, min, sum
from wingbeat.ops.shape import Axes, concatenate, drop, inverse, like, reshape, slice, transpose
from wingbeat.ops.transcendental import erf, exp, expm1, log, logaddexp, root, sigmoid, sqrt

_ROWS = (
    Sample(((3, 4),), attrs=(("axes", (1,)),)),
    Sample(((2, 3, 4),), attrs=(("axes", (0, 2)),)),
)
_LINES = (Sample(((3, 4),), attrs=(("axis", 1),)), Sample(((2, 3),), attrs=(("axis", 0),)))


def count(x: Node, axes: Axes) -> int:
    """How many elements a reduction over `axes` joins."""
    return math.prod(x.shape[a] for a in axes)


def _mean(x: Node, *, axes: Axes) -> Node:
    n = count(x, axes)
    if x.type.dtype.name == "float16" and n:  # a sum of float16 overflows before its mean does
        return cast(_mean(cast(x, dtype="float32"), axes=axes), dtype="float16")
    total = sum(x, axes=axes)
    return total / float(n) if n else total / zero_like(total)


mean = composite(
    "mean",
    expand=_mean,
    latex=r"\operatorname{{mean}}\left({0}\right)",
    samples=_ROWS,
)


def _var(x: Node, *, axes: Axes, correction: float) -> Node:
    centred = x - back(_mean(x, axes=axes), x, axes)
    squares = sum(centred * centred, axes=axes)
    n = count(x, axes) - correction
    return squares / full(builtins.max(n, 0.0), squares.type)


var = composite(
    "var",
    expand=_var,
    latex=r"\operatorname{{Var}}\left({0}\right)",
    samples=(
        Sample(((3, 4),), attrs=(("axes", (1,)), ("correction", 0.0))),
        Sample(((3, 4),), attrs=(("axes", (0, 1)), ("correction", 1.0))),
    ),
)


def _norm(x: Node, *, axes: Axes) -> Node:
    return root(sum(x * x, axes=axes))


norm = composite("norm", expand=_norm, latex=r"\left\|{0}\right\|", samples=_ROWS)


def _shift(x: Node, axes: Axes) -> Node:
    """The largest element, as a constant: exp overflows; a shift changes no value and no slope."""
    top = stop_gradient(max(x, axes=axes))
    return where(isfinite(top), top, zero_like(top))


def _terms(x: Node, axes: Axes) -> tuple[Node, Node]:
    """The sum of exp(x - top), and top; that sum is 0 where all of x is -inf, else at least 1."""
    top = _shift(x, axes)
    return sum(exp(x - back(top, x, axes)), axes=axes), top


def _logsumexp(x: Node, *, axes: Axes) -> Node:
    """An element that is -inf contributes nothing, be it among others that are or not."""
    terms, top = _terms(x, axes)
    none = equal(terms, zero_like(terms))
    some = log(where(none, one_like(terms), terms))
    return where(none, full(-math.inf, terms.type), some) + top


logsumexp = composite(
    "logsumexp", expand=_logsumexp, latex=r"\log\sum\exp {0:atom}", level=SUM, samples=_ROWS
)


def _softmax(x: Node, *, axis: int) -> Node:
    e = exp(x - back(_shift(x, (axis,)), x, (axis,)))
    return e * back(1.0 / sum(e, axes=(axis,)), x, (axis,))  # one division for a row


softmax = composite(
    "softmax",
    expand=_softmax,
    latex=r"\operatorname{{softmax}}\left({0}\right)",
    samples=_LINES,
)


def _log_softmax(x: Node, *, axis: int) -> Node:
    shifted = x - back(_shift(x, (axis,)), x, (axis,))
    return shifted - back(log(sum(exp(shifted), axes=(axis,))), x, (axis,))


log_softmax = composite(
    "log_softmax",
    expand=_log_softmax,
    latex=r"\log\operatorname{{softmax}}\left({0}\right)",
    samples=_LINES,
)


def _cross_entropy(logits: Node, labels: Node) -> Node:
    """One loss per row: log sum exp of the row minus the logit of its label."""
    if len(logits.shape) != 2 or logits.shape[:1] != labels.shape:
        raise TypeMismatch("logits are one row for each label")
    n = logits.shape[0]
    chosen = gather(logits, reshape(labels, shape=(n, 1)), batch=1)
    terms, top = _terms(logits, (1,))
    return log(terms) + top - reshape(chosen, shape=(n,))


cross_entropy = composite(
    "cross_entropy",
    expand=_cross_entropy,
    latex=r"H\left({0}, {1}\right)",
    samples=(Sample(((5, 3), (5,)), within=((-2.0, 2.0), (0, 2)), dtypes=("float64", "int64")),),
)


def _cross_entropy_soft(logits: Node, targets: Node) -> Node:
    """One loss per row: minus the sum of target times log-probability, 0 where the target is 0."""
    return -sum(scaled(targets, _log_softmax(logits, axis=1)), axes=(1,))


cross_entropy_soft = composite(
    "cross_entropy_soft",
    expand=_cross_entropy_soft,
    latex=r"H\left({0}, {1}\right)",
    samples=(Sample(((5, 3), (5, 3)), within=((-2.0, 2.0), (0.0, 1.0))),),
)


def _binary_cross_entropy(logits: Node, targets: Node) -> Node:
    """log(1 + e^x) - x t, which has one formula for all x, and overflows for none."""
    return _softplus(logits) - logits * targets


binary_cross_entropy = composite(
    "binary_cross_entropy",
    expand=_binary_cross_entropy,
    latex=r"H\left({0}, {1}\right)",
    samples=(Sample(((4, 2), (4, 2)), within=((-2.0, 2.0), (0.0, 1.0))),),
)


def _layer_norm(x: Node, *, axes: Axes, eps: float) -> Node:
    centred = x - back(_mean(x, axes=axes), x, axes)
    spread = sqrt(_mean(centred * centred, axes=axes) + eps)
    return centred * back(1.0 / spread, x, axes)  # one division for a row, not for each element


layer_norm = composite(
    "layer_norm",
    expand=_layer_norm,
    latex=r"\operatorname{{norm}}\left({0}\right)",
    samples=(Sample(((3, 4),), attrs=(("axes", (1,)), ("eps", 1e-5))),),
)

# --- activations --------------------------------------------------------------------------------

_ONE = (Sample(((3, 4),)), Sample(((),)))


def _activation(name: str, expand: Any) -> Any:
    latex = rf"\operatorname{{{{{name}}}}}\left({{0}}\right)"
    return composite(name, expand=expand, latex=latex, samples=_ONE)


def _gelu(x: Node) -> Node:
    return x * 0.5 * (1 + erf(x * math.sqrt(0.5)))


def _softplus(x: Node) -> Node:
    return logaddexp(x, zero_like(x))


def _elu(x: Node) -> Node:
    positive = greater(x, zero_like(x))
    return where(positive, x, expm1(where(positive, zero_like(x), x)))


gelu = _activation("gelu", _gelu)
silu = _activation("silu", lambda x: x * sigmoid(x))
softplus = _activation("softplus", _softplus)
elu = _activation("elu", _elu)
square = composite("square", expand=lambda x: x * x, latex="{0:atom}^2", level=POWER, samples=_ONE)
clip = composite(
    "clip",
    expand=lambda x, low, high: minimum(maximum(x, low), high),
    latex=r"\operatorname{{clip}}\left({0}, {1}, {2}\right)",
    samples=(Sample(((4,), (4,), (4,)), within=((-2.0, 2.0), (-1.0, -0.5), (0.5, 1.0))),),
)

# --- products ------------------------------------------------------------------------------------


def _part(x: Node, begin: int, end: int) -> Node:
    """Rows begin ... end - 1."""
    rest = x.shape[1:]
    step = (1,) * len(x.shape)
    return slice(x, start=(begin, *(0,) * len(rest)), stop=(end, *rest), step=step)


def _front(x: Node, axes: Axes) -> Node:
    """The axes to be reduced, as one axis in front."""
    rest = tuple(k for k in range(len(x.shape)) if k not in axes)
    moved = transpose(x, perm=(*axes, *rest))
    return reshape(moved, shape=(count(x, axes), *drop(x.shape, axes)))


def _prod(x: Node, *, axes: Axes) -> Node:
    """Halves times halves: log n products, whose derivative is right where factors are 0 too."""
    x = _front(x, axes)
    n = x.shape[0]
    if n == 0:
        return full(1, like(x.type, x.shape[1:]))
    while n > 1:
        half = n // 2
        pairs = _part(x, 0, half) * _part(x, half, 2 * half)
        x = concatenate(pairs, _part(x, n - 1, n), axis=0) if n % 2 else pairs
        n = x.shape[0]
    return reshape(x, shape=x.shape[1:])


prod = composite("prod", expand=_prod, latex=r"\prod {0:product}", level=SUM, samples=_ROWS)


def _cumprod(x: Node, *, axis: int) -> Node:
    """log n passes, multiplying by the element 1, 2, 4, ... places before (Hillis and Steele)."""
    perm = (axis, *(k for k in range(len(x.shape)) if k != axis))
    x = transpose(x, perm=perm)
    n, reach = x.shape[0], 1
    while reach < n:
        ones = full(1, like(x.type, (reach, *x.shape[1:])))
        x = x * concatenate(ones, _part(x, 0, n - reach), axis=0)
        reach *= 2
    return transpose(x, perm=inverse(perm))


cumprod = composite(
    "cumprod", expand=_cumprod, latex=r"\operatorname{{cumprod}}\left({0}\right)", samples=_LINES
)

# --- truth --------------------------------------------------------------------------------------


_FLAGS = (
    Sample(((3, 4),), within=(0, 1), attrs=(("axes", (1,)),), dtypes=("bool",)),
    Sample(((3, 0),), within=(0, 1), attrs=(("axes", (1,)),), dtypes=("bool",)),
)


def _quantifier(name: str, pick: Any, empty: bool) -> Any:
    def expand(x: Node, *, axes: Axes) -> Node:
        if count(x, axes):
            return pick(x, axes=axes)
        return full(empty, like(x.type, drop(x.shape, axes)))

    latex = rf"\operatorname{{{{{name}}}}}\left({{0}}\right)"
    return composite(name, expand=expand, latex=latex, samples=_FLAGS)


any = _quantifier("any", max, False)
all = _quantifier("all", min, True)
