"""What is seen while a function runs: the names that it gives to tensors, and modules called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from inspect import CO_GENERATOR
from types import CodeType, FrameType
from typing import Any

from wingbeat.api.tensor import Tensor
from wingbeat.explain._calls import Calls, is_module

Found = list[tuple[str, Tensor, Any]]  # name, tensor, and the node that it was at that moment


def code_of(f: Callable[..., Any]) -> CodeType | None:
    """The code object that runs when `f` is called; None for what is not written in Python."""
    while (inner := getattr(f, "__wrapped__", None)) is not None:
        f = inner
    of_class = vars(type(f)).get("__call__")
    for candidate in (f, getattr(f, "__func__", None), of_class):
        if (code := getattr(candidate, "__code__", None)) is not None:
            return code
    return None


class _Watch:
    """What is called for every frame that begins while a function runs."""

    def __init__(self, code: CodeType | None, calls: Calls) -> None:
        self.code, self.calls, self.outer = code, calls, sys.gettrace()
        self.found: Found = []
        self._seen: set[tuple[str, int]] = set()

    def __call__(self, frame: FrameType, event: Any, argument: Any) -> Any:
        """A frame begins: the function's own, a module's `forward`, or another one."""
        below = self.outer(frame, event, argument) if self.outer else None
        own = frame.f_code is self.code
        forward = frame.f_code.co_name == "forward" and not frame.f_code.co_flags & CO_GENERATOR
        module = frame.f_locals.get("self") if forward else None
        called = is_module(module)
        if not own and not called:
            return below
        if called:
            self.calls.begin(module, {k: v for k, v in frame.f_locals.items() if k != "self"})

        def line(frame: FrameType, event: Any, argument: Any) -> Any:
            nonlocal below
            if below is not None:
                below = below(frame, event, argument)
            if own:
                self._look(frame)
            if called and event == "return":
                self.calls.end(argument)
            return line

        frame.f_trace_lines = own or below is not None
        return line

    def _look(self, frame: FrameType) -> None:
        for name, value in frame.f_locals.items():
            if isinstance(value, Tensor) and (key := (name, id(value._node))) not in self._seen:
                self._seen.add(key)
                self.found.append((name, value, value._node))


@contextmanager
def watching(f: Callable[..., Any], calls: Calls) -> Generator[Found]:
    """Collect the local names of tensors, line by line, in the frames that run `f`'s own code.

    `calls` hears of every module whose `forward` begins and ends. A debugger or a coverage tool
    that is at work goes on seeing every line.
    """
    watch = _Watch(code_of(f), calls)
    sys.settrace(watch)
    try:
        yield watch.found
    finally:
        sys.settrace(watch.outer)
