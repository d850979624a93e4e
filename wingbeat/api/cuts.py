"""Where a transform's variable becomes a plain number, and no derivative flows on."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from wingbeat.api.sites import site
from wingbeat.api.tracing import state
from wingbeat.errors import GradientCut
from wingbeat.ir.node import quote
from wingbeat.ir.walk import toposort

if TYPE_CHECKING:
    from wingbeat.api.tensor import Tensor


def tell_of_cut(t: Tensor, how: str) -> None:
    """Warn where `t`, made `how`, depends on a variable that a derivative is taken by."""
    if not state.active or t._trace is not state.trace or t._node is None or not t.type.inexact:
        return
    variables = set(state.active)
    if any(n in variables for n in toposort([t._node])):
        at = site()
        warnings.warn(
            f"{how} of a tensor that a derivative is taken through: what is computed from it is a "
            "constant for the derivative. Use wingbeat's functions (wb.sin for math.sin, wb.stack "
            "for np.array([...])), or .item() or .numpy() where a constant is meant"
            + (f"\n  {quote(at)}" if at else ""),
            GradientCut,
            stacklevel=3,
        )
