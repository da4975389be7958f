"""What is checked: a function and its gradient, whoever wrote them, as functions of a list of arrays."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.autograd import gradients
from tensorgrad.creation import tensor
from tensorgrad.errors import crash_line, shown, user_line
from tensorgrad.graph import Tensor, wrap
from tensorgrad.node import enable_grad, no_grad
from tensorgrad.rng import Rng
from tensorgrad.testing.inputs import BackwardError, Inputs
from tensorgrad.testing.oracle import PROBE

Array = NDArray[Any]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Subject:
    """A function to be differentiated, and the gradient that it is said to have."""

    arrays: list[Array]  # where it is checked
    value: Callable[[list[Array]], Array]  # the result anywhere, flat, in float64 or better
    gradient: Callable[[list[Array], Array], list[Array]]  # of <cotangent, value>, one per array
    cotangent: Array  # to check it with, flat
    shape: tuple[int, ...]  # of the result
    epsilon: float  # of the result's dtype, for arrays in float64 or better
    natural: Array | float = 0.0  # the size that each result has, if not by chance its terms cancel
    connected: bool = True  # whether the engine found a way from the result to the inputs


def recorded_by_engine(f: Function, inputs: Inputs, rng: Rng) -> Subject:
    """Return a function and the gradient that the engine derives."""

    def record(arrays: list[Array]) -> tuple[Any, list[Tensor]]:
        with enable_grad():
            leaves = [tensor(a, requires_grad=True) for a in arrays]
            return f(*inputs.nest(leaves)), leaves

    def value(arrays: list[Array]) -> Array:
        if not quietly:
            return flat(record(arrays)[0])
        with no_grad():
            return flat(f(*inputs.nest([wrap(a) for a in arrays])))

    def gradient(arrays: list[Array], cotangent: Array) -> list[Array]:
        y, leaves = record(arrays)
        if not isinstance(y, Tensor):
            return [np.zeros_like(a) for a in arrays]
        with backward_pass():
            found: list[Array] = gradients(y, leaves, cotangent.reshape(y.shape).astype(y.dtype))
            return found

    y, leaves = record(inputs.arrays)
    refuse_changed(inputs.arrays, [t.data for t in leaves], f)
    raw = result(f, y, record(inputs.arrays)[0])
    quietly = True
    try:
        value(wide(inputs.arrays))
    except Exception:
        quietly = False  # it takes derivatives inside, for which it has to be recorded
    precise = raw_of(record(wide(inputs.arrays))[0])
    connected = isinstance(y, Tensor) and y.requires_grad
    return Subject(
        inputs.arrays, value, gradient, cotangent_for(raw, rng), raw.shape, epsilon(precise), connected=connected
    )


def written_by_hand(f: Function, vjp: Function, inputs: Inputs, rng: Rng) -> Subject:
    """Return a function and the gradient that `vjp` gives, both of plain arrays."""

    def value(arrays: list[Array]) -> Array:
        return flat(f(*inputs.nest(arrays)))

    def gradient(arrays: list[Array], cotangent: Array) -> list[Array]:
        copies = [a.copy() for a in arrays]
        nested = inputs.nest(copies)
        out = f(*nested)
        kept, v = np.array(out), cotangent.reshape(np.shape(out)).astype(np.asarray(out).dtype)
        seed = v.copy()
        with backward_pass():
            found = vjp(seed, out, *nested)
        for what, before, after in (("cotangent", v, seed), ("out", kept, np.asarray(out))):
            if not same(before, after):
                raise BackwardError(f"it changed its {what} in place, which another consumer may share: copy it first")
        for (argument, _), before, after in zip(inputs.places, arrays, copies, strict=True):
            if not same(before, after):
                raise BackwardError(f"it changed input {argument} in place: copy it first", argument=argument)
        return inputs.unnest(found)

    copies = [a.copy() for a in inputs.arrays]
    raw = np.array(result(f, *2 * [f(*inputs.nest(copies))]))
    refuse_changed(inputs.arrays, copies, f)
    result(f, raw, f(*inputs.nest(copies)))
    precise = raw_of(f(*inputs.nest(wide(inputs.arrays))))
    return Subject(inputs.arrays, value, gradient, cotangent_for(raw, rng), raw.shape, epsilon(precise))


def second_order(f: Function, inputs: Inputs, first: Subject, rng: Rng) -> Subject:
    """Return the function that a gradient is, of the inputs and of the cotangent, with the gradient it has."""

    def record(arrays: list[Array], create_graph: bool) -> tuple[list[Any], list[Tensor]]:
        with enable_grad(), backward_pass():
            leaves = [tensor(a, requires_grad=True) for a in arrays]
            y, v = f(*inputs.nest(leaves[:-1])), leaves[-1]
            if not isinstance(y, Tensor):
                return [tensor(np.zeros_like(a)) for a in arrays[:-1]], leaves
            return gradients(y, leaves[:-1], v, create_graph=create_graph), leaves

    def value(arrays: list[Array]) -> Array:
        return np.concatenate([flat(g) for g in record(arrays, False)[0]])

    def gradient(arrays: list[Array], cotangent: Array) -> list[Array]:
        slopes, leaves = record(arrays, True)
        total = [np.zeros_like(a) for a in arrays]
        ends = np.cumsum([a.size for a in arrays[:-1]])
        with backward_pass():
            for g, part in zip(slopes, np.split(cotangent, ends[:-1]), strict=True):
                terms = gradients(g, leaves, part.reshape(g.shape).astype(g.dtype))
                total = [a + b for a, b in zip(total, terms, strict=True)]
        return total

    v = first.cotangent.reshape(first.shape)
    arrays = [*inputs.arrays, v.astype(np.result_type(*inputs.arrays))]
    slopes = value(wide(arrays))
    x = wide(inputs.arrays)
    y, far = first.value(x), first.value([a + PROBE * sizes(a).reshape(a.shape) for a in x])
    size = float(np.abs(first.cotangent) @ (np.abs(y) + np.nan_to_num(np.abs(far - y), posinf=0.0)))
    natural = size / np.concatenate([sizes(a) for a in x])
    own = max(epsilon(a) for a in wide(arrays))
    return Subject(arrays, value, gradient, cotangent_for(slopes, rng), slopes.shape, own, natural)


# Results
def result(f: Function, y: Any, again: Any) -> Array:
    """Return the result of `f` as an array; raise unless it is one of finite floats, the same twice."""
    name = name_of(f)
    if y is None:
        raise TypeError(f"{name} returned nothing: end it with return")
    if isinstance(y, list | tuple | dict):
        raise TypeError(
            f"{name} returned a {type(y).__name__}: return one array, as in lambda x: {name}(x)[0], or join several"
        )
    raw, second = raw_of(y), raw_of(again)
    if raw.dtype.kind != "f":
        cure = "complex results are not checked yet: return real ones" if raw.dtype.kind == "c" else "return floats"
        raise TypeError(f"{name} returned {raw.dtype}: {cure}")
    if not np.isfinite(raw).all():
        at = [int(i) for i in np.argwhere(~np.isfinite(raw))[0]]
        raise ValueError(
            f"{name} returned {raw[tuple(at)]}{f' at {at}' if at else ''}, where there is no derivative to compare "
            "with: check it at inputs where the function is finite"
        )
    if second.shape != raw.shape or np.abs(second - raw).max(initial=0) > 1e-3 * np.abs(raw).max(initial=0):
        raise ValueError(
            f"{name} is random: two calls on the same inputs gave different results. Draw from a generator that "
            "starts anew in each call, as in rng = np.random.default_rng(0)"
        )
    return raw


def raw_of(y: Any) -> Array:
    """Return a result as an array."""
    return np.asarray(y.data if isinstance(y, Tensor) else y)


def flat(y: Any) -> Array:
    """Return a copy of a result as a vector, in float64 or better."""
    raw = raw_of(y)
    return np.array(raw, dtype=np.promote_types(raw.dtype, np.float64)).reshape(-1)


def wide(arrays: list[Array]) -> list[Array]:
    """Return contiguous copies in float64 or better."""
    return [np.array(a, dtype=np.promote_types(a.dtype, np.float64), order="C") for a in arrays]


def top(x: Array) -> float:
    """Return the size of an array's largest element, as a power of 2; 1 for zeros."""
    largest = float(np.abs(x).max(initial=0.0))
    return 2.0 ** math.floor(math.log2(largest)) if largest else 1.0


