"""NumPy's ways to write into an array, each in terms of assignment: `out=`, `ufunc.at`, `copyto`, `put`, `sort`, ..."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.backends import Recorder, astype, getitem
from tensorgrad.errors import trims
from tensorgrad.graph import OUT, Tensor, any_live, learn, raw, record, wrap
from tensorgrad.node import is_recording
from tensorgrad.op import OPS, register_write
from tensorgrad.rules.write import positions
from tensorgrad.writes import assign, overwrite, writable


def written(fn: Any, method: str, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Call a function with `out=`, or a ufunc with `where=`, `dtype=`, `casting=`, or one of its methods."""
    if method == "at":
        return ufunc_at(fn, *args)
    params = dict(params)
    if "out" not in params and len(args) > OUT[fn]:
        params["out"], args = args[OUT[fn]], (*args[: OUT[fn]], *args[OUT[fn] + 1 :])
        if len(args) > OUT[fn]:
            raise TypeError(f"np.{fn.__name__}: pass out= and what follows it by name")
    out = params.pop("out", None)
    outs = out if isinstance(out, tuple) else (out,)
    if any(o is not None for o in outs) and not any(isinstance(o, Tensor) for o in outs):
        require_tensor(None, f"np.{fn.__name__} with out=", (*args, *params.values()))
        getattr(fn, method)(*raw(args), out=out, **raw(params))
        return out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if method != "__call__":
        result = by_method(fn, method, args, params)
    elif not isinstance(fn, np.ufunc):
        result = fn(*args, **params)
    elif params.get("where", True) is not True:
        return masked(fn, args, params, outs)
    else:
        params.pop("where", True)
        result = converted(fn, args, params)
    exact = method != "__call__" or not isinstance(fn, np.ufunc)
    results = result if isinstance(result, tuple) else (result,)
    pairs = zip(outs, results, strict=False) if out is not None else ()
    written = tuple(r if o is None else hand_over(o, r, f"np.{fn.__name__} with out=", exact) for o, r in pairs)
    return result if out is None else written if isinstance(result, tuple) else written[0]


def hand_over(out: Any, result: Any, what: str, exact: bool) -> Any:
    """Put a result into `out` and return that."""
    if isinstance(out, Tensor):
        return overwrite(out, result if isinstance(result, Tensor) else wrap(np.asarray(result)), exact)
    require_tensor(out, what, (result,))
    np.copyto(out, raw(result))
    return out


def require_tensor(out: Any, what: str, sources: Any) -> None:
    """Raise TypeError if a gradient would have to flow into a NumPy array."""
    if not isinstance(out, Tensor) and is_recording() and any_live(sources):
        raise TypeError(
            f"{what}: a NumPy array cannot hold what a gradient flows to. Make the buffer with tg.zeros, or pass .data"
        )


