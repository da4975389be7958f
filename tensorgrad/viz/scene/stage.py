"""Finds the places of all that a picture shows: header, scopes, edges, cards, and boxes with notes."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from tensorgrad.viz.ir import Card, Edge, GraphIR, Scope
from tensorgrad.viz.layout import Arranged, Place
from tensorgrad.viz.scene.cards import GRADIENT, GREY, SLATE
from tensorgrad.viz.scene.labels import Crowd, crowded, edge_labels, title_place
from tensorgrad.viz.scene.looks import looks, sizes
from tensorgrad.viz.scene.mirror import BACKWARD, FORWARD, mirrored_scopes
from tensorgrad.viz.scene.panels import Note, diagnosis, header_rows, origin_note
from tensorgrad.viz.scene.pieces import PAD_Y, Look, Row, Text, row_width
from tensorgrad.viz.scene.places import arranged
from tensorgrad.viz.words import elide

__all__ = ["Frame", "Placed", "Route", "Scene", "arranged", "stage"]

MARGIN = 32.0
BETWEEN = 36.0  # from the drawing to a note beside it
BELOW = 22.0  # from a panel to the drawing
READABLE = 460.0  # width that the lines of the header may have at least
NESTED = ("#F8FAFC", "#F1F5F9")  # fills of scopes, in turn
FRAME, WARM, WARM_FRAME = "#E2E8F0", "#FFFBF5", "#FED7AA"
WARM_NESTED = ("#FFF7ED", "#FFFBF5")
PLAIN_EDGE = "#94A3B8"
ARROWS = {"parameter": "#A78BFA", "input": "#34D399", "constant": "#CBD5E1"}  # by the card that an edge comes from
THICKEST = 5.0
KEPT_EDGE, SICK_EDGE = "#0891B2", "#EF4444"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """The box of a scope, or of a half of the picture, with its title and where that begins."""

    id: str
    place: Place
    title: Row
    title_x: float
    fill: str
    border: str


@dataclass(frozen=True, slots=True)
class Route:
    """An edge: its corners, the arrow at the last, its look, and whether it begins or ends at the side of a card."""

    points: tuple[Point, ...]
    color: str
    width: float
    dashes: str = ""
    arrow: bool = True
    out: bool = False
    into: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A card, or another box with rows in it, with its top left corner."""

    id: str
    x: float
    y: float
    look: Look


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture in figures: what is drawn where, in the order in which it is drawn."""

    width: float
    height: float
    title: str
    frames: list[Frame]
    routes: list[Route]
    labels: list[tuple[float, float, Text]]  # left end of the base line
    cards: list[Placed]
    panels: list[Placed]
    header: list[tuple[float, float, Row]]


def stage(ir: GraphIR) -> Scene:
    """Return the picture of a graph, in figures."""
    shown = looks(ir, wide=True)
    titles = {scope.id: title_row(scope) for scope in ir.scopes}
    places = arranged(ir, sizes(shown), {id: row_width(row) + 28 for id, row in titles.items()})
    note = origin_note(ir)
    aside = BETWEEN + free_from(note, places) if note else 0.0
    width = max(places.width, aside + note.look.width if note else 0.0, READABLE)
    header, top = header_rows(ir, width)
    panel = diagnosis(ir, width)
    panels = [Placed("diagnosis", MARGIN, MARGIN + top, panel)] if panel else []
    top += panel.height + BELOW if panel else 0.0
    right, down = MARGIN + max(0.0, (width - places.width) / 2 if not note else 0.0), MARGIN + top
    boxes = {id: moved(place, right, down) for id, place in places.boxes.items()}
    groups = {id: moved(place, right, down) for id, place in places.groups.items()}
    cards = {card.id: card for card in ir.cards}
    ways = [tuple([(x + right, y + down) for x, y in corners]) for corners in places.links]
    routes = [
        replace(
            route(edge, cards, way),
            out=at_side(way[0], boxes[edge.source]),
            into=at_side(way[-1], boxes[edge.target]),
        )
        for edge, way in zip(ir.edges, ways, strict=True)
    ]
    crowd = crowded(boxes.values(), ways)
    around = frames(ir, titles, groups, crowd)
    bottom = places.height + down
    if note:
        placed, connector = beside_card(note, boxes, aside + right, down)
        panels.append(placed)
        routes += connector
        bottom = max(bottom, placed.y + note.look.height)
    return Scene(
        math.ceil(width + 2 * MARGIN),
        math.ceil(bottom + MARGIN),
        f"{elide(ir.heading(), 200)}: {ir.summary()}",
        around,
        routes,
        edge_labels(zip(ir.edges, ways, strict=True), cards, crowd),
        [Placed(id, place.x, place.y, shown[id]) for id, place in boxes.items()],
        panels,
        [(MARGIN, MARGIN + y, row) for y, row in header],
    )


def moved(place: Place, right: float, down: float) -> Place:
    """Return a place further to the right and down."""
    return Place(place.x + right, place.y + down, place.width, place.height)


# Scopes
def title_row(scope: Scope) -> Row:
    """Return the title of a scope's box."""
    times = [Text(f"×{scope.times:,}", SLATE, 11, bold=True)] if scope.times > 1 else []
    note = [Text(elide(scope.note, 60), GREY, 10.5)] if scope.note else []
    return (Text(elide(scope.title, 40).strip() or scope.kind, SLATE, 12, bold=True), *times, *note)


