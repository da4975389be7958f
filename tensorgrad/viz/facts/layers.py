"""Follows gradients through the layers of a graph: where they vanish, explode, or are cut off."""

import math
from collections.abc import Iterator

from tensorgrad.viz.facts.origins import Found, Wiring, short
from tensorgrad.viz.ir import Card, Finding, GraphIR, Level
from tensorgrad.viz.words import brief

WEAK, VANISHING = 1e-2, 1e-3  # of the gradient of the last layer: one learning rate does not serve both
STRONG, EXPLODING = 1e2, 1e3  # likewise; a clipped norm is then that of one layer alone
LAYERS = 3  # behind a layer, at least: of fewer, gradients differ for other reasons than depth

SLOPES = {"sigmoid": "is at most 1/4", "tanh": "is 1 at 0 only", "softmax": "is small"}


def along_layers(ir: GraphIR, graph: Wiring) -> Iterator[Found]:
    """Yield the layers whose results get gradients far smaller, or larger, than the last layer's.

    A layer is a step that reads a parameter of two axes or more, and is no look-up. What counts is the rms of the
    derivative by its result, so neither sums over rows nor the size of its weights matter.
    """
    layers = [card for card in ir.cards if is_layer(card, graph)]
    if not layers:
        return
    last = layers[-1]
    assert last.gradient is not None
    onward, depth = ways(ir, graph, {layer.id for layer in layers})
    found: dict[str, list[tuple[float, Card]]] = {"vanishing gradient": [], "exploding gradient": []}
    for card in layers[:-1]:
        assert card.gradient is not None
        share = card.gradient.rms / last.gradient.rms
        if depth.get(card.id, 0) >= LAYERS and not WEAK <= share <= STRONG:
            found["vanishing gradient" if share < 1 else "exploding gradient"].append((share, card))
    for words, ones in found.items():
        worst = max(ones, key=lambda one: abs(math.log(one[0])), default=None)
        for share, card in ones:
            level: Level = "low" if VANISHING <= share <= EXPLODING else "bad"
            why = why_scaled(card, last, onward, graph) if worst is not None and card is worst[1] else ""
            yield card.id, Finding(level, words, why, card.id), bool(why)


def is_layer(card: Card, graph: Wiring) -> bool:
    """Whether a step multiplies by weights, and has a gradient that is not 0."""
    return card.kind == "op" and has_weights(card, graph) and card.gradient is not None and card.gradient.rms > 0


def has_weights(card: Card, graph: Wiring) -> bool:
    """Whether a step multiplies by a parameter of two axes or more, as it is or in another form."""
    if card.family == "view" or card.id in graph.weights:
        return False
    return any(a.id in graph.weights and len(a.shape) > 1 for a in graph.arguments(card))


def feeds_weights(card: Card, graph: Wiring) -> bool:
    """Whether weights multiply what a card gives: the result of a network, a gate or half of a gelu may saturate."""
    users = [graph.cards[edge.target] for edge in graph.out[card.id]]
    users += [graph.cards[edge.target] for user in users if user.family == "view" for edge in graph.out[user.id]]
    return any(has_weights(user, graph) for user in users)


def ways(ir: GraphIR, graph: Wiring, layers: set[str]) -> tuple[dict[str, Card], dict[str, int]]:
    """Return the next card on the shortest way to the end, past what a residual connection goes around, by id.

    And how many layers are on that way.
    """
    steps, met = {ir.cards[-1].id: 0}, {ir.cards[-1].id: 0}
    onward: dict[str, Card] = {}
    for card in reversed(ir.cards[:-1]):
        users = [edge.target for edge in graph.out[card.id] if edge.live and edge.target in steps]
        if users:
            nearest = min(users, key=lambda id: steps[id])
            steps[card.id] = steps[nearest] + 1
            met[card.id] = met[nearest] + (nearest in layers)
            onward[card.id] = graph.cards[nearest]
    return onward, met


