"""Containers that tests share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass
class Line:
    slope: Any
    offset: Any
