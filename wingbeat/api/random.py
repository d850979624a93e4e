"""Random numbers from keys: the same key gives the same numbers, wherever and whenever it is asked.

>>> import wingbeat as wb
>>> key = wb.random.key(0)
>>> bool(wb.all(wb.random.uniform(key, (3,)) == wb.random.uniform(key, (3,))))
True
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.api.elementwise import cos, log1p, sqrt
from wingbeat.api.tensor import Tensor, apply, asarray, cast_to
from wingbeat.errors import TypeMismatch
from wingbeat.ir.types import as_dtype
from wingbeat.ops.random import random_bits

Shape = Sequence[int]


def key(seed: int) -> Tensor:
    """A key from an integer: two uint32 numbers.

    >>> import wingbeat as wb
    >>> wb.random.key(7).tolist()
    [7, 0]
    """
    if not 0 <= seed < 1 << 64:
        raise TypeMismatch(f"key: the seed must lie in 0 ... 2^64 - 1, not be {seed}")
    return asarray(np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32))


def bits(key: Tensor, shape: Shape = ()) -> Tensor:
    """uint32 words, each of the 2^32 values equally likely.

    >>> import wingbeat as wb
    >>> wb.random.bits(wb.random.key(0), (2,)).dtype.name
    'uint32'
    """
    return apply(random_bits, asarray(key), shape=tuple(shape), batch=0)


def split(key: Tensor, count: int = 2) -> tuple[Tensor, ...]:
    """Independent keys from one.

    >>> import wingbeat as wb
    >>> len(wb.random.split(wb.random.key(0), 3))
    3
    """
    words = bits(key, (count, 2))
    return tuple(words[k] for k in range(count))


def fold_in(key: Tensor, number: Any) -> Tensor:
    """The key number `number` of a key: for the steps of a loop.

    >>> import wingbeat as wb
    >>> wb.random.fold_in(wb.random.key(0), 5).shape
    (2,)
    """
    n = cast_to(asarray(number), as_dtype("uint32"))
    return bits(asarray(key) ^ n, (2,))


def uniform(
    key: Tensor, shape: Shape = (), low: float = 0.0, high: float = 1.0, *, dtype: Any = "float64"
) -> Tensor:
    """Numbers in [low, high), with 53 (float64), 24 (float32) or 11 (float16) random bits.

    >>> import wingbeat as wb
    >>> x = wb.random.uniform(wb.random.key(0), (1000,))
    >>> bool(wb.all((x >= 0) & (x < 1)))
    True
    """
    kind, shape = as_dtype(dtype), tuple(shape)
    if kind.name == "float64":
        words = cast_to(bits(key, (2, *shape)), as_dtype("uint64"))
        whole = ((words[0] >> 5) << 26) | (words[1] >> 6)
        unit = cast_to(whole, kind) * 2.0**-53
    else:
        keep = 24 if kind.name == "float32" else 11
        unit = cast_to(bits(key, shape) >> (32 - keep), kind) * 2.0**-keep
    return unit if (low, high) == (0.0, 1.0) else unit * (high - low) + low


def normal(key: Tensor, shape: Shape = (), *, dtype: Any = "float64") -> Tensor:
    """Numbers from the standard normal distribution (Box and Muller, 1958).

    >>> import wingbeat as wb
    >>> abs(wb.random.normal(wb.random.key(0), (10_000,)).mean().item()) < 0.05
    True
    """
    u = uniform(key, (2, *shape), dtype=dtype)
    return sqrt(-2.0 * log1p(-u[0])) * cos(2.0 * math.pi * u[1])


def bernoulli(key: Tensor, p: Any, shape: Shape = ()) -> Tensor:
    """True with probability `p`.

    >>> import wingbeat as wb
    >>> wb.random.bernoulli(wb.random.key(0), 1.0, (2,))
    tensor([ True,  True])
    """
    return uniform(key, shape) < p


def permutation(key: Tensor, n: int) -> Tensor:
    """0 ... n - 1 in random order.

    >>> import wingbeat as wb
    >>> sorted(wb.random.permutation(wb.random.key(0), 3).tolist())
    [0, 1, 2]
    """
    words = bits(key, (2, n)).numpy().astype(np.uint64)
    return asarray(np.argsort((words[0] << np.uint64(32)) | words[1], kind="stable"))


class Generator:
    """A key and a counter: each `next()` is a new key. Checkpoints save its two numbers.

    >>> import wingbeat as wb
    >>> g = wb.random.Generator(0)
    >>> g.next().shape, g.state_dict()
    ((2,), {'seed': 0, 'count': 1})
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self.load_state_dict({"seed": seed, "count": 0})

    def next(self) -> Tensor:
        """A key that this generator has not given before."""
        with self._lock:
            count = self._count
            self._count += 1
        words = self._seed & 0xFFFFFFFF, self._seed >> 32
        value = random_bits.numpy(
            np.array(
                [words[0] ^ (count & 0xFFFFFFFF), words[1] ^ (count >> 32) ^ 0x9E3779B9], np.uint32
            ),
            shape=(2,),
            batch=0,
        )
        return asarray(value)

    def state_dict(self) -> dict[str, int]:
        """Seed and count."""
        return {"seed": self._seed, "count": self._count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self._seed, self._count = int(state["seed"]), int(state["count"])


default = Generator(0)


def seed(value: int) -> None:
    """Start the default generator, which `nn` draws from, anew.

    >>> import wingbeat as wb
    >>> wb.random.seed(1)
    >>> wb.random.default.state_dict()
    {'seed': 1, 'count': 0}
    """
    key(value)  # checks the range
    default.load_state_dict({"seed": value, "count": 0})


__all__ = [
    "Generator",
    "bernoulli",
    "bits",
    "default",
    "fold_in",
    "key",
    "normal",
    "permutation",
    "seed",
    "split",
    "uniform",
]
