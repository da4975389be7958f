"""Folds scopes: each becomes one card, which stands for all that is in it."""

from collections.abc import Collection
from dataclasses import replace
from operator import index
from typing import Any

from tensorgrad.viz.ir import Card, GraphIR
from tensorgrad.viz.passes.merge import LEAVES, joined, module
from tensorgrad.viz.passes.nesting import foldable, levels, moved_to, outermost
from tensorgrad.viz.passes.order import topological
from tensorgrad.viz.words import elide


def fold(ir: GraphIR, scope_ids: Collection[str]) -> GraphIR:
    """Return the graph with each of these scopes as one card of kind "module".

    What is in it is summed up: steps, parameters, cost, what is kept, findings; shape, values and gradient are those
    of its output. The loss at the root stays a card of its own. A scope to which a path comes back after leaving it
    stays open, with a note, and those in it are folded. Ids that no scope has, as those of scopes inside of folded
    ones, change nothing.
    Raises ValueError if the graph is no forward graph: fold first, then take the backward view.

    >>> from tensorgrad.viz.ir import Edge, Scope
    >>> x, a, b = (Card(id, "op", id, "", (3,), "f64", 24, scope="f" * (id != "x")) for id in "xab")
    >>> folded = fold(GraphIR([x, a, b], [Edge("x", "a", 0), Edge("a", "b", 0)], [Scope("f", "block")]), ["f"])
    >>> [(card.id, card.title, card.count) for card in folded.cards], len(folded.edges)
    ([('x', 'x', 1), ('mf', 'block', 2)], 1)
    """
    forward_only(ir, "fold")
    chosen = {scope.id for scope in ir.scopes} & set(scope_ids)
    if not chosen:
        return ir
    owner, opened = foldable(ir, chosen)
    kept_open = set(opened)
    members: dict[str, list[int]] = {}
    for i, scope in enumerate(owner):
        if scope:
            members.setdefault(scope, []).append(i)
    gone = inside_of(ir, (chosen | set(members)) - kept_open)
    parent = {scope.id: scope.parent for scope in ir.scopes}
    scopes = {scope.id: scope for scope in ir.scopes}

    taken = {card.id for card in ir.cards}
    named: dict[str, str] = {}  # ids of folded cards, by scope
    for scope in members:
        named[scope] = fresh(f"m{scope}", taken)
    stands = {card.id: named.get(scope, card.id) for card, scope in zip(ir.cards, owner, strict=True)}
    outside = {e.source for e in ir.edges if stands[e.source] != stands[e.target]} | {c.id for c in ir.cards[-1:]}
    made: list[Card] = []
    keys: list[int] = []  # where each card would like to be
    for i, card in enumerate(ir.cards):
        scope = owner[i]
        if not scope:
            home = card.scope
            while home in gone:  # of the loss
                home = parent[home]
            made.append(moved_to(card, home))
            keys.append(i)
        elif i == members[scope][-1]:
            inside = [ir.cards[k] for k in members[scope]]
            used = [c for c in inside if c.id in outside] or inside
            output = ([c for c in used if c.kind not in LEAVES] or used)[-1]
            made.append(module(named[scope], scopes[scope], inside, output))
            keys.append(i)
    edges = joined(ir.edges, stands)
    found = dict.fromkeys(replace(f, card=stands.get(f.card, f.card)) for f in ir.findings)
    notes = [f"“{elide(scopes[s].title, 40)}” is not folded: a path leaves it and comes back" for s in opened]
    return replace(
        ir,
        cards=in_order(made, keys, edges),
        edges=edges,
        scopes=[scope for scope in ir.scopes if scope.id not in gone],
        findings=list(found),
        notes=list(dict.fromkeys([*ir.notes, *notes])),
    )


def to_depth(ir: GraphIR, depth: int) -> GraphIR:
    """Return the graph with all scopes that are deeper than `depth` levels folded: with 0 none stays open.

    Repetitions are no level of their own.   Raises ValueError if `depth` is no integer of 0 or more.
    """
    depth = whole("depth", depth, "how many levels of scopes stay open")
    return fold(ir, [scope for scope, level in levels(ir.scopes).items() if level >= depth])


def inside_of(ir: GraphIR, chosen: Collection[str]) -> set[str]:
    """Return the ids of the chosen scopes and of all within them."""
    around = outermost(ir.scopes, chosen)
    return {scope.id for scope in ir.scopes if around[scope.id]}


def in_order(cards: list[Card], keys: list[int], edges: list[Any]) -> list[Card]:
    """Return the cards in topological order, near the places that `keys` name."""
    at = {card.id: i for i, card in enumerate(cards)}
    return [cards[i] for i in topological(keys, [(at[edge.source], at[edge.target]) for edge in edges])]


def fresh(id: str, taken: set[str]) -> str:
    """Return an id that is not taken, and take it."""
    while id in taken:
        id += "_"
    taken.add(id)
    return id


def whole(name: str, value: Any, meaning: str) -> int:
    """Return `value` as an integer of 0 or more. Raises ValueError if it is none."""
    try:
        number = -1 if isinstance(value, bool) else index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"{name}={value!r} is no integer of 0 or more: pass {meaning}")
    return number


def forward_only(ir: GraphIR, what: str) -> None:
    """Raise ValueError if `ir` is not a forward graph."""
    if ir.view != "forward":
        raise ValueError(f"{what} takes a forward graph, got the {ir.view} view: {what} first, then take the view")
