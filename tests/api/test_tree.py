"""Trees: what opens, what fits, what is refused."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.api import tree
from wingbeat.errors import TypeMismatch


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any = 2
    computed: Any = field(init=False, default=7)


trees = st.recursive(
    st.integers() | st.none(),
    lambda t: (
        st.lists(t, max_size=3)
        | st.tuples(t, t)
        | st.dictionaries(st.sampled_from("abc"), t, max_size=3)
        | st.builds(Point, t, t)
        | st.builds(Frozen, t, t)
    ),
)


@given(trees)
def test_a_tree_is_rebuilt_from_its_leaves(t: Any) -> None:
    leaves, rebuild = tree.flatten(t)
    assert rebuild(leaves) == t
    assert tree.map(lambda v: v, t) == t
    assert tree.matched(t, t) == leaves
    assert tree.prefix(0, t, "x") == [0] * len(leaves)
    assert tree.leaves(tree.map(lambda v: -v, t)) == [-v for v in leaves]


def test_kinds_are_kept() -> None:
    d = defaultdict(list, a=1)
    found = tree.map(lambda v: v + 1, [d, OrderedDict(b=1, a=2), Point(1, 2), Frozen(1)])
    assert found == [{"a": 2}, OrderedDict(b=2, a=3), Point(2, 3), Frozen(2, 3)]
    assert found[0]["new"] == []
    assert type(found[1]) is OrderedDict
    assert d == {"a": 1}


def test_dicts_meet_by_their_keys() -> None:
    assert tree.map(lambda a, b: (a, b), {"a": 1, "b": 2}, {"b": 20, "a": 10}) == {
        "a": (1, 10),
        "b": (2, 20),
    }
    x, t = {"a": 1.0, "b": 2.0}, {"b": 100.0, "a": 1.0}
    moved = wb.jvp(lambda x: x["a"] * 10 + x["b"], (x,), (t,))[1]
    assert moved.item() == 110.0


def test_paths_read_the_leaves() -> None:
    x = {"a": [1, Point(2, (3,))], 7: Frozen(4, None), "empty": {}}
    read = [eval(f"x{path}", {"x": x}) for path in tree.paths(x)]
    assert read == tree.leaves(x) == [1, 2, 3, 4]
    assert tree.paths(x) == ["['a'][0]", "['a'][1].x", "['a'][1].y[0]", "[7].a"]
    assert (tree.paths(5), tree.paths(None)) == ([""], [])


@given(trees)
def test_every_leaf_has_a_path(t: Any) -> None:
    assert [eval(f"t{path}", {"t": t}) for path in tree.paths(t)] == tree.leaves(t)


def test_lists_and_tuples_are_of_one_form() -> None:
    assert tree.matched([1, (2, 3)], (1, [2, 3])) == [1, 2, 3]


@pytest.mark.parametrize(
    ("x", "other"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, [1]),
        ([1, 2], [1]),
        ([1], 1),
        (1, [1]),
        (None, 1),
        (1, None),
        (Frozen(1), Point(1, 2)),
        ([1, [2, 3]], [[1, 2], 3]),
    ],
)
def test_other_forms_are_refused(x: Any, other: Any) -> None:
    with pytest.raises(TypeMismatch, match="is needed"):
        tree.map(lambda a, b: a, x, other)


def test_a_tree_takes_as_many_leaves_as_it_has() -> None:
    with pytest.raises(TypeMismatch, match="2 leaves"):
        tree.flatten([1, 2])[1]([1])


def test_registered_classes_open() -> None:
    class Box:
        def __init__(self, content: Any, label: str) -> None:
            self.content, self.label = content, label

    class Special(Box):
        pass

    tree.register(Box, lambda b: ([b.content], (type(b), b.label)), lambda r, c: r[0](c[0], r[1]))
    found = wb.grad(lambda b: b.content["w"] ** 2)(Special({"w": 3.0}, "mine"))
    assert (type(found), found.label, found.content["w"].item()) == (Special, "mine", 6.0)


def test_prefixes_choose_for_what_is_below() -> None:
    assert tree.prefix({"a": 0, "b": None}, {"b": [1, 2], "a": 3}, "x") == [None, None, 0]
    for bad in ("a", 0.5, True, [0], {"a": 0}):
        with pytest.raises(TypeMismatch, match=r"^x: "):
            tree.prefix(bad, {"a": 1, "b": 2}, "x")
