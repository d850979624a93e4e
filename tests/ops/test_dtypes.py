"""Each primitive in every dtype that it accepts, and with empty operands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

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
    run,
)
from tests.ops.laws import (
    backends_agree,
    close,
    layout_is_immaterial,
    tolerance,
    type_rule_is_numpys,
    vjp_is_the_adjoint,
    vmap_is_a_loop,
)
from wingbeat.backend.base import StepFailed
from wingbeat.errors import OutOfRange
from wingbeat.ir import leaf
from wingbeat.transform import inlined, jvp, vjp

VARIED = [case for case in CASES if "float64" in case.dtypes]
NARROW = [in_dtype(case, dtype) for case in VARIED for dtype in ("float32", "float16")]
# A case whose sample fixes all dtypes is drawn for these: pow refuses integers to negative powers.
WHOLE = [
    swapped
    for case in CASES
    if not case.sample.dtypes or set(case.dtypes) > {"float64"}
    for dtype in ("bool", *INTEGERS)
    if accepted(swapped := in_dtype(case, dtype)) and swapped.dtypes != case.dtypes
]


def emptied(case: Case) -> list[Case]:
    """The case with every axis of one extent made empty, for each extent, where that is allowed."""
    extents = {n for shape in case.sample.shapes for n in shape}
    made = [
        replace(
            case,
            sample=replace(
                case.sample,
                shapes=tuple(tuple(0 if n == extent else n for n in s) for s in case.sample.shapes),
            ),
        )
        for extent in sorted(extents - {0})
    ]
    return [empty for empty in made if accepted(empty)]


EMPTY = [empty for case in CASES for empty in emptied(case)]


def same_operands_everywhere(case: Case) -> str:
    return f"{case.p.name}-{'-'.join(case.dtypes)}"


@pytest.mark.parametrize("case", NARROW, ids=same_operands_everywhere)
def test_narrow_floats(case: Case) -> None:
    type_rule_is_numpys(case)
    backends_agree(case)
    layout_is_immaterial(case)


@pytest.mark.parametrize("case", NARROW, ids=same_operands_everywhere)
def test_narrow_floats_against_float64(case: Case) -> None:
    """Values, tangents and cotangents: the same graph on the same numbers, with more digits."""
    arrays = case.draw()
    wide = replace(case, sample=replace(case.sample, dtypes=tuple(map(widened, case.dtypes))))
    want = readings(wide, [a.astype(d) for a, d in zip(arrays, wide.dtypes, strict=True)])
    for got, exact in zip(readings(case, arrays), want, strict=True):
        close(got, exact, tolerance(got))


def widened(dtype: str) -> str:
    return "float64" if dtype in FLOATS else dtype


def readings(case: Case, arrays: list[Array]) -> list[Array]:
    """The value, its tangent and its cotangents; directions are numbers that every dtype holds."""
    xs = case.leaves()
    (z,) = inlined([case.apply(*xs)])
    feed = dict(zip(xs, arrays, strict=True))
    if not has_derivative(case):
        return run([z], feed)
    moving = [x for x in xs if x.type.inexact]
    tangents = {x: leaf(x.type, "t", k) for k, x in enumerate(moving)}
    g = leaf(z.type, "g", 0)
    for n in (*tangents.values(), g):
        feed[n] = (np.arange(n.type.size).reshape(n.shape) % 5 / 4 - 0.5).astype(n.type.dtype)
    roots = [z, *filter(None, jvp([z], tangents)), *filter(None, vjp([z], moving, [g]))]
    values = run(roots, feed)
    assert [v.dtype for v in values] == [r.type.dtype for r in roots]
    return values


@pytest.mark.parametrize("case", WHOLE, ids=same_operands_everywhere)
def test_integers_and_booleans(case: Case) -> None:
    type_rule_is_numpys(case)
    backends_agree(case)


def fails_to_index(case: Case, backend: str) -> bool:
    xs = case.leaves()
    try:
        run([case.apply(*xs)], dict(zip(xs, case.draw(), strict=True)), backend)
    except StepFailed as failure:
        return isinstance(failure.cause, OutOfRange)
    return False


@pytest.mark.parametrize("case", named(EMPTY))
def test_empty_operands(case: Case) -> None:
    if fails_to_index(case, "numpy"):  # nothing can be gathered from nothing
        assert fails_to_index(case, "reference")
        return
    type_rule_is_numpys(case)
    backends_agree(case)
    vjp_is_the_adjoint(case)
    vmap_is_a_loop(case)
