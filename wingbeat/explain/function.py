"""An expression as a function that can be differentiated, minimised, ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wingbeat.api.tensor import Tensor, asarray
from wingbeat.explain import _evaluation, expression
from wingbeat.explain.values import as_value

Inputs = dict[str, Any]


def as_function(
    text: str, values: Mapping[str, Any]
) -> tuple[Callable[[Mapping[str, Any]], Tensor], Inputs]:
    """The function from a dict of the inputs to the last result, and the inputs as arrays.

    Raises:
        BadExpression: the text is no formula of the allowed kind.
        BadInput: an input has no value, or a value no input.

    >>> import wingbeat as wb
    >>> f, inputs = wb.explain.as_function("s = x*y; s + 1", {"x": 2, "y": 3})
    >>> float(f(inputs)), float(wb.grad(f)(inputs)["x"])
    (7.0, 3.0)
    """
    program = expression.parse(text)
    inputs = {_evaluation.canonical(k): as_value(v, k) for k, v in values.items()}
    _evaluation.check_values(program, inputs)

    def f(given: Mapping[str, Any]) -> Tensor:
        tensors = {name: asarray(v) for name, v in given.items()}
        return _evaluation.run(program, tensors, asarray)[program.result]

    return f, inputs
