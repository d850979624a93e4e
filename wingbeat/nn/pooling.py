"""`MaxPool1d`, `MaxPool2d`, `AvgPool1d`, `AvgPool2d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wingbeat.api import Tensor, avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from wingbeat.errors import BadInput, NotSupported
from wingbeat.nn._checks import several
from wingbeat.nn.module import Module

Several = int | Sequence[int]


class _Pool(Module):
    """What the layers share; `axes` says along how many axes windows slide."""

    axes: int

    def _size(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil: Any) -> None:
        name = type(self).__name__
        self.kernel_size = several(kernel_size, self.axes, "kernel_size", name)
        self.stride = several(
            self.kernel_size if stride is None else stride, self.axes, "stride", name
        )
        self.padding = several(padding, self.axes, "padding", name, least=0)
        self.dilation = several(dilation, self.axes, "dilation", name)
        self.ceil_mode = bool(ceil)
        covered = [d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        if any(2 * p > n for p, n in zip(self.padding, covered, strict=True)):
            raise BadInput(
                f"{name}: padding={self.padding} is more than half of a window of {covered}"
            )

    def extra_repr(self) -> str:
        """Sizes; the rest where it is not the default."""
        said = [f"kernel_size={self.kernel_size}"]
        said += [f"stride={self.stride}"] if self.stride != self.kernel_size else []
        said += [f"padding={self.padding}"] if any(self.padding) else []
        said += [f"dilation={self.dilation}"] if max(self.dilation) > 1 else []
        return ", ".join([*said, *(["ceil_mode=True"] if self.ceil_mode else [])])


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Several,
        stride: Several | None = None,
        padding: Several = 0,
        dilation: Several = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        if return_indices:
            raise NotSupported(f"{type(self).__name__}: return_indices=True; use wb.argmax")
        self._size(kernel_size, stride, padding, dilation, ceil_mode)

    def _options(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Several,
        stride: Several | None = None,
        padding: Several = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._size(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad = bool(count_include_pad)

    def _options(self) -> tuple[Any, ...]:
        sizes = self.kernel_size, self.stride, self.padding
        return *sizes, self.ceil_mode, self.count_include_pad


class MaxPool1d(_MaxPool):
    """The largest element of every window of (N, C, W): as `MaxPool2d`, sizes one number each.

    >>> import wingbeat as wb
    >>> wb.nn.MaxPool1d(2)(wb.asarray([[1.0, 5.0, 2.0, 4.0]]))
    tensor([[5., 4.]])
    """

    axes = 1

    def forward(self, x: Any) -> Tensor:
        """(N, C, W) -> (N, C, W')."""
        return max_pool1d(x, *self._options())


class MaxPool2d(_MaxPool):
    """The largest element of every window; the derivative goes to it, ties share equally.

    Args:
        kernel_size: of a window; like all sizes a number, or one for each axis.
        stride: how far one window lies from the next; None for `kernel_size`.
        padding: what is put around x, smaller than any number; at most half a window.
        dilation: how far the elements of a window lie apart.
        return_indices: only False.
        ceil_mode: whether a last window that does not fill up counts.

    Raises:
        BadInput: an option is out of its range.
        NotSupported: return_indices is true.
        TypeMismatch: (when called) x is no image, or is smaller than a window.

    >>> import wingbeat as wb
    >>> pool = wb.nn.MaxPool2d(2)
    >>> pool, pool(wb.ones((8, 3, 7, 7))).shape
    (MaxPool2d(kernel_size=(2, 2)), (8, 3, 3, 3))
    """

    axes = 2

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W')."""
        return max_pool2d(x, *self._options())


class AvgPool1d(_AvgPool):
    """The mean of every window of (N, C, W): as `AvgPool2d`, sizes one number each.

    >>> import wingbeat as wb
    >>> wb.nn.AvgPool1d(2)(wb.asarray([[1.0, 5.0, 2.0, 4.0]]))
    tensor([[3., 3.]])
    """

    axes = 1

    def forward(self, x: Any) -> Tensor:
        """(N, C, W) -> (N, C, W')."""
        return avg_pool1d(x, *self._options())


class AvgPool2d(_AvgPool):
    """The mean of every window.

    Args:
        kernel_size: of a window; like all sizes a number, or one for each axis.
        stride: how far one window lies from the next; None for `kernel_size`.
        padding: zeros around x; at most half a window.
        ceil_mode: whether a last window that does not fill up counts; what it lacks does not.
        count_include_pad: whether padding counts as elements with value 0.

    Raises:
        BadInput: an option is out of its range.
        TypeMismatch: (when called) x is no image, or is smaller than a window.

    >>> import wingbeat as wb
    >>> wb.nn.AvgPool2d(2)(wb.asarray([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2.5]]])
    """

    axes = 2

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W')."""
        return avg_pool2d(x, *self._options())
