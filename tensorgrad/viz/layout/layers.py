"""Gives each cell a row: as high as its sources allow, but what begins a path close above what reads it.

Of two groups, or a group and a cell, of which one feeds the other but not the other way around, all of the one stands
above all of the other. For that each group has two numbers of its own, one above its members and one below, as in the
nesting graphs of Sander 1999.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from tensorgrad.viz.layout.cells import Cells, Tree, in_order

CROWD = 16  # more that lead to one cell alone stand in several rows
WIDE = 5  # a source with so many targets holds none of them up: they stand where they are read

Pairs = list[tuple[int, int]]


def layer(cells: Cells, tree: Tree) -> list[int]:
    """Return the row of each cell, so that every link leads down by one row or more.

    Longest paths (Sugiyama, Tagawa, Toda 1981) set the rows. A cell with more below it than above then moves down, to
    shorten its links: so does a path that nothing leads into, whole. Many cells that one reads stand in several rows.
    """
    n = len(cells.head)
    total = n + 2 * len(tree.groups)
    within = nesting(cells, tree)
    pairs = list(dict.fromkeys(cells.pairs))
    steps = [apart(s, t, cells, tree) for s, t in pairs]
    levels = staggered(cells)
    order = in_order(total, within + steps + levels) if within or levels else cells.order
    if len(order) < (total if within or levels else n):
        knot = knots(total, within + steps)
        steps = [pair if knot[a] == knot[b] else (a, b) for pair, (a, b) in zip(pairs, steps, strict=True)]
        order = in_order(total, within + steps + levels)
    row = [0] * total
    below: list[Pairs] = [[] for _ in range(total)]  # with how many rows lower
    for a, b in within:
        below[a].append((b, 0))
    for a, b in steps + levels:
        below[a].append((b, 1))
    for a in order:
        for b, lower in below[a]:
            if row[b] < row[a] + lower:
                row[b] = row[a] + lower
    sink(row, order, below, pairs, within, n)
    return row[:n]


def staggered(cells: Cells) -> Pairs:
    """Return that of many cells which lead to one cell and begin there, each stands below the one before it, or first.

    They are taken in columns, so that lines from above pass between these.
    """
    into: list[list[int]] = [[] for _ in cells.head]
    targets = [0] * len(cells.head)
    for s, t in dict.fromkeys(cells.pairs):
        into[t].append(s)
        targets[s] += 1
    levels: Pairs = []
    for t, sources in enumerate(into):
        alone = [s for s in sources if not into[s] and targets[s] == 1 and cells.group[s] == cells.group[t]]
        if len(sources) > CROWD and len(alone) > CROWD:
            high = math.isqrt(len(alone) - 1)
            levels += [(a, b) for i, (a, b) in enumerate(pairwise(alone), 1) if i % high]
    return levels


def nesting(cells: Cells, tree: Tree) -> Pairs:
    """Return that what is in a group lies between its two numbers: n + 2 g above, and n + 2 g + 1 below."""
    n = len(cells.head)
    within: Pairs = []
    for g in range(1, len(tree.groups)):
        if tree.parent[g]:
            within.append((n + 2 * tree.parent[g], n + 2 * g))
            within.append((n + 2 * g + 1, n + 2 * tree.parent[g] + 1))
    for cell, g in enumerate(cells.group):
        if g:
            within.append((n + 2 * g, cell))
            within.append((cell, n + 2 * g + 1))
    return within


def apart(s: int, t: int, cells: Cells, tree: Tree) -> tuple[int, int]:
    """Return which two numbers a link keeps apart: of the outermost groups that only one of its ends is in."""
    n = len(cells.head)
    a, b = cells.group[s], cells.group[t]
    if a == b:
        return s, t
    common = tree.common(a, b)
    while a != common:
        s, a = n + 2 * a + 1, tree.parent[a]
    while b != common:
        t, b = n + 2 * b, tree.parent[b]
    return s, t


def knots(n: int, pairs: Pairs) -> list[int]:
    """Return for each number below n one that stands for all on a common circle with it.

    Two searches, the second backwards in the order in which the first left what it found (Kosaraju; Sharir 1981).
    """
    ahead: list[list[int]] = [[] for _ in range(n)]
    back: list[list[int]] = [[] for _ in range(n)]
    for a, b in pairs:
        ahead[a].append(b)
        back[b].append(a)
    left: list[int] = []
    seen = [False] * n
    for start in range(n):
        stack = [] if seen[start] else [(start, 0)]
        seen[start] = True
        while stack:
            a, i = stack.pop()
            if i < len(ahead[a]):
                stack.append((a, i + 1))
                b = ahead[a][i]
                if not seen[b]:
                    seen[b] = True
                    stack.append((b, 0))
            else:
                left.append(a)
    knot = [-1] * n
    for start in reversed(left):
        reached = [start] if knot[start] < 0 else []
        for a in reached:  # grows while it is read
            if knot[a] < 0:
                knot[a] = start
                reached += [b for b in back[a] if knot[b] < 0]
    return knot


def sink(row: list[int], order: Sequence[int], below: Sequence[Pairs], pairs: Pairs, within: Pairs, n: int) -> None:
    """Move cells down, in place, where that makes links shorter on the whole, without moving others."""
    above: list[list[int]] = [[] for _ in row]
    targets = [0] * len(row)
    for s, t in pairs:
        above[t].append(s)
        targets[s] += 1
    for inner, outer in within:
        if outer >= n and (outer - n) % 2:
            above[outer].append(inner)
            targets[inner] += inner >= n
    loose = [False] * len(row)  # whether nothing holds it up
    for a in order:
        if a < n:
            loose[a] = all(targets[s] >= WIDE or (loose[s] and targets[s] == 1) for s in above[a])
        else:
            loose[a] = bool(above[a]) and all(loose[s] for s in above[a])
    for a in reversed(order):
        if below[a] and (loose[a] or (a < n and targets[a] > len(above[a]))):
            row[a] = min([row[b] - lower for b, lower in below[a]])
