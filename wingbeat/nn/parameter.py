"""The tensor that a module learns."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray
from wingbeat.errors import NotDifferentiable


class Parameter(Tensor):
    """A tensor that modules find among their attributes and optimisers change.

    Args:
        value: an array, a tensor or a nested list of floats; the dtype is kept. Its value is taken,
            not its history.
        requires_grad: False for a frozen parameter.

    Raises:
        NotDifferentiable: the value is no float.

    >>> import wingbeat as wb
    >>> wb.nn.Parameter(wb.zeros(2))
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, value: Any, requires_grad: bool = True) -> None:
        array = asarray(value).numpy()
        if array.dtype.kind != "f":
            raise NotDifferentiable(
                f"Parameter: only floats are learnt, not {array.dtype}; write .astype('float32'), "
                "or register_buffer for what is saved but not learnt"
            )
        super().__init__(array, requires_grad)

    def renew(self, value: Any) -> None:
        """Take another value, of any shape and dtype, and forget the gradient.

        >>> import wingbeat as wb
        >>> p = wb.nn.Parameter([1.0])
        >>> p.renew(np.zeros(2, "float32"))
        >>> p
        tensor([0., 0.], dtype=float32, requires_grad=True)
        """
        super().__init__(np.asarray(value), self.requires_grad)
