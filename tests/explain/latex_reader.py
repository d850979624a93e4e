"""Reads LaTeX formulas back and evaluates them; knows the notation and not the templates."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+\.?\d*|[A-Za-z]|\S")
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{n: getattr(np, n) for n in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{
        n: getattr(np, n) for n in ("arcsin", "arccos", "arctan", "expm1", "log1p", "sign", "trunc")
    },
    **{
        n: getattr(np, n)
        for n in ("copysign", "nextafter", "isnan", "isinf", "isfinite", "signbit")
    },
    "arsinh": np.arcsinh,
    "arcosh": np.arccosh,
    "artanh": np.arctanh,
    "atan2": np.arctan2,
    "round": np.rint,
    "max": np.maximum,
    "min": np.minimum,
    "erf": special.erf,
    "erfc": special.erfc,
    "sigma": special.expit,
    "relu": lambda x: np.maximum(x, np.zeros_like(x)),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "elu": lambda x: x if x > 0 else np.expm1(x),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
}
COMPARE: dict[str, Callable[..., Any]] = {
    "=": np.equal,
    r"\ne": np.not_equal,
    "<": np.less,
    r"\le": np.less_equal,
    ">": np.greater,
    r"\ge": np.greater_equal,
}
LOGIC: dict[str, Callable[..., Any]] = {
    r"\wedge": np.logical_and,
    r"\vee": np.logical_or,
    r"\oplus": np.bitwise_xor,
    r"\mathbin&": np.bitwise_and,
    r"\mathbin|": np.bitwise_or,
    r"\ll": np.left_shift,
    r"\gg": np.right_shift,
}


def whole(x: Any) -> Any:
    """A float without a fraction as an integer: what bits are taken of."""
    return x if np.asarray(x).dtype.kind in "bi" else np.int64(x)


class Reader:
    """Recursive descent: logic, comparison, sum, product, sign, power, atom."""

    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        text = re.sub(r"\\mathbin\{\\?(.)\}", r"\\mathbin \1", text)
        self.tokens = TOKEN.findall(text.replace(r"\mathord{\sim}", r"\sim "))
        self.k = 0
        self.values = dict(values)

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.k + ahead] if self.k + ahead < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        assert not wanted or token in wanted, f"{wanted} expected at {self.tokens[self.k :]}"
        self.k += 1
        return token

    def formula(self) -> Any:
        value = self.aligned() if self.peek() == r"\begin" and self.peek(2) == "a" else self.logic()
        assert self.peek() == "", f"not read: {self.tokens[self.k :]}"
        return value

    def group(self, read: Callable[[], Any]) -> Any:
        self.take("{")
        value = read()
        self.take("}")
        return value

    def word(self) -> str:
        self.take("{")
        letters = ""
        while self.peek() != "}":
            letters += self.take()
        self.take("}")
        return letters

    def aligned(self) -> Any:
        assert (self.take(), self.word()) == (r"\begin", "aligned")
        while self.peek() != "&":
            name = self.name()
            self.take("&")
            self.take("=")
            self.values[name] = self.logic()
            self.take("\\\\")
        self.take("&")
        value = self.logic()
        assert (self.take(), self.word()) == (r"\end", "aligned")
        return value

    def logic(self) -> Any:
        value = self.comparison()
        token = self.peek() + (self.peek(1) if self.peek() == r"\mathbin" else "")
        if token in LOGIC:
            self.k += 2 if self.peek() == r"\mathbin" else 1
            value = LOGIC[token](whole(value), whole(self.comparison()))
        return value

    def comparison(self) -> Any:
        value = self.sum()
        if self.peek() in COMPARE:
            value = COMPARE[self.take()](value, self.sum())
        return value

    def sum(self) -> Any:
        value = self.product()
        while self.peek() in ("+", "-"):
            sign, other = self.take(), self.product()
            value = value + other if sign == "+" else value - other
        return value

    def product(self) -> Any:
        if self.peek() == "-":
            self.take()
            return -self.product()
        value = self.prefix()
        while self.peek() in (r"\cdot", r"\odot", r"\bmod", "/"):
            sign, other = self.take(), self.prefix()
            if sign == r"\bmod":
                value = np.remainder(value, other)
            else:
                value = value / other if sign == "/" else value * other
        return value

    def prefix(self) -> Any:
        if self.peek() == r"\neg":
            self.take()
            return np.logical_not(self.prefix())
        if self.peek() == r"\sim":
            self.take()
            return np.invert(whole(self.prefix()))
        return self.power()

    def power(self) -> Any:
        base = self.atom()
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.group(self.logic) if self.peek() == "{" else int(self.take())
        assert self.peek() != "^", "a double superscript is no LaTeX"
        wide = np.asarray(exponent).dtype.kind == "i" and not 0 <= exponent <= 18
        return np.power(float(base) if wide else base, exponent)

    def name(self) -> str:
        name = self.take()
        if self.peek() == "_":
            self.take()
            name += "_" + self.word()
        return name

    def atom(self) -> Any:
        token = self.peek()
        if token[0].isdigit():
            return float(self.take()) if "." in token else np.int64(self.take())
        if token == "e" and token not in self.values:
            self.take()
            return math.e
        if token[0].isalpha():
            return self.values[self.name()]
        self.take()
        if token == r"\left":
            return self.fenced()
        if token == r"\frac":
            return self.group(self.logic) / self.group(self.logic)
        if token == r"\sqrt":
            return np.sqrt(self.group(self.logic))
        if token == r"\begin":
            return self.cases()
        return self.function(token)

    def function(self, token: str) -> Any:
        if token == r"\operatorname":
            return self.called(self.word())
        if token in (r"\infty", r"\mathrm"):
            assert token == r"\infty" or self.word() == "NaN"
            return math.inf if token == r"\infty" else math.nan
        if token == r"\log" and self.peek() == "_":
            self.take()
            base = self.word() if self.peek() == "{" else self.take()
            return {"2": np.log2, "10": np.log10}[base](*self.arguments())
        return self.called(token[1:])

    def called(self, name: str) -> Any:
        return FUNCTIONS[name](*self.arguments())

    def arguments(self) -> list[Any]:
        self.take(r"\left")
        self.take("(")
        found = [self.logic()]
        while self.peek() == ",":
            self.take()
            found.append(self.logic())
        self.take(r"\right")
        self.take(")")
        return found

    def fenced(self) -> Any:
        fence = self.take("(", "|", r"\lfloor", r"\lceil")
        value = self.logic()
        self.take(r"\right")
        self.take(
            *{"(": ")", "|": "|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}[fence].split()
        )
        return {"(": lambda x: x, "|": np.abs, r"\lfloor": np.floor, r"\lceil": np.ceil}[fence](
            value
        )

    def cases(self) -> Any:
        assert self.word() == "cases"
        first = self.logic()
        self.take("&")
        condition = self.logic()
        self.take("\\\\")
        second = self.logic()
        self.take("&")
        assert (self.take(), self.word()) == (r"\text", "otherwise")
        assert (self.take(), self.word()) == (r"\end", "cases")
        return np.where(condition, first, second)[()]


def read_latex(text: str, values: Mapping[str, Any]) -> Any:
    """The value of a formula; names are as in LaTeX: `x`, `x_1`."""
    with np.errstate(all="ignore"):
        return Reader(text, values).formula()
