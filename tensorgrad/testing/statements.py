"""Each law as a function of a trial: it returns if the law holds, and raises BrokenError, or SkippedError."""

import gc
import itertools
import math
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tensorgrad.autograd import gradients, history
from tensorgrad.backends import dtype_of
from tensorgrad.creation import tensor
from tensorgrad.graph import Tensor, raw
from tensorgrad.node import Leaf
from tensorgrad.testing.trial import Array, BrokenError, SkippedError, Trial, coarsest, pulled, top, worst
from tensorgrad.testing.weighing import weigh
from tensorgrad.transforms import jvp, vjp

SLACK = 512  # roundings by which a value may differ from NumPy's, of its own; it is mostly the same to the last bit
SHIFT = 40  # powers of 2 by which a cotangent is made small and large: what is cut off at a size shows
NUDGES = 3  # float32: ways in which the inputs are rounded otherwise, to see what that does
SAFETY = 100  # times that: three ways see part of it


def inputs_unchanged(t: Trial) -> None:
    """Require that neither the function nor its backward pass writes into an input."""
    arrays = [a.copy() for a in t.inputs.arrays]
    with suppress(Exception):  # it may be a function of tensors alone
        t.outs(arrays)
    refuse_changed(t, arrays, "calling it")
    xs = [tensor(a, requires_grad=True) for a in t.inputs.arrays]
    outs: list[Any] = []
    with suppress(Exception):  # the next law tells of it
        outs = t.outs(xs)
    refuse_changed(t, [x.data for x in xs], "calling it")
    with suppress(Exception):
        pulled(outs, xs, t.seeds(outs))
    refuse_changed(t, [x.data for x in xs], "its backward pass")


def refuse_changed(t: Trial, arrays: Sequence[Array], what: str) -> None:
    """Raise BrokenError if arrays are not as the inputs are."""
    for k, (old, new) in enumerate(zip(t.inputs.arrays, arrays, strict=True)):
        if not np.array_equal(old, new, equal_nan=True):
            place = tuple(map(int, np.argwhere(old != new)[0]))
            words = f"{what} changed {t.where(k, place)} from {old[place]:.9g} to {new[place]:.9g}"
            raise BrokenError(f"{words}. Write into a copy, as in y = x.copy()")


def on_arrays(t: Trial, arrays: Sequence[Array]) -> list[Any]:
    """Return the results on plain arrays; raise SkippedError if the function takes tensors only."""
    try:
        return t.outs([a.copy() for a in arrays])
    except Exception as error:
        raise SkippedError(f"it does not run on plain arrays: {type(error).__name__}: {error}") from error


def forward(t: Trial) -> None:
    """Require that the value on tensors is that on arrays."""
    expected = on_arrays(t, t.inputs.arrays)
    found, _ = t.record(t.inputs.arrays)
    if len(found) != len(expected):
        raise BrokenError(f"it gives {len(found)} results on tensors, {len(expected)} on arrays")
    for k, (y, e) in enumerate(zip(map(raw, found), map(raw, expected), strict=True)):
        which = f"result {k}" if len(found) > 1 else "its result"
        if np.shape(y) != np.shape(e):
            raise BrokenError(f"{which} has shape {np.shape(y)} on tensors, {np.shape(e)} on arrays")
        bound = coarsest([e]) * (SLACK * np.abs(e) + 5 * top(e))
        if place := worst(y, e, bound):
            raise BrokenError(f"{which}{f' at {list(place[0])}' if place[0] else ''} on tensors is {place[1]}")


def first_order(t: Trial) -> None:
    """Require that the gradient agrees with differences."""
    if t.report.verdict == "wrong" and t.report.order == 1:
        raise BrokenError(str(t.report), t.report)
    if t.report.verdict == "inconclusive" and t.report.order == 1:
        raise SkippedError(t.report.diagnosis)


def second_order(t: Trial) -> None:
    """Require that the gradient of the gradient agrees with differences of it."""
    if t.order == 1:
        raise SkippedError("order=1 was asked for")
    if t.report.verdict == "wrong" and t.report.order == 2:
        raise BrokenError(str(t.report), t.report)
    if t.report.verdict != "right":
        first = "does not hold" if t.report.verdict == "wrong" else "cannot be told"
        raise SkippedError(t.report.diagnosis if t.report.order == 2 else f"the first order {first}")
    if t.report.order == 1:
        raise SkippedError(t.report.diagnosis)


