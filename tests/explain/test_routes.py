"""Through which modules a gradient comes."""

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.explain.networks import Transformer, mean_square, transformer
from wingbeat import nn
from wingbeat.errors import BadInput


# MISSION A4: the gradient as a sum over ways, with tensors
@pytest.mark.parametrize("by_count", [False, True])
def test_routes_sum_to_the_gradient(by_count: bool) -> None:
    e = transformer(2)
    routes = e.routes("x", by_count)
    assert len(routes.modules) == 4
    assert len(routes) == (5 if by_count else 16)
    total = sum(route.contribution for route in routes)
    np.testing.assert_allclose(total, e.gradient("x"), rtol=1e-4, atol=1e-6)
    assert sum(route.share or 0.0 for route in routes) == pytest.approx(1.0, abs=1e-5)


def test_the_route_that_crosses_nothing_is_the_head_alone() -> None:
    model, x = Transformer(1), np.random.default_rng(0).normal(size=(1, 2, 8)).astype("float32")
    e = wb.explain(mean_square)(model, x)
    (skipping,) = (route for route in e.routes("x") if not route.crossed)
    head = e.step("model.head").gradient @ np.asarray(model.head.weight.numpy())
    np.testing.assert_allclose(skipping.contribution, head, rtol=1e-5, atol=1e-7)


def test_routes_of_scalars_are_the_paths() -> None:
    class Twice(nn.Module):
        def forward(self, x: Any) -> Any:
            return 2.0 * x

    e = wb.explain(lambda m, x: x + m(x))(Twice(), 3.0)
    assert [(r.crossed, float(r.contribution)) for r in e.routes("x")] == [(("m",), 2.0), ((), 1.0)]
    with pytest.raises(BadInput, match="nothing is called q"):
        e.routes("q")


def test_routes_say_when_nothing_can_be_skipped() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    e = wb.explain(mean_square)(model, np.ones((3, 2), "float32"))
    assert e.routes("x").modules == ()
    for by_count in (False, True):
        text = e.routes("x", by_count).text()
        assert "no path skips any" in text
        assert "all paths" in text
        for wrong in ("none of them", "0 of them", "modules crossed"):
            assert wrong not in text


def test_modules_in_a_row_count_as_one_with_a_function_between() -> None:
    def f(m: Any, x: Any) -> Any:
        return wb.sum(x + m[1](wb.relu(m[0](x))))

    model = [nn.Linear(3, 3), nn.Linear(3, 3)]
    e = wb.explain(f)(model, np.ones((2, 3), "float32"))
    by_set, by_count = e.routes("x", False), e.routes("x", True)
    assert by_set.modules == ("m[0] + m[1]",)
    assert sorted(r.blocks for r in by_set) == sorted(r.blocks for r in by_count) == [0, 1]
    for one, other in zip(by_set, by_count, strict=True):
        np.testing.assert_array_equal(one.contribution, other.contribution)


def test_counts_agree_with_sets() -> None:
    e = transformer(2)
    sizes: dict[int, Any] = {}
    for route in e.routes("x", False):
        sizes[route.blocks] = sizes.get(route.blocks, 0.0) + route.contribution
    for route in e.routes("x", True):
        np.testing.assert_allclose(
            route.contribution, sizes.pop(route.blocks), rtol=1e-4, atol=1e-6
        )
    assert not sizes
