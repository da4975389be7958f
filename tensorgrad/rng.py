"""One way to say where random numbers come from."""

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Rng = np.random.Generator | np.random.RandomState
else:
    Rng = Any  # NumPy loads np.random, which takes as long as all of tensorgrad, when it is first asked for


def as_rng(rng: "int | Rng | None") -> Rng:
    """Return a source of random numbers: a fresh one for None, a seeded one for an int, else `rng` itself.

    NumPy's global state is never touched. Raises TypeError for anything else.

    >>> as_rng(0).permutation(4)
    array([2, 0, 1, 3])
    """
    if isinstance(rng, np.random.Generator | np.random.RandomState):
        return rng
    if rng is None or (isinstance(rng, numbers.Integral) and not isinstance(rng, bool)):
        return np.random.default_rng(None if rng is None else int(rng))
    raise TypeError(f"rng is None, an int, a Generator or a RandomState, got {type(rng).__name__}")
