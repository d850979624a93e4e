"""Typed arithmetic on n numbers at once: LLVM instructions behind NumPy's rules.

A `Vector` is an LLVM value with NumPy's dtype, so that signed and unsigned integers differ; a bool
is an i1. With one lane a Vector is a plain scalar, so that what is written once serves loops over
vectors and the rest of a loop alike. float16 never appears: it is stored, and computed in float32.

Where an operation takes two operands, one of them may be a Python number: it adopts the dtype of
the other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.target import Target

DType = np.dtype[Any]
BOOL, F16, F32, F64 = (np.dtype(t) for t in (np.bool, np.float16, np.float32, np.float64))
I32, I64 = np.dtype(np.int32), np.dtype(np.int64)
U16, U32, U64 = (np.dtype(t) for t in (np.uint16, np.uint32, np.uint64))

INT = ir.IntType(32)
TABLE = 16  # numbers that one instruction looks up among

# Added to a whole number, it leaves that number in the last bits.
MAGIC = {F32: 1.5 * 2.0**23, F64: 1.5 * 2.0**52}
_BITS = {"&": "and_", "|": "or_", "^": "xor"}


class Vector(NamedTuple):
    """`count` numbers of one dtype, or one number where the lanes are one."""

    value: Any  # ir.Value: <n x t>, or t
    dtype: DType
    number: float | None = None  # where the same one is known to be in every lane


Number = Vector | float | int | bool


def element_type(dtype: DType) -> Any:
    """The LLVM type of one number."""
    if dtype.kind == "b":
        return ir.IntType(1)
    if dtype.kind in "iu":
        return ir.IntType(8 * dtype.itemsize)
    return {F32: ir.FloatType(), F64: ir.DoubleType()}[dtype]


def integers_of(dtype: DType) -> DType:
    """The signed integers as wide as `dtype`."""
    return np.dtype(f"i{dtype.itemsize}")


def _literal(number: Any, dtype: DType) -> str:
    """A number as LLVM's text: floats as the bits of a double, integers wrapped to their width."""
    if dtype.kind == "b":
        return "true" if number else "false"
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            rounded = float(np.asarray(number).astype(dtype))
        return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"
    width = 8 * dtype.itemsize
    wrapped = int(number) % (1 << width)
    return str(wrapped - (wrapped >> (width - 1) << width))


def _places(numbers: Sequence[int]) -> Any:
    """The lanes that a shuffle takes."""
    texts = ", ".join(f"i32 {k}" for k in numbers)
    return ir.Written(ir.VectorType(INT, len(numbers)), f"<{texts}>")


def ignored(mask: Vector) -> None:
    """Where nobody can be told that operands have no result, it may be anything."""


