"""Lines up the steps of a graph so that each scope is a stretch of them: what searches for repetitions look through."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import accumulate

from tensorgrad.viz.ir import Card, GraphIR, Scope
from tensorgrad.viz.passes.merge import LEAVES
from tensorgrad.viz.passes.nesting import EFFORT, convex
from tensorgrad.viz.passes.order import topological

Read = tuple[int, int, int]  # by a step: argument, place of its source or -1, card of that
Item = int  # the number of a card, or the number of cards plus that of a scope


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a graph in a line, given by their places in it; cards and scopes are given by number."""

    ir: GraphIR
    scopes: list[Scope]  # the first is around all
    items: list[list[Item]]  # in each scope, steps and scopes of steps, in an order that could be computed
    usable: list[bool]  # whether there is such an order, and no path leaves the scope and comes back
    tokens: list[int]  # of each item: equal if these are the same, but for what they read
    start: list[int]  # of each item, in the line
    size: list[int]
    card: list[int]  # of each step
    reads: list[list[Read]]  # of each step
    width: list[int]  # how many results go across each place in the line


@dataclass(frozen=True, slots=True)
class Nest:
    """Cards and scopes by number, and edges between them."""

    home: list[int]  # of each card
    parent: list[int]  # of each scope
    depth: list[int]
    step: list[bool]  # whether a card is one
    edges: list[tuple[int, int, int]]  # source, target, argument


def line_up(ir: GraphIR) -> Steps:
    """Return the steps of a graph in a line."""
    scopes = [Scope("", ""), *ir.scopes]
    nest = number(ir, scopes)
    n = len(ir.cards)
    size = [int(step) for step in nest.step] + [0] * len(scopes)
    first = [*range(n), *[n] * len(scopes)]  # the first step of each item
    around = [*(n + home for home in nest.home), *(n + parent for parent in nest.parent)]
    for item in [*range(n), *range(n + len(scopes) - 1, n, -1)]:  # inner scopes before outer ones
        if size[item]:
            size[around[item]] += size[item]
            first[around[item]] = min(first[around[item]], first[item])
    held: list[list[Item]] = [[] for _ in scopes]
    for item in [*range(n), *range(n + 1, n + len(scopes))]:
        if size[item]:
            held[around[item] - n].append(item)
    items, usable = sort_items(held, first, nest)
    reject_leaking(usable, nest)
    start = [0] * (n + len(scopes))
    for k in range(len(scopes)):
        place = start[n + k]
        for item in items[k]:
            start[item] = place
            place += size[item]
    reads: list[list[Read]] = [[] for _ in range(sum(nest.step))]
    for u, v, argument in nest.edges:
        reads[start[v]].append((argument, start[u] if nest.step[u] else -1, u))
    for read in reads:
        read.sort()
    card = [0] * len(reads)
    for i, step in enumerate(nest.step):
        if step:
            card[start[i]] = i
    return Steps(ir, scopes, items, usable, tokens(ir, scopes, items), start, size, card, reads, widths(reads))


def number(ir: GraphIR, scopes: list[Scope]) -> Nest:
    """Return cards, scopes and edges by number."""
    at = {scope.id: k for k, scope in enumerate(scopes)}
    parent = [at.get(scope.parent, 0) for scope in scopes]
    depth = [0] * len(scopes)
    for k in range(1, len(scopes)):
        depth[k] = depth[parent[k]] + 1
    place = {card.id: i for i, card in enumerate(ir.cards)}
    return Nest(
        [at.get(card.scope, 0) for card in ir.cards],
        parent,
        depth,
        [card.kind not in LEAVES for card in ir.cards],
        [(place[edge.source], place[edge.target], edge.argument) for edge in ir.edges],
    )


def sort_items(held: list[list[Item]], first: list[int], nest: Nest) -> tuple[list[list[Item]], list[bool]]:
    """Return the items of each scope in an order that could be computed, and whether there is one."""
    n = len(nest.home)
    between: list[list[tuple[Item, Item]]] = [[] for _ in held]
    for u, v, _ in nest.edges:
        if nest.step[u]:
            a, b, upper, lower = nest.home[u], nest.home[v], u, v
            while a != b:  # up to the scope that is around both
                if nest.depth[a] >= nest.depth[b]:
                    a, upper = nest.parent[a], n + a
                else:
                    b, lower = nest.parent[b], n + b
            between[a].append((upper, lower))
    items, sorted_ = [], []
    for inside, arrows in zip(held, between, strict=True):
        at = {item: i for i, item in enumerate(inside)}
        order = topological([first[item] for item in inside], [(at[a], at[b]) for a, b in arrows])
        sorted_.append(len(order) == len(inside))
        items.append([inside[i] for i in order] if sorted_[-1] else inside)
    return items, sorted_


def reject_leaking(usable: list[bool], nest: Nest) -> None:
    """Mark scopes as not usable to which a path comes back after leaving them, and those too many to look at."""
    members: list[list[int]] = [[] for _ in usable]
    effort = EFFORT * len(nest.home)
    for i, around in enumerate(nest.home):
        while around and nest.step[i] and effort > 0:
            members[around].append(i)
            around = nest.parent[around]
            effort -= 1
    into: dict[int, list[int]] = {}
    for u, v, _ in nest.edges:
        into.setdefault(v, []).append(u)
    for k in range(1, len(usable)):
        effort -= members[k][-1] - members[k][0] if members[k] else 0
        usable[k] = usable[k] and effort > 0 and convex(members[k], into)


def widths(reads: list[list[Read]]) -> list[int]:
    """Return how many results go across each place in the line of steps: are made before it, and read from it on."""
    last = [0] * len(reads)  # the last step that reads each
    for reader, read in enumerate(reads):
        for _, source, _ in read:
            if source >= 0:
                last[source] = max(last[source], reader)
    change = [0] * (len(reads) + 1)
    for step, reader in enumerate(last):
        if reader > step:
            change[step + 1] += 1
            change[reader + 1] -= 1
    return list(accumulate(change))


def tokens(ir: GraphIR, scopes: list[Scope], items: list[list[Item]]) -> list[int]:
    """Return a number for each item, equal for steps and scopes that do the same."""
    n = len(ir.cards)
    known: dict[Hashable, int] = {}

    def token(what: Hashable) -> int:
        return known.setdefault(what, len(known))

    into = ir.incoming()
    at = {card.id: card for card in ir.cards}
    numbers = []
    for c in ir.cards:
        reads = tuple((edge.argument, at[edge.source].shape, at[edge.source].dtype) for edge in into[c.id])
        kind = "op" if c.kind == "loss" else c.kind  # the last step of a loop may be the root
        numbers.append(token((kind, c.title, remark(c), c.shape, c.dtype, c.count, reads)))
    numbers += [-1] * len(scopes)
    for k in range(len(scopes) - 1, 0, -1):  # what is inside comes first
        what = without_numbers(scopes[k].title), scopes[k].kind, scopes[k].note
        numbers[n + k] = token((*what, *(numbers[item] for item in items[k])))
    return numbers


def remark(card: Card) -> str:
    """Return the note of a step, of a view without its numbers: a loop takes one row after another."""
    return without_numbers(card.note) if card.family == "view" else card.note


def without_numbers(text: str) -> str:
    """Return `text` with # for each number.

    >>> without_numbers("layers.11")
    'layers.#'
    """
    return re.sub(r"-?\d+", "#", text)
