"""Finds arrays that were changed in place after a step had used them, and before its derivative reads them."""

import zlib
from typing import Any

import numpy as np

from tensorgrad.checkpoint import CHECKPOINT
from tensorgrad.errors import birthplace, name_of
from tensorgrad.graph import raw
from tensorgrad.node import Node
from tensorgrad.trees import leaves
from tensorgrad.values import origin, span


def sums_of(node: Node) -> dict[str, int]:
    """Return a checksum of each array that the rules of a step read, by what an error calls it."""
    return {name: checksum(a) for name, a in read(node).items()}


def refuse_changed(node: Node) -> None:
    """Raise if an array that the rules of a step read is not what it was when the step was recorded."""
    sums: dict[str, int] = getattr(node.seq, "sums", {})
    arrays = read(node) if sums else {}
    for name, was in sums.items():
        if name in arrays and checksum(arrays[name]) != was:
            raise RuntimeError(
                f"{name}, was changed in place after it was used, before its derivative was taken\n"
                f"  used at {birthplace(node.seq)}\n"
                f"  it holds {span(arrays[name])}\n"
                "  cure: leave arrays as they are until backward(), or record with a copy: x.copy()"
            )


def used(node: Node) -> frozenset[int]:
    """Return what the rules of a step's live arguments read: 0 is the result, j + 1 argument j."""
    assert node.op is not None
    if node.op is CHECKPOINT:  # which makes the call again
        return frozenset(range(1, len(node.inputs) + 1))
    reads = node.op.reads
    if isinstance(reads, frozenset):  # one rule for any number of arrays
        return reads | frozenset(range(1, len(node.inputs) + 1)) if 1 in reads else reads
    return frozenset[int]().union(*(r for r, source in zip(reads, node.inputs, strict=True) if source is not None))


def read(node: Node) -> dict[str, np.ndarray[Any, Any]]:
    """Return NumPy's arrays that the rules of a step read, by what an error calls them."""
    assert node.op is not None
    read, name = used(node), node.op.name
    found: dict[str, Any] = {}
    if node.op is CHECKPOINT and node.args:  # it keeps the call, and makes it again
        segment = raw(node.args[0])
        for path, a in (*leaves(segment.args), *leaves(segment.params)):
            what = f"argument {path[0]}" + "".join(f"[{key!r}]" for key in path[1:])
            found[f"{what} of {name_of(segment.f)}, which is checkpointed"] = raw(a)
    found |= {
        f"argument {j} of {name}, {origin(source)}": a
        for j, (a, source) in enumerate(zip(node.args or (), node.inputs, strict=True))
        if j + 1 in read
    }
    found |= {f"{key}= of {name}, a parameter": value for key, value in node.params.items()}
    if 0 in read:
        found[f"what {name} made, its result"] = node.out
    return {name: a for name, a in found.items() if isinstance(a, np.ndarray) and a.dtype != object}


def checksum(a: np.ndarray[Any, Any]) -> int:
    """Return a number that another array most likely has not."""
    return zlib.crc32(np.ascontiguousarray(a).view(np.uint8).data) if a.size else 0
