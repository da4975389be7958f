"""What a picture is made of: plain data with a JSON form. Reading makes it, passes change it, writers show it."""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tensorgrad.viz.words import short_bytes, short_flops

VERSION = 2  # of the JSON form: goes up when a reader of the old form would misread the new one

Kind = Literal[
    "parameter",  # a leaf that gets a gradient
    "input",  # data that enters
    "constant",  # any other array
    "op",  # a recorded step
    "loss",  # the last step, or leaf, if it has one element
    "module",  # a scope that was folded: stands for all in it
    "rule",  # in the backward view: what an op's rules compute
    "gradient",  # in the backward view: what arrives at a parameter
]
Family = Literal["linalg", "elementwise", "activation", "reduction", "view", ""]
View = Literal["forward", "backward", "both"]
Detail = Literal["shapes", "stats", "full"]
Level = Literal["note", "low", "bad"]  # of a finding: grey, amber, red


@dataclass(frozen=True, slots=True)
class Heat:
    """A small map of an array seen as a matrix: means of its cells."""

    rows: int
    columns: int
    scale: float  # what 127 stands for
    cells: tuple[int, ...]  # row by row, from -127 to 127


@dataclass(frozen=True, slots=True)
class Stats:
    """What is told of an array's elements. The figures are those of the finite ones, of complex ones their size."""

    size: int
    mean: float = 0.0
    deviation: float = 0.0
    rms: float = 0.0
    norm: float = 0.0
    least: float = 0.0
    greatest: float = 0.0
    zeros: int = 0
    nans: int = 0
    infinities: int = 0
    classes: int | None = None  # different values, of integers and truth values
    counts: tuple[int, ...] = ()  # in equal parts from least to greatest; empty if nothing is finite
    heat: Heat | None = None
    units: int | None = None  # positions of the last axis, if there are several rows
    dead: int = 0  # those of them that are 0 in all rows
    saturated: int | None = None  # elements near an end of the function's range, if it has ends


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the user's."""

    file: str  # without its folder
    number: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An array that a step keeps for its rules."""

    what: str  # as its card is called in formulas, or "result"
    bytes: int | None
    card: str = ""  # id of its card; of the result, and of what has no card, ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the health of a card, in words."""

    level: Level
    words: str  # short, as on a card: "12 of 64 units dead"
    why: str = ""  # a sentence or two, with what to do
    card: str = ""  # id of the card it is about, in the list of all findings


@dataclass(frozen=True, slots=True)
class Card:
    """One box of the picture."""

    id: str  # by place in topological order: the same graph has the same ids
    kind: Kind
    title: str  # what was called; for the others their name
    name: str  # as given by the user, or ""
    shape: tuple[int | None, ...]  # None where an array type of its own does not know
    dtype: str
    bytes: int | None  # None if not all of the shape is known
    note: str = ""  # scalar constants and parameters, as in "× 2.0" or "axis=1"
    family: Family = ""
    scope: str = ""  # id of the innermost scope around it
    value: float | int | bool | str | None = None  # the number that it holds, if it is one and known
    stats: Stats | None = None  # of its values
    gradient: Stats | None = None  # of the root's derivative by it
    ratio: float | None = None  # of a parameter, or of all in a module: norm of the gradient to norm of the values
    formula: tuple[str, ...] = ()  # of an op: what its rules compute, a line for each argument
    kept: tuple[Kept, ...] = ()  # of an op
    flops: int | None = None  # of an op, forward; None if not known
    line: Line | None = None
    findings: tuple[Finding, ...] = ()
    forgotten: int = 0  # constants that a backward pass has let go of
    verdict: str = ""  # of a gradient check: "right", "wrong" or "inconclusive"; "" if there was none
    stands_for: str = ""  # of a module: id of the scope that was folded
    count: int = 1  # of a module: steps in it
    times: int = 1  # of a module: repetitions folded into it
    parameters: int = 0  # of a module: numbers that are trained
    of: str = ""  # of a rule or a gradient: id of the card of the forward graph that it belongs to
    paths: int = 1  # of a rule: gradients that are added up before it


@dataclass(frozen=True, slots=True)
class Edge:
    """An argument of a step; in the backward view a gradient on its way."""

    source: str
    target: str
    argument: int
    role: str = ""  # what the argument is for, where the order of arguments matters
    live: bool = True  # whether a gradient comes back this way
    kind: Literal["value", "gradient", "kept"] = "value"
    count: int = 1  # edges between the same two that were folded into one


@dataclass(frozen=True, slots=True)
class Scope:
    """What is drawn as a box around cards: a module, a function, a repetition."""

    id: str
    title: str  # "fc1", without what is around it
    kind: Literal["module", "function", "repeat"] = "module"
    note: str = ""  # "Linear(64 → 32)"
    parent: str = ""  # id of the scope around it
    times: int = 1  # of a repetition


