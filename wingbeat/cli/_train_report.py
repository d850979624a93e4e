"""What `wingbeat train` prints before and after training."""

import textwrap
from typing import Any

import wingbeat as wb
from wingbeat.cli._train_plan import Plan

_WIDTH = 80
_LISTED = 10  # mistakes, where the table of all classes is too wide


def opening(name: str, train: wb.data.Dataset, test: wb.data.Dataset, model: Any) -> str:
    """The data and the model's table."""
    lines = [f"{name}: {len(train)} samples to train with, {len(test)} to test with"]
    for note in train.notes:
        lines += textwrap.wrap(note, _WIDTH, initial_indent="  note: ", subsequent_indent=" " * 8)
    return "\n".join([*lines, "", str(model.summary()), ""])


def closing(
    result: dict[str, Any],
    test: wb.data.Dataset,
    unit: float,
    plan: Plan,
    history: "wb.train.History",
) -> None:
    """The score on the test data, and which class was taken for which."""
    print()
    if len(history.epochs) < plan["epochs"]:
        print(
            f"Stopped after {len(history.epochs)} epochs: no gain for {plan['patience']} of them."
        )
    if test.classes is None:
        error = result["mae"] * unit
        print(f"test R2 {result['r2']:.4f}, mean absolute error {error:.4g} ({plan['target']})")
        return
    print(f"test accuracy {result['accuracy']:.4f} (loss {result['loss']:.4f})\n")
    _print_confusion(result["confusion"].named(test.classes))


def _print_confusion(confusion: "wb.train.Confusion") -> None:
    from rich.console import Console

    console = Console(width=_WIDTH, highlight=False)
    columns = _columns(confusion)
    if columns is not None:
        console.print("Rows are true classes, columns are predicted ones:")
        console.print(_matrix(confusion, columns))
        return
    console.print("Most frequent mistakes:")
    for true, predicted, count in confusion.mistakes(_LISTED):
        console.print(f"  {count:>5} x {true} taken for {predicted}", markup=False)


def _columns(confusion: "wb.train.Confusion") -> tuple[str, ...] | None:
    """Headings under which the table fits: names, or else numbers; None where neither does."""
    first = min(20, max(map(len, confusion.classes)))
    for names in (confusion.classes, tuple(map(str, range(len(confusion.classes))))):
        widest = [
            max(len(name), len(str(column.max())))
            for name, column in zip(names, confusion.counts.T, strict=True)
        ]
        if first + 5 + sum(w + 2 for w in widest) + 10 <= _WIDTH:
            return names
    return None


def _matrix(confusion: "wb.train.Confusion", columns: tuple[str, ...]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    numbered = columns != confusion.classes
    table = Table(box=None, padding=(0, 1))
    table.add_column("", justify="left", max_width=24, no_wrap=True)
    for name in columns:
        table.add_column(escape(name), justify="right", no_wrap=True)
    table.add_column("recall", justify="right")
    for k, (name, counts) in enumerate(zip(confusion.classes, confusion.counts, strict=True)):
        cells = [
            f"[bold]{n}[/]" if j == k else f"[red]{n}[/]" if n else "[dim]·[/]"
            for j, n in enumerate(counts)
        ]
        label = escape(f"{k} {name}" if numbered else name)
        table.add_row(label, *cells, f"{confusion.recall[k]:.3f}")
    return table
