"""How many threads native code uses; the threads themselves are in `pool`."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable
from pathlib import Path

from wingbeat.errors import BadInput

VARIABLE = "WINGBEAT_NUM_THREADS"
MOST = 1024
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # how a container's share of processors is written on Linux

_number: int | None = None
_listeners: list[Callable[[int], None]] = []


def get_num_threads() -> int:
    """The number of threads that native code uses for one program, the caller's among them."""
    global _number
    if _number is None:
        _number = _from_environment() or available()
    return _number


def set_num_threads(number: int) -> None:
    """Use that many threads from now on. The results of a program do not depend on it.

    Raises:
        BadInput: `number` is not an integer between 1 and 1024.
    """
    global _number
    _number = _checked(number, "set_num_threads")
    for listener in _listeners:
        listener(_number)


def listen(listener: Callable[[int], None]) -> None:
    """Call `listener` with the number of threads: now, and whenever it changes."""
    _listeners.append(listener)
    listener(get_num_threads())


def available() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        number = len(os.sched_getaffinity(0))
    else:
        number = os.cpu_count() or 1
    return max(1, min(number, _quota(), MOST))


def _quota() -> int:
    """A container's share of the machine, in whole processors; MOST where there is no limit."""
    try:
        share, period = QUOTA.read_text().split()
        return math.ceil(int(share) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no limit
        return MOST


def _from_environment() -> int | None:
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        return _checked(int(text), VARIABLE)
    except ValueError:
        raise BadInput(f"{VARIABLE}={text!r} is no number; use one of 1 ... {MOST}") from None


def _checked(number: int, where: str) -> int:
    try:
        whole = operator.index(number)
    except TypeError:
        whole = 0
    if not 1 <= whole <= MOST:
        raise BadInput(f"{where}: {number!r} threads cannot be used; use one of 1 ... {MOST}")
    return whole
