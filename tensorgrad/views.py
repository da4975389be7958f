"""Views: tensors whose elements are elements of another, so that a write to either shows in both, as in NumPy.

There are no maps of indices and no version counters. A view knows its root and the path of NumPy calls from there;
when the root has been given another array, the path is replayed. Only views pay for it.
"""

from typing import Any

import numpy as np

from tensorgrad.backends import Recorder
from tensorgrad.graph import VIEWS, Tensor
from tensorgrad.node import Array, Node, enable_grad
from tensorgrad.rules.write import Path, read

held: Any = Tensor.__dict__["_data"]  # the slots of Tensor: in a view, what was derived last
held_node: Any = Tensor.__dict__["node"]


class View(Tensor):
    """A tensor whose elements are elements of `root`, found by `path`."""

    __slots__ = ("path", "root", "seen")

    root: Tensor  # never a view
    path: Path
    seen: Array  # the root's array when this was derived; None after a write through this view

    @property
    def _data(self) -> Array:  # type: ignore[override]
        if self.seen is not self.root._data:
            derive(self)
        return held.__get__(self)

    @_data.setter
    def _data(self, data: Array) -> None:
        held.__set__(self, data)

    @property
    def node(self) -> Node | None:  # type: ignore[override]
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
    if out is not x and (out.base is None or not (out.base is x or out.base is x.base)):
        return t
    view = View()
    view._data, view.node = out, t.node
    if isinstance(parent, View):
        view.root, view.path = parent.root, (*parent.path, step)
    else:
        view.root, view.path = parent, (step,)
    view.seen = view.root._data
    return view


VIEWS.add(View)
Recorder.view_of = staticmethod(view_of)
