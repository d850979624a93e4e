"""The tensor that users hold: a node, evaluated when its value is asked for."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.api.tracing import (
    ABSTRACT,
    GRAD,
    NOWHERE,
    Trace,
    evaluate,
    join,
    settle,
    site,
    state,
)
from wingbeat.api.views import Memory, check_writable, viewing
from wingbeat.errors import GradientCut, NotDifferentiable, TypeMismatch
from wingbeat.ir.node import Node, build, quote
from wingbeat.ir.types import TensorType, as_dtype, tensor_type
from wingbeat.ir.walk import toposort
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic as lo
from wingbeat.ops import shape as sh
from wingbeat.ops import transcendental as tr


class Tensor:
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

    if TYPE_CHECKING:  # given by api/methods.py, from the functions of the same names
        abs: Callable[..., Tensor]
        all: Callable[..., Tensor]
        any: Callable[..., Tensor]
        argmax: Callable[..., Tensor]
        argmin: Callable[..., Tensor]
        astype: Callable[..., Tensor]
        broadcast_to: Callable[..., Tensor]
        ceil: Callable[..., Tensor]
        clip: Callable[..., Tensor]
        cos: Callable[..., Tensor]
        cumsum: Callable[..., Tensor]
        exp: Callable[..., Tensor]
        expm1: Callable[..., Tensor]
        flatten: Callable[..., Tensor]
        flip: Callable[..., Tensor]
        floor: Callable[..., Tensor]
        isfinite: Callable[..., Tensor]
        isnan: Callable[..., Tensor]
        log: Callable[..., Tensor]
        log1p: Callable[..., Tensor]
        log_softmax: Callable[..., Tensor]
        logsumexp: Callable[..., Tensor]
        matmul: Callable[..., Tensor]
        max: Callable[..., Tensor]
        maximum: Callable[..., Tensor]
        mean: Callable[..., Tensor]
        min: Callable[..., Tensor]
        minimum: Callable[..., Tensor]
        moveaxis: Callable[..., Tensor]
        nonzero: Callable[..., tuple[Tensor, ...]]
        norm: Callable[..., Tensor]
        pow: Callable[..., Tensor]
        prod: Callable[..., Tensor]
        ravel: Callable[..., Tensor]
        reciprocal: Callable[..., Tensor]
        relu: Callable[..., Tensor]
        repeat: Callable[..., Tensor]
        reshape: Callable[..., Tensor]
        roll: Callable[..., Tensor]
        round: Callable[..., Tensor]
        sigmoid: Callable[..., Tensor]
        sign: Callable[..., Tensor]
        sin: Callable[..., Tensor]
        softmax: Callable[..., Tensor]
        sqrt: Callable[..., Tensor]
        square: Callable[..., Tensor]
        squeeze: Callable[..., Tensor]
        std: Callable[..., Tensor]
        sum: Callable[..., Tensor]
        take: Callable[..., Tensor]
        tan: Callable[..., Tensor]
        tanh: Callable[..., Tensor]
        to_device: Callable[..., Tensor]
        transpose: Callable[..., Tensor]
        var: Callable[..., Tensor]
        view: Callable[..., Tensor]

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
        _tell_of_cut(self, "an array")
        value = self.numpy()
        if dtype is not None and np.dtype(dtype) != value.dtype:
            return value.astype(dtype)
        return value.copy() if copy else value

    def __float__(self) -> float:
        _tell_of_cut(self, "float()")
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeMismatch(f"an index must be an integer, not {self.type}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise TypeMismatch(
                f"the truth of {self.type} is ambiguous; use wb.any(x), wb.all(x) or wb.where"
            )
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

    def backward(self, gradient: Any = None, *, create_graph: bool = False) -> None:
        """Add the gradient of this to `.grad` of every input with `requires_grad`.

        `gradient` is the cotangent of this tensor; a scalar has 1 by default. The graph stays, so a
        second call adds again. With `create_graph` the gradients can themselves be differentiated.

        Raises `NotDifferentiable` where no input requires a gradient, `TypeMismatch` for a
        non-scalar without `gradient`.
        """
        if not self._flags & GRAD:
            raise NotDifferentiable(
                "backward: nothing that this was computed from has requires_grad=True"
            )
        if gradient is None and self.size != 1:
            raise TypeMismatch(
                f"backward: {self.type} is no scalar; take its .sum() or .mean(), "
                "or give backward(gradient)"
            )
        if self._trace is None:  # an input itself
            seed = ones_like(self) if gradient is None else as_cotangent(self, gradient)
            self._grad = seed if self._grad is None else self._grad + seed
            return
        seed = None if gradient is None else as_cotangent(self, gradient)
        trace = join((self,) if seed is None else (self, seed))
        accumulate(self, seed, trace, create_graph)

    def detach(self) -> Tensor:
        """The same value, through which no gradient flows."""
        if self._trace is None:
            return wrap(self._value)
        node: Node = self._node  # type: ignore[assignment]
        return lazy(build(ar.stop_gradient, (node,), ()), self._trace, self._flags & ~GRAD)

    def clone(self) -> Tensor:
        """The same value; tensors never change, so nothing is copied."""
        return +self

    def __reduce__(self) -> Any:
        """For `copy` and `pickle`: the value and whether it requires a gradient; no graph."""
        if self._trace is not None and self._flags & GRAD:
            raise TypeMismatch(
                f"copy: {self.type} is a result that has a gradient; write t.clone() to keep its "
                "history, t.detach() to leave it behind"
            )
        return type(self), (self.numpy(), self.requires_grad)

    # --- indexing: see api/indexing.py ------------------------------------------------------------

    def __getitem__(self, key: Any) -> Tensor:
        return get(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        check_writable(self)
        self._rebind(put(self, key, value))

    def _rebind(self, new: Tensor) -> None:
        """Let this name stand for another value."""
        if self._flags & GRAD and self._trace is None and state.enabled:
            raise TypeMismatch(
                "an input that requires a gradient cannot be changed in place; "
                "write y = x.clone() first, or change it under wb.no_grad()"
            )
        if new.type is not self.type:
            raise TypeMismatch(f"in place: {self.type} cannot become {new.type}")
        if self._flags & GRAD and self._trace is None:
            self._value = new.numpy()
            self._slot = NOWHERE
            return
        self._node, self._trace, self._value = new._node, new._trace, new._value
        self._flags = new._flags
        self._slot = NOWHERE
        if self._trace is not None:
            self._trace.tensors.append(_ref(self))

    # --- shape ----------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return viewing(apply(sh.transpose, self, perm=tuple(reversed(range(self.ndim)))), self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        n = self.ndim
        if n < 2:
            raise TypeMismatch(f"mT: {self.type} is no matrix")
        return viewing(apply(sh.transpose, self, perm=(*range(n - 2), n - 1, n - 2)), self)

    # --- operators
    # ---------------------------------------------------------------------------------

    def __add__(self, y: Any) -> Tensor:
        return binary(ar.add, self, y)

    def __radd__(self, y: Any) -> Tensor:
        return binary(ar.add, y, self)

    def __sub__(self, y: Any) -> Tensor:
        return binary(ar.sub, self, y)

    def __rsub__(self, y: Any) -> Tensor:
        return binary(ar.sub, y, self)

    def __mul__(self, y: Any) -> Tensor:
        return binary(ar.mul, self, y)

    def __rmul__(self, y: Any) -> Tensor:
        return binary(ar.mul, y, self)

    def __truediv__(self, y: Any) -> Tensor:
        return binary(ar.div, self, y)

    def __rtruediv__(self, y: Any) -> Tensor:
        return binary(ar.div, y, self)

    def __floordiv__(self, y: Any) -> Tensor:
        return binary(ar.floor_divide, self, y)

    def __rfloordiv__(self, y: Any) -> Tensor:
        return binary(ar.floor_divide, y, self)

    def __mod__(self, y: Any) -> Tensor:
        return binary(ar.remainder, self, y)

    def __rmod__(self, y: Any) -> Tensor:
        return binary(ar.remainder, y, self)

    def __pow__(self, y: Any) -> Tensor:
        return binary(tr.pow, self, y)

    def __rpow__(self, y: Any) -> Tensor:
        return binary(tr.pow, y, self)

    def __matmul__(self, y: Any) -> Tensor:
        return matmul(self, y) if isinstance(y, Tensor) or is_operand(y) else NotImplemented

    def __rmatmul__(self, y: Any) -> Tensor:
        return matmul(y, self) if is_operand(y) else NotImplemented

    def __neg__(self) -> Tensor:
        return unary(ar.neg, False, self)

    def __pos__(self) -> Tensor:
        return lazy_alias(self)

    def __abs__(self) -> Tensor:
        return unary(ar.abs, False, self)

    def __invert__(self) -> Tensor:
        return apply(lo.logical_not if self.dtype.kind == "b" else ar.invert, self)

    def __and__(self, y: Any) -> Tensor:
        return binary(ar.bitwise_and, self, y)

    def __rand__(self, y: Any) -> Tensor:
        return binary(ar.bitwise_and, y, self)

    def __or__(self, y: Any) -> Tensor:
        return binary(ar.bitwise_or, self, y)

    def __ror__(self, y: Any) -> Tensor:
        return binary(ar.bitwise_or, y, self)

    def __xor__(self, y: Any) -> Tensor:
        return binary(ar.bitwise_xor, self, y)

    def __rxor__(self, y: Any) -> Tensor:
        return binary(ar.bitwise_xor, y, self)

    def __lshift__(self, y: Any) -> Tensor:
        return binary(ar.left_shift, self, y)

    def __rlshift__(self, y: Any) -> Tensor:
        return binary(ar.left_shift, y, self)

    def __rshift__(self, y: Any) -> Tensor:
        return binary(ar.right_shift, self, y)

    def __rrshift__(self, y: Any) -> Tensor:
        return binary(ar.right_shift, y, self)

    def __eq__(self, y: object) -> Tensor:  # type: ignore[override]
        return binary(lo.equal, self, y)

    def __ne__(self, y: object) -> Tensor:  # type: ignore[override]
        return binary(lo.not_equal, self, y)

    def __lt__(self, y: Any) -> Tensor:
        return binary(lo.less, self, y)

    def __le__(self, y: Any) -> Tensor:
        return binary(lo.less_equal, self, y)

    def __gt__(self, y: Any) -> Tensor:
        return binary(lo.greater, self, y)

    def __ge__(self, y: Any) -> Tensor:
        return binary(lo.greater_equal, self, y)


# --- making tensors ---------------------------------------------------------------------------


def own(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """An array that nobody can write to: a read-only one as it is, another one copied."""
    if type(value) is not np.ndarray and _is_masked(value):
        raise TypeMismatch(
            "asarray: elements of this array are masked and have no value; "
            "write x.filled(0.0), or wb.where with x.mask"
        )
    try:
        array = np.asarray(value, dtype=as_dtype(dtype) if dtype is not None else None)
        kept = as_dtype(array.dtype)  # raises for strings, objects, complex numbers
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeMismatch(f"asarray: {_refused(value, error)}") from None
    if array.dtype is not kept:  # another byte order
        array = array.astype(kept)
    elif _writeable(array) and not _is_new(array, value):
        array = array.copy()
    if array.flags.writeable:
        array.flags.writeable = False
    return array


def _is_masked(value: Any) -> bool:
    return isinstance(value, np.ndarray) and bool(np.any(getattr(value, "mask", False)))


def _is_new(array: np.ndarray[Any, Any], value: Any) -> bool:
    """Whether NumPy has just made `array` of `value`; any other one may be somebody's."""
    if isinstance(value, np.ndarray):
        return array is not value and array.base is None
    return isinstance(value, list | tuple | int | float | np.generic)


