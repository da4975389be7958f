"""The unit: NumPy as textbooks write it, with hand-derived gradients, temporaries, and an update per array.

It follows the hand-written networks that tensorgrad replaces, without what is slow for no reason in some of them:
no dictionaries, no gradient masks by assignment, no second sigmoid in the backward pass.
"""

from typing import Any

import numpy as np

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


class Adam:
    """Kingma and Ba 2015, algorithm 1: a moving average of each gradient and of its square."""

    def __init__(self, params: list[Array], lr: float) -> None:
        self.lr, self.t = lr, 0
        self.v, self.s = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]

    def __call__(self, params: list[Array], grads: list[Any]) -> None:
        """Replace each parameter by its update."""
        self.t += 1
        v, s = self.v, self.s
        for i, g in enumerate(grads):
            v[i] = BETA1 * v[i] + (1 - BETA1) * g
            s[i] = BETA2 * s[i] + (1 - BETA2) * g**2
            v_corrected = v[i] / (1 - BETA1**self.t)
            s_corrected = s[i] / (1 - BETA2**self.t)
            params[i] = params[i] - self.lr * (v_corrected / (np.sqrt(s_corrected) + EPS))


class SGD:
    """Plain gradient descent."""

    def __init__(self, _params: list[Array], lr: float) -> None:
        self.lr = lr

    def __call__(self, params: list[Array], grads: list[Any]) -> None:
        """Replace each parameter by its update."""
        for i, g in enumerate(grads):
            params[i] = params[i] - self.lr * g


OPTIMIZERS: dict[str, Any] = {"sgd": SGD, "adam": Adam}


def loss_and_slope(kind: str, z: Array, y: Array) -> tuple[Any, Array]:
    """Return the loss, averaged over the batch, and its derivative for the last layer's output."""
    if kind == "bce":
        a = 1 / (1 + np.exp(-z))
        return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)), (a - y) / z.size
    if kind == "softmax":
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        cost = -np.mean(np.log(p[rows, y]))
        p[rows, y] -= 1
        return cost, p / len(y)
    d = z - y
    return np.mean(d**2), 2 * d / d.size


def net(spec: Net) -> Step:
    """Return the training step with caches, as in the documents: dot, add, activation, layer by layer."""
    params, X, y = network(spec)
    layers = len(spec.sizes) - 1
    kinds = [spec.hidden] * (layers - 1) + [spec.last]
    optimizer = OPTIMIZERS[spec.optimizer](params, spec.lr)

    def step() -> float:
        inputs, a = [], X
        for i, kind in enumerate(kinds):
            inputs.append(a)
            z = np.dot(a, params[2 * i]) + params[2 * i + 1]
            a = np.maximum(0, z) if kind == "relu" else np.tanh(z) if kind == "tanh" else z
        cost, da = loss_and_slope(spec.loss, a, y)
        grads: list[Any] = [None] * (2 * layers)
        for i in reversed(range(layers)):
            kind = kinds[i]
            dz = da * (a > 0) if kind == "relu" else da * (1 - a**2) if kind == "tanh" else da
            a = inputs[i]
            grads[2 * i] = np.dot(a.T, dz)
            grads[2 * i + 1] = np.sum(dz, axis=0)
            if i:
                da = np.dot(dz, params[2 * i].T)
        optimizer(params, grads)
        return float(cost)

    return Step(step, lambda: params)


def chain(spec: Chain) -> Step:
    """Return the value and the derivative written by hand."""
    x = vector(spec)
    gradient = x

    def step() -> float:
        nonlocal gradient
        z, kept = x, []
        for _ in range(spec.rounds):
            t = np.tanh(z * x + x)
            kept.append((z, t))
            z = spec.scale * t
        total = z.sum()
        g, gradient = np.ones_like(x), np.zeros_like(x)
        for z, t in reversed(kept):
            g = spec.scale * g * (1 - t**2)
            gradient = gradient + g + g * z
            g = g * x
        gradient = gradient + g
        return float(total)

    return Step(step, lambda: [gradient])


def update(spec: Update) -> Step:
    """Return Adam's formula, array by array."""
    params, grads = updated(spec)
    adam = Adam(params, spec.lr)
    return Step(lambda: adam(params, grads), lambda: params)


def product(spec: Product) -> Step:
    """Return Pearlmutter's pass: forward and backward, each with its derivative along the direction, R.

    Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6: R{f(a)} = f'(a) R{a} and
    R{a b} = R{a} b + a R{b} make a line for every line of the training step. Of the gradient of the parameters only R
    is wanted; what the inputs would need is left out, as they do not move: R{X} = 0.
    """
    params, direction, X, y = directed(spec)
    layers, rows, found = len(spec.net.sizes) - 1, np.arange(spec.net.batch), params

    def step() -> None:
        nonlocal found
        inputs, moved = [X], []  # of each layer; and R of these, from the second one
        for i in range(layers):
            w, b, vw, vb = *params[2 * i : 2 * i + 2], *direction[2 * i : 2 * i + 2]
            z = np.dot(inputs[i], w) + b
            rz = np.dot(inputs[i], vw) + vb
            if i:
                rz += np.dot(moved[i - 1], w)
            if i < layers - 1:
                inputs.append(np.maximum(0, z))
                moved.append(rz * (z > 0))
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rdz = p * (rz - np.sum(p * rz, axis=1, keepdims=True)) / len(y)
        p[rows, y] -= 1
        dz = p / len(y)
        found = [rdz] * (2 * layers)
        for i in reversed(range(layers)):
            a, w, vw = inputs[i], params[2 * i], direction[2 * i]
            found[2 * i] = np.dot(a.T, rdz)
            found[2 * i + 1] = np.sum(rdz, axis=0)
            if i:
                found[2 * i] += np.dot(moved[i - 1].T, dz)
                mask = a > 0
                rdz = (np.dot(rdz, w.T) + np.dot(dz, vw.T)) * mask
                if i > 1:  # the first layer's gradient itself is in no product
                    dz = np.dot(dz, w.T) * mask

    return Step(step, lambda: found)


def hessian(spec: Rosenbrock) -> Step:
    """Return the second derivatives by formula: three diagonals."""
    x = point(spec)
    found = x

    def step() -> None:
        nonlocal found
        beside = -400 * x[:-1]
        diagonal = np.zeros_like(x)
        diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
        diagonal[1:] += 200
        found = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)

    return Step(step, lambda: [found])


CANDIDATES = {"textbook NumPy": {Net: net, Chain: chain, Update: update, Product: product, Rosenbrock: hessian}}
