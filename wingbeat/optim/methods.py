"""Optimisers as two pure functions of trees: `init(params)` and `update(grads, state, params)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from wingbeat.api import Tensor, asarray, no_grad, tree
from wingbeat.errors import TypeMismatch
from wingbeat.optim import _checks, rules
from wingbeat.optim._update import Due, updated
from wingbeat.optim.rules import Rule, Slots

Rate = float | Callable[[int], float]


class State(NamedTuple):
    """How many steps were made, and each parameter's memory, in the order of the leaves."""

    step: int
    slots: list[Slots]


def rate_at(lr: Rate, step: int, operation: str) -> float:
    """The learning rate after `step` steps."""
    return _checks.number(lr(step), "lr", operation) if callable(lr) else lr


@dataclass(frozen=True)
class Method:
    """An optimiser without parameters of its own: state goes in and comes out.

    `params` is any tree: a dict of arrays, an `nn.Module`; `grads` is a tree of the same form, as
    `wb.grad` returns it.

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> method = wb.optim.sgd(0.25)
    >>> params = {"w": np.array([4.0])}
    >>> state = method.init(params)
    >>> for _ in range(2):
    ...     grads = wb.grad(lambda p: (p["w"] ** 2).sum())(params)
    ...     params, state = method.update(grads, state, params)
    >>> params, state.step
    ({'w': tensor([1.])}, 2)
    """

    rule: Rule
    lr: Rate

    def init(self, params: Any) -> State:
        """The state before the first step."""
        return State(0, [self.rule.init(asarray(p)) for p in tree.leaves(params)])

    def update(self, grads: Any, state: State, params: Any) -> tuple[Any, State]:
        """New parameters (a tree like `params`) and the new state; one program evaluates both.

        Raises:
            TypeMismatch: the trees differ in form, or a gradient in type from its parameter.
        """
        leaves, rebuild = tree.flatten(params)
        gradients = tree.leaves(grads)
        if not len(leaves) == len(gradients) == len(state.slots):
            raise TypeMismatch(
                f"update: {len(leaves)} parameters, {len(gradients)} gradients and the memory of "
                f"{len(state.slots)}; all three must have one form"
            )
        step = state.step + 1
        lr = rate_at(self.lr, state.step, "update")
        numbers: dict[Any, dict[str, Tensor]] = {}
        due: list[Due] = []
        for k, (leaf, gradient, slots) in enumerate(
            zip(leaves, gradients, state.slots, strict=True)
        ):
            p, g = asarray(leaf), asarray(gradient)
            if g.type is not p.type:
                raise TypeMismatch(f"update: gradient {k} is {g.type}, its parameter {p.type}")
            if p.dtype not in numbers:
                numbers[p.dtype] = self.rule.at(step, lr, p.dtype)
            due.append(Due(self.rule, p, g, slots, numbers[p.dtype]))
        with no_grad():
            new = [updated(d) for d in due]
        for value, slots in new:
            for t in (value, *slots.values()):
                t.numpy()  # the first evaluates all
        return rebuild([value for value, _ in new]), State(step, [slots for _, slots in new])


@lru_cache(maxsize=64)
def sgd_rule(momentum: float, dampening: float, nesterov: bool, decay: float) -> Rule:
    """The rule of SGD; no more pieces than are needed."""
    pieces = [rules.add_decay(decay)] if decay else []
    if momentum:
        pieces.append(rules.momentum(momentum, dampening, nesterov))
    return rules.chain(*pieces, rules.descend())


@lru_cache(maxsize=64)
def adam_rule(b1: float, b2: float, eps: float, decay: float, decoupled: bool) -> Rule:
    """The rule of Adam, or with `decoupled` of AdamW."""
    scale = rules.scale_by_adam(b1, b2, eps)
    if decoupled:
        return rules.chain(scale, rules.descend(decay))
    return rules.chain(*([rules.add_decay(decay)] if decay else []), scale, rules.descend())


def check_sgd(momentum: Any, dampening: Any, nesterov: Any, decay: Any, name: str) -> Rule:
    """The rule of SGD for arguments as a user gave them."""
    m = _checks.number(momentum, "momentum", name)
    d = _checks.number(dampening, "dampening", name)
    if nesterov and (m == 0.0 or d != 0.0):
        raise _checks.BadInput(
            f"{name}: nesterov needs momentum > 0 and dampening = 0; got momentum={m:g}, "
            f"dampening={d:g}"
        )
    return sgd_rule(m, d, bool(nesterov), _checks.number(decay, "weight_decay", name))


def check_adam(betas: Any, eps: Any, decay: Any, decoupled: bool, name: str) -> Rule:
    """The rule of Adam for arguments as a user gave them."""
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise _checks.BadInput(f"{name}: betas are two numbers, as (0.9, 0.999), not {betas!r}")
    b1, b2 = (_checks.number(b, f"betas[{k}]", name, below=1.0) for k, b in enumerate(betas))
    return adam_rule(
        b1,
        b2,
        _checks.number(eps, "eps", name),
        _checks.number(decay, "weight_decay", name),
        decoupled,
    )


def sgd(
    lr: Rate,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    dampening: float = 0.0,
) -> Method:
    """Gradient descent, with or without momentum, as pure functions; arguments as for `SGD`.

    >>> import wingbeat as wb
    >>> wb.optim.sgd(0.5).update([wb.asarray(1.0)], wb.optim.sgd(0.5).init([1.0]), [1.0])[0]
    [tensor(0.5)]
    """
    rule = check_sgd(momentum, dampening, nesterov, weight_decay, "sgd")
    return Method(rule, _checks.rate(lr, "sgd"))


def adam(
    lr: Rate = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Method:
    """Adam as pure functions; arguments as for `Adam`.

    >>> import wingbeat as wb
    >>> method = wb.optim.adam(0.5, eps=0.0)
    >>> method.update([wb.asarray(3.0)], method.init([1.0]), [1.0])[0]
    [tensor(0.5)]
    """
    return Method(check_adam(betas, eps, weight_decay, False, "adam"), _checks.rate(lr, "adam"))


def adamw(
    lr: Rate = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> Method:
    """AdamW as pure functions; arguments as for `AdamW`.

    >>> import wingbeat as wb
    >>> method = wb.optim.adamw(0.5, eps=0.0, weight_decay=1.0)
    >>> method.update([wb.asarray(3.0)], method.init([1.0]), [1.0])[0]
    [tensor(0.)]
    """
    return Method(check_adam(betas, eps, weight_decay, True, "adamw"), _checks.rate(lr, "adamw"))
