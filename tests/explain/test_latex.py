"""Formulas are read back and evaluated: every elementwise primitive inside every other."""

import itertools
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.explain.latex_reader import read_latex
from wingbeat.errors import TypeMismatch
from wingbeat.explain import to_latex, to_plain
from wingbeat.explain._evaluation import run
from wingbeat.explain.expression import parse
from wingbeat.ir import PRIMITIVES, Node, Primitive, full, leaf, tensor_type
from wingbeat.ir.walk import toposort
from wingbeat.transform import inlined

# Those that formulas do not show are tested by what they stand in.
_OPERATIONS = {
    name: p
    for name, p in PRIMITIVES.items()
    if (
        p.family in ("elementwise", "composite")
        and all(not s.attrs and len(set(s.shapes)) == 1 for s in p.samples)
    )
    or name == "where"
}
_ELEMENTWISE = {
    name: p
    for name, p in _OPERATIONS.items()
    if name not in ("cross_entropy", "cross_entropy_soft", "binary_cross_entropy", "norm")
}
_DTYPES = ("float64", "int64", "bool")


def operands(count: int, dtype: str, start: int = 0) -> list[Node]:
    return [leaf(tensor_type((), dtype), "abcdfghk"[start + k], 7) for k in range(count)]


def types_of(p: Primitive) -> list[tuple[str, ...]]:
    """The dtypes of operands that the primitive takes."""
    count = len(p.samples[0].shapes)
    choices = [(d,) * count for d in _DTYPES]
    if p.name == "where":
        choices = [("bool", d, d) for d in _DTYPES]
    found: list[tuple[str, ...]] = []
    for dtypes in choices:
        try:
            p(*(leaf(tensor_type((), d), "x", k) for k, d in enumerate(dtypes)))
        except TypeMismatch:
            continue
        found.append(dtypes)
    return found


def nested(outer: Primitive, inner: Primitive) -> list[Node]:
    """`inner` as every operand of `outer`, wherever the types fit."""
    found: list[Node] = []
    for inside, outside in itertools.product(types_of(inner), types_of(outer)):
        middle = inner(*(operands(8, d)[k] for k, d in enumerate(inside)))
        for place, dtype in enumerate(outside):
            if middle.type.dtype.name != dtype:
                continue
            xs = [operands(8, d)[4 + k] for k, d in enumerate(outside)]
            xs[place] = middle
            found.append(outer(*xs))
    return found


def evaluated(root: Node, values: dict[str, Any]) -> Any:
    """By the primitives' own NumPy, node by node."""
    (body,) = inlined([root])
    env: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in toposort([body]):
            if node.op is None:
                env[node] = values[node.name]
            elif _outside(node, [env[x] for x in node.inputs]):
                return np.nan
            else:
                env[node] = node.op.numpy(*(env[x] for x in node.inputs), **dict(node.attrs))
    return env[body]


def _outside(node: Node, xs: list[Any]) -> bool:
    """Integers that have no quotient or power among 64-bit integers."""
    if node.type.dtype.kind != "i" or len(xs) != 2:
        return False
    x, y = map(int, xs)
    if node.name == "pow":
        return y < 0 or abs(x) ** min(y, 64) > 2**53
    if node.name in ("left_shift", "right_shift"):
        return not 0 <= y < 32
    return node.name in ("floor_divide", "remainder") and y == 0


def points(root: Node) -> list[dict[str, Any]]:
    """Values to try: positive ones, small ones, of both signs."""
    draw = np.random.default_rng(len(to_latex(root, {})))
    scales = [(0.5, 3.0), (-0.9, 0.9), (-3.0, 3.0), (1.2, 1.9)]
    found: list[dict[str, Any]] = []
    for low, high in scales:
        values: dict[str, Any] = {}
        for node in toposort([root]):
            if node.op is not None:
                continue
            kind = node.type.dtype.kind
            if kind == "f":
                values[node.name] = np.float64(draw.uniform(low, high))
            elif kind == "i":
                values[node.name] = np.int64(draw.integers(1, 6))
            else:
                values[node.name] = np.bool_(draw.integers(0, 2))
        found.append(values)
    return found


def agrees(root: Node) -> int:
    """Read the formula back at every point inside the domain; how many there were."""
    text, compared = to_latex(root, {}), 0
    for values in points(root):
        expected = evaluated(root, values)
        if not np.all(np.isfinite(expected)):
            continue
        found = read_latex(text, values)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=text)
        compared += 1
    return compared


@pytest.mark.parametrize("outer", _ELEMENTWISE)
def test_latex_reads_back(outer: str) -> None:
    """MISSION A7: a formula means what the graph computes."""
    roots = [root for p in _ELEMENTWISE.values() for root in nested(_ELEMENTWISE[outer], p)]
    compared = [agrees(root) for root in roots]
    assert roots
    # Domains leave some out, as arcsin(e^x); most remain.
    assert sum(n > 0 for n in compared) > 0.6 * len(compared)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("mul", "inner", 0), ("neg", "inner", 0), ("pow", "inner", 1), ("remainder", "level", 3)],
)
def test_a_wrong_strength_is_noticed(name: str, field: str, value: int) -> None:
    p = PRIMITIVES[name]
    right = getattr(p, field)
    object.__setattr__(p, field, value)
    try:
        with pytest.raises(AssertionError):
            for other in _ELEMENTWISE.values():
                for root in (*nested(p, other), *nested(other, p)):
                    agrees(root)
    finally:
        object.__setattr__(p, field, right)


