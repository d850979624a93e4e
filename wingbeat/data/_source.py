"""What a loader reads: arrays side by side, or samples that are asked for one by one."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wingbeat.data._dataset import Dataset
from wingbeat.errors import BadInput, TypeMismatch

Arrays = tuple[NDArray[Any], ...]


class Source(Protocol):
    """Rows that can be gathered by number."""

    @property
    def name(self) -> str: ...

    def __len__(self) -> int: ...

    def gather(self, rows: NDArray[np.int64]) -> Arrays:
        """Fresh arrays, one row for each of `rows`."""
        ...


@dataclass(frozen=True)
class Columns:
    """Arrays of equal length; row i of each belongs to sample i."""

    arrays: Arrays
    name: str = "arrays"

    def __len__(self) -> int:
        return len(self.arrays[0])

    def gather(self, rows: NDArray[np.int64]) -> Arrays:
        """One `take` for each array."""
        return tuple(np.take(array, rows, axis=0) for array in self.arrays)


@dataclass(frozen=True)
class Samples:
    """A sequence of tuples, PyTorch's habit: samples[i] is (x, y)."""

    samples: Any
    name: str

    def __len__(self) -> int:
        return len(self.samples)

    def gather(self, rows: NDArray[np.int64]) -> Arrays:
        """The samples, each part of them stacked."""
        numbers = rows.tolist()
        parts = [self._sample(i) for i in numbers]
        widths = {len(part) for part in parts}
        if len(widths) > 1:
            raise TypeMismatch(
                f"DataLoader: samples are tuples of one length; got {sorted(widths)}"
            )
        return tuple(_stack(column, numbers) for column in zip(*parts, strict=True))

    def _sample(self, i: int) -> tuple[Any, ...]:
        sample = self.samples[i]
        if isinstance(sample, tuple | list) and len(sample):
            return tuple(sample)
        raise TypeMismatch(
            f"DataLoader: sample {i} is a tuple (x, y); got {type(sample).__name__}; "
            "write DataLoader((x, y)) for arrays that hold all samples"
        )


def source(data: Any) -> Source:
    """`data` as something to gather rows from, or the reason why it is none."""
    if isinstance(data, Dataset):
        found: Source = Columns((data.x, data.y), data.name)
    elif isinstance(data, tuple):
        found = Columns(_columns(data))
    else:
        found = _samples(data)
    if not len(found):
        raise BadInput("DataLoader: the data set is empty; there is nothing to iterate over")
    return found


def _columns(data: tuple[Any, ...]) -> Arrays:
    # Contiguous once, or else every gather would copy the whole array first.
    arrays = tuple(np.ascontiguousarray(_array(item)) for item in data)
    if not arrays:
        raise BadInput("DataLoader: the tuple of arrays is empty; write DataLoader((x, y))")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise TypeMismatch(
            f"DataLoader: arrays have one row per sample, equally many; got lengths {lengths}"
        )
    return arrays


def _array(item: Any) -> NDArray[Any]:
    if isinstance(item, tuple) or not (hasattr(item, "__array__") or isinstance(item, list)):
        raise TypeMismatch(
            f"DataLoader: a tuple holds arrays; got {type(item).__name__} in it; "
            "write a list for a sequence of samples"
        )
    try:
        array = np.asarray(item)
    except ValueError as error:
        raise TypeMismatch(f"DataLoader: {type(item).__name__} is not an array: {error}") from None
    if array.ndim == 0 or array.dtype.kind not in "biuf":
        raise TypeMismatch(
            f"DataLoader: arrays hold numbers, one row per sample; "
            f"got {array.dtype}{list(array.shape)}"
        )
    return array


def _samples(data: Any) -> Samples:
    if hasattr(data, "__array__"):
        raise TypeMismatch(
            "DataLoader: one array has no targets beside it; write DataLoader((x, y)), "
            "or DataLoader((x,)) for batches (x,)"
        )
    if isinstance(data, Sized) and hasattr(data, "__getitem__") and not _is_keyed(data):
        return Samples(data, type(data).__name__)
    raise TypeMismatch(
        f"DataLoader: data are a Dataset, a tuple of arrays, or a sequence of samples with "
        f"__len__ and __getitem__; got {type(data).__name__}"
    )


def _is_keyed(data: Any) -> bool:
    return isinstance(data, dict | str | bytes)


def _stack(column: Sequence[Any], rows: list[int]) -> NDArray[Any]:
    arrays = [np.asarray(item) for item in column]
    for i, array in zip(rows, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise TypeMismatch(
                f"DataLoader: samples have one shape; sample {rows[0]} has {arrays[0].shape}, "
                f"sample {i} has {array.shape}"
            )
    stacked = np.stack(arrays)
    if stacked.dtype.kind not in "biuf":
        raise TypeMismatch(f"DataLoader: samples hold numbers; got {stacked.dtype}")
    return stacked
