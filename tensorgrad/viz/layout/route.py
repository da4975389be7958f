"""Gives rows and groups their heights, and each link its corners: sideways only between rows, straight down in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from tensorgrad.viz.layout.cells import Cells, Tree
from tensorgrad.viz.layout.data import BOX_GAP, CHANNEL, LINE_GAP, PAD, ROW_GAP, STACK_GAP, Place
from tensorgrad.viz.layout.strands import Strands

USED = 0.36  # how much of a box's width lines may end on, to either side of its centre
FLAT = 0.12  # how steep a line should be at least,
WIDEST_GAP = 80.0  # if rows need not be further apart for it
END_GAP = 10.0  # between the ends of lines that come from the same side

Point = tuple[float, float]
Fall = tuple[float, int, int]  # x, first row, last row


@dataclass(slots=True)
class Bands:
    """The top and bottom of each row, and of each group."""

    top: list[float]
    bottom: list[float]
    group_top: list[float]
    group_bottom: list[float]


def stack_height(cells: Cells, stack: list[int]) -> float:
    """Return the height of boxes that stand above each other."""
    heights = [cells.boxes[i].height for i in stack]
    return sum(heights) + STACK_GAP * max(0, len(heights) - 1)


def bands(cells: Cells, strands: Strands, tree: Tree, x: Sequence[float]) -> Bands:
    """Return the heights: rows as high as their highest cell, and between them room for the titles of groups.

    Rows between which a line goes far to the side are further apart, so that it is not all too flat.
    """
    rows = max(strands.row, default=-1) + 1
    height = [0.0] * rows
    for cell, head in enumerate(cells.head):
        r = strands.row[cell]
        stacks = (cells.beside(cell, side) for side in (-1, 1)) if cells.stack[cell] else ()
        height[r] = max(height[r], cells.boxes[head].height, *(stack_height(cells, stack) for stack in stacks))
    over = [0.0] * len(tree.groups)  # from the top of a group to its first row
    under = [0.0] * len(tree.groups)
    begin, end = [0.0] * rows, [0.0] * rows
    for g in range(len(tree.groups) - 1, 0, -1):
        first, last, p = strands.first[g], strands.last[g], tree.parent[g]
        if last < 0:
            continue
        over[g] += tree.groups[g].title + PAD / 2
        under[g] += tree.groups[g].foot + PAD
        begin[first] = max(begin[first], over[g])
        end[last] = max(end[last], under[g])
        if p and strands.first[p] == first:
            over[p] = max(over[p], over[g])
        if p and strands.last[p] == last:
            under[p] = max(under[p], under[g])
    aside = [0.0] * rows
    for upper, lower, _, _, _ in strands.segments:
        r = strands.row[upper]
        aside[r] = max(aside[r], abs(x[upper] - x[lower]))
    top, bottom = [0.0] * rows, [0.0] * rows
    y = 0.0
    for r in range(rows):
        wide = min(FLAT * aside[r - 1], WIDEST_GAP)
        y += max(ROW_GAP, wide, end[r - 1] + begin[r] + LINE_GAP) if r else begin[r]
        top[r] = y
        y += height[r]
        bottom[r] = y
    shown = [last >= 0 for last in strands.last]
    return Bands(
        top,
        bottom,
        [top[strands.first[g]] - over[g] if shown[g] else 0.0 for g in range(len(tree.groups))],
        [bottom[strands.last[g]] + under[g] if shown[g] else 0.0 for g in range(len(tree.groups))],
    )


def put(cells: Cells, strands: Strands, x: Sequence[float], down: Bands) -> list[Place]:
    """Return the place of each box: its cell's, in the middle of the row, and what stands beside it."""
    places = [Place(0.0, 0.0, 0.0, 0.0)] * len(cells.boxes)
    for cell, head in enumerate(cells.head):
        r = strands.row[cell]
        middle = (down.top[r] + down.bottom[r]) / 2
        box = cells.boxes[head]
        places[head] = Place(x[cell] - box.width / 2, middle - box.height / 2, box.width, box.height)
        for side in (-1, 1) if cells.stack[cell] else ():
            stack = cells.beside(cell, side)
            y = middle - stack_height(cells, stack) / 2
            for i in stack:
                other = cells.boxes[i]
                left = places[head].x - BOX_GAP - other.width if side < 0 else places[head].x + box.width + BOX_GAP
                places[i] = Place(left, y, other.width, other.height)
                y += other.height + STACK_GAP
    return places


def route(cells: Cells, strands: Strands, x: Sequence[float], down: Bands, places: list[Place]) -> list[list[Point]]:
    """Return the corners of each link, from the border of its source to that of its target.

    A link leaves at the bottom and arrives at the top, upright if the boxes are above each other, and otherwise from
    where it is shortest. Between the boxes of a stack and the one they stand beside it goes across.
    """
    falls = upright(cells, strands, x, places)
    starts: dict[tuple[int, float, float], float] = {}  # by box, and the range of x that the line can next be at
    stops: dict[tuple[int, float, float], float] = {}
    ways = []
    for (s, t, _), fall in zip(cells.links, falls, strict=True):
        after = (fall[0][0], fall[0][0]) if fall else reach(places[t])
        before = (fall[-1][0], fall[-1][0]) if fall else reach(places[s])
        begin, end = (s, *after), (t, *before)
        ways.append((begin, end))
        if cells.of[s] != cells.of[t]:
            starts[begin] = stops[end] = 0.0
    spread(starts, places)
    spread(stops, places)
    drawn = []
    for (s, t, _), fall, (begin, end) in zip(cells.links, falls, ways, strict=True):
        a, b = strands.row[cells.of[s]], strands.row[cells.of[t]]
        if a == b:
            drawn.append(across(cells, places, s, t))
            continue
        corners = leave(cells, places, s, starts[begin], down.bottom[a])
        for at, first, last in fall:
            corners += [(at, down.top[first]), (at, down.bottom[last])]
        corners += arrive(cells, places, t, stops[end], down.top[b])
        drawn.append(corners)
    return drawn


