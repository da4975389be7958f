"""Walks the record backwards: gradients of one tensor for others, as arrays, or as tensors to differentiate again.

For complex numbers the pass multiplies by transposed Jacobians without conjugating, so that rules are the same as
for real ones. The gradient that users see, dL/dx + i dL/dy for a real L, is the conjugate: taken at both ends.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

import numpy as np

from tensorgrad.backends import astype, dtype_of, foreign, owned
from tensorgrad.errors import made_at, note_line, trim, trims
from tensorgrad.graph import Tensor, raw, wrap
from tensorgrad.hooks import Handle, Hooked
from tensorgrad.node import Array, Clock, Leaf, Node, enable_grad, no_grad
from tensorgrad.op import Each, Op
from tensorgrad.shapes import stretched
from tensorgrad.unroll import MOST, stepper


def history(*roots: Node, since: int = 0) -> list[Node]:
    """Return `roots` and every node they came from, newest first; with `since`, only what was made after."""
    seen, stack = set(roots), list(roots)
    add, push, pop = seen.add, stack.append, stack.pop
    while stack:
        for node in pop().inputs:
            if node is not None and node not in seen and node.seq <= since:
                add(node)
                push(node)
    return sorted(seen, key=attrgetter("seq"))


@trims
def gradients(y: Tensor, xs: Sequence[Tensor], seed: Any = None, *, create_graph: bool = False) -> list[Any]:
    """Return the gradient of `y` for each tensor of `xs`: arrays, or with `create_graph` tensors.

    seed: what to multiply the derivative of y with from the left, of y's shape; ones by default, so that of a y with
    several elements it is the gradient of their sum. `.grad` is not touched, and the graph stays usable.
    A tensor that y does not depend on gets zeros. Raises ValueError if one of `xs` requires no gradient.

    >>> from tensorgrad import tensor
    >>> x = tensor(3.0, requires_grad=True)
    >>> (slope,) = gradients(x**3, [x], create_graph=True)
    >>> gradients(slope, [x])
    [array(18.)]
    """
    if not isinstance(y, Tensor):
        raise TypeError(f"y is no tensor but {type(y).__name__}")
    if isinstance(xs, Tensor):
        raise TypeError("xs is one tensor: write [x] for its gradient; its elements are other tensors")
    for place, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(f"xs[{place}] is no tensor but {type(x).__name__}")
        if x.node is None:
            raise ValueError(f"xs[{place}] requires no gradient: make it with tg.tensor(..., requires_grad=True)")
    wanted = {x.node for x in xs if x.node is not None}
    with enable_grad() if create_graph else no_grad():
        found: dict[Node, Any] = {}
        if y.node is not None:
            needed = between(history(y.node), wanted)
            found = backpropagate(y.node, start(y, seed, create_graph), wanted, needed, create_graph)
        results = [np.zeros_like(x._data) if x.node not in found else found[x.node] for x in xs]
    if create_graph:
        return [alone(g) for g in results]
    return list(apart(dict(enumerate(results)), seed).values())


def alone(g: Any) -> Tensor:
    """Return a gradient as a tensor that no write to another one, of which it may be a view, changes."""
    if not isinstance(g, Tensor):
        return wrap(g)
    return g if isinstance(g.node, Leaf) else wrap(g._data, g.node)


def backward(self: Tensor, gradient: Any = None, *, retain_graph: bool = False) -> None:
    """Add the gradient of this tensor to the `.grad` of every leaf it came from.

    gradient: what to start from, of this tensor's shape; needed unless it has one element. The arrays that the graph
    kept for this pass are let go, so a second pass raises, unless `retain_graph` is set.
    """
    try:
        if self.node is None:
            raise RuntimeError(
                "backward() on a tensor that depends on no tensor that requires a gradient, or under no_grad"
            )
        if gradient is None and self.node.shape and self.size != 1:
            raise RuntimeError(
                f"backward() needs a scalar, got shape {self.shape}: "
                "reduce it, as in t.sum().backward(), or pass gradient= of that shape"
            )
        found: Any = backpropagate(self.node, start(self, gradient, False), free=not retain_graph)
    except Exception as error:
        trim(error)
        raise
    apart(found, gradient)
    for leaf, g in found.items():
        leaf.grad = g if leaf.grad is None else settle(leaf.grad + g)


def register_hook(self: Tensor, fn: Callable[[Any], Any]) -> Handle:
    """Let a function see the gradient of this tensor in every pass, and replace it by what it returns, if not None.

    fn: of an array of this tensor's shape that it cannot change, or, if the gradient is to be differentiated again,
    of a tensor. It is called once in a pass, with the sum of what all uses of this tensor give.
    Returns a handle, whose `remove()` takes the hook away.

    >>> from tensorgrad import tensor
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> handle = x.register_hook(lambda g: g.clip(-1, 1))
    >>> (x * x).sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    node = self.node
    if node is None:
        raise RuntimeError("register_hook() on a tensor that requires no gradient: none will flow to it")
    if type(node.params) is not Hooked:
        node.params = Hooked(node.params)
    return Handle(node.params.hooks, fn)


