"""The model: values, partials, gradients, formulas, small changes, kinks, and what is not known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import BadInput, NotDifferentiable, NotSupported, TypeMismatch
from wingbeat.explain import Explanation

TEXT = "x=2*w+b; y=b+1; z=x*y"


@pytest.fixture(scope="module")
def worked() -> Explanation:
    return wb.explain(TEXT, w=3, b=4)


def affine(w: wb.Tensor, b: wb.Tensor) -> wb.Tensor:
    x = 2 * w + b
    y = b + 1
    z = x * y
    return z


# MISSION A1: nodes, edges and their operations can be walked
def test_nodes_and_edges(worked: Explanation) -> None:
    assert [s.name for s in worked.steps] == ["w", "b", "x", "y", "z"]
    assert [s.kind for s in worked.steps] == ["input", "input", "step", "step", "step"]
    assert [s.operations for s in worked.steps[2:]] == [("mul", "add"), ("add",), ("mul",)]
    pairs = [(e.source, e.target) for e in worked.edges]
    assert pairs == [("w", "x"), ("b", "x"), ("b", "y"), ("x", "z"), ("y", "z")]
    assert worked.step("x").line == "x=2*w+b"
    assert worked.step("x").formula == "2*w + b"


# MISSION A2
def test_values(worked: Explanation) -> None:
    assert [worked.value(n) for n in "wbxyz"] == [3, 4, 10, 5, 50]


# MISSION A3: every partial, of intermediate nodes too
def test_partials_and_gradients(worked: Explanation) -> None:
    partials = {(e.source, e.target): e.partial for e in worked.edges}
    assert partials == {
        ("x", "z"): 5, ("y", "z"): 10, ("b", "x"): 1, ("b", "y"): 1, ("w", "x"): 2
    }  # fmt: skip
    assert [worked.gradient(n) for n in "wbxyz"] == [10, 15, 5, 10, 1]


# MISSION A4
def test_gradient_is_the_sum_over_paths(worked: Explanation) -> None:
    ways = worked.paths("b")
    assert {p.names: (p.partials, p.product) for p in ways} == {
        ("b", "x", "z"): ((1.0, 5.0), 5.0),
        ("b", "y", "z"): ((1.0, 10.0), 10.0),
    }
    assert (ways.count, ways.total, ways.rest) == (2, 15, 0)
    (only,) = worked.paths("w")
    assert (only.names, only.product) == (("w", "x", "z"), 10)


def test_function_gives_the_same(worked: Explanation) -> None:
    e = wb.explain(affine)(3.0, 4.0)
    for name in "wbxyz":
        assert (e.value(name), e.gradient(name)) == (worked.value(name), worked.gradient(name))
    assert [s.name for s in e.steps] == [s.name for s in worked.steps]
    assert "x = 2 * w + b" in e.step("x").line
    assert e.derivation("b") == worked.derivation("b")


def test_names_of_lines_in_a_loop() -> None:
    def repeated(x: wb.Tensor) -> wb.Tensor:
        h = x
        for _ in range(3):
            h = wb.tanh(h) + h
        return wb.sum(h)

    e = wb.explain(repeated)(np.array([0.1, 0.2]))
    assert [s.name for s in e.steps if s.name[0] == "h"] == ["h", "h_2", "h_3"]
    assert e.model.result == "repeated"


def test_lambda_without_names_shows_every_operation() -> None:
    e = wb.explain(lambda w, b: (2 * w + b) * (b + 1))(3.0, 4.0)
    assert [s.formula for s in e.steps if s.kind == "step"] == ["2*w", "t1 + b", "b + 1", "t2*t3"]
    assert e.gradient("b") == 15


def test_unnamed_operations_are_steps_where_two_ways_would_be_one_number() -> None:
    e = wb.explain("k=w+1; z=(2*k+b)*(b+1)", w=2, b=4)
    assert e.paths("b").count == 2
    assert sorted(p.product for p in e.paths("b")) == [5, 10]


def test_detail() -> None:
    whole = wb.explain(TEXT, w=3, b=4, detail="all")
    assert [s.name for s in whole.steps if s.kind == "step"] == ["t1", "x", "y", "z"]
    assert len(wb.explain("z=sigmoid(2*w+1)", w=1, detail="names").steps) == 2
    with pytest.raises(BadInput, match="detail"):
        wb.explain(TEXT, w=3, b=4, detail="some")


# MISSION A7
def test_derivatives_are_formulas() -> None:
    e = wb.explain(TEXT, w=3, b=4)
    assert e.formula("b") == "dz/db = x + y"
    assert e.formula("b", expand=True) == "dz/db = 2*w + 2*b + 1"
    assert e.formula("b", order=2) == "d2z/db2 = 2"
    assert e.formula(["w", "b"]) == "d2z/dwdb = 2"
    assert e.formula("w", order=2) == "d2z/dw2 = 0"
    assert e.formula("b", order=3) == "d3z/db3 = 0"
    tex = r"\frac{\mathrm{d}^{2} z}{\mathrm{d} w \, \mathrm{d} b} = 2"
    assert e.formula(["w", "b"], form="latex") == tex


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("y=x**3", "dy/dx = 3*x**2", "d2y/dx2 = 6*x"),
        ("y=sin(x)", "dy/dx = cos(x)", "d2y/dx2 = -sin(x)"),
        ("y=exp(2*x)", "dy/dx = 2*exp(2*x)", "d2y/dx2 = 4*exp(2*x)"),
        ("y=log(x)", "dy/dx = 1/x", "d2y/dx2 = -1/x/x"),
    ],
)
def test_formulas_of_functions(text: str, first: str, second: str) -> None:
    e = wb.explain(text)
    assert e.formula("x", expand=True) == first
    assert e.formula("x", order=2, expand=True) == second


# MISSION A5
@pytest.mark.parametrize(
    ("move", "predicted", "after"),
    [
        ({"x": 0.1}, 0.5, 50.5),
        ({"y": 0.1}, 1.0, 51.0),
        ({"b": 0.1}, 1.5, 51.51),
        ({"w": 0.1}, 1.0, 51),
    ],
)
def test_small_changes(
    worked: Explanation, move: dict[str, float], predicted: float, after: float
) -> None:
    moved = worked.what_if(**move)
    np.testing.assert_allclose(
        [moved.predicted, moved.after, moved.actual], [predicted, after, after - 50], rtol=1e-12
    )


def test_a_moved_input_moves_what_reads_it(worked: Explanation) -> None:
    moved = worked.what_if(b=1.0, x=1.0)  # x = 2*3 + 5 + 1 = 12, y = 6
    assert (moved.after, moved.predicted) == (72, 20)
    assert "predicted z = 70" in str(moved)


@pytest.mark.parametrize("bad", [{}, {"q": 1.0}, {"w": np.nan}, {"w": "a"}, {"w": np.ones(2)}])
def test_bad_moves(worked: Explanation, bad: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        worked.what_if(**bad)


# MISSION A9: vectors and tensors
def test_tensor_contributions() -> None:
    x = np.array([1.0, 2.0])
    e = wb.explain("u=sum(x*x); v=softmax(x); z=u*sum(v*x)", x=x)

    def z(x: wb.Tensor) -> wb.Tensor:
        return wb.sum(x * x) * wb.sum(wb.softmax(x) * x)

    np.testing.assert_allclose(e.gradient("x"), wb.grad(z)(x), rtol=1e-12)
    arriving = [e.edge("x", t).contribution for t in ("u", "v", "z")]
    np.testing.assert_allclose(sum(arriving), e.gradient("x"), rtol=1e-12)
    np.testing.assert_allclose(sum(e.edge("x", t).share for t in "uvz"), 1.0, rtol=1e-12)
    np.testing.assert_allclose(e.edge("x", "u").norm, np.linalg.norm(arriving[0]), rtol=1e-12)
    assert e.step("v").operations == ("softmax",)  # a composite is one step
    with pytest.raises(NotSupported, match="tensors"):
        e.paths("x")
    assert "(∂u/∂x)' g_u" in e.derivation("x")


# MISSION A9: a result that is no scalar: J' g
def test_cotangent_of_a_vector_result() -> None:
    matrix, g = np.arange(6.0).reshape(2, 3), np.array([1.0, 10.0])
    explained = wb.explain(lambda x: wb.asarray(matrix) @ x, cotangent=g)(np.ones(3))
    np.testing.assert_allclose(explained.gradient("x"), matrix.T @ g)
    with pytest.raises(TypeMismatch, match="cotangent"):
        wb.explain(lambda x: x * 2)(np.ones(3))
    with pytest.raises(TypeMismatch, match="shape"):
        wb.explain(lambda x: x * 2, cotangent=[1.0])(np.ones(3))


def test_trees_are_named_by_their_places() -> None:
    def loss(p: dict[str, wb.Tensor], xs: list[wb.Tensor]) -> wb.Tensor:
        return wb.sum(p["w"] * xs[0] + p["b"])

    e = wb.explain(loss)({"w": np.ones(2), "b": 1.0}, [np.ones(2)])
    assert [s.name for s in e.steps if s.kind == "input"] == ["p.w", "p.b", "xs[0]"]
    assert e.gradient("p.b") == 2


def test_names_of_arguments_can_be_given() -> None:
    e = wb.explain(lambda *a: a[0] * a[1], names=["mass", "speed"])(2.0, 3.0)
    assert e.gradient("mass") == 3
    with pytest.raises(BadInput, match="names"):
        wb.explain(lambda a: a, names=["x", "y"])(1.0)


# MISSION A10
def test_kinks_are_said() -> None:
    e = wb.explain("y=abs(x); z=y+relu(x)", x=0)
    assert len(e.model.kinks) == 2
    assert e.model.kinks[0].startswith("in y=abs(x) at x = 0: abs has no derivative")
    assert "abs has no derivative" in e.text()
    assert wb.explain("y=abs(x)", x=1).model.kinks == ()


# MISSION A10
def test_an_integer_result_is_refused_with_the_reason() -> None:
    with pytest.raises(NotDifferentiable, match="argmax is integer valued"):
        wb.explain(lambda x: wb.argmax(x))(np.ones(3))


def test_not_finite_is_said() -> None:
    e = wb.explain("y=log(x); z=y*x", x=0)
    assert e.model.nonfinite[0] == "the value of y is not finite; it arises here, from finite x"
    assert "the gradient of x is not finite" in e.model.nonfinite
    assert wb.explain(TEXT, w=1, b=1).model.nonfinite == ()


# --- what is not known is never 0 -------------------------------------------------------------


def test_no_path_and_not_asked() -> None:
    e = wb.explain("k=3*w; x=2*w; z=x*b", w=1, b=2, wrt="b")
    assert (e.gradient("k"), e.step("k").why) == (None, "no path")
    assert (e.gradient("w"), e.step("w").why) == (None, "not asked for")
    assert e.formula("k") == "dz/dk: no path, z does not depend on k"
    assert e.derivation("k") == "z does not depend on k: no path"
    assert e.paths("k").count == 0
    assert e.paths("k").total is None


def test_without_values_nothing_is_a_number() -> None:
    e = wb.explain(TEXT)
    assert all(s.value is None and s.gradient is None and s.why == "not computed" for s in e.steps)
    assert all(x.partial is None and x.contribution is None for x in e.edges)
    assert e.formula("b") == "dz/db = x + y"
    for rendering in (e.text(), e.html(), e.mermaid(), e.latex()):
        assert "?" in rendering
    table = e.text().partition("\nThe partial")[0]
    assert "0" not in table.replace("not computed", "")
    assert e.paths("b").total is None
    with pytest.raises(BadInput, match="no values"):
        e.what_if(x=1)


def test_a_flat_step_has_derivative_0() -> None:
    e = wb.explain("y=floor(x); z=y*x", x=1.5)
    assert e.partial("x", "y") == 0
    assert e.gradient("x") == 1


def test_everything_flat_is_0_and_what_no_derivative_reaches_is_not() -> None:
    assert wb.explain("z=floor(x)", x=1.5).gradient("x") == 0
    e = wb.explain("z=where(x>1, 2, 3)", x=1.5)
    assert e.gradient("x") == 0
    assert e.partial("x", "t1") is None
    assert e.paths("x").total is None


def test_flags_have_no_derivative() -> None:
    e = wb.explain("z=where(x>1, x*x, x)", x=2, detail="all")
    (flag,) = [s for s in e.steps if s.type == "bool[]"]
    assert (flag.gradient, flag.why) == (None, "bool[] has no derivative")
    assert e.paths("x").total == 4


def test_bad_calls() -> None:
    with pytest.raises(BadInput, match="function or an expression"):
        wb.explain(3)
    with pytest.raises(BadInput, match="call its result"):
        wb.explain(affine, w=3)
    with pytest.raises(TypeMismatch, match="one tensor"):
        wb.explain(lambda x: (x, x))(1.0)
    with pytest.raises(TypeMismatch, match="do not fit"):
        wb.explain(affine)(1.0)
    with pytest.raises(BadInput, match="nothing is called q"):
        wb.explain(TEXT, w=3, b=4, wrt="q")
    with pytest.raises(BadInput, match="nothing is called"):
        wb.explain(TEXT, w=3, b=4).step("q")
    with pytest.raises(BadInput, match="does not read"):
        wb.explain(TEXT, w=3, b=4).edge("w", "z")
    with pytest.raises(BadInput, match="form"):
        wb.explain(TEXT, w=3, b=4).derivation("b", "prose")
    with pytest.raises(NotSupported, match="inside grad"):
        wb.grad(lambda x: wb.explain("y=2*a", a=1).gradient("a") * x)(1.0)


def test_captured_parameters_are_inputs() -> None:
    w = wb.asarray([2.0, 3.0], requires_grad=True)
    e = wb.explain(lambda x: wb.sum(w * x))(np.array([1.0, 10.0]))
    np.testing.assert_allclose(e.gradient("parameter1"), [1, 10])


# --- random expressions against finite differences ---------------------------------------------

_SMOOTH = st.sampled_from(["sin", "cos", "tanh", "sigmoid", "exp", "square"])


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Three to eight statements over a and b, bounded so that differences stay accurate."""
    names, lines = ["a", "b"], []
    for k in range(draw(st.integers(3, 8))):
        x, y = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        form = draw(
            st.sampled_from(
                ["{f}({x})", "{x}*{y}/2", "{x} - {y}", "{x}/(2 + {y}*{y})", "tanh({x} + {y}*{x})"]
            )
        )
        lines.append(f"v{k} = tanh({form.format(f=draw(_SMOOTH), x=x, y=y)})")
        names.append(f"v{k}")
    lines.append(f"z = {names[-1]}*{draw(st.sampled_from(names))} + {names[-2]}")
    return "; ".join(lines)


