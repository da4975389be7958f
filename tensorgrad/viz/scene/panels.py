"""Says what stands around a drawing: the header, what was found in words, and the lines that trouble comes from."""

from dataclasses import dataclass, replace

from tensorgrad.viz.ir import Card, Finding, GraphIR
from tensorgrad.viz.scene.cards import GRADIENT, GREY, HEALTH, INK, SLATE, VALUE
from tensorgrad.viz.scene.letters import fitted, wrapped
from tensorgrad.viz.scene.pieces import PAD_X, Dot, Look, Row, Text, fit, row_height, row_width
from tensorgrad.viz.scene.wide import METERS, gradient_range
from tensorgrad.viz.words import elide

DIAGNOSES = 4  # findings that are explained
AROUND = 2  # lines before and after the one that is marked
NOTE_WIDTH = 460.0


@dataclass(frozen=True, slots=True)
class Note:
    """A box beside a card, and the id of the card."""

    card: str
    look: Look


def header_rows(ir: GraphIR, width: float) -> tuple[list[tuple[float, Row]], float]:
    """Return the rows at the top of a picture with their y, and how high they are in all."""
    heading = Text(fitted(elide(ir.heading(), 200), width / 20, bold=True), INK, 20, bold=True)
    rows: list[Row] = [(heading,)]
    rows += [(Text(line, GREY, 11.5),) for line in wrapped(ir.summary(), width / 11.5, 2)]
    rows += legend(ir, width)
    for note in ir.notes[:6]:
        rows += [(Text(line, GREY, 10.5),) for line in wrapped(elide(note, 400), width / 10.5, 3)]
    placed: list[tuple[float, Row]] = []
    y = 0.0
    for row in rows:
        placed.append((y, row))
        y += row_height(row) + 2
    return placed, y + 18


def legend(ir: GraphIR, width: float) -> list[Row]:
    """Return what the colours mean, as far as they occur."""
    kinds = {card.kind for card in ir.cards}
    values = ir.detail != "shapes" and any(card.stats for card in ir.cards)
    gradients = kinds & {"rule", "gradient"} or (ir.detail != "shapes" and any(card.gradient for card in ir.cards))
    entries = [
        (bool(values), VALUE, "value"),
        (bool(gradients), GRADIENT, "gradient"),
        ("parameter" in kinds and bool(values or gradients), "#7C3AED", "parameter"),
        ("input" in kinds and bool(values or gradients), "#10B981", "input"),
        (any(edge.kind == "kept" for edge in ir.edges), "#0891B2", "kept for the backward pass"),
    ]
    row: Row = ()
    for occurs, color, words in entries:
        longer: Row = (*row, Dot(color), Text(words, GREY, 10.5))
        row = longer if occurs and row_width(longer) <= width else row
    powers = gradient_range(ir)
    if powers is None:
        return [row] if row else []
    levels = [(METERS[""], "well"), (METERS["low"], "low"), (METERS["bad"], "bad")]
    span = f"from 1e{powers[0]} to 1e{powers[1]}, on a log scale"
    scale = [Text(words, GREY, 10.5) for words in ("bars: rms of", "∂ℒ", span)]
    return [row, (*scale, *[piece for color, word in levels for piece in (Dot(color), Text(word, GREY, 10.5))])]


def diagnosis(ir: GraphIR, width: float) -> Look | None:
    """Return the box that says in words what was found; None if that is nothing."""
    found = [finding for finding in ir.findings if finding.level != "note"]
    if not found:
        return None
    cards = {card.id: card for card in ir.cards}
    rows: list[Row] = [(Text("diagnosis", INK, 12, bold=True),)]
    for finding in found[:DIAGNOSES]:
        rows += [(), *finding_rows(finding, cards.get(finding.card), width - 2 * PAD_X)]
    more = len(found) - DIAGNOSES
    rows += [(Text(f"and {more} more, on the cards", GREY, 10.5),)] if more > 0 else []
    return fit(Look(tuple(rows), "#F8FAFC", "#CBD5E1"), width)


def finding_rows(finding: Finding, card: Card | None, room: float) -> list[Row]:
    """Return a finding with its card, its line and what to do."""
    head: list[Text] = [Text(elide(finding.words, 100), HEALTH[finding.level][0], 11, bold=True)]
    if card:
        head.append(Text(elide(card.name or card.title, 40), SLATE, 11))
    if card and card.line:
        head.append(Text(f"{elide(card.line.file, 40)}:{card.line.number}", GREY, 10, mono=True))
    why = wrapped(elide(finding.why, 600), room / 10.5, 3)
    return [tuple(head), *[(Text(line, SLATE, 10.5),) for line in why]]


def origin_note(ir: GraphIR) -> Note | None:
    """Return the box with the lines around the one that trouble comes from, and what to do; None without trouble."""
    first = next((finding for finding in ir.findings if finding.level == "bad"), None)
    card = next((card for card in ir.cards if first and card.id == first.card), None)
    if first is None or card is None or card.line is None:
        return None
    here = card.line
    lines = {here.number: here.text} | {
        number: text for number, text in ir.sources.get(here.file, {}).items() if abs(number - here.number) <= AROUND
    }
    rows: list[Row] = [(Text(elide(here.file, 60), INK, 12, bold=True),)]
    marked = -1
    for number, text in sorted(lines.items()):
        is_it = number == here.number
        marked = len(rows) if is_it else marked
        color = HEALTH["bad"][0] if is_it else SLATE
        code = Text(elide(text, 200).rstrip().replace(" ", "\N{NO-BREAK SPACE}"), color, 10.5, mono=True, bold=is_it)
        rows.append((Text(f"{number:>3}", GREY, 10.5, mono=True), code))
    room = min(max(max(map(row_width, rows)), 300.0), NOTE_WIDTH - 2 * PAD_X)
    why = wrapped(elide(first.why, 600), room / 10.5, 5)
    rows += [(), *[(Text(line, SLATE, 10.5),) for line in why]] if why else []
    needed = max(map(row_width, rows)) + 2 * PAD_X
    look = fit(Look(tuple(rows), "#F8FAFC", "#CBD5E1"), min(needed, NOTE_WIDTH))
    return Note(card.id, replace(look, marked=marked))
