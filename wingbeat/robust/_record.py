"""What an attack found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.nn._report import MOST_ROWS, Report, left_out, many, number
from wingbeat.nn._table import Rows

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Adversarial(Report):
    """Examples before and after an attack, and what the model says of them.

    Attributes:
        method: the attack's name, and its norm.
        x: the examples, (n, ...), in the model's dtype.
        adversarial: what they became, likewise.
        labels: the true classes, (n,).
        wanted: the classes that the attack was to reach, (n,), or None for any wrong one.
        before, after: the classes that the model predicts, (n,).
        distance: of each change, in the attack's norm, (n,).
        radius: how large the distance may be; None where the attack looked for the smallest.
        loss_before, loss_after: of each example, (n,); None where the attack has no loss.
        stuck: where the gradient of the loss was exactly 0, so that the attack could not move.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> a = wb.robust.fgsm(model, np.array([[0.1], [2.0]]), [0, 0], radius=0.5)
    >>> a.fooled, a.clean_accuracy, a.accuracy
    (array([ True, False]), 1.0, 0.5)
    """

    method: str
    x: Array
    adversarial: Array
    labels: Array
    before: Array
    after: Array
    distance: Array
    radius: float | None = None
    wanted: Array | None = None
    loss_before: Array | None = None
    loss_after: Array | None = None
    stuck: Array | None = None

    @property
    def change(self) -> Array:
        """What was added to the examples, float64."""
        return self.adversarial.astype(np.float64) - self.x

    @property
    def fooled(self) -> Array:
        """Where the model says what the attack wanted, (n,): the wanted class, or a wrong one."""
        return self.after != self.labels if self.wanted is None else self.after == self.wanted

    @property
    def clean_accuracy(self) -> float:
        """The share of examples that are classified right before the attack."""
        return float((self.before == self.labels).mean())

    @property
    def accuracy(self) -> float:
        """The share that is classified right after it."""
        return float((self.after == self.labels).mean())

    @property
    def title(self) -> str:
        """What was done."""
        within = "" if self.radius is None else f" within {self.radius:g}"
        return f"{self.method}{within}: {many(len(self.x), 'example')}"

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """The first examples: what the model said before and after."""
        losses = self.loss_before is not None
        more = ("loss before", "loss after") if losses else ()
        head = ("example", "class", "before", "after", "distance", *more)
        rows = [self._row(k) for k in range(min(len(self.x), MOST_ROWS))]
        return head, rows, range(len(head)), ()

    def _row(self, k: int) -> tuple[str, ...]:
        classes = (self.labels[k], self.before[k], self.after[k])
        losses = [] if self.loss_before is None else [self.loss_before[k]]
        losses += [] if self.loss_after is None else [self.loss_after[k]]
        return (str(k), *map(str, classes), *map(number, (self.distance[k], *losses)))

    @property
    def notes(self) -> Sequence[str]:
        """Accuracy before and after, and what kept the attack from working."""
        said = left_out(len(self.x))
        said.append(f"Accuracy {self.clean_accuracy:.1%} before, {self.accuracy:.1%} after.")
        if self.radius is None and self.fooled.any():
            median = np.median(self.distance[self.fooled])
            said.append(f"Median distance of the {self.fooled.sum()} found: {median:.4g}.")
        if self.radius is None and not self.fooled.all():
            said.append(f"No way was found for {(~self.fooled).sum()}.")
        if self.stuck is not None and self.stuck.any():
            said.append(
                f"The gradient is exactly 0 at {self.stuck.sum()}: these could not be attacked "
                "so, which does not make them safe; try minimal."
            )
        return said
