"""Rules of reductions: sum, mean, max, min. `axis` is None, a number or a tuple, as in NumPy."""

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
    return np.broadcast_to(g if axis is None and not keepdims else expand(g, x, axis, keepdims), np.shape(x))


def extremum(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Give `g` to the elements of `x` that equal their extremum `y`; ties share it evenly."""
    best = np.equal(x, expand(y, x, axis, keepdims))
    shares = np.sum(best, axis=axis, keepdims=True, dtype=np.result_type(g))
    return expand(g, x, axis, keepdims) / shares * best


register(
    np.sum,
    lambda g, _y, _x, axis=None, keepdims=False: spread(g, _x, axis, keepdims),
    cases=REDUCTIONS,
)
register(
    np.mean,
    lambda g, _y, _x, axis=None, keepdims=False: spread(g * (np.size(_y) / max(np.size(_x), 1)), _x, axis, keepdims),
    cases=REDUCTIONS,
)
for fn in (np.max, np.min, np.amax, np.amin):
    register(
        fn,
        lambda g, y, x, axis=None, keepdims=False: extremum(g, y, x, axis, keepdims),
        cases=REDUCTIONS,
    )
