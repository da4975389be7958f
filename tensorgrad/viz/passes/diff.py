"""Compares two graphs: the same one before and after a step, in another precision, or with a layer more."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from tensorgrad.viz.ir import Card, Finding, GraphIR, Stats, counted
from tensorgrad.viz.passes.fold import fresh
from tensorgrad.viz.words import short_number, short_shape

MOST_COMPARED = 1_000_000  # pairs of cards between what is the same at both ends: more take minutes
LARGE = 10  # times as much as before, or a tenth of it, is more than a step of training does
EXACT = 1e-3  # of the value: what is less is told as a power of ten, as of rounding
WORST = ("bad", "low", "note")


def diff(before: GraphIR, after: GraphIR) -> GraphIR:
    """Return the graph `after`, with findings of what differs in `before`, and the cards that are there alone.

    Cards are matched in order by what they do and are called, whatever their shapes, dtypes and numbers. Values and
    gradients are compared by their rms: what that hides, like a change of sign, is not seen. Findings of either
    graph, as of its health, are left out.
    Raises ValueError if the graphs show different views.

    >>> x = Card("n0", "parameter", "x", "x", (2,), "f64", 16, stats=Stats(2, rms=2.0))
    >>> y = replace(x, stats=Stats(2, rms=3.0))
    >>> diff(GraphIR([x], []), GraphIR([y], [])).findings[0].words
    'values: rms 2.0 → 3.0, +50 %'
    """
    if before.view != after.view:
        raise ValueError(f"diff compares two graphs of the same view, got {before.view} and {after.view}")
    pairs = matched([does(card) for card in before.cards], [does(card) for card in after.cards])
    taken = {card.id for card in after.cards}
    stands = {before.cards[i].id: after.cards[j].id for i, j in pairs}
    stands |= {card.id: fresh(f"{card.id}_", taken) for card in before.cards if card.id not in stands}
    scopes = {scope.id for scope in after.scopes}

    cards: list[Card] = []
    i = j = removed = added = changed = 0
    for end_i, end_j in [*pairs, (len(before.cards), len(after.cards))]:
        for card in before.cards[i:end_i]:
            home = card.scope if card.scope in scopes else ""
            cards.append(told(replace(card, id=stands[card.id], scope=home), [Finding("note", "removed")]))
        for card in after.cards[j:end_j]:
            cards.append(told(card, [Finding("note", "added")]))
        removed, added = removed + end_i - i, added + end_j - j
        if end_j < len(after.cards):
            found = changes(before.cards[end_i], after.cards[end_j])
            changed += bool(found)
            cards.append(told(after.cards[end_j], found))
        i, j = end_i + 1, end_j + 1
    gone = {card.id for card in cards} - {card.id for card in after.cards}
    ends = ((edge, stands[edge.source], stands[edge.target]) for edge in before.edges)
    lost = [replace(edge, source=a, target=b) for edge, a, b in ends if a in gone or b in gone]
    edges = [*after.edges, *lost]
    words = (
        f"{counted(len(pairs) - changed, 'card')} as before, {changed:,} changed, {added:,} added, {removed:,} removed"
        f"{wired_anew(before, after, stands)}"
    )
    found = [replace(finding, card=card.id) for card in cards for finding in card.findings]
    return replace(
        after,
        cards=cards,
        edges=edges,
        notes=[*after.notes, words],
        findings=sorted(found, key=lambda finding: WORST.index(finding.level)),
    )


def told(card: Card, findings: Sequence[Finding]) -> Card:
    """Return the card with these findings in place of its own."""
    return replace(card, findings=tuple(findings))


def does(card: Card) -> Hashable:
    """Return what a card is matched by."""
    return card.kind, card.title, card.name, card.note


def matched(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return which places hold the same, in order on both sides.

    >>> matched("abxcd", "abcyd")
    [(0, 0), (1, 1), (3, 2), (4, 4)]
    """
    least = min(len(before), len(after))
    start = next((i for i in range(least) if before[i] != after[i]), least)
    rest = least - start
    end = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    a, b = before[start : len(before) - end], after[start : len(after) - end]
    between = []
    if len(a) * len(b) <= MOST_COMPARED:
        between = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    pairs = [(i, i) for i in range(start)]
    pairs += [(start + block.a + k, start + block.b + k) for block in between for k in range(block.size)]
    return pairs + [(len(before) - k, len(after) - k) for k in range(end, 0, -1)]


def changes(before: Card, after: Card) -> list[Finding]:
    """Return how a card differs from what it was."""
    found = []
    if (before.dtype, before.shape) != (after.dtype, after.shape):
        was, now = (short_shape(card.dtype, card.shape) for card in (before, after))
        found.append(Finding("note", f"{was} → {now}"))
    if is_number(before.value) and is_number(after.value) and before.value != after.value:
        found.append(Finding("note", f"{short_number(before.value, 5)} → {short_number(after.value, 5)}"))
    for name, old, new in (
        ("values", before.stats, after.stats),
        ("gradient", before.gradient, after.gradient),
    ):
        if old is not None and new is not None:
            found += figures(name, old, new)
    return found


def figures(name: str, before: Stats, after: Stats) -> list[Finding]:
    """Return how an array's figures differ from what they were."""
    found = []
    for what, old, new in (("NaN", before.nans, after.nans), ("inf", before.infinities, after.infinities)):
        if old != new:
            found.append(Finding("note" if new < old else "bad", f"{name}: {old:,} → {new:,} are {what}"))
    old_rms, new_rms = before.rms, after.rms
    if old_rms != new_rms and not (math.isnan(old_rms) and math.isnan(new_rms)):
        change = (new_rms - old_rms) / old_rms if old_rms else math.inf
        large = not 1 / LARGE < 1 + change < LARGE
        amount = f"×{new_rms / old_rms:.3g}" if old_rms else ""
        if not large:
            amount = f"{change:+.1e}" if abs(change) < EXACT else f"{100 * change:+.3g} %"
        words = f"{name}: rms {short_number(old_rms, 3)} → {short_number(new_rms, 3)}"
        found.append(Finding("low" if large else "note", ", ".join(filter(None, [words, amount]))))
    return found


def is_number(value: object) -> bool:
    """Whether a value is a number that can be compared."""
    return isinstance(value, int | float)


def wired_anew(before: GraphIR, after: GraphIR, stands: dict[str, str]) -> str:
    """Return how many edges between cards of both graphs only one of them has, in words; "" if none."""
    ids = {card.id for card in after.cards}
    old = {(stands[e.source], stands[e.target], e.argument) for e in before.edges}
    old = {wire for wire in old if wire[0] in ids and wire[1] in ids}
    shared = set(stands.values()) & ids
    new = {(e.source, e.target, e.argument) for e in after.edges if e.source in shared and e.target in shared}
    n = len(old ^ new)
    return f"; {n:,} edge{'s' * (n != 1)} between them differ{'s' * (n == 1)}" if n else ""
