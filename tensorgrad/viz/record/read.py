"""Reads recorded nodes into the data of a picture."""

import linecache
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tensorgrad.autograd import history
from tensorgrad.backends import dtype_of, foreign
from tensorgrad.graph import Tensor
from tensorgrad.node import Node
from tensorgrad.op import Op
from tensorgrad.viz.facts.cost import flops
from tensorgrad.viz.facts.formulas import formula, work_name
from tensorgrad.viz.facts.stats import stats
from tensorgrad.viz.ir import Card, Detail, Edge, GraphIR, Kept, Kind, Line, Stats
from tensorgrad.viz.record import held
from tensorgrad.viz.record.inputs import start_of
from tensorgrad.viz.record.ops import argument_roles, family
from tensorgrad.viz.record.run import Run
from tensorgrad.viz.record.scopes import by_calls, by_names
from tensorgrad.viz.words import call_note, params_note, short_dtype, short_number

LARGEST_WITH_STATISTICS = 5_000  # steps; of more, all the arrays take longer to look at than anyone waits
AROUND = 2  # lines to show before and after one
BOUNDS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}  # between which activations can saturate
EMPTY: Mapping[Node, str] = {}


@dataclass(slots=True)
class Known:
    """What a picture knows beside the record."""

    values: dict[Node, Any] = field(default_factory=dict)
    gradients: dict[Node, Any] = field(default_factory=dict)
    statistics: bool = False  # whether the values are looked at
    run: Run | None = None
    outside: set[str] = field(default_factory=set)  # cards of what comes from outside of all calls
    verdicts: Mapping[Node, str] = field(default_factory=dict)  # of a gradient check
    files: dict[str, str] = field(default_factory=dict)  # what files are called in the picture, by path
    labels: dict[str, str] = field(default_factory=dict)  # what cards are called in formulas, by id


def read(
    y: Tensor, verdicts: Mapping[Node, str] = EMPTY, *, run: Run | None = None, detail: Detail | None = "shapes"
) -> GraphIR:
    """Return the graph that `y` came from, as data. Nothing of the graph is kept, and no `.grad` is touched.

    verdicts: what a gradient check found about steps, by node.   run: what is known of how `y` came about.
    detail: with "shapes" nothing is computed; else there are gradients, and statistics of them and of all values. With
    None it is "stats", unless there are more than 5,000 steps.
    """
    assert y.node is not None
    since = run.since if run else 0
    nodes = recorded(y.node, since)
    notes = []
    if detail is None:
        detail = "stats" if len(nodes) <= LARGEST_WITH_STATISTICS else "shapes"
        if detail == "shapes":
            notes.append(
                f"no statistics, for there are {len(nodes):,} steps: detail='stats' looks at them all the same"
            )
    known = Known(verdicts=verdicts, statistics=detail != "shapes", run=run)
    known.values = held.values(y, nodes)
    if known.statistics:
        known.gradients, note = held.gradients(y, nodes, since)
        notes += [note] * bool(note)
        if math.prod(y.shape) != 1 and known.gradients:
            notes.append(f"the result has shape {y.shape}: gradients are those of the sum of its elements")
    ir = GraphIR([], [], detail=detail)
    ids = {node: f"n{i}" for i, node in enumerate(nodes)}
    constants: dict[int, str] = {}  # by identity: an array used twice is one card
    for node in nodes:
        if node.op is None or outside(node, since):
            ir.cards.append(leaf_card(ids[node], node, known))
        else:
            read_step(node, node is y.node, ids, constants, known, ir)
    ir = replace(ir, sources=sources(known.files, ir.cards), title=run.title if run else ir.cards[-1].name)
    if run is None:
        ir = by_names(ir)
    else:
        ir = by_calls(ir, run.calls, {ids[n]: run.where[n.seq] for n in nodes if n.seq in run.where}, known.outside)
    return replace(ir, notes=missing(ir, known, nodes) + notes)


def recorded(root: Node, since: int) -> list[Node]:
    """Return the nodes that `root` came from, oldest first; of those that were made before `since`, the newest only."""
    nodes = set(history(root, since=since))
    nodes |= {source for node in nodes if not outside(node, since) for source in node.inputs if source is not None}
    return sorted(nodes, key=lambda node: -node.seq)


def outside(node: Node, since: int) -> bool:
    """Whether a step was made before the time at which the picture begins, and is shown as an input."""
    return bool(since) and node.seq > since


