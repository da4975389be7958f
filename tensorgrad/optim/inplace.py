"""The update rules once more, in place: what `updates` writes as mathematics, in as few passes as NumPy allows.

An average is kept without its factor: v / (1 - beta) = beta * v / (1 - beta) + g needs one pass less than v does. The
factors go into the numbers that a step is multiplied by. A test holds these rules to the pure ones.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import add, divide, multiply, sqrt, subtract

Array = np.ndarray[Any, Any]


class Kernel(NamedTuple):
    """An update rule with its options filled in."""

    scales: tuple[float, ...]  # for each moment: what to multiply by to get the one that the pure rule keeps
    numbers: Callable[[float, int], tuple[float, ...]]  # what the update takes, from the rate and the count of steps
    update: Callable[..., None]
    # of flat arrays of equal length: p, the parameters, which it changes; g, the gradients; u, room for intermediate
    # results; the moments, which it changes; then the numbers, as arrays without axes: NumPy takes them faster


def sgd(*, momentum: float, nesterov: bool, weight_decay: float) -> Kernel:
    """Return `updates.sgd` in place; it keeps v for momentum only."""
    update = follow_ahead if nesterov else follow if momentum else descend
    return Kernel(
        (1.0,) if momentum else (),
        lambda lr, _: (lr, momentum, lr * momentum, weight_decay),
        decayed(update) if weight_decay else update,
    )


def momentum(*, beta: float) -> Kernel:
    """Return `updates.momentum` in place."""
    return Kernel((1 - beta,), lambda lr, _: (lr * (1 - beta), beta), follow)


def rmsprop(*, beta: float, eps: float) -> Kernel:
    """Return `updates.rmsprop` in place."""
    root = math.sqrt(1 - beta)
    return Kernel((1 - beta,), lambda lr, _: (lr / root, beta, eps / root), divide_by_root)


def adam(*, betas: tuple[float, float], eps: float) -> Kernel:
    """Return `updates.adam` in place, with both corrections in the step's size (Kingma, Ba 2015, end of section 2)."""
    b1, b2 = betas

    def numbers(lr: float, t: int) -> tuple[float, ...]:
        root = math.sqrt((1 - b2) / (1 - b2**t))
        return lr * (1 - b1) / ((1 - b1**t) * root), b1, b2, eps / root

    return Kernel((1 - b1, 1 - b2), numbers, divide_average_by_root)


def descend(p: Array, g: Array, u: Array, lr: Array, *_: Array) -> None:
    """Set p to p - lr * g. Here and below, g may be u."""
    multiply(g, lr, u)
    subtract(p, u, p)


def follow(p: Array, g: Array, u: Array, v: Array, lr: Array, beta: Array, *_: Array) -> None:
    """Set v to beta * v + g, and p to p - lr * v."""
    multiply(v, beta, v)
    add(v, g, v)
    multiply(v, lr, u)
    subtract(p, u, p)


def follow_ahead(p: Array, g: Array, u: Array, v: Array, lr: Array, beta: Array, lr_beta: Array, *_: Array) -> None:
    """Set v to beta * v + g, and p to p - lr * g - lr * beta * v."""
    multiply(v, beta, v)
    add(v, g, v)
    multiply(g, lr, u)
    subtract(p, u, p)
    multiply(v, lr_beta, u)
    subtract(p, u, p)


def decayed(update: Callable[..., None]) -> Callable[..., None]:
    """Return an update that adds to g the last number times p, then does what `update` does."""

    def with_decay(p: Array, g: Array, u: Array, *rest: Array) -> None:
        multiply(p, rest[-1], u)
        add(u, g, u)
        update(p, u, u, *rest)

    return with_decay


def divide_by_root(p: Array, g: Array, u: Array, s: Array, lr: Array, beta: Array, eps: Array) -> None:
    """Set s to beta * s + g**2, and p to p - lr * g / (sqrt(s) + eps)."""
    multiply(s, beta, s)
    multiply(g, g, u)
    add(s, u, s)
    sqrt(s, u)
    add(u, eps, u)
    divide(g, u, u)
    multiply(u, lr, u)
    subtract(p, u, p)


def divide_average_by_root(
    p: Array, g: Array, u: Array, v: Array, s: Array, lr: Array, b1: Array, b2: Array, eps: Array
) -> None:
    """Set v to b1 * v + g, s to b2 * s + g**2, and p to p - lr * v / (sqrt(s) + eps)."""
    multiply(v, b1, v)
    add(v, g, v)
    multiply(s, b2, s)
    multiply(g, g, u)
    add(s, u, s)
    sqrt(s, u)
    add(u, eps, u)
    divide(v, u, u)
    multiply(u, lr, u)
    subtract(p, u, p)
