"""`Dataset` and `digits`: fields that fit each other, parts that are the same every time."""

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingbeat.data import Dataset, digits
from wingbeat.errors import BadInput, OutOfRange, TypeMismatch

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 2, 0, 1, 2])
ABC = ("a", "b", "c")


def whole(labels: Any, k: int) -> Dataset:
    """Rows that carry their own number, so that a part can be traced."""
    x = np.arange(len(labels), dtype=np.float64)[:, None]
    return Dataset(x, labels, classes=tuple(f"class {i}" for i in range(k)))


# Fields


def test_fields() -> None:
    data = Dataset(X, Y.astype(np.uint8), classes=ABC)
    assert (len(data), data.classes, data.features) == (6, ABC, ("x0", "x1"))
    assert (data.x.dtype, data.y.dtype) == (np.float64, np.int64)
    assert repr(data) == "Dataset('data', 6 rows of 2 features, float64, 3 classes)"


def test_immutable() -> None:
    """A writeable array is copied; neither the record nor its arrays can be written to."""
    x = X.copy()
    data = Dataset(x, Y, classes=ABC, means=np.zeros(2), scales=np.ones(2))
    x[0, 0] = 99.0
    assert data.x[0, 0] == 0.0
    for array in (data.x, data.y, data.means, data.scales, data.take([0, 1]).x, data.take([0]).y):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(FrozenInstanceError):
        data.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_read_only_arrays_are_not_copied() -> None:
    x = X.copy()
    x.flags.writeable = False
    data = Dataset(x, Y, classes=ABC)
    assert data.x is x
    assert np.shares_memory(data.take(slice(2, 5)).x, x)


@pytest.mark.parametrize(
    ("fields", "error", "sentence"),
    [
        ({"x": X.ravel()}, TypeMismatch, r"one row per sample, shape \(n, f\); got shape \(12,\)"),
        ({"x": X.astype(int)}, TypeMismatch, "x: dtype is float16, float32 or float64; got int64"),
        ({"y": Y[:5]}, TypeMismatch, r"labels of 3 classes .* shape \(6,\); got int64\[5\]"),
        ({"y": Y[:, None]}, TypeMismatch, r"got int64\[6, 1\]"),
        ({"y": Y.astype(float)}, TypeMismatch, r"got float64\[6\]"),
        ({"y": Y - 1}, BadInput, "labels of 3 classes lie between 0 and 2; got -1 to 1"),
        ({"y": Y + 1}, BadInput, "got 1 to 3"),
        ({"classes": None}, TypeMismatch, r"targets are floats; got int64; write classes=\("),
        ({"classes": None, "y": np.ones(5)}, TypeMismatch, r"6 samples need 6 .* shape \(5,\)"),
        ({"classes": None, "y": np.ones((6, 1, 1))}, TypeMismatch, "6 samples need 6 targets"),
        ({"classes": None, "y": np.ones(6, complex)}, TypeMismatch, "y: dtype is .* got complex"),
        ({"classes": "abc"}, BadInput, r"names are given as a tuple; write \('abc',\)"),
        ({"features": ("one",)}, BadInput, "1 features for 2 columns"),
        ({"image_shape": (2, 2)}, BadInput, r"image_shape \(2, 2\) does not hold 2 columns"),
        ({"means": [0.0, 0.0]}, BadInput, "means and scales belong together"),
        ({"means": [0.0], "scales": [1.0]}, BadInput, r"of shape \(1,\); x has 2 columns"),
    ],
)
def test_fields_that_do_not_fit(
    fields: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=f"^Dataset: .*{sentence}"):
        given: dict[str, Any] = {"x": X, "y": Y, "classes": ABC, **fields}
        Dataset(**given)


def test_images() -> None:
    data = Dataset(X, Y, classes=ABC, image_shape=(1, 2))
    np.testing.assert_array_equal(data.images, X.reshape(6, 1, 2))
    with pytest.raises(TypeMismatch, match="have no image_shape; use x"):
        _ = Dataset(X, Y, classes=ABC).images


# Rows


