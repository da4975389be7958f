"""Walks the record forwards: the derivative of what was computed along a direction, from the same rules.

A rule takes a gradient backwards, which is linear in it, by the transposed Jacobian of its step. What takes a tangent
forwards is the transpose of that. For three kinds of steps it is there already: of one that works element by element
the Jacobian is diagonal, so that the rule itself serves; a product is linear, so that the function itself does; and of
a step to one number the rule gives the gradient. For all others the rule is recorded, and that record walked backwards.
"""

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from tensorgrad import autograd
from tensorgrad.autograd import backpropagate, between, conjugate, first, history, match, recalled
from tensorgrad.backends import dtype_of
from tensorgrad.graph import Tensor, raw, wrap
from tensorgrad.node import Clock, Leaf, Node, enable_grad, no_grad
from tensorgrad.op import Each, Op


def pushforward(
    ys: Sequence[Any], tangents: dict[Node | None, Any], *, create_graph: bool = False, since: int = 0
) -> list[Any]:
    """Return the derivative of each of `ys` along `tangents`, given for nodes it came from; None where it is zero.

    They are arrays, or with `create_graph` tensors, which depend on the tangents and on what `ys` came from.
    since: go through no node that was made before.
    """
    found = dict(tangents)
    ends = [y.node if isinstance(y, Tensor) else None for y in ys]
    with enable_grad() if create_graph else no_grad():
        for node in reversed(history(*(end for end in ends if end is not None), since=since)):
            if node.op is not None and node not in found and not found.keys().isdisjoint(node.inputs):
                t = advanced(node, [found.get(source) for source in node.inputs], create_graph)
                if t is not None:
                    found[node] = t
    return [None if end is None else found.get(end) for end in ends]


def advanced(node: Node, tangents: Sequence[Any], create_graph: bool = False) -> Any:
    """Return the tangent of a step's result from those of its arrays; None for what does not move."""
    assert node.op is not None
    return STEPS.get(node.op, step_forward)(node, tangents, create_graph)


# What takes a tangent through an op otherwise than by its rules.
STEPS: dict[Op, Callable[[Node, Sequence[Any], bool], Any]] = {}


def step_forward(node: Node, tangents: Sequence[Any], create_graph: bool) -> Any:
    """Return that tangent as the rules of the step say."""
    if Clock.latest < node.seq:
        autograd.refuse_stale(node)  # which tg.debug() puts another in place of
    op, total = node.op, None
    assert op is not None
    args, out = recalled(node, create_graph)
    given = op.given(args)
    for i, (rule, source, t) in enumerate(zip(op.vjps, node.inputs, tangents)):  # noqa: B905  # Each is endless
        if t is None or rule is None or source is None:
            continue
        real = node.dtype.kind == source.dtype.kind == "f"
        try:
            if real and op.elementwise:
                term = rule(t, out, *args, **node.params)
            elif real and is_product(op, i) and not node.params:
                term = product_with(op, i, t, args)
            else:
                back = partial(backwards, rule, out, given, node.params)
                along = along_gradient if real and math.prod(node.shape) == 1 else transposed
                term = along(back, node, source, t, create_graph)
        except Exception as error:
            error.add_note(f"in the derivative of {op.name} for argument {i}, taken forwards")
            raise
        if term is not None:
            total = term if total is None else total + term
    if total is None:
        return None
    after = first(op)
    return fitted(total if after is None else after(total, out, None), node)


def backwards(rule: Any, out: Any, args: tuple[Any, ...], params: dict[str, Any], g: Any) -> Any:
    """Return what a rule makes of g."""
    return rule(g, out, *args, **params)


@lru_cache
def is_product(op: Op, i: int) -> bool:
    """Whether a function with a signature is linear in its i-th array, with its rule as the transpose.

    It may be if the rule reads neither that array nor the result; whether it is shows on numbers of no pattern.
    """
    op = op.of or op
    if not op.signature or isinstance(op.vjps, Each) or isinstance(op.reads, frozenset) or op.work:
        return False
    rule = op.vjps[i]
    if rule is None or not op.reads[i].isdisjoint((0, i + 1)):
        return False
    cores = re.findall(r"\(([^)]*)\)", op.signature.split("->")[0])
    *args, t = (
        np.cos(1.0 + n + np.arange(2.0 ** len(core))).reshape((2,) * len(core))
        for n, core in enumerate([*(core.split(",") for core in cores), cores[i].split(",")])
    )
    try:
        moved = product_with(op, i, t, tuple(args))
        g = np.sin(1.0 + np.arange(np.size(moved))).reshape(np.shape(moved))
        return bool(np.isclose(np.sum(g * moved), np.sum(rule(g, None, *args) * t)))
    except Exception:  # of other sizes, say: the way by the rule takes any
        return False


def product_with(op: Op, i: int, t: Any, args: tuple[Any, ...]) -> Any:
    """Return the product with `t` in place of the i-th array, and nothing of what the rule does not read: a bias."""
    op = op.of or op
    assert isinstance(op.reads, tuple)
    if not op.reads[i]:
        return t  # it is added to the product
    new = [
        t if j == i else a if j + 1 in op.reads[i] else np.zeros(np.shape(a), dtype_of(raw(t)))
        for j, a in enumerate(args)
    ]
    return (op.fn if any(isinstance(a, Tensor) for a in new) else op.forward)(*new)


def along_gradient(rule: Any, node: Node, source: Node, t: Any, _create_graph: bool) -> Any:
    """Return what `t`, of the shape of `source`, is taken to by a step to one number: its product with the gradient."""
    gradient = match(rule(np.ones_like(raw(t), shape=node.shape, dtype=node.dtype)), source.shape, source.dtype)
    return np.reshape(np.sum(gradient * t), node.shape)


def transposed(rule: Any, node: Node, source: Node, t: Any, create_graph: bool) -> Any:
    """Return what `t`, of the shape of `source`, is taken to by the transpose of a rule for the gradient of `node`."""
    zeros = np.zeros_like(raw(t), shape=node.shape, dtype=node.dtype)
    seed = Leaf(zeros)
    with enable_grad():
        back = match(rule(wrap(zeros, seed)), source.shape, source.dtype)
    if not isinstance(back, Tensor) or back.node is None:
        return None
    needed = between(history(back.node, since=seed.seq), {seed})
    found = backpropagate(back.node, t, {seed}, needed, create_graph)
    return conjugate(found[seed]) if seed in found else None  # undone: users are shown conjugates, and this is no end


def fitted(t: Any, node: Node) -> Any:
    """Return a tangent in the shape and the dtype of the node, where an array was broadcast to it."""
    data = t._data if isinstance(t, Tensor) else t
    if type(data) is np.ndarray and data.shape == node.shape and data.dtype is node.dtype:
        return t
    if np.shape(data) != node.shape:
        t = np.broadcast_to(t, node.shape)
    return match(t, node.shape, node.dtype)
