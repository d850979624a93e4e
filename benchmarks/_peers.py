"""Libraries that compute the same things: each as a namespace of functions, and two ways to run.

`gradient(f, *args)` and `step(loss, weights, *data)` return a function without arguments that does
the work and waits for it. Each library is used as its users would: torch eagerly with its fused
layers, JAX and Wingbeat under `jit`, autograd and NumPy as they are.
"""

# The peers are optional, and some of them come without types.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Work = Callable[[], Any]
RATE = 0.01


class Wingbeat:
    name = "wingbeat"

    def __init__(self) -> None:
        import wingbeat as wb

        self.xp = self.wb = wb

    def array(self, x: Any) -> Any:
        return self.wb.asarray(x)

    def gradient(self, f: Any, *args: Any) -> Work:
        function = self.wb.jit(self.wb.grad(lambda *xs: f(self, *xs)))
        arrays = [self.array(x) for x in args]
        return lambda: function(*arrays)

    def step(self, loss: Any, weights: Sequence[Any], *data: Any) -> Work:
        wb, arrays = self.wb, [self.array(x) for x in data]

        def update(ws: Any, *xs: Any) -> Any:
            value, gs = wb.value_and_grad(lambda ws: loss(self, ws, *xs))(ws)
            return value, [w - RATE * g for w, g in zip(ws, gs, strict=True)]

        run = wb.jit(update, donate_argnums=0)
        held = [self.array(np.array(w)) for w in weights]

        def work() -> Any:
            nonlocal held
            value, held = run(held, *arrays)
            return value

        return work

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return self.wb.cross_entropy(logits, labels).mean()

    def layer_norm(self, x: Any) -> Any:
        return self.wb.layer_norm(x)

    def softmax(self, x: Any) -> Any:
        return self.wb.softmax(x)

    def relu(self, x: Any) -> Any:
        return self.wb.relu(x)

    def sigmoid(self, x: Any) -> Any:
        return self.wb.sigmoid(x)

    def conv(self, x: Any, w: Any, padding: int = 0) -> Any:
        return self.wb.conv2d(x, w, padding=padding)

    def pool(self, x: Any) -> Any:
        return self.wb.max_pool2d(x, 2)

    def swap(self, x: Any, a: int, b: int) -> Any:
        return self.wb.moveaxis(x, a, b)

    def number(self, x: Any) -> Any:
        return np.asarray(x)