@pytest.mark.parametrize(
    "rows",
    [
        slice(1, 4),
        slice(None, None, -2),
        [3, 0, 3],
        [],
        [-1],
        np.array([5, 1], np.uint8),
        X[:, 0] > 4,
        slice(9, 12),
    ],
)
def test_take(rows: Any) -> None:
    data = Dataset(X, Y, classes=ABC, name="six", notes=("a note",))
    part = data.take(rows)
    index = np.array(rows, int) if isinstance(rows, list) else rows
    np.testing.assert_array_equal(part.x, X[index])
    np.testing.assert_array_equal(part.y, Y[index])
    assert (part.classes, part.name, part.notes) == (ABC, "six", ("a note",))


@pytest.mark.parametrize(
    ("rows", "error", "sentence"),
    [
        (3, TypeMismatch, "rows are a slice, a list of row numbers or a mask, as .* got 3"),
        ([0.5], TypeMismatch, "rows are a slice"),
        ([[0]], TypeMismatch, "rows are a slice"),
        ("abc", TypeMismatch, "rows are a slice"),
        ([6], OutOfRange, "rows 6 to 6 of 6 rows"),
        ([-7, 2], OutOfRange, "rows -7 to 2 of 6 rows"),
        ([True, False], TypeMismatch, "a mask over 6 rows has 6 entries; got 2"),
    ],
)
def test_take_refuses(rows: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"take: {sentence}"):
        Dataset(X, Y, classes=ABC).take(rows)


# Parts


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**64 - 1),
    stratify=st.booleans(),
)
def test_parts_are_a_partition(labels: list[int], share: float, seed: int, stratify: bool) -> None:
    """Each row is in one part, beside its own target; the size is the share, within the rules."""
    data = whole(labels, 5)
    train, test = data.split(share, seed, stratify=stratify)
    rows = np.concatenate([train.x, test.x]).ravel().astype(int)
    assert sorted(rows.tolist()) == list(range(len(labels)))
    assert len(test) == min(max(round(share * len(labels)), 1), len(labels) - 1)
    for part in (train, test):
        np.testing.assert_array_equal(part.y, np.array(labels)[part.x.ravel().astype(int)])


@given(
    counts=st.lists(st.integers(1, 20), min_size=2, max_size=6),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_classes_keep_their_shares(counts: list[int], share: float, seed: int) -> None:
    """Within one row each; and no class loses its last training row while another could give."""
    labels = np.repeat(np.arange(len(counts)), counts)
    _, test = whole(labels, len(counts)).split(share, seed)
    tested = np.bincount(test.y, minlength=len(counts))
    exact = np.array(counts) * len(test) / len(labels)
    assert (np.abs(tested - exact) <= 1).all()
    emptied = tested == counts
    spare = (np.array(counts) - tested > 1) & (tested <= np.floor(exact))
    assert not (emptied.any() and spare.any())


def test_shares_are_left_to_chance_on_request() -> None:
    data = whole([0, 1] * 20, 2)
    tested = {int(data.split(0.5, seed, stratify=False)[1].y.sum()) for seed in range(20)}
    assert len(tested) > 1


def test_a_class_of_one_row_is_learnt() -> None:
    for seed in range(20):
        train, _ = whole([0] * 9 + [1], 2).split(0.3, seed)
        assert 1 in train.y


def test_split_is_a_function_of_its_seed() -> None:
    data = whole([0, 1] * 50, 2)
    parts = [data.split(0.25, seed)[1].x.ravel().tolist() for seed in (3, 3, 4)]
    assert parts[0] == parts[1] != parts[2]


def test_split_stays_the_same_for_good() -> None:
    """Literal: neither a new NumPy nor a refactoring may deal the rows anew."""
    rows = whole([0, 1] * 5, 2).split(0.4, seed=0)[1].x.ravel().tolist()
    assert rows == [4.0, 5.0, 7.0, 8.0]


def test_split_without_classes() -> None:
    data = Dataset(X, X[:, :1])
    train, test = data.split(0.5, seed=1)
    assert (len(train), len(test)) == (3, 3)
    np.testing.assert_array_equal(train.x[:, :1], train.y)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0.0,), "test_fraction lies between 0 and 1, as 0.2 does; got 0.0"),
        ((1,), "got 1"),
        ((float("nan"),), "got nan"),
        (("0.2",), "got '0.2'"),
        ((True,), "got True"),
        ((0.2, -1), r"seed is a whole number from 0 to 2\*\*64 - 1; got -1"),
        ((0.2, 2**64), "seed is a whole number"),
        ((0.2, 1.0), "seed is a whole number"),
    ],
)
def test_split_refuses(arguments: Any, sentence: str) -> None:
    with pytest.raises(BadInput, match=f"split: .*{sentence}"):
        Dataset(X, Y, classes=ABC).split(*arguments)


