"""Arranges boxes, links and groups from top to bottom, knowing nothing of what they stand for."""

from collections.abc import Sequence

from tensorgrad.viz.layout.align import Segment, straight_lines, with_edges
from tensorgrad.viz.layout.cells import Cells, Tree, join, nest
from tensorgrad.viz.layout.data import BOX_GAP, CHANNEL, Arranged, Box, Group, Link, Place
from tensorgrad.viz.layout.layers import layer
from tensorgrad.viz.layout.order import order_rows
from tensorgrad.viz.layout.place import settle
from tensorgrad.viz.layout.route import bands, put, route, simplify
from tensorgrad.viz.layout.spine import main_path
from tensorgrad.viz.layout.strands import Strands, bends, thread

__all__ = ["Arranged", "Box", "Group", "Link", "Place", "arrange"]

LEAST_WEIGHT = 1e-3  # a line of no weight follows others, but is not left behind


def arrange(boxes: Sequence[Box], links: Sequence[Link], groups: Sequence[Group] = ()) -> Arranged:
    """Return a layered drawing, in which every link leads down and the heaviest chain of boxes is straight.

    No boxes overlap, and no line crosses one. A group holds its members and nothing else, and groups overlap only if
    one is in the other; one without boxes has no place. A box `beside` another stands on its row, several on one
    side above each other, and links between them go across, if both are in one group and no other path leads between
    them.
    Long links of one box share their way. The same input gives the same drawing.
    Raises ValueError if an id is given twice or not known, if a size is not positive and finite, a weight
    negative, or if links, or groups, lead in a circle.
    Follows Sugiyama, Tagawa, Toda 1981, "Methods for visual understanding of hierarchical system structures".

    >>> drawing = arrange([Box("x", 80, 20), Box("y", 80, 20)], [Link("x", "y")])
    >>> drawing.boxes["y"]
    Place(x=0.0, y=56.0, width=80, height=20)
    >>> drawing.links
    [[(40.0, 20.0), (40.0, 56.0)]]
    """
    tree, number = nest(groups)
    cells = join(boxes, links, number)
    if not boxes:
        return Arranged(0.0, 0.0, {}, {}, [])
    row = layer(cells, tree)
    strands = thread(cells, row, tree)
    main, pinned = main_path(cells, strands)
    rows = order_rows(cells, strands, tree, main)
    left, right = extents(cells, strands)
    lines = with_edges(rows, left, right, strands, tree)
    segments = from_centres(cells, strands, tree)
    x = settle(lines, straight_lines(lines, strands, tree, segments, main), segments, pinned)
    down = bands(cells, strands, tree, x)
    places = put(cells, strands, x, down)
    ways = route(cells, strands, x, down, places)
    shown = {
        tree.groups[g].id: Place(
            x[lines.n + 2 * g],
            down.group_top[g],
            x[lines.n + 2 * g + 1] - x[lines.n + 2 * g],
            down.group_bottom[g] - down.group_top[g],
        )
        for g in range(1, len(tree.groups))
        if strands.last[g] >= 0
    }
    return from_origin(cells, places, shown, ways)


def extents(cells: Cells, strands: Strands) -> tuple[list[float], list[float]]:
    """Return how far everything reaches to the left and to the right of its x."""
    left, right = [0.0] * len(strands.row), [0.0] * len(strands.row)
    for cell, head in enumerate(cells.head):
        left[cell] = right[cell] = cells.boxes[head].width / 2
        for side, reach in ((-1, left), (1, right)):
            stack = cells.beside(cell, side)
            if stack:
                reach[cell] += BOX_GAP + max(cells.boxes[i].width for i in stack) + CHANNEL * (len(stack) > 1)
    return left, right


def from_centres(cells: Cells, strands: Strands, tree: Tree) -> list[Segment]:
    """Return the lines between rows, with how far from the x of their ends they end."""

    def off(box: int) -> float:
        if box < 0 or not cells.side[box]:
            return 0.0
        head = cells.boxes[cells.head[cells.of[box]]]
        return cells.side[box] * ((head.width + cells.boxes[box].width) / 2 + BOX_GAP)

    return [
        (upper, lower, off(s), off(t), LEAST_WEIGHT if bends(upper, lower, strands, tree) else weight or LEAST_WEIGHT)
        for upper, lower, s, t, weight in strands.segments
    ]


def from_origin(
    cells: Cells, places: list[Place], groups: dict[str, Place], links: list[list[tuple[float, float]]]
) -> Arranged:
    """Return the drawing, moved so that its top left corner is at 0, 0."""
    all_places = [*places, *groups.values()]
    x = min([p.x for p in all_places] + [a for way in links for a, _ in way])
    y = min([p.y for p in all_places])
    width = max([p.x + p.width for p in all_places] + [a for way in links for a, _ in way]) - x
    height = max(p.y + p.height for p in all_places) - y

    def moved(p: Place) -> Place:
        return Place(round(p.x - x, 2), round(p.y - y, 2), p.width, p.height)

    return Arranged(
        round(width, 2),
        round(height, 2),
        {box.id: moved(p) for box, p in zip(cells.boxes, places, strict=True)},
        {id: moved(p) for id, p in groups.items()},
        [simplify([(round(a - x, 2), round(b - y, 2)) for a, b in way]) for way in links],
    )
