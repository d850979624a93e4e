"""IDX, the format of MNIST: 00 00, a type code, the rank, the sizes (big endian), then the numbers.

Described in "The MNIST database of handwritten digits", Y. LeCun, C. Cortes, C. Burges.
"""

import gzip
import os
import struct
import zlib
from io import BufferedIOBase, BufferedReader
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.data._files import open_binary, user_path
from wingbeat.errors import BadData

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 32  # NumPy's limit before version 2
_GZIP = b"\x1f\x8b"
_BEST_RATIO = 1032  # deflate turns 258 bytes into two bits at best
_CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array in an IDX file, plain or gzip, whichever its first bytes say.

    Memory grows with what the file holds, never with what its header promises.

    Returns:
        An array of the shape in the header; dtype uint8, int8, int16, int32, float32 or float64,
        in the machine's byte order.

    Raises:
        BadData: the file is missing, unreadable or damaged: another magic number, an unknown type
            code, fewer or more bytes than its header says, a broken gzip stream.
        BadInput: `path` is not a path.

    >>> import pathlib, tempfile
    >>> import wingbeat as wb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     wb.data.read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    return load(user_path(path, "read_idx"), "read_idx")


def load(path: Path, operation: str) -> NDArray[Any]:
    """`read_idx` for a caller whose name stands at the head of its errors."""
    try:
        with open_binary(path, operation) as file:
            return _parse(file)
    except _Damage as damage:
        raise BadData(f"{operation}: {path}: {damage}") from None


class _Damage(Exception):
    """What is wrong with a file, for a caller who knows its name."""


def _parse(file: BufferedReader) -> NDArray[Any]:
    size = os.fstat(file.fileno()).st_size
    if file.peek(2)[:2] != _GZIP:
        return _array(file, size)
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            return _array(stream, size * _BEST_RATIO)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _Damage(f"the gzip stream is damaged ({error}); fetch the file again") from None


def _array(stream: BufferedIOBase, most: int) -> NDArray[Any]:
    dtype, shape = _header(stream)
    size = dtype.itemsize * prod(shape)
    promise = f"the header promises {size} bytes of numbers, {dtype.name}{list(shape)}"
    if size > (room := most - stream.tell()):
        raise _Damage(f"{promise}; at most {room} can follow: the file is cut short or no IDX file")
    data = _at_most(stream, size)
    if len(data) < size:
        raise _Damage(f"{promise}; {len(data)} follow: the file is cut short")
    if stream.read(1):  # reading on to the end also has gzip compare its checksum
        raise _Damage(f"{promise}; more follow: the header or the end of the file is wrong")
    array = np.frombuffer(data, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(stream: BufferedIOBase) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise _Damage(f"an IDX file begins with 00 00, a type and a rank; got {_hex(magic)}")
    code, rank = magic[2:]
    if code not in _TYPES:
        known = ", ".join(f"{known:02x}" for known in _TYPES)
        raise _Damage(f"type code {code:02x} is unknown; IDX has {known}")
    if not 1 <= rank <= _MOST_AXES:
        raise _Damage(f"the header announces {rank} dimensions; 1 to {_MOST_AXES} can be read")
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise _Damage(f"the header is cut short: {rank} dimensions need {4 * rank} bytes more")
    return _sized(np.dtype(_TYPES[code]), struct.unpack(f">{rank}I", sizes))


def _sized(dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    # An empty array may still have a shape that no array of NumPy can have.
    if dtype.itemsize * prod(max(size, 1) for size in shape) > np.iinfo(np.intp).max:
        raise _Damage(f"no memory could hold {dtype.name}{list(shape)}: the header is damaged")
    return dtype, shape


def _at_most(stream: BufferedIOBase, size: int) -> bytearray:
    # In pieces: a reader that is asked for `size` bytes allocates them before it looks for them.
    data = bytearray()
    while len(data) < size and (piece := stream.read(min(_CHUNK, size - len(data)))):
        data += piece
    return data


def _hex(data: bytes) -> str:
    return data.hex(" ") or "an empty file"