def missing(ir: GraphIR, known: Known, nodes: list[Node]) -> list[str]:
    """Return what the picture does not show, and why."""
    notes = []
    lost = sum(card.forgotten for card in ir.cards)
    since = known.run.since if known.run else 0
    if lost:
        plural = "s" * (lost != 1)
        notes.append(f"… stands for {lost:,} constant{plural} that backward() has let go of: {held.REMEDY}")
    unknown = sum(card.stats is None and card.value is None for card in ir.cards)
    if not unknown or ir.detail == "shapes":
        return notes
    if others := sorted({type(value).__name__ for value in known.values.values() if foreign(value)}):
        return [*notes, f"no statistics of arrays of type {', '.join(others)}: their elements are not looked at"]
    if any(node.args is None and not outside(node, since) for node in nodes):
        why = f"for backward() has let go of them: {held.REMEDY}"
    elif known.run is None:
        why = "as no rule reads them: tg.draw(f, *inputs) runs a function and shows all"
    else:
        why = "as of what runs within tg.checkpoint, or in a thread of its own, only what rules read is kept"
    return [*notes, f"the values of {unknown:,} of {len(ir.cards):,} arrays are not held, {why}"]


# Cards
def leaf_card(id: str, node: Node, known: Known) -> Card:
    """Return the card of what came before all steps."""
    given = known.run.given.get(node) if known.run else None
    name = given.name if given else getattr(node, "name", None) or ""
    kind: Kind = "input" if node.op is not None or (given and not given.trained) else "parameter"
    if kind == "input" and (given is None or given.whole):
        known.outside.add(id)
    title = name or ("input" if kind == "input" else "unnamed")
    known.labels[id] = symbol(name or title)
    made = card(id, kind, title, node, name=name, **facts(known, node), **line_of(node, known))
    return replace(made, ratio=ratio(made.stats, made.gradient)) if kind == "parameter" else made


def read_step(
    node: Node, root: bool, ids: dict[Node, str], constants: dict[int, str], known: Known, ir: GraphIR
) -> None:
    """Add the card of a step, of the constants that it is the first to read, and the edges into it."""
    op, here = node.op, ids[node]
    assert op is not None
    name = getattr(node, "name", None) or ""
    lost = node.args is None
    args = (None,) * len(node.inputs) if node.args is None else node.args
    drawn: list[str] = []  # ids of the arguments that have cards, "" for the others
    for position, (source, value) in enumerate(zip(node.inputs, args, strict=True)):
        if source is None and is_array(value) and id(value) not in constants:
            constants[id(value)] = f"{here}_{position}"
            ir.cards.append(constant_card(constants[id(value)], node, value, known))
        drawn.append(ids[source] if source is not None else constants[id(value)] if is_array(value) else "")
    words = ["·" if d else "…" if lost else value for d, value in zip(drawn, args, strict=True)]
    live = [source is not None and pulls(op, i) for i, source in enumerate(node.inputs)]
    roles = argument_roles(op, len(drawn), sum(map(bool, drawn)))
    edges = [Edge(d, here, i, role, on) for i, (d, role, on) in enumerate(zip(drawn, roles, live, strict=True)) if d]
    for where, array in in_params(node.params, known.run):
        if id(array) not in constants:
            constants[id(array)] = f"{here}_{len(drawn) + len(edges)}"
            ir.cards.append(constant_card(constants[id(array)], node, array, known))
        edges.append(Edge(constants[id(array)], here, len(drawn), where, False))
    known.labels[here] = symbol(name or op.name.rpartition(" + ")[2])
    labels = [known.labels[d] if d else scalar(value) for d, value in zip(drawn, args, strict=True)]
    size = math.prod(node.shape) if all(isinstance(n, int) for n in node.shape) else 0
    shapes = [
        source.shape if source is not None else np.shape(value) for source, value in zip(node.inputs, args, strict=True)
    ]
    whole = not lost or "" not in drawn
    told = known.statistics and whole and op.vjps != ()  # a checkpoint has no rules of its own
    ir.cards.append(
        card(
            here,
            "loss" if root and size == 1 else "op",
            op.name,
            node,
            name=name,
            note=" ".join(filter(None, [call_note(op.name, words), params_note(node.params)])),
            family=family(op),
            forgotten=lost * drawn.count(""),
            verdict=known.verdicts.get(node, ""),
            formula=formula(op, labels, live, node.params, shapes, node.shape, known.labels[here]) if told else (),
            flops=flops(op, shapes, node.shape, node.params) if whole else None,
            kept=tuple(kept_here(node, drawn, known.labels)),
            **facts(known, node),
            **line_of(node, known),
        )
    )
    ir.edges.extend(edges)


def constant_card(id: str, node: Node, value: Any, known: Known) -> Card:
    """Return the card of an array that a step reads, and that no gradient goes to."""
    given = known.run.input(value) if known.run else None
    name = given.name if given else ""
    enters = given or ((known.run is None or not known.run.inputs) and begins_path(node, value))
    kind: Kind = "input" if enters else "constant"
    if given and given.whole:
        known.outside.add(id)
    known.labels[id] = symbol(name or kind)
    seen = stats(value) if known.statistics and not isinstance(value, Node) else None
    return card(id, kind, name or kind, value, name=name, stats=seen)


def card(id: str, kind: Kind, title: str, array: Any, **more: Any) -> Card:
    """Return the card of an array, or of the node that stands for one."""
    shape = tuple(
        n if isinstance(n, int) else None for n in (array.shape if isinstance(array, Node) else np.shape(array))
    )
    dtype = array.dtype if isinstance(array, Node) else dtype_of(array)
    size = None if None in shape else math.prod(n or 0 for n in shape) * dtype.itemsize
    return Card(id, kind, title, more.pop("name", ""), shape, short_dtype(dtype), size, **more)


