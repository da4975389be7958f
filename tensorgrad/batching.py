"""Many gradients in one pass: a stack of arrays that looks to a rule like one of them.

A pass takes whatever array it starts from through the rules. `Batch` is one more array type: it hides its leading axis
behind NumPy's protocols. Ufuncs align dimensions behind that axis, a table says for the functions that rules call most
where their axes are, and any other function runs in a loop over the stack: slow, never wrong.
"""

import math
import string
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tensorgrad.backends import astype, getitem, names_places_once, scatter_add

Function = Callable[..., Any]
Shape = tuple[int, ...]


def operator(fn: np.ufunc) -> Callable[["Batch", Any], "Batch"]:
    """Make a ufunc an operator; those that rules use most do not need the way through NumPy."""
    return lambda self, other: Batch(fn(*aligned((self, other))))


class Batch(NDArrayOperatorsMixin):
    """Arrays of one shape, stacked along an axis that no function sees.

    >>> each = Batch(np.eye(3)[:2])  # two rows of a unit matrix
    >>> np.shape(each), np.sum(3 * each).stack
    ((3,), array([3., 3.]))
    """

    __slots__ = ("dtype", "shape", "stack")

    def __init__(self, stack: Any) -> None:
        self.stack = stack  # (n, *shape)
        self.shape: Shape = stack.shape[1:]
        self.dtype = stack.dtype

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **params: Any) -> Any:
        if method != "__call__" or params or ufunc.signature is not None:
            run = matmul if ufunc is np.matmul and method == "__call__" and not params else None
            return looped(getattr(ufunc, method), args, params) if run is None else run(*args)
        out = ufunc(*aligned(args))
        return tuple(map(Batch, out)) if isinstance(out, tuple) else Batch(out)

    def __array_function__(self, fn: Function, _types: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        run = HIDDEN.get(fn)
        out = NotImplemented if run is None else run(*args, **params)
        return looped(fn, args, params) if out is NotImplemented else out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("a stack of gradients is no NumPy array")

    def __bool__(self) -> bool:
        raise TypeError("a stack of gradients has no truth of its own")

    __mul__ = __rmul__ = operator(np.multiply)
    __add__ = __radd__ = operator(np.add)
    __sub__, __truediv__ = operator(np.subtract), operator(np.divide)


def aligned(args: tuple[Any, ...]) -> list[Any]:
    """Return the arguments of an elementwise function, the hidden axis in front of all others."""
    dims = [len(a.shape) if type(a) is Batch else a.ndim if type(a) is np.ndarray else np.ndim(a) for a in args]
    ndim = max(dims)
    return [
        a if type(a) is not Batch else a.stack if d == ndim else behind(a, ndim)
        for a, d in zip(args, dims, strict=True)
    ]


def behind(x: Batch, ndim: int) -> Any:
    """Return the stack of x, with as many dimensions behind the hidden one as asked for."""
    return x.stack.reshape(x.stack.shape[:1] + (1,) * (ndim - len(x.shape)) + x.shape)


def looped(fn: Function, args: Any, params: Any) -> Any:
    """Run a function on one of the arrays after the other."""
    n = min(lengths((args, params)))
    return stacked([fn(*taken(args, i), **taken(params, i)) for i in range(n)])


def lengths(x: Any) -> Iterator[int]:
    """Yield how many arrays are in each batch, also inside lists, tuples and dicts."""
    if isinstance(x, Batch):
        yield len(x.stack)
    elif isinstance(x, list | tuple | dict):
        for part in x.values() if isinstance(x, dict) else x:
            yield from lengths(part)


def taken(x: Any, i: int) -> Any:
    """Return x with the i-th array in place of each batch."""
    if isinstance(x, Batch):
        return x.stack[i]
    if type(x) in (list, tuple):
        return type(x)(taken(part, i) for part in x)
    return {name: taken(part, i) for name, part in x.items()} if isinstance(x, dict) else x


def stacked(outs: list[Any]) -> Any:
    """Return the results for all arrays as a batch, or as several; a fact about all of them as it is."""
    out = outs[0]
    if isinstance(out, tuple | list):
        parts = [stacked(list(column)) for column in zip(*outs, strict=True)]
        return type(out)(*parts) if hasattr(out, "_fields") else type(out)(parts)
    return Batch(np.stack(outs)) if isinstance(out, np.ndarray | np.generic) else out


def matmul(x: Any, y: Any) -> Any:
    """Return x @ y, where either is a batch, or both."""
    dims = np.ndim(x), np.ndim(y)
    if type(y) is not Batch:
        if dims == (2, 2) and x.stack.flags.c_contiguous:  # one product of many rows
            return Batch(np.matmul(x.stack.reshape(-1, x.shape[1]), y).reshape(*x.stack.shape[:2], -1))
        if dims[1] <= 2:  # NumPy's own stacks
            return Batch(np.matmul(x.stack, y))
    elif type(x) is not Batch and dims[0] <= 2 and dims[1] > 1:
        return Batch(np.matmul(x, y.stack))
    elif type(x) is not Batch and dims == (2, 1):
        return Batch(np.matmul(y.stack, x.T))
    if min(dims) < 2:
        return looped(np.matmul, (x, y), {})
    return Batch(np.matmul(*aligned((x, y))))


def axes(x: Any, axis: Any) -> Any:
    """Return where axes of each array are in the stack; None means all."""
    ndim = len(x.shape)
    if axis is None:
        return tuple(range(1, ndim + 1))
    return axis % ndim + 1 if isinstance(axis, int | np.integer) else tuple(a % ndim + 1 for a in axis)


def reduction(fn: Function) -> Function:
    """Hide the leading axis from a function that takes axes away."""

    def run(x: Any, axis: Any = None, **params: Any) -> Any:
        if type(x) is not Batch or next(lengths(params), None) is not None:
            return NotImplemented
        return Batch(np.asarray(fn(x.stack, axis=axes(x, axis), **params)))

    return run


def along(fn: Function) -> Function:
    """Hide the leading axis from a function that works along axes, by default all elements in one row."""

    def run(x: Any, axis: Any = None, **params: Any) -> Any:
        if axis is None:
            return Batch(fn(x.stack.reshape(len(x.stack), -1), axis=1, **params))
        return Batch(fn(x.stack, axis=axes(x, axis), **params))

    return run


def planes(fn: Function) -> Function:
    """Hide the leading axis from a function of the plane of two axes."""

    def run(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return Batch(fn(x.stack, offset, *axes(x, (axis1, axis2))))

    return run


def whole(fn: Function) -> Function:
    """Let a function that works element by element have the stack."""
    return lambda x, *args, **params: Batch(fn(x.stack, *args, **params))


def alike(make: Function) -> Function:
    """Make an array for what is to look like each of a batch: one for all."""
    return lambda x, *, dtype=None, shape=None, **_: make(x.shape if shape is None else shape, dtype or x.dtype)


def reshape(x: Any, shape: Any, order: str = "C") -> Any:
    """Return np.reshape of each array."""
    if order != "C":
        return NotImplemented
    return Batch(x.stack.reshape(len(x.stack), *((shape,) if isinstance(shape, int | np.integer) else shape)))


def broadcast_to(x: Any, shape: Any) -> Any:
    """Return np.broadcast_to of each array."""
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    return Batch(np.broadcast_to(behind(x, len(shape)), (len(x.stack), *shape)))


def expand_dims(x: Any, axis: Any) -> Any:
    """Return np.expand_dims of each array."""
    new = (axis,) if isinstance(axis, int | np.integer) else axis
    ndim = len(x.shape) + len(new)
    return Batch(np.expand_dims(x.stack, tuple(a % ndim + 1 for a in new)))


def squeeze(x: Any, axis: Any = None) -> Any:
    """Return np.squeeze of each array."""
    ones = tuple(a + 1 for a, length in enumerate(x.shape) if length == 1)
    return Batch(np.squeeze(x.stack, ones if axis is None else axes(x, axis)))


def transpose(x: Any, axis: Any = None) -> Any:
    """Return np.transpose of each array."""
    return Batch(x.stack.transpose(0, *(axes(x, None)[::-1] if axis is None else axes(x, tuple(axis)))))


def joined(fn: Function, extra: int) -> Function:
    """Hide the leading axis from a function that joins arrays; `extra`: how many axes it adds."""

    def run(arrays: Any, axis: Any = 0, **params: Any) -> Any:
        if axis is None or params:
            return NotImplemented
        n, ndim = min(lengths(arrays)), np.ndim(arrays[0]) + extra
        stacks = [a.stack if type(a) is Batch else np.broadcast_to(a, (n, *np.shape(a))) for a in arrays]
        return Batch(fn(stacks, axis=axis % ndim + 1))

    return run


def where(condition: Any, *choices: Any) -> Any:
    """Return np.where of three arrays."""
    return Batch(np.where(*aligned((condition, *choices)))) if choices else NotImplemented


def einsum(subscripts: str, *arrays: Any, **params: Any) -> Any:
    """Return np.einsum with one more letter, for the hidden axis."""
    if not isinstance(subscripts, str) or "->" not in subscripts:
        return NotImplemented
    letter = next(c for c in string.ascii_letters if c not in subscripts)
    inputs, _, output = subscripts.partition("->")
    terms = [letter * (type(a) is Batch) + term for term, a in zip(inputs.split(","), arrays, strict=True)]
    stacks = [a.stack if type(a) is Batch else a for a in arrays]
    return Batch(np.einsum(f"{','.join(terms)}->{letter}{output}", *stacks, **params))


def read(x: Any, index: Any) -> Any:
    """Return x[index] of each array."""
    parts = index if isinstance(index, tuple) else (index,)
    return Batch(x.stack[(slice(None), *parts)]) if stays_in_place(parts) else NotImplemented


def scatter(g: Any, index: Any, shape: Shape) -> Any:
    """Return scatter_add of each array."""
    parts = index if isinstance(index, tuple) else (index,)
    if not stays_in_place(parts):
        return NotImplemented
    out = np.zeros((len(g.stack), *shape), g.dtype)
    if names_places_once(index):
        out[(slice(None), *parts)] = g.stack
    else:
        np.add.at(out, (slice(None), *parts), g.stack)
    return Batch(out)


def stays_in_place(parts: tuple[Any, ...]) -> bool:
    """Whether an axis put in front leaves the meaning of an index as it is.

    Where arrays are apart from each other, NumPy moves their axes to the front. A number counts as an array there.
    """
    if any(isinstance(part, bool | np.bool_) or (isinstance(part, np.ndarray) and not part.ndim) for part in parts):
        return False
    arrays = [place for place, part in enumerate(parts) if isinstance(part, list | np.ndarray | int | np.integer)]
    if not any(isinstance(part, list | np.ndarray) for part in parts):
        return True
    return arrays[-1] - arrays[0] == len(arrays) - 1


HIDDEN: dict[Function, Function] = {
    # facts
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: len(x.shape),
    np.size: lambda x, axis=None: math.prod(x.shape) if axis is None else x.shape[axis],
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.result_type: lambda *xs: np.result_type(*(x.dtype if type(x) is Batch else x for x in xs)),
    # shape
    np.reshape: reshape,
    np.ravel: lambda x, order="C": reshape(x, -1, order),
    np.broadcast_to: broadcast_to,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.transpose: transpose,
    np.swapaxes: lambda x, a, b: Batch(np.swapaxes(x.stack, *axes(x, (a, b)))),
    np.moveaxis: lambda x, a, b: Batch(np.moveaxis(x.stack, axes(x, a), axes(x, b))),
    np.flip: lambda x, axis=None: Batch(np.flip(x.stack, axes(x, axis))),
    np.concatenate: joined(np.concatenate, 0),
    np.stack: joined(np.stack, 1),
    # reductions, and what goes along an axis
    **{fn: reduction(fn) for fn in (np.sum, np.mean, np.max, np.min, np.prod)},
    **{fn: along(fn) for fn in (np.cumsum, np.cumprod)},
    **{fn: planes(fn) for fn in (np.diagonal, np.trace)},
    # elements
    np.where: where,
    np.einsum: einsum,
    **{fn: whole(fn) for fn in (np.real, np.imag, np.copy)},
    np.zeros_like: alike(np.zeros),
    np.ones_like: alike(np.ones),
    astype: whole(astype),
    getitem: read,
    scatter_add: scatter,
}
