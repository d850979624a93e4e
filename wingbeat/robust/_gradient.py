"""Attacks that climb the loss: one step (FGSM), or many within a ball (PGD)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api import random
from wingbeat.nn._checks import positive, whole
from wingbeat.robust._climb import Climb, Loss
from wingbeat.robust._norms import Array
from wingbeat.robust._record import Adversarial
from wingbeat.robust._region import Region


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
    climb = Climb("fgsm", model, x, y, target, loss)
    region = climb.ball(radius, norm, bounds)
    begin = region.drawn(random.key(seed)) if random_start else region.x
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
    climb = Climb("pgd", model, x, y, target, loss)
    region = climb.ball(radius, norm, bounds)
    count = whole(steps, "steps", "pgd")
    length = 2.5 * radius / count if rate is None else positive(rate, "rate", "pgd")
    best = _Best(climb, region)
    key = random.key(seed)
    for k in range(whole(restarts, "restarts", "pgd")):
        points = region.drawn(random.fold_in(key, k)) if random_start else region.x
        for _ in range(count):
            g = best.visit(points)
            points = region.at(region.change(points) + region.norm.steepest(g) * length)
        best.visit(points)
    return climb.record(f"PGD in {region.norm.name}, {count} steps", region, best.points)


class _Best:
    """For every example the best point that an attack met."""

    def __init__(self, climb: Climb, region: Region) -> None:
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
