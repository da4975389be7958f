"""Functions of functions: gradients, products with Jacobians and Hessians, of functions of nested arrays.

Each runs its function on tensors of its own and derives the record, so that they nest to any order and never confuse
whose derivative is taken. Arrays in, arrays out; inside another transform, tensors, which it derives again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np

from tensorgrad.autograd import gradients
from tensorgrad.backends import astype, dtype_of
from tensorgrad.errors import trims
from tensorgrad.forward import pushforward
from tensorgrad.graph import Tensor, raw, wrap
from tensorgrad.jacobians import blocks
from tensorgrad.node import Leaf, enable_grad
from tensorgrad.trees import Path, Tree, holds_module, leaves, mapped, replaced

Function = Callable[..., Any]
Argnums = int | Sequence[int]

_depth: ContextVar[int] = ContextVar("_depth", default=0)


@contextmanager
def inside() -> Iterator[bool]:
    """Run a function for a transform; the value says whether that happens within another."""
    depth = _depth.get()
    token = _depth.set(depth + 1)
    try:
        with enable_grad():
            yield depth > 0
    finally:
        _depth.reset(token)


def variable(x: Any) -> Tensor:
    """Return a tensor for one argument of a function: a new one, so that each transform has its own."""
    if isinstance(x, Tensor) and x.requires_grad:
        connected: Any = np.positive(x)  # to what x came from
        return connected  # type: ignore[no-any-return]
    data = x._data if isinstance(x, Tensor) else np.asarray(x) if not hasattr(x, "__array_function__") else x
    if dtype_of(data).kind not in "fc":
        if dtype_of(data).kind not in "iu" or np.ndim(data) or isinstance(x, np.ndarray | np.generic):
            raise TypeError(f"an argument of {dtype_of(data)} has no derivative: pass floating-point numbers")
        data = np.asarray(data, np.float64)  # a Python int
    return wrap(data, Leaf(data))


class Trace:
    """A function run on variables in place of some of its arguments."""

    def __init__(self, f: Function, args: tuple[Any, ...], params: dict[str, Any], argnums: tuple[int, ...]) -> None:
        self.args, self.argnums = args, argnums
        self.paths: list[tuple[int, Path]] = []
        self.given: list[Any] = []
        self.variables: list[Tensor] = []
        new = list(args)
        with inside() as nested:
            for n in argnums:
                found = dict(leaves(args[n]))
                if not found:
                    raise TypeError(f"argument {n} of {name_of(f)} holds no array to derive for: {args[n]!r:.60}")
                if not nested and holds_module(args[n]):  # its parameters are the user's: they stay apart
                    found = {
                        path: raw(x) if isinstance(x, Tensor) and x.leaf is not None else x for path, x in found.items()
                    }
                made = {path: variable(x) for path, x in found.items()}
                self.paths += [(n, path) for path in found]
                self.given += found.values()
                self.variables += made.values()
                new[n] = replaced(args[n], made)
            self.out = f(*new, **params)
        self.nested = nested or any(isinstance(x, Tensor) and x.requires_grad for x in self.given)

    def like_inputs(self, values: Sequence[Any]) -> Any:
        """Return one value for each variable in the structure of the arguments: of one, or a tuple of several."""
        trees = []
        for n in self.argnums:
            found = {path: v for (m, path), v in zip(self.paths, values, strict=True) if m == n}
            trees.append(replaced(self.args[n], found))
        return trees

    def finished(self, value: Any, given: Any = None) -> Any:
        """Return a result as it leaves the transform: a tensor within another, else an array, or a Python float."""
        if self.nested:
            return value if isinstance(value, Tensor) else wrap(value)
        value = raw(value)
        return value.item() if isinstance(given, int | float | complex) and np.ndim(value) == 0 else value

    def gradients(self, y: Tensor, seed: Any = None, create_graph: bool | None = None) -> list[Any]:
        """Return the gradient of y for each variable."""
        return gradients(y, self.variables, seed, create_graph=self.nested if create_graph is None else create_graph)


def name_of(f: Function) -> str:
    """Return what errors call a function."""
    return getattr(f, "__name__", type(f).__name__)


def numbers(argnums: Argnums, args: tuple[Any, ...], f: Function) -> tuple[int, ...]:
    """Return the places of the arguments to derive for, counted from the left."""
    chosen = (argnums,) if isinstance(argnums, int | np.integer) else tuple(argnums)
    for n in chosen:
        if not -len(args) <= n < len(args):
            raise TypeError(f"argnums={n}, but {name_of(f)} was called with {len(args)} positional arguments")
    return tuple(int(n) % len(args) for n in chosen)


def one(trees: Sequence[Any], argnums: Argnums) -> Any:
    """Return results as `argnums` asks for: one for a number, a tuple for several."""
    return trees[0] if isinstance(argnums, int | np.integer) else tuple(trees)


def scalar(y: Any, f: Function) -> Any:
    """Return the value of a function to derive; raise unless it is one real number that depends on something."""
    if not isinstance(y, Tensor):
        if not isinstance(y, np.ndarray | np.generic | int | float):
            raise TypeError(f"{name_of(f)} must return one number, got {type(y).__name__}")
        y = wrap(np.asarray(y, np.float64))
    if y.size != 1:
        raise TypeError(
            f"{name_of(f)} must return one number, got shape {y.shape}: reduce it, or use tg.jacobian, "
            "or tg.elementwise_grad"
        )
    if y.dtype.kind == "c":
        raise TypeError(f"{name_of(f)} must return a real number, got {y.dtype}: take np.real or np.abs")
    return y


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return a function that gives the value of f and its gradient.

    f: to one real number; with `has_aux` to a pair of that and anything else, which is handed on.
    argnums: for which positional arguments, a number or several; each may be nested.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """

    @trims
    @wraps(f)
    def derived(*args: Any, **params: Any) -> Any:
        trace = Trace(f, args, params, numbers(argnums, args, f))
        y, aux = trace.out if has_aux else (trace.out, None)
        y = scalar(y, f)
        found = [trace.finished(g, x) for g, x in zip(trace.gradients(y), trace.given, strict=True)]
        value = trace.finished(y, next((x for x in trace.given if not isinstance(x, float | int)), 0.0))
        gradient = one(trace.like_inputs(found), argnums)
        return ((value, mapped(trace.finished, aux)), gradient) if has_aux else (value, gradient)

    return derived


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return a function that gives the gradient of f; see `value_and_grad`. With `has_aux`, that and the rest.

    >>> grad(grad(np.sin))(0.5) == -np.sin(0.5)
    np.True_
    """
    both = value_and_grad(f, argnums, has_aux)

    @trims
    @wraps(f)
    def derived(*args: Any, **params: Any) -> Any:
        value, gradient = both(*args, **params)
        return (gradient, value[1]) if has_aux else gradient

    return derived


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """Return the derivative, element by element, of a function whose results each depend on one element.

    >>> elementwise_grad(np.tanh)(np.array([0.0, 100.0]))
    array([1., 0.])
    """

    @trims
    @wraps(f)
    def summed(*args: Any, **params: Any) -> Any:
        return np.sum(f(*args, **params))

    return grad(summed, argnums)


@trims
def vjp(f: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return f(*primals), and the function from a cotangent, of that structure, to a tuple: one gradient per primal.

    >>> out, pullback = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> out, pullback(1.0)
    (6.0, (3.0, 2.0))
    """
    trace = Trace(f, primals, {}, tuple(range(len(primals))))
    outs = dict(leaves(trace.out))

    @trims
    def pullback(cotangent: Tree) -> tuple[Any, ...]:
        seeds = dict(leaves(cotangent))
        if seeds.keys() != outs.keys():
            raise TypeError(
                f"the cotangent has arrays at {sorted(seeds, key=str)}, the result at {sorted(outs, key=str)}"
            )
        nested = trace.nested or any(isinstance(s, Tensor) and s.requires_grad for s in seeds.values())
        with enable_grad():
            found = weighted_gradients(outs, seeds, trace, nested)
        was, trace.nested = trace.nested, nested
        found = [trace.finished(g, x) for g, x in zip(found, trace.given, strict=True)]
        trace.nested = was
        return tuple(trace.like_inputs(found))

    example = trace.given[0] if all(isinstance(x, int | float) for x in trace.given) else None
    return mapped(lambda y: trace.finished(y, example), trace.out), pullback


