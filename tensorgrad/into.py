"""NumPy's ways to write into an array, each in terms of assignment: `out=`, `ufunc.at`, `copyto`, `put`, `sort`, ..."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.backends import Recorder, astype, getitem
from tensorgrad.graph import Tensor, any_live, raw, record, wrap
from tensorgrad.node import is_recording
from tensorgrad.op import OPS, register_write
from tensorgrad.rules.write import positions
from tensorgrad.writes import assign, overwrite, writable


def written(fn: Any, method: str, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Call a function with `out=`, or a ufunc with `where=`, `dtype=`, `casting=`, or one of its methods."""
    if method == "at":
        return ufunc_at(fn, *args)
    out = params.pop("out", None)
    if isinstance(out, tuple):
        out = out[0] if len(out) == 1 else out
    if isinstance(out, tuple):
        raise TypeError(f"np.{fn.__name__} with several out= does not take tensors: assign its results")
    if method != "__call__":
        result = by_method(fn, method, args, params)
    elif params.get("where", True) is not True and isinstance(fn, np.ufunc):
        return masked(fn, args, params, out)
    else:
        params.pop("where", True) if isinstance(fn, np.ufunc) else None
        result = converted(fn, args, params) if isinstance(fn, np.ufunc) else fn(*args, **params)
    return result if out is None else hand_over(out, result, f"np.{fn.__name__} with out=", args)


def hand_over(out: Any, result: Any, what: str, args: Any) -> Any:
    """Put a result into `out` and return that."""
    if isinstance(out, Tensor):
        return overwrite(out, result if isinstance(result, Tensor) else wrap(np.asarray(result)))
    require_tensor(out, what, args)
    out[...] = raw(result)
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
    if dtype is not None and OPS.get(fn) is not None and OPS[fn].kind == "rules":
        for a in args:
            if isinstance(a, Tensor | np.ndarray) and not np.can_cast(a.dtype, dtype, casting):
                raise TypeError(
                    f"np.{fn.__name__}: an argument of {a.dtype} cannot be cast to {np.dtype(dtype)} by the rule {casting!r}"
                )
        args = tuple(astype(a, dtype) if isinstance(a, Tensor | np.ndarray) else np.dtype(dtype).type(a) for a in args)
    elif dtype is not None:
        params["dtype"] = dtype
    return record(fn, args, params)


def masked(fn: np.ufunc, args: tuple[Any, ...], params: dict[str, Any], out: Any) -> Any:
    """Call a ufunc with `where=`: only the chosen elements are computed, so that no 0 times infinity arises elsewhere."""
    mask = raw(params.pop("where"))
    if out is None:
        raise TypeError(
            f"np.{fn.__name__}: where= without out= leaves the other elements without a value. "
            "Pass out=tg.zeros(shape), or use np.where"
        )
    if not isinstance(out, Tensor):
        require_tensor(out, f"np.{fn.__name__} with out=", args)
        return fn(*raw(args), out=out, where=mask, **raw(params))
    mask = np.broadcast_to(mask, out.shape)
    chosen = (getitem(np.broadcast_to(a, out.shape), mask) for a in args)
    out[mask] = converted(fn, tuple(chosen), params)
    return out


