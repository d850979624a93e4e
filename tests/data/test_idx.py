"""`read_idx`: what was written comes back, and of a damaged file nothing does."""

import gzip
import math
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.data.idx_files import CODES, idx, packed
from wingbeat.data import read_idx
from wingbeat.errors import BadData, BadInput

Reader = Callable[[Path], NDArray[Any]]
PICTURE = np.arange(40, dtype=np.uint8).reshape(5, 4, 2)
NUMBERS = np.linspace(-1.0, 1.0, 7, dtype=np.float64)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One path, written again and again."""
    return tmp_path_factory.mktemp("idx") / "file-idx"


# What was written comes back


def test_literal(file: Path) -> None:
    """00 00, int16, rank 2, sizes 2 and 3; big endian throughout."""
    file.write_bytes(bytes.fromhex("00000b02 00000002 00000003 0001 fffe 0003 0100 7fff 8000"))
    array = read_idx(file)
    assert array.dtype == np.int16
    assert array.tolist() == [[1, -2, 3], [256, 32767, -32768]]


@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gzip"])
@given(data=st.data())
def test_round_trip(file: Path, pack: Callable[[bytes], bytes], data: st.DataObject) -> None:
    """Same shape, dtype and bits, in the machine's own byte order; empty axes and NaNs included."""
    shapes = hnp.array_shapes(max_dims=4, max_side=4, min_side=0)
    array = data.draw(st.sampled_from(sorted(CODES)).flatmap(lambda d: hnp.arrays(d, shapes)))
    file.write_bytes(pack(idx(array)))
    back = read_idx(file)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.dtype.isnative
    assert back.tobytes() == array.tobytes()


def test_contents_decide_whether_it_is_packed(tmp_path: Path) -> None:
    """Browsers unpack a download and leave its name as it is."""
    (tmp_path / "plain.gz").write_bytes(idx(PICTURE))
    (tmp_path / "packed").write_bytes(packed(idx(PICTURE)))
    for name in ("plain.gz", "packed"):
        np.testing.assert_array_equal(read_idx(tmp_path / name), PICTURE)


def test_more_than_one_piece(file: Path) -> None:
    array = np.arange(700_000, dtype=np.int32)
    file.write_bytes(packed(idx(array)))
    np.testing.assert_array_equal(read_idx(file), array)


# The law: a file is read whole and as its header says, or BadData is raised


def whole_file(data: bytes) -> tuple[tuple[int, ...], bytes] | None:
    """Shape and numbers of a valid IDX file, read independently of the library; None if invalid."""
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        zeros, code, rank = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{rank}I", data, 4)
    except Exception:
        return None
    sizes = {8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8}
    numbers = data[4 + 4 * rank :]
    valid = zeros == 0 and rank > 0 and len(numbers) == sizes.get(code, -1) * math.prod(shape)
    return (shape, numbers) if valid else None


def insist_on_law(data: bytes, file: Path, read: Reader = read_idx) -> bool:
    """Whether the file was read; AssertionError where the law is broken."""
    file.write_bytes(data)
    expected = whole_file(data)
    try:
        array = read(file)
    except BadData as error:
        assert expected is None, f"a valid file was refused: {error}"
        assert str(file) in str(error)
        return False
    assert expected is not None, f"an invalid file was read as {array.dtype}{array.shape}"
    big = array.astype(array.dtype.newbyteorder(">"))
    assert (array.shape, big.tobytes()) == expected
    return True


@pytest.mark.parametrize("array", [PICTURE, NUMBERS], ids=["picture", "numbers"])
@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gzip"])
def test_cut_anywhere(file: Path, pack: Callable[[bytes], bytes], array: NDArray[Any]) -> None:
    """No beginning of a file is a file: about 270 files."""
    data = pack(idx(array))
    for size in range(len(data)):
        assert not insist_on_law(data[:size], file), f"{size} of {len(data)} bytes were enough"
    assert insist_on_law(data, file)


@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gzip"])
def test_every_flipped_bit(file: Path, pack: Callable[[bytes], bytes]) -> None:
    """In the header of a plain file, and anywhere in a packed one: about 700 files."""
    data = pack(idx(PICTURE))
    end = 16 if pack is bytes else len(data)
    read = 0
    for bit in range(8 * end):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        read += insist_on_law(bytes(damaged), file)
    # uint8 read as int8, and what gzip's header says of time, system and compression.
    assert read < 8 * end / 4


@settings(max_examples=200)
@given(junk=st.binary(max_size=64), start=st.integers(0, 60), pack=st.booleans())
def test_overwritten(file: Path, junk: bytes, start: int, pack: bool) -> None:
    data = packed(idx(PICTURE)) if pack else idx(PICTURE)
    insist_on_law(data[:start] + junk + data[start + len(junk) :], file)


@settings(max_examples=200)
@given(head=st.sampled_from([b"", b"\0\0", b"\0\0\x08\x01", b"\x1f\x8b\x08\0"]), junk=st.binary())
def test_random_bytes(file: Path, head: bytes, junk: bytes) -> None:
    insist_on_law(head + junk, file)


