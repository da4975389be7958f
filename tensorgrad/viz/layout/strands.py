"""Puts points into the rows that links pass, so that lines are ordered and placed like boxes.

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

    row, group: of each.   before: the point that a line comes to a point from, or -1 if it comes from a cell.
    segments: lines between rows next to each other: upper, lower, the boxes at their ends or -1, and weight.
    last_point: of each link, the last that it passes, or -1.   lane: whether a link goes down a lane.
    first, last: the rows of each group.   cells: how many of all are cells.
    """

    row: list[int]
    group: list[int]
    before: list[int]
    segments: list[tuple[int, int, int, int, float]]
    last_point: list[int]
    lane: list[bool]
    first: list[int]
    last: list[int]
    cells: int

    def passed(self, link: int) -> list[int]:
        """Return the points that a link passes, from the top."""
        point = self.last_point[link]
        points: list[int] = []
        while point >= 0:
            points.append(point)
            point = self.before[point]
        return points[::-1]


def bends(upper: int, lower: int, strands: Strands, tree: Tree) -> bool:
    """Whether a line passes the edge of a group to a point in it: it bends there, for the group not to be as wide."""
    common = tree.common(strands.group[upper], strands.group[lower])
    return any(i >= strands.cells and strands.group[i] != common for i in (upper, lower))


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
    strands = Strands(list(row), list(cells.group), [-1] * n, [], [], [], first, last, n)
    limit = longest(cells, row)
    runs: dict[tuple[int, int, int], list[int]] = {}  # points below each other, by where they begin and their group
    source, weights = [-1] * n, [0.0] * n  # of each point, the box that its links begin at, and how much they weigh
    ends: dict[tuple[int, int, int], float] = {}
    for s, t, weight in cells.links:
        a, b = cells.of[s], cells.of[t]
        span = row[b] - row[a]
        point = -1
        strands.lane.append(span > limit)
        if 1 < span <= limit:
            r = row[a] + 1
            for g, stop in groups_passed(a, b, strands, tree):
                run = runs.setdefault((s if point < 0 else -point, r, g), [])
                while len(run) < stop - r:
                    strands.before.append(run[-1] if run else point)
                    run.append(len(strands.row))
                    strands.row.append(r + len(run) - 1)
                    strands.group.append(g)
                    source.append(s)
                    weights.append(0.0)
                point = run[stop - r - 1]
                r = stop
            weights[point] += weight
        strands.last_point.append(point)
        if 0 < span <= limit:
            ends[point, s, t] = ends.get((point, s, t), 0.0) + weight
    for point in range(len(strands.row) - 1, n - 1, -1):
        above = strands.before[point]
        if above >= 0:
            weights[above] += weights[point]
            strands.segments.append((above, point, -1, -1, weights[point]))
        else:
            strands.segments.append((cells.of[source[point]], point, source[point], -1, weights[point]))
    strands.segments.reverse()
    for (point, s, t), weight in ends.items():
        if point >= 0:
            strands.segments.append((point, cells.of[t], -1, t, weight))
        else:
            strands.segments.append((cells.of[s], cells.of[t], s, t, weight))
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


def groups_passed(a: int, b: int, strands: Strands, tree: Tree) -> list[tuple[int, int]]:
    """Return the groups in which a link from cell a to b passes the rows between, each with the row after them.

    It leaves a group at its bottom and enters one at its top, and is in the innermost of those it can be in.
    """
    start, stop = strands.row[a] + 1, strands.row[b]
    common = tree.common(strands.group[a], strands.group[b])
    leave: list[tuple[int, int]] = []  # groups with the row after them
    g = strands.group[a]
    while g != common and start < stop:
        after = min(strands.last[g] + 1, stop)
        if start < after:
            leave.append((g, after))
            start = after
        g = tree.parent[g]
    enter: list[tuple[int, int]] = []
    g = strands.group[b]
    while g != common and start < stop:
        begin = max(strands.first[g], start)
        if begin < stop:
            enter.append((g, stop))
            stop = begin
        g = tree.parent[g]
    middle = [(common, stop)] if start < stop else []
    return leave + middle + enter[::-1]


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
