"""np.pad in every mode: one axis after the other gets something on both sides, made of what is there by then.

mode='empty' pads with zeros, as what it pads with is undefined; a function as mode writes in place, and is refused.
"""

from functools import partial
from typing import Any

import numpy as np

from tensorgrad.backends import astype, dtype_of, getitem, scatter_add
from tensorgrad.op import composite
from tensorgrad.rules.making import nested
from tensorgrad.rules.places import along, known

Pair = tuple[Any, Any]  # of the left and the right side


def pairs(x: Any, axes: int) -> list[Pair]:
    """Return a pair for each axis of what NumPy takes for them: one for all, a pair for all, or all pairs."""
    return [tuple(pair) for pair in np.broadcast_to(x, (axes, 2)).tolist()]


def lengths(name: str, x: Any, axes: int) -> list[Pair]:
    """Return pairs of whole numbers."""
    if isinstance(x, dict):
        given = {axis % axes: width if isinstance(width, tuple) else (width, width) for axis, width in x.items()}
        x = [given.get(axis, (0, 0)) for axis in range(axes)] or 0
    x = known(x)
    if np.asarray(x).dtype.kind not in "iu":
        raise TypeError(f"pad: {name} must be whole numbers, got {x!r:.60}")
    if np.any(np.less(x, 0)):
        raise ValueError(f"pad: {name} cannot be negative, got {x!r:.60}")
    return pairs(x, axes)


# Each mode: what to put on the left and the right of `x` along `axis`, `widths` wide
def constants(x: Any, axis: int, widths: Pair, values: Any) -> Pair:
    """Give each side its value, which may be a tensor."""
    shape = np.shape(x)
    left, right = (
        np.broadcast_to(value_of(values, axis, side, x), (*shape[:axis], width, *shape[axis + 1 :]))
        for side, width in enumerate(widths)
    )
    return left, right


def value_of(values: Any, axis: int, side: int, x: Any) -> Any:
    """Return the value for a side of an axis, in the dtype of `x`."""
    value = getitem(np.broadcast_to(values, (np.ndim(x), 2)), (axis, side))
    return value if dtype_of(value) == dtype_of(x) else astype(value, dtype_of(x))


def wide(part: Any, axis: int, width: int) -> Any:
    """Repeat a part of length 1."""
    shape = np.shape(part)
    return np.broadcast_to(part, (*shape[:axis], width, *shape[axis + 1 :]))


def edges(x: Any, axis: int, widths: Pair) -> Pair:
    """Repeat the element at each side."""
    need_elements(x, axis)
    n = np.shape(x)[axis]
    ends = getitem(x, along(axis, slice(1))), getitem(x, along(axis, slice(n - 1, n)))
    return wide(ends[0], axis, widths[0]), wide(ends[1], axis, widths[1])


def ramps(x: Any, axis: int, widths: Pair, values: Any) -> Pair:
    """Go from each side's value to the edge in even steps."""
    need_elements(x, axis)
    left, right = (
        np.linspace(
            value_of(values, axis, side, x),
            getitem(x, along(axis, -side)),
            width,
            endpoint=False,
            dtype=dtype_of(x),
            axis=axis,
        )
        for side, width in enumerate(widths)
    )
    return left, np.flip(right, axis)


def statistics(x: Any, axis: int, widths: Pair, counts: list[Pair], of: Any) -> Pair:
    """Repeat a statistic of as many elements next to each side as `counts` says; of all, if None."""
    need_elements(x, axis)
    n = np.shape(x)[axis]
    left, right = (n if count is None else min(count, n) for count in counts[axis])
    if not (left and right):
        raise ValueError("pad: a stat_length of 0 gives no value to pad with")
    parts = getitem(x, along(axis, slice(left))), getitem(x, along(axis, slice(n - right, n)))
    sides = (of(part, axis=axis, keepdims=True) for part in parts)
    a, b = (wide(side, axis, width) for side, width in zip(sides, widths, strict=True))
    return a, b


