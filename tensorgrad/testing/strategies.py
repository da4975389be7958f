"""Hypothesis strategies for what functions of arrays take: shapes, dtypes, arrays, memory layouts, calls, programs.

Everything shrinks: shapes to few elements, elements to numbers such as 1.0 and then -1.0, layouts to the plain one.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tensorgrad.op import OPS, Interval, Op
from tensorgrad.rules import load
from tensorgrad.testing.calls import LAYOUTS, Array, Call, Shape, calls_of, domains_of, points
from tensorgrad.testing.programs import programs

__all__ = [
    "arrays",
    "arrays_for",
    "broadcastable",
    "calls_for",
    "cotangents",
    "dtypes",
    "layouts",
    "numbers",
    "programs",
    "shapes",
]

DOMAIN: Interval = (-2.0, 2.0)
DIGITS = 3  # of the numbers that are drawn
LEAST = 1e-3  # of the largest number: what is nearer to 0 is 0
APART = 2  # times as many points to choose from as elements that must not tie


def shapes(max_dims: int = 3, max_side: int = 3, *, min_dims: int = 0, empty: bool = False) -> SearchStrategy[Shape]:
    """Draw shapes, with `min_dims` to `max_dims` axes of 1 to `max_side` elements, or of 0 if `empty`."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=0 if empty else 1, max_side=max_side)


def broadcastable(
    n: int = 2, max_dims: int = 3, max_side: int = 3, *, empty: bool = False
) -> SearchStrategy[tuple[Shape, ...]]:
    """Draw `n` shapes that broadcast together, those without axes among them; axes of no elements if `empty`."""
    drawn = hnp.mutually_broadcastable_shapes(
        num_shapes=n, min_side=0 if empty else 1, max_dims=max_dims, max_side=max_side
    )
    return drawn.map(lambda found: found.input_shapes)


def dtypes(*, half: bool = True, complex: bool = False) -> SearchStrategy[np.dtype[Any]]:
    """Draw float64, float32, with `half` float16, and with `complex` the complex types of the first two."""
    names = ["f8", "f4"] + ["f2"] * half + ["c16", "c8"] * complex
    return st.sampled_from([np.dtype(name) for name in names])


def numbers(low: float = DOMAIN[0], high: float = DOMAIN[1]) -> SearchStrategy[float]:
    """Draw numbers of up to three digits between two numbers; none is nearly 0, though 0 is drawn.

    They shrink to 0.0, then to 1.0, 2.0, ..., then to fractions, and negative ones to -1.0.
    """
    if not low < high:
        raise ValueError(f"numbers from {low} to {high}: there are none, give the lower bound first")
    least = LEAST * max(abs(low), abs(high)) if low <= 0 <= high else 0.0

    def short(x: float) -> float:
        return 0.0 if abs(x) < least else min(max(float(f"{x:.{DIGITS}g}"), low), high)

    return st.floats(low, high, allow_nan=False, allow_infinity=False).map(short)


LAYOUT = st.sampled_from(list(LAYOUTS))


@st.composite
def layouts(draw: DrawFn, array: Array) -> Array:
    """Draw the same elements in memory of another layout: Fortran's order, strided, reversed, or read-only."""
    name = draw(LAYOUT)
    if name != "contiguous":
        note(f"an array of shape {array.shape} is laid out {name}")
    return LAYOUTS[name](array)


@st.composite
def arrays(
    draw: DrawFn,
    shape: int | Shape | SearchStrategy[Shape] | None = None,
    dtype: Any = np.float64,
    domain: Interval = DOMAIN,
    *,
    apart: bool = False,
    layout: str | None = None,
) -> Array:
    """Draw an array with elements from an interval.

    shape, dtype: given or drawn; by default of any of `shapes`, in float64. A complex array has both parts from the
    interval.   domain: keep poles out of it.
    apart: no two elements are equal, even in size, and none is 0, so that none is near a kink of abs, sort or maximum.
    layout: one of "contiguous", "Fortran's order", "strided", "reversed", "read-only"; any of them if None.

    >>> from hypothesis import find
    >>> find(arrays((2,)), lambda x: x.sum() < 0)
    array([ 0., -1.])
    """
    shape = draw(shapes() if shape is None else shape if isinstance(shape, SearchStrategy) else st.just(shape))
    shape = (shape,) if isinstance(shape, int) else shape
    dtype = np.dtype(draw(dtype) if isinstance(dtype, SearchStrategy) else dtype)
    if dtype.kind not in "fc":
        raise TypeError(f"arrays of {dtype}: these have no gradient, draw them with hypothesis.extra.numpy.arrays")
    size = math.prod(shape)

    def elements() -> Array:
        if apart:
            return draw_apart(draw, [size], (domain,))[0]
        return np.array(draw(st.lists(numbers(*domain), min_size=size, max_size=size)), float)

    values = elements()
    values = values + 1j * elements() if dtype.kind == "c" else values
    made = values.astype(dtype).reshape(shape)
    return draw(layouts(made)) if layout is None else LAYOUTS[layout](made)


