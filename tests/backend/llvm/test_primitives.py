"""Every primitive as native code, beside the interpreter.

Operands of all dtypes, in all layouts, of sizes around a vector's; the derivatives; for processors
with vectors of all widths. What a record calls `whole` is NumPy's within native programs too, and
agrees to the bit where it reads the same.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.backend.llvm.agreement import (
    Estimates,
    Undecided,
    agree,
    check,
    compiled,
    interpreted,
    natively,
    with_derivatives,
)
from tests.ops.cases import (
    CASES,
    FLOATS,
    INTEGERS,
    Array,
    Case,
    accepted,
    has_derivative,
    in_dtype,
    named,
)
from tests.ops.test_dtypes import EMPTY
from wingbeat.backend.base import StepFailed
from wingbeat.backend.llvm import target
from wingbeat.ir import Node
from wingbeat.transform import inlined, vjp

NUMBER = {case: k for k, case in enumerate(CASES)}
PROCESSORS = ("host", "haswell", "nehalem", "x86-64")


def usable() -> list[str]:
    """Processors whose code runs here, widest vectors first."""
    widest = target.host().bits
    x86 = [name for name in PROCESSORS[1:] if target.X86[name].bits <= widest]
    return ["host", *x86] if platform.machine().lower() in ("x86_64", "amd64") else ["host"]


def program(case: Case) -> tuple[Node, dict[Node, Array]]:
    xs = case.leaves()
    (z,) = inlined([case.apply(*xs)])
    return z, dict(zip(xs, case.draw(), strict=True))


# --- dtypes and layouts -----------------------------------------------------------------------


def every_dtype(case: Case) -> list[Case]:
    """The case in all dtypes that its operands may have."""
    if case.sample.dtypes and not set(case.dtypes) > {"float64"}:
        return [case]  # pow refuses integers to negative powers
    swapped = [in_dtype(case, dtype) for dtype in (*FLOATS, *INTEGERS, "bool")]
    return [c for c in dict.fromkeys(swapped) if accepted(c)]


def layouts(a: Array) -> Iterator[Array]:
    """Equal arrays that lie in memory in other ways; the last one is a number in all places."""
    yield a.T.copy().T
    yield np.flip(a).copy()[(*(slice(None, None, -1) for _ in a.shape), ...)]
    wide = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
    wide[(*(slice(None, None, 2) for _ in a.shape), ...)] = a
    yield wide[(*(slice(None, None, 2) for _ in a.shape), ...)]
    odd = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    odd[...] = a
    yield odd
    fixed = a.copy()
    fixed.setflags(write=False)
    yield fixed


@pytest.mark.parametrize("case", named(CASES))
def test_in_every_dtype_and_layout(case: Case) -> None:
    """One program for all dtypes, run on operands in each layout."""
    made = [program(c) for c in every_dtype(case)]
    roots = [z for z, _ in made]
    feed = {n: x for _, arrays in made for n, x in arrays.items()}
    estimates = Estimates(feed)
    leaves, run = compiled(roots)
    for arrays in (
        [feed[n] for n in leaves],
        *zip(*(layouts(feed[n]) for n in leaves), strict=True),
    ):
        before = [a.copy() for a in arrays]
        for z, got in zip(roots, run(arrays), strict=True):
            check(got, *estimates.of(z), what=str(z))
        for array, copy in zip(arrays, before, strict=True):
            assert_array_equal(array, copy)


@pytest.mark.parametrize("case", named(CASES))
def test_repeated_operands(case: Case) -> None:
    """The first element of each operand in all places, with strides of 0."""
    z, feed = program(case)
    first = {n: a[(*(slice(0, 1) for _ in a.shape), ...)] for n, a in feed.items()}
    repeated = {n: np.broadcast_to(a, n.shape) for n, a in first.items()}
    agree([z], repeated)


@pytest.mark.parametrize("case", named(EMPTY))
def test_empty_operands(case: Case) -> None:
    z, feed = program(case)
    _agree_where_decided([z], feed)


# --- sizes and processors ---------------------------------------------------------------------


def grown(case: Case, size: int) -> Iterator[Case]:
    """The case with one extent, wherever it occurs, made `size`."""
    for extent in sorted({n for shape in case.sample.shapes for n in shape} - {0, 1}):
        shapes = tuple(tuple(size if n == extent else n for n in s) for s in case.sample.shapes)
        for attrs in (case.sample.attrs, _grown(case.sample.attrs, extent, size)):
            larger = replace(case, sample=replace(case.sample, shapes=shapes, attrs=attrs))
            if sum(map(np.prod, shapes)) < 30_000 and accepted(larger):
                yield larger
                break


def _grown(attrs: Any, extent: int, size: int) -> Any:
    """Tuples of attributes may name extents."""
    grow = lambda v: tuple(size if n == extent else n for n in v) if isinstance(v, tuple) else v  # noqa: E731
    return tuple((name, grow(value)) for name, value in attrs)


def sized(case: Case) -> tuple[str, list[Case]]:
    """A processor, and the case in sizes around those of its vectors; others for the next case."""
    number, names = NUMBER[case], usable()
    name, dtype = names[number % len(names)], FLOATS[number % len(FLOATS)]
    lanes = target.named(name).bits // 32
    sizes = (lanes - 1, lanes, lanes + 1, 2 * lanes + 3, 1003, 1)
    chosen = [sizes[(number // k) % len(sizes)] for k in (1, 4)]
    found = [c for size in dict.fromkeys(chosen) for c in grown(in_dtype(case, dtype), size)]
    return name, found or [in_dtype(case, dtype)]


@pytest.mark.parametrize("case", named(CASES))
def test_derivatives_in_sizes_around_a_vectors(case: Case) -> None:
    name, cases = sized(case)
    with target.forced(name):
        for larger in cases:
            z, feed = program(larger)
            roots = [z]
            if has_derivative(larger):
                roots, directions = with_derivatives(z, [x for x in feed if x.type.inexact])
                feed |= directions
            _agree_where_decided(roots, feed)


def _agree_where_decided(roots: list[Node], feed: dict[Node, Array]) -> None:
    """All roots in one program; those are compared whose numbers rounding does not decide."""
    try:
        interpreted(roots, feed)
    except StepFailed as failure:  # a position outside: nothing can be gathered from nothing
        with pytest.raises(StepFailed) as native:
            natively(roots, feed)
        assert (str(native.value), native.value.step) == (str(failure), failure.step)
        return
    estimates = Estimates(feed)
    for root, got in zip(roots, natively(roots, feed), strict=True):
        try:
            want = estimates.of(root)
        except Undecided:
            continue
        check(got, *want, what=str(root))


@pytest.mark.parametrize("case", named([c for c in CASES if has_derivative(c)][::5]))
def test_second_derivatives(case: Case) -> None:
    z, feed = program(case)
    moving = list(feed)
    roots, directions = with_derivatives(z, [x for x in moving if x.type.inexact])
    gradient = roots[-1]
    more = vjp([gradient], [x for x in moving if x.type.inexact], [gradient])
    _agree_where_decided([*filter(None, more)], feed | directions)
