"""The worked example of every picture, as a user would write it; the gallery shows this code."""

# pyright: basic
# Functions inside have no types, as readers would write none.
from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from textwrap import dedent

import numpy as np

import wingbeat as wb
from wingbeat import nn


def descent(language: str) -> wb.pictures.Picture:
    """Subtracting the slope goes down on both sides."""

    def f(x):
        return (x - 1.0) ** 2 + 0.001

    left = wb.minimize(f, 0.2, "gradient-descent", rate=0.1, steps=2)
    right = wb.minimize(f, 1.5, "gradient-descent", rate=0.1, steps=2)
    return wb.pictures.descent(f, left, right, interval=(0.0, 1.8), language=language)


def paths(language: str) -> wb.pictures.Picture:
    """Five methods on Rosenbrock's valley."""

    def f(x):
        return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    start = np.array([-1.2, 1.0])
    results = [
        wb.minimize(f, start, "gradient-descent", steps=60),
        wb.minimize(f, start, "momentum", rate=4e-4, steps=300),
        wb.minimize(f, start, "adam", rate=0.1, steps=300),
        wb.minimize(f, start, "bfgs"),
        wb.minimize(f, start, "trust-exact"),
    ]
    return wb.pictures.paths(f, results, language=language)


def steps(language: str) -> wb.pictures.Picture:
    """What a trust region tried, believed and got."""

    def f(x):
        return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    result = wb.minimize(f, np.array([-1.2, 1.0]), "trust-exact")
    return wb.pictures.steps(result, language=language)


def rates(language: str) -> wb.pictures.Picture:
    """A learning rate that is too small, right, too large."""

    def f(x):
        return 0.5 * (x[0] ** 2 + 4.0 * x[1] ** 2)

    return wb.pictures.rates(f, np.array([2.0, 1.0]), language=language)


def condition(language: str) -> wb.pictures.Picture:
    """A condition number of 5 against one of 10,000."""
    return wb.pictures.condition([5.0, 1e4], language=language)


def activations(language: str) -> wb.pictures.Picture:
    """The sigmoid and other activation functions with their slopes."""
    return wb.pictures.activations(language=language)


def linear_map(language: str) -> wb.pictures.Picture:
    """Three linear layers are one."""
    keys = wb.random.split(wb.random.key(0), 3)
    model = nn.Sequential(
        nn.Linear(6, 8, key=keys[0]), nn.Linear(8, 5, key=keys[1]), nn.Linear(5, 3, key=keys[2])
    )
    return wb.pictures.linear_map(model, language=language)


def gradient_flow(language: str) -> wb.pictures.Picture:
    """Gradients that vanish, arrive and explode in 20 layers."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 16)), rng.normal(size=(32, 16))

    def record(activation, spread):
        layers = []
        for _ in range(20):
            layer = nn.Linear(16, 16, bias=False)
            layer.weight = nn.Parameter(rng.normal(size=(16, 16)) * spread)
            layers += [layer, activation]
        return nn.record(layers, x, nn.MSELoss(), y)

    records = {
        "sigmoid": record(nn.Sigmoid(), 0.25),
        "tanh": record(nn.Tanh(), 0.25),
        "no activation, wide weights": record(nn.Identity(), 0.4),
    }
    return wb.pictures.gradient_flow(records, language=language)


def trained():
    """A small network after 200 steps: its loss as a function of the model, and the model."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2))
    y = np.sin(2.0 * x[:, :1]) * x[:, 1:]
    keys = wb.random.split(wb.random.key(0), 2)
    model = nn.Sequential(
        nn.Linear(2, 12, dtype="float64", key=keys[0]),
        nn.Tanh(),
        nn.Linear(12, 1, dtype="float64", key=keys[1]),
    )
    optimizer = wb.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(200):
        optimizer.zero_grad()
        nn.MSELoss()(model(x), y).backward()
        optimizer.step()
    return (lambda m: nn.MSELoss()(m(x), y)), model


def landscape_line(language: str) -> wb.pictures.Picture:
    """The loss of a trained network along three directions."""
    loss, model = trained()
    return wb.pictures.landscape(loss, model, dimensions=1, points=41, language=language)


def landscape(language: str) -> wb.pictures.Picture:
    """The loss of a trained network on a plane."""
    loss, model = trained()
    return wb.pictures.landscape(loss, model, points=25, language=language)


def spectrum(language: str) -> wb.pictures.Picture:
    """The eigenvalues of that network's Hessian."""
    loss, model = trained()
    return wb.pictures.spectrum(wb.curvature.hessian(loss, model), language=language)


EXAMPLES: dict[str, Callable[[str], wb.pictures.Picture]] = {
    example.__name__.replace("_", "-"): example
    for example in (
        descent,
        paths,
        steps,
        rates,
        condition,
        activations,
        linear_map,
        gradient_flow,
        landscape_line,
        landscape,
        spectrum,
    )
}


_HEAD = """# Gallery

Every picture that `wb.pictures` draws, each with the lines that made it.

- `picture.save("a.svg")` and `picture.save("a.png")` write it, a notebook shows it, and
  `wingbeat picture NAME` draws the example. It is a matplotlib `Figure`: its axes can be changed.
- It has a title and a description with its main numbers, which screen readers read.
- In a browser that asks for dark colours the SVG has them. `language="zh"` writes 简体中文.

This page is written by `wingbeat picture gallery --to docs`.
"""
_IMPORTS = """import numpy as np

import wingbeat as wb
from wingbeat import nn
"""
_CHINESE = """## In Chinese

In an SVG text stays text, so the reader's fonts show it; a PNG needs a font with Chinese
characters where it is drawn.
"""


def gallery() -> Iterator[tuple[str, str]]:
    """The page and its pictures: names of files and their texts, the page last."""
    parts = [_HEAD, _code(_IMPORTS)]
    for name, example in EXAMPLES.items():
        picture = example("en")
        file = f"images/gallery/{name}.svg"
        yield file, picture.svg()
        if example is landscape_line:
            parts += ["## A network to look at", _code(inspect.getsource(trained))]
        parts += [
            f"## {str(inspect.getdoc(example)).rstrip('.')}",
            f"![{picture.description}]({file})",
        ]
        parts.append(_code(shown(example)))
    picture = activations("zh")
    file = "images/gallery/activations.zh.svg"
    yield file, picture.svg()
    parts += [_CHINESE.strip(), f"![{picture.description}]({file})"]
    parts.append(_code('picture = wb.pictures.activations(language="zh")'))
    yield "gallery.md", "\n\n".join(part.strip() for part in parts) + "\n"


def shown(example: Callable[[str], wb.pictures.Picture]) -> str:
    """The body of an example as lines that a reader can run."""
    body = dedent(inspect.getsource(example).split('"""', 2)[2])
    body = re.sub(r"(, )?language=language", "", body)
    lines = dedent(body.strip("\n")).replace("return wb.", "picture = wb.")
    # What was one blank line inside a function is two around one of a module.
    lines = re.sub(r"(?<=[^\n])\n\n(?=def )", "\n\n\n", lines)
    return re.sub(r"(\n    [^\n]*)\n\n(?=\S)", r"\1\n\n\n", lines)


def _code(text: str) -> str:
    return f"```python\n{text.strip()}\n```"
