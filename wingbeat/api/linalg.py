"""Products of matrices and tensors; and, as `wb.linalg`, what there is of linear algebra.

>>> import wingbeat as wb
>>> wb.linalg.inv([[2.0, 0.0], [0.0, 4.0]])
tensor([[0.5 , 0.  ],
        [0.  , 0.25]])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api import statistics
from wingbeat.api.matrices import det as det
from wingbeat.api.matrices import inv as inv
from wingbeat.api.matrices import slogdet as slogdet
from wingbeat.api.matrices import solve as solve
from wingbeat.api.products import cross, matmul, tensordot, vecdot
from wingbeat.api.summation import einsum, outer
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.views import viewing
from wingbeat.errors import TypeMismatch


def matrix_transpose(x: Any, /) -> Tensor:
    """The last two axes exchanged.

    >>> import wingbeat as wb
    >>> wb.matrix_transpose([[1, 2], [3, 4]])
    tensor([[1, 3],
            [2, 4]])
    """
    return asarray(x).mT


def diagonal(x: Any, /, *, offset: int = 0) -> Tensor:
    """The diagonal number `offset` of the last two axes: a view.

    >>> import wingbeat as wb
    >>> wb.diagonal([[1.0, 2.0], [3.0, 4.0]])
    tensor([1., 4.])
    """
    t = asarray(x)
    if t.ndim < 2:
        raise TypeMismatch(f"diagonal: {t.type} is no matrix")
    rows, columns = t.shape[-2:]
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    begin = np.arange(count)
    return viewing(t[..., begin + max(-offset, 0), begin + max(offset, 0)], t)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal number `offset` of the last two axes.

    >>> import wingbeat as wb
    >>> wb.trace([[1.0, 2.0], [3.0, 4.0]])
    tensor(5.)
    """
    return statistics.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


__all__ = [
    "cross",
    "diagonal",
    "einsum",
    "matmul",
    "matrix_transpose",
    "outer",
    "tensordot",
    "trace",
    "vecdot",
]
