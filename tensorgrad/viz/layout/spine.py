"""Finds the main path: the chain of boxes of the greatest weight, which is drawn as one vertical line."""

from itertools import pairwise

from tensorgrad.viz.layout.cells import Cells
from tensorgrad.viz.layout.strands import Strands


def heaviest(cells: Cells) -> list[int]:
    """Return the main path, as the numbers of its links: the chain of the greatest weight, of equals the first."""
    n = len(cells.head)
    into: list[list[int]] = [[] for _ in range(n)]
    for k, (s, t, _) in enumerate(cells.links):
        if cells.head[cells.of[s]] == s and cells.head[cells.of[t]] == t:
            into[cells.of[t]].append(k)
    weight = [0.0] * n
    last = [-1] * n
    for i in cells.order:
        for k in into[i]:
            s, _, w = cells.links[k]
            if weight[cells.of[s]] + w > weight[i]:
                weight[i], last[i] = weight[cells.of[s]] + w, k
    path: list[int] = []
    here = max(range(n), key=weight.__getitem__)
    while last[here] >= 0:
        path.append(last[here])
        here = cells.of[cells.links[last[here]][0]]
    return path[::-1]


def main_path(cells: Cells, strands: Strands) -> tuple[set[tuple[int, int]], int]:
    """Return the steps of the main path from row to row, and a cell on it."""
    steps = set[tuple[int, int]]()
    pinned = 0
    for k in heaviest(cells):
        s, t, _ = cells.links[k]
        if not strands.lane[k]:
            steps.update(pairwise([cells.of[s], *strands.passed(k), cells.of[t]]))
        pinned = cells.of[t]
    return steps, pinned
