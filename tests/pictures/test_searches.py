"""Pictures of searches: every number that is drawn is the record's or the engine's."""

import re
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.pictures.drawn import drawn, labels, lines, points
from wingbeat.errors import BadInput


def parabola(x: Any) -> Any:
    return (x - 1.0) ** 2 + 0.001


def rosenbrock(x: Any) -> Any:
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


START = np.array([-1.2, 1.0])


# MISSION C2


def test_descent_goes_from_the_texts_start_to_its_next_point() -> None:
    result = wb.minimize(parabola, 0.2, "gradient-descent", rate=0.1, steps=1)
    picture = wb.pictures.descent(parabola, result)
    (path,) = drawn(picture, "accepted")
    np.testing.assert_allclose(path, [[0.2, 0.641], [0.36, 0.4106]], rtol=1e-12)
    assert "slope −1.6" in picture.description
    assert "to x = 0.36" in picture.description


@pytest.mark.parametrize("start", [0.1, 1.5])
def test_tangents_have_the_gradient_as_slope(start: float) -> None:
    result = wb.minimize(parabola, start, "gradient-descent", rate=0.1, steps=3)
    picture = wb.pictures.descent(parabola, result)
    tangents = drawn(picture, "tangent")
    assert len(tangents) == 3
    for line, step in zip(tangents, result.steps, strict=False):
        (x0, y0), (x1, y1) = line
        assert (y1 - y0) / (x1 - x0) == pytest.approx(float(wb.grad(parabola)(step.x[0])))
        assert (x0 + x1) / 2 == pytest.approx(step.x[0])
        assert (y0 + y1) / 2 == pytest.approx(step.value)
    first = tangents[0]
    expected = {0.1: -1.8, 1.5: 1.0}[start]  # the texts' own numbers
    assert (first[1, 1] - first[0, 1]) / (first[1, 0] - first[0, 0]) == pytest.approx(expected)


def test_the_curve_is_the_function() -> None:
    result = wb.minimize(parabola, 0.2, "newton")
    (curve,) = drawn(wb.pictures.descent(parabola, result, interval=(-1.0, 3.0)), "curve")
    assert (curve[0, 0], curve[-1, 0]) == (-1.0, 3.0)
    np.testing.assert_allclose(curve[:, 1], parabola(curve[:, 0]), rtol=1e-12)


def test_rejected_tries_are_drawn() -> None:
    def quartic(x: Any) -> Any:
        return x**4 - 3.0 * x

    result = wb.minimize(quartic, -3.0, "cg")
    picture = wb.pictures.descent(quartic, result, jumps=99)
    searched = [s for s in result.record if not s.reason.startswith("for the verdict")]
    tried = [s.x[0] for s in searched if not s.accepted]
    (crosses,) = drawn(picture, "rejected")
    assert len(tried) > 0
    np.testing.assert_array_equal(crosses[:, 0], tried)


def test_descent_refuses_more_variables_and_says_what_draws_them() -> None:
    result = wb.minimize(rosenbrock, START)
    with pytest.raises(BadInput, match=r"has 2; use wb\.pictures\.paths"):
        wb.pictures.descent(rosenbrock, result)
    with pytest.raises(BadInput, match="hand over a result"):
        wb.pictures.descent(parabola)


# MISSION C4


METHODS = ("gradient-descent", "momentum", "adam", "bfgs", "trust-exact")


@pytest.fixture(scope="module")
def results() -> list[wb.solve.Result]:
    rates: dict[str, dict[str, Any]] = {"momentum": {"rate": 4e-4}, "adam": {"rate": 0.1}}
    return [wb.minimize(rosenbrock, START, m, steps=40, **rates.get(m, {})) for m in METHODS]


def test_paths_are_the_records_points(results: list[wb.solve.Result]) -> None:
    paths = drawn(wb.pictures.paths(rosenbrock, results), "path")
    assert len(paths) == len(METHODS)
    for path, result in zip(paths, results, strict=True):
        np.testing.assert_array_equal(path, [s.x for s in result.record if s.accepted])


def test_the_legend_counts_what_was_evaluated(results: list[wb.solve.Result]) -> None:
    said = labels(wb.pictures.paths(rosenbrock, results))
    for line, result in zip(said, results, strict=False):
        assert line.startswith(f"{result.method}: {result.counts.values} values")
        assert line.endswith(f"→ {result.verdict.kind}")
        assert f"{result.counts.gradients} gradients" in line


def test_the_surface_is_at_the_height_of_the_path(results: list[wb.solve.Result]) -> None:
    picture = wb.pictures.paths(rosenbrock, results[-1])
    surface: Any = picture.axes[1]
    _, _, heights = (np.asarray(v) for v in surface.get_lines()[0].get_data_3d())
    values = np.array([s.value for s in results[-1].steps])
    gaps = heights - np.log10(1.0 + np.maximum(values - 0.0, 0.0))
    assert np.ptp(gaps) < 0.05  # lifted by one amount; the grid's lowest value is not quite 0


def test_several_results_of_one_method_are_numbered() -> None:
    twice = [wb.minimize(rosenbrock, START + k, "bfgs") for k in range(2)]
    said = labels(wb.pictures.paths(rosenbrock, twice))
    assert [line.partition(":")[0] for line in said[:2]] == ["bfgs 1", "bfgs 2"]
    named = labels(wb.pictures.paths(rosenbrock, {"far": twice[1]}))
    assert named[0].startswith("far: ")


