"""The command line: `wingbeat explain ...`, `wingbeat minimize ...`, and others.

Bad input ends in one sentence on stderr and exit status 2, a goal that `explain --solve` does not
reach in 1, an interrupt in 130.
"""

import sys

TYPE_CHECKING = False  # as a type checker has it; here, as little as can be is imported
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "explain": "why a derivative is what it is: values, partials, paths, derivation",
    "minimize": "search for a minimum, with every step and a verdict",
    "picture": "draw a worked example of descent, curvature or networks",
    "train": "train a network on digits, MNIST or a table",
}
INTERRUPTED, LINE = 130, "wingbeat: interrupted"


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run a command and return its exit status.

    Args:
        argv: the words behind `wingbeat`; by default those of this process.

    >>> from wingbeat.cli import main
    >>> main(["explain", "z=x*x", "x=3", "--formula", "x"])
    dz/dx = 2*x
    0
    """
    try:
        # Here, as whoever waits for the imports may press Ctrl-C too.
        from wingbeat.cli._words import obey

        return obey(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        print(LINE, file=sys.stderr)
        return INTERRUPTED
