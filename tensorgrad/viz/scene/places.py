"""Turns a graph into boxes, links and groups, and has them arranged: leaves on the row of what reads them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from tensorgrad.viz.ir import GraphIR
from tensorgrad.viz.layout import Arranged, Box, Group, Link, Place, arrange
from tensorgrad.viz.layout.data import PAD
from tensorgrad.viz.scene.mirror import mirrored

TITLE = 26.0  # height of the strip that a scope's title stands in
STRAIGHT, USUAL, ASIDE = 3.0, 1.0, 0.5  # weights of links on the main path, of others, of those from leaves
STACK = 3  # leaves that stand on one side of their consumer; further ones stand above it
LEAVES = ("parameter", "input", "constant")

Point = tuple[float, float]
Side = Literal["left", "right"]
Sides = dict[str, tuple[str, Side]]  # of a card that stands beside another: that, and on which side of it


def arranged(ir: GraphIR, sizes: Mapping[str, tuple[float, float]], titles: Mapping[str, float]) -> Arranged:
    """Return the places of cards and scopes, and the corners of edges, in the order of `ir.edges`.

    sizes: width and height of each card, by id.   titles: width of each scope's title, by id.
    A parameter stands on the row of its consumer, where both are in the same scope, and the main path is straight.
    In the view of both passes a rule stands on the row of its step, in a mirror image of the forward pass to the right,
    whose scopes are called as `mirrored_scopes` says.

    >>> from tensorgrad.viz.ir import Card, Edge
    >>> w, y = (Card(id, kind, id, id, (2,), "f64", 16) for id, kind in (("w", "parameter"), ("y", "op")))
    >>> places = arranged(GraphIR([w, y], [Edge("w", "y", 0)]), {"w": (80, 40), "y": (80, 40)}, {})
    >>> places.boxes["y"].y - places.boxes["w"].y
    76.0
    """
    if ir.view == "both":
        return mirrored(ir, sizes, titles, in_one)
    return in_one(ir, sizes, titles)


def in_one(ir: GraphIR, sizes: Mapping[str, tuple[float, float]], titles: Mapping[str, float]) -> Arranged:
    """Return the arrangement of a graph without halves."""
    sides = beside(ir)
    main = main_path(ir, sides)
    leaves = {card.id for card in ir.cards if card.kind in LEAVES or card.kind == "gradient"}
    boxes = [Box(card.id, *sizes[card.id], card.scope, *sides.get(card.id, ())) for card in ir.cards]
    weights = [
        STRAIGHT if main.get(e.source) == e.target else ASIDE if not leaves.isdisjoint((e.source, e.target)) else USUAL
        for e in ir.edges
    ]
    widths = [(scope.id, scope.parent, titles.get(scope.id, 0.0)) for scope in ir.scopes]
    if ir.view != "backward":
        links = [Link(e.source, e.target, weight) for e, weight in zip(ir.edges, weights, strict=True)]
        return arrange(boxes, links, [Group(id, parent, TITLE, width) for id, parent, width in widths])
    # from below: the lines to one gradient then share their way, as those from one parameter do
    links = [Link(e.target, e.source, weight) for e, weight in zip(ir.edges, weights, strict=True)]
    groups = [Group(id, parent, PAD / 2, width, TITLE - PAD / 2) for id, parent, width in widths]
    return upside_down(arrange(boxes[::-1], links, groups))


def upside_down(drawing: Arranged) -> Arranged:
    """Return a drawing with what was at the bottom at the top, the last box first, and each link from its other end."""

    def flipped(place: Place) -> Place:
        return replace(place, y=round(drawing.height - place.y - place.height, 2))

    return replace(
        drawing,
        boxes={id: flipped(drawing.boxes[id]) for id in reversed(drawing.boxes)},
        groups={id: flipped(place) for id, place in drawing.groups.items()},
        links=[[(x, round(drawing.height - y, 2)) for x, y in reversed(way)] for way in drawing.links],
    )


def beside(ir: GraphIR) -> Sides:
    """Return which leaves stand on the row of their first consumer, and which gradients on that of their rule."""
    cards = {card.id: card for card in ir.cards}
    sides: Sides = {}
    placed = set[str]()
    for target, edges in ir.incoming().items():
        sources = list(dict.fromkeys(edge.source for edge in edges))
        if cards[target].kind == "gradient" and sources:
            if ir.view == "backward" or cards[target].of in sides:  # with both passes, where its leaf does
                sides[target] = (sources[-1], "left")
            continue
        free = [s for s in sources if cards[s].kind in LEAVES and s not in placed]
        if free and all(cards[s].kind in LEAVES for s in sources) and not cards[target].forgotten:
            # the path begins here: what enters stands above or, where all come in here, one of them
            above = next((s for s in free if cards[s].kind == "input"), free[0] if free == sources else "")
            free = [s for s in free if s != above]
        placed.update(sources)
        left = dict.fromkeys(("left", "right"), STACK)
        for s in free:
            side: Side = "left" if cards[s].kind == "parameter" else "right"
            if cards[s].scope == cards[target].scope and left[side]:
                sides[s] = (target, side)
                left[side] -= 1
    return sides


def main_path(ir: GraphIR, sides: Sides) -> dict[str, str]:
    """Return the longest way to the root, or in the backward view from it: for each card on it, the next."""
    depth: dict[str, int] = {}
    longest: dict[str, str] = {}
    for target, edges in ir.incoming().items():
        sources = [e.source for e in edges if sides.get(e.source, ("",))[0] != target and target not in sides]
        if sources:
            longest[target] = max(sources, key=depth.__getitem__)  # of equals the first
        depth[target] = 1 + max((depth[s] for s in sources), default=0)
    main: dict[str, str] = {}
    if not ir.cards:
        return main
    here = max(depth, key=depth.__getitem__) if ir.view == "backward" else ir.cards[-1].id
    while here in longest:
        main[longest[here]] = here
        here = longest[here]
    return main
