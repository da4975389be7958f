"""Says what stands in each card: rows of text and small histograms, in the colours that things have everywhere."""

from collections.abc import Iterable

from tensorgrad.viz.ir import Card, Finding, Stats
from tensorgrad.viz.scene.pieces import Bars, Row, Text, row_width
from tensorgrad.viz.words import brief, elide, short_bytes, short_flops, short_number, short_shape

INK, SLATE, GREY, LINE, PAPER = "#0F172A", "#334155", "#64748B", "#94A3B8", "#FFFFFF"
VALUE, GRADIENT, KEPT = "#2563EB", "#EA580C", "#0E7490"
TITLES = {  # by the family of an op, or the kind of another card
    "linalg": "#4F46E5",
    "elementwise": "#475569",
    "activation": "#0D9488",
    "reduction": "#0891B2",
    "view": "#64748B",
    "": SLATE,
    "parameter": "#6D28D9",
    "input": "#047857",
    "constant": "#64748B",
    "module": INK,
    "rule": "#7C2D12",
    "gradient": "#C2410C",
}
TAGS = {"parameter": "#7C3AED", "input": "#059669", "constant": "#64748B"}  # of the word that says the kind
HEALTH = {  # by level: letters, fill, border
    "note": (GREY, "", ""),
    "low": ("#B45309", "#FFFBEB", "#FCD34D"),
    "bad": ("#B91C1C", "#FEF2F2", "#FCA5A5"),
}
VERDICTS = {"right": ("#ECFDF5", "#10B981"), "wrong": ("#FEE2E2", "#DC2626"), "inconclusive": ("#F1F5F9", "#94A3B8")}

LINES, FINDINGS = 5, 3  # of formulas and of findings, at most


# What a card says
def worst_level(findings: Iterable[Finding]) -> str:
    """Return the worst level of findings, "" of none."""
    levels = {finding.level for finding in findings}
    return next((level for level in ("bad", "low", "note") if level in levels), "")


def plain_rows(card: Card, detail: str, path: str, role: str) -> list[Row]:
    """Return the rows of an op or a leaf."""
    head = Text(shown_title(card, path), TITLES[card.family if card.kind == "op" else card.kind], 14, bold=True)
    called = [Text(f"→ {elide(card.name, 60)}", GREY, 10)] if card.name.strip() and card.kind == "op" else []
    note = [Text(elide(card.note, 60), SLATE, 10, mono=True)] if card.note else []
    tags = [word for word in (card.kind, role) if word] if card.kind in TAGS else []
    small = [Text(" · ".join(dict.fromkeys(w for w in tags if w != head.words)), TAGS.get(card.kind, GREY), 9.5)]
    first: Row = (head, *called, *[text for text in small if text.words])
    beside = len(first) == 1 and row_width((*first, *note)) <= 200
    rows: list[Row] = [(*first, *note)] if beside else [first, *[tuple(note)] * bool(note)]
    rows.append(shape_row(card))
    if card.value is not None:
        rows.append((Text(f"= {short_number(card.value, 5)}", SLATE, 10, mono=True),))
    if detail != "shapes":
        rows += value_rows(card) + gradient_bars(card)
    return rows + cost_rows(card, detail)


def shown_title(card: Card, path: str) -> str:
    """Return the title of a card in a scope, without what names of the scope begin with."""
    short = card.title.removeprefix(f"{path}.") if path else card.title
    return elide(short, 60).strip() or "unnamed"


def shape_row(card: Card) -> Row:
    """Return the row with dtype, shape and size."""
    shape = Text(short_shape(card.dtype, card.shape), SLATE, 10.5, mono=True)
    return (shape, *[Text(size, GREY, 9.5) for size in [short_bytes(card.bytes)] if size])


def value_rows(card: Card) -> list[Row]:
    """Return the histogram of a card's values; nothing if they are not known or are one number."""
    s = card.stats
    if s is None or card.value is not None or s.size < 1:
        return []
    if s.nans or s.infinities:
        return [bars_row(s, "val", VALUE, f"{brief(s.least)} … {brief(s.greatest)}" if s.counts else "no finite value")]
    if s.classes is not None:
        return [bars_row(s, "val", VALUE, f"{s.classes} value{'s' * (s.classes != 1)}")]
    return [bars_row(s, "val", VALUE, f"μ {brief(s.mean)}", f"σ {brief(s.deviation)}")]


def gradient_bars(card: Card) -> list[Row]:
    """Return the histogram of a card's gradient, or the number that it is; nothing if it is not known."""
    s = card.gradient
    if s is None or s.size < 1:
        return []
    if s.size == 1 and s.counts:  # of one number the sign is told, too
        return [(Text("∂ℒ", GRADIENT, 10, bold=True), Text(f"= {short_number(s.mean, 4)}", SLATE, 10, mono=True))]
    return [bars_row(s, "∂ℒ", GRADIENT, f"rms {brief(s.rms)}" if s.counts else "no finite value")]


def bars_row(s: Stats, label: str, color: str, *words: str) -> Row:
    """Return a histogram with figures beside it."""
    return (Bars(label, color, s.counts), *[Text(figure, GREY, 9.5) for figure in words])


