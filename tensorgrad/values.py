"""Finds where the first NaN or infinity appears, forward or backward: FloatingPointError, at that step, says why."""

from types import FrameType
from typing import Any

import numpy as np

from tensorgrad.backends import NUMPY
from tensorgrad.errors import HERE, birthplace, foreign_to_users
from tensorgrad.graph import raw
from tensorgrad.node import Leaf, Node
from tensorgrad.op import Each
from tensorgrad.traps import made, steep

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
        cure = "look at the data before: np.isnan(x).any()"
        if isinstance(source, Leaf):
            cure = "it was set, or updated, to nan: look at the data, the lr, and the gradient before"
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
        assert node.op is not None
        raise complaint(node, f"the gradient that arrives at {node.op.name} is nan", "look at backward(gradient=...)")


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
    elements: tuple[Any, ...] = ()
    if whole.shape == node.shape and elementwise(node):
        elements = tuple(np.broadcast_to(a, node.shape)[place] for a in node.args)
        arriving = np.broadcast_to(raw(g), node.shape)[place]
        what, cure = steep(node.op.fn, elements, arriving, whole[place])
    else:
        what, cure = steep(node.op.fn, (), None, whole[place])
    title = f"the gradient of {node.op.name} for {origin(source)} is {whole[place]}{what and ': ' + what}"
    raise complaint(node, title, cure, place, elements, g=g)


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
    g: Any = None,
) -> FloatingPointError:
    """Return the error: what happened, the user's line, each argument with its range, and what to do."""
    line = birthplace(node.seq) or "a line outside of tg.debug()"
    within = f", within {name}" if (name := caller(frame)) else ""
    lines = [title, f"  {'backward through' if frame is None else 'at'} {line}{within}"]
    for j, (a, source) in enumerate(zip(node.args or (), node.inputs, strict=True)):
        here = f", {elements[j]:.6g} at {list(place)}" if elements and np.size(a) > 1 else ""
        made_by = birthplace(source.seq) if source is not None else ""
        from_there = f"; from {made_by}" if made_by not in ("", line) else ""
        lines.append(f"  argument {j}, {origin(source)}: {span(a)}{here}{from_there}")
    if g is not None:
        lines.append(f"  the gradient that arrives: {span(raw(g))}")
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
