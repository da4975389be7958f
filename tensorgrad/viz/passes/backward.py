"""The backward pass as a graph: what the rules of each step compute, and the gradients that arrive at parameters."""

from collections.abc import Iterable
from dataclasses import replace

from tensorgrad.viz.ir import Card, Edge, GraphIR, Scope
from tensorgrad.viz.passes.fold import forward_only, fresh
from tensorgrad.viz.passes.merge import LEAVES

STARVED = "no gradient flows here: no step before the root is differentiated by a parameter"


def backward(ir: GraphIR) -> GraphIR:
    """Return the backward pass: a card of kind "rule" for each step, one of kind "gradient" for each parameter.

    The rule of the root comes first, with the seed. Edges lead the way that gradients flow. `of` names the card of
    the forward graph; a folded card has a rule as well. What no gradient reaches does not appear.
    Raises ValueError if the graph is no forward graph.
    """
    forward_only(ir, "backward")
    reached = flow(ir)
    if not ir.cards:
        return replace(ir, view="backward")
    taken = {card.id for card in ir.cards}
    named = {card.id: fresh(f"b{card.id}", taken) for card in ir.cards if card.id in reached}
    cards = [rule(card, named[card.id], reached[card.id]) for card in reversed(ir.cards) if card.id in named]
    seed = "seed 1.0" if ir.cards[-1].kind == "loss" else "seed"
    cards[0] = replace(cards[0], note=" · ".join(filter(None, [seed, cards[0].note])))
    edges = [
        Edge(named[edge.target], named[edge.source], edge.argument, edge.role, True, "gradient", edge.count)
        for edge in reversed(ir.edges)
        if edge.live and edge.source in named and edge.target in named
    ]
    return replace(
        ir,
        cards=cards,
        edges=edges,
        scopes=inhabited(ir.scopes, cards),
        view="backward",
        notes=[*ir.notes, STARVED] if len(cards) == 1 and cards[0].kind == "rule" else ir.notes,
        findings=[replace(f, card=named[f.card]) for f in ir.findings if f.card in named],
    )


def both(ir: GraphIR) -> GraphIR:
    """Return the graph and its backward pass, with an edge of kind "kept" from each step to the rule that reads it.

    A step whose rule has a card leaves the formula to that.   Raises ValueError if the graph is no forward graph.
    """
    back = backward(ir)
    kept = {card.id for card in ir.cards if card.kept}
    edges = [Edge(card.of, card.id, 0, live=False, kind="kept") for card in back.cards if card.of in kept]
    told = {card.of for card in back.cards}
    forward = [replace(card, formula=()) if card.id in told else card for card in ir.cards]
    return replace(
        ir, cards=[*forward, *back.cards], edges=[*ir.edges, *back.edges, *edges], view="both", notes=back.notes
    )


def flow(ir: GraphIR) -> dict[str, int]:
    """Return how many gradients arrive at each card that one reaches: the root, and what live edges lead back to."""
    out: dict[str, list[Edge]] = {}
    for edge in ir.edges:
        if edge.live:
            out.setdefault(edge.source, []).append(edge)
    passes_on = {edge.target for edge in ir.edges if edge.live}
    reached = {ir.cards[-1].id: 1} if ir.cards else {}
    for card in reversed(ir.cards[:-1]):
        paths = sum(edge.count for edge in out.get(card.id, ()) if edge.target in reached)
        if paths and (card.id in passes_on or card.kind in LEAVES or card.kind == "module"):
            reached[card.id] = paths
    return reached


def rule(card: Card, id: str, paths: int) -> Card:
    """Return the card of what a step does with the gradient of its result, or of the gradient of a leaf."""
    leaf = card.kind in LEAVES
    return replace(
        card,
        id=id,
        kind="gradient" if leaf else "rule",
        title=f"∂ℒ/∂{card.title}" if leaf else card.title,
        value=None,
        stats=None,
        flops=None,
        stands_for="",
        of=card.id,
        paths=paths,
    )


def inhabited(scopes: Iterable[Scope], cards: Iterable[Card]) -> list[Scope]:
    """Return the scopes that have one of the cards somewhere within, and those around these."""
    scopes = list(scopes)
    needed = {card.scope for card in cards}
    for scope in reversed(scopes):
        if scope.id in needed:
            needed.add(scope.parent)
    return [scope for scope in scopes if scope.id in needed]
