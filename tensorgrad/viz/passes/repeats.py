"""Finds what is repeated, layers or the steps of a loop, and draws scopes around it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tensorgrad.viz.ir import GraphIR, Scope
from tensorgrad.viz.passes.fold import forward_only, fresh
from tensorgrad.viz.passes.nesting import moved_to
from tensorgrad.viz.passes.periods import FEWEST, periodic
from tensorgrad.viz.passes.steps import Item, Steps, line_up, without_numbers
from tensorgrad.viz.passes.wiring import alike, begins, entering
from tensorgrad.viz.words import elide

FEWEST_STEPS = 6  # in all blocks, where these are no scopes: three sums in a row are no loop
NAMES = 4  # of what repeats, in a title
LONGEST = 40  # letters of a name in a title


@dataclass(frozen=True, slots=True)
class Repetition:
    """A stretch of items that consists of blocks which do the same."""

    start: int
    block: int  # items
    times: int


@dataclass(frozen=True, slots=True)
class Copy:
    """Where something that is looked through once stands, of the places at which it is the same."""

    scope: str  # id of the scope around it
    first: int  # its first item, among those of the scope that it comes from


def repeats(ir: GraphIR) -> GraphIR:
    """Return the graph with a scope of kind "repeat" around what is repeated three times or more; nothing is folded.

    Layers that do the same, whose titles differ in numbers alone, and the blocks of an unrolled loop: the same
    steps, shapes and notes, wired in the same way among each other and to the block before. Of a loop each block
    gets a scope of its own, called 1, 2, … Parameters and constants move along if nothing else reads them. A graph
    in which repetitions were found before is returned as it is.
    Raises ValueError if the graph is no forward graph.
    """
    forward_only(ir, "repeats")
    if folded_repeats(ir):
        return ir
    steps = line_up(ir)
    taken = {scope.id for scope in ir.scopes}
    made: list[Scope] = []
    moved: dict[Item, str] = {}  # to which new scope each item goes
    barred: dict[int, set[str]] = {}  # from which new scopes a leaf stays away
    for k in range(len(steps.scopes)):
        if len(steps.items[k]) >= FEWEST and steps.usable[k]:
            search(steps, k, taken, made, moved, barred)
    return nested(steps, made, moved, barred) if made else ir


def folded_repeats(ir: GraphIR) -> list[str]:
    """Return the ids of the scopes to fold so that each repetition is one card."""
    return [scope.id for scope in ir.scopes if scope.kind == "repeat" and scope.times > 1]


def search(
    steps: Steps, k: int, taken: set[str], made: list[Scope], moved: dict[Item, str], barred: dict[int, set[str]]
) -> None:
    """Find the repetitions among the items of scope `k`, and those within the blocks of each."""
    items = steps.items[k]
    waiting = [([Copy(steps.scopes[k].id, 0)], len(items))]
    while waiting:
        copies, length = waiting.pop()
        sample = copies[min(1, len(copies) - 1)].first  # the second: the first may read what is before the loop
        for found in repetitions(steps, items[sample : sample + length]):
            blocks: list[Copy] = []
            for copy in copies:
                first = copy.first + found.start
                around = add_scope(steps, items[first : first + found.block * found.times], found, copy.scope, taken)
                made.append(around)
                block_size = sum(steps.size[item] for item in items[first : first + found.block])
                for leaf in entering(steps, steps.start[items[first]], block_size):
                    barred.setdefault(leaf, set()).add(around.id)
                for i in range(found.times):
                    here = first + i * found.block
                    block = around.id
                    if found.block > 1:
                        made.append(Scope(fresh(f"{around.id}.{i + 1}", taken), str(i + 1), "repeat", parent=block))
                        block = made[-1].id
                    blocks.append(Copy(block, here))
                    moved.update(dict.fromkeys(items[here : here + found.block], block))
            if found.block >= FEWEST:
                waiting.append((blocks, found.block))


def repetitions(steps: Steps, items: Sequence[Item]) -> list[Repetition]:
    """Return repetitions that do not overlap, those that cover most first chosen, in their order."""
    free = [True] * len(items)
    chosen = []
    found = periodic([steps.tokens[item] for item in items])
    for start, stop, period in sorted(found, key=lambda run: (run[0] - run[1], run[2], run[0])):
        for low, high in gaps(free, start, stop):
            if high - low < FEWEST * period:
                continue
            block = aligned(steps, items, low, high, period)
            for low_, times in alike(steps, items, block, period, (high - block) // period):
                if times >= FEWEST and all(free[max(low_ - period, 0) : low_]) and begins(steps, items, low_, period):
                    low_, times = low_ - period, times + 1
                covered = items[low_ : low_ + period * times]
                if times >= FEWEST and (len(covered) >= FEWEST_STEPS or max(covered) >= len(steps.ir.cards)):
                    chosen.append(Repetition(low_, period, times))
                    free[low_ : low_ + period * times] = [False] * (period * times)
    return sorted(chosen, key=lambda repetition: repetition.start)


def gaps(free: list[bool], start: int, stop: int) -> list[tuple[int, int]]:
    """Return the stretches from start to stop that are free."""
    found = []
    low = start
    for i in range(start, stop + 1):
        if i == stop or not free[i]:
            if i > low:
                found.append((low, i))
            low = i + 1
    return found


def aligned(steps: Steps, items: Sequence[Item], low: int, high: int, period: int) -> int:
    """Return where the first block begins: where few results go across, at the first line of a loop, or at once."""

    def key(offset: int) -> tuple[int, int, int, int]:
        item = items[low + period + offset]
        card = steps.ir.cards[item] if item < len(steps.ir.cards) else None
        line = card.line.number if card is not None and card.line is not None else 0
        return steps.width[steps.start[item]], line, -((high - low - offset) // period), offset

    return low + min((i for i in range(period) if (high - low - i) // period >= FEWEST), key=key)


def add_scope(steps: Steps, items: Sequence[Item], found: Repetition, parent: str, taken: set[str]) -> Scope:
    """Return the scope around a repetition, titled by what repeats."""
    n = len(steps.ir.cards)
    inside = [steps.scopes[item - n] for item in items if item >= n]
    title = " → ".join(names(steps, items[: found.block]))
    note = ""  # how often is shown by itself
    if found.block == 1 and inside:
        titles = [elide(f"{outer(steps, s)}{s.title}", LONGEST) for s in (inside[0], inside[-1])]
        title = " … ".join(dict.fromkeys(titles))
        note = inside[0].note if len({scope.note for scope in inside}) == 1 else ""
    return Scope(fresh(f"r{steps.start[items[0]]}", taken), title, "repeat", note, parent, found.times)


def outer(steps: Steps, scope: Scope) -> str:
    """Return the title of the scope around one that has but a number, "layers." of "0"; else nothing."""
    around = next((s.title for s in steps.scopes if s.id == scope.parent), "")
    return f"{around}." if around and scope.title.isdigit() else ""


def names(steps: Steps, items: Sequence[Item]) -> list[str]:
    """Return what the items of a block are called, each name once in a row, and … for the rest."""
    n = len(steps.ir.cards)
    found: list[str] = []
    for item in items:
        if item < n:
            name = steps.ir.cards[item].title
        else:
            scope = steps.scopes[item - n]
            kind = re.match(r"(\w+)\(", scope.note)  # "Linear(64 → 32)" is one of many of its kind
            name = (
                kind[1] if kind else without_numbers(f"{outer(steps, scope)}{scope.title}").strip("#.") or scope.title
            )
        name = elide(name, LONGEST)
        if not found or found[-1] != name:
            found.append(name)
    return found if len(found) <= NAMES else [*found[:NAMES], "…"]


def nested(steps: Steps, made: list[Scope], moved: dict[Item, str], barred: dict[int, set[str]]) -> GraphIR:
    """Return the graph with the new scopes in their places, and everything in the scope that it goes to."""
    ir, n = steps.ir, len(steps.ir.cards)
    old = [replace(scope, parent=moved.get(n + k, scope.parent)) for k, scope in enumerate(ir.scopes, 1)]
    scopes = outer_first([*made, *old])
    parents = {scope.id: scope.parent for scope in scopes}
    new = {scope.id for scope in made}
    homes = [moved.get(i, card.scope) for i, card in enumerate(ir.cards)]
    readers: dict[int, list[str]] = {}
    for step, reads in enumerate(steps.reads):
        for _, source, card in reads:
            if source < 0:
                readers.setdefault(card, []).append(homes[steps.card[step]])
    split = {scope.parent for scope in made}
    for leaf, around in readers.items():
        if homes[leaf] in split:
            homes[leaf] = common(around, homes[leaf], parents, new - barred[leaf] if leaf in barred else new)
    cards = [moved_to(card, home) for card, home in zip(ir.cards, homes, strict=True)]
    return replace(ir, cards=cards, scopes=scopes)


def outer_first(scopes: Sequence[Scope]) -> list[Scope]:
    """Return the scopes in an order in which each comes behind the one around it."""
    children: dict[str, list[Scope]] = {}
    for scope in reversed(scopes):
        children.setdefault(scope.parent, []).append(scope)
    ordered: list[Scope] = []
    waiting = children.get("", [])
    while waiting:
        ordered.append(waiting.pop())
        waiting += children.get(ordered[-1].id, [])
    return ordered


def common(readers: Sequence[str], home: str, parents: dict[str, str], new: Collection[str]) -> str:
    """Return the innermost of some new scopes that is within `home` and around all readers; `home` if none is."""
    shared: list[str] | None = None  # the way down to it
    for scope in dict.fromkeys(readers):
        way = []
        inner = scope
        while inner and inner != home:
            way.append(inner)
            inner = parents[inner]
        if inner != home:
            return home
        way.reverse()
        shared = way if shared is None else [a for a, b in zip(way, shared, strict=False) if a == b]
    for scope in shared or ():
        if scope not in new:
            break
        home = scope
    return home
