"""What holds for every primitive. A law takes a case and raises `AssertionError` where broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from tests.ops.cases import Array, Case, accepted, has_derivative, normals, run
from wingbeat.backend.reference import swept
from wingbeat.ir import Node, check, leaf
from wingbeat.ir.text import from_text, to_text
from wingbeat.ir.walk import depends, toposort
from wingbeat.transform import inlined, jvp, simplified, vjp, vmap

Law = Callable[[Case], None]


def close(got: Array, want: Array, rtol: float, *, atol: float = 0.0) -> None:
    """Equal shapes, and equal numbers relative to each element and to the largest one."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    finite = np.abs(want[np.isfinite(want)].astype(np.float64)) if want.dtype.kind == "f" else want
    scale = float(np.max(finite, initial=0.0)) if want.dtype.kind == "f" else 0.0
    assert_allclose(got, want, rtol=rtol, atol=max(atol, rtol * scale))


def same(got: Array, want: Array) -> None:
    """Equal to the bit, up to which NaN it is."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype
    assert_array_equal(got, want, strict=True)
    if want.dtype.kind == "f":
        number = ~np.isnan(want)
        assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


def tolerance(*arrays: Array) -> float:
    """A few units in the last place of the coarsest dtype."""
    kinds = [a.dtype for a in arrays if a.dtype.kind == "f"]
    return 16 * max((float(np.finfo(d).eps) for d in kinds), default=0.0)


# Values


def type_rule_is_numpys(case: Case) -> None:
    xs = case.leaves()
    z = case.apply(*xs)
    (value,) = run([z], dict(zip(xs, case.draw(), strict=True)))
    assert value.shape == z.shape
    assert value.dtype == z.type.dtype
    if case.p.expand is None:
        direct = np.asarray(case.p.numpy(*case.draw(), **case.attrs))
        assert (direct.shape, direct.dtype) == (z.shape, z.type.dtype)


def backends_agree(case: Case) -> None:
    xs = case.leaves()
    z, arrays = case.apply(*xs), case.draw()
    feed = dict(zip(xs, arrays, strict=True))
    (want,), (got,) = run([z], feed, "reference"), run([z], feed, "numpy")
    assert got.dtype == want.dtype
    close(got, want, tolerance(*arrays, want))


def sweep_is_element(case: Case) -> None:
    """Visiting each source once gives what reading all of them for every element gives."""
    if case.p.sweep is None:
        return
    xs = case.leaves()
    z, arrays = case.apply(*xs), case.draw()
    (want,) = run([z], dict(zip(xs, arrays, strict=True)), "reference")
    close(swept(z, arrays), want, tolerance(*arrays, want))


def layout_is_immaterial(case: Case) -> None:
    """Transposed, strided, reversed and broadcast operands give what contiguous copies give."""
    for view in (_transposed, _strided, _reversed, _repeated):
        arrays = [view(a) for a in case.draw()]
        before = [a.copy() for a in arrays]
        xs = case.leaves()
        z = case.apply(*xs)
        (got,) = run([z], dict(zip(xs, arrays, strict=True)))
        (want,) = run([z], dict(zip(xs, before, strict=True)))
        close(got, want, tolerance(*arrays))
        for array, copy in zip(arrays, before, strict=True):
            assert_array_equal(array, copy)  # nobody wrote into an operand


def _transposed(a: Array) -> Array:
    return np.ascontiguousarray(a.T).T


def _strided(a: Array) -> Array:
    wide = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
    view = wide[(*(slice(None, None, 2) for _ in a.shape), ...)]
    view[...] = a
    return view


def _reversed(a: Array) -> Array:
    return np.ascontiguousarray(np.flip(a))[(*(slice(None, None, -1) for _ in a.shape), ...)]


def _repeated(a: Array) -> Array:
    """The first element along every axis, with strides of 0."""
    return np.broadcast_to(a[(*(slice(0, 1) for _ in a.shape), ...)], a.shape)


# Derivatives


def _moved(xs: Sequence[Node]) -> list[Node]:
    return [x for x in xs if x.type.inexact]


def differences(f: Callable[[float], Array], h: float) -> Array:
    """df/dt at 0 by the central stencil of order 4."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def _along(
    roots: Sequence[Node], feed: dict[Node, Array], xs: Sequence[Node], ts: Sequence[Array]
) -> Callable[[float], Array]:
    """The values of all roots as one vector, when `xs` move by `ts`."""

    def at(h: float) -> Array:
        moved = feed | {x: feed[x] + h * t for x, t in zip(xs, ts, strict=True)}
        return np.concatenate([np.ravel(v) for v in run(roots, moved)])

    return at


