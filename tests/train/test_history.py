"""Tables and histories, confusion, early stopping."""

import numpy as np
import pytest

from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.train import Confusion, EarlyStopping, History, Table


def test_a_table_keeps_rows_by_column() -> None:
    table = Table()
    table.append({"epoch": 1, "loss": 0.5})
    table.append({"loss": 0.25, "epoch": 2})
    assert list(table) == [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": 0.25}]
    assert table["loss"].dtype == np.float64
    assert table.tail("loss", 1).tolist() == [0.25]
    assert table.tail("loss", 0).tolist() == []


def test_a_row_has_the_columns_of_the_first() -> None:
    table = Table({"loss": [0.5]})
    with pytest.raises(BadInput, match="columns loss; got loss, lr"):
        table.append({"loss": 1.0, "lr": 0.1})
    with pytest.raises(BadInput, match="no column 'los'; there are loss"):
        table["los"]
    with pytest.raises(BadInput, match="different lengths"):
        Table({"a": [1], "b": [1, 2]})
    with pytest.raises(BadInput, match="no last row"):
        Table().last()


def test_a_long_table_is_elided_in_the_middle() -> None:
    text = repr(Table({"step": range(1000)}))
    assert len(text.splitlines()) == 22
    assert text.splitlines()[11].strip() == "..."
    assert text.splitlines()[-1].strip() == "999"


def test_histories_are_equal_but_for_the_seconds() -> None:
    def history(loss: float, seconds: float) -> History:
        found = History()
        found.steps.append({"step": 1, "loss": loss})
        found.epochs.append({"epoch": 1, "loss": loss, "seconds": seconds})
        return found

    assert history(0.5, 1.0) == history(0.5, 2.0)
    assert history(float("nan"), 1.0) == history(float("nan"), 2.0)
    assert history(0.5, 1.0) != history(np.nextafter(0.5, 1), 1.0)
    assert history(0.5, 1.0) != "history"


def test_confusion_of_three_classes() -> None:
    confusion = Confusion(np.array([[5, 1, 0], [0, 4, 2], [0, 0, 0]]), ("a", "b", "c"))
    assert confusion.accuracy == 0.75
    np.testing.assert_array_equal(confusion.recall, [5 / 6, 4 / 6, np.nan])
    assert confusion.mistakes() == [("b", "c", 2), ("a", "b", 1)]
    assert repr(confusion).splitlines()[2].split() == ["b", "0", "4", "2", "0.667"]


def test_confusion_is_square() -> None:
    with pytest.raises(TypeMismatch, match="shape"):
        Confusion(np.zeros((2, 3), int))
    with pytest.raises(TypeMismatch, match="3 names"):
        Confusion(np.zeros((2, 2), int), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("values", "better", "best", "done"),
    [
        ([], "low", -1, False),
        ([1.0], "low", 0, False),
        ([1.0, 0.9, 0.95, 0.9], "low", 1, True),
        ([0.5, 0.6, 0.55], "high", 1, False),
        ([np.nan, 1.0, np.nan], "low", 1, False),
        ([np.nan, np.nan], "low", -1, True),
        ([1.0, 0.999], "low", 1, False),
    ],
)
def test_early_stopping_reads_the_history(
    values: list[float], better: str, best: int, done: bool
) -> None:
    stopping = EarlyStopping(patience=2)
    assert stopping.best(np.array(values), better) == best
    assert stopping.done(np.array(values), better) is done


def test_small_gains_do_not_count() -> None:
    values = np.array([1.0, 0.95, 0.89])
    assert EarlyStopping(min_delta=0.1).best(values) == 2
    assert EarlyStopping(min_delta=0.2).best(values) == 0


@pytest.mark.parametrize("options", [{"patience": 0}, {"patience": 1.5}, {"min_delta": -1.0}])
def test_early_stopping_refuses(options: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="EarlyStopping"):
        EarlyStopping(**options)  # type: ignore[arg-type]
