"""Says where one element of a gradient comes from: the paths through the graph, each with its share."""

import math
from heapq import heappop, heappush
from itertools import count, groupby
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.autograd import backpropagate, between, history, start
from tensorgrad.errors import birthplace, trims
from tensorgrad.forward import advanced
from tensorgrad.graph import Tensor
from tensorgrad.node import Node, no_grad

MOST_STEPS = 20_000  # to look at, in the search for the paths that count


class Step(NamedTuple):
    """One recorded step on the way from a tensor to a loss."""

    op: str
    name: str  # of the tensor that came of it, if it has one
    line: str  # of the user's, as 'file.py:12: y = x @ w'; empty if it was not recorded under tg.debug()


class Route(NamedTuple):
    """A way from a tensor to a loss."""

    share: float  # of the gradient: the product of the derivatives along the way
    steps: tuple[Step, ...]


class Explanation(NamedTuple):
    """Where one element of a gradient comes from; printed, a text."""

    value: float  # the gradient: the sum of all shares, and of the rest
    routes: tuple[Route, ...]  # the largest first
    rest: float  # what comes by other ways
    others: int  # at least so many of these
    what: str  # is derived

    def __str__(self) -> str:
        if not self.routes and not self.others:
            return f"{self.what} = 0: no path leads there"
        lines = [f"{self.what} = {self.value:.6g}, by {len(self.routes)} path{'s' * (len(self.routes) != 1)}:"]
        for route in self.routes:
            lines.append(f"{route.share:+12.6g}  {' > '.join(step.name or step.op for step in route.steps)}")
            lines += [f"{'':14}{line}" for line, _ in groupby(filter(None, map(attrgetter("line"), route.steps)))]
        if self.others:
            lines.append(f"{self.rest:+12.6g}  by {self.others} other paths or more")
        if self.routes and not any(step.line for route in self.routes for step in route.steps):
            lines.append("Compute it under tg.debug() to see the lines.")
        return "\n".join(lines)


@trims
def explain(loss: Tensor, x: Tensor, index: Any = (), *, most: int = 10) -> Explanation:
    """Return the paths by which the element x[index] acts on `loss`, with their signed shares of its gradient.

    A path's share is the product of the derivatives along it; the shares of all paths add up to the gradient, as the
    chain rule says. Those with the largest shares, at most `most`, are followed to the end, and the rest is added up.
    loss: real, of one element, its graph still in place: explain it before backward(), or after retain_graph=True.
    x: real.   index: of one element.

    >>> import tensorgrad as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> print(explain((x * x + 3 * x).sum(), x, 1))
    d loss / d x[1] = 7, by 3 paths:
              +3  multiply > add > sum
              +2  multiply > add > sum
              +2  multiply > add > sum
    Compute it under tg.debug() to see the lines.
    """
    for t, what in ((loss, "loss"), (x, "x")):
        if not isinstance(t, Tensor):
            raise TypeError(f"{what} is no tensor but {type(t).__name__}")
        if t.node is None:
            raise ValueError(f"{what} requires no gradient: nothing flows through it")
        if t.dtype.kind == "c":
            raise TypeError(f"{what} is {t.dtype}: a share of a gradient is a real number. Take np.real or np.abs")
    if loss.size != 1:
        raise ValueError(f"loss has shape {loss.shape}: explain one element, as in tg.explain(y[0], x, index)")
    unit = np.zeros_like(x._data)
    unit[index] = 1
    if np.sum(unit) != 1:
        raise ValueError(f"index {index!r} names {int(np.sum(unit))} elements of shape {x.shape}: name one of them")
    place = "" if index == () else str([int(i) for i in np.argwhere(unit)[0]])
    what = f"d {loss.name or 'loss'} / d {x.name or 'x'}{place}"
    with no_grad():
        value, rest, routes, others = followed(loss, x, unit, most)
    return Explanation(value, tuple(routes), rest, others, what)


def followed(loss: Tensor, x: Tensor, unit: Any, most: int) -> tuple[float, float, list[Route], int]:
    """Return the gradient, what of it is left, and the paths that were followed to the end; how many were not.

    How much of the gradient comes through a path's beginning is known at once: the gradient of the loss where it ends,
    times what the element moves there along the path. So the search goes on where that is largest.
    """
    root, leaf = loss.node, x.node
    assert root is not None and leaf is not None
    needed = between(history(root), {leaf})
    if root not in needed:
        return 0.0, 0.0, [], 0
    slopes: Any = backpropagate(root, start(loss, None, False), needed, needed)
    users: dict[Node, list[tuple[Node, int]]] = {}
    for node in needed:
        for i, source in enumerate(node.inputs):
            if source in needed and source is not None:
                users.setdefault(source, []).append((node, i))
    value = share(slopes[leaf], unit)
    waiting: list[tuple[float, int, float, tuple[Node, ...], Any]] = [(-abs(value), 0, value, (leaf,), unit)]
    routes: list[Route] = []
    turn = count(1)  # decides between equals, in the order of the record
    while waiting and len(routes) < most and next(turn) < MOST_STEPS:
        *_, part, path, t = heappop(waiting)
        if path[-1] is root:
            routes.append(Route(part, tuple(map(described, path[1:]))))
            continue
        for node, i in users[path[-1]]:
            moved = advanced(node, [t if j == i else None for j in range(len(node.inputs))])
            part = 0.0 if moved is None else share(slopes[node], moved)
            if part:
                heappush(waiting, (-abs(part), next(turn), part, (*path, node), moved))
    return value, math.fsum(entry[2] for entry in waiting), routes, len(waiting)


def share(g: Any, t: Any) -> float:
    """Return what a loss of gradient g changes by along a tangent."""
    return float(np.sum(np.real(np.conjugate(g) * t)))


def described(node: Node) -> Step:
    """Return what is told of a step."""
    assert node.op is not None
    return Step(node.op.name, getattr(node, "name", ""), birthplace(node.seq))
