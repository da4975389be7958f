"""Orders what stands in each row, left to right, so that few lines cross and every group stays in one piece.

Sweeps down and up sort each row by the mean place of neighbours (Sugiyama, Tagawa, Toda 1981). What is in a group moves
with it, and two groups that share several rows keep their order in all of them, as in Sander 1999: the row where a
sweep meets both first decides, and the following ones give way.
"""

from collections import Counter
from collections.abc import Sequence

from tensorgrad.viz.layout.cells import Cells, Tree
from tensorgrad.viz.layout.crossings import Ends, Rows, crossings, note_places, switch
from tensorgrad.viz.layout.strands import Strands

SWEEPS = 24
PATIENCE = 6  # sweeps without fewer crossings, after which no more follow; half of it for many cells and points
WORK = 20_000  # sweeps times cells and points, at most
LEAST = 3  # sweeps nevertheless
SWEPT = 200_000  # above so many cells and points, the first order is kept
SMALL = 400  # up to so many, neighbours are switched after each sweep, and sweeps start from several orders
STARTS, GOLDEN = 4, 0.618
SWITCHED = 8_000  # up to so many, neighbours are switched at the end
SWITCHES = 6  # passes over all rows, at the end
HEAVY = 1  # how often more a neighbour on the main path counts


def order_rows(cells: Cells, strands: Strands, tree: Tree, main: set[tuple[int, int]]) -> Rows:
    """Return what stands in each row, from the left; `main` are the steps of the main path."""
    n = len(strands.row)
    ends = Ends(cells, strands)
    ups, downs = ends.ups[:], ends.downs[:]
    for upper, lower in main:  # keep their places more than others
        ups[lower] = ups[lower] + [upper] * HEAVY
        downs[upper] = downs[upper] + [lower] * HEAVY
    table = Table(strands, tree)
    first = seeds(cells, strands)
    best: Rows = []
    fewest = 0
    for start in range(STARTS if n <= SMALL else 1):
        table.value = [seed * GOLDEN * start % 1 for seed in first] if start else first[:]
        for r in range(len(table.rows)):
            table.arrange(r, -1)
        if n > SWEPT:
            return table.rows
        sweeps = min(SWEEPS, max(LEAST, WORK // n))
        waited = 0
        for sweep in range(sweeps + 1):
            count = crossings(table.rows, ends, table.place)
            waited += 1
            if not best or count < fewest:
                best, fewest, waited = [row[:] for row in table.rows], count, 0
            if not fewest or sweep == sweeps or waited == (PATIENCE if n <= SMALL else PATIENCE // 2):
                break
            table.sweep(downs if sweep % 2 else ups, -1 if sweep % 2 else 1)
            if n <= SMALL:
                switch(table.rows, ends, table.place, strands.group, 1)
        if not fewest:
            return best
    if n <= SWITCHED:
        switch(best, ends, table.place, strands.group, SWITCHES)
    return best


class Table:
    """The rows while they are sorted, by the `value` of what stands in them."""

    def __init__(self, strands: Strands, tree: Tree) -> None:
        self.tree = tree
        self.group = strands.group
        self.rows: Rows = [[] for _ in range(max(strands.row) + 1)]
        for i, r in enumerate(strands.row):
            self.rows[r].append(i)
        self.groups = [groups_in(row, strands.group, tree) for row in self.rows]
        self.value: list[float] = []
        self.place = [0.0] * (2 * len(strands.row))

    def sweep(self, near: list[list[int]], step: int) -> None:
        """Sort row after row by the mean places of neighbours in the one before; step: 1 for down, -1 for up."""
        value, place = self.value, self.place
        rows = range(len(self.rows))[::step]
        for r in rows[1:]:
            row = self.rows[r]
            if len(row) == 1:
                continue
            last = -1.0
            for i in row:
                if near[i]:
                    last = sum([place[j] for j in near[i]]) / len(near[i])
                value[i] = last  # without neighbours: stays right of what it is right of
            self.arrange(r, -step)

    def arrange(self, r: int, back: int) -> None:
        """Sort row r by value, in which groups that row r + back has too keep the order that they have there."""
        if groups := self.groups[r]:
            kept = []
            if r + back >= 0 and len(shared := set(groups).intersection(self.groups[r + back])) > 1:
                kept = kept_order(self.rows[r + back], shared, self.group, self.tree)
            sort_grouped(self.rows[r], groups, self.value, kept, self.group, self.tree, self.place)
        else:
            self.rows[r].sort(key=self.value.__getitem__)
        note_places(self.rows[r], self.place)


def seeds(cells: Cells, strands: Strands) -> list[float]:
    """Return the order to begin with: cells as they were given, points with what their links lead to.

    Where a link is all there is of a cell, its points are below that: of many in several rows, lines pass between them.
    """
    seed = [float(i) for i in range(strands.cells)] + [0.0] * (len(strands.row) - strands.cells)
    ends = Counter(cells.of[end] for s, t, _ in cells.links for end in (s, t))
    for (s, t, _), point in zip(cells.links, strands.last_point, strict=True):
        near = cells.of[s if ends[cells.of[s]] == 1 else t]
        while point >= 0 and not seed[point]:
            seed[point] = near
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
