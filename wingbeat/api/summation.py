"""`einsum`: the subscripts are read, then operands are contracted two by two."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from wingbeat.api.applying import apply
from wingbeat.api.products import numbers
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ops.contract import contract
from wingbeat.ops.reduce import sum as sum_axes
from wingbeat.ops.shape import reshape, slice, transpose


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Einstein's summation: `einsum("ij,jk->ik", a, b)` is the matrix product.

    Any number of operands (contracted two by two, from the left), repeated letters in an operand
    take the diagonal, `...` stands for the leading axes. Without `->` the result has the letters
    that occur once.

    Raises:
        TypeMismatch: the subscripts cannot be read or do not fit the shapes.

    >>> import wingbeat as wb
    >>> wb.einsum("i,i->", [1.0, 2.0], [3.0, 4.0])
    tensor(11.)
    """
    if not isinstance(subscripts, str):
        raise TypeMismatch(f"einsum: subscripts are text such as 'ij,jk->ik', not {subscripts!r}")
    tensors = numbers(*operands) if operands else []
    inputs, output = _subscripts(subscripts, tensors)
    if not tensors:
        raise TypeMismatch("einsum: give at least one operand")
    return apply(_einsum, *tensors, inputs=tuple(inputs), output=output)


def _subscripts(text: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    """Letters for every axis; `...` becomes capital letters counted from behind."""
    left, arrow, right = text.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise TypeMismatch(
            f"einsum: {text!r} names {len(parts)} operands, {len(tensors)} were given"
        )
    spare = [c for c in string.ascii_letters if c not in text]
    widths = [
        t.ndim - len(p.replace("...", "")) if "..." in p else 0
        for p, t in zip(parts, tensors, strict=True)
    ]
    if min(widths, default=0) < 0:
        raise TypeMismatch(f"einsum: {text!r} names more axes than an operand has")
    dots = "".join(spare[: max(widths, default=0)])
    filled = [p.replace("...", dots[len(dots) - w :]) for p, w in zip(parts, widths, strict=True)]
    for part, t in zip(filled, tensors, strict=True):
        if not part.isalpha() and part:
            raise TypeMismatch(f"einsum: {text!r} may hold letters, commas, '...' and '->' only")
        if len(part) != t.ndim:
            raise TypeMismatch(f"einsum: {part!r} does not name the axes of {t.type}")
    return filled, _output(text, "".join(filled), right if arrow else None, dots)


def _output(text: str, letters: str, right: str | None, dots: str) -> str:
    if right is None:
        once = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots)
        return dots + "".join(once)
    output = right.replace("...", dots)
    if len(set(output)) != len(output) or not set(output) <= set(letters):
        raise TypeMismatch(f"einsum: the result {right!r} of {text!r} repeats or invents a letter")
    return output


def _einsum(*xs: Node, inputs: tuple[str, ...], output: str) -> Node:
    terms = [_diagonal(x, labels) for x, labels in zip(xs, inputs, strict=True)]
    terms = _unit_axes(terms)
    while len(terms) > 1:
        (x, a), (y, b), *rest = terms
        needed = set(output).union(*(labels for _, labels in rest))
        terms = [_pair(x, a, y, b, needed), *rest]
    x, labels = _summed(*terms[0], set(output))
    missing = [c for c in output if c not in labels]
    x, labels = reshape(x, shape=(*x.shape, *(1 for _ in missing))), labels + "".join(missing)
    return transpose(x, perm=tuple(labels.index(c) for c in output))


def _diagonal(x: Node, labels: str) -> tuple[Node, str]:
    """One axis for each letter: repeated letters read the diagonal."""
    for letter in dict.fromkeys(labels):
        while labels.count(letter) > 1:
            i = labels.index(letter)
            j = labels.index(letter, i + 1)
            x, labels = _diagonal_of(x, labels, i, j)
    return x, labels


def _diagonal_of(x: Node, labels: str, i: int, j: int) -> tuple[Node, str]:
    n = x.shape[i]
    if x.shape[j] != n:
        raise TypeMismatch(f"einsum: letter {labels[i]!r} names sizes {n} and {x.shape[j]}")
    rest = [k for k in range(len(labels)) if k not in (i, j)]
    flat = transpose(x, perm=(i, j, *rest))
    tail = flat.shape[2:]
    flat = reshape(flat, shape=(n * n, *tail))
    zeros, ones = (0,) * len(tail), (1,) * len(tail)
    picked = slice(flat, start=(0, *zeros), stop=(n * n, *tail), step=(n + 1, *ones))
    return picked, labels[i] + "".join(labels[k] for k in rest)


def _unit_axes(terms: list[tuple[Node, str]]) -> list[tuple[Node, str]]:
    """Axes of size 1 broadcast: dropped where another operand has the letter at full size."""
    sizes: dict[str, int] = {}
    for x, labels in terms:
        for c, n in zip(labels, x.shape, strict=True):
            if sizes.get(c, 1) != 1 and n not in (1, sizes[c]):
                raise TypeMismatch(f"einsum: letter {c!r} names sizes {sizes[c]} and {n}")
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    result: list[tuple[Node, str]] = []
    for x, labels in terms:
        kept = [(c, n) for c, n in zip(labels, x.shape, strict=True) if n == sizes[c]]
        result.append((reshape(x, shape=tuple(n for _, n in kept)), "".join(c for c, _ in kept)))
    return result


def _summed(x: Node, labels: str, needed: set[str]) -> tuple[Node, str]:
    axes = tuple(k for k, c in enumerate(labels) if c not in needed)
    return sum_axes(x, axes=axes), "".join(c for c in labels if c in needed)


def _pair(x: Node, a: str, y: Node, b: str, needed: set[str]) -> tuple[Node, str]:
    """Two operands into one: what only one of them has and nobody needs is summed first."""
    x, a = _summed(x, a, needed | set(b))
    y, b = _summed(y, b, needed | set(a))
    number = {c: k for k, c in enumerate(dict.fromkeys(a + b))}
    out = "".join(c for c in number if c in needed)
    labels = ([number[c] for c in part] for part in (a, b, out))
    lhs, rhs, result = (tuple(part) for part in labels)
    return contract(x, y, lhs=lhs, rhs=rhs, out=result), out


def outer(x1: Any, x2: Any, /) -> Tensor:
    """The matrix of all products of two vectors.

    >>> import wingbeat as wb
    >>> wb.outer([1.0, 2.0], [3.0, 4.0])
    tensor([[3., 4.],
            [6., 8.]])
    """
    x, y = asarray(x1), asarray(x2)
    if x.ndim != 1 or y.ndim != 1:
        raise TypeMismatch(f"outer: takes two vectors, not {x.type} and {y.type}")
    return einsum("i,j->ij", x, y)
