"""Golden files: text that a person reviewed once, compared with what is produced now."""

import os
from difflib import unified_diff
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"


def assert_golden(name: str, text: str, folder: Path = GOLDEN) -> None:
    """`text` equals the file `name`; under `scripts/test --accept` it becomes that file."""
    file = folder / name
    text = text.rstrip("\n") + "\n"
    if os.environ.get("WINGBEAT_ACCEPT") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        return
    assert file.exists(), f"there is no golden file {name} yet; scripts/test --accept writes it"
    expected = file.read_text(encoding="utf-8")
    if text == expected:
        return
    lines = unified_diff(
        expected.splitlines(), text.splitlines(), f"golden/{name}", "produced now", lineterm=""
    )
    raise AssertionError(
        "\n".join([f"{name} changed; if that is right: scripts/test --accept", *lines])
    )
