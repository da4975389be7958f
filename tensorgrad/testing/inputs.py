"""The inputs of a check: arrays as the user nests them, and the flat list of arrays in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.graph import Tensor
from tensorgrad.shapes import stretched

Array = NDArray[Any]


class BackwardError(Exception):
    """The backward pass under test failed by itself: it raised, or gave back what cannot be gradients."""

    def __init__(self, message: str, line: str = "", argument: int | None = None) -> None:
        super().__init__(message)
        self.line, self.argument = line, argument


class Inputs:
    """Inputs as the user nests them, and the flat list of arrays in them."""

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        self.arrays: list[Array] = []
        self.places: list[tuple[int, tuple[int, ...]]] = []  # the argument of each array, and where in its lists
        self.template = [self._take(x, i, ()) for i, x in enumerate(inputs)]
        if not self.arrays:
            raise TypeError("nothing to check: pass the inputs after the function, as in gradcheck(f, x)")

    def _take(self, x: Any, argument: int, path: tuple[int, ...]) -> Any:
        """Return the number of the array `x`, or for a list the list of their numbers."""
        where = f"input {argument}" + "".join(f"[{i}]" for i in path)
        if isinstance(x, list | tuple) and not (x and all(isinstance(a, int | float | complex) for a in x)):
            return [self._take(a, argument, (*path, i)) for i, a in enumerate(x)]
        data = x.data if isinstance(x, Tensor) else x
        if not isinstance(data, np.ndarray | np.generic | int | float | complex | list | tuple):
            raise TypeError(f"{where} is {type(x).__name__}: pass arrays, tensors, or lists of them")
        data = np.array(data)
        if data.dtype.kind == "c":
            raise TypeError(
                f"{where} holds {data.dtype}: complex inputs are not checked yet. "
                "Pass the real and the imaginary part, and let the function join them"
            )
        if data.dtype.kind != "f":
            raise TypeError(
                f"{where} holds {data.dtype}, and only floats have a gradient: pass x.astype(float), or keep it "
                "from the check, as in gradcheck(lambda w: f(w, labels), w)"
            )
        if not np.isfinite(data).all():
            raise ValueError(f"{where} holds NaN or infinity: check the gradient at finite numbers")
        self.arrays.append(data)
        self.places.append((argument, path))
        return len(self.arrays) - 1

    def nest(self, items: list[Any]) -> list[Any]:
        """Return one item per array, nested as the inputs are."""
        return [fill(part, items) for part in self.template]

    def unnest(self, gradients: Any) -> list[Array]:
        """Return what a backward pass gave, which should be one array per input, as a flat list."""
        listed = isinstance(gradients, list | tuple)
        if len(self.template) == 1 and isinstance(self.template[0], list):  # a bare list is the gradient of a list
            listed = listed and len(gradients) == 1 and isinstance(gradients[0], list | tuple)
        parts = gradients if listed else (gradients,)
        if len(parts) != len(self.template):
            raise BackwardError(f"it returned {len(parts)} gradients for {len(self.template)} inputs")
        flat: list[Any] = []
        for argument, (part, template) in enumerate(zip(parts, self.template, strict=True)):
            flatten(part, template, argument, flat)
        return [self._fitting(g, i) for i, g in enumerate(flat)]

    def _fitting(self, g: Any, i: int) -> Array:
        """Return a gradient as an array; raise BackwardError if it cannot be that of array `i`."""
        argument, shape = self.places[i][0], self.arrays[i].shape
        if g is None:
            raise BackwardError("it returned None for a gradient", argument=argument)
        g = g.data if isinstance(g, Tensor) else np.asarray(g)
        if g.dtype.kind not in "fiub":
            raise BackwardError(f"it returned a gradient of {g.dtype} for real numbers", argument=argument)
        if g.shape != shape:
            raise BackwardError(misfit(g.shape, shape), argument=argument)
        fitting: Array = g
        return fitting


def fill(template: Any, items: list[Any]) -> Any:
    """Return the template with numbers replaced by the items they name."""
    return items[template] if isinstance(template, int) else [fill(part, items) for part in template]


def flatten(part: Any, template: Any, argument: int, flat: list[Any]) -> None:
    """Append the leaves of `part`, which is nested as the template, to `flat`."""
    if isinstance(template, int):
        flat.append(part)
        return
    if not isinstance(part, list | tuple) or len(part) != len(template):
        raise BackwardError(f"it returned no list of {len(template)} gradients for a list", argument=argument)
    for a, b in zip(part, template, strict=True):
        flatten(a, b, argument, flat)


def misfit(got: tuple[int, ...], want: tuple[int, ...]) -> str:
    """Say how the shape of a gradient differs from that of its input.

    >>> misfit((5, 3), (3,))
    'its gradient has shape (5, 3), the input (3,): the sum over axis 0 is missing, along which it was broadcast'
    """
    text = f"its gradient has shape {got}, the input {want}"
    if len(got) > 1 and got == want[::-1]:
        return f"{text}: it is transposed"
    lead = len(got) - len(want)
    if lead >= 0 and all(n in (m, 1) for n, m in zip(want, got[lead:], strict=True)):
        axes = ", ".join(map(str, stretched(got, want)))
        return f"{text}: the sum over axis {axes} is missing, along which it was broadcast"
    return text