def upright(cells: Cells, strands: Strands, x: Sequence[float], places: list[Place]) -> list[list[Fall]]:
    """Return where each link goes straight down past boxes, from the top."""
    lane = lanes(cells, strands, max([p.x + p.width for p in places] + list(x[strands.cells :])))
    begin = list(range(len(strands.row)))  # of each point, the one above from which the line goes straight down to it
    for point in range(strands.cells, len(strands.before)):
        above = strands.before[point]
        if above >= 0 and x[above] == x[point]:
            begin[point] = begin[above]
    falls: list[list[Fall]] = []
    for k, (s, t, _) in enumerate(cells.links):
        fall: list[Fall] = []
        if strands.lane[k]:
            fall.append((lane[s], strands.row[cells.of[s]] + 1, strands.row[cells.of[t]] - 1))
        point = strands.last_point[k]
        while point >= 0:
            fall.append((x[point], strands.row[begin[point]], strands.row[point]))
            point = strands.before[begin[point]]
        falls.append(fall[::-1])
    return falls


def reach(place: Place) -> tuple[float, float]:
    """Return from where to where lines end on a box."""
    centre = place.x + place.width / 2
    return centre - USED * place.width, centre + USED * place.width


def spread(ends: dict[tuple[int, float, float], float], places: list[Place]) -> None:
    """Find where on its box each line ends: straight below what it leads to, or as near as it can, side by side."""
    tied: dict[tuple[int, bool], list[tuple[int, float, float]]] = {}
    for key in ends:
        box, other_low, other_high = key
        low, high = reach(places[box])
        if other_high < low or other_low > high:
            tied.setdefault((box, other_high < low), []).append(key)
        else:
            ends[key] = (max(low, other_low) + min(high, other_high)) / 2
    for (box, to_left), keys in tied.items():
        low, high = reach(places[box])
        step = min(END_GAP, (high - low) / 2 / len(keys))
        keys.sort(key=lambda key: key[1], reverse=not to_left)
        for n, key in enumerate(keys):
            ends[key] = low + n * step if to_left else high - n * step


def leave(cells: Cells, places: list[Place], box: int, x: float, row_bottom: float) -> list[Point]:
    """Return the way from a box to the bottom of its row: past those below it in a stack."""
    place, stack = places[box], cells.beside(cells.of[box], cells.side[box])
    bottom = place.y + place.height
    if stack and box != stack[-1]:
        border, channel = past(cells, places, box, stack)
        return [(border, place.y + place.height / 2), (channel, bottom), (channel, row_bottom)]
    return [(x, bottom), (x, row_bottom)]


def arrive(cells: Cells, places: list[Place], box: int, x: float, row_top: float) -> list[Point]:
    """Return the way to a box from the top of its row: past those above it in a stack."""
    place, stack = places[box], cells.beside(cells.of[box], cells.side[box])
    if stack and box != stack[0]:
        border, channel = past(cells, places, box, stack)
        return [(channel, row_top), (channel, place.y), (border, place.y + place.height / 2)]
    return [(x, row_top), (x, place.y)]


def past(cells: Cells, places: list[Place], box: int, stack: list[int]) -> tuple[float, float]:
    """Return the x of the outer border of a box in a stack, and of the line past the others."""
    if cells.side[box] < 0:
        return places[box].x, min(places[i].x for i in stack) - CHANNEL
    return places[box].x + places[box].width, max(places[i].x + places[i].width for i in stack) + CHANNEL


def across(cells: Cells, places: list[Place], source: int, target: int) -> list[Point]:
    """Return the way between a box and the one that it stands beside: level, unless others stand there too."""
    aside = source if cells.side[source] else target
    a, b = places[aside], places[source + target - aside]
    middle = b.y + b.height / 2
    off = a.y + a.height / 2 - middle
    stack = cells.beside(cells.of[aside], cells.side[aside])
    room = max([abs(places[i].y + places[i].height / 2 - middle) for i in stack])
    scale = min(1.0, 0.4 * b.height / room) if room else 1.0
    left = cells.side[aside] < 0
    way = [(a.x + a.width if left else a.x, middle + off), (b.x if left else b.x + b.width, middle + off * scale)]
    return way if aside == source else way[::-1]


def lanes(cells: Cells, strands: Strands, right: float) -> dict[int, float]:
    """Return the x of the lane of each box that has one: right of everything, and shared where they do not meet."""
    rows: dict[int, tuple[int, int]] = {}
    for k, (s, t, _) in enumerate(cells.links):
        if strands.lane[k]:
            first, last = strands.row[cells.of[s]], strands.row[cells.of[t]]
            rows[s] = (first, max(last, rows[s][1]) if s in rows else last)
    free: list[tuple[int, int]] = []  # last row and number of each lane
    found: dict[int, float] = {}
    for s, (first, last) in sorted(rows.items(), key=lambda item: item[1]):
        if free and free[0][0] < first:
            _, n = heappop(free)
        else:
            n = len(free)
        heappush(free, (last, n))
        found[s] = right + BOX_GAP + n * LINE_GAP
    return found


def simplify(corners: list[Point]) -> list[Point]:
    """Return the corners without those that are none: on top of another, or on the line between two upright ones."""
    kept: list[Point] = []
    for point in corners:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and kept[-2][0] == kept[-1][0] == point[0]:
            kept.pop()
        kept.append(point)
    return kept