def _writeable(array: Any) -> bool:
    """Whether somebody can write to an array: a view may be read-only while its base is not."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return False


def _refused(value: Any, error: Exception) -> str:
    if "inhomogeneous" in str(error):
        return f"rows of different lengths do not make a tensor ({error})"
    return f"{type(value).__name__} cannot become a tensor: {error}"


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


def lazy_alias(t: Tensor) -> Tensor:
    """Another tensor for the same node."""
    trace, (node,), flags = operands_in((t,))
    return lazy(node, trace, flags)


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
        t = value if dtype is None else cast_to(value, as_dtype(dtype))
        t = +t if copy and t is value else t
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


def ones_like(t: Tensor) -> Tensor:
    """Ones with the shape and dtype of `t`."""
    return wrap(own(np.ones(t.shape, t.dtype)))


def _tell_of_cut(t: Tensor, how: str) -> None:
    """Warn where a transform's variable becomes a plain number: no derivative flows through."""
    if not state.active or t._trace is not state.trace or t._node is None or not t.type.inexact:
        return
    variables = set(state.active)
    if any(n in variables for n in toposort([t._node])):
        at = site()
        warnings.warn(
            f"{how} of a tensor that a derivative is taken through: what is computed from it is a "
            "constant for the derivative. Use wingbeat's functions (wb.sin for math.sin, wb.stack "
            "for np.array([...])), or .item() or .numpy() where a constant is meant"
            + (f"\n  {quote(at)}" if at else ""),
            GradientCut,
            stacklevel=3,
        )


# Operators apply primitives, and what applies primitives makes tensors: the names above come first.
from wingbeat.api.applying import (  # noqa: E402
    apply,
    binary,
    cast_to,
    is_operand,
    operands_in,
    unary,
)
from wingbeat.api.gradient import accumulate, as_cotangent  # noqa: E402
from wingbeat.api.indexing import get, put  # noqa: E402
from wingbeat.api.linalg import matmul  # noqa: E402
