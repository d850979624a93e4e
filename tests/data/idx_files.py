"""IDX files for the tests, written by hand from the format's description."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx(array: NDArray[Any]) -> bytes:
    """The bytes of an IDX file that holds `array`."""
    head = struct.pack(f">4B{array.ndim}I", 0, 0, CODES[array.dtype.name], array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def small_mnist(folder: Path, *, n: int = 4, suffix: str = "", dotted: bool = False) -> Path:
    """Four files as MNIST's, with n images of 3x2 pixels to train and n + 1 to test."""
    for extra, part in enumerate(("train", "t10k")):
        count = n + extra
        images = np.arange(count * 6, dtype=np.uint8).reshape(count, 3, 2)
        labels = np.arange(count, dtype=np.uint8) % 10
        for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            kind = name.replace("-idx", ".idx") if dotted else name
            data = idx(array)
            (folder / f"{part}-{kind}{suffix}").write_bytes(packed(data) if suffix else data)
    return folder
