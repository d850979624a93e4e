"""Paths: counted, the largest found, their sum the gradient; derivations, line by line."""

import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import wingbeat as wb
from tests.explain.latex_reader import read_latex
from wingbeat.errors import BadInput
from wingbeat.explain import Explanation, Paths
from wingbeat.explain.model import Edge, Model, Step, no_texts


def graph(partials: dict[tuple[int, int], float]) -> Model:
    """A model over nodes 0 ... n with the given partials; n is the result."""
    n = max(max(pair) for pair in partials)
    one = np.asarray(1.0)
    steps = tuple(Step(f"v{k}", "step", (), no_texts, "", "f64[]", one, None) for k in range(n + 1))
    edges = tuple(
        Edge(f"v{a}", f"v{b}", p, no_texts, None, None, None, False)
        for (a, b), p in sorted(partials.items(), key=lambda item: item[0][1])
    )
    return Model(f"v{n}", ("v0",), steps, edges, (), (), True)


def every_path(partials: dict[tuple[int, int], float], n: int) -> list[float]:
    """All products, by brute force and in exact arithmetic."""
    found: list[float] = []
    for size in range(n):
        for middle in itertools.combinations(range(1, n), size):
            chain = [0, *middle, n]
            pairs = list(itertools.pairwise(chain))
            if all(pair in partials for pair in pairs):
                product = math.prod(Fraction(partials[pair]) for pair in pairs)
                try:
                    found.append(float(product))
                except OverflowError:
                    found.append(math.inf)
    return found


_PARTIAL = st.sampled_from([0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-200, 1e200, -1e-160])


@st.composite
def graphs(draw: st.DrawFn) -> dict[tuple[int, int], float]:
    n = draw(st.integers(1, 6))
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n + 1)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True))
    return {pair: draw(_PARTIAL) for pair in {*chosen, (0, n)}}


# MISSION A4
@given(graphs(), st.integers(1, 8))
def test_the_largest_paths_are_found_exactly(
    partials: dict[tuple[int, int], float], k: int
) -> None:
    n = max(b for _, b in partials)
    expected = every_path(partials, n)
    ways = Paths(graph(partials), "v0", k)
    assert ways.count == len(expected)
    largest = sorted(map(abs, expected), reverse=True)[:k]
    np.testing.assert_allclose([abs(p.product or 0.0) for p in ways], largest, rtol=1e-12)
    if all(p == 0 or 0.1 < abs(p) < 10 for p in partials.values()):
        scale = 1e-12 * largest[0]
        assert ways.total == pytest.approx(math.fsum(expected), rel=1e-12, abs=scale)


def test_a_zero_stays_zero_beside_what_overflows() -> None:
    (way,) = Paths(graph({(0, 1): 0.0, (1, 2): 1e200, (2, 3): 1e200}), "v0")
    assert way.product == 0.0


# MISSION A6: 2^200 paths are counted and summed without walking them
def test_very_many_paths() -> None:
    partials = {
        (2 * k + d, 2 * k + e): 0.5 for k in range(200) for d, e in ((0, 1), (0, 2), (1, 2))
    }
    ways = Paths(graph(partials), "v0", 3)
    assert ways.count == 2**200
    assert [p.product for p in ways] == [0.5**200, 0.5**201, 0.5**201]
    assert ways.total == pytest.approx(0.75**200, rel=1e-12)
    assert ways.rest == pytest.approx(0.75**200 - 2 * 0.5**200, rel=1e-12)


def test_products_beyond_the_range_of_floats_are_ordered() -> None:
    partials = {(0, 1): 1e-300, (1, 2): 1e-300, (0, 2): 1e-310, (2, 3): 1e300}
    assert [p.names for p in Paths(graph(partials), "v0")] == [
        ("v0", "v2", "v3"),
        ("v0", "v1", "v2", "v3"),
    ]


def test_nan_comes_first_and_a_dead_path_last() -> None:
    partials = {(0, 1): math.nan, (1, 4): 1.0, (0, 2): math.inf, (2, 4): 0.0, (0, 4): 5.0}
    ways = Paths(graph(partials), "v0")
    assert math.isnan(ways[0].product or 0.0)
    assert [p.product for p in ways][1:] == [5.0, 0.0]


def test_bad_paths() -> None:
    e = wb.explain("z=x*x", x=1)
    with pytest.raises(BadInput, match="k must be"):
        e.paths("x", 0)
    with pytest.raises(BadInput, match="nothing is called"):
        e.paths("q")
    assert e.paths("z").total == 1


# --- derivations --------------------------------------------------------------------------------

