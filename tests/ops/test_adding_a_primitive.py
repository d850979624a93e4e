"""The example of `docs/adding-a-primitive.md` is a primitive that obeys every law."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.ops.cases import cases_of, run
from tests.ops.laws import LAWS
from tests.ops.mistakes import NOTICED_BY, Mistake, noticed
from tests.ops.test_kinks import check_declaration
from tests.ops.test_special_values import check_special
from tests.transform.test_dead_branches import check_dead, grid
from wingbeat.explain import to_latex
from wingbeat.ir import PRIMITIVES, Primitive, leaf, tensor_type

PAGE = Path(__file__).parents[2] / "docs/adding-a-primitive.md"


@pytest.fixture
def bell() -> Iterator[Primitive]:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    names: dict[str, Primitive] = {}
    try:
        exec(compile(code, str(PAGE), "exec"), names)
        yield names["bell"]
    finally:
        PRIMITIVES.pop("bell", None)


def test_example_obeys_every_law(bell: Primitive) -> None:
    for case in cases_of(bell):
        for law in LAWS.values():
            law(case)
    for dtype in ("float64", "float32", "float16"):
        check_special(bell, dtype)
    check_declaration(bell)
    check_dead(bell, grid(1))
    for field, law in NOTICED_BY.items():
        if getattr(bell, field) is not None:  # it has no second meaning
            assert noticed(Mistake(bell, field, law))


def test_example_is_the_bell_curve(bell: Primitive) -> None:
    x = leaf(tensor_type((2,)), "x", 0)
    (values,) = run([bell(x)], {x: np.array([0.0, 1.0])})
    np.testing.assert_allclose(values, [1.0, 1 / np.e], rtol=1e-15)
    assert to_latex(bell(x), {}) == "e^{-x^2}"
    assert to_latex(bell(x + x), {}) == r"e^{-\left(x + x\right)^2}"


def test_the_page_names_what_exists() -> None:
    """Families, formats and files that the page mentions."""
    text = PAGE.read_text("utf-8")
    root = PAGE.parents[1]
    for name in re.findall(r"`((?:wingbeat|tests)/[\w/]+(?:\.py)?)`", text):
        assert (root / name).exists(), name
    assert {p.family for p in PRIMITIVES.values()} == set(re.findall(r"^\| `(\w+)` \|", text, re.M))
