"""What looks on while `tg.debug()` is on, and is put in the place of names and methods for so long."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from types import FrameType, FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from tensorgrad import autograd, creation, forward, graph
from tensorgrad.backends import dtype_of
from tensorgrad.changes import refuse_changed, sums_of, used
from tensorgrad.checkpoint import CHECKPOINT
from tensorgrad.errors import Stamp, foreign_to_users
from tensorgrad.graph import Tensor
from tensorgrad.hooks import Hooked
from tensorgrad.nn.module import Module
from tensorgrad.node import Node, is_recording
from tensorgrad.op import Op
from tensorgrad.severed import KINDS, Cuts, Severed, constant_almost_everywhere, plain
from tensorgrad.trace import Swap, Trace, tracing
from tensorgrad.unroll import MOST
from tensorgrad.values import (
    finite,
    look_at_hook,
    look_at_result,
    look_at_seed,
    look_at_sum,
    look_at_tangent,
    look_at_term,
)


class Watch(Trace):
    """What `tg.debug()` looks at, and what it found."""

    def __init__(self, values: bool, cuts: Cuts | None, changes: bool) -> None:
        super().__init__()
        self.values, self.cuts, self.changes = values, cuts, changes
        self.within: Node | None = None  # the step whose rule runs, of which the result is looked at as a whole
        self.error: BaseException | None = None

    @property
    def severed(self) -> list[Severed]:
        """The leaves that got no gradient from any `backward()` in the block so far, and where their paths were cut."""
        return self.cuts.severed if self.cuts is not None else []

    def began(self, frame: FrameType, number: Stamp) -> None:
        """Tell the leaves that a transform makes for itself from the user's."""
        maker = frame.f_back.f_back if frame.f_code.co_name == "begin" and frame.f_back is not None else None
        if maker is not None and maker.f_code.co_filename not in (creation.__file__, graph.__file__):
            number.inner = True

    def recorded(self, frame: FrameType, number: Stamp) -> None:
        """Look at a step at the moment it is recorded."""
        here = frame.f_locals
        node, out = here["node"], here["out"]
        node.seq = number  # what it is about to get
        if self.within is not None:
            number.within = self.within
        elif self.cuts is not None:
            self.cuts.use(node.inputs, number)
            if dtype_of(out).kind not in "fc":
                self.cuts.cut(KINDS["integers"], node.inputs)
        if self.values and self.within is None:
            self.look(look_at_result, node, out, frame)
        if self.changes:
            number.sums = sums_of(node)

    def decide(self, op: Op, args: tuple[Any, ...], _out: Any) -> None:
        """Note that a value left the graph through a function without derivative."""
        if self.cuts is not None and self.within is None and is_recording():
            name = op.name
            self.cuts.cut(constant_almost_everywhere(name) if op.kind == "step" else plain(name), nodes_in(args))

    def step(self, usual: Callable[..., None], node: Node, g: Any, *more: Any) -> None:
        """Take a step backwards apart, and look at each term before it is added to what came before."""
        if self.within is not None:  # of what a rule recorded, for the transpose of it
            usual(node, g, *more)
            return
        out, args, params, needed, totals, waiting, sums = more
        if self.changes:
            self.look(refuse_changed, node)
        if self.values:
            self.look(look_at_seed, node, g)
        fresh: dict[Node, Any] = {}
        with self.inside(node):
            usual(node, g, out, args, params, needed, fresh, [], set())
        for source, term in fresh.items():
            if self.values and node.op is not CHECKPOINT:
                self.look(look_at_term, node, g, source, term)
            fine = source in totals and finite(totals[source]) and finite(term)
            autograd.give(source, term, totals, waiting, sums)
            if self.values and fine:
                self.look(look_at_sum, source, totals[source])

    def advance(self, usual: Callable[..., Any], node: Node, tangents: Sequence[Any], create_graph: bool) -> Any:
        """Take a step forwards, and look at the tangent of its result."""
        if self.within is not None:
            return usual(node, tangents, create_graph)
        if self.changes:
            self.look(refuse_changed, node)
        with self.inside(node):
            t = usual(node, tangents, create_graph)
        if self.values and node.op is not CHECKPOINT:
            self.look(look_at_tangent, node, tangents, t)
        return t

    @contextmanager
    def inside(self, node: Node) -> Iterator[None]:
        """Take what is recorded in the block for the work of a step's rule; a checkpoint's are steps of the user's."""
        self.within = None if node.op is CHECKPOINT else node
        try:
            with np.errstate(all="ignore") if self.values else nullcontext():
                yield
        finally:
            self.within = None

    def look(self, look: Callable[..., None], *args: Any) -> None:
        """Look at something; what is raised is known to be a finding, and not a rule's own failure."""
        try:
            look(*args)
        except Exception as error:
            self.error = error
            raise


def watching() -> Watch | None:
    """Return what this thread and task watch with."""
    kept = tracing.get()
    return kept if isinstance(kept, Watch) else None


def noting() -> Cuts | None:
    """Return where to note a cut; nothing while a rule runs, or if nobody wants to know."""
    watch = watching()
    return None if watch is None or watch.within is not None else watch.cuts


def nodes_in(args: Any) -> list[Node]:
    """Return the nodes of the tensors among arguments, also inside lists and tuples, that a gradient flows to."""
    found = []
    for a in args:
        if isinstance(a, Tensor):
            found += [a.node] if a.node is not None else []
        elif isinstance(a, list | tuple):
            found += nodes_in(a)
    return found