PROGRAMS = [
    ("x=2*w+b; y=b+1; z=x*y", {"w": 3.0, "b": 4.0}),
    ("x=sin(w); y=x*x+w; z=exp(-y)*x", {"w": 0.7}),
    ("u=a/b; v=a-b; z=-(u - v)**2 + u*v", {"a": 0.3, "b": -1.7}),
    ("a1=x*x; a2=a1*a1+a1; a3=a2*a1+a2; a4=a3+a2+a1+x; z=a4*tanh(a3)", {"x": 0.4}),
    ("h=sigmoid(w*x-t); z=(h-1)**2/2", {"w": 1e-7, "x": 2.0, "t": -300.0}),
    ("z=abs(x)*max(x, y)", {"x": -2.0, "y": -3.0}),
]
NAMES = {
    **{n: getattr(np, n) for n in ("sin", "cos", "exp", "tanh", "sign")},
    "sigmoid": special.expit,
    "where": np.where,
}


def derivative(text: str, values: dict[str, float], top: str, by: str) -> float:
    """d top / d by, by the engine, of the program that ends with `top`."""
    e = wb.explain.explain_text(text, values, result=top)
    return 1.0 if top == by else float(e.gradient(by) or 0.0)


# MISSION A4: the chain rule with the user's names; every line says the same number
@pytest.mark.parametrize(("text", "values"), PROGRAMS)
def test_every_line_of_a_derivation_is_true(text: str, values: dict[str, float]) -> None:
    e = wb.explain.explain_text(text, values)
    known = {s.name: float(s.value) for s in e.steps}
    for name in values:
        for line in e.derivation_lines(name):
            expected = derivative(text, values, e.model.result, line.of)
            right = re.sub(
                r"([d∂])(\w+)/[d∂](\w+)",
                lambda m: repr(symbol(e, text, values, *m.groups())),
                line.right,
            )
            right = re.sub(r"(?<=[*+ (])-", "-", right)
            found = eval(right, {"__builtins__": {}}, {**NAMES, **known, "inf": math.inf})
            digits = 1e-5 if line.kind in ("numbers", "result") else 1e-12
            np.testing.assert_allclose(
                found, expected, rtol=digits, atol=digits * 10, err_msg=right
            )
            if line.relation == "=" and line.kind in ("numbers", "result"):
                np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def symbol(
    e: Explanation, text: str, values: dict[str, float], sign: str, top: str, by: str
) -> float:
    """What dz/dx and ∂z/∂x mean."""
    if sign == "∂":
        partial = e.partial(by, top)
        assert partial is not None
        return partial
    assigned = {s.name for s in wb.explain.parse(text).statements}
    if top in assigned and not by.startswith("t"):
        return derivative(text, values, top, by)
    if top == e.model.result:
        return float(e.gradient(by))
    partial = e.partial(by, top)  # a step that the text does not name
    assert partial is not None
    return partial


@pytest.mark.parametrize(("text", "values"), PROGRAMS)
def test_latex_lines_are_true(text: str, values: dict[str, float]) -> None:
    e = wb.explain.explain_text(text, values)
    known = {re.sub(r"^([a-z])(\d)$", r"\1_\2", s.name): np.float64(s.value) for s in e.steps}
    read = 0
    for name in values:
        for line in e.derivation_lines(name, "latex"):
            if r"\mathrm{d}" in line.right or r"\partial" in line.right:
                continue  # the same symbols as in the plain form
            expected = derivative(text, values, e.model.result, line.of)
            digits = 1e-5 if line.kind in ("numbers", "result") else 1e-12
            found = read_latex(line.right, known)
            np.testing.assert_allclose(found, expected, rtol=digits, atol=digits * 10)
            read += 1
    assert read > len(values)


def test_the_worked_derivation() -> None:
    e = wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4)
    assert e.derivation("b").splitlines() == [
        "dz/db = dz/dx * dx/db + dz/dy * dy/db",
        "      = y*1 + x*1",
        "      = 5*1 + 10*1",
        "      = 15",
    ]
    assert e.derivation("z") == "dz/dz = 1"


def test_partial_signs_where_another_way_leads_there() -> None:
    e = wb.explain("y=2*x; z=x*y", x=3)
    assert e.derivation("x").splitlines()[0] == "dz/dx = ∂z/∂x + dz/dy * dy/dx"


def test_rounded_numbers_are_about_equal() -> None:
    e = wb.explain("z=x*x/3", x=1)
    assert e.derivation("x").splitlines()[-1].endswith("≈ 0.666667")


@settings(max_examples=25)
@given(st.integers(1, 12))
def test_many_ways_are_derived_step_by_step(depth: int) -> None:
    text = "; ".join(["v0 = 1.5*x", *(f"v{k + 1} = v{k}*v{k} + v{k}" for k in range(depth))])
    e = wb.explain(text, x=0.1)
    assert e.paths("x").count == 2**depth
    last = e.derivation_lines("x")[-1]
    assert float(last.right) == pytest.approx(e.gradient("x"), rel=1e-5)


def test_paths_are_printed_with_their_slopes_and_sum() -> None:
    text = str(wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).paths("b"))
    assert "b reaches z along 2 ways." in text
    assert "b → y → z          1 * 10  = 10\n" in text
    assert text.endswith("sum over all ways          = 15\n")
    assert "x does not reach z." in str(wb.explain("y=x+1; z=w*2", x=1, w=2).paths("x"))
