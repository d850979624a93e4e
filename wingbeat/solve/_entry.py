"""`minimize`: from a user's question to a `Result`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.errors import BadInput, TypeMismatch, WingbeatError
from wingbeat.solve import _constrained, _descent, _newton, _quasi, _trust
from wingbeat.solve._curvature import DENSE
from wingbeat.solve._judge import judge
from wingbeat.solve._objective import Objective, Trees
from wingbeat.solve._search import Search
from wingbeat.solve._stationary import inside
from wingbeat.solve.record import Result, Vector
from wingbeat.solve.verdict import Verdict


@dataclass(frozen=True)
class Method:
    """A way to minimise: the loop, what it can do, and which options it reads."""

    run: Callable[[Search], None]
    about: str
    options: tuple[str, ...] = ()
    bounds: bool = False
    constraints: bool = False


METHODS: dict[str, Method] = {
    "gradient-descent": Method(_descent.gradient_descent, "against the gradient", ("rate", "line")),
    "momentum": Method(_descent.momentum, "a heavy ball", ("rate", "momentum")),
    "nesterov": Method(_descent.nesterov, "momentum that looks ahead", ("rate", "momentum")),
    "adam": Method(_descent.adam, "a rate for each number", ("rate", "betas")),
    "cg": Method(_descent.conjugate_gradients, "nonlinear conjugate gradients (PR+)"),
    "bfgs": Method(_quasi.bfgs, "curvature learned from gradients"),
    "l-bfgs": Method(_quasi.lbfgs, "the same for many variables", ("memory",)),
    "l-bfgs-b": Method(_quasi.lbfgs_bounded, "the same within bounds", ("memory",), bounds=True),
    "newton": Method(_newton.newton, "to where the quadratic model is stationary"),
    "saddle-free-newton": Method(_newton.saddle_free, "Newton downhill along every eigenvector"),
    "newton-cg": Method(_newton.newton_cg, "Newton by products with the Hessian"),
    "trust-exact": Method(_trust.trust_exact, "the model's minimum within a radius", ("radius",)),
    "trust-cg": Method(_trust.trust_cg, "the same by products with the Hessian", ("radius",)),
    "slsqp": Method(_constrained.slsqp, "SciPy's, with constraints", bounds=True, constraints=True),
    "trust-constr": Method(
        _constrained.trust_constr, "SciPy's, with constraints", bounds=True, constraints=True
    ),
}
DEFAULTS: dict[str, Any] = {
    "rate": None, "line": None, "momentum": 0.9, "betas": (0.9, 0.999), "memory": 10, "radius": None
}  # fmt: skip
FEW = 100  # variables up to which the whole Hessian is used unless somebody chooses


def minimize(
    f: Callable[[Any], Any],
    x0: Any,
    method: str | None = None,
    *,
    steps: int | None = None,
    tolerance: float | None = None,
    bounds: Any = None,
    equalities: Any = (),
    inequalities: Any = (),
    gradient: Callable[[Any], Any] | None = None,
    **options: Any,
) -> Result:
    """Search for a minimum of `f` from `x0`, and say what was found.

    Args:
        f: from a tree like `x0` to a scalar. It is compiled where it can be (`wb.jit`).
        x0: a tree of floats or arrays of floats. A list of numbers is a tree of numbers; give an
            array where an array is meant.
        method: "gradient-descent", "momentum", "nesterov", "adam", "cg", "bfgs", "l-bfgs",
            "l-bfgs-b", "newton", "saddle-free-newton", "newton-cg", "trust-exact", "trust-cg",
            "slsqp" or "trust-constr". By default a trust region, which leaves saddles:
            "trust-exact" up to 100 variables, "trust-cg" above. With bounds "l-bfgs-b", with
            constraints "slsqp".
        steps: at most so many; by default 1000, or 20 for each number in `x0` where that is more.
        tolerance: the search ends when no partial derivative is larger; by default 1e-5, or
            the cube root of the dtype's unit of rounding where that is larger (float32: 5e-3).
        bounds: (lower, upper), each a number, None, or a tree like `x0` of numbers and arrays;
            -inf and inf stand for no bound.
        equalities: functions of x, each a scalar or an array that has to be 0.
        inequalities: the same, to be at least 0.
        gradient: your own, a tree like `x0`, in place of the derivative of `f`.
        **options: `rate`, a number or a function of the number of steps taken, as those in
            `wb.optim` (gradient descent, momentum, Nesterov, Adam); `line`, how gradient descent
            finds its lengths: "fixed", "exact", "backtracking", "wolfe" or "several"; `momentum`,
            `betas`, `memory`, and `radius`, the first trust radius.

    Ctrl-C ends the search; what is there is returned with the verdict "not finished".

    Raises:
        BadInput: an unknown method or option, one that the method does not have, a number out of
            range, bounds that cross.
        TypeMismatch: `x0` holds something else than floats, or `f` does not return a scalar.

    >>> import wingbeat as wb
    >>> def rosenbrock(x):
    ...     return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    >>> result = wb.minimize(rosenbrock, np.array([-1.2, 1.0]))
    >>> result.x.round(4), result.verdict.kind
    (array([1., 1.]), 'minimum')
    """
    trees = Trees(x0, "minimize")
    equalities, inequalities = _functions(equalities), _functions(inequalities)
    name = _name(method, trees.size, bounds is not None, bool(equalities or inequalities))
    chosen = METHODS[name]
    _check_fit(name, chosen, bounds is not None, bool(equalities or inequalities))
    if not callable(f):
        raise TypeMismatch(f"minimize: the first argument is a function, not {type(f).__name__}")
    if gradient is not None and not callable(gradient):
        raise BadInput(f"minimize: gradient is a function of x, not {type(gradient).__name__}")
    s = Search(
        Objective(f, trees, gradient),
        whole(max(1000, 20 * trees.size) if steps is None else steps),
        tolerance_of(tolerance, trees),
        _options(name, chosen, options),
    )
    s.options |= {"lowest": _lowest, "inside": inside}
    s.lower, s.upper = _bounds(bounds, trees)
    constraints = _constrained.Constraints(trees, equalities, inequalities)
    s.options["constraints"] = constraints
    run(s, chosen.run, trees)
    with np.errstate(all="ignore"):
        verdict = _constrained.judge(s, constraints) if chosen.constraints else judge(s)
    return finished(s, trees, verdict, name)


def finished(s: Search, trees: Trees, verdict: Verdict, name: str) -> Result:
    """What a search leaves behind."""
    return Result(
        trees.arrays(s.here.x),
        s.here.value,
        trees.arrays(s.complete(s.here).slope.astype(trees.dtype)),
        verdict,
        tuple(s.record),
        s.counts,
        name,
    )


def run(s: Search, method: Callable[[Search], None], trees: Trees) -> None:
    """The search; what Ctrl-C leaves is kept, once there is anything."""
    try:
        with np.errstate(all="ignore"):  # what is not finite is looked for, and said in the record
            s.begin(s.clip(trees.start))
            if s.here.finite:
                method(s)
            s.over()
    except KeyboardInterrupt:
        if not s.record:
            raise
        s.interrupt()


def _lowest(s: Search) -> tuple[float, Vector]:
    """The most negative curvature here and its direction; 0 where none is known to be negative."""
    from wingbeat.curvature.eigen import extremes
    from wingbeat.curvature.operator import Operator

    n = s.here.x.size
    point = np.zeros(n, s.objective.dtype)
    h = s.hessian() if n <= DENSE else Operator(lambda _, v: s.product(np.asarray(v)), point, "H")
    e = extremes(h)
    return (e.smallest if e.signs[0] < 0 else 0.0), e.smallest_direction


# --- what the user asked for --------------------------------------------------------------------


def _functions(given: Any) -> tuple[Callable[[Any], Any], ...]:
    listed = (given,) if callable(given) or not isinstance(given, Iterable) else given
    functions: tuple[Any, ...] = tuple(listed)
    if not all(map(callable, functions)):
        raise BadInput("minimize: constraints are functions of x, one or a list of them")
    return functions


def _name(method: str | None, size: int, bounded: bool, constrained: bool) -> str:
    if method is None:
        if constrained:
            return "slsqp"
        return "l-bfgs-b" if bounded else "trust-exact" if size <= FEW else "trust-cg"
    name = str(method).lower().replace("_", "-").replace(" ", "-")
    if name not in METHODS:
        raise BadInput(f"minimize: there is no method {method!r}; one of {', '.join(METHODS)}")
    return name


def _check_fit(name: str, chosen: Method, bounded: bool, constrained: bool) -> None:
    for asked, can, what in (
        (bounded, "bounds", "bounds"),
        (constrained, "constraints", "constraints"),
    ):
        if asked and not getattr(chosen, can):
            able = ", ".join(n for n, m in METHODS.items() if getattr(m, can))
            raise BadInput(f"minimize: {name} takes no {what}; these do: {able}")


def whole(steps: Any) -> int:
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise BadInput(f"minimize: steps is a whole number from 1, not {steps!r}")
    return steps


def tolerance_of(tolerance: float | None, trees: Trees) -> float:
    if tolerance is None:
        return max(1e-5, float(np.finfo(trees.dtype).eps) ** (1 / 3))
    return _positive("tolerance", tolerance, zero=True)


def _positive(name: str, value: Any, zero: bool = False) -> float:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise BadInput(f"minimize: {name} is a positive number, not {value!r}")
    return float(value)


def _options(name: str, chosen: Method, given: dict[str, Any]) -> dict[str, Any]:
    for option in given:
        if option not in chosen.options:
            has = ", ".join(chosen.options) or "none"
            raise BadInput(f"minimize: {name} has no option {option!r}; its options: {has}")
    options = DEFAULTS | given
    for option in ("rate", "radius"):
        if options[option] is not None and not (option == "rate" and callable(options[option])):
            options[option] = _positive(option, options[option])
    if options["line"] is not None and options["line"] not in _descent.LINES:
        raise BadInput(
            f"minimize: line is one of {', '.join(_descent.LINES)}, not {options['line']!r}"
        )
    if options["rate"] is not None and options["line"] not in (None, "fixed"):
        raise BadInput(f"minimize: a rate belongs to line='fixed', not {options['line']!r}")
    betas = options["betas"]
    for option, value in (
        ("momentum", options["momentum"]),
        ("betas", betas[0]),
        ("betas", betas[1]),
    ):
        if not 0 <= value < 1:
            raise BadInput(f"minimize: {option} lies in [0, 1), not {value!r}")
    memory = options["memory"]
    if isinstance(memory, bool) or not isinstance(memory, int) or memory < 1:
        raise BadInput(f"minimize: memory is a whole number from 1, not {memory!r}")
    return options


_FORM = (
    "bounds is a pair (lower, upper), each a number, None or like x0, as ([0.0, 0.0], [1.0, 1.0]); "
    "not a pair for each number"
)


def _bounds(bounds: Any, trees: Trees) -> tuple[Vector | None, Vector | None]:
    if bounds is None:
        return None, None
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise BadInput(f"minimize: {_FORM}")
    low, high = bounds
    try:
        lower = trees.spread(-np.inf if low is None else low, "bounds")
        upper = trees.spread(np.inf if high is None else high, "bounds")
    except WingbeatError as error:
        raise BadInput(f"minimize: {_FORM} ({error})") from None
    if np.isnan(lower).any() or np.isnan(upper).any():
        raise BadInput("minimize: a bound is NaN; -inf and inf stand for no bound")
    if np.any(lower > upper):
        k = int(np.argmax(lower > upper))
        raise BadInput(f"minimize: bounds cross: {lower[k]:g} > {upper[k]:g} for number {k} of x0")
    if trees.size > 1 and isinstance(low, tuple | list) and np.array_equal(lower, upper):
        raise BadInput(f"minimize: these bounds let nothing move; {_FORM}")
    return lower, upper
