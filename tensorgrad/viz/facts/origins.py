"""Finds where NaN or infinity came from in a picture: the first card that has some and was given none."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tensorgrad import traps
from tensorgrad.op import OPS, Op
from tensorgrad.values import IN_DATA, IN_LEAF
from tensorgrad.viz.ir import Card, Edge, Finding, GraphIR, Level, Stats

INVERSE: dict[str, np.ufunc] = {  # of functions that overflow: of the largest number, what they overflow above
    "exp": np.log,
    "exp2": np.log2,
    "expm1": np.log1p,
    "sinh": np.arcsinh,
    "cosh": np.arccosh,
}
INFINITE, TOLD = re.compile(r"\binf\b"), re.compile(r"\b(inf|nan)\b")  # arguments that are numbers
Found = tuple[str, Finding, bool]  # id of the card, what is wrong, and whether it is a cause


@dataclass(frozen=True, slots=True)
class Wiring:
    """The cards of a graph by id, and the edges along which values go."""

    cards: dict[str, Card]
    paths: dict[str, str]  # what the names in a scope begin with, by its id
    into: dict[str, list[Edge]]
    out: dict[str, list[Edge]]
    weights: set[str]  # ids of parameters, and of what is made of a single one, like w.T or 0.1 * w, but a look-up

    def arguments(self, card: Card) -> list[Card]:
        """Return the cards of what a step reads."""
        return [self.cards[edge.source] for edge in self.into[card.id]]

    def name(self, card: Card) -> str:
        """Return what to call a card in a sentence."""
        path = self.paths.get(card.scope, "") if card.kind == "parameter" else ""
        name = card.name or (f"the result of {card.title}" if card.kind in ("op", "loss") else card.title)
        return behind(path, name) if path else name


def behind(path: str, name: str) -> str:
    """Return a name with the path of what it is in, of which it may begin with the end.

    >>> behind("mlp.layers.0", "layers.0.weight"), behind("mlp", "weight")
    ('mlp.layers.0.weight', 'mlp.weight')
    """
    outer, inner = path.split("."), name.split(".")
    shared = next((k for k in range(min(len(outer), len(inner) - 1), 0, -1) if outer[-k:] == inner[:k]), 0)
    return ".".join([*outer, *inner[shared:]])


def wiring(ir: GraphIR) -> Wiring:
    """Return the cards by id and the edges of values by either end."""
    cards = {card.id: card for card in ir.cards}
    into: dict[str, list[Edge]] = {id: [] for id in cards}
    out: dict[str, list[Edge]] = {id: [] for id in cards}
    for edge in ir.edges:
        if edge.kind == "value":
            into[edge.target].append(edge)
            out[edge.source].append(edge)
    weights = {card.id for card in ir.cards if card.kind == "parameter"}
    for card in ir.cards:
        if len(into[card.id]) == 1 and into[card.id][0].source in weights and card.title != "getitem":
            weights.add(card.id)
    return Wiring(cards, ir.paths(), into, out, weights)


def lost(stats: Stats | None) -> bool:
    """Whether some elements are NaN or infinite."""
    return stats is not None and bool(stats.nans or stats.infinities)


def amount(stats: Stats) -> str:
    """Return how many elements are no numbers.

    >>> amount(Stats(640, nans=15, infinities=124)), amount(Stats(1, nans=1)), amount(Stats(8, infinities=8))
    ('15 nan · 124 inf of 640', 'nan', 'all 8 are inf')
    """
    kinds = [f"{n:,} {kind}" for n, kind in ((stats.nans, "nan"), (stats.infinities, "inf")) if n]
    if len(kinds) == 1 and stats.size == 1:
        return kinds[0].partition(" ")[2]
    if len(kinds) == 1 and stats.size == stats.nans + stats.infinities:
        return f"all {stats.size:,} are {kinds[0].rpartition(' ')[2]}"
    return f"{' · '.join(kinds)} of {stats.size:,}"


# Values
def in_values(ir: GraphIR, graph: Wiring) -> Iterator[Found]:
    """Yield where values are NaN or infinite: first made, or brought, and then passed on.

    Where values are not known, what goes in is taken for what comes out. Infinities that have gone before the end, as
    those of a mask behind a softmax, do no harm: they are noted, or, where a step made them, of low concern. So is nan,
    if it is in no gradient either.
    """
    tainted: dict[str, bool] = {}
    meant: set[str] = (
        set()
    )  # infinities that a step was told to put there, as into a mask, and what they make of others
    for card in ir.cards:
        before = [edge.source for edge in graph.into[card.id] if tainted[edge.source]]
        tainted[card.id] = lost(card.stats) if card.stats is not None else bool(before)
        told = INFINITE.search(card.note) or (before and meant.issuperset(before))
        if told and not (card.stats and card.stats.nans):
            meant.add(card.id)
    last = ir.cards[-1]
    harmless = not tainted[last.id]
    derived = [card.gradient for card in ir.cards if card.gradient is not None]
    left_out = harmless and bool(derived) and not any(map(lost, derived))  # nan, as by np.nansum
    origins: set[str] = set()  # what they are called
    for card in ir.cards:
        if card.stats is None or not lost(card.stats):
            continue
        before = [edge.source for edge in graph.into[card.id] if tainted[edge.source]]
        if card.stats.nans:
            before = [id for id in before if id not in meant]  # out of these, the step made nan
        made = card.kind in ("op", "loss", "module") and card.id not in meant
        made = made and not (harmless and TOLD.search(card.note))
        gone = left_out if card.stats.nans else harmless or (card.id in meant and last.id not in meant)
        level: Level = "bad" if not gone else "low" if made else "note"
        words = amount(card.stats)
        if before:
            words += f", from {min(origins)}" if card is last and len(origins) == 1 else ""
            yield card.id, Finding("note" if gone else "bad", words, card=card.id), False
            continue
        why = how_made(card, graph) if made else how_given(card) if card.stats.nans else ""
        if level != "note":
            origins.add(card.name or card.title)
            words = f"origin: {words}"
        yield card.id, Finding(level, words, why, card.id), level != "note"


def how_given(card: Card) -> str:
    """Return what to do about NaN that no step made."""
    cure = IN_LEAF if card.kind == "parameter" else IN_DATA
    return f"{'It' if card.kind == 'parameter' else 'The data'} has nan. Cure: {cure}"


def how_made(card: Card, graph: Wiring) -> str:
    """Return how a step came to make NaN or infinity of numbers, as far as known, and what to do."""
    op, stats = op_of(card.title), card.stats
    arguments = graph.arguments(card)
    if op is None or stats is None or any(a.stats is None for a in arguments):
        return sentence("", given(arguments, graph))
    dtype = dtype_of(card.dtype)
    arrays = tuple(typical(a.stats, dtype_of(a.dtype)) for a in arguments if a.stats)
    element = np.array(np.nan if stats.nans else np.inf, dtype)[()]
    found = [("", "")]
    with np.errstate(all="ignore"):
        if op.elementwise and len(arrays) == len(graph.into[card.id]) and len(arrays) == arity(op):
            found = [traps.made(op.fn, elements, arrays, element, element) for elements in itertools.product(*arrays)]
        found = [words for words in found if words[0]] or [traps.made(op.fn, (), arrays, element, element)]
    what, cure = min(found, key=lambda words: ("nan" in words[0]) != bool(stats.nans))
    if card.title in INVERSE and stats.infinities and len(arguments) == 1 and dtype.kind == "f":
        edge = float(INVERSE[card.title](np.finfo(dtype).max))
        top = arguments[0].stats
        what = f"{card.title} overflows {dtype} above {edge:.3g}"
        return sentence(
            "", f"{graph.name(arguments[0])} is up to {top.greatest:.3g}, but {what}" if top else what, cure
        )
    return sentence(what, given(arguments, graph), cure)


def given(arguments: list[Card], graph: Wiring) -> str:
    """Return the ranges of what a step was given."""
    known = [(a, a.stats) for a in arguments if a.stats and a.stats.counts]
    return ", ".join(dict.fromkeys(f"{graph.name(a)} is {s.least:.3g} to {s.greatest:.3g}" for a, s in known))


# Gradients
def in_gradients(ir: GraphIR, graph: Wiring) -> Iterator[Found]:
    """Yield where gradients are NaN or infinite while values are not: first made by a rule, then passed on."""
    tainted: dict[str, bool] = {}
    for card in reversed(ir.cards):
        behind = [graph.cards[edge.target] for edge in graph.out[card.id] if edge.live]
        before = any(tainted[user.id] for user in behind)
        tainted[card.id] = lost(card.gradient) if card.gradient is not None else before
        if card.gradient is None or not lost(card.gradient):
            continue
        words = f"{amount(card.gradient)} in the gradient"
        if before:
            yield card.id, Finding("bad", words, card=card.id), False
        else:
            yield card.id, Finding("bad", f"origin: {words}", how_steep(card, behind, graph), card.id), True


def in_parameters(ir: GraphIR) -> Iterator[Found]:
    """Yield the parameters whose gradients are NaN or infinite because values are."""
    for card in ir.cards:
        if card.kind == "parameter" and card.gradient is not None and lost(card.gradient):
            yield card.id, Finding("bad", f"{amount(card.gradient)} in the gradient", card=card.id), False


def how_steep(card: Card, behind: list[Card], graph: Wiring) -> str:
    """Return how the derivative of a step came to be NaN or infinite, as far as known, and what to do."""
    assert card.gradient is not None
    for user in behind:
        op, arguments = op_of(user.title), graph.arguments(user)
        if op is None or not op.elementwise or len(arguments) != arity(op) or any(a.stats is None for a in arguments):
            continue
        arrays = [typical(a.stats, dtype_of(a.dtype)) for a in arguments if a.stats]
        discarded = bool(card.gradient.nans and user.gradient and user.gradient.zeros)
        term = np.nan if card.gradient.nans else np.inf
        with np.errstate(all="ignore"):
            for elements in itertools.product(*arrays):
                if traps.match((*traps.STEEP.get(op.fn, ()), *traps.MADE.get(op.fn, ())), elements):
                    what, cure = traps.steep(op.fn, elements, 0.0 if discarded else 1.0, term)
                    return sentence(f"in the derivative of {user.title}, {what}", given(arguments, graph), cure)
    users = " and ".join(dict.fromkeys(user.title for user in behind[:3]))
    return (
        sentence(f"what arrives at {users} is finite, what the rule returns is not", given([card], graph))
        if users
        else ""
    )


# Words
def sentence(what: str, details: str, cure: str = "") -> str:
    """Return what happened, in detail, and what to do."""
    text = f"{what}: {details}" if what and details else what or details
    text = f"{text[0].upper()}{text[1:]}" if what else begun(text)
    text = f"{text}. " if text else ""
    return f"{text}{'Cure: ' if cure else ''}{cure}".strip().replace("\n  ", " ")


def begun(text: str) -> str:
    """Return the ranges of `given` as a sentence begins: names of the user's stay as they are.

    >>> begun("the result of matmul is 0 to 1"), begun("x is 0 to 1")
    ('The result of matmul is 0 to 1', 'x is 0 to 1')
    """
    return f"{text[0].upper()}{text[1:]}" if text.startswith(("the result of ", "constant is ")) else text


def short(x: float) -> str:
    """Return a factor in two digits, large ones in full.

    >>> short(3.94), short(1482.3), short(2.9e-7), short(2e9)
    ('3.9', '1,482', '2.9e-07', '2e+09')
    """
    return f"{x:,.0f}" if 10 <= x < 1e6 else f"{x:.2g}"


@lru_cache(maxsize=1024)
def op_of(title: str) -> Op | None:
    """Return the op of this name."""
    return next((op for op in OPS.values() if op.kind == "rules" and op.name == title), None)


def arity(op: Op) -> int:
    """Return how many arrays an op takes."""
    return len(op.reads)


def dtype_of(short: str) -> np.dtype[Any]:
    """Return the dtype that pictures call so; float64 in doubt.

    >>> dtype_of("f32"), dtype_of("bool")
    (dtype('float32'), dtype('bool'))
    """
    try:
        return np.dtype(f"{short[0]}{int(short[1:]) // 8}" if short[1:].isdigit() else short)
    except TypeError:
        return np.dtype(float)


def typical(stats: Stats, dtype: np.dtype[Any]) -> Any:
    """Return the elements of an array that lead into traps: its ends, zero and infinity, if it has them."""
    if dtype.kind not in "f":
        dtype = np.dtype(float)
    some = [stats.least, stats.greatest] if stats.counts else []
    some += [0.0] * bool(stats.zeros) + [np.inf] * bool(stats.infinities) + [np.nan] * bool(stats.nans)
    with np.errstate(all="ignore"):
        return np.array(sorted(set(some), key=abs), dtype)
