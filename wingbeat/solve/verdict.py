"""What a search's last point is, with the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KINDS = (
    "minimum",
    "saddle",
    "maximum",
    "kink",
    "flat valley",
    "unbounded",
    "noise floor",
    "inconsistent gradient",
    "undecided",
    "not finished",
)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What kind of point a search ended at.

    Attributes:
        kind: "minimum": the gradient is small (or as small as the dtype can tell), every curvature
            is positive and stays so over the Newton step to the minimum next to it. "saddle" and
            "maximum": some or all curvatures are negative. "kink": the function has no gradient
            there, or jumps. "flat valley": along some direction, or a curve, it does not change.
            "unbounded": it keeps falling. "noise floor": what is left to gain is less than the
            rounding of its values.
            "inconsistent gradient": the gradient is not that of the function. "undecided": none of
            these could be shown. "not finished": interrupted, or out of steps.
        evidence: named numbers (and directions as flat arrays) that the kind rests on.
        sentence: the same for readers.

    >>> import wingbeat as wb
    >>> verdict = wb.minimize(lambda x: x[0]**2 - x[1]**2, np.zeros(2), method="bfgs").verdict
    >>> verdict.kind, verdict.is_minimum, verdict.evidence["smallest eigenvalue"]
    ('saddle', False, -2.0)
    """

    kind: str
    evidence: dict[str, Any]
    sentence: str

    @property
    def is_minimum(self) -> bool:
        """Whether it was shown to be a local minimum."""
        return self.kind == "minimum"

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"