def _tangent(case: Case) -> tuple[Any, ...]:
    xs = case.leaves()
    (z,) = inlined([case.apply(*xs)])
    feed, moving = dict(zip(xs, case.draw(), strict=True)), _moved(xs)
    ts = normals(moving, seed=1)
    tangents = {x: leaf(x.type, "t", k) for k, x in enumerate(moving)}
    feed |= {tangents[x]: t for x, t in zip(moving, ts, strict=True)}
    (dz,) = jvp([z], tangents)
    return xs, z, dz, feed, moving, ts


def jvp_is_the_derivative(case: Case) -> None:
    """Forward mode against central differences, in float64."""
    if not has_derivative(case):
        return
    _, z, dz, feed, moving, ts = _tangent(case)
    got = np.zeros(z.type.size) if dz is None else np.ravel(run([dz], feed)[0])
    want = differences(_along([z], feed, moving, ts), 1e-4)
    if case.p.name == "stop_gradient":  # the one that denies its derivative
        want = np.zeros_like(want)
    close(got, want, 1e-6, atol=1e-10)


def vjp_is_the_adjoint(case: Case) -> None:
    """<g, J t> = <J' g, t>, for a random g and t."""
    if not has_derivative(case):
        return
    _, z, dz, feed, moving, ts = _tangent(case)
    g = leaf(z.type, "g", 0)
    (feed[g],) = normals([z], seed=2)
    left = 0.0 if dz is None else np.vdot(feed[g], run([dz], feed)[0])
    right = 0.0
    for back, t in zip(vjp([z], moving, [g]), ts, strict=True):
        if back is not None:
            (value,) = run([back], feed)
            assert value.shape == t.shape
            assert value.dtype == t.dtype
            right += float(np.vdot(value, t))
    assert_allclose(right, left, rtol=1e-11, atol=1e-12)


def second_derivatives_agree(case: Case) -> None:
    """Forward over reverse against differences of the reverse pass and reverse over reverse."""
    if not has_derivative(case):
        return
    _, z, _, feed, moving, ts = _tangent(case)
    g = leaf(z.type, "g", 0)
    (feed[g],) = normals([z], seed=2)
    gradients = [gx for gx in vjp([z], moving, [g]) if gx is not None]
    if not gradients:
        return
    tangents = {x: leaf(x.type, "t", k) for k, x in enumerate(moving)}
    forward = jvp(gradients, tangents)
    parts = [
        np.zeros(gx.type.size) if d is None else np.ravel(run([d], feed)[0])
        for gx, d in zip(gradients, forward, strict=True)
    ]
    close(
        np.concatenate(parts),
        differences(_along(gradients, feed, moving, ts), 1e-4),
        1e-6,
        atol=1e-8,
    )

    # <h, d(J' g)/dx t> both ways round
    hs = [leaf(gx.type, "h", k) for k, gx in enumerate(gradients)]
    feed |= dict(zip(hs, normals(hs, seed=3), strict=True))
    left = sum(np.vdot(feed[h], part.reshape(h.shape)) for h, part in zip(hs, parts, strict=True))
    backward = vjp(gradients, moving, hs)
    right = sum(
        np.vdot(run([d], feed)[0], t) for d, t in zip(backward, ts, strict=True) if d is not None
    )
    assert_allclose(right, left, rtol=1e-10, atol=1e-11)


# Batching


def subsets(n: int) -> list[tuple[bool, ...]]:
    """Which operands carry the batch axis: every choice but none at all."""
    return [tuple(bool(bits >> k & 1) for k in range(n)) for bits in range(1, 1 << n)]


def vmap_is_a_loop(case: Case) -> None:
    """For every choice of the operands that are batched."""
    for flags in subsets(len(case.sample.shapes)):
        _check_batch(case, flags)


def _check_batch(case: Case, flags: tuple[bool, ...], size: int = 3) -> None:
    lead = [(size,) if flag else () for flag in flags]
    single, many = case.leaves(), case.leaves(lead)
    (z,) = inlined([case.apply(*single)])
    arrays = case.draw(lead)
    mapping = {x: b for x, b, flag in zip(single, many, flags, strict=True) if flag}
    ((batched, carries),) = vmap([z], mapping)
    assert carries == (z in depends(toposort([z]), mapping))
    if not carries:  # any() of nothing is a constant
        return
    assert batched.shape == (size, *z.shape)
    feed = dict(zip(single, arrays, strict=True)) | dict(zip(many, arrays, strict=True))
    (got,) = run([batched], feed)
    for k in range(size):
        one = [a[k] if flag else a for a, flag in zip(arrays, flags, strict=True)]
        (want,) = run([z], dict(zip(single, one, strict=True)))
        assert got.dtype == want.dtype
        close(got[k], want, tolerance(want))


