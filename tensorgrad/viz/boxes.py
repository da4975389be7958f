"""Finds the modules in a graph, from names that are paths: `layers.0.weight` belongs to layers.0, and that to layers.

An op belongs to the module whose parameter it is the first to read. What lies on a path between two ops of a module
belongs to it too, like the activation between two layers. A module that would take in ops of another gets no box.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tensorgrad.viz.ir import Edge, GraphIR


@dataclass(slots=True)
class Box:
    """A module: its path, the cards directly in it, and the modules within; the outermost has the path ""."""

    path: str
    cards: list[str] = field(default_factory=list)
    boxes: "list[Box]" = field(default_factory=list)


def modules(ir: GraphIR) -> Box:
    """Return the cards of a graph in nested boxes, each in the order of the graph."""
    into = ir.incoming()
    place = {card.id: i for i, card in enumerate(ir.cards)}
    owner: dict[str, str] = {}  # the path of the module that each card is in
    for card in ir.cards:
        if card.kind == "parameter" and (prefix := card.name.rpartition(".")[0]):
            owner[card.id] = prefix
    parameters = dict(owner)
    claimed = set[str]()
    for card in ir.cards:
        sources = [edge.source for edge in into[card.id] if edge.source in parameters]
        if sources and len({parameters[s] for s in sources}) == 1 and claimed.isdisjoint(sources):
            owner[card.id] = parameters[sources[0]]
        claimed.update(sources)

    members: dict[str, list[str]] = {}  # of each module, with those within it
    for id, path in owner.items():
        for prefix in prefixes(path):
            members.setdefault(prefix, []).append(id)
    for path in list(members):
        ops = [id for id in members[path] if id not in parameters]
        if not ops or any(len(members.get(outer, ())) == len(members[path]) for outer in prefixes(path)[:-1]):
            del members[path]  # nothing happens in it, or it is all that the module around it has
    kept: list[str] = []
    for path in sorted(members, key=lambda path: (path.count("."), place[members[path][0]])):
        between = enclosed([id for id in members[path] if id not in parameters], ir, into, place)
        if all(within(owner.get(id, ""), path) or within(path, owner.get(id, "")) for id in between):
            kept.append(path)
            owner.update((id, path) for id in between if not within(owner.get(id, ""), path))
    for card in ir.cards:
        for edge in into[card.id]:
            if edge.source not in owner and ir.cards[place[edge.source]].kind == "constant":
                owner[edge.source] = owner.get(card.id, "")

    made = {"": Box("")}

    def innermost(path: str) -> Box:
        return next(made[prefix] for prefix in reversed(["", *prefixes(path)]) if prefix in made)

    for path in kept:
        made[path] = Box(path)
        innermost(path.rpartition(".")[0]).boxes.append(made[path])
    for card in ir.cards:
        innermost(owner.get(card.id, "")).cards.append(card.id)
    return made[""]


def unfold(box: Box) -> Iterator[Box]:
    """Yield a box and all within it, each before what it holds."""
    stack = [box]
    while stack:
        yield (box := stack.pop())
        stack += reversed(box.boxes)


def enclosed(members: list[str], ir: GraphIR, into: dict[str, list[Edge]], place: dict[str, int]) -> list[str]:
    """Return the cards that lie on a path from one of `members` to another, these included."""
    first, last = min(map(place.__getitem__, members)), max(map(place.__getitem__, members))
    window = [card.id for card in ir.cards[first : last + 1]]
    after, before = set(members), set(members)
    for id in window:
        if any(edge.source in after for edge in into[id]):
            after.add(id)
    for id in reversed(window):
        if id in before:
            before.update(edge.source for edge in into[id])
    return [id for id in window if id in after and id in before]


def prefixes(path: str) -> list[str]:
    """Return a path and the paths that it begins with, shortest first; none for "".

    >>> prefixes("layers.0")
    ['layers', 'layers.0']
    """
    parts = path.split(".") if path else []
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def within(path: str, outer: str) -> bool:
    """Whether the module at `path` is that at `outer`, or in it."""
    return not outer or path == outer or path.startswith(outer + ".")
