"""Writes a graph in the language of Mermaid, which many sites draw inside of Markdown."""

from collections.abc import Iterable

from tensorgrad.viz.ir import Card, Edge, GraphIR, Scope
from tensorgrad.viz.passes import tidy
from tensorgrad.viz.passes.backward import inhabited
from tensorgrad.viz.words import elide, short_number, short_shape

MOST_CARDS, MOST_EDGES = 200, 400  # Mermaid itself stops at 500 edges and 50,000 letters
LONGEST = 60  # letters of a line in a card
STYLES = {  # by the class of a card: fill, border, text
    "parameter": ("#F5F3FF", "#C4B5FD", "#6D28D9"),
    "input": ("#ECFDF5", "#6EE7B7", "#047857"),
    "constant": ("#F8FAFC", "#CBD5E1", "#64748B"),
    "loss": ("#0F172A", "#0F172A", "#FFFFFF"),
    "module": ("#F8FAFC", "#94A3B8", "#0F172A"),
    "rule": ("#FFFFFF", "#FDBA74", "#9A3412"),
    "gradient": ("#FFEDD5", "#FB923C", "#C2410C"),
    "linalg": ("#FFFFFF", "#CBD5E1", "#4F46E5"),
    "elementwise": ("#FFFFFF", "#CBD5E1", "#475569"),
    "activation": ("#FFFFFF", "#CBD5E1", "#0D9488"),
    "reduction": ("#FFFFFF", "#CBD5E1", "#0891B2"),
    "view": ("#FFFFFF", "#CBD5E1", "#64748B"),
    "op": ("#FFFFFF", "#CBD5E1", "#334155"),
    "low": ("#FFFBEB", "#D97706", "#92400E"),
    "bad": ("#FEF2F2", "#DC2626", "#991B1B"),
    "scope": ("#F8FAFC", "#CBD5E1", "#334155"),
    "note": ("#FFFFFF", "#FFFFFF", "#64748B"),
}
ENDS = {"parameter": ("([", "])"), "input": ("([", "])"), "constant": ("([", "])"), "gradient": ("([", "])")} | {
    "module": ("[[", "]]"),
    "loss": ("[", "]"),
}
DOWN = "direction TB"  # said in each subgraph: one without edges to others would turn to the right
LINKS = {"gradient": "#EA580C", "kept": "#0891B2"}  # colours of edges, by kind
ESCAPED = str.maketrans({c: f"#{ord(c)};" for c in '#"&<>`\\$[]{}|%'})


def to_mermaid(ir: GraphIR) -> str:
    """Return the graph as a Mermaid flowchart. A forward graph too large for Mermaid is tidied until it is not.

    >>> x, y = Card("n0", "input", "x", "", (3,), "f64", 24), Card("n1", "loss", "sum", "", (), "f64", 8, value=2.0)
    >>> print(to_mermaid(GraphIR([x, y], [Edge("n0", "n1", 0, live=False)])))  # doctest: +ELLIPSIS
    flowchart TD
      c0(["x<br/>f64#91;3#93;"]):::input
      c1["sum<br/>= 2.0"]:::loss
      c0 -.-> c1
      classDef input fill:#ECFDF5,stroke:#6EE7B7,color:#047857
      classDef loss fill:#0F172A,stroke:#0F172A,color:#FFFFFF
    <BLANKLINE>
    """
    limit = MOST_CARDS
    small = tidy(ir, limit) if ir.view == "forward" else ir
    while ir.view == "forward" and len(small.edges) > MOST_EDGES and limit > 1:
        limit //= 2
        small = tidy(ir, limit)
    number = {card.id: f"c{i}" for i, card in enumerate(small.cards)}
    classes = dict.fromkeys(style(card) for card in small.cards)
    lines = ["flowchart TD"]
    if small.notes:
        classes["note"] = None
        lines.append(f'  notes["{"<br/>".join(quoted(note, 200) for note in small.notes)}"]:::note')
    back = [card for card in small.cards if card.kind in ("rule", "gradient")] if small.view == "both" else []
    forward = small.cards[: len(small.cards) - len(back)]
    if back:
        forward_box, backward_box = (f'  subgraph {name}["{name}"]\n    {DOWN}' for name in ("forward", "backward"))
        lines += [forward_box, *blocks(forward, small.scopes, number, "s"), "  end"]
        lines += [backward_box, *blocks(back, small.scopes, number, "t"), "  end"]
    else:
        lines += blocks(forward, small.scopes, number, "s")
    scopes = [line.split()[1].partition("[")[0] for line in lines if line.lstrip().startswith("subgraph ")]
    if scopes:
        classes["scope"] = None
        lines.append(f"  class {','.join(scopes)} scope")
    lines += [arrow(edge, number) for edge in small.edges]
    lines += [
        f"  classDef {name} fill:{STYLES[name][0]},stroke:{STYLES[name][1]},color:{STYLES[name][2]}"
        + ",stroke-dasharray:4 3" * (name == "view")
        for name in classes
    ]
    for kind, colour in LINKS.items():
        of = [str(i) for i, edge in enumerate(small.edges) if edge.kind == kind]
        lines += [f"  linkStyle {','.join(of)} stroke:{colour}"] * bool(of)
    return "\n".join(lines) + "\n"


