"""What is said in words, step by step, in both modes, as closed formulas, and what it costs."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.explain.test_two_layer_sigmoid import EXAMPLE
from tests.support.golden import assert_golden
from wingbeat import nn
from wingbeat.errors import BadInput, NotSupported
from wingbeat.explain import Explanation, checking
from wingbeat.explain.derivation import Line
from wingbeat.explain.model import Model
from wingbeat.explain.words import SENTENCES, say

TEXT = "x=2*w+b; y=b+1; z=x*y"


@pytest.fixture(scope="module")
def worked() -> Explanation:
    return wb.explain(TEXT, w=3, b=4)


# --- words -----------------------------------------------------------------------------------


# MISSION A4, A5: why 15, along which ways, what if b grows by 0.1, which of w and b matters more
def test_a_reader_with_school_calculus_has_all_answers(worked: Explanation) -> None:
    text = " ".join(worked.text().split())
    for sentence in (
        "When b grows a little, z grows 15 times as much.",
        "b reaches z along 2 ways.",
        "b → y → z 1 * 10 = 10",
        "b → x → z 1 * 5 = 5",
        "sum over all ways = 15",
        "If b grows by 0.1, from 4 to 4.1: the slope foretells 15 * 0.1 = 1.5, that is z ≈ 51.5.",
        "Computed anew, z = 51.51; the 0.01 between them is there because the slope itself changes",
        "b matters more than w: the same small change moves z 1.5 times as far (15 against 10).",
    ):
        assert sentence in text
    page = worked.html()
    for sentence in ("b matters more than w", "b 比 w 影响更大", "z 增大的量是它的 15 倍", "51.51"):
        assert sentence in page


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("z=-3*x", "z falls 3 times as much"),
        ("z=x+1", "z grows just as much"),
        ("z=x-x", "does not move z"),
        ("z=floor(x)", "does not move z"),
    ],
)
def test_meaning(text: str, sentence: str) -> None:
    assert sentence in " ".join(wb.explain(text, x=1.5).text().split())


def test_an_array_of_ones_in_a_product_is_no_number() -> None:
    x, y = np.full((2, 3), 0.5), np.full((3, 2), 0.25)
    e = wb.explain(lambda x, y: 3 * wb.sum(wb.sin(x) @ y))(x, y)
    formulas = {c.name: c for c in e.closed()}
    for name in ("x", "y"):
        assert r"\mathbf{1}_{2 \times 2}" in formulas[name].latex
        meant = {"x": x, "y": y, "t1": np.sin(x), "cos": np.cos, "sin": np.sin}
        numpy = {"transpose": np.transpose, "ones": np.ones, "full": np.full}
        found = eval(formulas[name].right, meant | numpy)
        np.testing.assert_allclose(found, e.gradient(name), rtol=1e-12)


def test_a_number_times_a_vector_is_written_as_a_product() -> None:
    e = wb.explain(lambda x, y: 3 * wb.sum(x @ y))(np.ones(3), np.full(3, 2.0))
    assert [c.right for c in e.closed()] == ["3*y", "3*x"]


# MISSION A10: where a derivative does not exist, that is the answer given
@pytest.mark.parametrize(
    ("text", "x"),
    [("z=abs(x)", 0), ("z=relu(x)", 0), ("z=floor(x)", 2), ("z=x//1+x", 2), ("z=max(x,0)", 0)],
)
def test_at_a_kink_no_slope_is_claimed(text: str, x: float) -> None:
    e = wb.explain(text, x=x)
    said = " ".join(e.text().split())
    assert "by convention" in said
    assert "On the way from x to z is a kink or a jump" in said
    assert "! No derivative there" in said
    for claim in ("as far as the slope tells", "times as much", "the slope itself changes"):
        assert claim not in said
    page = e.html()
    assert "On the way from x to z is a kink or a jump" in page
    assert "从 x 到 z 的途中有尖点或跳跃" in page


def test_only_what_passes_the_kink_is_by_convention() -> None:
    e = wb.explain("z=abs(x)+3*y", x=0, y=1)
    assert e.model.by_convention == ("x",)
    said = " ".join(e.text().split())
    assert "When y grows a little, z grows 3 times as much." in said
    assert "matters more" not in said  # than what has no slope
    assert wb.explain("z=abs(x)*x", x=0).model.by_convention == ()
    assert wb.explain("z=floor(x)", x=1.5).model.by_convention == ()


def test_ranking_and_equal_inputs() -> None:
    assert "x and y matter equally" in " ".join(wb.explain("z=x+y", x=1, y=2).text().split())
    text = " ".join(wb.explain("z=x-4*y+2*u", x=1, y=2, u=3).text().split())
    assert "the farthest first: y (-4), u (2), x (1)." in text


def test_cancelling_is_said() -> None:
    e = wb.explain("p=3*x; q=-2*x; z=p+q", x=1)
    assert e.paths("x").cancelled == pytest.approx(0.8)
    assert e.paths("x").magnitude == 5
    assert "they would bring 5, so 80% of it is lost" in " ".join(e.text().split())
    assert "cancel" not in wb.explain(TEXT, w=3, b=4).text()


def test_every_sentence_is_in_both_languages() -> None:
    for key, (en, zh) in SENTENCES.items():
        blanks = [sorted(re.findall(r"\{(\w+)\}", text)) for text in (en, zh)]
        assert set(blanks[1]) <= set(blanks[0]), key
        if key not in ("why", "derivative"):
            assert set(blanks[0]) == set(blanks[1]), key
        assert zh != en or "{" in en, key
    assert say("start", z="E").zh.startswith("dE/dE = 1")


# --- steps -----------------------------------------------------------------------------------


# MISSION A2, A3
def test_golden_steps(worked: Explanation) -> None:
    assert_golden("explain/worked_steps.txt", str(worked.sweeps()))


def test_the_numbers_of_the_steps_are_the_engines() -> None:
    e = wb.explain("u=sin(x)*y; v=u*u-3*x; z=v*exp(u)", x=-0.7, y=1.3)
    for move in e.sweeps():
        expected = e.value(move.name) if move.sweep == "forward" else e.gradient(move.name)
        assert float(move.value) == pytest.approx(expected, rel=1e-5)
        if move.numbers:
            numbers = move.numbers.replace("sin", "np.sin").replace("exp", "np.exp")
            found = eval(numbers, {"np": np})
            assert float(found) == pytest.approx(expected, rel=1e-4), str(move)
            assert move.about


def test_backward_steps_come_after_all_that_they_use() -> None:
    e = wb.explain("u=x*y; v=u*x; z=v*u", x=2, y=3)
    done: set[str] = set()
    for move in e.sweeps():
        if move.sweep == "backward":
            used = set(re.findall(r"dz/d(\w+)", move.formula)) - {move.name}
            direct = {edge.target for edge in e.edges if edge.source == move.name}
            assert used & direct <= done | {move.name}
            done.add(move.name)
    assert done == {"x", "y", "u", "v", "z"}


def test_steps_of_tensors_and_without_values() -> None:
    e = wb.explain("H=tanh(X@W); L=sum(H)", X=[[1, 2]], W=[[1], [0.5]])
    assert any("dL/dW = transpose(X) @ " in str(move) for move in e.sweeps())
    moves = wb.explain(TEXT).sweeps()
    assert [move.value for move in moves if move.sweep == "forward"] == ["?"] * 5


# --- modes -----------------------------------------------------------------------------------


def squarings(n: int) -> str:
    return "; ".join(["x1=x*x", *(f"x{k + 1}=x{k}*x{k}" for k in range(1, n))])


# MISSION A6
@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_a_chain_of_squarings(n: int) -> None:
    modes = wb.explain(squarings(n), x=1.01).modes()
    exact = 2**n * 1.01 ** (2**n - 1)
    for mode in modes:
        assert mode.gradients["x"] == pytest.approx(exact, rel=1e-9)
        assert mode.seconds is not None
    assert modes.paths.sweeps == 2**n
    assert modes.reverse.multiplications <= 3 * n
    assert modes.forward.multiplications <= 3 * n


# MISSION A6: exponential against linear, measured
def test_expanding_every_path_takes_exponential_time() -> None:
    small, large = (wb.explain(squarings(n), x=1).modes() for n in (4, 12))
    assert small.paths.seconds is not None
    assert large.paths.seconds is not None
    assert large.paths.seconds > 30 * small.paths.seconds  # 256 times as many paths
    assert (large.reverse.seconds or 1) < 30 * (small.reverse.seconds or 0)
    endless = wb.explain(squarings(200), x=1).modes()
    assert endless.paths.seconds is None
    assert endless.paths.sweeps == 2**200
    assert "not run" in endless.text()
    assert endless.reverse.gradients == {"x": pytest.approx(2.0**200)}


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_modes_count_what_they_do(pairs: list[tuple[int, int]]) -> None:
    """On a random graph: all three agree with the engine."""
    names = ["a", "b"]
    text: list[str] = []
    for k, (i, j) in enumerate(pairs):
        text.append(f"v{k}={names[i % len(names)]}*0.5+{names[j % len(names)]}")
        names.append(f"v{k}")
    e = wb.explain("; ".join(text), **dict.fromkeys(wb.explain.parse("; ".join(text)).inputs, 1.0))
    modes = e.modes()
    for mode in modes:
        for name, g in mode.gradients.items():
            assert g == pytest.approx(e.gradient(name), rel=1e-12)


def test_modes_need_numbers() -> None:
    with pytest.raises(NotSupported, match="tensors"):
        wb.explain("z=sum(x*x)", x=[1, 2]).modes()
    with pytest.raises(NotSupported, match="no values"):
        wb.explain(TEXT).modes()


# --- closed formulas -------------------------------------------------------------------------


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


# --- derivations are read back ---------------------------------------------------------------


_UNARY = [
    *("abs({})", "where({} < 0.1, 2, 3)", "sin({})", "cos({})", "exp({})", "tanh({})"),
    *("sigmoid({})", "-{}", "{}**2", "sqrt({}+9)"),
]
_BINARY = ["{}+{}", "{}-{}", "{}*{}", "{}/({}+9)", "2*{}*{}+1"]


@st.composite
def programs(draw: st.DrawFn) -> str:
    names = ["x", "y"]
    lines: list[str] = []
    for k in range(draw(st.integers(1, 5))):
        form = draw(st.sampled_from([*_UNARY, *_BINARY]))
        operands = [draw(st.sampled_from(names)) for _ in range(form.count("{}"))]
        lines.append(f"v{k}={form.format(*operands)}")
        names.append(f"v{k}")
    return "; ".join(lines)


@settings(max_examples=40)
@given(programs(), st.floats(-2, 2), st.floats(-2, 2))
def test_every_line_of_a_derivation_holds(text: str, x: float, y: float) -> None:
    e = wb.explain(
        text, **{n: v for n, v in (("x", x), ("y", y)) if n in wb.explain.parse(text).inputs}
    )
    for name in e.model.wrt:
        for checked in [*e.check(name), *e.check(name, simplified=False)]:
            assert checked.holds, (text, checked)


def test_a_wrong_line_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = checking.derive

    def wrong(model: Model, wrt: str, form: str, simplified: bool) -> list[Line]:
        terms = [tuple(t.replace("*1", "*2") for t in v.terms) for v in right(model, wrt, form)]
        return [replace(v, terms=t) for v, t in zip(right(model, wrt, form), terms, strict=True)]

    monkeypatch.setattr(checking, "derive", wrong)
    assert not all(c.holds for c in wb.explain(TEXT, w=3, b=4).check("b"))


def test_check_needs_numbers() -> None:
    with pytest.raises(NotSupported):
        wb.explain("z=sum(x*x)", x=[1, 2]).check("x")
    with pytest.raises(NotSupported):
        wb.explain(TEXT).check("b")


# --- SymPy -----------------------------------------------------------------------------------


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


# --- cost ------------------------------------------------------------------------------------


# MISSION E5: the backward pass costs 2 to 3 forward passes
def test_backward_costs_two_forward_passes() -> None:
    model = nn.Sequential(*[f for _ in range(6) for f in (nn.Linear(64, 64), nn.ReLU())])
    x = np.random.default_rng(0).normal(size=(32, 64)).astype("float32")
    costs = wb.explain(lambda model, x: wb.mean(model(x) ** 2))(model, x).cost()
    products = 6 * 2 * 32 * 64 * 64
    assert products < costs.forward.flops < 1.3 * products
    assert 1.8 < costs.ratio < 3
    assert costs.both.flops == costs.forward.flops + costs.backward.flops
    assert costs.forward.joules == pytest.approx(
        2.3e-12 * costs.forward.flops + 160e-12 * costs.forward.bytes
    )


def test_cost_of_a_product_by_hand() -> None:
    e = wb.explain("H=X@W; L=sum(H)", X=np.ones((4, 3)), W=np.ones((3, 5)))
    costs = e.cost()
    (own,) = (row for row in costs.steps if row[0] == "H")
    assert own[1].flops == 2 * 4 * 3 * 5
    assert own[2].flops == 2 * own[1].flops  # one product for X, one for W
    assert own[1].bytes == 8 * (12 + 15 + 20)


def test_measured_times_are_times(worked: Explanation) -> None:
    costs = worked.cost(measure=True)
    assert costs.both.measured
    assert 0 < costs.forward.seconds < 1
    assert math.isclose(
        max(0.0, costs.both.seconds - costs.forward.seconds), costs.backward.seconds, rel_tol=1e-9
    )
    assert "both sweeps were timed" in " ".join(costs.text().split())
    cheap = worked.cost(flop_joules=1.0, byte_joules=0.0)
    assert cheap.both.joules == cheap.both.flops


def test_all_ways_of_millions() -> None:
    """The k largest, exactly, where there are 2^40 ways."""
    text = "; ".join(f"a{k}=0.5*v{k}; b{k}=2*v{k}; v{k + 1}=a{k}+b{k}" for k in range(40)).replace(
        "v0", "x"
    )
    ways = wb.explain(text, x=1).paths("x", 45)
    assert ways.count == 2**40
    assert [p.product for p in ways] == pytest.approx([2.0**40, *[2.0**38] * 40, *[2.0**36] * 4])
    assert ways.total == pytest.approx(2.5**40)
    assert (ways.rest or 0) + sum(p.product or 0 for p in ways) == pytest.approx(2.5**40)
    assert len({p.names for p in ways}) == 45
    assert all(len(set(itertools.pairwise(p.names))) == 80 for p in ways)


def test_modes_where_nothing_depends_on_what_was_asked() -> None:
    modes = wb.explain("y=2*x; z=3*w", x=1, w=2, wrt="x").modes()
    assert [mode.multiplications for mode in modes] == [0, 0, 0]
