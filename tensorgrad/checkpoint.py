"""Recomputes instead of keeping: a function whose record is dropped, and made again when a pass comes to it."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from tensorgrad import autograd, forward
from tensorgrad.autograd import backpropagate, between, conjugate, give, history, recalled
from tensorgrad.errors import name_of
from tensorgrad.forward import pushforward
from tensorgrad.graph import Tensor, connect, raw, wrap
from tensorgrad.node import Node, enable_grad, is_recording, tick
from tensorgrad.op import Op
from tensorgrad.trees import Path, leaves, mapped, replaced

Function = Callable[..., Any]


def checkpoint(f: Function) -> Function:
    """Return f, of which a graph keeps no more than the arguments: a pass that comes to it computes the rest again.

    That costs one more forward pass, and the memory of f's own steps only while the pass is in them: a chain of n
    layers in √n checkpointed parts holds about 2√n layers at once, instead of n (Chen, Xu, Zhang, Guestrin 2016).
    f may be a module, and read tensors that are not its arguments. It is to give the same result each time, and to
    change nothing; what it draws, it is to draw from a seed. RuntimeError if the result is another one the second time.
    The result is no view of an argument.

    >>> import tensorgrad as tg
    >>> part = checkpoint(lambda x: np.tanh(np.sin(x) * x))
    >>> tg.grad(part)(1.0) == tg.grad(lambda x: np.tanh(np.sin(x) * x))(1.0)
    True
    """

    @wraps(f, updated=())
    def run(*args: Any, **params: Any) -> Any:
        if not is_recording():
            return f(*args, **params)
        segment = Segment(f, args, params)
        out, packed, since = segment.run()
        if packed is None or packed.node is None:  # nothing in it to differentiate
            return out
        segment.facts = facts(packed._data)
        inputs = sources(packed.node, since)
        kept = connect(CHECKPOINT, (segment,) * len(inputs), inputs, {}, packed._data, None)
        return replaced(out, unpacked(kept, recorded(out, since)))

    return run


class Segment:
    """A call that can be made again. It is shared by all passes, in any thread: nothing in it changes."""

    def __init__(self, f: Function, args: tuple[Any, ...], params: dict[str, Any]) -> None:
        self.f, self.args, self.params = f, mapped(snapshot, args), mapped(snapshot, params)
        self.facts: Any = None

    def run(self) -> tuple[Any, Tensor | None, int]:
        """Return the result; all that is recorded of it, in one row if it is more than one tensor; and since when."""
        since = tick()
        out = self.f(*self.args, **self.params)
        rows = list(recorded(out, since).values())
        if len(rows) < 2:
            return out, rows[0] if rows else None, since
        packed: Any = np.concatenate([t.reshape(-1) for t in rows])
        return out, packed, since

    def again(self, inputs: tuple[Node | None, ...]) -> tuple[Node, int]:
        """Record the call once more; return the node that it ends in, and since when. It came from `inputs`."""
        with enable_grad():
            _, packed, since = self.run()
        if packed is None or packed.node is None or not same(facts(packed._data), self.facts):
            raise RuntimeError(
                f"{name_of(self.f)} gave another result when a checkpoint computed it again: draw random numbers from "
                "a seed that is an argument, and change nothing that it reads"
            )
        if not set(inputs).issuperset(sources(packed.node, since)):
            raise RuntimeError(
                f"a tensor that {name_of(self.f)} reads, and is no argument of it, was changed in place after a "
                "checkpoint had computed it: make it an argument"
            )
        return packed.node, since


def snapshot(x: Any) -> Any:
    """Return an argument as it is now: a later write to a tensor gives that another array and another node."""
    return wrap(x._data, x.node) if isinstance(x, Tensor) and x.node is not None and x.leaf is None else x


def recorded(out: Any, since: int) -> dict[Path, Tensor]:
    """Return the tensors of a result that were computed since a time."""
    return {path: t for path, t in leaves(out) if isinstance(t, Tensor) and t.node is not None and t.node.seq < since}


def sources(root: Node, since: int) -> tuple[Node, ...]:
    """Return the older nodes that the steps since a time have read."""
    read = (source for node in history(root, since=since) for source in node.inputs)
    return tuple(dict.fromkeys(source for source in read if source is not None and source.seq > since))


def unpacked(packed: Tensor, like: dict[Path, Tensor]) -> dict[Path, Tensor]:
    """Take apart what `Segment.run` has packed."""
    if len(like) == 1:
        return dict.fromkeys(like, packed)
    parts: dict[Path, Tensor] = {}
    start = 0
    for path, t in like.items():
        part = packed[start : start + t.size].reshape(t.shape)
        part = part.real if part.dtype.kind == "c" != t.dtype.kind else part
        parts[path] = part if part.dtype == t.dtype else part.astype(t.dtype)
        start += t.size
    return parts


def facts(x: Any) -> Any:
    """Return what tells one result from another: a sum in which each place has its weight, and that of the sizes."""
    if not isinstance(x, np.ndarray | np.generic):
        return None  # an array type of its own may not have computed it yet
    flat = np.ravel(x).astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    return np.dot(flat, np.linspace(0.5, 1, flat.size)), np.sum(np.abs(flat)), np.finfo(x.dtype).eps ** 0.5


def same(now: Any, before: Any) -> bool:
    """Whether two results are the same but for rounding, of which half of the digits are left to it."""
    if now is None or np.array_equal(now, before, equal_nan=True):
        return True
    return bool(abs(now[0] - before[0]) <= before[1] * before[2] and np.isfinite(before[1]))


def step_back(
    node: Node,
    g: Any,
    _out: Any,
    args: tuple[Any, ...],
    _params: dict[str, Any],
    needed: set[Node] | None,
    totals: dict[Node, Any],
    waiting: list[tuple[int, Node]],
    sums: set[Node],
) -> None:
    """Record the call again, and take its steps backwards."""
    segment: Segment = raw(args[0])
    root, since = segment.again(node.inputs)
    wanted = {source for source in sources(root, since) if needed is None or source in needed}
    path = between(history(root, since=since), wanted)
    create_graph = isinstance(args[0], Tensor)
    found = backpropagate(root, g, wanted, path, create_graph, since=since)
    for source, term in found.items():
        give(source, conjugate(term), totals, waiting, sums)  # which backpropagate conjugates for users


def step_forward(node: Node, tangents: Sequence[Any], create_graph: bool) -> Any:
    """Record the call again, and take tangents through it."""
    segment: Segment = recalled(node, False)[0][0]
    root, since = segment.again(node.inputs)
    known: dict[Any, Any] = {s: t for s, t in zip(node.inputs, tangents, strict=True) if t is not None}
    return pushforward([wrap(None, root)], known, create_graph=create_graph, since=since)[0]


CHECKPOINT = Op(checkpoint, checkpoint, "rules", reads=frozenset())
autograd.STEPS[CHECKPOINT] = step_back
forward.STEPS[CHECKPOINT] = step_forward
