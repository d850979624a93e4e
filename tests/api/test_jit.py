"""`wb.jit`: the same results as without it, one program for each form of arguments."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.backend.base import NotCompiled, clear_programs
from wingbeat.errors import Interpreted, ManyForms, NoValue, OutOfRange, TypeMismatch


class Count:
    """How often a function's Python is run."""

    def __init__(self, f: Any) -> None:
        self.f, self.calls = f, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return self.f(*args, **kwargs)


RNG = np.random.default_rng(0)
X = wb.asarray(RNG.normal(size=(4, 3)))


def test_a_function_is_traced_once_for_each_form() -> None:
    f = Count(lambda x, y: wb.tanh(x) * y + 1.0)
    jitted = wb.jit(f)
    for x in (X, X + 1.0, X * 2.0):
        for y in (X, 2.0 * X):
            np.testing.assert_allclose(jitted(x, y), np.tanh(x.numpy()) * y.numpy() + 1)
    assert f.calls == 1
    jitted(X[0], X[0])
    jitted(X.astype("float32"), X)
    assert f.calls == 3


def test_numbers_belong_to_the_form() -> None:
    f = Count(lambda x, n: x * n)
    jitted = wb.jit(f)
    x = wb.asarray([1, -1])
    assert jitted(x, 2).tolist() == [2, -2]
    assert jitted(x, 2.0).dtype == wb.float64
    assert jitted(x, True).dtype == wb.int64
    assert np.signbit(jitted(wb.asarray([1.0]), 0.0)).tolist() == [False]
    assert np.signbit(jitted(wb.asarray([1.0]), -0.0)).tolist() == [True]
    calls = f.calls
    assert wb.isnan(jitted(X, float("nan"))).all()
    assert wb.isnan(jitted(X, float("nan"))).all()
    assert f.calls == calls + 1


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any


def test_keywords_are_not_a_dict() -> None:
    f = wb.jit(lambda x, y: x * (10.0 * y["y"] if isinstance(y, dict) else y))
    two = wb.asarray(2.0)
    assert float(f(two, y=two)) == 4.0
    assert float(f(two, {"y": two})) == 40.0


def test_trees_go_in_and_come_out() -> None:
    jitted = wb.jit(
        lambda d, p, *, scale: {"sum": d["a"] + p.left, "rest": (p.right * scale, "text", None, 7)}
    )
    for k in (1.0, 2.0):
        result = jitted({"a": X}, Pair(X, k * X), scale=X)
        np.testing.assert_array_equal(result["sum"], 2 * X.numpy())
        np.testing.assert_allclose(result["rest"][0], k * X.numpy() ** 2)
        assert result["rest"][1:] == ("text", None, 7)


def test_arrays_of_others_are_neither_kept_nor_changed() -> None:
    jitted = wb.jit(lambda x: (x, wb.reshape(x, (3, 2)), x + 1))
    mine = np.arange(6.0).reshape(2, 3)
    same, turned, more = jitted(mine)
    mine[:] = -1
    assert same.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert turned.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert more.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_what_is_closed_over_is_read_anew() -> None:
    w = wb.asarray([1.0, 2.0], requires_grad=True)
    jitted = wb.jit(lambda x: x * w)
    with wb.no_grad():
        assert jitted(wb.asarray(3.0)).tolist() == [3, 6]
        wb.assign([w], [wb.asarray([10.0, 20.0])])
        assert jitted(wb.asarray(3.0)).tolist() == [30, 60]


def test_what_the_function_makes_it_may_write_to() -> None:
    def f(x: Any) -> Any:
        z = wb.asarray([1.0, 2.0])
        y = z + x
        z[0] = x[1]
        z[::-1] = z
        return y, z

    g = wb.jit(f)
    for k in range(4):
        y, z = g(wb.asarray([3.0, 4.0 + k]))
        assert (y.tolist(), z.tolist()) == ([4.0, 6.0 + k], [2.0, 4.0 + k])


def test_a_result_without_arguments() -> None:
    assert wb.jit(lambda: wb.arange(3) * 2)().tolist() == [0, 2, 4]


# --- derivatives ----------------------------------------------------------------------------------


def f(x: Any) -> Any:
    return wb.sum(wb.sin(x) * wb.exp(x))


