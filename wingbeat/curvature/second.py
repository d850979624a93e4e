"""Operators of second derivatives: Hessian, Gauss-Newton, Fisher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wingbeat.api import hvp, jit
from wingbeat.curvature._checks import function
from wingbeat.curvature.operator import Operator
from wingbeat.errors import NoValue

F = Callable[..., Any]


def hessian(f: F, point: Any, *data: Any) -> Operator:
    """The second derivatives of a scalar f(point, *data) by `point`, as an operator.

    A product with a vector is one forward over one reverse sweep, compiled once; a function that
    reads values while it runs (`if x > 0:`) is run as it is.

    Args:
        f: a function of a tree, and of data, with a scalar result.
        point: an array, a number, a tree of them, an `nn.Module`.
        data: further arguments, which no derivative is taken by.

    Raises:
        TypeMismatch: `f` is no function of a scalar result, or the point is not made of floats.
        BadInput: the point, or a product, is not finite.

    >>> f = lambda x: 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    >>> H = wb.curvature.hessian(f, np.array([1.0, 1.0]))
    >>> H @ np.array([1.0, 0.0])
    array([ 802., -400.])
    """
    function(f, "hessian")
    product = compiled(lambda x, v, rest: hvp(lambda p: f(p, *rest), (x,), (v,)))
    return Operator(lambda x, v: product(x, v, data), point, "hessian")


def compiled(f: F) -> F:
    """`f` under `jit`; as it is, where it needs the value of something that it computes."""
    chosen = [jit(f)]

    def run(*args: Any) -> Any:
        try:
            return chosen[0](*args)
        except NoValue:
            if chosen[0] is f:
                raise
            chosen[0] = f  # type: ignore[list-item]
            return f(*args)

    return run
