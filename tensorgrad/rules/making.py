"""Making arrays: out of tensors, which keep their gradient, or out of numbers, which are constant.

NumPy hands a function over to tensors if one is named by `like=`: np.array([t, 0], like=t).
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.backends import Recorder, astype, dtype_of, getitem
from tensorgrad.op import POSITIVE, Case, composite, register

fn: Callable[..., Any]


# Out of tensors
def nested(x: Any) -> Any:
    """Return nested lists of arrays and numbers as one array, and anything else as it is."""
    if not isinstance(x, list | tuple):
        return x
    parts = [nested(part) for part in x]
    return np.stack(parts) if any(hasattr(type(p), "__array_function__") for p in parts) else np.asarray(parts)


def converted(x: Any, dtype: Any, copy: bool | None) -> Any:
    """Return an array of `x`; the same if it is one already, of this dtype, unless `copy` asks for another."""
    a = nested(x)
    if dtype is not None and dtype_of(a) != np.dtype(dtype):
        a = astype(a, dtype)
    if copy is False and a is not x:
        raise ValueError("copy=False: a new array is needed here; leave copy out, or pass None")
    return np.copy(a) if copy and a is x else a


ARRAYS: list[Case] = [(((2, 3),), {}), (((3,),), {"dtype": "float64"})]


@composite(np.array, cases=[*ARRAYS, (((3,), (3,)), {}), (((2,), (2,)), {"ndmin": 3, "dtype": "float64"})])
def array(object: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", subok: Any = 0, ndmin: int = 0) -> Any:
    """Make an array of nested lists of tensors and numbers, or copy one. How it lies in memory is not for it to say."""
    del order, subok
    a = converted(object, dtype, copy)
    return a if np.ndim(a) >= ndmin else np.reshape(a, (1,) * (ndmin - np.ndim(a)) + np.shape(a))


@composite(np.asarray, cases=ARRAYS, view=True)
def asarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None) -> Any:
    """Make an array of nested lists; return one as it is."""
    del order, device
    return converted(a, dtype, copy)


@composite(np.asanyarray, cases=ARRAYS, view=True)
def asanyarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None) -> Any:
    """Do as np.asarray: tensors have no subclasses."""
    del order, device
    return converted(a, dtype, copy)


@composite(np.require, cases=ARRAYS, view=True)
def require(a: Any, dtype: Any = None, requirements: Any = None) -> Any:
    """Do as np.asarray, but for an array of one's own if there are requirements: how it lies in memory, say."""
    return converted(a, dtype, True if requirements else None)


@composite(np.ascontiguousarray, cases=ARRAYS, view=True)
def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """Make an array of one or more axes; how it lies in memory is not told apart."""
    return array(a, dtype, copy=None, ndmin=1)


@composite(np.asfortranarray, cases=ARRAYS)
def asfortranarray(a: Any, dtype: Any = None) -> Any:
    """Make an array of one or more axes, always a copy."""
    return array(a, dtype, copy=True, ndmin=1)


@composite(np.full, cases=[(((3,),), {"shape": (2, 3)}), (((2, 1),), {"shape": (2, 2), "dtype": "float64"})])
def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None) -> Any:
    """Fill an array with a value that may be a tensor."""
    del order, device
    return np.copy(np.broadcast_to(converted(fill_value, dtype, None), shape))


@composite(np.full_like, cases=[(((2, 3), ()), {}), (((2,), (3,)), {"shape": (2, 3)})])
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: Any = True,
    *,
    shape: Any = None,
    device: Any = None,
) -> Any:
    """Fill an array like `a` with a value that may be a tensor."""
    del order, subok, device
    out = np.zeros_like(a, dtype=dtype, shape=shape)
    fill = np.broadcast_to(converted(fill_value, dtype_of(out), None), np.shape(out))
    return np.where(np.ones_like(out, dtype=bool), fill, out)


# Out of numbers
def fromfunction(function: Any, shape: Any, **params: Any) -> Any:
    """`np.fromfunction`, the function of which may give a tensor without help."""
    out = np.fromfunction(function, shape, **params)
    if isinstance(out, Recorder):
        raise TypeError(
            "fromfunction: the function returns a tensor, which like= would take the gradient from: leave it out"
        )
    return out


