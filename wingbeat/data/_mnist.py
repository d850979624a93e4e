"""MNIST, and every data set distributed as MNIST is: four IDX files in one folder."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from wingbeat.data._checks import float_dtype
from wingbeat.data._dataset import Dataset
from wingbeat.data._fields import frozen
from wingbeat.data._files import user_path
from wingbeat.data._idx import load
from wingbeat.errors import BadData

_PARTS = {"train": "mnist train", "t10k": "mnist test"}
_CLASSES = tuple("0123456789")
_KINDS = {"images-idx3-ubyte": "(n, height, width)", "labels-idx1-ubyte": "(n,)"}


def mnist(
    folder: str | os.PathLike[str], *, dtype: DTypeLike = np.float32
) -> tuple[Dataset, Dataset]:
    """MNIST from the four files of its distribution; nothing is fetched.

    The files are called train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte
    and t10k-labels-idx1-ubyte, each with or without .gz; train-images.idx3-ubyte will do too.
    Data sets of the same make (Fashion-MNIST, KMNIST) are read as well.

    Args:
        folder: where the four files lie.
        dtype: of `x`: float16, float32 or float64.

    Returns:
        (train, test): `x` of shape (n, height * width), from 0 to 1 (MNIST: 60,000 and 10,000 rows
        of 784); `y` int64 from 0 to 9; classes "0" to "9"; image_shape (height, width).

    Raises:
        BadData: a file is missing, damaged or holds something else: see `read_idx`; the numbers of
            images and labels differ; a label is above 9.
        BadInput: `folder` is not a path.
        TypeMismatch: `dtype` is not a float dtype.

    >>> import pathlib, tempfile
    >>> import wingbeat as wb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in ("train", "t10k"):
    ...         images = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255])
    ...         labels = bytes([0, 0, 8, 1, 0, 0, 0, 1, 7])
    ...         _ = pathlib.Path(folder, f"{part}-images-idx3-ubyte").write_bytes(images)
    ...         _ = pathlib.Path(folder, f"{part}-labels-idx1-ubyte").write_bytes(labels)
    ...     train, test = wb.data.mnist(folder)
    >>> train.x, train.y
    (array([[0., 1.]], dtype=float32), array([7]))
    """
    kind = float_dtype(dtype, "mnist")
    files = _find(user_path(folder, "mnist"))
    train, test = (_part(files, part, kind) for part in _PARTS)
    if train.image_shape != test.image_shape:
        raise BadData(
            f"mnist: training images are {train.image_shape}, test images {test.image_shape}: "
            f"the files in {folder} belong to different data sets"
        )
    return train, test


def _find(folder: Path) -> dict[str, Path]:
    """The path of each of the four files; one message names all that are missing."""
    try:
        found = {path.name: path for path in folder.iterdir()}
    except FileNotFoundError:
        raise BadData(f"mnist: there is no folder {folder}") from None
    except NotADirectoryError:
        raise BadData(f"mnist: {folder} is a file; give the folder that holds it") from None
    except (OSError, ValueError) as error:
        raise BadData(f"mnist: cannot read the folder {str(folder)!r}: {error}") from None
    wanted = [f"{part}-{kind}" for part in _PARTS for kind in _KINDS]
    files = {name: _choose(name, found) for name in wanted}
    if missing := [name for name, path in files.items() if path is None]:
        raise BadData(
            f"mnist: {folder} lacks {', '.join(missing)} (each with .gz or without); MNIST is the "
            f"four files {', '.join(wanted)}"
        )
    return {name: path for name, path in files.items() if path is not None}


def _choose(name: str, found: dict[str, Path]) -> Path | None:
    dotted = name.replace("-idx", ".idx")
    there = [found[n] for n in (name, f"{name}.gz", dotted, f"{dotted}.gz") if n in found]
    # Some archives unpack to a folder train-images-idx3-ubyte beside the file of the same make.
    return next((path for path in there if not path.is_dir()), there[0] if there else None)


def _part(files: dict[str, Path], part: str, dtype: np.dtype[Any]) -> Dataset:
    images_at, labels_at = (files[f"{part}-{kind}"] for kind in _KINDS)
    labels, images = _bytes(labels_at, 1), _bytes(images_at, 3)  # the small file first
    if len(images) != len(labels):
        raise BadData(
            f"mnist: {len(images)} images in {images_at.name}, {len(labels)} labels in "
            f"{labels_at.name}: the files belong to different data sets"
        )
    if not images.size:
        raise BadData(f"mnist: {images_at} holds no pixels: its shape is {images.shape}")
    if labels.max() > 9:
        raise BadData(
            f"mnist: labels are 0 to 9; label {labels.argmax()} of {labels_at} is {labels.max()}"
        )
    height, width = images.shape[1:]
    return Dataset(
        frozen(_scaled(images, dtype)),
        frozen(labels.astype(np.int64)),
        classes=_CLASSES,
        features=tuple(f"pixel_{i}_{j}" for i in range(height) for j in range(width)),
        name=_PARTS[part],
        image_shape=(height, width),
    )


def _bytes(path: Path, rank: int) -> NDArray[np.uint8]:
    array = load(path, "mnist")
    if array.dtype == np.uint8 and array.ndim == rank:
        return array
    shape = _KINDS["images-idx3-ubyte" if rank == 3 else "labels-idx1-ubyte"]
    raise BadData(f"mnist: {path} is uint8 of shape {shape}; got {array.dtype}{list(array.shape)}")


def _scaled(images: NDArray[np.uint8], dtype: np.dtype[Any]) -> NDArray[Any]:
    # From a table of the 256 quotients: each is rounded once, and float16 would divide slowly.
    table = (np.arange(256) / 255).astype(dtype)
    return table[images.reshape(len(images), -1)]