def adjoint(t: Trial) -> None:
    """Require that <v, J u> = <Jᵀ v, u>."""
    arrays = wide(t)
    along = [t.random(a.shape, a.dtype.kind == "c") for a in arrays]
    outs, taken = jvp(lambda *xs: t.outs(xs), arrays, along)
    seeds = t.seeds(outs)
    _, pull = vjp(lambda *xs: t.outs(xs), *arrays)
    back = pull([v.copy() for v in seeds])
    ahead, behind = sum(map(inner, seeds, taken)), sum(map(inner, back, along))
    eps = coarsest(outs)
    cancelled = sum(map(weight, seeds, taken)) + sum(map(weight, back, along))
    rest = sum(b * float(np.abs(u).sum()) for b, u in zip(t.bounds(back, arrays, outs), along, strict=True))
    bound = math.sqrt(eps) * cancelled + rest
    if not abs(ahead - behind) <= bound:
        raise BrokenError(
            f"<v, J u> is {ahead:.9g}, <Jᵀ v, u> is {behind:.9g}, where rounding explains {bound:.2g}. A rule "
            "is to be linear in g, and written in NumPy calls on g itself, not on g.data"
        )


def linear(t: Trial) -> None:
    """Require that the gradient is linear in the cotangent."""
    arrays = wide(t)
    outs, pull = vjp(lambda *xs: t.outs(xs), *arrays)
    v, w = t.seeds(outs), t.seeds(outs)
    parts = pull([a.copy() for a in v]), pull([a.copy() for a in w])
    both = pull([1.5 * a - 0.75 * b for a, b in zip(v, w, strict=True)])
    want = [1.5 * a - 0.75 * b for a, b in zip(*parts, strict=True)]
    sizes = [np.abs(a) + np.abs(b) for a, b in zip(*parts, strict=True)]
    cure = "A rule multiplies by g, and does nothing else with it"
    t.compare(both, want, t.bounds(sizes, arrays, outs), "the gradient from the cotangent 1.5 v - 0.75 w", cure)
    if coarsest(outs) > coarsest([]):
        return  # numbers of so few digits do not reach as far either
    for factor in (2.0**-SHIFT, 2.0**SHIFT):
        scaled = [g / factor for g in pull([a * factor for a in v])]
        what = f"the gradient from the cotangent {factor:.3g} v, divided by {factor:.3g}"
        t.compare(scaled, parts[0], t.bounds(parts[0], arrays, outs), what, cure)


def fan_out(t: Trial) -> None:
    """Require that the gradient of f(x) + f(x) is twice that of f(x)."""
    arrays = wide(t)
    first, xs = t.record(arrays)
    v = t.seeds(first)
    once = pulled(first, xs, v)
    outs, again = t.record(arrays)
    twice = pulled([a + b for a, b in zip(outs, t.outs(again), strict=True)], again, v)
    want = [2 * g for g in once]
    cure = "The two share the array of their cotangent: a rule returns a new one, and writes into none that it is given"
    t.compare(twice, want, t.bounds(want, arrays, first), "the gradient of f(x) + f(x)", cure)


def memory(t: Trial) -> None:
    """Require that no gradient shares memory with another one, of this pass or of the next, nor with an input."""
    outs, xs = t.record(t.inputs.arrays)
    seeds = t.seeds(outs)
    for k, y in enumerate(outs):
        if not (isinstance(y, Tensor) and y.requires_grad):
            continue
        seed = np.array(seeds[k], y.dtype)
        held = [(f"the gradient for {t.where(i)}", g) for i, g in enumerate(gradients(y, xs, seed))]
        others = [(f"that of another pass for {t.where(i)}", g) for i, g in enumerate(gradients(y, xs, seed.copy()))]
        others += [(f"{t.where(i)} itself", x.data) for i, x in enumerate(xs)] + [("its cotangent", seed)]
        for (a, g), (b, other) in [*itertools.combinations(held, 2), *itertools.product(held, others)]:
            if np.shares_memory(g, other):
                raise BrokenError(
                    f"{a} shares memory with {b}, so that to change one changes both. A rule returns a new array"
                )


def dtype_and_shape(t: Trial) -> None:
    """Require of a gradient the dtype and shape of its input, of a result on tensors those that it has on arrays."""
    for kind in (np.float32, np.float64):
        arrays = cast(t, kind)
        outs, xs = t.record(arrays)
        for k, (x, g) in enumerate(zip(xs, pulled(outs, xs, t.seeds(outs)), strict=True)):
            if (g.dtype, g.shape) != (x.dtype, x.shape):
                raise BrokenError(f"the gradient for {t.where(k)} is {g.dtype}{g.shape}, the input {x.dtype}{x.shape}")
        try:
            expected = on_arrays(t, arrays)
        except SkippedError:
            continue  # a function of tensors alone
        for y, e in zip(outs, expected, strict=True):
            if dtype_of(raw(y)) != dtype_of(raw(e)) or np.shape(y) != np.shape(e):
                words = f"{dtype_of(raw(y))}{np.shape(y)} on tensors, {dtype_of(raw(e))}{np.shape(e)} on arrays"
                raise BrokenError(f"of inputs in {arrays[0].dtype} its result is {words}")


