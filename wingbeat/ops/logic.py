"""Comparisons, logic, tests of floats, and `where`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import PRODUCT, SUM, Absent, Kink, Node, Sample
from wingbeat.ir.types import TensorType
from wingbeat.ops.families import ANY, BOOLEAN, custom, elementwise, spread, zero_like

_PAIR = (Sample(((3, 4), (3, 4))), Sample(((5,), (5,)), within=(0, 3), dtypes=("int64", "int64")))
_FLAGS = (Sample(((4,), (4,)), within=(0, 1), dtypes=("bool", "bool")),)


def _comparison(name: str, numpy: Any, relation: str, latex: str) -> Any:
    return elementwise(
        name,
        numpy=numpy,
        partials=Absent(f"{name} is boolean valued"),
        scalar=lambda s, x, y: s.compare(relation, x, y),
        latex=f"{{0:tighter}} {latex} {{1:tighter}}",
        level=SUM,
        samples=_PAIR,
        accepts=ANY,
        result="bool",
        kink=Kink(lambda z, x, y: equal(x, y), "the side that the comparison took"),
    )


equal = _comparison("equal", np.equal, "==", "=")
not_equal = _comparison("not_equal", np.not_equal, "!=", r"\ne")
less = _comparison("less", np.less, "<", "<")
less_equal = _comparison("less_equal", np.less_equal, "<=", r"\le")
greater = _comparison("greater", np.greater, ">", ">")
greater_equal = _comparison("greater_equal", np.greater_equal, ">=", r"\ge")


def _logical(name: str, numpy: Any, operator: str, latex: str) -> Any:
    return elementwise(
        name,
        numpy=numpy,
        partials=Absent(f"{name} is boolean valued"),
        scalar=lambda s, x, y: s.bits(operator, x, y),
        latex=f"{{0:tighter}} {latex} {{1:tighter}}",
        level=SUM,
        samples=_FLAGS,
        accepts=BOOLEAN,
    )


logical_and = _logical("logical_and", np.logical_and, "&", r"\wedge")
logical_or = _logical("logical_or", np.logical_or, "|", r"\vee")
logical_xor = _logical("logical_xor", np.logical_xor, "^", r"\oplus")
logical_not = elementwise(
    "logical_not",
    numpy=np.logical_not,
    partials=Absent("logical_not is boolean valued"),
    scalar=lambda s, x: s.invert(x),
    latex=r"\neg {0:tighter}",
    level=PRODUCT,
    samples=(Sample(((4,),), within=(0, 1), dtypes=("bool",)),),
    accepts=BOOLEAN,
)


def _test(name: str, numpy: Any, kink: Kink | None = None) -> Any:
    return elementwise(
        name,
        numpy=numpy,
        partials=Absent(f"{name} is boolean valued"),
        scalar=lambda s, x: s.call(name, x),
        latex=rf"\operatorname{{{{{name}}}}}\left({{0}}\right)",
        samples=(Sample(((3, 4),)),),
        result="bool",
        kink=kink,
    )


isnan = _test("isnan", np.isnan)
isinf = _test("isinf", np.isinf)
isfinite = _test("isfinite", np.isfinite)
signbit = _test(
    "signbit",
    np.signbit,
    Kink(lambda z, x: equal(x, zero_like(x)), "the side that the sign bit names"),
)


def _where_type(c: TensorType, x: TensorType, y: TensorType) -> TensorType:
    if c.dtype.kind != "b":
        raise TypeMismatch("the condition must be boolean; write x != 0")
    if x is not y or c.shape != x.shape:
        raise TypeMismatch("the two branches must have one type, and the condition its shape")
    return x


def _where_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    c, (_, tx, ty) = xs[0], ts
    if tx is None and ty is None:
        return None
    return where(c, tx or zero_like(z), ty or zero_like(z))


where = custom(
    "where",
    type_rule=_where_type,
    numpy=np.where,
    jvp=_where_jvp,
    # A selection, not a product with 0 and 1: the branch not taken gets an exact zero.
    vjp=lambda g, z, c, x, y: (None, where(c, g, zero_like(g)), where(c, zero_like(g), g)),
    batch=lambda op, xs, batched: op(*spread(xs, batched)),
    element=lambda s, read, i: s.select(*(r(i) for r in read)),
    latex=r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
    level=SUM,
    samples=(
        Sample(
            ((3, 4), (3, 4), (3, 4)),
            within=((0, 1), (-2.0, 2.0), (-2.0, 2.0)),
            dtypes=("bool", "float64", "float64"),
        ),
    ),
)
