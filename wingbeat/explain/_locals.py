"""What is seen while a function runs: the names that it gives to tensors, and modules called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
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


@contextmanager
def watching(f: Callable[..., Any], calls: Calls) -> Generator[Found]:
    """Collect the local names of tensors, line by line, in the frames that run `f`'s own code.

    `calls` hears of every module whose `forward` begins and ends. A debugger or a coverage tool
    that is at work goes on seeing every line.
    """
    found: Found = []
    code, outer = code_of(f), sys.gettrace()
    seen: set[tuple[str, int]] = set()

    def look(frame: FrameType) -> None:
        for name, value in frame.f_locals.items():
            if isinstance(value, Tensor) and (key := (name, id(value._node))) not in seen:
                seen.add(key)
                found.append((name, value, value._node))

    def entered(frame: FrameType, event: Any, argument: Any) -> Any:
        below = outer(frame, event, argument) if outer else None
        own = frame.f_code is code
        module = frame.f_locals.get("self") if frame.f_code.co_name == "forward" else None
        called = is_module(module)
        if not own and not called:
            return below
        if called:
            calls.begin(module, {k: v for k, v in frame.f_locals.items() if k != "self"})

        def line(frame: FrameType, event: Any, argument: Any) -> Any:
            nonlocal below
            if below is not None:
                below = below(frame, event, argument)
            if own:
                look(frame)
            if called and event == "return":
                calls.end(argument)
            return line

        frame.f_trace_lines = own or below is not None
        return line

    sys.settrace(entered)
    try:
        yield found
    finally:
        sys.settrace(outer)
