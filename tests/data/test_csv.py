"""`csv`: what a table says becomes features and targets, and what was done to it is told."""

import csv as stdlib_csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingbeat.data import Dataset, csv

FRUIT = """weight,colour,kind
150,red,apple
120,yellow,banana
170,green,apple
130,yellow,banana
160,red,apple
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One path, written again and again."""
    return tmp_path_factory.mktemp("csv") / "table.csv"


def load(file: Path, text: str, target: str, **options: Any) -> tuple[Dataset, Dataset]:
    file.write_text(text, encoding="utf-8", newline="")
    return csv(file, target, **options)


def rows(parts: tuple[Dataset, Dataset]) -> list[tuple[float, ...]]:
    """All rows in raw units, with their target, sorted: what does not depend on the split."""
    table = [np.column_stack([part.unstandardise(part.x), part.y]) for part in parts]
    return sorted(map(tuple, np.round(np.concatenate(table), 9).tolist()))


# What a table becomes


def test_literal(file: Path) -> None:
    parts = load(file, FRUIT, "kind", dtype=np.float64)
    assert parts[0].features == ("weight", "colour=green", "colour=red", "colour=yellow")
    assert parts[0].classes == ("apple", "banana")
    assert rows(parts) == [
        (120.0, 0.0, 0.0, 1.0, 1.0),
        (130.0, 0.0, 0.0, 1.0, 1.0),
        (150.0, 0.0, 1.0, 0.0, 0.0),
        (160.0, 0.0, 1.0, 0.0, 0.0),
        (170.0, 1.0, 0.0, 0.0, 0.0),
    ]
    assert [part.name for part in parts] == ["table train", "table test"]


