"""Views: tensors whose elements are elements of another, so that a write to either shows in both, as in NumPy.

There are no maps of indices and no version counters. A view knows its root and the path of NumPy calls from there;
when the root has been given another array, the path is replayed. Only views pay for it.
"""

from typing import Any

import numpy as np

from tensorgrad.backends import Recorder
from tensorgrad.graph import VIEWS, Tensor
from tensorgrad.node import Array, Node, enable_grad
from tensorgrad.op import OPS
from tensorgrad.rules.write import Path, read, write

held: Any = Tensor.__dict__["_data"]  # the slots of Tensor: in a view, what was derived last
held_node: Any = Tensor.__dict__["node"]


class View(Tensor):
    """A tensor whose elements are elements of `root`, found by `path`."""

    __slots__ = ("path", "root", "seen")

    root: Tensor  # never a view
    path: Path
    seen: Array  # the root's array when this was derived; None after a write through this view

    @property
    def _data(self) -> Array:
        if self.seen is not self.root._data:
            derive(self)
        return held.__get__(self)

    @_data.setter
    def _data(self, data: Array) -> None:
        held.__set__(self, data)

    @property
    def node(self) -> Node | None:
        """The node of the elements as they are now."""
        if self.seen is not self.root._data:
            derive(self)
        return held_node.__get__(self)  # type: ignore[no-any-return]

    @node.setter
    def node(self, node: Node | None) -> None:
        held_node.__set__(self, node)


def derive(view: View) -> None:
    """Replay the path; recorded, as the root's new array may have come from a write that is."""
    with enable_grad():
        t = read(view.root, view.path)
    view._data, view.node, view.seen = t._data, t.node, view.root._data


def view_of(parent: Any, x: Array, t: Tensor, step: tuple[Any, dict[str, Any]]) -> Tensor:
    """Return the result `t` of a step on `parent`, whose array is `x`: as a view, if NumPy returned one.

    An index array gives a copy, an index of every axis a number.
    """
    out = t._data
    if not isinstance(out, np.ndarray) or not isinstance(parent, Tensor):
        return t
    base = out.base
    if out is not x and (base is None or not (base is x or base is x.base or np.may_share_memory(out, x))):
        return t
    view = View()
    if isinstance(parent, View):
        view.root, view.path = parent.root, (*parent.path, step)
    else:
        view.root, view.path = parent, (step,)
    view.seen = view.root._data
    view._data, view.node = apart(out, view.root), t.node
    return view


def apart(out: Array, root: Tensor) -> Array:
    """Return the array of a view; a copy, if it is a small part of a buffer that is being filled.

    A node that keeps it would otherwise keep the whole buffer, and the next write would have to copy that. A copy
    serves as well, as nothing is ever written through it; but later reshapes of it must be views where NumPy's are.
    """
    node = root.node
    small = out.flags.c_contiguous and out.flags.writeable and 4 * out.size <= root._data.size
    if small and node is not None and node.op is WRITE:
        return out.copy()
    return out


WRITE = OPS[write]
VIEWS.add(View)
Recorder.view_of = staticmethod(view_of)
