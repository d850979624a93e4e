"""`KFAC`: the Fisher matrix of linear layers as Kronecker products, to divide gradients by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from wingbeat import nn
from wingbeat.api import Tensor, asarray, concat, no_grad, ones, reshape, tree, vjp, zeros_like
from wingbeat.curvature._checks import choice
from wingbeat.curvature._likelihoods import LIKELIHOODS
from wingbeat.curvature.second import compiled
from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.nn._checks import whole, within

_Array = np.ndarray[Any, np.dtype[np.float64]]
_EMPTY = np.zeros((0, 0))
EXACT = 16  # outputs up to which the expectation over targets is exact by default


@dataclass(frozen=True)
class Factors:
    """The Fisher matrix of one linear layer is about `gradients` (x) `inputs`.

    Attributes:
        inputs: the mean of a a', where a is the layer's input, with a 1 at the end if it has a
            bias: of shape (in, in) or (in + 1, in + 1).
        gradients: the mean of g g', where g is the gradient of log p by the layer's result: of
            shape (out, out).

    >>> kfac = wb.curvature.KFAC("normal")
    >>> kfac.observe(wb.nn.Linear(2, 3), np.ones((4, 2), "float32"))
    >>> kfac.factors[""].inputs.shape, kfac.factors[""].gradients.shape
    ((3, 3), (3, 3))
    """

    inputs: _Array
    gradients: _Array


class KFAC:
    """A preconditioner: the gradient divided by the Fisher matrix, layer by layer.

    For every `nn.Linear` the Fisher matrix of its weights is taken for a Kronecker product of two
    small ones (Martens and Grosse, 2015), so that dividing by it costs two small systems of
    equations. What the factors are averages over: examples, and targets that the model itself
    expects. Other parameters keep their gradient.

    Args:
        likelihood: what the model's outputs mean, as for `fisher`: "categorical", "bernoulli",
            "normal", "poisson".
        damping: added to the Fisher matrix (in units of its eigenvalues), shared between the
            factors; larger is nearer to the plain gradient.
        decay: how much of the old factors is kept when new examples are observed.
        draws: random sign vectors that stand for the expectation over targets; by default it is
            exact up to 16 outputs, and one draw above.
        seed: of the draws.

    Raises:
        BadInput: an argument is out of its range.

    >>> x, y = np.random.default_rng(0).normal(size=(2, 64, 3)).astype("float32")
    >>> model = wb.nn.Linear(3, 3)
    >>> loss = lambda m: ((m(x) - y) ** 2).sum() / (2 * len(x))
    >>> kfac = wb.curvature.KFAC("normal", damping=1e-10)
    >>> kfac.observe(model, x)
    >>> step = kfac.precondition(wb.grad(loss)(model))
    >>> minimum = wb.tree.map(lambda p, s: p - s, model, step)  # Newton's step, for one layer
    >>> float(wb.norm(wb.grad(loss)(minimum).weight)) < 1e-4
    True
    """

    def __init__(
        self,
        likelihood: str,
        *,
        damping: float = 1e-3,
        decay: float = 0.95,
        draws: int | None = None,
        seed: int = 0,
    ) -> None:
        self.likelihood = choice(likelihood, LIKELIHOODS, "likelihood", "KFAC")
        self.damping = within(damping, 1e-30, 1e30, "damping", "KFAC")
        self.decay = within(decay, 0.0, 1.0, "decay", "KFAC")
        self.draws = None if draws is None else whole(draws, "draws", "KFAC")
        self.factors: dict[str, Factors] = {}
        self._rng = np.random.default_rng(seed)
        self._forward = compiled(_forward)
        self._backward = compiled(self._pulled)

    # --- the factors -----------------------------------------------------------------------------

    def observe(self, model: Any, x: Any) -> None:
        """Take the factors of a batch of inputs into the running averages.

        Raises:
            TypeMismatch: no module, or one without linear layers; its result is no array with one
                row per example.
            BadInput: a factor is not finite.
        """
        if not isinstance(model, nn.Module):
            raise TypeMismatch(f"KFAC: a model is an nn.Module, not {type(model).__name__}")
        if not any(True for _ in _linear(model)):
            raise TypeMismatch("KFAC: the model has no nn.Linear, whose Fisher matrix it factors")
        with no_grad():
            z, names, inputs, zeros = self._forward(model, x)
            if not isinstance(z, Tensor) or z.ndim < 2:
                got = z.type if isinstance(z, Tensor) else type(z).__name__
                raise TypeMismatch(f"KFAC: the model's result is one row per example, not {got}")
            sweeps = [self._backward(model, x, zeros, e) for e in self._directions(z)]
        found: dict[str, Factors] = {}
        for k, name in enumerate(names):  # a layer that is called twice has the sum
            gradients = np.sum([_matrix(sweep[k]) for sweep in sweeps], axis=0)
            new = Factors(_matrix(inputs[k]), gradients)
            found[name] = _added(found[name], new) if name in found else new
        for name, new in found.items():
            if not (np.isfinite(new.inputs).all() and np.isfinite(new.gradients).all()):
                raise BadInput(f"KFAC: what layer {name or 'itself'} sees is not finite")
            old = self.factors.get(name)
            mixed = new if old is None else _added(old, new, self.decay, 1.0 - self.decay)
            self.factors[name] = mixed

    def _directions(self, z: Tensor) -> list[_Array]:
        """What stands for targets: every unit vector of an example's outputs, or random signs."""
        outputs = int(np.prod(z.shape[1:]))
        draws = self.draws if self.draws or outputs <= EXACT else 1
        if draws is None:
            units = np.eye(outputs).reshape(outputs, 1, *z.shape[1:])
            return [np.broadcast_to(u, z.shape).astype(z.dtype) for u in units]
        signs = self._rng.choice([-1.0, 1.0], size=(draws, *z.shape)) / np.sqrt(draws)
        return list(signs.astype(z.dtype))

    def _pulled(self, model: Any, x: Any, zeros: list[Any], e: Any) -> list[Tensor]:
        """g' g of every call of a linear layer: a zero is added to its result, and g is by that."""

        def run(added: list[Any]) -> Any:
            return _watched(model, [], iter(added))(x)

        z, pullback = vjp(run, zeros)
        gradients = pullback(LIKELIHOODS[self.likelihood].root(z, asarray(e)))[0]
        return [_square(g) / z.shape[0] for g in gradients]

    # --- dividing by them ------------------------------------------------------------------------

    def precondition(self, gradient: Any) -> Any:
        """The gradient, a module as `wb.grad` returns it, divided by the damped factors.

        Raises:
            TypeMismatch: the gradient is no module, or not of the model's form.
            BadInput: nothing was observed yet.
        """
        if not self.factors:
            raise BadInput("KFAC: nothing was observed yet; call observe(model, x) first")
        if not isinstance(gradient, nn.Module):
            raise TypeMismatch(
                f"KFAC: the gradient is a module like the model, not {type(gradient).__name__}; "
                "write wb.grad(loss)(model), or wb.tree.map(lambda p: p.grad, model)"
            )
        leaves, rebuild = tree.flatten(gradient)
        names = [name for name, _ in gradient.named_parameters()]
        values = {n: np.asarray(g) for n, g in zip(names, leaves, strict=True)}
        for name, factors in self.factors.items():
            weight, bias = (f"{name}.{part}".lstrip(".") for part in ("weight", "bias"))
            own = [n for n in (weight, bias) if n in values]
            joined = np.hstack([values[n].reshape(len(values[n]), -1) for n in own] or [_EMPTY])
            if joined.shape != (len(factors.gradients), len(factors.inputs)):
                raise TypeMismatch(
                    f"KFAC: the gradient at layer {name or 'itself'} has shape {joined.shape}, the "
                    f"observed layer {(len(factors.gradients), len(factors.inputs))}"
                )
            cut = [values[weight].shape[1]] if len(own) == 2 else []
            divided = self._divided(joined.astype(np.float64), factors)
            for n, part in zip(own, np.split(divided, cut, axis=1), strict=True):
                values[n] = part.reshape(values[n].shape).astype(values[n].dtype)
        return rebuild([asarray(values[n]) for n in names])

    def _divided(self, gradient: _Array, f: Factors) -> _Array:
        """(G + damping)^-1 g (A + damping)^-1, the damping shared by the factors' mean sizes."""
        sizes = [max(float(np.trace(m)) / len(m), 1e-30) for m in (f.inputs, f.gradients)]
        balance, root = np.sqrt(sizes[0] / sizes[1]), np.sqrt(self.damping)
        a = f.inputs + balance * root * np.eye(len(f.inputs))
        g = f.gradients + root / balance * np.eye(len(f.gradients))
        half = cho_solve(cho_factor(g), gradient)
        return cho_solve(cho_factor(a), half.T).T


