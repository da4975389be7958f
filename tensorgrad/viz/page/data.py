"""Makes the compact data that an interactive page holds: places, and all that its cards and panels say, spelled out."""

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tensorgrad.viz.ir import Card, Finding, GraphIR, Heat, Scope, Stats
from tensorgrad.viz.layout import Place
from tensorgrad.viz.passes import fold
from tensorgrad.viz.scene.stage import arranged
from tensorgrad.viz.words import elide, short_bytes, short_number, short_shape

WIDTH = 208.0  # of every card
LOW, HIGH = 46.0, 86.0  # heights of a card, without and with its histograms
LETTER = 7.6  # width of a letter of a scope's title, with some to spare
LONGEST = 160  # letters of a name, a note or a line of a formula; more are left out of their middle
LONGEST_LINE = 400  # letters of a line of source
NEIGHBOURS = 3  # lines of source above and below that of a card

Data = dict[str, Any]


def data_of(ir: GraphIR, folded: frozenset[str] = frozenset()) -> Data:
    """Return all that the page of `ir` shows, as plain JSON, in which cards and scopes are called by their number."""
    full = any(card.stats or card.gradient for card in ir.cards)
    sizes = {card.id: (WIDTH, height(card, full)) for card in ir.cards}
    titles = {scope.id: 64 + LETTER * min(len(scope.title) + len(scope.note), 28) for scope in ir.scopes}
    places = arranged(ir, sizes, titles)
    scopes = [scope for scope in ir.scopes if scope.id in places.groups]
    number = {card.id: i for i, card in enumerate(ir.cards)}
    numbers = {scope.id: i for i, scope in enumerate(scopes)}
    modules = as_cards(ir)
    weights = {card.id: line_width(card.bytes) for card in ir.cards}
    return {
        "heading": elide(ir.heading(), LONGEST),
        "summary": ir.summary(),
        "kept": short_bytes(ir.kept()),
        "detail": ir.detail,
        "size": [places.width, places.height],
        "low": LOW,
        "high": HIGH if full else LOW,
        "tall": HIGH,
        "cards": [card_data(c, places.boxes[c.id], numbers) for c in ir.cards],
        "scopes": [scope_data(s, places.groups[s.id], numbers, modules.get(s.id)) for s in scopes],
        "edges": [
            spare(
                {
                    "ends": [number[edge.source], number[edge.target]],
                    "role": elide(edge.role, 40),
                    "dead": not edge.live,
                    "count": edge.count if edge.count > 1 else None,
                    "width": weights[edge.source],
                    "way": [round(c, 1) for point in way for c in point],
                }
            )
            for edge, way in zip(ir.edges, places.links, strict=True)
            if edge.kind == "value"
        ],
        "notes": [elide(note, LONGEST_LINE) for note in ir.notes],
        "findings": [
            [f.level, elide(f.words, LONGEST), elide(f.why, LONGEST_LINE), number.get(f.card, -1)] for f in ir.findings
        ],
        "sources": sources(ir),
        "folded": sorted(numbers[scope] for scope in folded if scope in numbers),
    }


def as_cards(ir: GraphIR) -> dict[str, Card]:
    """Return each scope as the one card that it is when folded; a scope that cannot be folded is left out."""
    depth: dict[str, int] = {}
    for scope in ir.scopes:
        depth[scope.id] = depth.get(scope.parent, 0) + 1
    made: dict[str, Card] = {}
    for level in range(1, max(depth.values(), default=0) + 1):
        cards = fold(ir, [id for id, d in depth.items() if d == level]).cards
        made.update({card.stands_for: card for card in cards if depth.get(card.stands_for) == level})
    if ir.cards and ir.cards[-1].kind == "loss":  # which `fold` leaves out, and the page folds with the rest
        for id in around(ir, ir.cards[-1].scope):
            if id in made:
                made[id] = replace(made[id], count=made[id].count + 1)
    return made


def around(ir: GraphIR, scope: str) -> Iterable[str]:
    """Return the ids of a scope and of those around it, innermost first."""
    parents = {each.id: each.parent for each in ir.scopes}
    while scope in parents:
        yield scope
        scope = parents[scope]


def height(card: Card, full: bool) -> float:
    """Return how tall a card is: it is low if it never has anything to show."""
    shows = card.kind == "loss" or (
        full and (card.stats or card.gradient or card.kind in ("op", "parameter", "module"))
    )
    return HIGH if shows else LOW


def card_data(card: Card, place: Place | None, numbers: Mapping[str, int]) -> Data:
    """Return what the page says of a card; what is absent is left out."""
    return spare(
        {
            "kind": card.kind,
            "title": elide(card.title, LONGEST) or "unnamed",
            "name": elide(card.name, LONGEST),
            "note": elide(card.note, LONGEST),
            "sig": short_shape(card.dtype, card.shape),
            "bytes": short_bytes(card.bytes),
            "size": card.bytes,
            "family": card.family,
            "scope": numbers.get(card.scope),
            "value": None if card.value is None else elide(short_number(card.value), 24),
            "stats": stats_data(card.stats),
            "gradient": stats_data(card.gradient),
            "ratio": None if card.ratio is None else number_words(card.ratio),
            "formula": [elide(line, LONGEST) for line in card.formula],
            "kept": [[elide(kept.what, 40), short_bytes(kept.bytes)] for kept in card.kept],
            "keptBytes": sum(kept.bytes or 0 for kept in card.kept) or None,
            "flops": card.flops,
            "line": [elide(card.line.file, LONGEST), card.line.number, elide(card.line.text, LONGEST_LINE)]
            if card.line
            else None,
            "findings": findings(card.findings),
            "forgotten": card.forgotten or None,
            "verdict": card.verdict,
            "count": card.count if card.kind == "module" else None,
            "times": card.times if card.times > 1 else None,
            "parameters": card.parameters or None,
            "at": corners(place) if place else None,
        }
    )


