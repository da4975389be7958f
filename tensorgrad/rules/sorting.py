"""Sorting and sets: the permutation is found on the values, and the elements read in its order.

Gradients follow the permutation, also where elements tie: of equal ones the first in the array comes first. The unique
value of several equal elements is read from the first of them, and the gradient goes there.
"""

from typing import Any

import numpy as np

from tensorgrad.backends import astype, dispatched, getitem
from tensorgrad.op import Case, composite, register, register_plain

# How a rule looks at values


@dispatched
def held(x: Any) -> Any:
    """Return the array that a tensor holds, to find an index by."""
    return x


@dispatched
def beside(fact: Any, x: Any = None) -> Any:
    """Return an index or a count that a function gives beside a result: as a constant tensor if `x` is a tensor."""
    return fact


@dispatched
def permuted(x: Any, order: Any, axis: int) -> Any:
    """Return np.take_along_axis(x, order, axis) for an order that names each place once."""
    return np.take_along_axis(x, order, axis)


register_plain(held)
register(beside)
register(
    permuted,
    lambda g, _y, _x, order, axis: permuted(g, np.argsort(order, axis=axis), axis),
    cases=[(((3, 2),), {"order": np.array([[2, 1], [0, 0], [1, 2]]), "axis": 0})],
)
register_plain(np.argpartition, np.lexsort, np.isin)
if hasattr(np, "in1d"):  # until NumPy 2.3
    register_plain(np.in1d)

# Sorting


def unnamed_fields(name: str, order: Any) -> None:
    """Raise if the order of fields is given: elements that can have a gradient have none."""
    if order is not None:
        raise ValueError(f"{name}: Cannot specify order when the array has no fields.")


@composite(
    np.sort,
    cases=[
        (((2, 3),), {}),
        (((3, 2),), {"axis": 0, "kind": "stable"}),
        (((2, 3, 2),), {"axis": -2}),
        (((2, 3),), {"axis": None}),
        (((0, 3),), {"axis": 0}),
        (((2, 3),), {"stable": True}),
    ],
)
def sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: Any = False
) -> Any:
    """Return the elements in ascending order."""
    unnamed_fields("sort", order)
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    how: dict[str, Any] = {"descending": True} if descending is True else {}  # since NumPy 2.5
    return permuted(a, np.argsort(a, axis=axis, kind="stable", **how), axis)


@composite(
    np.partition,
    cases=[  # of which the whole order is determined
        (((3, 3),), {"kth": 1}),
        (((3, 2),), {"kth": [0, 1], "axis": 0}),
        (((2, 2),), {"kth": (0, 1, 2), "axis": None}),
    ],
)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    """Return the elements with those of rank `kth` in their sorted place, lesser ones before, greater ones behind."""
    unnamed_fields("partition", order)
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    return permuted(a, np.argpartition(a, kth, axis=axis, kind=kind), axis)  # type: ignore[arg-type]  # the only one


@composite(np.sort_complex, cases=[(((5,),), {}), (((2, 3),), {})])
def sort_complex(a: Any) -> Any:
    """Return the elements in ascending order, as complex numbers."""
    y = np.sort(a)
    return y if np.iscomplexobj(y) else astype(y, np.complex128)


# Sets


@composite(
    np.unique,
    cases=[
        (((2, 3),), {}),
        (((4,),), {"return_index": True, "return_inverse": True, "return_counts": True}),
        (((2, 3),), {"axis": 1}),
        (((2, 3),), {"axis": 0, "return_counts": True}),
    ],
    prepare=lambda x: twice(x),
)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,  # or not, as may be
) -> Any:
    """Return each different element once, and as asked where it was first, the inverse index, and how often it was."""
    _, index, *others = np.unique(held(ar), True, True, True, axis=axis, equal_nan=equal_nan)
    if axis is None:
        values = getitem(np.reshape(ar, (-1,)), index)
    else:
        values = getitem(ar, (*(slice(None),) * (axis % np.ndim(ar)), index))
    wanted = zip((index, *others), (return_index, return_inverse, return_counts), strict=True)
    facts = [beside(fact, ar) for fact, on in wanted if on]
    return (values, *facts) if facts else values


def twice(x: Any) -> Any:
    """Return the elements of `x`, each of them twice, for tests."""
    return np.concatenate((x, x))


@composite(  # of complex numbers, NumPy's order is that of a hash table, which no finite difference stands
    np.unique_values, cases=[(((2, 3),), {})], prepare=lambda x: twice(np.real(x))
)
def unique_values(x: Any) -> Any:
    """Return each different element once, in whatever order NumPy's version gives them."""
    flat = np.reshape(x, (-1,))
    order = np.argsort(flat, kind="stable")
    first = np.searchsorted(np.take(held(flat), order), np.unique_values(held(x)))
    return getitem(flat, np.take(order, first))


# NumPy's named tuples, which have no public name
All, Counts, Inverse = (type(f(np.zeros(1))) for f in (np.unique_all, np.unique_counts, np.unique_inverse))


@composite(np.unique_all, cases=[(((2, 3),), {})], prepare=twice)
def unique_all(x: Any) -> Any:
    """Return all that `unique` gives; NaN differs from NaN."""
    return All(*unique(x, True, True, True, equal_nan=False))


@composite(np.unique_counts, cases=[(((2, 3),), {})], prepare=twice)
def unique_counts(x: Any) -> Any:
    """Return each different element once, and how often it was."""
    return Counts(*unique(x, return_counts=True, equal_nan=False))


@composite(np.unique_inverse, cases=[(((2, 3),), {})], prepare=twice)
def unique_inverse(x: Any) -> Any:
    """Return each different element once, and the index that makes the array of them."""
    return Inverse(*unique(x, return_inverse=True, equal_nan=False))


PAIRS: list[Case] = [(((4,), (3,)), {}), (((2, 2), (3,)), {})]


def overlapping(x: Any, y: Any) -> tuple[Any, Any]:
    """Return two arrays of which some elements are in both, for tests."""
    return np.concatenate((np.reshape(x, (-1,)), np.reshape(y, (-1,)))), np.reshape(y, (-1,)) + 0


@composite(np.union1d, cases=PAIRS)
def union1d(ar1: Any, ar2: Any) -> Any:
    """Return the elements of both; what is in both is read from the first array."""
    return unique(np.concatenate((ar1, ar2), axis=None))


@composite(
    np.intersect1d, cases=[*PAIRS, (((4,), (3,)), {"return_indices": True, "assume_unique": True})], prepare=overlapping
)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """Return what is in both arrays; it is read from the first one."""
    _, i, j = np.intersect1d(held(ar1), held(ar2), assume_unique=assume_unique, return_indices=True)
    values = getitem(np.reshape(ar1, (-1,)), i)
    return (values, beside(i, values), beside(j, values)) if return_indices else values


@composite(np.setdiff1d, cases=PAIRS, prepare=overlapping)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """Return what is in the first array only."""
    ar1 = np.reshape(ar1, (-1,)) if assume_unique else unique(ar1)
    return getitem(ar1, np.isin(held(ar1), held(ar2), assume_unique=True, invert=True))


@composite(np.setxor1d, cases=PAIRS, prepare=overlapping)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """Return what is in one of the arrays only."""
    parts = [np.reshape(a, (-1,)) if assume_unique else unique(a) for a in (ar1, ar2)]
    both = np.concatenate(parts)
    _, index, counts = np.unique(held(both), return_index=True, return_counts=True, equal_nan=False)
    return getitem(both, np.compress(np.equal(counts, 1), index))
