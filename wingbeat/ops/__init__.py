"""Every primitive and composite, declared once each."""

from wingbeat.ops import (
    arithmetic,
    composites,
    contract,
    create,
    index,
    logic,
    random,
    reduce,
    shape,
    transcendental,
)

__all__ = [
    "arithmetic",
    "composites",
    "contract",
    "create",
    "index",
    "logic",
    "random",
    "reduce",
    "shape",
    "transcendental",
]
