"""Functions that need no rule, because they are written in functions that have one."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tensorgrad.backends import astype
from tensorgrad.op import Case, composite

if hasattr(np, "astype"):  # from NumPy 2.1 on

    @composite(np.astype, cases=[(((2, 3),), {"dtype": np.float64})])
    def converted(x: Any, dtype: Any, copy: bool = True, device: Any = None) -> Any:  # they say how
        """Convert to another type of elements."""
        return astype(x, dtype)


@composite(np.divmod, cases=[(((3,), (3,)), {})], domain=((2.1, 2.3), (0.8, 1.0)))
def divmod_(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return the quotient, which is constant almost everywhere, and the remainder."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@composite(np.modf, cases=[(((3,),), {})], domain=(0.1, 0.9))
def modf(x: Any) -> tuple[Any, Any]:
    """Return the fractional part, and the whole part, which is constant almost everywhere."""
    return x - np.trunc(x), np.trunc(x)


# Products
PRODUCTS: list[Case] = [
    (((2, 3), (3, 4)), {}),
    (((3,), (3,)), {}),
    (((2, 3), (3,)), {}),
    (((), (3,)), {}),
    (((2, 2, 3), (4, 3, 2)), {}),
]


@composite(np.dot, cases=PRODUCTS)
def dot(a: Any, b: Any) -> Any:
    """Multiply numbers, vectors and matrices; of more axes, sum over the last of a and the second last of b."""
    if not (np.ndim(a) and np.ndim(b)):
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=(-1, -2))


@composite(np.outer, cases=[(((2,), (3,)), {}), (((2, 2), (3,)), {})])
def outer(a: Any, b: Any) -> Any:
    """Return all products of an element of a and one of b."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composite(
    np.tensordot,
    cases=[
        (((2, 3, 4), (3, 4, 2)), {}),
        (((2, 3), (3, 2)), {"axes": 1}),
        (((2, 3), (4,)), {"axes": 0}),
        (((2, 3, 4), (4, 5, 2)), {"axes": ((0, 2), (2, 0))}),
        (((2, 3), (3, 4)), {"axes": (1, 0)}),
    ],
)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum products over the given axes: a matrix product of the reshaped arrays."""
    if np.ndim(axes) == 0:
        axes = range(np.ndim(a) - axes, np.ndim(a)), range(axes)
    over_a, over_b = (normalize_axis_tuple(n, np.ndim(x)) for n, x in zip(axes, (a, b), strict=True))
    summed, other = [np.shape(a)[n] for n in over_a], [np.shape(b)[n] for n in over_b]
    if summed != other:
        raise ValueError(
            f"tensordot: the summed axes have lengths {summed} in the first array and {other} in the second"
        )
    free_a = [n for n in range(np.ndim(a)) if n not in over_a]
    free_b = [n for n in range(np.ndim(b)) if n not in over_b]
    rows, columns = [np.shape(a)[n] for n in free_a], [np.shape(b)[n] for n in free_b]
    k = int(np.prod(summed))
    left = np.reshape(np.transpose(a, (*free_a, *over_a)), (int(np.prod(rows)), k))
    right = np.reshape(np.transpose(b, (*over_b, *free_b)), (k, int(np.prod(columns))))
    return np.reshape(left @ right, (*rows, *columns))
