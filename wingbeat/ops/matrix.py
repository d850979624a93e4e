"""Square matrices: linear equations and determinants. Leading axes count matrices.

What has no value, as the solution for a singular matrix, is NaN, for that matrix alone: so one
matrix of many spoils no other, and `where` can choose around it.

The rules of derivation are those of M. Giles, "Collected matrix derivative results for forward and
reverse mode algorithmic differentiation", 2008.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import POWER, PRIMITIVES, PRODUCT, Kink, Node, Sample
from wingbeat.ir.types import Shape, TensorType, tensor_type
from wingbeat.ops.arithmetic import cast
from wingbeat.ops.contract import contract
from wingbeat.ops.create import iota
from wingbeat.ops.families import FLOAT, custom, full, pull, require_kind, spread, total
from wingbeat.ops.logic import equal
from wingbeat.ops.reduce import sum as sum_axes
from wingbeat.ops.shape import broadcast, reshape, transpose

Function = Callable[..., Any]


# --- NumPy's functions, made total -------------------------------------------------------------


def _total(function: Function) -> Function:
    """For every dtype, and with NaN where NumPy refuses a matrix: for that one of a stack."""

    def whole(*xs: Any) -> Any:
        try:
            return function(*xs)
        except np.linalg.LinAlgError:
            if xs[-1].ndim == 2:
                return np.full_like(xs[-1], np.nan)
            return np.stack([whole(*each) for each in zip(*xs, strict=True)])

    def wide(*xs: Any, **attrs: Any) -> Any:
        dtype = xs[0].dtype  # LAPACK knows no float16
        with np.errstate(all="ignore"):
            if dtype.itemsize > 2:
                return np.asarray(whole(*xs))
            return np.asarray(whole(*(x.astype(np.float32) for x in xs))).astype(dtype)

    return wide


_solved = _total(np.linalg.solve)


def _solve(a: Any, b: Any, *, guard: int = 0) -> Any:
    z = _solved(a, b)
    return np.where(np.any(b != 0, axis=-2, keepdims=True), z, b) if guard else z


def _cofactors(a: Any) -> Any:
    """By singular values, all but one of which are multiplied: right for singular matrices too."""
    u, s, v = np.linalg.svd(a)
    ones = np.ones((*s.shape[:-1], min(1, s.shape[-1])), s.dtype)
    before = np.concatenate([ones, np.cumprod(s[..., :-1], -1)], -1)
    after = np.concatenate([ones, np.cumprod(s[..., :0:-1], -1)], -1)[..., ::-1]
    sign = np.round(np.linalg.det(u) * np.linalg.det(v))  # of two orthogonal matrices: 1 or -1
    return (u * (before * after)[..., None, :]) @ v * sign[..., None, None]


# --- the definition: elimination ----------------------------------------------------------------


def _triangular(s: Any, rows: list[list[Any]]) -> Any:
    """Make `rows` upper triangular, with exchanges of rows; whether these are odd, as 1 or -1.

    Each row in turn meets the pivot so far: the larger of the two is the pivot from then on, and
    the other is brought to 0 by it. So no multiplier is larger than 1.
    """
    sign, zero = s.const(1.0), s.const(0.0)
    for k, j in combinations(range(len(rows)), 2):
        larger = s.compare(">", s.call("abs", rows[j][k]), s.call("abs", rows[k][k]))
        pairs = list(zip(rows[k], rows[j], strict=True))
        upper = [s.select(larger, y, x) for x, y in pairs]
        lower = [s.select(larger, x, y) for x, y in pairs]
        sign = s.select(larger, s.neg(sign), sign)
        none = s.compare("==", upper[k], zero)
        factor = s.select(none, zero, s.div(lower[k], upper[k]))
        rows[k] = upper
        rows[j] = [s.sub(y, s.mul(factor, x)) for x, y in zip(upper, lower, strict=True)]
    return sign


def _rows(read: Any, lead: Sequence[Any]) -> list[list[Any]]:
    n = read.shape[-1]
    return [[read((*lead, i, j)) for j in range(n)] for i in range(n)]


def _nothing(s: Any, xs: Sequence[Any], pick: str) -> Any:
    """Whether the largest (smallest) of some sizes is 0."""
    sizes = [s.call("abs", x) for x in xs]
    return s.compare("==", reduce(lambda x, y: s.call(pick, x, y), sizes), s.const(0.0))


def _solve_element(s: Any, read: Any, i: Sequence[Any], *, guard: int = 0) -> Any:
    """All unknowns of one column, from the last one back; of these, number i[-2]."""
    *lead, row, column = i
    n = read[0].shape[-1]
    right = [read[1]((*lead, k, column)) for k in range(n)]
    rows = [[*r, b] for r, b in zip(_rows(read[0], lead), right, strict=True)]
    _triangular(s, rows)
    xs: dict[int, Any] = {}
    found = s.const(0.0)
    for k in reversed(range(n)):
        rest = rows[k][n]
        for j, x in xs.items():
            rest = s.sub(rest, s.mul(rows[k][j], x))
        xs[k] = x = s.div(rest, rows[k][k])
        found = s.branch(row == k, lambda x=x: x, lambda found=found: found)
    singular = _nothing(s, [rows[k][k] for k in range(n)], "minimum")
    found = s.select(singular, s.const(math.nan), found)
    return s.select(_nothing(s, right, "maximum"), s.const(0.0), found) if guard else found


def _det(s: Any, rows: list[list[Any]]) -> Any:
    sign = _triangular(s, rows)
    return reduce(s.mul, [rows[k][k] for k in range(len(rows))], sign)


def _det_element(s: Any, read: Any, i: Sequence[Any]) -> Any:
    return _det(s, _rows(read[0], i))


def _sign_element(s: Any, read: Any, i: Sequence[Any]) -> Any:
    rows = _rows(read[0], i)
    sign = _triangular(s, rows)
    return reduce(s.mul, [s.call("sign", rows[k][k]) for k in range(len(rows))], sign)


def _log_element(s: Any, read: Any, i: Sequence[Any]) -> Any:
    rows = _rows(read[0], i)
    _triangular(s, rows)
    logs = [s.call("log", s.call("abs", rows[k][k])) for k in range(len(rows))]
    return reduce(s.add, logs, s.const(0.0))


def _cofactor_element(s: Any, read: Any, i: Sequence[Any]) -> Any:
    """The determinant with a 1 at (row, column), and zeros in the rest of that row."""
    *lead, row, column = i

    def at(r: int, c: int) -> Any:
        def unit() -> Any:
            return s.branch(column == c, lambda: s.const(1.0), lambda: s.const(0.0))

        return s.branch(row == r, unit, lambda: read[0]((*lead, r, c)))

    n = read[0].shape[-1]
    return _det(s, [[at(r, c) for c in range(n)] for r in range(n)])


# --- on nodes -----------------------------------------------------------------------------------


def _square(a: TensorType) -> Shape:
    """The leading axes of square matrices."""
    require_kind(FLOAT, a.dtype)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise TypeMismatch("the matrix must be square")
    return a.shape[:-2]


def _eliminating(a: TensorType) -> int:
    """Operations that make matrices triangular: 2/3 n^3 for each of them."""
    return 2 * a.size * a.shape[-1] // 3


def _solve_type(a: TensorType, b: TensorType, *, guard: int = 0) -> TensorType:
    _square(a)
    if b.dtype is not a.dtype or b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1]:
        raise TypeMismatch("the right sides are the columns of a matrix with as many rows")
    return b


def flipped(x: Node) -> Node:
    """The transposes of matrices."""
    n = len(x.shape)
    return transpose(x, perm=(*range(n - 2), n - 1, n - 2))


def identity(a: Node) -> Node:
    """The unit matrix for each of the square matrices `a`."""
    *lead, n, _ = a.shape
    row, column = (iota(axis=axis, shape=(n, n), dtype="int64") for axis in (0, 1))
    one = cast(equal(row, column), dtype=a.type.dtype.name)
    return broadcast(one, axes=tuple(range(len(lead))), sizes=tuple(lead))


def _times(x: Node, y: Node, guard: int) -> Node:
    """The products of matrices; `guard` says whose zeros kill: 1 those of x, 2 of y, 3 of both."""
    n = len(x.shape) - 2
    lead, (i, j, k) = tuple(range(n)), range(n, n + 3)
    return contract(x, y, lhs=(*lead, i, j), rhs=(*lead, j, k), out=(*lead, i, k), guard=guard)


def _over(x: Node, a: Node) -> Node:
    """A number for each of the matrices `a`, at each of their elements."""
    n = len(x.shape)
    return broadcast(x, axes=(n, n + 1), sizes=a.shape[-2:])


def _elements(x: Node | None) -> Node:
    """The sum of the elements of each matrix."""
    assert x is not None
    n = len(x.shape)
    return sum_axes(x, axes=(n - 2, n - 1))


def _scaled(x: Node, y: Node) -> Node:
    """x y, elementwise, where zeros of x kill."""
    return PRIMITIVES["scaled"](x, y)


def _solve_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    """z = A^-1 b moves by A^-1 (tb - tA z)."""
    (a, _), (ta, tb), guard = xs, ts, dict(z.attrs).get("guard", 0)
    moved = None if ta is None else -_times(ta, z, 1 | guard << 1)
    right = total([tb, moved])
    return None if right is None else solve(a, right, guard=1)


def _solve_vjp(g: Node, z: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
    """gb = A'^-1 g, and gA = -gb z'."""
    gb = solve(flipped(a), g, guard=1)
    return -_times(gb, flipped(z), 1 | dict(z.attrs).get("guard", 0) << 1), gb


def _solve_batch(op: Any, xs: Sequence[Node], batched: Sequence[bool], *, guard: int = 0) -> Node:
    if batched[0]:
        return op(*spread(xs, batched), guard=guard)
    # One matrix for all: the right sides of the batch are more columns, and A is divided up once.
    a, b = xs
    size, *lead, rows, columns = b.shape
    n = len(lead)
    inside = transpose(b, perm=(*range(1, n + 2), 0, n + 2))
    z = op(a, reshape(inside, shape=(*lead, rows, size * columns)), guard=guard)
    z = reshape(z, shape=(*lead, rows, size, columns))
    return transpose(z, perm=(n + 1, *range(n + 1), n + 2))


_MATRIX, _SEVERAL = Sample(((3, 3),)), Sample(((2, 2, 2),))

solve = custom(
    "solve",
    type_rule=_solve_type,
    numpy=_solve,
    jvp=_solve_jvp,
    vjp=_solve_vjp,
    batch=_solve_batch,
    element=_solve_element,
    latex=r"{0:atom}^{{-1}} \, {1}",
    level=PRODUCT,
    inner=POWER,
    samples=(
        Sample(((3, 3), (3, 2))),
        Sample(((2, 2, 2), (2, 2, 1))),
        Sample(((3, 3), (3, 2)), attrs=(("guard", 1),)),
    ),
    whole=lambda a, b, **_: _eliminating(a) + 2 * a.shape[-1] * b.size,
)
"""The x with A x = b, for each column of b. With `guard`, columns of zeros kill whatever A is."""


def _cofactor_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    """With M = A^-1 t, C = det(A) A'^-1 moves by tr(M) C - C M'."""
    (a,), (t,) = xs, ts
    if t is None:
        return None
    m = solve(a, t, guard=1)
    trace = _elements(_scaled(identity(a), m))
    return _scaled(_over(trace, a), z) - _times(z, flipped(m), 2)


def _cofactor_vjp(g: Node, z: Node, a: Node) -> tuple[Node | None, ...]:
    """A'^-1 (<g, C> I - g' C)."""
    trace = _over(_elements(_scaled(g, z)), a)
    return (solve(flipped(a), _scaled(identity(a), trace) - _times(flipped(g), z, 1), guard=1),)


cofactor = custom(
    "cofactor",
    type_rule=lambda a: tensor_type((*_square(a), *a.shape[-2:]), a.dtype),
    numpy=_total(_cofactors),
    jvp=_cofactor_jvp,
    vjp=_cofactor_vjp,
    batch=lambda op, xs, batched: op(xs[0]),
    element=_cofactor_element,
    latex=r"\operatorname{{cof}}\left({0}\right)",
    samples=(_MATRIX, _SEVERAL),
    whole=lambda a: 24 * a.size * a.shape[-1],  # nearly all of it for the singular values
)
"""The derivative of det, which exists for singular matrices too: det(A) A'^-1 where A^-1 exists."""


