"""`DataLoader`: every row once in an epoch, in an order that can be computed and returned to."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingbeat.api import Tensor, asarray
from wingbeat.data import DataLoader, Dataset, digits
from wingbeat.data._order import EPOCH, SPLIT, permutation
from wingbeat.errors import BadInput, TypeMismatch


def arrays(n: int) -> tuple[np.ndarray, np.ndarray]:
    """x is the row's number twice, y the row's number."""
    return np.arange(n, dtype=np.float64)[:, None].repeat(2, axis=1), np.arange(n)


def rows(batches: Any) -> list[list[int]]:
    """The numbers of the rows in each batch; x and y must agree on them."""
    found = []
    for x, y in batches:
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y)[:, None].repeat(2, axis=1))
        found.append(np.asarray(y).tolist())
    return found


class Pairs:
    """PyTorch's habit: a length, and a tuple for each number."""

    def __init__(self, n: int) -> None:
        self.x, self.y = arrays(n)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.x[i], int(self.y[i])


# Epochs


@given(
    n=st.integers(1, 40),
    size=st.integers(1, 50),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    seed=st.integers(0, 2**64 - 1),
)
def test_epoch(n: int, size: int, shuffle: bool, drop_last: bool, seed: int) -> None:
    """Every row once, x beside its y; full batches, and a rest unless it is dropped."""
    if drop_last and n < size:
        with pytest.raises(BadInput, match="make no full batch"):
            DataLoader(arrays(n), size, shuffle, seed, drop_last)
        return
    loader = DataLoader(arrays(n), size, shuffle, seed, drop_last)
    batches = rows(loader)
    sizes = [min(size, n - start) for start in range(0, n, size)]
    assert [len(batch) for batch in batches] == [k for k in sizes if k == size or not drop_last]
    assert len(loader) == len(batches)
    seen = [i for batch in batches for i in batch]
    assert len(set(seen)) == len(seen)
    if not drop_last:
        assert sorted(seen) == list(range(n))
    if not shuffle:
        assert seen == sorted(seen)


def test_orders() -> None:
    """The same seed gives the same epochs, all different, and different in each seed."""
    loaders = [DataLoader(arrays(30), 7, seed=seed) for seed in (5, 5, 6)]
    orders = [[rows(loader) for _ in range(3)] for loader in loaders]
    assert orders[0] == orders[1]
    distinct = {str(epoch) for epochs in (orders[0], orders[2]) for epoch in epochs}
    assert len(distinct) == 6


def test_order_of_an_epoch_is_computed_not_stepped_to() -> None:
    stepped, jumped = DataLoader(arrays(20), 6, seed=1), DataLoader(arrays(20), 6, seed=1)
    for _ in range(5):
        rows(stepped)
    jumped.load_state_dict({"seed": 1, "epoch": 5, "batch": 0})
    assert rows(stepped) == rows(jumped)


def test_orders_stay_the_same_for_good() -> None:
    """Literal: a run of last year is resumed with a new NumPy."""
    assert permutation(8, 0, purpose=EPOCH).tolist() == [0, 2, 1, 5, 4, 3, 6, 7]
    assert permutation(8, 2**64 - 1, purpose=EPOCH, epoch=3).tolist() == [3, 2, 0, 1, 6, 5, 4, 7]


def test_orders_of_epochs_and_splits_are_unrelated() -> None:
    n = 1000
    epoch, split = (permutation(n, 0, purpose=purpose) for purpose in (EPOCH, SPLIT))
    following = permutation(n, 0, purpose=EPOCH, epoch=1)
    for other in (split, following, permutation(n, 1, purpose=EPOCH)):
        assert abs(np.corrcoef(epoch, other)[0, 1]) < 0.1
        assert (epoch == other).sum() < 10


def test_every_place_is_equally_likely() -> None:
    """Chi squared over 2,000 epochs of four rows: rows and columns have fixed sums, so (4 - 1)^2
    degrees of freedom, and variances smaller by (4 - 1) / 4.
    """
    counts = np.zeros((4, 4))
    for epoch in range(2000):
        counts[np.arange(4), permutation(4, 0, purpose=EPOCH, epoch=epoch)] += 1
    assert ((counts - 500) ** 2 / 500).sum() * 3 / 4 < 27.9  # exceeded by chance once in 1,000


# Positions