def median(x: Any, axis: int, keepdims: bool) -> Any:
    """Return the mean of the two elements in the middle, which may be one; NaN if there is one."""
    del keepdims
    n = np.shape(x)[axis]
    order = np.argsort(x, axis=axis)
    low, high, last = (
        np.take_along_axis(x, getitem(order, along(axis, slice(i, i + 1))), axis) for i in ((n - 1) // 2, n // 2, n - 1)
    )
    return np.where(np.isnan(last), last, (low + high) / 2)


def mirrors(x: Any, axis: int, widths: Pair, mode: str, odd: bool) -> Pair:
    """Repeat the elements in the order that NumPy puts their places in; if odd, as point reflections.

    Those are sums of the element there, the first and the last, with whole coefficients; which ones, NumPy tells.
    """
    need_elements(x, axis)
    n, left = np.shape(x)[axis], widths[0]
    there = np.pad(np.arange(n), widths, mode=mode)  # type: ignore[call-overload]  # mode is one of the literals
    sides = []
    for part in (slice(left), slice(left + n, None)):
        side = getitem(x, along(axis, there[part]))
        if odd:
            a, b = (coefficients(n, edge, widths, mode)[part] for edge in (0, n - 1))
            b = b if n > 1 else 0 * b
            ends = getitem(x, along(axis, slice(1))), getitem(x, along(axis, slice(n - 1, n)))
            terms = [(1 - a - b, side), (a, ends[0]), (b, ends[1])]
            shape = (-1, *(1,) * (np.ndim(x) - axis - 1))
            used = [astype(c, dtype_of(x)).reshape(shape) * y for c, y in terms if np.any(c)]
            side = sum(used[1:], used[0]) if used else side
        sides.append(side)
    return sides[0], sides[1]


def coefficients(n: int, edge: int, widths: Pair, mode: str) -> Any:
    """Return how often each element of an odd reflection counts the element at `edge`."""
    return np.pad((np.arange(n) == edge) * 1, widths, mode=mode, reflect_type="odd")  # type: ignore[call-overload]  # mode likewise


def need_elements(x: Any, axis: int) -> None:
    """Raise ValueError if there is nothing to make a padding of."""
    if not np.shape(x)[axis]:
        raise ValueError(f"pad: axis {axis} is empty, and can be padded with mode 'constant' or 'empty' only")


STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": median}
KEYWORDS = {  # that each mode takes
    **{"constant": "constant_values", "linear_ramp": "end_values", "reflect": "reflect_type"},
    **{"symmetric": "reflect_type", "edge": "", "wrap": "", "empty": ""},
    **dict.fromkeys(STATISTICS, "stat_length"),
}


@composite(
    np.pad,
    cases=[
        (((3,),), {"pad_width": 2}),
        (((2, 3),), {"pad_width": ((1, 0), (0, 2))}),
        (((2, 3),), {"pad_width": (1, 2), "constant_values": ((1.0, 2.0), (3.0, 4.0))}),
        (((2, 3),), {"pad_width": 1, "constant_values": (1.5,)}),
        (((),), {"pad_width": 1}),
        (((2, 3),), {"pad_width": 2, "mode": "edge"}),
        (((2, 3),), {"pad_width": [[1], [2]], "mode": "edge"}),
        (((2, 3),), {"pad_width": (3, 2), "mode": "linear_ramp", "end_values": (5.0, -1.0)}),
        (((2, 3),), {"pad_width": (0, 2), "mode": "linear_ramp"}),
        (((2, 3),), {"pad_width": 1, "mode": "maximum"}),
        (((2, 3),), {"pad_width": (2, 1), "mode": "minimum", "stat_length": (2, 1)}),
        (((2, 3),), {"pad_width": 2, "mode": "mean", "stat_length": ((1, 2), (3, 9))}),
        (((2, 3),), {"pad_width": ((0, 0), (1, 1)), "mode": "median"}),
        (((5,),), {"pad_width": (1, 2), "mode": "median", "stat_length": (3, 4)}),
        (((3, 4),), {"pad_width": (2, 1), "mode": "reflect"}),
        (((3, 1),), {"pad_width": (3, 8), "mode": "reflect"}),
        (((2, 3),), {"pad_width": 2, "mode": "reflect", "reflect_type": "odd"}),
        (((3,),), {"pad_width": (9, 5), "mode": "reflect", "reflect_type": "odd"}),
        (((2, 3),), {"pad_width": (2, 7), "mode": "symmetric"}),
        (((2, 3),), {"pad_width": (5, 8), "mode": "symmetric", "reflect_type": "odd"}),
        (((1, 2),), {"pad_width": 2, "mode": "symmetric", "reflect_type": "odd"}),
        (((2, 3),), {"pad_width": (1, 7), "mode": "wrap"}),
    ],
)
def pad(
    array: Any,
    pad_width: Any,
    mode: Any = "constant",
    *,
    constant_values: Any = None,
    end_values: Any = None,
    stat_length: Any = None,
    reflect_type: Any = None,
) -> Any:
    """Put something around an array."""
    given = {"constant_values": constant_values, "end_values": end_values}
    given |= {"stat_length": stat_length, "reflect_type": reflect_type}
    refuse_unknown(mode, {name for name, value in given.items() if value is not None})
    widths, shape = lengths("pad_width", pad_width, np.ndim(array)), np.shape(array)
    value = nested(given.get(KEYWORDS[mode]))
    if mode == "empty" or (mode == "constant" and (value is None or (type(value) is int and value == 0))):
        inner = tuple(slice(left, left + n) for (left, _), n in zip(widths, shape, strict=True))
        return scatter_add(array, inner, tuple(sum(pair) + n for pair, n in zip(widths, shape, strict=True)))
    sides: Any = edges
    if mode in ("constant", "linear_ramp"):
        sides = partial(constants if mode == "constant" else ramps, values=0 if value is None else value)
    elif mode in STATISTICS:
        counts = [(None, None)] * len(shape) if value is None else lengths("stat_length", value, len(shape))
        sides = partial(statistics, counts=counts, of=STATISTICS[mode])
    elif mode != "edge":
        sides = partial(mirrors, mode=mode, odd=value == "odd")
    out = array
    for axis, pair in enumerate(widths):
        if any(pair):
            left, right = sides(out, axis, pair)
            joined = [part for part, width in ((left, pair[0]), (out, 1), (right, pair[1])) if width]
            out = np.concatenate(joined, axis=axis)
    return np.copy(array) if out is array else out


def refuse_unknown(mode: Any, given: set[str]) -> None:
    """Raise if there is no such mode, or if it takes no such keywords."""
    if callable(mode):
        raise TypeError(
            "pad with a function as mode has no derivative, because the function writes in place: "
            "name a mode, or join what you compute with np.concatenate"
        )
    if mode not in KEYWORDS:
        raise ValueError(f"pad: there is no mode {mode!r}; it is one of {', '.join(sorted(KEYWORDS))}")
    if unknown := given - {KEYWORDS[mode]}:
        raise ValueError(f"pad: mode {mode!r} takes no {', '.join(sorted(unknown))}")
