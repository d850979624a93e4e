"""The tensor that users hold: a node, evaluated when its value is asked for.

What it has of operators and of methods that are functions too is given to it by `operators.py` and
`methods.py`: they apply primitives, and what applies primitives makes tensors.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.api.arrays import own
from wingbeat.api.cuts import tell_of_cut
from wingbeat.api.evaluation import evaluate, settle
from wingbeat.api.tracing import ABSTRACT, GRAD, NOWHERE, Trace, branched, state
from wingbeat.errors import NotDifferentiable, TypeMismatch
from wingbeat.ir.node import Node, build
from wingbeat.ir.types import TensorType, as_dtype, tensor_type
from wingbeat.ops.arithmetic import stop_gradient

if TYPE_CHECKING:
    from wingbeat.api.declared import Declared
    from wingbeat.api.views import Memory
else:
    Declared = object


class Tensor(Declared):
    """A value of any rank that is computed when it is needed, and that knows how it was computed.

    Made by `wb.asarray` and by operations. `float(t)`, `np.asarray(t)`, `if t > 0:` and `print(t)`
    evaluate it. Tensors are values: `x[i] = v` gives the name `x` a new value, and a slice taken
    earlier keeps its own.

    >>> import wingbeat as wb
    >>> x = wb.asarray([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = (
        "__weakref__",
        "_flags",
        "_grad",
        "_memory",
        "_node",
        "_slot",
        "_trace",
        "_value",
    )
    __array_priority__ = 1000.0
    _node: Node | None
    _trace: Trace | None
    _value: Any
    _flags: int
    _grad: Tensor | None
    _memory: Memory  # set only on what NumPy would make a view, and on what it is a view of
    _slot: tuple[
        int, Node | None
    ]  # number of the trace that an input entered last, and its leaf there

    def __init__(self, value: Any, requires_grad: bool = False) -> None:
        self._value = own(value)
        self._node = self._trace = self._grad = None
        self._flags = 0
        self._slot = NOWHERE
        if requires_grad:
            self.requires_grad = True

    # --- what it is -------------------------------------------------------------------------

    @property
    def type(self) -> TensorType:
        """Shape and dtype in one; printed as `f64[3,4]`."""
        if (node := self._node) is not None:
            return node.type
        return tensor_type(self._value.shape, self._value.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.type.size

    @property
    def device(self) -> str:
        """Where the value lives."""
        return "cpu"

    # --- its value ---------------------------------------------------------------------------

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a read-only array, without a copy."""
        if self._value is None:
            evaluate(self)
        value: np.ndarray[Any, Any] = self._value  # type: ignore[assignment]
        return value

    def item(self) -> Any:
        """The one element as a Python number; raises `TypeMismatch` where there are more."""
        if self.size != 1:
            raise TypeMismatch(f"item: {self.type} has {self.size} elements; a number has one")
        return self.numpy().item()

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        tell_of_cut(self, "an array")
        value = self.numpy()
        if dtype is not None and np.dtype(dtype) != value.dtype:
            return value.astype(dtype)
        return value.copy() if copy else value

    def __float__(self) -> float:
        tell_of_cut(self, "float()")
        return float(self.item())

    def __int__(self) -> int:
        if state.active:
            branched(self if self.dtype.kind in "biu" else self.astype("int64"))
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeMismatch(f"an index must be an integer, not {self.type}")
        if state.active:
            branched(self)
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise TypeMismatch(
                f"the truth of {self.type} is ambiguous; use wb.any(x), wb.all(x) or wb.where"
            )
        if state.active:
            branched(self if self.dtype.kind in "biu" else self != 0)
        return bool(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeMismatch("len: a scalar has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        if self._flags & ABSTRACT:
            return f"tensor(one of many, {self.type})"
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(")
        extra = f", shape={self.shape}" if not self.size and self.ndim != 1 else ""
        extra += "" if self.dtype.name in ("float64", "int64", "bool") else f", dtype={self.dtype}"
        if self._flags & GRAD:
            extra += ", requires_grad=True"
        return f"tensor({body}{extra})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __hash__(self) -> int:
        return id(self)

    # --- gradients -----------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` computes a gradient for this, or for something that it came from."""
        return bool(self._flags & GRAD)

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self._trace is not None and self._flags & GRAD:
            raise TypeMismatch("requires_grad is set on inputs, not on results; use detach()")
        if wanted and self.dtype.kind != "f":
            raise NotDifferentiable(f"only floats have gradients; this is {self.type}")
        if self._flags & ABSTRACT:
            raise TypeMismatch("inside vmap use wb.grad in place of requires_grad")
        self.numpy()
        self._node = self._trace = None
        self._flags = GRAD if wanted else 0
        self._slot = NOWHERE

    @property
    def is_leaf(self) -> bool:
        """Whether this is an input rather than a result that has a gradient."""
        return self._node is None

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` left here: same shape and dtype; None before."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeMismatch(f"grad: a gradient is a tensor or None, not {type(value).__name__}")
        if value is not None and value.type is not self.type:
            raise TypeMismatch(f"grad: the gradient of {self.type} has its type, not {value.type}")
        self._grad = value

    def detach(self) -> Tensor:
        """The same value, through which no gradient flows."""
        if self._trace is None:
            return wrap(self._value)
        node: Node = self._node  # type: ignore[assignment]
        return lazy(build(stop_gradient, (node,), ()), self._trace, self._flags & ~GRAD)

    def __reduce__(self) -> Any:
        """For `copy` and `pickle`: the value and whether it requires a gradient; no graph."""
        if self._trace is not None and self._flags & GRAD:
            raise TypeMismatch(
                f"copy: {self.type} is a result that has a gradient; write t.clone() to keep its "
                "history, t.detach() to leave it behind"
            )
        return type(self), (self.numpy(), self.requires_grad)


# --- making tensors ---------------------------------------------------------------------------


def wrap(value: np.ndarray[Any, Any], flags: int = 0) -> Tensor:
    """A tensor around an array that is read-only already."""
    t = object.__new__(Tensor)
    t._node = t._trace = t._grad = None
    t._value = value
    t._flags = flags
    t._slot = NOWHERE
    return t


_blank, _ref = object.__new__, weakref.ref  # looked up once, not for every tensor


def lazy(node: Node, trace: Trace, flags: int) -> Tensor:
    """A tensor for a node; evaluated later, with all others of its trace."""
    t = _blank(Tensor)
    t._node = node
    t._trace = trace
    t._value = t._grad = None
    t._flags = flags
    tensors = trace.tensors
    tensors.append(_ref(t))
    if len(tensors) > trace.limit:
        settle(trace)
    return t


def asarray(
    value: Any, dtype: Any = None, *, requires_grad: bool = False, copy: bool | None = None
) -> Tensor:
    """A tensor of any array, number or nested list; a tensor stays the tensor it is.

    Args:
        value: anything that `numpy.asarray` takes. A writeable array is copied, a read-only one is
            not.
        dtype: one of the supported dtypes; by default the one that NumPy would choose.
        requires_grad: whether `backward` shall leave a gradient in `.grad`.
        copy: True for another tensor with the value of a tensor, which keeps it where the first
            is changed by `x[i] = v`.

    Raises:
        TypeMismatch: ragged lists, and dtypes that are not numbers.

    >>> import wingbeat as wb
    >>> wb.asarray([1, 2, 3], dtype="float32")
    tensor([1., 2., 3.], dtype=float32)
    """
    if isinstance(value, Tensor):
        other = dtype is not None and value.dtype is not as_dtype(dtype)
        t = value.astype(dtype) if other else +value if copy else value
        return t if not requires_grad or t.requires_grad else Tensor(t.numpy(), True)
    if _holds_tensors(value):
        from wingbeat.api.manipulation import stack

        return asarray(stack([asarray(v) for v in value]), dtype, requires_grad=requires_grad)
    t = wrap(own(value, dtype))
    if requires_grad:
        t.requires_grad = True
    return t


def _holds_tensors(value: Any) -> bool:
    """Whether a nested list has a tensor in it, whose history would be lost on the way of NumPy."""
    return isinstance(value, list | tuple) and any(
        isinstance(v, Tensor) or _holds_tensors(v) for v in value
    )
