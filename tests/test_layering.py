"""Who may import whom, read from the source with `ast`: imports inside functions count too."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FACE = ""  # the package itself: `import wingbeat`, and the names that it exports
TRAINING = {"nn", "optim", "data", "train", "timeline", "robust"}
FACES = {FACE, *TRAINING, "solve", "curvature", "explain", "pictures"}

# Folder (or module) of wingbeat/ -> what it may import besides itself and `errors`.
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "ir": set(),
    "ops": {"ir"},
    "transform": {"ir", "ops"},
    "backend": {"ir"},
    "api": {"ir", "ops", "transform", "backend.base"},
    "nn": {"api"},
    "optim": {"api"},
    "data": {"api"},
    "curvature": {"api", "ir", "nn"},
    "solve": {"api", "curvature"},
    "train": {"api", "nn", "optim", "data"},
    "timeline": {"api", "nn", "optim", "data", "solve", "curvature"},
    "explain": {"ir", "ops", "transform", "api", "nn", "solve"},
    "robust": {"api", "nn", "optim"},
    "pictures": {"api", "nn", "solve", "curvature", "train", "robust", "explain"},
    "torch": {"api", "nn", "optim", "data"},
    "interop": {"api", "nn", "optim", "data"},
    "cli": FACES,
    "studio": FACES,
}

# Third-party package -> where it may be imported. A package without a row may be imported nowhere.
ANYWHERE = set(LAYERS)
THIRD_PARTY: dict[str, set[str]] = {
    "numpy": ANYWHERE,
    "scipy": ANYWHERE,
    "llvmlite": {"backend.llvm"},
    "jax": {"backend.xla"},
    "jaxlib": {"backend.xla"},
    "torch": {"interop"},
    "onnx": {"interop"},
    "sklearn": {"data"},
    "sympy": {"explain"},
    "safetensors": {"train", "interop"},
    "rich": {"nn", "train", "explain", "solve", "cli"},
    "matplotlib": {"pictures", "explain", "cli", "studio"},
    "starlette": {"studio"},
    "uvicorn": {"studio"},
}


def inside(module: str, places: set[str]) -> bool:
    """`module` is one of the places or lies below one."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def dotted(file: Path, root: Path) -> str:
    """wingbeat/ir/node.py -> wingbeat.ir.node; a package's __init__ has the package's own name."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str, root: Path) -> bool:
    path = root.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def absolute(name: str, level: int, file: Path, root: Path) -> str:
    """The full name of what `from ..name` means in `file`."""
    if level == 0:
        return name
    package = file.relative_to(root).parent.parts
    return ".".join([*package[: len(package) - level + 1], *([name] if name else [])])


def targets(node: ast.AST, file: Path, root: Path) -> list[str]:
    """The modules that one piece of syntax imports, by full name."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, level=level, names=names):
            base = absolute(module or "", level, file, root)
            full = [f"{base}.{alias.name}" for alias in names]
            return [name if is_module(name, root) else base for name in full]
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            bare = name.lstrip(".")
            return [absolute(bare, len(name) - len(bare), file, root)]
        case _:
            return []


def complaint(module: str, target: str) -> str | None:
    """Why `module` may not import `target`; None where it may. Both are full names."""
    here = module.removeprefix("wingbeat").removeprefix(".")
    layer = here.partition(".")[0]
    package, _, there = target.partition(".")
    if here == FACE or package in sys.stdlib_module_names:
        return None
    if package != "wingbeat":
        places = THIRD_PARTY.get(package, set())
        return None if inside(here, places) else f"{here} may not import {package}"
    if inside(there, LAYERS[layer] | {layer, "errors"}):
        return None
    return f"{here} may not import {target}"


def complaints(root: Path) -> Iterator[str]:
    for file in sorted((root / "wingbeat").rglob("*.py")):
        module = dotted(file, root)
        layer = module.split(".")[1] if module != "wingbeat" else FACE
        where = file.relative_to(root).as_posix()
        if layer != FACE and layer not in LAYERS:
            yield f"{where}: {layer} has no row in the table"
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for target in targets(node, file, root):
                if reason := complaint(module, target):
                    yield f"{where}:{getattr(node, 'lineno', 0)}: {reason}"


def test_layers() -> None:
    assert not list(complaints(ROOT))


def plant(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        file = root / "wingbeat" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return list(complaints(root))


SKELETON = {
    "__init__.py": "from wingbeat.api import grad\nimport matplotlib",
    "errors.py": "",
    "ir/node.py": "from wingbeat import errors\nimport numpy as np",
    "ops/maths.py": "from wingbeat.ir.node import Node\nfrom ..ir import node",
    "backend/base.py": "import importlib\nimportlib.import_module('.llvm', __package__)",
    "backend/llvm/emit.py": "from llvmlite import ir\nfrom ..base import choose\nfrom . import a",
    "api/grad.py": "from wingbeat.backend import base\nfrom wingbeat.errors import NoValue",
    "cli/__init__.py": "import wingbeat as wb\nfrom wingbeat import grad, nn\nimport wingbeat.nn",
    "nn/linear.py": "import wingbeat.api",
    "train/loop.py": "from safetensors import numpy",
}


def test_what_is_allowed_passes(tmp_path: Path) -> None:
    assert plant(tmp_path, SKELETON) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ir/node.py", "from wingbeat.ops import maths"),
        ("ir/node.py", "from wingbeat import ops"),
        ("ir/node.py", "from .. import ops"),
        ("ir/node.py", "from ..ops.maths import add"),
        ("ir/node.py", "def late():\n    import wingbeat.ops.maths"),
        ("ir/node.py", "if TYPE_CHECKING:\n    from wingbeat.api.grad import grad"),
        ("ir/node.py", "import_module('wingbeat.api')"),
        ("ir/node.py", "importlib.import_module('..api', __package__)"),
        ("ir/node.py", "__import__('llvmlite')"),
        ("ir/node.py", "import wingbeat"),
        ("ir/node.py", "import torch"),
        ("ir/node.py", "import a_package_without_a_row"),
        ("errors.py", "from wingbeat import ir"),
        ("ops/maths.py", "from wingbeat.backend.base import choose"),
        ("backend/numpy.py", "from wingbeat.ops import maths"),
        ("backend/numpy.py", "import llvmlite.binding as llvm"),
        ("backend/llvm/emit.py", "import jax"),
        ("api/grad.py", "from wingbeat.backend.llvm import emit"),
        ("api/grad.py", "from wingbeat.backend import choose"),
        ("api/grad.py", "from wingbeat.nn import linear"),
        ("nn/linear.py", "from wingbeat.ir.node import Node"),
        ("nn/linear.py", "import wingbeat as wb"),
        ("train/loop.py", "import matplotlib.pyplot as plt"),
        ("train/loop.py", "from wingbeat import explain"),
        ("cli/plot.py", "from wingbeat import ir"),
        ("cli/plot.py", "from wingbeat.api import grad"),
        ("cli/plot.py", "import starlette"),
        ("mystery/__init__.py", ""),
        ("mystery.py", ""),
    ],
)
def test_what_is_forbidden_is_noticed(tmp_path: Path, file: str, text: str) -> None:
    found = plant(tmp_path, {**SKELETON, "explain/__init__.py": "", file: text})
    assert len(found) == 1
    assert found[0].startswith(f"wingbeat/{file}:")