def test_standard_units_come_from_the_training_part_alone(file: Path) -> None:
    """Whatever the test rows say, the training part stays as it is."""
    lines = [f"{i * i},{i % 3 or ''}" for i in range(20)]
    train, test = load(file, "\n".join(["a,b", *lines]), "a", task="regression", dtype="float64")
    np.testing.assert_allclose(train.x.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(train.x.std(axis=0), 1.0, rtol=1e-15)
    assert "values missing" in train.describe()
    tested = [round(float(y) ** 0.5) for y in test.y[:, 0]]
    for i in tested:
        lines[i] = f"{i * i},1000"
    again, changed = load(file, "\n".join(["a,b", *lines]), "a", task="regression", dtype="float64")
    np.testing.assert_array_equal(again.x, train.x)
    np.testing.assert_array_equal(np.array(again.means), np.array(train.means))
    np.testing.assert_allclose(changed.unstandardise(changed.x), 1000.0)


def test_statistics_by_hand(file: Path) -> None:
    """Means 3 and 1, deviations 2 and 0: a constant column is 0, in units of 1."""
    text = "a,b,y\n" + "1,1,0\n5,1,1\n" * 4 + "?,1,\n"
    train, _ = load(file, text, "y", test_fraction=0.25)
    np.testing.assert_array_equal(np.array(train.means), [3.0, 1.0])
    np.testing.assert_array_equal(np.array(train.scales), [2.0, 1.0])
    assert set(map(tuple, train.x.tolist())) == {(-1.0, 0.0), (1.0, 0.0)}
    assert "column 'b' is constant in the training part" in train.describe()
    assert "1 of 9 rows left out: no 'y'" in train.describe()


@pytest.mark.parametrize("gap", ["", "NA", "n/a", "NaN", "-nan", "null", "?", "  "])
def test_gaps(file: Path, gap: str) -> None:
    """The training mean in a column of numbers, a category of its own in a column of texts."""
    text = "a,b,y\n" + f"1,u,0\n3,{gap},1\n{gap},v,0\n" * 6
    train, test = load(file, text, "y", dtype=np.float64)
    assert train.features == ("a", "b=u", "b=v", "b=?")
    for part in (train, test):
        unknown = part.x[:, 2] == 1
        np.testing.assert_allclose(part.x[unknown, 0], 0.0, atol=1e-15)
        assert part.x[:, 1:].sum(axis=1).tolist() == [1.0] * len(part)
    assert "column 'a': 6 of 18 values missing, the training mean" in train.describe()
    assert "column 'b': 6 of 18 values missing, a category of their own, 'b=?'" in train.describe()


def test_column_without_values_is_left_out(file: Path) -> None:
    train, _ = load(file, "a,,y\n1,,0\n2,,1\n3,,0\n4,,1\n", "y")
    assert train.features == ("a",)
    assert "column 'c1' left out: it holds no value in the training part" in train.describe()


def test_text_among_numbers_of_the_target_is_told(file: Path) -> None:
    said = "target column 'y' was taken for classes, not numbers, because of 'abc' on line 4"
    odd, pure = "a,y\n1,0.5\n2,1.5\n3,abc\n4,0.5\n", "a,y\n1,u\n2,v\n3,abc\n4,u\n"
    assert said in load(file, odd, "y")[0].notes
    assert load(file, odd, "y", task="classification")[0].notes == ()
    assert load(file, pure, "y")[0].notes == ()


def test_text_among_numbers_is_told(file: Path) -> None:
    train, _ = load(file, "a,y\n1,0\n2,1\nthree,0\n4,1\n", "y")
    assert train.features == ("a=1", "a=2", "a=4", "a=three")
    assert "column 'a' is text because of 'three' on line 4" in train.describe()


# Targets


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        (["no", "yes"] * 5, "auto", ("no", "yes")),
        (["2", "10"] * 5, "auto", ("2", "10")),
        (["1.0", "0"] * 5, "auto", ("0", "1")),
        (["-1", "+1"], "auto", ("-1", "1")),
        (["7", "8", "9", "9", "8", "7"], "auto", ("7", "8", "9")),
        ([str(i) for i in range(10)], "auto", None),
        ([str(i // 2) for i in range(60)], "auto", None),
        ([str(i // 3) for i in range(60)], "auto", tuple(map(str, range(20)))),
        (["0.5", "1", "1"] * 4, "auto", None),
        (["0.5", "1", "1"] * 4, "classification", ("0.5", "1")),
        (["2", "10"] * 5, "regression", None),
    ],
)
def test_task(file: Path, column: list[str], task: str, classes: Any) -> None:
    text = "\n".join(["x,y", *(f"{i},{cell}" for i, cell in enumerate(column))])
    train, test = load(file, text, "y", task=task, test_fraction=0.5, dtype=np.float64)
    assert train.classes == test.classes == classes
    shape = (len(train),) if classes else (len(train), 1)
    assert (train.y.shape, train.y.dtype) == (shape, np.int64 if classes else np.float64)
    names = [[classes[y] for y in part.y] if classes else part.y[:, 0] for part in (train, test)]
    found = [float(y) if y[0] in "-.0123456789" else y for y in map(str, [*names[0], *names[1]])]
    assert sorted(found) == sorted(float(c) if isinstance(found[0], float) else c for c in column)


# How it is written


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters(file: Path, delimiter: str, end: str) -> None:
    text = FRUIT.replace(",", delimiter).replace("\n", end)
    assert rows(load(file, text, "kind")) == rows(load(file, FRUIT, "kind"))
    given = load(file, text, "kind", delimiter=delimiter)
    assert rows(given) == rows(load(file, FRUIT, "kind"))


def test_delimiter_that_others_hide(file: Path) -> None:
    """Commas in every cell, but semicolons between the cells."""
    train, _ = load(file, '1,5;"a;b";0\n2,5;"c,d";1\n3,5;e;0\n', "c2", decimal=",", header=False)
    assert train.features == ("c0", "c1=a;b", "c1=c,d", "c1=e")
    assert train.means is not None
    assert 1.5 <= train.means[0] <= 3.5


def test_rarer_character_delimits(file: Path) -> None:
    """Either character would cut every row into two cells."""
    train, _ = load(file, "1,5;0\n2,5;1\n3,5;0\n", "c1", decimal=",")
    assert (train.features, train.classes) == (("c0",), ("0", "1"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(file: Path, encoding: str) -> None:
    file.write_bytes("größe,ÿ\n1,é\n2,ü\n3,é\n".encode(encoding))
    marked = encoding in ("utf-8", "utf-8-sig", "utf-16")
    train, _ = csv(file, "ÿ") if marked else csv(file, "ÿ", encoding=encoding)
    assert (train.features, train.classes) == (("größe",), ("é", "ü"))


def test_quotes_blank_lines_and_spaces(file: Path) -> None:
    text = 'a, "b, or\nnot" ,y\n\n 1, "x ""y""", 0 \n\n2,z,1\n   \n3,z,0\n'.replace('" ,', '",')
    train, _ = load(file, text, "y")
    assert train.features == ("a", 'b, or\nnot=x "y"', "b, or\nnot=z")


@pytest.mark.parametrize(
    ("first", "header", "target", "features"),
    [
        ("a,b", None, "b", ("a",)),
        ("2019,b", None, "b", ("2019",)),
        ("2019,2020", None, "2020", ("2019",)),
        ("0,1", None, "c1", ("c0",)),
        ("0,", None, "c1", ("c0",)),
        ("0,b", True, "b", ("0",)),
        ("0,1", False, "c1", ("c0",)),
        (",b", True, "b", ("c0",)),
    ],
)
def test_header(file: Path, first: str, header: Any, target: str, features: Any) -> None:
    text = f"{first}\n1,0\n2,1\n3,0\n4,1\n"
    train, test = load(file, text, target, header=header, test_fraction=0.5)
    assert train.features == features
    named = features != ("c0",) or first == ",b"
    assert ("no header: columns are called c0, c1" in train.describe()) is not named
    assert len(train) + len(test) == 4 + (first == "0,1")


def test_underscores_are_python_not_numbers(file: Path) -> None:
    train, _ = load(file, "a,y\n1_000,0\n2,1\n,0\n", "y", test_fraction=0.1)
    assert set(train.features) == {"a=1_000", "a=2", "a=?"}
    train, _ = load(file, "a,y\n1_000,0\n2,1\n", "y")
    assert train.features == ("a=1_000", "a=2")


def test_classes_keep_their_shares(file: Path) -> None:
    text = "x,y\n" + "".join(f"{i},{'rare' if i % 10 == 0 else 'common'}\n" for i in range(50))
    for seed in range(5):
        train, test = load(file, text, "y", seed=seed)
        assert (np.bincount(train.y).tolist(), np.bincount(test.y).tolist()) == ([36, 4], [9, 1])


def test_drop(file: Path) -> None:
    train, _ = load(file, FRUIT, "kind", drop=["colour"])
    assert train.features == ("weight",)


def test_split_is_a_function_of_its_seed(file: Path) -> None:
    text = "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40))
    one, same, other = (load(file, text, "y", seed=seed)[1].x.tolist() for seed in (1, 1, 2))
    assert one == same != other


# Whatever is written comes back

NUMBER = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)
LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
WORD = st.text(LETTERS | st.sampled_from(' ,;|\t"\n'), min_size=1, max_size=5)


def is_category(word: str) -> bool:
    """A text that stays one: not a number, not a gap, nothing to strip."""
    try:
        float(word.replace(",", "."))
    except ValueError:
        gap = word.lower() in {"na", "n/a", "nan", "null", "?"}
        return word.strip() == word != "" and "\r" not in word and not gap
    return False


@given(
    table=st.lists(
        st.tuples(NUMBER, WORD.filter(is_category), st.sampled_from(["no", "yes"])),
        min_size=2,
        max_size=20,
    ).filter(lambda table: len({row[2] for row in table}) == 2),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([stdlib_csv.QUOTE_ALL, stdlib_csv.QUOTE_MINIMAL]),
    seed=st.integers(0, 9),
)
def test_round_trip(file: Path, table: Any, delimiter: str, quoting: Any, seed: int) -> None:
    """Numbers to rounding, texts and targets exactly, each row once."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = stdlib_csv.writer(stream, delimiter=delimiter, quoting=quoting)
        writer.writerow(["number", "word", "target"])
        writer.writerows((repr(number), word, target) for number, word, target in table)
    parts = csv(file, "target", delimiter=delimiter, seed=seed, dtype=np.float64, header=True)
    found = [row for part in parts for row in zip(*columns(part), strict=True)]
    assert sorted(row[1:] for row in found) == sorted(row[1:] for row in table)
    numbers = np.array([sorted(row[0] for row in found), sorted(row[0] for row in table)])
    largest = np.abs(numbers[1]).max()
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=0, atol=1e-12 * largest)


def columns(part: Dataset) -> tuple[Any, ...]:
    words = [name.removeprefix("word=") for name in part.features[1:]]
    assert part.classes is not None
    numbers = part.unstandardise(part.x)[:, 0].tolist()
    return numbers, [words[k] for k in part.x[:, 1:].argmax(1)], [part.classes[k] for k in part.y]


def test_wide_ranges_do_not_overflow(file: Path) -> None:
    """Squares of 1e308 and of 1e-308 are no float64; standard units are."""
    text = "a,b,y\n1e308,1e-308,0\n-1e307,3e-308,1\n" + "1e307,2e-308,0\n9e307,1e-308,1\n" * 4
    for part in load(file, text, "y"):
        assert np.isfinite(part.x).all()
        assert 0.1 < np.abs(part.x).max() < 10
