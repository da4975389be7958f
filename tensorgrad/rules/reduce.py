"""Rules of reductions: sum, mean, max, min. `axis` is None, a number or a tuple, `where` a mask, as in NumPy.

`dtype` needs no word in the rules: the engine returns a gradient to the dtype of its source.
"""

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
SOME = np.array([[True, False, True], [True, True, False]])
MASKED: list[Case] = [  # a mask for each element, and one that broadcasts
    (((2, 3),), {"where": SOME}),
    (((2, 3),), {"axis": 1, "where": SOME}),
    (((2, 3),), {"axis": (0, 1), "keepdims": True, "where": SOME[0]}),
]


def expand(y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Put back the axes of `x` that a reduction to `y` has removed, with length 1."""
    if keepdims or np.ndim(y) == np.ndim(x):
        return y
    return np.expand_dims(y, tuple(range(np.ndim(x))) if axis is None else axis)


def spread(g: Any, x: Any, axis: Any, keepdims: bool, where: Any = True) -> Any:
    """Repeat `g` along the axes of `x` that a reduction of the elements at `where` has removed."""
    if where is not True:
        return np.where(where, spread(g, x, axis, keepdims), 0)
    if axis is None and isinstance(g, np.generic):
        return np.ndarray(np.shape(x), g.dtype, g, 0, (0,) * np.ndim(x))  # one number, in no time
    return np.broadcast_to(g if axis is None and not keepdims else expand(g, x, axis, keepdims), np.shape(x))


def spread_mean(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    """Repeat `g` likewise, divided by the number of elements that a mean is of; a mean of none has no slope."""
    if where is True:
        return spread(g * (np.size(y) / max(np.size(x), 1)), x, axis, keepdims)
    mask = np.broadcast_to(where, np.shape(x))
    return spread(g / np.sum(mask, axis=axis, keepdims=keepdims, dtype=np.result_type(g)), x, axis, keepdims, where)


def extremum(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """Give `g` to the elements of `x` that equal their extremum `y`; ties share it evenly, `initial` being one more."""
    whole = expand(y, x, axis, keepdims)
    best = np.equal(x, whole)
    if where is not True:
        best = np.logical_and(best, where)
    shares = np.sum(best, axis=axis, keepdims=True, dtype=np.result_type(g))
    if initial is not None and initial is not np._NoValue:
        shares = shares + np.equal(whole, initial)
    return expand(g, x, axis, keepdims) / shares * best


def reduction(fn: Any, ufunc: np.ufunc) -> Any:
    """Return `fn` without NumPy's detours to the method of the ufunc that does the work."""

    @wraps(fn)  # its signature tells the order of parameters
    def reduce(a: Any, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        if more:
            return fn(a, axis=axis, keepdims=keepdims, **more)
        return (ufunc.reduce if type(a) is np.ndarray else fn)(a, axis=axis, keepdims=keepdims)

    return reduce


def mean(a: Any, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
    """Return np.mean, without its detours for the types that it only sums and divides."""
    if more or type(a) is not np.ndarray or a.dtype.char not in "fd" or not a.size:
        return np.mean(a, axis=axis, keepdims=keepdims, **more)
    total = total_of(a, axis=axis, keepdims=keepdims)
    return total / (a.size // total.size)


total_of = reduction(np.sum, np.add)
register(
    np.sum,
    lambda g, _y, _x, axis=None, dtype=None, keepdims=False, initial=0, where=True: spread(
        g, _x, axis, keepdims, where
    ),
    forward=total_of,
    cases=[*REDUCTIONS, *MASKED, (((2, 3),), {"axis": 0, "initial": 2.5, "dtype": "float64"})],
)
register(
    np.mean,
    lambda g, _y, _x, axis=None, dtype=None, keepdims=False, where=True: spread_mean(g, _y, _x, axis, keepdims, where),
    forward=wraps(np.mean)(mean),
    cases=[*REDUCTIONS, *MASKED, (((2, 3),), {"axis": 0, "dtype": "float64"})],
)
for fn, ufunc in ((np.max, np.maximum), (np.min, np.minimum), (np.amax, np.maximum), (np.amin, np.minimum)):
    beyond = -9.0 if ufunc is np.maximum else 9.0
    register(
        fn,
        lambda g, y, x, axis=None, keepdims=False, initial=None, where=True: extremum(
            g, y, x, axis, keepdims, initial, where
        ),
        forward=reduction(fn, ufunc),
        cases=[
            *REDUCTIONS,
            *((shapes, {**params, "initial": beyond}) for shapes, params in MASKED),
            (((2, 3),), {"axis": 0, "initial": 0.3}),
        ],
    )
