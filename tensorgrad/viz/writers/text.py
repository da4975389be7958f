"""Writes a graph as text: a row for each step, the main path as a line, other arguments behind ◂."""

from tensorgrad.viz.ir import Card, Edge, GraphIR, Stats, counted
from tensorgrad.viz.record.ops import COMMUTATIVE
from tensorgrad.viz.words import blocks, elide, short_figure, short_number, short_shape

MARKS = {"parameter": "○", "input": "○", "constant": "○", "op": "●", "loss": "◉", "module": "▣"}
MARKS |= {"rule": "●", "gradient": "○"}
SIGNS = {"note": "·", "low": "⚠", "bad": "✖"}  # of findings
STEPS = ("op", "loss", "module", "rule")
ARGUMENTS = 8  # that a row mentions


def to_text(ir: GraphIR) -> str:
    """Return the graph as text, in the order in which it was computed, and a table of the parameters' gradients."""
    into, cards = ir.incoming(), {card.id: card for card in ir.cards}
    steps = [card for card in ir.cards if into[card.id] or card.kind in STEPS] or ir.cards
    rows = steps + [card for card in ir.cards if card.kind == "input"]
    number_width = max(len(number(card)) for card in rows)
    title_width = max(len(title(card)) for card in rows)
    shape_width = max(len(short_shape(card.dtype, card.shape)) for card in rows)

    def row(card: Card, tail: str = "") -> str:
        shape = short_shape(card.dtype, card.shape)
        verdict = "✗ wrong derivative" if card.verdict == "wrong" else ""
        found = "  ".join(f"{SIGNS[finding.level]} {finding.words}" for finding in card.findings)
        rule = "; ".join(card.formula) if card.kind == "rule" else ""
        told = "  ".join(filter(None, [figures(card), rule or card.note, tail, found, verdict]))
        columns = f"{number(card):<{number_width}}  {title(card):<{title_width}}  {shape:<{shape_width}}  {told}"
        return f"  {MARKS[card.kind]}  {columns}".rstrip()

    lines = [f"{ir.heading()}   {ir.summary()}", *ir.notes, ""]
    paths = {id: elide(path, 60) for id, path in ir.paths().items()}
    above: Card | None = None
    scope = ""
    entered = set[str]()  # inputs that have had their row
    for card in steps:
        edges = [edge for edge in into[card.id] if edge.kind != "kept"]
        sources = [cards[edge.source] for edge in edges]
        if not follows(edges, above, card):
            if above is not None and above not in sources:
                lines.append("")
            above = next((s for s in sources if s.kind == "input" and s.id not in entered), None)
            if above is not None:
                entered.add(above.id)
                lines.append(row(above))
            if not follows(edges, above, card):
                above = None
        if card.scope != scope:
            scope = card.scope
            lines += ["  │"] * (above is not None) + [f"  ├─ {paths[scope]}"] * bool(scope)
        shown = list(sources)
        if above in shown:
            shown.remove(above)
        more = [f"and {len(shown) - ARGUMENTS:,} more"] if len(shown) > ARGUMENTS + 1 else []
        told = shown[:ARGUMENTS] if more else shown
        lines.append(row(card, "  ".join([*(f"◂ {mention(source)}" for source in told), *more])))
        above = card
    return "\n".join(lines + table(ir, paths) + diagnosis(ir))


def follows(edges: list[Edge], above: Card | None, card: Card) -> bool:
    """Whether the row above can be left out of the arguments, as the one that the line leads to."""
    if above is None:
        return False
    places = [i for i, edge in enumerate(edges) if edge.source == above.id]
    return bool(places) and (places[0] == 0 or card.title in COMMUTATIVE)


def figures(card: Card) -> str:
    """Return the values of a card as a little histogram, or the number it holds, and those of its gradient."""
    value = "" if card.value is None else f"= {short_number(card.value, 5)}"
    if not value and card.stats is not None:
        value = f"v {bars(card.stats)}"
    gradient = "" if card.gradient is None or card.kind == "loss" else f"∂ {bars(card.gradient)}"
    if gradient and card.gradient is not None and card.gradient.counts:
        alone = card.gradient.size == 1  # its sign is told, too
        gradient = (
            f"∂ = {short_number(card.gradient.mean, 4)}" if alone else f"{gradient}  {short_figure(card.gradient.rms)}"
        )
    return "  ".join(filter(None, [value, gradient]))


def bars(stats: Stats) -> str:
    """Return a histogram in eight characters."""
    return blocks(stats.counts, 8) or ("no finite values" if stats.size else "empty")


def table(ir: GraphIR, paths: dict[str, str]) -> list[str]:
    """Return the rows of a table of the parameters: shape, norm of the gradient, its ratio to that of the values."""
    known = [card for card in ir.cards if card.kind == "parameter" and card.gradient is not None]
    if not known or ir.view == "backward":
        return []
    rows = [("parameter", "shape", "grad norm", "grad/weight")]
    for card in known:
        assert card.gradient is not None
        ratio = "-" if card.ratio is None else short_figure(card.ratio)
        path = card.name or ".".join(filter(None, [paths[card.scope], card.title]))
        finite = not card.gradient.nans + card.gradient.infinities
        norm = short_figure(card.gradient.norm) if finite else "not finite"
        rows.append((elide(path, 60), short_shape(card.dtype, card.shape), norm, ratio))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    unseen = sum(card.parameters for card in ir.cards)
    more = [f"  and {counted(unseen, 'parameter')} in folded cards"] * bool(unseen)
    return [
        "",
        *(f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in rows),
        *more,
    ]


def diagnosis(ir: GraphIR) -> list[str]:
    """Return what was found about the graph's health, in words."""
    cards = {card.id: card for card in ir.cards}
    lines = [""] * bool(ir.findings)
    for finding in ir.findings:
        where = f"{mention(cards[finding.card])}: " if finding.card in cards else ""
        lines.append(f"  {SIGNS[finding.level]} {where}{finding.words}" + f". {finding.why}" * bool(finding.why))
    return lines


def number(card: Card) -> str:
    """Return what a row is referred to by."""
    return card.id.replace("n", "%").replace("_", ".")


def title(card: Card) -> str:
    """Return what a row is called."""
    if card.kind in ("op", "loss"):
        return elide(f"{card.title} → {card.name}" if card.name else card.title, 40)
    return elide(f"{card.title} ×{card.times}" if card.times > 1 else card.title, 40)


def mention(card: Card) -> str:
    """Return how an argument is shown in the row of the step that takes it."""
    if card.kind in STEPS:
        return f"{number(card)} {title(card)}"
    return f"{title(card)} {short_shape(card.dtype, card.shape)}"
