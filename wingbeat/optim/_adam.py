"""`Adam` and `AdamW`: every parameter has a rate of its own."""

from __future__ import annotations

from typing import Any

from wingbeat.optim.methods import Rate, check_adam
from wingbeat.optim.optimizer import Group, Optimizer
from wingbeat.optim.rules import Rule


class Adam(Optimizer):
    """p - lr m^ / (sqrt(v^) + eps), m^ and v^ the corrected means of g and g^2.

    Kingma and Ba (2015).

    Args:
        params: parameters, as `model.parameters()`; or dicts, each with "params" and options of its
            own.
        lr: the learning rate: a number, or a schedule (a function of the number of steps made).
        betas: how much of the two means is kept in a step.
        eps: added to the root.
        weight_decay: d for g + d p in place of g.

    Raises:
        BadInput: an option out of range, no parameters, or one twice.
        TypeMismatch: something is no parameter, or has requires_grad=False.

    >>> import wingbeat as wb
    >>> w = wb.nn.Parameter([4.0])
    >>> optimizer = wb.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    3.5
    """

    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options, _adam)


def _adam(g: Group) -> Rule:
    return check_adam(g["betas"], g["eps"], g["weight_decay"], False, "Adam")


class AdamW(Optimizer):
    """Adam whose decay stands beside the gradient: p (1 - lr d) - lr m^ / (sqrt(v^) + eps).

    Loshchilov and Hutter (2019). Arguments and errors as for `Adam`.

    >>> import wingbeat as wb
    >>> w = wb.nn.Parameter([4.0])
    >>> optimizer = wb.optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    2.5
    """

    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options, _adamw)


def _adamw(g: Group) -> Rule:
    return check_adam(g["betas"], g["eps"], g["weight_decay"], True, "AdamW")
