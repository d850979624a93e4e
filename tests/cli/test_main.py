"""The frame of the command line: help, version, unknown words, interrupts, pipes."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import wingbeat as wb
from wingbeat import cli
from wingbeat.cli import main
from wingbeat.cli._interrupt import ends_at_once
from wingbeat.errors import BadInput, TypeMismatch

ROOT = Path(__file__).parents[2]
Captured = pytest.CaptureFixture[str]


def command(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """`wingbeat explain` replaced by a function."""
    module = ModuleType("wingbeat.cli.explain")
    vars(module).update(add_arguments=lambda parser: None, run=run)
    monkeypatch.setitem(sys.modules, "wingbeat.cli.explain", module)


def raising(error: BaseException) -> Any:
    def run(args: Any) -> int:
        raise error

    return run


def test_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"wingbeat {wb.__version__}\n"


def test_help_names_every_command(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in cli.COMMANDS)
    assert main(["explain", "--help"]) == 0
    assert "--keep-slope" in capsys.readouterr().out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: Captured) -> None:
    assert main([name, "--help"]) == 0
    assert f"wingbeat {name}" in capsys.readouterr().out


def test_help_is_fast() -> None:
    code = "import sys; from wingbeat.cli import main; main(['--help']); print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    loaded = set(run.stdout.split())
    assert not loaded & {"rich", "numpy", "wingbeat.cli.explain", "wingbeat.cli.train"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which command?"),
        (["fly"], "there is no command 'fly'; the commands are explain, minimize, picture, train"),
        (["--fly"], "there is no command '--fly'"),
        (["--version", "fly"], "there is no command 'fly'"),
        (["fly", "--high"], "'--high'"),
        (["explain"], "required: expression"),
    ],
)
def test_unknown_words(words: list[str], said: str, capsys: Captured) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.startswith("wingbeat")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BadInput("a.csv: no rows"), 2, "wingbeat: a.csv: no rows\n"),
        (TypeMismatch("add: no\n  x.py:3   a + b"), 2, "wingbeat: add: no\n"),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), 2,
         "wingbeat: a.csv: No such file or directory\n"),
        (OSError("odd"), 2, "wingbeat: odd\n"),
        (KeyboardInterrupt(), 130, "wingbeat: interrupted\n"),
    ],
)  # fmt: skip
def test_errors_end_in_a_sentence(
    error: BaseException, status: int, said: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(monkeypatch, raising(error))
    assert main(["explain"]) == status
    assert capsys.readouterr().err == said


def test_mistakes_of_the_program_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["explain"])


def test_status_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, lambda args: 1)
    assert main(["explain"]) == 1


# Ctrl-C


INTERRUPTED_AT = """
import os, runpy, signal, sys
from importlib.abc import MetaPathFinder

class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
            {then}

sys.meta_path.insert(0, Finder())
sys.argv = ["wingbeat", *{words!r}]
{start}
"""
SCRIPT = "from wingbeat.cli import main; sys.exit(main())"
MODULE = "runpy.run_module('wingbeat.cli', run_name='__main__')"
HIDDEN = "raise ImportError('numpy is broken')"  # what packages make of an interrupt
EXPLAIN, TRAIN = ["explain", "z=x*x", "x=3"], ["train", "digits"]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("start", [SCRIPT, MODULE], ids=["script", "module"])
@pytest.mark.parametrize(
    ("name", "words", "then"),
    [
        ("wingbeat.cli._words", EXPLAIN, "pass"),
        ("argparse", EXPLAIN, "pass"),
        ("wingbeat.cli.explain", EXPLAIN, "pass"),
        ("numpy", EXPLAIN, "pass"),
        ("numpy", TRAIN, HIDDEN),
        ("wingbeat.api.tensor", EXPLAIN, HIDDEN),
        ("rich.table", EXPLAIN, "pass"),
        ("sklearn", TRAIN, HIDDEN),
    ],
)
def test_ctrl_c_while_importing_is_one_line(
    name: str, words: list[str], then: str, start: str, tmp_path: Path
) -> None:
    code = INTERRUPTED_AT.format(name=name, words=words, then=then, start=start)
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (130, "wingbeat: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_importing_leaves_the_handlers_of_others_alone() -> None:
    def mine(number: int, frame: Any) -> None: ...

    before = signal.signal(signal.SIGINT, mine)
    try:
        with ends_at_once():
            assert signal.getsignal(signal.SIGINT) is mine
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with ends_at_once():
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(main, [*EXPLAIN, "--formula", "x"]).result() == 0
    finally:
        signal.signal(signal.SIGINT, before)


# Processes


def started(*words: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen[bytes](
        [sys.executable, "-m", "wingbeat.cli", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_a_closed_pipe_is_quiet() -> None:
    text = "; ".join(["v0=x", *(f"v{k + 1}=v{k}*v{k}+1" for k in range(400))])
    process = started("explain", text, "x=0", "--mermaid")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), error) == (141, b"")


def test_a_terminal_without_unicode() -> None:
    process = started("explain", "z=x*x", "x=3", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    out, error = process.communicate()
    assert (process.returncode, error) == (0, b"")
    assert b"Why dz/dx = 6" in out


def test_answers_soon() -> None:
    begun = time.monotonic()
    process = started("explain", "x=2*w+b; y=b+1; z=x*y", "w=3", "b=4")
    process.communicate()
    assert process.returncode == 0
    assert time.monotonic() - begun < 10
