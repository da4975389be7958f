"""Recomputes instead of keeping: a function whose record is dropped, and made again when a pass comes to it."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from tensorgrad import autograd, forward
from tensorgrad.autograd import backpropagate, between, conjugate, give, history, recalled
from tensorgrad.forward import pushforward
from tensorgrad.graph import Tensor, connect, raw, wrap
from tensorgrad.node import Node, enable_grad, is_recording, tick
from tensorgrad.op import Op
from tensorgrad.trees import Path, leaves, replaced

Function = Callable[..., Any]


def checkpoint(f: Function) -> Function:
    """Return f, of which a graph keeps no more than the arguments: a pass that comes to it computes the rest again.

    That costs one more forward pass, and the memory of f's own steps only while the pass is in them: a chain of n
    layers in √n checkpointed parts holds about 2√n layers at once, instead of n (Chen, Xu, Zhang, Guestrin 2016).
    f may be a module, and read tensors that are not its arguments. It is to give the same result each time, and to
    change nothing; what it draws, it is to draw from a seed. RuntimeError if the result is another one the second time.

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
        out, packed = segment.run()
        if packed is None or packed.node is None:  # nothing in it to differentiate
            return out
        segment.facts = facts(packed._data)
        inputs = segment.sources(packed.node)
        kept = connect(CHECKPOINT, (segment,) * len(inputs), inputs, {}, packed._data, None)
        return replaced(out, segment.unpacked(kept, out))

    return run


class Segment:
    """A call that can be made again."""

    def __init__(self, f: Function, args: tuple[Any, ...], params: dict[str, Any]) -> None:
        self.f, self.args, self.params = f, args, params
        self.since = 0  # when it was made last: what its steps came from is older
        self.facts: tuple[Any, Any] = (0, 0)

    def run(self) -> tuple[Any, Tensor | None]:
        """Return the result, and all that is recorded of it in one row, or by itself if it is one tensor."""
        self.since = tick()
        out = self.f(*self.args, **self.params)
        rows = list(self.recorded(out).values())
        if len(rows) < 2:
            return out, rows[0] if rows else None
        return out, np.concatenate([t.reshape(-1) for t in rows])  # type: ignore[return-value]  # of tensors

    def recorded(self, out: Any) -> dict[Path, Tensor]:
        """Return the tensors of a result that were computed here."""
        return {
            path: t
            for path, t in leaves(out)
            if isinstance(t, Tensor) and t.node is not None and t.node.seq < self.since
        }

    def unpacked(self, packed: Tensor, out: Any) -> dict[Path, Tensor]:
        """Take apart what `run` has packed."""
        found = self.recorded(out)
        if len(found) == 1:
            return dict.fromkeys(found, packed)
        parts: dict[Path, Tensor] = {}
        start = 0
        for path, t in found.items():
            part = packed[start : start + t.size].reshape(t.shape)
            part = part.real if part.dtype.kind == "c" != t.dtype.kind else part
            parts[path] = part if part.dtype == t.dtype else part.astype(t.dtype)
            start += t.size
        return parts

    def sources(self, root: Node) -> tuple[Node, ...]:
        """Return the older nodes that the steps of this call read."""
        read = (source for node in history(root, since=self.since) for source in node.inputs)
        return tuple(dict.fromkeys(source for source in read if source is not None and source.seq > self.since))

    def again(self) -> Node:
        """Record the call once more."""
        with enable_grad():
            packed = self.run()[1]
        now = (np.nan, np.nan) if packed is None else facts(packed._data)
        total, size = self.facts
        near = size * np.sqrt(np.finfo(np.result_type(size, np.float32)).eps)  # rounding may differ, not more
        if packed is None or packed.node is None or not np.allclose(now, self.facts, rtol=0, atol=near, equal_nan=True):
            name = getattr(self.f, "__name__", type(self.f).__name__)
            raise RuntimeError(
                f"{name} gave another result when a checkpoint computed it again: its elements add up to "
                f"{now[0]:.6g}, the first time to {total:.6g}. "
                "Draw random numbers from a seed that is an argument, and change nothing in there"
            )
        return packed.node


def facts(x: Any) -> tuple[Any, Any]:
    """Return what tells one result from another: the sum of its elements, and that of their sizes."""
    return np.sum(np.real(x)), np.sum(np.abs(x))


def step_back(
    _node: Node,
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
    root = segment.again()
    wanted = {source for source in segment.sources(root) if needed is None or source in needed}
    path = between(history(root, since=segment.since), wanted)
    create_graph = isinstance(args[0], Tensor)
    found = backpropagate(root, g, wanted, path, create_graph, since=segment.since)
    for source, term in found.items():
        give(source, conjugate(term), totals, waiting, sums)  # which backpropagate conjugates for users


def step_forward(node: Node, tangents: Sequence[Any], create_graph: bool) -> Any:
    """Record the call again, and take tangents through it."""
    segment: Segment = recalled(node, False)[0][0]
    root = segment.again()
    known: dict[Any, Any] = {s: t for s, t in zip(node.inputs, tangents, strict=True) if t is not None}
    return pushforward([wrap(None, root)], known, create_graph=create_graph, since=segment.since)[0]


CHECKPOINT = Op(checkpoint, checkpoint, "rules", reads=frozenset())
autograd.STEPS[CHECKPOINT] = step_back
forward.STEPS[CHECKPOINT] = step_forward
