"""Orders what stands in each row, left to right, so that few lines cross and every group stays in one piece.

Sweeps down and up sort each row by the mean place of neighbours (Sugiyama, Tagawa, Toda 1981). What is in a group moves
with it, and two groups that share several rows keep their order in all of them, as in Sander 1999: the row where a
sweep meets both first decides, and the following ones give way.
"""

from collections.abc import Sequence

from tensorgrad.viz.layout.cells import Cells, Tree
from tensorgrad.viz.layout.crossings import Ends, Rows, crossings, note_places, switch
from tensorgrad.viz.layout.strands import Strands

SWEEPS = 24
PATIENCE = 6  # sweeps without fewer crossings, after which no more follow; half of it for many cells and points
WORK = 36_000  # sweeps times cells and points, at most
LEAST = 4  # sweeps nevertheless
SWEPT = 200_000  # above so many cells and points, the first order is kept
SWITCHED_EACH, SWITCHED = 1_000, 8_000  # up to so many, neighbours are switched after each sweep, and at the end
SWITCHES = 6  # passes over all rows, at the end
HEAVY = 1  # how often more a neighbour on the main path counts


def order_rows(cells: Cells, strands: Strands, tree: Tree, main: set[tuple[int, int]]) -> Rows:
    """Return what stands in each row, from the left; `main` are the steps of the main path."""
    n = len(strands.row)
    rows: Rows = [[] for _ in range(max(strands.row) + 1)]
    for i, r in enumerate(strands.row):
        rows[r].append(i)
    ends = Ends(cells, strands)
    place = [0.0] * (2 * n)
    grouped = [len({strands.group[i] for i in row}) > 1 for row in rows]
    value = seeds(cells, strands)
    for r, row in enumerate(rows):
        arrange(row, value, (rows[r - 1] if r else []) if grouped[r] else None, strands.group, tree, place)
    if n > SWEPT:
        return rows
    best, fewest = [row[:] for row in rows], crossings(rows, ends, place)
    ups, downs = ends.ups[:], ends.downs[:]
    for upper, lower in main:  # keep their places more than others
        ups[lower] = ups[lower] + [upper] * HEAVY
        downs[upper] = downs[upper] + [lower] * HEAVY
    waited = 0
    for sweep in range(min(SWEEPS, max(LEAST, WORK // n))):
        if not fewest or waited == (PATIENCE if n <= SWITCHED_EACH else PATIENCE // 2):
            break
        down = sweep % 2 == 0
        near, back = (ups, -1) if down else (downs, 1)
        for r in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            row = rows[r]
            if len(row) == 1:
                continue
            last = -1.0
            for i in row:
                if near[i]:
                    last = sum([place[j] for j in near[i]]) / len(near[i])
                value[i] = last  # without neighbours: stays right of what it is right of
            arrange(row, value, rows[r + back] if grouped[r] else None, strands.group, tree, place)
        if n <= SWITCHED_EACH:
            switch(rows, ends, place, strands.group, 1)
        count = crossings(rows, ends, place)
        waited += 1
        if count < fewest:
            best, fewest, waited = [row[:] for row in rows], count, 0
    if fewest and n <= SWITCHED:
        switch(best, ends, place, strands.group, SWITCHES)
    return best


def arrange(
    row: list[int],
    value: Sequence[float],
    fixed: list[int] | None,
    group: list[int],
    tree: Tree,
    place: list[float],
) -> None:
    """Sort a row by value, and note the places; with groups in it, the row `fixed` beside it gives their order."""
    if fixed is None:
        row.sort(key=value.__getitem__)
    else:
        sort_grouped(row, value, fixed, group, tree, place)
    note_places(row, place)


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