def float32(t: Trial) -> None:
    """Require of results and gradients in float32 to be those in float64, up to what rounding the inputs explains."""
    low = cast(t, np.float32)
    high = cast(t, np.float64, low)
    seeds = t.seeds(t.record(low)[0])
    (values, slopes), (expected, exact) = both(t, low, seeds), both(t, high, seeds)
    base = [*expected, *exact]
    if (largest := max(map(top, [*t.inputs.arrays, *base]))) > np.finfo(np.float32).max:
        raise SkippedError(f"it leaves the range of float32, with {largest:.3g}")
    doubts = [0.0] * len(base)
    for _ in range(NUDGES):
        moved = both(t, [a * (1 + 2.0**-24 * t.random(a.shape, False)) for a in high], seeds)
        doubts = [max(d, top(a - b)) for d, a, b in zip(doubts, [*moved[0], *moved[1]], base, strict=True)]
    blurred, unsure = doubts[: len(expected)], doubts[len(expected) :]
    half = math.sqrt(coarsest(low))
    for k, (y, e, doubt) in enumerate(zip(values, expected, blurred, strict=True)):
        bound = half * top(e) + SAFETY * doubt
        if place := worst(y, e, np.full(np.shape(e), bound)):
            raise BrokenError(f"result {k}{f' at {list(place[0])}' if place[0] else ''} in float32 is {place[1]}")
    rest = t.bounds(exact, low, expected)
    bounds = [bound + SAFETY * doubt for bound, doubt in zip(rest, unsure, strict=True)]
    t.compare(slopes, exact, bounds, "the gradient in float32", "Do the constants of a rule depend on the dtype?")


def both(t: Trial, arrays: Sequence[Array], seeds: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Return the results, as arrays, and the gradients."""
    outs, xs = t.record(arrays)
    return [np.asarray(raw(y)) for y in outs], pulled(outs, xs, seeds)


def freed(t: Trial) -> None:
    """Require that after `backward()` a second pass raises, and that no reference cycle keeps the graph's arrays."""
    y = summed(t.record(t.inputs.arrays)[0])
    if not isinstance(y, Tensor) or y.node is None:
        raise SkippedError("its results are not connected to the inputs")
    before = [(leaf, leaf.grad) for leaf in history(y.node) if isinstance(leaf, Leaf)]  # the user's parameters, too
    try:
        y.backward()
        try:
            y.backward()
        except RuntimeError:
            pass
        else:
            raise BrokenError(
                "a second backward() does not raise: the arrays that the graph keeps for it are not let go"
            )
    finally:
        for leaf, grad in before:
            leaf.grad = grad
    collecting = gc.isenabled()
    gc.disable()
    try:
        kept = [ref for ref in arrays_of_a_graph(t) if ref() is not None]
        if kept:  # by who made them, such as labels and weights; or by a cycle
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    lost = [ref for ref in kept if ref() is None]
    if lost:
        raise BrokenError(
            f"a reference cycle keeps {len(lost)} arrays of the graph until Python's garbage collector runs. Does "
            "something that the function makes hold itself, as a closure or an object that a result refers to?"
        )


def arrays_of_a_graph(t: Trial) -> list[weakref.ref[Array]]:
    """Record the function, and return what is left of the arrays that the graph kept for its rules, and gave."""
    outs, _ = t.record(t.inputs.arrays)
    y = summed(outs)
    kept = [raw(out) for out in outs]
    kept += [a for node in history(y.node) for a in (*(node.args or ()), node.out)]
    return [weakref.ref(a) for a in kept if isinstance(a, np.ndarray)]


# Arrays
def wide(t: Trial) -> list[Array]:
    """Return the inputs in float64 or better."""
    return [a.astype(np.promote_types(a.dtype, np.float64)) for a in t.inputs.arrays]


def cast(t: Trial, kind: Any, arrays: Sequence[Array] | None = None) -> list[Array]:
    """Return arrays, by default the inputs, with elements of this precision, complex where they are."""
    dtypes = {"f": np.dtype(kind), "c": np.result_type(kind, np.complex64)}
    return [a.astype(dtypes[a.dtype.kind]) for a in (t.inputs.arrays if arrays is None else arrays)]


def inner(a: Any, b: Any) -> float:
    """Return the real inner product of two arrays."""
    return float(np.sum(np.real(np.conjugate(a) * b)))


def weight(a: Any, b: Any) -> float:
    """Return the sum of the sizes of its terms."""
    return float(np.sum(np.abs(a) * np.abs(b)))


def summed(outs: Sequence[Any]) -> Any:
    """Return a real number that depends on all results."""
    return weigh([1.0] * len(outs), list(outs))
