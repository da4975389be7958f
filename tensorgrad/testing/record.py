"""What the record of a function tells about it: whether it is analytic, and whether it stands at a kink."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.autograd import gradients, history
from tensorgrad.backends import getitem, scatter_add
from tensorgrad.creation import tensor
from tensorgrad.graph import Tensor
from tensorgrad.node import Node, enable_grad
from tensorgrad.op import Op
from tensorgrad.rng import Rng
from tensorgrad.rules.write import write
from tensorgrad.trace import Trace, trace

Array = NDArray[Any]

# Functions that NumPy computes for complex numbers as their analytic continuation, to full precision also for a tiny
# imaginary part. np.maximum and the like compare real parts first: away from ties they are analytic too.
SMOOTH: frozenset[Any] = frozenset({
    np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.square, np.sqrt, np.reciprocal,
    np.power, np.float_power, np.exp, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.sinh,
    np.cosh, np.tanh, np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh, np.sinc, np.matmul, np.sum,
    np.mean, np.cumsum, np.einsum, np.convolve, np.linalg.inv, np.linalg.solve, np.linalg.det, np.where,
    np.concatenate, np.stack, np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims,
    np.broadcast_to, np.copy, np.diagonal, np.tril, np.triu, np.flip, np.roll, np.rot90, np.tile, np.repeat,
    getitem, scatter_add, write,
})  # fmt: skip

# What decides in an op which of several smooth pieces it is: positive, negative, or 0 where two of them meet
BRANCHES: dict[Any, Callable[..., Any]] = {
    np.maximum: lambda x, y: x - y,
    np.minimum: lambda x, y: x - y,
    np.fmax: lambda x, y: x - y,
    np.fmin: lambda x, y: x - y,
    np.absolute: lambda x: x,
    np.fabs: lambda x: x,
    np.max: lambda x, **how: gaps(x, **how),
    np.min: lambda x, **how: gaps(-x, **how),
    np.amax: lambda x, **how: gaps(x, **how),
    np.amin: lambda x, **how: gaps(-x, **how),
    np.sort: lambda x, axis=-1, **_: np.diff(np.sort(x, axis=axis), axis=-1 if axis is None else axis),
    np.partition: lambda x, axis=-1, **_: np.diff(np.sort(x, axis=axis), axis=-1 if axis is None else axis),
}
# Where a function is not smooth, though it has one piece only: 0 there
EDGES: dict[Any, Callable[..., Any]] = {
    np.sqrt: lambda x: x,
    np.log: lambda x: x,
    np.log2: lambda x: x,
    np.log10: lambda x: x,
    np.log1p: lambda x: 1 + x,
    np.power: lambda x, y: np.where(np.equal(y, np.round(y)), 1.0, x),
    np.float_power: lambda x, y: np.where(np.equal(y, np.round(y)), 1.0, x),
    np.arcsin: lambda x: 1 - np.abs(x),
    np.arccos: lambda x: 1 - np.abs(x),
    np.arctanh: lambda x: 1 - np.abs(x),
    np.arccosh: lambda x: 1 - np.abs(x),
}
CHOOSING = frozenset({np.maximum, np.minimum, np.fmax, np.fmin, np.max, np.min, np.amax, np.amin, np.sort})
SEEKING = frozenset({np.max, np.min, np.amax, np.amin, np.sort, np.partition})


def gaps(x: Array, axis: Any = None, **_: Any) -> Array:
    """Return how far each element is below the largest along `axis`, leaving out one that is it."""
    x = np.moveaxis(np.asarray(x), axis, -1) if isinstance(axis, int) else np.reshape(x, -1)
    return np.diff(np.sort(x, axis=-1), axis=-1)[..., -1:]


def nodes_of(ys: Iterable[Any]) -> list[Node]:
    """Return the steps that several results came from, newest first."""
    found: dict[Node, None] = {}
    for y in ys:
        if isinstance(y, Tensor) and y.node is not None:
            found |= dict.fromkeys(history(y.node))
    return sorted((node for node in found if node.op is not None), key=lambda node: node.seq)


def pulled(ys: Sequence[Any], xs: Sequence[Tensor], seeds: Sequence[Any], create_graph: bool = False) -> list[Any]:
    """Return the gradient of <seeds, ys> for each of xs: the sum of those of each y."""
    total: list[Any] | None = None
    for y, seed in zip(ys, seeds, strict=True):
        if isinstance(y, Tensor):
            seed = seed if isinstance(seed, Tensor) else np.asarray(seed).astype(y.dtype, copy=False).reshape(y.shape)
            terms = gradients(y, xs, seed, create_graph=create_graph)
            total = terms if total is None else [a + b for a, b in zip(total, terms, strict=True)]
    if total is None:
        return [tensor(np.zeros_like(x.data)) if create_graph else np.zeros_like(x.data) for x in xs]
    return total


def numpy_steps(nodes: Iterable[Node], decided: list[Any] | None = None) -> Iterator[Node]:
    """Yield steps that are NumPy's own functions; in place of others what these do inside, as far as it can be seen.

    decided: a list for the masks, places and steps that the others' insides consist of.
    """
    for node in nodes:
        op = node.op
        assert op is not None
        known = isinstance(op.fn, np.ufunc) or op.fn in SMOOTH or op.fn in BRANCHES
        found = None if known or op.forward is op.fn or node.args is None else inside(op, node)
        if found is None:
            yield node
        else:
            if decided is not None:
                decided += found[1].decided
            yield from numpy_steps(found[0], decided)


def inside(op: Op, node: Node) -> tuple[list[Node], Trace] | None:
    """Return the steps that an op's own body consists of; None if tensors cannot be passed through it."""
    try:
        with enable_grad(), trace() as kept:
            xs = [
                tensor(a, requires_grad=True) if source is not None else a
                for a, source in zip(node.args or (), node.inputs, strict=True)
            ]
            out = op.forward(*xs, **node.params)
            parts = out if isinstance(out, tuple) else (out,)
            return (nodes_of(parts), kept) if all(isinstance(part, Tensor) for part in parts) else None
    except Exception:
        return None


