"""Least squares and roots: Gauss and Newton, Levenberg and Marquardt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api import asarray, concat, jacfwd, jacrev, reshape, tree
from wingbeat.api import sum as total
from wingbeat.errors import BadInput
from wingbeat.solve._entry import finished, run, tolerance_of, whole
from wingbeat.solve._judge import judge
from wingbeat.solve._lines import backtrack, settled
from wingbeat.solve._objective import Array, Objective, Trees, _wide, compiled
from wingbeat.solve._search import Search, Stop
from wingbeat.solve.record import Counts, Result, Step, Vector
from wingbeat.solve.verdict import Verdict

NEWTON = 6  # steps, by whose lengths a root is told from what only comes near 0
SHORTER = 0.8  # the last of them to the first, at most
ROUNDING = 10  # units of rounding of x


class Residuals:
    """A function of a tree to a tree, as one of a flat array to a flat array."""

    def __init__(self, f: Callable[[Any], Any], trees: Trees, operation: str) -> None:
        def flat(x: Any) -> Any:
            found = [reshape(asarray(r), (-1,)) for r in tree.leaves(f(trees.tensors(x)))]
            if not found:
                raise BadInput(f"{operation}: the function returned nothing")
            return found[0] if len(found) == 1 else concat(found)

        self.flat, self.dtype = flat, trees.dtype
        self._value = compiled(flat)
        self._wide = compiled(jacfwd(flat))
        self._tall = compiled(jacrev(flat))

    def value(self, x: Array) -> Vector:
        return _wide(self._value(x.astype(self.dtype)))

    def jacobian(self, x: Array) -> Any:
        x = x.astype(self.dtype)
        return _wide((self._wide if x.size <= self.value(x).size else self._tall)(x))

    def half_square(self, x: Any) -> Any:
        r = self.flat(x)
        return total(r * r) / 2


def _over(s: Search) -> bool:
    """Whether the search has ended; one for a root ends where the residuals are small enough."""
    if s.over():
        return True
    enough = s.options["enough"]
    if enough is not None and s.here.value <= enough * enough / 2:
        s.ended = Stop("small residual", f"the residuals are below {enough:.2g}")
    return s.ended is not None


def _gauss_newton(s: Search) -> None:
    """The step that would be right if the residuals were linear, shortened where it must be."""
    residuals: Residuals = s.options["residuals"]
    while not _over(s):
        r, j = _at(s, residuals)
        d = -np.linalg.lstsq(j, r, rcond=None)[0]
        if not backtrack(s, d):
            return


def _levenberg_marquardt(s: Search) -> None:
    """Gauss-Newton's equations with a damping that grows when a step fails (Nielsen's rule)."""
    residuals: Residuals = s.options["residuals"]
    damping, grow = 1e-3, 2.0
    scale: Any = 0.0
    while not _over(s):
        r, j = _at(s, residuals)
        a, g = j.T @ j, j.T @ r
        scale = np.maximum(scale, np.diag(a))  # units of the variables, after Moré
        unit = np.sqrt(np.where(scale > 0, scale, 1.0))
        before = s.here
        while s.here is before:
            rows = np.concatenate([j / unit, np.sqrt(damping) * np.eye(len(g))])
            d = -np.linalg.lstsq(rows, np.concatenate([r, 0 * g]), rcond=None)[0] / unit
            predicted = -float(g @ d + d @ (a @ d) / 2)
            point = s.value_at(before.x + d)
            if predicted <= s.noise() or np.all(point.x == before.x):
                if not settled(s, point, d, 1.0, predicted):
                    return
                break
            ratio = (before.value - point.value) / predicted if np.isfinite(point.value) else -1.0
            said = f"damping {damping:.2g}: ratio of actual to predicted {ratio:.3g}"
            if ratio > 1e-4:
                s.take(point, d, 1.0, predicted, said)
                damping, grow = damping * max(1 / 3, 1 - (2 * ratio - 1) ** 3), 2.0
            else:
                s.reject(point, d, 1.0, predicted, said)
                damping, grow = damping * grow, 2 * grow


def _at(s: Search, residuals: Residuals) -> tuple[Vector, Any]:
    s.counts.jacobians += 1
    return residuals.value(s.here.x), residuals.jacobian(s.here.x)


METHODS: dict[str, Callable[[Search], None]] = {
    "levenberg-marquardt": _levenberg_marquardt,
    "gauss-newton": _gauss_newton,
}


def _search(
    f: Callable[[Any], Any],
    x0: Any,
    method: str,
    steps: int,
    tolerance: float | None,
    operation: str,
    near: float | None = None,
) -> tuple[Search, Trees, Residuals]:
    name = str(method).lower().replace("_", "-").replace(" ", "-")
    if name not in METHODS:
        raise BadInput(f"{operation}: there is no method {method!r}; one of {', '.join(METHODS)}")
    if not callable(f):
        raise BadInput(f"{operation}: the first argument is a function, not {type(f).__name__}")
    trees = Trees(x0, operation)
    residuals = Residuals(f, trees, operation)
    flat = Objective(lambda x: residuals.half_square(x), trees.flattened())
    s = Search(flat, whole(steps), tolerance_of(tolerance, trees), {"rate": None})
    s.options |= {"residuals": residuals, "enough": None}
    if near is not None:
        first = float(np.abs(residuals.value(trees.start)).max(initial=0.0))
        s.options["enough"] = near * min(1.0, first) if np.isfinite(first) else near
    run(s, METHODS[name], trees)
    return s, trees, residuals


def least_squares(
    f: Callable[[Any], Any],
    x0: Any,
    method: str = "levenberg-marquardt",
    *,
    steps: int = 1000,
    tolerance: float | None = None,
) -> Result:
    """Search for the x with the smallest sum of squares of what `f` returns.

    Args:
        f: from a tree like `x0` to an array, or a tree of arrays, of residuals.
        x0: a tree of floats or arrays of floats.
        method: "levenberg-marquardt" or "gauss-newton".
        steps: at most so many.
        tolerance: of the largest partial derivative of half the sum; by default as in `minimize`.

    The result's `value` is half the sum of the squares; its evidence has the "norm of the
    residuals".

    Raises:
        BadInput: an unknown method, a number out of range.
        TypeMismatch: `x0` holds something else than floats.

    >>> import wingbeat as wb
    >>> t = np.array([0.0, 1.0, 2.0, 3.0])
    >>> y = 1.0 + 2.0 * t
    >>> fit = wb.least_squares(lambda p: p["a"] + p["b"] * t - y, {"a": 0.0, "b": 0.0})
    >>> f"{fit.x['a']:.4f} {fit.x['b']:.4f} {fit.verdict.kind}"
    '1.0000 2.0000 minimum'
    """
    s, trees, residuals = _search(f, x0, method, steps, tolerance, "least_squares")
    with np.errstate(all="ignore"):
        found = judge(s)
    size = float(np.linalg.norm(residuals.value(s.here.x)))
    verdict = Verdict(found.kind, {**found.evidence, "norm of the residuals": size}, found.sentence)
    return finished(s, trees, verdict, str(method))


@dataclass(frozen=True, eq=False)
class Root:
    """Where a search for a root ended.

    Attributes:
        x: a tree like x0.
        residual: what the function returned there, flat.
        reached: whether no residual is larger than the tolerance (or than what rounding of x makes
            of it), and Newton's steps from there become shorter: those of exp(x), which comes as
            near to 0 as one likes, do not.
        sentence: what was found, with numbers.
        evidence: named numbers: the residual's largest entry, the tolerance, what rounding of x
            makes of the residuals, the smallest singular value of the Jacobian, and where the
            residuals are small the lengths of the last Newton steps.
        record: every evaluation; values are half the sum of squares.
        counts: how many there were.

    >>> import wingbeat as wb
    >>> wb.root(lambda x: x**2 - 2.0, 1.0).reached
    True
    """

    x: Any
    residual: Vector
    reached: bool
    sentence: str
    evidence: dict[str, Any]
    record: tuple[Step, ...]
    counts: Counts

    def __str__(self) -> str:
        return self.sentence


def root(
    f: Callable[[Any], Any],
    x0: Any,
    method: str = "levenberg-marquardt",
    *,
    steps: int = 1000,
    tolerance: float = 1e-10,
) -> Root:
    """Search for an x at which everything that `f` returns is 0.

    Args:
        f: from a tree like `x0` to an array or a tree of arrays.
        x0: a tree of floats or arrays of floats.
        method: "levenberg-marquardt", or "gauss-newton", which is Newton's method with shortened
            steps where there are as many equations as unknowns.
        steps: at most so many; up to 6 more tell a root from what only comes near 0.
        tolerance: the largest residual that counts as 0; where all residuals are below 1 at the
            start, relative to the largest of them.

    Raises:
        BadInput: an unknown method, a number out of range.
        TypeMismatch: `x0` holds something else than floats.

    >>> import wingbeat as wb
    >>> f = lambda x: wb.stack([x[0] + x[1] - 3.0, x[0] * x[1] - 2.0])
    >>> found = wb.root(f, np.array([5.0, 0.0]))
    >>> sorted(found.x.round(6).tolist()), found.reached
    ([1.0, 2.0], True)
    """
    near = tolerance_of(tolerance, Trees(x0, "root"))
    s, trees, residuals = _search(f, x0, method, steps, 0.0, "root", near)
    evidence = _measured(s, residuals)
    small = _small(evidence)
    if small:
        with np.errstate(all="ignore"):
            lengths = _newton_lengths(s, residuals)
        evidence = {**_measured(s, residuals), "Newton steps": lengths}
    reached = small and _converges(s, evidence)
    said = _rooted if reached else _nearly if small else _unrooted
    x, r = trees.arrays(s.here.x), residuals.value(s.here.x)
    return Root(x, r, reached, said(s, evidence), evidence, tuple(s.record), s.counts)


def _measured(s: Search, residuals: Residuals) -> dict[str, Any]:
    """How large the residuals are where the search is, and what that means."""
    r = residuals.value(s.here.x)
    evidence: dict[str, Any] = {
        "largest residual": float(np.abs(r).max()),
        "tolerance": s.options["enough"],
    }
    if np.isfinite(r).all() and np.isfinite(j := residuals.jacobian(s.here.x)).all():
        rounding = ROUNDING * s.objective.eps * float((np.abs(j) @ np.abs(s.here.x)).max())
        evidence["rounding of the residuals"] = rounding
        evidence["smallest singular value"] = float(np.linalg.svd(j, compute_uv=False)[-1])
        evidence["slope of half the sum of squares"] = float(np.abs(j.T @ r).max())
    return evidence


def _small(evidence: dict[str, Any]) -> bool:
    limit = max(evidence["tolerance"], evidence.get("rounding of the residuals", 0.0))
    return evidence["largest residual"] <= limit


def _newton_lengths(s: Search, residuals: Residuals) -> list[float]:
    """Newton steps from where the search ended, as long as residuals fall, and their lengths."""
    lengths: list[float] = []
    for _ in range(NEWTON):
        r, j = _at(s, residuals)
        if not (np.any(r) and np.isfinite(j).all()):
            break
        d = -np.linalg.lstsq(j, r, rcond=None)[0]
        lengths.append(float(np.linalg.norm(d)))
        point = s.value_at(s.here.x + d)
        if not point.value < s.here.value:
            s.reject(point, d, 1.0, None, "Newton's step does not make the residuals smaller")
            break
        s.take(point, d, 1.0, None, "Newton's step: do they become shorter?")
    return lengths


def _converges(s: Search, evidence: dict[str, Any]) -> bool:
    """Whether Newton's steps become shorter, or too short for the dtype to tell.

    At a root of order m each is 1 - 1/m times the last one; on the way to infinity none is shorter.
    """
    if evidence["largest residual"] == 0:
        return True
    lengths = evidence["Newton steps"]
    size = max(1.0, float(np.abs(s.here.x).max()))
    if len(lengths) == NEWTON:
        return lengths[-1] <= SHORTER * lengths[0]
    # Residuals have stopped falling: by rounding, if the last step is as short as it explains.
    return bool(lengths) and 0 < lengths[-1] <= 10 * s.objective.eps**0.5 * size


def _rooted(s: Search, evidence: dict[str, Any]) -> str:
    said = f"a root to {evidence['largest residual']:.2g} in {s.number} steps"
    smallest = evidence["smallest singular value"]
    if smallest <= s.objective.eps * 100:
        return f"{said}; the Jacobian is singular there, so others may lie next to it"
    lengths = evidence["Newton steps"]
    return f"{said}; the last Newton step was {lengths[-1]:.2g} long" if lengths else said


def _nearly(s: Search, evidence: dict[str, Any]) -> str:
    said = f"no root is shown: the largest residual is {evidence['largest residual']:.2g}"
    steps = ", ".join(f"{length:.2g}" for length in evidence["Newton steps"]) or "none"
    return (
        f"{said} after {s.number} steps, but Newton's steps from there (lengths {steps}) come to "
        "no point; the residuals may only come near 0, or x run away"
    )


def _unrooted(s: Search, evidence: dict[str, Any]) -> str:
    assert s.ended is not None
    said = f"no root: a residual is still {evidence['largest residual']:.3g} after {s.number} steps"
    slope = evidence.get("slope of half the sum of squares", np.inf)
    if slope <= 1e-6 * max(1.0, evidence["largest residual"]):
        return f"{said}, where no small change of x makes the residuals smaller (slope {slope:.2g})"
    return f"{said}; {s.ended.text}"
