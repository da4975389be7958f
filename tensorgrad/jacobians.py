"""Jacobians: many gradients of one record, in the direction that takes fewer passes, in one batch if they can be."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgrad.autograd import gradients, history
from tensorgrad.backends import astype
from tensorgrad.batching import Batch
from tensorgrad.forward import pushforward
from tensorgrad.graph import Tensor
from tensorgrad.hooks import Hooked
from tensorgrad.op import Keeps

AT_ONCE = 1 << 22  # elements of the largest stack: 32 MiB of float64
DEARER = 2  # times what a tangent costs to take forward: most rules are recorded before they are transposed
HOLOMORPHIC = 1e-6  # how well the derivatives along 1 and along i are to agree, relative to the largest
MANY, TINY = 100, 1e-30  # roundings of y over x, which are no derivative
BATCHED = (np.ndarray, np.float64, np.float32)


def blocks(y: Any, xs: Sequence[Tensor], nested: bool) -> list[Any]:
    """Return the Jacobian of y for each of `xs`: of the shape of y, then of x. Zeros where y is no tensor.

    nested: as tensors that can be differentiated. These take one pass after the other; so do arrays of foreign types,
    and rules that are more than NumPy expressions.
    Of a complex y for a complex x there is one if y is holomorphic in it: else TypeError. Of a real y for a complex x,
    it has the gradients as rows, dy/dRe(x) + i dy/dIm(x).
    """
    if not isinstance(y, Tensor) or y.node is None or not y.size:
        return [np.zeros((*np.shape(y), *x.shape), x.dtype) for x in xs]
    watched = Keeps.everything is not None and Keeps.everything()
    hooked = Hooked.used and any(type(node.params) is Hooked for node in history(y.node))
    batched = not (nested or watched or hooked) and all(type(t._data) in BATCHED for t in (y, *xs))
    forward = y.dtype.kind == "c"
    if not forward and not (hooked or watched) and not any(x.dtype.kind == "c" for x in xs):  # which take gradients
        forward = DEARER * sum(x.size for x in xs) < y.size
    if batched:
        try:
            return along_axes(y, xs, forward, True, nested)
        except Exception:  # a user's rule may ask more of an array than a batch can do; all else is raised again
            forward = y.dtype.kind == "c"
    return along_axes(y, xs, forward, False, nested)


def along_axes(y: Tensor, xs: Sequence[Tensor], forward: bool, batched: bool, nested: bool) -> list[Any]:
    """Return the Jacobian of y for each of xs by columns, or by rows."""
    for x in xs:
        check_holomorphic(y, x, batched)
    return [columns(y, x, batched, nested) for x in xs] if forward else rows(y, xs, batched, nested)


def rows(y: Tensor, xs: Sequence[Tensor], batched: bool, nested: bool) -> list[Any]:
    """Return the Jacobian of y for each of xs, by backward passes from the elements of y."""
    seeds = units(y, y, batched)
    passes = [gradients(y, xs, seed, create_graph=nested) for seed in seeds]
    found = [joined(results, seeds, x) for x, results in zip(xs, zip(*passes, strict=True), strict=True)]
    return [np.reshape(block, (*y.shape, *x.shape)) for block, x in zip(found, xs, strict=True)]


def columns(y: Tensor, x: Tensor, batched: bool, nested: bool, by: complex = 1) -> Any:
    """Return the Jacobian of y for x, by forward passes from the elements of x, each moved by `by`."""
    seeds = [seed * by for seed in units(x, y, batched)]
    found = [pushforward([y], {x.node: seed}, create_graph=nested)[0] for seed in seeds]
    block = np.reshape(np.moveaxis(joined(found, seeds, y), 0, -1), (*y.shape, *x.shape))
    return block if y.dtype.kind == "c" or y.dtype == x.dtype else astype(block, x.dtype)  # as rows are


def units(t: Tensor, y: Tensor, batched: bool) -> list[Any]:
    """Return arrays like t with one element 1, the others 0: each, or stacks that do not get too large."""
    if not batched:
        return list(np.eye(t.size, dtype=t.dtype).reshape(t.size, *t.shape))
    assert y.node is not None
    step = max(1, AT_ONCE // max(math.prod(node.shape) for node in history(y.node)))
    sizes = [(start, min(step, t.size - start)) for start in range(0, t.size, step)]
    return [Batch(np.eye(n, t.size, start, dtype=t.dtype).reshape(n, *t.shape)) for start, n in sizes]


def joined(results: Sequence[Any], seeds: Sequence[Any], like: Tensor) -> Any:
    """Return what came of each seed one after the other, like a tensor; nothing came where it is None."""
    shape = like.shape
    results = [np.zeros(shape, like.dtype) if g is None else g for g in results]
    if seeds and isinstance(seeds[0], Batch):
        stacks = [
            g.stack if isinstance(g, Batch) else np.broadcast_to(g, (len(seed.stack), *shape))
            for g, seed in zip(results, seeds, strict=True)
        ]
        return stacks[0] if len(stacks) == 1 else np.concatenate(stacks)
    return np.stack(results) if results else np.zeros((0, *shape), like.dtype)


def check_holomorphic(y: Tensor, x: Tensor, batched: bool) -> None:
    """Raise TypeError if a complex y has no complex derivative for x."""
    if x.dtype.kind == y.dtype.kind == "c":
        one, i = columns(y, x, batched, False), columns(y, x, batched, False, 1j)
        rounding = np.finfo(y.dtype).eps * np.max(np.abs(y._data)) / max(np.max(np.abs(x._data), initial=0), TINY)
        bound = HOLOMORPHIC * np.max(np.abs(one), initial=0) + MANY * rounding
        if not np.allclose(i, 1j * one, rtol=0, atol=bound):
            raise TypeError(
                "a complex function that is not holomorphic has no complex Jacobian: derive its real and imaginary "
                "parts by themselves, as in tg.jacobian(lambda x: np.real(f(x)))"
            )
