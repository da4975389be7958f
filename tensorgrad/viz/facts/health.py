"""Examines a graph that has statistics: what is wrong, how much of it, and what to do. Thresholds have their reasons.

A picture is of one pass: what is found here is worth a look, and no proof. What is usual in networks that learn is
left unsaid.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from tensorgrad.viz.facts.layers import along_layers, feeds_weights, without_gradient
from tensorgrad.viz.facts.origins import (
    Found,
    Wiring,
    begun,
    given,
    in_gradients,
    in_parameters,
    in_values,
    short,
    wiring,
)
from tensorgrad.viz.ir import Card, Finding, GraphIR, Level

ROWS = 32  # a unit that is 0 in fewer rows may be alive: a fair coin shows 32 times the same side once in 4e9
SOME_DEAD, DEAD, MOST_DEAD = 0.1, 0.25, 0.5  # of the units; ten layers of relu begin with a fifth in the last ones
ZEROS = 0.95  # of the elements behind a relu, which has half of them at first
SATURATED, MOST_SATURATED = 0.5, 0.9  # of the elements; with Glorot's (2010) initial weights it is about 1 % of tanh's
LARGE_STEP = 100.0  # gradient to weights: at lr = 0.001, small for SGD, a step is a tenth of the weights
NO_STEP = 1e-6  # likewise: at lr = 0.1 a step is around half a unit of float32's last place, 6e-8

RELUS = {"relu", "maximum", "fmax"}
ENDS = {"tanh": 0.04, "sigmoid": 0.01}  # the slope where the result is within 1 % of the range of an end
RANK: dict[Level, int] = {"bad": 0, "low": 1, "note": 2}


def examine(ir: GraphIR) -> GraphIR:
    """Return the graph with what was found about its health, on its cards and, causes only, in a list, worst first.

    The graph is a forward one, with statistics; where these are missing, nothing is found.
    """
    if all(card.stats is None and card.gradient is None for card in ir.cards):
        return ir
    graph = wiring(ir)
    found = list(in_values(ir, graph))
    found += in_parameters(ir) if broken(found) else in_gradients(ir, graph)
    if not broken(found):
        found += along_layers(ir, graph)
        found += without_gradient(ir, graph)
    found += [one for card in ir.cards for one in in_card(card, graph)]
    on: dict[str, list[Finding]] = {}
    for id, finding, _ in found:
        on.setdefault(id, []).append(finding)
    causes = alike([finding for _, finding, cause in found if cause])
    cards = [examined(card, on.get(card.id, [])) for card in ir.cards]
    return replace(ir, cards=cards, findings=list(dict.fromkeys([*ir.findings, *causes])))


def broken(found: list[Found]) -> bool:
    """Whether there are numbers that are none: then other findings are of no interest."""
    return any(finding.level == "bad" for _, finding, _ in found)


def alike(causes: list[Finding]) -> list[Finding]:
    """Return findings, worst first; of those that differ in numbers alone the first, which tells how many follow."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in causes:
        groups.setdefault((finding.level, re.sub(r"\d[\d.,]*(e[-+]\d+)?", "0", finding.words)), []).append(finding)
    listed = []
    for first, *others in groups.values():
        places = f"{len(others):,} other place{'s' * (len(others) != 1)}"
        listed.append(
            replace(first, why=f"{first.why.rstrip('.')}. Likewise in {places}.".lstrip(". ")) if others else first
        )
    return sorted(listed, key=lambda finding: RANK[finding.level])


def examined(card: Card, found: list[Finding]) -> Card:
    """Return a card with its findings, worst first."""
    findings = tuple(sorted(dict.fromkeys([*card.findings, *found]), key=lambda finding: RANK[finding.level]))
    return card if findings == card.findings else replace(card, findings=findings)


def in_card(card: Card, graph: Wiring) -> Iterator[Found]:
    """Yield what can be told from one card and those beside it."""
    stats, last = card.stats, card.title.rpartition(" + ")[2]
    if stats is None or not stats.size:
        return
    if last in RELUS and stats.least == 0 and stats.units and stats.size >= ROWS * stats.units:
        dead, zeros = stats.dead / stats.units, stats.zeros / stats.size
        words = [f"{percent(zeros)} zeros"] * (zeros > ZEROS)
        words += [f"{stats.dead:,} of {stats.units:,} units dead"] * (dead > SOME_DEAD)
        level: Level = "bad" if dead > MOST_DEAD else "low" if dead > DEAD or zeros > ZEROS else "note"
        if words:
            yield card.id, Finding(level, " · ".join(words), why_dead(card, graph), card.id), level != "note"
    if stats.saturated is not None and feeds_weights(card, graph):
        share = stats.saturated / stats.size
        if share > SATURATED:
            level = "bad" if share > MOST_SATURATED else "low"
            yield card.id, Finding(level, f"{percent(share)} saturated", why_saturated(card, graph), card.id), True
    if card.kind == "parameter" and len(card.shape) > 1 and card.ratio is not None:
        ratio = card.ratio
        words = [f"gradient {short(ratio)}× the weights"]
        if ratio > LARGE_STEP:
            why = (
                f"At lr = 0.001 a step of SGD is {percent(ratio / 1000)} of the weights. Cure: a mean for a loss, "
                "a smaller lr, or optim.clip_grad_norm."
            )
            yield card.id, Finding("low", words[0], why, card.id), True
        elif 0 < ratio < NO_STEP:
            why = "At lr = 0.1 a step of SGD changes nothing in float32; Adam, which divides by it, may still learn."
            yield card.id, Finding("note", words[0], why, card.id), False


def why_dead(card: Card, graph: Wiring) -> str:
    """Return why units are dead, as far as it shows, and what to do.

    A bias far below what it is added to cuts all. What x @ w has is, for independent weights, x's rms times that of
    the weights times the root of their number for each unit.
    """
    step = card if " + " in card.title else next(iter(graph.arguments(card)), card)
    cure = "A unit that is 0 in all rows gets no gradient, so it stays 0. Cure: a smaller lr, or leaky_relu."
    arguments = graph.arguments(step)
    for bias in arguments:
        if bias.kind != "parameter" or len(bias.shape) != 1 or bias.stats is None:
            continue
        spread = 1.0
        for other in arguments:
            if other is not bias:
                spread *= other.stats.rms if other.stats else 0.0
                spread *= (other.shape[0] or 1) ** 0.5 if other.kind == "parameter" else 1.0
        if -bias.stats.mean > spread > 0:
            centre = f"{graph.name(bias)} is centred on {bias.stats.mean:.2g}"
            return f"{centre}, so {card.title} cuts almost every unit. {cure}"
    return cure


def why_saturated(card: Card, graph: Wiring) -> str:
    """Return what saturation does, and what to do."""
    last = card.title.rpartition(" + ")[2]
    slope = f"There the slope is below {ENDS[last]}, so hardly any gradient passes. " if last in ENDS else ""
    range_of = given(graph.arguments(card), graph) if last == card.title else ""
    before = f"{begun(range_of)}. " if range_of else ""
    return f"{slope}{before}Cure: smaller weights, as of init='xavier', or a normalised input."


def percent(share: float) -> str:
    """Return a share in per cent, not rounded up to all.

    >>> percent(0.984), percent(0.9999), percent(1.0), percent(0.004), percent(31.118)
    ('98 %', '99.99 %', '100 %', '0.4 %', '3,112 %')
    """
    value = share * 100
    if value > 100 or value == round(value):
        return f"{value:,.0f} %"
    return f"{value:.2g} %" if value < 1 else f"{value:.0f} %" if value < 99 else f"{min(value, 99.99):.4g} %"
