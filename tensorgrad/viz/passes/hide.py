"""Leaves out what is not asked for: constants, or all but the neighbourhood of a card."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from tensorgrad.viz.ir import Card, GraphIR
from tensorgrad.viz.passes.backward import inhabited
from tensorgrad.viz.passes.fold import whole
from tensorgrad.viz.passes.nesting import outermost
from tensorgrad.viz.words import elide

SEARCHED = 2000  # names among which a similar one is looked for


def without_constants(ir: GraphIR) -> GraphIR:
    """Return the graph without its constants, and a note of how many these are. One that is the root stays."""
    hidden = {card.id for card in ir.cards[:-1] if card.kind == "constant"}
    if not hidden:
        return ir
    cards = [card for card in ir.cards if card.id not in hidden]
    n = len(hidden)
    return replace(
        ir,
        cards=cards,
        edges=[edge for edge in ir.edges if edge.source not in hidden and edge.target not in hidden],
        scopes=inhabited(ir.scopes, cards),
        notes=[*ir.notes, f"{n:,} constant{'s are' if n > 1 else ' is'} not shown"],
        findings=[f for f in ir.findings if f.card not in hidden],
    )


def focus(ir: GraphIR, card: str, steps: int = 2) -> GraphIR:
    """Return what is at most so many edges before or behind a card, of which the border says what it goes on with.

    card: an id, with or without the % of a text; or else a name or a title, of as many cards as have it.
    Raises ValueError if no card is called so, or if `steps` is no integer of 0 or more.
    """
    steps = whole("steps", steps, "how many edges before and behind the card are shown")
    centre = called(ir, card)
    before, behind = beside(ir)
    shown = near(centre, before, steps) | near(centre, behind, steps)
    n, words = len(shown), f"{steps} edge{'s' * (steps != 1)}"
    note = f"shown: {n:,} of {len(ir.cards):,} cards, those within {words} of “{elide(card, 40)}”"
    return excerpt(ir, shown, [note] if n < len(ir.cards) else [])


def unfolded(ir: GraphIR, shown: GraphIR, notes: list[str]) -> GraphIR:
    """Return what is in the cards of `shown`, which was made of the forward graph `ir` by folding, views and focus.

    notes: what to say of it.
    """
    around = outermost(ir.scopes, {card.stands_for for card in shown.cards})
    ids = {id for card in shown.cards for id in (card.id, card.of)}
    cards = {card.id for card in ir.cards if card.id in ids or around.get(card.scope)}
    return excerpt(ir, cards, notes)


def beside(ir: GraphIR) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the cards that each card reads, and those that read it, by id: with x * x twice."""
    before: dict[str, list[str]] = {}
    behind: dict[str, list[str]] = {}
    for edge in ir.edges:
        before.setdefault(edge.target, []).append(edge.source)
        behind.setdefault(edge.source, []).append(edge.target)
    return before, behind


def excerpt(ir: GraphIR, shown: set[str], notes: list[str]) -> GraphIR:
    """Return some cards and the edges between them, with notes of what else these have."""
    before, behind = beside(ir)
    cards = [bordered(c, before, behind, shown) for c in ir.cards if c.id in shown]
    edges = [edge for edge in ir.edges if edge.source in shown and edge.target in shown]
    return replace(
        ir,
        cards=cards,
        edges=edges,
        scopes=inhabited(ir.scopes, cards),
        notes=[*ir.notes, *notes],
        findings=[f for f in ir.findings if f.card in shown],
    )


def called(ir: GraphIR, wanted: str) -> set[str]:
    """Return the ids of the cards that are called so. Raises ValueError if none is, with similar names."""
    if not isinstance(wanted, str):
        raise TypeError(f"a card is called by its id or name, a string; got {type(wanted).__name__}")
    ids = {card.id for card in ir.cards}
    for id in (wanted, "n" + wanted.removeprefix("%").replace(".", "_")):
        if id in ids:
            return {id}
    for names in ({c.id: c.name for c in ir.cards}, {c.id: c.title for c in ir.cards}):
        found = {id for id, name in names.items() if name and name == wanted}
        if found:
            return found
    known = list(dict.fromkeys(elide(text, 60) for c in ir.cards for text in (c.name, c.title, c.id) if text))
    similar = get_close_matches(elide(wanted, 60), known[:SEARCHED], cutoff=0.5) or known[:3]
    raise ValueError(
        f"no card is called {elide(wanted, 60)!r}: expected the name, title or id of one, "
        f"like {', '.join(map(repr, similar))}"
    )


def near(centre: Collection[str], onwards: Mapping[str, Iterable[str]], steps: int) -> set[str]:
    """Return what can be reached in at most so many steps."""
    found, border = set(centre), set(centre)
    for _ in range(steps):
        border = {there for here in border for there in onwards.get(here, ())} - found
        if not border:
            break
        found |= border
    return found


def bordered(
    card: Card, before: Mapping[str, list[str]], behind: Mapping[str, list[str]], shown: Collection[str]
) -> Card:
    """Return the card with a note of how many of its arguments and uses are not shown."""
    words = [card.note]
    for cut, noun in ((before, "argument"), (behind, "use")):
        n = sum(other not in shown for other in cut.get(card.id, ()))
        words += [f"… {n:,} more {noun}{'s' * (n > 1)}"] * bool(n)
    return replace(card, note=" · ".join(filter(None, words)))
