"""The update of one parameter as one call, which is traced once and replayed in later steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from wingbeat.api import Tensor
from wingbeat.api.replay import replay
from wingbeat.optim.rules import Rule, Slots


class Due(NamedTuple):
    """A parameter that is to be changed, with all that its new value depends on."""

    rule: Rule
    p: Tensor
    g: Tensor
    slots: Slots
    numbers: dict[str, Tensor]


@dataclass(frozen=True)
class _Call:
    """A rule as a function of tensors alone: p, g, the slots, then the numbers of these names."""

    rule: Rule
    names: tuple[str, ...]

    def __call__(self, p: Tensor, g: Tensor, *rest: Tensor) -> list[Tensor]:
        count = len(self.rule.slots)
        slots = dict(zip(self.rule.slots, rest[:count], strict=True))
        numbers = dict(zip(self.names, rest[count:], strict=True))
        new, after = self.rule.update(g, slots, p, numbers)
        return [new, *(after[name] for name in self.rule.slots)]


def updated(due: Due) -> tuple[Tensor, Slots]:
    """The new value and the new slots of a parameter, not evaluated yet."""
    rule, p, g, slots, numbers = due
    call = _Call(rule, tuple(numbers))
    new, *after = replay(call, [p, g, *(slots[name] for name in rule.slots), *numbers.values()])
    return new, dict(zip(rule.slots, after, strict=True))
