"""`wb.explain`: from an expression or a function to an explanation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.errors import BadInput
from wingbeat.explain._explanation import Explanation
from wingbeat.explain._given import names as as_names
from wingbeat.explain._recording import record_expression, record_function, takes


def explain(
    what: str | Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    cotangent: Any = None,
    detail: str | None = None,
    **values: Any,
) -> Any:
    """Explain an expression, or make a function that explains a function's calls.

    `wb.explain("x=2*w+b; z=x*x", w=3, b=4)` is an `Explanation`. `wb.explain(f)` is a function
    that takes what `f` takes and returns an `Explanation` of that call; arguments may be trees.
    It takes `wrt`, `names`, `cotangent` and `detail` too, `wb.explain(f)(3.0, 4.0, wrt="b")`,
    unless `f` has a parameter of that name.
    Steps have the names that the text or the function's own lines give them.

    Args:
        what: the text `name=expression; ...`, or a function of numbers, tensors and trees of them
            that returns one tensor.
        wrt: the name or names to differentiate by; by default every float input.
        names: for a function, names for its positional arguments in place of its parameters' own.
        cotangent: for a result that is no scalar: the array g of its shape in J' g.
        detail: "names": what has a name is a step; "all": every operation is. By default names,
            where something between the inputs and the result has one.
        **values: for a text, the value of every input: a number, nested lists, an array, a tensor.
            Without any, the formulas are there and the numbers are `?`. An input called like an
            argument above needs `wb.explain.explain_text`.

    Raises:
        BadExpression: the text is no formula; the message shows the place.
        BadInput: values are missing, unknown or no numbers; `wrt` names nothing.
        TypeMismatch: the function returns something else than one tensor, or no scalar without
            `cotangent`.
        NotDifferentiable: the result is no float.

    >>> import wingbeat as wb
    >>> wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).gradient("b")
    15.0
    >>> def f(w, b):
    ...     x = 2 * w + b
    ...     y = b + 1
    ...     return x * y
    >>> wb.explain(f)(3.0, 4.0).gradient("y")
    10.0
    """
    if isinstance(what, str):
        if names is not None:
            raise BadInput("names: is for functions; an expression has its own names")
        return explain_text(what, values, wrt=wrt, cotangent=cotangent, detail=detail)
    if not callable(what):
        raise BadInput(
            f"explain takes a function or an expression's text, not {type(what).__name__}"
        )
    _require_names(wrt, names)
    if values:
        given = ", ".join(values)
        raise BadInput(
            f"explain(f) takes no values ({given}); call its result: wb.explain(f)({given}=...)"
        )

    options = {"wrt": wrt, "names": names, "cotangent": cotangent, "detail": detail}

    def explained(*args: Any, **kwargs: Any) -> Explanation:
        given = {k: v for k, v in kwargs.items() if k in options and not takes(what, k)}
        rest = {k: v for k, v in kwargs.items() if k not in given}
        chosen: dict[str, Any] = {**options, **given}
        _require_names(chosen["wrt"], chosen["names"])
        recording = record_function(what, args, rest, chosen["names"], chosen["wrt"])
        return Explanation(recording, chosen["wrt"], chosen["cotangent"], chosen["detail"])

    return explained


def _require_names(wrt: Any, names: Any) -> None:
    for what, value in (("wrt", wrt), ("names", names)):
        if value is not None:
            as_names(value, f"explain: {what}")


def explain_text(
    text: str,
    values: dict[str, Any] | None = None,
    *,
    wrt: str | Sequence[str] | None = None,
    result: str | None = None,
    cotangent: Any = None,
    detail: str | None = None,
) -> Explanation:
    """Explain an expression; `values` are given as a dict, and `result` may name any statement.

    >>> import wingbeat as wb
    >>> wb.explain.explain_text("x=2*w+b; z=x*x", {"w": 3, "b": 4}, result="x").value("x")
    10.0
    """
    return Explanation(record_expression(text, values or {}, result), wrt, cotangent, detail)
