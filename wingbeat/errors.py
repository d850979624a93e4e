"""Every exception that Wingbeat raises.

    WingbeatError                    catch this to catch them all
    ├── TypeMismatch      TypeError    shapes or dtypes do not fit an operation
    ├── OutOfRange        IndexError   an index outside its axis
    ├── NotDifferentiable TypeError    a derivative was asked for where none is defined
    ├── AtKink            ValueError   a derivative was taken at a kink, and kinks="raise"
    ├── NoValue           RuntimeError a number was asked of a tensor that has none (in vmap, jit)
    ├── Diverged          ArithmeticError  training met a number that is not finite
    ├── InvalidGraph      ValueError   a graph, or the text of one, breaks a rule of the graph
    ├── NotSupported      NotImplementedError  a named thing that Wingbeat does not do
    └── BadInput          ValueError   something from outside: a file, a flag, an expression
        ├── BadExpression              the text of a formula
        ├── BadData                    a data file: IDX, CSV
        └── BadCheckpoint              a saved run or saved weights

A message says the operation, what arrived, and what to write instead; where the user's line is
known it follows on a line of its own. `BadInput` is what the command line turns into one sentence
and exit status 2.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Advice:
    """A part of a message: an option, and a value of it that would help.

    It prints as Python writes it, `header=False`; the command line has a flag for it.
    """

    name: str
    value: Any

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}"


class WingbeatError(Exception):
    """The root of all errors raised on purpose; the message is its arguments, put together."""

    def __str__(self) -> str:
        return "".join(map(str, self.args))


class TypeMismatch(WingbeatError, TypeError):
    """Operands do not satisfy an operation's rule about shapes and dtypes."""


class OutOfRange(WingbeatError, IndexError):
    """An index lies outside the axis that it indexes."""


class NotDifferentiable(WingbeatError, TypeError):
    """A derivative was asked for where none is defined; the message gives the reason."""


class AtKink(WingbeatError, ValueError):
    """A derivative was taken where it does not exist, and the caller asked to be stopped."""


class NoValue(WingbeatError, RuntimeError):
    """A number was asked of a tensor that has none, as inside `vmap` and `jit`."""


class Diverged(WingbeatError, ArithmeticError):
    """Training met a loss, a gradient or a weight that is not finite."""


class InvalidGraph(WingbeatError, ValueError):
    """A graph, or the text of one, breaks a rule."""


class NotSupported(WingbeatError, NotImplementedError):
    """A thing with a known name that Wingbeat does not do."""


class BadInput(WingbeatError, ValueError):
    """Something that came from outside cannot be used."""


class BadExpression(BadInput):
    """The text of a formula cannot be read."""


class BadData(BadInput):
    """A data file is missing, truncated or not what it says it is."""


class BadCheckpoint(BadInput):
    """A saved run or saved weights cannot be used."""


class GradientCut(UserWarning):
    """A value that a derivative is taken through was made a plain number, which cuts it."""


class ManyForms(UserWarning):
    """A function under `jit` is compiled for many forms of its arguments."""


class Interpreted(UserWarning):
    """A program has no native code, and runs slower on the interpreter."""