def test_one_row_cannot_be_split() -> None:
    with pytest.raises(BadInput, match="split: two parts need two rows or more; got 1"):
        Dataset(X, Y, classes=ABC).take([0]).split()


# Units


def test_standard_units() -> None:
    means, scales = np.array([5.0, 6.0]), np.array([2.0, 4.0])
    data = Dataset(X.astype(np.float32), Y, classes=ABC, means=means, scales=scales)
    raw = np.array([[7.0, 2.0], [5.0, 6.0]])
    np.testing.assert_array_equal(data.standardise(raw), np.array([[1, -1], [0, 0]], np.float32))
    assert data.standardise(raw).dtype == np.float32
    np.testing.assert_array_equal(data.unstandardise(data.standardise(raw)), raw)
    np.testing.assert_array_equal(data.standardise(raw[0]), [1.0, -1.0])
    with pytest.raises(TypeMismatch, match=r"rows have 2 columns; got shape \(3,\)"):
        data.standardise([1.0, 2.0, 3.0])
    with pytest.raises(TypeMismatch, match="'data' holds raw data, with no means and scales"):
        Dataset(X, Y, classes=ABC).unstandardise(raw)


# Words


def test_describe() -> None:
    data = Dataset(
        X,
        np.linspace(-1, 1, 6),
        name="line",
        means=np.array([0.5, 20.0]),
        scales=np.array([1.0, 3.0]),
        notes=("Made up.",),
    )
    assert data.describe().splitlines() == [
        "line: 6 rows of 2 features, float64",
        "  targets   from -1 to 1, float64[6]",
        "  features  x0, x1",
        "  x         from 0 to 11",
        "  scaling   (raw - mean) / scale, with x0: 0.5 ± 1, x1: 20 ± 3",
        "  note      Made up.",
    ]
    assert repr(data) == "Dataset('line', 6 rows of 2 features, float64, regression)"


def test_empty_part_can_be_described() -> None:
    text = Dataset(X, Y, classes=ABC).take([]).describe()
    assert "0 rows of 2 features" in text
    assert "a: 0, b: 0, c: 0" in text


# Digits


@pytest.mark.parametrize("dtype", [np.float16, "float32", np.float64])
def test_digits(dtype: Any) -> None:
    from sklearn.datasets import load_digits

    train, test = digits(dtype=dtype)
    assert (len(train), len(test), train.image_shape) == (1438, 359, (8, 8))
    assert (train.x.dtype, train.x.min(), train.x.max()) == (np.dtype(dtype), 0.0, 1.0)
    both = np.column_stack([np.concatenate([train.x, test.x]), np.concatenate([train.y, test.y])])
    given = np.column_stack([load_digits().data / 16, load_digits().target])
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, given.tolist()))
    shares = np.bincount(train.y) / 1438 - np.bincount(test.y) / 359
    assert abs(shares).max() < 1 / 359


def test_digits_are_the_same_every_time() -> None:
    np.testing.assert_array_equal(digits()[1].x, digits()[1].x)
    assert digits()[1].y[:5].tolist() == [2, 4, 6, 7, 8]


def test_digits_dtype() -> None:
    with pytest.raises(TypeMismatch, match="digits: dtype is float16, float32 or float64; got int"):
        digits(dtype=int)
