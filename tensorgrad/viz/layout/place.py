"""Gives everything its x: the main path in one vertical, the rest near its neighbours, and nothing too near another."""

from collections.abc import Sequence

from tensorgrad.viz.layout.align import Lines, Segment
from tensorgrad.viz.layout.cells import in_order

ROUNDS = 10
Pulls = list[list[tuple[int, float, float]]]  # of each block: another, how far from it, and how much it is wanted
Gaps = list[list[tuple[int, float]]]  # of each block: those next to it, with the least distance


def settle(lines: Lines, root: list[int], segments: Sequence[Segment], pinned: int) -> list[float]:
    """Return the x of each cell, point and edge, with the block of `pinned` at 0.

    In each round, every block is wanted at the mean of what it is linked with, and edges of groups close to what they
    hold; then all are moved apart.
    """
    roots = sorted({root[i] for line in lines.rows for i in line})
    number = {r: k for k, r in enumerate(roots)}
    gaps: dict[tuple[int, int], float] = {}
    for (a, b), distance in lines.apart.items():
        pair = (number[root[a]], number[root[b]])
        gaps[pair] = max(gaps.get(pair, 0.0), distance)
    order = in_order(len(roots), list(gaps))  # each block after those to its left
    at = [0] * len(roots)
    for k, block in enumerate(order):
        at[block] = k
    block_of = {r: at[k] for r, k in number.items()}
    before: Gaps = [[] for _ in roots]
    after: Gaps = [[] for _ in roots]
    for (a, b), distance in gaps.items():
        before[at[b]].append((at[a], distance))
        after[at[a]].append((at[b], distance))
    pulls: Pulls = [[] for _ in roots]
    for upper, lower, s, t, weight in segments:
        a, b = block_of[root[upper]], block_of[root[lower]]
        if a != b:
            pulls[a].append((b, t - s, weight))
            pulls[b].append((a, s - t, weight))
    edges = [roots[block] - lines.n for block in order]  # of groups, below 0 for others
    lefts = [k for k, edge in enumerate(edges) if edge >= 0 and edge % 2 == 0]
    rights = [k for k, edge in enumerate(edges) if edge >= 0 and edge % 2]
    low, high = bounds(block_of[root[pinned]], before, after)
    x = between([0.0] * len(roots), low, high, before, after)
    for _ in range(ROUNDS - 1):
        want = x[:]
        for k, near in enumerate(pulls):
            if near:
                total = weights = 0.0
                for j, offset, weight in near:
                    total += (x[j] + offset) * weight
                    weights += weight
                want[k] = total / weights
        for k in lefts:
            want[k] = min([x[j] - d for j, d in after[k]])
        for k in rights:
            want[k] = max([x[j] + d for j, d in before[k]])
        x = between(want, low, high, before, after)
    for k in rights:  # each after those within
        x[k] = max([x[j] + d for j, d in before[k]])
    for k in reversed(lefts):
        x[k] = min([x[j] - d for j, d in after[k]])
    return [x[block_of[r]] if r in block_of else 0.0 for r in root]


def bounds(pin: int, before: Gaps, after: Gaps) -> tuple[list[float], list[float]]:
    """Return the least and the greatest x of each block for which block `pin` can stay at 0."""
    low, high = [float("-inf")] * len(before), [float("inf")] * len(before)
    low[pin] = high[pin] = 0.0
    for k in range(pin + 1, len(before)):
        low[k] = max([low[j] + d for j, d in before[k]], default=low[k])
    for k in range(pin - 1, -1, -1):
        high[k] = min([high[j] - d for j, d in after[k]], default=high[k])
    return low, high


def between(
    want: list[float],
    low: list[float],
    high: list[float],
    before: Gaps,
    after: Gaps,
) -> list[float]:
    """Return places near those wanted, within the bounds, that keep all distances.

    One pass from the left pushes blocks to the right until none is too near to another, one from the right pushes them
    to the left: half way between, none is too near either, and neither side is favoured.
    """
    m = len(want)
    want = [min(max(w, a), b) for w, a, b in zip(want, low, high, strict=True)]
    pushed_right, pushed_left = want[:], want[:]
    for k in range(m):
        x = pushed_right[k]
        for j, d in before[k]:
            if pushed_right[j] + d > x:
                x = pushed_right[j] + d
        pushed_right[k] = x
    for k in range(m - 1, -1, -1):
        x = pushed_left[k]
        for j, d in after[k]:
            if pushed_left[j] - d < x:
                x = pushed_left[j] - d
        pushed_left[k] = x
    return [(a + b) / 2 for a, b in zip(pushed_right, pushed_left, strict=True)]
