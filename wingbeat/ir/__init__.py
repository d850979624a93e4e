"""The graph: types, nodes, traversals, text form, verifier."""

from wingbeat.ir.check import check
from wingbeat.ir.node import PRIMITIVES, Node, Primitive, Sample, build, full, leaf
from wingbeat.ir.text import from_text, to_text
from wingbeat.ir.types import TensorType, promote, tensor_type
from wingbeat.ir.walk import rewrite, substitute, toposort

__all__ = [
    "PRIMITIVES",
    "Node",
    "Primitive",
    "Sample",
    "TensorType",
    "build",
    "check",
    "from_text",
    "full",
    "leaf",
    "promote",
    "rewrite",
    "substitute",
    "tensor_type",
    "to_text",
    "toposort",
]