def blocks(cards: Iterable[Card], scopes: Iterable[Scope], number: dict[str, str], prefix: str) -> Iterable[str]:
    """Yield the lines of cards, in the subgraphs of their scopes, whose ids begin with `prefix`."""
    held: dict[str, list[Card]] = {}
    for card in cards:
        held.setdefault(card.scope, []).append(card)
    inner: dict[str, list[Scope]] = {}
    for scope in reversed(inhabited(scopes, (card for within in held.values() for card in within))):
        inner.setdefault(scope.parent, []).append(scope)
    count = 0
    waiting: list[tuple[Scope | None, int]] = [(Scope("", ""), 0)]
    while waiting:
        around, depth = waiting.pop()
        if around is None:
            yield "  " * depth + "end"
            continue
        if around.id:
            title = " · ".join(filter(None, [quoted(around.title), times(around), quoted(around.note)]))
            yield "  " * depth + f'subgraph {prefix}{count}["{title or " "}"]'
            yield "  " * (depth + 1) + DOWN
            waiting.append((None, depth))
            count += 1
        for card in held.get(around.id, ()):
            yield "  " * (depth + 1) + box(card, number[card.id])
        waiting += [(within, depth + 1) for within in inner.get(around.id, ())]


def box(card: Card, id: str) -> str:
    """Return the line of a card."""
    before, behind = ENDS.get(card.kind, ("(", ")"))
    title = f"{card.title} → {card.name}" if card.name and card.kind in ("op", "loss", "module") else card.title
    title = " ".join(filter(None, [title, times(card)]))
    value = "" if card.value is None else f"= {short_number(card.value, 5)}"
    shape = short_shape(card.dtype, card.shape) if card.kind != "loss" else ""
    words = [title, card.note, shape, value, *(finding.words for finding in card.findings)]
    label = "<br/>".join(quoted(word) for word in words if word)
    return f'{id}{before}"{label}"{behind}:::{style(card)}'


def times(what: Card | Scope) -> str:
    """Return how often something is repeated."""
    return f"×{what.times}" if what.times > 1 else ""


def style(card: Card) -> str:
    """Return the class of a card: what is wrong with it, or its kind, or the family of its step."""
    worst = next((level for level in ("bad", "low") if any(f.level == level for f in card.findings)), "")
    return worst or (card.family or "op" if card.kind == "op" else card.kind)


def arrow(edge: Edge, number: dict[str, str]) -> str:
    """Return the line of an edge, dashed where no gradient comes back."""
    line = "-->" if edge.live and edge.kind != "kept" else "-.->"
    words = " ".join(filter(None, [quoted(edge.role), f"×{edge.count}" * (edge.count > 1)]))
    return f"  {number[edge.source]} {line}" + f'|"{words}"|' * bool(words) + f" {number[edge.target]}"


def quoted(text: str, longest: int = LONGEST) -> str:
    """Return text as it can stand within quotes, where nothing of it means anything."""
    return elide(text, longest).translate(ESCAPED)
