"""Says which module each card is in: by the calls that recorded it, or by names that are paths.

By names, `layers.0.weight` belongs to layers.0, and that to layers. An op belongs to the module whose parameter it is
the first to read. What lies on a path between two ops of a module belongs to it too, like the activation between two
layers. A module that would take in ops of another gets no scope.
"""

import math
from dataclasses import replace
from functools import lru_cache

from tensorgrad.viz.ir import Card, Edge, GraphIR, Scope
from tensorgrad.viz.record.calls import Call


def by_calls(ir: GraphIR, calls: list[Call], where: dict[str, int], outside: set[str]) -> GraphIR:
    """Return a graph with a scope for each call of a module, and each of a function that took several steps.

    where: the call that recorded a card, by the card's id; of those that a call recorded.   outside: the cards of
    arguments, which are drawn outside of all calls. What else is no step is where all that read it are.
    """
    total = [call.steps for call in calls]
    for i in range(len(calls) - 1, -1, -1):  # inner calls come after outer ones
        if calls[i].parent >= 0:
            total[calls[i].parent] += total[i]
    shown: list[int] = []  # for each call, the innermost scope at it, -1 for none
    scopes: list[Scope] = []
    paths: list[str] = []
    parents: list[int] = []  # of scopes
    uses: list[int] = []
    for i, call in enumerate(calls):
        outer = shown[call.parent] if call.parent >= 0 else -1
        if total[i] < (1 if call.module else 2):
            shown.append(outer)
            continue
        above = next((p for p in around(outer, parents) if within(call.title, paths[p]) and paths[p]), None)
        title = call.title if above is None else call.title[len(paths[above]) + 1 :] or call.title
        title += f" ({call.use})" * (call.use > 1 and (above is None or uses[above] != call.use))
        shown.append(len(scopes))
        parents.append(outer)
        paths.append(call.title)
        uses.append(call.use)
        within_scope = f"s{outer}" if outer >= 0 else ""
        scopes.append(Scope(f"s{len(scopes)}", title, "module" if call.module else "function", call.note, within_scope))
    home = {id: shown[place] for id, place in where.items()}
    home |= {card.id: -1 for card in ir.cards if card.kind in ("op", "loss") and card.id not in where}
    users: dict[str, list[str]] = {}
    for edge in ir.edges:
        users.setdefault(edge.source, []).append(edge.target)
    for card in ir.cards:
        if card.id not in home:
            places = {home[id] for id in users.get(card.id, ())}
            home[card.id] = -1 if card.id in outside else common(places, parents)
    cards: list[Card] = []
    for card in ir.cards:
        here = home[card.id]
        if card.kind == "parameter" and users.get(card.id):
            reader = home[users[card.id][0]]
            card = replace(card, title=full(card.title, paths[reader] if reader >= 0 else ""))
        title = short(card, paths[here]) if here >= 0 else card.title
        cards.append(replace(card, title=title, scope=f"s{here}" if here >= 0 else ""))
    return replace(ir, cards=cards, scopes=counted(scopes, cards))


def around(scope: int, parents: list[int]) -> list[int]:
    """Return a scope and those around it, the innermost first."""
    found = []
    while scope >= 0:
        found.append(scope)
        scope = parents[scope]
    return found


def common(scopes: set[int], parents: list[int]) -> int:
    """Return the innermost scope that is around all of `scopes`; -1 for none."""
    if len(scopes) == 1:
        return next(iter(scopes))
    rest = [around(scope, parents)[::-1] for scope in sorted(scopes)] or [[]]
    both = -1
    for level in zip(*rest, strict=False):
        if len(set(level)) > 1:
            break
        both = level[0]
    return both


def full(name: str, path: str) -> str:
    """Return the name of a parameter that is read in the module at `path`, with all of that.

    >>> full("layers.0.weight", "net.layers.0"), full("w", "net")
    ('net.layers.0.weight', 'w')
    """
    prefix, _, last = name.rpartition(".")
    return f"{path}.{last}" if prefix and path.endswith(f".{prefix}") else name


def short(card: Card, path: str) -> str:
    """Return a card's title without the path of the module that it is drawn in."""
    prefix, _, last = card.title.rpartition(".")
    path = path.partition(" (")[0]  # of a module that is used again
    inside = card.kind == "parameter" and prefix and (path == prefix or path.endswith("." + prefix))
    return last if inside and last else card.title


def counted(scopes: list[Scope], cards: list[Card]) -> list[Scope]:
    """Return scopes that say how many parameters are in them."""
    sizes = dict.fromkeys([scope.id for scope in scopes], 0)
    for card in cards:
        if card.kind == "parameter" and card.scope:
            sizes[card.scope] += math.prod(n or 0 for n in card.shape)
    for scope in reversed(scopes):
        if scope.parent:
            sizes[scope.parent] += sizes[scope.id]
    return [replace(scope, note=" · ".join(filter(None, [scope.note, words(sizes[scope.id])]))) for scope in scopes]


def words(parameters: int) -> str:
    """Return a number of parameters in words, nothing for none."""
    return f"{parameters:,} parameter{'s' * (parameters != 1)}" if parameters else ""


def by_names(ir: GraphIR) -> GraphIR:
    """Return a graph with the scopes that the names of its parameters tell of."""
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

    number = {path: f"s{i}" for i, path in enumerate(kept)}

    def innermost(path: str) -> str:
        return next((prefix for prefix in reversed(prefixes(path)) if prefix in number), "")

    scopes = []
    for path in kept:
        outer = innermost(path.rpartition(".")[0])
        title = path[len(outer) + 1 :] if outer else path
        scopes.append(Scope(number[path], title, "module", "", number.get(outer, "")))
    homes = {card.id: innermost(owner.get(card.id, "")) for card in ir.cards}
    cards = [
        replace(card, scope=number[homes[card.id]], title=short(card, homes[card.id])) if homes[card.id] else card
        for card in ir.cards
    ]
    return replace(ir, cards=cards, scopes=counted(scopes, cards))


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


@lru_cache(maxsize=1024)  # each path is asked for several times, and long ones take long
def prefixes(path: str) -> list[str]:
    """Return a path and the paths that it begins with, shortest first; none for "".

    >>> prefixes("layers.0")
    ['layers', 'layers.0']
    >>> prefixes(".")  # of a parameter that is called ".."
    ['.']
    """
    parts = path.split(".") if path else []
    return list(filter(None, (".".join(parts[: i + 1]) for i in range(len(parts)))))


def within(path: str, outer: str) -> bool:
    """Whether the module at `path` is that at `outer`, or in it."""
    return not outer or path == outer or path.startswith(outer + ".")
