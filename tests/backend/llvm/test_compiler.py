"""Text to code in memory: what is wrong is said in our words, and code lives as it should."""

from __future__ import annotations

import ctypes
import gc
import os

import pytest

from wingbeat.backend.base import NotCompiled
from wingbeat.backend.llvm import exclusive, target
from wingbeat.backend.llvm.compiler import Loaded, assemble, obtain
from wingbeat.backend.llvm.disk import Binary

TWICE = "define i64 @f(i64 %x) { %y = add i64 %x, %x\n ret i64 %y }"
CALLER = """
declare i64 @elsewhere(i64)
define i64 @f(i64 %x) { %y = call i64 @elsewhere(i64 %x)\n ret i64 %y }
"""


def code(text: str) -> bytes:
    return assemble(text, target.host())


def call(loaded: Loaded, x: int) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(loaded["f"])(x)


def test_code_runs() -> None:
    assert call(Loaded(code(TWICE), ["f"], {}), 21) == 42


def test_functions_of_others_are_called_where_they_are() -> None:
    twice = Loaded(code(TWICE), ["f"], {})
    caller = Loaded(code(CALLER), ["f"], {"elsewhere": twice["f"]})
    assert call(caller, 4) == 8


def test_many_programs_come_and_go() -> None:
    text = code(TWICE)
    kept = [Loaded(text, ["f"], {}) for _ in range(50)]
    del kept[::2]
    gc.collect()
    kept += [Loaded(text, ["f"], {}) for _ in range(50)]
    assert [call(each, k) for k, each in enumerate(kept)] == [2 * k for k in range(75)]


@pytest.mark.parametrize("text", ["nonsense", "define i64 @f() { ret i32 0 }", TWICE + TWICE])
def test_wrong_text_is_told_without_the_words_of_llvm(text: str) -> None:
    with pytest.raises(NotCompiled) as failure:
        code(text)
    assert str(failure.value) == "the code generator: was given code that is not valid"


def test_what_cannot_be_linked_is_told_without_the_words_of_llvm(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(NotCompiled) as failure:
        Loaded(code(CALLER), ["f"], {})
    assert str(failure.value) == "the linker: cannot load native code here"
    assert capfd.readouterr() == ("", "")


def test_code_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("WINGBEAT_CACHE", str(tmp_path))
    made: list[str] = []

    def make() -> Binary:
        made.append("once")
        return Binary(code(TWICE), {"n": 1})

    assert obtain("k", make) == obtain("k", make)
    assert made == ["once"]
    obtain(None, make)
    obtain(None, make)
    assert len(made) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_may_compile() -> None:
    """Also when another thread of the parent is compiling as it is born: `exclusive` is free."""
    call(Loaded(code(TWICE), ["f"], {}), 1)
    if (child := os.fork()) == 0:
        held = exclusive.acquire(timeout=5)
        os._exit(0 if held and call(Loaded(code(TWICE), ["f"], {}), 3) == 6 else 1)
    assert os.waitpid(child, 0)[1] == 0
