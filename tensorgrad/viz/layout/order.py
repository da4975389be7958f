"""Orders what stands in each row, left to right, so that few lines cross and every group stays in one piece.

Sweeps down and up sort each row by the mean place of neighbours (Sugiyama, Tagawa, Toda 1981). What is in a group moves
with it, and two groups that share several rows keep their order in all of them, as in Sander 1999: the row where a
sweep meets both first decides, and the following ones give way.
"""

from bisect import bisect_right
from collections.abc import Sequence

from tensorgrad.viz.layout.cells import Cells, Tree
from tensorgrad.viz.layout.strands import Strands

SWEEPS = 24
SWITCHES = 8  # passes over all rows
EACH = 1
PATIENCE = 6  # sweeps without fewer crossings, after which no more follow
SWEPT = 150_000  # above so many cells and points, the first order is kept
SWITCHED = 3_000  # above so many, neighbours are not switched

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
            from_left = s >= 0 and cells.head[upper] != s
            to_left = t >= 0 and cells.head[lower] != t
            self.ups[lower].append(upper + n * from_left)
            self.downs[upper].append(lower + n * to_left)
            if s >= 0 and cells.stack[upper]:
                self.sides.setdefault(upper, ([], []))[not from_left].append(lower + n * to_left)


def order(cells: Cells, strands: Strands, tree: Tree) -> Rows:
    """Return what stands in each row, from the left."""
    rows: Rows = [[] for _ in range(max(strands.row, default=-1) + 1)]
    for i, r in enumerate(strands.row):
        rows[r].append(i)
    ends = Ends(cells, strands)
    place = [0.0] * (2 * len(strands.row))
    grouped = [len({strands.group[i] for i in row}) > 1 for row in rows]

    def arrange(r: int, value: Sequence[float], fixed: list[int]) -> None:
        """Sort row r by value, where the groups that reach from row `fixed` keep the order that they have there."""
        row = rows[r]
        if grouped[r]:
            sort_grouped(row, value, fixed, strands.group, tree, place)
        else:
            row.sort(key=value.__getitem__)
        settle(row, place)

    first = seeds(cells, strands)
    for r in range(len(rows)):
        arrange(r, first, rows[r - 1] if r else [])
    if len(strands.row) > SWEPT:
        return rows
    best, fewest = [row[:] for row in rows], crossings(rows, ends, place)
    value = [0.0] * len(strands.row)
    waited = 0
    for sweep in range(SWEEPS):
        if not fewest or waited == PATIENCE:
            break
        beside = ends.ups if sweep % 2 == 0 else ends.downs
        steps = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        back = -1 if sweep % 2 == 0 else 1
        for r in steps:
            last = -1.0
            for i in rows[r]:
                near = beside[i]
                if near:
                    last = sum([place[j] for j in near]) / len(near)
                value[i] = last  # without neighbours: stays right of what it is right of
            arrange(r, value, rows[r + back])
        if EACH and len(strands.row) <= SWITCHED:
            switch(rows, ends, place, strands.group, EACH)
        now = crossings(rows, ends, place)
        waited += 1
        if now < fewest:
            best, fewest, waited = [row[:] for row in rows], now, 0
    if fewest and len(strands.row) <= SWITCHED:
        switch(best, ends, place, strands.group)
    return best


def seeds(cells: Cells, strands: Strands) -> list[float]:
    """Return the order to begin with: cells as they were given, points with the links that pass them."""
    seed = [float(i) for i in range(strands.cells)] + [0.0] * (len(strands.row) - strands.cells)
    for (_, t, _), point in zip(cells.links, strands.last_point, strict=True):
        while point >= 0 and not seed[point]:
            seed[point] = cells.of[t]
            point = strands.before[point]
    return seed


def sort_grouped(
    row: list[int], value: Sequence[float], fixed: list[int], group: list[int], tree: Tree, place: list[float]
) -> None:
    """Sort a row by value, with the groups in it by their mean, and those that are in `fixed` as they are there."""
    total: dict[int, float] = {}
    count: dict[int, int] = {}
    begin: dict[int, float] = {}
    for i in row:
        g = group[i]
        while g:
            total[g] = total.get(g, 0.0) + value[i]
            count[g] = count.get(g, 0) + 1
            begin.setdefault(g, place[i])
            g = tree.parent[g]
    kept: dict[int, list[int]] = {}  # by the group around them, those that keep their order
    seen = set[int]()
    for i in fixed:
        g = group[i]
        while g and g not in seen:
            seen.add(g)
            if g in total:
                kept.setdefault(tree.parent[g], []).append(g)
            g = tree.parent[g]
    mean = {g: total[g] / count[g] for g in total}
    rank = dict(begin)
    for siblings in kept.values():
        make_rise(siblings, mean, count)
        for p, g in enumerate(siblings):
            rank[g] = p
    key: dict[int, tuple[tuple[float, float, int], ...]] = {0: ()}
    for g in sorted(total):  # each after the one around it
        key[g] = (*key[tree.parent[g]], (mean[g], rank[g], g))
    row.sort(key=lambda i: (*key[group[i]], (value[i], place[i], -1)))


def make_rise(groups: list[int], mean: dict[int, float], count: dict[int, int]) -> None:
    """Replace means by the nearest that do not fall along `groups`: neighbours that fall share theirs."""
    runs: list[tuple[float, int, int]] = []  # mean, weight, groups
    for g in groups:
        value, weight, length = mean[g], count[g], 1
        while runs and runs[-1][0] > value:
            other, w, n = runs.pop()
            value, weight, length = (other * w + value * weight) / (w + weight), w + weight, length + n
        runs.append((value, weight, length))
    at = iter(groups)
    for value, _, length in runs:
        for _ in range(length):
            mean[next(at)] = value


def crossings(rows: Rows, ends: Ends, place: list[float]) -> int:
    """Return how many pairs of lines cross."""
    crossed = 0
    for row in rows:
        passed: list[float] = []
        for i in row:
            for near in ends.sides.get(i, (ends.downs[i],)):
                lower = sorted([place[j] for j in near])
                if passed and lower and lower[0] < passed[-1]:
                    for p in lower:
                        crossed += len(passed) - bisect_right(passed, p)
                    passed += lower
                    passed.sort()
                else:
                    passed += lower
    return crossed


def switch(rows: Rows, ends: Ends, place: list[float], group: list[int], turns: int = SWITCHES) -> None:
    """Switch neighbours of the same group where fewer lines cross then (Gansner et al. 1993), in place.

    A pass down also pushes crossings down along lines, and a pass up, up, until two of the same lines meet and vanish.
    """
    for row in rows:
        settle(row, place)
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
            settle(row, place)
        if not better:
            return


def settle(row: list[int], place: list[float]) -> None:
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
