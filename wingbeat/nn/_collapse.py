"""Without activations, a deep network is one linear map."""

from __future__ import annotations

from typing import Any, NamedTuple

from wingbeat.api import Tensor, no_grad, zeros
from wingbeat.errors import TypeMismatch
from wingbeat.nn.activations import Identity
from wingbeat.nn.containers import ModuleList, Sequential
from wingbeat.nn.linear import Linear


class LinearMap(NamedTuple):
    """y = x W' + b."""

    weight: Tensor
    bias: Tensor


def collapse(model: Any) -> LinearMap:
    """The one W (outputs, inputs) and b (outputs,) that a chain of `Linear` layers amounts to.

    W = Wk ... W2 W1, and b is what the chain makes of 0: Wk (... (W2 b1 + b2) ...) + bk.

    Args:
        model: a `Sequential` (nested ones too), or a list, of `Linear` and `Identity`.

    Raises:
        TypeMismatch: a layer is not linear (the first such one is named), or there is none.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(4, 5), wb.nn.Linear(5, 3), wb.nn.Linear(3, 2))
    >>> w, b = wb.nn.collapse(model)
    >>> w.shape, b.shape
    ((2, 4), (2,))
    """
    layers = _flat(model, "")
    if not layers:
        raise TypeMismatch("collapse: there is no Linear layer in this model")
    with no_grad():
        w, b = _map(layers[0])
        for layer in layers[1:]:
            v, c = _map(layer)
            if v.shape[1] != w.shape[0]:
                raise TypeMismatch(
                    f"collapse: {layer!r} cannot follow a layer with {w.shape[0]} outputs"
                )
            w, b = v @ w, v @ b + c
        return LinearMap(w, b)


def _map(layer: Linear) -> tuple[Tensor, Tensor]:
    w = layer.weight.detach()
    return w, zeros(w.shape[0], dtype=w.dtype) if layer.bias is None else layer.bias.detach()


def _flat(model: Any, prefix: str) -> list[Linear]:
    if isinstance(model, Sequential | ModuleList):
        children = list(model.named_children())
    elif isinstance(model, list | tuple):
        children = [(str(k), layer) for k, layer in enumerate(model)]
    else:
        children = [("", model)]
    found: list[Linear] = []
    for name, layer in children:
        full = ".".join(filter(None, (prefix, name)))
        if isinstance(layer, Linear):
            found.append(layer)
        elif isinstance(layer, Sequential | ModuleList | list | tuple):
            found += _flat(layer, full)
        elif not isinstance(layer, Identity):
            where = f"layer {full}, " if full else ""
            raise TypeMismatch(
                f"collapse: {where}{layer!r}, is not linear, so the model is no linear map"
            )
    return found
