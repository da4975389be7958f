"""Says where one element of a gradient comes from: the paths through the graph, each with its share."""

import math
from heapq import heappop, heappush
from itertools import count, groupby
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.autograd import STEPS, between, history, recalled, start
from tensorgrad.errors import birthplace, trims
from tensorgrad.forward import advanced
from tensorgrad.graph import Tensor
from tensorgrad.node import Node, no_grad

MOST_STEPS = 100_000  # to look at, in the search for the paths that count
TRIES = 10  # paths to follow for each that is shown


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
    rest: float  # what comes by other paths
    others: int  # at least so many of these
    connected: bool  # whether there is any path
    what: str  # is derived

    def __str__(self) -> str:
        if not self.connected:
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
    chain rule says. At most `most` are shown, the largest of those that were followed to the end: where much can come
    through, even if it cancels. The rest is added up. Hooks are left out.
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
    assert loss.node is not None and x.node is not None
    needed = between(history(loss.node), {x.node})
    if loss.node not in needed:
        return Explanation(0.0, (), 0.0, 0, False, what)
    with no_grad():
        slopes, sizes = traced(loss, needed)
        value = share(slopes[x.node], unit)
        routes, others = followed(loss.node, x.node, unit, sizes, most)
    rest = value - math.fsum(route.share for route in routes) if others else 0.0
    return Explanation(value, tuple(routes), rest, others, True, what)


def traced(loss: Tensor, needed: set[Node]) -> tuple[dict[Node, Any], dict[Node, Any]]:
    """Return the gradient of the loss for each node, and its size as it would be if nothing cancelled between steps."""
    assert loss.node is not None
    slopes: dict[Node, Any] = {loss.node: start(loss, None, False)}
    sizes = dict(slopes)
    for node in sorted(needed, key=attrgetter("seq")):
        if node.op is None:
            continue
        args, out = recalled(node, False)
        for totals, made in ((slopes, np.asarray), (sizes, np.abs)):
            found: dict[Node, Any] = {}
            STEPS[node.op](node, totals[node], out, args, node.params, needed, found, [], set())
            for source, term in found.items():
                totals[source] = totals[source] + made(term) if source in totals else made(term)
    return slopes, sizes


def followed(root: Node, leaf: Node, unit: Any, sizes: dict[Node, Any], most: int) -> tuple[list[Route], int]:
    """Return the paths that were followed to the end, the largest first, and how many were not.

    Each try takes up the beginning that promises most, and follows it where it goes on promising most.
    """
    users: dict[Node, list[tuple[Node, int]]] = {}
    for node in sizes:
        for i, source in enumerate(node.inputs):
            if source in sizes and source is not None:
                users.setdefault(source, []).append((node, i))
    turn = count()  # decides between equals
    waiting: list[tuple[float, int, Any, Any]] = [
        (0.0, next(turn), (leaf, None), unit)
    ]  # a path: its end, and the rest
    routes: list[Route] = []
    while waiting and len(routes) < TRIES * most and next(turn) < MOST_STEPS:
        _, _, path, t = heappop(waiting)
        while path[0] is not root:
            ways = []
            for node, i in users[path[0]]:
                moved = advanced(node, [t if j == i else None for j in range(len(node.inputs))])
                if moved is not None and np.any(moved):
                    ways.append((-share(sizes[node], np.abs(moved)), next(turn), (node, path), moved))
            if not ways:
                break  # nothing of it arrives
            best = min(ways)
            for way in ways:
                if way is not best:
                    heappush(waiting, way)
            _, _, path, t = best
        else:
            routes.append(Route(share(sizes[root], t), steps_of(path)))
    routes.sort(key=lambda route: -abs(route.share))
    return routes[:most], len(waiting) + len(routes[most:])


def share(g: Any, t: Any) -> float:
    """Return what a loss of gradient g, as the pass takes it, without conjugating, changes by along a tangent."""
    return float(np.sum(np.real(g * t)))


def steps_of(path: Any) -> tuple[Step, ...]:
    """Return the steps of a path, which begins with a leaf, in the order in which they were taken."""
    steps = []
    while path[1] is not None:
        steps.append(described(path[0]))
        path = path[1]
    return tuple(reversed(steps))


def described(node: Node) -> Step:
    """Return what is told of a step."""
    assert node.op is not None
    return Step(node.op.name, getattr(node, "name", ""), birthplace(node.seq))
