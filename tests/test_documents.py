"""What the documents show is executed: the README, the guides, every example in a docstring.

In Markdown, each file is read from top to bottom in one namespace and one temporary folder:

    ```python             is executed; with prompts (>>>), what is printed is compared too
    ```python no-run      is only shown
    ```console            each `$ wingbeat ...` is executed and must succeed; the lines below it are
                          compared with what it prints, where `...` stands for anything
    ```console fails      the same, but the command must end with exit status 2, and the lines
                          below it are what it prints as the error
"""

import doctest
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs/guides").glob("*.md"))]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted((ROOT / "wingbeat").rglob("*.py"))
    if file.name != "__main__.py"
]
_TRAINING = ("nn", "optim", "data", "train", "robust")
_FOLDERS = (*_TRAINING, "curvature", "solve", "explain", "pictures")
PUBLIC = {"wingbeat", *(f"wingbeat.{name}" for name in (*_FOLDERS, "explain.attribution"))}
FACES = [name for name in MODULES if name in PUBLIC]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples may write files."""
    monkeypatch.chdir(tmp_path)


# Markdown


@dataclass(frozen=True)
class Block:
    """A fenced block, and the line of the document that its first line stands on."""

    kind: str
    flags: frozenset[str]
    text: str
    line: int


def blocks(document: str) -> Iterator[Block]:
    fence = r"^(?P<indent>[ ]*)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$"
    for match in re.finditer(fence, document, re.MULTILINE | re.DOTALL):
        kind, *flags = match["info"].split() or [""]
        line = document.count("\n", 0, match.start("text")) + 1
        yield Block(kind, frozenset(flags), dedent(match["text"]), line)


def failures(test: doctest.DocTest) -> str:
    """What doctest has to say about the examples; nothing where all of them work."""
    said: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append, clear_globs=False)
    return "".join(said)


def run_python(block: Block, file: Path, names: dict[str, Any]) -> None:
    if not block.text.lstrip().startswith(">>>"):
        # Lines count from the top of the document, so that a traceback shows the right one.
        source = "\n" * (block.line - 1) + block.text
        exec(compile(source, str(file), "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(
        block.text, names, file.name, str(file), block.line - 1
    )
    assert not (said := failures(test)), said
    names.update(test.globs)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each `$ wingbeat ...` with the lines below it; a trailing backslash continues a command."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.replace("\\\n", " ").partition("\n")
        if command.split()[:1] == ["wingbeat"]:
            yield command, output


def lines_match(expected: str, found: str) -> bool:
    expected, found = (
        "\n".join(map(str.rstrip, t.strip().splitlines())) for t in (expected, found)
    )
    return doctest.OutputChecker().check_output(expected, found, doctest.ELLIPSIS)


def run_console(block: Block, folder: Path) -> None:
    wingbeat = folder / ".bin/wingbeat"
    wingbeat.parent.mkdir(exist_ok=True)
    wingbeat.write_text(
        f"#!{sys.executable}\nimport sys\nfrom wingbeat.cli import main\nsys.exit(main())\n",
        encoding="utf-8",
    )
    wingbeat.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{wingbeat.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }
    status = 2 if "fails" in block.flags else 0
    for command, expected in commands(block.text):
        run = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
        )
        found = run.stderr if status else run.stdout
        assert run.returncode == status, f"{command}\n{run.stdout}{run.stderr}"
        assert not expected.strip() or lines_match(expected, found), f"$ {command}\n{found}"


def run_document(file: Path, folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(file.read_text(encoding="utf-8")):
        if "no-run" in block.flags:
            continue
        if block.kind == "python":
            run_python(block, file, names)
        elif block.kind == "console":
            run_console(block, folder)


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_document(file: Path, tmp_path: Path) -> None:
    run_document(file, tmp_path)


# Docstrings


def names_for_examples() -> dict[str, Any]:
    """What every example may use without importing it."""
    return {"wb": import_module("wingbeat"), "np": import_module("numpy")}


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = import_module(name)
    names = vars(module) | names_for_examples()
    tests = doctest.DocTestFinder().find(module, name, globs=names)
    assert not (said := "".join(map(failures, tests))), said


def needs_example(value: object) -> bool:
    """Constants have no docstring of their own, and NumPy's types have theirs."""
    if isinstance(value, ModuleType):
        return True
    return callable(value) and getattr(value, "__module__", None) != "numpy"


def undocumented(face: ModuleType) -> Iterator[str]:
    """Public names without an example that runs with `wb` and `np` alone, as a reader pastes it."""
    for name in face.__all__:
        value = getattr(face, name)
        if not needs_example(value):
            continue
        where = f"{face.__name__}.{name}"
        text = inspect.getdoc(value) or ""
        if ">>>" not in text:
            yield f"{where} has no example in its docstring"
            continue
        parse = doctest.DocTestParser().get_doctest
        yield failures(parse(text, names_for_examples(), where, None, None))


@pytest.mark.parametrize("name", FACES)
def test_public_names_have_examples_that_work(name: str) -> None:
    assert not (said := "\n".join(filter(None, undocumented(import_module(name))))), said


# These checks themselves


PASSES = """
```python
x = 2
```
```python
>>> y = x + 1; y
3
```
- in a list:
  ```python
  assert y == 3
  ```
```python no-run
the_cat_sat
```
```text
>>> 1 / 0
```
"""


def test_a_document_is_one_namespace(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text(PASSES, encoding="utf-8")
    run_document(file, tmp_path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```python\nassert 1 == 2\n```", AssertionError),
        ("```python\n>>> 1 + 1\n3\n```", AssertionError),
        ("  ```python\n  1 / 0\n  ```", ZeroDivisionError),
        ("```console\n$ wingbeat no-such-command\n```", AssertionError),
        ("```console\n$ wingbeat --version\nnot its output\n```", AssertionError),
        ("```console fails\n$ wingbeat --version\n```", AssertionError),
    ],
)
def test_a_wrong_document_is_noticed(tmp_path: Path, text: str, error: type[BaseException]) -> None:
    file = tmp_path / "a.md"
    file.write_text(f"# A\n\n{text}\n", encoding="utf-8")
    with pytest.raises(error):
        run_document(file, tmp_path)


def test_a_traceback_shows_the_line_of_the_document(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("one\n\n```python\nx = 1\nx / 0\n```\n", encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as caught:
        run_document(file, tmp_path)
    assert caught.traceback[-1].lineno == 4  # counted from 0


def test_public_names_without_a_working_example_are_noticed() -> None:
    def right() -> None:
        """Adds.

        >>> 1 + 1
        2
        """

    def wrong() -> None:
        """Adds.

        >>> 1 + 1
        3
        """

    def silent() -> None:
        """Adds."""

    face = ModuleType("face")
    values = {"right": right, "wrong": wrong, "silent": silent, "pi": 3.14}
    vars(face).update(values, __all__=list(values))
    first, second = filter(None, undocumented(face))
    assert "Got:" in first
    assert "silent has no example" in second


def test_dots_stand_for_anything() -> None:
    assert lines_match("loss ...\n...\ndone", "loss 0.1  \na\nb\ndone\n")
    assert not lines_match("loss ...\ndone", "loss 0.1\n")


def test_commands_of_a_console_block() -> None:
    text = "$ git clone x\n$ wingbeat graph \\\n  'x * y'\nz = 1\n$ wingbeat --version\n"
    assert list(commands(text)) == [
        ("wingbeat graph    'x * y'", "z = 1\n"),
        ("wingbeat --version", ""),
    ]
