"""`Adam` and `AdamW`: every parameter has a rate of its own."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from wingbeat.optim.methods import Rate, check_adam
from wingbeat.optim.optimizer import Group, Optimizer
from wingbeat.optim.rules import Rule


class _Adaptive(Optimizer):
    """What both share: all but where the decay stands, and how large it is by default."""

    _decoupled: ClassVar[bool]
    _decay: ClassVar[float]

    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | None = None,
    ) -> None:
        decay = self._decay if weight_decay is None else weight_decay
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": decay}
        super().__init__(params, options, partial(_rule, self._decoupled, type(self).__name__))


def _rule(decoupled: bool, name: str, g: Group) -> Rule:
    return check_adam(g["betas"], g["eps"], g["weight_decay"], decoupled, name)


class Adam(_Adaptive):
    """p - lr m^ / (sqrt(v^) + eps), m^ and v^ the corrected means of g and g^2.

    Kingma and Ba (2015).

    Args:
        params: parameters, as `model.parameters()`; or dicts, each with "params" and options of its
            own.
        lr: the learning rate: a number, or a schedule (a function of the number of steps made).
        betas: how much of the two means is kept in a step.
        eps: added to the root.
        weight_decay: d for g + d p in place of g; None for 0.

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

    _decoupled, _decay = False, 0.0


class AdamW(_Adaptive):
    """Adam whose decay stands beside the gradient: p (1 - lr d) - lr m^ / (sqrt(v^) + eps).

    Loshchilov and Hutter (2019). Arguments and errors as for `Adam`; without a `weight_decay` d is
    0.01.

    >>> import wingbeat as wb
    >>> w = wb.nn.Parameter([4.0])
    >>> optimizer = wb.optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    2.5
    """

    _decoupled, _decay = True, 1e-2
