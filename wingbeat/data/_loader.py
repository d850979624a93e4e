"""`DataLoader`: batches in an order that can be computed, left and returned to."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from wingbeat.api import Tensor, asarray
from wingbeat.data._checks import float_dtype, whole
from wingbeat.data._order import EPOCH, permutation
from wingbeat.data._source import source
from wingbeat.errors import BadInput

_POSITION = ("seed", "epoch", "batch")


class DataLoader:
    """Batches of tensors, `for x, y in loader`: once through the data is an epoch.

    The order of epoch k is a function of the seed and k alone; so a position is three numbers
    (`state_dict`), and a loader that is set to them continues with exactly the next batch. Each
    `for` begins the next epoch, also where the one before was left early. A loader serves one
    thread.

    Args:
        data: a `Dataset`; a tuple of arrays or tensors with one row per sample; or any object with
            `__len__` and `__getitem__` whose items are tuples, such as (x, y), which are stacked.
        batch_size: rows in a batch; the last batch of an epoch may have fewer.
        shuffle: a new order in each epoch; else the order of the data.
        seed: of the orders, from 0 to 2**64 - 1.
        drop_last: leave out a last batch that is not full.
        dtype: of float arrays in a batch: float16, float32 or float64; None keeps theirs. Integer
            arrays (labels) are kept as they are in any case.

    Raises:
        TypeMismatch: `data` is none of these, its arrays differ in length, its samples in shape, or
            `dtype` is not a float dtype.
        BadInput: there is no data, or an argument is out of range.

    >>> import wingbeat as wb
    >>> train, test = wb.data.digits()
    >>> loader = wb.data.DataLoader(train, batch_size=64)
    >>> len(loader)
    23
    >>> for x, y in loader:
    ...     pass
    >>> x.shape, y.shape, x.dtype.name
    ((30, 64), (30,), 'float32')
    """

    def __init__(
        self,
        data: Any,
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._source = source(data)
        self._size = whole(batch_size, "batch_size", "DataLoader", least=1)
        self._seed = whole(seed, "seed", "DataLoader")
        self._shuffle, self._drop_last = bool(shuffle), bool(drop_last)
        self._dtype = None if dtype is None else float_dtype(dtype, "DataLoader")
        self._position = (0, 0)  # epoch, batches of it that were handed out
        self._start = (0, 0)  # where the next `for` begins
        if not len(self):
            raise BadInput(
                f"DataLoader: {len(self._source)} rows make no full batch of {self._size}; "
                "write drop_last=False or a smaller batch_size"
            )

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(len(self._source), self._size)
        return full + (rest > 0 and not self._drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        epoch, first = self._start
        self._start = (epoch + 1, 0)
        order = self._order(epoch)
        for batch in range(first, len(self)):
            rows = order[batch * self._size : (batch + 1) * self._size]
            tensors = tuple(self._tensor(array) for array in self._source.gather(rows))
            last = batch + 1 == len(self)
            self._position = (epoch + 1, 0) if last else (epoch, batch + 1)
            yield tensors

    def __repr__(self) -> str:
        return (
            f"DataLoader({self._source.name!r}, {len(self._source)} rows in {len(self)} batches, "
            f"batch_size={self._size}, shuffle={self._shuffle}, seed={self._seed})"
        )

    def state_dict(self) -> dict[str, int]:
        """The position: the seed, the epoch, and how many of its batches were handed out.

        After the last batch of an epoch it is the beginning of the next one.

        >>> import wingbeat as wb
        >>> loader = wb.data.DataLoader(([[0.0], [1.0], [2.0]],), batch_size=1, seed=7)
        >>> batches = iter(loader)
        >>> _ = next(batches)
        >>> loader.state_dict()
        {'seed': 7, 'epoch': 0, 'batch': 1}
        """
        epoch, batch = self._position
        return {"seed": self._seed, "epoch": epoch, "batch": batch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Makes the next `for` go on from a position; data and batch_size must be the same.

        Raises:
            BadInput: `state` is not what `state_dict` returns, or its batch is beyond the epoch.

        >>> import numpy as np
        >>> import wingbeat as wb
        >>> loader = wb.data.DataLoader((np.arange(6.0),), batch_size=2, shuffle=False)
        >>> loader.load_state_dict({"seed": 0, "epoch": 4, "batch": 1})
        >>> [np.asarray(x).tolist() for (x,) in loader]
        [[2.0, 3.0], [4.0, 5.0]]
        """
        if not isinstance(state, Mapping) or set(state) != set(_POSITION):
            raise BadInput(f"load_state_dict: state has {', '.join(_POSITION)}; got {state!r}")
        seed, epoch, batch = (whole(state[name], name, "load_state_dict") for name in _POSITION)
        if batch >= len(self):
            raise BadInput(
                f"load_state_dict: batch {batch} of {len(self)} in an epoch; the position was "
                "saved with more data or a smaller batch_size"
            )
        self._seed = seed
        self._position = self._start = (epoch, batch)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        n = len(self._source)
        if not self._shuffle:
            return np.arange(n)
        return permutation(n, self._seed, purpose=EPOCH, epoch=epoch)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        if self._dtype is not None and array.dtype.kind == "f":
            array = array.astype(self._dtype, copy=False)
        # Read-only: `asarray` then takes the array as it is, where it would copy another.
        array.flags.writeable = False
        return asarray(array)
