"""What is rarely needed and long: computed one lane after the other, in a function of its own.

A kernel that never meets the rare case pays a test, and little more than that when it is compiled:
code for scalars is short, and a module holds it once, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import changed, either, loop
from wingbeat.backend.llvm.lanes import Lanes, Vector


def rarely(
    s: Lanes, c: Vector, usual: Vector, name: str, f: Callable[..., Vector], *xs: Vector
) -> Vector:
    """f(lanes, *xs) where c holds, else `usual`; `name` names f in the module.

    The builder stands in another basic block afterwards.
    """
    b, operands = s.builder, [c, usual, *xs]
    before = b.block
    with b.if_then(s.any(c), likely=False):
        function = _function(s, f"wingbeat.{name}.{usual.dtype}.{s.count}", f, operands)
        z = b.call(function, [x.value for x in operands])
        inside = b.block
    return Vector(either(b, (usual.value, before), (z, inside)), usual.dtype)


def _function(s: Lanes, name: str, f: Callable[..., Vector], operands: list[Vector]) -> ir.Function:
    module, result = s.builder.module, operands[1]
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(result.value.type, [x.value.type for x in operands])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    b = ir.IRBuilder(function.append_basic_block())
    one = Lanes(b, 1, s.target)
    c, z, *xs = function.args
    dtypes = [x.dtype for x in operands[2:]]

    def computed(k: ir.Value | None) -> ir.Value:
        values = [b.extract_element(x, k) if k is not None else x for x in xs]
        return f(one, *map(Vector, values, dtypes)).value

    if s.count == 1:
        b.ret(computed(None))
        return function
    carried = [z]
    with loop(b, 0, s.count, 1, carried) as k:
        z = carried[0]
        carried[0] = changed(
            b, b.extract_element(c, k), z, lambda: b.insert_element(z, computed(k), k)
        )
    b.ret(carried[0])
    return function
