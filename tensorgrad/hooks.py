"""Hooks: functions of the user's that see a gradient on its way, or a module's output, and may put another in place."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tensorgrad.backends import Recorder, astype, dtype_of, owned

Function = Callable[..., Any]


class Handle:
    """What registering a hook returns."""

    def __init__(self, hooks: "list[Handle]", fn: Function) -> None:
        if not callable(fn):
            raise TypeError(f"a hook is a function, got {fn!r:.60}")
        self.hooks, self.fn = hooks, fn
        hooks.append(self)

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self.hooks[:] = [handle for handle in self.hooks if handle is not self]


class Hooked(dict[str, Any]):
    """The parameters of a recorded step, with the hooks of its result: other nodes need no room for any."""

    used: ClassVar[bool] = False  # whether there ever was one: lets a pass skip the look

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.hooks: list[Handle] = []
        Hooked.used = True

    def applied(self, g: Any) -> Any:
        """Return a gradient as the hooks leave it, in the order in which they were registered."""
        for handle in tuple(self.hooks):  # a hook may remove itself
            found: Any = handle.fn(shown(g))
            if found is not None:
                found = found if isinstance(found, Recorder) else np.asarray(found)
                if np.shape(found) != np.shape(g):
                    raise ValueError(
                        f"a hook gave a gradient of shape {np.shape(found)} for one of {np.shape(g)}: "
                        "return one of the same shape, or None to leave it"
                    )
                if dtype_of(found).kind == "c" != dtype_of(g).kind:
                    raise TypeError(f"a hook gave a gradient of {dtype_of(found)} for one of {dtype_of(g)}")
                g = found if dtype_of(found) == dtype_of(g) else astype(found, dtype_of(g))
        return g


def shown(g: Any) -> Any:
    """Return what a hook may keep of a gradient: a copy, as the pass adds to its arrays, which it cannot change."""
    if isinstance(g, Recorder):
        return g
    g = owned(g)
    if isinstance(g, np.ndarray):
        g.flags.writeable = False
    return g
