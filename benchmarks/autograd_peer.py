"""HIPS autograd: NumPy's functions traced at every call; updates as in the textbook, as it has no fused ones."""

from typing import Any

import autograd.numpy as anp
from autograd import value_and_grad

from benchmarks.textbook import OPTIMIZERS
from benchmarks.workloads import Chain, Net, Step, network, vector


def net(spec: Net) -> Step:
    """Return the training step."""
    params, X, y = network(spec)
    last, rows, zeros = len(params) // 2 - 1, anp.arange(spec.batch), anp.zeros_like(y)

    def objective(params: list[Any]) -> Any:
        a = X
        for i, (w, b) in enumerate(zip(params[::2], params[1::2], strict=True)):
            kind = spec.hidden if i < last else spec.last
            a = anp.dot(a, w) + b
            a = anp.maximum(a, 0) if kind == "relu" else anp.tanh(a) if kind == "tanh" else a
        if spec.loss == "bce":
            return anp.mean(anp.logaddexp(zeros, a) - y * a)  # on logits: faster than the textbook's formula
        if spec.loss == "softmax":
            a = a - anp.max(a, axis=1, keepdims=True)
            return anp.mean(anp.log(anp.sum(anp.exp(a), axis=1)) - a[rows, y])
        return anp.mean((a - y) ** 2)

    gradient, optimizer = value_and_grad(objective), OPTIMIZERS[spec.optimizer](params, spec.lr)

    def step() -> float:
        loss, grads = gradient(params)
        optimizer(params, grads)
        return float(loss)

    return Step(step, lambda: params)


def chain(spec: Chain) -> Step:
    """Return value and gradient."""
    x = g = vector(spec)

    def forward(x: Any) -> Any:
        z = x
        for _ in range(spec.rounds):
            z = spec.scale * anp.tanh(z * x + x)
        return anp.sum(z)

    gradient = value_and_grad(forward)

    def step() -> float:
        nonlocal g
        total, g = gradient(x)
        return float(total)

    return Step(step, lambda: [g])


CANDIDATES = {"autograd": {Net: net, Chain: chain}}
