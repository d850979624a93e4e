"""Says which of the peers that benchmarks compare with are not installed."""

import importlib.util
import tomllib
from pathlib import Path


def peers() -> list[str]:
    """What `pip install '.[bench]'` installs."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["optional-dependencies"]["bench"]


def sentence(names: list[str]) -> str:
    """Empty where all of them are installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    take = "is not installed and takes" if len(missing) == 1 else "are not installed and take"
    return f"{', '.join(missing)} {take} no part; pip install '.[bench]' installs all peers."


if __name__ == "__main__":
    if said := sentence(peers()):
        print(said)
