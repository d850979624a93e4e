"""Damaged and unfitting CSV files: one sentence each, and never a silently shorter table."""

import csv as stdlib_csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wingbeat.data import Dataset, csv
from wingbeat.errors import BadData, BadInput, TypeMismatch

Reader = Callable[[Path], tuple[Dataset, Dataset]]
GOOD = (
    'size,colour,note,y\n1.5,red,"a, b",0\n2,blue,c,1\n,red,"d ""e""",0\n-4e3,blue,,1\n5,red,f,0\n'
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One path, written again and again."""
    return tmp_path_factory.mktemp("csv") / "table.csv"


# The law: BadInput, or every record that has a target is in one of the parts, and all is finite


def records(data: bytes) -> int | None:
    """How many records have a target, counted independently; None where they are no table."""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    lines = io.StringIO(text, newline="")
    table = list(stdlib_csv.reader(lines, skipinitialspace=True, strict=True))
    head, *body = [row for row in table if len(row) > 1 or "".join(row).strip()]
    if any(len(row) != len(head) for row in body):
        return None
    at = [name.strip() for name in head].index("y")
    gaps = {"", "na", "n/a", "nan", "-nan", "+nan", "null", "?"}
    return sum(row[at].strip().lower() not in gaps for row in body)


def read_y(path: Path) -> tuple[Dataset, Dataset]:
    return csv(path, "y", delimiter=",", header=True)


def insist_on_law(data: bytes, file: Path, read: Reader = read_y) -> bool:
    """Whether the file was read; AssertionError where the law is broken."""
    file.write_bytes(data)
    try:
        train, test = read(file)
    except BadInput as error:
        assert str(error).startswith("csv: ")
        assert "\n" not in str(error).replace(str(file), "")
        return False
    assert len(train) + len(test) == records(data), "rows were lost"
    for part in (train, test):
        assert np.isfinite(part.x).all()
        assert np.isfinite(part.y).all()
    return True


def test_cut_anywhere(file: Path) -> None:
    """What remains is a table or it is not: about 90 files."""
    data = GOOD.encode()
    read = [insist_on_law(data[:size], file) for size in range(len(data) + 1)]
    assert read[-1]
    assert not any(read[: len("size,colour,note,y\n1.5,red,")])


def test_every_flipped_bit(file: Path) -> None:
    """About 700 files, some of them valid."""
    data = GOOD.encode()
    read = 0
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        read += insist_on_law(bytes(damaged), file)
    assert 0 < read < 8 * len(data)


def test_every_missing_byte(file: Path) -> None:
    data = GOOD.encode()
    read = [insist_on_law(data[:i] + data[i + 1 :], file) for i in range(len(data))]
    assert 0 < sum(read) < len(data)


@settings(max_examples=200)
@given(junk=st.binary(min_size=1, max_size=20), start=st.integers(0, len(GOOD)), over=st.booleans())
def test_junk(file: Path, junk: bytes, start: int, over: bool) -> None:
    data = GOOD.encode()
    insist_on_law(data[:start] + junk + data[start + len(junk) * over :], file)


@settings(max_examples=200)
@given(
    head=st.sampled_from([b"", b"y,a\n", b"\xef\xbb\xbfy,a\n", b"\xff\xfe", b"PK"]),
    tail=st.binary(),
)
def test_random_bytes(file: Path, head: bytes, tail: bytes) -> None:
    insist_on_law(head + tail, file)


@settings(max_examples=300)
@given(text=st.text(st.sampled_from('ay01.e-,;"\t \n\r'), max_size=40))
def test_random_tables(file: Path, text: str) -> None:
    """With the delimiter and the header guessed, nothing but BadInput comes of it either."""
    for read in (read_y, lambda path: csv(path, "y"), lambda path: csv(path, "c0")):
        file.write_text("y,a\n" + text, encoding="utf-8", newline="")
        try:
            parts = read(file)
        except BadInput:
            continue
        assert all(np.isfinite(part.x).all() and len(part) for part in parts)


def test_law_notices_a_reader_that_skips_bad_rows(file: Path) -> None:
    def skipping(path: Path) -> tuple[Dataset, Dataset]:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:3] + lines[4:]), encoding="utf-8")
        return read_y(path)

    with pytest.raises(AssertionError, match="rows were lost"):
        insist_on_law(GOOD.encode(), file, skipping)


# Each defect has its sentence

MANY = "".join(f"t{i},{i % 2}\n" for i in range(65))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("\n  \n\n", "holds no rows"),
        ("a,y\n", "has a header and no rows below it"),
        ("a,y", "has a header and no rows below it"),
        (
            "a,y\n1,0\n2\n",
            "line 3 has another number of cells than .* columns: 1, not 2 \\(a, y\\)",
        ),
        ("a,y\n1,0\n\n2,1,\n", "line 4 has another number .*: 3, not 2"),
        ('a,y\n"1\n2",0\n2\n', "line 4 has another number .*: 1, not 2"),
        ("a,a,b,b,y\n1,2,3,4,5\n", "several columns called a, b; rename them"),
        ('a,y\n1,0\n"2,1\n3,0\n', "is damaged after line 2: unexpected end of data"),
        ('a,y\n1,0\n"2"x,1\n', "is damaged after line 2: ',' expected after '\"'"),
        ("a,y\n1,0\n2," + "1" * 200_000, "after line 2: field larger than field limit"),
        ('"' + "a" * 200_000 + '",y\n1,0\n', "in the first row: field larger than field limit"),
        ("a,y\n1,0\n\0,1\n", "is not text but binary data"),
        ("a,y\n1,0\ninf,1\n", "column 'a' holds 'inf' on line 3, which no finite float64 is"),
        ("a,y\n1,0\n\n-1e999,1\n", "column 'a' holds '-1e999' on line 4"),
        ("a,y\n1,0.5\n2,Infinity\n", "column 'y' holds 'Infinity' on line 3"),
        (
            "a,z\n1,0\n",
            r"has no column 'y', only a, z; .* values, write header=False and call columns c0, ",
        ),
        ("1,0\n2,1\n", r"has no column 'y', only c0, c1; the first row was taken for values$"),
        ("yellow,Y\n1,0\n", r"has no column 'y', only yellow, Y; did you mean 'Y'\?"),
        ("a,yy\n1,0\n", "has no column 'y', only a, yy; did you mean 'yy'?"),
        (
            "a,y\n1,3\n2,3.0\n",
            r"target column 'y' holds '3' in all rows \(2\); there is nothing to learn",
        ),
        ("a,y\n1,u\n2,u\n", r"target column 'y' holds 'u' in all rows \(2\)"),
        ("a,y\n1,3\n", r"target column 'y' holds '3' in all rows \(1\)"),
        ("a,y\n1,\n2,?\n", "target column 'y' of .* holds no value at all"),
        ("y\n1\n2\n3\n", "has no column left to learn from"),
        ("a,y\n,1\n,2\nNA,3\n", "has no column left to learn from"),
        ("a,y\n" + MANY, r"column 'a' holds 65 different texts, more than 64, .* 't0' on line 2; "),
        ("a,y\n" + MANY, r"write drop=\['a'\] to leave it out"),
        ("y,a\n" + MANY, "target column 'y' holds 65 different values, .* text because of 't0'"),
        ('a,y\n"1,5",0\n2,1\n', "column 'a' holds '1,5'; write decimal=',' if that is a number"),
        ('a,y\n"1,234",0\n2,1\n', "remove separators of thousands"),
    ],
    ids=range(31),
)
def test_sentence(file: Path, text: str, sentence: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(BadData, match=f"^csv: .*({sentence})"):
        csv(file, "y")


def test_names_that_were_taken_for_values(file: Path) -> None:
    file.write_text("a,y\n1,0\n2,1\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"values; if it holds names, write header=True$"):
        csv(file, "y", header=False)


def test_values_that_no_dtype_holds(file: Path) -> None:
    """A test row may lie any number of standard deviations away."""
    file.write_text("a,y\n" + "0,0\n1,1\n" * 4 + "1e300,0\n", encoding="utf-8")
    refused = 0
    for seed in range(20):
        try:
            csv(file, "y", seed=seed)
        except BadData as error:
            refused += 1
            assert "column 'a' spans more than float32 holds, from 0 to 1e+300" in str(error)
    assert 0 < refused < 20
    file.write_text("a,y\n1,0.5\n2,1e39\n3,2\n", encoding="utf-8")
    with pytest.raises(
        BadData, match=r"holds 1e\+39, too large for float32; write dtype='float64'$"
    ):
        csv(file, "y")
    assert csv(file, "y", dtype=np.float64)[0].y.max() > 0


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"target": 1}, BadInput, "target is the name of a column; got 1"),
        ({"target": ["y"]}, BadInput, "target is the name of a column"),
        ({"drop": "a"}, BadInput, r"drop is a list of names, as \['id'\] is; got 'a'"),
        ({"drop": [1]}, BadInput, "drop is a list of names"),
        ({"drop": ["y"]}, BadInput, "'y' is the target and cannot be dropped"),
        ({"drop": ["sise"]}, BadData, "has no column 'sise', .*; did you mean 'size'?"),
        ({"task": "guess"}, BadInput, "task is one of 'auto', .*; got 'guess'"),
        ({"decimal": ";"}, BadInput, r"decimal is one of '\.', ','; got ';'"),
        ({"header": "yes"}, BadInput, "header is one of None, True, False; got 'yes'"),
        ({"delimiter": ", "}, BadInput, "delimiter is one character, as ';' is; got ', '"),
        ({"delimiter": '"'}, BadInput, "delimiter is one character"),
        ({"delimiter": 5}, BadInput, "delimiter is one character"),
        ({"encoding": "klingon"}, BadInput, "'klingon' is no text encoding"),
        ({"encoding": "hex"}, BadInput, "'hex' is no text encoding"),
        ({"encoding": None}, BadInput, "None is no text encoding"),
        ({"encoding": "a\0b"}, BadInput, "is no text encoding"),
        ({"test_fraction": 1.0}, BadInput, "test_fraction lies between 0 and 1"),
        ({"seed": -1}, BadInput, "seed is a whole number"),
        ({"dtype": int}, TypeMismatch, "dtype is float16, float32 or float64; got int64"),
        ({"target": "colour", "task": "regression"}, BadData, "'red' on line 2, which is no num"),
        ({"path": None}, BadInput, "None is not a path"),
        ({"path": "nowhere/x.csv"}, BadData, "there is no file nowhere"),
        ({"path": "."}, BadData, r"\. is a folder; give the path of a file"),
        ({"path": "a\0b"}, BadData, "cannot read"),
    ],
)
def test_refused(
    file: Path, options: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(error, match=f"^csv: .*{sentence}"):
        arguments: dict[str, Any] = {"path": file, "target": "y", **options}
        csv(**arguments)


def test_too_many_classes_of_numbers(file: Path) -> None:
    file.write_text("a,y\n" + "".join(f"{i},{i}\n" for i in range(65)), encoding="utf-8")
    with pytest.raises(
        BadData, match=r"65 different values, .*; for numbers write task='regression'"
    ):
        csv(file, "y", task="classification")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            "a,y\n1,é\n".encode("cp1252"),
            r"not utf-8 text \(byte e9 on line 2\); .*encoding='cp1252'",
        ),
        (b"\x1f\x8b\x08\0\0\0", r"not utf-8 text \(byte 8b on line 1\); it is binary data"),
        (b"\x89PNG\r\n\x1a\n\0\0", "it is binary data"),
        ("a,y\n1,2\n".encode("utf-16-le"), "is not text but binary data"),
        (b"\xff\xfea", r"not utf-16 text \(byte 61 on line 1\)"),
    ],
)
def test_not_text(file: Path, data: bytes, sentence: str) -> None:
    file.write_bytes(data)
    with pytest.raises(BadData, match=f"^csv: .*{sentence}"):
        csv(file, "y")


def test_deleted_and_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system would refuse it to anybody but root, who may run the tests."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "iris.csv"
    with pytest.raises(BadData, match=r"there is no file .*iris\.csv$"):
        csv(path, "y")
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(BadData, match=r"there is no file .*; did you mean iris\.csv"):
        csv(tmp_path / "iris.cvs", "y")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadData, match=r"cannot read .*: Permission denied"):
        csv(path, "y")
