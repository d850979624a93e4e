"""Equality and inequality constraints: SciPy's solvers with exact derivatives, and our verdict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wingbeat.api import asarray, concat, hessian, jacrev, reshape
from wingbeat.api import sum as total
from wingbeat.solve._curvature import Face
from wingbeat.solve._judge import BEFORE_MEASURING
from wingbeat.solve._objective import Array, Trees, _wide, compiled
from wingbeat.solve._probe import Probe
from wingbeat.solve._search import Point, Search, Stop
from wingbeat.solve._stationary import classified
from wingbeat.solve.record import Vector
from wingbeat.solve.verdict import Verdict

ACTIVE = 1e-5  # an inequality or a bound that is nearer to its limit holds with equality
FEASIBLE = 1e-6  # a constraint that is broken by no more than this, relative to its size, holds


class Constraints:
    """All constraints as one function of the flat x: equalities first."""

    def __init__(
        self, trees: Trees, equalities: Sequence[Any], inequalities: Sequence[Any]
    ) -> None:
        self.equalities = _Stack(trees, equalities)
        self.inequalities = _Stack(trees, inequalities)

    def __bool__(self) -> bool:
        return bool(self.equalities.functions or self.inequalities.functions)


class _Stack:
    """Several functions of the flat x, their numbers in one array."""

    def __init__(self, trees: Trees, functions: Sequence[Callable[[Any], Any]]) -> None:
        self.functions, self.dtype = tuple(functions), trees.dtype

        def stacked(x: Any) -> Any:
            tree = trees.tensors(x)
            return concat([reshape(asarray(c(tree)), (-1,)) for c in self.functions])

        self._value = compiled(stacked)
        self._jacobian = compiled(jacrev(stacked))
        self._hessian = compiled(hessian(lambda x, m: total(stacked(x) * m)))

    def value(self, x: Array) -> Vector:
        return _wide(self._value(x.astype(self.dtype))) if self.functions else np.zeros(0)

    def jacobian(self, x: Array) -> Any:
        found = _wide(self._jacobian(x.astype(self.dtype))) if self.functions else None
        return np.zeros((0, x.size)) if found is None else found

    def hessian(self, x: Array, m: Vector) -> Any:
        """The sum of the Hessians, weighted with m."""
        if not self.functions:
            return np.zeros((x.size, x.size))
        return _wide(self._hessian(x.astype(self.dtype), m.astype(self.dtype)))


# --- SciPy's solvers ----------------------------------------------------------------------------


class _Recorded:
    """What SciPy evaluates, noted as SciPy's callback says which points it went to."""

    def __init__(self, s: Search, name: str) -> None:
        self.search, self.name = s, name
        self.waiting: list[Point] = []

    def at(self, x: Array) -> Point:
        known = [self.search.here, *self.waiting]
        same = next((p for p in known if np.array_equal(p.x, x.astype(p.x.dtype))), None)
        if same is None:
            same = self.search.at(x)
            self.waiting.append(same)
        return same

    def value(self, x: Array) -> float:
        return self.at(x).value

    def gradient(self, x: Array) -> Vector:
        return self.at(x).slope

    def settle(self, x: Array) -> None:
        """SciPy is at x now; the other points that it tried it left again."""
        for point in self.waiting:
            if np.array_equal(point.x, np.asarray(x).astype(point.x.dtype)):
                self.search.take(point, None, None, None, f"{self.name} went there")
            else:
                self.search.reject(point, None, None, None, f"{self.name} tried it")
        self.waiting.clear()


def slsqp(s: Search) -> None:
    """Sequential quadratic programming."""
    _scipy(s, "SLSQP", {"ftol": 1e-12, "maxiter": s.steps})


def trust_constr(s: Search) -> None:
    """An interior point or SQP method with a trust region."""
    # SciPy ends at the first barrier whose own problem is solved, so the first one must be low.
    barrier = {"initial_barrier_parameter": 1e-8, "initial_barrier_tolerance": 1e-8}
    options = {"gtol": s.tolerance / 1000, "xtol": 1e-14, "maxiter": s.steps, **barrier}
    _scipy(s, "trust-constr", options)


def _scipy(s: Search, name: str, options: dict[str, Any]) -> None:
    from scipy.optimize import Bounds, NonlinearConstraint, minimize

    constraints: Constraints = s.options["constraints"]
    recorded = _Recorded(s, name)
    second = name == "trust-constr"
    listed: list[Any] = []
    for stack, kind, top in (
        (constraints.equalities, "eq", 0.0), (constraints.inequalities, "ineq", np.inf)
    ):  # fmt: skip
        if not stack.functions:
            continue
        jacobian: Any = stack.jacobian  # SciPy's types lack functions where it takes them
        hessian_of: Any = stack.hessian
        listed.append(
            NonlinearConstraint(stack.value, 0.0, top, jacobian, hessian_of)
            if second
            else {"type": kind, "fun": stack.value, "jac": stack.jacobian}
        )

    def hess(x: Array) -> Any:
        s.counts.hessians += 1
        return s.objective.hessian(x.astype(s.objective.dtype))

    solver: Any = minimize  # its types do not know names in variables
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's remarks on steps; the verdict looks for itself
        try:
            found = solver(
                recorded.value,
                s.here.x.astype(np.float64),
                jac=recorded.gradient,
                hess=hess if second else None,
                method=name,
                bounds=None if s.lower is None else Bounds(s.lower, s.upper),  # type: ignore[arg-type]
                constraints=listed,
                callback=lambda x, *_: recorded.settle(x),
                options=options,
            )
        except KeyboardInterrupt:
            recorded.settle(np.full_like(s.here.x, np.nan))  # what was tried is on the record
            raise
    recorded.at(found.x)
    recorded.settle(found.x)
    out_of_steps = found.nit >= s.steps
    s.ended = Stop("limit" if out_of_steps else "stuck", f"{name}: {str(found.message).lower()}")


