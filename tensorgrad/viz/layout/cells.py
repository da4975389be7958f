"""Checks what is to be arranged, and joins boxes that stand beside another with it: a cell takes one place in a row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tensorgrad.viz.layout.data import Box, Group, Link


@dataclass(slots=True)
class Tree:
    """The groups by number, each after the one around it; number 0 is the whole drawing."""

    groups: list[Group]
    parent: list[int]
    depth: list[int]

    def common(self, a: int, b: int) -> int:
        """Return the innermost group around both."""
        while a != b:
            if self.depth[a] >= self.depth[b]:
                a = self.parent[a]
            else:
                b = self.parent[b]
        return a


@dataclass(slots=True)
class Cells:
    """The boxes, joined to cells: all in numbers.

    of: the cell of each box.   head: the box that a cell is named after.
    stack: the boxes that stand beside it, from the top.   side: of each box, -1 left of the head, 1 right.
    group: the group of each cell.   links: source box, target box and weight.
    pairs: the links as pairs of cells, without those within one.   order: the cells, sources first.
    """

    boxes: Sequence[Box]
    of: list[int]
    head: list[int]
    stack: list[list[int]]
    side: list[int]
    group: list[int]
    links: list[tuple[int, int, float]]
    pairs: list[tuple[int, int]]
    order: list[int]

    def beside(self, cell: int, side: int) -> list[int]:
        """Return the boxes of a cell on one side of its head, from the top."""
        return [i for i in self.stack[cell] if self.side[i] == side]


def nest(groups: Sequence[Group]) -> tuple[Tree, dict[str, int]]:
    """Return the tree of groups, and the number of each id.

    Raises ValueError if an id is empty or given twice, a size is negative, or a group lies in none that is given, or in
    itself.
    """
    by_id = {group.id: group for group in groups}
    if len(by_id) < len(groups) or "" in by_id:
        raise ValueError(f"groups need different ids, not empty, got {preview([group.id for group in groups])}")
    inside: dict[str, list[Group]] = {}
    for group in groups:
        if not all(0 <= size < math.inf for size in (group.title, group.width, group.foot)):
            raise ValueError(
                f"group {group.id!r} needs a title, a width and a foot from 0 on, got {group.title}, {group.width} "
                f"and {group.foot}"
            )
        if group.parent and group.parent not in by_id:
            raise ValueError(f"group {group.id!r} lies in {group.parent!r}, which is not among the groups")
        inside.setdefault(group.parent, []).append(group)
    tree = Tree([Group("", title=0)], [0], [0])
    number = {"": 0}
    for outer in tree.groups:  # grows while it is read
        for group in inside.get(outer.id, ()):
            number[group.id] = len(tree.groups)
            tree.groups.append(group)
            tree.parent.append(number[outer.id])
            tree.depth.append(tree.depth[number[outer.id]] + 1)
    if len(number) <= len(groups):
        raise ValueError(f"groups lie within each other in a circle: {preview([g for g in by_id if g not in number])}")
    return tree, number


def join(boxes: Sequence[Box], links: Sequence[Link], number: dict[str, int]) -> Cells:
    """Return the cells of boxes and links; `number` gives the groups.

    A wish to stand beside a box is granted where both are in the same group, that box itself stands beside none, and
    no other path leads from one to the other.
    Raises ValueError if an id is given twice or not known, a size or weight makes no sense, or links lead in a circle.
    """
    at = {box.id: i for i, box in enumerate(boxes)}
    if len(at) < len(boxes):
        raise ValueError(f"boxes need different ids, got {preview([box.id for box in boxes])}")
    for box in boxes:
        if not (0 < box.width < math.inf and 0 < box.height < math.inf):
            raise ValueError(f"box {box.id!r} needs a positive width and height, got {box.width} and {box.height}")
    for link in links:
        if not 0 <= link.weight < math.inf:
            raise ValueError(f"link {link.source!r} to {link.target!r} needs a weight from 0 on, got {link.weight}")
    try:
        pairs = [(at[link.source], at[link.target], link.weight) for link in links]
        groups = [number[box.group] for box in boxes]
        beside = [at[box.beside] if box.beside else -1 for box in boxes]
    except KeyError as error:
        raise ValueError(f"{error} is named by a link or a box, but is not among the boxes and groups") from None
    linked = {(s, t) for s, t, _ in pairs}
    for i, t in enumerate(beside):
        if t >= 0 and (groups[t] != groups[i] or boxes[t].beside or {(i, t), (t, i)} <= linked):
            beside[i] = -1
    cells = joined(boxes, groups, pairs, beside)
    if len(cells.order) < len(cells.head):
        for i in circle(cells):
            for member in (cells.head[i], *cells.stack[i]):
                beside[member] = -1
        cells = joined(boxes, groups, pairs, beside)
        if len(cells.order) < len(cells.head):
            raise ValueError(
                f"links lead in a circle, through {preview([boxes[cells.head[i]].id for i in circle(cells)])}"
            )
    return cells


def joined(boxes: Sequence[Box], groups: list[int], links: list[tuple[int, int, float]], beside: list[int]) -> Cells:
    """Return the cells where box i stands beside box `beside[i]`; `order` lacks those on a circle and below it."""
    head = [i for i, t in enumerate(beside) if t < 0]
    of = [0] * len(boxes)
    for cell, i in enumerate(head):
        of[i] = cell
    stack: list[list[int]] = [[] for _ in head]
    for i, t in enumerate(beside):
        if t >= 0:
            of[i] = of[t]
            stack[of[t]].append(i)
    pairs = [(of[s], of[t]) for s, t, _ in links if beside[s] != t and beside[t] != s]
    side = [0 if t < 0 else -1 if box.side == "left" else 1 for box, t in zip(boxes, beside, strict=True)]
    return Cells(boxes, of, head, stack, side, [groups[i] for i in head], links, pairs, in_order(len(head), pairs))


def in_order(n: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Return the numbers below n so that each pair's first precedes its second, but none on a circle or below it."""
    waits = [0] * n
    after: list[list[int]] = [[] for _ in waits]
    for s, t in pairs:
        waits[t] += 1
        after[s].append(t)
    order = [i for i, n in enumerate(waits) if not n]
    for i in order:  # grows while it is read
        for t in after[i]:
            waits[t] -= 1
            if not waits[t]:
                order.append(t)
    return order


def circle(cells: Cells) -> list[int]:
    """Return the cells that lie on a circle, or between two."""
    below = set(range(len(cells.head))).difference(cells.order)
    turned = [(t, s) for s, t in cells.pairs if s in below and t in below]
    return sorted(below.difference(in_order(len(cells.head), turned)))


def preview(names: list[str]) -> str:
    """Return some of many names."""
    return ", ".join(map(repr, names[:5])) + ", …" * (len(names) > 5)
