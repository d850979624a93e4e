"""Attacks: where they may go, what they reach where that is known, and what they refuse."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat import errors, nn, robust

# MISSION E3

DUAL: dict[float, float] = {2: 2, np.inf: 1}
ATTACKS: list[Callable[..., Any]] = [
    partial(robust.fgsm, radius=0.1),
    partial(robust.pgd, radius=0.1, steps=3),
    robust.minimal,
]
NAMES = ["fgsm", "pgd", "minimal"]


def network(seed: int, activation: type[nn.Module] = nn.Tanh, dtype: str = "float64") -> nn.Module:
    wb.random.seed(seed)
    return nn.Sequential(nn.Linear(6, 8), activation(), nn.Dropout(0.5), nn.Linear(8, 3)).to(dtype)


def linear(seed: int, classes: int = 3) -> tuple[Callable[[Any], Any], np.ndarray, np.ndarray]:
    """A linear classifier in six dimensions: the function, its weights, its thresholds."""
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(6, classes)), rng.normal(size=classes)
    return (lambda x: x @ w + b), w, b


def points(seed: int, n: int = 5, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(n, 6)).astype(dtype)


def nearest(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, labels: np.ndarray, norm: float
) -> np.ndarray:
    """The distance of each point to the nearest boundary of a linear classifier."""
    scores = x @ w + b
    found = np.full(len(x), np.inf)
    for k in range(w.shape[1]):
        gap = scores[np.arange(len(x)), labels] - scores[:, k]
        size = np.linalg.norm(w[:, [k]] - w[:, labels], ord=DUAL[norm], axis=0)
        found = np.where(labels == k, found, np.minimum(found, gap / np.where(size > 0, size, 1)))
    return found


# --- one step -----------------------------------------------------------------------------------


def test_one_step_by_hand() -> None:
    """Scores (u, v), class 0: the loss falls with u and grows with v."""
    found = robust.fgsm(lambda x: x, np.array([[0.5, 0.25]]), [0], radius=0.125)
    assert np.array_equal(found.adversarial, [[0.375, 0.375]])
    two = robust.fgsm(lambda x: x, np.array([[0.5, 0.25]]), [0], radius=0.125, norm=2)
    np.testing.assert_allclose(two.change, [[-0.125 / np.sqrt(2), 0.125 / np.sqrt(2)]], rtol=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([2, np.inf]))
def test_a_small_step_makes_the_loss_larger(seed: int, norm: float) -> None:
    found = robust.fgsm(network(seed), points(seed), radius=1e-4, norm=norm)
    assert found.loss_before is not None
    assert found.loss_after is not None
    assert (found.loss_after > found.loss_before).all()
    assert (found.distance <= 1e-4).all()


def test_a_step_towards_a_class_makes_its_loss_smaller() -> None:
    found = robust.fgsm(network(0), points(0), radius=1e-4, target=2)
    assert found.loss_before is not None
    assert found.loss_after is not None
    assert (found.loss_after < found.loss_before).all()
    assert np.array_equal(found.fooled, found.after == 2)


# --- many steps ---------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    st.integers(0, 1000),
    st.sampled_from([2, np.inf]),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from([1e-7, 0.01, 0.1, 1 / 3, 5.0]),
    st.sampled_from([None, (0.0, 1.0), (-0.1, 1.1)]),
)
def test_an_attack_leaves_neither_the_ball_nor_the_range(
    seed: int, norm: float, dtype: str, radius: float, bounds: Any
) -> None:
    """Not even by a rounding."""
    x = points(seed, dtype=dtype)
    x[0] = np.round(x[0])  # on the edge
    model = network(seed % 5, dtype=dtype)
    found = robust.pgd(model, x, radius=radius, norm=norm, bounds=bounds, steps=4, seed=seed)
    change = found.adversarial.astype(np.float64) - x
    assert found.adversarial.dtype == dtype
    assert (np.linalg.norm(change, ord=norm, axis=1) <= radius).all()
    low, high = (-np.inf, np.inf) if bounds is None else bounds
    assert (found.adversarial >= low).all()
    assert (found.adversarial <= high).all()
    assert np.array_equal(found.distance > 0, change.any(axis=1))


@pytest.mark.parametrize("norm", [2, np.inf])
@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_a_linear_classifier_errs_just_beyond_its_distance(norm: float, factor: float) -> None:
    f, w, b = linear(0, classes=2)
    x = points(0, 8)
    labels = (x @ w + b).argmax(axis=1)
    for k, distance in enumerate(nearest(x, w, b, labels, norm)):
        found = robust.pgd(f, x[k : k + 1], labels[k : k + 1], radius=factor * distance, norm=norm)
        assert found.fooled[0] == (factor > 1)


@pytest.mark.parametrize("norm", [2, np.inf])
def test_many_steps_are_at_least_as_bad_as_none(norm: float) -> None:
    found = robust.pgd(network(3, nn.ReLU), points(3, 30), radius=0.2, norm=norm, seed=1)
    assert found.loss_before is not None
    assert found.loss_after is not None
    assert (found.loss_after >= found.loss_before).all()
    assert found.loss_after.mean() > found.loss_before.mean() + 0.01


def test_more_beginnings_are_no_worse() -> None:
    attack = partial(robust.pgd, network(3, nn.ReLU), points(3, 30), radius=0.3, steps=5, seed=2)
    one, three = attack(), attack(restarts=3)
    assert one.loss_after is not None
    assert three.loss_after is not None
    # The first beginning is the same: only what comes after it can add.
    better = three.fooled & ~one.fooled
    assert (better | (three.loss_after >= one.loss_after)).all()


@pytest.mark.parametrize(
    "attack", [robust.pgd, partial(robust.fgsm, random_start=True)], ids=["pgd", "fgsm"]
)
def test_the_seed_decides_on_the_beginning(attack: Callable[..., Any]) -> None:
    found = [
        attack(network(1), points(1), radius=0.1, norm=2, seed=s).adversarial for s in (1, 1, 2)
    ]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_where_the_gradient_is_0_that_is_said() -> None:
    """Scores that saturate: nothing pulls, and the examples are still no safe ones."""
    f = lambda x: wb.stack([wb.relu(x[:, 0] - 1.0), wb.relu(x[:, 0] - 2.0)], axis=1)  # noqa: E731
    found = robust.fgsm(f, np.array([[0.0], [1.5]]), [0, 0], radius=0.1)
    assert found.stuck is not None
    assert found.stuck.tolist() == [True, False]
    assert "does not make them safe" in str(found)


def test_another_loss_may_be_climbed() -> None:
    f, w, _ = linear(2, classes=2)
    margin = lambda s, y: s[:, 1] - s[:, 0]  # noqa: E731
    found = robust.fgsm(f, points(2), 0, radius=0.1, loss=margin)
    np.testing.assert_allclose(found.change, np.tile(0.1 * np.sign(w[:, 1] - w[:, 0]), (5, 1)))
    same = robust.fgsm(network(0), points(0), radius=0.1, loss=nn.CrossEntropyLoss("none"))
    default = robust.fgsm(network(0), points(0), radius=0.1)
    assert np.array_equal(same.adversarial, default.adversarial)


# --- the smallest change ------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([2, np.inf]), st.integers(2, 4))
def test_the_smallest_change_of_a_linear_classifier(seed: int, norm: float, classes: int) -> None:
    """The distance to the nearest boundary, and the small overshoot that was asked for."""
    f, w, b = linear(seed, classes)
    x = points(seed)
    labels = (x @ w + b).argmax(axis=1)
    found = robust.minimal(f, x, labels, norm=norm, overshoot=1e-5)
    assert found.fooled.all()
    known = nearest(x, w, b, labels, norm)
    np.testing.assert_allclose(found.distance, known, rtol=2e-5)
    assert (found.distance >= known).all()


@pytest.mark.parametrize(("norm", "distance"), [(2, np.hypot(0.1, 0.4)), (np.inf, 0.4)])
def test_the_smallest_change_within_the_range(norm: float, distance: float) -> None:
    """u + v has to grow by 0.5, and u has room for 0.1."""
    f = lambda x: wb.stack([x[:, 0] * 0 + 1.5, x[:, 0] + x[:, 1]], axis=1)  # noqa: E731
    found = robust.minimal(f, np.array([[0.9, 0.1]]), norm=norm, bounds=(0, 1))
    np.testing.assert_allclose(found.change, [[0.1, 0.4]], rtol=1e-3)
    np.testing.assert_allclose(found.distance, distance, rtol=1e-3)
    assert found.fooled.all()


@pytest.mark.parametrize("norm", [2, np.inf])
def test_no_smaller_change_is_found_by_many_steps(norm: float) -> None:
    """A fifth below the distance, PGD with several beginnings finds nothing."""
    model, x = network(5, nn.ReLU), points(5, 12)
    found = robust.minimal(model, x, norm=norm)
    assert found.fooled.all()
    for k in range(len(x)):
        below = robust.pgd(
            model, x[k : k + 1], radius=0.8 * found.distance[k], norm=norm, restarts=3, steps=30
        )
        assert not below.fooled.any()


def test_the_circle() -> None:
    """Class 1 is outside the unit circle: from (0.6, 0) it is 0.4 away, from (0, 0.9) 0.1."""
    f = lambda x: wb.stack([x[:, 0] * 0 + 1.0, (x**2).sum(axis=1)], axis=1)  # noqa: E731
    found = robust.minimal(f, np.array([[0.6, 0.0], [0.0, 0.9]]))
    np.testing.assert_allclose(found.distance, [0.4, 0.1], rtol=1e-3)


def test_what_is_wrong_already_is_left_as_it_is() -> None:
    f, w, b = linear(1)
    x = points(1)
    wrong = (x @ w + b).argmin(axis=1)
    found = robust.minimal(f, x, wrong)
    assert np.array_equal(found.adversarial, x)
    assert not found.distance.any()


def test_the_smallest_change_towards_a_class() -> None:
    f, w, b = linear(4)
    x = points(4)
    found = robust.minimal(f, x, target=1)
    assert (found.after == 1).all()
    gaps = (x @ w + b).max(axis=1) - (x @ w + b)[:, 1]
    least = gaps / np.linalg.norm(w - w[:, [1]], axis=0).max()
    assert (found.distance >= least).all()
    free = robust.minimal(f, x, (x @ w + b).argmax(axis=1))
    assert (found.distance >= free.distance * (1 - 1e-3)).all()


def test_what_cannot_be_changed_is_not_said_to_be() -> None:
    f = lambda x: wb.stack([x[:, 0] * 0 + 5.0, x[:, 0]], axis=1)  # noqa: E731
    found = robust.minimal(f, np.array([[0.5]]), bounds=(0, 1))
    assert not found.fooled.any()
    assert "No way was found for 1" in str(found)


# --- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_a_model_is_attacked_in_evaluation_mode_and_left_as_it_was(
    attack: Callable[..., Any],
) -> None:
    model, x = network(6), points(6)
    before = model.state_dict()
    one, same = attack(model, x), attack(model, wb.asarray(x))
    assert np.array_equal(one.adversarial, same.adversarial)
    assert all(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    scores = np.asarray(model.eval()(one.adversarial))
    assert np.array_equal(scores.argmax(axis=1), one.after)


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_a_result_prints(attack: Callable[..., Any]) -> None:
    found = attack(network(7), points(7, 12), 1)
    text = str(found)
    assert f"{found.clean_accuracy:.1%} before, {found.accuracy:.1%} after" in text
    assert "2 more examples are not shown" in text
    row = text.splitlines()[4].split()
    assert [int(v) for v in row[1:4]] == [1, found.before[0], found.after[0]]
    assert float(row[4]) == pytest.approx(found.distance[0], rel=1e-3)
    assert found._repr_html_().count("<tr>") == 11


def test_accuracy_by_attack() -> None:
    f, w, b = linear(8, classes=2)
    x = points(8, 40)
    labels = (x @ w + b).argmax(axis=1)
    labels[:4] = 1 - labels[:4]
    radius = float(np.median(nearest(x[4:], w, b, labels[4:], np.inf)))
    attacks = {
        "FGSM": partial(robust.fgsm, radius=radius),
        "smallest": partial(robust.minimal, norm=np.inf),
    }
    found = robust.accuracy(f, x, labels, attacks)
    assert found.accuracy["clean"] == pytest.approx(0.9)
    assert found.accuracy["FGSM"] == pytest.approx(0.45, abs=0.03)
    assert found.accuracy["smallest"] == found.accuracy["any of them"] == 0.0
    assert "90.00%" in str(found)


# --- what is refused ----------------------------------------------------------------------------

X = np.full((2, 6), 0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(3, X), errors.TypeMismatch, "takes a model"),
        (lambda f: f(nn.Linear, X), errors.TypeMismatch, "write Linear()"),
        (lambda f: f(lambda x: x[:, 0], X), errors.TypeMismatch, "two classes or more"),
        (lambda f: f(network(0), X.astype(int)), errors.TypeMismatch, "astype"),
        (lambda f: f(network(0), X * np.inf), errors.BadInput, "not finite in row 0"),
        (lambda f: f(network(0), X[0]), errors.TypeMismatch, r"write x\[None\]"),
        (lambda f: f(network(0), X, [0, 3]), errors.OutOfRange, "y 3 is no class"),
        (lambda f: f(network(0), X, [0]), errors.TypeMismatch, "array of 2 classes"),
        (lambda f: f(network(0), X, target=7), errors.OutOfRange, "target 7 is no class"),
        (lambda f: f(network(0), X, norm=1), errors.BadInput, "norm is 2 or np.inf"),
        (lambda f: f(network(0), X, norm="two"), errors.BadInput, "norm is 2 or np.inf"),
        (lambda f: f(network(0), X, bounds=(0, 0.4)), errors.BadInput, r"outside bounds \(0, 0.4"),
        (lambda f: f(network(0), X, bounds=(1, 0)), errors.BadInput, "bounds are"),
        (lambda f: f(network(0), X, bounds=1), errors.BadInput, "bounds are"),
        (lambda f: f(network(0), X, bounds=(0, np.inf)), errors.BadInput, "bounds are"),
    ],
)
@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_bad_models_and_examples(
    attack: Callable[..., Any], call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(attack)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: robust.fgsm(network(0), X, radius=0), errors.BadInput, "radius"),
        (lambda: robust.pgd(network(0), X, radius=-1), errors.BadInput, "radius"),
        (lambda: robust.pgd(network(0), X, radius=np.nan), errors.BadInput, "radius"),
        (lambda: robust.pgd(network(0), X, radius=1, steps=0), errors.BadInput, "steps"),
        (lambda: robust.pgd(network(0), X, radius=1, rate=0), errors.BadInput, "rate"),
        (lambda: robust.pgd(network(0), X, radius=1, restarts=0), errors.BadInput, "restarts"),
        (
            lambda: robust.fgsm(network(0), X, radius=1, loss=nn.CrossEntropyLoss()),
            errors.TypeMismatch,
            "reduction='none'",
        ),
        (lambda: robust.minimal(network(0), X, steps=0), errors.BadInput, "steps"),
        (lambda: robust.minimal(network(0), X, overshoot=0), errors.BadInput, "overshoot"),
        (lambda: robust.minimal(network(0), X, restarts=0), errors.BadInput, "restarts"),
        (
            lambda: robust.accuracy(network(0), X, 0, [robust.minimal]),  # type: ignore[arg-type]
            errors.TypeMismatch,
            "dict of functions",
        ),
        (
            lambda: robust.accuracy(network(0), X, 0, {"a": lambda m, x, y: x}),  # type: ignore[dict-item]
            errors.TypeMismatch,
            "an attack is a function",
        ),
    ],
)
def test_bad_options(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
