"""Kinds of mistakes: what becomes of a right backward pass that makes one.

A kind is a function of a `Function`: it returns a wrong backward pass, or None where the mistake cannot be made. State
that a mistake needs is in what it returns, so that each check is of a fresh one.
"""
# ruff: noqa: ARG005  a backward pass names all that it is given

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.functions import Array, Backward, Function

Kind = Callable[[Function], Backward | None]
MANY = 100  # elements from which one of them is hard to find


def largest(f: Function) -> int:
    """Return the number of the function's largest input: the one of which the gradient is made wrong."""
    return int(np.argmax([x.size for x in f.inputs]))


def replaced(f: Function, k: int, change: Callable[..., Any]) -> Backward:
    """Return a backward pass with gradient `k` replaced by change(gradient, g, out, inputs)."""

    def backward(g: Array, out: Array, *inputs: Array) -> tuple[Any, ...]:
        grads = list(f.backward(g, out, *inputs))
        grads[k] = change(grads[k], g, out, inputs)
        return tuple(grads)

    return backward


def to_one(change: Callable[[Array, Array], Any], least: int = 2, ndim: int = 1) -> Kind:
    """Return the kind that replaces the gradient d of the largest input x by change(d, x), if x is large enough."""

    def kind(f: Function) -> Backward | None:
        k = largest(f)
        if f.inputs[k].size < least or f.inputs[k].ndim < ndim:
            return None
        return replaced(f, k, lambda d, _g, _out, inputs: change(d, inputs[k]))

    return kind


def to_cotangent(change: Callable[[Array], Any], ndim: int = 0) -> Kind:
    """Return the kind that changes the cotangent, of at least `ndim` axes, before everything else."""

    def kind(f: Function) -> Backward | None:
        if np.ndim(f.forward(*f.inputs)) < ndim:
            return None
        return lambda g, out, *inputs: f.backward(change(np.asarray(g)), out, *inputs)

    return kind


def times(number: float) -> Kind:
    """Return the kind that multiplies a gradient by a number."""
    return to_one(lambda d, _x: d * number, least=0)


def where(condition: Callable[[Array], Any], number: float, least: int = 2) -> Kind:
    """Return the kind that multiplies a gradient by a number where the input meets the condition."""
    return to_one(lambda d, x: np.where(condition(x), d * number, d).astype(d.dtype), least)


def at(place: Callable[[int], Any], change: Callable[[Array], Any], least: int = 2) -> Kind:
    """Return the kind that changes the elements of the flat gradient that place(size) gives."""

    def changed(d: Array, _x: Array) -> Array:
        d = d.copy()
        flat = d.reshape(-1)
        flat[place(d.size)] = change(flat[place(d.size)])
        return d

    return to_one(changed, least)


FACTORS: dict[str, Kind] = {
    "wrong sign": times(-1.0),
    "twice as large": times(2.0),
    "half as large": times(0.5),
    "wrong by 1 %": times(1.01),
    "wrong by 0.1 %": times(1.001),
    "zero": times(0.0),
    "divided by the number of elements": to_one(lambda d, x: d / x.size),
    "multiplied by the length of the batch": to_one(lambda d, x: d * len(x)),
    "computed in half precision": to_one(lambda d, _x: d.astype(np.float16).astype(d.dtype)),
    "a small constant added": to_one(lambda d, _x: d + type(d.flat[0])(1e-4)),
    "clipped": to_one(lambda d, _x: np.clip(d, -np.abs(d).max() / 2, np.abs(d).max() / 2)),
    "its size only": to_one(lambda d, _x: np.abs(d)),
}


def scaled_by_sum(f: Function) -> Backward | None:
    """Return a pass that is right for a cotangent of ones: it takes the sum of others."""
    return lambda g, out, *xs: f.backward(np.full_like(g, np.mean(g)), out, *xs) if np.size(out) > 1 else None


COTANGENT: dict[str, Kind] = {
    "cotangent left out": to_cotangent(np.ones_like),
    "cotangent's mean": lambda f: scaled_by_sum(f) if np.size(f.forward(*f.inputs)) > 1 else None,
    "cotangent's size": to_cotangent(np.abs),
    "cotangent squared": to_cotangent(lambda g: g * np.abs(g)),
    "cotangent clipped to 1": to_cotangent(lambda g: np.clip(g, -1, 1)),
    "cotangent reversed": to_cotangent(lambda g: g[::-1], ndim=1),
    "cotangent of the first row for all": to_cotangent(lambda g: np.broadcast_to(g[:1], g.shape), ndim=2),
    "cotangent of the last row dropped": to_cotangent(lambda g: np.concatenate([g[:-1], 0 * g[-1:]]), ndim=1),
    "cotangent in the other order of memory": to_cotangent(lambda g: g.ravel("F").reshape(g.shape), ndim=2),
}


def first_alike(f: Function, shape: tuple[int, ...]) -> int | None:
    """Return the number of the first input of this shape."""
    return next((k for k, x in enumerate(f.inputs) if x.shape == shape), None)