# What is put in place while it is on: each makes of the usual function one that looks


def leaving(name: str) -> Callable[[Any], Any]:
    """Watch a method by which values leave the graph, where users call it."""

    def make(usual: Callable[..., Any]) -> Callable[..., Any]:
        def leave(self: Tensor, *args: Any, **params: Any) -> Any:
            cuts = noting()
            if cuts is not None and self.node is not None and is_recording():
                caller = sys._getframe(2)
                if not foreign_to_users(caller.f_code.co_filename):
                    cuts.cut(KINDS[name], [self.node])
            return usual(self, *args, **params)

        return leave

    return make


def copying(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Watch `tg.tensor(t)`."""

    def owned(data: Any, dtype: Any = None) -> Any:
        cuts = noting()
        if cuts is not None and is_recording():
            cuts.cut(KINDS["tensor"], nodes_in([sys._getframe(1).f_locals.get("data")]))
        return usual(data, dtype)

    return owned


def asking(usual: Callable[[], bool]) -> Callable[[], bool]:
    """Watch whether a step is to be recorded, which a step asks whose arguments are live."""

    def recording() -> bool:
        on = usual()
        if not on and (cuts := noting()) is not None:
            cuts.cut(KINDS["no_grad"], nodes_at(sys._getframe(1)))
        return on

    return recording


def nodes_at(frame: FrameType) -> list[Node | None]:
    """Return the nodes of the arguments in a frame of the recording: `graph.record` and the like, or unroll's text."""
    name, here = frame.f_code.co_name, frame.f_locals
    if name == "record":
        return list(here["inputs"])
    if name == "unrecorded":
        return [*nodes_in((*here["args"], *here["params"].values()))]
    return [here[f"n{i}"] for i in range(MOST) if f"n{i}" in here]


def passing(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Watch which nodes get a gradient from a pass."""

    def backpropagate(*args: Any, **params: Any) -> Any:
        found = usual(*args, **params)
        if (watch := watching()) is not None and watch.cuts is not None:
            watch.cuts.get(found)
        return found

    return backpropagate


def trying(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Watch whether there is a `backward()` that went through, or had nowhere to go."""

    def backward(self: Tensor, *args: Any, **params: Any) -> Any:
        nowhere = self.node is None  # which raises
        try:
            usual(self, *args, **params)
            nowhere = True
        finally:
            if nowhere and (cuts := noting()) is not None:
                cuts.end()

    return backward


def entering(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Watch which modules are called."""

    def call(self: Module, *args: Any, **params: Any) -> Any:
        if (cuts := noting()) is not None:
            cuts.call(self)
        return usual(self, *args, **params)

    return call


class Stepping:
    """For each op, the function that takes a step of it backwards and looks."""

    def __init__(self, usual: Any) -> None:
        self.usual = usual

    def __getitem__(self, op: Op) -> Callable[..., None]:
        watch, step = watching(), self.usual[op]
        return step if watch is None else partial(watch.step, step)


def advancing(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Watch the steps forwards."""

    def advanced(node: Node, tangents: Sequence[Any], create_graph: bool = False) -> Any:
        watch = watching()
        if watch is None:
            return usual(node, tangents, create_graph)
        return watch.advance(usual, node, tangents, create_graph)

    return advanced


def hooking(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Watch what hooks make of gradients, each by itself."""

    def applied(self: Hooked, g: Any) -> Any:
        watch = watching()
        if watch is None or not watch.values:
            return usual(self, g)
        node = sys._getframe(2).f_locals["node"]  # of the pass
        for handle in tuple(self.hooks):
            before, g = g, usual(SimpleNamespace(hooks=[handle]), g)
            watch.look(look_at_hook, handle.fn, node, before, g)
        return g

    return applied


def once(usual: Callable[..., None]) -> Callable[..., None]:
    """Keep a step that fails from being taken again, to say where, if what failed is not the step but a look at it."""

    def each_step(*args: Any) -> None:
        watch, error = watching(), sys.exception()
        if watch is None or error is None or error is not watch.error:
            usual(*args)

    return each_step


def forgetting(usual: Callable[[Any], None]) -> Callable[[Any], None]:
    """Look for replaced data in what a rule reads only: what is kept besides, while all is, may have changed."""

    def refuse_stale(node: Node) -> None:
        if watching() is None or node.op is None or not node.args:
            return usual(node)
        read = used(node)
        args = [a if j + 1 in read else s for j, (a, s) in enumerate(zip(node.args, node.inputs, strict=True))]
        return usual(SimpleNamespace(args=args, inputs=node.inputs, op=node.op, seq=node.seq))

    return refuse_stale


def method(function: Any) -> FunctionType:
    """Return a method of a class as the function that it is."""
    assert isinstance(function, FunctionType)
    return function


swap = Swap(
    {
        (autograd, "STEPS"): Stepping,
        (autograd, "each_step"): once,
        (autograd, "backpropagate"): passing,
        (autograd, "refuse_stale"): forgetting,
        (forward, "advanced"): advancing,
        (graph, "is_recording"): asking,
        (creation, "owned"): copying,
    },
    {
        method(Tensor.__dict__["data"].fget): leaving("data"),
        **{method(Tensor.__dict__[name]): leaving(name) for name in ("item", "numpy", "tolist", "detach")},
        method(Tensor.backward): trying,
        method(Module.__call__): entering,
        method(Hooked.applied): hooking,
    },
)
