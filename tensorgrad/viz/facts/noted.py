"""An array type that has an expression in place of elements: a rule that runs on it is written down by that."""

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tensorgrad.backends import astype, getitem, scatter_add
from tensorgrad.rules.write import write
from tensorgrad.shapes import stretched
from tensorgrad.viz.facts.notation import call, simple, spelled, upright
from tensorgrad.viz.words import params_note, path_note, short_value

Shape = tuple[int, ...]
PARTS = 240  # of an expression: what has more does not fit on a line
FREE = 100_000  # elements: of so many, a function runs on zeros to tell the shape of its result


class Noted(NDArrayOperatorsMixin):
    """An array that has an expression in place of elements; its shape, as far as it is known."""

    def __init__(
        self, node: ast.expr, shape: Shape | None, added: tuple[str, ast.expr] | None = None, wiped: str = ""
    ) -> None:
        self.node, self.form = node, shape
        self.added = added  # "[index]" and what is there, if all else is zeros
        self.wiped = wiped  # "[index]" of what is then set to 0
        if not few(node):
            raise TypeError("the expression is too long to be read")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **params: Any) -> Any:
        if method == "reduce" and ufunc is np.add:
            return self.__array_function__(np.sum, (), args, params)
        if method != "__call__" or params.get("out") is not None:
            raise TypeError(f"{ufunc.__name__}.{method} is not written down")
        if ufunc is np.matmul:
            return Noted(simple(ast.BinOp(expression(args[0]), ast.MatMult(), expression(args[1]))), product(*args))
        shape = None if ufunc.signature else broadcast(args)
        nodes = [expression(arg) for arg in args]
        if ufunc in SIGNS and len(nodes) == 2:
            return Noted(simple(ast.BinOp(nodes[0], SIGNS[ufunc], nodes[1])), shape)
        if ufunc in COMPARISONS:
            return Noted(ast.Compare(nodes[0], [COMPARISONS[ufunc]], [nodes[1]]), shape)
        if ufunc is np.negative:
            return Noted(ast.UnaryOp(ast.USub(), nodes[0]), shape)
        if ufunc is np.square:
            return Noted(ast.BinOp(nodes[0], ast.Pow(), ast.Constant(2)), shape)
        return Noted(call(ufunc, nodes), shape)

    def __array_function__(self, fn: Callable[..., Any], _types: Any, args: Any, params: Any) -> Any:
        if fn in ASKED:
            return ASKED[fn](*args, **params)
        if fn in WRITTEN:
            return WRITTEN[fn](*args, **params)
        words = [ast.keyword(name, expression(v)) for name, v in params.items() if v is not None and v is not False]
        while args and args[-1] is None:
            args = args[:-1]
        return Noted(call(fn, [expression(arg) for arg in args], words), result_shape(fn, args, params))


def few(node: ast.expr) -> bool:
    """Whether an expression has few parts, also of those that it has several times."""
    waiting: list[ast.AST] = [node]
    for _ in range(PARTS):
        if not waiting:
            return True
        waiting += ast.iter_child_nodes(waiting.pop())
    return False


def asked_shape(x: Any) -> Shape:
    """Return the shape of an array; raises if it is not known."""
    if isinstance(x, Noted):
        if x.form is None:
            raise TypeError("the shape is not known")
        return x.form
    return np.shape(x)


def ask_size(x: Any, axis: Any = None) -> int:
    """Return np.size."""
    return math.prod(asked_shape(x)) if axis is None else asked_shape(x)[axis]


ASKED: dict[Any, Callable[..., Any]] = {  # what a rule wants to know, as of real numbers
    np.shape: asked_shape,
    np.ndim: lambda x: len(asked_shape(x)),
    np.size: ask_size,
    np.iscomplexobj: lambda _x: False,
    np.isrealobj: lambda _x: True,
    np.result_type: lambda *_x: np.dtype(float),
}


def same(x: Any, *_: Any, **__: Any) -> Any:
    """Return x: a change of dtype is no matter of formulas."""
    return x


def placed(g: Any, index: Any, shape: Shape) -> Noted:
    """Return zeros with `g` added at an index."""
    if isinstance(index, tuple) and not index:
        return Noted(expression(g), shape)
    node = ast.Call(ast.Name("scatter"), [expression(g), expression(index)], [])
    return Noted(node, shape, added=(params_note({"index": index}), expression(g)))


def wiped(x: Any, value: Any, path: Any, live: Any = None) -> Noted:
    """Return what `write` makes; of zeros, as in its rule."""
    if value != 0 or live is not None:
        raise TypeError("a write of something else than 0")
    return Noted(expression(x), asked_shape(x), wiped=path_note(path))


def taken(x: Any, index: Any) -> Noted:
    """Return x at an index."""
    text = params_note({"index": index})[1:-1]
    if not text:  # an index of nothing
        return Noted(expression(x), asked_shape(x))
    return Noted(ast.Subscript(expression(x), ast.Name(text)), result_shape(getitem, (x, index), {}))


