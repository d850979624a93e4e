"""Initial values of parameters: functions of a key and a shape, which always give the same.

Shapes are (outputs, inputs, ...) as in `Linear`: the fan in is the number of inputs of one output,
the fan out that of outputs of one input; axes behind the second one multiply both.

>>> import wingbeat as wb
>>> w = wb.nn.init.xavier_uniform(wb.random.key(0), (4, 3))
>>> w.shape, w.dtype.name
((4, 3), 'float32')
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, full, random
from wingbeat.api import zeros as _zeros
from wingbeat.errors import BadInput, TypeMismatch

Shape = Sequence[int]

# Factors that keep the variance of a signal through an activation; He et al. (2015) for relu and
# leaky_relu, LeCun et al. (1998) and PyTorch's table for tanh, Klambauer et al. (2017) and that
# table for selu.
GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "leaky_relu": math.sqrt(2.0 / (1.0 + 0.01**2)),
    "selu": 0.75,
}


def gain(activation: str, slope: float = 0.01) -> float:
    """The factor for an activation; `slope` is that of leaky_relu.

    Raises:
        BadInput: the activation is not in the table.

    >>> import wingbeat as wb
    >>> round(wb.nn.init.gain("relu"), 3)
    1.414
    """
    if activation not in GAINS:
        raise BadInput(f"gain: {activation!r} is unknown; use one of {', '.join(GAINS)}")
    return math.sqrt(2.0 / (1.0 + slope**2)) if activation == "leaky_relu" else GAINS[activation]


def fans(shape: Shape) -> tuple[int, int]:
    """Fan in and fan out of a weight.

    Raises:
        TypeMismatch: the shape has fewer than two axes.

    >>> import wingbeat as wb
    >>> wb.nn.init.fans((4, 3)), wb.nn.init.fans((8, 2, 3, 3))
    ((3, 4), (18, 72))
    """
    if len(shape) < 2:
        raise TypeMismatch(f"init: a weight has shape (outputs, inputs, ...), not {tuple(shape)}")
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def uniform(
    key: Tensor, shape: Shape, low: float = 0.0, high: float = 1.0, *, dtype: Any = "float32"
) -> Tensor:
    """Numbers in [low, high).

    >>> import wingbeat as wb
    >>> wb.nn.init.uniform(wb.random.key(0), (3,), -1.0, 1.0).shape
    (3,)
    """
    return random.uniform(key, shape, low, high, dtype=dtype)


def normal(
    key: Tensor, shape: Shape, mean: float = 0.0, std: float = 1.0, *, dtype: Any = "float32"
) -> Tensor:
    """Numbers of a normal distribution.

    >>> import wingbeat as wb
    >>> wb.nn.init.normal(wb.random.key(0), (3,), std=0.02).shape
    (3,)
    """
    return random.normal(key, shape, dtype=dtype) * std + mean


def constant(key: Any, shape: Shape, value: float, *, dtype: Any = "float32") -> Tensor:
    """One number everywhere; the key is not used, and may be None.

    >>> import wingbeat as wb
    >>> wb.nn.init.constant(None, (2,), 0.5)
    tensor([0.5, 0.5], dtype=float32)
    """
    return full(tuple(shape), value, dtype=dtype)


def zeros(key: Any, shape: Shape, *, dtype: Any = "float32") -> Tensor:
    """Zeros; the key is not used, and may be None.

    >>> import wingbeat as wb
    >>> wb.nn.init.zeros(None, (2,))
    tensor([0., 0.], dtype=float32)
    """
    return _zeros(tuple(shape), dtype=dtype)


def xavier_uniform(
    key: Tensor, shape: Shape, gain: float = 1.0, *, dtype: Any = "float32"
) -> Tensor:
    """Uniform with variance gain^2 2 / (fan in + fan out): Glorot and Bengio (2010), eq. 16.

    >>> import wingbeat as wb
    >>> w = wb.nn.init.xavier_uniform(wb.random.key(0), (2, 4))
    >>> bool(wb.all(abs(w) <= 1.0))
    True
    """
    bound = gain * math.sqrt(6.0 / sum(fans(shape)))
    return uniform(key, shape, -bound, bound, dtype=dtype)


def xavier_normal(
    key: Tensor, shape: Shape, gain: float = 1.0, *, dtype: Any = "float32"
) -> Tensor:
    """Normal with variance gain^2 2 / (fan in + fan out): Glorot and Bengio (2010), eq. 12.

    >>> import wingbeat as wb
    >>> wb.nn.init.xavier_normal(wb.random.key(0), (2, 4)).shape
    (2, 4)
    """
    return normal(key, shape, std=gain * math.sqrt(2.0 / sum(fans(shape))), dtype=dtype)


def kaiming_uniform(
    key: Tensor, shape: Shape, gain: float = math.sqrt(2.0), *, dtype: Any = "float32"
) -> Tensor:
    """Uniform with variance gain^2 / fan in: He et al. (2015), eq. 10; the default suits relu.

    >>> import wingbeat as wb
    >>> w = wb.nn.init.kaiming_uniform(wb.random.key(0), (2, 6))
    >>> bool(wb.all(abs(w) <= 1.0))
    True
    """
    bound = gain * math.sqrt(3.0 / fans(shape)[0])
    return uniform(key, shape, -bound, bound, dtype=dtype)


def kaiming_normal(
    key: Tensor, shape: Shape, gain: float = math.sqrt(2.0), *, dtype: Any = "float32"
) -> Tensor:
    """Normal with variance gain^2 / fan in: He et al. (2015), eq. 10; the default suits relu.

    >>> import wingbeat as wb
    >>> wb.nn.init.kaiming_normal(wb.random.key(0), (2, 6)).shape
    (2, 6)
    """
    return normal(key, shape, std=gain / math.sqrt(fans(shape)[0]), dtype=dtype)


def orthogonal(key: Tensor, shape: Shape, gain: float = 1.0, *, dtype: Any = "float32") -> Tensor:
    """Orthonormal rows or columns, whichever are fewer, times `gain`: Saxe et al. (2014).

    Axes behind the first one count as one. Q of the QR decomposition of a normal matrix, with the
    signs of R's diagonal, so that every orthogonal matrix is equally likely (Mezzadri, 2007).

    >>> import wingbeat as wb
    >>> w = wb.nn.init.orthogonal(wb.random.key(0), (2, 3), dtype="float64")
    >>> bool(wb.all(abs(w @ w.T - wb.eye(2)) < 1e-12))
    True
    """
    fans(shape)  # checks the rank
    rows, columns = shape[0], math.prod(shape[1:])
    tall = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(random.normal(key, tall).numpy())
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    matrix = q if rows >= columns else q.T
    return asarray(gain * matrix.reshape(tuple(shape)), dtype)
