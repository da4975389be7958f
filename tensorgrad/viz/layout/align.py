"""Chooses which lines are straight, the main path first: what one joins then moves as one block (Brandes, Köpf 2001).

The edges of groups are blocks too, which reach over all rows of the group and have their place between its members and
the others, as in Sander 1999.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tensorgrad.viz.layout.cells import Tree
from tensorgrad.viz.layout.crossings import Rows
from tensorgrad.viz.layout.data import BOX_GAP, LINE_GAP, PAD
from tensorgrad.viz.layout.strands import Strands, bends

Segment = tuple[int, int, float, float, float]  # upper, lower, how far from their centres it ends, weight


@dataclass(slots=True)
class Lines:
    """The rows with the edges of groups: of group g the left one is number n + 2 g, the right one n + 2 g + 1."""

    rows: Rows
    n: int
    apart: dict[tuple[int, int], float]  # how far a pair of neighbours must be apart, at least


def with_edges(rows: Rows, left: list[float], right: list[float], strands: Strands, tree: Tree) -> Lines:
    """Return the rows with the edges of groups, and the distances that neighbours keep."""
    n = len(strands.row)
    full: Rows = []
    apart: dict[tuple[int, int], float] = {}
    for row in rows:
        line: list[int] = []
        inside = 0
        for i in row:
            g = strands.group[i]
            if g != inside:
                common = tree.common(g, inside)
                while inside != common:
                    line.append(n + 2 * inside + 1)
                    inside = tree.parent[inside]
                entered = []
                while g != common:
                    entered.append(n + 2 * g)
                    g = tree.parent[g]
                line += reversed(entered)
                inside = strands.group[i]
            line.append(i)
        while inside:
            line.append(n + 2 * inside + 1)
            inside = tree.parent[inside]
        full.append(line)
        for a, b in pairwise(line):
            if a >= n or b >= n:
                apart[a, b] = edge_gap(a, b, n) + (right[a] if a < n else 0.0) + (left[b] if b < n else 0.0)
            else:
                boxes = (a < strands.cells) + (b < strands.cells)
                apart[a, b] = right[a] + left[b] + (BOX_GAP if boxes == 2 else LINE_GAP)
    for g in range(1, len(tree.groups)):
        if strands.last[g] >= 0:
            apart[n + 2 * g, n + 2 * g + 1] = max(tree.groups[g].width, 2 * PAD)
    return Lines(full, n, apart)


def edge_gap(a: int, b: int, n: int) -> float:
    """Return the distance between two neighbours, one or both of which are the edge of a group."""
    inside = (a >= n and (a - n) % 2 == 0) or (b >= n and (b - n) % 2 == 1)
    return PAD if inside else BOX_GAP if a >= n and b >= n else LINE_GAP + 4


def straight_lines(
    lines: Lines, strands: Strands, tree: Tree, segments: Sequence[Segment], main: set[tuple[int, int]]
) -> list[int]:
    """Return the block of each cell, point and edge: what one vertical line joins, by the number of its uppermost.

    Lines are made straight in turn, the main path first, then what joins two points, then the heaviest and those
    nearest to the middle of the others at their ends: where they cross no edge of a group and no straight line.
    What leads to a point in a group from outside is straight on the main path alone.
    """
    total = lines.n + 2 * len(strands.first)
    place = [0] * total
    for line in lines.rows:
        for p, i in enumerate(line):
            place[i] = p
    per_gap: list[list[Segment]] = [[] for _ in lines.rows]
    ups: list[list[int]] = [[] for _ in range(lines.n)]
    downs: list[list[int]] = [[] for _ in range(lines.n)]
    for segment in segments:
        upper, lower, from_centre, to_centre, _ = segment
        ups[lower].append(place[upper])
        downs[upper].append(place[lower])
        bent = (upper, lower) not in main and bends(upper, lower, strands, tree)
        if not from_centre and not to_centre and not bent:
            per_gap[strands.row[upper]].append(segment)
    for ends in (ups, downs):
        for near in ends:
            near.sort()
    root = list(range(total))
    for r, gap in enumerate(per_gap):
        if not gap:
            continue
        below = {i: p for p, i in enumerate(lines.rows[r + 1]) if i >= lines.n}
        taken = [(p, below[i]) for p, i in enumerate(lines.rows[r]) if i in below]  # of lines that are straight
        ranked = []
        for upper, lower, _, _, weight in gap:
            first = (upper, lower) in main
            points = (upper >= strands.cells) + (lower >= strands.cells)
            off = off_middle(ups[lower], place[upper]) + off_middle(downs[upper], place[lower])
            ranked.append((not first, points < 2, -weight, off, place[upper], place[lower], upper, lower))
        ranked.sort()
        for *_, p, q, upper, lower in ranked:
            at = bisect_left(taken, (p, q))
            if at and (taken[at - 1][0] == p or taken[at - 1][1] >= q):
                continue
            if at < len(taken) and (taken[at][0] == p or taken[at][1] <= q):
                continue
            taken.insert(at, (p, q))
            root[lower] = root[upper]
    return root


def off_middle(places: list[int], place: int) -> float:
    """Return how far the line to `place` is from the middle of all lines, in lines."""
    return abs(bisect_left(places, place) - (len(places) - 1) / 2)
