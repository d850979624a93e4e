"""What `operators.py` and `methods.py` give to `Tensor`, said to type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wingbeat.api.tensor import Tensor


class Declared:
    """A base of `Tensor` for type checkers alone; a test compares it with what is installed."""

    def _operator(self, y: Any) -> Tensor: ...
    def _sign(self) -> Tensor: ...
    def _pair(self, y: Any) -> tuple[Tensor, Tensor]: ...
    def _method(self, *args: Any, **kwargs: Any) -> Tensor: ...

    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _operator
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _operator
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ifloordiv__ = __imod__ = __ipow__ = _operator
    __matmul__ = __rmatmul__ = __imatmul__ = _operator
    __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = _operator
    __rand__ = __ror__ = __rxor__ = __rlshift__ = __rrshift__ = _operator
    __lt__ = __le__ = __gt__ = __ge__ = _operator
    __pos__ = __neg__ = __abs__ = __invert__ = _sign
    __divmod__ = __rdivmod__ = _pair

    def __eq__(self, y: object) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, y: object) -> Tensor: ...  # type: ignore[override]
    def __getitem__(self, key: Any) -> Tensor: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __contains__(self, value: Any) -> bool: ...
    def __round__(self, digits: int = 0) -> Tensor: ...

    T: Tensor
    mT: Tensor

    def backward(self, gradient: Any = None, *, create_graph: bool = False) -> None:
        """Add the gradient of this to `.grad` of every input with `requires_grad`."""

    def nonzero(self) -> tuple[Tensor, ...]:
        """The positions of the elements that are not 0, one tensor per axis."""
        ...

    abs = all = any = argmax = argmin = astype = broadcast_to = ceil = clip = clone = cos = _method
    cumsum = exp = expm1 = flatten = flip = floor = isfinite = isnan = log = log1p = _method
    log_softmax = logsumexp = matmul = max = maximum = mean = min = minimum = moveaxis = _method
    norm = pow = prod = ravel = reciprocal = relu = repeat = reshape = roll = round = _method
    sigmoid = sign = sin = softmax = sqrt = square = squeeze = std = sum = take = tan = _method
    tanh = to_device = transpose = var = view = _method
