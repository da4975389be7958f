"""Reads recorded nodes into the data of a picture."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tensorgrad.autograd import history
from tensorgrad.backends import dtype_of, foreign
from tensorgrad.graph import Tensor
from tensorgrad.node import Node
from tensorgrad.op import Each, Op
from tensorgrad.viz.ir import Card, Edge, Family, GraphIR, Kind
from tensorgrad.viz.words import call_note, params_note, short_dtype

COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2"}
ROLES = {
    "subtract": ("", "−"),
    "divide": ("", "÷"),
    "power": ("base", "exponent"),
    "matmul": ("left", "right"),
    "where": ("if", "then", "else"),
}
MODULES: dict[str, Family] = {
    "linalg": "linalg",
    "reduce": "reduction",
    "shape": "view",
    "index": "view",
    "write": "view",
}
NAMED: dict[str, Family] = {  # what the file does not tell
    **dict.fromkeys(["tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "softplus"], "activation"),
    **dict.fromkeys(["softmax", "log_softmax"], "activation"),
    "affine": "linalg",
    "logsumexp": "reduction",
}


REMEDY = "draw before it, or pass retain_graph=True"
EMPTY: Mapping[Node, str] = {}


def read(y: Tensor, verdicts: Mapping[Node, str] = EMPTY) -> GraphIR:
    """Return the graph that `y` came from, as data. Nothing is computed, and nothing of the graph is kept.

    verdicts: what a gradient check found about steps, by node.
    """
    assert y.node is not None
    nodes = history(y.node)[::-1]  # oldest first
    ids = {node: f"n{i}" for i, node in enumerate(nodes)}
    cards: list[Card] = []
    edges: list[Edge] = []
    constants: dict[int, str] = {}  # by identity: an array used twice is one card
    for node in nodes:
        here = ids[node]
        name = getattr(node, "name", None) or ""
        number = held(y) if node is y.node and math.prod(node.shape) == 1 else None
        if node.op is None:
            cards.append(card(here, "parameter", name or "unnamed", node, name=name, value=number))
            continue
        lost = node.args is None
        args = (None,) * len(node.inputs) if node.args is None else node.args
        drawn: list[str] = []  # ids of the arguments that have cards, "" for the others
        for position, (source, value) in enumerate(zip(node.inputs, args, strict=True)):
            if source is None and is_array(value) and id(value) not in constants:
                constants[id(value)] = f"{here}_{position}"
                kind: Kind = "input" if begins_path(node, value) else "constant"
                cards.append(card(constants[id(value)], kind, kind, value))
            drawn.append(ids[source] if source is not None else constants[id(value)] if is_array(value) else "")
        words = ["·" if d else "…" if lost else value for d, value in zip(drawn, args, strict=True)]
        cards.append(
            card(
                here,
                "loss" if node is y.node and math.prod(node.shape) == 1 else "op",
                node.op.name,
                node,
                name=name,
                note=" ".join(filter(None, [call_note(node.op.name, words), params_note(node.params)])),
                family=family(node.op),
                value=number,
                forgotten=lost * drawn.count(""),
                verdict=verdicts.get(node, ""),
            )
        )
        roles = argument_roles(node.op, len(drawn), sum(map(bool, drawn)))
        edges += [Edge(d, here, i, role) for i, (d, role) in enumerate(zip(drawn, roles, strict=True)) if d]
    missing = sum(card.forgotten for card in cards)
    notes = [f"… stands for {missing:,} constant{'s' * (missing != 1)} that backward() has let go of: {REMEDY}"] * bool(
        missing
    )
    return GraphIR(cards, edges, title=cards[-1].name, notes=notes)


def card(id: str, kind: Kind, title: str, array: Any, **more: Any) -> Card:
    """Return the card of an array, or of the node that stands for one."""
    shape = tuple(
        n if isinstance(n, int) else None for n in (array.shape if isinstance(array, Node) else np.shape(array))
    )
    dtype = array.dtype if isinstance(array, Node) else dtype_of(array)
    size = None if None in shape else math.prod(n or 0 for n in shape) * dtype.itemsize
    return Card(id, kind, title, more.pop("name", ""), shape, short_dtype(dtype), size, **more)


def is_array(value: Any) -> bool:
    """Whether a constant is drawn as a card of its own: an array, or the stand-in of one, but no scalar."""
    if isinstance(value, Node):
        return bool(value.shape)
    return (isinstance(value, np.ndarray) or foreign(value)) and np.ndim(value) > 0


def begins_path(node: Node, value: Any) -> bool:
    """Whether data enters the graph here: numbers, to which nothing that was computed is applied."""
    dtype = value.dtype if isinstance(value, Node) else dtype_of(value)
    return dtype.kind in "iufc" and all(source is None or source.op is None for source in node.inputs)


def argument_roles(op: Op, arguments: int, drawn: int) -> Iterable[str]:
    """Return what each argument is for: nothing where their order does not matter, or there is but one."""
    if drawn < 2 or op.name in COMMUTATIVE:
        return ("",) * arguments
    if op.name in ROLES:
        return ROLES[op.name]
    named = not isinstance(op.vjps, Each) and len(op.parameters) >= arguments
    return op.parameters[:arguments] if named else [str(i + 1) for i in range(arguments)]


def family(op: Op) -> Family:
    """Return the kind of an op, which sets its colour: by its name, or by the file its rules are in."""
    name = op.name.partition(" + ")[0]  # of a step and an activation
    if name in NAMED:
        return NAMED[name]
    rules = [op.vjps.rule] if isinstance(op.vjps, Each) else [rule for rule in op.vjps if rule is not None]
    module = str(getattr(rules[0], "__module__", "")) if rules else ""
    return MODULES.get(module.rpartition(".")[2], "elementwise") if module.startswith("tensorgrad.") else "elementwise"


def held(y: Tensor) -> Any:
    """Return the only number of `y`, unless its array type would first have to compute it."""
    return y.item() if isinstance(y.data, np.ndarray | np.generic) else None
