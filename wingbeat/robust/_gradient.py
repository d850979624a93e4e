"""Attacks that climb the loss: one step (FGSM), or many within a ball (PGD)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, random, value_and_grad
from wingbeat.errors import TypeMismatch
from wingbeat.nn._checks import positive, whole
from wingbeat.nn._classifier import Classifier
from wingbeat.nn.functional import cross_entropy
from wingbeat.robust._norms import Array, norm_of
from wingbeat.robust._record import Adversarial
from wingbeat.robust._region import Region

Loss = Callable[[Tensor, Tensor], Tensor]


def fgsm(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    radius: float,
    norm: Any = np.inf,
    bounds: tuple[float, float] | None = None,
    target: Any = None,
    loss: Loss | None = None,
    random_start: bool = False,
    seed: int = 0,
) -> Adversarial:
    """One step of length `radius` along the steepest direction of the loss.

    The fast gradient sign method (Goodfellow et al., 2015): x + radius sign(dloss/dx).

    Args:
        model: an `nn.Module`, used in evaluation mode, or a function, from examples (n, ...) to
            scores (n, classes); an example's scores must not depend on the others.
        x: floats (n, ...), an array or a tensor.
        y: the true classes (n,), or one for all; None for those that the model predicts.
        radius: how far from x, in `norm`; above 0.
        norm: np.inf, where every number may change by the radius, or 2.
        bounds: (low, high), which examples must stay in, as (0, 1) for images; None for no bounds.
        target: a class, or one for each, to be reached; None for any that is wrong.
        loss: (scores, classes) to one loss for each example, (n,); None for cross entropy.
        random_start: whether to begin at a random point of the ball, and not at x (Wong et al.,
            2020: enough to train against).
        seed: the same seed draws the same points.

    Raises:
        TypeMismatch: model, x, y, target and loss do not fit each other.
        OutOfRange: a class is none.
        BadInput: a number is not finite or out of range, or x is outside the bounds.

    >>> import wingbeat as wb
    >>> model = lambda x: x @ np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> wb.robust.fgsm(model, np.array([[0.5, 0.4]]), [0], radius=0.1).adversarial
    array([[0.4, 0.5]])
    """
    climb = _Climb("fgsm", model, x, y, target, loss)
    region = Region(
        climb.c.x, norm_of(norm, "fgsm"), positive(radius, "radius", "fgsm"), bounds, "fgsm"
    )
    begin = region.x
    if random_start:
        begin = _drawn(region, random.key(seed))
    _, g, _ = climb.look(begin)
    found = region.at(region.change(begin) + region.norm.steepest(g) * radius)
    return climb.record(f"FGSM in {region.norm.name}", region, found)


def pgd(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    radius: float,
    norm: Any = np.inf,
    steps: int = 20,
    rate: float | None = None,
    bounds: tuple[float, float] | None = None,
    target: Any = None,
    loss: Loss | None = None,
    random_start: bool = True,
    restarts: int = 1,
    seed: int = 0,
) -> Adversarial:
    """Many small steps that climb the loss, each brought back into the ball around x.

    Projected gradient descent (Madry et al., 2018). For every example the best point that was met
    is kept, x included: one that is classified as wanted, and of those the one of highest loss.

    Args:
        model: as for `fgsm`.
        x: as for `fgsm`.
        y: as for `fgsm`.
        radius: as for `fgsm`.
        norm: as for `fgsm`.
        steps: how many.
        rate: the length of each, in `norm`; None for 2.5 radius / steps.
        bounds: as for `fgsm`.
        target: as for `fgsm`.
        loss: as for `fgsm`.
        random_start: whether to begin at a random point of the ball.
        restarts: how often to begin; without a random start once is enough.
        seed: the same seed draws the same points.

    Raises:
        TypeMismatch: model, x, y, target and loss do not fit each other.
        OutOfRange: a class is none.
        BadInput: a number is not finite or out of range, or x is outside the bounds.

    >>> import wingbeat as wb
    >>> model = lambda x: x @ np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> a = wb.robust.pgd(model, np.array([[0.5, 0.4]]), [0], radius=0.1, norm=2, bounds=(0, 1))
    >>> a.fooled, bool(a.distance[0] <= 0.1)
    (array([ True]), True)
    """
    climb = _Climb("pgd", model, x, y, target, loss)
    region = Region(
        climb.c.x, norm_of(norm, "pgd"), positive(radius, "radius", "pgd"), bounds, "pgd"
    )
    count = whole(steps, "steps", "pgd")
    length = 2.5 * radius / count if rate is None else positive(rate, "rate", "pgd")
    best = _Best(climb, region)
    key = random.key(seed)
    for k in range(whole(restarts, "restarts", "pgd")):
        points = _drawn(region, random.fold_in(key, k)) if random_start else region.x
        for _ in range(count):
            g = best.visit(points)
            points = region.at(region.change(points) + region.norm.steepest(g) * length)
        best.visit(points)
    return climb.record(f"PGD in {region.norm.name}, {count} steps", region, best.points)


def _drawn(region: Region, key: Tensor) -> Array:
    assert region.radius is not None
    shape = (len(region.x), region.x[0].size)
    return region.at(region.norm.draw(key, shape) * region.radius)


class _Climb:
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


class _Best:
    """For every example the best point that an attack met."""

    def __init__(self, climb: _Climb, region: Region) -> None:
        self._climb, self.points = climb, region.x.copy()
        self._losses, _, predicted = climb.look(self.points)
        self._fooled = climb.fooled(predicted)

    def visit(self, points: Array) -> Array:
        """Remember what is better; the gradient there."""
        losses, g, predicted = self._climb.look(points)
        fooled = self._climb.fooled(predicted)
        better = (fooled & ~self._fooled) | ((fooled == self._fooled) & (losses > self._losses))
        self.points[better] = points[better]
        self._losses = np.where(better, losses, self._losses)
        self._fooled |= fooled
        return g


def _each(scores: Tensor, classes: Tensor) -> Tensor:
    return cross_entropy(scores, classes, "none")


def several_classes(c: Classifier) -> None:
    """Raise `TypeMismatch` where there is one score only, and so no other class."""
    if c.classes < 2:
        raise TypeMismatch(
            f"{c.operation}: an attack needs the scores of two classes or more, (n, classes); of "
            "one score z make two: wb.stack([wb.zeros_like(z), z], axis=1)"
        )
