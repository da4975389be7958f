"""Finds room for the words on edges: what an argument is for, and shapes where they change."""

import math
from collections.abc import Iterable
from itertools import pairwise

from tensorgrad.viz.ir import Card, Edge
from tensorgrad.viz.layout import Place
from tensorgrad.viz.scene.cards import GREY, SLATE
from tensorgrad.viz.scene.looks import USUAL
from tensorgrad.viz.scene.pieces import Row, Text, row_width
from tensorgrad.viz.scene.places import LEAVES
from tensorgrad.viz.words import elide

FIRST = {"if", "1"}  # roles of a first argument that an edge names; of later ones it names all
SIZE = 9.5
BAND = 64.0  # things are looked for in bands of this height
TITLE_IN, TITLE_DOWN, TITLE_HIGH = 14.0, 6.0, 18.0  # where the title of a scope is in its box
TITLE_STEP = 24.0  # from one place that is tried for it to the next
NEEDED = 26.0  # length of an upright piece of an edge that has room for words beside it

Point = tuple[float, float]
Rect = tuple[float, float, float, float]  # left, top, right, bottom


class Crowd:
    """Rectangles that are taken, by the bands of y that they are in."""

    def __init__(self) -> None:
        self.bands: dict[int, list[Rect]] = {}

    def add(self, rect: Rect) -> None:
        """Note that a rectangle is taken."""
        for band in range(int(rect[1] // BAND), int(rect[3] // BAND) + 1):
            self.bands.setdefault(band, []).append(rect)

    def free(self, rect: Rect) -> bool:
        """Whether nothing that is taken overlaps a rectangle."""
        left, top, right, bottom = rect
        return not any(
            a < right and c > left and b < bottom and d > top
            for band in range(int(top // BAND), int(bottom // BAND) + 1)
            for a, b, c, d in self.bands.get(band, ())
        )


def crowded(places: Iterable[Place], ways: Iterable[tuple[Point, ...]]) -> Crowd:
    """Return what boxes and edges take."""
    crowd = Crowd()
    for place in places:
        crowd.add((place.x, place.y, place.x + place.width, place.y + place.height))
    for points in ways:
        for (x, y), (x2, y2) in pairwise(points):
            crowd.add((min(x, x2) - 2, min(y, y2), max(x, x2) + 2, max(y, y2)))
    return crowd


def title_place(place: Place, title: Row, crowd: Crowd) -> tuple[float, Row]:
    """Return where a title begins in a box, and as much of it as has room: at the left, or where no line passes."""
    top, bottom = place.y + TITLE_DOWN, place.y + TITLE_DOWN + TITLE_HIGH
    for row in (title, title[:1]):
        width = row_width(row)
        first = place.x + TITLE_IN
        last = max(place.x + place.width - TITLE_IN - width, first)
        for x in (
            first,
            last,
            *[first + step * TITLE_STEP for step in range(1, int((last - first) // TITLE_STEP) + 1)],
        ):
            if crowd.free((x - 4, top, x + width + 4, bottom)):
                crowd.add((x, top, x + width, bottom))
                return round(x, 1), row
    return place.x + TITLE_IN, title


def edge_labels(
    edges: Iterable[tuple[Edge, tuple[Point, ...]]], cards: dict[str, Card], crowd: Crowd
) -> list[tuple[float, float, Text]]:
    """Return the words on edges, each with the left end of its base line: those that find room."""
    found: list[tuple[float, float, Text]] = []
    for edge, points in edges:
        words = edge_words(edge, cards)
        if not words:
            continue
        sign = len(words) == 1 and not words.isalnum()  # as "−", which is easily overlooked
        text = Text(words, SLATE if sign else GREY, 13 if sign else SIZE, mono=True, bold=sign)
        for (x, y), (x2, y2) in pairwise(points[::-1]):
            if x != x2 or abs(y2 - y) < NEEDED:
                continue
            base = (y + y2) / 2 + SIZE * 0.2 if abs(y2 - y) < 3 * NEEDED else y + math.copysign(NEEDED, y2 - y)
            spots = (x + 6, x - 6 - text.width())
            rects = [(left - 1, base - text.size, left + text.width() + 1, base + 3) for left in spots]
            at = next((i for i, rect in enumerate(rects) if crowd.free(rect)), None)
            if at is not None:
                crowd.add(rects[at])
                found.append((round(spots[at], 1), round(base, 1), text))
                break
    return found


def edge_words(edge: Edge, cards: dict[str, Card]) -> str:
    """Return what stands on an edge: the role of the argument, and its shape if the step changes it."""
    if edge.kind != "value":
        return ""
    source, target = cards[edge.source], cards[edge.target]
    named = edge.argument > 0 or edge.role in FIRST
    if source.kind in LEAVES and (edge.argument, edge.role) in USUAL:
        named = False
    role = elide(edge.role, 16) if named else ""
    sizes = "×".join("?" if n is None else str(n) for n in source.shape) if source.shape != target.shape else ""
    shape = f"[{sizes}]" if len(source.shape) == 1 and sizes else sizes  # a number alone says which argument it is
    shape = shape if source.kind in ("op", "module") and len(shape) <= 20 else ""
    times = f"×{edge.count}" if edge.count > 1 else ""
    return " ".join(filter(None, [role, shape, times and f"({times})"]))