# --- the verdict --------------------------------------------------------------------------------


def judge(s: Search, constraints: Constraints) -> Verdict:
    """The conditions of Karush, Kuhn and Tucker, and the curvature along the constraints."""
    probe = Probe(s)
    for question in BEFORE_MEASURING:
        if (verdict := question(probe)) is not None:
            return verdict
    x, g = s.here.x.astype(np.float64), s.here.slope
    equal, least = constraints.equalities.value(x), constraints.inequalities.value(x)
    broken = float(max(np.abs(equal).max(initial=0.0), (-least).max(initial=0.0)))
    active = least <= ACTIVE
    rows, kinds = _active_rows(s, constraints, x, active)
    multipliers = np.linalg.lstsq(rows.T, g, rcond=None)[0] if len(rows) else np.zeros(0)
    rest = g - rows.T @ multipliers
    pulls = multipliers[kinds == "inequality"]
    evidence: dict[str, Any] = {
        "constraints broken by": broken,
        "gradient along the constraints": float(np.abs(rest).max()),
        "multipliers": multipliers,
    }
    assert s.ended is not None
    if broken > FEASIBLE:
        sentence = f"a constraint is broken by {broken:.2g} at the last point; {s.ended.text}"
        return Verdict("not finished", evidence, sentence)
    slack = max(s.tolerance, np.sqrt(probe.eps) * float(np.abs(g).max()))
    if evidence["gradient along the constraints"] > slack:
        sentence = f"along the constraints f still changes by {np.abs(rest).max():.2g} a unit"
        kind = "not finished" if s.ended.kind == "limit" else "undecided"
        return Verdict(kind, evidence, f"{sentence}; {s.ended.text}")
    if np.any(pulls < -slack):
        sentence = f"f falls on leaving a bound or inequality (multiplier {pulls.min():.2g})"
        return Verdict("undecided", evidence, f"{sentence}: no minimum; {s.ended.text}")
    from scipy.linalg import null_space

    weak = (kinds == "inequality") & (multipliers <= slack)  # they touch the point, and may be left
    strong = rows[~weak]
    basis = null_space(strong) if len(strong) else np.eye(x.size)
    along = strong.shape[0]
    held = f" along {along} active constraint{'s' * (along != 1)}" if along else ""
    inward = rows[weak] @ basis if np.any(weak) else None
    face = _face(probe, constraints, basis, (rest, multipliers, active), inward)
    found = classified(probe, face, held, evidence["gradient along the constraints"])
    if not found.is_minimum and _degenerate(constraints, x, active, rows):
        sentence = (
            f"the gradients of active constraints ({len(rows)}) are 0 or dependent there, so "
            "Lagrange's conditions decide nothing"
        )
        return Verdict("undecided", evidence, sentence)
    return Verdict(found.kind, {**found.evidence, **evidence}, found.sentence)


def _active_rows(s: Search, constraints: Constraints, x: Vector, active: Any) -> tuple[Any, Any]:
    """Gradients of what holds with equality, and of which kind each is."""
    eye = np.eye(x.size)
    blocks = [
        constraints.equalities.jacobian(x),
        constraints.inequalities.jacobian(x)[active],
    ]
    if s.lower is not None and s.upper is not None:
        blocks += [eye[x <= s.lower + ACTIVE], -eye[x >= s.upper - ACTIVE]]
    kinds = ["equality"] * len(blocks[0]) + ["inequality"] * sum(map(len, blocks[1:]))
    return np.concatenate(blocks), np.array(kinds)


def _degenerate(constraints: Constraints, x: Vector, active: Any, rows: Any) -> bool:
    """Whether the constraints' gradients say nothing of the points that they allow.

    They are dependent, or not the same after the Newton step to where the constraints are 0, as
    those of x**2 = 0 near 0.
    """
    if np.linalg.matrix_rank(rows) < len(rows):
        return True
    values = [constraints.equalities.value(x), constraints.inequalities.value(x)[active]]

    def jacobian(x: Vector) -> Any:
        blocks = [constraints.equalities.jacobian(x), constraints.inequalities.jacobian(x)[active]]
        return np.concatenate(blocks)

    here = jacobian(x)
    there = jacobian(x - np.linalg.pinv(here) @ np.concatenate(values))
    return bool(np.linalg.norm(there - here) > np.linalg.norm(here) / 3)


def _face(
    probe: Probe,
    constraints: Constraints,
    basis: Any,
    at: tuple[Vector, Vector, Any],
    inward: Any,
) -> Face:
    """Along the constraints, with the Hessian of f minus multipliers times constraints."""
    rest, multipliers, active = at
    count = len(constraints.equalities.value(probe.x))
    pulls = np.zeros(len(active))
    pulls[active] = multipliers[count : count + int(active.sum())]

    def curved(step: Vector) -> Any:
        x = probe.x + basis @ step
        h = (
            probe.hessian(x)
            - constraints.equalities.hessian(x, multipliers[:count])
            - constraints.inequalities.hessian(x, pulls)
        )
        turned = basis.T @ h @ basis
        return (turned + turned.T) / 2

    return Face(basis.T @ rest, curved, None, lambda step: basis @ step, inward=inward)
