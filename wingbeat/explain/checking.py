"""A derivation, read back line by line: every line is evaluated from its text."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.tensor import asarray
from wingbeat.errors import NotSupported
from wingbeat.explain import _evaluation, expression
from wingbeat.explain._numbers import number
from wingbeat.explain._script import PLAIN, Script
from wingbeat.explain.derivation import Line, derive
from wingbeat.explain.model import Model
from wingbeat.explain.paths import flowing

DIGITS = 1e-4  # what may be lost of a sum whose terms are printed with six digits


@dataclass(frozen=True)
class Checked:
    """A line of a derivation, what its text gives when evaluated, and what the engine gives.

    >>> import wingbeat as wb
    >>> [line.holds for line in wb.explain("x=2*w+b; z=x*x", w=3, b=4).check("b")]
    [True, True, True, True]
    """

    line: Line
    value: float
    expected: float
    scale: float  # of the largest term, to which rounding is in proportion

    @property
    def holds(self) -> bool:
        """Whether both are equal, up to the digits that are printed."""
        if not math.isfinite(self.expected) or not math.isfinite(self.value):
            return self.expected == self.value or (
                math.isnan(self.expected) and math.isnan(self.value)
            )
        digits = DIGITS if self.line.kind in ("numbers", "result") else 1e-9
        return abs(self.value - self.expected) <= digits * max(abs(self.expected), self.scale)


def check(model: Model, wrt: str, simplified: bool = True) -> list[Checked]:
    """Evaluate every line of the derivation by `wrt`, as a reader could do by hand.

    Raises `NotSupported` where the graph has tensors or no values.
    """
    if not model.scalar or any(s.value is None for s in model.steps):
        raise NotSupported("check: derivations of single numbers with values can be evaluated")
    symbols = dict(_symbols(model))
    truths = {s.name for s in model.steps if s.type.startswith("bool")}
    gradients = {s.name: s.gradient for s in model.steps}
    found: list[Checked] = []
    for line in derive(model, wrt, PLAIN, simplified):
        terms = [_evaluated(t, line.kind, symbols, truths) for t in line.terms or (line.right,)]
        scale = max((abs(t) for t in terms if math.isfinite(t)), default=0.0)
        expected = number(gradients[line.of])
        assert expected is not None
        found.append(
            Checked(
                line,
                math.fsum(terms) if np.all(np.isfinite(terms)) else sum(terms),
                expected,
                scale,
            )
        )
    return found


def _symbols(model: Model) -> Iterator[tuple[str, float]]:
    """Everything that can stand in a line, longest first, with its value."""
    script = Script(model, PLAIN)
    found: dict[str, float] = {}
    for s in model.steps:
        found[s.name] = float(s.value)  # type: ignore[arg-type]
        if s.gradient is not None:
            found[script.d(model.result, s.name)] = float(s.gradient)
    for e in flowing(model):
        if e.partial is not None:
            found[script.edge(e)] = e.partial
    yield from sorted(found.items(), key=lambda item: -len(item[0]))


def _evaluated(text: str, kind: str, symbols: Mapping[str, float], truths: Container[str]) -> float:
    """The value of a piece of text, in which symbols stand for numbers, or for conditions."""
    if kind == "result" or re.fullmatch(r"\(?-?(inf|nan)\)?", text):
        return float(text.strip("()"))
    if kind == "numbers":
        return math.prod(float(factor.strip("()")) for factor in _factors(text))
    values: dict[str, Any] = {}

    def placed(match: re.Match[str]) -> str:
        name = f"symbol{len(values)}x"
        values[name] = np.asarray(symbols[match[0]])
        return f"{name} > 0" if match[0] in truths else name

    pattern = "|".join(re.escape(symbol) for symbol in symbols)
    plain = re.sub(rf"(?<![\w.])(?:{pattern})(?![\w.])", placed, text)
    program = expression.parse(f"value = {plain}")
    tensors = {name: asarray(v) for name, v in values.items()}
    return float(_evaluation.run(program, tensors, lambda v: asarray(float(v)))["value"])


def _factors(text: str) -> list[str]:
    return [factor for factor in text.split("*") if factor]