def scope_data(scope: Scope, place: Place, numbers: Mapping[str, int], module: Card | None) -> Data:
    """Return what the page says of a scope, and the card that it is when folded, if it can be."""
    data = {
        "title": elide(scope.title, LONGEST) or scope.kind,
        "kind": scope.kind,
        "note": elide(scope.note, LONGEST),
        "parent": numbers.get(scope.parent),
        "times": scope.times if scope.times > 1 else None,
        "at": corners(place),
        "card": card_data(replace(module, scope=scope.parent), None, numbers) if module else None,
    }
    return spare(data)


def stats_data(stats: Stats | None) -> Data | None:
    """Return figures as words, and a histogram and a heat map as bytes in base 64."""
    if stats is None:
        return None
    finite = stats.size - stats.nans - stats.infinities
    most = max(stats.counts, default=0)
    return spare(
        {
            "size": stats.size,
            "finite": finite,
            "mean": number_words(stats.mean),
            "deviation": number_words(stats.deviation),
            "short": [number_words(value, 2) for value in (stats.mean, stats.deviation)],
            "rms": number_words(stats.rms),
            "norm": number_words(stats.norm),
            "least": number_words(stats.least),
            "greatest": number_words(stats.greatest),
            "ends": [v if math.isfinite(v) else 0.0 for v in (stats.least, stats.greatest)],
            "zeros": share_words(stats.zeros, finite),
            "dead": f"{stats.dead} of {stats.units}" if stats.units and stats.dead else None,
            "saturated": None if stats.saturated is None else share_words(stats.saturated, finite),
            "nans": stats.nans or None,
            "infinities": stats.infinities or None,
            "classes": stats.classes,
            "counts": packed([math.ceil(255 * n / most) for n in stats.counts]) if most else "",
            "heat": heat_data(stats.heat),
        }
    )


def heat_data(heat: Heat | None) -> Data | None:
    """Return a heat map with its cells moved up by 128, to be bytes."""
    if heat is None or len(heat.cells) != heat.rows * heat.columns or not heat.cells:
        return None
    scale, cells = number_words(heat.scale), packed([c + 128 for c in heat.cells])
    return {"rows": heat.rows, "columns": heat.columns, "scale": scale, "cells": cells}


def packed(values: list[int]) -> str:
    """Return whole numbers from 0 to 255 as text.

    >>> packed([0, 127, 255])
    'AH//'
    """
    return base64.b64encode(np.clip(values, 0, 255).astype(np.uint8).tobytes()).decode()


def number_words(value: float, digits: int = 3) -> str:
    """Return a number in so many digits, as short as an axis wants it.

    >>> number_words(1.25e-05), number_words(-0.5), number_words(123456.0), number_words(0.0)
    ('1.25e-5', '−0.5', '1.23e5', '0')
    """
    number, e, power = f"{value:.{digits}g}".partition("e")
    return (number + e + (str(int(power)) if e else "")).replace("-", "−", number.startswith("-"))


def share_words(part: int, whole: int) -> str:
    """Return a share in percent, which is 0 % or 100 % only if it is exactly that.

    >>> share_words(0, 10), share_words(1, 100_000), share_words(99_999, 100_000), share_words(1, 3), share_words(0, 0)
    ('0 %', '< 0.1 %', '> 99.9 %', '33.3 %', '')
    """
    if not whole:
        return ""
    if part in (0, whole):
        return "100 %" if part else "0 %"
    percent = 100 * part / whole
    return "< 0.1 %" if percent < 0.1 else "> 99.9 %" if percent > 99.9 else f"{percent:.3g} %"


def sources(ir: GraphIR) -> dict[str, dict[int, str]]:
    """Return the lines of source that the page shows, by file."""
    wanted: dict[str, set[int]] = {}
    for card in ir.cards:
        if card.line is not None and card.line.file in ir.sources:
            first, last = card.line.number - NEIGHBOURS, card.line.number + NEIGHBOURS
            wanted.setdefault(card.line.file, set()).update(range(first, last + 1))
    return {
        elide(file, LONGEST): {n: elide(text, LONGEST_LINE) for n, text in ir.sources[file].items() if n in lines}
        for file, lines in wanted.items()
    }


def findings(found: Iterable[Finding]) -> list[list[str]]:
    """Return findings of a card."""
    return [[f.level, elide(f.words, LONGEST), elide(f.why, LONGEST_LINE)] for f in found]


def line_width(size: int | None) -> float:
    """Return the width of a link: it grows with the logarithm of the bytes that pass.

    >>> line_width(8), line_width(8000), line_width(None)
    (0.9, 2.4, 0.9)
    """
    return round(0.9 + 0.5 * math.log10(max(size or 0, 8) / 8), 2)


def corners(place: Place) -> list[float]:
    """Return left, top, width and height."""
    return [round(v, 1) for v in (place.x, place.y, place.width, place.height)]


def spare(data: Data) -> Data:
    """Return the entries that say something: the page takes what is absent for nothing."""
    return {key: v for key, v in data.items() if not (v is None or v is False or v in ("", [], {}))}
