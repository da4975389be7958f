"""Finds where the first NaN or infinity appears, in values, gradients or tangents; FloatingPointError says why."""

from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np

from tensorgrad.backends import NUMPY
from tensorgrad.errors import HERE, birthplace, foreign_to_users, name_of, shown
from tensorgrad.graph import raw
from tensorgrad.node import Leaf, Node
from tensorgrad.op import Each
from tensorgrad.traps import STILL, made, steep, steeper

IN_DATA = "look at the data before: np.isnan(x).any()"
IN_LEAF = "it was set, or updated, to nan: look at the data, the lr, and the gradient before"
FOLDERS = (HERE + "rules", HERE + "nn")  # whose functions consist of steps


def look_at_result(node: Node, out: Any, frame: FrameType) -> None:
    """Raise if the result of a step is nan, or inf where no argument is: infinities that arrive are passed on.

    A nan that arrives was in the data: had another step made it, that would have raised.
    """
    if finite(out):
        return
    assert node.op is not None
    arrays = tuple(map(np.asarray, node.args or ()))
    nan = holds(np.isnan, out)
    bringers = [j for j, a in enumerate(arrays) if holds(np.isnan, a)]
    if bringers and nan:
        if caller(frame).startswith("nan"):
            return  # np.nansum and its like take nan for missing, and leave it out
        source = node.inputs[bringers[0]]
        cure = IN_DATA
        if isinstance(source, Leaf):
            cure = IN_LEAF
        elif source is not None:
            cure = "it was there before: computed outside of tg.debug(), or in the data"
        raise complaint(node, f"{node.op.name} was given nan, in {origin(source)}", cure, frame=frame)
    if not nan and any(holds(np.isinf, a) for a in arrays):
        return
    place = first(np.isnan(out) if nan else np.isinf(out))
    elements = tuple(np.broadcast_to(a, np.shape(out))[place] for a in arrays) if elementwise(node) else ()
    element = np.asarray(out)[place]
    what, cure = made(node.op.fn, elements, tuple(a for a in arrays if a.dtype.kind in "fc"), out, element)
    raise complaint(node, f"{node.op.name} made {element}{what and ': ' + what}", cure, place, elements, frame)


def look_at_seed(node: Node, g: Any) -> None:
    """Raise if the gradient that arrives at a step is nan; a sum of several was looked at when it was made."""
    if not finite(g) and holds(np.isnan, raw(g)):
        step, what = users(node)
        raise complaint(step, f"the gradient that arrives at {what} is nan", "look at backward(gradient=...)")


def look_at_term(node: Node, g: Any, source: Node, term: Any) -> None:
    """Raise if the rules of a step make of a gradient nan, or inf where none of what they read is."""
    if finite(term):
        return
    assert node.op is not None and node.args is not None
    nan, read = holds(np.isnan, raw(term)), (raw(g), *node.args)
    if not nan and any(holds(np.isinf, a) for a in read):
        return
    j = node.inputs.index(source)
    whole = np.asarray(raw(term))
    if elementwise(node) and not isinstance(node.op.vjps, Each) and (rule := node.op.vjps[j]) is not None:
        out = node if node.out is None else node.out
        with np.errstate(all="ignore"):
            each = rule(raw(g), out, *node.args, **node.params)  # before the sum over broadcast axes
        if np.shape(each) == node.shape and not finite(each):
            whole = np.asarray(raw(each))
    place = first(np.isnan(whole) if nan else np.isinf(whole))
    if (step := users(node)[0]) is not node:
        refuse_higher(step, place, whole)
    elements = elements_at(place, node, whole)
    arriving = np.broadcast_to(raw(g), node.shape)[place] if elements else None
    what, cure = steep(node.op.fn, elements, arriving, whole[place])
    title = f"the gradient of {node.op.name} for {origin(source)} is {whole[place]}{what and ': ' + what}"
    raise complaint(node, title, cure, place, elements, moved={"the gradient that arrives": g})