@dataclass(frozen=True, slots=True)
class GraphIR:
    """A graph as data: cards in topological order, in the forward view the root last; edges; scopes, outer first."""

    cards: list[Card]
    edges: list[Edge]
    scopes: list[Scope] = field(default_factory=list)
    view: View = "forward"
    detail: Detail = "shapes"
    title: str = ""  # of what is drawn: "mlp", or "loss"
    notes: list[str] = field(default_factory=list)  # what the picture does not show, and why
    findings: list[Finding] = field(default_factory=list)  # the worst first; each is on a card, too
    sources: dict[str, dict[int, str]] = field(
        default_factory=dict
    )  # lines by file, those of cards and their neighbours
    version: int = VERSION

    def incoming(self) -> dict[str, list[Edge]]:
        """Return the edges into each card, in the order of its arguments."""
        into: dict[str, list[Edge]] = {card.id: [] for card in self.cards}
        for edge in self.edges:
            into[edge.target].append(edge)
        return into

    def summary(self) -> str:
        """Return the size of the graph in words, and what it costs where that is known."""
        steps = [card for card in self.cards if card.kind in ("op", "loss", "module")]
        leaves = [card for card in self.cards if card.kind == "parameter"]
        numbers = sum(math.prod(n or 0 for n in card.shape) for card in leaves) + sum(card.parameters for card in steps)
        if self.view == "backward":
            rules, gradients = (sum(card.kind == kind for card in self.cards) for kind in ("rule", "gradient"))
            return f"{counted(rules, 'rule')} · {counted(gradients, 'gradient')}"
        words = [counted(sum(card.count for card in steps), "operation")]
        if numbers:
            tensors = "" if any(card.parameters for card in steps) else f" in {counted(len(leaves), 'tensor')}"
            words.append(counted(numbers, "parameter") + tensors)
        if cost := sum(card.flops or 0 for card in steps):
            known = all(card.flops is not None for card in steps)
            words.append(f"{'' if known else 'at least '}{short_flops(cost)} forward")
        if self.view == "both":
            words.append(f"{short_bytes(self.kept())} kept for the backward pass")
        return " · ".join(words)

    def paths(self) -> dict[str, str]:
        """Return the title of each scope behind those of the scopes around it, repetitions left out, by id."""
        paths: dict[str, str] = {"": ""}
        for scope in self.scopes:  # outer ones come first
            outer = paths.get(scope.parent, "")
            paths[scope.id] = outer if scope.kind == "repeat" else f"{outer}.{scope.title}" if outer else scope.title
        return paths

    def kept(self) -> int:
        """Return how many bytes steps keep for their rules; an array that several keep counts once."""
        sizes: dict[str, int] = {}
        for card in self.cards if self.view != "backward" else ():
            for kept in card.kept if card.kind != "rule" else ():
                sizes[kept.card or (card.id if kept.what == "result" else f"{card.id} {kept.what}")] = kept.bytes or 0
        return sum(sizes.values())

    def heading(self) -> str:
        """Return what the picture shows."""
        what = {"forward": "Forward graph", "backward": "Backward pass", "both": "Forward and backward"}[self.view]
        return f"{what} of {self.title}" if self.title else what

    def to_json(self) -> str:
        """Return the graph as JSON, of which `version` names the form; what has its usual value is left out."""
        return json.dumps(plain(self), ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "GraphIR":
        """Return the graph that `to_json` wrote. Raises ValueError if it is none, or of another version."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ValueError(f"this is no JSON, so no graph: {error}") from None
        if not isinstance(data, dict) or "version" not in data or "cards" not in data:
            raise ValueError("this JSON is no graph: it has no version and cards. Write one with .save('graph.json')")
        if data["version"] != VERSION:
            raise ValueError(f"this graph has version {data['version']}, expected {VERSION}: draw it again")
        made: GraphIR = revived(data, GraphIR)
        return made


def counted(n: int, noun: str) -> str:
    """Return a number of things in words.

    >>> counted(1, "rule"), counted(1234, "rule")
    ('1 rule', '1,234 rules')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def plain(value: Any) -> Any:
    """Return what JSON can hold of a value; of dataclasses the fields that do not have their usual value."""
    if is_dataclass(value) and not isinstance(value, type):
        always = ("id", "version", "cards", "edges")
        given = {f.name: (f, getattr(value, f.name)) for f in fields(value)}
        return {
            name: plain(v)
            for name, (f, v) in given.items()
            if name in always or not (v == f.default or (v in ([], {}) and f.default_factory in (list, dict)))
        }
    if isinstance(value, Mapping):
        return {str(key): plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def revived(data: Any, kind: Any) -> Any:
    """Return the value of type `kind` that `plain` made JSON of."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        kind = next((k for k in inside if is_dataclass(k)), None) if isinstance(data, dict) else None
        if isinstance(data, str) and str not in inside and float in inside:
            return float(data)  # "nan" or "inf", for which JSON has no number
        return data if kind is None else revived(data, kind)
    if origin is tuple:
        return tuple(revived(v, inside[0]) for v in data)
    if origin is list:
        return [revived(v, inside[0]) for v in data]
    if origin is dict:
        return {inside[0](key): revived(v, inside[1]) for key, v in data.items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: revived(v, hints[name]) for name, v in data.items() if name in hints})  # type: ignore[operator]  # a class
    return float(data) if kind is float else data