def weighted_gradients(outs: dict[Path, Any], seeds: dict[Path, Any], trace: Trace, create_graph: bool) -> list[Any]:
    """Return the sum over all results of their gradients, each started from its seed."""
    totals: list[Any] = [np.zeros_like(x._data) for x in trace.variables]
    for path, y in outs.items():
        if isinstance(y, Tensor) and y.requires_grad:
            seed = seeds[path] if isinstance(seeds[path], Tensor) else np.asarray(seeds[path], y.dtype)
            terms = trace.gradients(y, seed, create_graph)
            totals = [a + b for a, b in zip(totals, terms, strict=True)]
    return totals


@trims
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return f(*primals), and its derivative along `tangents`, both in the structure of the result.

    Forward mode without rules of its own: see `forward.py`.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (0.0, 2.0)
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list) or len(primals) != len(tangents):
        raise TypeError("jvp takes a tuple of primals and a tuple of as many tangents")
    trace = Trace(f, tuple(primals), {}, tuple(range(len(primals))))
    along = directions(tangents, trace)
    outs = dict(leaves(trace.out))
    found = dict(zip(outs, pushed(list(outs.values()), trace, along), strict=True))
    example = trace.given[0] if all(isinstance(x, int | float) for x in trace.given) else None
    finished = {path: trace.finished(t, example) for path, t in found.items()}
    return mapped(lambda y: trace.finished(y, example), trace.out), replaced(trace.out, finished)


