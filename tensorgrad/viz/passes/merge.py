"""Makes one card of many: what a folded scope says about all that is in it."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tensorgrad.viz.ir import Card, Edge, Finding, Kept, Scope
from tensorgrad.viz.words import elide

LEAVES = ("parameter", "input", "constant")
MOST_FINDINGS = 3  # kinds of them on a folded card
MOST_KEPT = 3  # names of kept arrays on a folded card
WORST = ("bad", "low", "note")
VERDICTS = ("wrong", "inconclusive", "right")  # the first that any step has is that of all


def module(id: str, scope: Scope, cards: Sequence[Card], output: Card) -> Card:
    """Return the card that stands for `cards`, all that is in a scope; `output` is the one that goes on from it."""
    steps = [card for card in cards if card.kind in ("op", "loss")]
    folded = [card for card in cards if card.kind == "module"]
    known = [card.flops for card in cards if card.flops is not None]
    verdicts = {card.verdict for card in cards}
    return Card(
        id,
        "module",
        scope.title,
        output.name if output.kind in ("op", "module") else "",
        output.shape,
        output.dtype,
        output.bytes,
        note=scope.note,
        scope=scope.parent,
        value=output.value,
        stats=output.stats,
        gradient=output.gradient,
        ratio=ratio(cards),
        kept=kept(cards),
        flops=sum(known) if known else None,
        line=next((card.line for card in steps or folded if card.line is not None), None),
        findings=findings(cards),
        forgotten=sum(card.forgotten for card in cards),
        verdict=next((verdict for verdict in VERDICTS if verdict in verdicts), ""),
        stands_for=scope.id,
        count=len(steps) + sum(card.count for card in folded),
        times=scope.times,
        parameters=sum(map(numbers, cards)),
    )


def numbers(card: Card) -> int:
    """Return how many numbers are trained in a card."""
    return math.prod(n or 0 for n in card.shape) if card.kind == "parameter" else card.parameters


def ratio(cards: Iterable[Card]) -> float | None:
    """Return the norm of all gradients of parameters to that of their values, None if that is not known."""
    cards = list(cards)
    pairs = [(c.gradient.norm, c.stats.norm) for c in cards if c.kind == "parameter" and c.gradient and c.stats]
    told = [card.ratio for card in cards if card.ratio is not None and card.kind == "module"]
    if told:  # of what these hold, the norms are not known any more
        return told[0] if len(told) == 1 and not any(card.kind == "parameter" for card in cards) else None
    gradient, value = (math.hypot(*norms) for norms in zip(*pairs, strict=True)) if pairs else (0.0, 0.0)
    found = gradient / value if value > 0 else math.inf
    return found if math.isfinite(found) else None


def kept(cards: Iterable[Card]) -> tuple[Kept, ...]:
    """Return what is kept by name, or all of it in one if these are many names; what several keep, once."""
    arrays: dict[str, Kept] = {}  # by the card that they are the result of
    for card in cards:
        for i, item in enumerate(card.kept):
            result = card.id if item.what == "result" and card.kind != "module" else ""
            arrays.setdefault(item.card or result or f"{card.id} {i}", item)
    sizes: dict[str, int | None] = {}
    for item in arrays.values():
        before = sizes.get(item.what)
        sizes[item.what] = before if item.bytes is None else item.bytes + (before or 0)
    if len(sizes) <= MOST_KEPT:
        return tuple(Kept(what, size) for what, size in sizes.items())
    known = [size for size in sizes.values() if size is not None]
    return (Kept("arrays", sum(known) if known else None),)


def findings(cards: Iterable[Card]) -> tuple[Finding, ...]:
    """Return the findings of all cards, the worst first, those that differ in numbers alone as one."""
    cards = list(cards)
    alike: dict[tuple[str, str], list[tuple[Card, Finding]]] = {}
    for card in cards:
        for finding in card.findings:
            alike.setdefault((finding.level, re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "#", finding.words)), []).append(
                (card, finding)
            )
    found = sorted(alike.values(), key=lambda group: WORST.index(group[0][1].level))
    shown = [together(group, cards) for group in found[:MOST_FINDINGS]]
    if rest := found[MOST_FINDINGS:]:
        words = f"{len(rest)} more finding{'s' * (len(rest) > 1)}: unfold to see {'them' if len(rest) > 1 else 'it'}"
        shown.append(Finding(rest[0][0][1].level, words))
    return tuple(shown)


def together(group: Sequence[tuple[Card, Finding]], cards: Iterable[Card]) -> Finding:
    """Return one finding for those of a group, with how many of the cards that it could be about have it."""
    holders = {card.id: card for card, _ in group}
    finding = max((finding for _, finding in group), key=lambda finding: leading(finding.words))  # of equals the first
    if len(holders) == 1:
        return Finding(finding.level, finding.words, finding.why)
    titles = {card.title for card in holders.values()}
    if all(card.kind == "parameter" for card in holders.values()):
        among, noun = sum(card.kind == "parameter" for card in cards), "parameters"
    elif len(titles) == 1:
        title = titles.pop()
        among, noun = sum(card.title == title and card.kind not in LEAVES for card in cards), elide(title, 24)
    else:
        among, noun = sum(card.kind not in LEAVES for card in cards), "steps"
    differ = leading(finding.words) > 0 and len({finding.words for _, finding in group}) > 1
    words = f"in {len(holders)} of {max(among, len(holders))} {noun}: {'up to ' * differ}{finding.words}"
    return Finding(finding.level, words, finding.why)


def leading(words: str) -> float:
    """Return the number that words begin with, 0 if it is none.

    >>> leading("12 of 64 units dead"), leading("3.5 % saturated"), leading("origin")
    (12.0, 3.5, 0.0)
    """
    number = re.match(r"\d[\d,]*(\.\d+)?", words)
    return float(number[0].replace(",", "")) if number else 0.0


def joined(edges: Iterable[Edge], stands: Mapping[str, str]) -> list[Edge]:
    """Return the edges between cards of which some are folded: as one, with their count, where they go together.

    stands: id of the card that stands for each.
    """
    groups: dict[Any, list[Edge]] = {}
    for i, edge in enumerate(edges):
        source, target = stands[edge.source], stands[edge.target]
        if (source, target) == (edge.source, edge.target):
            groups[i] = [edge]  # x * x keeps its two edges
        elif source != target:
            groups.setdefault((source, target, edge.kind), []).append(edge)
    made = []
    arguments: dict[str, int] = {}  # of a folded card they are counted
    for key, same in groups.items():
        edge = same[0]
        if isinstance(key, tuple):
            source, target, kind = key
            argument, role = min(e.argument for e in same), edge.role if len({e.role for e in same}) == 1 else ""
            if target != edge.target:
                argument, role = arguments.get(target, 0), ""
                arguments[target] = argument + 1
            live, count = any(e.live for e in same), sum(e.count for e in same)
            edge = Edge(source, target, argument, role, live, kind, count)
        made.append(edge)
    return made
