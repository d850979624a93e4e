"""Batches as a model takes them: in its dtype, inputs apart from targets."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray
from wingbeat.data import DataLoader, Dataset
from wingbeat.errors import BadInput, TypeMismatch

_ROWS = 1024  # of a batch that no gradient is taken of


def dtype_of(model: Any) -> np.dtype[Any] | None:
    """The dtype of the first float parameter; None of a model without one."""
    kinds = (p.dtype for p in model.parameters())
    return next((kind for kind in kinds if kind.kind == "f"), None)


def handed(batch: Any, dtype: np.dtype[Any] | None, operation: str) -> tuple[list[Tensor], Tensor]:
    """Inputs and target of a batch (x, ..., y); floats in the model's dtype, integers kept."""
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        got = (
            f"a batch of {len(batch)}" if isinstance(batch, tuple | list) else type(batch).__name__
        )
        raise TypeMismatch(f"{operation}: a loader gives batches (x, y); got {got}")
    *inputs, target = (_cast(item, dtype) for item in batch)
    if not target.ndim or not target.shape[0]:
        raise TypeMismatch(f"{operation}: a batch has one row per sample; got {target.type}")
    return inputs, target


def _cast(item: Any, dtype: np.dtype[Any] | None) -> Tensor:
    tensor = asarray(item)
    if dtype is None or tensor.dtype.kind != "f" or tensor.dtype == dtype:
        return tensor
    return asarray(tensor.numpy().astype(dtype))


def batches(data: Any, operation: str) -> Iterable[Any]:
    """`data` itself, or the batches of a `Dataset` in its order."""
    if isinstance(data, Dataset):
        return DataLoader(data, batch_size=_ROWS, shuffle=False)
    if not hasattr(data, "__iter__") or not hasattr(data, "__len__"):
        raise TypeMismatch(
            f"{operation}: a loader is a wb.data.DataLoader, or a list of batches (x, y); "
            f"got {type(data).__name__}"
        )
    if not len(data):
        raise BadInput(f"{operation}: the loader has no batch")
    return data
