"""Ctrl-C while packages are imported."""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from wingbeat.cli import INTERRUPTED, LINE


@contextmanager
def ends_at_once() -> Generator[None]:
    """Within this, Ctrl-C ends the process.

    A package that is interrupted while it is imported may hide that: NumPy reports a broken
    installation then, others go on. Nothing is open yet that would have to be closed.
    """

    def end(number: int, frame: FrameType | None) -> None:
        os.write(2, f"{LINE}\n".encode())
        os._exit(INTERRUPTED)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