def swapped(f: Function) -> Backward | None:
    """Return a pass that gives the first two gradients, of one shape, in the wrong order."""
    if len(f.inputs) < 2 or f.inputs[0].shape != f.inputs[1].shape:
        return None

    def backward(g: Array, out: Array, *inputs: Array) -> tuple[Array, ...]:
        first, second, *rest = f.backward(g, out, *inputs)
        return second, first, *rest

    return backward


def confused(f: Function) -> Backward | None:
    """Return a pass that confuses the first two inputs, of one shape."""
    if len(f.inputs) < 2 or f.inputs[0].shape != f.inputs[1].shape:
        return None
    return lambda g, out, x, y, *rest: f.backward(g, out, y, x, *rest)


def other_forgotten(f: Function) -> Backward | None:
    """Return a pass that gives zeros for its last input, of several."""
    if len(f.inputs) < 2:
        return None
    return replaced(f, len(f.inputs) - 1, lambda d, _g, _out, _inputs: np.zeros_like(d))


def result_for_input(f: Function) -> Backward | None:
    """Return a pass that reads the result where it should read the input."""
    k = first_alike(f, np.shape(f.forward(*f.inputs)))
    if k is None:
        return None
    return lambda g, out, *inputs: f.backward(g, out, *inputs[:k], out, *inputs[k + 1 :])


def input_for_result(f: Function) -> Backward | None:
    """Return a pass that reads the input where it should read the result."""
    k = first_alike(f, np.shape(f.forward(*f.inputs)))
    return None if k is None else lambda g, _out, *inputs: f.backward(g, inputs[k], *inputs)


def counted_once(f: Function) -> Backward | None:
    """Return a pass that divides the gradient of what was broadcast by the number of copies."""
    shape = np.shape(f.forward(*f.inputs))
    k = next((k for k, x in enumerate(f.inputs) if x.shape != shape and np.broadcast(np.empty(shape), x).size), None)
    copies = np.prod(shape) / f.inputs[k].size if k is not None else 1
    return replaced(f, k, lambda d, *_: d / type(d.flat[0])(copies)) if k is not None and copies > 1 else None


ARGUMENTS: dict[str, Kind] = {
    "gradients swapped": swapped,
    "arguments confused": confused,
    "an argument forgotten": other_forgotten,
    "result in place of input": result_for_input,
    "input in place of result": input_for_result,
    "mean in place of the sum over what was broadcast": lambda f: counted_once(f) if broadcasts(f) else None,
}


def broadcasts(f: Function) -> bool:
    """Whether the inputs are broadcast to the result."""
    out = np.shape(f.forward(*f.inputs))
    try:
        return len(f.inputs) > 1 and np.broadcast_shapes(*(x.shape for x in f.inputs)) == out
    except ValueError:
        return False