register(np.fromfunction, forward=fromfunction)
for fn in (np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.arange):
    register(fn)
for fn in (np.fromiter, np.frombuffer, np.fromstring, np.fromfile, np.loadtxt, np.genfromtxt):
    register(fn)


# From one to another
ENDS: list[Case] = [
    (((), ()), {"num": 4}),
    (((2,), ()), {"num": 3, "axis": -1}),
    (((2,), (3, 1)), {"num": 3, "endpoint": False, "axis": 1}),
    (((), ()), {"num": 1}),
    (((2,), (2,)), {"num": 0}),
    (((), ()), {"num": 3, "dtype": "float64"}),
]


@composite(np.linspace, cases=[*ENDS, (((2,), ()), {"num": 3, "retstep": True})])
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Return numbers in even steps, the last of which is `stop` itself."""
    del device
    if (num := operator.index(num)) < 0:
        raise ValueError(f"linspace: the number of samples must not be negative, got {num}")
    delta = np.subtract(stop, start)
    div = num - 1 if endpoint else num
    counts = np.reshape(astype(np.arange(num), dtype_of(delta)), (-1,) + (1,) * np.ndim(delta))
    y = counts * (delta / div if div > 0 else delta) + start
    y = with_ends(y, (stop,) if endpoint and num > 1 else ())
    y = np.moveaxis(y, 0, axis) if axis else y
    if dtype is not None and np.dtype(dtype) != dtype_of(y):
        y = astype(np.floor(y) if np.issubdtype(dtype, np.integer) else y, dtype)
    return (y, delta / div if div > 0 else np.nan) if retstep else y


def with_ends(y: Any, last: tuple[Any, ...], first: tuple[Any, ...] = ()) -> Any:
    """Return `y` with its last and first row replaced by these, which are not rounded."""
    rows = [np.broadcast_to(astype(row, dtype_of(y)), (1, *np.shape(y)[1:])) for row in (*first, *last)]
    if not rows:
        return y
    inner = getitem(y, slice(len(first), np.shape(y)[0] - len(last)))
    return np.concatenate((*rows[: len(first)], inner, *rows[len(first) :]))


@composite(
    np.logspace,
    domain=POSITIVE,
    cases=[*ENDS, (((), ()), {"num": 3, "base": 2.5}), (((2,), (), (2,)), {"num": 3}), (((), (), ()), {"num": 3})],
)
def logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return powers of `base`, of which the exponents are in even steps."""
    if np.ndim(base):
        axes = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (np.reshape(a, (1,) * (axes - np.ndim(a)) + np.shape(a)) for a in (start, stop, base))
        base = np.expand_dims(base, axis)
    exponents = np.linspace(start, stop, num, endpoint, axis=axis)
    if isinstance(base, int | float | complex):  # which is weak: an array of the dtype that the result has
        base = np.asarray(base, np.result_type(base, dtype_of(exponents)))
    y = np.power(base, exponents)
    return y if dtype is None else astype(y, dtype)


@composite(np.geomspace, domain=POSITIVE, cases=ENDS)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Return numbers in even ratios, of which the ends are those given."""
    for end in (start, stop):
        zero = np.any(np.equal(end, 0))
        if isinstance(zero, np.bool) and zero:
            raise ValueError("geomspace: a geometric sequence cannot include zero")
    kind = np.result_type(start, stop, float(num), np.zeros((), dtype))
    start, stop = (a if dtype_of(a) == kind else astype(a, kind) for a in (start, stop))
    exponents = np.linspace(np.zeros_like(stop), np.log(stop / start), num, endpoint)
    y = np.multiply(start, np.exp(exponents))
    y = with_ends(y, (stop,) if endpoint and num > 1 else (), (start,) if num > 0 else ())
    y = np.moveaxis(y, 0, axis) if axis else y
    return y if dtype is None or np.dtype(dtype) == dtype_of(y) else astype(y, dtype)
