"""Layers of networks and linear algebra for the mutation score: name, forward, backward, inputs; see functions.py."""
# ruff: noqa: ARG005  a backward pass names all that it is given

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Gradients = tuple[Array, ...]


def normal(seed: int, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
    """Return Gaussian arrays."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape) for shape in shapes)


def softmax(x: Array) -> Array:
    """Return each row's exponentials, divided by their sum."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    total: Array = e / e.sum(axis=-1, keepdims=True)
    return total


def softmax_backward(g: Array, out: Array, _x: Array) -> Gradients:
    """Return the gradient of softmax."""
    return (out * (g - (g * out).sum(axis=-1, keepdims=True)),)


def log_softmax(x: Array) -> Array:
    """Return the logarithm of softmax."""
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def log_softmax_backward(g: Array, out: Array, _x: Array) -> Gradients:
    """Return the gradient of log_softmax."""
    return (g - np.exp(out) * g.sum(axis=-1, keepdims=True),)


LABELS = np.array([2, 0, 1, 2])


def cross_entropy(logits: Array) -> Array:
    """Return the mean cross entropy between rows of logits and LABELS."""
    return -log_softmax(logits)[np.arange(len(LABELS)), LABELS].mean()


def cross_entropy_backward(g: Array, _out: Array, logits: Array) -> Gradients:
    """Return the gradient of cross_entropy."""
    p = softmax(logits)
    p[np.arange(len(LABELS)), LABELS] -= 1
    return (g * p / len(LABELS),)


TARGETS = np.array([1.0, 0.0, 0.0, 1.0, 1.0])


def binary_cross_entropy(logits: Array) -> Array:
    """Return the mean cross entropy between logits and TARGETS."""
    return np.mean(np.logaddexp(0, logits) - TARGETS * logits)


def binary_cross_entropy_backward(g: Array, _out: Array, logits: Array) -> Gradients:
    """Return the gradient of binary_cross_entropy."""
    return (g * (1 / (1 + np.exp(-logits)) - TARGETS) / logits.size,)


def layernorm(x: Array, scale: Array, shift: Array) -> Array:
    """Return rows of mean 0 and variance 1, scaled and shifted."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) * scale + shift


def layernorm_backward(g: Array, _out: Array, x: Array, scale: Array, _shift: Array) -> Gradients:
    """Return the gradient of layernorm."""
    std = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    unit = (x - x.mean(axis=-1, keepdims=True)) / std
    d = g * scale
    dx = (d - d.mean(axis=-1, keepdims=True) - unit * (d * unit).mean(axis=-1, keepdims=True)) / std
    return dx, (g * unit).sum(axis=0), g.sum(axis=0)


def attention(q: Array, k: Array, v: Array) -> Array:
    """Return the values, weighed by the softmax of queries times keys."""
    return softmax(q @ k.T / 2) @ v


def attention_backward(g: Array, _out: Array, q: Array, k: Array, v: Array) -> Gradients:
    """Return the gradient of attention."""
    p = softmax(q @ k.T / 2)
    (d,) = softmax_backward(g @ v.T, p, p)
    return d @ k / 2, d.T @ q / 2, p.T @ g


def conv(x: Array, w: Array) -> Array:
    """Return the valid cross-correlation of a signal with a kernel."""
    return np.lib.stride_tricks.sliding_window_view(x, len(w)) @ w


def conv_backward(g: Array, _out: Array, x: Array, w: Array) -> Gradients:
    """Return the gradient of conv."""
    return np.convolve(g, w), np.lib.stride_tricks.sliding_window_view(x, len(g)) @ g


def dense(x: Array, w: Array, b: Array) -> Array:
    """Return the output of a layer of tanh."""
    return np.tanh(x @ w + b)


def dense_backward(g: Array, out: Array, x: Array, w: Array, _b: Array) -> Gradients:
    """Return the gradient of dense."""
    d = g * (1 - out * out)
    return d @ w.T, x.T @ d, d.sum(axis=0)


def batched(x: Array, w: Array) -> Array:
    """Return a product of matrices for each element of the batch."""
    return np.einsum("bij,bjk->bik", x, w)


def batched_backward(g: Array, _out: Array, x: Array, w: Array) -> Gradients:
    """Return the gradient of batched."""
    return np.einsum("bik,bjk->bij", g, w), np.einsum("bij,bik->bjk", x, g)


def solve_backward(g: Array, out: Array, a: Array, _b: Array) -> Gradients:
    """Return the gradient of solve, of a matrix and a matrix."""
    db = np.linalg.solve(a.T, g)
    return -db @ out.T, db


def inv_backward(g: Array, out: Array, _a: Array) -> Gradients:
    """Return the gradient of inv."""
    return (-out.T @ g @ out.T,)


def slogdet_backward(g: Array, _out: Array, a: Array) -> Gradients:
    """Return the gradient of the logarithm of the determinant's size."""
    return (g * np.linalg.inv(a).T,)


def mse_backward(g: Array, _out: Array, x: Array, y: Array) -> Gradients:
    """Return the gradient of the mean squared error."""
    d = g * 2 * (x - y) / x.size
    return d, -d


WELL = 3 * np.eye(4)  # added to a random matrix, makes it easy to invert
LAYERS: tuple[tuple[str, Any, Any, tuple[Array, ...]], ...] = (
    ("matmul", np.matmul, lambda g, out, x, w: (g @ w.T, x.T @ g), normal(20, (4, 3), (3, 5))),
    ("matmul of square matrices", np.matmul, lambda g, out, x, w: (g @ w.T, x.T @ g), normal(21, (4, 4), (4, 4))),
    ("matrix times vector", np.matmul, lambda g, out, a, x: (np.outer(g, x), a.T @ g), normal(22, (4, 3), (3,))),
    ("batched matmul", batched, batched_backward, normal(23, (3, 2, 4), (3, 4, 2))),
    ("outer", np.outer, lambda g, out, x, y: (g @ y, x @ g), normal(24, (4,), (4,))),
    ("softmax", softmax, softmax_backward, normal(25, (4, 3))),
    ("log softmax", log_softmax, log_softmax_backward, normal(26, (4, 3))),
    ("cross entropy", cross_entropy, cross_entropy_backward, normal(27, (4, 3))),
    ("binary cross entropy", binary_cross_entropy, binary_cross_entropy_backward, normal(28, (5,))),
    ("mean squared error", lambda x, y: np.mean((x - y) ** 2), mse_backward, normal(29, (4, 3), (4, 3))),
    ("layernorm", layernorm, layernorm_backward, normal(30, (4, 5), (5,), (5,))),
    ("attention", attention, attention_backward, normal(31, (3, 4), (5, 4), (5, 2))),
    ("convolution", conv, conv_backward, normal(32, (9,), (3,))),
    ("dense layer", dense, dense_backward, normal(33, (6, 4), (4, 3), (3,))),
    ("solve", np.linalg.solve, solve_backward, (normal(34, (4, 4))[0] + WELL, *normal(35, (4, 2)))),
    ("inv", np.linalg.inv, inv_backward, (normal(36, (4, 4))[0] + WELL,)),
    ("log determinant", lambda a: np.linalg.slogdet(a)[1], slogdet_backward, (normal(37, (4, 4))[0] + WELL,)),
)