PLACES: dict[str, Kind] = {
    "off by one": to_one(lambda d, _x: np.roll(d, 1, axis=-1)),
    "shifted, with a zero first": to_one(lambda d, _x: np.concatenate([0 * d[..., :1], d[..., :-1]], axis=-1)),
    "reversed": to_one(lambda d, _x: d[::-1]),
    "rows off by one": to_one(lambda d, _x: np.roll(d, 1, axis=0), ndim=2),
    "transposed": to_one(lambda d, _x: d.T if d.shape == d.T.shape else d, ndim=2),
    "made symmetric": to_one(lambda d, _x: (d + d.T) / 2 if d.shape == d.T.shape else d, ndim=2),
    "in the other order of memory": to_one(lambda d, _x: d.ravel("F").reshape(d.shape), ndim=2),
    "two neighbours swapped": at(lambda n: [n // 2, n // 2 - 1], lambda pair: pair[::-1]),
    "sorted": to_one(lambda d, _x: np.sort(d, axis=None).reshape(d.shape)),
    "last element forgotten": at(lambda n: n - 1, lambda d: 0 * d),
    "first row only": to_one(lambda d, _x: np.concatenate([d[:1], 0 * d[1:]]), ndim=2),
    "mean over the batch for all": to_one(lambda d, _x: 0 * d + d.mean(axis=0), ndim=2),
    "one of many wrong by 1 %": at(lambda n: n * 617 // 1000, lambda d: d * 1.01, MANY),
    "one of many wrong by 0.1 %": at(lambda n: n * 617 // 1000, lambda d: d * 1.001, MANY),
    "one of many zero": at(lambda n: n * 433 // 1000, lambda d: 0 * d, MANY),
    "one NaN": at(lambda n: n // 2, lambda d: d * np.nan),
    "one infinite": at(lambda n: n // 3, lambda d: d * 0 + np.inf),
    "every third zero": at(lambda n: slice(None, None, 3), lambda d: 0 * d),
}

REGIONS: dict[str, Kind] = {
    "half for negative inputs": where(lambda x: x < 0, 0.5),
    "twice for positive inputs": where(lambda x: x > 0, 2.0),
    "zero for negative inputs": where(lambda x: x < 0, 0.0),
    "1 % off for negative inputs": where(lambda x: x < 0, 1.01),
    "zero where the input is large": where(lambda x: np.abs(x) >= np.quantile(np.abs(x), 0.9), 0.0),
    "zero where the input is small": where(lambda x: np.abs(x) <= np.quantile(np.abs(x), 0.1), 0.0),
    "wrong sign for the largest input": where(lambda x: x == x.max(), -1.0),
    "a constant for negative inputs": to_one(lambda d, x: np.where(x < 0, 0.01, d).astype(d.dtype)),
    "zero where it is small": to_one(lambda d, _x: np.where(np.abs(d) < 0.1 * np.abs(d).max(), 0, d).astype(d.dtype)),
}


def too_few(f: Function) -> Backward | None:
    """Return a pass that gives one gradient less than there are inputs."""
    return (lambda g, out, *inputs: f.backward(g, out, *inputs)[:-1]) if len(f.inputs) > 1 else None


def not_summed(f: Function) -> Backward | None:
    """Return a pass that does not sum over the axes of what was broadcast."""
    if not broadcasts(f):
        return None
    return lambda g, out, *inputs: f.backward(g, out, *(x.copy() for x in np.broadcast_arrays(*inputs)))


def other_dtype(d: Array, _x: Array) -> Array:
    """Return a gradient in single precision if it is in double, and the other way round."""
    return d.astype(np.float32 if d.dtype == np.float64 else np.float64)


FORMS: dict[str, Kind] = {
    "sum over what was broadcast left out": not_summed,
    "too few gradients": too_few,
    "None": to_one(lambda _d, _x: None, least=0),
    "an axis too many": to_one(lambda d, _x: d[None], least=0),
    "flattened": to_one(lambda d, _x: d.ravel(), ndim=2),
    "a single number": to_one(lambda d, _x: d.sum()),
    "one element short": to_one(lambda d, _x: d[:-1]),
    "another precision": to_one(other_dtype, least=0),
    "complex": to_one(lambda d, _x: d.astype(complex), least=0),
    "integers": to_one(lambda d, _x: d.astype(int), least=0),
}


def accumulating(f: Function) -> Backward:
    """Return a pass that adds to the gradients of earlier calls."""
    kept: list[Array] = []

    def backward(g: Array, out: Array, *inputs: Array) -> tuple[Array, ...]:
        grads = f.backward(g, out, *inputs)
        kept[:] = [a + b for a, b in zip(kept, grads, strict=True)] if kept else grads
        return tuple(kept)

    return backward


def with_one_buffer(f: Function) -> Backward:
    """Return a pass that writes each result into the array that it returned before."""
    kept: list[Array] = []

    def backward(g: Array, out: Array, *inputs: Array) -> tuple[Array, ...]:
        grads = f.backward(g, out, *inputs)
        if not kept or any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(kept, grads, strict=True)):
            kept[:] = [np.array(d) for d in grads]
        for a, b in zip(kept, grads, strict=True):
            a[...] = b
        return tuple(kept)

    return backward


def remembering(f: Function) -> Backward:
    """Return a pass that gives the gradients of its first call for ever."""
    kept: list[tuple[Array, ...]] = []

    def backward(g: Array, out: Array, *inputs: Array) -> tuple[Array, ...]:
        if not kept:
            kept.append(tuple(np.array(d) for d in f.backward(g, out, *inputs)))
        return tuple(d.copy() for d in kept[0])

    return backward


def random(f: Function) -> Backward:
    """Return a pass that drops random elements, others at each call."""
    rng = np.random.default_rng(0)
    return replaced(f, largest(f), lambda d, *_: d * (rng.random(d.shape) < 0.7))


def overwriting_cotangent(f: Function) -> Backward | None:
    """Return a pass that computes in the memory of its cotangent."""

    def backward(g: Array, out: Array, *inputs: Array) -> tuple[Array, ...]:
        grads = tuple(np.array(d) for d in f.backward(g, out, *inputs))
        g *= 2
        return grads

    return backward if np.ndim(f.forward(*f.inputs)) else None


def overwriting_input(f: Function) -> Backward:
    """Return a pass that computes in the memory of an input."""

    def change(d: Array, _g: Array, _out: Array, inputs: tuple[Array, ...]) -> Array:
        d = np.array(d)
        inputs[largest(f)][...] = d
        return d

    return replaced(f, largest(f), change)


STATE: dict[str, Kind] = {
    "accumulates from call to call": accumulating,
    "reuses its buffer": with_one_buffer,
    "remembers its first result": remembering,
    "random": random,
    "overwrites its cotangent": overwriting_cotangent,
    "overwrites its input": overwriting_input,
}

FAMILIES = {
    "factors": FACTORS,
    "cotangent": COTANGENT,
    "arguments": ARGUMENTS,
    "places": PLACES,
    "regions": REGIONS,
    "forms": FORMS,
    "state": STATE,
}
