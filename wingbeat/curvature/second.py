"""Operators of second derivatives: Hessian, Gauss-Newton, Fisher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wingbeat.api import Tensor, hvp, jit, jvp, vjp, vmap
from wingbeat.curvature._checks import choice, function
from wingbeat.curvature._likelihoods import LIKELIHOODS
from wingbeat.curvature.operator import Operator
from wingbeat.errors import BadInput, NoValue, TypeMismatch

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
        TypeMismatch: `f` is no function, its result is no scalar (when multiplied), or the point is
            not made of floats.
        BadInput: the point, or a product, is not finite.

    >>> f = lambda x: 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    >>> H = wb.curvature.hessian(f, np.array([1.0, 1.0]))
    >>> H @ np.array([1.0, 0.0])
    array([ 802., -400.])
    """
    function(f, "hessian")
    product = compiled(lambda x, v, rest: hvp(lambda p: f(p, *rest), (x,), (v,)))
    return Operator(lambda x, v: product(x, v, data), point, "hessian")


def gauss_newton(predict: F, loss: F, point: Any) -> Operator:
    """J' H J: the Hessian of loss(predict(point)) without the curvature of `predict`.

    J is the Jacobian of `predict`, H the Hessian of the loss by what was predicted. Where the loss
    is convex, no eigenvalue is negative.

    Args:
        predict: from a tree like `point` to outputs (a tree).
        loss: from outputs to a scalar.
        point: a tree of floats, an `nn.Module`.

    Raises:
        As for `hessian`.

    >>> x, y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0])
    >>> predict = lambda w: w[0] * np.exp(w[1] * x)
    >>> G = wb.curvature.gauss_newton(predict, lambda z: ((z - y) ** 2).sum(), np.array([1.0, 0.0]))
    >>> G.dense()  # 2 J'J
    array([[ 6.,  6.],
           [ 6., 10.]])
    """
    function(predict, "gauss_newton")
    function(loss, "gauss_newton")
    return _pulled(predict, lambda z, t: hvp(loss, (z,), (t,)), point, "gauss-newton")


def _pulled(predict: F, metric: F, point: Any, name: str) -> Operator:
    """J' M J, where `metric(z, t)` is M t at the outputs z."""

    def product(x: Any, v: Any) -> Any:
        z, pullback = vjp(predict, x)
        t = jvp(predict, (x,), (v,))[1]
        return pullback(metric(z, t))[0]

    return Operator(compiled(product), point, name)


# --- Fisher -------------------------------------------------------------------------------------


def fisher(predict: F, point: Any, likelihood: str) -> Operator:
    """The true Fisher information: the mean of grad log p grad log p' over what the model expects.

    The expectation is over targets that the model itself holds for likely, in closed form; no
    label takes part.

    Args:
        predict: from a tree like `point` to outputs, one example per row.
        point: a tree of floats, an `nn.Module`.
        likelihood: what the outputs mean: "categorical" and "bernoulli" (logits), "normal" (the
            mean, of variance 1), "poisson" (the logarithm of the rate).

    Raises:
        As for `hessian`; BadInput for another likelihood.

    >>> x = np.array([[1.0], [2.0]])
    >>> wb.curvature.fisher(lambda w: x @ w, np.zeros((1, 1)), "bernoulli").dense()
    array([[0.625]])
    """
    function(predict, "fisher")
    metric = LIKELIHOODS[choice(likelihood, LIKELIHOODS, "likelihood", "fisher")].metric

    def mean(z: Any, t: Any) -> Any:
        return metric(z, t) / _examples(z)

    return _pulled(predict, mean, point, "fisher")


def _examples(z: Any) -> int:
    if not isinstance(z, Tensor) or not z.ndim or not z.shape[0]:
        got = z.type if isinstance(z, Tensor) else type(z).__name__
        raise TypeMismatch(f"fisher: the outputs are an array, one example per row, not {got}")
    return z.shape[0]


def empirical_fisher(losses: F, point: Any) -> Operator:
    """The mean of g_i g_i' over examples, g_i being the gradient of example i's own loss.

    Args:
        losses: from a tree like `point` to an array of shape (N,): the loss of every example.
        point: a tree of floats, an `nn.Module`.

    Raises:
        As for `hessian`.

    >>> x, y = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    >>> wb.curvature.empirical_fisher(lambda w: (w * x - y) ** 2 / 2, 0.0).dense()  # (1 + 4) / 2
    array([[2.5]])
    """
    function(losses, "empirical_fisher")
    return _pulled(losses, lambda z, t: t / _each(z), point, "empirical fisher")


def _each(z: Any) -> int:
    if not isinstance(z, Tensor) or z.ndim != 1 or not z.shape[0]:
        got = z.type if isinstance(z, Tensor) else type(z).__name__
        raise TypeMismatch(
            f"empirical_fisher: the function returns one loss per example, shape (N,), not {got}; "
            "use a loss that does not reduce"
        )
    return z.shape[0]


# --- networks -----------------------------------------------------------------------------------


def network(
    loss: F, model: Any, x: Any, y: Any, kind: str = "hessian", likelihood: str | None = None
) -> Operator:
    """Curvature of loss(model(x), y) by the parameters of a model.

    Args:
        loss: a scalar of outputs and targets, a mean over examples: `nn.CrossEntropyLoss()`.
        model: an `nn.Module`, or anything else that is a tree of floats and can be called.
        x: inputs, one example per row.
        y: targets, likewise.
        kind: "hessian", "gauss-newton", "fisher" (true), "empirical fisher".
        likelihood: for "fisher", as there.

    Raises:
        As for `hessian`; BadInput for another kind, or no likelihood for "fisher".

    >>> model = wb.nn.Linear(2, 3)
    >>> x, y = np.ones((4, 2), "float32"), np.array([0, 1, 2, 0])
    >>> wb.curvature.network(wb.nn.CrossEntropyLoss(), model, x, y, "gauss-newton")
    <gauss-newton: 9 x 9>
    """
    function(loss, "network")
    function(model, "network")
    return KINDS[choice(kind, KINDS, "kind", "network")](loss, model, x, y, likelihood)


def _network_fisher(loss: F, model: Any, x: Any, y: Any, likelihood: str | None) -> Operator:
    if likelihood is None:
        raise BadInput(
            f"network: the true Fisher matrix needs a likelihood, one of {', '.join(LIKELIHOODS)}"
        )
    return fisher(lambda m: m(x), model, likelihood)


def _network_empirical(loss: F, model: Any, x: Any, y: Any, likelihood: str | None) -> Operator:
    def losses(m: Any) -> Any:
        return vmap(lambda a, b: loss(m(a[None]), b[None]))(x, y)

    return empirical_fisher(losses, model)


KINDS: dict[str, F] = {
    "hessian": lambda loss, m, x, y, _: hessian(lambda p: loss(p(x), y), m),
    "gauss-newton": lambda loss, m, x, y, _: gauss_newton(lambda p: p(x), lambda z: loss(z, y), m),
    "fisher": _network_fisher,
    "empirical fisher": _network_empirical,
}


def compiled(f: F) -> F:
    """`f` under `jit`; as it is, where it needs the value of something that it computes."""
    chosen: list[F] = [jit(f)]

    def run(*args: Any) -> Any:
        try:
            return chosen[0](*args)
        except NoValue:
            if chosen[0] is f:
                raise
            chosen[0] = f
            return f(*args)

    return run
