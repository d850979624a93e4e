"""The checkout itself: configured paths, commands, folders, and what `import wingbeat` costs."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.golden import assert_golden

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = {"llvmlite", "matplotlib", "rich", "safetensors", "scipy", "sklearn"}
# Absolute only: ../shared/work/x and https://x.org/work/ are no machine's.
MACHINE_PATH = re.compile(rb"(?<![\w.-])/(?:(?:work|root|home)/|tmp/venv)")


def committed() -> list[Path]:
    """Every file that git has or would take."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def python(code: str) -> list[str]:
    """The words that a new interpreter prints; it sees this checkout first, and keeps bytecode."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.split()


# Configuration


def test_configured_paths_exist() -> None:
    tools = CONFIG["tool"]
    paths = [*tools["pyright"]["include"], tools["pyright"]["stubPath"]]
    paths += tools["pytest"]["ini_options"]["testpaths"]
    paths += tools["hatch"]["build"]["targets"]["wheel"]["packages"]
    paths += [path.removesuffix("/**") for path in tools["ruff"]["lint"]["per-file-ignores"]]
    assert [path for path in paths if not (ROOT / path).is_dir()] == []


def test_all_python_is_type_checked() -> None:
    folders = {file.relative_to(ROOT).parts[0] for file in committed() if file.suffix == ".py"}
    assert folders == set(CONFIG["tool"]["pyright"]["include"])


def test_command_line_entry_point_exists() -> None:
    module, _, name = CONFIG["project"]["scripts"]["wingbeat"].partition(":")
    assert callable(getattr(import_module(module), name))


# Commands


@pytest.mark.parametrize(
    "name", ["scripts/check", "scripts/test", "scripts/bench", "scripts/docs", ".ci/run"]
)
def test_commands_are_executable(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)


@pytest.mark.parametrize("name", ["README.md", ".ci/run"])
def test_readme_and_ci_install_and_test_alike(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.search(r"pip install .*'\.\[test\]'.*\bscripts/test\b", text, re.DOTALL)


# Files


def machine_paths(files: list[Path]) -> list[str]:
    return [
        f"{file.name}:{number}"
        for file in files
        for number, line in enumerate(file.read_bytes().splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]


def test_no_file_names_a_machine() -> None:
    assert machine_paths(committed()) == []


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        ("cd {}work/main", True),
        ("see ({}work/x)", True),
        ("`{}tmp/venv`", True),
        ("{}home/me/x.py", True),
        ("../shared/work/x", False),
        ("{}tmp/x", False),
    ],
)
def test_machine_paths_are_noticed(tmp_path: Path, text: str, noticed: bool) -> None:
    file = tmp_path / "notes.md"
    file.write_text(text.format("/"), encoding="utf-8")
    assert bool(machine_paths([file])) is noticed


def readme_complaint(folder: Path) -> str | None:
    """Five lines or so: what the folder is, what it may import, where to start."""
    file = folder / "README.md"
    text = file.read_text(encoding="utf-8").lower() if file.exists() else ""
    lines = [line for line in text.splitlines() if line]
    missing = [word for word in ("import", "start") if word not in text]
    if 3 <= len(lines) <= 8 and not missing:
        return None
    return f"{folder.name}/README.md has {len(lines)} lines and does not say: {missing}"


def test_every_folder_has_a_short_readme() -> None:
    folders = sorted({p.parent for p in (ROOT / "wingbeat").glob("*/*.py")})
    assert folders
    assert [reason for folder in folders if (reason := readme_complaint(folder))] == []


def test_folder_without_a_proper_readme_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    assert readme_complaint(tmp_path)
    file.write_text("# Nodes\n\nWhat it is.\nMay import errors.\nMore.\n", encoding="utf-8")
    assert readme_complaint(tmp_path)
    file.write_text("# Nodes\n\nMay import errors.\nStart at node.py.\n", encoding="utf-8")
    assert readme_complaint(tmp_path) is None


# Golden files


def test_decisions_are_headed_by_their_numbers() -> None:
    for k, path in enumerate(sorted((ROOT / "docs/decisions").iterdir()), start=1):
        assert path.name.startswith(f"{k:04}-")
        assert path.read_text(encoding="utf-8").startswith(f"# {k}. "), path.name


def test_golden_notices_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINGBEAT_ACCEPT", raising=False)
    with pytest.raises(AssertionError, match="--accept"):
        assert_golden("a.txt", "one\ntwo", tmp_path)
    monkeypatch.setenv("WINGBEAT_ACCEPT", "1")
    assert_golden("a.txt", "one\ntwo", tmp_path)
    monkeypatch.delenv("WINGBEAT_ACCEPT")
    assert_golden("a.txt", "one\ntwo", tmp_path)
    with pytest.raises(AssertionError, match=r"-two\n\+three"):
        assert_golden("a.txt", "one\nthree", tmp_path)


# `import wingbeat`


def test_import_leaves_heavy_packages_alone() -> None:
    loaded = set(python("import sys, wingbeat; wingbeat.Tensor; print(*sys.modules)"))
    assert "numpy" in loaded
    assert loaded & HEAVY == set()


def test_import_waits_for_the_first_name() -> None:
    """So that the command line listens for Ctrl-C before anything is imported."""
    loaded = set(python("import sys, wingbeat.cli; print(*sys.modules)"))
    assert {name for name in loaded if name.startswith("wingbeat")} == {"wingbeat", "wingbeat.cli"}
    assert not loaded & {"numpy", "argparse"}


TIMED = """
from time import thread_time
a = thread_time(); import numpy
b = thread_time(); import wingbeat; wingbeat.Tensor
c = thread_time(); print(b - a, c - b)
"""


def test_import_takes_little_time_beside_numpy() -> None:
    """Beyond NumPy itself. The best of several runs, as other work can only slow one down."""
    runs = [[float(word) for word in python(TIMED)] for _ in range(5)]
    numpy, wingbeat = (min(times) for times in zip(*runs, strict=True))
    assert wingbeat < 0.75 * numpy
