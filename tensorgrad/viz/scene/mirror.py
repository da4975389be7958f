"""Arranges both passes side by side: the forward one, and to its right, as in a mirror, the rules of its steps."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace

from tensorgrad.viz.ir import GraphIR
from tensorgrad.viz.layout import Arranged, Place
from tensorgrad.viz.layout.route import simplify

HALF_PAD = 20.0  # from the border of a half to what is in it
HALF_TITLE = 24.0
HALVES_GAP = 36.0
CORNER = 0.25  # part of a card's side, at either end, that lines keep off
BESIDE, ABOVE = 12.0, 6.0  # how far the line to what is kept stays from cards
FORWARD, BACKWARD = "forward-pass", "backward-pass"  # ids of the groups around the halves

Point = tuple[float, float]
Sizes = Mapping[str, tuple[float, float]]
Arrange = Callable[[GraphIR, Sizes, Mapping[str, float]], Arranged]


def mirrored(ir: GraphIR, sizes: Sizes, titles: Mapping[str, float], arrange: Arrange) -> Arranged:
    """Return the places of both passes: rows are as high as the higher of step and rule. `arrange` places the steps."""
    forward_ids = {card.id for card in ir.cards if card.kind not in ("rule", "gradient")}
    partner = {card.of: card.id for card in ir.cards if card.kind in ("rule", "gradient") and card.of in forward_ids}
    behind = {id: of for of, id in partner.items()}
    placed = [card for card in ir.cards if card.id not in behind]
    own = {card.id for card in placed}
    edges = [edge for edge in ir.edges if edge.source in own and edge.target in own and edge.kind != "kept"]
    slots = {
        card.id: (
            max(sizes[card.id][0], sizes[partner.get(card.id, card.id)][0]),
            max(sizes[card.id][1], sizes[partner.get(card.id, card.id)][1]),
        )
        for card in placed
    }
    half = arrange(replace(ir, cards=placed, edges=edges, view="forward"), slots, titles)
    top = HALF_TITLE + HALF_PAD
    middle = half.width + 2 * HALF_PAD + HALVES_GAP / 2  # what is at x on the left is at 2 * middle - x on the right

    def right(x: float) -> float:
        return 2 * middle - x - HALF_PAD

    boxes: dict[str, Place] = {}
    for card in ir.cards:
        slot = half.boxes[behind.get(card.id, card.id)]
        width, height = sizes[card.id]
        x = slot.x + (slot.width - width) / 2
        x = right(x + width) if card.id in behind else x + HALF_PAD
        boxes[card.id] = Place(round(x, 2), round(slot.y + (slot.height - height) / 2 + top, 2), width, height)
    groups = {
        id: Place(place.x + HALF_PAD, place.y + top, place.width, place.height) for id, place in half.groups.items()
    }
    for inner, other in mirrored_scopes(ir).items():
        if inner in half.groups:
            place = half.groups[inner]
            groups[other] = Place(round(right(place.x + place.width), 2), place.y + top, place.width, place.height)
    size = (half.width + 2 * HALF_PAD, half.height + top + HALF_PAD)
    groups[FORWARD] = Place(0.0, 0.0, *size)
    groups[BACKWARD] = Place(size[0] + HALVES_GAP, 0.0, *size)

    ahead = iter([[(x + HALF_PAD, y + top) for x, y in way] for way in half.links])
    back: dict[tuple[str, str], list[list[Point]]] = {}  # the ways of the forward pass, turned round
    for edge, way in zip(edges, half.links, strict=True):
        back.setdefault((edge.target, edge.source), []).append([(right(x), y + top) for x, y in reversed(way)])
    rows = bands(boxes)
    links: list[list[Point]] = []
    for edge in ir.edges:
        a, b = boxes[edge.source], boxes[edge.target]
        if edge.kind == "kept":
            links.append(kept_way(a, b, rows))
            continue
        if edge.source in own and edge.target in own:
            way = next(ahead)
        else:
            ways = back.get((behind.get(edge.source, ""), behind.get(edge.target, "")), [])
            way = ways.pop(0) if len(ways) > 1 else ways[0] if ways else straight(a, b)
        start, end = nearest(way[0], a), nearest(way[-1], b)
        if len(way) == 2 and (a.x + a.width < b.x or b.x + b.width < a.x) and level(a, b):
            corners = [(start[0], inside(start[1], a)), (end[0], inside(end[1], b))]  # between cards beside each other
        else:
            corners = [start, *way, end]
        links.append(simplify([(round(x, 2), round(y, 2)) for x, y in corners]))
    return Arranged(2 * size[0] + HALVES_GAP, size[1], boxes, groups, links)


def mirrored_scopes(ir: GraphIR) -> dict[str, str]:
    """Return what the scopes of rules are called in the picture, by the scope of the steps.

    A scope that holds steps and rules is drawn twice, the second time as "b" and its id.
    """
    if ir.view != "both":
        return {}
    parent = {scope.id: scope.parent for scope in ir.scopes}
    home = {card.id: card.scope for card in ir.cards}
    found: dict[str, str] = {}
    for card in ir.cards:
        if card.kind in ("rule", "gradient") and card.of in home:
            one, other = home[card.of], card.scope
            while one and one not in found:
                found[one] = f"b{one}" if other in ("", one, *found.values()) else other
                one, other = parent.get(one, ""), parent.get(other, "")
    return found


# Ways
def nearest(point: Point, place: Place) -> Point:
    """Return the point of a box that is the nearest."""
    x, y = point
    return min(max(x, place.x), place.x + place.width), min(max(y, place.y), place.y + place.height)


def level(a: Place, b: Place) -> bool:
    """Whether two boxes are, in part, at the same height."""
    return a.y < b.y + b.height and b.y < a.y + a.height


def inside(y: float, place: Place) -> float:
    """Return the nearest height at which a line may end on the side of a box, off its corners."""
    return min(max(y, place.y + CORNER * place.height), place.y + (1 - CORNER) * place.height)


def straight(a: Place, b: Place) -> list[Point]:
    """Return the way between two boxes that nothing is known of: straight."""
    start, end = (a.x + a.width / 2, a.y + a.height / 2), (b.x + b.width / 2, b.y + b.height / 2)
    return [nearest(end, a), nearest(start, b)]


def bands(boxes: Mapping[str, Place]) -> list[tuple[float, float, list[Place]]]:
    """Return the rows of a drawing, from the top: where each begins and ends, and the boxes in it."""
    rows: list[tuple[float, float, list[Place]]] = []
    for place in sorted(boxes.values(), key=lambda place: (place.y, place.x)):
        if rows and place.y <= rows[-1][1]:
            top, bottom, members = rows[-1]
            members.append(place)
            rows[-1] = (top, max(bottom, place.y + place.height), members)
        else:
            rows.append((place.y, place.y + place.height, [place]))
    return rows


def kept_way(a: Place, b: Place, rows: list[tuple[float, float, list[Place]]]) -> list[Point]:
    """Return the way from a step to its rule: level, or over the boxes between them."""
    start, end = (a.x + a.width, a.y + a.height / 2), (b.x, b.y + b.height / 2)
    at = bisect_right(rows, start[1], key=lambda row: row[0]) - 1
    top, _, members = rows[at]
    if not any(place.x < end[0] and place.x + place.width > start[0] for place in members):
        return [start, end]
    left, right, y = start[0] + BESIDE, end[0] - BESIDE, top - ABOVE
    return [
        (round(x, 2), round(y, 2)) for x, y in (start, (left, start[1]), (left, y), (right, y), (right, end[1]), end)
    ]
