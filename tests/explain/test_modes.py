"""Reverse mode, forward mode and every path: counted and run."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import NotSupported

TEXT = "x=2*w+b; y=b+1; z=x*y"


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


def test_modes_where_nothing_depends_on_what_was_asked() -> None:
    modes = wb.explain("y=2*x; z=3*w", x=1, w=2, wrt="x").modes()
    assert [mode.multiplications for mode in modes] == [0, 0, 0]


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