Tensor.backward = backward
Tensor.register_hook = register_hook


def start(y: Tensor, seed: Any, create_graph: bool) -> Any:
    """Return the gradient to start from: `seed` in y's dtype, or ones."""
    data = y._data
    if seed is None:
        return type(data)(1) if isinstance(data, np.generic) else np.ones_like(data)
    if type(seed) is type(data) is ndarray and seed.shape == data.shape and seed.dtype is data.dtype:
        return conjugate(seed)
    if isinstance(seed, Tensor):
        seed = seed if create_graph else seed._data
    elif not foreign(seed):
        seed = np.asarray(seed)
    have = seed.dtype if isinstance(seed, Tensor) else dtype_of(seed)
    if have.kind == "c" != y.dtype.kind:
        raise TypeError(f"the gradient to start from is {have}, the tensor {y.dtype}: pass its real part")
    if np.shape(seed) != y.shape:
        raise ValueError(f"the gradient to start from has shape {np.shape(seed)}, the tensor {y.shape}")
    return conjugate(match(seed, y.shape, y.dtype))


def between(nodes: list[Node], wanted: set[Node]) -> set[Node]:
    """Return `wanted` and those of `nodes` that came from one of them: a pass need not compute anything else."""
    needed = set(wanted)
    for node in reversed(nodes):
        if not needed.isdisjoint(node.inputs):
            needed.add(node)
    return needed


def backpropagate(
    root: Node,
    g: Any,
    wanted: set[Node] | None = None,
    needed: set[Node] | None = None,
    create_graph: bool = False,
    free: bool = False,
    since: int = 0,
) -> dict[Node, Any]:
    """Return the gradient of `root`, times `g`, for each node of `wanted`: by default for every leaf.

    It goes through the nodes in `needed` only, if given.   free: let go of what a node kept as soon as it was read.
    since: end at what is wanted and was made before.
    """
    hooked = Hooked.used
    if Clock.latest < root.seq:  # rare: look before anything is let go
        for node in history(root):
            refuse_stale(node)
    totals: dict[Node, Any] = {root: g}  # of nodes whose turn has not come; in the end, of leaves
    waiting: list[tuple[int, Any]] = []  # newest first: when a node's turn comes, all that used it have had theirs
    if root.op is not None:
        waiting.append((root.seq, root))
    sums: set[Node] = set()  # of which we made the array in totals
    found: dict[Node, Any] = {}
    while waiting:
        node = heappop(waiting)[1]
        g = totals.pop(node)
        if hooked and type(node.params) is Hooked and (since == 0 or node.seq < since):
            g = wrap(g) if create_graph and not isinstance(g, Tensor) else g
            g = conjugate(node.params.applied(conjugate(g)))
        if wanted is not None and node in wanted:
            found[node] = g
            sums.discard(node)  # it is not to be changed any more
            if since and node.seq > since:
                continue
        op, args = node.op, node.args
        if args is None and needed is not None and needed.isdisjoint(node.inputs):
            continue
        if Clock.latest < node.seq:
            refuse_stale(node)
        if args is None or create_graph:
            args, out = recalled(node, create_graph)
        else:
            out = node if node.out is None else node.out
        try:
            STEPS[op](node, g, out, args, node.params, needed, totals, waiting, sums)
        except Exception:
            try:
                each_step(node, g, out, args, node.params, needed, totals, waiting, sums)  # fails again, and says where
            except Exception as error:
                error.__suppress_context__ = True
                raise
            raise
        if free:
            node.args = node.out = None
    if not found:
        found = totals
    elif totals:
        found |= totals
    for node in found:
        if node.dtype.kind == "c":
            found[node] = conjugate(found[node])
        if hooked and node.op is None and type(node.params) is Hooked and not since:
            g = found[node]
            found[node] = node.params.applied(wrap(g) if create_graph and not isinstance(g, Tensor) else g)
    return found


