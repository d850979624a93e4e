"""The text of a graph: reads back as the same graph, or is refused with the line that is wrong."""

from __future__ import annotations

import math
import random
import re

import pytest

from tests.ops.cases import CASES, run
from wingbeat.errors import InvalidGraph
from wingbeat.ir import Node, check, full, leaf, tensor_type
from wingbeat.ir.text import from_text, names, to_text
from wingbeat.ops.arithmetic import add, mul
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.transcendental import sin

F = tensor_type((3,))
TEXT = """graph(x: f64[3], y: f64[3]) {
  %0 = mul(x, y) : f64[3]
  %1 = sum(%0, axes=(0,)) : f64[]
  return %1
}
"""


def test_literal() -> None:
    x, y = leaf(F, "x"), leaf(F, "y")
    assert to_text([add_up(mul(x, y), axes=(0,))]) == TEXT
    (root,), (x, y) = from_text(TEXT)
    assert root.inputs[0].inputs == (x, y)
    assert to_text([root]) == TEXT


def test_order_of_leaves_and_several_results() -> None:
    x, y = leaf(F, "x"), leaf(F, "y")
    text = to_text([sin(x), x, sin(x)], [y, x])
    assert text == "graph(y: f64[3], x: f64[3]) {\n  %0 = sin(x) : f64[3]\n  return %0, x, %0\n}\n"
    roots, leaves = from_text(text)
    assert roots == [sin(leaves[1]), leaves[1], sin(leaves[1])]


def test_no_leaves() -> None:
    text = to_text([full(2.5, F)])
    assert text.startswith("graph() {")
    assert to_text(from_text(text)[0]) == text


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e-320, 0.1, -3.0, -0.0, 1e300])
def test_numbers_read_back(value: float) -> None:
    (root,), _ = from_text(to_text([full(value, F)]))
    assert root is full(value, F)


def test_call_sites_are_shown_and_skipped() -> None:
    from wingbeat.ir.node import build

    x = leaf(F, "x")
    text = to_text([build(sin, (x,), (), ("a (b) : c.py", 7))], sites=True)
    assert "  # a (b) : c.py:7\n" in text
    (root,), (again,) = from_text(text)
    assert root is sin(again)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x y",
        "0",
        "_0",
        "_1",
        "lambda",
        "None",
        "f",
        "inf",
        "nan",
        "ﬁ",
        "β",
        "_",
        "%0",
        "x_0",
        "é",
    ],
)
def test_leaves_of_any_name_read_back(name: str) -> None:
    nodes = [leaf(F, name), leaf(F, name), leaf(F, "x")]
    total = add(add(sin(nodes[0]), nodes[1]), nodes[2])
    text = to_text([total])
    (root,), leaves = from_text(text)
    assert to_text([root]) == text
    assert len(leaves) == 3
    assert len(set(names(nodes).values())) == 3


def test_readable_names_are_kept() -> None:
    nodes = [leaf(F, n) for n in ("x", "weight_2", "β", "x")]
    assert list(names(nodes).values()) == ["x", "weight_2", "β", "x_0"]


