"""The operators of `Tensor`, as tables.

They are looked up on the class by every line that users write, so each is a function of its own
that does one call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api.applying import apply, binary, cast_to, is_operand, operands_in, unary
from wingbeat.api.keys import located
from wingbeat.api.products import matmul
from wingbeat.api.tensor import Tensor, lazy
from wingbeat.api.views import check_updatable, rebind
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Primitive
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic as lo
from wingbeat.ops import transcendental as tr

Method = Callable[..., Any]

_BINARY = {
    "add": ar.add,
    "sub": ar.sub,
    "mul": ar.mul,
    "truediv": ar.div,
    "floordiv": ar.floor_divide,
    "mod": ar.remainder,
    "pow": tr.pow,
    "and": ar.bitwise_and,
    "or": ar.bitwise_or,
    "xor": ar.bitwise_xor,
    "lshift": ar.left_shift,
    "rshift": ar.right_shift,
}
_COMPARISONS = {
    "eq": lo.equal,
    "ne": lo.not_equal,
    "lt": lo.less,
    "le": lo.less_equal,
    "gt": lo.greater,
    "ge": lo.greater_equal,
}


def named(name: str, method: Method, doc: str | None = None) -> Method:
    """A function as the method of `Tensor` of this name."""
    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = doc or method.__doc__
    return method


def _of_left(op: Primitive) -> Method:
    def method(self: Tensor, y: Any) -> Tensor:
        return binary(op, self, y)

    return method


def _of_right(op: Primitive) -> Method:
    def method(self: Tensor, x: Any) -> Tensor:
        return binary(op, x, self)

    return method


def _of_one(op: Primitive) -> Method:
    def method(self: Tensor) -> Tensor:
        return unary(op, False, self)

    return method


def _matmul(self: Tensor, y: Any) -> Tensor:
    return matmul(self, y) if isinstance(y, Tensor) or is_operand(y) else NotImplemented


def _rmatmul(self: Tensor, x: Any) -> Tensor:
    return matmul(x, self) if is_operand(x) else NotImplemented


def _pos(self: Tensor) -> Tensor:
    """Another tensor for the same node."""
    trace, (node,), flags = operands_in((self,))
    return lazy(node, trace, flags)


def _invert(self: Tensor) -> Tensor:
    return apply(lo.logical_not if self.dtype.kind == "b" else ar.invert, self)


def _divmod(self: Tensor, y: Any) -> Any:
    return self // y, self % y


def _rdivmod(self: Tensor, x: Any) -> Any:
    return x // self, x % self


# --- in place -----------------------------------------------------------------------------------


def _in_place(name: str, plain: Method) -> Method:
    """`x += y` gives the name a new value; an input that requires a gradient stays the same object.

    That is what a step of descent by hand needs: `with wb.no_grad(): w -= rate * w.grad`.
    """

    def method(self: Tensor, y: Any) -> Any:
        check_updatable(self, sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
        new = plain(self, y)
        if new is NotImplemented:
            return new
        # What is a number in NumPy may change its type.
        if self.shape and new.type is not self.type:
            new = _kept_in_type(self, new, name)
        if not (self.requires_grad and self.is_leaf):
            return new
        rebind(self, new)
        return self

    return method


def _kept_in_type(x: Tensor, new: Tensor, name: str) -> Tensor:
    """`new` in the type of `x`, where NumPy would put it there: rounded, at most."""
    if new.shape == x.shape and np.can_cast(new.dtype, x.dtype, "same_kind"):
        return cast_to(new, x.dtype)
    raise TypeMismatch(
        located(
            f"{name}: {x.type} cannot become {new.type} in place, as in NumPy; "
            "write the operation out, as in x = x + y"
        )
    )


# --- all of them --------------------------------------------------------------------------------

_PLAIN: dict[str, Method] = {
    **{name: _of_left(op) for name, op in (_BINARY | _COMPARISONS).items()},
    **{f"r{name}": _of_right(op) for name, op in _BINARY.items()},
    "matmul": _matmul,
    "rmatmul": _rmatmul,
    "pos": _pos,
    "neg": _of_one(ar.neg),
    "abs": _of_one(ar.abs),
    "invert": _invert,
    "divmod": _divmod,
    "rdivmod": _rdivmod,
}
_ASSIGNED = "add sub mul truediv floordiv mod pow matmul"
OPERATORS = {
    f"__{name}__": named(f"__{name}__", method)
    for name, method in {
        **_PLAIN,
        **{f"i{name}": _in_place(f"i{name}", _PLAIN[name]) for name in _ASSIGNED.split()},
    }.items()
}
