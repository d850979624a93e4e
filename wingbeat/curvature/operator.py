"""`Operator`: a symmetric matrix that is known by its products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from wingbeat.api import Tensor, tree
from wingbeat.curvature._space import Space, Vector, check_finite
from wingbeat.errors import BadInput, TypeMismatch

_Array = np.ndarray[Any, np.dtype[np.float64]]
DENSE = 4096  # rows up to which a matrix is formed: 128 MiB


class Operator:
    """A symmetric linear map on trees like `point`, known by its products with vectors.

    `A @ v` takes a tree like the point and gives a tree of tensors; a flat vector of n numbers and
    a matrix of n rows give arrays of float64. Made by `hessian`, `gauss_newton` and the like, or of
    any function `product(point, v)` of two trees that is linear in v and symmetric.

    Args:
        product: (point, v) -> a tree like both.
        point: a tree of floats.
        name: what it is, in messages and when printed.

    Raises:
        TypeMismatch: `point` holds something else than floats, or a vector has another form.
        BadInput: the point is empty or not finite, or (when multiplied) the product is not finite.

    >>> A = wb.curvature.Operator(lambda x, v: 3.0 * v, np.zeros(2))
    >>> A.shape, A @ np.array([1.0, 2.0])
    ((2, 2), array([3., 6.]))
    """

    dtype = np.dtype(np.float64)  # of flat vectors; the function works in the point's own dtypes

    def __init__(
        self, product: Callable[[Any, Any], Any], point: Any, name: str = "operator"
    ) -> None:
        self._product = product
        self.name = name
        self.space = Space(point, name)
        self.shape = (self.space.size, self.space.size)
        self.products = 0  # computed so far

    @property
    def point(self) -> Any:
        """The tree at which the derivatives are taken."""
        return self.space.point

    @property
    def eps(self) -> float:
        """The unit of rounding of the coarsest dtype at the point."""
        return self.space.eps

    def at(self, point: Any) -> Operator:
        """The same operator at another point; what was compiled is used again.

        >>> H = wb.curvature.hessian(lambda x: x**3, 1.0)
        >>> H.dense(), H.at(2.0).dense()
        (array([[6.]]), array([[12.]]))
        """
        return Operator(self._product, point, self.name)

    def __matmul__(self, v: Any) -> Any:
        if isinstance(v, np.ndarray | Tensor) and v.ndim == 2 and v.shape[0] == self.shape[0]:
            columns = np.asarray(v, dtype=np.float64).T
            return np.stack([self.times(c) for c in columns], axis=1)
        if isinstance(v, np.ndarray) and v.shape == self.shape[:1]:
            return self.times(v)
        return self.tree(self.times(self.space.flat(v)))

    def times(self, v: Vector) -> Vector:
        """The product with a flat vector, which is flat too."""
        self.products += 1
        moved = self._product(self.point, self.space.tree(v))
        z = self.space.flat(moved)
        check_finite(z, self.space, f"{self.name}: the product with a vector")
        return z

    def tree(self, v: Vector) -> Any:
        """A flat vector as a tree of tensors like the point."""
        return self.space.rebuild([Tensor(x) for x in self.space.arrays(v)])

    def along(self, v: Any) -> float:
        """v' A v: for a Hessian and a unit vector, the second derivative along it.

        >>> H = wb.curvature.hessian(lambda x: x[0] ** 2 - x[1] ** 2, np.zeros(2))
        >>> H.along(np.array([0.0, 1.0]))
        -2.0
        """
        flat = self.space.flat(v)
        return float(flat @ self.times(flat))

    def dense(self, limit: int = DENSE) -> _Array:
        """The whole matrix, as it comes out of n products: its asymmetry is their rounding.

        Raises:
            BadInput: it has more than `limit` rows.
        """
        n = self.shape[0]
        if n > limit:
            raise BadInput(
                f"{self.name}: a matrix of {n} rows is not formed (limit={limit}); "
                "use eigenvalues(), trace(), diagonal(), or name another limit"
            )
        return np.stack([self.times(e) for e in np.eye(n)], axis=1)

    def to_linear_operator(self) -> LinearOperator:
        """As SciPy's `LinearOperator`, of float64.

        >>> from scipy.sparse.linalg import cg
        >>> H = wb.curvature.hessian(lambda x: (x * x * np.array([1.0, 4.0])).sum(), np.ones(2))
        >>> cg(H.to_linear_operator(), np.array([2.0, 8.0]))[0]
        array([1., 1.])
        """
        return scipy_operator(self.shape[0], self.times)

    def layers(self) -> dict[str, Operator]:
        """The diagonal block of every layer: of leaves whose names differ in the last step only.

        >>> f = lambda p: (p["a"] ** 2).sum() + 3.0 * p["b"] ** 2
        >>> H = wb.curvature.hessian(f, {"a": np.ones(2), "b": 1.0})
        >>> {name: block.shape for name, block in H.layers().items()}
        {"['a']": (2, 2), "['b']": (1, 1)}
        """
        groups: dict[str, list[int]] = {}
        for k, name in enumerate(self.space.names):
            groups.setdefault(_layer(name), []).append(k)
        return {name: self._block(name, ks) for name, ks in groups.items()}

    def _block(self, layer: str, ks: list[int]) -> Operator:
        def filled(own: list[Any], rest: list[Any]) -> Any:
            places = dict(zip(ks, own, strict=True))
            return self.space.rebuild([places.get(k, x) for k, x in enumerate(rest)])

        def product(point: list[Any], v: list[Any]) -> list[Any]:
            still = [np.zeros_like(x) for x in self.space.leaves]
            z = self._product(filled(point, self.space.leaves), filled(v, still))
            leaves = tree.leaves(z)
            return [leaves[k] for k in ks]

        return Operator(product, [self.space.leaves[k] for k in ks], f"{self.name} of {layer}")

    def __repr__(self) -> str:
        return f"<{self.name}: {self.shape[0]} x {self.shape[1]}>"


def _layer(name: str) -> str:
    """`0.weight` and `0.bias` belong to `0`, `['a']['w']` to `['a']`."""
    cut = max(name.rfind("."), name.rfind("["))
    return name[:cut] if cut > 0 else name


def scipy_operator(n: int, times: Callable[[Vector], Vector]) -> LinearOperator:
    """A symmetric `LinearOperator` of n rows."""

    def column(v: Any) -> Vector:
        return times(np.asarray(v, dtype=np.float64).ravel())

    make: Any = LinearOperator  # its stub knows none of the arguments by name
    return make(shape=(n, n), matvec=column, rmatvec=column, dtype=np.float64)


def operator(a: Any) -> Operator:
    """What is an operator, or can be read as one: a symmetric matrix, SciPy's `LinearOperator`.

    Raises:
        TypeMismatch: it is something else, or not square.
        BadInput: the matrix is not symmetric, or has an entry that is not finite.

    >>> wb.curvature.operator(np.eye(3))
    <matrix: 3 x 3>
    """
    if isinstance(a, Operator):
        return a
    if isinstance(a, LinearOperator):
        rows, columns = a.shape
    else:
        a = _matrix(a)
        rows, columns = a.shape
    if rows != columns:
        raise TypeMismatch(f"operator: the matrix must be square; it is {rows} x {columns}")
    made = Operator(lambda _, v: a @ v, np.zeros(rows), "matrix")
    check_symmetric(made)
    return made


def _matrix(a: Any) -> _Array:
    matrix = np.asarray(a)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise TypeMismatch(
            f"operator: an operator, a real matrix or a LinearOperator is needed, not "
            f"{type(a).__name__} of {matrix.dtype}; write wb.curvature.hessian(f, x)"
        )
    return matrix.astype(np.float64)


def check_symmetric(a: Operator) -> None:
    """Raise `BadInput` where two random vectors tell that A is not symmetric."""
    gap, size = asymmetry(a)
    if gap > 1e3 * a.eps * a.shape[0] * size:
        raise BadInput(
            f"{a.name}: it is not symmetric: u'Av and v'Au differ by {gap:.3g}, where |Av| is "
            f"{size:.3g}; take (A + A.T) / 2"
        )


def asymmetry(a: Operator, seed: int = 0) -> tuple[float, float]:
    """|u'Av - v'Au| for random unit vectors, and the size of A as they see it."""
    u, v = (x / np.linalg.norm(x) for x in np.random.default_rng(seed).normal(size=(2, a.shape[0])))
    au, av = a.times(u), a.times(v)
    return abs(float(u @ av - v @ au)), float(max(np.linalg.norm(au), np.linalg.norm(av)))
