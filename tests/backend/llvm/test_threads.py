"""How many threads: from the environment, from a call, from the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wingbeat.backend import base
from wingbeat.backend.llvm import threads
from wingbeat.errors import BadInput


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The number is not known yet, and nobody listens."""
    monkeypatch.setattr(threads, "_number", None)
    monkeypatch.setattr(threads, "_listeners", [])
    monkeypatch.delenv("WINGBEAT_NUM_THREADS", raising=False)
    yield


def test_by_default_all_processors_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads.get_num_threads() == threads.available()
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7})
        assert threads.available() <= 3


def test_a_containers_share_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    for text, number in (
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("max 100000", 8),
        ("", 8),
        ("1600000 100000", 8),
    ):
        (tmp_path / "cpu.max").write_text(text)
        assert threads.available() == number


def test_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINGBEAT_NUM_THREADS", "3")
    assert base.get_num_threads() == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1025", " "])
def test_a_bad_number_in_the_environment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINGBEAT_NUM_THREADS", text)
    with pytest.raises(BadInput, match=r"WINGBEAT_NUM_THREADS.*use one of 1 \.\.\. 1024"):
        base.get_num_threads()


def test_a_call_says_how_many() -> None:
    heard: list[int] = []
    threads.listen(heard.append)
    base.set_num_threads(5)
    assert base.get_num_threads() == 5
    assert heard == [threads.available(), 5]


@pytest.mark.parametrize("number", [0, -3, 1025, 1.5, "2", None])
def test_a_bad_number_in_a_call(number: object) -> None:
    with pytest.raises(BadInput, match=r"set_num_threads: .* threads cannot be used"):
        base.set_num_threads(number)  # type: ignore[arg-type]
    assert base.get_num_threads() == threads.available()