class Lanes:
    """Builds operations on vectors of `count` lanes where `builder` stands."""

    def __init__(
        self, builder: Any, count: int, target: Target, refuse: Callable[[Vector], None] = ignored
    ) -> None:
        self.builder = builder
        self.count = count
        self.target = target
        self.refuse = refuse  # what is done where a mask of operands without a result holds

    # --- making vectors ---------------------------------------------------------------------

    def type(self, dtype: DType) -> Any:
        """The LLVM type of a Vector of `dtype`."""
        element = element_type(dtype)
        return element if self.count == 1 else ir.VectorType(element, self.count)

    def const(self, number: Any, dtype: DType) -> Vector:
        """The same number in every lane; an integer wraps, a float is rounded to the dtype."""
        text = _literal(number, dtype)
        if self.count > 1:
            text = f"splat ({element_type(dtype)} {text})"
        return Vector(ir.Written(self.type(dtype), text), dtype, number)

    def table(self, numbers: list[Any], dtype: DType) -> Vector:
        """One number for each lane."""
        element = element_type(dtype)
        texts = [_literal(number, dtype) for number in numbers]
        text = "<" + ", ".join(f"{element} {t}" for t in texts) + ">"
        return Vector(ir.Written(self.type(dtype), text if self.count > 1 else texts[0]), dtype)

    @property
    def tables(self) -> bool:
        """Whether there is a `lookup`."""
        return self.target.scaling and (self.count == TABLE // 2 or self.count % TABLE == 0)

    def lookup(self, numbers: Sequence[float], at: Vector, dtype: DType) -> Vector:
        """The number of a table of sixteen float32 that the last four bits of `at` say."""
        if self.count == TABLE // 2:
            halves = [self.table(list(numbers[k:][: self.count]), dtype) for k in (0, self.count)]
            low, high = (half.value for half in halves)
            name = "llvm.x86.avx512.vpermi2var.ps.256"
            return Vector(self.call(name, self.type(dtype), low, at.value, high), dtype)
        lanes = self.of(TABLE)
        table = lanes.table(list(numbers), dtype).value
        pieces: list[Vector] = []
        for start in range(0, self.count, TABLE):
            places = self.part(at, start, TABLE).value
            name = "llvm.x86.avx512.permvar.sf.512"
            pieces.append(Vector(self.call(name, lanes.type(dtype), table, places), dtype))
        return self.join(pieces, TABLE)

    def of(self, count: int) -> Lanes:
        """As many lanes at the same place."""
        return Lanes(self.builder, count, self.target, self.refuse)

    def stretched(self, x: Vector, count: int) -> Vector:
        """x as the first of more lanes; what the others are does not matter."""
        if self.count == 1:
            return self.of(count).splat(x.value, x.dtype)
        undefined = ir.Constant(x.value.type, ir.Undefined)
        places = _places([min(k, self.count) for k in range(count)])
        return Vector(self.builder.shuffle_vector(x.value, undefined, places), x.dtype)

    def splat(self, value: Any, dtype: DType) -> Vector:
        """An LLVM scalar in every lane."""
        if self.count == 1:
            return Vector(value, dtype)
        one = ir.VectorType(value.type, 1)
        first = self.builder.insert_element(
            ir.Constant(one, ir.Undefined), value, ir.Constant(INT, 0)
        )
        places = ir.Constant(ir.VectorType(INT, self.count), None)
        undefined = ir.Constant(one, ir.Undefined)
        return Vector(self.builder.shuffle_vector(first, undefined, places), dtype)

    def ramp(self, dtype: DType) -> Vector:
        """0, 1, 2, ... along the lanes."""
        return self.table(list(range(self.count)), dtype)

    def first(self, length: Any) -> Vector:
        """A mask of the first `length` lanes, an LLVM i64."""
        return self.compare("<", self.ramp(I64), self.splat(length, I64))

    def lane(self, x: Vector, k: int) -> Any:
        """The LLVM scalar in lane k."""
        if self.count == 1:
            return x.value
        return self.builder.extract_element(x.value, ir.Constant(INT, k))

    # --- arithmetic -------------------------------------------------------------------------

    def add(self, x: Number, y: Number) -> Vector:
        """NumPy's sum of two bools is one."""
        x, y = self._pair(x, y)
        return self.bits("|", x, y) if x.dtype == BOOL else self._binary("add", x, y)

    def sub(self, x: Number, y: Number) -> Vector:
        return self._binary("sub", x, y)

    def mul(self, x: Number, y: Number) -> Vector:
        return self._binary("mul", x, y)

    def div(self, x: Number, y: Number) -> Vector:
        """Of floats; integers have `floor_divide`."""
        x, y = self._pair(x, y)
        if x.dtype.kind != "f":
            raise TypeError(f"div: operands are {x.dtype}; use floor_divide")
        return Vector(self.builder.fdiv(x.value, y.value), x.dtype)

    def neg(self, x: Vector) -> Vector:
        if x.dtype.kind == "f":
            return Vector(self.builder.fneg(x.value), x.dtype)
        return self.sub(0, x)

    def fma(self, x: Number, y: Number, z: Number) -> Vector:
        """x * y + z: rounded once where the target can, else twice."""
        if not self.target.fma:
            return self.add(self.mul(x, y), z)
        vector = next(v for v in (x, y, z) if isinstance(v, Vector))
        return self._intrinsic("fma", *(self._like(v, vector.dtype) for v in (x, y, z)))

    def abs(self, x: Vector) -> Vector:
        if x.dtype.kind == "f":
            return self._intrinsic("fabs", x)
        if x.dtype.kind in "bu":
            return x
        return self.select(self.compare("<", x, 0), self.neg(x), x)

    def sqrt(self, x: Vector) -> Vector:
        return self._intrinsic("sqrt", x)

    def copysign(self, x: Number, y: Vector) -> Vector:
        return self._intrinsic("copysign", self._like(x, y.dtype), y)

    def minimum(self, x: Number, y: Number) -> Vector:
        """The smaller one; NaN wins."""
        return self._extreme("<", x, y)

    def maximum(self, x: Number, y: Number) -> Vector:
        """The larger one; NaN wins."""
        return self._extreme(">", x, y)

    def _extreme(self, relation: str, x: Number, y: Number) -> Vector:
        x, y = self._pair(x, y)
        z = self.select(self.compare(relation, x, y), x, y)  # y where either is NaN
        return self.select(self.compare("!=", x, x), x, z) if x.dtype.kind == "f" else z

    def _binary(self, name: str, x: Number, y: Number) -> Vector:
        x, y = self._pair(x, y)
        instruction = getattr(self.builder, f"f{name}" if x.dtype.kind == "f" else name)
        return Vector(instruction(x.value, y.value), x.dtype)

    # --- powers of two ----------------------------------------------------------------------

    def scale(self, x: Vector, n: Vector) -> Vector:
        """x * 2^n for a whole number n that is a float, rounded once.

        Where the target has no such instruction, |x| lies in [1/2, 2], |n| within three quarters
        of the exponents.
        """
        if self._has_registers(x.dtype):
            zero = self.const(0, x.dtype)
            return self._registers("scalef", x, n, zero)
        half = self.bits(">>", self.whole(n), 1)
        near, far = half, self.sub(self.whole(n), half)
        return self.mul(self.mul(x, self.power_of_two(near)), self.power_of_two(far))

    def whole(self, n: Vector) -> Vector:
        """A whole number that is a float, below half of those that are exact, as an integer."""
        magic = self.const(MAGIC[n.dtype], n.dtype)
        integers = integers_of(n.dtype)
        shifted = self.bitcast(self.add(n, magic), integers)
        return self.sub(shifted, self.bitcast(magic, integers))

    def power_of_two(self, n: Vector) -> Vector:
        """2^n as a float, for an integer n that is an exponent of normal numbers."""
        dtype = np.dtype(f"f{n.dtype.itemsize}")
        about = np.finfo(dtype)
        return self.bitcast(self.bits("<<", self.add(n, about.maxexp - 1), about.nmant), dtype)

    def normalized(self, x: Vector) -> tuple[Vector, Vector]:
        """m in [3/4, 3/2) and a whole number k, a float, with x = m * 2^k; x is positive."""
        if self._has_registers(x.dtype):
            m = self._registers("getmant", x, INT(3), self.const(0, x.dtype))
            exponents = [self._registers("getexp", v, self.const(0, x.dtype)) for v in (x, m)]
            return m, self.sub(*exponents)
        about, integers = np.finfo(x.dtype), integers_of(x.dtype)
        tiny = self.compare("<", x, float(about.smallest_normal))
        shift = about.nmant + 1
        bits = self.bitcast(self.select(tiny, self.mul(x, 2.0**shift), x), integers)
        start = self.bitcast(self.const(0.75, x.dtype), integers)
        k = self.bits(">>", self.sub(bits, start), about.nmant)
        m = self.bitcast(self.sub(bits, self.bits("<<", k, about.nmant)), x.dtype)
        return m, self.sub(self.cast(k, x.dtype), self.select(tiny, self.const(shift, x.dtype), 0))

    def _has_registers(self, dtype: DType) -> bool:
        width = 8 * dtype.itemsize * self.count
        return self.target.scaling and (width in (128, 256) or width % 512 == 0)

    def _registers(self, name: str, *operands: Any, mask: Vector | None = None) -> Vector:
        """An instruction of AVX-512, one register at a time; operands that are no Vector as is.

        Lanes that the mask leaves out are those of the first operand.
        """
        dtype = operands[0].dtype
        width = min(512, 8 * dtype.itemsize * self.count)
        count = width // (8 * dtype.itemsize)
        kind = f"p{'s' if dtype == F32 else 'd'}.{width}"
        rounding = [INT(4)] if width == 512 else []
        lanes = Lanes(self.builder, count, self.target)
        pieces: list[Vector] = []
        for start in range(0, self.count, count):
            values = [
                self.part(x, start, count).value if isinstance(x, Vector) else x for x in operands
            ]
            some = ir.IntType(max(8, count))(-1)
            if mask is not None:
                some = lanes.as_bits(self.part(mask, start, count))
            full = f"llvm.x86.avx512.mask.{name}.{kind}"
            made = self.call(full, lanes.type(dtype), *values, some, *rounding)
            pieces.append(Vector(made, dtype))
        return self.join(pieces, count)

    def as_bits(self, mask: Vector) -> Any:
        """An LLVM integer with a bit for each lane, of at least 8 bits."""
        if self.count >= 8:
            return self.builder.bitcast(mask.value, ir.IntType(self.count))
        return self.builder.bitcast(self.stretched(mask, 8).value, ir.IntType(8))

    # --- rounding ---------------------------------------------------------------------------

    def floor(self, x: Vector) -> Vector:
        return self._rounded("floor", x, self._floor)

    def ceil(self, x: Vector) -> Vector:
        return self._rounded("ceil", x, lambda x: self.neg(self._floor(self.neg(x))))

    def trunc(self, x: Vector) -> Vector:
        return self._rounded("trunc", x, lambda x: self.copysign(self._floor(self.abs(x)), x))

    def rint(self, x: Vector) -> Vector:
        """The nearest integer, the even one of two."""
        return self._rounded("roundeven", x, self._rint)

    def _rounded(self, name: str, x: Vector, emulated: Callable[[Vector], Vector]) -> Vector:
        return self._intrinsic(name, x) if self.target.rounding else emulated(x)

    def _rint(self, x: Vector) -> Vector:
        """Added to a number whose unit in the last place is 1, a number loses its fraction."""
        whole = 2.0 ** np.finfo(x.dtype).nmant
        size = self.abs(x)
        near = self.sub(self.add(size, whole), whole)
        fraction = self.compare("<", size, whole)  # false for NaN and infinities too
        return self.select(fraction, self.copysign(near, x), x)

    def _floor(self, x: Vector) -> Vector:
        near = self._rint(x)
        above = self.select(self.compare(">", near, x), self.const(1, x.dtype), 0)
        return self.copysign(self.sub(near, above), x)

    # --- comparing and choosing -------------------------------------------------------------

    def compare(self, relation: str, x: Number, y: Number) -> Vector:
        """`relation` is one of < <= > >= == !=; with NaN all but != are false."""
        sign = relation in ("<", ">=") and isinstance(y, int) and y == 0
        x, y = self._pair(x, y)
        if sign and self.target.scaling and self.count > 1 and x.dtype.kind == "i":
            y = self._disguised(0, x.dtype)
        if x.dtype.kind == "f":
            ordered = self.builder.fcmp_ordered
            compare = self.builder.fcmp_unordered if relation == "!=" else ordered
        else:
            signed = self.builder.icmp_signed
            compare = signed if x.dtype.kind == "i" else self.builder.icmp_unsigned
        return Vector(compare(relation, x.value, y.value), BOOL)

    def _disguised(self, number: int, dtype: DType) -> Vector:
        """A number in every lane that the code generator does not know.

        From the signs of a vector LLVM 22 makes VPMOVD2M and KMOV, then of these VMOVMSKPS, which
        has no encoding for registers 16 to 31: where the vector is in one of them, another one is
        read (X86CompressEVEX.cpp). A comparison with what it does not know to be 0 is none of that.
        """
        kind = element_type(dtype)
        itself = ir.InlineAsm(ir.FunctionType(kind, [kind]), "", "=r,0")
        return self.splat(self.builder.call(itself, [kind(number)]), dtype)

    def select(self, c: Vector, x: Number, y: Number) -> Vector:
        """x where c holds, else y."""
        x, y = self._pair(x, y)
        return Vector(self.builder.select(c.value, x.value, y.value), x.dtype)

    def clear(self, c: Vector, x: Vector) -> Vector:
        """x, with 0 in place of NaN where c holds."""
        if self.count > 1 and self._has_registers(x.dtype):
            # Kinds of numbers, of 4 bits each: quiet and signalling NaN become 0, the others stay.
            rest = self.const(0x88, integers_of(x.dtype))
            return self._registers("fixupimm", x, x, rest, INT(0), mask=c)
        nan = self.compare("!=", x, x)
        return self.select(self.bits("&", c, nan), 0.0, x)

    def any(self, c: Vector) -> Any:
        """An LLVM i1: whether the mask holds in some lane."""
        if self.count == 1:
            return c.value
        mask = self.builder.bitcast(c.value, ir.IntType(self.count))
        return self.builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))

    def all(self, c: Vector) -> Any:
        """An LLVM i1: whether the mask holds in every lane."""
        return self.builder.not_(self.any(self.invert(c)))

    # --- bits -------------------------------------------------------------------------------

    def bits(self, operator: str, x: Number, y: Number) -> Vector:
        """`operator` is one of & | ^ << >>; a shift by the width or more shifts everything out."""
        known = y if isinstance(y, int) else -1
        x, y = self._pair(x, y)
        if operator in _BITS:
            return Vector(getattr(self.builder, _BITS[operator])(x.value, y.value), x.dtype)
        width = 8 * x.dtype.itemsize
        if 0 <= known < width:
            return self._shift(operator, x, y)
        # Below 0 is far above the width for an unsigned comparison.
        inside = Vector(self.builder.icmp_unsigned("<", y.value, self._bit(x, width)), BOOL)
        if operator == "<<" or x.dtype.kind != "i":
            return self.select(inside, self._shift(operator, x, self.select(inside, y, 0)), 0)
        return self._shift(operator, x, self.select(inside, y, width - 1))

    def _bit(self, x: Vector, number: int) -> Any:
        return self.const(number, x.dtype).value

    def _shift(self, operator: str, x: Vector, y: Vector) -> Vector:
        right = "ashr" if x.dtype.kind == "i" else "lshr"
        instruction = getattr(self.builder, "shl" if operator == "<<" else right)
        return Vector(instruction(x.value, y.value), x.dtype)

    def invert(self, x: Vector) -> Vector:
        return Vector(self.builder.not_(x.value), x.dtype)

    def bitcast(self, x: Vector, dtype: DType) -> Vector:
        """The same bits as numbers of another dtype as wide."""
        if (x.dtype.kind == "f") == (dtype.kind == "f"):
            return Vector(x.value, dtype)
        return Vector(self.builder.bitcast(x.value, self.type(dtype)), dtype)

    # --- conversions ------------------------------------------------------------------------

    def cast(self, x: Vector, dtype: DType) -> Vector:
        """The same number in another dtype, as NumPy converts it; float16 comes out as float32.

        A float becomes an integer by losing its fraction. One that does not fit becomes the
        smallest number of int32, for int64 and uint64 that of int64; for 8 and 16 bits the low
        bits of the int32, for uint32 those of the int64.
        """
        if dtype == F16:
            return self.from_half(self.to_half(x))
        if dtype == x.dtype:
            return x
        if dtype.kind == "b":
            return self.compare("!=", x, 0) if x.dtype.kind != "b" else x
        if dtype.kind == "f":
            return self._to_float(x, dtype)
        return self._float_to_integer(x, dtype) if x.dtype.kind == "f" else self._resize(x, dtype)

    def _to_float(self, x: Vector, dtype: DType) -> Vector:
        if x.dtype.kind == "f":
            convert = self.builder.fpext if dtype == F64 else self.builder.fptrunc
        else:
            convert = self.builder.sitofp if x.dtype.kind == "i" else self.builder.uitofp
        return Vector(convert(x.value, self.type(dtype)), dtype)

    def _resize(self, x: Vector, dtype: DType) -> Vector:
        have, want = (element_type(d).width for d in (x.dtype, dtype))
        if have == want:
            return Vector(x.value, dtype)
        extend = self.builder.sext if x.dtype.kind == "i" else self.builder.zext
        resize = extend if have < want else self.builder.trunc
        return Vector(resize(x.value, self.type(dtype)), dtype)

    def _float_to_integer(self, x: Vector, dtype: DType) -> Vector:
        if dtype != U64:
            wide = I64 if dtype == U32 else max(dtype, I32, key=lambda d: d.itemsize)
            return self._resize(self._signed(x, integers_of(wide)), dtype)
        half = 2.0**63
        large = self.compare(">=", x, half)
        low = self._signed(self.select(large, self.sub(x, half), x), I64)
        return Vector(self.select(large, self.bits("^", low, -(1 << 63)), low).value, U64)

    def _signed(self, x: Vector, dtype: DType) -> Vector:
        """To int32 or int64; LLVM leaves undefined what does not fit."""
        limit = 2.0 ** (8 * dtype.itemsize - 1)
        fits = self.bits("&", self.compare(">=", x, -limit), self.compare("<", x, limit))
        inside = self.select(fits, x, 0.0)
        whole = Vector(self.builder.fptosi(inside.value, self.type(dtype)), dtype)
        return self.select(fits, whole, int(-limit))

    def from_half(self, x: Vector) -> Vector:
        """float32 from the bits of float16, a uint16."""
        if self.target.half:
            halves = self.builder.bitcast(x.value, self._halves())
            return Vector(self.builder.fpext(halves, self.type(F32)), F32)
        wide = self._resize(x, U32)
        sign = self.bits("<<", self.bits("&", wide, 0x8000), 16)
        size = self.bits("<<", self.bits("&", wide, 0x7FFF), 13)
        scaled = self.bitcast(self.mul(self.bitcast(size, F32), 2.0**112), U32)
        infinite = self.compare(">=", size, 0x0F800000)
        return self.bitcast(
            self.bits("|", sign, self.select(infinite, self.bits("|", size, 0x7F800000), scaled)),
            F32,
        )

    def to_half(self, x: Vector) -> Vector:
        """The bits of the nearest float16, a uint16; an overflow gives infinity."""
        x = self._odd(x) if x.dtype == F64 else self.cast(x, F32)
        # Of single numbers LLVM would make calls of a library that is not there.
        if self.target.half and self.count > 1:
            halves = self.builder.fptrunc(x.value, self._halves())
            return Vector(self.builder.bitcast(halves, self.type(U16)), U16)
        whole = self.bitcast(x, U32)
        size = self.bits("&", whole, 0x7FFFFFFF)
        sign = self.bits(">>", self.bits("^", whole, size), 16)
        # Adding 1/2 moves what is below float16's normal numbers to where their bits end.
        tiny = self.sub(self.bitcast(self.add(self.bitcast(size, F32), 0.5), U32), 0x3F000000)
        even = self.bits("&", self.bits(">>", size, 13), 1)
        normal = self.bits(">>", self.add(self.add(size, 0xFFF - (112 << 23)), even), 13)
        z = self.select(self.compare("<", size, 113 << 23), tiny, normal)
        special = self.select(self.compare(">", size, 0x7F800000), self.const(0x7E00, U32), 0x7C00)
        z = self.select(self.compare(">=", size, 143 << 23), special, z)
        return self._resize(self.bits("|", z, sign), U16)

    def _halves(self) -> Any:
        return ir.HalfType() if self.count == 1 else ir.VectorType(ir.HalfType(), self.count)

    def _odd(self, x: Vector) -> Vector:
        """float32 from float64, an inexact one with its last bit set: rounding again is safe."""
        near = self.cast(x, F32)
        back = self.cast(near, F64)
        away = self.compare(">", self.abs(back), self.abs(x))
        bits = self.bitcast(near, I32)
        inner = self.bits("|", self.select(away, self.sub(bits, 1), bits), 1)
        exact = self.bits("|", self.compare("==", back, x), self.compare("!=", x, x))
        return self.bitcast(self.select(exact, bits, inner), F32)

    # --- integers ---------------------------------------------------------------------------

    def floor_divide(self, x: Number, y: Number) -> Vector:
        """Of integers, towards minus infinity; x / 0 is 0, and the smallest number / -1 itself."""
        x, y = self._pair(x, y)
        zero, divisor = self._divisor(x, y)
        if x.dtype.kind == "u":
            return self.select(zero, 0, Vector(self.builder.udiv(x.value, divisor.value), x.dtype))
        q = Vector(self.builder.sdiv(x.value, divisor.value), x.dtype)
        rest = self.sub(x, self.mul(q, divisor))
        q = self.select(self._across(rest, divisor), self.sub(q, 1), q)
        return self.select(zero, 0, q)

    def remainder(self, x: Number, y: Number) -> Vector:
        """Of integers, with the divisor's sign; x % 0 is 0."""
        x, y = self._pair(x, y)
        zero, divisor = self._divisor(x, y)
        if x.dtype.kind == "u":
            return self.select(zero, 0, Vector(self.builder.urem(x.value, divisor.value), x.dtype))
        rest = Vector(self.builder.srem(x.value, divisor.value), x.dtype)
        rest = self.select(self._across(rest, divisor), self.add(rest, divisor), rest)
        return self.select(zero, 0, rest)

    def _divisor(self, x: Vector, y: Vector) -> tuple[Vector, Vector]:
        """Where y is 0; and y, with 1 where a division would trap."""
        zero = self.compare("==", y, 0)
        traps = zero
        if x.dtype.kind == "i":
            smallest = self.compare("==", x, int(np.iinfo(x.dtype).min))
            wraps = self.bits("&", smallest, self.compare("==", y, -1))
            traps = self.bits("|", zero, wraps)
        return zero, self.select(traps, 1, y)

    def _across(self, rest: Vector, divisor: Vector) -> Vector:
        """Where truncating and flooring differ: the rest is not 0 and has the other sign."""
        other = self.compare("<", self.bits("^", rest, divisor), 0)
        return self.bits("&", other, self.compare("!=", rest, 0))

    # --- across the lanes -------------------------------------------------------------------

    def reduce(self, kind: str, x: Vector) -> Vector:
        """One number of all lanes, a scalar; halves are combined, so the order is always the same.

        `kind` is one of add, max, min; `count` is a power of two.
        """
        lanes, z = self, x
        while lanes.count > 1:
            half = lanes.count // 2
            low, high = (lanes.part(z, k, half) for k in (0, half))
            lanes = Lanes(self.builder, half, self.target)
            z = {"add": lanes.add, "max": lanes.maximum, "min": lanes.minimum}[kind](low, high)
        return z

    def part(self, x: Vector, start: int, count: int) -> Vector:
        """`count` lanes from `start` on, as a Vector of as many."""
        if count == self.count:
            return x
        if count == 1:
            return Vector(self.lane(x, start), x.dtype)
        undefined = ir.Constant(x.value.type, ir.Undefined)
        places = _places(range(start, start + count))
        return Vector(self.builder.shuffle_vector(x.value, undefined, places), x.dtype)

    def join(self, xs: Sequence[Vector], count: int) -> Vector:
        """Vectors of `count` lanes each, a power of two of them, one behind the other."""
        while len(xs) > 1:
            places = _places(range(2 * count))
            pairs = zip(xs[::2], xs[1::2], strict=True)
            shuffle = self.builder.shuffle_vector
            xs = [Vector(shuffle(x.value, y.value, places), x.dtype) for x, y in pairs]
            count *= 2
        return xs[0]

    # --- helpers ----------------------------------------------------------------------------

    def _like(self, x: Number, dtype: DType) -> Vector:
        return x if isinstance(x, Vector) else self.const(x, dtype)

    def _pair(self, x: Number, y: Number) -> tuple[Vector, Vector]:
        """Both as vectors of one dtype."""
        if isinstance(x, Vector):
            y = self._like(y, x.dtype)
        elif isinstance(y, Vector):
            x = self.const(x, y.dtype)
        else:
            raise TypeError(f"{x!r} and {y!r} have no dtype; make one of them a const")
        if x.dtype != y.dtype:
            raise TypeError(f"operands are {x.dtype} and {y.dtype}; cast one of them")
        return x, y

    def _intrinsic(self, name: str, *xs: Vector) -> Vector:
        """One of LLVM's functions whose operands and result have one type."""
        dtype = xs[0].dtype
        suffix = f"f{8 * dtype.itemsize}"
        full = f"llvm.{name}.v{self.count}{suffix}" if self.count > 1 else f"llvm.{name}.{suffix}"
        return Vector(self.call(full, self.type(dtype), *(x.value for x in xs)), dtype)

    def call(self, name: str, result: Any, *values: Any) -> Any:
        """A call of a function that is known to LLVM or to the linker by `name`."""
        module = self.builder.module
        if (function := module.globals.get(name)) is None:
            kind = ir.FunctionType(result, [value.type for value in values])
            function = ir.Function(module, kind, name)
        return self.builder.call(function, values)