def converted(fn: np.ufunc, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Call a ufunc with `dtype=` and `casting=`: its arguments are converted first."""
    dtype, casting = params.pop("dtype", None), params.pop("casting", "same_kind")
    params = {name: value for name, value in params.items() if name not in ("order", "subok")}
    if casting != "same_kind":
        fn(*raw(args), dtype=dtype, casting=casting)  # NumPy says what it cannot cast
    if dtype is not None and learn(fn) and OPS[fn].kind == "rules":
        for a in args:
            if isinstance(a, Tensor | np.ndarray) and not np.can_cast(a.dtype, dtype, casting):
                raise TypeError(
                    f"np.{fn.__name__}: an argument of {a.dtype} cannot be cast to {np.dtype(dtype)} "
                    f"by the rule {casting!r}"
                )
        args = tuple(astype(a, dtype) for a in args)
    elif dtype is not None:
        params["dtype"] = dtype
    return record(fn, args, params)


def masked(fn: np.ufunc, args: tuple[Any, ...], params: dict[str, Any], outs: tuple[Any, ...]) -> Any:
    """Call a ufunc with `where=`: of the chosen elements only, so that no 0 times infinity arises elsewhere."""
    mask, (out, *more) = raw(params.pop("where")), outs
    if more or fn.signature is not None:
        raise TypeError(f"np.{fn.__name__} with where= does not take tensors: write np.where(mask, result, out)")
    if out is None:
        raise TypeError(
            f"np.{fn.__name__}: where= without out= leaves the other elements without a value. "
            "Pass out=tg.zeros(shape), or use np.where"
        )
    if np.asarray(mask).dtype != bool:
        raise TypeError(f"np.{fn.__name__}: where= is a mask of booleans, got {np.asarray(mask).dtype}")
    mask = np.broadcast_to(mask, out.shape)
    chosen = (getitem(np.broadcast_to(a, out.shape), mask) for a in args)
    result = converted(fn, tuple(chosen), params)
    if not np.can_cast(result.dtype, out.dtype, "same_kind"):
        raise TypeError(f"a result of {result.dtype} does not fit a tensor of {out.dtype}: it would lose digits")
    out[mask] = result
    return out


def by_method(fn: np.ufunc, method: str, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Call a method of a ufunc, in terms of calls of the function."""
    if fn not in REDUCERS or method != "reduce" or not (is_recording() and any_live((*args, *params.values()))):
        found = getattr(fn, method)(*raw(args), **raw(params))  # NumPy is asked first: it says what cannot be
        if not (is_recording() and any_live((*args, *params.values()))):
            return found if fn in OPS and OPS[fn].kind == "plain" else wrap(found)
    if method == "outer":
        x, y = args
        x = np.reshape(x, (*np.shape(x), *(1,) * np.ndim(y)))
        return converted(fn, (x, y), params)
    array, *rest = args
    params = {**dict(zip(PARAMETERS[method], rest, strict=False)), **params}
    params = {name: value for name, value in params.items() if value is not None or name == "axis"}
    return METHODS[method](fn, array, **params)


PARAMETERS = {
    "reduce": ("axis", "dtype", "out", "keepdims", "initial", "where"),
    "accumulate": ("axis", "dtype", "out"),
    "reduceat": ("indices", "axis", "dtype", "out"),
}


REDUCERS: dict[np.ufunc, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}


def reduce(fn: np.ufunc, array: Any, axis: Any = 0, keepdims: bool = False, **params: Any) -> Any:
    """Return `fn.reduce`: the function of its own where there is one, else from element to element."""
    if fn in REDUCERS:
        return REDUCERS[fn](array, axis=axis, keepdims=keepdims, **params)
    initial, where = params.pop("initial", None), params.pop("where", True)
    if where is not True:
        raise TypeError(f"np.{fn.__name__}.reduce: where= does not take tensors: choose the elements by index first")
    array = converted_to(array, params)
    axes = range(np.ndim(array)) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    axes = tuple(sorted((int(a) % max(np.ndim(array), 1) for a in axes), reverse=True))
    shape = tuple(1 if a in axes else n for a, n in enumerate(np.shape(array)))
    for a in axes:
        rows = np.moveaxis(array, a, 0)
        total = initial
        for i in range(np.shape(rows)[0]):
            total = rows[i] if total is None else fn(total, rows[i])
        if total is None:
            if fn.identity is None:
                raise ValueError(f"np.{fn.__name__}.reduce of nothing has no value: pass initial=")
            total = fn.identity
        array, initial = total, None
    return np.reshape(array, shape) if keepdims else array


def accumulate(fn: np.ufunc, array: Any, axis: int = 0, **params: Any) -> Any:
    """Return `fn.accumulate`."""
    if fn in (np.add, np.multiply):
        return (np.cumsum if fn is np.add else np.cumprod)(array, axis=axis, **params)
    rows = np.moveaxis(converted_to(array, params), axis, 0)
    totals = [rows[0]] if np.shape(rows)[0] else []
    for i in range(1, np.shape(rows)[0]):
        totals.append(fn(totals[-1], rows[i]))
    return np.stack(totals, axis=axis) if totals else array


def reduceat(fn: np.ufunc, array: Any, indices: Any, axis: int = 0, **params: Any) -> Any:
    """Return `fn.reduceat`: the reduction from each index up to the next; one element, if that is no higher."""
    rows = np.moveaxis(converted_to(array, params), axis, 0)
    starts = [int(i) for i in raw(indices)]
    stops = [*starts[1:], np.shape(rows)[0]]
    parts = [
        reduce(fn, rows[a:b], 0) if a < b or i == len(starts) - 1 else rows[a]
        for i, (a, b) in enumerate(zip(starts, stops, strict=True))
    ]
    return np.stack(parts, axis=axis)


def converted_to(array: Any, params: dict[str, Any]) -> Any:
    """Return an array in the dtype that `params` asks for."""
    dtype = params.pop("dtype", None)
    if params:
        raise TypeError(f"on tensors there is no {', '.join(name + '=' for name in params)} here")
    return array if dtype is None else astype(array, dtype)


METHODS: dict[str, Callable[..., Any]] = {"reduce": reduce, "accumulate": accumulate, "reduceat": reduceat}


def ufunc_at(fn: np.ufunc, t: Any, index: Any, *value: Any) -> None:
    """Do `fn.at`: in rounds, in none of which an element comes twice."""
    if not isinstance(t, Tensor):
        require_tensor(t, f"np.{fn.__name__}.at", value)
        fn.at(t, raw(index), *raw(value))
        return
    writable(t)
    places = positions(t.shape, ((getitem, {"index": raw(index)}),))
    values = [np.reshape(np.broadcast_to(v, places.shape), (-1,)) for v in value]
    flat, order = places.reshape(-1), np.argsort(places, axis=None, kind="stable")
    ranks = np.arange(flat.size) - np.searchsorted(flat[order], flat[order])  # how often the element came before
    for turn in range(int(ranks.max(initial=-1)) + 1):
        chosen = np.sort(order[ranks == turn])
        place = spot(t, flat[chosen])
        t[place] = fn(t[place], *(getitem(v, chosen) for v in values))


def spot(t: Tensor, places: Any) -> Any:
    """Return the index of places that are counted along the flat tensor."""
    return np.unravel_index(places, t.shape) if t.ndim else None


def put_flat(t: Tensor, places: Any, values: Any) -> None:
    """Write values, over again if there are too few, where `places` says, counted along the flat tensor."""
    places, values = places.reshape(-1), np.reshape(values, (-1,))
    if not places.size:
        return
    if not np.size(values):
        raise ValueError("there are no values to write")
    values = getitem(values, np.arange(places.size) % np.size(values))
    if t.ndim:
        t[np.unravel_index(places, t.shape)] = values
    else:
        t[()] = getitem(values, -1)


Recorder.written = staticmethod(written)


@register_write(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Do np.copyto."""
    require_tensor(dst, "np.copyto", (src,))
    if not isinstance(dst, Tensor):
        np.copyto(dst, raw(src), casting, raw(where))
        return
    if isinstance(src, int | float | complex):
        np.copyto(np.empty((), dst.dtype), src, casting)  # NumPy says what of Python's numbers it does not take
    elif not np.can_cast(np.asarray(raw(src)).dtype, dst.dtype, casting):
        raise TypeError(
            f"np.copyto: {np.asarray(raw(src)).dtype} cannot be cast to {dst.dtype} by the rule {casting!r}"
        )
    if where is True:
        dst[...] = src
    else:
        mask = np.broadcast_to(raw(where), dst.shape)
        dst[mask] = getitem(np.broadcast_to(src, dst.shape), mask)


@register_write(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Do np.put: values by place in the flat array, repeated if there are too few."""
    require_tensor(a, "np.put", (v,))
    if not isinstance(a, Tensor):
        np.put(a, raw(ind), raw(v), mode)  # type: ignore[arg-type]  # mode is one of NumPy's words
        return
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"np.put: mode is 'raise', 'wrap' or 'clip', got {mode!r}")
    ind = np.asarray(raw(ind)).reshape(-1)
    ind = ind % a.size if mode == "wrap" else ind.clip(0, a.size - 1) if mode == "clip" else ind
    if ind.size and (ind.min() < -a.size or ind.max() >= a.size):
        raise IndexError(f"np.put: place {int(ind[(ind < -a.size) | (ind >= a.size)][0])} is out of range for {a.size}")
    if np.size(v):  # of nothing, nothing is put
        put_flat(a, ind % max(a.size, 1), v)


@register_write(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Do np.place: the first values where the mask is true, repeated if there are too few."""
    require_tensor(arr, "np.place", (vals,))
    if not isinstance(arr, Tensor):
        np.place(arr, raw(mask), raw(vals))
        return
    places = np.flatnonzero(np.asarray(raw(mask), bool).reshape(arr.shape))
    if places.size and not np.size(vals):
        raise ValueError("np.place: cannot insert from an empty array")
    put_flat(arr, places, vals)


@register_write(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Do np.putmask: the value of the same place, counted along the flat array and repeated."""
    require_tensor(a, "np.putmask", (values,))
    if not isinstance(a, Tensor):
        np.putmask(a, raw(mask), raw(values))
        return
    places, values = np.flatnonzero(np.asarray(raw(mask), bool).reshape(a.shape)), np.reshape(values, (-1,))
    if np.size(values):
        put_flat(a, places, getitem(values, places % np.size(values)))


@register_write(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    """Do np.put_along_axis."""
    require_tensor(arr, "np.put_along_axis", (values,))
    if not isinstance(arr, Tensor):
        np.put_along_axis(arr, raw(indices), raw(values), axis)
        return
    indices = np.asarray(raw(indices))
    if axis is None:
        if indices.ndim != 1:
            raise ValueError(f"np.put_along_axis without an axis: indices have one axis, got {indices.ndim}")
        arr[spot(arr, np.arange(arr.size)[indices])] = values
        return
    if indices.ndim != arr.ndim:
        raise ValueError(f"np.put_along_axis: indices of {indices.ndim} axes do not fit an array of {arr.ndim}")
    grid: list[Any] = list(np.indices(arr.shape, sparse=True))
    grid[axis] = indices
    arr[tuple(grid)] = values


@register_write(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Do np.fill_diagonal."""
    require_tensor(a, "np.fill_diagonal", (val,))
    if not isinstance(a, Tensor):
        np.fill_diagonal(a, raw(val), wrap)
        return
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    put_flat(a, np.flatnonzero(marks), val)


def sort(self: Tensor, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    """Sort in place, as ndarray.sort."""
    if order is not None:
        raise TypeError("sort: order= names the fields of records, which tensors have not")
    permute(self, np.argsort(self._data, axis=axis, kind=kind, stable=stable), axis)


def partition(self: Tensor, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None) -> None:
    """Partition in place, as ndarray.partition."""
    if order is not None:
        raise TypeError("partition: order= names the fields of records, which tensors have not")
    permute(self, np.argpartition(self._data, kth, axis=axis, kind=kind), axis)


def permute(t: Tensor, places: Any, axis: int) -> None:
    """Put the elements along an axis into another order, in place."""
    grid: list[Any] = list(np.indices(places.shape, sparse=True))
    grid[axis] = places
    overwrite(t, t[tuple(grid)])


def fill(self: Tensor, value: Any) -> None:
    """Set all elements, as ndarray.fill."""
    if np.size(raw(value)) != 1:
        raise ValueError(f"fill takes one number, got an array of shape {np.shape(raw(value))}")
    assign(self, ..., np.reshape(value, ()))


class Flat:
    """The elements of a tensor in a row, as ndarray.flat: to read, to write, and to go through once."""

    def __init__(self, base: Tensor) -> None:
        self.base, self.index = base, 0

    def __len__(self) -> int:
        return int(self.base.size)

    def __iter__(self) -> "Flat":
        return self

    def __next__(self) -> Any:
        if self.index >= len(self):
            raise StopIteration
        self.index += 1
        return self[self.index - 1]

    @trims
    def __getitem__(self, index: Any) -> Any:
        return getitem(np.reshape(self.base, (-1,)), np.arange(len(self))[raw(index)])

    @trims
    def __setitem__(self, index: Any, value: Any) -> None:
        writable(self.base)
        put_flat(self.base, np.arange(len(self))[raw(index)], value)

    def copy(self) -> Any:
        """Return the elements as a tensor with one axis."""
        return self.base.flatten()


def flat(self: Tensor) -> Flat:
    """Return the elements in a row: for t.flat[3], t.flat[:2] = v, and `for element in t.flat`."""
    return Flat(self)


def set_flat(self: Tensor, value: Any) -> None:
    """Write all elements, over again if there are too few."""
    Flat(self)[:] = value


def set_real(self: Tensor, value: Any) -> None:
    """Write the real part."""
    assign(self.real, ..., value)


def set_imag(self: Tensor, value: Any) -> None:
    """Write the imaginary part."""
    if self.dtype.kind != "c":
        raise TypeError(f"a tensor of {self.dtype} has no imaginary part to set")
    assign(self.imag, ..., value)


WRITERS: dict[str, Callable[..., Any]] = {"sort": sort, "partition": partition, "fill": fill, "put": put}
for name, method in WRITERS.items():
    setattr(Tensor, name, trims(method))
for name, part, write in (
    ("flat", flat, set_flat),
    ("real", Tensor.real.fget, set_real),
    ("imag", Tensor.imag.fget, set_imag),
):
    setattr(Tensor, name, property(part, trims(write), doc=part.__doc__))