class Jax:
    name = "jax"

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        self.jax, self.xp = jax, jnp

    def array(self, x: Any) -> Any:
        return self.xp.asarray(x)

    def gradient(self, f: Any, *args: Any) -> Work:
        function = self.jax.jit(self.jax.grad(lambda *xs: f(self, *xs)))
        arrays = [self.array(x) for x in args]
        return lambda: self.jax.block_until_ready(function(*arrays))

    def step(self, loss: Any, weights: Sequence[Any], *data: Any) -> Work:
        jax, arrays = self.jax, [self.array(x) for x in data]

        def update(ws: Any, *xs: Any) -> Any:
            value, gs = jax.value_and_grad(lambda ws: loss(self, ws, *xs))(ws)
            return value, [w - RATE * g for w, g in zip(ws, gs, strict=True)]

        run = jax.jit(update, donate_argnums=0)
        held = [self.array(np.array(w)) for w in weights]

        def work() -> Any:
            nonlocal held
            value, held = jax.block_until_ready(run(held, *arrays))
            return value

        return work

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        rows = self.xp.arange(labels.shape[0])
        return -self.jax.nn.log_softmax(logits)[rows, labels].mean()

    def layer_norm(self, x: Any) -> Any:
        return self.jax.nn.standardize(x, axis=-1, epsilon=1e-5)

    def softmax(self, x: Any) -> Any:
        return self.jax.nn.softmax(x)

    def relu(self, x: Any) -> Any:
        return self.jax.nn.relu(x)

    def sigmoid(self, x: Any) -> Any:
        return self.jax.nn.sigmoid(x)

    def conv(self, x: Any, w: Any, padding: int = 0) -> Any:
        pad = [(padding, padding)] * 2
        return self.jax.lax.conv_general_dilated(
            x, w, (1, 1), pad, dimension_numbers=("NCHW", "OIHW", "NCHW")
        )

    def pool(self, x: Any) -> Any:
        lax = self.jax.lax
        return lax.reduce_window(x, -math.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def swap(self, x: Any, a: int, b: int) -> Any:
        return self.xp.moveaxis(x, a, b)

    def number(self, x: Any) -> Any:
        return np.asarray(x)


class Torch:
    name = "torch"

    def __init__(self) -> None:
        import torch

        self.torch = self.xp = torch
        self.functional = torch.nn.functional

    def array(self, x: Any) -> Any:
        return self.torch.from_numpy(np.array(x))

    def gradient(self, f: Any, *args: Any) -> Work:
        first, *rest = [self.array(x) for x in args]
        first.requires_grad_(True)

        def work() -> Any:
            return self.torch.autograd.grad(f(self, first, *rest), first)[0]

        return work

    def step(self, loss: Any, weights: Sequence[Any], *data: Any) -> Work:
        held = [self.array(w).requires_grad_(True) for w in weights]
        arrays = [self.array(x) for x in data]
        optimizer = self.torch.optim.SGD(held, lr=RATE)

        def work() -> Any:
            optimizer.zero_grad()
            value = loss(self, held, *arrays)
            value.backward()
            optimizer.step()
            return value

        return work

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return self.functional.cross_entropy(logits, labels)

    def layer_norm(self, x: Any) -> Any:
        return self.functional.layer_norm(x, x.shape[-1:])

    def softmax(self, x: Any) -> Any:
        return self.torch.softmax(x, -1)

    def relu(self, x: Any) -> Any:
        return self.torch.relu(x)

    def sigmoid(self, x: Any) -> Any:
        return self.torch.sigmoid(x)

    def conv(self, x: Any, w: Any, padding: int = 0) -> Any:
        return self.functional.conv2d(x, w, padding=padding)

    def pool(self, x: Any) -> Any:
        return self.functional.max_pool2d(x, 2)

    def swap(self, x: Any, a: int, b: int) -> Any:
        return self.torch.movedim(x, a, b)

    def number(self, x: Any) -> Any:
        return x.detach().numpy()


class Autograd:
    name = "autograd"

    def __init__(self) -> None:
        import autograd
        import autograd.numpy as anp

        self.autograd, self.xp = autograd, anp

    def array(self, x: Any) -> Any:
        return np.array(x)

    def gradient(self, f: Any, *args: Any) -> Work:
        function = self.autograd.grad(lambda *xs: f(self, *xs))
        return lambda: function(*args)

    def step(self, loss: Any, weights: Sequence[Any], *data: Any) -> Work:
        both = self.autograd.value_and_grad(lambda ws, *xs: loss(self, ws, *xs))
        held = [np.array(w) for w in weights]

        def work() -> Any:
            value, gs = both(held, *data)
            for w, g in zip(held, gs, strict=True):
                w -= RATE * g
            return value

        return work

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        shifted = logits - self.xp.max(logits, axis=1, keepdims=True)
        total = self.xp.log(self.xp.sum(self.xp.exp(shifted), axis=1))
        return self.xp.mean(total - shifted[np.arange(len(labels)), labels])

    def layer_norm(self, x: Any) -> Any:
        centred = x - self.xp.mean(x, axis=-1, keepdims=True)
        return centred / self.xp.sqrt(self.xp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)

    def softmax(self, x: Any) -> Any:
        e = self.xp.exp(x - self.xp.max(x, axis=-1, keepdims=True))
        return e / self.xp.sum(e, axis=-1, keepdims=True)

    def relu(self, x: Any) -> Any:
        return self.xp.maximum(x, 0)

    def sigmoid(self, x: Any) -> Any:
        return 0.5 * (self.xp.tanh(0.5 * x) + 1)

    def swap(self, x: Any, a: int, b: int) -> Any:
        return self.xp.moveaxis(x, a, b)

    def number(self, x: Any) -> Any:
        return np.asarray(x)


def present() -> list[Any]:
    """Every library that is installed; ours first."""
    others = [cls for cls in (Torch, Jax, Autograd) if importlib.util.find_spec(cls.name)]
    return [cls() for cls in (Wingbeat, *others)]
