"""Lines of random programs that look at arrays through views, and write into them in all of NumPy's ways.

All are polynomial in the elements, but for sort, so that gradients by a complex step are exact.
"""

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tensorgrad.testing.calls import Array, Shape

Values = dict[str, Array]

KINDS = ("nothing", *["view"] * 3, *["assign"] * 4, *["augment", "augment part"] * 2, *["other"] * 5, "new")
UFUNCS = {"+": "np.add", "-": "np.subtract", "*": "np.multiply"}
NUMBERS = ("0.5", "-0.25")
BUFFERS = ((2, 3), (3, 2), (4,), (2, 2, 2), (1, 4), (3, 3), ())


def draw_line(draw: DrawFn, values: Values, new: str, arguments: tuple[str, ...]) -> str:
    """Draw a line, of which NumPy may find that it cannot be done; `pass` is the simplest.

    values: the arrays by name.   new: the name of the array that the line may make.   arguments: the names of arrays
    that must not be written into.
    """
    kind = draw(st.sampled_from(KINDS))
    if kind == "nothing":
        return "pass"
    targets = [name for name, x in values.items() if name not in arguments and x.flags.writeable]
    operator = draw(st.sampled_from(tuple(UFUNCS)))
    if kind == "new" or not targets:
        if draw(st.booleans()):
            order = draw(st.sampled_from("CF"))
            return f"{new} = np.zeros_like(x, shape={draw(st.sampled_from(BUFFERS))}, order={order!r})"
        name = draw(st.sampled_from(tuple(values)))
        return f"{new} = {name} {operator} {draw_value(draw, values, values[name].shape)}"
    name = draw(st.sampled_from(targets))
    x = values[name]
    if kind == "view":
        index = written(draw(hnp.basic_indices(x.shape, allow_newaxis=True)))
        return f"{new} = " + draw(st.sampled_from([*looks(x), f"{{}}[{index}]"])).format(name)
    if kind == "augment":
        return f"{name} {operator}= {draw_value(draw, values, x.shape)}"
    if kind == "other":
        return draw_call(draw, values, name, operator)
    index, shape = draw_index(draw, x)
    if kind == "assign":
        return f"{name}[{index}] = {draw_value(draw, values, shape, draw(st.sampled_from([0, 0, 1])))}"
    return f"{name}[{index}] {operator}= {draw_value(draw, values, shape)}"


def looks(x: Array) -> list[str]:
    """Return ways to look at an array, most of them views."""
    found = ["{}.T", "{}.ravel()", "np.expand_dims({}, 0)", "np.squeeze({})"]
    found += ["{}.reshape(-1)", "np.reshape({}, (-1,), order='F')", "{}[..., None]"]
    found += ["{}[::-1]", "{}[1:]", "np.split({}, [1])[0]"] if x.ndim else []
    if x.ndim > 1:
        found += ["{}.swapaxes(0, -1)", "np.moveaxis({}, -1, 0)", f"{{}}.reshape({x.shape[::-1]})"]
        found += ["{}[:, ::-1]", "{}[:, 0]", "{}[0]", "{}.T[1:]"]
    return found