@settings(max_examples=40)
@given(programs(), st.floats(-1, 1), st.floats(-1, 1))
def test_against_finite_differences(text: str, a: float, b: float) -> None:
    used = wb.explain.parse(text).inputs
    at = {k: v for k, v in {"a": a, "b": b}.items() if k in used}
    e = wb.explain(text, **at)
    for name in used:
        h = 1e-5
        up, down = ({**at, name: at[name] + d} for d in (h, -h))
        slope = (wb.explain(text, **up).value("z") - wb.explain(text, **down).value("z")) / (2 * h)
        found = e.gradient(name)
        if found is None:
            assert e.step(name).why == "no path"
            found = 0.0
        np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-8)
        total = e.paths(name).total
        np.testing.assert_allclose(total or 0.0, found, rtol=1e-12, atol=1e-14)


def test_parameters_of_a_module_are_named() -> None:
    layer = wb.nn.Linear(2, 1)
    e = wb.explain(lambda m, x: wb.sum(m(x)))(layer, np.ones((3, 2), "float32"))
    assert [s.name for s in e.steps if s.kind == "input"] == ["m.weight", "m.bias", "x"]
    np.testing.assert_allclose(e.gradient("m.weight"), [[3, 3]])


@pytest.mark.parametrize("order", [0, -1, True, 1.5, "b"])
def test_an_order_that_is_no_count_is_refused(order: Any) -> None:
    with pytest.raises(BadInput, match=r"order is a whole number .* in one list"):
        wb.explain("z=w*b").formula("b", order)


def test_options_may_be_given_to_the_call() -> None:
    def f(w: Any, b: Any) -> Any:
        return w * b

    e = wb.explain(f, wrt="w")(1.0, 2.0, wrt="slope", names=["x", "slope"])
    assert e.gradient("slope") == 1.0
    assert [s.name for s in e.steps if s.kind == "input"] == ["x", "slope"]
    assert e.model.wrt == ("slope",)
    for make in (lambda: wb.explain(f, wrt=0), lambda: wb.explain(f)(1.0, 2.0, wrt=0)):  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="wrt='w'"):
            make()
    with pytest.raises(BadInput, match="names: one for each of the 2"):
        wb.explain(f)(1.0, 2.0, names=["x"])


def test_a_parameter_called_like_an_option_is_the_functions() -> None:
    assert wb.explain(lambda wrt: wrt * 2.0)(wrt=3.0).gradient("wrt") == 2.0
    e = wb.explain(lambda names, k: names * k, wrt="k")(names=3.0, k=2.0)
    assert e.gradient("k") == 3.0
