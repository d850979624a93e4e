"""Gradients in matrix form, read back as NumPy."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.explain.latex_reader import read_latex


def two_layers(W1: Any, b1: Any, W2: Any, X: Any, y: Any) -> Any:
    H = wb.sigmoid(X @ W1 + b1)
    Yhat = H @ W2
    L = wb.mean((Yhat - y) ** 2)
    return L


def values(seed: int) -> tuple[Any, ...]:
    draw = np.random.default_rng(seed).normal
    return tuple(draw(size=s) for s in ((2, 3), (3,), (3, 2), (4, 2), (4, 2)))


# MISSION B5: matrix form, equal to the engine's gradients
@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_matrix_form_is_read_back(seed: int) -> None:
    given_ = values(seed)
    e = wb.explain(two_layers, wrt=["W1", "b1", "W2"])(*given_)
    names: dict[str, Any] = {s.name: s.value for s in e.steps if s.value is not None}
    names |= {f"d{s.name}": s.gradient for s in e.steps if s.gradient is not None}
    names |= {"sum": lambda v: v.sum(axis=0)}
    lines = e.matrix_form().splitlines()[1:]
    assert [line.split("=")[0].strip() for line in lines] == [
        "dL/dL", "dL/dYhat", "dL/dH", "dL/dW2", "dL/db1", "dL/dW1"
    ]  # fmt: skip
    for line in lines:
        left, right = line.split(" = ")
        found = eval(re.sub(r"([\w)]+)'", r"\1.T", right), {}, names)
        np.testing.assert_allclose(found, e.gradient(left.strip().split("/d")[1]), rtol=1e-9)


# MISSION B5
def test_matrix_form_of_a_layer() -> None:
    e = wb.explain(two_layers, wrt=["W1"])(*values(0))
    assert e.matrix_form("W1").splitlines()[-1].split(" = ")[1] == "X' @ (dH*H*(1 - H))"
    latex = e.matrix_form("W1", "latex")
    assert r"X^{\top} \, \left(\frac{\partial L}{\partial H} \odot H" in latex


def python_of(latex: str) -> str:
    """The LaTeX of a product of matrices as Python: what the notation says, and no more."""
    if latex.startswith(r"\sum "):
        return f"({python_of(latex.removeprefix(chr(92) + 'sum '))}).sum(axis=0)"
    for pattern, instead in (
        (r"\\hat\{(\w)\}", r"\1hat"),
        (r"(\w)_\{(\d)\}", r"\1\2"),
        (r"\\frac\{\\partial L\}\{\\partial (\w+)\}", r"d\1"),
        (r"\^\{\\top\}", ".T"),
        (r"\\,", "@"),
        (r"\\odot|\\cdot", "*"),
        (r"\\left|\\right", ""),
    ):
        latex = re.sub(pattern, instead, latex)
    assert "\\" not in latex, latex
    return latex


def test_matrix_form_of_numbers_of_two_dtypes() -> None:
    e = wb.explain(lambda x: x.astype("float32") * 2)(wb.asarray(1.5))
    assert e.matrix_form().splitlines()[-1].endswith("= 2")


# MISSION B5
def test_matrix_form_in_latex_is_read_back() -> None:
    e = wb.explain(two_layers, wrt=["W1", "b1", "W2"])(*values(1))
    names = {s.name: s.value for s in e.steps if s.value is not None}
    names |= {f"d{s.name}": s.gradient for s in e.steps if s.gradient is not None}
    lines = e.matrix_form(form="latex").splitlines()[1:-1]
    assert len(lines) == 6
    for line in lines:
        left, right = line.removesuffix(r" \\").split(" &= ")
        found = eval(python_of(right.rpartition(" = ")[0]), {}, names)
        expected = names[python_of(left).removeprefix("dL/")]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_latex_of_a_step_is_read_back() -> None:
    e = wb.explain("y=sigmoid(x)*w; z=y*y", x=0.3, w=2)
    step = e.step("y")
    found = read_latex(step.latex, {"x": 0.3, "w": 2.0})
    assert float(found) == pytest.approx(e.value("y"), rel=1e-12)
