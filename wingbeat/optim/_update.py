"""The update of many parameters as one call, which is traced once and replayed in later steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
class _Plan:
    """The update as a function of tensors alone: p, g and slots of each parameter, then all numbers.

    `sets` has the names of each set of numbers, and `chosen` the set that each parameter uses.
    """

    rules: tuple[Rule, ...]
    sets: tuple[tuple[str, ...], ...]
    chosen: tuple[int, ...]

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        count = len(tensors) - sum(map(len, self.sets))
        rest = iter(tensors[count:])
        numbers = [{name: next(rest) for name in names} for names in self.sets]
        operands = iter(tensors[:count])
        results: list[Tensor] = []
        for rule, k in zip(self.rules, self.chosen, strict=True):
            p, g = next(operands), next(operands)
            slots = _taken(rule, operands)
            new, after = rule.update(g, slots, p, numbers[k])
            results += (new, *(after[name] for name in rule.slots))
        return results


def _taken(rule: Rule, values: Iterator[Tensor]) -> Slots:
    return {name: next(values) for name in rule.slots}


def updated(due: Sequence[Due]) -> list[tuple[Tensor, Slots]]:
    """The new value and the new slots of every parameter, not evaluated yet."""
    if not due:
        return []
    sets = {id(d.numbers): d.numbers for d in due}
    places = {key: k for k, key in enumerate(sets)}
    plan = _Plan(
        tuple([d.rule for d in due]),
        tuple([tuple(numbers) for numbers in sets.values()]),
        tuple([places[id(d.numbers)] for d in due]),
    )
    operands = [t for d in due for t in (d.p, d.g, *d.slots.values())]
    operands += [t for numbers in sets.values() for t in numbers.values()]
    results = iter(replay(plan, operands))
    return [(next(results), _taken(d.rule, results)) for d in due]
