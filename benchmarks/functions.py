"""The functions that gradients are made wrong of: plain NumPy, with a right backward pass and inputs to run them at.

`backward(g, out, *inputs)` returns a tuple of one gradient per input. Inputs keep a margin from certain inputs, and no
two have the same gradient by chance. Each function exists in float64; those in SINGLE also in float32.
"""
# ruff: noqa: ARG001, ARG005  a backward pass names all that it is given

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.layers import LAYERS

Array = np.ndarray[Any, np.dtype[Any]]
Forward = Callable[..., Any]
Backward = Callable[..., Any]


class Function(NamedTuple):
    """A function, its gradient, and where they are run."""

    name: str
    forward: Forward
    backward: Backward
    inputs: tuple[Array, ...]


def drawn(seed: int, *shapes: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> tuple[Array, ...]:
    """Return arrays of these shapes of which no two elements tie, none is near 0, and that have no pattern.

    They are a random order of equally spaced numbers between `low` and `high`, moved by a third of their distance.
    """
    rng = np.random.default_rng(seed)
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    numbers = low + (high - low) * (rng.permutation(ends[-1]) + 1 / 3) / ends[-1]
    return tuple(part.reshape(shape) for part, shape in zip(np.split(numbers, ends[:-1]), shapes, strict=True))


def summed(g: Array, shape: tuple[int, ...]) -> Array:
    """Return a gradient summed over the axes along which an array of this shape was broadcast."""
    lead = g.ndim - len(shape)
    axes = [axis for axis in range(g.ndim) if axis < lead or shape[axis - lead] < g.shape[axis]]
    return g.sum(axis=tuple(axes), keepdims=True).reshape(shape)


def of_one(name: str, forward: Forward, slope: Callable[[Array, Array], Array], *inputs: Array) -> Function:
    """Return an elementwise function; slope(out, x): its derivative."""
    return Function(name, forward, lambda g, out, x: (g * slope(out, x),), inputs)


def of_two(name: str, forward: Forward, slopes: Callable[..., tuple[Array, Array]], *inputs: Array) -> Function:
    """Return an elementwise function of two arrays, which broadcast; slopes(out, x, y): its derivatives."""

    def backward(g: Array, out: Array, *arrays: Array) -> tuple[Array, ...]:
        return tuple(summed(g * d, x.shape) for d, x in zip(slopes(out, *arrays), arrays, strict=True))

    return Function(name, forward, backward, inputs)


def sigmoid(x: Array) -> Array:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


def along(g: Array, axis: int | None) -> Array:
    """Return what a reduction over this axis dropped: the gradient with an axis of length 1 there."""
    return g if axis is None else np.expand_dims(g, axis)


MATRIX, POSITIVE, SQUARE = drawn(0, (4, 3)), drawn(1, (4, 3), low=0.3), drawn(2, (4, 4))
MATRIX_AND_ROW, COLUMN_AND_ROW = drawn(3, (4, 3), (3,)), drawn(4, (4, 1), (3,))
POSITIVE_AND_ROW = drawn(5, (4, 3), (3,), low=0.3)
VECTOR, THOUSAND = drawn(6, (7,)), drawn(7, (1000,))
HUNDRED_THOUSAND = drawn(8, (100_000,))

ELEMENTWISE = (
    of_one("exp", np.exp, lambda out, x: out, *MATRIX),
    of_one("log", np.log, lambda out, x: 1 / x, *POSITIVE),
    of_one("sqrt", np.sqrt, lambda out, x: 0.5 / out, *POSITIVE),
    of_one("tanh", np.tanh, lambda out, x: 1 - out * out, *MATRIX),
    of_one("tanh of 1,000", np.tanh, lambda out, x: 1 - out * out, *THOUSAND),
    of_one("tanh of a square matrix", np.tanh, lambda out, x: 1 - out * out, *SQUARE),
    of_one("sigmoid", sigmoid, lambda out, x: out * (1 - out), *MATRIX),
    of_one("softplus", lambda x: np.logaddexp(0, x), lambda out, x: sigmoid(x), *VECTOR),
    of_one("sin", np.sin, lambda out, x: np.cos(x), *MATRIX),
    of_one("cube", lambda x: x**3, lambda out, x: 3 * x**2, *MATRIX),
    of_one("reciprocal", np.reciprocal, lambda out, x: -out * out, *POSITIVE),
    of_one("abs", np.abs, lambda out, x: np.sign(x), *MATRIX),
    of_one("relu", lambda x: np.maximum(x, 0), lambda out, x: (x > 0).astype(x.dtype), *MATRIX),
    of_one(
        "leaky relu",
        lambda x: np.where(x > 0, x, x * 0.01),
        lambda out, x: np.where(x > 0, 1, 0.01).astype(x.dtype),
        *MATRIX,
    ),
    of_one("clip", lambda x: np.clip(x, -1, 1), lambda out, x: (np.abs(x) < 1).astype(x.dtype), *MATRIX),
    of_one(
        "where",
        lambda x: np.where(x > 0, np.sin(x), x * x),
        lambda out, x: np.where(x > 0, np.cos(x), 2 * x),
        *MATRIX,
    ),
    of_two("multiply", np.multiply, lambda out, x, y: (y, x), *MATRIX_AND_ROW),
    of_two("multiply of equal shapes", np.multiply, lambda out, x, y: (y, x), *drawn(9, (4, 3), (4, 3))),
    of_two("divide", np.divide, lambda out, x, y: (1 / y, -out / y), *POSITIVE_AND_ROW),
    of_two("power", np.power, lambda out, x, y: (y * x ** (y - 1), out * np.log(x)), *POSITIVE_AND_ROW),
    of_two("maximum", np.maximum, lambda out, x, y: (x > y, x <= y), *COLUMN_AND_ROW),
    of_two("hypot", np.hypot, lambda out, x, y: (x / out, y / out), *MATRIX_AND_ROW),
    of_two("add a row", np.add, lambda out, x, y: (np.ones_like(x), np.ones_like(y)), *MATRIX_AND_ROW),
    of_one("square of 100,000", np.square, lambda out, x: 2 * x, *HUNDRED_THOUSAND),
)


def tied(f: Callable[..., Any], axis: int) -> Backward:
    """Return the gradient of max or min: shared between ties."""

    def backward(g: Array, out: Array, x: Array) -> tuple[Array]:
        mask = (x == along(out, axis)).astype(x.dtype)
        return (along(g, axis) * mask / mask.sum(axis=axis, keepdims=True),)

    return backward


def centred(x: Array) -> Array:
    """Return the columns, less their means."""
    return x - x.mean(axis=0)


def product_of_others(g: Array, out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of the product of each row."""
    return ((g * out)[:, None] / x,)


def cumulative_product(g: Array, out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of cumprod: the sum of all later results, over the element."""
    return (np.cumsum((g * out)[::-1])[::-1] / x,)


REDUCTIONS = (
    Function("sum", lambda x: x.sum(axis=0), lambda g, out, x: (np.broadcast_to(g, x.shape) + 0 * x,), MATRIX),
    Function("mean", lambda x: x.mean(axis=1), lambda g, out, x: (g[:, None] / x.shape[1] + 0 * x,), MATRIX),
    Function("sum of squares", lambda x: (x * x).sum(), lambda g, out, x: (2 * g * x,), MATRIX),
    Function("max", lambda x: x.max(axis=1), tied(np.max, 1), MATRIX),
    Function("min", lambda x: x.min(axis=0), tied(np.min, 0), MATRIX),
    Function("var", lambda x: x.var(axis=0), lambda g, out, x: (g * 2 * centred(x) / len(x),), MATRIX),
    Function("std", lambda x: x.std(axis=0), lambda g, out, x: (g * centred(x) / (len(x) * out),), MATRIX),
    Function("prod", lambda x: x.prod(axis=1), product_of_others, MATRIX),
    Function(
        "logsumexp",
        lambda x: np.log(np.exp(x).sum(axis=1)),
        lambda g, out, x: (g[:, None] * np.exp(x - out[:, None]),),
        MATRIX,
    ),
    Function("norm", lambda x: np.sqrt((x * x).sum()), lambda g, out, x: (g * x / out,), MATRIX),
    Function("mean of 1,000 squares", lambda x: (x * x).mean(), lambda g, out, x: (g * 2 * x / x.size,), THOUSAND),
    Function("cumsum", lambda x: np.cumsum(x), lambda g, out, x: (np.cumsum(g[::-1])[::-1],), VECTOR),
    Function("cumprod", lambda x: np.cumprod(x), cumulative_product, VECTOR),
    Function(
        "diff", lambda x: np.diff(x), lambda g, out, x: (-np.diff(g, prepend=0, append=0).astype(g.dtype),), VECTOR
    ),
)


def scattered(x: Array, index: Any, g: Array) -> tuple[Array]:
    """Return the gradient of indexing: what was taken twice gets both."""
    total = np.zeros_like(x)
    np.add.at(total, index, g)
    return (total,)


ROWS = np.array([2, 0, 2, 1])
INDEXING = (
    Function("rows by number", lambda x: x[ROWS], lambda g, out, x: scattered(x, ROWS, g), MATRIX),
    Function("slice", lambda x: x[1:, ::2], lambda g, out, x: scattered(x, np.s_[1:, ::2], g), MATRIX),
    Function("transpose", lambda x: x.T * 2, lambda g, out, x: (2 * g.T,), MATRIX),
    Function(
        "sort",
        lambda x: np.sort(x, axis=1),
        lambda g, out, x: (np.take_along_axis(g, np.argsort(np.argsort(x, axis=1), axis=1), axis=1),),
        MATRIX,
    ),
    Function(
        "concatenate",
        lambda x, y: np.concatenate([x, y]),
        lambda g, out, x, y: (g[: len(x)], g[len(x) :]),
        drawn(10, (2, 3), (3, 3)),
    ),
    Function("pad", lambda x: np.pad(x, 1), lambda g, out, x: (g[1:-1, 1:-1],), MATRIX),
    Function("repeat", lambda x: np.repeat(x, 3), lambda g, out, x: (g.reshape(-1, 3).sum(axis=1),), VECTOR),
)

DOUBLE = (*ELEMENTWISE, *REDUCTIONS, *INDEXING, *(Function(*layer) for layer in LAYERS))
SINGLE = ("exp", "tanh", "sigmoid", "cube", "relu", "multiply", "divide", "sum", "max", "var", "matmul", "softmax")


def single(f: Function) -> Function:
    """Return a function at inputs of float32."""
    return f._replace(name=f"{f.name}, float32", inputs=tuple(x.astype(np.float32) for x in f.inputs))


FUNCTIONS = {f.name: f for f in (*DOUBLE, *(single(f) for f in DOUBLE if f.name in SINGLE))}