def draw_apart(draw: DrawFn, sizes: Sequence[int], domains: Sequence[Interval]) -> list[Array]:
    """Draw arrays of one axis, each from its interval, of all whose elements no two are equal in size."""
    total, drawn = sum(sizes), list[Array]()
    if len(set(domains)) == 1:
        chosen = draw(some_of(points(*domains[0], APART * total + 2), total))
        return np.split(np.array(chosen, float), np.cumsum(sizes)[:-1])
    taken = set[float]()
    for size, domain in zip(sizes, domains, strict=True):
        free = tuple(x for x in points(*domain, APART * size + len(taken) + 2) if abs(x) not in taken)
        chosen = draw(some_of(free, size))
        drawn.append(np.array(chosen, float))
        taken.update(map(abs, chosen))
    return drawn


@lru_cache(maxsize=1024)
def some_of(free: tuple[float, ...], size: int) -> SearchStrategy[list[float]]:
    """Return a strategy for some of the numbers, none twice, not even with another sign."""
    return st.lists(st.sampled_from(free), min_size=size, max_size=size, unique_by=abs)


@st.composite
def arrays_of(draw: DrawFn, call: Call, dtype: Any = np.float64, empty: bool = False) -> tuple[Array, ...]:
    """Draw arrays for a call: of any shapes that broadcast if it is elementwise, in any memory layout."""
    wanted = call.shapes
    if call.elementwise:
        wanted = draw(broadcastable(len(wanted), empty=empty))
    return draw(filled(call.op, wanted, dtype))


@st.composite
def filled(draw: DrawFn, op: Op, wanted: tuple[Shape, ...], dtype: Any) -> tuple[Array, ...]:
    """Draw arrays of some shapes in the domain of an op, in any memory layout; no two elements are equal in size."""
    dtype = draw(dtype) if isinstance(dtype, SearchStrategy) else dtype
    values = draw_apart(draw, [math.prod(shape) for shape in wanted], domains_of(op, len(wanted)))
    made = [a.astype(dtype).reshape(shape) for a, shape in zip(values, wanted, strict=True)]
    return tuple(draw(layouts(a)) for a in made)


def arrays_for(fn: Callable[..., Any], *, dtype: Any = np.float64, empty: bool = False) -> SearchStrategy[Any]:
    """Draw a tuple of arrays that `fn`, a NumPy function or a user's primitive, takes.

    Their shapes broadcast if it is elementwise, match if it has a signature such as matmul's, and are else those of the
    cases of its entry. Elements are in its domain, away from poles and kinks; no two of all elements are equal in size.
    Layouts in memory are drawn too. Where a call needs parameters, `calls_for` draws them as well.

    dtype: a floating one, or a strategy for it.   empty: also draw axes of no elements, if it is elementwise.
    Raises ValueError if `fn` has no entry, or one that shows no call.

    >>> from hypothesis import find
    >>> find(arrays_for(np.add), lambda arrays: arrays[1].size == 3)
    (array(1.), array([2. , 0.5, 1.5]))
    """
    found = calls_for_op(fn)
    op = found[0].op
    signature = op.fn.signature if isinstance(op.fn, np.ufunc) else op.signature.replace("?", "")
    if signature:
        drawn = hnp.mutually_broadcastable_shapes(signature=signature, max_dims=2, max_side=3)
        wanted: SearchStrategy[Any] = drawn.flatmap(lambda made: filled(op, made.input_shapes, dtype))
    else:
        wanted = st.sampled_from(found).flatmap(lambda call: arrays_of(call, dtype, empty))
    return wanted.map(found[0].arguments)


def calls_for(
    fn: Callable[..., Any], *, dtype: Any = np.float64, empty: bool = False
) -> SearchStrategy[tuple[Call, tuple[Array, ...]]]:
    """Draw a call of `fn`, with parameters as in a case of its entry, and arrays for it: `call(*arrays)` is the result.

    The arrays are free: the call makes of them what the function takes, a symmetric matrix say, so that derivatives can
    be checked with respect to them. `call.params` are the parameters.

    >>> from hypothesis import given
    >>> from tensorgrad.testing import gradcheck
    >>> @given(calls_for(np.linalg.inv))
    ... def test_gradient_of_inv(drawn):
    ...     call, arrays = drawn
    ...     gradcheck(call, *arrays)
    """
    return st.sampled_from(calls_for_op(fn)).flatmap(
        lambda call: st.tuples(st.just(call), arrays_of(call, dtype, empty))
    )


def calls_for_op(fn: Callable[..., Any]) -> list[Call]:
    """Return the calls that the entry of `fn` shows; raise ValueError if there is none."""
    load()
    name = getattr(fn, "__name__", repr(fn))
    if fn not in OPS:
        raise ValueError(
            f"{name} has no entry in the registry, which would say what arrays it takes: "
            "draw them with strategies.arrays(shape), or make it an op with tg.primitive or tg.register"
        )
    op = OPS[fn]
    found = calls_of(op) if op.kind in ("rules", "composite", "step") else []
    if not found:
        why = f"it is refused: {op.reason}" if op.kind == "refused" else f"its kind is {op.kind!r}"
        why = why if op.kind not in ("rules", "composite") else "give it cases=[((shapes of arrays), parameters)]"
        raise ValueError(f"the entry of {name} shows no call: {why}")
    return found


@st.composite
def cotangents(draw: DrawFn, y: Any) -> Array:
    """Draw an array of the shape and dtype of `y`, an array or a tensor: what to start a backward pass from."""
    return draw(arrays(np.shape(y), y.dtype if hasattr(y, "dtype") else np.asarray(y).dtype))