def is_analytic(nodes: Iterable[Node]) -> bool:
    """Whether every recorded step is analytic where it was taken, so that complex steps give its derivative."""
    for node in numpy_steps(nodes):
        assert node.op is not None
        if node.op.fn not in SMOOTH and node.op.fn not in CHOOSING:
            return False
        if node.dtype.kind != "f" or touches(node):
            return False
    return True


def touches(node: Node) -> bool:
    """Whether a step was taken exactly where two of its smooth pieces meet, or one ends."""
    fn = node.op.fn if node.op is not None else None
    decide = BRANCHES.get(fn) or EDGES.get(fn)
    if decide is None:
        return False
    try:
        return bool((decide(*node.args or (), **node.params) == 0).any())
    except Exception:
        return True  # it cannot be told


def pattern(nodes: Iterable[Node], kept: Trace) -> bytes:
    """Return which smooth pieces of a function were taken: at two points of one piece it is the same."""
    found: list[bytes] = []
    decided = list(kept.decided)
    for node in numpy_steps(nodes, decided):
        decide = BRANCHES.get(node.op.fn if node.op is not None else None)
        if decide is not None:
            found.append(np.sign(decide(*node.args or (), **node.params)).tobytes())
    found += [np.asarray(out).tobytes() for _, out in decided]
    return b"|".join(found)


def rounded(a: Any, rng: Rng) -> Any:
    """Return an array with each element up to two roundings away; anything else as it is."""
    if not isinstance(a, np.ndarray | np.generic) or a.dtype.kind not in "fc":
        return a
    steps = np.asarray(4 * rng.random(a.shape) - 2).astype(np.real(a).dtype)
    return a + a * (steps * np.finfo(a.dtype).eps)


def is_picked(node: Node) -> bool:
    """Whether a step's result is some of its elements, or may be: a rule may look for them by comparing."""
    functions = [(step, step.op.fn) for step in numpy_steps([node]) if step.op is not None]
    seen = all(isinstance(fn, np.ufunc) or fn in SMOOTH or fn in BRANCHES for _, fn in functions)
    return not seen or any(fn in SEEKING or touches(step) for step, fn in functions)


def replayed(ys: Sequence[Any], rng: Rng | None) -> list[Array]:
    """Return recorded results computed again, every step rounded once more; as they are, without a generator.

    Of recorded gradients, how far they move says how much of them is rounding: much, in 1 - tanh(x)**2 of a saturated
    tanh. (Stochastic arithmetic, Vignes 1993.) What was compared, at a tie or a kink, stays as it came out.
    """
    values: dict[Node | None, Any] = {}
    for node in reversed(nodes_of(ys)) if rng is not None else ():
        assert node.op is not None and node.args is not None and rng is not None
        args = (values.get(source, a) for a, source in zip(node.args, node.inputs, strict=True))
        out = node.op.forward(*args, **node.params)
        values[node] = rounded(out if node.op.work is None else out[0], rng)
    return [np.asarray(values.get(y.node, y.data)) if isinstance(y, Tensor) else np.asarray(y) for y in ys]
