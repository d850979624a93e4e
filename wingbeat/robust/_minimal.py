"""The smallest change that makes a classifier err, as far as it can be found."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api import asarray, broadcast_to, eye, random, vjp, vmap
from wingbeat.nn._checks import positive, whole
from wingbeat.nn._classifier import Classifier
from wingbeat.robust._climb import several_classes
from wingbeat.robust._norms import Array, norm_of
from wingbeat.robust._record import Adversarial
from wingbeat.robust._region import Region

_BEYOND = 0.02  # how much further than the linear model says a step goes, to cross the boundary
_AGAIN = 5  # steps to cross it, should a projection not
_HALVINGS = 24


def minimal(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    norm: Any = 2,
    bounds: tuple[float, float] | None = None,
    target: Any = None,
    steps: int = 50,
    polish: int = 10,
    overshoot: float = 1e-4,
    restarts: int = 2,
    seed: int = 0,
) -> Adversarial:
    """The nearest point that is classified otherwise: its distance says how robust an example is.

    DeepFool (Moosavi-Dezfooli et al., 2016) walks to the boundary of the class that the linear
    model of the scores has nearest; then x is projected onto the boundary's tangent plane there,
    again and again, as long as that is nearer; a search along the line to x ends each. For linear
    scores this is exact (without `target`). Otherwise the distance is an upper bound of the
    smallest; beginning again at random points as far from x as what was found makes it smaller.

    Args:
        model: as for `fgsm`.
        x: as for `fgsm`.
        y: the true classes (n,), or one for all; None for those that the model predicts. What is
            classified wrong already is left as it is, at distance 0.
        norm: 2 or np.inf.
        bounds: as for `fgsm`.
        target: a class, or one for each, to be reached; None for the nearest.
        steps: at most so many to cross the boundary.
        polish: how often to project after that.
        overshoot: how much further than the boundary the result lies, as a share of its distance,
            so that rounding does not bring it back.
        restarts: how often to begin, the first time at x.
        seed: the same seed draws the same points.

    Raises:
        TypeMismatch: model, x, y and target do not fit each other.
        OutOfRange: a class is none.
        BadInput: a number is not finite or out of range, or x is outside the bounds.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([wb.zeros_like(x[:, 0]), x @ np.array([3.0, 4.0]) - 10], axis=1)
    >>> a = wb.robust.minimal(model, np.zeros((1, 2)))
    >>> f"{a.distance[0]:.3f}", a.before, a.after
    ('2.000', array([0]), array([1]))
    """
    c = Classifier(model, x, "minimal")
    several_classes(c)
    labels = c.labels(y, "y")
    wanted = None if target is None else c.labels(target, "target")
    region = Region(c.x, norm_of(norm, "minimal"), None, bounds, "minimal")
    beyond = positive(overshoot, "overshoot", "minimal")
    search = _Search(c, region, labels, wanted, beyond)
    most, rounds = whole(steps, "steps", "minimal"), whole(polish, "polish", "minimal", 0)
    found, key = search.nearest(region.x.copy(), most, rounds), random.key(seed)
    for k in range(1, whole(restarts, "restarts", "minimal")):
        draw = region.norm.draw(random.fold_in(key, k), (len(c.x), c.x[0].size))
        begin = region.at(draw * region.distance(found)[:, None])
        found = search.closer(found, search.nearest(begin, most, rounds))
    return Adversarial(
        f"minimal change in {region.norm.name}",
        c.x,
        found,
        labels,
        c.predicted,
        c.scores(found).argmax(axis=1),
        region.distance(found),
        wanted=wanted,
    )


class _Search:
    """The boundary around a set of examples."""

    def __init__(
        self, c: Classifier, region: Region, labels: Array, wanted: Array | None, beyond: float
    ) -> None:
        self._c, self._region, self._beyond = c, region, beyond
        self._labels, self._wanted = labels, wanted

    def nearest(self, begin: Array, steps: int, rounds: int) -> Array:
        """Points beyond the boundary, as near as they are found from where the search begins."""
        found = self.shortened(self.crossed(begin, steps))
        for _ in range(rounds):
            found = self.closer(found, self.projected(found))
        return found

    def closer(self, points: Array, others: Array) -> Array:
        """The nearer of two points of which at least the first may be beyond the boundary."""
        far = np.where(self.fooled(points), self._region.distance(points), np.inf)
        better = self.fooled(others) & (self._region.distance(others) < far)
        found = points.copy()
        found[better] = others[better]
        return found

    def fooled(self, points: Array) -> Array:
        """Where the model says what is wanted."""
        predicted = self._c.scores(points).argmax(axis=1)
        return predicted != self._labels if self._wanted is None else predicted == self._wanted

    def crossed(self, points: Array, steps: int) -> Array:
        """Points beyond the boundary, by steps to where the linear model has it; or the last."""
        for _ in range(steps):
            late = ~self.fooled(points)
            if not late.any():
                break
            change = self._region.change(points)
            moved = self._region.at(change + self._step(points, points, _BEYOND))
            points[late] = moved[late]
        return points

    def shortened(self, points: Array) -> Array:
        """The points of the lines from x to `points` where the boundary is crossed.

        `points` are beyond it (others stay as they are); where they are x itself, so is the result.
        """
        fooled, change = self.fooled(points), self._region.change(points)
        low, high = np.zeros(len(points)), np.ones(len(points))
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            there = self.fooled(self._region.at(change * middle[:, None]))
            low, high = np.where(there, low, middle), np.where(there, middle, high)
        part = np.minimum(high * (1.0 + self._beyond), 1.0)
        found = self._region.at(change * part[:, None])
        kept = fooled & self.fooled(found)
        return np.where(kept.reshape(-1, *(1 for _ in points.shape[1:])), found, points)

    def projected(self, points: Array) -> Array:
        """Where x meets the boundary's tangent plane at `points`, or beyond the boundary there."""
        there = self._region.at(self._step(points, self._region.x, self._beyond))
        return self.shortened(self.crossed(there, _AGAIN))

    def _reference(self, scores: Array) -> Array:
        """The classes that are to lose: the true ones, or the highest beside those wanted."""
        if self._wanted is None:
            return self._labels
        others = scores.copy()
        others[np.arange(len(scores)), self._wanted] = -np.inf
        return others.argmax(axis=1)

    def _step(self, points: Array, base: Array, beyond: float) -> Array:
        """From `base` just beyond the nearest boundary of the linear models at `points`: rows.

        The models say score_k - score_reference = m + w . (z - point).
        """
        scores, slopes = self._linear(points)
        n, rows = len(points), np.arange(len(points))
        back = (base.astype(np.float64) - points).reshape(n, 1, -1)
        reference = self._reference(scores)
        w = slopes - slopes[rows, reference][:, None]
        m = scores - scores[rows, reference][:, None] + (w * back).sum(axis=2)
        missing = np.abs(m) * (1.0 + beyond)
        steps = [self._reaching(base, w[:, k], -m[:, k], missing[:, k]) for k in range(m.shape[1])]
        lengths = np.stack([length for _, length in steps], axis=1)
        lengths[rows, reference] = np.inf
        k = lengths.argmin(axis=1) if self._wanted is None else self._wanted
        return np.stack([step for step, _ in steps], axis=1)[rows, k]

    def _reaching(self, base: Array, w: Array, sign: Array, much: Array) -> tuple[Array, Array]:
        """The shortest step within the range with w . step = sign * much, and its length.

        It goes along the steepest direction s of w, each number until it meets the range: t s_i
        up to t_i = room_i / |s_i|. So w . step grows with t in straight pieces between the t_i.
        Where all that room is too little, the step uses all of it, and its length is inf.
        """
        s = self._region.norm.steepest(w * np.sign(sign)[:, None])
        if not np.isfinite(self._region.high):
            dual = self._region.norm.dual(w)
            t = np.where(dual > 0, much / np.where(dual > 0, dual, 1.0), 0.0)
            return s * t[:, None], np.where((dual > 0) | (much == 0), t, np.inf)
        room = self._region.room(base, s)
        rate, most = np.abs(w * s), np.abs(w) * room
        ends = np.where(s != 0, room / np.where(s != 0, np.abs(s), 1.0), 0.0)
        order = ends.argsort(axis=1)
        rate, most, sorted_ends = (np.take_along_axis(v, order, 1) for v in (rate, most, ends))
        used = np.cumsum(most, axis=1) - most  # by those that met the range earlier
        free = np.cumsum(rate[:, ::-1], axis=1)[:, ::-1]  # the rate of those that have not
        enough = used + free * sorted_ends >= much[:, None]
        k, rows = enough.argmax(axis=1), np.arange(len(w))
        t = (much - used[rows, k]) / np.where(free[rows, k] > 0, free[rows, k], 1.0)
        possible = enough.any(axis=1)
        t = np.where(possible, t, sorted_ends[:, -1])
        step = np.sign(s) * np.minimum(np.abs(s) * t[:, None], room)
        return step, np.where(possible, self._region.norm.length(step), np.inf)

    def _linear(self, points: Array) -> tuple[Array, Array]:
        """Scores (n, classes) and their gradients as rows (n, classes, d)."""
        classes = self._c.classes

        def looked(x: Array) -> tuple[Any, Any]:
            scores, pull = vjp(self._c.score_of, asarray(x))
            units = eye(classes, dtype=scores.dtype)
            slopes = vmap(lambda e: pull(broadcast_to(e, scores.shape)))(units)
            g = slopes[0] if isinstance(slopes, tuple | list) else slopes
            return scores, np.moveaxis(np.asarray(g), 0, 1)

        scores, slopes = self._c.blocks(looked, points, share=classes)
        flat = slopes.astype(np.float64).reshape(*slopes.shape[:2], -1)
        return scores.astype(np.float64), flat
