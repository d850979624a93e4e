"""Texts that are formulas, and texts that are not."""

import math
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import BadExpression, BadInput
from wingbeat.explain import parse, read_value


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("2**3**2", {}, 512.0),
        ("-2**2", {}, -4.0),
        ("7 // 2 + 7 % 4", {}, 6.0),
        ("y = 1e3*x\nz = y - pi", {"x": 1}, 1000 - math.pi),
        ("max(a, b, 3)", {"a": 1, "b": 2}, 3.0),
        ("max(a) + min(a)", {"a": [1, 5]}, 6.0),
        ("where(a >= 1, a, -a)", {"a": -3}, 3.0),
        ("e", {}, math.e),
        ("u @ v", {"u": [1, 2], "v": [3, 4]}, 11.0),
        ("sum(transpose(u) @ u)", {"u": [[1, 2]]}, 9.0),
        ("β = 2*α; β", {"α": 2}, 4.0),
        ("log(\n x\n)", {"x": 1}, 0.0),
        (" a = x ;; b = a ; ", {"x": 4}, 4.0),
        ("9**9**9", {}, math.inf),
        ("x" + "+x" * 1500, {"x": 1}, 1501.0),
    ],
)
def test_formulas(text: str, values: dict[str, float], result: float) -> None:
    e = wb.explain.explain_text(text, values, wrt=[])
    np.testing.assert_allclose(e.step(e.model.result).value, result, rtol=1e-14)


def test_where_the_error_is() -> None:
    with pytest.raises(BadExpression) as caught:
        parse("x=2*w; y=x+__import__(w)")
    lines = str(caught.value).split("\n")
    assert "there is no function __import__" in lines[0]
    assert lines[1][lines[2].index("^") :].startswith("__import__")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" ; ;", "empty"),
        ("y = x x", "cannot be read"),
        ("y = ", "cannot be read"),
        ("x = x + 1", "refers to itself"),
        ("y = z; z = x", "used before it is assigned"),
        ("y = x; y = 2*x", "assigned twice"),
        ("sni(x)", "did you mean sin?"),
        ("y = sin", "is a function"),
        ("sin = 3", "is a function"),
        ("pi = 3", "is the number 3.14159"),
        ("e = x", "is the number 2.71828"),
        ("sin(x, y)", "sin takes 1 argument, not 2"),
        ("where(x, y)", "where takes 3 arguments"),
        ("max()", "1 or more arguments"),
        ("y = a < b", "comparison"),
        ("where(a < b < c, a, b)", "one comparison"),
        ("where(a, a, b)", "condition"),
        ("a.b", "attributes"),
        ("a[0]", "indexing"),
        ("a if b else c", "where(condition"),
        ("a and b", "and, or"),
        ("[1, 2]", "a list"),
        ("(1, 2)", "pair"),
        ("lambda x", "cannot be read"),
        ("(x := 3)", "':'"),
        ("f'{x}'", "text"),
        ("x ^ 2", "x**2"),
        ("x # note", "comments"),
        ("a = b = 3", "no assignment"),
        ("a += 3", "no assignment"),
        ("a, b = 3", "no assignment"),
        ("sum(x, axis=0)", "values only"),
        ("sum(*x)", "values only"),
        ("2 3", "cannot be read"),
        ("x; y = 2*x", "no name"),
        ("1j*x", "no number"),
        ("True", "no number"),
        ("...", "no number"),
        ("1e999", "larger than any float64"),
        ("9" * 400, "larger than any float64"),
        ("9" * 5000, "cannot be read"),
        ("(" * 1000 + "x" + ")" * 1000, "nested more than 100 deep"),
        ("x)", "closes no bracket"),
        ("-" * 9000 + "x", "nested too deeply"),
        ("x" * 10_001, "at most 10000"),
        ("import os", "no assignment"),
        ("del x", "no assignment"),
        ("x\x00y", "no meaning"),
        ("not x", "not allowed"),
        ("x is y", "comparison"),
        ("()()", "no function's name"),
        ("await x", "not allowed"),
        ("yield", "not allowed"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadExpression) as caught:
        wb.explain(text)
    assert said in str(caught.value).split("\n")[0]


