"""`Conv1d`, `Conv2d`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wingbeat.api import Tensor, conv1d, conv2d, random
from wingbeat.errors import BadInput, NotSupported
from wingbeat.nn import init
from wingbeat.nn._checks import several, whole
from wingbeat.nn.module import Module
from wingbeat.nn.parameter import Parameter

Several = int | Sequence[int]


class _Conv(Module):
    """What the layers share; `axes` says along how many axes kernels slide."""

    axes: int
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Several,
        stride: Several = 1,
        padding: Several | str = 0,
        dilation: Several = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: Any = "float32",
        key: Tensor | None = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode != "zeros":
            raise NotSupported(
                f"{name}: padding_mode={padding_mode!r}; only 'zeros' is known here. "
                "Pad x before the layer, as with np.pad or wb.concat"
            )
        self.in_channels = whole(in_channels, "in_channels", name)
        self.out_channels = whole(out_channels, "out_channels", name)
        self.groups = whole(groups, "groups", name)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise BadInput(
                f"{name}: {self.groups} groups must divide in_channels={self.in_channels} and "
                f"out_channels={self.out_channels}"
            )
        self.kernel_size = several(kernel_size, self.axes, "kernel_size", name)
        self.stride = several(stride, self.axes, "stride", name)
        self.dilation = several(dilation, self.axes, "dilation", name)
        self.padding = _padding(padding, self.stride, name)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        bound = 1.0 / math.sqrt(init.fans(shape)[0])
        keys = random.split(random.default.next() if key is None else key)
        self.weight = Parameter(init.uniform(keys[0], shape, -bound, bound, dtype=dtype))
        offsets = init.uniform(keys[1], (self.out_channels,), -bound, bound, dtype=dtype)
        self.bias = Parameter(offsets) if bias else None

    def _options(self) -> tuple[Any, ...]:
        return self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups

    def extra_repr(self) -> str:
        """Channels and sizes; the rest where it is not the default."""
        one = (1,) * self.axes
        said = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        said += [f"stride={self.stride}"] if self.stride != one else []
        said += [f"padding={self.padding!r}"] if self.padding != (0,) * self.axes else []
        said += [f"dilation={self.dilation}"] if self.dilation != one else []
        said += [f"groups={self.groups}"] if self.groups > 1 else []
        return ", ".join([*said, *(["bias=False"] if self.bias is None else [])])


def _padding(padding: Any, stride: tuple[int, ...], name: str) -> tuple[int, ...] | str:
    if not isinstance(padding, str):
        return several(padding, len(stride), "padding", name, least=0)
    if padding not in ("same", "valid"):
        raise BadInput(f"{name}: padding is numbers, 'same' or 'valid', not {padding!r}")
    if padding == "same" and max(stride) > 1:
        raise BadInput(f"{name}: padding='same' keeps the size, stride={stride} does not")
    return padding


class Conv1d(_Conv):
    """Cross-correlation of (N, in_channels, W), or (in_channels, W), with learnt kernels.

    Arguments are those of `Conv2d`, sizes one number each; the weight has shape (out_channels,
    in_channels / groups, W).

    >>> import wingbeat as wb
    >>> wb.nn.Conv1d(2, 4, 3)(wb.ones((5, 2, 10), dtype="float32")).shape
    (5, 4, 8)
    """

    axes = 1

    def forward(self, x: Any) -> Tensor:
        """(N, in_channels, W) -> (N, out_channels, W')."""
        return conv1d(x, *self._options())


class Conv2d(_Conv):
    """Cross-correlation of (N, in_channels, H, W), or (in_channels, H, W), with learnt kernels.

    The weight has shape (out_channels, in_channels / groups, H, W), the bias (out_channels,); both
    begin uniform in +-1 / sqrt(in_channels / groups H W), as in PyTorch, and their names and shapes
    are PyTorch's too.

    Args:
        in_channels: channels of x.
        out_channels: channels of the result, and so the number of kernels.
        kernel_size: H and W of a kernel; like all sizes a number, or one for each axis.
        stride: how far one window lies from the next.
        padding: zeros around x; "valid" is none, "same" as many as keep the size.
        dilation: how far the elements of a window lie apart.
        groups: channels fall into so many groups, which do not see each other.
        bias: whether a number is added to each channel.
        padding_mode: "zeros".
        dtype: of the parameters.
        key: of `wb.random`, for the initial values; by default the next one of `wb.random.default`.

    Raises:
        BadInput: an option is out of its range; groups do not divide channels.
        NotSupported: another padding_mode.
        TypeMismatch: (when called) x has other channels, or is smaller than a kernel.

    >>> import wingbeat as wb
    >>> layer = wb.nn.Conv2d(1, 6, 5, padding=2)
    >>> layer
    Conv2d(1, 6, kernel_size=(5, 5), padding=(2, 2))
    >>> layer(wb.ones((8, 1, 28, 28), dtype="float32")).shape
    (8, 6, 28, 28)
    """

    axes = 2

    def forward(self, x: Any) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        return conv2d(x, *self._options())
