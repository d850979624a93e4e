"""What is asked of an explanation wrongly is refused in words, never with an error of Python's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import nn
from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.explain import Explanation


@pytest.fixture(scope="module")
def worked() -> Explanation:
    return wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4)


@pytest.fixture(scope="module")
def network() -> Explanation:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    x = np.ones((2, 2), "float32")
    return wb.explain(lambda model, x: wb.sum(model(x)))(model, x)


CALLS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "closed, a list": (lambda e: e.closed(["x"]), "closed: symbols is a dict"),
    "closed, a text": (lambda e: e.closed("g"), "closed: symbols is a dict"),
    "closed, a number as symbol": (lambda e: e.closed({3: "x"}), "closed: symbols is a dict"),
    "closed, no symbol": (lambda e: e.closed({"": "x"}), "closed: symbols is a dict"),
    "closed, a list as name": (lambda e: e.closed({"g": ["x"]}), "closed: symbols is a dict"),
    "closed, wrt": (lambda e: e.closed({}, 3), "closed: wrt is a name or a list of names"),
    "closed, unknown": (lambda e: e.closed({}, "w_11"), "nothing is called w_11"),
    "general": (lambda e: e.general(3), "general: indices is a dict"),
    "general, letters": (lambda e: e.general({"w": 3}), "general: indices is a dict"),
    "paths, part of one": (lambda e: e.paths("w", k=2.5), "paths: k is a whole number from 1 on"),
    "paths, a text": (lambda e: e.paths("w", k="a"), "paths: k is a whole number from 1 on"),
    "paths, a truth": (lambda e: e.paths("w", k=True), "paths: k is a whole number from 1 on"),
    "paths, none": (lambda e: e.paths("w", k=0), "paths: k must be at least 1, not 0"),
    "text, a text": (lambda e: e.text("a"), "number of columns is a whole number from 1 on"),
    "text, part of one": (lambda e: e.text(2.5), "number of columns is a whole number from 1 on"),
    "text, fewer than none": (lambda e: e.text(-5), "columns must be at least 1, not -5"),
    "cost, none": (lambda e: e.cost().text(0), "columns must be at least 1, not 0"),
    "folded, none": (lambda e: e.folded(0), "boxes must be at least 2, not 0"),
    "folded, a text": (lambda e: e.folded("a"), "boxes is a whole number from 2 on, not 'a'"),
    "save_html": (lambda e: e.save_html(3), "save_html: the file is a path, as 'why.html', not 3"),
    "formula": (lambda e: e.formula(3), "formula: wrt is a name or a list of names"),
}


@pytest.mark.parametrize("call", CALLS)
def test_wrong_arguments(worked: Explanation, call: str) -> None:
    ask, message = CALLS[call]
    with pytest.raises(BadInput, match=message):
        ask(worked)


@pytest.mark.parametrize("sample", ["a", 0.5, True, None])
def test_samples_that_are_no_number(network: Explanation, sample: Any) -> None:
    with pytest.raises(BadInput, match="neurons: the sample is a whole number"):
        network.neurons(sample)


def test_right_arguments_of_other_types(
    worked: Explanation, network: Explanation, tmp_path: Path
) -> None:
    assert len(worked.paths("b", k=np.int64(1))) == 1  # type: ignore[arg-type]
    assert network.neurons(np.int32(1)).layers  # type: ignore[arg-type]
    assert worked.closed(wrt="w")[0].right == "2*y"
    assert [f.name for f in worked.closed({}, ("b", "w"))] == ["b", "w"]
    worked.save_html(tmp_path / "why.html")
    worked.save_html(str(tmp_path / "again.html"))
    assert (tmp_path / "why.html").read_bytes() == (tmp_path / "again.html").read_bytes()


@pytest.mark.parametrize("cotangent", ["a", [1, 1j], [[1], [1, 2]], {}, [None, 1]], ids=repr)
def test_cotangents_that_are_no_numbers(cotangent: Any) -> None:
    with pytest.raises(TypeMismatch, match=r"cotangent: .* is no array of numbers"):
        wb.explain("y=x*x", x=[1, 2], cotangent=cotangent)


def test_a_cotangent_by_hand() -> None:
    e = wb.explain("y=x*x", x=[1, 2], cotangent=[3, True])
    np.testing.assert_array_equal(e.gradient("x"), [6.0, 4.0])


@pytest.mark.parametrize("wrt", [3.5, [3], {"x"}])
def test_wrt_that_is_no_name(wrt: Any) -> None:
    with pytest.raises(BadInput, match="explain: wrt is a name or a list of names"):
        wb.explain("y=x*x", x=1, wrt=wrt)
    with pytest.raises(BadInput, match="explain: wrt is a name or a list of names"):
        wb.explain(lambda x: x * x, wrt=wrt)


@pytest.mark.parametrize("names", [3.5, [3]])
def test_names_that_are_none(names: Any) -> None:
    with pytest.raises(BadInput, match="explain: names is a name or a list of names"):
        wb.explain(lambda x: x * x, names=names)
