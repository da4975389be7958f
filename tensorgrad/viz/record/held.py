"""Finds the arrays that a graph still holds, and computes gradients for a picture without touching any `.grad`."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tensorgrad.autograd import backpropagate, start
from tensorgrad.backends import dtype_of
from tensorgrad.graph import Tensor
from tensorgrad.hooks import Hooked
from tensorgrad.node import Leaf, Node, no_grad
from tensorgrad.trace import tracing


def values(y: Tensor, nodes: Iterable[Node]) -> dict[Node, Any]:
    """Return the array of each of `nodes` that the graph of `y` still holds: for what rules read, and the root's."""
    found: dict[Node, Any] = {}
    if y.node is not None:
        found[y.node] = y._data
    for node in nodes:
        if node.op is not None and node.op.work is None and node.out is not None:
            found.setdefault(node, node.out)
        for source, value in zip(node.inputs, node.args or (), strict=False):
            if source is not None and source not in found and not isinstance(value, Node) and fits(source, value):
                found[source] = value
    return found


def fits(node: Node, value: Any) -> bool:
    """Whether an array is the result of a step as it was: an argument may have been kept in another form."""
    return getattr(value, "shape", None) == node.shape and dtype_of(value) == node.dtype


def gradients(y: Tensor, nodes: Iterable[Node], since: int = 0) -> tuple[dict[Node, Any], str]:
    """Return the gradient of `y`, or of the sum of its elements, for each of `nodes`, and why there are none.

    It is a pass of its own: no `.grad` changes, and the graph stays usable. Hooks take part, as in any pass.
    since: the time at which the graph began; what was made before is not entered.
    Where `backward()` has let go of what a pass needs, the gradients of leaves are those it left in `.grad`.
    """
    assert y.node is not None
    left: dict[Node, Any] = {node: node.grad for node in nodes if isinstance(node, Leaf) and node.grad is not None}
    if any(node.args is None and node.seq <= since for node in nodes):
        return left, f"gradients are those that backward() left in .grad, the others are gone: {REMEDY}"
    watched = tracing.set(None)  # `tg.debug()` would stop at what the picture is to show
    try:
        with no_grad(), np.errstate(all="ignore"):
            found = backpropagate(y.node, start(y, None, False), set(nodes), since=since)
            for node in found if since else ():  # the pass ends at these, before their hooks
                if node.seq > since and type(node.params) is Hooked:
                    found[node] = node.params.applied(found[node])
            return found, ""
    except Exception as error:  # a rule that fails, a value that was changed: the picture is to show the rest
        words = str(error).strip().splitlines() or [type(error).__name__]
        kept = "no gradients but those in .grad" if left else "no gradients"
        return left, f"{kept}: {words[0]}"
    finally:
        tracing.reset(watched)


REMEDY = "draw before it, or pass retain_graph=True"


def kept(node: Node) -> list[tuple[int, tuple[int, ...], Any]]:
    """Return what a step keeps for its rules: the place of the argument, or -1 for the result; its shape and dtype.

    For -1 it may be what rules want in place of the result.
    """
    if node.op is None or node.args is None:
        return []
    *arguments, result = node.op.kept(tuple(source is not None for source in node.inputs))
    found = [
        (i, tuple(getattr(value, "shape", ())), dtype_of(value))
        for i, (keep, value) in enumerate(zip(arguments, node.args, strict=True))
        if keep and hasattr(value, "shape") and not isinstance(value, Node)
    ]
    made: Any = node.out if node.op.work is not None and hasattr(node.out, "shape") else node
    return found + [(-1, tuple(made.shape), made.dtype)] * result