def refuse_higher(step: Node, place: tuple[Any, ...], whole: Any, how: str = "backward through") -> None:
    """Raise for a step of the user's, of which a derivative was derived again, and was nan or inf."""
    assert step.op is not None
    elements = elements_at(place, step, whole)
    what, cure = steeper(step.op.fn, elements)
    title = f"a higher derivative of {step.op.name} is {whole[place]}{what and ': ' + what}"
    raise complaint(step, title, cure, place, elements, how=how)


def look_at_tangent(node: Node, tangents: Sequence[Any], t: Any) -> None:
    """Raise if the tangent of a step's result is nan, or inf where nothing it comes from is."""
    if t is None or finite(t):
        return
    step, name = users(node)
    whole = np.asarray(raw(t))
    nan, arriving = holds(np.isnan, whole), [raw(x) for x in tangents if x is not None]
    moved = {f"the tangent of argument {j}": x for j, x in enumerate(tangents) if x is not None}
    if nan and any(holds(np.isnan, x) for x in arriving):
        title = f"the tangent that arrives at {name} is nan"
        raise complaint(step, title, "look at the tangents that were given", how="forward through", moved=moved)
    if not nan and any(holds(np.isinf, x) for x in (*arriving, *(node.args or ()))):
        return
    place = first(np.isnan(whole) if nan else np.isinf(whole))
    if step is not node:
        refuse_higher(step, place, whole, "forward through")
    assert node.op is not None
    elements = elements_at(place, node, whole)
    only = np.broadcast_to(arriving[0], node.shape)[place] if elements and len(arriving) == 1 else None
    what, cure = steep(node.op.fn, elements, only, whole[place], STILL)
    title = f"the tangent of {name} is {whole[place]}{what and ': ' + what}"
    raise complaint(node, title, cure, place, elements, how="forward through", moved=moved)


def look_at_hook(hook: Any, node: Node, before: Any, after: Any) -> None:
    """Raise if a hook of the user's made a gradient nan or inf."""
    if finite(after):
        return
    nan = holds(np.isnan, raw(after))
    if holds(np.isnan, raw(before)) if nan else not finite(before):
        return
    code = getattr(hook, "__code__", None)
    line = f"\n  {shown(code.co_filename, code.co_firstlineno)}" if code is not None else ""
    raise FloatingPointError(
        f"a hook, {name_of(hook)}, made the gradient for {origin(node)} "
        f"{'nan' if nan else 'inf'}{line}\n"
        f"  it was given: {span(raw(before))}\n"
        f"  it returned: {span(raw(after))}\n"
        "  cure: look at what the hook computes; to leave a gradient as it is, it returns None"
    )


def look_at_sum(source: Node, total: Any) -> None:
    """Raise if the sum of gradients that are finite, from several uses, is not."""
    if not finite(total):
        raise FloatingPointError(
            f"the gradients for {origin(source)}, from several uses, have a sum beyond {source.dtype}: overflow\n"
            "  cure: scale the loss down, or compute in float64"
        )


def finite(x: Any) -> bool:
    """Whether every element is a number; of other array types nothing is said."""
    x = raw(x)
    if not isinstance(x, NUMPY) or x.dtype.kind not in "fc":
        return True
    return bool(np.isfinite(x).all())


def holds(test: np.ufunc, x: Any) -> bool:
    """Whether some element of an array is nan, or inf."""
    return isinstance(x, NUMPY) and x.dtype.kind in "fc" and bool(test(x).any())


def first(mask: Any) -> tuple[Any, ...]:
    """Return the index of the first True."""
    return tuple(map(int, np.unravel_index(int(np.argmax(mask)), np.shape(mask))))


def elementwise(node: Node) -> bool:
    """Whether each element of a step's result comes from one of each array, and all arrays were kept."""
    fn = node.op.fn if node.op is not None else None
    kept = not any(isinstance(a, Node) for a in node.args or ())
    return kept and isinstance(fn, np.ufunc) and fn.signature is None