def sizes(x: Array) -> Array:
    """Return the size of each element as a power of 2, so that steps are exact; that of the largest where it is 0.

    >>> sizes(np.array([3.0, -0.3, 0.0]))
    array([2.  , 0.25, 2.  ])
    """
    size = np.abs(x).ravel()
    powers: Array = np.floor(np.log2(np.where(size == 0, top(x), size))).astype(int)
    return np.ldexp(np.ones_like(size), powers)


def epsilon(x: Array) -> float:
    """Return the relative spacing of the numbers of this dtype."""
    return float(np.finfo(x.dtype).eps)


def cotangent_for(y: Array, rng: Rng) -> Array:
    """Return random weights of either sign between 1 and 2, which every dtype holds exactly."""
    sizes = 1 + np.floor(64 * rng.random(y.size)) / 64
    return np.where(rng.random(y.size) < 0.5, -sizes, sizes)


# Functions that misbehave
def same(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same numbers."""
    return bool(np.array_equal(a, b, equal_nan=True))


def refuse_changed(before: list[Array], after: list[Array], f: Function) -> None:
    """Raise ValueError if a function wrote into its inputs."""
    if not all(map(same, before, after)):
        raise ValueError(f"{name_of(f)} changes its inputs in place, so that they are not the inputs afterwards: copy")


@contextmanager
def forward_pass(f: Function) -> Iterator[None]:
    """Name the function in whatever it raises."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {name_of(f)}, which gradcheck called, at {line_of(f)}")
        raise


@contextmanager
def backward_pass() -> Iterator[None]:
    """Turn whatever a backward pass raises into a BackwardError that names its line."""
    try:
        yield
    except Exception as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()) if not note.startswith("at "))
        raise BackwardError(f"it raised {type(error).__name__}: {error}{notes}", crash_line(error)) from error


# Names and lines
def name_of(f: Function) -> str:
    """Return the name of a function, as errors show it."""
    return str(getattr(f, "__name__", None) or getattr(getattr(f, "func", None), "__name__", type(f).__name__))


def line_of(f: Function) -> str:
    """Return where a function is defined, or from where the check is called if that is not Python code."""
    code = getattr(getattr(f, "__wrapped__", getattr(f, "func", f)), "__code__", None)
    return user_line() if code is None else shown(code.co_filename, code.co_firstlineno)
