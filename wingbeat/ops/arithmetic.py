"""Elementwise arithmetic, rounding, and the ways to pass a number on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import ATOM, POWER, PRODUCT, SUM, Absent, Kink, Node, Sample, full
from wingbeat.ir.types import TensorType, tensor_type
from wingbeat.ops.families import (
    ANY,
    INTEGER,
    NUMBER,
    constant_of,
    custom,
    elementwise,
    linear,
    one_like,
    spread,
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
    partials=lambda z, x, y: (_unless_0(y, one_like(y) / y, z), -(z / y)),
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


def _killed(z: Any, *factors: Any) -> Any:
    """The product z, with 0 in place of NaN where one of the factors is 0."""
    # One pass finds out whether there is any NaN at all: a sum is NaN if a term is.
    if np.isnan(np.add.reduce(z, axis=None)):
        zero = np.logical_or.reduce([np.equal(x, 0) for x in factors])
        z = np.where(np.isnan(z) & zero, np.zeros((), z.dtype), z)
    return z


def _killed_scalar(s: Any, z: Any, *factors: Any) -> Any:
    for x in factors:
        z = s.clear(s.compare("==", x, s.const(0)), z)
    return z


def _times(x: Node) -> Any:
    """The partial x of a product in which a zero of either factor kills."""
    return lambda t: x if constant_of(t) == 1 else mutual(t, x)


scaled = elementwise(
    "scaled",
    numpy=lambda g, d: _killed(np.multiply(g, d), g),
    # Not only a zero that arrives, a zero of g kills too, as it does in g d.
    partials=lambda z, g, d: (d, _times(g)),
    scalar=lambda s, g, d: _killed_scalar(s, s.mul(g, d), g),
    latex=r"{0} \cdot {1}",
    level=PRODUCT,
    inner=PRODUCT,
    samples=PAIR,
)
"""g d inside a pullback: a zero cotangent kills what it meets, so 0 x inf is 0."""

mutual = elementwise(
    "mutual",
    numpy=lambda x, y: _killed(np.multiply(x, y), x, y),
    partials=lambda z, x, y: (_times(y), _times(x)),
    scalar=lambda s, x, y: _killed_scalar(s, s.mul(x, y), x, y),
    latex=r"{0} \cdot {1}",
    level=PRODUCT,
    inner=PRODUCT,
    samples=PAIR,
)
"""x y where a zero of either kills what it meets: the derivative of `scaled` by its second factor.

A comparison with 0 in its place would be a constant to the next derivative, and hide that a zero
cotangent moves.
"""


def _defined(d: Any, z: Any) -> Any:
    # A sum is finite only if all terms are.
    if np.isfinite(np.add.reduce(z, axis=None)):
        return d
    lost = np.isnan(z) | (np.isinf(z) & np.equal(d, 0))
    return np.where(lost, np.full((), np.nan, d.dtype), d)


def _defined_scalar(s: Any, d: Any, z: Any) -> Any:
    flat = s.bits("&", s.call("isinf", z), s.compare("==", d, s.const(0)))
    lost = s.bits("|", s.compare("!=", z, z), flat)
    return s.select(lost, s.const(math.nan), d)


def _still_defined(w: Node, d: Node, z: Node) -> tuple[Node, Node]:
    """By d 1, by z 0, and both NaN where w is: derivatives of no order exist there."""
    return defined(one_like(d), w), defined(zero_like(z), sign(w))  # sign(inf) is finite


defined = elementwise(
    "defined",
    numpy=_defined,
    partials=_still_defined,
    scalar=_defined_scalar,
    latex="{0}",
    samples=PAIR,
)
"""The slope d of a function where its value z exists, and NaN where it does not.

A slope of 0 where the value is infinite is NaN, too: it is 1/x at an x that overflowed, and as a
zero it would kill the infinite slope of what overflowed.
"""


def _unless_0(y: Node, d: Node, z: Node) -> Node:
    """The partial d of a quotient z, which exists unless y is 0."""
    return d if constant_of(y) else defined(d, z)


def _no_slope(z: Node, x: Node, y: Node) -> tuple[Node | None, Node | None]:
    slope = None if constant_of(y) else defined(zero_like(y), z)
    return slope, slope


floor_divide = elementwise(
    "floor_divide",
    numpy=np.floor_divide,
    partials=_no_slope,
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
    partials=lambda z, x, y: (
        _unless_0(y, one_like(x), z),
        _unless_0(y, -floor_divide(x, y), z),
    ),
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
    partials=lambda z, x: (stop_gradient(sign(x)),),
    scalar=lambda s, x: s.call("abs", x),
    latex=r"\left|{0}\right|",
    samples=ONE,
    accepts=NUMBER,
    kink=Kink(lambda z, x: _is_zero(x), "0", lipschitz=True, square=lambda x: x * x),
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
    kink=Kink(_tie, "ties share equally: 1/2 each", lipschitz=True),
)
minimum = elementwise(
    "minimum",
    numpy=np.minimum,
    partials=lambda z, x, y: (_share(y, x), _share(x, y)),
    scalar=lambda s, x, y: s.call("minimum", x, y),
    latex=r"\min\left({0}, {1}\right)",
    samples=PAIR,
    accepts=NUMBER,
    kink=Kink(_tie, "ties share equally: 1/2 each", lipschitz=True),
)

relu = elementwise(
    "relu",
    numpy=lambda x: np.maximum(x, np.zeros((), x.dtype)),
    partials=lambda z, x: (where(greater(x, zero_like(x)), one_like(x), zero_like(x)),),
    scalar=lambda s, x: s.call("maximum", x, s.const(0)),
    latex=r"\operatorname{{relu}}\left({0}\right)",
    samples=ONE,
    accepts=NUMBER,
    kink=Kink(lambda z, x: _is_zero(x), "0", lipschitz=True),
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


def _turns(z: Node, x: Node) -> Node:
    """Where a float that moves becomes another integer, or another truth."""
    if z.type.inexact or not x.type.inexact:
        return full(False, tensor_type(z.shape, "bool"))
    return _is_zero(x) if z.type.dtype.kind == "b" else _is_whole(x)


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
    kink=Kink(_turns, "the side that the rounding took"),
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


def _agreed_type(d: TensorType, z: TensorType) -> TensorType:
    if d is not z:
        raise TypeMismatch("what is agreed on has the type of the result that it is for")
    return d


agreed = custom(
    "agreed",
    type_rule=_agreed_type,
    numpy=lambda d, z: d,
    jvp=lambda w, xs, ts: ts[0],
    vjp=lambda g, w, d, z: (g, None),
    batch=lambda op, xs, batched: op(*spread(xs, batched)),
    element=lambda s, read, i: read[0](i),
    latex="{0}",
    samples=PAIR,
)
"""The partial d of the operation behind z: a note that at the kinks of z it is a convention.

Who differentiates d again, and has to know what the result rests on, finds the note in the graph.
"""


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