def test_transforms_go_through() -> None:
    jitted = wb.jit(f)
    np.testing.assert_allclose(wb.grad(jitted)(X), wb.grad(f)(X))
    np.testing.assert_allclose(wb.jit(wb.grad(f))(X), wb.grad(f)(X))
    np.testing.assert_allclose(wb.jit(wb.grad(jitted))(X), wb.grad(f)(X))
    np.testing.assert_allclose(wb.vmap(jitted)(X), wb.vmap(f)(X))
    np.testing.assert_allclose(wb.jit(wb.hessian(f))(X[0]), wb.hessian(f)(X[0]))


def test_gradients_flow_through_a_call() -> None:
    def product(x: Any, y: Any) -> Any:
        return x * y

    w = wb.asarray([1.0, 2.0], requires_grad=True)
    jitted = wb.jit(product)
    for _ in range(2):
        w.grad = None
        loss = (jitted(w, wb.asarray([3.0, 4.0])) + w).sum()
        assert loss.requires_grad
        loss.backward()
        assert w.grad is not None
        assert w.grad.tolist() == [4, 5]
    with wb.no_grad():
        assert not jitted(w, w).requires_grad
    assert jitted(w, w).requires_grad


def test_gradients_flow_to_what_is_closed_over() -> None:
    w = wb.asarray(2.0, requires_grad=True)
    jitted = wb.jit(lambda x: w * x)
    jitted(wb.asarray(5.0)).backward()
    assert w.grad is not None
    assert w.grad.item() == 5


def test_a_jitted_step_of_training() -> None:
    model = wb.nn.Sequential(wb.nn.Linear(3, 4), wb.nn.Tanh(), wb.nn.Linear(4, 1))
    target = wb.asarray(RNG.normal(size=(4, 1)), dtype="float32")
    x = X.astype("float32")

    def loss(m: Any, x: Any, y: Any) -> Any:
        return wb.mean(wb.square(m(x) - y))

    def step(params: Any, x: Any, y: Any) -> Any:
        value, g = wb.value_and_grad(lambda p: loss(p, x, y))(params)
        return value, wb.tree.map(lambda p, d: p - 0.1 * d, params, g)

    count = Count(step)
    jitted = wb.jit(count)
    params, slow = model, model
    with wb.no_grad():
        for _ in range(5):
            value, params = jitted(params, x, target)
            expected, slow = step(slow, x, target)
            np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert count.calls <= 2  # parameters at first, plain tensors afterwards


def test_a_module_in_another_mode_is_another_form() -> None:
    model = wb.nn.Sequential(wb.nn.Linear(3, 3), wb.nn.ReLU())
    count = Count(lambda m, x: m(x))
    jitted = wb.jit(count)
    with wb.no_grad():
        for mode in (True, False, True):
            model.train(mode)
            jitted(model, X.astype("float32"))
    assert count.calls == 2


# --- donation -------------------------------------------------------------------------------------


def test_a_donated_tensor_is_gone() -> None:
    step = wb.jit(lambda w, g: w - 0.5 * g, donate_argnums=0)
    w = wb.asarray(np.ones(1000))
    other = w.detach()
    kept = w.numpy()
    new = step(w, wb.ones(1000))
    assert new.tolist() == [0.5] * 1000
    assert other.tolist() == kept.tolist() == [1.0] * 1000  # who shares the memory keeps it
    assert w.shape == (1000,)
    for use in (w.numpy, lambda: (w + 1).numpy(), lambda: step(w, w)):
        with pytest.raises(NoValue, match="donated"):
            use()


def test_a_step_with_donation_gives_the_same_numbers() -> None:
    def step(w: Any, x: Any) -> Any:
        return {"w": w["w"] - 0.1 * wb.grad(lambda w: f(x @ w))(w["w"])}

    donating, plain = wb.jit(step, donate_argnums=0), wb.jit(step)
    a, b = {"w": wb.asarray(np.ones((3, 3)))}, {"w": wb.asarray(np.ones((3, 3)))}
    for _ in range(4):
        a, b = donating(a, X), plain(b, X)
    np.testing.assert_array_equal(a["w"], b["w"])


# --- what cannot be -------------------------------------------------------------------------------


def test_values_are_not_there_yet() -> None:
    w = wb.asarray(1.0, requires_grad=True)
    held: list[Any] = []
    calls: list[tuple[Any, str]] = [
        (lambda x: x if x.sum() > 0 else -x, "inside jit"),
        (lambda x: float(x[0, 0]), "inside jit"),
        (lambda x: np.asarray(x), "inside jit"),
        (lambda x: x[x > 0], "inside jit"),
        (lambda x: (w * x).sum().backward(), "backward inside jit"),
        (lambda x: wb.random.uniform(wb.random.default.next()) * x, "generator"),
        (lambda x: held.append(x * 2), "inside jit"),
    ]
    for function, words in calls:
        with pytest.raises(NoValue, match=words):
            wb.jit(function)(X)
            held[0].numpy()
    assert w.grad is None


