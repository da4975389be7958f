"""Initial weights: functions `(rng, fan_in, fan_out) -> array` of shape (fan_in, fan_out), drawn in C order."""

import math
from collections.abc import Callable
from typing import Any

from tensorgrad.rng import Rng

Init = Callable[[Rng, int, int], Any]


def normal(variance: Callable[[int, int], float]) -> Init:
    """Draw from a normal distribution of mean 0 and the given variance."""
    return lambda rng, m, n: rng.standard_normal((m, n)) * math.sqrt(variance(m, n))


def uniform(variance: Callable[[int, int], float]) -> Init:
    """Draw from a uniform distribution around 0 of the given variance."""

    def draw(rng: Rng, m: int, n: int) -> Any:
        bound = math.sqrt(3 * variance(m, n))
        return rng.uniform(-bound, bound, (m, n))

    return draw


def he(m: int, _n: int) -> float:
    """He, Zhang, Ren, Sun 2015: keeps the variance through relu."""
    return 2 / m


def lecun(m: int, _n: int) -> float:
    """LeCun, Bottou, Orr, Mueller 1998: keeps the variance forward."""
    return 1 / m


def glorot(m: int, n: int) -> float:
    """Glorot, Bengio 2010: a compromise of forward and backward."""
    return 2 / (m + n)


INITS: dict[str, Init] = {
    "random": lambda rng, m, n: rng.standard_normal((m, n)) * 0.01,
    "xavier": normal(lecun),  # as the hand-written networks write it: sqrt(1 / fan_in)
    "he": normal(he),
    "he_normal": normal(he),
    "he_uniform": uniform(he),
    "glorot_normal": normal(glorot),
    "glorot_uniform": uniform(glorot),
    "xavier_normal": normal(glorot),
    "xavier_uniform": uniform(glorot),
    "lecun_normal": normal(lecun),
    "lecun_uniform": uniform(lecun),
}
