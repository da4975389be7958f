"""Parameters of one dtype as views of one array, so that an update is a few NumPy calls however many there are."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from tensorgrad.node import Clock
from tensorgrad.optim.inplace import Kernel

BLOCK = 1 << 16  # elements updated at once: what one pass reads and writes is still in the cache for the next
CACHE_LINE = 64  # bytes

Array = np.ndarray[Any, Any]
Parameter = Any  # a leaf tensor: .data, .leaf


class Flat:
    """Arrays of one dtype end to end: the parameters, which become views of it, and their moments.

    A step copies in each parameter that is not its view: the first time, and where the user assigned or loaded another
    array, or another optimizer made it a view of its own. So no array that is not ours is ever written to.
    """

    def __init__(self, places: list[int], params: Sequence[Parameter], kernel: Kernel) -> None:
        self.places = places  # of the parameters among the optimizer's
        self.params = params
        self.leaves = [p.leaf for p in params]
        self.kernel = kernel
        ends = list(accumulate(p.size for p in params))
        self.spans = [slice(end - p.size, end) for p, end in zip(params, ends, strict=True)]
        self.dtype = params[0].dtype
        self.values = zeros(ends[-1], self.dtype)
        self.views = [self.values[span].reshape(p.shape) for span, p in zip(self.spans, params, strict=True)]
        self.moments = [zeros(ends[-1], self.dtype) for _ in kernel.scales]
        self.room = zeros(min(ends[-1], BLOCK), self.dtype)
        self.numbers: list[Array] = [np.zeros((), self.dtype) for _ in kernel.numbers(0.0, 1)]
        self.filled: tuple[float, ...] = ()  # what the numbers are now
        self.clock = Clock()  # strikes for all leaves at once
        self.checked = 1  # when the chosen parameters were last seen to be views of ours
        self.runs: list[Run] = []
        self.steps = [0] * len(params)  # before these runs
        self.active: list[int] = []
        self.chosen: list[tuple[Parameter, Array]] = []  # those that are active, and their views

    def choose(self, active: list[int]) -> None:
        """Update the parameters at the places `active` from now on, and no others."""
        self.steps, self.checked = self.taken(), 1
        for i in self.active:
            leaf = self.leaves[i]
            if leaf.shared is self.clock:  # it keeps the time of its own last change; later times are smaller
                leaf.clock.time, leaf.shared = min(leaf.clock.time, self.clock.time), None
        self.active = active
        self.chosen = [(self.params[i], self.views[i]) for i in active]
        for i in active:
            self.leaves[i].shared = self.clock
        self.runs = [Run(self, run) for run in self.neighbours(active)]

    def taken(self) -> list[int]:
        """Return how many steps each parameter has taken."""
        steps = self.steps.copy()
        for run in self.runs:
            for i in run.places:
                steps[i] = run.steps
        return steps

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

    def adopt(self) -> bool:
        """Copy in the chosen parameters that are not views of ours; False if one changed its dtype or array type."""
        if Clock.latest == self.checked:  # no array was assigned anywhere since
            return True
        for p, view in [(p, view) for p, view in self.chosen if p._data is not view]:
            if not isinstance(p.data, np.ndarray) or p.data.dtype != self.dtype:
                return False
            view[...] = p.data
            p.data = view  # which its own clock notes
            p.leaf.shared = self.clock
        return True

    def update(self, lr: float) -> None:
        """Take a step with the chosen parameters."""
        update, numbers = self.kernel.update, self.numbers
        for run in self.runs:
            gradients = run.gradients()
            run.steps += 1
            values = self.kernel.numbers(lr, run.steps)
            if values != self.filled:
                for number, value in zip(numbers, values, strict=True):
                    number[()] = value
                self.filled = values
            for g, (p, u, moments) in zip(gradients, run.blocks, strict=True):
                update(p, g, u, *moments, *numbers)
        self.clock.strike()
        self.checked = self.clock.time


class Run:
    """Parameters side by side that are updated together: small ones in one block, or one large one in several."""

    __slots__ = ("blocks", "dtypes", "leaves", "parts", "places", "steps")

    def __init__(self, flat: Flat, places: list[int]) -> None:
        self.places = places
        self.leaves = [flat.leaves[i] for i in places]
        self.dtypes = [flat.dtype] * len(places)
        self.steps = flat.steps[places[0]]
        start, stop = flat.spans[places[0]].start, flat.spans[places[-1]].stop
        count = max(1, -(-(stop - start) // BLOCK))
        cuts = [(stop - start) * i // count for i in range(count + 1)]
        self.parts = [slice(a, b) for a, b in pairwise(cuts)]
        self.blocks: list[tuple[Array, Array, list[Array]]] = []
        for part in self.parts:
            block = slice(start + part.start, start + part.stop)
            room = flat.room[: part.stop - part.start]
            self.blocks.append((flat.values[block], room, [m[block] for m in flat.moments]))

    def gradients(self) -> list[Array]:
        """Return the gradients end to end, block by block, to be read only."""
        grads = [leaf.grad for leaf in self.leaves]
        if len(grads) == 1:
            g = np.reshape(grads[0], -1)
            return [g] if len(self.parts) == 1 else [g[part] for part in self.parts]
        try:
            if [g.dtype for g in grads] == self.dtypes:
                return [np.frombuffer(b"".join(grads), self.dtypes[0])]  # takes a third of the time of concatenate
        except (AttributeError, BufferError, TypeError, ValueError):
            pass  # one is not contiguous, or not NumPy's
        return [np.concatenate([np.reshape(g, -1) for g in grads])]


def zeros(size: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros that start where a line of the cache does: passes over them take a tenth less time."""
    memory = np.zeros(size * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % CACHE_LINE  # memory.ctypes would have to import ctypes first
    return memory[start : start + size * dtype.itemsize].view(dtype)