def widened(x: Any, axis: Any) -> Noted:
    """Return np.expand_dims."""
    shape = asked_shape(x)
    axes = axis if isinstance(axis, tuple) else (axis,)
    new = {a % (len(shape) + len(axes)) for a in axes}
    old = iter(shape)
    form = tuple(1 if i in new else next(old) for i in range(len(shape) + len(axes)))
    index: list[ast.expr] = [ast.Constant(None) if i in new else ast.Slice() for i in range(len(form))]
    while len(index) > 1 and isinstance(index[-1], ast.Slice):
        index.pop()
    if not shape:
        return Noted(expression(x), form)  # a number
    return Noted(ast.Subscript(expression(x), ast.Tuple(index) if len(index) > 1 else index[0]), form)


def narrowed(x: Any, axis: Any = None) -> Noted:
    """Return np.squeeze; of a product with what was a row, or a column, the product with the vector."""
    shape = asked_shape(x)
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {a % len(shape) for a in axes} if axis is not None else {i for i in axes if shape[i] == 1}
    form = tuple(n for i, n in enumerate(shape) if i not in gone)
    node = expression(x)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        if axis == -2 and (row := vector(node.left, "None")):
            return Noted(ast.BinOp(row, ast.MatMult(), node.right), form)
        if axis == -1 and (column := vector(node.right, "(:, None)")):
            return Noted(ast.BinOp(node.left, ast.MatMult(), column), form)
    return Noted(ast.Call(ast.Name("squeeze"), [node, *([] if axis is None else [expression(axis)])], []), form)


