"""LLVM's assembly language, written as it is built: what emitters need of it, and nothing else.

The names are those of `llvmlite.ir`, whose instructions are objects that are put into words at the
end; that takes several times as long. Here an instruction is a line of text from the beginning.
Only what is completed later, a phi or an alloca, is an object until the module is printed. Nothing
is checked: LLVM does that when it reads the text.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

# --- types --------------------------------------------------------------------------------------


class Type:
    """A type is one object: equal types are identical. Called with a number, it is a constant."""

    _known: ClassVar[dict[Any, Any]] = {}
    zero = "zeroinitializer"

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __call__(self, value: Any) -> Constant:
        return Constant(self, value)

    def number(self, value: Any) -> str:
        """A number of this type as text."""
        return str(int(value))


def _one(kind: Any, *key: Any) -> Any:
    """The type of that kind and key, which is made once."""
    known = Type._known.get((kind, *key))
    return known or Type._known.setdefault((kind, *key), kind(*key))


class _Void(Type):
    def __init__(self) -> None:
        super().__init__("void")


class _Pointer(Type):
    """To anything; with a signature, to a function that can be called."""

    zero = "null"

    def __init__(self, signature: Any = None) -> None:
        super().__init__("ptr")
        self.signature = signature


class _Int(Type):
    zero = "0"

    def __init__(self, width: int) -> None:
        super().__init__(f"i{width}")
        self.width = width


class _Float(Type):
    zero = "0.0"

    def __init__(self, text: str, width: int, code: str) -> None:
        super().__init__(text)
        self.width, self._code = width, code

    def number(self, value: Any) -> str:
        """The bits of a double that this type can hold."""
        (rounded,) = struct.unpack(self._code, struct.pack(self._code, value))
        return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"


class _Vector(Type):
    def __init__(self, element: Any, count: int) -> None:
        super().__init__(f"<{count} x {element}>")
        self.element, self.count = element, count


class _Array(Type):
    def __init__(self, element: Any, count: int) -> None:
        super().__init__(f"[{count} x {element}]")
        self.element, self.count = element, count


class _Struct(Type):
    def __init__(self, *elements: Any) -> None:
        super().__init__(f"{{{', '.join(map(str, elements))}}}")
        self.elements = elements


class _Function(Type):
    def __init__(self, result: Any, *kinds: Any) -> None:
        super().__init__(f"{result} ({', '.join(map(str, kinds))})")
        self.result, self.kinds = result, kinds

    def as_pointer(self) -> Any:
        """A pointer to such a function."""
        return _one(_Pointer, self)


def VoidType() -> Any:
    return _one(_Void)


def PointerType() -> Any:
    return _one(_Pointer)


def IntType(width: int) -> Any:
    return _one(_Int, width)


def HalfType() -> Any:
    return _one(_Float, "half", 16, "<e")


def FloatType() -> Any:
    return _one(_Float, "float", 32, "<f")


def DoubleType() -> Any:
    return _one(_Float, "double", 64, "<d")


def VectorType(element: Any, count: int) -> Any:
    return _one(_Vector, element, count)


def ArrayType(element: Any, count: int) -> Any:
    return _one(_Array, element, count)


def LiteralStructType(elements: Iterable[Any]) -> Any:
    return _one(_Struct, *elements)


def FunctionType(result: Any, kinds: Iterable[Any]) -> Any:
    return _one(_Function, result, *kinds)


# --- values -------------------------------------------------------------------------------------


class Undefined:
    """`Constant(type, Undefined)` may be anything."""


class Value:
    """Something with a type and a name."""

    def __init__(self, kind: Any, text: str) -> None:
        self.type = kind
        self.text = text

    def __str__(self) -> str:
        return f"{self.type.text} {self.text}"


class Constant(Value):
    """A number, a list of numbers, bytes, zeros (None), or `Undefined`."""

    def __init__(self, kind: Any, value: Any) -> None:
        super().__init__(kind, _written(kind, value))


class Written(Value):
    """A constant by its text."""


class InlineAsm(Value):
    """Instructions of the processor, which can be called."""

    def __init__(self, kind: Any, instructions: str, constraints: str) -> None:
        super().__init__(kind.as_pointer(), f'asm "{instructions}", "{constraints}"')


def _written(kind: Any, value: Any) -> str:
    if value is None:
        return kind.zero
    if value is Undefined:
        return "undef"
    if isinstance(value, bytes | bytearray):
        return f'c"{"".join(f"{chr(92)}{byte:02x}" for byte in value)}"'
    if isinstance(value, list | tuple):
        number = kind.element.number
        return f"<{', '.join(f'{kind.element} {number(v)}' for v in value)}>"
    return kind.number(value)


class _Phi(Value):
    """A value that depends on where control came from."""

    def __init__(self, kind: Any, text: str) -> None:
        super().__init__(kind, text)
        self._incoming: list[tuple[Value, Block]] = []

    def add_incoming(self, value: Value, block: Block) -> None:
        self._incoming.append((value, block))

    def line(self) -> str:
        pairs = ", ".join(f"[{v.text}, %{b.name}]" for v, b in self._incoming)
        return f"{self.text} = phi {self.type.text} {pairs}"


class _Alloca(Value):
    """Memory on the stack; `align` may be set."""

    align: int | None = None

    def __init__(self, element: Any, text: str, size: Value | None) -> None:
        super().__init__(PointerType(), text)
        self._what = f"alloca {element}" + (f", {size}" if size else "")

    def line(self) -> str:
        return f"{self.text} = {self._what}{_aligned(self.align)}"


class Block:
    """Instructions that run one after another."""

    def __init__(self, function: Function, name: str) -> None:
        self.function, self.name = function, name
        self.lines: list[Any] = []  # text, or what has a `line()`
        self.ended = False

    def text(self) -> str:
        lines = (x if isinstance(x, str) else x.line() for x in self.lines)
        return "\n  ".join((f"{self.name}:", *lines))


class Function(Value):
    """A function of a module: declared, until it has a block."""

    def __init__(self, module: Module, kind: Any, name: str) -> None:
        super().__init__(kind.as_pointer(), f"@{name}")
        self.module, self.kind, self.name = module, kind, name
        self.args = tuple(Value(t, f"%a{k}") for k, t in enumerate(kind.kinds))
        self.linkage = ""
        self.attributes: set[str] = set()
        self.blocks: list[Block] = []
        self.values = 0
        module.add(self)

    @property
    def is_declaration(self) -> bool:
        return not self.blocks

    def append_basic_block(self, name: str = "b") -> Block:
        block = Block(self, f"{name}{len(self.blocks)}")
        self.blocks.append(block)
        return block

    def line(self) -> str:
        kind, attributes = self.kind, "".join(f" {a}" for a in sorted(self.attributes))
        if not self.blocks:
            kinds = ", ".join(map(str, kind.kinds))
            return f"declare {kind.result} {self.text}({kinds}){attributes}"
        linkage = f"{self.linkage} " if self.linkage else ""
        head = f"{linkage}{kind.result} {self.text}({', '.join(map(str, self.args))}){attributes}"
        body = "\n".join(block.text() for block in self.blocks)
        return f"define {head} {{\n{body}\n}}"


class GlobalVariable(Value):
    """Memory of a module."""

    def __init__(self, module: Module, kind: Any, name: str) -> None:
        super().__init__(PointerType(), f"@{name}")
        self.value_type, self.name = kind, name
        self.linkage = ""
        self.global_constant = False
        self.align: int | None = None
        self.initializer: Value | None = None
        module.add(self)

    def line(self) -> str:
        kind = "constant" if self.global_constant else "global"
        what = self.initializer or self.value_type
        return f"{self.text} = {self.linkage} {kind} {what}{_aligned(self.align)}"


LIKELY, UNLIKELY = range(2)
_WEIGHTS = '!0 = !{!"branch_weights", i32 99, i32 1}\n!1 = !{!"branch_weights", i32 1, i32 99}\n'


class Module:
    """Functions and global variables by their names."""

    def __init__(self, name: str = "module") -> None:
        self.name = name
        self.triple = ""  # the processor and its system, where they are not this machine's
        self.globals: dict[str, Any] = {}

    def add(self, value: Any) -> None:
        if value.name in self.globals:
            raise ValueError(f"{value.name} is there already")
        self.globals[value.name] = value

    @property
    def functions(self) -> list[Function]:
        return [f for f in self.globals.values() if isinstance(f, Function)]

    def __str__(self) -> str:
        head = (
            f'; {self.name}\ntarget triple = "{self.triple}"' if self.triple else f"; {self.name}"
        )
        lines = [head, *(value.line() for value in self.globals.values()), _WEIGHTS]
        return "\n\n".join(lines)


def _aligned(align: int | None) -> str:
    return f", align {align}" if align else ""


# --- instructions -------------------------------------------------------------------------------

_RELATIONS = {"==": "eq", "!=": "ne"}
_ORDERS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def _binary(name: str) -> Any:
    def instruction(self: IRBuilder, x: Value, y: Value, flags: Sequence[str] = ()) -> Value:
        with_flags = " ".join((name, *flags)) if flags else name
        return self._value(x.type, f"{with_flags} {x.type.text} {x.text}, {y.text}")

    return instruction


def _cast(name: str) -> Any:
    def instruction(self: IRBuilder, x: Value, kind: Any) -> Value:
        if x.type is kind:
            return x
        return self._value(kind, f"{name} {x.type.text} {x.text} to {kind.text}")

    return instruction


class IRBuilder:
    """Adds instructions to the end of a block."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.function = block.function
        self._lines = block.lines

    @property
    def module(self) -> Module:
        return self.function.module

    def append_basic_block(self) -> Block:
        return self.function.append_basic_block()

    def position_at_end(self, block: Block) -> None:
        self.block, self._lines = block, block.lines

    def _name(self) -> str:
        function = self.function
        function.values += 1
        return f"%v{function.values}"

    def _value(self, kind: Any, text: str) -> Value:
        name = self._name()
        self._lines.append(f"{name} = {text}")
        return Value(kind, name)

    def _end(self, text: str) -> None:
        self._lines.append(text)
        self.block.ended = True

    add, sub, mul = _binary("add"), _binary("sub"), _binary("mul")
    sdiv, udiv, srem, urem = _binary("sdiv"), _binary("udiv"), _binary("srem"), _binary("urem")
    shl, lshr, ashr = _binary("shl"), _binary("lshr"), _binary("ashr")
    and_, or_, xor = _binary("and"), _binary("or"), _binary("xor")
    fadd, fsub, fmul, fdiv = _binary("fadd"), _binary("fsub"), _binary("fmul"), _binary("fdiv")
    frem = _binary("frem")

    trunc, zext, sext = _cast("trunc"), _cast("zext"), _cast("sext")
    fptrunc, fpext, bitcast = _cast("fptrunc"), _cast("fpext"), _cast("bitcast")
    fptosi, fptoui, sitofp, uitofp = (_cast(n) for n in ("fptosi", "fptoui", "sitofp", "uitofp"))
    ptrtoint = _cast("ptrtoint")

    def inttoptr(self, x: Value, kind: Any) -> Value:
        return self._value(kind, f"inttoptr {x} to ptr")

    def fneg(self, x: Value) -> Value:
        return self._value(x.type, f"fneg {x}")

    def not_(self, x: Value) -> Value:
        ones = f"splat (i{x.type.element.width} -1)" if _is_vector(x) else "-1"
        return self._value(x.type, f"xor {x}, {ones}")

    def icmp_signed(self, relation: str, x: Value, y: Value) -> Value:
        name = _RELATIONS.get(relation) or f"s{_ORDERS[relation]}"
        return self._value(_truths(x), f"icmp {name} {x}, {y.text}")

    def icmp_unsigned(self, relation: str, x: Value, y: Value) -> Value:
        name = _RELATIONS.get(relation) or f"u{_ORDERS[relation]}"
        return self._value(_truths(x), f"icmp {name} {x}, {y.text}")

    def fcmp_ordered(self, relation: str, x: Value, y: Value) -> Value:
        name = _RELATIONS.get(relation) or _ORDERS[relation]
        return self._value(_truths(x), f"fcmp o{name} {x}, {y.text}")

    def fcmp_unordered(self, relation: str, x: Value, y: Value) -> Value:
        name = _RELATIONS.get(relation) or _ORDERS[relation]
        return self._value(_truths(x), f"fcmp u{name} {x}, {y.text}")

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        return self._value(x.type, f"select {condition}, {x}, {y}")

    def insert_element(self, x: Value, value: Value, place: Value) -> Value:
        return self._value(x.type, f"insertelement {x}, {value}, {place}")

    def extract_element(self, x: Value, place: Value) -> Value:
        return self._value(x.type.element, f"extractelement {x}, {place}")

    def shuffle_vector(self, x: Value, y: Value, places: Value) -> Value:
        kind = VectorType(x.type.element, places.type.count)
        return self._value(kind, f"shufflevector {x}, {y}, {places}")

    def extract_value(self, x: Value, place: int) -> Value:
        return self._value(x.type.elements[place], f"extractvalue {x}, {place}")

    # --- memory -----------------------------------------------------------------------------

    def alloca(self, kind: Any, size: Value | None = None) -> _Alloca:
        memory = _Alloca(kind, self._name(), size)
        self._lines.append(memory)
        return memory

    def gep(self, pointer: Value, indices: Iterable[Value], *, source_etype: Any) -> Value:
        """The address of an element; indices count elements of that type."""
        where = ", ".join(map(str, indices))
        return self._value(
            PointerType(), f"getelementptr {source_etype.text}, ptr {pointer.text}, {where}"
        )

    def load(self, pointer: Value, *, typ: Any, align: int | None = None) -> Value:
        return self._value(typ, f"load {typ.text}, ptr {pointer.text}{_aligned(align)}")

    def store(self, value: Value, pointer: Value, align: int | None = None) -> None:
        self._lines.append(f"store {value}, ptr {pointer.text}{_aligned(align)}")

    def load_atomic(self, pointer: Value, order: str, align: int, *, typ: Any) -> Value:
        return self._value(typ, f"load atomic {typ}, ptr {pointer.text} {order}, align {align}")

    def store_atomic(self, value: Value, pointer: Value, order: str, align: int) -> None:
        self._lines.append(f"store atomic {value}, ptr {pointer.text} {order}, align {align}")

    def atomic_rmw(self, operation: str, pointer: Value, value: Value, order: str) -> Value:
        return self._value(value.type, f"atomicrmw {operation} ptr {pointer.text}, {value} {order}")

    def cmpxchg(self, pointer: Value, old: Value, new: Value, order: str, other: str) -> Value:
        kind = LiteralStructType((old.type, IntType(1)))
        return self._value(kind, f"cmpxchg ptr {pointer.text}, {old}, {new} {order} {other}")

    def fence(self, order: str) -> None:
        self._lines.append(f"fence {order}")

    # --- control ----------------------------------------------------------------------------

    def call(self, function: Value, arguments: Iterable[Value]) -> Value:
        kind = function.type.signature
        text = f"call {kind.result.text} {function.text}({', '.join(map(str, arguments))})"
        if kind.result is not VoidType():
            return self._value(kind.result, text)
        self._lines.append(text)
        return Value(kind.result, "")

    def phi(self, kind: Any) -> _Phi:
        phi = _Phi(kind, self._name())
        self._lines.append(phi)
        return phi

    def branch(self, block: Block) -> None:
        self._end(f"br label %{block.name}")

    def cbranch(
        self, condition: Value, then: Block, otherwise: Block, likely: bool | None = None
    ) -> None:
        weights = "" if likely is None else f", !prof !{LIKELY if likely else UNLIKELY}"
        self._end(f"br {condition}, label %{then.name}, label %{otherwise.name}{weights}")

    def ret(self, value: Value) -> None:
        self._end(f"ret {value}")

    def ret_void(self) -> None:
        self._end("ret void")

    @contextmanager
    def if_then(self, condition: Value, *, likely: bool | None = None) -> Generator[None]:
        """What is built inside runs where the condition holds; afterwards, both ways are one."""
        then, after = (self.append_basic_block() for _ in range(2))
        self.cbranch(condition, then, after, likely)
        with self._inside(then, after):
            yield
        self.position_at_end(after)

    @contextmanager
    def if_else(
        self, condition: Value, *, likely: bool | None = None
    ) -> Generator[tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
        """Two contexts: what is built in the one runs where the condition holds, else the other."""
        then, otherwise, after = (self.append_basic_block() for _ in range(3))
        self.cbranch(condition, then, otherwise, likely)
        yield self._inside(then, after), self._inside(otherwise, after)
        self.position_at_end(after)

    @contextmanager
    def _inside(self, block: Block, after: Block) -> Generator[None]:
        self.position_at_end(block)
        yield
        if not self.block.ended:
            self.branch(after)


def _is_vector(x: Value) -> bool:
    return isinstance(x.type, _Vector)


def _truths(x: Value) -> Any:
    """The type of a comparison's result."""
    return VectorType(IntType(1), x.type.count) if _is_vector(x) else IntType(1)
