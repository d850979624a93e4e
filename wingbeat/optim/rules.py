"""The pieces of optimisers: pure functions of one parameter's gradient, memory and value.

A `Rule` turns a gradient into something better to subtract, and its memory of earlier gradients
into the next one. `chain` puts rules in a row; the last one, `descend`, gives the parameter's new
value:

    SGD     chain(add_decay, momentum, descend)
    Adam    chain(add_decay, scale_by_adam, descend)
    AdamW   chain(scale_by_adam, descend with decay)

What differs from step to step (rates, corrections) are `numbers`: they enter the graph as 0-d
tensors, so that every step runs one and the same program. What stays (betas, eps) is part of the
program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, sqrt
from wingbeat.errors import BadInput

Slots = dict[str, Tensor]
Numbers = dict[str, float]
Update = Callable[[Tensor, Slots, Tensor, Mapping[str, Tensor]], tuple[Tensor, Slots]]


def _no_numbers(step: int, known: Numbers) -> Numbers:
    return known


@dataclass(frozen=True, eq=False)
class Rule:
    """Two pure functions, and the numbers that they need.

    `slots` names the memory that a parameter has: tensors like it, which begin at 0. `update(g,
    slots, p, numbers)` returns what goes on to the next rule, and the new slots. `numbers(step,
    known)` adds to the numbers of step 1, 2, ..., which begin as {"lr": ..., "rate": ...}.

    >>> import wingbeat as wb
    >>> wb.optim.scale_by_adam().slots
    ('mean', 'square')
    """

    update: Update
    slots: tuple[str, ...] = ()
    numbers: Callable[[int, Numbers], Numbers] = _no_numbers

    def init(self, p: Tensor) -> Slots:
        """The memory of a parameter before the first step."""
        return {name: asarray(np.zeros(p.shape, p.dtype)) for name in self.slots}

    def at(self, step: int, lr: float, dtype: Any) -> dict[str, Tensor]:
        """The numbers of a step as 0-d tensors of a parameter's dtype."""
        values = self.numbers(step, {"lr": lr, "rate": lr})
        return {name: asarray(np.asarray(v, dtype)) for name, v in values.items() if name != "lr"}


def chain(*rules: Rule) -> Rule:
    """Rules one after the other: each takes what the one before returned.

    Raises:
        BadInput: two rules call their memory by one name.

    >>> import wingbeat as wb
    >>> wb.optim.chain(wb.optim.momentum(0.9), wb.optim.descend()).slots
    ('velocity',)
    """
    names = [name for rule in rules for name in rule.slots]
    if len(set(names)) != len(names):
        raise BadInput(f"chain: two rules share the name of a slot: {', '.join(names)}")

    def update(
        g: Tensor, slots: Slots, p: Tensor, numbers: Mapping[str, Tensor]
    ) -> tuple[Tensor, Slots]:
        new: Slots = {}
        for rule in rules:
            g, part = rule.update(g, slots, p, numbers)
            new |= part
        return g, new

    def numbers(step: int, known: Numbers) -> Numbers:
        for rule in rules:
            known = rule.numbers(step, known)
        return known

    return Rule(update, tuple(names), numbers)


def add_decay(decay: float) -> Rule:
    """g + decay p: the gradient of decay/2 |p|^2 added to the loss's.

    >>> import wingbeat as wb
    >>> one = wb.asarray(1.0)
    >>> wb.optim.add_decay(0.5).update(one, {}, 4.0 * one, {})
    (tensor(3.), {})
    """
    return Rule(lambda g, slots, p, n: (g + p * decay if decay else g, {}))


def momentum(beta: float, dampening: float = 0.0, nesterov: bool = False) -> Rule:
    """v = beta v + (1 - dampening) g, and v goes on; with `nesterov`, g + beta v does.

    Polyak (1964); Nesterov's form as in Sutskever et al. (2013). In the first step v = g,
    undampened, as in PyTorch.

    >>> import wingbeat as wb
    >>> rule = wb.optim.momentum(0.9)
    >>> rule.update(wb.asarray(1.0), {"velocity": wb.asarray(2.0)}, wb.asarray(0.0), {})[0]
    tensor(2.8)
    """

    def update(
        g: Tensor, slots: Slots, p: Tensor, numbers: Mapping[str, Tensor]
    ) -> tuple[Tensor, Slots]:
        fresh = g * numbers["fresh"] if dampening else g
        v = slots["velocity"] * beta + fresh
        return (g + v * beta if nesterov else v), {"velocity": v}

    def numbers(step: int, known: Numbers) -> Numbers:
        return known | {"fresh": 1.0 if step == 1 else 1.0 - dampening} if dampening else known

    return Rule(update, ("velocity",), numbers)


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Rule:
    """m / (sqrt(v) / sqrt(1 - b2^t) + eps), with the rate over 1 - b1^t.

    Kingma and Ba (2015), algorithm 1. m and v are running means of g and g^2; the divisions by 1 -
    b^t correct for their beginning at 0.

    >>> import wingbeat as wb
    >>> rule = wb.optim.scale_by_adam(0.5, 0.5)
    >>> rule.numbers(1, {"lr": 0.1, "rate": 0.1})["rate"]
    0.2
    """

    def update(
        g: Tensor, slots: Slots, p: Tensor, numbers: Mapping[str, Tensor]
    ) -> tuple[Tensor, Slots]:
        m = slots["mean"] + (g - slots["mean"]) * (1.0 - b1)
        v = slots["square"] * b2 + g * g * (1.0 - b2)
        return m / (sqrt(v) / numbers["root"] + eps), {"mean": m, "square": v}

    def numbers(step: int, known: Numbers) -> Numbers:
        rate = known["rate"] / (1.0 - b1**step)
        return known | {"rate": rate, "root": math.sqrt(1.0 - b2**step)}

    return Rule(update, ("mean", "square"), numbers)


def descend(decay: float = 0.0) -> Rule:
    """The parameter's new value: p - rate g; with `decay`, p is first multiplied by 1 - lr decay.

    The decay beside the gradient is that of AdamW: Loshchilov and Hutter (2019).

    >>> import wingbeat as wb
    >>> rule = wb.optim.descend()
    >>> rule.update(wb.asarray(2.0), {}, wb.asarray(1.0), {"rate": wb.asarray(0.25)})
    (tensor(0.5), {})
    """

    def update(
        g: Tensor, slots: Slots, p: Tensor, numbers: Mapping[str, Tensor]
    ) -> tuple[Tensor, Slots]:
        return (p * numbers["shrink"] if decay else p) - g * numbers["rate"], {}

    def numbers(step: int, known: Numbers) -> Numbers:
        return known | {"shrink": 1.0 - known["lr"] * decay} if decay else known

    return Rule(update, (), numbers)
