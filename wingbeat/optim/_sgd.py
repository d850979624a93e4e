"""`SGD`: gradient descent, with or without momentum."""

from __future__ import annotations

from typing import Any

from wingbeat.optim.methods import Rate, check_sgd
from wingbeat.optim.optimizer import Group, Optimizer
from wingbeat.optim.rules import Rule


class SGD(Optimizer):
    """Gradient descent: p - lr g; momentum takes v = momentum v + (1 - dampening) g in place of g.

    Args:
        params: parameters, as `model.parameters()`; or dicts, each with "params" and options of its
            own.
        lr: the learning rate: a number, or a schedule (a function of the number of steps made).
        momentum: 0 for none (Polyak, 1964).
        nesterov: whether g + momentum v is taken in place of v (Sutskever et al., 2013).
        weight_decay: d for g + d p in place of g.
        dampening: taken off the gradient's part in v, except in the first step.

    Raises:
        BadInput: an option out of range, no parameters, or one twice.
        TypeMismatch: something is no parameter, or has requires_grad=False.

    >>> import wingbeat as wb
    >>> w = wb.nn.Parameter([4.0])
    >>> optimizer = wb.optim.SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [2.0]
    """

    def __init__(
        self,
        params: Any,
        lr: Rate,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "dampening": dampening,
        }
        super().__init__(params, options, _sgd)


def _sgd(g: Group) -> Rule:
    return check_sgd(g["momentum"], g["dampening"], g["nesterov"], g["weight_decay"], "SGD")
