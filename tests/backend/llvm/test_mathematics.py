"""Functions of numbers as native code: how exact they are, everywhere and on every processor."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backend.llvm.arguments import arguments, bases_and_exponents, pairs
from tests.backend.llvm.exact_values import Exact, errors, exact
from tests.support.native import Native, machines
from wingbeat.backend import _mathematics
from wingbeat.backend.llvm import target as targets
from wingbeat.backend.llvm.lanes import Lanes, Vector
from wingbeat.backend.llvm.mathematics import FUNCTIONS
from wingbeat.backend.llvm.mathematics.bounds import BOUNDS, EXACT

DOCUMENT = Path(__file__).parents[3] / "docs/native-mathematics.md"
DTYPES = ("float32", "float64")
# mpmath computes one number after the other.
COUNTS = {"float32": 4000, "float64": 400}
OPERANDS = {"atan2": pairs, "hypot": pairs, "logaddexp": pairs, "pow": bases_and_exponents}
# A logarithm near 0 of large numbers: the units are those of the operands.
CANCELLING = {"logaddexp"}


@cache
def operands(name: str, dtype: str) -> tuple[Any, ...]:
    if name in OPERANDS:
        return OPERANDS[name](dtype, COUNTS[dtype])
    return (arguments(dtype, COUNTS[dtype]),)


@cache
def reference(name: str, dtype: str) -> Exact:
    return exact(name, *operands(name, dtype))


def worst(z: Any, name: str, dtype: str) -> tuple[float, str]:
    """The largest error, in units in the last place, and where it is."""
    xs = operands(name, dtype)
    sizes = np.maximum.reduce([np.abs(x) for x in xs]) if name in CANCELLING else 0.0
    off = errors(z, reference(name, dtype), sizes)
    k = int(np.argmax(off))
    at = ", ".join(repr(x[k]) for x in xs)
    want = reference(name, dtype).high[k]
    return float(off[k]), f"{name}({at}) is {z[k]!r}, not {want!r}: {off[k]:.3f} units off"


def test_every_function_of_the_interpreter_exists_natively() -> None:
    names = {*_mathematics.FUNCTIONS, *_mathematics.TYPED}
    assert names <= set(FUNCTIONS)


def test_every_function_says_how_exact_it_is() -> None:
    assert EXACT | set(BOUNDS) == set(FUNCTIONS)
    assert not EXACT & set(BOUNDS)


def test_the_documentation_shows_the_bounds() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    assert {name: tuple(map(float, bound)) for name, *bound in rows} == BOUNDS
    exact_ones = text[text.index("not off at all") : text.index("IEEE 754")]
    assert set(re.findall(r"`(\w+)`", exact_ones)) == EXACT


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_errors_stay_below_the_bound(name: str, dtype: str) -> None:
    """And come near it: a bound far above what is found would hide the next error."""
    bound, xs, largest = getattr(BOUNDS[name], dtype), operands(name, dtype), 0.0
    for machine, count in machines():
        with targets.forced(machine):
            f = Native(FUNCTIONS[name], *[dtype] * len(xs), count=count)
        off, text = worst(f(*xs), name, dtype)
        assert off <= bound, f"{machine}, {count or 'all'} lanes: {text}"
        largest = max(largest, off)
    assert largest > 0.4 * bound


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_cube_is_as_exact_as_any_power(dtype: str) -> None:
    x = arguments(dtype, COUNTS[dtype])
    three = np.full_like(x, 3)
    want = exact("pow", x, three)
    for machine, count in machines():
        with targets.forced(machine):
            cube = Native(lambda s, x: FUNCTIONS["pow"](s, x, s.const(3, x.dtype)), dtype)
        off = errors(cube(x), want, 0.0)
        assert off.max() <= BOUNDS["pow"].float32, f"{machine}, {count}: {x[off.argmax()]!r}"


def test_the_root_of_a_power_is_numpys() -> None:
    x = np.array([-0.0, 0.0, -np.inf, np.inf, -1.0, 2.0, 4.0, np.nan])
    with np.errstate(invalid="ignore"):
        want = np.sqrt(x)

    def power(s: Lanes, x: Vector) -> Vector:
        return FUNCTIONS["pow"](s, x, s.const(0.5, x.dtype))

    for machine, count in machines():
        with targets.forced(machine):
            f = Native(power, x.dtype, count=count)
        np.testing.assert_array_equal(f(x), want)
        assert np.signbit(f(x)[0])


def test_tanh_has_the_same_bits_among_few_numbers_and_many() -> None:
    x = arguments("float32", 2000)
    want = Native(FUNCTIONS["tanh"], "float32")(x)
    for count in (1, 2, 4, 8, 32):
        assert Native(FUNCTIONS["tanh"], "float32", count=count)(x).tobytes() == want.tobytes()


def test_an_error_is_found() -> None:
    """An exponential that is off by a few units breaks its bound."""

    def worse(s: Lanes, x: Vector) -> Vector:
        return s.mul(FUNCTIONS["exp"](s, x), 1.0 + 3e-7)

    f = Native(worse, "float32")
    off, _ = worst(f(*operands("exp", "float32")), "exp", "float32")
    assert off > BOUNDS["exp"].float32