def draw_call(draw: DrawFn, values: Values, name: str, operator: str) -> str:
    """Draw a call of a function or method that writes into the array, or drops it."""
    x, ufunc = values[name], UFUNCS[operator]
    kinds = ["fill", "copyto", "into", "sums", "at", "putmask", "place", "del"]
    kinds += ["put", "flat"] if x.size else []
    kinds += ["sort", "accumulate", "every second"] if x.ndim else []
    kinds += ["put along"] if x.ndim and x.size else []
    kinds += ["diagonal"] if x.ndim == 2 else []
    kind = draw(st.sampled_from(kinds))
    axis = draw(st.integers(-x.ndim, x.ndim - 1)) if kind in ("sort", "accumulate", "put along") else 0
    some = st.integers(0, max(x.size - 1, 0))
    match kind:
        case "fill":
            return f"{name}.fill(0.25)"
        case "copyto":
            return f"np.copyto({name}, {draw_value(draw, values, x.shape)}{draw_where(draw, x)})"
        case "into":
            p, q = (draw_value(draw, values, x.shape, numbers=numbers) for numbers in ((), NUMBERS))
            return f"{ufunc}({p}, {q}, out={name}{draw_where(draw, x)})"
        case "sums":
            return f"{name}[...] = np.sum({draw(st.sampled_from(tuple(values)))})"
        case "at":
            index, shape = draw_index(draw, x)
            return f"{ufunc}.at({name}, np.s_[{index}], np.copy({draw_value(draw, values, shape)}))"
        case "putmask" | "place":
            n = 3 if kind == "putmask" else 2
            return f"np.{kind}({name}, {draw_mask(draw, x)}, np.copy({draw_value(draw, values, (n,))}))"
        case "del":
            return f"del {name}"  # an array that nobody holds any more may be written in place
        case "put":
            return f"np.put({name}, {[draw(some), draw(some)]}, {draw_value(draw, values, (2,))})"
        case "flat":
            return f"{name}.flat[{[draw(some), draw(some)]}] = np.copy({draw_value(draw, values, (2,))})"
        case "every second":
            return f"{name}.flat[1::2] = np.copy({draw_value(draw, values, (2,))})"
        case "sort":
            return f"{name}.sort(axis={axis})"
        case "accumulate":
            return f"np.add.accumulate({name}, axis={axis}, out={name})"
        case "put along":
            places = draw(hnp.arrays(int, (1,) * x.ndim, elements=st.integers(0, x.shape[axis] - 1)))
            return f"np.put_along_axis({name}, {literal(places)}, {draw_value(draw, values, ())}, {axis})"
        case _:
            return f"np.fill_diagonal({name}, np.copy({draw_value(draw, values, (2,))}))"


def draw_value(draw: DrawFn, values: Values, shape: Shape, leading: int = 0, numbers: tuple[str, ...] = NUMBERS) -> str:
    """Draw a number, or an array of a shape with `leading` more axes: another's elements, or its memory if it fits."""
    source = draw(st.sampled_from([*numbers, *values, *values]))
    if source not in values or (values[source].shape == shape and not leading):
        return source
    return f"np.resize({source}, {(1,) * leading + shape})"


def draw_where(draw: DrawFn, x: Array) -> str:
    """Draw the parameter that says where to write: at a mask, or, if it is missing, everywhere."""
    return f", where={draw_mask(draw, x)}" if draw(st.booleans()) else ""


def draw_mask(draw: DrawFn, x: Array) -> str:
    """Draw a mask of an array."""
    return literal(draw(hnp.arrays(bool, x.shape)))


def draw_index(draw: DrawFn, x: Array) -> tuple[str, Shape]:
    """Draw an index into an array, of any kind, and the shape of what it reads."""
    kinds: list[Any] = [hnp.basic_indices(x.shape, allow_newaxis=False)] * 2
    if x.ndim and x.size:
        kinds += [hnp.integer_array_indices(x.shape), hnp.arrays(bool, x.shape)]
    index = draw(st.one_of(kinds))
    return written(index), np.shape(x[index])


def written(index: Any) -> str:
    """Return an index as it is written between brackets.

    >>> written((slice(None, None, -1), 0, None, ...)), written(np.array([True, False]))
    ('::-1, 0, None, ...', 'np.array([True, False])')
    """
    if isinstance(index, tuple):
        return ", ".join(map(written, index)) + "," * (len(index) == 1) if index else "()"
    if isinstance(index, slice):
        start, stop, step = ("" if part is None else str(part) for part in (index.start, index.stop, index.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return literal(index) if isinstance(index, np.ndarray) else "..." if index is ... else repr(index)


def literal(a: Array) -> str:
    """Return an array of integers or booleans as source."""
    return f"np.array({a.tolist()})" if a.size else f"np.zeros({a.shape}, {'bool' if a.dtype == bool else 'int'})"