def recalled(node: Node, create_graph: bool) -> tuple[tuple[Any, ...], Any]:
    """Return the arrays and the result that a node kept for its rules; with `create_graph` as tensors, which record."""
    op, args, out = node.op, node.args, node if node.out is None else node.out
    assert op is not None
    if args is None:
        raise RuntimeError(
            f"backward through {op.name}{made_at(node.seq, 'recorded')} a second time: the first pass let go of the "
            "arrays it kept. Pass retain_graph=True to the first, or compute the result again"
        )
    if not create_graph:
        return args, out
    args = tuple(map(see, args, node.inputs))
    kept_work = op.work is not None and node.out is not None
    return args, op.work(*args, **node.params) if kept_work and op.work else see(out, node)


def each_step(
    node: Node,
    g: Any,
    out: Any,
    args: tuple[Any, ...],
    params: dict[str, Any],
    needed: set[Node] | None,
    totals: dict[Node, Any],
    waiting: list[tuple[int, Node]],
    sums: set[Node],
) -> None:
    """Take one step of any number of arrays backwards; what `unroll.stepper` writes out."""
    assert node.op is not None
    if rule := first(node.op):
        g = rule(g, out, None)
    args = node.op.given(args)
    for vjp, source in zip(node.op.vjps, node.inputs):  # noqa: B905  # Each is endless
        if source is None or vjp is None or (needed is not None and source not in needed):
            continue
        try:
            term = match(vjp(g, out, *args, **params), source.shape, source.dtype)
        except Exception as error:
            error.add_note(f"in the derivative of {node.op.name} for argument {node.inputs.index(source)}")
            if "'Node'" in str(error) or "'Leaf'" in str(error):
                error.add_note("a rule that reads the values of an argument must not underscore it")
            note_line(error)
            raise
        give(source, term, totals, waiting, sums)


def give(source: Node, term: Any, totals: dict[Node, Any], waiting: list[tuple[int, Node]], sums: set[Node]) -> None:
    """Add a term to a node's gradient; a node that is new, and no leaf, has its turn later."""
    if source in totals:
        add(totals, source, term, sums)
    else:
        totals[source] = term
        if source.op is not None:
            heappush(waiting, (source.seq, source))


def first(op: Op) -> Callable[..., Any] | None:
    """Return the rule to apply before the others: that of what the step did last."""
    return op.then.vjps[0] if op.then is not None and not isinstance(op.then.vjps, Each) else None


class Steps(dict[Op, Callable[..., None]]):
    """For each op, the function that takes a step of it backwards, made at the first step."""

    def __missing__(self, op: Op) -> Callable[..., None]:
        if isinstance(op.vjps, Each) or len(op.vjps) > MOST:
            return each_step
        self[op] = stepper(len(op.vjps), globals(), op.then is not None)(first(op), *op.vjps)
        return self[op]


