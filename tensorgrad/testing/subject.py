"""What is checked: a function and its gradient, whoever wrote them, as functions of a list of real arrays."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.creation import tensor
from tensorgrad.graph import Tensor, wrap
from tensorgrad.node import Leaf, Node, enable_grad, no_grad
from tensorgrad.rng import Rng
from tensorgrad.testing.inputs import Inputs, Results, as_complex, as_real, flat, laid, raw_of, wide
from tensorgrad.testing.manners import (
    backward_pass,
    refuse_changed,
    refuse_changed_cotangent,
    refuse_odd,
    refuse_overwritten,
)
from tensorgrad.testing.oracle import PROBE
from tensorgrad.testing.record import is_analytic, is_picked, nodes_of, pattern, pulled, replayed, rounded
from tensorgrad.trace import Trace, trace

Array = NDArray[Any]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Subject:
    """A function to be differentiated, and the gradient that it is said to have."""

    arrays: list[Array]  # where it is checked
    value: Callable[[list[Array]], Array]  # the result anywhere, flat, in float64 or better
    gradient: Callable[[list[Array], Array], list[Array]]  # of <cotangent, value>, one per array
    cotangent: Array  # to check it with, flat
    epsilon: float  # of the result's dtype, for arrays in float64 or better
    natural: Array | float = 0.0  # the size that each result has, if not by chance its terms cancel
    connected: bool = True  # whether the engine found a way from the result to the inputs
    analytic: Callable[[list[Array]], Array] | None = None  # the flat result for complex arrays, continued analytically
    shaken: Callable[[Array, Rng | None], list[Array]] | None = (
        None  # the gradient if all that its rules read were rounded otherwise
    )
    pattern: Callable[[list[Array]], bytes | None] | None = None  # which smooth pieces of it are taken somewhere
    again: Callable[[], tuple[list[Any], list[Tensor], Trace]] | None = None  # results, leaves, lines of a new record
    inputs: int = 1 << 30  # arrays that are; behind them come cotangents, of whose elements order 1 has seen enough
    steps: list[Node] = field(default_factory=list)  # what was recorded, newest first, with all arguments
    trace: Trace = field(default_factory=Trace)
    results: Results | None = None  # how the function nests its results


def recorded_by_engine(f: Function, inputs: Inputs, rng: Rng) -> Subject:
    """Return a function and the gradient that the engine derives."""
    names = inputs.names(f)

    def record(arrays: Sequence[Array]) -> tuple[Any, list[Tensor]]:
        with enable_grad():
            leaves = list(map(leaf, inputs.natural(arrays), names))
            return f(*inputs.nest(leaves)), leaves

    def run(arrays: Sequence[Array]) -> Any:
        if not quietly:
            return record(arrays)[0]
        with no_grad():
            return f(*inputs.nest([wrap(a) for a in arrays]))

    def value(arrays: list[Array]) -> Array:
        return form.flat(run(inputs.natural(arrays)))

    def analytic(arrays: list[Array]) -> Array:
        return flat([raw_of(part) for part in form.parts(run(arrays))])

    def gradient(arrays: list[Array], cotangent: Array) -> list[Array]:
        y, leaves = record(arrays)
        v = [a.astype(raw_of(part).dtype) for a, part in zip(form.split(cotangent), form.parts(y), strict=True)]
        seeds = [a.copy() for a in v]
        with backward_pass():
            found = pulled(form.parts(y), leaves, seeds)
        refuse_changed_cotangent(v, seeds)
        refuse_overwritten(inputs, arrays, leaves)
        return list(map(as_real, found))

    def again() -> tuple[list[Any], list[Tensor], Trace]:
        with trace() as kept:
            y, leaves = record(inputs.real)
        return form.parts(y), leaves, kept

    def pieces(arrays: list[Array]) -> bytes | None:
        try:
            with trace() as kept:
                return pattern(nodes_of(form.parts(record(arrays)[0])), kept)
        except Exception:  # it is not defined there
            return None

    def shaken(cotangent: Array, rng: Rng | None) -> list[Array]:
        with trace(), enable_grad():
            y, leaves = record(inputs.real)
            slopes = pulled(form.parts(y), leaves, form.split(cotangent), create_graph=True)
        return list(map(as_real, replayed(slopes, rng)))

    y, leaves = record(inputs.real)
    refuse_changed(inputs.arrays, [t.data for t in leaves], f)
    form = Results(y)
    refuse_odd(f, y, record(inputs.real)[0], form)
    quietly = True
    try:
        run(inputs.natural(wide(inputs.real)))
    except Exception:
        quietly = False  # it takes derivatives inside, for which it has to be recorded
    precise = wide(inputs.real)
    with trace() as kept:
        ys = form.parts(record(inputs.real)[0])
    steps = exact = nodes_of(ys)
    if any(a.dtype != b.dtype for a, b in zip(precise, inputs.real, strict=True)):
        with trace():
            ys = form.parts(record(precise)[0])
        exact = nodes_of(ys)
    cotangent = cotangent_for(list(map(raw_of, form.parts(y))), rng)
    return Subject(
        inputs.real,
        value,
        gradient,
        cotangent,
        max(map(epsilon, map(raw_of, ys))),
        connected=bool(steps),
        analytic=analytic if not inputs.complex and is_analytic(exact) else None,
        shaken=shaken,
        pattern=pieces,
        again=again,
        steps=steps,
        trace=kept,
        results=form,
    )


def written_by_hand(f: Function, vjp: Function, inputs: Inputs, rng: Rng) -> Subject:
    """Return a function and the gradient that `vjp` gives, both of plain arrays.

    If the engine can record the function, what is known from the record serves to judge `vjp`.
    """

    def value(arrays: list[Array]) -> Array:
        return form.flat(f(*inputs.nest(inputs.natural(arrays))))

    def analytic(arrays: list[Array]) -> Array:
        return flat([raw_of(part) for part in form.parts(f(*inputs.nest(arrays)))])

    def gradient(arrays: list[Array], cotangent: Array, rng: Rng | None = None) -> list[Array]:
        copies = [laid(a) for a in inputs.natural(arrays)]
        nested = inputs.nest(copies)
        out = f(*nested)
        if rng is not None:
            out = form.nest([rounded(np.asarray(part), rng) for part in form.parts(out)])
        kept = [np.array(part) for part in form.parts(out)]
        v = [a.astype(y.dtype) for a, y in zip(form.split(cotangent), kept, strict=True)]
        seeds = [a.copy() for a in v]
        with backward_pass():
            found = vjp(form.nest(seeds), out, *nested)
        after = [np.asarray(part) for part in form.parts(out)]
        refuse_changed_cotangent(v, seeds)
        refuse_changed_cotangent(kept, after, "out")
        refuse_overwritten(inputs, arrays, copies)
        return inputs.unnest(found)

    copies = [laid(a) for a in inputs.arrays]
    y = f(*inputs.nest(copies))
    form = Results(y)
    y = form.nest([np.array(raw_of(part)) for part in form.parts(y)]) if form.paths else y
    refuse_odd(f, y, y, form)
    refuse_changed(inputs.arrays, copies, f)  # before a second call, which would seem to give something random
    refuse_odd(f, y, f(*inputs.nest(copies)), form)
    precise = form.parts(f(*inputs.nest(inputs.natural(wide(inputs.real)))))
    cotangent = cotangent_for(list(map(raw_of, form.parts(y))), rng)
    shadow = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shadow = recorded_by_engine(f, inputs, rng)
    except Exception:  # it is no function of tensors: nothing is lost but the record
        pass
    hand = Subject(inputs.real, value, gradient, cotangent, max(map(epsilon, map(raw_of, precise))), results=form)
    if shadow is None or shadow.results is None or shadow.results.shapes != form.shapes:
        return hand

    def shaken(cotangent: Array, rng: Rng | None) -> list[Array]:
        mine = gradient(inputs.real, cotangent, None if picked else rng)
        assert shadow is not None and shadow.shaken is not None
        return [a + b for a, b in zip(mine, shadow.shaken(cotangent, rng), strict=True)]

    picked = any(map(is_picked, shadow.steps[:1]))  # the result is one of the inputs, for which vjp may look
    return replace(
        hand,
        analytic=analytic if shadow.analytic else None,
        steps=shadow.steps,
        trace=shadow.trace,
        shaken=shaken,
        pattern=shadow.pattern,
        again=shadow.again,
    )


def second_order(f: Function, inputs: Inputs, first: Subject, rng: Rng) -> Subject:
    """Return the function that a gradient is, of the inputs and of the cotangents, with the gradient it has."""
    assert first.results is not None
    form, n = first.results, len(inputs.arrays)
    dtype = np.result_type(*inputs.real)
    pair = np.result_type(dtype, np.complex64)
    seeds = [v.astype(pair if v.dtype.kind == "c" else dtype) for v in form.split(first.cotangent)]
    kinds = [a.dtype.kind for a in [*inputs.arrays, *seeds]]

    def natural(arrays: Sequence[Array]) -> list[Array]:
        from_inputs = inputs.natural(arrays[:n])
        rest = [as_complex(a) if kind == "c" else a for a, kind in zip(arrays[n:], kinds[n:], strict=True)]
        return [*from_inputs, *rest]

    def record(arrays: Sequence[Array], create_graph: bool) -> tuple[list[Any], list[Tensor]]:
        with enable_grad(), backward_pass():
            leaves = list(map(leaf, arrays))
            y = form.parts(f(*inputs.nest(leaves[:n])))
            return pulled(y, leaves[:n], leaves[n:], create_graph), leaves

    def value(arrays: list[Array]) -> Array:
        return flat([as_real(raw_of(g)) for g in record(natural(arrays), False)[0]])

    def analytic(arrays: list[Array]) -> Array:
        everywhere = [a + 0j for a in arrays]  # a real one would get a real gradient
        everywhere[n:] = map(np.conj, everywhere[n:])  # the pass conjugates at both ends
        return flat([np.conj(raw_of(g)) for g in record(everywhere, False)[0]])

    def gradient(arrays: list[Array], cotangent: Array) -> list[Array]:
        slopes, leaves = record(natural(arrays), True)
        with backward_pass():
            return list(map(as_real, pulled(slopes, leaves, Results(slopes).split(cotangent))))

    def shaken(cotangent: Array, rng: Rng | None) -> list[Array]:
        with trace(), enable_grad():
            slopes, leaves = record(natural(arrays), True)
            second = pulled(slopes, leaves, Results(slopes).split(cotangent), create_graph=True)
        return list(map(as_real, replayed(second, rng)))

    arrays = [*inputs.real, *map(as_real, seeds)]
    with trace() as kept:
        steps = nodes_of(record(natural(wide(arrays)), True)[0])
    x = wide(inputs.real)
    y, far = first.value(x), first.value([a + PROBE * sizes(a).reshape(a.shape) for a in x])
    size = float(np.abs(first.cotangent) @ (np.abs(y) + np.nan_to_num(np.abs(far - y), posinf=0.0)))
    cotangent = cotangent_for(inputs.arrays, rng)
    return Subject(
        arrays,
        value,
        gradient,
        cotangent,
        max(epsilon(a) for a in wide(arrays)),
        natural=size / np.concatenate([sizes(a) for a in x]),
        analytic=analytic if first.analytic is not None and is_analytic(steps) else None,
        shaken=shaken,
        pattern=None if first.pattern is None else lambda arrays: first.pattern(arrays[:n]),  # type: ignore[misc]
        inputs=n,
        steps=steps,
        trace=kept,
    )


def leaf(a: Array, name: str = "") -> Tensor:
    """Return a leaf that holds a copy of an array, in the same layout."""
    t = wrap(b := laid(a), Leaf(b)) if a.ndim else tensor(a, requires_grad=True)
    if name:
        t.name = name
    return t


# Sizes
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


def cotangent_for(parts: Sequence[Array], rng: Rng) -> Array:
    """Return random weights between 1 and 2 for all elements of some arrays, of both signs if they are several.

    They have as many digits as the dtype of the element holds.
    """
    weights = [(1 + rng.random(a.size)).astype(np.real(a).dtype).astype(np.float64) for a in map(as_real, parts)]
    n = sum(w.size for w in weights)
    return flat(weights) * np.where(rng.permutation(n) % 2, 1, -1)