def elements_at(place: tuple[Any, ...], node: Node, whole: Any) -> tuple[Any, ...]:
    """Return the element of each argument that an element of the result, or of a gradient, comes from; () in doubt."""
    if node.args is None or whole.shape != node.shape or not elementwise(node):
        return ()
    return tuple(np.broadcast_to(a, node.shape)[place] for a in node.args)


def users(node: Node) -> tuple[Node, str]:
    """Return the step of the user's that a step belongs to, which a rule may have recorded, and what to call that."""
    name = ""
    while (within := getattr(node.seq, "within", None)) is not None:
        node, name = within, name + "the derivative of "
    assert node.op is not None
    return node, name + node.op.name


def origin(source: Node | None) -> str:
    """Return where an argument comes from: its name, or the step and the line that made it."""
    if source is None:
        return "a constant"
    name = repr(source.name) if hasattr(source, "name") else ""
    if isinstance(source, Leaf):
        return name or "a leaf"
    assert source.op is not None
    return name or f"the result of {source.op.name}"


def complaint(
    node: Node,
    title: str,
    cure: str,
    place: tuple[Any, ...] = (),
    elements: tuple[Any, ...] = (),
    frame: FrameType | None = None,
    how: str = "backward through",
    moved: Mapping[str, Any] | None = None,
) -> FloatingPointError:
    """Return the error: what happened, the user's line, each argument with its range, and what to do.

    frame: of the recording, if it fails.   how: else, which way the pass went.   moved: what it brought, by name.
    """
    line = birthplace(node.seq) or "a line outside of tg.debug()"
    within = f", within {name}" if (name := caller(frame)) else ""
    lines = [title, f"  {how if frame is None else 'at'} {line}{within}"]
    args = node.inputs if node.args is None else node.args  # a pass has let go of them
    for j, (a, source) in enumerate(zip(args, node.inputs, strict=True)):
        here = f", {elements[j]:.6g} at {list(place)}" if elements and np.size(a) > 1 else ""
        made_by = birthplace(source.seq) if source is not None else ""
        from_there = f"; from {made_by}" if made_by not in ("", line) else ""
        lines.append(f"  argument {j}, {origin(source)}: {span(a)}{here}{from_there}")
    lines += [f"  {name}: {span(raw(x))}" for name, x in (moved or {}).items()]
    return FloatingPointError("\n".join([*lines, *([f"  cure: {cure}"] if cure else [])]))


def caller(frame: FrameType | None) -> str:
    """Return the function of ours that the user called, if the step is inside of one that has several."""
    name = ""
    while frame is not None and foreign_to_users((code := frame.f_code).co_filename):
        if code.co_filename.startswith(FOLDERS) and "<" not in code.co_qualname and code.co_name != "__call__":
            name = code.co_qualname
        frame = frame.f_back
    return name


def span(x: Any) -> str:
    """Return the range of an array in words, and where it first is no number."""
    if isinstance(x, Node):
        return f"{x.dtype} {x.shape}"
    x = np.asarray(x)
    if x.dtype == object:
        return "not kept"
    if not x.ndim:
        return f"{x.item():.6g}"
    if x.dtype.kind not in "fciu" or not x.size:
        return f"{x.dtype} {x.shape}"
    size = np.abs(x) if x.dtype.kind == "c" else x
    good = size[np.isfinite(size)]
    words = []
    if good.size:
        low, high = f"{good.min():.6g}", f"{good.max():.6g}"
        words = [("of size " if x.dtype.kind == "c" else "") + (f"all {low}" if low == high else f"{low} to {high}")]
    for name, mask in (("nan", np.isnan(size)), ("inf", np.isposinf(size)), ("-inf", np.isneginf(size))):
        if mask.any():
            words.append(f"{mask.sum()} {name}, the first at {list(first(mask))}")
    return f"{x.dtype} {x.shape}: {'; '.join(words)}"