def _of_matrix(name: str, numpy: Function, **fields: Any) -> Any:
    """A number for each matrix."""
    return custom(
        name,
        type_rule=lambda a: tensor_type(_square(a), a.dtype),
        numpy=_total(numpy),
        batch=lambda op, xs, batched: op(xs[0]),
        samples=(_MATRIX, _SEVERAL),
        whole=_eliminating,
        **fields,
    )


det = _of_matrix(
    "det",
    np.linalg.det,
    jvp=lambda z, xs, ts: None if ts[0] is None else _elements(pull(ts[0], cofactor(xs[0]))),
    vjp=lambda g, z, a: (pull(_over(g, a), cofactor(a)),),
    element=_det_element,
    latex=r"\det\left({0}\right)",
)


def _log_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    """tr(A^-1 t)."""
    (a,), (t,) = xs, ts
    return None if t is None else _elements(_scaled(identity(a), solve(a, t, guard=1)))


def _log_vjp(g: Node, z: Node, a: Node) -> tuple[Node | None, ...]:
    """g A'^-1."""
    return (solve(flipped(a), _scaled(identity(a), _over(g, a)), guard=1),)


log_abs_det = _of_matrix(
    "log_abs_det",
    lambda a: np.linalg.slogdet(a)[1],
    jvp=_log_jvp,
    vjp=_log_vjp,
    element=_log_element,
    latex=r"\log\left|\det\left({0}\right)\right|",
)

det_sign = _of_matrix(
    "det_sign",
    lambda a: np.linalg.slogdet(a)[0],
    jvp=lambda z, xs, ts: None,
    vjp=lambda g, z, a: (None,),
    element=_sign_element,
    latex=r"\operatorname{{sign}}\left(\det\left({0}\right)\right)",
    kink=Kink(lambda z, a: equal(z, full(0, z.type)), "0"),
)
"""1, -1, or 0 where the matrix is singular: with `log_abs_det`, what is too large for det."""
