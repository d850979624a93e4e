"""Elementwise arithmetic, rounding, and the ways to pass a number on."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.ir.node import ATOM, POWER, PRODUCT, SUM, Absent, Kink, Node, Sample, full
from wingbeat.ir.types import TensorType, tensor_type
from wingbeat.ops.families import (
    ANY,
    INTEGER,
    NUMBER,
    elementwise,
    linear,
    one_like,
    pull,
    zero_like,
)
from wingbeat.ops.logic import (
    equal,
    greater,
    less,
    logical_and,
    logical_or,
    not_equal,
    signbit,
    where,
)

ONE = (Sample(((3, 4),)), Sample(((),)), Sample(((0, 2),)))
PAIR = (Sample(((3, 4), (3, 4))), Sample(((), ())))
_POSITIVE = (0.5, 3.0)
_DIVISOR = (Sample(((3, 4), (3, 4)), within=((-2.0, 2.0), _POSITIVE)),)

add = elementwise(
    "add",
    numpy=np.add,
    partials=lambda z, x, y: (one_like(x), one_like(y)),
    scalar=lambda s, x, y: s.add(x, y),
    latex="{0} + {1}",
    level=SUM,
    samples=PAIR,
    accepts=NUMBER,
)
sub = elementwise(
    "sub",
    numpy=np.subtract,
    partials=lambda z, x, y: (one_like(x), -one_like(y)),
    scalar=lambda s, x, y: s.sub(x, y),
    latex="{0} - {1:tighter}",
    level=SUM,
    samples=PAIR,
    accepts=NUMBER,
)
mul = elementwise(
    "mul",
    numpy=np.multiply,
    partials=lambda z, x, y: (y, x),
    scalar=lambda s, x, y: s.mul(x, y),
    latex=r"{0} \cdot {1}",
    level=PRODUCT,
    inner=PRODUCT,
    samples=PAIR,
    accepts=NUMBER,
)
div = elementwise(
    "div",
    numpy=np.divide,
    partials=lambda z, x, y: (one_like(y) / y, -(z / y)),
    scalar=lambda s, x, y: s.div(x, y),
    latex=r"\frac{{{0}}}{{{1}}}",
    level=PRODUCT,
    samples=_DIVISOR,
)
neg = elementwise(
    "neg",
    numpy=np.negative,
    partials=lambda z, x: (-one_like(x),),
    scalar=lambda s, x: s.neg(x),
    latex="-{0}",
    level=SUM,
    inner=PRODUCT,
    samples=ONE,
    accepts=NUMBER,
)


def _scaled(g: Any, d: Any) -> Any:
    z = np.multiply(g, d)
    # One pass finds out whether there is any NaN at all: a sum is NaN if a term is.
    if np.isnan(np.add.reduce(z, axis=None)):
        z = np.where(np.isnan(z) & np.equal(g, 0), np.zeros((), z.dtype), z)
    return z


def _scaled_scalar(s: Any, g: Any, d: Any) -> Any:
    z = s.mul(g, d)
    killed = s.bits("&", s.compare("==", g, s.const(0)), s.compare("!=", z, z))
    return s.select(killed, s.const(0), z)


def _killing(g: Node) -> Any:
    """The partial by d: not only a zero that arrives, a zero of g kills too, as it does in g d."""
    zero = zero_like(g)
    return lambda t: where(equal(g, zero), zero, pull(t, g) or zero)


scaled = elementwise(
    "scaled",
    numpy=_scaled,
    partials=lambda z, g, d: (d, _killing(g)),
    scalar=_scaled_scalar,
    latex=r"{0} \cdot {1}",
    level=PRODUCT,
    inner=PRODUCT,
    samples=PAIR,
)
"""g d inside a pullback: a zero cotangent kills what it meets, so 0 x inf is 0."""


floor_divide = elementwise(
    "floor_divide",
    numpy=np.floor_divide,
    partials=lambda z, x, y: (None, None),
    scalar=lambda s, x, y: s.call("floor_divide", x, y),
    latex=r"\left\lfloor {0} / {1:atom} \right\rfloor",
    inner=PRODUCT,
    samples=_DIVISOR,
    accepts=NUMBER,
    kink=Kink(lambda z, x, y: _is_zero(remainder(x, y)), "0, as between the jumps"),
)
remainder = elementwise(
    "remainder",
    numpy=np.remainder,
    partials=lambda z, x, y: (one_like(x), -floor_divide(x, y)),
    scalar=lambda s, x, y: s.call("remainder", x, y),
    latex=r"{0} \bmod {1}",
    level=SUM,
    inner=POWER,
    samples=_DIVISOR,
    accepts=NUMBER,
    kink=Kink(lambda z, x, y: _is_zero(z), "1 and -floor(x / y), as beside the jump"),
)
abs = elementwise(
    "abs",
    numpy=np.abs,
    partials=lambda z, x: (sign(x),),
    scalar=lambda s, x: s.call("abs", x),
    latex=r"\left|{0}\right|",
    samples=ONE,
    accepts=NUMBER,
    kink=Kink(lambda z, x: _is_zero(x), "0"),
)
sign = elementwise(
    "sign",
    numpy=np.sign,
    partials=lambda z, x: (None,),
    scalar=lambda s, x: s.call("sign", x),
    latex=r"\operatorname{{sign}}\left({0}\right)",
    samples=ONE,
    accepts=NUMBER,
    kink=Kink(lambda z, x: _is_zero(x), "0"),
)


def _is_zero(x: Node) -> Node:
    return equal(x, zero_like(x))


def _is_integer(x: Node) -> Node:
    return _is_zero(remainder(x, one_like(x)))


def _is_half(x: Node) -> Node:
    return equal(remainder(x, one_like(x)), full(0.5, x.type))


def _is_whole(x: Node) -> Node:
    """An integer other than 0, around which trunc is flat."""
    return logical_and(_is_integer(x), not_equal(x, zero_like(x)))


def _step(name: str, numpy: Any, latex: str, jumps: Any) -> Any:
    """A staircase: flat, with jumps."""
    return elementwise(
        name,
        numpy=numpy,
        partials=lambda z, x: (None,),
        scalar=lambda s, x: s.call(name, x),
        latex=latex,
        samples=ONE,
        kink=Kink(lambda z, x: jumps(x), "0, as between the jumps"),
    )


floor = _step("floor", np.floor, r"\left\lfloor {0} \right\rfloor", _is_integer)
ceil = _step("ceil", np.ceil, r"\left\lceil {0} \right\rceil", _is_integer)
trunc = _step("trunc", np.trunc, r"\operatorname{{trunc}}\left({0}\right)", _is_whole)
round = _step("round", np.rint, r"\operatorname{{round}}\left({0}\right)", _is_half)


def _share(x: Node, y: Node) -> Node:
    """1 where x wins over y, 1/2 where they tie: ties share equally."""
    half = where(less(x, y), zero_like(x), full(0.5, x.type))
    return where(greater(x, y), one_like(x), half)


def _tie(z: Node, x: Node, y: Node) -> Node:
    return equal(x, y)


maximum = elementwise(
    "maximum",
    numpy=np.maximum,
    partials=lambda z, x, y: (_share(x, y), _share(y, x)),
    scalar=lambda s, x, y: s.call("maximum", x, y),
    latex=r"\max\left({0}, {1}\right)",
    samples=PAIR,
    accepts=NUMBER,
    kink=Kink(_tie, "ties share equally: 1/2 each"),
)
minimum = elementwise(
    "minimum",
    numpy=np.minimum,
    partials=lambda z, x, y: (_share(y, x), _share(x, y)),
    scalar=lambda s, x, y: s.call("minimum", x, y),
    latex=r"\min\left({0}, {1}\right)",
    samples=PAIR,
    accepts=NUMBER,
    kink=Kink(_tie, "ties share equally: 1/2 each"),
)

relu = elementwise(
    "relu",
    numpy=lambda x: np.maximum(x, np.zeros((), x.dtype)),
    partials=lambda z, x: (where(greater(x, zero_like(x)), one_like(x), zero_like(x)),),
    scalar=lambda s, x: s.call("maximum", x, s.const(0)),
    latex=r"\operatorname{{relu}}\left({0}\right)",
    samples=ONE,
    accepts=NUMBER,
    kink=Kink(lambda z, x: _is_zero(x), "0"),
)


def _same_sign(x: Node, y: Node) -> Node:
    agree = equal(signbit(x), signbit(y))
    return where(agree, one_like(x), -one_like(x))


copysign = elementwise(
    "copysign",
    numpy=np.copysign,
    partials=lambda z, x, y: (_same_sign(x, y), None),
    scalar=lambda s, x, y: s.call("copysign", x, y),
    latex=r"\operatorname{{copysign}}\left({0}, {1}\right)",
    samples=PAIR,
    kink=Kink(
        lambda z, x, y: logical_or(_is_zero(x), _is_zero(y)),
        "the derivative on the side that the sign bits name",
    ),
)
nextafter = elementwise(
    "nextafter",
    numpy=np.nextafter,
    partials=Absent("nextafter steps through the dtype's numbers, which is no smooth function"),
    scalar=lambda s, x, y: s.call("nextafter", x, y),
    latex=r"\operatorname{{nextafter}}\left({0}, {1}\right)",
    samples=PAIR,
)


# --- passing a number on ----------------------------------------------------------------


def _cast_type(x: TensorType, *, dtype: str) -> TensorType:
    return tensor_type(x.shape, dtype)


cast = linear(
    "cast",
    type_rule=_cast_type,
    numpy=lambda x, *, dtype: np.asarray(x).astype(dtype),
    adjoint=lambda g, x, *, dtype: cast(g, dtype=x.type.dtype.name),
    batch=lambda op, x, *, dtype: op(x, dtype=dtype),
    element=lambda s, read, i, *, dtype: s.cast(read[0](i), dtype),
    latex="{0}",
    level=ATOM,
    samples=(
        Sample(((3, 4),), attrs=(("dtype", "float64"),)),
        Sample(((3,),), attrs=(("dtype", "int32"),)),
        Sample(((3,),), attrs=(("dtype", "bool"),)),
    ),
)


def _alias_type(x: TensorType, *, tag: int) -> TensorType:
    return x


alias = linear(
    "alias",
    type_rule=_alias_type,
    numpy=lambda x, *, tag: x,
    adjoint=lambda g, x, *, tag: g,
    batch=lambda op, x, *, tag: op(x, tag=tag),
    element=lambda s, read, i, *, tag: read[0](i),
    latex="{0}",
    samples=(Sample(((3,),), attrs=(("tag", 0),)),),
)
"""The same value as a variable of its own: what a transform differentiates with respect to."""

stop_gradient = elementwise(
    "stop_gradient",
    numpy=lambda x: x,
    partials=lambda z, x: (None,),
    scalar=lambda s, x: x,
    latex="{0}",
    inner=ATOM,
    samples=(Sample(((3,),)),),
    accepts=ANY,
)
"""The same value as a constant: no derivative flows through it."""


# --- bits ---------------------------------------------------------------------------------


def _bitwise(name: str, numpy: Any, operator: str, latex: str, accepts: str = "biu") -> Any:
    return elementwise(
        name,
        numpy=numpy,
        partials=Absent(f"{name} is integer valued"),
        scalar=lambda s, x, y: s.bits(operator, x, y),
        latex=latex,
        level=SUM - 1,  # in a sum it needs parentheses: a & b + c would be read in two ways
        inner=ATOM,
        samples=(Sample(((4,), (4,)), within=(0, 6), dtypes=("int32", "int32")),),
        accepts=accepts,
    )


bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "&", r"{0} \mathbin{{\&}} {1}")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "|", r"{0} \mathbin{{|}} {1}")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "^", r"{0} \oplus {1}")
left_shift = _bitwise("left_shift", np.left_shift, "<<", r"{0} \ll {1}", INTEGER)
right_shift = _bitwise("right_shift", np.right_shift, ">>", r"{0} \gg {1}", INTEGER)
invert = elementwise(
    "invert",
    numpy=np.invert,
    partials=Absent("invert is integer valued"),
    scalar=lambda s, x: s.invert(x),
    latex=r"\mathord{{\sim}}{0}",
    level=PRODUCT,
    inner=ATOM,
    samples=(Sample(((4,),), within=(0, 6), dtypes=("int32",)),),
    accepts="biu",
)