@pytest.mark.parametrize("data", [arrays(10), Pairs(10)], ids=["arrays", "pairs"])
def test_resume_anywhere(data: Any) -> None:
    """After k batches, whatever k: the state, saved as JSON, gives the batches that follow."""
    stream = rows(forever(DataLoader(data, 3, seed=9), 16))
    for k in range(13):
        loader = DataLoader(data, 3, seed=9)
        rows(forever(loader, k))
        state = json.loads(json.dumps(loader.state_dict()))
        assert state == {"seed": 9, "epoch": k // 4, "batch": k % 4}
        resumed = DataLoader(data, 3, seed=0)
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert rows(forever(resumed, 16 - k)) == stream[k:]


def forever(loader: DataLoader, count: int) -> Iterator[tuple[Tensor, ...]]:
    """The first `count` batches of epoch after epoch."""
    return islice((batch for _ in iter(int, 1) for batch in loader), count)


def test_resumed_epoch_is_the_rest_of_one() -> None:
    loader = DataLoader(arrays(10), 3)
    loader.load_state_dict({"seed": 0, "epoch": 2, "batch": 3})
    assert [len(rows(loader)) for _ in range(3)] == [1, 4, 4]
    assert loader.state_dict() == {"seed": 0, "epoch": 5, "batch": 0}


def test_loop_that_was_left_is_followed_by_the_next_epoch() -> None:
    """Or else a loop that always stops after 100 batches would never see the others."""
    left, whole = DataLoader(arrays(10), 3), DataLoader(arrays(10), 3)
    first = rows(islice(left, 2))
    assert left.state_dict() == {"seed": 0, "epoch": 0, "batch": 2}
    assert first == rows(whole)[:2]
    assert rows(left) == rows(whole)


def test_position_within_the_loop() -> None:
    """A checkpoint that is written while a batch is in use counts it as handed out."""
    loader = DataLoader(arrays(4), 2)
    states = [loader.state_dict() for _ in loader]
    assert states == [{"seed": 0, "epoch": 0, "batch": 1}, {"seed": 0, "epoch": 1, "batch": 0}]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({}, "state has seed, epoch, batch; got {}"),
        ([0, 0, 0], "state has seed, epoch, batch"),
        ({"seed": 0, "epoch": 0}, "state has seed, epoch, batch"),
        ({"seed": 0, "epoch": 0, "batch": 0, "x": 0}, "state has seed, epoch, batch"),
        ({"seed": 0, "epoch": -1, "batch": 0}, "epoch is a whole number .* got -1"),
        ({"seed": "0", "epoch": 0, "batch": 0}, "seed is a whole number .* got '0'"),
        ({"seed": 0, "epoch": 0, "batch": True}, "batch is a whole number .* got True"),
        ({"seed": 0, "epoch": 0, "batch": 4}, "batch 4 of 4 in an epoch; .* smaller batch_size"),
    ],
)
def test_state_that_is_none(state: Any, sentence: str) -> None:
    """It is refused, and the loader stays where it was."""
    loader = DataLoader(arrays(10), 3, seed=2)
    rows(islice(loader, 2))
    before = loader.state_dict()
    with pytest.raises(BadInput, match=f"load_state_dict: {sentence}"):
        loader.load_state_dict(state)
    assert loader.state_dict() == before


# Data


def test_pairs_give_the_batches_of_their_arrays() -> None:
    assert rows(DataLoader(Pairs(17), 5, seed=3)) == rows(DataLoader(arrays(17), 5, seed=3))


def test_list_of_tuples() -> None:
    samples = [([0.0, 1.0], 0), ([2.0, 3.0], 1), ([4.0, 5.0], 2)]
    ((x, y),) = DataLoader(samples, shuffle=False)
    assert np.asarray(x).tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert (np.asarray(y).tolist(), np.asarray(y).dtype) == ([0, 1, 2], np.int64)


def test_dataset() -> None:
    train, _ = digits()
    x, y = next(iter(DataLoader(train, 10, shuffle=False)))
    assert isinstance(x, Tensor)
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(np.asarray(x), train.x[:10], strict=True)
    np.testing.assert_array_equal(np.asarray(y), train.y[:10], strict=True)


def test_tensors_are_arrays_too() -> None:
    x, y = arrays(7)
    tensors = DataLoader((asarray(x), asarray(y)), 3, seed=4)
    assert rows(tensors) == rows(DataLoader((x, y), 3, seed=4))
    samples = [(asarray(row), label) for row, label in zip(x, y, strict=True)]
    assert rows(DataLoader(samples, 3, seed=4)) == rows(DataLoader((x, y), 3, seed=4))