def test_paths_refuse_other_numbers_of_variables() -> None:
    with pytest.raises(BadInput, match=r"has 1; use wb\.pictures\.descent"):
        wb.pictures.paths(parabola, wb.minimize(parabola, 0.0))
    with pytest.raises(BadInput, match=r"has 3; use wb\.pictures\.steps"):
        wb.pictures.paths(wb.sum, wb.minimize(lambda x: wb.sum(x * x), np.ones(3)))
    with pytest.raises(BadInput, match="hand over a result"):
        wb.pictures.paths(rosenbrock, [])


# Steps


def test_steps_are_the_record() -> None:
    result = wb.minimize(rosenbrock, START, "trust-exact")
    picture = wb.pictures.steps(result)
    searched = [s for s in result.record if not s.reason.startswith("for the verdict")]
    (values,) = drawn(picture, "accepted", 0)
    np.testing.assert_array_equal(
        values, [(k, s.value) for k, s in enumerate(searched) if s.accepted]
    )
    (tried,) = drawn(picture, "rejected", 0)
    np.testing.assert_array_equal(
        tried, [(k, s.value) for k, s in enumerate(searched) if not s.accepted]
    )
    (lengths,) = drawn(picture, "accepted", 1)
    moves = np.linalg.norm(np.diff(result.path, axis=0), axis=1)
    np.testing.assert_allclose(lengths[:, 1], moves, rtol=1e-6)
    (pairs,) = drawn(picture, "predicted", 2)
    expected = [(s.predicted, s.actual) for s in searched if s.accepted and s.predicted is not None]
    np.testing.assert_array_equal(pairs, np.array(expected, float))


def test_a_method_without_predictions_says_so() -> None:
    picture = wb.pictures.steps(wb.minimize(rosenbrock, START, "adam", rate=0.1, steps=5))
    words = [text.get_text() for text in picture.axes[2].texts]
    assert words == ["this method predicts no decrease"]


def test_search_picks_by_the_number_of_variables() -> None:
    def sphere(x: Any) -> Any:
        return (x * x).sum()

    titles = [
        wb.pictures.search(sphere, wb.minimize(sphere, np.ones(n))).title.split()[0]
        for n in (1, 2, 3)
    ]
    assert titles == ["Descent:", "Ways", "Every"]


# MISSION C3


def test_rates_are_told_apart() -> None:
    """f = 2 x²: curvature 4. Steps grow beyond 2 / 4; at 1 / 4 one step arrives."""
    picture = wb.pictures.rates(lambda x: 2.0 * x * x, 1.0, [0.01, 0.25, 0.55])
    titles = [axes.get_title() for axes in picture.axes[:3]]
    assert titles == ["rate 0.01: too small", "rate 0.25: right", "rate 0.55: too large"]
    assert "rates above 2 / 4 = 0.5 grow" in picture.description
    slow, right, wild = (drawn(picture, "accepted", k)[0][:, 0] for k in range(3))
    np.testing.assert_allclose(slow, 0.96 ** np.arange(13.0), rtol=1e-9)
    np.testing.assert_allclose(right, [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(wild, (-1.2) ** np.arange(13.0), rtol=1e-9)


def test_rates_are_chosen_by_the_curvature() -> None:
    picture = wb.pictures.rates(lambda x: x[0] ** 2 + 5.0 * x[1] ** 2, np.array([1.0, 1.0]))
    rates = [re.findall(r"rate (\S+):", axes.get_title())[0] for axes in picture.axes[:3]]
    assert rates == ["0.005", "0.06", "0.21"]
    how = [axes.get_title().split(": ")[1] for axes in picture.axes[:3]]
    assert how == ["too small", "too small", "too large"] or how[1] == "right"


def test_rates_need_a_curvature_or_numbers() -> None:
    with pytest.raises(BadInput, match="does not curve upwards"):
        wb.pictures.rates(lambda x: -x * x, 1.0)
    with pytest.raises(BadInput, match="one or two numbers, and this has 3"):
        wb.pictures.rates(lambda x: (x * x).sum(), np.ones(3))


# MISSION D6


def test_condition_numbers_and_the_rate_that_they_leave() -> None:
    picture = wb.pictures.condition([5.0, 1e4], steps=20)
    under = picture.axes[0]
    curves = [points(line) for line in under.get_lines() if len(points(line)) > 1]
    for number, measured, bound in zip((5.0, 1e4), curves[::2], curves[1::2], strict=True):
        allowed = ((number - 1) / (number + 1)) ** np.arange(len(bound))
        np.testing.assert_allclose(bound[:, 1], allowed, rtol=1e-9)
        np.testing.assert_allclose(measured[:, 1], allowed, rtol=1e-6)
    titles = [axes.get_title() for axes in picture.axes[1:]]
    assert titles[0].startswith("κ = 5, rate 0.333")
    assert titles[1].startswith("κ = 10⁴, rate 0.0002")
    assert "1.15·10⁴ steps" in titles[1]  # ln 10 / (2 / κ)


@pytest.mark.parametrize("numbers", [[], [1.0], [0.5], [float("nan")]])
def test_condition_numbers_are_above_one(numbers: list[float]) -> None:
    with pytest.raises(BadInput, match="above 1"):
        wb.pictures.condition(numbers)


def test_lines_are_found_by_name() -> None:
    """The helper that the tests above read with."""
    picture = wb.pictures.descent(parabola, wb.minimize(parabola, 0.0, "newton"))
    assert lines(picture.axes[0], "no such line") == []
    assert len(lines(picture.axes[0], "curve")) == 1