def vector(node: ast.expr, index: str) -> ast.expr | None:
    """Return the vector of which an expression is the row, or the column."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.slice).strip("()") == index.strip("()"):
        return node.value
    return None


def shaped(x: Any, shape: Any, order: str = "C") -> Noted:
    """Return np.reshape."""
    have = asked_shape(x)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if -1 in shape:
        rest = math.prod(n for n in shape if n != -1)
        shape = tuple(math.prod(have) // max(rest, 1) if n == -1 else n for n in shape)
    if shape == have:
        return Noted(expression(x), shape)
    words: list[ast.expr] = [ast.Constant(n) for n in shape] or [ast.Tuple([])]
    by = [] if order == "C" else [ast.keyword("order", ast.Constant(order))]
    return Noted(ast.Call(ast.Attribute(expression(x), "reshape"), words, by), shape)


def stretch(x: Any, shape: Any) -> Noted:
    """Return np.broadcast_to."""
    shape = tuple(shape)
    return Noted(
        expression(x) if asked_shape(x) == shape else ast.Call(ast.Name("broadcast"), [expression(x)], []), shape
    )


def turned(x: Any, axes: Any = None) -> Noted:
    """Return np.transpose."""
    shape = asked_shape(x)
    axes = tuple(range(len(shape)))[::-1] if axes is None else tuple(a % len(shape) for a in axes)
    form = tuple(shape[a] for a in axes)
    if axes == tuple(range(len(shape))):
        return Noted(expression(x), form)
    if axes == (1, 0):
        return Noted(upright(expression(x)), form)
    return Noted(ast.Call(ast.Name("transpose"), [expression(x), expression(axes)], []), form)


def swapped(x: Any, axis1: int, axis2: int) -> Noted:
    """Return np.swapaxes."""
    shape = list(asked_shape(x))
    a, b = axis1 % len(shape), axis2 % len(shape)
    shape[a], shape[b] = shape[b], shape[a]
    if {a, b} == {len(shape) - 1, len(shape) - 2}:
        return Noted(upright(expression(x)), tuple(shape))
    return Noted(
        ast.Call(ast.Name("swapaxes"), [expression(x), ast.Constant(axis1), ast.Constant(axis2)], []), tuple(shape)
    )


def totalled(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **_: Any) -> Noted:  # noqa: ARG001  # NumPy's parameters
    """Return np.sum."""
    shape = asked_shape(x)
    axes = (
        range(len(shape)) if axis is None else [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
    )
    form = tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims is True or i not in axes)
    more = [] if axis is None else [expression(axis)]
    total = Noted(
        ast.Call(ast.Name("sum"), [expression(x), *more], []), tuple(n for i, n in enumerate(shape) if i not in axes)
    )
    return widened(total, tuple(axes)) if keepdims is True and axis is not None else Noted(total.node, form)


def chosen(c: Any, x: Any, y: Any) -> Noted:
    """Return np.where."""
    if not np.ndim(c) and not isinstance(c, Noted):
        return Noted(expression(x if c else y), broadcast((x, y)))
    return Noted(ast.Call(ast.Name("where"), [expression(a) for a in (c, x, y)], []), broadcast((c, x, y)))


def zeros(_x: Any, dtype: Any = None, shape: Any = None, **_: Any) -> Any:  # noqa: ARG001  # NumPy's parameters
    """Return np.zeros_like."""
    form = asked_shape(_x) if shape is None else shape
    return Noted(ast.Constant(0), form)


WRITTEN: dict[Any, Callable[..., Any]] = {
    astype: same,
    np.copy: same,
    np.real: same,
    scatter_add: placed,
    getitem: taken,
    write: wiped,
    np.expand_dims: widened,
    np.squeeze: narrowed,
    np.reshape: shaped,
    np.broadcast_to: stretch,
    np.transpose: turned,
    np.swapaxes: swapped,
    np.sum: totalled,
    np.where: chosen,
    np.zeros_like: zeros,
}
SIGNS: dict[Any, ast.operator] = {
    np.add: ast.Add(),
    np.subtract: ast.Sub(),
    np.multiply: ast.Mult(),
    np.divide: ast.Div(),
    np.power: ast.Pow(),
    np.remainder: ast.Mod(),
    np.bitwise_and: ast.BitAnd(),
    np.logical_and: ast.BitAnd(),
    np.bitwise_or: ast.BitOr(),
    np.logical_or: ast.BitOr(),
}
COMPARISONS: dict[Any, ast.cmpop] = {
    np.greater: ast.Gt(),
    np.greater_equal: ast.GtE(),
    np.less: ast.Lt(),
    np.less_equal: ast.LtE(),
    np.equal: ast.Eq(),
    np.not_equal: ast.NotEq(),
}


def expression(x: Any) -> ast.expr:
    """Return what stands for a value in a formula."""
    if isinstance(x, Noted):
        return x.node
    if isinstance(x, np.ndarray) and not x.ndim:
        x = x.item()
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, complex) and not x.real:
        unit = ast.Name("1j")
        if abs(x.imag) == 1:
            return unit if x.imag > 0 else ast.UnaryOp(ast.USub(), unit)
        return ast.BinOp(expression(x.imag), ast.Mult(), unit)
    if isinstance(x, bool | complex) or x is None or (isinstance(x, str) and len(x) <= 32):
        return ast.Constant(x)
    if isinstance(x, int | float):
        number = ast.parse(spelled(abs(x)), mode="eval").body
        return ast.UnaryOp(ast.USub(), number) if x < 0 else number
    if isinstance(x, range) or (isinstance(x, np.ndarray) and x.ndim == 1 and x.size <= 4):
        x = list(x)
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.dtype == bool and one_in_each_row(x):
        return ast.Name("I" if x.shape[0] == x.shape[1] and x.diagonal().all() else "onehot")
    if isinstance(x, tuple | list) and len(x) <= 4:
        return (ast.Tuple if isinstance(x, tuple) else ast.List)([expression(v) for v in x])
    return ast.Name(short_value(x) if isinstance(x, np.ndarray | slice) else "…")


def one_in_each_row(x: Any) -> bool:
    """Whether each row of a matrix of truth values has one True."""
    return 0 < x.size <= FREE and bool(np.all(np.count_nonzero(x, axis=1) == 1))


def broadcast(args: Sequence[Any]) -> Shape | None:
    """Return the shape of what is computed element by element."""
    if any(isinstance(arg, Noted) and arg.form is None for arg in args):
        return None
    return np.broadcast_shapes(*(asked_shape(arg) for arg in args))


def product(x: Any, y: Any) -> Shape | None:
    """Return the shape of x @ y."""
    if any(isinstance(arg, Noted) and arg.form is None for arg in (x, y)):
        return None
    a, b = asked_shape(x), asked_shape(y)
    rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *rows, *columns)


def result_shape(fn: Callable[..., Any], args: Sequence[Any], params: dict[str, Any]) -> Shape | None:
    """Return the shape of a function's result, by running it on small arrays; None where that takes too long."""
    try:
        result = fn(*(tried(arg.form) if isinstance(arg, Noted) else arg for arg in args), **params)
        return tuple(np.shape(result))
    except Exception:  # not known, then
        return None


def tried(shape: Shape | None) -> Any:
    """Return numbers to run a function on, matrices that can be inverted; raises if there are to be too many."""
    if shape is None or math.prod(shape) > FREE:
        raise TypeError("too large to try, or the shape is not known")
    return np.ones(shape) + (np.eye(shape[-1]) if len(shape) > 1 and shape[-1] == shape[-2] else 0)


def summed(term: Any, shape: Shape | None) -> Any:
    """Return a term with the sum that undoes broadcasting to it."""
    if not isinstance(term, Noted) or term.form is None or shape is None or term.form == shape:
        return term
    axes = stretched(term.form, shape)
    words: list[ast.expr] = [] if len(axes) == len(term.form) else [expression(axes[0] if len(axes) == 1 else axes)]
    return Noted(ast.Call(ast.Attribute(term.node, "sum"), words, []), shape)
