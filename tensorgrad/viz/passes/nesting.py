"""Who is inside whom: the tree of scopes, which of them can each become one card, and which cannot."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter

from tensorgrad.viz.ir import Card, GraphIR, Scope
from tensorgrad.viz.passes.order import circles

EFFORT = 20  # looks at a card, on average, that finding the cause of a circle may take
NAMES = [f.name for f in fields(Card)]
VALUES, SCOPE = attrgetter(*NAMES), NAMES.index("scope")
ROUNDS = 8  # of finding causes of circles, before all that is on one is opened


def levels(scopes: Iterable[Scope]) -> dict[str, int]:
    """Return how deep each scope is, from 0. Repetitions do not count: what is in them is as deep as they are."""
    deep: dict[str, int] = {}
    counts: dict[str, bool] = {}
    for scope in scopes:
        deep[scope.id] = deep[scope.parent] + counts[scope.parent] if scope.parent in deep else 0
        counts[scope.id] = scope.kind != "repeat"
    return deep


def outermost(scopes: Iterable[Scope], chosen: Collection[str]) -> dict[str, str]:
    """Return for each scope the outermost of the chosen ones around it, which it may be itself; "" if none is."""
    around: dict[str, str] = {"": ""}
    for scope in scopes:
        around[scope.id] = around.get(scope.parent, "") or (scope.id if scope.id in chosen else "")
    return around


def owners(ir: GraphIR, chosen: Collection[str]) -> list[str]:
    """Return which of the chosen scopes takes in each card; "" if none does, as with the loss, which stays."""
    around = outermost(ir.scopes, chosen)
    last = ir.cards[-1] if ir.cards else None
    return ["" if card is last and card.kind == "loss" else around.get(card.scope, "") for card in ir.cards]


def foldable(ir: GraphIR, chosen: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the owners of the cards once all that would make a circle is left open, and the ids of scopes left open.

    A path may leave a scope and come back, so that as one card it would need its own result. Instead of such a scope
    those in it are folded.
    """
    children: dict[str, list[str]] = {}
    for scope in ir.scopes:
        children.setdefault(scope.parent, []).append(scope.id)
    place = {card.id: i for i, card in enumerate(ir.cards)}
    arrows = [(place[edge.source], place[edge.target]) for edge in ir.edges]
    into: dict[int, list[int]] = {}
    for a, b in arrows:
        into.setdefault(b, []).append(a)
    folded, opened = set(chosen), set[str]()
    for attempt in range(len(ir.scopes) + 1):
        owner = owners(ir, folded)
        inside: dict[str, list[int]] = {}
        for i, around in enumerate(owner):
            if around:
                inside.setdefault(around, []).append(i)
        tangles = tangled(owner, inside, arrows)
        if not tangles:
            break
        for tangle in tangles:
            open_now = tangle if attempt >= ROUNDS else causes(tangle, inside, into, 1 << attempt)
            opened.update(open_now)
            folded.difference_update(open_now)
            folded.update(child for id in open_now for child in children.get(id, ()))
    return owner, [scope.id for scope in ir.scopes if scope.id in opened]


def tangled(
    owner: Sequence[str], inside: Mapping[str, Sequence[int]], arrows: list[tuple[int, int]]
) -> list[list[str]]:
    """Return the scopes that would be on a circle as one card each, those of a circle together."""
    scopes = list(inside)
    at = {scope: len(owner) + k for k, scope in enumerate(scopes)}
    vertex = [at.get(scope, i) for i, scope in enumerate(owner)]
    joined = [(vertex[a], vertex[b]) for a, b in arrows if vertex[a] != vertex[b]]
    found = circles(len(owner) + len(scopes), joined)
    return [[scopes[v - len(owner)] for v in circle if v >= len(owner)] for circle in found]


def causes(
    tangle: list[str], inside: Mapping[str, Sequence[int]], into: Mapping[int, Sequence[int]], guesses: int
) -> list[str]:
    """Return scopes of a circle to open: those to which a path comes back, or else some of the most spread ones."""

    def spread(scope: str) -> int:
        return inside[scope][-1] - inside[scope][0]

    tangle = sorted(tangle, key=spread, reverse=True)
    effort = EFFORT * max(1, len(into))
    guilty = []
    for scope in tangle:
        effort -= spread(scope)
        if effort < 0:
            break
        if not convex(inside[scope], into):
            guilty.append(scope)
    return guilty or tangle[:guesses]


def convex(members: Sequence[int], into: Mapping[int, Sequence[int]]) -> bool:
    """Whether no path leads out of `members`, which are sorted and in topological order, and back.

    >>> convex([0, 2], {1: [0], 2: [1]}), convex([0, 1], {1: [0], 2: [1]})
    (False, True)
    """
    inside, left = set(members), set[int]()
    for v in range(members[0], members[-1] + 1) if members else ():
        sources = into.get(v, ())
        if v in inside:
            if not left.isdisjoint(sources):
                return False
        elif not (inside.isdisjoint(sources) and left.isdisjoint(sources)):
            left.add(v)  # inside holds later members too, but those are no source
    return True


def moved_to(card: Card, scope: str) -> Card:
    """Return the card in another scope. Three times as fast as `replace`, which many cards notice."""
    if card.scope == scope:
        return card
    values = [*VALUES(card)]
    values[SCOPE] = scope
    return Card(*values)