def frames(ir: GraphIR, titles: dict[str, Row], groups: dict[str, Place], crowd: Crowd) -> list[Frame]:
    """Return the boxes of scopes, outer first, with those of the two halves around them."""
    made: list[Frame] = []

    def add(id: str, place: Place, title: Row, fill: str, border: str) -> None:
        x, shown = title_place(place, title, crowd)
        made.append(Frame(id, place, shown, x, fill, border))

    if ir.view == "both":
        ahead: Row = (Text("forward", SLATE, 14, bold=True), Text("values flow down", GREY, 11))
        back: Row = (Text("backward", "#C2410C", 14, bold=True), Text("gradients flow up", GREY, 11))
        add(FORWARD, groups[FORWARD], ahead, "#FCFDFE", FRAME)
        add(BACKWARD, groups[BACKWARD], back, WARM, WARM_FRAME)
    mirror = mirrored_scopes(ir)
    depth: dict[str, int] = {"": -1}
    for scope in ir.scopes:
        depth[scope.id] = depth[scope.parent] + 1
    for other in (False, True):
        warm = other or ir.view == "backward"
        for scope in ir.scopes:
            id = mirror.get(scope.id, "") if other else scope.id
            if id in groups:
                fill = (WARM_NESTED if warm else NESTED)[depth[scope.id] % 2]
                add(id, groups[id], titles[scope.id], fill, WARM_FRAME if warm else FRAME)
    return made


# Edges
def route(edge: Edge, cards: dict[str, Card], way: tuple[Point, ...]) -> Route:
    """Return an edge: the wider, the more bytes the array has; in red where it carries what is not finite."""
    source = cards[edge.source]
    if edge.kind == "kept":
        return Route(way, KEPT_EDGE, 1.2, "4 3")
    carried = cards[edge.target] if source.kind == "loss" or edge.kind == "gradient" else source
    width = round(min(0.9 + 0.17 * math.log2(1 + (carried.bytes or 8) / 8), THICKEST), 2)
    if edge.kind == "gradient":
        return Route(way, GRADIENT, width)
    sick = source.stats is not None and bool(source.stats.nans or source.stats.infinities)
    color = SICK_EDGE if sick else ARROWS.get(source.kind, PLAIN_EDGE)
    return Route(way, color, width, "5 4" if source.kind == "constant" and not sick else "")


def at_side(point: Point, place: Place) -> bool:
    """Whether an edge ends at the left or right border of a card, not at the top or bottom."""
    return min(abs(point[0] - place.x), abs(point[0] - place.x - place.width)) < 0.1


def note_top(note: Note, card: Place, top: float) -> float:
    """Return where a note begins that has its middle on the row of its card, but does not reach above the drawing."""
    return max(card.y + card.height / 2 - note.look.height / 2, top)


def free_from(note: Note, places: Arranged) -> float:
    """Return how far the drawing reaches to the right where a note stands beside its card."""
    top = note_top(note, places.boxes[note.card], 0.0)
    bottom = top + note.look.height
    rights = [
        place.x + place.width
        for place in (*places.boxes.values(), *places.groups.values())
        if place.y < bottom + BELOW and place.y + place.height > top - BELOW
    ]
    for way in places.links:
        for (x, y), (x2, y2) in pairwise(way):
            if min(y, y2) < bottom + BELOW and max(y, y2) > top - BELOW:
                rights.append(max(x, x2))
    return max(rights)


def beside_card(note: Note, boxes: dict[str, Place], x: float, top: float) -> tuple[Placed, list[Route]]:
    """Return a note beside a card, from x on and not above `top`, and the line between them if it crosses none."""
    card = boxes[note.card]
    middle = card.y + card.height / 2
    placed = Placed("note", x, note_top(note, card, top), note.look)
    blocked = any(p.x > card.x and p.y < middle < p.y + p.height for id, p in boxes.items() if id != note.card)
    level = placed.y + PAD_Y < middle < placed.y + note.look.height - PAD_Y
    if blocked or not level:
        return placed, []
    return placed, [Route(((card.x + card.width, middle), (x, middle)), PLAIN_EDGE, 1.4, "2 4", arrow=False)]