@settings(max_examples=100)
@given(extra=st.binary(min_size=1, max_size=9), pack=st.booleans())
def test_trailing_bytes(file: Path, extra: bytes, pack: bool) -> None:
    data = idx(PICTURE) + extra
    assert not insist_on_law(packed(data) if pack else data, file)


def test_law_notices_a_forgiving_reader(file: Path) -> None:
    """Readers that pad, that stop early and that say nothing of what follows."""

    def padded(path: Path) -> NDArray[Any]:
        return np.frombuffer(path.read_bytes()[16:].ljust(40, b"\0"), np.uint8).reshape(5, 4, 2)

    def shorter(path: Path) -> NDArray[Any]:
        numbers = np.frombuffer(path.read_bytes()[16:], np.uint8)
        return numbers[: len(numbers) // 8 * 8].reshape(-1, 4, 2)

    def first(path: Path) -> NDArray[Any]:
        return np.frombuffer(path.read_bytes()[16:56], np.uint8).reshape(5, 4, 2)

    data = idx(PICTURE)
    for reader, damaged in ((padded, data[:-3]), (shorter, data[:-3]), (first, data + b"x")):
        assert insist_on_law(data, file, reader)
        with pytest.raises(AssertionError, match="an invalid file was read"):
            insist_on_law(damaged, file, reader)


# Each defect has its sentence


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "begins with 00 00, a type and a rank; got an empty file"),
        (b"\0\0", "begins with 00 00, a type and a rank; got 00 00"),
        (b"\x89PNG....", "got 89 50 4e 47"),
        (b"\0\0\x0a\x01\0\0\0\x01x", "type code 0a is unknown; IDX has 08, 09, 0b, 0c, 0d, 0e"),
        (b"\0\0\x08\0x", "announces 0 dimensions"),
        (b"\0\0\x08\x21", "announces 33 dimensions"),
        (b"\0\0\x08\x03\0\0\0\x01\0\0", "header is cut short: 3 dimensions need 12 bytes"),
        (
            idx(PICTURE)[:-1],
            r"promises 40 bytes of numbers, uint8\[5, 4, 2\]; at most 39 can follow",
        ),
        (packed(idx(PICTURE)[:-1]), r"promises 40 bytes of numbers.*; 39 follow.*cut short"),
        (idx(PICTURE) + b"x", "more follow"),
        (packed(idx(PICTURE) + b"x"), "more follow"),
        (packed(idx(PICTURE))[:-8], "gzip stream is damaged .*; fetch the file again"),
        (packed(idx(PICTURE))[:-5] + b"abcde", "gzip stream is damaged"),
        (b"\0\0\x08\x04\0\0\0\0" + b"\xff" * 12, r"no memory could hold uint8\[0, 4294967295"),
    ],
    ids=range(14),
)
def test_sentence(file: Path, data: bytes, sentence: str) -> None:
    file.write_bytes(data)
    with pytest.raises(BadData, match=sentence) as error:
        read_idx(file)
    assert str(error.value).startswith(f"read_idx: {file}: ")
    assert "\n" not in str(error.value)


def peak(file: Path) -> int:
    """Bytes of memory that refusing a file takes."""
    tracemalloc.start()
    try:
        with pytest.raises(BadData):
            read_idx(file)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_follows_the_file_not_its_header(file: Path) -> None:
    file.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 60_000, 28, 28) + bytes(100))
    assert peak(file) < 200_000
    # 150 MB is what 200 kB could unpack to; this file's 200 kB unpack to 200 kB.
    noise = np.random.default_rng(0).bytes(200_000)
    file.write_bytes(packed(struct.pack(">4BI", 0, 0, 8, 1, 150_000_000) + noise))
    assert peak(file) < 5_000_000


# The path


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "train-labels-idx1-ubyte.gz").touch()
    with pytest.raises(
        BadData, match=r"there is no file .*; did you mean train-labels-idx1-ubyte.gz"
    ):
        read_idx(tmp_path / "train-labels-idx1-ubyte")
    with pytest.raises(BadData, match=r"there is no file .*zzz$"):
        read_idx(tmp_path / "nowhere" / "zzz")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="is a folder; give the path of a file"):
        read_idx(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe(tmp_path: Path) -> None:
    """A pipe that nobody writes to would be waited for without end."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadData, match="is not an ordinary file"):
        read_idx(tmp_path / "pipe")


def test_unreadable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system would refuse it to anybody but root, who may run the tests."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    file.write_bytes(idx(PICTURE))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadData, match=r"cannot read .*: Permission denied"):
        read_idx(file)


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(BadData, match=r"read_idx: (cannot read|there is no file)"):
            read_idx(tmp_path / name)


@pytest.mark.parametrize("path", [None, 0, 1.5, b"bytes", ["a"]])
def test_what_is_not_a_path(path: Any) -> None:
    with pytest.raises(BadInput, match="is not a path"):
        read_idx(path)