def test_arrays_need_not_be_contiguous() -> None:
    x = np.arange(24.0).reshape(4, 6)[:, ::2]
    ((first,),) = DataLoader((x,), shuffle=False)
    np.testing.assert_array_equal(np.asarray(first), x)


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_do_not_change_with_the_data(shuffle: bool) -> None:
    x, y = arrays(6)
    ((first, _),) = DataLoader((x, y), 6, shuffle)
    before = np.asarray(first).copy()
    x[:] = -1.0
    np.testing.assert_array_equal(np.asarray(first), before)


@pytest.mark.parametrize("data", [arrays(5), Pairs(5)], ids=["arrays", "pairs"])
@pytest.mark.parametrize("dtype", ["float16", np.float32, np.float64, None])
def test_dtype(data: Any, dtype: Any) -> None:
    """Floats become what is asked for; labels stay what they are."""
    x, y = next(iter(DataLoader(data, dtype=dtype)))
    assert (x.dtype, y.dtype) == (np.dtype(dtype or np.float64), np.int64)


def test_repr() -> None:
    data = Dataset(*arrays(10), classes=tuple("0123456789"), name="ten")
    assert repr(DataLoader(data, 4, seed=1)) == (
        "DataLoader('ten', 10 rows in 3 batches, batch_size=4, shuffle=True, seed=1)"
    )


# What cannot be loaded


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"batch_size": 0}, BadInput, "batch_size is a whole number from 1 .* got 0"),
        ({"batch_size": -3}, BadInput, "batch_size is a whole number from 1 .* got -3"),
        ({"batch_size": 2.0}, BadInput, "batch_size is a whole number from 1 .* got 2.0"),
        ({"batch_size": True}, BadInput, "batch_size is a whole number .* got True"),
        ({"seed": -1}, BadInput, "seed is a whole number from 0 .* got -1"),
        ({"seed": None}, BadInput, "seed is a whole number from 0 .* got None"),
        ({"dtype": int}, TypeMismatch, "dtype is float16, float32 or float64; got int64"),
        ({"batch_size": 6, "drop_last": True}, BadInput, "5 rows make no full batch of 6; write"),
        ({"data": (np.ones(3), np.ones(4))}, TypeMismatch, r"equally many; got lengths \[3, 4\]"),
        ({"data": (np.ones((0, 2)), np.ones(0))}, BadInput, "the data set is empty"),
        ({"data": []}, BadInput, "the data set is empty"),
        ({"data": ()}, BadInput, r"tuple of arrays is empty; write DataLoader\(\(x, y\)\)"),
        (
            {"data": np.ones((3, 2))},
            TypeMismatch,
            r"no targets beside it; write DataLoader\(\(x, y",
        ),
        ({"data": (np.ones(()),)}, TypeMismatch, r"one row per sample; got float64\[\]"),
        ({"data": (["a", "b"],)}, TypeMismatch, r"arrays hold numbers, .* got <U1\[2\]"),
        ({"data": ([[1.0], [1.0, 2.0]],)}, TypeMismatch, "list is not an array"),
        ({"data": ((1, 2), (3, 4))}, TypeMismatch, "a tuple holds arrays; got tuple in it"),
        ({"data": (1, 2)}, TypeMismatch, "a tuple holds arrays; got int in it"),
        ({"data": {"x": 1}}, TypeMismatch, "data are a Dataset, .* got dict"),
        ({"data": iter([])}, TypeMismatch, "data are a Dataset, .* got list_iterator"),
        ({"data": None}, TypeMismatch, "data are a Dataset, .* got NoneType"),
        ({"data": "text"}, TypeMismatch, "data are a Dataset, .* got str"),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^DataLoader: .*{sentence}"):
        given: dict[str, Any] = {"data": arrays(5), **arguments}
        DataLoader(**given)


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (
            [np.ones(2), np.ones(2)],
            r"sample 0 is a tuple \(x, y\); got ndarray; write DataLoader\(",
        ),
        ([(1.0, 2), (1.0,)], r"tuples of one length; got \[1, 2\]"),
        ([(np.ones(2), 0), (np.ones(3), 1)], r"sample 0 has \(2,\), sample 1 has \(3,\)"),
        ([("a", 0), ("b", 1)], "samples hold numbers; got <U1"),
        ([(), ()], r"sample 0 is a tuple \(x, y\)"),
    ],
)
def test_samples_that_do_not_stack(samples: Any, sentence: str) -> None:
    with pytest.raises(TypeMismatch, match=f"^DataLoader: .*{sentence}"):
        next(iter(DataLoader(samples, shuffle=False)))
