"""Counts the crossings of lines between rows, and switches neighbours where fewer cross then."""

from bisect import bisect_right, insort

from tensorgrad.viz.layout.cells import Cells
from tensorgrad.viz.layout.strands import Strands

Rows = list[list[int]]


class Ends:
    """Where lines end: what the lines of each cell or point lead up and down to.

    Line ends are numbered as what they are at, and by n more where they are at a box to the left in its cell.
    """

    def __init__(self, cells: Cells, strands: Strands) -> None:
        n = len(strands.row)
        self.ups: list[list[int]] = [[] for _ in range(n)]
        self.downs: list[list[int]] = [[] for _ in range(n)]
        self.sides: dict[int, tuple[list[int], list[int]]] = {}  # `downs` of a cell's left, and of its head
        for upper, lower, s, t, _ in strands.segments:
            from_left = s >= 0 and cells.side[s] < 0
            to_left = t >= 0 and cells.side[t] < 0
            self.ups[lower].append(upper + n * from_left)
            self.downs[upper].append(lower + n * to_left)
            if s >= 0 and cells.stack[upper]:
                self.sides.setdefault(upper, ([], []))[not from_left].append(lower + n * to_left)


def crossings(rows: Rows, ends: Ends, place: list[float]) -> int:
    """Return how many pairs of lines cross."""
    crossed = 0
    for row in rows:
        passed: list[float] = []
        for i in row if len(row) > 1 or row[0] in ends.sides else ():
            for near in ends.sides.get(i, (ends.downs[i],)):
                if len(near) == 1:
                    p = place[near[0]]
                    if passed and p < passed[-1]:
                        crossed += len(passed) - bisect_right(passed, p)
                        insort(passed, p)
                    else:
                        passed.append(p)
                elif near:
                    lower = sorted([place[j] for j in near])
                    for p in lower:
                        crossed += len(passed) - bisect_right(passed, p)
                    for p in lower:
                        insort(passed, p)
    return crossed


def switch(rows: Rows, ends: Ends, place: list[float], group: list[int], turns: int) -> None:
    """Switch neighbours of the same group where fewer lines cross then (Gansner et al. 1993), in place.

    A pass down also pushes crossings down along lines, and a pass up, up, until two of the same lines meet and vanish.
    """
    for row in rows:
        note_places(row, place)
    for turn in range(turns):
        better = False
        down = turn % 2 == 0
        for row in rows if down else reversed(rows):
            for p in range(len(row) - 1):
                a, b = row[p], row[p + 1]
                if group[a] != group[b]:
                    continue
                above = excess(ends.ups[a], ends.ups[b], place)
                below = excess(ends.downs[a], ends.downs[b], place)
                if above + below > 0 or (above + below == 0 and (above if down else below) > 0):
                    row[p], row[p + 1] = b, a
                    better = True
            note_places(row, place)
        if not better:
            return


def note_places(row: list[int], place: list[float]) -> None:
    """Note where everything in a row is, and the boxes to its left in the same cell."""
    half = len(place) // 2
    for p, i in enumerate(row):
        place[i] = p
        place[half + i] = p - 0.4


def excess(left: list[int], right: list[int], place: list[float]) -> int:
    """Return how many crossings fewer there are if the lines of `left` and `right` change sides."""
    if not left or not right:
        return 0
    total = 0
    for i in left:
        a = place[i]
        for j in right:
            b = place[j]
            total += (a > b) - (a < b)
    return total