def directions(tangents: Sequence[Any], trace: Trace) -> list[Any]:
    """Return the tangent of each variable, as an array of its dtype; raise if one does not fit."""
    along = [x for tangent in tangents for _, x in leaves(tangent)]
    if [np.shape(x) for x in along] != [x.shape for x in trace.variables]:
        raise ValueError(
            f"tangents of {[np.shape(x) for x in along]} do not fit primals of {[x.shape for x in trace.variables]}"
        )
    if any(isinstance(x, Tensor) and x.requires_grad for x in along):
        trace.nested = True
    return [
        astype(x, v.dtype) if dtype_of(raw(x)) != v.dtype else x for x, v in zip(along, trace.variables, strict=True)
    ]


def pushed(ys: Sequence[Any], trace: Trace, along: Sequence[Any], create_graph: bool | None = None) -> list[Any]:
    """Return the derivative of each result of a function along the directions."""
    known = {x.node: t for x, t in zip(trace.variables, along, strict=True)}
    found = pushforward(ys, known, create_graph=trace.nested if create_graph is None else create_graph)
    return [np.zeros_like(raw(y)) if t is None else t for y, t in zip(ys, found, strict=True)]


@trims
def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the product of the Hessian of f, a function to one number, with `tangents`: shaped like the primals.

    Of one primal that product, of several a tuple. The Hessian itself is never made: the gradient of the derivative
    along the tangents is what Pearlmutter (1994) works out by hand.

    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    trace = Trace(f, tuple(primals), {}, tuple(range(len(primals))))
    y = scalar(trace.out, f)
    (slope,) = pushed([y], trace, directions(tangents, trace), create_graph=True)
    found = trace.gradients(slope if isinstance(slope, Tensor) else wrap(slope))
    products = trace.like_inputs([trace.finished(g, x) for g, x in zip(found, trace.given, strict=True)])
    return products[0] if len(primals) == 1 else tuple(products)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """Return a function that gives the Jacobian of f: of the shape of the result followed by that of the argument.

    Of nested arguments or results, that for each pair: in the structure of the result, of that of the argument.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @trims
    @wraps(f)
    def derived(*args: Any, **params: Any) -> Any:
        trace = Trace(f, args, params, numbers(argnums, args, f))
        outs = dict(leaves(trace.out))
        with enable_grad():
            rows = {path: blocks(y, trace.variables, trace.nested) for path, y in outs.items()}
        found = {
            path: one(trace.like_inputs([trace.finished(block) for block in row]), argnums)
            for path, row in rows.items()
        }
        return replaced(trace.out, found)

    return derived


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """Return a function that gives the Hessian of f, a function to one number: the Jacobian of its gradient.

    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([3.0, 2.0]))
    array([[0., 4.],
           [4., 6.]])
    """
    return jacobian(grad(f, argnums), argnums)