def facts(known: Known, node: Node) -> dict[str, Any]:
    """Return what is known of the values of a node and of its gradient."""
    value = known.values.get(node)
    found: dict[str, Any] = {"value": number(value)}
    if known.statistics:
        bounds = BOUNDS.get(node.op.name.rpartition(" + ")[2]) if node.op else None
        found["stats"] = None if value is None else stats(value, bounds)
        found["gradient"] = stats(known.gradients[node]) if node in known.gradients else None
    return found


def ratio(values: Stats | None, gradient: Stats | None) -> float | None:
    """Return the norm of a gradient to that of the values; None if one is not known or not finite, or all values 0."""
    if values is None or gradient is None or gradient.nans + gradient.infinities or not values.norm:
        return None
    return gradient.norm / values.norm


def number(value: Any) -> Any:
    """Return the only number in an array, unless its type would first have to compute it; in words if JSON has none."""
    if not isinstance(value, np.ndarray | np.generic) or value.size != 1:
        return None
    only = value.item()
    return only if isinstance(only, int) or (isinstance(only, float) and math.isfinite(only)) else short_number(only)


def scalar(value: Any) -> float | str:
    """Return a constant as formulas take it: the number that it is, or no name."""
    number = value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value
    return float(number) if isinstance(number, int | float) else ""


def kept_here(node: Node, drawn: list[str], labels: dict[str, str]) -> Iterator[Kept]:
    """Yield what a step keeps for its rules."""
    for place, shape, dtype in held.kept(node):
        size = math.prod(shape) * dtype.itemsize if all(isinstance(n, int) for n in shape) else None
        card = "" if place < 0 else drawn[place]
        own = "result" if node.op is None or node.op.work is None else work_name(node.op)
        yield Kept(own if place < 0 else labels.get(card, "a constant"), size, card)


# What is in a card
def symbol(name: str) -> str:
    """Return what formulas call an array: the last part of its name.

    >>> symbol("layers.0.weight"), symbol("softmax loss")
    ('weight', 'softmax loss')
    """
    return name.rpartition(".")[2] or name


def pulls(op: Op, argument: int) -> bool:
    """Whether an op has a derivative for an argument."""
    return not isinstance(op.vjps, tuple) or argument >= len(op.vjps) or op.vjps[argument] is not None


def in_params(params: Mapping[str, Any], run: Run | None) -> Iterator[tuple[str, Any]]:
    """Yield the inputs of the picture's function among the parameters of a step, with the parameter's name.

    An index is kept as a copy, which is known by its elements.
    """
    for name, value in params.items() if run and run.choosing else ():
        for item in value if isinstance(value, tuple | list) else (value,):
            for array in run.choosing.get(start_of(item), ()) if run and isinstance(item, np.ndarray) else ():
                if array is item or (item.dtype.kind in "biu" and np.array_equal(array, item)):
                    yield name, array
                    break  # of equal ones it cannot be told which


def is_array(value: Any) -> bool:
    """Whether a constant is drawn as a card of its own: an array, or the stand-in of one, but no scalar."""
    if isinstance(value, Node):
        return bool(value.shape)
    return (isinstance(value, np.ndarray) or foreign(value)) and np.ndim(value) > 0


def begins_path(node: Node, value: Any) -> bool:
    """Whether data enters the graph here: numbers, to which nothing that was computed is applied."""
    dtype = value.dtype if isinstance(value, Node) else dtype_of(value)
    return dtype.kind in "iufc" and all(source is None or source.op is None for source in node.inputs)


# Lines
def line_of(node: Node, known: Known) -> dict[str, Line]:
    """Return the line that recorded a step, if it is known."""
    place = getattr(node.seq, "place", None)
    if place is None or node.op is None:
        return {}
    path, number = place
    if path not in known.files:
        name = os.path.basename(path)
        taken = name in known.files.values()
        known.files[path] = os.path.join(os.path.basename(os.path.dirname(path)), name) if taken else name
    return {"line": Line(known.files[path], number, linecache.getline(path, number).strip())}


def sources(files: dict[str, str], cards: list[Card]) -> dict[str, dict[int, str]]:
    """Return the lines of the cards and their neighbours, by file and number."""
    wanted: dict[str, set[int]] = {}
    for card in cards:
        if card.line is not None:
            near = range(card.line.number - AROUND, card.line.number + AROUND + 1)
            wanted.setdefault(card.line.file, set()).update(near)
    found: dict[str, dict[int, str]] = {}
    for path, name in files.items():
        lines = linecache.getlines(path)
        numbers = sorted(wanted.get(name, ()))
        found[name] = {n: lines[n - 1].rstrip() for n in numbers if 0 < n <= len(lines)}
    return {name: lines for name, lines in found.items() if lines}
