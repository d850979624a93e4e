"""Every sample of every primitive as a test case, operands for it, and the means to run it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from wingbeat.backend.base import program
from wingbeat.errors import TypeMismatch
from wingbeat.ir import PRIMITIVES, Node, Primitive, Sample, leaf, tensor_type
from wingbeat.ir.node import Absent
from wingbeat.transform import inlined  # and with it the table of primitives

Array = Any
ALL = tuple(PRIMITIVES.values())
FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


@dataclass(frozen=True)
class Case:
    """One sample of one primitive."""

    p: Primitive
    sample: Sample

    @property
    def attrs(self) -> dict[str, Any]:
        return dict(self.sample.attrs)

    @property
    def dtypes(self) -> tuple[str, ...]:
        return self.sample.dtypes or ("float64",) * len(self.sample.shapes)

    def leaves(self, lead: Sequence[tuple[int, ...]] = ()) -> list[Node]:
        """A leaf for each operand; `lead` puts axes in front of its shape."""
        each = zip(lead or itertools.repeat(()), self.sample.shapes, self.dtypes, strict=False)
        return [
            leaf(tensor_type((*n, *shape), dtype), "x", k)
            for k, (n, shape, dtype) in enumerate(each)
        ]

    def apply(self, *xs: Node) -> Node:
        return self.p(*xs, **self.attrs)

    def draw(self, lead: Sequence[tuple[int, ...]] = (), seed: int = 0) -> list[Array]:
        """An array for each operand, inside the interval that the sample names."""
        rng = np.random.default_rng(seed)
        each = zip(
            lead or itertools.repeat(()),
            self.sample.shapes,
            self.sample.ranges(),
            self.dtypes,
            strict=False,
        )
        return [
            _drawn(rng, within, (*n, *shape), np.dtype(dtype)) for n, shape, within, dtype in each
        ]

    def under(self, p: Primitive) -> Case:
        """The same sample of another primitive: of one with a planted mistake."""
        return replace(self, p=p)


def _drawn(
    rng: np.random.Generator,
    within: tuple[float, float],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Array:
    if dtype.kind == "f":
        return np.asarray(rng.uniform(*within, size=shape)).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, size=shape)).astype(dtype)
    low = max(within[0], 0) if dtype.kind == "u" else within[0]
    return np.asarray(rng.integers(int(np.ceil(low)), int(within[1]) + 1, size=shape)).astype(dtype)


def named(cases: Iterable[Case]) -> list[Any]:
    """The cases as pytest parameters: tanh-1, tanh-2, ..."""
    counts: dict[str, int] = {}
    made: list[Any] = []
    for case in cases:
        counts[case.p.name] = counts.get(case.p.name, 0) + 1
        made.append(pytest.param(case, id=f"{case.p.name}-{counts[case.p.name]}"))
    return made


def cases_of(p: Primitive) -> list[Case]:
    return [Case(p, sample) for sample in p.samples]


CASES = [case for p in ALL for case in cases_of(p)]
every_case = pytest.mark.parametrize("case", named(CASES))
every_primitive = pytest.mark.parametrize("p", ALL, ids=str)


@cache
def accepted(case: Case) -> bool:
    """Whether the primitive takes operands of these types at all."""
    try:
        case.apply(*case.leaves())
    except TypeMismatch:
        return False
    return True


def has_derivative(case: Case) -> bool:
    """Whether a float comes out, a float goes in, and rules exist."""
    floats = any(x.type.inexact for x in case.leaves())
    lacks = isinstance(case.p.jvp, Absent) or isinstance(case.p.vjp, Absent)
    return floats and not lacks and case.apply(*case.leaves()).type.inexact


def in_dtype(case: Case, dtype: str) -> Case:
    """The case with its float64 operands in another dtype."""
    swapped = tuple(dtype if d == "float64" else d for d in case.dtypes)
    return replace(case, sample=replace(case.sample, dtypes=swapped))


def run(roots: Sequence[Node], feed: Mapping[Node, Array], backend: str = "numpy") -> list[Array]:
    """The values of `roots`; composites are inlined first."""
    executable, order = program(inlined(roots), backend)
    return executable.run([feed[n] for n in order if n.op is None])


def normals(nodes: Iterable[Node], seed: int) -> list[Array]:
    """Normally distributed numbers of each node's shape, to serve as tangents or cotangents."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=n.shape)).astype(n.type.dtype) for n in nodes]
