"""tensorgrad, as its documentation writes it: with its layers, and with plain expressions."""

from typing import Any

import numpy as np

import tensorgrad as tg
from benchmarks.workloads import (
    BETA1,
    BETA2,
    EPS,
    Array,
    Chain,
    Net,
    Product,
    Rosenbrock,
    Step,
    Update,
    directed,
    network,
    point,
    updated,
    vector,
)

LOSSES = {"bce": tg.nn.binary_cross_entropy, "softmax": tg.nn.cross_entropy, "square": tg.nn.mse_loss}
ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}


def optimizer(spec: Net | Update, params: list[tg.Tensor]) -> tg.optim.Optimizer:
    """Return the library's optimizer."""
    if isinstance(spec, Net) and spec.optimizer == "sgd":
        return tg.optim.SGD(params, lr=spec.lr)
    return tg.optim.Adam(params, lr=spec.lr, betas=(BETA1, BETA2), eps=EPS)


def layers(spec: Net) -> Step:
    """Return the training step through layers, loss and optimizer of the library."""
    start, X, y = network(spec)
    model = tg.nn.MLP(spec.sizes, activation=spec.hidden, output=spec.last, dtype=np.float32)
    params = list(model.parameters())
    for p, value in zip(params, start, strict=True):
        p.data = value
    opt, criterion = optimizer(spec, params), LOSSES[spec.loss]

    def step() -> float:
        opt.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        opt.step()
        return loss.item()

    return Step(step, lambda: [p.data for p in params])


def expressions(spec: Net) -> Step:
    """Return the step with each layer written as NumPy writes it; loss and optimizer are the library's."""
    start, X, y = network(spec)
    params = [tg.tensor(value, requires_grad=True) for value in start]
    pairs = list(zip(params[::2], params[1::2], strict=True))
    activation, opt, criterion = ACTIVATIONS[spec.hidden], optimizer(spec, params), LOSSES[spec.loss]

    def step() -> float:
        a = X
        for w, b in pairs[:-1]:
            a = activation(a @ w + b)
        w, b = pairs[-1]
        z = a @ w + b
        loss = criterion(np.tanh(z) if spec.last == "tanh" else z, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss.item()

    return Step(step, lambda: [p.data for p in params])


def chain(spec: Chain) -> Step:
    """Return value and gradient of NumPy's expressions on a tensor."""
    x = tg.tensor(vector(spec), requires_grad=True)

    def step() -> float:
        x.grad = None
        z = x
        for _ in range(spec.rounds):
            z = spec.scale * np.tanh(z * x + x)
        total = z.sum()
        total.backward()
        return total.item()

    return Step(step, lambda: [x.grad])


def update(spec: Update) -> Step:
    """Return the optimizer's step. Gradients are new arrays before every step, as after a backward pass."""
    start, grads = updated(spec)
    params = [tg.tensor(p, requires_grad=True) for p in start]
    adam = optimizer(spec, params)

    def before() -> None:
        adam.zero_grad()
        for p, g in zip(params, grads, strict=True):
            p.grad = g

    return Step(adam.step, lambda: [p.data for p in params], before)


def product_of_layers(spec: Product) -> Step:
    """Return the product where the argument is the network, and the direction another one."""
    params, direction, X, y = directed(spec)
    model, along = (tg.nn.MLP(spec.net.sizes, activation="relu", dtype=np.float32) for _ in range(2))
    for module, values in ((model, params), (along, direction)):
        for p, value in zip(module.parameters(), values, strict=True):
            p.data = value
    found = model

    def step() -> None:
        nonlocal found
        found = tg.hvp(lambda model: tg.nn.cross_entropy(model(X), y), (model,), (along,))

    return Step(step, lambda: [a for layer in found.layers for a in (layer.weight, layer.bias)])


def product_of_expressions(spec: Product) -> Step:
    """Return the product of arrays, with each layer written as NumPy writes it."""
    params, direction, X, y = directed(spec)
    found: Any = params

    def loss(*params: Any) -> Any:
        a: Any = X
        for w, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            a = np.maximum(a @ w + b, 0)
        return tg.nn.cross_entropy(a @ params[-2] + params[-1], y)

    def step() -> None:
        nonlocal found
        found = tg.hvp(loss, params, direction)

    return Step(step, lambda: list(found))


def rosenbrock(x: Any) -> Any:
    """Return the value of Rosenbrock's function."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def hessian(spec: Rosenbrock) -> Step:
    """Return the second derivatives of NumPy's expression."""
    x = point(spec)
    found: Array = x
    derived = tg.hessian(rosenbrock)

    def step() -> None:
        nonlocal found
        found = derived(x)

    return Step(step, lambda: [found])


CANDIDATES = {
    "ours": {Net: layers, Chain: chain, Update: update, Product: product_of_layers, Rosenbrock: hessian},
    "ours, expressions": {Net: expressions, Product: product_of_expressions},
}
