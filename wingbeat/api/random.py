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

from wingbeat.api.applying import apply, cast_to
from wingbeat.api.axes import count, integer, sizes
from wingbeat.api.elementwise import cos, log1p, minimum, sqrt
from wingbeat.api.sorting import argsort
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.tracing import state
from wingbeat.errors import NoValue, TypeMismatch
from wingbeat.ir.types import as_dtype
from wingbeat.ops.random import random_bits

Shape = Sequence[int]

_APART = np.array([0x9E3779B9, 0x7F4A7C15], np.uint32)
_APART.flags.writeable = False


def key(seed: int) -> Tensor:
    """A key from an integer: two uint32 numbers.

    >>> import wingbeat as wb
    >>> wb.random.key(7).tolist()
    [7, 0]
    """
    seed = integer(seed, "key", "the seed")
    if not 0 <= seed < 1 << 64:
        raise TypeMismatch(f"key: the seed must lie in 0 ... 2^64 - 1, not be {seed}")
    return asarray(_words(seed))


def bits(key: Tensor, shape: Shape = ()) -> Tensor:
    """uint32 words, each of the 2^32 values equally likely.

    >>> import wingbeat as wb
    >>> wb.random.bits(wb.random.key(0), (2,)).dtype.name
    'uint32'
    """
    return _bits(key, shape, "bits")


def _bits(key: Any, shape: Any, name: str, *before: int) -> Tensor:
    """Bits of shape (*before, *shape), on behalf of the function `name`."""
    k = asarray(key)
    if k.dtype.name != "uint32" or k.shape != (2,):
        raise TypeMismatch(
            f"{name}: a key is two uint32 numbers, not {k.type}; make one with random.key(seed)"
        )
    return apply(random_bits, k, shape=(*before, *sizes(shape, name)), batch=0)


def split(key: Tensor, count: int = 2) -> tuple[Tensor, ...]:
    """Independent keys from one.

    >>> import wingbeat as wb
    >>> len(wb.random.split(wb.random.key(0), 3))
    3
    """
    words = _bits(key, (count, 2), "split")
    return tuple(words[k] for k in range(count))


def fold_in(key: Tensor, number: Any) -> Tensor:
    """The key number `number` of a key: for the steps of a loop.

    >>> import wingbeat as wb
    >>> wb.random.fold_in(wb.random.key(0), 5).shape
    (2,)
    """
    n = asarray(number)
    if n.dtype.kind not in "iu" or n.shape:
        raise TypeMismatch(f"fold_in: the number of a key is one integer, not {n.type}")
    # Behind bits of the key and apart from them, so that no key of `split` comes again here.
    inner = _bits(key, (2,), "fold_in") ^ _APART ^ cast_to(n, as_dtype("uint32"))
    return _bits(inner, (2,), "fold_in")


def uniform(
    key: Tensor, shape: Shape = (), low: float = 0.0, high: float = 1.0, *, dtype: Any = "float64"
) -> Tensor:
    """Numbers in [low, high), with 53 (float64), 24 (float32) or 11 (float16) random bits.

    >>> import wingbeat as wb
    >>> x = wb.random.uniform(wb.random.key(0), (1000,))
    >>> bool(wb.all((x >= 0) & (x < 1)))
    True
    """
    return _uniform(key, sizes(shape, "uniform"), low, high, dtype, "uniform")


def _uniform(key: Any, shape: Shape, low: Any, high: Any, dtype: Any, name: str) -> Tensor:
    kind = as_dtype(dtype)
    if kind.kind != "f":
        raise TypeMismatch(f"{name}: random numbers are floats, not {kind.name}; or take bits")
    if kind.name == "float64":
        words = cast_to(_bits(key, shape, name, 2), as_dtype("uint64"))
        whole = ((words[0] >> 5) << 26) | (words[1] >> 6)
        unit = cast_to(whole, kind) * 2.0**-53
    else:
        keep = 24 if kind.name == "float32" else 11
        unit = cast_to(_bits(key, shape, name) >> (32 - keep), kind) * 2.0**-keep
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        return unit * (high - low) + low
    if not low <= high:
        raise TypeMismatch(f"{name}: low must not be above high, as {low} is above {high}")
    if (low, high) == (0.0, 1.0):
        return unit
    # The sum may round up to `high`, which does not belong to the interval.
    below = np.nextafter(kind.type(high), kind.type(low))
    return minimum(unit * (high - low) + low, below)


def normal(key: Tensor, shape: Shape = (), *, dtype: Any = "float64") -> Tensor:
    """Numbers from the standard normal distribution (Box and Muller, 1958).

    >>> import wingbeat as wb
    >>> abs(wb.random.normal(wb.random.key(0), (10_000,)).mean().item()) < 0.05
    True
    """
    u = _uniform(key, (2, *sizes(shape, "normal")), 0.0, 1.0, dtype, "normal")
    return sqrt(-2.0 * log1p(-u[0])) * cos(2.0 * math.pi * u[1])


def bernoulli(key: Tensor, p: Any, shape: Shape = ()) -> Tensor:
    """True with probability `p`.

    >>> import wingbeat as wb
    >>> wb.random.bernoulli(wb.random.key(0), 1.0, (2,))
    tensor([ True,  True])
    """
    if isinstance(p, int | float) and not 0 <= p <= 1:
        raise TypeMismatch(f"bernoulli: a probability lies in 0 ... 1, which {p} does not")
    return _uniform(key, sizes(shape, "bernoulli"), 0.0, 1.0, "float64", "bernoulli") < p


def permutation(key: Tensor, n: int) -> Tensor:
    """0 ... n - 1 in random order.

    >>> import wingbeat as wb
    >>> sorted(wb.random.permutation(wb.random.key(0), 3).tolist())
    [0, 1, 2]
    """
    size = count(n, "permutation", "how many")
    words = cast_to(_bits(key, (size,), "permutation", 2), as_dtype("uint64"))
    return argsort((words[0] << 32) | words[1])


def _words(number: int) -> Any:
    return np.array([number & 0xFFFFFFFF, number >> 32], np.uint32)


def _scrambled(words: Any) -> Any:
    return random_bits.numpy(words, shape=(2,), batch=0)


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
        """A key that this generator has not given before.

        Raises `NoValue` inside `wb.jit`, where every call would get the key of the first one.
        """
        if state.trace is not None and state.trace.refusal:
            raise NoValue(
                "inside jit a generator would give the same key in every call; give the function a "
                "key as an argument: f(wb.random.default.next(), ...)"
            )
        with self._lock:
            count, base = self._count, self._base
            self._count += 1
        return asarray(_scrambled(base ^ _words(count)))

    def state_dict(self) -> dict[str, int]:
        """Seed and count."""
        return {"seed": self._seed, "count": self._count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        with self._lock:
            self._seed, self._count = int(state["seed"]), int(state["count"])
            # Seeds that differ in few bits must not give the same keys in another order.
            self._base = _scrambled(_words(self._seed)) ^ _APART


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
