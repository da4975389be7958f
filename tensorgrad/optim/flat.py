"""Parameters of one dtype as views of one array, so that an update is a few NumPy calls however many there are."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 16  # elements updated at once: what one pass reads and writes is still in the cache for the next

Parameter = Any  # a leaf tensor: .data, .grad, .leaf


class Flat:
    """Arrays of one dtype end to end: the parameters, which become views of it, and their moments.

    A step copies in each parameter that is not its view: the first time, and where the user assigned or loaded another
    array, or another optimizer made it a view of its own. So no array that is not ours is ever written to.
    """

    def __init__(self, params: Sequence[Parameter], moments: int) -> None:
        self.params = params
        self.leaves = [p.leaf for p in params]
        ends = list(accumulate(p.size for p in params))
        self.spans = [slice(end - p.size, end) for p, end in zip(params, ends, strict=True)]
        self.dtype = params[0].dtype
        self.values: NDArray[Any] = np.empty(ends[-1], self.dtype)
        self.views = [self.values[span].reshape(p.shape) for span, p in zip(self.spans, params, strict=True)]
        self.moments = [np.zeros(ends[-1], self.dtype) for _ in range(moments)]
        self.steps = [0] * len(params)
        self.gradients: NDArray[Any] = np.empty(min(ends[-1], BLOCK), self.dtype)
        self.room: NDArray[Any] = np.empty(min(ends[-1], BLOCK), self.dtype)
        self.active: list[int] = []
        self.runs: list[list[int]] = []

    def adopt(self, active: list[int]) -> bool:
        """Copy in the parameters at the places `active` that are not views of ours; False if one changed its dtype."""
        for i in active:
            data, view = self.params[i].data, self.views[i]
            if data is not view:
                if data.dtype != self.dtype:
                    return False
                view[...] = data
                self.params[i].data = view
        return True

    def update(self, active: list[int], rule: Callable[..., None], options: dict[str, Any]) -> None:
        """Apply an in-place `rule` to the parameters at the places `active`."""
        if active != self.active:
            self.active, self.runs = active, list(self.neighbours(active))
        for run in self.runs:
            start, stop = self.spans[run[0]].start, self.spans[run[-1]].stop
            grads = [self.leaves[i].grad.reshape(-1) for i in run]
            g = grads[0] if len(run) == 1 else np.concatenate(grads, out=self.gradients[: stop - start])
            for a in range(start, stop, BLOCK):
                block = slice(a, min(a + BLOCK, stop))
                n = block.stop - a
                moments = [m[block] for m in self.moments]
                t = self.steps[run[0]] + 1
                rule(self.values[block], g[a - start : a - start + n], self.room[:n], *moments, t=t, **options)
        for i in active:
            self.steps[i] += 1
            self.leaves[i].clock.strike()

    def neighbours(self, active: list[int]) -> Iterator[list[int]]:
        """Split `active` into runs of neighbours that have taken as many steps, and together fit in a block."""
        run: list[int] = []
        for i in active:
            if run and (
                i != run[-1] + 1
                or self.steps[i] != self.steps[run[0]]
                or self.spans[i].stop - self.spans[run[0]].start > BLOCK
            ):
                yield run
                run = []
            run.append(i)
        if run:
            yield run
