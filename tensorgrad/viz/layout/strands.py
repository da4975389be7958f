"""Puts points into the rows that a link passes, so that lines are ordered and placed like boxes.

The links of one box share their way down: they are one strand, which ends branch off from. Links that are too long to
be given points in all rows go down a lane beside the drawing instead.
"""

from dataclasses import dataclass

from tensorgrad.viz.layout.cells import Cells, Tree

POINTS = 6  # at most, for each box
POINTS_ANYWAY = 4000


@dataclass(slots=True)
class Strands:
    """All that stands in rows, by number: the cells, then points of links, then what keeps groups open in their rows.

    row, group: of each.   segments: lines between rows next to each other: upper, lower, the boxes at their ends or -1,
    and weight.   points: of each link, those that it passes.   lane: the links that have none, by source box.
    first, last: the rows of each group.   cells, real: how many are cells, and cells or points.
    """

    row: list[int]
    group: list[int]
    segments: list[tuple[int, int, int, int, float]]
    points: list[list[int]]
    lane: list[bool]
    first: list[int]
    last: list[int]
    cells: int
    real: int


def spans(group: list[int], row: list[int], tree: Tree) -> tuple[list[int], list[int]]:
    """Return the first and last row of each group; last is below 0 for one without cells."""
    first = [1 << 60] * len(tree.groups)
    last = [-1] * len(tree.groups)
    for g, r in zip(group, row, strict=True):
        first[g] = min(first[g], r)
        last[g] = max(last[g], r)
    for g in range(len(tree.groups) - 1, 0, -1):
        p = tree.parent[g]
        first[p] = min(first[p], first[g])
        last[p] = max(last[p], last[g])
    return first, last


def thread(cells: Cells, row: list[int], tree: Tree) -> Strands:
    """Return the cells with the points of links between them, given the row of each cell."""
    first, last = spans(cells.group, row, tree)
    n = len(row)
    strands = Strands(list(row), list(cells.group), [], [], [], first, last, n, 0)
    limit = longest(cells, row)
    point: dict[tuple[int, int, int], int] = {}  # by source box, row and group
    weights: dict[tuple[int, int, int, int], float] = {}
    for s, t, weight in cells.links:
        a, b = cells.of[s], cells.of[t]
        span = row[b] - row[a]
        strands.lane.append(span > limit)
        passed: list[int] = []
        strands.points.append(passed)
        if span == 0 or span > limit:
            continue
        if span > 1:
            for r, g in zip(range(row[a] + 1, row[b]), groups_passed(a, b, row, strands, tree), strict=True):
                key = (s, r, g)
                if key not in point:
                    point[key] = len(strands.row)
                    strands.row.append(r)
                    strands.group.append(g)
                passed.append(point[key])
        upper, from_box = a, s
        for lower in passed:
            step = (upper, lower, from_box, -1)
            weights[step] = weights.get(step, 0) + weight
            upper, from_box = lower, -1
        step = (upper, b, from_box, t)
        weights[step] = weights.get(step, 0) + weight
    strands.segments = [(*step, weight) for step, weight in weights.items()]
    strands.real = len(strands.row)
    keep_open(strands, tree)
    return strands


def longest(cells: Cells, row: list[int]) -> int:
    """Return how many rows a link may span for there not to be too many points."""
    span = [0] * len(cells.boxes)
    for s, t, _ in cells.links:
        span[s] = max(span[s], row[cells.of[t]] - row[cells.of[s]])
    left = POINTS * len(cells.boxes) + POINTS_ANYWAY
    span.sort()
    done = 0
    for i, rows in enumerate(span):
        if left < (rows - done) * (len(span) - i):
            return max(1, done + left // (len(span) - i))
        left -= (rows - done) * (len(span) - i)
        done = rows
    return done


def groups_passed(a: int, b: int, row: list[int], strands: Strands, tree: Tree) -> list[int]:
    """Return the groups in which a link from cell a to b passes the rows between.

    It leaves a group at its bottom and enters one at its top, and is in the innermost of those it can be in.
    """
    common = tree.common(strands.group[a], strands.group[b])
    rows = range(row[a] + 1, row[b])
    if common == strands.group[a] == strands.group[b]:
        return [common] * len(rows)
    out, into = [strands.group[a]], [strands.group[b]]
    while out[-1] != common:
        out.append(tree.parent[out[-1]])
    while into[-1] != common:
        into.append(tree.parent[into[-1]])
    passed = []
    for r in rows:
        left = next((g for g in out if strands.last[g] >= r), common)
        entered = next((g for g in into if strands.first[g] <= r), common)
        passed.append(entered if left == common else left if entered == common else common)
    return passed


def keep_open(strands: Strands, tree: Tree) -> None:
    """Add something of no width to a group in each row between its first and last that has nothing of it."""
    present: list[set[int]] = [set() for _ in tree.groups]
    for g, r in zip(strands.group, strands.row, strict=True):
        present[g].add(r)
    for g in range(len(tree.groups) - 1, 0, -1):
        if strands.last[g] < 0:
            continue
        for r in range(strands.first[g], strands.last[g] + 1):
            if r not in present[g]:
                strands.row.append(r)
                strands.group.append(g)
        present[tree.parent[g]].update(range(strands.first[g], strands.last[g] + 1))