def _linear(model: Any) -> Iterator[tuple[str, Any]]:
    for name, layer in model.named_modules():
        if type(layer) is nn.Linear:
            yield name, layer


def _forward(model: Any, x: Any) -> tuple[Any, list[str], list[Tensor], list[Tensor]]:
    """The model's result; of every call of a linear layer its name, a'a, and zeros like y."""
    calls: list[_Call] = []
    z = _watched(model, calls, None)(x)
    squares = [_square(call.a) / max(_rows(call.a).shape[0], 1) for call in calls]
    return z, [call.name for call in calls], squares, [zeros_like(call.y) for call in calls]


class _Call(NamedTuple):
    """A call of a linear layer: what went in (with a 1 where there is a bias) and out."""

    name: str
    a: Tensor
    y: Tensor


def _watched(model: Any, calls: list[_Call], zeros: Iterator[Any] | None) -> Any:
    """A copy of the model whose linear layers note what goes in and out, and add the next zero."""
    leaves, rebuild = tree.flatten(model)
    copy = rebuild(leaves)
    for name, layer in _linear(copy):

        def forward(x: Any, name: str = name, layer: Any = layer) -> Any:
            y = nn.Linear.forward(layer, x)
            if zeros is not None:
                y = y + next(zeros)
            a = _rows(asarray(x))
            if layer.bias is not None:
                a = concat([a, ones((a.shape[0], 1), dtype=a.dtype)], axis=1)
            calls.append(_Call(name, a, y))
            return y

        object.__setattr__(layer, "forward", forward)
    return copy


def _rows(x: Tensor) -> Tensor:
    return reshape(x, (-1, x.shape[-1]))


def _square(x: Tensor) -> Tensor:
    rows = _rows(x)
    return rows.T @ rows


def _matrix(x: Any) -> _Array:
    return np.asarray(x, dtype=np.float64)


def _added(x: Factors, y: Factors, p: float = 1.0, q: float = 1.0) -> Factors:
    return Factors(p * x.inputs + q * y.inputs, p * x.gradients + q * y.gradients)