@pytest.mark.parametrize("value", [1.0, -2.5, 1e-7, 1e22, 0.1, -1e-300, 123456789.125, 0.0])
def test_numbers_keep_all_digits(value: float) -> None:
    x = leaf(tensor_type(()), "x")
    power = PRIMITIVES["pow"](full(value, x.type), x)
    for root in (x * value, power if value > 0 else x + value):
        at = {"x": np.float64(1.5)}
        np.testing.assert_allclose(read_latex(to_latex(root, {}), at), evaluated(root, at), 1e-15)


def test_shared_parts_get_lines_so_the_text_stays_small() -> None:
    x = leaf(tensor_type(()), "x")
    root = x
    for _ in range(200):
        root = root * root + root  # as a tree, 3^200 leaves
    text = to_latex(root, {})
    assert len(text) < 200 * 60
    assert read_latex(text, {"x": np.float64(0.0)}) == 0.0
    small = np.float64(1e-3)
    np.testing.assert_allclose(read_latex(text, {"x": small}), evaluated(root, {"x": small}), 1e-12)


def test_depth_is_unbounded() -> None:
    x = leaf(tensor_type(()), "x")
    root = x
    for _ in range(20_000):
        root = PRIMITIVES["tanh"](root)
    assert len(to_latex(root, {})) < 20_000 * 40
    assert len(to_plain(root, {})) < 20_000 * 40


def test_names_are_written_as_symbols() -> None:
    x, y = (leaf(tensor_type(()), n) for n in ("beta_1", "yhat"))
    assert to_latex(x - y, {}) == r"\beta_{1} - \hat{y}"
    assert to_latex(x - y, {x: "w"}) == r"w - \hat{y}"


def test_matrix_products_have_their_transposes() -> None:
    w, x = (leaf(tensor_type((3, 3)), n) for n in "WX")
    contract = PRIMITIVES["contract"]
    product = contract(w, x, lhs=(0, 1), rhs=(1, 2), out=(0, 2))
    left = contract(w, x, lhs=(1, 0), rhs=(1, 2), out=(0, 2))
    right = contract(w, x, lhs=(0, 1), rhs=(2, 1), out=(0, 2))
    turned = contract(w, x, lhs=(0, 1), rhs=(1, 2), out=(2, 0))
    assert to_latex(product, {}) == r"W \, X"
    assert to_latex(left, {}) == r"W^{\top} \, X"
    assert to_latex(right, {}) == r"W \, X^{\top}"
    assert to_latex(turned, {}) == r"X^{\top} \, W^{\top}"
    assert to_plain(turned, {}) == "transpose(X) @ transpose(W)"
    a, b = (leaf(tensor_type((3,)), n) for n in "ab")
    assert to_latex(contract(a, b, lhs=(0,), rhs=(0,), out=()), {}) == r"a^{\top} \, b"
    assert to_latex(contract(a, b, lhs=(0,), rhs=(1,), out=(0, 1)), {}) == r"a \, b^{\top}"
    vector = contract(w, a, lhs=(0, 1), rhs=(1,), out=(0,))
    assert to_latex(vector, {}) == r"W \, a"


# Operations that no formula of the expression language writes.
_UNWRITABLE = {"nextafter", "clip"}


def of_floats(p: Primitive) -> bool:
    """Takes floats and gives a float."""
    dtypes = ("float64",) * len(p.samples[0].shapes)
    if dtypes not in types_of(p) or p.name in _UNWRITABLE:
        return False
    return p(*operands(len(dtypes), "float64")).type.dtype.kind == "f"


@pytest.mark.parametrize("outer", [name for name, p in _ELEMENTWISE.items() if of_floats(p)])
def test_plain_text_is_read_back_by_the_expression_language(outer: str) -> None:
    """Plain formulas of floats can be pasted into `wingbeat explain`."""
    inner = [p for p in _ELEMENTWISE.values() if of_floats(p)]
    roots = [root for p in inner for root in nested(_ELEMENTWISE[outer], p)]
    roots = [root for root in roots if root.inputs[0].type.dtype.kind == "f"]
    roots = [r for r in roots if all(n.type.dtype.kind == "f" for n in toposort([r]))]
    compared = [plain_agrees(root) for root in roots]
    assert sum(n > 0 for n in compared) > 0.6 * len(compared) > 0


def plain_agrees(root: Node) -> int:
    program, compared = parse(f"zz = {to_plain(root, {})}"), 0
    for values in points(root):
        expected = evaluated(root, values)
        if not np.all(np.isfinite(expected)):
            continue
        tensors = {k: wb.asarray(float(v)) for k, v in values.items()}
        found = run(program, tensors, wb.asarray)["zz"]
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-12)
        compared += 1
    return compared
