"""Calls of NumPy's functions, a line for each way of calling one."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

import wingbeat as wb

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]

rng = np.random.default_rng(7)
V = np.array([0.3, -1.2, 2.1, 0.7])
P = np.array([0.3, 1.2, 2.1, 0.7])
M = rng.uniform(-2, 2, (3, 4))
N = rng.uniform(-2, 2, (4, 3))
S = rng.uniform(-1, 1, (3, 3))
T = rng.uniform(-2, 2, (2, 3, 4))
W = np.array([1.0, 2.0, 0.5])
X3, Y3 = rng.uniform(-1, 1, (2, 3)), rng.uniform(-1, 1, (2, 3))

UNARY_UFUNCS: list[tuple[Any, Array]] = [
    *((f, V) for f in (np.exp, np.exp2, np.expm1, np.sin, np.cos, np.tanh, np.sinh, np.cosh)),
    *((f, V) for f in (np.arctan, np.arcsinh, np.negative, np.positive, np.square, np.absolute)),
    *((f, V) for f in (np.fabs, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.reciprocal)),
    *((f, V) for f in (np.deg2rad, np.rad2deg, np.radians, np.degrees, np.cbrt, np.conjugate)),
    *((f, P) for f in (np.log, np.log2, np.log10, np.log1p, np.sqrt)),
    *((f, V * 0.4) for f in (np.arcsin, np.arccos, np.arctanh, np.tan)),
    (np.arccosh, P + 1.0),
    *((f, V) for f in (special.erf, special.erfc, special.expit)),
    (special.logit, P * 0.4),
]
BINARY_UFUNCS: list[tuple[Any, Array, Array]] = [
    *((f, V, P) for f in (np.add, np.subtract, np.multiply, np.divide, np.true_divide)),
    *((f, V, P) for f in (np.maximum, np.minimum, np.fmax, np.fmin, np.hypot, np.arctan2)),
    *((f, V, P) for f in (np.logaddexp, np.logaddexp2, np.copysign)),
    *((f, V, P * 0.9) for f in (np.remainder, np.fmod, np.floor_divide)),
    *((f, P, V) for f in (np.power, np.float_power)),
    (np.matmul, M, N),
    (np.vecdot, M, M + 1),
    (np.matvec, M, V),
    (np.vecmat, V, N),
]
BOOLEAN_UFUNCS = (np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_not)
COMPARISONS = (
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.logical_and,
    np.logical_or,
    np.logical_xor,
)

# One line per way of calling a function; operands come after it.
CALLS: list[tuple[str, Function, tuple[Array, ...]]] = [
    ("sum", lambda x: np.sum(x), (M,)),
    ("sum axis", lambda x: np.sum(x, 1), (M,)),
    ("sum keepdims", lambda x: np.sum(x, axis=(0, 2), keepdims=True), (T,)),
    ("sum dtype", lambda x: np.sum(x, dtype=np.float64), (M,)),
    ("prod", lambda x: np.prod(x, axis=0), (M,)),
    ("mean", lambda x: np.mean(x), (M,)),
    ("mean axis", lambda x: np.mean(x, 0), (M,)),
    ("mean negative", lambda x: np.mean(x, axis=-1, keepdims=True), (T,)),
    ("var", lambda x: np.var(x), (M,)),
    ("var ddof", lambda x: np.var(x, axis=1, ddof=1), (M,)),
    ("var correction", lambda x: np.var(x, axis=1, correction=1), (M,)),
    ("std", lambda x: np.std(x, 0), (M,)),
    ("std keepdims", lambda x: np.std(x, axis=1, ddof=1, keepdims=True), (M,)),
    ("max", lambda x: np.max(x, axis=1), (M,)),
    ("amax", lambda x: np.amax(x), (M,)),
    ("min", lambda x: np.min(x, 0), (M,)),
    ("amin", lambda x: np.amin(x, axis=-1, keepdims=True), (M,)),
    ("ptp", lambda x: np.ptp(x, axis=1), (M,)),
    ("median odd", lambda x: np.median(x, axis=0), (M,)),
    ("median even", lambda x: np.median(x), (M,)),
    ("median axes", lambda x: np.median(x, axis=(0, 2), keepdims=True), (T,)),
    ("quantile", lambda x: np.quantile(x, 0.3), (M,)),
    ("quantile axis", lambda x: np.quantile(x, 0.77, axis=1, keepdims=True), (M,)),
    ("quantile axes", lambda x: np.quantile(x, [0.1, 0.9], axis=(0, 2)), (T,)),
    ("quantile of q", lambda x, q: np.quantile(x, q, axis=1), (M, np.array([0.2, 0.7]))),
    ("percentile", lambda x: np.percentile(x, 40, axis=0), (M,)),
    ("percentile ends", lambda x: np.percentile(x, [[0, 100]], axis=-1, keepdims=True), (T,)),
    ("average", lambda x: np.average(x, axis=0), (M,)),
    ("average weights", lambda x, w: np.average(x, axis=0, weights=w), (M, W)),
    ("nansum", lambda x: np.nansum(x, axis=0), (M,)),
    ("nanmean", lambda x: np.nanmean(x), (M,)),
    ("cumsum", lambda x: np.cumsum(x), (M,)),
    ("cumsum axis", lambda x: np.cumsum(x, axis=1), (M,)),
    ("cumprod", lambda x: np.cumprod(x, 0), (M,)),
    ("cumulative_sum", lambda x: np.cumulative_sum(x, axis=0, include_initial=True), (M,)),
    ("cumulative_prod", lambda x: np.cumulative_prod(x), (V,)),
    ("where", lambda x, y: np.where(V > 0, x, y), (V, P)),
    ("where scalar", lambda x: np.where(x > 0, x, 0.0), (V,)),
    ("clip", lambda x: np.clip(x, -1.0, 1.0), (V,)),
    ("clip low", lambda x: np.clip(x, a_min=0.0, a_max=None), (V,)),
    ("clip min max", lambda x: np.clip(x, min=0.0, max=1.0), (V,)),
    ("round", lambda x: np.round(x, 1), (V,)),
    ("around", lambda x: np.around(x), (V,)),
    ("fix", lambda x: np.fix(x), (V,)),
    ("real", lambda x: np.real(x), (V,)),
    ("nan_to_num", lambda x: np.nan_to_num(x), (V,)),
    ("sinc", lambda x: np.sinc(x), (V,)),
    ("select", lambda x, y: np.select([V > 1, V < 0], [x, y * 2], default=3.0), (V, P)),
    ("reshape", lambda x: np.reshape(x, (2, -1)), (M,)),
    ("reshape F", lambda x: np.reshape(x, (2, 6), order="F"), (M,)),
    ("reshape int", lambda x: np.reshape(x, -1), (M,)),
    ("ravel", lambda x: np.ravel(x), (M,)),
    ("ravel F", lambda x: np.ravel(x, order="F"), (M,)),
    ("transpose", lambda x: np.transpose(x), (T,)),
    ("transpose axes", lambda x: np.transpose(x, (1, 2, 0)), (T,)),
    ("permute_dims", lambda x: np.permute_dims(x, (1, 2, 0)), (T,)),
    ("matrix_transpose", lambda x: np.matrix_transpose(x), (T,)),
    ("swapaxes", lambda x: np.swapaxes(x, 0, -1), (T,)),
    ("moveaxis", lambda x: np.moveaxis(x, [0, 1], [-1, 0]), (T,)),
    ("expand_dims", lambda x: np.expand_dims(x, (0, -1)), (M,)),
    ("squeeze", lambda x: np.squeeze(x[None, :, None], axis=0), (V,)),
    ("broadcast_to", lambda x: np.broadcast_to(x, (2, 4)), (V,)),
    ("broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y)[0] * 2, (V, M)),
    ("atleast_1d", lambda x: np.atleast_1d(x), (np.array(2.0),)),
    ("atleast_2d", lambda x: np.atleast_2d(x), (V,)),
    ("atleast_3d", lambda x: np.atleast_3d(x), (M,)),
    ("atleast_3d vector", lambda x: np.atleast_3d(x), (V,)),
    ("atleast_2d both", lambda x, y: np.atleast_2d(x, y)[1], (V, P)),
    ("flip", lambda x: np.flip(x, axis=1), (M,)),
    ("flip all", lambda x: np.flip(x), (M,)),
    ("fliplr", lambda x: np.fliplr(x), (M,)),
    ("flipud", lambda x: np.flipud(x), (M,)),
    *((f"rot90 {k}", lambda x, k=k: np.rot90(x, k), (M,)) for k in (-1, 0, 1, 2, 3)),
    ("rot90 axes", lambda x: np.rot90(x, 1, (2, 1)), (T,)),
    ("roll", lambda x: np.roll(x, 2), (M,)),
    ("roll axis", lambda x: np.roll(x, (1, -2), axis=(0, 1)), (M,)),
    ("concatenate", lambda x, y: np.concatenate([x, y], axis=1), (M, M + 1)),
    ("concatenate flat", lambda x, y: np.concatenate((x, y), axis=None), (M, V)),
    ("concat", lambda x, y: np.concat([x, y]), (V, P)),
    ("stack", lambda x, y: np.stack([x, y], axis=-1), (V, P)),
    ("vstack", lambda x, y: np.vstack([x, y]), (V, M)),
    ("hstack", lambda x, y: np.hstack([x, y]), (M, M)),
    ("hstack vectors", lambda x, y: np.hstack([x, y]), (V, P)),
    ("dstack", lambda x, y: np.dstack([x, y]), (M, M + 1)),
    ("column_stack", lambda x, y: np.column_stack([x, y]), (W, M)),
    ("append", lambda x, y: np.append(x, y), (M, V)),
    ("append axis", lambda x, y: np.append(x, y, axis=0), (M, M)),
    ("split", lambda x: np.split(x, 2)[1], (V,)),
    ("split places", lambda x: np.split(x, [1, 3], axis=1)[1], (M,)),
    ("array_split", lambda x: np.array_split(x, 3)[0], (V,)),
    ("hsplit", lambda x: np.hsplit(x, 2)[1], (M,)),
    ("vsplit", lambda x: np.vsplit(x, 3)[1], (M,)),
    ("unstack", lambda x: np.unstack(x, axis=1)[2], (M,)),
    ("tile", lambda x: np.tile(x, (2, 3)), (V,)),
    ("tile int", lambda x: np.tile(x, 2), (M,)),
    ("repeat", lambda x: np.repeat(x, 2), (M,)),
    ("repeat axis", lambda x: np.repeat(x, 3, axis=1), (M,)),
    ("repeat counts", lambda x: np.repeat(x, [1, 0, 2], axis=0), (M,)),
    ("pad", lambda x: np.pad(x, 1), (M,)),
    ("pad widths", lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=7.0), (M,)),
    ("meshgrid", lambda x, y: np.meshgrid(x, y)[0], (V, W)),
    ("meshgrid ij", lambda x, y: np.meshgrid(x, y, indexing="ij")[1], (V, W)),
    ("take", lambda x: np.take(x, [0, 2, 2]), (M,)),
    ("take axis", lambda x: np.take(x, np.array([[0, -1]]), axis=1), (M,)),
    ("take_along_axis", lambda x: np.take_along_axis(x, np.argsort(M, 1)[:, :2], 1), (M,)),
    ("sort", lambda x: np.sort(x), (M,)),
    ("sort axis", lambda x: np.sort(x, axis=0), (M,)),
    ("sort flat", lambda x: np.sort(x, axis=None), (M,)),
    ("unique", lambda x: np.unique(x), (V,)),
    ("diff", lambda x: np.diff(x), (M,)),
    ("diff n", lambda x: np.diff(x, 2, axis=0, prepend=0.0), (M,)),
    ("trapezoid", lambda y: np.trapezoid(y, dx=0.5), (M,)),
    ("trapezoid x", lambda y, x: np.trapezoid(y, x, axis=0), (M, W)),
    ("dot", lambda x, y: np.dot(x, y), (M, N)),
    ("dot vectors", lambda x, y: np.dot(x, y), (V, P)),
    ("dot scalar", lambda x, y: np.dot(x, y), (np.array(2.0), M)),
    ("dot tensors", lambda x, y: np.dot(x, y), (T, rng.uniform(-1, 1, (2, 4, 3)))),
    ("dot tensor vector", lambda x, y: np.dot(x, y), (T, V)),
    ("vdot", lambda x, y: np.vdot(x, y), (M, M + 1)),
    ("inner", lambda x, y: np.inner(x, y), (M, M[:2])),
    ("outer", lambda x, y: np.outer(x, y), (M, V)),
    ("tensordot", lambda x, y: np.tensordot(x, y, axes=([1, 2], [1, 0])), (T, T.T.copy()[:, :, 0])),
    ("tensordot int", lambda x, y: np.tensordot(x, y, 1), (M, N)),
    ("einsum", lambda x, y: np.einsum("ij,jk->ik", x, y), (M, N)),
    ("einsum trace", lambda x: np.einsum("ii", x), (S,)),
    ("kron", lambda x, y: np.kron(x, y), (M, S)),
    ("kron ranks", lambda x, y: np.kron(x, y), (V, M)),
    ("cross", lambda x, y: np.cross(x, y), (X3, Y3)),
    ("cross axis", lambda x, y: np.cross(x, y, axis=0), (X3.T.copy(), Y3.T.copy())),
    ("diag vector", lambda x: np.diag(x, 1), (V,)),
    ("diag matrix", lambda x: np.diag(x, -1), (M,)),
    ("diagonal", lambda x: np.diagonal(x, offset=1), (M,)),
    ("diagonal axes", lambda x: np.diagonal(x, axis1=1, axis2=2), (T,)),
    ("trace", lambda x: np.trace(x), (M,)),
    ("trace axes", lambda x: np.trace(x, 1, 1, 2), (T,)),
    ("tril", lambda x: np.tril(x, -1), (M,)),
    ("triu", lambda x: np.triu(x, k=1), (T,)),
    ("polyval", lambda p, x: np.polyval(p, x), (V, W)),
    *((f"norm {o}", lambda x, o=o: np.linalg.norm(x, o), (V,)) for o in (None, 1, 2, 3, np.inf)),
    *((f"norm {o}", lambda x, o=o: np.linalg.norm(x, o), (V,)) for o in (-np.inf, -1, 0.5)),
    *(
        (f"norm {o!r} of a matrix", lambda x, o=o: np.linalg.norm(x, o), (M,))
        for o in (None, "fro", 1, -1, np.inf, -np.inf)
    ),
    ("norm axis", lambda x: np.linalg.norm(x, axis=1, keepdims=True), (M,)),
    ("norm axes", lambda x: np.linalg.norm(x, 1, axis=(0, 2)), (T,)),
    ("norm axes keepdims", lambda x: np.linalg.norm(x, np.inf, axis=(2, 0), keepdims=True), (T,)),
    ("vector_norm", lambda x: np.linalg.vector_norm(x, axis=0, ord=1), (M,)),
    ("linalg.matmul", lambda x, y: np.linalg.matmul(x, y), (M, N)),
    ("linalg.outer", lambda x, y: np.linalg.outer(x, y), (V, W)),
    ("linalg.trace", lambda x: np.linalg.trace(x), (T,)),
    ("linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=-1), (T,)),
    ("linalg.cross", lambda x, y: np.linalg.cross(x, y), (X3, Y3)),
    ("linalg.vecdot", lambda x, y: np.linalg.vecdot(x, y, axis=0), (M, M + 1)),
    ("linalg.tensordot", lambda x, y: np.linalg.tensordot(x, y, axes=1), (M, N)),
    ("linalg.matrix_transpose", lambda x: np.linalg.matrix_transpose(x), (T,)),
    *(
        (f"matrix_power {n}", lambda x, n=n: np.linalg.matrix_power(x, n), (S,))
        for n in (0, 1, 2, 5, -1, -3)
    ),
    ("linalg.solve", lambda x, y: np.linalg.solve(x, y), (S, W)),
    ("linalg.solve columns", lambda x, y: np.linalg.solve(x, y), (S, M)),
    ("linalg.solve many", lambda x, y: np.linalg.solve(x, y[:, :, :3]), (S, T)),
    ("linalg.inv", lambda x: np.linalg.inv(x), (S,)),
    ("linalg.det", lambda x: np.linalg.det(x), (S,)),
    ("linalg.det many", lambda x: np.linalg.det(x[:, :, :3]), (T,)),
    ("linalg.slogdet", lambda x: np.linalg.slogdet(x)[1], (S,)),
    ("linalg.slogdet sign", lambda x: np.linalg.slogdet(x).sign, (S,)),
    ("multi_dot", lambda x, y, z: np.linalg.multi_dot([x, y, z]), (M, N, W)),
    ("zeros_like", lambda x: np.zeros_like(x) + x, (M,)),
    ("ones_like", lambda x: np.ones_like(x) * x, (M,)),
    ("full_like", lambda x: np.full_like(x, 2.0) * x, (M,)),
    ("linspace", lambda x, y: np.linspace(x, y, 5), (V, P)),
    ("linspace axis", lambda x: np.linspace(0.0, x, 4, endpoint=False, axis=-1), (V,)),
    ("copy", lambda x: np.copy(x), (M,)),
    ("astype", lambda x: np.astype(x, np.float64), (M,)),
    ("add.reduce", lambda x: np.add.reduce(x), (M,)),
    ("add.reduce axis", lambda x: np.add.reduce(x, axis=None, keepdims=True), (M,)),
    ("multiply.reduce", lambda x: np.multiply.reduce(x, 1), (M,)),
    ("maximum.reduce", lambda x: np.maximum.reduce(x, axis=1), (M,)),
    ("add.accumulate", lambda x: np.add.accumulate(x, axis=1), (M,)),
    ("multiply.accumulate", lambda x: np.multiply.accumulate(x), (M,)),
    ("multiply.outer", lambda x, y: np.multiply.outer(x, y), (M, V)),
    ("subtract.outer", lambda x, y: np.subtract.outer(x, y), (V, W)),
    ("divmod", lambda x, y: np.divmod(x, y)[1], (V, P * 0.9)),
    ("ufunc dtype", lambda x: np.add(x, 1, dtype=np.float64), (V,)),
]
# What answers in integers or booleans.
FACTS: list[tuple[str, Function, tuple[Array, ...]]] = [
    ("argmax", lambda x: np.argmax(x), (M,)),
    ("argmax axis", lambda x: np.argmax(x, axis=0, keepdims=True), (M,)),
    ("argmin", lambda x: np.argmin(x, 1), (M,)),
    ("argsort", lambda x: np.argsort(x), (M,)),
    ("argsort axis", lambda x: np.argsort(x, axis=0), (M,)),
    ("argsort flat", lambda x: np.argsort(x, axis=None), (M,)),
    ("searchsorted", lambda x: np.searchsorted(np.array([-1.0, 0.0, 1.0]), x, side="right"), (V,)),
    ("nonzero", lambda x: np.nonzero(x > 0)[0], (M,)),
    ("flatnonzero", lambda x: np.flatnonzero(x > 0), (M,)),
    ("argwhere", lambda x: np.argwhere(x > 0), (M,)),
    ("where 1", lambda x: np.where(x > 0)[1], (M,)),
    ("count_nonzero", lambda x: np.count_nonzero(x > 0, axis=0), (M,)),
    ("all", lambda x: np.all(x > -5), (M,)),
    ("any", lambda x: np.any(x > 1, axis=1), (M,)),
    ("logical_or.reduce", lambda x: np.logical_or.reduce(x > 1), (M,)),
    ("isclose", lambda x: np.isclose(x, V), (V,)),
    ("bitwise", lambda x: (x > 0) & (x < 1) | ~(x > 2), (V,)),
    ("signs", lambda x: np.sign(x).astype(int), (V,)),
]


def check_gradients(scalar: Function, operands: tuple[Array, ...]) -> None:
    found = wb.grad(scalar, tuple(range(len(operands))))(*operands)
    for k, (g, x) in enumerate(zip(found, operands, strict=True)):
        differences = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            h = np.zeros(x.shape)
            h[i] = 1e-6
            up, down = (scalar(*operands[:k], x + d, *operands[k + 1 :]) for d in (h, -h))
            differences[i] = (up - down) / 2e-6
        np.testing.assert_allclose(g.numpy(), differences, rtol=1e-6, atol=2e-8)
