"""The inputs and results of a check: trees of arrays as the user nests them, and the real arrays in them, listed."""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.graph import Tensor
from tensorgrad.shapes import stretched
from tensorgrad.trees import Path, leaves, parts, replaced

Array = NDArray[Any]
Function = Callable[..., Any]


class BackwardError(Exception):
    """The backward pass under test failed by itself: it raised, or gave back what cannot be gradients."""

    def __init__(self, message: str, line: str = "", argument: int | None = None) -> None:
        super().__init__(message)
        self.line, self.argument = line, argument


class Inputs:
    """Inputs as the user nests them, and the flat list of arrays in them.

    The check itself knows real arrays only: a complex one counts as real numbers with one more axis, of length 2.
    """

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        self.given = tuple(map(joined, inputs))
        self.arrays: list[Array] = []
        self.places: list[tuple[int, Path]] = []  # the argument of each array, and where in it
        for argument, tree in enumerate(self.given):
            found = dict(leaves(tree))
            if not found:
                raise TypeError(f"input {argument} is {type(tree).__name__}: pass arrays, tensors, or trees of them")
            for path, x in found.items():
                if type(x) is int and path:
                    continue  # a setting beside the arrays
                self.arrays.append(self._checked(x, f"input {argument}" + "".join(f"[{key!r}]" for key in path)))
                self.places.append((argument, path))
        self.bare = not any(path for _, path in self.places)  # each input is one array
        if not self.arrays:
            raise TypeError("nothing to check: pass the inputs after the function, as in gradcheck(f, x)")

    @staticmethod
    def _checked(x: Any, where: str) -> Array:
        """Return a copy of an array that can be checked; raise TypeError or ValueError if it cannot."""
        data = laid(np.asarray(x.data if isinstance(x, Tensor) else x))
        if data.dtype.kind not in "fc":
            raise TypeError(
                f"{where} holds {data.dtype}, and only floats have a gradient: pass x.astype(float), or keep it "
                "from the check, as in gradcheck(lambda w: f(w, labels), w)"
            )
        if not np.isfinite(data).all():
            raise ValueError(f"{where} holds NaN or infinity: check the gradient at finite numbers")
        return data

    @property
    def real(self) -> list[Array]:
        """The arrays as real ones."""
        return list(map(as_real, self.arrays))

    @property
    def complex(self) -> bool:
        """Whether one of the inputs is complex."""
        return any(a.dtype.kind == "c" for a in self.arrays)

    def names(self, f: Function) -> list[str]:
        """Return what to call each array in a picture: the parameter of `f` that it is, or its path in there."""
        try:
            parameters = list(signature(f).parameters)
        except (TypeError, ValueError):  # a ufunc has none
            parameters = []
        parameters += [f"x{n}" for n in range(len(parameters), len(self.given))]
        return [".".join(map(str, path)) or parameters[argument] for argument, path in self.places]

    def natural(self, reals: Sequence[Array]) -> list[Array]:
        """Return real arrays as what they stand for: complex, where the inputs are."""
        return [as_complex(a) if x.dtype.kind == "c" else a for a, x in zip(reals, self.arrays, strict=True)]

    def nest(self, items: Sequence[Any]) -> list[Any]:
        """Return one item per array, nested as the inputs are."""
        if self.bare:
            return list(items)
        trees = list(self.given)
        for argument, tree in enumerate(trees):
            found = {path: item for (n, path), item in zip(self.places, items, strict=True) if n == argument}
            trees[argument] = replaced(tree, found)
        return trees

    def unnest(self, gradients: Any) -> list[Array]:
        """Return what a backward pass gave, one gradient per input, as a flat list of arrays in the inputs' form."""
        n = len(self.given)
        listed = isinstance(gradients, list | tuple)
        if n == 1 and isinstance(self.given[0], list | tuple):  # a bare list is the gradient of a list
            listed = listed and len(gradients) == 1 and isinstance(gradients[0], list | tuple)
        trees = gradients if listed else (gradients,)
        if len(trees) != n:
            raise BackwardError(f"it returned {len(trees)} gradients for {n} inputs")
        return [
            as_real(self._fitting(at(trees[argument], path, argument), i))
            for i, (argument, path) in enumerate(self.places)
        ]

    def _fitting(self, g: Any, i: int) -> Array:
        """Return a gradient as an array; raise BackwardError if it cannot be that of array `i`."""
        argument, x = self.places[i][0], self.arrays[i]
        if g is None:
            raise BackwardError("it returned None for a gradient", argument=argument)
        g = g.data if isinstance(g, Tensor) else np.asarray(g)
        if g.dtype.kind not in "fiubc" or (g.dtype.kind == "c" and x.dtype.kind != "c"):
            raise BackwardError(f"it returned a gradient of {g.dtype} for real numbers", argument=argument)
        if g.shape != x.shape:
            raise BackwardError(misfit(g.shape, x.shape), argument=argument)
        fitting: Array = g if x.dtype.kind != "c" or g.dtype.kind == "c" else g.astype(x.dtype)
        return fitting


