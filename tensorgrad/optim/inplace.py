"""The update rules once more, in place: what `updates` writes as mathematics, in as few passes as NumPy allows.

Each takes flat arrays of equal length: p, the parameters, and the moments, which it changes; g, the gradients, and u,
room for intermediate results. t, which only Adam reads, counts the steps, this one included. A test holds these to the
pure rules.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def sgd(
    p: Array,
    g: Array,
    u: Array,
    v: Array | None = None,
    *,
    lr: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
    **_: int,
) -> None:
    """Do `updates.sgd` in place; v is needed for momentum only."""
    if weight_decay:
        g = g + weight_decay * p
    if v is not None:
        v *= momentum
        v += g
        g = g + momentum * v if nesterov else v
    np.multiply(g, lr, out=u)
    p -= u


def momentum(p: Array, g: Array, u: Array, v: Array, *, lr: float, beta: float, **_: int) -> None:
    """Do `updates.momentum` in place."""
    average(v, g, u, beta)
    np.multiply(v, lr, out=u)
    p -= u


def rmsprop(p: Array, g: Array, u: Array, s: Array, *, lr: float, beta: float, eps: float, **_: int) -> None:
    """Do `updates.rmsprop` in place."""
    average_square(s, g, u, beta)
    np.sqrt(s, out=u)
    u += eps
    np.divide(g, u, out=u)
    u *= lr
    p -= u


def adam(
    p: Array, g: Array, u: Array, v: Array, s: Array, *, t: int, lr: float, betas: tuple[float, float], eps: float
) -> None:
    """Do `updates.adam` in place, with both corrections in the step's size (Kingma, Ba 2015, end of section 2)."""
    b1, b2 = betas
    average(v, g, u, b1)
    average_square(s, g, u, b2)
    root = math.sqrt(1 - b2**t)
    np.sqrt(s, out=u)
    u += eps * root
    np.divide(v, u, out=u)
    u *= lr * root / (1 - b1**t)
    p -= u


def average(v: Array, g: Array, u: Array, beta: float) -> None:
    """Set v to beta * v + (1 - beta) * g."""
    v *= beta
    np.multiply(g, 1 - beta, out=u)
    v += u


def average_square(s: Array, g: Array, u: Array, beta: float) -> None:
    """Set s to beta * s + (1 - beta) * g**2."""
    s *= beta
    np.multiply(g, 1 - beta, out=u)
    u *= g
    s += u
