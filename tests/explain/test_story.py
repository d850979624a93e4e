"""What is said in words, step by step, and whether it holds."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.support.golden import assert_golden
from wingbeat.errors import NotSupported
from wingbeat.explain import Explanation, checking
from wingbeat.explain._sentences import SENTENCES
from wingbeat.explain.derivation import Line
from wingbeat.explain.model import Model
from wingbeat.explain.words import say

TEXT = "x=2*w+b; y=b+1; z=x*y"


@pytest.fixture(scope="module")
def worked() -> Explanation:
    return wb.explain(TEXT, w=3, b=4)


# --- words --------------------------------------------------------------------------------------


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


# --- steps --------------------------------------------------------------------------------------


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


# --- derivations are read back ------------------------------------------------------------------


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
