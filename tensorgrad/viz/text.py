"""Writes a graph as text: a row for each step, the main path as a line, other arguments behind ◂."""

from tensorgrad.viz.boxes import modules, unfold
from tensorgrad.viz.ir import Card, Edge, GraphIR
from tensorgrad.viz.read import COMMUTATIVE
from tensorgrad.viz.words import elide, short_number, short_shape

MARKS = {"parameter": "○", "input": "○", "constant": "○", "op": "●", "loss": "◉"}


def to_text(ir: GraphIR) -> str:
    """Return the graph as text, in the order in which it was computed."""
    into, cards = ir.incoming(), {card.id: card for card in ir.cards}
    path = {id: box.path for box in unfold(modules(ir)) for id in box.cards}
    steps = [card for card in ir.cards if into[card.id]] or ir.cards
    rows = steps + [card for card in ir.cards if card.kind == "input"]
    number_width = max(len(number(card)) for card in rows)
    title_width = max(len(title(card)) for card in rows)
    shape_width = max(len(short_shape(card.dtype, card.shape)) for card in rows)

    def row(card: Card, tail: str = "") -> str:
        shape = short_shape(card.dtype, card.shape)
        value = "" if card.value is None else f"= {short_number(card.value, 5)}"
        verdict = "✗ wrong derivative" if card.verdict == "wrong" else ""
        facts = "  ".join(filter(None, [value, card.note, tail, verdict]))
        columns = f"{number(card):<{number_width}}  {title(card):<{title_width}}  {shape:<{shape_width}}  {facts}"
        return f"  {MARKS[card.kind]}  {columns}".rstrip()

    lines = [f"{ir.heading()}   {ir.summary()}", *ir.notes, ""]
    above: Card | None = None
    module = ""
    for card in steps:
        edges = into[card.id]
        sources = [cards[edge.source] for edge in edges]
        if not follows(edges, above, card):
            if above is not None and above not in sources:
                lines.append("")
            above = next((s for s in sources if s.kind == "input"), None)
            if above is not None:
                lines.append(row(above))
            if not follows(edges, above, card):
                above = None
        if path.get(card.id, "") != module:
            module = path.get(card.id, "")
            lines += ["  │"] * (above is not None) + [f"  ├─ {module}"] * bool(module)
        shown = list(sources)
        if above in shown:
            shown.remove(above)
        lines.append(row(card, "  ".join(f"◂ {mention(source)}" for source in shown)))
        above = card
    return "\n".join(lines)


def follows(edges: list[Edge], above: Card | None, card: Card) -> bool:
    """Whether the row above can be left out of the arguments, as the one that the line leads to."""
    if above is None:
        return False
    places = [i for i, edge in enumerate(edges) if edge.source == above.id]
    return bool(places) and (places[0] == 0 or card.title in COMMUTATIVE)


def number(card: Card) -> str:
    """Return what a row is referred to by."""
    return card.id.replace("n", "%").replace("_", ".")


def title(card: Card) -> str:
    """Return what a row is called."""
    if card.kind in ("op", "loss"):
        return elide(f"{card.title} → {card.name}" if card.name else card.title, 40)
    return elide(card.title, 40)


def mention(card: Card) -> str:
    """Return how an argument is shown in the row of the step that takes it."""
    if card.kind in ("op", "loss"):
        return f"{number(card)} {card.title}"
    return f"{title(card)} {short_shape(card.dtype, card.shape)}"
