"""What a search leaves behind: every evaluation with its reason, and where it ended."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from wingbeat.solve.verdict import Verdict

Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Step:
    """One evaluation of the function: where, what came out, and whether the search went there.

    Attributes:
        number: of the step that this was a try for; 0 is the start.
        x: the point, flat.
        value: of the function there.
        gradient_norm: the largest partial derivative there; None where it was not computed.
        direction: the flat direction tried; None at the start and where SciPy chose the point.
        length: x is the point before plus `length * direction`.
        predicted: by how much the method's model said that the function falls.
        actual: by how much it fell; negative where it rose.
        accepted: whether the search went on from here.
        reason: why, in words.

    >>> import wingbeat as wb
    >>> result = wb.minimize(lambda x: (x - 1.0) ** 2, 0.2, method="gradient-descent", rate=0.1)
    >>> first = result.record[1]
    >>> first.number, first.accepted, f"{first.x[0]:.2f}"
    (1, True, '0.36')
    """

    number: int
    x: Vector
    value: float
    gradient_norm: float | None
    direction: Vector | None
    length: float | None
    predicted: float | None
    actual: float | None
    accepted: bool
    reason: str


@dataclass
class Counts:
    """How often a search evaluated what; `probes` are the verdict's own evaluations of any kind.

    >>> import wingbeat as wb
    >>> wb.minimize(lambda x: x * x, 3.0, method="newton").counts
    2 values, 2 gradients, 1 Hessian; and 42 probes for the verdict
    """

    values: int = 0
    gradients: int = 0
    products: int = 0
    hessians: int = 0
    jacobians: int = 0
    probes: int = 0

    def __repr__(self) -> str:
        words = {"values": "value", "gradients": "gradient", "products": "Hessian product"}
        words |= {"hessians": "Hessian", "jacobians": "Jacobian"}
        said = [f"{n} {w}{'s' * (n != 1)}" for k, w in words.items() if (n := getattr(self, k))]
        return f"{', '.join(said)}; and {self.probes} probes for the verdict"


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Where a search ended, with the verdict on that point and everything that was evaluated.

    It is neither true nor false: ask `result.verdict.is_minimum`.

    Attributes:
        x: a tree like x0.
        value: of the function at x, a float.
        gradient: a tree like x0.
        verdict: what kind of point x is, with its evidence.
        record: every evaluation.
        counts: how many there were.
        method: the name of the method.

    >>> import wingbeat as wb
    >>> result = wb.minimize(lambda p: (p["a"] - 2.0) ** 2 + p["b"] ** 2, {"a": 0.0, "b": 1.0})
    >>> f"{float(result.x['a']):.3f}", result.verdict.kind
    ('2.000', 'minimum')
    """

    x: Any
    value: float
    gradient: Any
    verdict: Verdict
    record: tuple[Step, ...]
    counts: Counts
    method: str

    @property
    def steps(self) -> tuple[Step, ...]:
        """The accepted ones, the start included."""
        return tuple(s for s in self.record if s.accepted)

    @property
    def path(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The accepted points, one a row."""
        return np.stack([s.x for s in self.steps])

    def text(self, rows: int = 40, width: int = 100) -> str:
        """The table of evaluations and the verdict; of many rows the first and the last."""
        from wingbeat.solve._show import as_text

        return as_text(self, rows, width)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python numbers, lists and words, as JSON takes it."""
        from wingbeat.solve._show import as_data

        return as_data(self)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from wingbeat.solve._show import as_html

        return as_html(self)

    def __bool__(self) -> bool:
        from wingbeat.errors import BadInput

        raise BadInput(
            "a Result is neither true nor false; ask result.verdict.is_minimum, or read "
            "result.verdict.sentence"
        )


STEP_FIELDS = tuple(f.name for f in fields(Step))
