"""What a gradient says, in plain words: its meaning, its ways, a small change, what matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wingbeat.explain._numbers import show
from wingbeat.explain.words import Said, say

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation
    from wingbeat.explain.paths import Paths
    from wingbeat.explain.what_if import WhatIf

RANKED = 6  # inputs that are compared by name
NOTABLE = 0.01  # of what the ways bring is lost, before that is worth a sentence


def many(count: int) -> str:
    """A count, by its first digits where it has too many to be read.

    >>> many(12), many(2**100)
    ('12', '≈1.27e+30')
    """
    if count < 10**9:
        return str(count)
    exponent = int(math.log10(count))
    return f"≈{10 ** (math.log10(count) - exponent):.2f}e+{exponent}"


def meaning(explanation: Explanation, name: str) -> Said | None:
    """What the derivative by `name` says; None where there is no number."""
    gradient, z = explanation.step(name).gradient, explanation.model.result
    if gradient is None or gradient.ndim or not math.isfinite(gradient):
        return None
    if name in explanation.model.by_convention:
        return say("agreed", x=name, z=z, g=show(gradient))
    if gradient == 1:
        return say("grows alike", x=name, z=z)
    key = "grows" if gradient > 0 else "falls" if gradient < 0 else "stays"
    return say(key, x=name, z=z, g=show(abs(float(gradient))))


def reaching(model_result: str, ways: Paths) -> tuple[Said, Said]:
    """Along how many ways a variable reaches the result, and what is done with them."""
    if ways.count == 1:
        way = chain(list(ways[0].names), " → ")
        return say("one way", x=ways.wrt, z=model_result, way=way), say("one way means")
    return say("ways", x=ways.wrt, z=model_result, n=many(ways.count)), say("ways mean")


def chain(parts: list[str], sign: str) -> str:
    """A row of names or numbers, without the middle of a long one."""
    return sign.join(parts if len(parts) <= 9 else [*parts[:4], "...", *parts[-4:]])


def cancelling(ways: Paths) -> Said | None:
    """How much the ways cancel, where that is worth a sentence."""
    lost = ways.cancelled
    if lost is None or lost < NOTABLE:
        return None
    return say("cancels", size=show(ways.magnitude), part=f"{lost:.0%}")


def nudge(value: float) -> float:
    """A change that is small beside a value: a tenth of its leading power of ten.

    >>> nudge(4.0), nudge(250.0), nudge(0.0)
    (0.1, 10.0, 0.1)
    """
    if value == 0 or not math.isfinite(value):
        return 0.1
    return float(f"1e{math.floor(math.log10(abs(value))) - 1}")


def reasons(explanation: Explanation, name: str) -> str:
    """The key of the heading over a derivative's reasons."""
    if explanation.step(name).gradient is None:
        return "unknown"
    return "why agreed" if name in explanation.model.by_convention else "why"


def nudged(explanation: Explanation, name: str) -> Said | None:
    """What a small change of `name` does: foretold by the slope, and computed anew."""
    step, z = explanation.step(name), explanation.model.result
    if step.gradient is None or step.value is None or step.type != "f64[]":
        return None
    old, by = float(step.value), nudge(float(step.value))
    parts = {"x": name, "z": z, "step": show(by), "old": show(old), "new": show(old + by)}
    try:
        moved = explanation.what_if(**{name: by})
    except Exception as error:  # the user's function may raise anything there, and that is told
        return say("nudged fails", **parts, error=_first_line(error))
    numbers = (moved.before, moved.after, moved.predicted)
    if not all(map(math.isfinite, numbers)):
        return None
    predicted, gap = moved.before + moved.predicted, abs(moved.actual - moved.predicted)
    small = _alike(moved, moved.predicted, moved.actual)
    rest = say("straight") if small else say(_why_apart(explanation, name, moved), gap=show(gap, 3))
    recorded = explanation.from_function and not moved.called
    how = say("recorded steps" if recorded else "computed anew")
    parts |= {
        "g": show(float(step.gradient)), "foretold": show(moved.predicted),
        "predicted": show(predicted), "actual": show(moved.after),
    }  # fmt: skip
    return say("nudged", **parts, how=how, rest=rest)


def _why_apart(explanation: Explanation, name: str, moved: WhatIf) -> str:
    """The key of the reason why the slope foretold something else than what happens."""
    if name in explanation.model.by_convention:
        return "kinked"
    steps = moved.recorded - moved.before
    return "curved" if _alike(moved, steps, moved.actual) else "otherwise"


def _alike(moved: WhatIf, one: float, other: float) -> bool:
    """Whether two changes of the result are equal but for rounding."""
    return abs(one - other) <= 1e-9 * max(abs(moved.actual), abs(moved.before) * 1e-6)


def _first_line(error: Exception) -> str:
    text = str(error).split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def comparison(explanation: Explanation) -> Said | None:
    """Which scalar input moves the result most; None where there are not two, or a kink decides."""
    z = explanation.model.result
    if explanation.model.by_convention:
        return None
    sizes: list[tuple[float, str, float]] = []
    for name in explanation.model.wrt:
        g = explanation.step(name).gradient
        if g is not None and g.ndim == 0 and math.isfinite(g):
            sizes.append((abs(float(g)), name, float(g)))
    sizes.sort(key=lambda entry: -entry[0])
    if len(sizes) < 2 or sizes[0][0] == 0:
        return None
    if len(sizes) > 2:
        shown = ", ".join(f"{name} ({show(g)})" for _, name, g in sizes[:RANKED])
        return say("ranking", z=z, list=shown + (", ..." if len(sizes) > RANKED else ""))
    (first, x, g), (second, y, h) = sizes
    parts = {"x": x, "y": y, "z": z, "g": show(g), "h": show(h)}
    if show(first) == show(second):
        return say("moves alike", **parts)
    times = show(first / second, 3) if second else "∞"
    return say("moves more", **parts, times=times)