def by_method(fn: np.ufunc, method: str, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Call a method of a ufunc, in terms of calls of the function."""
    if not (is_recording() and any_live((*args, *params.values()))):
        return wrap_arrays(getattr(fn, method)(*raw(args), **raw(params)))
    if method == "outer":
        x, y = args
        x = np.reshape(x, (*np.shape(x), *(1,) * np.ndim(y)))
        return converted(fn, (x, y), params)
    names = {"reduce": ("axis", "dtype", "out", "keepdims", "initial", "where"), "accumulate": ("axis", "dtype", "out")}
    names["reduceat"] = ("indices", "axis", "dtype", "out")
    array, *rest = args
    params = {**dict(zip(names[method], rest, strict=False)), **params}
    params = {name: value for name, value in params.items() if value is not None or name == "axis"}
    return METHODS[method](fn, array, **params)


def wrap_arrays(x: Any) -> Any:
    """Return arrays as tensors."""
    return wrap(x) if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fc" else x


REDUCERS = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}


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
    if fn in (np.add, np.multiply) and OPS.get(np.cumsum) and OPS.get(np.cumprod):
        return (np.cumsum if fn is np.add else np.cumprod)(array, axis=axis, **params)
    rows = np.moveaxis(converted_to(array, params), axis, 0)
    totals = [rows[0]] if np.shape(rows)[0] else []
    for i in range(1, np.shape(rows)[0]):
        totals.append(fn(totals[-1], rows[i]))
    return np.stack(totals, axis=axis) if totals else array


def reduceat(fn: np.ufunc, array: Any, indices: Any, axis: int = 0, **params: Any) -> Any:
    """Return `fn.reduceat`: the reduction of each slice from an index up to the next, of one element if that is lower."""
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
    index = raw(index)
    places = positions(t.shape, ((getitem, {"index": index}),))
    values = [np.reshape(np.broadcast_to(v, places.shape), (-1,)) for v in value]
    flat, order = places.reshape(-1), np.argsort(places, axis=None, kind="stable")
    ranks = np.arange(flat.size) - np.searchsorted(flat[order], flat[order])  # how often the element came before
    for turn in range(int(ranks.max(initial=-1)) + 1):
        chosen = np.sort(order[ranks == turn])
        place = np.unravel_index(flat[chosen], t.shape)
        t[place] = fn(t[place], *(v[chosen] for v in values))


Recorder.written = staticmethod(written)


@register_write(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Do np.copyto."""
    require_tensor(dst, "np.copyto", (src,))
    if not isinstance(dst, Tensor):
        np.copyto(dst, raw(src), casting, raw(where))
        return
    if not isinstance(src, int | float | complex) and not np.can_cast(np.asarray(raw(src)).dtype, dst.dtype, casting):
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
        np.put(a, raw(ind), raw(v), mode)  # type: ignore[arg-type]
        return
    ind = np.asarray(raw(ind)).reshape(-1)
    ind = ind % a.size if mode == "wrap" else ind.clip(0, a.size - 1) if mode == "clip" else ind
    if ind.size and (ind.min() < -a.size or ind.max() >= a.size):
        raise IndexError(f"np.put: place {int(ind[(ind < -a.size) | (ind >= a.size)][0])} is out of range for {a.size}")
    v = np.reshape(v, (-1,))
    a[np.unravel_index(ind % max(a.size, 1), a.shape)] = getitem(v, np.arange(ind.size) % max(np.size(v), 1))


@register_write(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Do np.place: the first values where the mask is true, repeated if there are too few."""
    require_tensor(arr, "np.place", (vals,))
    if not isinstance(arr, Tensor):
        np.place(arr, raw(mask), raw(vals))
        return
    mask, vals = np.asarray(raw(mask), bool).reshape(arr.shape), np.reshape(vals, (-1,))
    n = int(mask.sum())
    if n and not np.size(vals):
        raise ValueError("np.place: cannot insert from an empty array")
    arr[mask] = getitem(vals, np.arange(n) % max(np.size(vals), 1))


@register_write(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Do np.putmask: the value of the same place, counted along the flat array and repeated."""
    require_tensor(a, "np.putmask", (values,))
    if not isinstance(a, Tensor):
        np.putmask(a, raw(mask), raw(values))
        return
    mask, values = np.asarray(raw(mask), bool).reshape(a.shape), np.reshape(values, (-1,))
    if np.size(values):
        a[mask] = getitem(values, np.flatnonzero(mask) % np.size(values))


@register_write(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    """Do np.put_along_axis."""
    require_tensor(arr, "np.put_along_axis", (values,))
    if not isinstance(arr, Tensor):
        np.put_along_axis(arr, raw(indices), raw(values), axis)  # type: ignore[arg-type]
        return
    indices = np.asarray(raw(indices))
    if axis is None:
        put(arr, indices, values)
        return
    grid: list[Any] = list(np.indices(indices.shape, sparse=True))
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
    taken = np.flatnonzero(marks)
    a[np.unravel_index(taken, a.shape)] = getitem(np.reshape(val, (-1,)), np.arange(taken.size) % max(np.size(val), 1))


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
    assign(self, ..., value)


for name, method in {"sort": sort, "partition": partition, "fill": fill, "put": put}.items():
    setattr(Tensor, name, method)