STEPS = Steps()
push = heappush


def add(totals: dict[Node, Any], source: Node, term: Any, sums: set[Node]) -> None:
    """Add a term to what has come together for a node: in place only into a sum of our own, else it may be shared."""
    total = totals[source]
    if source in sums and type(total) is type(term) is ndarray:
        np.add(total, term, total)
    else:
        totals[source] = total + term
        sums.add(source)


def see(value: Any, node: Node | None) -> Any:
    """Return what a rule sees of an array for a further derivative: the tensor; only its node, if it was not kept."""
    return value if node is None or isinstance(value, Node) else wrap(value, node)


def match(g: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return `g` summed over the axes along which `shape` was broadcast, and in `dtype`."""
    if type(g) is ndarray and g.ndim == 2 and len(shape) == 1 and g.dtype is dtype and dtype in FAST:
        total = row_of_ones(len(g), dtype).dot(g)  # a bias: a product sums rows ten times as fast
        if total.shape == shape:
            return total
    if np.shape(g) != shape:
        axes = stretched(np.shape(g), shape)
        g = np.sum(g, axis=axes[0] if len(axes) == 1 else axes)
        g = g if np.shape(g) == shape else np.reshape(g, shape)
    have = g.dtype if isinstance(g, Tensor) else dtype_of(g)
    if have != dtype:
        g = astype(np.real(g) if have.kind == "c" and dtype.kind != "c" else g, dtype)
    return g


ndarray = np.ndarray
FAST = frozenset({np.dtype(np.float32), np.dtype(np.float64)})  # the types that BLAS multiplies
row_of_ones = lru_cache(maxsize=16)(np.ones)  # batches come in few sizes


def conjugate(g: Any) -> Any:
    """Return `g`, conjugated if it is complex."""
    if type(g) is ndarray and g.dtype in FAST:
        return g
    return np.conjugate(g) if np.iscomplexobj(g) else g


def settle(g: Any) -> Array:
    """Return a gradient as an array: no view, not NumPy's bare scalar, nor the tensor that a rule may make of it."""
    g = raw(g)
    return np.array(g) if isinstance(g, np.generic) or (isinstance(g, np.ndarray) and g.base is not None) else g


def apart(found: dict[Any, Any], held: Any) -> dict[Any, Any]:
    """Make each of the gradients an array of its own: not a view, not shared, not what is `held` by the user."""
    held = raw(held)
    for key, g in found.items():
        if type(g) is not ndarray or g.base is not None or g is held:
            found[key] = owned(g) if g is held else settle(g)
    if len(set(map(id, found.values()))) < len(found):
        seen = set()
        for key, g in found.items():
            if id(g) in seen:
                found[key] = owned(g)
            seen.add(id(g))
    return found


def refuse_stale(node: Node) -> None:
    """Raise if a leaf's values, which the rules of this node would read, have changed since the step was recorded."""
    for value, source in zip(node.args or (), node.inputs, strict=False):  # what was let go of is refused elsewhere
        shown = None if isinstance(value, Node) else source
        while shown is not None and shown.op is not None and shown.op.view:
            shown = shown.inputs[0]  # a view may show the memory of what it was taken from
        if isinstance(shown, Leaf) and shown.changed_since(node.seq):
            op = node.op.name if node.op else ""
            name = getattr(shown, "name", None)
            change = min(shown.clock.time, shown.shared.time if shown.shared is not None else 0)  # the last
            raise RuntimeError(
                f"the data of {repr(name) if name else 'a leaf'} was replaced after {op} had used it, by an "
                f"optimizer's step or an assignment{made_at(change, 'replaced')}: compute the result again before "
                f"calling backward(){made_at(node.seq, 'used')}"
            )
