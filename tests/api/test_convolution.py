"""Convolution and pooling against SciPy and against a loop over windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import signal

import wingbeat
from tests.ops import sliding
from wingbeat.errors import AtKink, TypeMismatch

wb: Any = wingbeat  # some calls are wrong on purpose
Draw = Callable[[st.SearchStrategy[Any]], Any]
LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC")}
CONV = {1: wb.conv1d, 2: wb.conv2d}
MAX = {1: wb.max_pool1d, 2: wb.max_pool2d}
AVERAGE = {1: wb.avg_pool1d, 2: wb.avg_pool2d}


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


# Convolution


def test_by_hand() -> None:
    x = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]
    w = [[[[1.0, 0.0], [0.0, -1.0]]], [[[0.0, 1.0], [1.0, 0.0]]]]
    assert wb.conv2d(x, w).tolist() == [[[-4, -4], [-4, -4]], [[6, 8], [12, 14]]]
    assert wb.conv2d(x, w, [0.5, 1.0], stride=2).tolist() == [[[-3.5]], [[7]]]
    assert wb.conv2d(x, w[:1], padding=1).tolist() == [
        [[-1, -2, -3, 0], [-4, -4, -4, 3], [-7, -4, -4, 6], [0, 7, 8, 9]]
    ]


@pytest.mark.parametrize("mode", ["valid", "same"])
def test_one_channel_is_scipys_correlation(mode: Literal["valid", "same"]) -> None:
    x, w = normal(7, 9), normal(3, 5, seed=1)
    want = signal.correlate2d(x, w, mode)
    assert_allclose(wb.conv2d(x[None], w[None, None], padding=mode)[0], want, rtol=1e-12)
    line = signal.correlate(x[0], w[0], mode)
    assert_allclose(wb.conv1d(x[:1], w[None, :1], padding=mode)[0], line, rtol=1e-12)


@st.composite
def convolutions(draw: Draw) -> tuple[Any, Any, Any, dict[str, Any]]:
    """x, weight, bias and options that fit each other, along one axis or two."""
    d = draw(st.integers(1, 2))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(d))  # noqa: E731
    kernel, stride, dilation, padding = each(1, 3), each(1, 3), each(1, 2), each(0, 2)
    windows = zip(kernel, dilation, padding, strict=True)
    least = [max(dl * (k - 1) + 1 - 2 * p, 1) for k, dl, p in windows]
    extents = tuple(n + draw(st.integers(0, 4)) for n in least)
    groups, inner, out = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    n, c, o = draw(st.integers(0, 2)), groups * inner, groups * out
    layout = LAYOUTS[d][draw(st.integers(0, 1))]
    first = layout[1] == "C"
    x = normal(n, c, *extents) if first else normal(n, *extents, c)
    w = normal(o, inner, *kernel, seed=1) if first else normal(*kernel, inner, o, seed=1)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return x, w, normal(o, seed=2), options | {"groups": groups, "layout": layout}


def naive(x: Any, w: Any, b: Any, *, padding: Any, **options: Any) -> Any:
    return sliding.conv(x, w, b, low=padding, high=padding, **options)


@given(convolutions())
def test_any_convolution_is_a_loop_over_windows(case: tuple[Any, Any, Any, Any]) -> None:
    x, w, b, options = case
    got = CONV[x.ndim - 2](x, w, b, **options)
    assert_allclose(got, naive(x, w, b, **options), rtol=1e-12, atol=1e-13)


@settings(max_examples=30)
@given(convolutions())
def test_any_gradient_is_the_derivative(case: tuple[Any, Any, Any, Any]) -> None:
    """The loss is quadratic, so differences over any step are exact but for rounding."""
    x, w, b, options = case
    conv = CONV[x.ndim - 2]
    want = naive(x, w, b, **options)

    def loss(x: Any, w: Any, b: Any) -> Any:
        return (conv(x, w, b, **options) * want).sum()

    gradients = wb.grad(loss, argnums=(0, 1, 2))(x, w, b)
    for k, gradient in enumerate(gradients):
        t = normal(*gradient.shape, seed=5)
        ahead, behind = ([*(x, w, b)] for _ in range(2))
        ahead[k], behind[k] = ahead[k] + t, behind[k] - t
        difference = sum(
            sign * (naive(*at, **options) * want).sum() for sign, at in ((1, ahead), (-1, behind))
        )
        assert_allclose(np.vdot(gradient, t), difference / 2, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_same_keeps_the_size(layout: str) -> None:
    x, w = normal(2, 3, 5, 6), normal(4, 3, 2, 3, seed=1)
    want = wb.conv2d(x, w, padding="same", dilation=2)
    if layout == "NHWC":
        x, w = np.moveaxis(x, 1, -1), np.transpose(w, (2, 3, 1, 0))
        want = wb.moveaxis(want, 1, -1)
    got = wb.conv2d(x, w, padding="same", dilation=2, layout=layout)
    assert got.shape[:3] == x.shape[:3] if layout == "NHWC" else got.shape[2:] == x.shape[2:]
    assert_allclose(got, want, rtol=1e-12)


def test_one_image_is_a_batch_of_one() -> None:
    x, w = normal(3, 5, 6), normal(4, 3, 2, 2, seed=1)
    assert_array_equal(wb.conv2d(x, w), wb.conv2d(x[None], w)[0])
    assert_array_equal(wb.max_pool2d(x, 2), wb.max_pool2d(x[None], 2)[0])


def test_vmap_over_images_and_over_kernels() -> None:
    xs, ws = normal(3, 2, 2, 5, 5), normal(3, 4, 2, 3, 3, seed=1)
    conv = lambda x, w: wb.conv2d(x, w, padding=1)  # noqa: E731
    both = wb.vmap(conv)(xs, ws)
    kernels = wb.vmap(conv, (None, 0))(xs[0], ws)
    for k in range(3):
        assert_allclose(both[k], conv(xs[k], ws[k]), rtol=1e-12)
        assert_allclose(kernels[k], conv(xs[0], ws[k]), rtol=1e-12)


def test_hessian_of_a_convolution() -> None:
    """Of the squared length of x * w by w: twice the matrix of correlations of x with itself."""
    x = normal(9)
    h = wb.hessian(lambda w: (wb.conv1d(x[None], w[None, None]) ** 2).sum())(normal(3, seed=1))
    rows = np.lib.stride_tricks.sliding_window_view(x, 3)
    assert_allclose(h, 2 * rows.T @ rows, rtol=1e-12)


def test_zero_cotangents_kill_infinities() -> None:
    """Of two results one is not used; what is infinite in its window does not show."""
    x = np.array([[1.0, 2.0, np.inf]])
    gx, gw = wb.grad(lambda x, w: wb.conv1d(x, w)[0, 0], argnums=(0, 1))(x, np.ones((1, 1, 2)))
    assert gx.tolist() == [[1, 1, 0]]
    assert gw.tolist() == [[[1, 2]]]


def test_dtypes_are_kept_and_promoted() -> None:
    x, w = normal(1, 2, 4, 4), normal(3, 2, 2, 2)
    assert wb.conv2d(x.astype("f4"), w.astype("f4")).dtype.name == "float32"
    assert wb.conv2d(x.astype("f4"), w).dtype.name == "float64"
    assert wb.conv2d(np.ones((1, 1, 2, 2), int), np.ones((1, 1, 2, 2), int)).tolist() == [[[[4]]]]


# Pooling


@st.composite
def pools(draw: Draw) -> tuple[Any, tuple[int, ...], dict[str, Any]]:
    d = draw(st.integers(1, 2))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(d))  # noqa: E731
    sizes, stride, dilation = each(1, 3), each(1, 3), each(1, 2)
    spans = [dl * (k - 1) + 1 for k, dl in zip(sizes, dilation, strict=True)]
    padding = tuple(draw(st.integers(0, n // 2)) for n in spans)
    least = [max(n - 2 * p, 1) for n, p in zip(spans, padding, strict=True)]
    extents = tuple(n + draw(st.integers(0, 4)) for n in least)
    x = normal(draw(st.integers(0, 2)), draw(st.integers(1, 3)), *extents)
    return x, sizes, {"stride": stride, "padding": padding, "dilation": dilation}


def beyond(x: Any, sizes: Any, stride: Any, padding: Any, dilation: Any) -> tuple[int, ...]:
    """What ceil_mode adds behind each axis: a window that begins in x or before it, if cut off."""
    found: list[int] = []
    for n, k, s, p, d in zip(x.shape[2:], sizes, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        starts = list(range(-p, n + p - reach + 1, s))
        after = starts[-1] + s
        more = starts[-1] + reach < n + p and after < n
        found.append(after + reach - (n + p) if more else 0)
    return tuple(found)


def test_ceil_mode_by_hand() -> None:
    x = [[1.0, 2.0, 3.0, 4.0, 5.0]]
    assert wb.max_pool1d(x, 2).tolist() == [[2, 4]]
    assert wb.max_pool1d(x, 2, ceil_mode=True).tolist() == [[2, 4, 5]]
    assert wb.avg_pool1d(x, 2, ceil_mode=True).tolist() == [[1.5, 3.5, 5]]
    # Of four elements the last window has 4, 5 and a zero of the border.
    assert wb.avg_pool1d(x, 4, padding=1, ceil_mode=True).tolist() == [[1.5, 3]]
    # The next window would begin behind x, in its border.
    assert wb.avg_pool1d(x, 2, 3, padding=1, ceil_mode=True).tolist() == [[0.5, 3.5]]


@given(pools(), st.booleans())
def test_any_maximum_is_a_loop_over_windows(case: tuple[Any, Any, Any], ceil: bool) -> None:
    x, sizes, options = case
    padding = options["padding"]
    more = beyond(x, sizes, **options) if ceil else (0,) * len(sizes)
    high = tuple(p + m for p, m in zip(padding, more, strict=True))
    steps = {"stride": options["stride"], "dilation": options["dilation"]}
    want = sliding.max_pool(x, sizes=sizes, low=padding, high=high, layout="NC", **steps)
    got = MAX[x.ndim - 2](x, sizes, ceil_mode=ceil, **options)
    assert_array_equal(got, want)
    last = MAX[x.ndim - 2](
        np.moveaxis(x, 1, -1), sizes, ceil_mode=ceil, layout=LAYOUTS[x.ndim - 2][1], **options
    )
    assert_array_equal(np.moveaxis(last.numpy(), -1, 1), want)


@given(pools(), st.booleans(), st.booleans())
def test_any_mean_is_a_loop_over_windows(
    case: tuple[Any, Any, Any], ceil: bool, counts: bool
) -> None:
    x, sizes, options = case
    options["dilation"] = (1,) * len(sizes)
    padding = tuple(min(p, k // 2) for p, k in zip(options["padding"], sizes, strict=True))
    options["padding"] = padding
    if any(k > n + 2 * p for k, n, p in zip(sizes, x.shape[2:], padding, strict=True)):
        return
    more = beyond(x, sizes, **options) if ceil else (0,) * len(sizes)
    high = tuple(p + m for p, m in zip(padding, more, strict=True))
    counted = padding * 2 if counts else (0,) * 2 * len(sizes)
    want = sliding.avg_pool(
        x,
        sizes=sizes,
        stride=options["stride"],
        low=padding,
        high=high,
        counted=counted,
        layout="NC",
    )
    del options["dilation"]
    got = AVERAGE[x.ndim - 2](x, sizes, ceil_mode=ceil, count_include_pad=counts, **options)
    assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def test_the_gradient_goes_to_the_largest_and_ties_share() -> None:
    x = np.array([[1.0, 3.0, 2.0, 2.0, 0.0, 0.0]])
    gradient = wb.grad(lambda x: (wb.max_pool1d(x, 2) * np.array([[1.0, 10.0, 100.0]])).sum())
    assert gradient(x).tolist() == [[0, 1, 5, 5, 50, 50]]
    with pytest.raises(AtKink, match="ties share equally"):
        wb.grad(lambda x: wb.max_pool1d(x, 2).sum(), kinks="raise")(x)
    overlapping = wb.grad(lambda x: wb.max_pool1d(x, 3, 1).sum())(np.array([[1.0, 5.0, 2.0, 4.0]]))
    assert overlapping.tolist() == [[0, 2, 0, 0]]


def test_padding_never_wins_a_maximum() -> None:
    x = -np.ones((1, 2, 2))
    assert wb.max_pool2d(x, 3, 1, padding=1).tolist() == [[[-1, -1], [-1, -1]]]
    assert wb.max_pool2d(x.astype(int), 3, 1, padding=1).tolist() == [[[-1, -1], [-1, -1]]]


def test_second_derivatives_of_pooled_functions() -> None:
    """f = sum of squares of the largest: 2 on the diagonal where x is the largest."""
    x = np.array([[1.0, 3.0, 2.0, 0.0]])
    h = wb.hessian(lambda v: (wb.max_pool1d(v, 2) ** 2).sum())(x)
    assert_array_equal(h.numpy().reshape(4, 4), np.diag([0.0, 2.0, 2.0, 0.0]))


# What does not fit


X, W = np.ones((2, 4, 5, 6)), np.ones((6, 4, 3, 3))
BAD: list[tuple[str, Callable[[], Any]]] = [
    ("x has shape (N, C, H, W) or (C, H, W), not f64[5,6]", lambda: wb.conv2d(X[0, 0], W)),
    ("weight has shape (O, I, H, W), not f64[4,3,3]", lambda: wb.conv2d(X, W[0])),
    ("weight has shape (W, I, O)", lambda: wb.conv1d(X[0], W, layout="NWC")),
    (
        "weight f64[6,3,3,3], (O, I, H, W), takes 3 channels; x f64[2,4,5,6] has 4",
        lambda: wb.conv2d(X, W[:, :3]),
    ),
    ("takes 4 channels in each of 2 groups", lambda: wb.conv2d(X, W, groups=2)),
    ("4 groups do not divide 6 channels", lambda: wb.conv2d(X, W[:, :1], groups=4)),
    ("bias has shape (6,), a number a channel, not f64[4]", lambda: wb.conv2d(X, W, np.ones(4))),
    ("a kernel of 3x3 with dilation 3x3 does not fit", lambda: wb.conv2d(X, W, dilation=3)),
    ("x of 1x1, padded to 3x1", lambda: wb.conv2d(X[..., :1, :1], W, padding=(1, 0))),
    ("the kernel of weight f64[6,4,0,3] is empty", lambda: wb.conv2d(X, W[:, :, :0])),
    ("stride must be at least 1, not 0", lambda: wb.conv2d(X, W, stride=0)),
    ("stride must be an integer, not 1.5", lambda: wb.conv2d(X, W, stride=1.5)),
    ("padding must be at least 0, not (-1, 0)", lambda: wb.conv2d(X, W, padding=(-1, 0))),
    ("padding is one number or 2 of them", lambda: wb.conv2d(X, W, padding=(1, 1, 1))),
    ("padding is numbers, 'same' or 'valid', not 'full'", lambda: wb.conv2d(X, W, padding="full")),
    ("stride 2x2 does not", lambda: wb.conv2d(X, W, stride=2, padding="same")),
    ("groups must be at least 1", lambda: wb.conv2d(X, W, groups=0)),
    ("layout is 'NCHW' or 'NHWC', not 'CHWN'", lambda: wb.conv2d(X, W, layout="CHWN")),
    ("layout is 'NCW' or 'NWC'", lambda: wb.conv1d(X[0], W[0], layout="NCHW")),
    ("takes numbers, not bool", lambda: wb.conv2d(X > 0, W > 0)),
    ("a window of 7x7 does not fit into x of 5x6", lambda: wb.max_pool2d(X, 7)),
    ("padding 2x2 is more than half of kernel_size 3x3", lambda: wb.max_pool2d(X, 3, padding=2)),
    ("kernel_size must be at least 1", lambda: wb.avg_pool2d(X, 0)),
    ("kernel_size is one number or 1 of them", lambda: wb.avg_pool1d(X[0], (2, 2))),
    ("takes floats, not i64", lambda: wb.avg_pool2d(X.astype(int), 2)),
    ("x has shape (N, C, W) or (C, W), not f64[2,4,5,6]", lambda: wb.max_pool1d(X, 2)),
]


@pytest.mark.parametrize(("message", "call"), BAD, ids=[message for message, _ in BAD])
def test_what_does_not_fit_is_said(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(TypeMismatch) as caught:
        call()
    assert message in str(caught.value)


def test_the_users_line_is_named() -> None:
    with pytest.raises(TypeMismatch, match=r"test_convolution\.py:\d+   wb\.conv2d\(X, W\[0\]\)"):
        wb.conv2d(X, W[0])