def nested_vmap_is_two_loops(case: Case) -> None:
    """Twice, where the first operand is batched by both and the others by one of the two."""
    n = len(case.sample.shapes)
    if n == 0:
        return
    inner = [(4,) if k % 2 == 0 else () for k in range(n)]
    outer = [(2,) if k % 2 or k == 0 else () for k in range(n)]
    single, middle = case.leaves(), case.leaves(inner)
    many = case.leaves([(*o, *i) for o, i in zip(outer, inner, strict=True)])
    (z,) = inlined([case.apply(*single)])
    ((once, _),) = vmap([z], {x: m for x, m, i in zip(single, middle, inner, strict=True) if i})
    at = [m if i else x for x, m, i in zip(single, middle, inner, strict=True)]
    ((twice, _),) = vmap([once], {m: b for m, b, o in zip(at, many, outer, strict=True) if o})
    if once is twice:
        return
    arrays = case.draw([(*o, *i) for o, i in zip(outer, inner, strict=True)])
    feed = dict(zip(at, arrays, strict=True)) | dict(zip(many, arrays, strict=True))
    (got,) = run([twice], feed)
    assert got.shape == (2, 4, *z.shape)
    for a, b in np.ndindex(2, 4):
        one = [
            v[((a,) if o else ()) + ((b,) if i else ())]
            for v, o, i in zip(arrays, outer, inner, strict=True)
        ]
        (want,) = run([z], dict(zip(single, one, strict=True)))
        close(got[a, b], want, tolerance(want))


# Graphs


def graphs_of(case: Case) -> dict[str, list[Node]]:
    """The graph of the case, and what every pass makes of it."""
    xs = case.leaves()
    z = case.apply(*xs)
    (body,) = inlined([z])
    made = {"built": [z], "inlined": [body], "simplified": simplified([body])}
    if len(xs):
        made["vmap"] = [b for b, _ in vmap([body], {xs[0]: case.leaves([(3,)])[0]})]
    if has_derivative(case):
        moving = _moved(xs)
        tangents = {x: leaf(x.type, "t", k) for k, x in enumerate(moving)}
        made["jvp"] = [d for d in jvp([body], tangents) if d is not None]
        made["vjp"] = [d for d in vjp([body], moving, [leaf(z.type, "g", 0)]) if d is not None]
        made["vjp simplified"] = simplified(made["vjp"])
        made["second"] = [d for d in jvp(made["vjp"], tangents) if d is not None]
    return {name: roots for name, roots in made.items() if roots}


def passes_keep_graphs_well_formed(case: Case) -> None:
    for name, roots in graphs_of(case).items():
        check(roots, lowered=name != "built")


def text_reads_back(case: Case) -> None:
    for roots in graphs_of(case).values():
        text = to_text(roots)
        again, _ = from_text(text)
        assert to_text(again) == text
        assert [r.type for r in again] == [r.type for r in roots]


def simplify_keeps_values(case: Case) -> None:
    """To the bit."""
    for name, roots in graphs_of(case).items():
        if name in ("built", "vmap"):
            continue
        leaves = case.leaves()
        feed = dict(zip(leaves, case.draw(), strict=True))
        feed |= {
            leaf(x.type, "t", k): t
            for k, (x, t) in enumerate(zip(_moved(leaves), normals(_moved(leaves), 1), strict=True))
        }
        z = case.apply(*leaves)
        feed[leaf(z.type, "g", 0)] = normals([z], 2)[0]
        for got, want in zip(run(simplified(roots), feed), run(roots, feed), strict=True):
            same(got, want)


LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        type_rule_is_numpys,
        backends_agree,
        sweep_is_element,
        layout_is_immaterial,
        jvp_is_the_derivative,
        vjp_is_the_adjoint,
        second_derivatives_agree,
        vmap_is_a_loop,
        nested_vmap_is_two_loops,
        passes_keep_graphs_well_formed,
        text_reads_back,
        simplify_keeps_values,
    )
}
__all__ = ["LAWS", "Law", "accepted", "close", "same", "tolerance"]
