"""Counter-based random bits: the bits at a position depend on the key and the position only.

Threefry-2x32 with 20 rounds: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as
easy as 1, 2, 3", SC 2011. Two elements share one block: element k takes word k mod 2 of the block
at counter k // 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Absent, Sample
from wingbeat.ir.types import Shape, TensorType, tensor_type
from wingbeat.ops.families import custom

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA
_MASK = 0xFFFFFFFF


def threefry(
    key: tuple[Any, Any], counter: tuple[Any, Any], rotate: Any, add: Any, xor: Any
) -> Any:
    """One block: two words from two of key and two of counter, in any reading of +, ^ and <<<."""
    schedule = (*key, xor(xor(key[0], key[1]), _PARITY))
    x, y = add(counter[0], key[0]), add(counter[1], key[1])
    for step in range(20):
        x = add(x, y)
        y = xor(rotate(y, _ROTATIONS[step % 8]), x)
        if step % 4 == 3:
            n = step // 4 + 1
            x = add(x, schedule[n % 3])
            y = add(add(y, schedule[(n + 1) % 3]), n)
    return x, y


def _bits_type(key: TensorType, *, shape: Shape, batch: int) -> TensorType:
    if key.dtype.name != "uint32" or key.ndim != batch + 1 or key.shape[-1] != 2:
        raise TypeMismatch("a key is two uint32 numbers; make one with random.key(seed)")
    return tensor_type((*key.shape[:-1], *shape), "uint32")


def _bits(key: Any, *, shape: Shape, batch: int) -> Any:
    n = int(np.prod(shape, dtype=np.int64))
    block = np.arange((n + 1) // 2, dtype=np.uint64)
    counter = (block & _MASK).astype(np.uint32), (block >> np.uint64(32)).astype(np.uint32)
    word = lambda v: np.uint32(v) if isinstance(v, int) else v  # noqa: E731
    words = threefry(
        (key[..., 0, None], key[..., 1, None]),
        counter,
        rotate=lambda x, r: (x << np.uint32(r)) | (x >> np.uint32(32 - r)),
        add=lambda x, y: x + word(y),
        xor=lambda x, y: x ^ word(y),
    )
    flat = np.stack(words, axis=-1).reshape((*key.shape[:-1], 2 * block.size))[..., :n]
    return flat.reshape((*key.shape[:-1], *shape))


def _bits_element(s: Any, read: Any, i: Any, *, shape: Shape, batch: int) -> Any:
    flat: Any = 0
    for k, n in zip(i[batch:], shape, strict=True):
        flat = flat * n + k
    mask = s.const(_MASK)
    number = lambda v: s.const(v) if isinstance(v, int) else v  # noqa: E731
    low = lambda v: s.bits("&", v, mask)  # noqa: E731
    x, y = threefry(
        (read[0]((*i[:batch], 0)), read[0]((*i[:batch], 1))),
        (low(s.number(flat // 2)), s.bits(">>", s.number(flat // 2), s.const(32))),
        rotate=lambda v, r: low(
            s.bits("|", s.bits("<<", v, s.const(r)), s.bits(">>", v, s.const(32 - r)))
        ),
        add=lambda v, w: low(s.add(v, number(w))),
        xor=lambda v, w: s.bits("^", v, number(w)),
    )
    return s.branch(flat % 2 == 0, lambda: x, lambda: y)


random_bits = custom(
    "random_bits",
    type_rule=_bits_type,
    numpy=_bits,
    jvp=Absent("random bits are integer valued"),
    vjp=Absent("random bits are integer valued"),
    batch=lambda op, xs, batched, *, shape, batch: op(xs[0], shape=shape, batch=batch + 1),
    element=_bits_element,
    latex=r"\operatorname{{bits}}\left({0}\right)",
    samples=(
        Sample(((2,),), (0, 1000), (("batch", 0), ("shape", (3, 5))), ("uint32",)),
        Sample(((2,),), (0, 1000), (("batch", 0), ("shape", ())), ("uint32",)),
        Sample(((3, 2),), (0, 1000), (("batch", 1), ("shape", (7,))), ("uint32",)),
    ),
)
"""uint32 words, uniform over all values."""
