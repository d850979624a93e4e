"""The user's line: file and line of the nearest caller outside this package."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

from wingbeat.ir.node import Site

_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_OURS: Site = (_PACKAGE, 0)
_places = 1 << 16
# Where an instruction of a code object stands. Decoding a line number costs more than finding it
# here. A code object is kept as long as its id is used, so that no other one gets it.
_sites: dict[tuple[int, int], Site] = {}
_codes: dict[int, CodeType] = {}
_noting = threading.Lock()


def site(depth: int = 1) -> Site | None:
    """File and line of the nearest caller outside this package.

    The search begins `depth` frames up: all that are nearer are known to be this package's.
    """
    frame = sys._getframe(depth)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        at = _sites.get((id(frame.f_code), frame.f_lasti)) or _noted(frame)
        if at is not _OURS:
            return at
        frame = frame.f_back
    return None


def _noted(frame: FrameType) -> Site:
    code = frame.f_code
    at = _OURS if code.co_filename.startswith(_PACKAGE) else (code.co_filename, frame.f_lineno)
    with _noting:
        if len(_sites) >= _places:
            _sites.clear()
            _codes.clear()
        _codes[id(code)] = code
        _sites[id(code), frame.f_lasti] = at
    return at
