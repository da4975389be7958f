"""Finds the slip that explains a wrong hand-written gradient: which step, differentiated wrongly, gives just that.

The function is recorded, the derivative of one step is replaced by a likely mistake, and what then comes out is
compared with what was written by hand. Nothing is read of the backward pass but its result.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tensorgrad.graph import Tensor
from tensorgrad.node import Node
from tensorgrad.op import OPS, Each
from tensorgrad.testing.record import nodes_of, pulled
from tensorgrad.trace import Trace

Array = NDArray[Any]
Recording = Callable[[], tuple[list[Any], list[Tensor], Trace]]  # results, leaves, and where in the user's code

TIME = 2.0  # seconds to look for an explanation
SAME = 1e-7  # relative: what agrees so well does not by chance


class Activation(NamedTuple):
    """A function that backward passes are written for, and its derivative."""

    name: str
    forward: Callable[[Array], Array]
    slope: Callable[[Array], Array]


ACTIVATIONS = (
    Activation("a sigmoid", lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    Activation("a tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    Activation("a relu", lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    Activation("a leaky relu", lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
)
LINEAR = Activation("linear", lambda z: z, np.ones_like)
MISTAKES: dict[str, Callable[[Any, Any], Any]] = {  # of the right rule, to a wrong one of (g, out, *arrays)
    "is left out": lambda rule, g: g,  # noqa: ARG005
    "is forgotten": lambda rule, g: 0 * rule(),  # noqa: ARG005
    "has the wrong sign": lambda rule, g: -rule(),  # noqa: ARG005
    "is counted twice": lambda rule, g: 2 * rule(),  # noqa: ARG005
    "is squared": lambda rule, g: np.where(g == 0, 0, rule() ** 2 / np.where(g == 0, 1, g)),
}


class Chosen(Each):
    """Rules, one for each array."""

    def __init__(self, rules: Sequence[Any]) -> None:
        self.rules = rules

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rules)


def explanation(record: Recording, cotangents: Sequence[Array], claims: Sequence[Array]) -> str:
    """Return in words which mistake in one step gives the claims, and its line; "" if none is found that does."""
    end = time.perf_counter() + TIME
    for words, change in candidates(record):
        if time.perf_counter() > end:
            break
        ys, leaves, kept = record()
        nodes = nodes_of(ys)
        line = change(nodes, leaves, kept)
        try:
            found = pulled(ys, leaves, [np.array(v) for v in cotangents])
        except Exception:  # the mistake does not fit in there
            continue
        if all(map(same, found, claims)):
            return f"it comes out just so if {words}" + (f"\n  {line}" if line else "")
    return ""


def same(a: Any, b: Array) -> bool:
    """Whether two gradients are equal but for rounding."""
    a = np.ravel(a)
    return a.size == b.size and bool((np.abs(a - b) <= SAME * np.abs(b).max(initial=0)).all())


def candidates(record: Recording) -> Iterator[tuple[str, Callable[[list[Node], list[Tensor], Trace], str]]]:
    """Yield mistakes: in words, and as a function that makes it in a recording, and returns its line."""
    ys, leaves, _ = record()
    nodes = nodes_of(ys)
    values = {node: node.out for node in nodes} | {x.node: x.data for x in leaves if x.node is not None}
    for here, node in enumerate(nodes):
        for source in values:
            if source is node or source.shape != node.shape or source.seq < node.seq:
                continue
            for right in ACTIVATIONS:
                with np.errstate(all="ignore"):
                    if not np.allclose(right.forward(values[source]), values[node], rtol=1e-12, atol=0):
                        continue
                place = nodes.index(source) if source in nodes else ~[x.node for x in leaves].index(source)
                for wrong in (*ACTIVATIONS, LINEAR):
                    if wrong is not right:
                        name = right.name.replace("a ", "the ")
                        yield f"{name} is differentiated as {wrong.name}", instead(here, place, wrong)
    for here, node in enumerate(nodes):
        live = [j for j, source in enumerate(node.inputs) if source is not None]
        for j in live:
            which = f" for argument {j}" if len(live) > 1 else ""
            for words in MISTAKES:
                assert node.op is not None
                yield f"the derivative of {node.op.name}{which} {words}", mistaken(here, j, words)


def instead(here: int, place: int, wrong: Activation) -> Callable[[list[Node], list[Tensor], Trace], str]:
    """Return what gives a step the derivative of another activation, of the value at `place`; below 0 a leaf's."""

    def change(nodes: list[Node], leaves: list[Tensor], kept: Trace) -> str:
        node, source = nodes[here], nodes[place] if place >= 0 else leaves[~place].node
        z = node.out if source is None else (leaves[~place].data if place < 0 else source.out)
        node.op = replace(OPS[np.negative], vjps=Chosen([lambda g, _out, z: g * wrong.slope(z)]))
        node.args, node.inputs, node.params = (z,), (source,), {}
        return kept.line(node)

    return change


def mistaken(here: int, j: int, words: str) -> Callable[[list[Node], list[Tensor], Trace], str]:
    """Return what makes a mistake in the rule of a step for its argument `j`."""

    def change(nodes: list[Node], _leaves: list[Tensor], kept: Trace) -> str:
        node = nodes[here]
        assert node.op is not None
        rules = list(node.op.vjps) if not isinstance(node.op.vjps, Each) else []
        if j < len(rules) and (right := rules[j]) is not None:
            rules[j] = lambda g, *args, **params: MISTAKES[words](lambda: right(g, *args, **params), g)
            node.op = replace(node.op, vjps=Chosen(rules))
        return kept.line(node)

    return change
