"""The elementwise functions of the Array API standard, and those that networks use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wingbeat.api.applying import (
    apply,
    cast_to,
    elementwise,
    mixed,
    unary,
)
from wingbeat.api.promotion import chosen
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.ir.node import Primitive
from wingbeat.ir.types import as_dtype
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import composites as co
from wingbeat.ops import logic as lo
from wingbeat.ops import transcendental as tr


def _floating(op: Primitive, formula: str, example: str) -> Callable[[Any], Tensor]:
    def function(x: Any, /) -> Tensor:
        return unary(op, True, x)

    return _described(
        function, op.name, f"{formula}, elementwise; integers become float64.", example
    )


def _unary(op: Primitive, formula: str, example: str) -> Callable[[Any], Tensor]:
    def function(x: Any, /) -> Tensor:
        return unary(op, False, x)

    return _described(function, op.name, f"{formula}, elementwise; the dtype is kept.", example)


def _binary(
    op: Primitive, formula: str, example: str, floating: bool = False, name: str = ""
) -> Any:
    def function(x: Any, y: Any, /) -> Tensor:
        return elementwise(op, x, y, floating=floating)

    text = f"{formula}, elementwise; operands are promoted and broadcast."
    return _described(function, name or op.name, text, example)


def _described(function: Any, name: str, text: str, example: str) -> Any:
    call, result = example.split(" -> ")
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}\n\n>>> import wingbeat as wb\n>>> wb.{call}\n{result}\n"
    function.__module__ = __name__
    return function


exp = _floating(tr.exp, "e^x", "exp(0.0) -> tensor(1.)")
exp2 = _floating(tr.exp2, "2^x", "exp2(3.0) -> tensor(8.)")
expm1 = _floating(tr.expm1, "e^x - 1, exact near 0", "expm1(0.0) -> tensor(0.)")
log = _floating(tr.log, "The natural logarithm", "log(1.0) -> tensor(0.)")
log1p = _floating(tr.log1p, "log(1 + x), exact near 0", "log1p(0.0) -> tensor(0.)")
log2 = _floating(tr.log2, "The logarithm to base 2", "log2(8.0) -> tensor(3.)")
log10 = _floating(tr.log10, "The logarithm to base 10", "log10(100.0) -> tensor(2.)")
sqrt = _floating(tr.sqrt, "The square root", "sqrt(9.0) -> tensor(3.)")
sin = _floating(tr.sin, "The sine of radians", "sin(0.0) -> tensor(0.)")
cos = _floating(tr.cos, "The cosine of radians", "cos(0.0) -> tensor(1.)")
tan = _floating(tr.tan, "The tangent of radians", "tan(0.0) -> tensor(0.)")
asin = _floating(tr.asin, "The inverse sine, in radians", "asin(0.0) -> tensor(0.)")
acos = _floating(tr.acos, "The inverse cosine, in radians", "acos(1.0) -> tensor(0.)")
atan = _floating(tr.atan, "The inverse tangent, in radians", "atan(0.0) -> tensor(0.)")
sinh = _floating(tr.sinh, "The hyperbolic sine", "sinh(0.0) -> tensor(0.)")
cosh = _floating(tr.cosh, "The hyperbolic cosine", "cosh(0.0) -> tensor(1.)")
tanh = _floating(tr.tanh, "The hyperbolic tangent", "tanh(0.0) -> tensor(0.)")
asinh = _floating(tr.asinh, "The inverse hyperbolic sine", "asinh(0.0) -> tensor(0.)")
acosh = _floating(tr.acosh, "The inverse hyperbolic cosine", "acosh(1.0) -> tensor(0.)")
atanh = _floating(tr.atanh, "The inverse hyperbolic tangent", "atanh(0.0) -> tensor(0.)")
erf = _floating(tr.erf, "The error function", "erf(0.0) -> tensor(0.)")
erfc = _floating(tr.erfc, "1 - erf(x), exact for large x", "erfc(0.0) -> tensor(1.)")
sigmoid = _floating(tr.sigmoid, "1 / (1 + e^-x)", "sigmoid(0.0) -> tensor(0.5)")
gelu = _floating(
    co.gelu, "x Phi(x), Phi the normal distribution function", "gelu(0.0) -> tensor(0.)"
)
silu = _floating(co.silu, "x sigmoid(x)", "silu(0.0) -> tensor(0.)")
softplus = _floating(co.softplus, "log(1 + e^x)", "softplus(0.0).item() -> 0.6931471805599453")
elu = _floating(co.elu, "x where positive, else e^x - 1", "elu(2.0) -> tensor(2.)")

relu = _unary(
    ar.relu, "max(x, 0); the derivative at 0 is 0", "relu([-1.0, 2.0]) -> tensor([0., 2.])"
)
abs = _unary(ar.abs, "|x|; the derivative at 0 is 0", "abs(-2.0) -> tensor(2.)")
negative = _unary(ar.neg, "-x", "negative(2.0) -> tensor(-2.)")
sign = _unary(ar.sign, "-1, 0 or 1", "sign(-2.0) -> tensor(-1.)")
square = _unary(co.square, "x^2", "square(3.0) -> tensor(9.)")
bitwise_invert = _unary(ar.invert, "All bits exchanged", "bitwise_invert(1) -> tensor(-2)")
logical_not = _unary(lo.logical_not, "not x", "logical_not(True) -> tensor(False)")

add = _binary(ar.add, "x + y", "add(1.0, 2.0) -> tensor(3.)")
subtract = _binary(ar.sub, "x - y", "subtract(1.0, 2.0) -> tensor(-1.)", name="subtract")
multiply = _binary(ar.mul, "x y", "multiply(3.0, 2.0) -> tensor(6.)", name="multiply")
divide = _binary(ar.div, "x / y, a float", "divide(1, 2) -> tensor(0.5)", True, "divide")
floor_divide = _binary(ar.floor_divide, "x / y rounded down", "floor_divide(7, 2) -> tensor(3)")
remainder = _binary(ar.remainder, "x - y floor(x / y)", "remainder(7, 4) -> tensor(3)")
pow = _binary(tr.pow, "x^y", "pow(2.0, 3.0) -> tensor(8.)")
maximum = _binary(
    ar.maximum, "The larger; a tie shares its derivative", "maximum(1, 2) -> tensor(2)"
)
minimum = _binary(
    ar.minimum, "The smaller; a tie shares its derivative", "minimum(1, 2) -> tensor(1)"
)
atan2 = _binary(tr.atan2, "The angle of the point (y, x)", "atan2(0.0, 1.0) -> tensor(0.)", True)
hypot = _binary(tr.hypot, "The root of x^2 + y^2", "hypot(3.0, 4.0) -> tensor(5.)", True)
logaddexp = _binary(
    tr.logaddexp, "log(e^x + e^y)", "logaddexp(0.0, 0.0) -> tensor(0.69314718)", True
)
copysign = _binary(ar.copysign, "|x| with y's sign", "copysign(2.0, -1.0) -> tensor(-2.)", True)
nextafter = _binary(
    ar.nextafter,
    "The next number after x towards y",
    "nextafter(0.0, 1.0) -> tensor(5.e-324)",
    True,
)
bitwise_and = _binary(ar.bitwise_and, "x and y, bit by bit", "bitwise_and(6, 3) -> tensor(2)")
bitwise_or = _binary(ar.bitwise_or, "x or y, bit by bit", "bitwise_or(6, 3) -> tensor(7)")
bitwise_xor = _binary(ar.bitwise_xor, "x xor y, bit by bit", "bitwise_xor(6, 3) -> tensor(5)")
bitwise_left_shift = _binary(
    ar.left_shift, "x 2^y", "bitwise_left_shift(1, 3) -> tensor(8)", name="bitwise_left_shift"
)
bitwise_right_shift = _binary(
    ar.right_shift, "x / 2^y", "bitwise_right_shift(8, 3) -> tensor(1)", name="bitwise_right_shift"
)
equal = _binary(lo.equal, "x = y", "equal(1, 1) -> tensor(True)")
not_equal = _binary(lo.not_equal, "x is not y", "not_equal(1, 1) -> tensor(False)")
less = _binary(lo.less, "x < y", "less(1, 2) -> tensor(True)")
less_equal = _binary(lo.less_equal, "x <= y", "less_equal(1, 2) -> tensor(True)")
greater = _binary(lo.greater, "x > y", "greater(1, 2) -> tensor(False)")
greater_equal = _binary(lo.greater_equal, "x >= y", "greater_equal(1, 2) -> tensor(False)")
logical_and = _binary(lo.logical_and, "x and y", "logical_and(True, False) -> tensor(False)")
logical_or = _binary(lo.logical_or, "x or y", "logical_or(True, False) -> tensor(True)")
logical_xor = _binary(
    lo.logical_xor, "x or y, not both", "logical_xor(True, True) -> tensor(False)"
)


def _staircase(op: Primitive, formula: str, example: str) -> Callable[[Any], Tensor]:
    def function(x: Any, /) -> Tensor:
        t = asarray(x)
        return +t if t.dtype.kind in "iu" else apply(op, t)

    return _described(function, op.name, f"{formula}, elementwise; integers stay.", example)


floor = _staircase(ar.floor, "The largest integer not above x", "floor(1.5) -> tensor(1.)")
ceil = _staircase(ar.ceil, "The smallest integer not below x", "ceil(1.5) -> tensor(2.)")
trunc = _staircase(ar.trunc, "x without its fraction", "trunc(-1.5) -> tensor(-1.)")
round = _staircase(ar.round, "The nearest integer, halves to even", "round(2.5) -> tensor(2.)")


def _float_test(
    op: Primitive, formula: str, otherwise: bool, example: str
) -> Callable[[Any], Tensor]:
    def function(x: Any, /) -> Tensor:
        t = asarray(x)
        if t.dtype.kind == "f":
            return apply(op, t)
        return t == t if otherwise else t != t

    return _described(function, op.name, f"{formula}, elementwise.", example)


isnan = _float_test(lo.isnan, "Whether x is NaN", False, "isnan(1.0) -> tensor(False)")
isinf = _float_test(lo.isinf, "Whether x is infinite", False, "isinf(1.0) -> tensor(False)")
isfinite = _float_test(
    lo.isfinite, "Whether x is neither NaN nor infinite", True, "isfinite(1.0) -> tensor(True)"
)


def signbit(x: Any, /) -> Tensor:
    """Whether x has a minus sign, elementwise; that of -0.0 too.

    >>> import wingbeat as wb
    >>> wb.signbit([-0.0, 1.0])
    tensor([ True, False])
    """
    t = asarray(x)
    return apply(lo.signbit, t) if t.dtype.kind == "f" else t < 0


def positive(x: Any, /) -> Tensor:
    """+x: the same value.

    >>> import wingbeat as wb
    >>> wb.positive(1.0)
    tensor(1.)
    """
    return +asarray(x)


def reciprocal(x: Any, /) -> Tensor:
    """1 / x, elementwise.

    >>> import wingbeat as wb
    >>> wb.reciprocal(4.0)
    tensor(0.25)
    """
    return 1.0 / asarray(x)


def where(condition: Any, x: Any, y: Any, /) -> Tensor:
    """`x` where `condition` holds, else `y`; all three are broadcast.

    No NaN comes out of the branch that is not taken, in derivatives either.

    >>> import wingbeat as wb
    >>> wb.grad(lambda x: wb.where(x < 1, x, wb.sqrt(x)))(0.0)
    tensor(1.)
    """
    return mixed("where", chosen, (asarray(condition), x, y))


def clip(x: Any, /, min: Any = None, max: Any = None) -> Tensor:
    """`x`, but at least `min` and at most `max`.

    >>> import wingbeat as wb
    >>> wb.clip([-2.0, 0.5, 3.0], 0.0, 1.0)
    tensor([0. , 0.5, 1. ])
    """
    t = +asarray(x)
    if min is not None:
        t = maximum(t, min)
    return t if max is None else minimum(t, max)


def astype(x: Any, dtype: Any, /, *, copy: bool = True) -> Tensor:
    """`x` with another dtype.

    >>> import wingbeat as wb
    >>> wb.astype([1.7], "int64")
    tensor([1])
    """
    t = asarray(x)
    y = cast_to(t, as_dtype(dtype))
    return +y if y is t else y  # as x[i] = v changes what it is given


__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "elu",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "gelu",
    "greater",
    "greater_equal",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "reciprocal",
    "relu",
    "remainder",
    "round",
    "sigmoid",
    "sign",
    "signbit",
    "silu",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
    "where",
]