def laid(a: Array) -> Array:
    """Return a copy of an array that lies in memory as it does: in C's or Fortran's order, or with gaps."""
    if a.flags.forc or not a.ndim:
        return a.copy(order="K")
    gapped = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)[..., ::2]
    gapped[...] = a
    return gapped


def joined(tree: Any) -> Any:
    """Return a tree in which each list of nothing but numbers, or of such lists, is an array."""
    if type(tree) in (list, tuple):
        inside = [joined(part) for part in tree]
        numbers = [isinstance(a, int | float | complex) and not isinstance(a, bool) for a in tree]
        return np.array(tree) if tree and all(numbers) else type(tree)(inside)
    return {key: joined(value) for key, value in tree.items()} if type(tree) is dict else tree


def at(tree: Any, path: Path, argument: int) -> Any:
    """Return what is at a path of a tree of gradients; raise BackwardError if there is nothing."""
    here = tree
    for depth, key in enumerate(path):
        inside = parts(here) or {}
        if key not in inside:
            where = "".join(f"[{step!r}]" for step in path[: depth + 1])
            raise BackwardError(
                f"it returned no gradient for {where} of the input: {type(here).__name__} "
                f"{f'with {list(inside)}' if inside else 'has no parts'}",
                argument=argument,
            )
        here = inside[key]
    return here


def as_real(a: Array) -> Array:
    """Return an array as a real one: a complex one with an axis more, of real and imaginary part."""
    if a.dtype.kind != "c":
        return a
    return np.stack([a.real, a.imag], axis=-1)


def as_complex(a: Array) -> Array:
    """Undo `as_real`."""
    wanted = np.result_type(a.dtype, np.complex64)
    return np.ascontiguousarray(a).view(wanted)[..., 0] if a.dtype.kind == "f" else a


class Results:
    """How a function nests its results, and the flat vector of real numbers they hold, in float64 or better."""

    def __init__(self, y: Any) -> None:
        """Learn the form of a result."""
        self.tree = y
        self.paths = [path for path, part in leaves(y) if raw_of(part).dtype.kind in "fc"]
        self.shapes = [as_real(raw_of(part)).shape for part in self.parts(y)]
        self.kinds = [raw_of(part).dtype.kind for part in self.parts(y)]
        self.size = sum(int(np.prod(shape)) for shape in self.shapes)

    def parts(self, y: Any) -> list[Any]:
        """Return the floating arrays in a result."""
        if self.paths == [()]:
            return [y]
        found = dict(leaves(y))
        return [found[path] for path in self.paths if path in found]

    def flat(self, y: Any) -> Array:
        """Return a copy of a result as one real vector."""
        return flat([as_real(raw_of(part)) for part in self.parts(y)])

    def split(self, v: Array) -> list[Array]:
        """Return a flat vector as one array for each floating result, in its shape, complex where it is."""
        ends = np.cumsum([np.prod(shape, dtype=int) for shape in self.shapes])[:-1]
        shaped = (a.reshape(shape) for a, shape in zip(np.split(v, ends), self.shapes, strict=True))
        return [as_complex(a) if kind == "c" else a for a, kind in zip(shaped, self.kinds, strict=True)]

    def conjugating(self) -> Array:
        """Return the factors of a flat vector that conjugate the complex results."""
        pieces = (
            np.resize([1.0, -1.0], shape) if kind == "c" else np.ones(shape)
            for shape, kind in zip(self.shapes, self.kinds, strict=True)
        )
        return flat(list(pieces))

    def nest(self, arrays: Sequence[Array]) -> Any:
        """Return arrays nested as the results are."""
        return replaced(self.tree, dict(zip(self.paths, arrays, strict=True)))


def raw_of(y: Any) -> Array:
    """Return a result as an array."""
    return np.asarray(y.data if isinstance(y, Tensor) else y)


def flat(arrays: Sequence[Array]) -> Array:
    """Return arrays as one vector, in float64 or better."""
    vectors = [np.asarray(a).reshape(-1) for a in arrays]
    dtype = np.result_type(np.float64, *vectors)
    return np.concatenate([*vectors, np.empty(0, dtype)], dtype=dtype)


def wide(arrays: Sequence[Array], least: Any = np.float64) -> list[Array]:
    """Return contiguous copies in float64, or better."""
    return [np.array(a, dtype=np.promote_types(a.dtype, least), order="C") for a in arrays]


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
