"""`jit`: a function traced once for each form of its arguments, and run as one program."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.api.forms import Opened, donated_leaves, take_apart, unhashable
from wingbeat.api.lowered import Lowered
from wingbeat.api.stages import Stage, missed, stage_of
from wingbeat.api.straight import MISSED
from wingbeat.api.tracing import state
from wingbeat.backend.base import Cache, natively
from wingbeat.errors import ManyForms, TypeMismatch

FORMS = 256  # kept for each function
MANY = 16  # forms of arguments from which on somebody should be told


def jit(f: Callable[..., Any], *, donate_argnums: int | Sequence[int] = ()) -> Jitted:
    """`f` as one program: traced once for each form of its arguments, and native at once.

    Arguments and results are trees. What counts as the form: the trees' structure, shapes and
    dtypes of arrays, and everything that is no array, Python's numbers too. A number that changes
    from call to call is better given as `wb.asarray(number)`, or each value is another program.

    `f` runs only when its arguments have a new form. So it must be pure: it reads its arguments and
    tensors that it closes over (they are read anew in every call; NumPy's arrays, numbers and flags
    stay what they were when `f` ran, and names and attributes keep the tensors they had), draws
    random numbers from keys that are given to it, and uses `wb.where` where Python's `if` would
    need a value.

    Inside `wb.grad`, `wb.vmap` and the like a jitted function is the function that it was made of.
    Where an argument requires a gradient, so does the result; under `wb.no_grad()` it does not.

    Args:
        f: a function of trees of arrays.
        donate_argnums: arguments by position whose tensors nobody needs after the call: their
            memory becomes that of results, so parameters are updated in place. Using a donated
            tensor again is an error.

    Raises:
        NoValue: `f` needs the value of something that it computes.
        TypeMismatch: `f` is no function, or `donate_argnums` names no argument.

    >>> import wingbeat as wb
    >>> f = wb.jit(lambda x, y: {"sum": x + y, "product": x * y})
    >>> f(wb.asarray([1.0, 2.0]), 3.0)
    {'sum': tensor([4., 5.]), 'product': tensor([3., 6.])}
    """
    return Jitted(f, donate_argnums)


class Jitted:
    """What `jit` returns: call it as the function; `lower(*args)` shows what is run."""

    def __init__(self, f: Callable[..., Any], donate_argnums: int | Sequence[int] = ()) -> None:
        if not callable(f):
            raise TypeMismatch(f"jit: takes a function, not {type(f).__name__}")
        listed = isinstance(donate_argnums, tuple | list)
        given: list[Any] = list(donate_argnums) if listed else [donate_argnums]  # type: ignore[arg-type]
        if any(not isinstance(k, int) or isinstance(k, bool) or k < 0 for k in given):
            raise TypeMismatch(
                f"jit: donate_argnums are positions of arguments, not {donate_argnums!r}"
            )
        self._f = f
        self._donated = tuple(given)
        self._stages: Cache[Any, Stage] = Cache(FORMS)
        self._recent: Callable[..., Any] = missed  # a call of the form that came last
        functools.update_wrapper(self, f, updated=())

    def __repr__(self) -> str:
        return f"<jit of {getattr(self._f, '__qualname__', self._f)!s}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)  # of a method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`f(*args, **kwargs)`."""
        if not kwargs and (found := self._recent(*args)) is not MISSED:
            return found
        if state.trace is not None and state.trace.scoped:
            return self._f(*args, **kwargs)
        opened = take_apart(args, kwargs)
        stage = self._stage(opened, args, kwargs)
        if stage.tracked:
            return stage.rebuild(stage.inline(opened.tensors()))
        self._recent = missed if kwargs else stage.repeated(args)
        closed = stage.closed()
        opened.donate(stage.donated)
        return stage.rebuild(stage.run(opened.arrays, closed))

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments of this form: its graph, plan, code and cost.

        >>> import wingbeat as wb
        >>> print(wb.jit(lambda x: wb.exp(x) * 2.0).lower(wb.ones(3)).graph())
        graph(x: f64[3]) {
          %0 = exp(x) : f64[3]
          %1 = full(dtype='float64', shape=(3,), value=2.0) : f64[3]
          %2 = mul(%0, %1) : f64[3]
          return %2
        }
        """
        return Lowered(self._stage(take_apart(args, kwargs), args, kwargs).program)

    def _stage(self, opened: Opened, args: Any, kwargs: Any) -> Stage:
        key = (tuple(opened.form), state.enabled)
        try:
            found = self._stages.get(key)
        except TypeError:
            raise unhashable(opened.form) from None
        if found is not None and found.holds():
            return found
        self._stages.drop(key)
        donated = donated_leaves(self._donated, args)
        stage = stage_of(self._f, opened, args, kwargs, donated)
        if len(self._stages) == MANY:
            warnings.warn(
                f"{self!r} was called with {MANY} forms of arguments, and each is compiled; give a "
                "number that changes as wb.asarray(number), and arrays of one shape",
                ManyForms,
                stacklevel=3,
            )
        return self._stages.put(key, stage)


__all__ = ["jit", "natively"]
