"""A cast that changes numbers stands in every formula; one that does not is left out."""

from typing import Any

import pytest

import wingbeat as wb


def whole(x: Any) -> Any:
    y = x.astype(int)
    return y * x


def test_a_cast_to_int_by_hand() -> None:
    e = wb.explain(whole)(1.5)
    assert e.step("y").formula == "int(x)"
    assert e.step("y").latex == r"\operatorname{int}\left(x\right)"
    assert e.step("y").operations == ("cast",)
    assert e.value("y") == 1
    assert e.gradient("x") == 1.0
    assert "int(x)" in e.text()
    assert r"\operatorname{int}" in e.latex()
    assert "int(x)" in e.html()


@pytest.mark.parametrize(
    ("dtype", "name"), [("int64", "int"), ("int32", "int"), ("uint8", "uint8"), ("bool", "bool")]
)
def test_names_of_casts(dtype: str, name: str) -> None:
    e = wb.explain(lambda x: wb.sum(x.astype(dtype) * x), detail="all")(1.5)
    assert f"{name}(x)" in [s.formula for s in e.steps]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_cast_to_float_is_left_out(dtype: str) -> None:
    e = wb.explain(lambda x: (x * 2).astype(dtype), detail="names")(1.5)
    assert e.step(e.model.result).formula == "x*2"


@pytest.mark.parametrize(("x", "y"), [(1.5, 1.0), (-1.5, -1.0), (0.25, 0.0), (-7.0, -7.0)])
def test_int_is_read_back(x: float, y: float) -> None:
    e = wb.explain("y=int(x); z=y*x", x=x)
    assert (e.value("y"), e.value("z"), e.gradient("x")) == (y, y * x, y)
    assert e.step("y").formula == "int(x)"
    assert all(line.holds for line in e.check("x"))


def test_a_derivative_with_a_cast_within() -> None:
    e = wb.explain("z=int(3*x)*x", x=1.5, detail="all")
    assert e.gradient("x") == 4.0
    assert all(line.holds for line in e.check("x"))


@pytest.mark.parametrize("x", [2.75, -2.75])
def test_sympy_has_the_cast(x: float) -> None:
    sympy = pytest.importorskip("sympy")
    e = wb.explain("z=int(x)*x", x=x)
    symbol = sympy.Symbol("x", real=True)
    assert float(e.sympy().subs(symbol, x)) == int(x) * x
    assert float(e.sympy("x").subs(symbol, x)) == int(x)
