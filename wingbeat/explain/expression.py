"""Formulas as text: `x=2*w+b; y=b+1; z=x*y`, read against an allow-list, never executed."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

from wingbeat.errors import BadExpression
from wingbeat.explain._grammar import check, named
from wingbeat.explain._statement import Statement, at, fault, short
from wingbeat.explain._vocabulary import ALLOWED, CONSTANTS, FUNCTIONS

LONGEST = 10_000  # characters of an expression
DEEPEST = 100  # brackets inside brackets
_PUNCTUATION = set("+-*/%@()[],=<>!;._ \t\r\n")
_HINTS = {
    "^": "; powers are written x**2",
    "'": "; there is no text in formulas",
    '"': "; there is no text in formulas",
    ":": "; there are no slices, lambdas or annotations",
    "&": "; conditions stand inside where(a < b, x, y)",
    "|": "; conditions stand inside where(a < b, x, y), absolute values are abs(x)",
    "#": "; there are no comments",
}


@dataclass(frozen=True)
class Program:
    """A parsed text: its statements, and the names that need values, in order of appearance."""

    text: str
    statements: tuple[Statement, ...]
    inputs: tuple[str, ...]

    @property
    def result(self) -> str:
        """The name assigned last."""
        return self.statements[-1].name

    def until(self, name: str) -> Program:
        """The program that ends with the assignment of `name`."""
        names = [s.name for s in self.statements]
        if name not in names:
            known = ", ".join(names)
            raise BadExpression(f"no statement assigns {name}; assigned are {known}")
        return Program(self.text, self.statements[: names.index(name) + 1], self.inputs)


def parse(text: str) -> Program:
    """Read `name = expression; ...`; a last expression without a name is called `result`.

    Raises:
        BadExpression: anything that is not a formula of the allowed numbers, names, operators and
            functions; the message has the place, what stands there and what is allowed.

    >>> from wingbeat.explain import parse
    >>> program = parse("x=2*w+b; y=b+1; z=x*y")
    >>> program.inputs, program.result
    (('w', 'b'), 'z')
    """
    if len(text) > LONGEST:
        raise BadExpression(
            f"the expression has {len(text)} characters; at most {LONGEST} are read"
        )
    pieces = _pieces(text)
    if not pieces:
        raise BadExpression("the expression is empty; write one such as 'y = 2*x + 1'")
    statements = [
        _statement(text, start, piece, k == len(pieces) - 1)
        for k, (start, piece) in enumerate(pieces)
    ]
    for s in statements:
        check(text, s)
    return Program(text, tuple(statements), _inputs(text, statements))


def _pieces(text: str) -> list[tuple[int, str]]:
    """The statements and where they begin, split where no bracket is open."""
    found: list[tuple[int, str]] = []
    depth = begin = 0
    for k, c in enumerate(f"{text};"):
        if c not in _PUNCTUATION and not c.isalnum():
            raise fault(text, k, f"{c!r} has no meaning here{_HINTS.get(c, '')}; {ALLOWED}")
        depth += (c in "([") - (c in ")]")
        if depth > DEEPEST:
            raise fault(text, k, f"brackets are nested more than {DEEPEST} deep")
        if depth < 0:
            raise fault(text, k, f"{c!r} closes no bracket")
        if c == ";" or (c == "\n" and depth == 0):
            piece = text[begin:k]
            if piece.strip():
                found.append((begin + len(piece) - len(piece.lstrip()), piece.strip()))
            begin = k + 1
    return found


def _statement(text: str, start: int, piece: str, last: bool) -> Statement:
    body = _parsed(text, start, piece)
    if isinstance(body, ast.Expr) and last:
        return Statement("result", body.value, piece, start)
    if isinstance(body, ast.Assign) and len(body.targets) == 1:
        target = body.targets[0]
        if isinstance(target, ast.Name):
            return Statement(target.id, body.value, piece, start)
    if isinstance(body, ast.Expr):
        raise fault(
            text, start, f"{short(piece)!r} gives its value no name; write name = {short(piece)}"
        )
    raise fault(text, start, f"{short(piece)!r} is no assignment; write name = expression")


def _parsed(text: str, start: int, piece: str) -> ast.stmt:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python only warns of 1if x else 2
            body = ast.parse(piece).body
    except SyntaxError as error:
        line = piece.split("\n")[: (error.lineno or 1) - 1]
        place = start + sum(len(row) + 1 for row in line) + max(0, (error.offset or 1) - 1)
        raise fault(
            text, place, f"{short(piece)!r} cannot be read: {error.msg}; {ALLOWED}"
        ) from None
    except (RecursionError, MemoryError):
        raise fault(text, start, f"{short(piece)!r} is nested too deeply") from None
    except (ValueError, Warning) as error:
        raise fault(text, start, f"{short(piece)!r} cannot be read: {error}") from None
    if len(body) != 1:
        raise fault(text, start, f"{short(piece)!r} is no single statement")
    return body[0]


def _inputs(text: str, statements: list[Statement]) -> tuple[str, ...]:
    """The names that need values; checks that names are assigned once and before use."""
    later = {s.name for s in statements}
    inputs: dict[str, None] = {}
    done: set[str] = set()
    for s in statements:
        if s.name in done:
            raise fault(
                text, s.start, f"{s.name} is assigned twice; use a new name for the new value"
            )
        for node in named(s.tree):
            name = node.id
            if name in done or name in CONSTANTS:
                continue
            if name == s.name:
                raise fault(text, at(s, node), f"{name} refers to itself")
            if name in later:
                raise fault(text, at(s, node), f"{name} is used before it is assigned")
            if name in FUNCTIONS:
                raise fault(text, at(s, node), f"{name} is a function; write {name}(x)")
            inputs[name] = None
        done.add(s.name)
    return tuple(inputs)
