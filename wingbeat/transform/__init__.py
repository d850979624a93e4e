"""Functions from graph to graph."""

from wingbeat.transform.batch import vmap
from wingbeat.transform.forward import jvp
from wingbeat.transform.inline import inline, inlined
from wingbeat.transform.reverse import obstacle, sweep, vjp
from wingbeat.transform.simplify import simplified, simplify

__all__ = [
    "inline",
    "inlined",
    "jvp",
    "obstacle",
    "simplified",
    "simplify",
    "sweep",
    "vjp",
    "vmap",
]