def test_the_line_of_an_error_is_the_users() -> None:
    with pytest.raises(TypeMismatch, match=r"test_jit.py:\d+"):
        wb.jit(lambda x: x @ wb.ones((7, 7)))(X)


@pytest.mark.parametrize("wrong", [3, None, "f"])
def test_only_functions_are_jitted(wrong: Any) -> None:
    with pytest.raises(TypeMismatch, match="jit: takes a function"):
        wb.jit(wrong)


def test_arguments_that_are_no_forms() -> None:
    with pytest.raises(TypeMismatch, match="set"):
        wb.jit(lambda x: x)({1, 2})
    with pytest.raises(TypeMismatch, match="donate_argnums"):
        wb.jit(lambda x: x, donate_argnums=1)(X)
    with pytest.raises(TypeMismatch, match="donate_argnums"):
        wb.jit(lambda x: x, donate_argnums=-1)
    with pytest.raises(TypeMismatch, match=r"not supported|cannot become"):
        wb.jit(lambda x: x)(np.array(["text"]))


def test_many_forms_are_told() -> None:
    jitted = wb.jit(lambda x, n: x * n)
    with pytest.warns(ManyForms, match="wb.asarray"):
        for k in range(20):
            jitted(X, float(k))


# --- what is shown --------------------------------------------------------------------------------


def test_the_graph_and_its_cost() -> None:
    lowered = wb.jit(lambda x, y: wb.exp(x @ y)).lower(wb.ones((2, 3)), wb.ones((3, 4)))
    assert lowered.graph().startswith("graph(x: f64[2,3], x_0: f64[3,4]) {")
    cost = lowered.cost()
    assert cost.flops == 2 * 2 * 3 * 4 + 10 * 2 * 4
    assert cost.bytes == 8 * (6 + 12 + 8)
    assert cost.bytes_unfused == 8 * (6 + 12 + 8 + 8 + 8)
    assert cost.seconds > 0


def test_what_data_make_impossible_is_said_as_without_jit() -> None:
    """The same exception at the user's line, whether the call is the first, or known by now."""
    x = wb.asarray([1.0, 2.0, 3.0])

    def f(x: Any, i: Any) -> Any:
        return wb.take(x * 2.0, i)  # here

    g = wb.jit(f)
    with pytest.raises(OutOfRange) as eager:
        f(x, wb.asarray([0, 5])).numpy()
    for _ in range(4):
        assert g(x, wb.asarray([0, 2])).tolist() == [2.0, 6.0]
        with pytest.raises(OutOfRange) as caught:
            g(x, wb.asarray([0, 5]))
        assert str(caught.value) == str(eager.value)
    assert "# here" in str(eager.value)
    power = wb.jit(lambda n, k: n**k)
    with pytest.raises(TypeMismatch, match="an integer to a negative power"):
        power(wb.asarray([2, 3]), wb.asarray([1, -1]))


def test_what_has_no_native_code_is_told_at_the_users_line(monkeypatch: Any) -> None:
    def compile(*_: Any) -> Any:
        raise NotCompiled("the linker", "cannot load native code here")

    monkeypatch.setenv("WINGBEAT_BACKEND", "llvm")
    monkeypatch.setattr("wingbeat.backend.base._warned", set())
    monkeypatch.setattr("wingbeat.backend.llvm.compile", compile)
    clear_programs()
    f = wb.jit(lambda x: wb.sort(x) * 2.0)
    with pytest.warns(Interpreted, match=r"^the linker has no native code") as caught:
        assert f(wb.asarray([3.0, 1.0])).tolist() == [2.0, 6.0]
    clear_programs()
    assert [w.filename for w in caught] == [__file__]


def test_a_result_keeps_its_numbers_when_an_argument_is_written_to() -> None:
    x = np.ones(3)
    shut = x.view()
    shut.flags.writeable = False  # a view that is read-only, of memory that is not
    same = wb.jit(lambda x: (x, x[1:], x * 1.0))
    for given in (x, shut):
        x[:] = 1.0
        found = same(given)
        x[:] = 9.0
        assert [t.tolist() for t in found] == [[1.0] * 3, [1.0] * 2, [1.0] * 3]