_NOT = [
    "__import__('os')", "open('x')", "x.__class__", "().__class__", "eval('1')", "exec()",
    "x@@y", "[x for x in y]", "{1: 2}", "{x}", "x!", "x!!y", "a=>b", "x = = y", "print x",
    "class A", "def f", "return x", "x//", "**x", "x=", "=x", "= =", "1..2.3", "0x", "0b2",
    "1_", "07", "1e", "x y z", "f(x)(y)", "sin(x)(y)", "sin()", "(", "[", "]", "((x)", "x,,y",
    "sin(,)", "sin(x,)y", "@x", "x@", "%", "x % % y", "$x", "`x`", "x?", "~x", "a & b",
    "a | b", "a << b", "a >> b", "a <> b", "a == b", "a != b", "where(a=b, a, b)",
    "where(a < b, a)", "x[0] = 1", "x.y = 1", "(a) = b = c", "1 = x", "sin(x) = 2", "x =: 3",
    "a; b; c", "if x", "for x", "while x", "pass;x y", "assert x", "global x", "nonlocal x",
    "raise", "try", "with x", "async x", "x in y", "x not in y", "None", "a if b", "else",
    '\\x', 'x\\', "'a'", '"a"', "'''", "b'x'", "r'x'", "0xg", "1.2.3", ".", "..", "..x",
    "x..y", "x=y=z=1", "*x", "**", "sin(**x)", "sin(x=1)", "max(x for x in y)", '\u2028', "√x",
    "x²", "2×3", "½", "∞",

]  # fmt: skip


# Over 300 texts that are no formulas: each one alone, and behind a good statement.
@pytest.mark.parametrize("around", ["{}", "q = 1; {}", "y = 2*({})", "{}; k = 3"])
@pytest.mark.parametrize("text", _NOT)
def test_no_formula(text: str, around: str) -> None:
    with pytest.raises(BadExpression):
        wb.explain(around.format(text))


def test_there_are_enough_of_them() -> None:
    assert 4 * len(set(_NOT)) > 300


_PIECES = st.sampled_from(
    [
    "x", "y", "=", "==", "+", "-", "*", "**", "/", "(", ")", "[", "]", ",", ";", '\n', "sin",
    "where", "<", "9", "1e9", ".", "@", "lambda", "if", "else", "for", "__class__", "'", '"',
    "{", "}", ":=", '\\', '\x00', " ",
]
)  # fmt: skip


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=25).map("".join)))
def test_random_text_ends_in_an_answer_or_bad_input(text: str) -> None:
    begun = time.monotonic()
    with suppress(BadInput):
        wb.explain.explain_text(text, {"x": 2.0, "y": 3.0})
    assert time.monotonic() - begun < 5.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"w": 3}, "b has no value; add b=..."),
        ({"c": 3}, "c is not in the expression"),
        ({"w": 1, "b": 2, "bb": 3}, "did you mean b?"),
        ({"w": 1, "b": 2, "z": 3}, "z is computed by the expression"),
        ({"w": "three", "b": 2}, "w: 'three' is no value"),
        ({"w": [[1], [1, 2]], "b": 2}, "no value"),
        ({"w": 1j, "b": 2}, "no value"),
        ({"w": None, "b": 2}, "no value"),
        ({"w": {"a": 1}, "b": 2}, "no value"),
    ],
)
def test_values_that_do_not_fit(values: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        wb.explain("z = 2*w + b", **values)
    assert said in str(caught.value)


def test_shapes_that_do_not_fit_are_shown_where() -> None:
    with pytest.raises(BadExpression) as caught:
        wb.explain("y = 2*u; z = sum(y*v)", u=[1, 2], v=[1, 2, 3])
    first, line, caret = str(caught.value).split("\n")
    assert "do not broadcast" in first
    assert line[caret.index("^") :] == "y*v)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3.0),
        (" -1e-3 ", -1e-3),
        ("inf", math.inf),
        ("[1, 2]", [1, 2]),
        ("[[1],[2]]", [[1], [2]]),
    ],
)
def test_values(text: str, value: object) -> None:
    np.testing.assert_array_equal(read_value(text), np.asarray(value, float))


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "1+1", "[1,", "[1, [2]]", "1,2", "(1)", "1e999999x", "__import__", "[" * 5000,
     "--1", "1 2", "'3'", "{1}", "[1][0]", "9" * 200_000, "+-inf", "[inf]", "1__0",
     "None", "True", "..."],
)  # fmt: skip
def test_texts_that_are_no_value(text: str) -> None:
    with pytest.raises(BadInput):
        read_value(text)


@settings(max_examples=200)
@given(st.text(max_size=30))
def test_random_value_text(text: str) -> None:
    with suppress(BadInput):
        read_value(text)
