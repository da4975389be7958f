"""Rules of reductions: sum, mean, max, min. `axis` is None, a number or a tuple, as in NumPy."""

from functools import wraps
from typing import Any

import numpy as np

from tensorgrad.op import Case, register

REDUCTIONS: list[Case] = [
    (((2, 3),), {}),
    (((2, 3),), {"axis": 0}),
    (((2, 3, 2),), {"axis": (0, -1)}),
    (((2, 3),), {"axis": -1, "keepdims": True}),
    (((3,),), {"keepdims": True}),
    (((),), {}),
]


def expand(y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Put back the axes of `x` that a reduction to `y` has removed, with length 1."""
    if keepdims or np.ndim(y) == np.ndim(x):
        return y
    return np.expand_dims(y, tuple(range(np.ndim(x))) if axis is None else axis)


def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Repeat `g` along the axes of `x` that a reduction has removed."""
    if axis is None and isinstance(g, np.generic):
        return np.ndarray(np.shape(x), g.dtype, g, 0, (0,) * np.ndim(x))  # one number, in no time
    return np.broadcast_to(g if axis is None and not keepdims else expand(g, x, axis, keepdims), np.shape(x))


def extremum(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Give `g` to the elements of `x` that equal their extremum `y`; ties share it evenly."""
    best = np.equal(x, expand(y, x, axis, keepdims))
    shares = np.sum(best, axis=axis, keepdims=True, dtype=np.result_type(g))
    return expand(g, x, axis, keepdims) / shares * best


def reduction(fn: Any, ufunc: np.ufunc) -> Any:
    """Return `fn` without NumPy's detours to the method of the ufunc that does the work."""

    @wraps(fn)  # its signature tells the order of parameters
    def reduce(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return (ufunc.reduce if type(a) is np.ndarray else fn)(a, axis=axis, keepdims=keepdims)

    return reduce


def mean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return np.mean, without its detours for the types that it only sums and divides."""
    if type(a) is not np.ndarray or a.dtype.char not in "fd" or not a.size:
        return np.mean(a, axis=axis, keepdims=keepdims)
    total = total_of(a, axis=axis, keepdims=keepdims)
    return total / (a.size // total.size)


total_of = reduction(np.sum, np.add)
register(
    np.sum,
    lambda g, _y, _x, axis=None, keepdims=False: spread(g, _x, axis, keepdims),
    forward=total_of,
    cases=REDUCTIONS,
)
register(
    np.mean,
    lambda g, _y, _x, axis=None, keepdims=False: spread(g * (np.size(_y) / max(np.size(_x), 1)), _x, axis, keepdims),
    forward=wraps(np.mean)(mean),
    cases=REDUCTIONS,
)
for fn, ufunc in ((np.max, np.maximum), (np.min, np.minimum), (np.amax, np.maximum), (np.amin, np.minimum)):
    register(
        fn,
        lambda g, y, x, axis=None, keepdims=False: extremum(g, y, x, axis, keepdims),
        forward=reduction(fn, ufunc),
        cases=REDUCTIONS,
    )