REFUSED = {
    "": "opens with",
    "graph() {\n}": "opens with",
    TEXT.replace("}\n", ""): "opens with",
    TEXT.replace("mul", "mull"): "no primitive is called 'mull'",
    TEXT.replace("mul(x, y)", "mul(x, z)"): "'z'",
    TEXT.replace("mul(x, y)", "mul(x)"): "mul",
    TEXT.replace("mul(x, y)", "mul(x, 2.0)"): "operands are names",
    TEXT.replace("mul(x, y)", "mul(x, y, axes=(0,))"): "is no attribute of mul",
    TEXT.replace("axes=(0,)", "axes=(0.0,)"): "is no attribute of sum",
    TEXT.replace("axes=(0,)", "axes=(False,)"): "is no attribute of sum",
    TEXT.replace("axes=(0,)", "axes=[0]"): "is no attribute of sum",
    TEXT.replace("axes=(0,)", "axes=(1,)"): "axes",
    TEXT.replace("axes=(0,)", "**{}"): "malformed|attribute",
    TEXT.replace("axes=(0,)", "axes=(0,), axes=(0,)"): "given twice",
    TEXT.replace("axes=(0,)", "axes=open('x')"): "malformed",
    TEXT.replace("mul(x, y)", "mul(x, y) + f(x, y)"): "cannot read|parentheses|no primitive",
    TEXT.replace("mul(x, y)", "mul(x, y) + (x)"): "parentheses|operands",
    TEXT.replace(": f64[]", ": f32[]"): "sum gives f64",
    TEXT.replace(": f64[]", ": f64"): "cannot read",
    TEXT.replace("x: f64[3]", "x: f99[3]"): "is not a type",
    TEXT.replace("y: f64[3]", "x: f64[3]"): "no new name",
    TEXT.replace("x: f64[3],", "x: f64[3]"): "no new name",
    TEXT.replace("%1", "%0"): "computed twice",
    TEXT.replace("return %1", "return %2"): "known names",
    TEXT.replace("return %1", "return"): "known names",
    TEXT.replace("return %1\n", "return %1\n  return %1\n"): "cannot read",
    TEXT.replace("axes=(0,)", "axes=(" + "(" * 300 + "0" + ")" * 300 + ",)"): ".",
    TEXT.replace("axes=(0,)", "axes=" + "-" * 5000 + "1"): ".",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(InvalidGraph, match=message):
        from_text(text)


def test_constants_that_do_not_fit_are_refused() -> None:
    for value, dtype in [
        ("1", "float64"),
        ("1.5", "int64"),
        ("300", "int8"),
        ("1", "bool"),
        ("-1", "uint8"),
        ("True", "int64"),
    ]:
        short = {"float64": "f64", "int64": "i64", "int8": "i8", "bool": "bool", "uint8": "u8"}[
            dtype
        ]
        line = f"  %0 = full(dtype='{dtype}', shape=(), value={value}) : {short}[]"
        with pytest.raises(InvalidGraph):
            from_text(f"graph() {{\n{line}\n  return %0\n}}\n")


# Mutations

SOURCES = [TEXT, *(to_text([case.apply(*case.leaves())]) for case in CASES)]
PIECES = re.compile(r"\w+|\s+|.", re.DOTALL)
STRAY = [
    "(",
    ")",
    ",",
    "%0",
    "%9",
    "x",
    "=",
    ":",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "-",
    "0",
    "7",
    "1e9",
    "'",
    "None",
    "True",
    "nan",
    "f32[3]",
    "mul",
    "axes",
    "(0,)",
    "#",
    "\x00",
    "٣",
    "**",
    "lambda: 0",
]


def mutated(text: str, rng: random.Random) -> str:
    """One to three pieces dropped, doubled, exchanged or replaced."""
    pieces = PIECES.findall(text)
    for _ in range(rng.randint(1, 3)):
        k, j = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        change = rng.randrange(5)
        if change == 0:
            pieces[k] = ""
        elif change == 1:
            pieces[k] *= 2
        elif change == 2:
            pieces[k], pieces[j] = pieces[j], pieces[k]
        elif change == 3:
            pieces[k] = rng.choice(STRAY)
        else:
            pieces[k] += rng.choice(STRAY)
    return "".join(pieces)


def read_or_refused(text: str) -> list[Node] | None:
    try:
        roots, leaves = from_text(text)
    except InvalidGraph as error:
        assert str(error)
        return None
    check(roots, leaves)
    again, _ = from_text(to_text(roots, leaves))
    assert to_text(again) == to_text(roots)
    return roots


def test_mutations_are_refused_or_read_as_a_graph() -> None:
    """Nothing but InvalidGraph is raised, and what is read is well formed."""
    rng = random.Random(20)
    outcomes = [read_or_refused(mutated(text, rng)) for text in SOURCES for _ in range(12)]
    refused = sum(roots is None for roots in outcomes)
    assert refused > 1000
    assert len(outcomes) - refused > 50


def test_every_truncation_is_refused() -> None:
    for k in range(len(TEXT) - 2):
        with pytest.raises(InvalidGraph):
            from_text(TEXT[:k])


def test_values_survive() -> None:
    for case in CASES[::3]:
        xs = case.leaves()
        z = case.apply(*xs)
        (root,), leaves = from_text(to_text([z], xs))
        arrays = case.draw()
        (want,) = run([z], dict(zip(xs, arrays, strict=True)))
        (got,) = run([root], dict(zip(leaves, arrays, strict=True)))
        assert got.tobytes() == want.tobytes()
