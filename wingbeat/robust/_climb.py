"""The loss that an attack makes larger, and the ball that it stays in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, value_and_grad
from wingbeat.errors import TypeMismatch
from wingbeat.nn._checks import positive
from wingbeat.nn._classifier import Classifier
from wingbeat.nn.functional import cross_entropy
from wingbeat.robust._norms import Array, norm_of
from wingbeat.robust._record import Adversarial
from wingbeat.robust._region import Region

Loss = Callable[[Tensor, Tensor], Tensor]


class Climb:
    """The loss that an attack makes larger, of a model's scores for fixed examples and classes."""

    def __init__(
        self, name: str, model: Any, x: Any, y: Any, target: Any, loss: Loss | None
    ) -> None:
        self.c = Classifier(model, x, name)
        several_classes(self.c)
        self.labels = self.c.labels(y, "y")
        self.wanted = None if target is None else self.c.labels(target, "target")
        self._loss = _each if loss is None else loss
        towards = self.labels if self.wanted is None else self.wanted
        self._classes, self._sign = towards, 1.0 if self.wanted is None else -1.0
        self._derivative = value_and_grad(self._value, has_aux=True)

    def ball(self, radius: float, norm: Any, bounds: Any) -> Region:
        """Where the attack may go."""
        name = self.c.operation
        kind, size = norm_of(norm, name), positive(radius, "radius", name)
        return Region(self.c.x, kind, size, bounds, name)

    def _value(self, x: Tensor, classes: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        scores = self.c.score_of(x)
        losses = asarray(self._loss(scores, asarray(classes)))
        if losses.shape != scores.shape[:1]:
            raise TypeMismatch(
                f"{self.c.operation}: loss returns one number for each example, shape "
                f"{scores.shape[:1]}, not {losses.shape}; for a loss of nn write reduction='none'"
            )
        return losses.sum(), (losses, scores)

    def look(self, points: Array) -> tuple[Array, Array, Array]:
        """What to make larger (n,), its gradient as rows (n, d), and the classes predicted (n,)."""

        def looked(x: Array, classes: Array) -> tuple[Any, Any, Any]:
            (_, (losses, scores)), g = self._derivative(x, classes)
            return losses, g, scores

        losses, g, scores = self.c.blocks(looked, points, self._classes)
        rows = g.astype(np.float64).reshape(len(g), -1)
        return self._sign * losses.astype(np.float64), self._sign * rows, scores.argmax(axis=1)

    def fooled(self, predicted: Array) -> Array:
        """Where the model says what the attack wants."""
        return predicted != self.labels if self.wanted is None else predicted == self.wanted

    def record(self, method: str, region: Region, found: Array) -> Adversarial:
        """The attack's result."""
        (before, g, predicted), (after, _, then) = self.look(region.x), self.look(found)
        return Adversarial(
            method,
            region.x,
            found,
            self.labels,
            predicted,
            then,
            region.distance(found),
            region.radius,
            self.wanted,
            self._sign * before,
            self._sign * after,
            stuck=np.asarray(~g.any(axis=1)),
        )


def _each(scores: Tensor, classes: Tensor) -> Tensor:
    return cross_entropy(scores, classes, "none")


def several_classes(c: Classifier) -> None:
    """Raise `TypeMismatch` where there is one score only, and so no other class."""
    if c.classes < 2:
        raise TypeMismatch(
            f"{c.operation}: an attack needs the scores of two classes or more, (n, classes); of "
            "one score z make two: wb.stack([wb.zeros_like(z), z], axis=1)"
        )
