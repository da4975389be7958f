"""HIPS autograd: NumPy's functions traced at every call; updates as in the textbook, as it has no fused ones."""

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
from autograd import hessian as derived_twice
from autograd import make_hvp, value_and_grad

from benchmarks.textbook import OPTIMIZERS
from benchmarks.workloads import Array, Chain, Net, Product, Rosenbrock, Step, directed, network, point, vector


def objective_of(spec: Net, X: Array, y: Array) -> Callable[[list[Any]], Any]:
    """Return the loss as a function of the parameters."""
    last, rows, zeros = len(spec.sizes) - 2, anp.arange(spec.batch), anp.zeros_like(y)

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

    return objective


def net(spec: Net) -> Step:
    """Return the training step."""
    params, X, y = network(spec)
    gradient, optimizer = value_and_grad(objective_of(spec, X, y)), OPTIMIZERS[spec.optimizer](params, spec.lr)

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


def product(spec: Product) -> Step:
    """Return the gradient's gradient, run backwards from the direction."""
    params, direction, X, y = directed(spec)
    derived = make_hvp(objective_of(spec.net, X, y))
    found = params

    def step() -> None:
        nonlocal found
        times, _ = derived(params)
        found = times(direction)

    return Step(step, lambda: list(found))


def rosenbrock(x: Any) -> Any:
    """Return the value of Rosenbrock's function."""
    return anp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def hessian(spec: Rosenbrock) -> Step:
    """Return the second derivatives."""
    x = found = point(spec)
    derived = derived_twice(rosenbrock)

    def step() -> None:
        nonlocal found
        found = derived(x)

    return Step(step, lambda: [found])


CANDIDATES = {"autograd": {Net: net, Chain: chain, Product: product, Rosenbrock: hessian}}
