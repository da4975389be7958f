"""Makes a large graph small enough to be seen at once, and says how."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tensorgrad.viz.ir import Card, GraphIR, Scope
from tensorgrad.viz.passes.fold import fold, forward_only, fresh, whole
from tensorgrad.viz.passes.hide import without_constants
from tensorgrad.viz.passes.merge import LEAVES
from tensorgrad.viz.passes.nesting import levels, moved_to, owners
from tensorgrad.viz.passes.repeats import folded_repeats, repeats
from tensorgrad.viz.words import elide

LIMIT = 150  # cards: what a screen shows so that each can be read
LEEWAY = 0.25  # of its length, by which a stretch of steps may be shorter or longer to end at a better place
NAMES = 3  # of what is in such a stretch


def tidy(ir: GraphIR, limit: int = LIMIT) -> GraphIR:
    """Return the graph with no more than about `limit` cards, and a note of what was folded for it.

    As far as needed: constants are hidden, repetitions folded, then scopes from the innermost outwards. What is
    still too long is cut into stretches of steps, each a card called "steps 1–500". A graph that is small enough is
    returned as it is.
    Raises ValueError if the graph is no forward graph, or `limit` no integer of 0 or more.
    """
    forward_only(ir, "tidy")
    limit = whole("limit", limit, "how many cards may be shown")
    if len(ir.cards) <= limit:
        return ir
    small = without_constants(ir)
    done: list[str] = []
    if len(small.cards) > limit:
        around = repeats(small)
        repeated = set(folded_repeats(around))
        done += ["repetitions"] * bool(repeated)
        chosen, depth = enough(around, repeated, limit)
        done += [] if depth is None else [f"scopes (depth={depth})"]
        small = fold(around, chosen)
    if len(small.cards) > limit:
        small = in_stretches(small, limit)
        done.append("stretches of steps")
    folded = f": {joined(done)} are folded" if done else ""
    deep = max(99, max(levels(ir.scopes).values(), default=0) + 1)
    shown = f"{len(ir.cards):,} cards are shown as {len(small.cards):,}{folded}"
    note = f"{shown}. Pass depth= to choose, depth={deep} for all"
    return replace(small, notes=[*small.notes, note])


def enough(ir: GraphIR, repeated: set[str], limit: int) -> tuple[set[str], int | None]:
    """Return the scopes to fold: repetitions, and all from a level on, the innermost at which the cards are few."""
    level = levels(ir.scopes)

    def chosen(depth: int) -> set[str]:
        return repeated | {scope for scope, at in level.items() if at >= depth}

    def shown(depth: int) -> int:
        owner = owners(ir, chosen(depth))
        return owner.count("") + len(set(owner) - {""})

    low, high = 0, max(level.values(), default=-1) + 1  # with the last, no more than the repetitions are folded
    if shown(high) <= limit:
        return repeated, None
    while low < high:
        middle = (low + high + 1) // 2
        if shown(middle) <= limit:
            low = middle
        else:
            high = middle - 1
    return chosen(low), low if any(scope.kind != "repeat" for scope in ir.scopes) else None


def in_stretches(ir: GraphIR, limit: int) -> GraphIR:
    """Return the graph with its steps folded in stretches that follow each other, and leaves with what reads them."""
    root = ir.cards[-1]
    steps = [card for card in ir.cards if card.kind not in LEAVES and card is not root]
    ends = cuts(ir, steps, max(1, limit // 2))
    stretch: dict[str, int] = {}
    for k, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        stretch.update((card.id, k) for card in steps[start:end])
    place = {card.id: i for i, card in enumerate(ir.cards)}
    last = len(ends)  # of what the root alone reads
    first = {card.id: last for card in ir.cards if card.kind in LEAVES and card is not root}
    for edge in ir.edges:
        if edge.source in first and edge.target in stretch:
            first[edge.source] = min(first[edge.source], stretch[edge.target])
    inputs = [card.id for card in ir.cards if card.kind == "input"]
    if len(inputs) <= limit // 10:  # what enters is worth to be seen
        first = {id: k for id, k in first.items() if id not in inputs}
    if list(first.values()).count(last) <= limit // 4:
        first = {id: k for id, k in first.items() if k != last}
    taken = {card.id for card in ir.cards}
    members: dict[int, list[Card]] = {}
    for id, k in sorted((stretch | first).items(), key=lambda pair: place[pair[0]]):
        members.setdefault(k, []).append(ir.cards[place[id]])
    scopes, home, done = [], dict[str, str](), 0
    for k in sorted(members):
        inside = [card for card in members[k] if card.kind not in LEAVES]
        count = sum(card.count for card in inside)
        if len(members[k]) > 1:
            title = f"steps {done + 1:,}–{done + count:,}" if inside else f"{len(members[k]):,} arrays"
            scopes.append(Scope(fresh(f"t{k}", taken), title, "function", contents(inside)))
            home.update((card.id, scopes[-1].id) for card in members[k])
        done += count
    cards = [moved_to(card, home.get(card.id, "")) for card in ir.cards]
    return fold(replace(ir, cards=cards, scopes=scopes), [scope.id for scope in scopes])


def cuts(ir: GraphIR, steps: Sequence[Card], pieces: int) -> list[int]:
    """Return where stretches of steps end: near equal parts, where few results go across."""
    at = {card.id: i for i, card in enumerate(steps)}
    last = list(range(len(steps)))
    for edge in ir.edges:
        if edge.source in at:
            last[at[edge.source]] = max(last[at[edge.source]], at.get(edge.target, len(steps)))
    width = [0] * (len(steps) + 2)
    for step, reader in enumerate(last):
        width[step + 1] += 1
        width[reader + 1] -= 1
    for i in range(1, len(width)):
        width[i] += width[i - 1]
    length = len(steps) / pieces
    ends = [0]
    for k in range(1, pieces):
        middle = round(k * length)
        leeway = int(length * LEEWAY)
        near = range(max(middle - leeway, ends[-1] + 1), min(middle + leeway, len(steps) - 1) + 1)
        if near:
            ends.append(min(near, key=lambda i: (width[i], abs(i - middle))))
    return [*ends[1:], len(steps)]


def contents(cards: Sequence[Card]) -> str:
    """Return what is in a stretch: how often each of the most frequent titles."""
    titles = Counter(elide(card.title, 24) for card in cards)
    words = [f"{n:,} {title}" for title, n in sorted(titles.items(), key=lambda pair: (-pair[1], pair[0]))]
    return ", ".join(words[:NAMES] + ["…"] * (len(words) > NAMES))


def joined(words: Sequence[str]) -> str:
    """Return words as in a sentence.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
