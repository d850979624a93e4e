"""What a module prints: its layers, and the table of its parameters."""

from collections import OrderedDict

import pytest

from tests.nn.modules import Mixed
from wingbeat import nn


def test_printed_form() -> None:
    model = nn.Sequential(OrderedDict(hidden=nn.Linear(2, 3), act=nn.LeakyReLU(0.1)))
    model.append(nn.Sequential(nn.Dropout(0.25)))
    assert repr(model) == (
        "Sequential(\n"
        "  (hidden): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (act): LeakyReLU(slope=0.1)\n"
        "  (2): Sequential(\n"
        "    (0): Dropout(p=0.25)\n"
        "  )\n"
        ")"
    )


def test_summary() -> None:
    model = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10))
    model[0].requires_grad_(False)
    summary = model.summary()
    assert (summary.total, summary.trainable) == (397_510, 5_010)
    assert [(s.name, s.layer, s.count) for s in summary.layers] == [
        ("0", "Linear", 392_500),
        ("1", "ReLU", 0),
        ("2", "Linear", 5_010),
    ]
    assert str(summary).splitlines()[-1].split() == [
        "total",
        "392,500",
        "of",
        "them",
        "frozen",
        "397,510",
    ]


def test_summary_counts_shared_parameters_once_and_own_ones_with_their_module() -> None:
    model = Mixed()
    model.blocks[1].weight = model.blocks[0].weight
    counts = {s.name: s.count for s in model.summary().layers}
    assert counts == {
        "(itself)": 5,
        "blocks.0": 6,
        "blocks.1": 0,
        "named.last.0": 3,
        "named.last.1": 0,
    }


def test_summary_is_drawn_by_rich(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    console = Console(width=80, force_terminal=True, color_system=None)
    console.print(nn.Linear(2, 3).summary())
    drawn = capsys.readouterr().out
    assert "Linear" in drawn
    assert "─" in drawn
    nn.Linear(2, 3).summary().show()
    assert capsys.readouterr().out == str(nn.Linear(2, 3).summary()) + "\n"