def why_scaled(card: Card, last: Card, onward: dict[str, Card], graph: Wiring) -> str:
    """Return what shrinks, or raises, the gradient between two cards, step by step, and what to do."""
    assert card.gradient is not None and last.gradient is not None
    whole = math.log(last.gradient.rms / card.gradient.rms)
    factors: dict[str, list[tuple[float, Card]]] = {}
    here = card
    while here.id in onward and here is not last:
        user = onward[here.id]
        if user.gradient and user.gradient.rms and here.gradient and here.gradient.rms:
            factors.setdefault(user.title, []).append((math.log(user.gradient.rms / here.gradient.rms), user))
        here = user
    text = (
        f"The gradient has rms {brief(card.gradient.rms)} here and {brief(last.gradient.rms)} at {place(last, graph)}, "
        f"{short(math.exp(abs(whole)))}× {'less' if whole > 0 else 'more'}."
    )
    title, steps = max(
        factors.items(), key=lambda one: sum(f for f, _ in one[1]) * (1 if whole > 0 else -1), default=("", [])
    )
    total = sum(factor for factor, _ in steps)
    if total * whole > 0 and abs(total) >= abs(whole) / 3:
        verb = "shrinks" if total > 0 else "raises"
        each, all_of_them = short(math.exp(abs(total) / len(steps))), short(math.exp(abs(total)))
        lines = {step.line.number: f"{step.line.file}:{step.line.number}" for _, step in steps if step.line}
        where = f" ({next(iter(lines.values()))})" if len(lines) == 1 else ""
        more = f", {len(steps)} of them {all_of_them}×" if len(steps) > 1 else ""
        if abs(total) < 0.05 * len(steps):  # what each does is less than can be told in two digits
            return f"{text} {cure_of(title, whole > 0)}"
        text += f" Each {title} {verb} it about {each}×{more}{where}."
    return f"{text} {cure_of(title, whole > 0)}"


def cure_of(title: str, shrinks: bool) -> str:
    """Return what to do about gradients that shrink or grow with depth."""
    last = title.rpartition(" + ")[2]
    if not shrinks:
        return "Cure: smaller initial weights, as of init='xavier', a normalisation between layers, or clip_grad_norm."
    if last in SLOPES:
        slope = f"The slope of {last} {SLOPES[last]}. "
        return f"{slope}Cure: relu with init='he', connections past layers, or a normalisation."
    return "Cure: larger initial weights, as of init='he' before relu, connections past layers, or a normalisation."


def place(card: Card, graph: Wiring) -> str:
    """Return where a card is, in a word or two."""
    line = f"{card.line.file}:{card.line.number}" if card.line else "the last layer"
    return card.name or graph.paths.get(card.scope) or line


# Gradients that are 0
def without_gradient(ir: GraphIR, graph: Wiring) -> Iterator[Found]:
    """Yield weights whose gradient is 0 throughout, while other parameters have one."""
    trained = [card for card in ir.cards if card.kind == "parameter" and card.gradient and card.gradient.size]
    if trained and not any(card.gradient.norm for card in trained if card.gradient):
        root = ir.cards[-1]
        why = "The loss does not change with any parameter here: a mask, a relu that is 0 throughout, or a minimum."
        yield root.id, Finding("low", "no gradient at all", why, root.id), True
        return
    cut = cuts(ir, graph)
    for card in trained:
        if card.gradient and not card.gradient.norm and len(card.shape) > 1:
            why = why_cut(cut.get(card.id), graph)
            yield card.id, Finding("low", "no gradient arrives", why, card.id), True


def cuts(ir: GraphIR, graph: Wiring) -> dict[str, tuple[Card, Card]]:
    """Return, for cards whose gradient is 0, the first step behind that gets some, and what comes before that step."""
    found: dict[str, tuple[Card, Card]] = {}
    for card in reversed(ir.cards):
        if card.gradient is None or card.gradient.norm:
            continue
        for edge in graph.out[card.id]:
            user = graph.cards[edge.target]
            if user.gradient is not None and user.gradient.norm:
                found[card.id] = user, card
            elif user.id in found:
                found.setdefault(card.id, found[user.id])
    return found


def why_cut(cut: tuple[Card, Card] | None, graph: Wiring) -> str:
    """Return where the gradient on its way to a card is lost."""
    if cut is None:
        return "All ways from it to the loss are cut, as by a mask or a relu that is 0 throughout."
    step, before = cut
    factors = [a for a in graph.arguments(step) if a is not before and (a.kind != "parameter" or len(a.shape) > 1)]
    for factor in factors:
        if factor.stats and factor.stats.size == factor.stats.zeros:
            meant = ": as meant, if it has just begun there" if factor.kind == "parameter" else ""
            return f"{step.title} multiplies by {graph.name(factor)}, which is all 0{meant}."
    how = "which it overwrites" if step.title == "write" else "as a relu that is 0 throughout"
    return f"{step.title} gets a gradient and passes none on to {graph.name(before)}, {how}."
