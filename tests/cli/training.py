"""`wingbeat train`, called from tests, and tables for it."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wingbeat.cli import train

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from wingbeat.cli import main; sys.exit(main())"
posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def run(*flags: str) -> int:
    """The command in this process, its errors not yet turned into sentences."""
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return train.run(parser.parse_args(flags))


def process(*flags: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "train", *flags],
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fruit(rows: int = 120) -> Path:
    """Classes that differ in weight, and one column of text."""
    rng = np.random.default_rng(0)
    lines = ["weight,colour,kind"]
    for k in range(rows):
        kind = ("apple", "banana", "[cherry]")[k % 3]
        weight = 100 * (k % 3) + rng.normal(0, 10)
        lines.append(f"{weight:.2f},{'red' if k % 2 else 'green'},{kind}")
    return write("fruit.csv", lines)


def prices(rows: int = 150) -> Path:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, (rows, 2))
    y = 200_000 + 30_000 * x[:, 0] - 5_000 * x[:, 1]
    return write(
        "prices.csv", ["a,b,price", *(f"{a},{b},{c}" for (a, b), c in zip(x, y, strict=True))]
    )


def write(name: str, lines: list[str]) -> Path:
    path = Path(name)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def leftovers() -> list[str]:
    return sorted(str(p) for p in Path().rglob("*"))