def cost_rows(card: Card, detail: str) -> list[Row]:
    """Return the formula, what is kept, the cost and the line."""
    place = [Text(f"{elide(card.line.file, 40)}:{card.line.number}", GREY, 9.5, mono=True)] if card.line else []
    if detail != "full":
        return [tuple(place)] if place and any(f.level != "note" for f in card.findings) else []
    rows = formula_rows(card)
    cost = [] if card.flops is None else [Text(short_flops(card.flops), GREY, 9.5)]
    if card.kept:
        rows.append((Text("keeps", KEPT, 9.5), Text(kept_words(card), KEPT, 9.5, bold=True)))
    return [*rows, (*cost, *place)] if cost or place else rows


def formula_rows(card: Card) -> list[Row]:
    """Return what the rules of a card compute, a row for each argument."""
    lines = [(Text(elide(line, 100), "#9A3412", 10, mono=True),) for line in card.formula]
    more = len(lines) - LINES
    return [*lines[:LINES], (Text(f"and {more} more", GREY, 9.5),)] if more > 0 else [*lines]


def kept_words(card: Card) -> str:
    """Return what a step keeps for its rules."""
    return ", ".join(f"{elide(kept.what, 24)} {short_bytes(kept.bytes)}".strip() for kept in card.kept[:4]) + (
        f", {len(card.kept) - 4} more" if len(card.kept) > 4 else ""
    )


def finding_rows(card: Card, dark: bool = False) -> list[Row]:
    """Return what was found about the health of a card, a row each."""
    rows: list[Row] = []
    for finding in card.findings[:FINDINGS]:
        color = "#FCA5A5" if dark else HEALTH[finding.level][0]
        rows.append((Text(elide(finding.words, 80), color, 10.5, bold=finding.level != "note"),))
    more = len(card.findings) - FINDINGS
    return [*rows, (Text(f"and {more} more", GREY, 9.5),)] if more > 0 else rows


def loss_rows(card: Card, detail: str, _path: str, _role: str) -> list[Row]:
    """Return the rows of the loss: its value is large."""
    head = [Text(elide(card.title, 60), "#93C5FD", 11)]
    head += [Text(f"→ {elide(card.name, 60)}", "#E2E8F0", 11)] if card.name and card.name != card.title else []
    note = [Text(elide(card.note, 60), LINE, 9.5, mono=True)] if card.note else []
    known = short_number(card.value, 5) if card.value is not None else "not computed"
    place = [Text(f"{elide(card.line.file, 40)}:{card.line.number}", LINE, 9.5, mono=True)] if card.line else []
    last = Text(short_shape(card.dtype, card.shape), LINE, 9.5, mono=True)
    return [
        (*head, *note),
        (Text(known, PAPER, 22 if card.value is not None else 13, bold=True),),
        (last, *(place if detail == "full" else [])),
    ]


def rule_rows(card: Card, detail: str, path: str, _role: str) -> list[Row]:
    """Return the rows of a rule: formula, what it reads, what is added up, and the gradient."""
    head: Row = (Text(shown_title(card, path), TITLES["rule"], 13, bold=True), Text("vjp", "#B45309", 9.5))
    rows: list[Row] = [head]
    if card.note.startswith("seed"):
        rows.append((Text(elide(card.note, 60), GREY, 9.5),))
    rows += formula_rows(card)
    if card.kept:
        rows.append((Text("reads", KEPT, 9.5), Text(kept_words(card), KEPT, 9.5, bold=True)))
    if card.paths > 1:
        rows.append((Text(f"⊕ {card.paths} paths are added up", GRADIENT, 9.5, bold=True),))
    return rows + (gradient_bars(card) if detail != "shapes" else [])


def gradient_rows(card: Card, detail: str, path: str, _role: str) -> list[Row]:
    """Return the rows of what arrives at a parameter."""
    before, sign, name = card.title.rpartition("∂")
    name = name.removeprefix(f"{path}.") if path else name
    title = elide(f"{before}{sign}{name}", 60)
    rows: list[Row] = [(Text(title, TITLES["gradient"], 13, bold=True),), shape_row(card)]
    s = card.gradient
    if detail != "shapes" and s is not None and s.size > 1:
        rows.append(bars_row(s, "∂ℒ", GRADIENT, f"norm {brief(s.norm)}" if s.counts else "no finite value"))
    elif detail != "shapes":
        rows += gradient_bars(card)
    return rows + ratio_rows(card)


def module_rows(card: Card, detail: str, path: str, _role: str) -> list[Row]:
    """Return the rows of a folded scope: what it is, how large, and its health."""
    times = [Text(f"×{card.times:,}", SLATE, 12, bold=True)] if card.times > 1 else []
    head: Row = (Text(shown_title(card, path), INK, 14, bold=True), *times)
    note = [(Text(elide(card.note, 60), GREY, 10),)] if card.note else []
    size = [f"{card.count:,} step{'s' * (card.count != 1)}"]
    size += [f"{card.parameters:,} params"] if card.parameters and "parameter" not in card.note else []
    size += [short_flops(card.flops)] if card.flops else []
    rows: list[Row] = [head, *note, (Text(" · ".join(size), GREY, 9.5),), shape_row(card)]
    if detail != "shapes":
        rows += value_rows(card) + gradient_bars(card)
    return rows + ratio_rows(card)


def ratio_rows(card: Card) -> list[Row]:
    """Return how large the gradient is against the weights."""
    if card.ratio is None or (card.gradient and (card.gradient.nans or card.gradient.infinities)):
        return []
    return [(Text("gradient / weight", GREY, 9.5), Text(brief(card.ratio), SLATE, 9.5, bold=True))]
