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
WORK = 20_000  # sweeps times cells and points, at most
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
    grouped = [groups_in(row, strands.group, tree) for row in rows]

    def arrange(r: int, back: int) -> None:
        """Sort row r by `value`, in which groups that row r + back has too keep the order that they have there."""
        if groups := grouped[r]:
            kept = []
            if r + back >= 0 and len(shared := set(groups).intersection(grouped[r + back])) > 1:
                kept = kept_order(rows[r + back], shared, strands.group, tree)
            sort_grouped(rows[r], groups, value, kept, strands.group, tree, place)
        else:
            rows[r].sort(key=value.__getitem__)
        note_places(rows[r], place)

    value = seeds(cells, strands)
    for r in range(len(rows)):
        arrange(r, -1)
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
            arrange(r, back)
        if n <= SWITCHED_EACH:
            switch(rows, ends, place, strands.group, 1)
        count = crossings(rows, ends, place)
        waited += 1
        if count < fewest:
            best, fewest, waited = [row[:] for row in rows], count, 0
    if fewest and n <= SWITCHED:
        switch(best, ends, place, strands.group, SWITCHES)
    return best


def seeds(cells: Cells, strands: Strands) -> list[float]:
    """Return the order to begin with: cells as they were given, points with the links that pass them."""
    seed = [float(i) for i in range(strands.cells)] + [0.0] * (len(strands.row) - strands.cells)
    for (_, t, _), point in zip(cells.links, strands.last_point, strict=True):
        while point >= 0 and not seed[point]:
            seed[point] = cells.of[t]
            point = strands.before[point]
    return seed


def groups_in(row: list[int], group: list[int], tree: Tree) -> list[int]:
    """Return the groups in a row, each after the one around it; none if all of the row is in the same."""
    innermost = {group[i] for i in row}
    found = set[int]()
    for g in innermost if len(innermost) > 1 else ():
        while g and g not in found:
            found.add(g)
            g = tree.parent[g]
    return sorted(found)


def sort_grouped(
    row: list[int],
    groups: list[int],
    value: Sequence[float],
    kept: list[list[int]],
    group: list[int],
    tree: Tree,
    place: list[float],
) -> None:
    """Sort a row by value, with the groups in it by their mean, but those of each list of `kept` in its order."""
    total = dict.fromkeys(groups, 0.0)
    count = dict.fromkeys(groups, 0)
    rank = dict.fromkeys(groups, float("inf"))
    for i in row:
        g = group[i]
        if g:
            total[g] += value[i]
            count[g] += 1
            rank[g] = min(rank[g], place[i])
    for g in reversed(groups):
        p = tree.parent[g]
        if p:
            total[p] += total[g]
            count[p] += count[g]
            rank[p] = min(rank[p], rank[g])
    mean = {g: total[g] / count[g] for g in groups}
    for siblings in kept:
        make_rise(siblings, mean, count)
        for at, g in enumerate(siblings):
            rank[g] = at
    key: dict[int, tuple[tuple[float, float, int], ...]] = {0: ()}
    for g in groups:
        key[g] = (*key[tree.parent[g]], (mean[g], rank[g], g))
    row.sort(key=lambda i: (*key[group[i]], (value[i], place[i], -1)))


def kept_order(fixed: list[int], shared: set[int], group: list[int], tree: Tree) -> list[list[int]]:
    """Return the groups, of those that row `fixed` shares with another, that stand side by side, in their order."""
    kept: dict[int, list[int]] = {}  # by the group around them
    if len({tree.parent[g] for g in shared}) == len(shared):
        return []
    seen = set[int]()
    for i in fixed:
        g = group[i]
        while g and g not in seen:
            seen.add(g)
            if g in shared:
                kept.setdefault(tree.parent[g], []).append(g)
            g = tree.parent[g]
    return [siblings for siblings in kept.values() if len(siblings) > 1]


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
