"""Closed formulas, and SymPy's."""

import pytest

import wingbeat as wb
from tests.explain.test_two_layer_sigmoid import EXAMPLE
from wingbeat.errors import BadInput, NotSupported

SYMBOLS = {f"g_{j}": f"beta_{j}" for j in (1, 2)} | {f"e_{h}": f"alpha_{h}" for h in (1, 2, 3)}
LETTERS = {
    "w": "hj", "v": "ih", "theta": "j", "gamma": "h", "beta": "j", "alpha": "h", "b": "h",
    "yhat": "j", "y": "j", "x": "i", "g": "j", "e": "h",
}  # fmt: skip


# MISSION B2: the closed formulas come out with their symbols
def test_closed_formulas_of_the_two_layer_network() -> None:
    numbers = EXAMPLE.values(0, 2, 3, 2)
    e = wb.explain(EXAMPLE.expression(2, 3, 2), **numbers)
    wrt = list(EXAMPLE.by_hand(numbers, 2, 3, 2))
    assert e.general(LETTERS, SYMBOLS, wrt) == [
        ("g_j", "(yhat_j - y_j) * yhat_j * (1 - yhat_j)"),
        ("e_h", "sum_j(g_j * w_hj) * b_h * (1 - b_h)"),
        ("dE/dw_hj", "g_j * b_h"),
        ("dE/dtheta_j", "-g_j"),
        ("dE/dv_ih", "e_h * x_i"),
        ("dE/dgamma_h", "-e_h"),
    ]


# MISSION B2: and agree with the engine
def test_closed_formulas_are_evaluated() -> None:
    numbers = EXAMPLE.values(5, 2, 3, 2)
    e = wb.explain(EXAMPLE.expression(2, 3, 2), **numbers)
    known = {s.name: float(s.value) for s in e.steps if s.value is not None}
    for formula in e.closed(SYMBOLS, list(EXAMPLE.by_hand(numbers, 2, 3, 2))):
        value = eval(formula.right, {}, known)
        assert value == pytest.approx(e.gradient(formula.name), rel=1e-12)
        if formula.left in SYMBOLS:
            known[formula.left] = value


def test_closed_formulas_refuse_what_they_cannot_name() -> None:
    e = wb.explain("y_1=w_11*x; z=y_1*y_1", wrt=["w_11"])
    with pytest.raises(BadInput, match="nothing is called q"):
        e.closed({"g": "q"})
    with pytest.raises(BadInput, match="is the name of a step"):
        e.closed({"x": "y_1"})
    with pytest.raises(BadInput, match="say which 2 letters"):
        e.general({"y": "j"})
    uneven = wb.explain("y_1=w_1*x; y_2=w_2*x*x; z=y_1+y_2", wrt=["w_1", "w_2"])
    with pytest.raises(BadInput, match="is both"):
        uneven.general({"w": "j", "y": "j"})


# --- SymPy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["z=sin(x)*exp(y)/x", "z=sigmoid(x*y)+abs(y)**3", "z=max(x, y)*x"])
def test_sympy_agrees(text: str) -> None:
    sympy = pytest.importorskip("sympy")
    e = wb.explain(text, x=0.7, y=-1.3)
    at = {sympy.Symbol("x", real=True): 0.7, sympy.Symbol("y", real=True): -1.3}
    assert float(e.sympy().subs(at)) == pytest.approx(e.value("z"), rel=1e-9)
    for name in ("x", "y"):
        own = e.sympy(name)
        theirs = sympy.diff(e.sympy(), sympy.Symbol(name, real=True))
        assert float(own.subs(at)) == pytest.approx(e.gradient(name), rel=1e-9)
        assert float(theirs.subs(at)) == pytest.approx(e.gradient(name), rel=1e-9)


def test_sympy_refuses_tensors() -> None:
    pytest.importorskip("sympy")
    with pytest.raises(NotSupported, match="only scalars"):
        wb.explain("z=sum(x*x)", x=[1, 2]).sympy()
