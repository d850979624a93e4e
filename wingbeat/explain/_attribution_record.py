"""What attributions are: the parts of a score, one for each input or unit, and what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.nn._report import MOST_ROWS, Report, left_out, many, number
from wingbeat.nn._table import Rows

Array = np.ndarray[Any, Any]
_STRONGEST = 3  # parts named in a row


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(Report):
    """How much each number of each example has to do with the score of a class.

    Attributes:
        method: its name.
        x: the examples, (n, ...).
        values: one part for each number of `x`, float64 of its shape.
        target: the class whose score is looked at, (n,).
        score: of that class, (n,).
        baseline: what the examples are compared with, like `x`; None where there is no comparison.
        baseline_score: of that class at the baseline, (n,); None likewise.
        steps: points on the way from the baseline for each example, (n,); None likewise.
        tolerance: the completeness error that was asked for; None where nothing was refined.
        standard_error: of the values, where they are a mean over random draws.

    >>> import wingbeat as wb
    >>> a = wb.attribution.integrated_gradients(lambda x: x[:, 0] * x[:, 1], np.array([[2.0, 3.0]]))
    >>> a.values, a.total, a.score
    (array([[3., 3.]]), array([6.]), array([6.]))
    """

    method: str
    x: Array
    values: Array
    target: Array
    score: Array
    baseline: Array | None = None
    baseline_score: Array | None = None
    steps: Array | None = None
    tolerance: float | None = None
    standard_error: Array | None = None

    @property
    def total(self) -> Array:
        """The sum of the parts of each example, (n,)."""
        return flat(self.values).sum(axis=1)

    @property
    def missing(self) -> Array:
        """What the parts leave of the score beyond the baseline's, (n,); nan without a baseline."""
        if self.baseline_score is None:
            return np.full(len(self.x), np.nan)
        return self.score - self.baseline_score - self.total

    @property
    def completeness_error(self) -> Array:
        """|missing| as a share of the sizes of all parts together, (n,)."""
        if self.baseline_score is None:
            return self.missing
        return share(self.missing, self.score - self.baseline_score, self.values)

    @property
    def complete(self) -> Array:
        """Whether that error is within the tolerance that was asked for, (n,)."""
        if self.tolerance is None:
            return np.zeros(len(self.x), bool)
        return self.completeness_error <= self.tolerance

    @property
    def title(self) -> str:
        """What was computed."""
        size = many(flat(self.x).shape[1], "number")
        return f"{self.method}: {many(len(self.x), 'example')} of {size}"

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """The first examples, with their strongest parts."""
        compared = self.baseline_score is not None
        more = ("baseline", "sum of parts", "missing") if compared else ("sum of parts",)
        head = ("example", "class", "score", *more, "strongest parts")
        rows = [self._row(k, compared) for k in range(min(len(self.x), MOST_ROWS))]
        return head, rows, range(len(head) - 1), ()

    def _row(self, k: int, compared: bool) -> tuple[str, ...]:
        numbers = [self.score[k]]
        if compared and self.baseline_score is not None:
            numbers += [self.baseline_score[k], self.total[k], self.missing[k]]
        else:
            numbers += [self.total[k]]
        return (str(k), str(self.target[k]), *map(number, numbers), strongest(self.values[k]))

    @property
    def notes(self) -> Sequence[str]:
        """How complete the parts are, in sentences."""
        said = left_out(len(self.x))
        if self.tolerance is not None:
            said.append(completeness(self.completeness_error, self.tolerance, self.steps))
        elif self.baseline_score is not None:
            worst = self.completeness_error.max()
            said.append(
                f"The parts need not sum to score - baseline: up to {worst:.2g} of their size is "
                "missing. Integrated gradients do."
            )
        if self.standard_error is not None:
            said.append(f"Standard error of the values: up to {self.standard_error.max():.2g}.")
        return said


@dataclass(frozen=True, eq=False, repr=False)
class Conductance(Report):
    """How much of a score came through each unit of a layer (Dhamdhere et al., 2018).

    Attributes:
        layer: its name in the model.
        values: one part for each unit, float64 (n, ...) of the shape of what the layer returns.
        activation: what the units return at x, likewise.
        target, score, baseline_score, steps, tolerance: as in an `Attribution`, (n,).
        around: what came along ways that do not meet the layer, (n,); 0 in a plain chain.
        missing: what the finite number of steps leaves: score - baseline_score - parts - around.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.ReLU(), wb.nn.Linear(3, 2))
    >>> c = wb.attribution.conductance(model, np.ones((1, 2)), "1")
    >>> c.values.shape, bool(abs(c.missing[0]) < 1e-3)
    ((1, 3), True)
    """

    layer: str
    values: Array
    activation: Array
    target: Array
    score: Array
    baseline_score: Array
    around: Array
    steps: Array
    tolerance: float

    @property
    def total(self) -> Array:
        """The sum over the units of each example, (n,)."""
        return flat(self.values).sum(axis=1)

    @property
    def missing(self) -> Array:
        """What the finite number of steps leaves, (n,)."""
        return self.score - self.baseline_score - self.total - self.around

    @property
    def completeness_error(self) -> Array:
        """|missing| as a share of the sizes of all parts together, (n,)."""
        return share(self.missing, self.score - self.baseline_score, self.values)

    @property
    def complete(self) -> Array:
        """Whether that error is within the tolerance, (n,)."""
        return self.completeness_error <= self.tolerance

    @property
    def title(self) -> str:
        """What was computed."""
        return (
            f"conductance of layer {self.layer!r}: {many(len(self.values), 'example')}, "
            f"{many(flat(self.values).shape[1], 'unit')}"
        )

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """The first examples, with their strongest units."""
        heads = ("example", "class", "score", "baseline", "through units", "around", "missing")
        columns = (self.score, self.baseline_score, self.total, self._visible_around, self.missing)
        rows = [
            (str(k), str(self.target[k]), *(number(c[k]) for c in columns), strongest(v))
            for k, v in enumerate(self.values[:MOST_ROWS])
        ]
        return (*heads, "strongest units"), rows, range(len(heads)), ()

    @property
    def _visible_around(self) -> Array:
        """`around`, with 0 for what is rounding beside the scores."""
        size = np.abs(self.score) + np.abs(self.baseline_score)
        return np.where(np.abs(self.around) > 1e-6 * size, self.around, 0.0)

    @property
    def notes(self) -> Sequence[str]:
        """How complete the parts are, in a sentence."""
        said = completeness(self.completeness_error, self.tolerance, self.steps)
        return [*left_out(len(self.values)), said]


