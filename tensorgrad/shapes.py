"""Shapes: how arrays broadcast, and what to say when shapes do not fit."""

import re
from collections.abc import Sequence

Shape = tuple[int, ...]


def stretched(shape: Shape, source: Shape) -> tuple[int, ...]:
    """Return the axes of `shape` along which an array of shape `source` was broadcast to it.

    >>> stretched((5, 3, 4), (3, 1))
    (0, 2)
    """
    lead = len(shape) - len(source)
    if shape[lead:] == source:
        return tuple(range(lead))
    return tuple(axis for axis, n in enumerate(shape) if axis < lead or source[axis - lead] != n)


def mismatch(signature: str, shapes: Sequence[Shape], elementwise: bool) -> str:
    """Say in words why `shapes` do not fit a gufunc `signature`, or broadcasting; nothing if they do.

    >>> mismatch("(m?,k),(k,n?)->(m?,n?)", [(5, 4), (3, 2)], False)
    'expected (m,k),(k,n), got (5,4),(3,2): k is 4 and 3'
    >>> mismatch("", [(2, 3), (2,)], True)
    'shapes (2,3) and (2,) do not broadcast: axis -1 is 3 and 2'
    """
    if signature:
        return signature_mismatch(signature, shapes)
    if elementwise:
        for axis in range(1, max(map(len, shapes), default=0) + 1):
            lengths = [shape[-axis] for shape in shapes if len(shape) >= axis]
            if len(set(lengths) - {1}) > 1:
                named = " and ".join(map(text, shapes))
                return f"shapes {named} do not broadcast: axis {-axis} is {' and '.join(map(str, lengths))}"
    return ""


def signature_mismatch(signature: str, shapes: Sequence[Shape]) -> str:
    """Say in words why `shapes` do not fit `signature`; nothing if they do."""
    wanted = [re.findall(r"[^,()]+", core) for core in re.findall(r"\(([^)]*)\)", signature.split("->")[0])]
    if reason := core_mismatch(wanted, shapes):
        swapped = [  # would the transpose of one argument fit?
            place
            for place, (core, shape) in enumerate(zip(wanted, shapes, strict=True))
            if len(core) == 2 <= len(shape)
            and not core_mismatch(wanted, [*shapes[:place], (*shape[:-2], shape[-1], shape[-2]), *shapes[place + 1 :]])
        ]
        ordinals = ["first", "second", "third", "fourth"]
        cure = f". Transpose the {' or the '.join(ordinals[place] for place in swapped)} argument?" if swapped else ""
        expected = re.sub(r"\?", "", signature.split("->")[0])
        return f"expected {expected}, got {','.join(map(text, shapes))}: {reason}{cure}"
    return ""


def core_mismatch(wanted: Sequence[Sequence[str]], shapes: Sequence[Shape]) -> str:
    """Say which dimension does not fit; nothing if all do. A name that ends in '?' may be missing."""
    found: dict[str, list[int]] = {}
    for core, shape in zip(wanted, shapes, strict=True):
        names = [name for name in core if not name.endswith("?")] if len(shape) < len(core) else core
        if len(shape) < len(names):
            return f"{text(shape)} has {len(shape)} dimensions, where {len(names)} are needed"
        for name, length in zip(names, shape[len(shape) - len(names) :], strict=True):
            found.setdefault(name.rstrip("?"), []).append(length)
    for name, lengths in found.items():
        if len(set(lengths)) > 1:
            return f"{name} is {' and '.join(map(str, lengths))}"
    return ""


def text(shape: Shape) -> str:
    """Write a shape without spaces, as in (5,4)."""
    return str(tuple(shape)).replace(" ", "")
