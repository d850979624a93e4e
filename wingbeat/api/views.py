"""Where NumPy would share memory: writing to a view would change the whole, which is a value here.

>>> import wingbeat as wb
>>> x = wb.zeros((2, 3))
>>> x.T[0] = 1.0
Traceback (most recent call last):
...
wingbeat.errors.TypeMismatch: this tensor is a view: ...

A view of what nobody holds any more can be written to: there is nothing else that would change.

>>> y = wb.zeros(6).reshape(2, 3)
>>> y[0, 0] = 1.0
"""

from __future__ import annotations

import dis
import sys
import weakref
from types import FrameType
from typing import TYPE_CHECKING, Any

from wingbeat.api.sites import site
from wingbeat.api.tracing import GRAD, NOWHERE, state
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import quote

if TYPE_CHECKING:
    from wingbeat.api.tensor import Tensor


class Memory:
    """What is one block of memory in NumPy; held by a tensor and by the views of it alone."""

    __slots__ = ("owner",)

    def __init__(self, owner: Tensor) -> None:
        self.owner = weakref.ref(owner)


def viewing(z: Tensor, x: Tensor) -> Tensor:
    """`z`, which NumPy would make a view of `x`."""
    memory = getattr(x, "_memory", None)
    if memory is None:
        memory = x._memory = Memory(x)
    z._memory = memory
    return z


def check_writable(t: Tensor) -> None:
    """Raise where NumPy would change other tensors together with `t`."""
    if not _is_view(t) or _holders(t) <= _ALONE:
        return
    at = site()
    raise TypeMismatch(
        "this tensor is a view: as x[i], x.T, x.reshape(...) and the like it shares its memory in "
        "NumPy, where writing to it changes x. Here tensors are values, and x would stay as it is. "
        "Write to x itself (x[i, j] = v for x[i][j] = v, x[:, k] = v for x.T[k] = v), or take the "
        "view with .clone() if a copy is meant" + (f"\n  {quote(at)}" if at else "")
    )


def check_updatable(t: Tensor, user: FrameType | None) -> None:
    """The same for `t += y`, which gives the name another value, but `x[i] += y` goes to x.

    A number taken out of `x` is no view: `total = x[0]; total += x[1]` is ordinary code.
    """
    if _is_view(t) and t.shape and not (user is not None and _stores_an_item(user)):
        check_writable(t)


def rebind(t: Tensor, new: Tensor) -> None:
    """Let the name that `t` has stand for another value."""
    is_input = bool(t._flags & GRAD) and t._trace is None
    if is_input and state.enabled:
        raise TypeMismatch(
            "an input that requires a gradient cannot be changed in place; "
            "write y = x.clone() first, or change it under wb.no_grad()"
        )
    if new.type is not t.type:
        raise TypeMismatch(f"in place: {t.type} cannot become {new.type}")
    t._slot = NOWHERE
    if is_input:
        t._value = new.numpy()
        return
    t._node, t._trace, t._value = new._node, new._trace, new._value
    t._flags = new._flags
    if t._trace is not None:
        t._trace.tensors.append(weakref.ref(t))


def _stores_an_item(frame: FrameType) -> bool:
    """Whether what the instruction that runs in a frame results in is stored in an item."""
    code = frame.f_code.co_code
    for at in range(frame.f_lasti + 2, len(code), 2):
        name = dis.opname[code[at]]
        if name not in ("CACHE", "SWAP"):
            return name in ("STORE_SUBSCR", "STORE_SLICE")
    return False


def _is_view(t: Tensor) -> bool:
    """Not so the owner: views taken of it earlier keep their values, which is documented."""
    memory = getattr(t, "_memory", None)
    return memory is not None and memory.owner() is not t


def _holders(t: Any) -> int:
    """How many hold the memory of `t`, with those that looking for them adds."""
    return sys.getrefcount(t._memory)


class _Lonely:
    """Stands for a tensor whose memory nobody else holds."""

    def __init__(self) -> None:
        self._memory = object()


_lonely = _Lonely()
_ALONE = _holders(_lonely)
