"""Every primitive and composite, declared once each."""

from wingbeat.ops import (
    arithmetic,
    composites,
    contract,
    convolution,
    create,
    index,
    logic,
    matrix,
    random,
    reduce,
    shape,
    sliding,
    sort,
    transcendental,
    windows,
)

__all__ = [
    "arithmetic",
    "composites",
    "contract",
    "convolution",
    "create",
    "index",
    "logic",
    "matrix",
    "random",
    "reduce",
    "shape",
    "sliding",
    "sort",
    "transcendental",
    "windows",
]
