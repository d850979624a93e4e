"""`mnist`: the four files by any of their names, and one sentence where they do not fit."""

import hashlib
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.idx_files import idx, small_mnist
from wingbeat.data import mnist, read_idx
from wingbeat.errors import BadData, BadInput, TypeMismatch

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# Of the unpacked files; known since the data were published.
MD5 = {"train": "6bbc9ace898e44ae57da46a324031adb", "t10k": "2646ac647ad5339dbf082846283269ea"}


# The real thing


@pytest.mark.parametrize(("part", "n"), [("train", 60_000), ("t10k", 10_000)])
def test_images_are_the_published_ones(mnist_folder: Path, part: str, n: int) -> None:
    (path,) = mnist_folder.glob(f"{part}-images*")
    images = read_idx(path)
    assert hashlib.md5(idx(images)).hexdigest() == MD5[part]
    assert (images.shape, images.dtype) == ((n, 28, 28), np.uint8)


def test_mnist(mnist_folder: Path) -> None:
    train, test = mnist(mnist_folder)
    assert (train.x.shape, train.x.dtype) == ((60_000, 784), np.float32)
    assert (test.x.shape, test.y.dtype) == ((10_000, 784), np.int64)
    assert train.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.y[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(train.y).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    ]
    assert train.x.mean() == pytest.approx(0.1307, abs=5e-5)  # as everybody normalises by
    assert train.images.shape == (60_000, 28, 28)
    (path,) = mnist_folder.glob("t10k-images*")
    np.testing.assert_array_equal(np.rint(test.images * 255), read_idx(path))


@pytest.mark.parametrize("name", FILES)
def test_real_file_cut_short(mnist_folder: Path, tmp_path: Path, name: str) -> None:
    for path in mnist_folder.glob("*ubyte*"):
        (tmp_path / path.name).symlink_to(path.resolve())
    (path,) = tmp_path.glob(f"{name}*")
    data = path.read_bytes()
    for size in (0, 10, len(data) // 2, len(data) - 1):
        path.unlink()
        path.write_bytes(data[:size])
        with pytest.raises(BadData, match=f"^mnist: .*{name}"):
            mnist(tmp_path)


# Names


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_names_as_distributed(tmp_path: Path, suffix: str, dotted: bool) -> None:
    train, test = mnist(small_mnist(tmp_path, n=3, suffix=suffix, dotted=dotted))
    np.testing.assert_array_equal(train.x, np.arange(18, dtype=np.float32).reshape(3, 6) / 255)
    assert (train.y.tolist(), test.y.tolist()) == ([0, 1, 2], [0, 1, 2, 3])
    assert (train.image_shape, train.features[-1]) == ((3, 2), "pixel_2_1")
    assert (train.name, test.name) == ("mnist train", "mnist test")
    assert train.classes == tuple("0123456789")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_pixels_are_quotients_rounded_once(tmp_path: Path, dtype: str) -> None:
    for part in ("train", "t10k"):
        images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.zeros(4, np.uint8)))
    x = mnist(tmp_path, dtype=dtype)[0].x
    np.testing.assert_array_equal(x.ravel(), (np.arange(256) / 255).astype(dtype), strict=True)


def test_folder_of_the_same_name_is_passed_over(tmp_path: Path) -> None:
    """Some archives unpack to train-images-idx3-ubyte/ beside train-images.idx3-ubyte."""
    small_mnist(tmp_path, dotted=True)
    (tmp_path / FILES[0]).mkdir()
    assert len(mnist(tmp_path)[0]) == 4


MISSING = [names for k in (1, 2, 3, 4) for names in combinations(FILES, k)]


@pytest.mark.parametrize("missing", MISSING, ids=len)
def test_all_missing_files_are_named(tmp_path: Path, missing: tuple[str, ...]) -> None:
    small_mnist(tmp_path)
    for name in missing:
        (tmp_path / name).unlink()
    with pytest.raises(BadData, match="MNIST is the four files") as error:
        mnist(tmp_path)
    said = str(error.value).partition("lacks ")[2].partition(" (")[0]
    assert said.split(", ") == list(missing)


# What does not fit


@pytest.mark.parametrize(
    ("name", "array", "sentence"),
    [
        (
            FILES[0],
            np.zeros((4, 6), np.uint8),
            r"uint8 of shape \(n, height, width\); got uint8\[4",
        ),
        (FILES[0], np.zeros((4, 3, 2), np.int8), r"got int8\[4, 3, 2\]"),
        (FILES[0], np.zeros((5, 3, 2), np.uint8), "5 images in .*, 4 labels in .*"),
        (FILES[0], np.zeros((4, 3, 5), np.uint8), r"training images are \(3, 5\), test .*\(3, 2\)"),
        (FILES[0], np.zeros((4, 0, 2), np.uint8), r"holds no pixels: its shape is \(4, 0, 2\)"),
        (FILES[1], np.zeros((4, 1), np.uint8), r"uint8 of shape \(n,\); got uint8\[4, 1\]"),
        (FILES[1], np.zeros(4, np.float64), r"got float64\[4\]"),
        (FILES[1], np.zeros(3, np.uint8), "4 images in .*, 3 labels in .*"),
        (FILES[1], np.array([0, 9, 10, 3], np.uint8), "label 2 of .* is 10"),
        (FILES[3], np.array([0, 9, 3, 3, 255], np.uint8), "label 4 of .* is 255"),
    ],
)
def test_sentence(tmp_path: Path, name: str, array: Any, sentence: str) -> None:
    small_mnist(tmp_path)
    (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(BadData, match=f"^mnist: .*{sentence}"):
        mnist(tmp_path)


def test_no_rows(tmp_path: Path) -> None:
    small_mnist(tmp_path, n=0)
    with pytest.raises(BadData, match="holds no pixels"):
        mnist(tmp_path)


def test_file_that_is_a_folder(tmp_path: Path) -> None:
    small_mnist(tmp_path)
    (tmp_path / FILES[1]).unlink()
    (tmp_path / FILES[1]).mkdir()
    with pytest.raises(BadData, match=f"mnist: .*{FILES[1]} is a folder"):
        mnist(tmp_path)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"there is no folder .*nowhere"):
        mnist(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(BadData, match="file is a file; give the folder that holds it"):
        mnist(tmp_path / "file")
    with pytest.raises(BadData, match="cannot read the folder"):
        mnist(tmp_path / "a\0b")
    with pytest.raises(BadInput, match="mnist: 5 is not a path"):
        mnist(5)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("dtype", ["int64", "uint8", None, "nonsense", complex])
def test_dtype(tmp_path: Path, dtype: Any) -> None:
    with pytest.raises(TypeMismatch, match="mnist: dtype is float16, float32 or float64; got"):
        mnist(tmp_path, dtype=dtype)
