"""Update rules: pure expressions `(p, g, state) -> (p, state)` of arrays or tensors, so they can be differentiated.

`state` is None before the first step, then what the last step returned. p: parameter, g: its gradient.
"""

from typing import Any, NamedTuple

import numpy as np


class Velocity(NamedTuple):
    """v: a sum or an average of past gradients."""

    v: Any


class Squares(NamedTuple):
    """s: the average of past squared gradients."""

    s: Any


class Moments(NamedTuple):
    """t: steps so far.   v, s: averages of past gradients, and of their squares, not yet corrected for their start."""

    t: int
    v: Any
    s: Any


def sgd(
    p: Any,
    g: Any,
    state: Velocity | None = None,
    *,
    lr: Any = 0.01,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Any, Velocity | None]:
    """Step against the gradient; with momentum, along v = momentum * v + g (Polyak 1964).

    nesterov: along g + momentum * v (Sutskever, Martens, Dahl, Hinton 2013).   weight_decay: adds that times p to g.

    >>> sgd(1.0, 0.5, lr=0.1)
    (0.95, None)
    """
    if weight_decay:
        g = g + weight_decay * p
    if not momentum:
        return p - lr * g, None
    v = +g if state is None else momentum * state.v + g  # a copy of g, which may be changed or reused
    return p - lr * (g + momentum * v if nesterov else v), Velocity(v)


def momentum(
    p: Any, g: Any, state: Velocity | None = None, *, lr: Any = 0.01, beta: float = 0.9
) -> tuple[Any, Velocity]:
    """Step along the moving average v = beta * v + (1 - beta) * g, which starts at 0."""
    v = (1 - beta) * g if state is None else beta * state.v + (1 - beta) * g
    return p - lr * v, Velocity(v)


def root(s: Any) -> Any:
    """Return sqrt(s), whose slope at 0 is taken as 0: there it is that of |g| at 0, which has none.

    The rules of NumPy's own would make NaN of it, for every element that never had a gradient: inf times 0.
    """
    never = np.equal(s, 0)
    return np.where(never, 0, np.sqrt(np.where(never, 1, s)))


def rmsprop(
    p: Any, g: Any, state: Squares | None = None, *, lr: Any = 0.01, beta: float = 0.9, eps: float = 1e-8
) -> tuple[Any, Squares]:
    """Step along g / (sqrt(s) + eps), where s = beta * s + (1 - beta) * g**2 (Tieleman, Hinton 2012)."""
    s = (1 - beta) * g * g if state is None else beta * state.s + (1 - beta) * g * g
    return p - lr * (g / (root(s) + eps)), Squares(s)


def adam(
    p: Any,
    g: Any,
    state: Moments | None = None,
    *,
    lr: Any = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Any, Moments]:
    """Step along v / (sqrt(s) + eps), both averages corrected for their start at 0 (Kingma, Ba 2015, algorithm 1)."""
    b1, b2 = betas
    if state is None:
        t, v, s = 1, (1 - b1) * g, (1 - b2) * g * g
    else:
        t, v, s = state.t + 1, b1 * state.v + (1 - b1) * g, b2 * state.s + (1 - b2) * g * g
    step = (v / (1 - b1**t)) / (root(s / (1 - b2**t)) + eps)
    return p - lr * step, Moments(t, v, s)
