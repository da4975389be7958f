"""Orders of graphs given by number: the earliest topological one, and the circles that forbid any."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

Arrows = Sequence[tuple[int, int]]


def topological(keys: Sequence[int], arrows: Arrows) -> list[int]:
    """Return the vertices so that arrows lead onwards, of those that could be next the one of least key.

    keys: of each vertex.   What is on a circle, or behind one, is left out.
    >>> topological([5, 1, 2], [(0, 1)])
    [2, 0, 1]
    """
    onwards: list[list[int]] = [[] for _ in keys]
    missing = [0] * len(keys)
    for a, b in arrows:
        onwards[a].append(b)
        missing[b] += 1
    ready = [(key, v) for v, key in enumerate(keys) if not missing[v]]
    heapify(ready)
    found = []
    while ready:
        v = heappop(ready)[1]
        found.append(v)
        for b in onwards[v]:
            missing[b] -= 1
            if not missing[b]:
                heappush(ready, (keys[b], b))
    return found


def circles(n: int, arrows: Arrows) -> list[list[int]]:
    """Return the sets of two or more vertices of which each can be reached from each other one.

    Tarjan 1972, "Depth-first search and linear graph algorithms", with a stack in place of recursion.
    >>> circles(4, [(0, 1), (1, 2), (2, 1), (2, 3)])
    [[1, 2]]
    """
    onwards: list[list[int]] = [[] for _ in range(n)]
    for a, b in arrows:
        onwards[a].append(b)
    number = [0] * n  # in the order of discovery, from 1; 0 if not seen
    lowest = [0] * n
    open_ = [False] * n
    waiting: list[int] = []
    found: list[list[int]] = []
    seen = 0
    for start in range(n):
        if number[start]:
            continue
        path: list[tuple[int, int]] = [(start, 0)]
        while path:
            v, i = path.pop()
            if i == 0:
                seen += 1
                number[v] = lowest[v] = seen
                waiting.append(v)
                open_[v] = True
            elif open_[onwards[v][i - 1]]:
                lowest[v] = min(lowest[v], lowest[onwards[v][i - 1]])
            if i < len(onwards[v]):
                path.append((v, i + 1))
                if not number[onwards[v][i]]:
                    path.append((onwards[v][i], 0))
                continue
            if lowest[v] == number[v]:
                circle: list[int] = []
                while not circle or circle[-1] != v:
                    circle.append(waiting.pop())
                    open_[circle[-1]] = False
                if len(circle) > 1:
                    found.append(sorted(circle))
    return found
