"""Ctrl-C: the first one is heard between two steps, the second one at once."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def first_interrupt_waits() -> Generator[Callable[[], bool]]:
    """Within this, the first Ctrl-C only makes the yielded function return True.

    A program that handles SIGINT itself, or ignores it as under nohup, keeps doing so; and only the
    main thread may set handlers.
    """
    asked = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt("stopped at once")
        asked = True

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