@dataclass(frozen=True, eq=False, repr=False)
class Occlusion(Report):
    """What happens to the score when a patch is covered, beside what an attribution says of it.

    Attributes:
        method: of the attribution that is checked.
        target: the class whose score is looked at, (n,).
        drops: score(x) - score(x with the patch at the baseline), float64 (n, patches ...).
        claims: the sum of the attribution's parts in each patch, of the same shape.
        patch: the size of a patch along each axis of an example.

    >>> import wingbeat as wb
    >>> o = wb.attribution.occlusion(lambda x: x @ np.array([1.0, -2.0]), np.array([[3.0, 4.0]]))
    >>> o.drops, o.claims
    (array([[ 3., -8.]]), array([[ 3., -8.]]))
    """

    method: str
    target: Array
    drops: Array
    claims: Array
    patch: tuple[int, ...]

    @property
    def correlation(self) -> Array:
        """Between drops and claims, (n,), from -1 to 1; nan where one of them does not vary."""
        a, b = (flat(v) - flat(v).mean(axis=1, keepdims=True) for v in (self.drops, self.claims))
        sizes = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
        safe = np.where(sizes > 0, sizes, 1.0)
        return np.where(sizes > 0, (a * b).sum(axis=1) / safe, np.nan)

    @property
    def title(self) -> str:
        """What was computed."""
        size = "x".join(map(str, self.patch))
        examples, patches = many(len(self.drops), "example"), flat(self.drops).shape[1]
        return f"occlusion against {self.method}: {examples}, {patches} patches of {size}"

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """The first examples: how far drops and claims agree, and the patch that matters most."""
        head = ("example", "class", "correlation", "largest drop", "claimed there", "at patch")
        rows = [self._row(k) for k in range(min(len(self.drops), MOST_ROWS))]
        return head, rows, range(len(head)), ()

    def _row(self, k: int) -> tuple[str, ...]:
        place = np.unravel_index(np.abs(self.drops[k]).argmax(), self.drops.shape[1:])
        drop, claim = self.drops[k][place], self.claims[k][place]
        numbers = map(number, (self.correlation[k], drop, claim))
        return (str(k), str(self.target[k]), *numbers, where(place))

    @property
    def notes(self) -> Sequence[str]:
        """How far they agree over all."""
        known = self.correlation[np.isfinite(self.correlation)]
        if not known.size:
            return [*left_out(len(self.drops)), "Drops or claims do not vary: nothing to compare."]
        return [*left_out(len(self.drops)), f"Mean correlation: {known.mean():.3f}."]


def flat(values: Array) -> Array:
    """One row for each example."""
    return values.reshape(len(values), -1)


def share(missing: Array, difference: Array, values: Array) -> Array:
    """|missing| by the size of what it is missing from; 0 where nothing is missing."""
    size = np.maximum(np.abs(flat(values)).sum(axis=1), np.abs(difference))
    return np.where(missing == 0, 0.0, np.abs(missing) / np.where(size > 0, size, 1.0))


def strongest(values: Array) -> str:
    """The parts of one example that are largest, with their places."""
    order = np.argsort(-np.abs(values), axis=None, kind="stable")[:_STRONGEST]
    places = [np.unravel_index(k, values.shape) for k in order]
    return ", ".join(f"{where(p)} {values[p] + 0.0:+.3g}" for p in places)


def where(place: Sequence[Any]) -> str:
    """[2, 3]: a place among the numbers of one example."""
    return f"[{', '.join(str(int(i)) for i in place)}]"


def completeness(error: Array, tolerance: float, steps: Array | None) -> str:
    """Whether the parts sum to what they should, in a sentence."""
    most = "" if steps is None else f" with up to {steps.max()} steps"
    late = int((error > tolerance).sum())
    if late:
        return (
            f"NOT complete for {late} of {len(error)} examples{most}: up to {error.max():.2g} of "
            f"the parts' size is missing, and {tolerance:g} was asked for; give a larger max_steps."
        )
    return (
        f"The parts sum to score - baseline: at most {error.max():.2g} of their size is missing "
        f"(asked for: {tolerance:g}){most}."
    )
